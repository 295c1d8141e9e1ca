//! What the database has not taken yet, oldest first: in memory, or on the disk with only its place in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::spool::{Found, Group, Place};

/// One gathered group on its way.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// Writes in it, as they were handed in.
    pub(super) writes: usize,
    pub(super) kept: Kept,
    /// From this moment it goes to the disk if it is still in memory.
    doubt_at: Instant,
}

/// Where a waiting group is.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    InMemory(Arc<Group>),
    OnDisk(Place),
}

/// The groups in order, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// Groups that were ever added, and those that were taken off: what a barrier counts by.
    added: u64,
    landed: u64,
    barriers: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(super) fn add_found(&mut self, found: Found) {
        self.push(found.writes, Kept::OnDisk(found.place), Instant::now());
    }

    pub(super) fn add(&mut self, writes: usize, group: Group, doubt_at: Instant) {
        self.push(writes, Kept::InMemory(Arc::new(group)), doubt_at);
    }

    fn push(&mut self, writes: usize, kept: Kept, doubt_at: Instant) {
        self.waiting.push_back(Waiting {
            writes,
            kept,
            doubt_at,
        });
        self.added += 1;
    }

    /// The oldest is in the database. Whoever waited for it alone is told.
    pub(super) fn front_landed(&mut self) -> Option<Waiting> {
        let landed = self.waiting.pop_front();
        self.landed += u64::from(landed.is_some());
        self.tell_barriers();
        landed
    }

    /// Tells `sender` once everything added so far has landed.
    pub(super) fn add_barrier(&mut self, sender: oneshot::Sender<()>) {
        self.barriers.push_back((self.added, sender));
        self.tell_barriers();
    }

    fn tell_barriers(&mut self) {
        while self
            .barriers
            .front()
            .is_some_and(|(at, _)| *at <= self.landed)
        {
            if let Some((_, sender)) = self.barriers.pop_front() {
                // Whoever asked may have stopped waiting.
                let _ = sender.send(());
            }
        }
    }

    /// When the oldest group that is in memory alone goes to the disk.
    pub(super) fn doubt_at(&self) -> Option<Instant> {
        let last = self.in_memory().last();
        last.map(|waiting| waiting.doubt_at)
    }

    /// Groups that are in memory alone, newest first. They are the newest of all: the disk takes all of them or none.
    fn in_memory(&self) -> impl Iterator<Item = &Waiting> {
        let newest_first = self.waiting.iter().rev();
        newest_first.take_while(|waiting| matches!(waiting.kept, Kept::InMemory(_)))
    }

    /// Groups that are in memory alone, oldest first.
    pub(super) fn memory(&self) -> Vec<Arc<Group>> {
        let groups = self.in_memory().filter_map(|waiting| match &waiting.kept {
            Kept::InMemory(group) => Some(Arc::clone(group)),
            Kept::OnDisk(_) => None,
        });
        let mut groups: Vec<_> = groups.collect();
        groups.reverse();
        groups
    }

    /// Those groups are on the disk now, at these places. Gives the number of their writes.
    pub(super) fn spooled(&mut self, places: Vec<Place>) -> usize {
        let newest_first = self.waiting.iter_mut().rev();
        let mut writes = 0;
        for (waiting, place) in newest_first.zip(places.into_iter().rev()) {
            waiting.kept = Kept::OnDisk(place);
            writes += waiting.writes;
        }
        writes
    }
}
