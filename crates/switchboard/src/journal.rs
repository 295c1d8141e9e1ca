//! The journal: everything a call emits, on its way to the database. No call ever waits for it.
//!
//! One task writes for all calls, in batches of one transaction per tenant. What the database has not taken soon after
//! it was gathered goes to the [spool](spool), in order, and lands later; every write may be repeated without harm.

mod backlog;
mod call_journal;
mod encode;
mod landing;
mod reserve;
mod spool;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchboard_store::{CallEventWrite, CallId, JournalWrite, Store, TenantId, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::jobs::JobBell;
use crate::ops::metrics::names;
pub use call_journal::{CallJournal, DisclosedPurposes, ModelDescription};
pub(crate) use encode::known_tool;
pub use spool::{Spool, SpoolError, SpoolSettings};

/// Writes kept in memory while neither database nor spool take them; some 64 MiB. Past it new ones are dropped and
/// counted, but for the beginnings and ends of calls: they are two per call, and without them the rest means nothing.
const WAITING_MAX: usize = 200_000;

/// The row of an event, for rows that are not written by a call in progress.
pub(crate) fn event_write(
    call: CallId,
    event: &switchboard_call::event::CallEvent,
    at: Timestamp,
) -> CallEventWrite {
    encode::event(call, event, at)
}

enum Entry {
    Write(TenantId, Box<JournalWrite>),
    /// Answered when everything before it is stored.
    Barrier(oneshot::Sender<()>),
}

/// The way into the journal.
#[derive(Clone, Debug)]
pub struct Journal {
    sender: mpsc::UnboundedSender<Entry>,
    counts: Arc<Counts>,
}

/// Writes on their way.
#[derive(Debug, Default)]
struct Counts {
    /// Handed in and not in the database yet.
    waiting: AtomicUsize,
    /// Of those, what only the spool holds.
    spooled: AtomicUsize,
}

impl Journal {
    /// Starts the writing task, which gathers writes for `gather_time` into one transaction: short enough for a
    /// dashboard, long enough to save transactions. What the spool holds from before lands first.
    ///
    /// Without a spool, what the database does not take waits in memory alone. It rings `jobs` after storing one.
    pub fn start(store: Store, gather_time: Duration, spool: Option<Spool>, jobs: JobBell) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let target = landing::Target { store, jobs };
        let writer = writer::Writer::new(target, Arc::clone(&counts), gather_time, spool);
        tokio::spawn(writer.run(receiver));
        Self { sender, counts }
    }

    /// Hands in one write. Never waits.
    pub fn write(&self, tenant: TenantId, write: JournalWrite) {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        let frames_a_call = matches!(
            write,
            JournalWrite::CallOffered(_) | JournalWrite::CallEnded(_)
        );
        if self.counts.in_memory() > WAITING_MAX && !frames_a_call {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!(names::JOURNAL_EVENTS_DROPPED_TOTAL).increment(1);
            return;
        }
        // The task lives as long as any sender, so a failure means that the process is ending.
        let _ = self.sender.send(Entry::Write(tenant, Box::new(write)));
    }

    /// Waits until everything handed in before is in the database. False when it was not within `limit`.
    pub async fn flushed(&self, limit: Duration) -> bool {
        let (sender, receiver) = oneshot::channel();
        let sent = self.sender.send(Entry::Barrier(sender)).is_ok();
        sent && matches!(tokio::time::timeout(limit, receiver).await, Ok(Ok(())))
    }

    /// How much of the room in memory for writes that wait is used, in percent.
    pub fn fill_percent(&self) -> f64 {
        self.counts.in_memory() as f64 * 100.0 / WAITING_MAX as f64
    }

    /// Writes that are not in the database yet.
    pub fn waiting(&self) -> usize {
        self.counts.waiting.load(Ordering::Relaxed)
    }

    /// Of those, the ones on the disk: they outlive this process.
    pub fn spooled(&self) -> usize {
        self.counts.spooled.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn in_memory(&self) -> usize {
        let waiting = self.waiting.load(Ordering::Relaxed);
        waiting.saturating_sub(self.spooled.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
