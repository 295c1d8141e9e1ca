//! The one task behind the journal: gathers, lands the oldest group, and spools what the database does not take soon.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use switchboard_store::{JournalWrite, StoreError, TenantId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backlog::{Backlog, Kept};
use super::landing::{Target, land, without_outgrown_turns};
use super::spool::{Group, Place, Spool, SpoolReader};
use super::{Counts, Entry};
use crate::ops::metrics::names;

/// Writes gathered into one transaction at most.
const BATCH_MAX: usize = 512;
/// A transaction that takes longer is doubted, and its group goes to the disk meanwhile. With 150 ms of gathering no
/// write older than 200 ms is in memory alone.
const LANDING_MAX: Duration = Duration::from_millis(50);
/// First wait before a failed transaction is tried again; it doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A spool that could not be written is tried again after this time; a full disk is full for a while.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

type Landing = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

pub(super) struct Writer {
    target: Target,
    counts: Arc<Counts>,
    gather_time: Duration,
    spool: Option<Spool>,
    reader: Option<SpoolReader>,
    gathered: Vec<(TenantId, JournalWrite)>,
    /// When the oldest of `gathered` came.
    gathering_since: Option<Instant>,
    backlog: Backlog,
    landing: Option<Landing>,
    /// The last landing failed: what comes goes to the disk without waiting for the next.
    is_away: bool,
    /// No landing is tried before.
    retry_at: Instant,
    retry: Duration,
    /// The spool is not tried before.
    spool_at: Instant,
}

/// What can wake the writer.
enum Wake {
    Entry(Option<Entry>),
    Landed(Result<(), StoreError>),
    Time,
}

