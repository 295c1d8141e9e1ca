//! Permits that all nodes share, and the leases of the nodes that hold them. PostgreSQL only.
//!
//! A limit is a number of slots, each of which one call takes in one statement, so that nodes together never hold more.
//! A slot belongs to a node, and a node is alive as long as its lease; the database's clock alone decides that, because
//! the clocks of nodes differ (threat R1). What a dead node held is freed, and its calls get their one end, by the first
//! of the others that notices. On SQLite one process serves the file and counts in its memory: here everything is
//! granted, and no row is kept.

use std::time::Duration;

use crate::call_outcome;
use crate::calls;
use crate::db::{Only, Sight, Tx};
use crate::error::StoreError;
use crate::ids::{ApiKeyId, CallId, NodeId};
use crate::installation::Installation;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::EndClass;

sql! {
    // Everything with the database's clock runs on PostgreSQL only.
    RENEW = "insert into nodes (id, lease_until) values ($1, clock_timestamp() + $2 * interval '1 millisecond')
        on conflict (id) do update set lease_until = excluded.lease_until";
    OTHERS = "select count(*) from nodes where id <> $1 and lease_until > clock_timestamp()";
    LAPSED = "select id from nodes where lease_until <= clock_timestamp()";
    LOCK_LAPSED = "select id from nodes where id = $1 and lease_until <= clock_timestamp() for update";
    FORGET = "delete from nodes where id = $1 and lease_until <= clock_timestamp()";
    LEAVE = "update nodes set lease_until = clock_timestamp() where id = $1";
    TAKE = "update permit_slots set node_id = $4, call_id = $5
        where tenant_id = $1 and scope = $2
            and slot = (select p.slot from permit_slots p
                where p.tenant_id = $1 and p.scope = $2 and p.slot <= $3 and p.node_id is null
                order by p.slot limit 1 for update skip locked)
            and exists (select 1 from nodes where id = $4 and lease_until > clock_timestamp())";
    COUNT = "select count(*) from permit_slots where tenant_id = $1 and scope = $2 and slot <= $3";
    ADD = "insert into permit_slots (tenant_id, scope, slot) values ($1, $2, $3) on conflict do nothing";
    RETURN = "update permit_slots set node_id = null, call_id = null
        where tenant_id = $1 and node_id = $2 and call_id = $3";
    TAKE_ACCOUNT = "update account_slots set node_id = $3, call_id = $4
        where account = $1
            and slot = (select a.slot from account_slots a where a.account = $1 and a.slot <= $2 and a.node_id is null
                order by a.slot limit 1 for update skip locked)
            and exists (select 1 from nodes where id = $3 and lease_until > clock_timestamp())";
    COUNT_ACCOUNT = "select count(*) from account_slots where account = $1 and slot <= $2";
    ADD_ACCOUNT = "insert into account_slots (account, slot) values ($1, $2) on conflict do nothing";
    // Users come and go: the slots of one who has no session left are not kept.
    FORGET_USERS = "delete from permit_slots
        where tenant_id = $1 and scope like 'user %' and node_id is null";
    RETURN_ACCOUNT = "update account_slots set node_id = null, call_id = null where node_id = $1 and call_id = $2";
    RETURN_ACCOUNTS = "update account_slots set node_id = null, call_id = null where node_id = $1";
    CALLS_OF = "select distinct call_id from permit_slots where tenant_id = $1 and node_id = $2 and call_id is not null";
    RETURN_ALL = "update permit_slots set node_id = null, call_id = null where tenant_id = $1 and node_id = $2";
}

/// Slots made at once when a limit meets fewer than it allows.
const SLOTS_ADDED_MAX: i64 = 32;

/// One thing a call needs a permit of, and how many may be held together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermitLimit {
    pub scope: PermitScope,
    pub calls_max: u32,
}

/// What is limited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PermitScope {
    /// All calls of the tenant.
    Tenant,
    /// Calls of the tenant's agent of this name.
    Agent(String),
    /// Sessions of one user of the tenant's app, by a hash of the user's id.
    User(String),
    /// Sessions that one API key of the tenant began.
    Key(ApiKeyId),
    /// Calls of all tenants at this account of a model's provider.
    Account(&'static str),
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermitAnswer {
    /// All were granted.
    Granted,
    /// This one was not, and none is held.
    Refused(PermitScope),
}

/// A node's view of the others when its lease was renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    /// Other nodes that are alive.
    pub others: i64,
    /// Nodes whose lease has lapsed and whose calls nobody has ended yet.
    pub lapsed: Vec<NodeId>,
}

impl TenantStore {
    /// Takes a permit of each scope for one call, or none. Never more than the limits are held by all nodes together.
    ///
    /// A node without a valid lease is refused: others may hold what it held.
    pub async fn take_permits(
        &self,
        node: NodeId,
        call: CallId,
        limits: &[PermitLimit],
    ) -> Result<PermitAnswer, StoreError> {
        let mut tx = self.write().await?;
        if matches!(tx, Tx::Sqlite(_)) {
            return Ok(PermitAnswer::Granted);
        }
        for limit in limits {
            let taken = match &limit.scope {
                PermitScope::Account(account) => {
                    take_account(&mut tx, node, call, account, limit).await
                }
                PermitScope::Tenant => self.take(&mut tx, node, call, "tenant", limit).await,
                PermitScope::Agent(name) => {
                    let scope = format!("agent {name}");
                    self.take(&mut tx, node, call, &scope, limit).await
                }
                PermitScope::User(user) => {
                    let scope = format!("user {user}");
                    self.take(&mut tx, node, call, &scope, limit).await
                }
                PermitScope::Key(key) => {
                    let scope = format!("key {key}");
                    self.take(&mut tx, node, call, &scope, limit).await
                }
            };
            if !taken? {
                tx.rollback().await?;
                return Ok(PermitAnswer::Refused(limit.scope.clone()));
            }
        }
        tx.commit().await?;
        Ok(PermitAnswer::Granted)
    }

