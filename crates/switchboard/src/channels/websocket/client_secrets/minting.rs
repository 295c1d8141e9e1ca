//! Who may have a token, for whom, and how many.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::StatusCode;
use switchboard_store::{
    Actor, ContactId, MintedVoiceSession, NewVoiceSession, Private, Purpose, Store, StoreError,
    TenantId, TenantScope,
};

use super::super::FrontEndpoint;
use crate::config::SessionsSettings;
use crate::http::{CallerCredential, CallerIdentity, CallerRefusal, Drain, Problem};
use crate::reception::{ReadyAgent, ReceptionError};

/// Longest id of a user or project.
const ID_BYTES_MAX: usize = 255;
/// Longest context. It is read by the model with every turn.
const CONTEXT_BYTES_MAX: usize = 4_000;
/// Keys and users whose rate is remembered before those that are quiet again are forgotten.
const MINTERS_MAX: usize = 50_000;
/// Pause between two sweeps.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
/// How long it is known which user and contact a session was of: as long as costs are summed by user.
const STARTED_KEPT: TimeDelta = TimeDelta::days(400);
/// How long it is known what the agent was told about it.
const CONTEXT_KEPT: TimeDelta = TimeDelta::days(30);

/// What somebody asks for.
pub(super) struct Wish {
    pub(super) agent: Option<String>,
    pub(super) user: Option<String>,
    pub(super) contact_id: Option<ContactId>,
    pub(super) project_id: Option<String>,
    pub(super) context: Option<Private<String>>,
    pub(super) seconds: Option<u32>,
}

/// Counts requests for tokens per key and user. The limit per address stands before it.
pub(in crate::channels::websocket) struct MintingRate(DefaultKeyedRateLimiter<(TenantId, String)>);

impl MintingRate {
    pub(in crate::channels::websocket) fn new(settings: &SessionsSettings) -> Self {
        let per_s = NonZeroU32::new(settings.token_requests_per_s_max).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::dashmap(Quota::per_second(per_s)))
    }

    fn check(&self, tenant: TenantId, minter: String) -> Result<(), Problem> {
        if self.0.len() > MINTERS_MAX {
            self.0.retain_recent();
        }
        self.0.check_key(&(tenant, minter)).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            Problem::too_many_requests(wait.as_secs().saturating_add(1))
        })
    }
}

impl FrontEndpoint {
    /// A token for what `wish` says, as far as the identity may have it.
    ///
    /// # Errors
    /// A token asks for tokens, an agent that is unknown or not theirs, a contact of nobody, too many.
    pub(super) async fn mint(
        &self,
        identity: &CallerIdentity,
        wish: Wish,
    ) -> Result<(ReadyAgent, MintedVoiceSession), Problem> {
        self.minting.check(identity.tenant_id, identity.minter())?;
        let user_id = may_bind(identity, &wish)?;
        let name = identity.agent_name(wish.agent.as_deref())?;
        let name = name.ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "missing_agent",
                "The request names no agent",
            )
            .with_detail("name the agent: `agent`, or `session.model` in the vendor's shape")
        })?;
        let agent = self.reception.agent(identity.tenant_id, name).await;
        let agent = agent.map_err(|error| unknown_agent(&error))?;
        let settings = &self.reception.settings.sessions;
        let seconds = wish.seconds.unwrap_or(settings.token_s);
        let created_at = Utc::now();
        let bound = CallerIdentity {
            user_id: user_id.clone(),
            ..identity.clone()
        };
        let new = NewVoiceSession {
            user_id,
            contact_id: wish.contact_id,
            project_id: wish.project_id,
            context: wish.context,
            created_at,
            ..NewVoiceSession::of(
                name,
                bound.minter(),
                created_at + TimeDelta::seconds(i64::from(seconds)),
            )
        };
        let outstanding_max = match bound.user_id {
            Some(_) => settings.user_tokens_max,
            None => settings.key_tokens_max,
        };
        let rows = self.reception.door.rows(identity);
        let minted = rows.mint_voice_session(&new, i64::from(outstanding_max));
        let minted = minted.await.map_err(unknown_contact)?;
        let minted = minted.ok_or_else(|| {
            Problem::too_many_requests(u64::from(seconds))
                .with_detail("too many tokens are neither used nor expired")
        })?;
        metrics::counter!("switchboard_voice_sessions_total").increment(1);
        Ok((agent, minted))
    }
}

/// Checks what the session is to be bound to; gives the user. Only the tenant's own programs and people say which
/// contact, project and words a session is about: an app user would say whatever they like.
fn may_bind(identity: &CallerIdentity, wish: &Wish) -> Result<Option<Private<String>>, Problem> {
    let fits = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| !text.is_empty() && text.len() <= ID_BYTES_MAX)
    };
    let context_fits = wish
        .context
        .as_ref()
        .is_none_or(|text| text.expose().len() <= CONTEXT_BYTES_MAX);
    if !fits(&wish.user) || !fits(&wish.project_id) || !context_fits {
        let detail = "`user` and `project_id` have 1 to 255 bytes, `context` at most 4000";
        return Err(Problem::invalid().with_detail(detail));
    }
    match identity.credential {
        CallerCredential::ApiKey(_) | CallerCredential::Staff(_) => {
            Ok(wish.user.clone().map(Private::new))
        }
        CallerCredential::AppUser => {
            let is_other = wish.user.as_ref() != identity.user_id.as_ref().map(Private::expose);
            let names_other = wish.user.is_some() && is_other;
            let binds =
                wish.contact_id.is_some() || wish.project_id.is_some() || wish.context.is_some();
            if names_other || binds {
                let detail =
                    "an app user asks for themselves; contact, project and context need an API key";
                return Err(Problem::not_allowed().with_detail(detail));
            }
            Ok(identity.user_id.clone())
        }
        CallerCredential::Ephemeral { .. } => {
            Err(Problem::not_allowed()
                .with_detail("a token starts a session and asks for no other"))
        }
    }
}

fn unknown_agent(error: &ReceptionError) -> Problem {
    match error {
        ReceptionError::NoAgent => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_model",
            "There is no such agent",
        )
        .with_detail("the tenant has no agent of this name"),
        error => {
            tracing::error!(%error, "an agent cannot answer a client");
            CallerRefusal::Unavailable.into()
        }
    }
}

fn unknown_contact(error: StoreError) -> Problem {
    match error {
        StoreError::MissingReference => Problem::invalid()
            .with_detail("there is no such contact")
            .with_pointer("/contact_id"),
        error => error.into(),
    }
}

/// Drops expired tokens and old sessions, now and then until the server stops.
pub async fn keep_up(store: Store, mut drain: Drain) {
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = drain.begun() => return,
        }
        match sweep(&store).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "expired tokens and old sessions were dropped"),
            Err(error) => tracing::warn!(%error, "expired tokens could not be dropped"),
        }
    }
}

async fn sweep(store: &Store) -> Result<u64, StoreError> {
    let now = Utc::now();
    let mut dropped = 0;
    for tenant in store.installation().list_tenants().await? {
        let scope = TenantScope::new(tenant.id, Actor::System, Purpose::Maintain);
        let rows = store.tenant(scope);
        dropped += rows.forget_voice_sessions(now, now - STARTED_KEPT).await?;
        dropped += rows.forget_session_contexts(now - CONTEXT_KEPT).await?;
        // Beside the sessions, because those of apps are most of what holds money and is never seen again.
        dropped += rows.forget_budget_holds(now).await?;
    }
    Ok(dropped)
}