impl Writer {
    pub(super) fn new(
        target: Target,
        counts: Arc<Counts>,
        gather_time: Duration,
        mut spool: Option<Spool>,
    ) -> Self {
        let mut backlog = Backlog::default();
        let found = spool.as_mut().map(Spool::take_found).unwrap_or_default();
        let writes = found.iter().map(|found| found.writes).sum();
        counts.waiting.fetch_add(writes, Ordering::Relaxed);
        counts.spooled.fetch_add(writes, Ordering::Relaxed);
        if writes > 0 {
            tracing::info!(writes, "the spool of an earlier process lands");
        }
        found.into_iter().for_each(|found| backlog.add_found(found));
        Self {
            target,
            counts,
            gather_time,
            reader: spool.as_ref().map(Spool::reader),
            spool,
            gathered: Vec::with_capacity(BATCH_MAX),
            gathering_since: None,
            backlog,
            landing: None,
            is_away: false,
            retry_at: Instant::now(),
            retry: RETRY,
            spool_at: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Entry>) {
        let mut is_open = true;
        loop {
            self.start_landing();
            if !is_open && self.is_done() {
                return;
            }
            match self.wait(&mut receiver, is_open).await {
                Wake::Entry(Some(entry)) => self.take(entry),
                Wake::Entry(None) => {
                    is_open = false;
                    self.close_group();
                }
                Wake::Landed(outcome) => self.landed(outcome).await,
                Wake::Time => {}
            }
            self.act_on_time().await;
            let waiting = self.counts.waiting.load(Ordering::Relaxed);
            metrics::gauge!(names::JOURNAL_EVENTS_WAITING).set(waiting as f64);
        }
    }

    /// Nobody hands in any more, and what is left is safe: landed, or on the disk for the next start.
    fn is_done(&self) -> bool {
        let is_safe = self.is_away && self.backlog.doubt_at().is_none();
        self.gathered.is_empty() && (self.backlog.is_empty() || is_safe)
    }

    async fn wait(&mut self, receiver: &mut mpsc::UnboundedReceiver<Entry>, is_open: bool) -> Wake {
        let wake_at = self.wake_at();
        let landing = async {
            match &mut self.landing {
                Some(landing) => landing.await,
                None => std::future::pending().await,
            }
        };
        let time = async {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = landing => Wake::Landed(outcome),
            () = time => Wake::Time,
            entry = receiver.recv(), if is_open => Wake::Entry(entry),
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let gathered = self.gathering_since.map(|since| since + self.gather_time);
        let retry = (self.landing.is_none() && !self.backlog.is_empty()).then_some(self.retry_at);
        [gathered, retry, self.spool_wanted_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When something is to be spooled.
    fn spool_wanted_at(&self) -> Option<Instant> {
        self.spool.as_ref()?;
        let doubt_at = self.backlog.doubt_at()?;
        let wanted_at = if self.is_away {
            self.spool_at
        } else {
            doubt_at
        };
        Some(wanted_at.max(self.spool_at))
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Write(tenant, write) => {
                self.gathering_since.get_or_insert_with(Instant::now);
                self.gathered.push((tenant, *write));
                if self.gathered.len() >= BATCH_MAX {
                    self.close_group();
                }
            }
            Entry::Barrier(sender) => {
                self.close_group();
                self.backlog.add_barrier(sender);
            }
        }
    }

    /// What was gathered becomes a group of the backlog.
    fn close_group(&mut self) {
        let Some(since) = self.gathering_since.take() else {
            return;
        };
        let writes = self.gathered.len();
        let mut tenants: HashMap<TenantId, Vec<JournalWrite>> = HashMap::new();
        for (tenant, write) in self.gathered.drain(..) {
            tenants.entry(tenant).or_default().push(write);
        }
        let group: Group = tenants
            .into_iter()
            .map(|(tenant, writes)| (tenant, without_outgrown_turns(writes)))
            .collect();
        self.backlog
            .add(writes, group, since + self.gather_time + LANDING_MAX);
    }

    fn start_landing(&mut self) {
        if self.landing.is_some() || Instant::now() < self.retry_at {
            return;
        }
        let Some(oldest) = self.backlog.front() else {
            return;
        };
        let (target, kept) = (self.target.clone(), oldest.kept.clone());
        let reader = self.reader.clone();
        self.landing = Some(Box::pin(async move {
            match kept {
                Kept::InMemory(group) => land(&target, &group).await,
                Kept::OnDisk(place) => land_from_disk(&target, reader, place).await,
            }
        }));
    }

    async fn landed(&mut self, outcome: Result<(), StoreError>) {
        self.landing = None;
        if let Err(error) = outcome {
            let waiting = self.counts.waiting.load(Ordering::Relaxed);
            let spooled = self.counts.spooled.load(Ordering::Relaxed);
            tracing::warn!(%error, waiting, spooled, "the journal waits for the database");
            self.retry_at = Instant::now() + self.retry;
            self.retry = (self.retry * 2).min(RETRY_MAX);
            self.is_away = true;
            return;
        }
        self.is_away = false;
        self.retry = RETRY;
        self.retry_at = Instant::now();
        if let Some(landed) = self.backlog.front_landed() {
            self.counts
                .waiting
                .fetch_sub(landed.writes, Ordering::Relaxed);
            if matches!(landed.kept, Kept::OnDisk(_)) {
                self.counts
                    .spooled
                    .fetch_sub(landed.writes, Ordering::Relaxed);
            }
        }
        if self.backlog.is_empty() {
            self.empty_spool().await;
        }
    }

    async fn act_on_time(&mut self) {
        let now = Instant::now();
        if self
            .gathering_since
            .is_some_and(|since| since + self.gather_time <= now)
        {
            self.close_group();
        }
        if self.spool_wanted_at().is_some_and(|at| at <= now) {
            self.spool_memory().await;
        }
    }

    /// What is in memory alone goes to the disk.
    async fn spool_memory(&mut self) {
        let groups = self.backlog.memory();
        let Some(mut spool) = self.spool.take() else {
            return;
        };
        // A sick disk may hold the thread for seconds; it must not be one that carries calls.
        let appended = tokio::task::spawn_blocking(move || {
            let groups: Vec<&Group> = groups.iter().map(AsRef::as_ref).collect();
            let appended = spool.append(&groups);
            (spool, appended)
        });
        let Ok((spool, appended)) = appended.await else {
            tracing::error!("the spool is given up: its thread ended");
            return;
        };
        metrics::gauge!(names::JOURNAL_SPOOL_BYTES).set(spool.bytes() as f64);
        self.spool = Some(spool);
        match appended {
            Ok(places) => {
                let writes = self.backlog.spooled(places);
                self.counts.spooled.fetch_add(writes, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(error = %error.kind(), "the spool takes nothing: events wait in memory");
                metrics::counter!(names::JOURNAL_SPOOL_FAILURES_TOTAL).increment(1);
                self.spool_at = Instant::now() + SPOOL_RETRY;
            }
        }
    }

    /// Nothing waits any more.
    async fn empty_spool(&mut self) {
        let Some(mut spool) = self.spool.take_if(|spool| spool.bytes() > 0) else {
            return;
        };
        let cleared = tokio::task::spawn_blocking(move || {
            let cleared = spool.clear();
            (spool, cleared)
        });
        let Ok((spool, cleared)) = cleared.await else {
            return;
        };
        if let Err(error) = cleared {
            // What stays lands again after the next start, and changes nothing.
            tracing::warn!(error = %error.kind(), "the spool could not be emptied");
        }
        metrics::gauge!(names::JOURNAL_SPOOL_BYTES).set(spool.bytes() as f64);
        self.spool = Some(spool);
    }
}

async fn land_from_disk(
    target: &Target,
    reader: Option<SpoolReader>,
    place: Place,
) -> Result<(), StoreError> {
    let read = tokio::task::spawn_blocking(move || reader.map(|reader| reader.read(place)));
    match read.await {
        Ok(Some(Ok(group))) => land(target, &group).await,
        other => {
            let error = match other {
                Ok(Some(Err(error))) => error.to_string(),
                _ => "no reader".to_owned(),
            };
            tracing::error!(error, "a record of the spool cannot be read back");
            metrics::counter!(names::JOURNAL_EVENTS_DROPPED_TOTAL).increment(1);
            Ok(())
        }
    }
}