    async fn take(
        &self,
        tx: &mut Tx,
        node: NodeId,
        call: CallId,
        scope: &str,
        limit: &PermitLimit,
    ) -> Result<bool, StoreError> {
        let (tenant, max) = (self.tenant(), i64::from(limit.calls_max));
        loop {
            if execute!(&mut *tx, TAKE, tenant, scope, max, node, call)? == 1 {
                return Ok(true);
            }
            let (slots,) = fetch!(&mut *tx, one Only<i64>, COUNT, tenant, scope, max)?;
            if slots >= max {
                return Ok(false);
            }
            // Another node may add the same ones: then this waits for it, and the next count sees them.
            // Slots of users are forgotten one by one, so that there may be gaps below the newest one.
            let first = if matches!(limit.scope, PermitScope::User(_)) {
                1
            } else {
                slots + 1
            };
            for slot in first..=max.min(slots + SLOTS_ADDED_MAX) {
                execute!(&mut *tx, ADD, tenant, scope, slot)?;
            }
        }
    }

    /// Gives back everything that a call of this node holds. Giving back twice does nothing.
    pub async fn return_permits(&self, node: NodeId, call: CallId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        if matches!(tx, Tx::Sqlite(_)) {
            return Ok(());
        }
        execute!(&mut tx, RETURN, self.tenant(), node, call)?;
        execute!(&mut tx, FORGET_USERS, self.tenant())?;
        execute!(&mut tx, RETURN_ACCOUNT, node, call)?;
        tx.commit().await
    }

    /// Ends the calls of a node whose lease has lapsed with `process_lost`, and frees what they held. Gives how many
    /// calls got their end. A node that has renewed its lease meanwhile keeps everything.
    pub async fn end_calls_of_lapsed_node(
        &self,
        node: NodeId,
        at: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut tx = self.write().await?;
        if matches!(tx, Tx::Sqlite(_)) || !is_lapsed(&mut tx, node).await? {
            return Ok(0);
        }
        let calls = fetch!(&mut tx, all Only<CallId>, CALLS_OF, self.tenant(), node)?;
        let mut ended = 0;
        for (call_id,) in calls {
            let end = calls::CallEnd {
                call_id,
                reason: Word::new("process_lost"),
                class: EndClass::Us,
                at,
            };
            ended += u32::from(calls::finish(&mut tx, self.tenant(), &end).await?);
            call_outcome::sum_up(&mut tx, self.tenant(), call_id).await?;
        }
        execute!(&mut tx, RETURN_ALL, self.tenant(), node)?;
        tx.commit().await?;
        Ok(ended)
    }
}

async fn is_lapsed(tx: &mut Tx, node: NodeId) -> Result<bool, StoreError> {
    Ok(fetch!(tx, optional Only<NodeId>, LOCK_LAPSED, node)?.is_some())
}

async fn take_account(
    tx: &mut Tx,
    node: NodeId,
    call: CallId,
    account: &str,
    limit: &PermitLimit,
) -> Result<bool, StoreError> {
    let max = i64::from(limit.calls_max);
    loop {
        if execute!(&mut *tx, TAKE_ACCOUNT, account, max, node, call)? == 1 {
            return Ok(true);
        }
        let (slots,) = fetch!(&mut *tx, one Only<i64>, COUNT_ACCOUNT, account, max)?;
        if slots >= max {
            return Ok(false);
        }
        for slot in slots + 1..=max.min(slots + SLOTS_ADDED_MAX) {
            execute!(&mut *tx, ADD_ACCOUNT, account, slot)?;
        }
    }
}

impl Installation {
    /// Renews the lease of a node for `period` of the database's time, and looks at the others.
    pub async fn renew_lease(&self, node: NodeId, period: Duration) -> Result<Lease, StoreError> {
        let period_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        let mut tx = self.db.write(Sight::Installation).await?;
        if matches!(tx, Tx::Sqlite(_)) {
            return Ok(Lease::default());
        }
        execute!(&mut tx, RENEW, node, period_ms)?;
        let (others,) = fetch!(&mut tx, one Only<i64>, OTHERS, node)?;
        let lapsed = fetch!(&mut tx, all Only<NodeId>, LAPSED)?;
        tx.commit().await?;
        let lapsed = lapsed.into_iter().map(|(id,)| id);
        Ok(Lease {
            others,
            lapsed: lapsed.filter(|id| *id != node).collect(),
        })
    }

    /// Forgets a node that has lapsed, once the calls of every tenant that it held have their end.
    pub async fn forget_lapsed_node(&self, node: NodeId) -> Result<(), StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        if matches!(tx, Tx::Sqlite(_)) || !is_lapsed(&mut tx, node).await? {
            return Ok(());
        }
        execute!(&mut tx, RETURN_ACCOUNTS, node)?;
        execute!(&mut tx, FORGET, node)?;
        tx.commit().await
    }

    /// The node stops. Whatever it has not returned is freed by the others, or by the next one that starts.
    pub async fn end_lease(&self, node: NodeId) -> Result<(), StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        if matches!(tx, Tx::Sqlite(_)) {
            return Ok(());
        }
        execute!(&mut tx, RETURN_ACCOUNTS, node)?;
        execute!(&mut tx, LEAVE, node)?;
        tx.commit().await
    }
}
