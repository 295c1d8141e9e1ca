//! Permits that the nodes of one PostgreSQL share: the lease of this node, and the rows behind its permits.
//!
//! One task renews the lease, gives rows back, and clears up after nodes that died. A node without a valid lease admits
//! nobody, because others may hold what it held. Its own monotonic clock is the first to say so, since it runs on while
//! the process is frozen; the database's clock is the last word.
//!
//! While the database is away, a node that was alone goes on counting in memory, and takes the rows when it is back. A
//! node that had others beside it cannot know what they hold, and sends callers to the human.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::{
    Actor, CallId, Lease, NodeId, PermitAnswer, Purpose, Store, StoreError, TenantId, TenantScope,
    TenantStore,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, timeout};

use super::{NoPermit, Permit, PermitRequest};
use crate::ops::health::{Component, ComponentState, Health};

/// How long a webhook waits for a permit. The caller hears ringing meanwhile, and the carrier waits 15 s for us.
const CONFIRM_MAX: Duration = Duration::from_secs(1);
/// How long one act of the lease's task may take; the next beat tries again.
const ACT_MAX: Duration = Duration::from_secs(2);
/// Beats in one lease: four may fail before it lapses.
const BEATS: u32 = 5;

/// The way of one node to the permits of all.
#[derive(Debug)]
pub(super) struct SharedSlots {
    node: Arc<Node>,
    tasks: mpsc::UnboundedSender<Task>,
}

