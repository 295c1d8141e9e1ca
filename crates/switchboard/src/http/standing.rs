//! Whether whoever holds something open may still hold it: a key that is revoked, a login that ends and a person who is
//! disabled lose their open sockets and calls too, within [`LOST_WITHIN`] and on every node.
//!
//! Asked of the database, because another process may have revoked it; once for each credential, not for each socket.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use switchboard_call::input::{Control, Input};
use switchboard_store::{
    Actor, ApiKeyId, CallId, LoginId, Purpose, StaffId, StaffRole, Store, StoreError, TenantId,
    TenantScope,
};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::drain::Drain;
use super::identity::{CallerCredential, CallerIdentity};
use super::visitor::{Visitor, Who};
use crate::calls_live::LiveCalls;
use crate::drive::DriveInput;

/// Between two looks. A look is one small question for each credential that has something open.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a credential that was taken away may still hold something open, the database answering.
pub const LOST_WITHIN: Duration = Duration::from_secs(5);
/// A call is told to the watch a moment before it is live: it is forgotten at the second look that does not find it.
const LOOKS_BEFORE_LIVE: u8 = 2;

/// What was shown when something was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shown {
    Key(ApiKeyId),
    /// A browser, and what its person might do when it opened something.
    Login(LoginId, StaffRole),
    /// A person of staff, by whatever login.
    Staff(StaffId),
}

/// All that is open by one credential.
#[derive(Debug)]
struct Open {
    sockets: watch::Sender<bool>,
    /// Each with the looks that did not find it.
    calls: Vec<(CallId, u8)>,
}

/// Knows what is open, and by whom. Cheap to clone.
#[derive(Clone)]
pub struct Standings {
    store: Store,
    open: Arc<Mutex<HashMap<(TenantId, Shown), Open>>>,
}

/// The standing of one open socket. Dropping it ends the watch.
#[derive(Debug)]
pub struct Standing(watch::Receiver<bool>);

impl Standing {
    /// Resolves when the credential does not count any more.
    pub async fn lost(&mut self) {
        if self.0.wait_for(|is_lost| *is_lost).await.is_err() {
            // Nobody watches any more: the process is stopping.
            pending::<()>().await;
        }
    }
}

impl Standings {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            open: Arc::default(),
        }
    }

    /// Watches over a socket of this visitor from now on.
    pub fn of_socket(&self, visitor: &Visitor) -> Standing {
        let shown = match &visitor.who {
            Who::Key(key) => Shown::Key(*key),
            Who::Login(login) => Shown::Login(login.login_id, login.role),
        };
        let mut open = self.open();
        let entry = open.entry((visitor.tenant_id, shown)).or_default();
        Standing(entry.sockets.subscribe())
    }

    /// Watches over a call that this caller begins. Users of apps and holders of tokens have credentials that end by time.
    pub(super) fn of_call(&self, identity: &CallerIdentity, call: CallId) {
        let shown = match identity.credential {
            CallerCredential::ApiKey(key) => Shown::Key(key),
            CallerCredential::Staff(staff) => Shown::Staff(staff),
            CallerCredential::AppUser | CallerCredential::Ephemeral { .. } => return,
        };
        let mut open = self.open();
        let entry = open.entry((identity.tenant_id, shown)).or_default();
        entry.calls.push((call, 0));
    }

    /// Looks until the drain: then calls end by the drain's rules, and sockets with the process.
    pub async fn keep_up(self, live: LiveCalls, mut drain: Drain) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = drain.begun() => return,
                _ = looks.tick() => self.look(&live).await,
            }
        }
    }

    async fn look(&self, live: &LiveCalls) {
        let held = self.still_open(live);
        for (tenant, shown) in held {
            match self.stands(tenant, shown).await {
                Ok(true) => {}
                Ok(false) => self.close(tenant, shown, live),
                Err(error) => {
                    // What was let in stays while nobody can be asked.
                    tracing::warn!(%error, "open connections cannot be checked");
                    return;
                }
            }
        }
    }

    /// What has something open; the rest is forgotten.
    fn still_open(&self, live: &LiveCalls) -> Vec<(TenantId, Shown)> {
        let mut open = self.open();
        open.retain(|_, entry| {
            entry.calls.retain_mut(|(call, missed)| {
                *missed = if live.find(*call).is_some() {
                    0
                } else {
                    *missed + 1
                };
                *missed < LOOKS_BEFORE_LIVE
            });
            !entry.calls.is_empty() || entry.sockets.receiver_count() > 0
        });
        open.keys().copied().collect()
    }

    async fn stands(&self, tenant: TenantId, shown: Shown) -> Result<bool, StoreError> {
        let rows = self
            .store
            .tenant(TenantScope::new(tenant, Actor::System, Purpose::Call));
        match shown {
            Shown::Key(key) => rows.api_key_stands(key).await,
            Shown::Login(login, role) => {
                let now = rows.login_stands(login, Utc::now()).await?;
                Ok(now == Some(role))
            }
            Shown::Staff(staff) => {
                let person = rows.staff_member(staff).await?;
                Ok(person.is_some_and(|person| person.disabled_at.is_none()))
            }
        }
    }

    fn close(&self, tenant: TenantId, shown: Shown, live: &LiveCalls) {
        let Some(entry) = self.open().remove(&(tenant, shown)) else {
            return;
        };
        let sockets = entry.sockets.receiver_count();
        entry.sockets.send_replace(true);
        let calls = entry.calls.iter().filter_map(|(call, _)| live.find(*call));
        let mut ended = 0;
        for call in calls {
            call.send(DriveInput::Core(Input::Control(Control::End)));
            ended += 1;
        }
        tracing::info!(%tenant, sockets, calls = ended, "a credential was taken away: what it held open is closed");
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(TenantId, Shown), Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Open {
    fn default() -> Self {
        Self {
            sockets: watch::Sender::new(false),
            calls: Vec::new(),
        }
    }
}
