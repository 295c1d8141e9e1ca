//! The JSON API `/api/v1/<nouns>`, behind an API key or a login. Every route reaches the rows of one tenant and no others.
//!
//! What all routes share is here: writes with an `Idempotency-Key` run once ([`idempotency`]), bodies and parameters are
//! bounded and refused with what is wrong ([`input`]), lists come in pages ([`page`]). A foreign id and an unknown one
//! are answered alike, because the tenant's scope cannot see the difference (threat H7).

pub mod access;
mod agents;
mod audio_parts;
mod audit;
mod budgets;
mod call_acts;
mod call_parts;
mod calls;
mod idempotency;
mod input;
mod latencies;
mod listen;
mod live;
mod openapi;
mod outgoing;
mod page;
mod peaks;
mod recordings;
mod session;
mod staff;
mod switches;
mod take_over;
mod usage;
mod voicemails;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use http::StatusCode;
use switchboard_store::{Purpose, StoreError, TenantScope, TenantStore};

pub use self::idempotency::IdempotencyKey;
pub use self::input::{Input, parse_id};
pub use self::page::{Listing, Page};
use super::problem::Problem;
use super::visitor::{CookieRules, Visitor};
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
use crate::reception::Reception;
use crate::staff::Doorkeeper;

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
    /// Knows people of staff.
    pub doorkeeper: Doorkeeper,
    /// How the login cookie looks here.
    pub cookies: CookieRules,
}

impl ApiContext {
    /// Whether a browser sent what looks like a login.
    pub(super) fn has_login(&self, headers: &http::HeaderMap) -> bool {
        self.cookies.token(headers).is_some()
    }

    /// The rows that `visitor` reaches.
    pub fn rows(&self, visitor: &Visitor, purpose: Purpose) -> TenantStore {
        let scope = TenantScope::new(visitor.tenant_id, visitor.actor(), purpose);
        self.reception.store.tenant(scope)
    }
}

/// All routes of the API, closed by the table in [`access`]. Each noun is one file and one line here, and its routes
/// have their rows there.
pub fn routes(context: ApiContext) -> Router {
    let nouns = Router::new()
        .merge(audit::routes())
        .merge(staff::routes())
        .merge(calls::routes())
        .merge(call_parts::routes())
        .merge(agents::routes())
        .merge(call_acts::routes())
        .merge(live::routes())
        .merge(listen::routes())
        .merge(take_over::routes())
        .merge(usage::routes())
        .merge(budgets::routes())
        .merge(recordings::routes())
        .merge(voicemails::routes())
        .merge(peaks::routes())
        .merge(outgoing::routes())
        .merge(switches::routes())
        .merge(webhooks::routes());
    let once = from_fn_with_state(context.clone(), idempotency::run_once);
    let admit = from_fn_with_state(context.clone(), access::admit);
    nouns
        .layer(once)
        // Whoever signs in is nobody yet, so nothing of it can be repeated for them.
        .merge(session::routes())
        .merge(openapi::routes())
        .layer(admit)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(context)
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
