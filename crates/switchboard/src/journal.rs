//! The journal: everything a call emits, on its way to the database. No call ever waits for it.
//!
//! One task writes for all calls, in batches of one transaction per tenant. When the database is away it keeps what
//! it has, in order, and tries again; every write may be repeated without harm.

mod call_journal;
mod encode;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchboard_store::{Actor, JournalWrite, Purpose, Store, StoreError, TenantId, TenantScope};
use tokio::sync::{mpsc, oneshot};

use crate::jobs::JobBell;
use crate::ops::metrics::names;
pub use call_journal::{CallJournal, DisclosedPurposes, ModelDescription};

/// Writes gathered into one transaction at most.
const BATCH_MAX: usize = 512;
/// Writes kept while the database is away; some 64 MiB. Past it new ones are dropped and counted, but for the
/// beginnings and ends of calls: they are two per call, and without them the rest means nothing.
const WAITING_MAX: usize = 200_000;
/// First wait before a failed transaction is tried again; it doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

enum Entry {
    Write(TenantId, Box<JournalWrite>),
    /// Answered when everything before it is stored.
    Barrier(oneshot::Sender<()>),
}

impl Entry {
    fn is_job(&self) -> bool {
        matches!(self, Self::Write(_, write) if matches!(**write, JournalWrite::Job(_)))
    }
}

/// The way into the journal.
#[derive(Clone, Debug)]
pub struct Journal {
    sender: mpsc::UnboundedSender<Entry>,
    waiting: Arc<AtomicUsize>,
}

impl Journal {
    /// Starts the writing task, which gathers writes for `gather_time` into one transaction: short enough for a
    /// dashboard, long enough to save transactions.
    /// It rings `jobs` after storing one.
    pub fn start(store: Store, gather_time: Duration, jobs: JobBell) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        tokio::spawn(write_all(
            store,
            receiver,
            Arc::clone(&waiting),
            gather_time,
            jobs,
        ));
        Self { sender, waiting }
    }

    /// Hands in one write. Never waits.
    pub fn write(&self, tenant: TenantId, write: JournalWrite) {
        let is_full = self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX;
        let frames_a_call = matches!(
            write,
            JournalWrite::CallOffered(_) | JournalWrite::CallEnded(_)
        );
        if is_full && !frames_a_call {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!(names::JOURNAL_EVENTS_DROPPED_TOTAL).increment(1);
            return;
        }
        // The task lives as long as any sender, so a failure means that the process is ending.
        let _ = self.sender.send(Entry::Write(tenant, Box::new(write)));
    }

    /// Waits until everything handed in before is stored. False when it was not within `limit`.
    pub async fn flushed(&self, limit: Duration) -> bool {
        let (sender, receiver) = oneshot::channel();
        let sent = self.sender.send(Entry::Barrier(sender)).is_ok();
        sent && matches!(tokio::time::timeout(limit, receiver).await, Ok(Ok(())))
    }

    /// How much of the room for writes that wait is used, in percent.
    pub fn fill_percent(&self) -> f64 {
        self.waiting() as f64 * 100.0 / WAITING_MAX as f64
    }

    /// Writes that are not stored yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

async fn write_all(
    store: Store,
    mut receiver: mpsc::UnboundedReceiver<Entry>,
    waiting: Arc<AtomicUsize>,
    gather_time: Duration,
    jobs: JobBell,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Some(first) = receiver.recv().await {
        batch.push(first);
        if !matches!(batch[0], Entry::Barrier(_)) {
            let _ = tokio::time::timeout(gather_time, gather(&mut receiver, &mut batch)).await;
        }
        let asks_for_work = batch.iter().any(Entry::is_job);
        store_batch(&store, &mut batch, &waiting).await;
        if asks_for_work {
            jobs.ring();
        }
        metrics::gauge!(names::JOURNAL_EVENTS_WAITING).set(waiting.load(Ordering::Relaxed) as f64);
    }
}