enum Task {
    GiveBack(TenantId, CallId),
    Leave(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Node {
    id: NodeId,
    store: Store,
    lease: Duration,
    health: Health,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the renewing that succeeded last was begun.
    renewed: Option<Instant>,
    is_alone: bool,
    is_database_away: bool,
    /// Calls that were counted in memory only.
    unconfirmed: HashMap<CallId, PermitRequest>,
}

impl SharedSlots {
    /// Takes a lease and begins to renew it.
    pub(super) async fn join(
        store: Store,
        lease: Duration,
        health: Health,
    ) -> Result<Self, StoreError> {
        let node = Arc::new(Node {
            id: NodeId::new(),
            store,
            lease,
            health,
            state: Mutex::default(),
        });
        let began = Instant::now();
        let seen = node
            .store
            .installation()
            .renew_lease(node.id, lease)
            .await?;
        node.renewed(began, &seen);
        let (tasks, receiver) = mpsc::unbounded_channel();
        tokio::spawn(keep(Arc::clone(&node), receiver));
        Ok(Self { node, tasks })
    }

    /// The permit, once the database has granted it too.
    ///
    /// It is asked by a task of its own, which holds the permit: a webhook that is given up meanwhile leaves no row.
    pub(super) async fn confirm(&self, permit: Permit) -> Result<Permit, NoPermit> {
        if !self.node.is_leased() {
            return self.alone(permit);
        }
        let (sender, receiver) = oneshot::channel();
        let node = Arc::clone(&self.node);
        tokio::spawn(async move {
            let request = &permit.request;
            let rows = node.rows(request.tenant);
            let answer = rows.take_permits(node.id, request.call, &request.limits);
            let answer = answer.await;
            // Nobody waits any more: the permit comes back with the error, and gives its rows back.
            drop(sender.send((permit, answer)));
        });
        match timeout(CONFIRM_MAX, receiver).await {
            Ok(Ok((permit, Ok(PermitAnswer::Granted)))) => Ok(permit),
            Ok(Ok((_, Ok(PermitAnswer::Refused(scope))))) => Err(NoPermit::Full(scope)),
            Ok(Ok((permit, Err(error)))) => {
                tracing::warn!(%error, "a permit cannot be shared with the other nodes");
                self.node.lock().is_database_away = true;
                self.alone(permit)
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("asking for a permit took too long");
                Err(NoPermit::Closed)
            }
        }
    }

    /// Counting in memory is enough for whoever is alone with a database that is away.
    fn alone(&self, permit: Permit) -> Result<Permit, NoPermit> {
        let mut state = self.node.lock();
        if !(state.is_alone && state.is_database_away) {
            // Not under the lock: dropping the permit takes it too.
            drop(state);
            return Err(NoPermit::Closed);
        }
        let request = permit.request.clone();
        state.unconfirmed.insert(request.call, request);
        Ok(permit)
    }

    /// The rows of a call go back, now or when the database can be asked.
    pub(super) fn give_back(&self, request: &PermitRequest) {
        self.node.lock().unconfirmed.remove(&request.call);
        // The task lives as long as this; without it the process is ending, and its lease lapses.
        let _ = self
            .tasks
            .send(Task::GiveBack(request.tenant, request.call));
    }

    pub(super) async fn leave(&self, limit: Duration) {
        let (sender, left) = oneshot::channel();
        let _ = self.tasks.send(Task::Leave(sender));
        if !matches!(timeout(limit, left).await, Ok(Ok(()))) {
            tracing::warn!("the other nodes get this one's permits when its lease has lapsed");
        }
    }
}

/// The task of the lease.
async fn keep(node: Arc<Node>, mut tasks: mpsc::UnboundedReceiver<Task>) {
    let mut beat = tokio::time::interval(node.lease / BEATS);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut owed = Vec::new();
    loop {
        tokio::select! {
            _ = beat.tick() => {
                node.beat().await;
                node.pay(&mut owed).await;
            }
            task = tasks.recv() => match task {
                Some(Task::GiveBack(tenant, call)) => {
                    owed.push((tenant, call));
                    node.pay(&mut owed).await;
                }
                Some(Task::Leave(left)) => {
                    node.pay(&mut owed).await;
                    if node.store.installation().end_lease(node.id).await.is_ok() {
                        let _ = left.send(());
                    }
                    return;
                }
                None => return,
            }
        }
    }
}

impl Node {
    /// Renews the lease, and clears up after those who did not.
    async fn beat(&self) {
        let began = Instant::now();
        let installation = self.store.installation();
        let renewing = installation.renew_lease(self.id, self.lease);
        match timeout(ACT_MAX, renewing).await {
            Ok(Ok(seen)) => {
                self.renewed(began, &seen);
                self.confirm_the_unconfirmed().await;
                for node in seen.lapsed {
                    self.clear_up_after(node).await;
                }
            }
            failed => {
                let error = failed.map(|it| it.err()).ok().flatten();
                tracing::warn!(?error, "the lease of this node could not be renewed");
                self.lock().is_database_away = true;
                if !self.is_leased() {
                    let reason = "the lease of this node has lapsed; callers go to the human";
                    let state = ComponentState::failing(reason);
                    self.health.set(Component::Foundation("permits"), state);
                }
            }
        }
    }

    fn renewed(&self, began: Instant, seen: &Lease) {
        let mut state = self.lock();
        state.renewed = Some(began);
        state.is_alone = seen.others == 0;
        state.is_database_away = false;
        drop(state);
        self.health
            .set(Component::Foundation("permits"), ComponentState::ACTIVE);
    }

    fn is_leased(&self) -> bool {
        let renewed = self.lock().renewed;
        renewed.is_some_and(|renewed| renewed.elapsed() < self.lease)
    }

    /// Calls that came while the database was away take their rows now. What does not fit any more stays: nobody is
    /// thrown out of a call.
    async fn confirm_the_unconfirmed(&self) {
        let waiting: Vec<PermitRequest> = self.lock().unconfirmed.values().cloned().collect();
        for request in waiting {
            let rows = self.rows(request.tenant);
            let taken = rows.take_permits(self.id, request.call, &request.limits);
            if !matches!(timeout(ACT_MAX, taken).await, Ok(Ok(_))) {
                return;
            }
            if self.lock().unconfirmed.remove(&request.call).is_none() {
                // It ended while it was asked for.
                let _ = timeout(ACT_MAX, rows.return_permits(self.id, request.call)).await;
            }
        }
    }

    /// Ends the calls of a node that died, and frees what it held. Whoever does it second finds nothing.
    async fn clear_up_after(&self, node: NodeId) {
        match timeout(self.lease / BEATS * 2, self.end_calls_of(node)).await {
            Ok(Ok(ended)) => tracing::warn!(%node, ended, "cleared up after a node that died"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot clear up after a node"),
            Err(_) => tracing::warn!("clearing up after a node goes on with the next beat"),
        }
    }

    async fn end_calls_of(&self, node: NodeId) -> Result<u32, StoreError> {
        let installation = self.store.installation();
        let mut ended = 0;
        for tenant in installation.list_tenants().await? {
            let rows = self.rows(tenant.id);
            ended += rows
                .end_calls_of_lapsed_node(node, chrono::Utc::now())
                .await?;
        }
        installation.forget_lapsed_node(node).await?;
        Ok(ended)
    }

    /// Gives rows back, oldest first, until the database does not answer.
    async fn pay(&self, owed: &mut Vec<(TenantId, CallId)>) {
        let mut paid = 0;
        for (tenant, call) in owed.iter() {
            let returning = self.rows(*tenant);
            let returning = returning.return_permits(self.id, *call);
            if !matches!(timeout(ACT_MAX, returning).await, Ok(Ok(()))) {
                break;
            }
            paid += 1;
        }
        owed.drain(..paid);
    }

    fn rows(&self, tenant: TenantId) -> TenantStore {
        let scope = TenantScope::new(tenant, Actor::System, Purpose::Call);
        self.store.tenant(scope)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
