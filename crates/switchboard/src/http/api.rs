//! The JSON API `/api/v1/<nouns>`, behind the API key. Every route reaches the rows of the key's tenant and no others.
//!
//! What all routes share is here: writes with an `Idempotency-Key` run once ([`idempotency`]), bodies and parameters are
//! bounded and refused with what is wrong ([`input`]), lists come in pages ([`page`]). A foreign id and an unknown one
//! are answered alike, because the tenant's scope cannot see the difference (threat H7).

mod agents;
mod call_acts;
mod call_parts;
mod calls;
mod idempotency;
mod input;
mod latencies;
mod live;
mod outgoing;
mod page;
mod peaks;
mod recordings;
mod switches;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use http::StatusCode;
use switchboard_store::{Actor, Purpose, StoreError, TenantScope, TenantStore};

pub use self::idempotency::IdempotencyKey;
pub use self::input::{Input, parse_id};
pub use self::page::{Listing, Page};
use super::auth::KeyIdentity;
use super::problem::Problem;
use super::router::keyed;
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
use crate::reception::Reception;

/// Largest body of a request. Agents with their instructions are the largest things that are written here.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What routes of the API work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiContext {
    /// The server's parts: settings, store, calls.
    pub reception: Reception,
    /// Seals cursors, and secrets of webhooks.
    pub sealing: Arc<SealingKey>,
    /// Checks addresses that tenants name.
    pub outbound: Outbound,
}

impl ApiContext {
    /// The rows that `identity` reaches.
    pub fn rows(&self, identity: &KeyIdentity, purpose: Purpose) -> TenantStore {
        let actor = Actor::ApiKey(identity.key_id);
        let scope = TenantScope::new(identity.tenant_id, actor, purpose);
        self.reception.store.tenant(scope)
    }
}

/// All routes of the API, closed to whoever has no key. Each noun is one file and one line here.
pub fn routes(context: ApiContext) -> Router {
    let nouns = Router::new()
        .merge(calls::routes())
        .merge(call_parts::routes())
        .merge(agents::routes())
        .merge(call_acts::routes())
        .merge(live::routes())
        .merge(recordings::routes())
        .merge(peaks::routes())
        .merge(outgoing::routes())
        .merge(switches::routes())
        .merge(webhooks::routes());
    let once = from_fn_with_state(context.clone(), idempotency::run_once);
    keyed(
        nouns
            .layer(once)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(context),
    )
}

impl From<StoreError> for Problem {
    /// What a failure of the store means to whoever asked. The log gets what the answer does not say.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable { .. } | StoreError::Busy => {
                tracing::warn!(%error, "a request cannot be answered now");
                Self::unavailable()
            }
            StoreError::NotFound { .. } => Self::not_found(),
            StoreError::AlreadyExists { .. } => Self::new(
                StatusCode::CONFLICT,
                "already_exists",
                "There is one of this name already",
            ),
            StoreError::MissingReference => {
                Self::invalid().with_detail("something that the request refers to is not there")
            }
            StoreError::OutOfRange { .. } => {
                Self::invalid().with_detail("a value is outside its range")
            }
            _ => {
                tracing::error!(%error, "a request failed in the database");
                Self::internal()
            }
        }
    }
}