/// Takes what arrives until the batch is full or somebody waits for it.
async fn gather(receiver: &mut mpsc::UnboundedReceiver<Entry>, batch: &mut Vec<Entry>) {
    while batch.len() < BATCH_MAX && !matches!(batch.last(), Some(Entry::Barrier(_))) {
        match receiver.recv().await {
            Some(entry) => batch.push(entry),
            None => return,
        }
    }
}

async fn store_batch(store: &Store, batch: &mut Vec<Entry>, waiting: &AtomicUsize) {
    let mut tenants: HashMap<TenantId, Vec<JournalWrite>> = HashMap::new();
    let mut barriers = Vec::new();
    for entry in batch.drain(..) {
        match entry {
            Entry::Write(tenant, write) => tenants.entry(tenant).or_default().push(*write),
            Entry::Barrier(sender) => barriers.push(sender),
        }
    }
    for (tenant, writes) in tenants {
        let count = writes.len();
        store_writes(store, tenant, &without_outgrown_turns(writes)).await;
        waiting.fetch_sub(count, Ordering::Relaxed);
    }
    for barrier in barriers {
        let _ = barrier.send(());
    }
}

/// A turn that grew is written once, as it stood last: earlier writes of it in the same batch say less.
fn without_outgrown_turns(writes: Vec<JournalWrite>) -> Vec<JournalWrite> {
    let mut last = HashMap::new();
    for (at, write) in writes.iter().enumerate() {
        if let JournalWrite::Turn(turn) = write {
            last.insert((turn.call_id, turn.seq), at);
        }
    }
    let is_last = |(at, write): &(usize, JournalWrite)| match write {
        JournalWrite::Turn(turn) => last.get(&(turn.call_id, turn.seq)) == Some(at),
        _ => true,
    };
    writes
        .into_iter()
        .enumerate()
        .filter(is_last)
        .map(|(_, write)| write)
        .collect()
}

async fn store_writes(store: &Store, tenant: TenantId, writes: &[JournalWrite]) {
    let rows = store.tenant(TenantScope::new(tenant, Actor::System, Purpose::Call));
    let mut wait = RETRY;
    loop {
        match rows.apply(writes).await {
            Ok(()) => return,
            Err(error) if may_pass(&error) => {
                tracing::warn!(%error, writes = writes.len(), "the journal waits for the database");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
            Err(_) => return store_one_by_one(&rows, writes).await,
        }
    }
}

/// A write that can never succeed must not take its neighbours with it.
async fn store_one_by_one(rows: &switchboard_store::TenantStore, writes: &[JournalWrite]) {
    for write in writes {
        let mut wait = RETRY;
        while let Err(error) = rows.apply(std::slice::from_ref(write)).await {
            if !may_pass(&error) {
                tracing::error!(%error, "a journal entry cannot be stored");
                metrics::counter!(names::JOURNAL_EVENTS_DROPPED_TOTAL).increment(1);
                break;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }
}

/// Whether the same write may succeed later.
fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::Busy | StoreError::ReadOnly
    )
}

#[cfg(test)]
mod tests {
    use switchboard_store::{CallEnd, CallId, CallProgress, CallStatus, EndClass, Word};

    use super::*;

    #[test]
    fn a_full_journal_drops_what_happened_in_a_call_but_not_its_end() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(WAITING_MAX));
        let journal = Journal { sender, waiting };
        let (tenant, call_id, at) = (TenantId::new(), CallId::new(), chrono::Utc::now());
        journal.write(
            tenant,
            JournalWrite::CallProgressed(CallProgress {
                call_id,
                status: CallStatus::Answered,
                carrier_status: None,
                at,
            }),
        );
        assert!(receiver.try_recv().is_err());
        assert_eq!(journal.waiting(), WAITING_MAX);
        let end = CallEnd {
            call_id,
            reason: Word::new("process_lost"),
            class: EndClass::Us,
            at,
        };
        journal.write(tenant, JournalWrite::CallEnded(end));
        assert!(matches!(receiver.try_recv(), Ok(Entry::Write(_, _))));
        assert_eq!(journal.waiting(), WAITING_MAX + 1);
    }
}
