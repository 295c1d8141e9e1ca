//! From a gathered group to the database.

use std::collections::HashMap;

use switchboard_store::{
    Actor, JournalWrite, Purpose, Store, StoreError, TenantScope, TenantStore,
};

use super::spool::Group;
use crate::jobs::JobBell;
use crate::ops::metrics::names;

/// Where groups go, and who is told of jobs among them.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) store: Store,
    pub(super) jobs: JobBell,
}

/// Stores a group, one transaction per tenant. Done twice it changes nothing.
///
/// # Errors
/// The database is away; the same group may be tried again. A write that can never succeed is dropped and counted.
pub(super) async fn land(target: &Target, group: &Group) -> Result<(), StoreError> {
    for (tenant, writes) in group {
        let rows = target
            .store
            .tenant(TenantScope::new(*tenant, Actor::System, Purpose::Call));
        match rows.apply(writes).await {
            Err(error) if !may_pass(&error) => land_one_by_one(&rows, writes).await?,
            landed => landed?,
        }
    }
    let is_job = |write: &JournalWrite| matches!(write, JournalWrite::Job(_));
    if group.iter().any(|(_, writes)| writes.iter().any(is_job)) {
        target.jobs.ring();
    }
    Ok(())
}

/// A write that can never succeed must not take its neighbours with it.
async fn land_one_by_one(rows: &TenantStore, writes: &[JournalWrite]) -> Result<(), StoreError> {
    for write in writes {
        match rows.apply(std::slice::from_ref(write)).await {
            Err(error) if !may_pass(&error) => {
                tracing::error!(%error, "a journal entry cannot be stored");
                metrics::counter!(names::JOURNAL_EVENTS_DROPPED_TOTAL).increment(1);
            }
            landed => landed?,
        }
    }
    Ok(())
}

/// Whether the same write may succeed later.
fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::Busy | StoreError::ReadOnly
    )
}

/// A turn that grew is written once, as it stood last: earlier writes of it in the same batch say less.
pub(super) fn without_outgrown_turns(writes: Vec<JournalWrite>) -> Vec<JournalWrite> {
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
