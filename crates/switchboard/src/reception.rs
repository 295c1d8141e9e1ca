//! The front door: which agent answers, whether there is a permit, and the start of the call's drive with its model
//! opened early. Channels come here with a leg; they leave with a way to the call.

mod agent_models;
mod business;
mod call_settings;
mod keeping;
mod outgoing;
mod reach;
mod ready_agents;

use std::sync::Arc;
use std::time::Duration;

use switchboard_call::handoff::HandoffReason;
use switchboard_call::{BudgetKind, CallSettings};
use switchboard_store::{
    Actor, CallEnd, CallId, Channel, Direction, EndClass, JournalWrite, NewCall, PermitLimit,
    PermitScope, PhoneNumber, Private, Purpose, Store, StoreError, StoreKind, TenantId,
    TenantScope, TenantStore, Timestamp, Word,
};

use crate::admission::{Admission, NoPermit, Permit, PermitRequest};
use crate::archive::Archive;
use crate::budgets::TenantBudgets;
use crate::budgets::purse::{DayBudgets, Purse};
use crate::calls_live::LiveCalls;
use crate::config::{AgentDefinition, Settings};
use crate::desk::{Assurance, Caller, Desk};
use crate::drive::{Drive, DriveHandle, DriveSetup, Transferrer};
use crate::handoff::{RecentLines, TargetBook};
use crate::http::{CallerCredential, CallerDoor, CallerIdentity};
use crate::jobs::JobBell;
use crate::journal::{CallJournal, Journal};
use crate::leg::Leg;
use crate::live::{LiveCall, LiveHub, LivePhase};
use crate::models::breaker::Breaker;
use crate::ops::metrics::names;
use crate::ops::traces::{TracedCall, Traces};
use crate::recorder::{RecordedCall, Recorder};
use crate::switches::{CallSwitches, Switches};
use crate::tool_runner::ToolRunner;
use crate::tools::{Confirmation, ToolContext, Toolbox};
use agent_models::CallModels;
pub(crate) use agent_models::{direct_setup, local_programs};
pub use business::Business;
pub use call_settings::LegKind;
use call_settings::call_settings;
use keeping::Keeping;
pub use keeping::unsaid_disclosure;
pub use outgoing::OutgoingTopic;
pub use reach::{Reach, is_absence};
pub use ready_agents::{PreparedModels, ReadyAgents};

/// No user has more sessions than this, whatever the settings say: their slots are made and dropped with them.
const USER_SESSIONS_MAX: u32 = 32;

/// What every call needs. Cheap to clone.
#[derive(Clone)]
pub struct Reception {
    /// Settings of the installation.
    pub settings: Arc<Settings>,
    /// Where everything is kept.
    pub store: Store,
    /// The way into it for live calls.
    pub journal: Journal,
    /// Wakes the runner of jobs; rung by whoever stored one.
    pub jobs: JobBell,
    /// Permits.
    pub admission: Admission,
    /// Spares callers the wait for a vendor that fails.
    pub breaker: Breaker,
    /// Calls of this process.
    pub live: LiveCalls,
    /// Tells pages of them.
    pub hub: LiveHub,
    /// Phrases of ours, synthesised once.
    pub phrases: Arc<crate::phrases::PhraseCache>,
    /// Agents that answered a moment ago.
    pub agents: Arc<ReadyAgents>,
    /// Where audio is kept.
    pub archive: Archive,
    /// Records calls.
    pub recorder: Recorder,
    /// Whether the database answers.
    pub reach: Reach,
    /// Humans who are rung from here, for when it does not.
    pub lines: RecentLines,
    /// What was switched without a restart.
    pub switches: Switches,
    /// Knows who wants to talk.
    pub door: CallerDoor,
    /// Traces of calls, for a collector.
    pub traces: Traces,
}

/// An agent that can answer: its definition, its business and what the definition's version is.
#[derive(Clone)]
pub struct ReadyAgent {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is and does.
    pub definition: Arc<AgentDefinition>,
    /// The stored version.
    pub version: i64,
    /// What the business sells, and when.
    pub business: Arc<Business>,
    /// What it may do.
    pub toolbox: Arc<Toolbox>,
    /// Its models, as far as they were prepared.
    pub models: PreparedModels,
    /// What its tenant's calls may cost.
    pub budgets: TenantBudgets,
}

/// A call about to start.
pub struct Offer {
    /// Who answers.
    pub agent: ReadyAgent,
    /// Its id: the row may be stored already.
    pub call: CallId,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// The caller's leg.
    pub leg: Leg,
    /// What kind of leg it is.
    pub kind: LegKind,
    /// The number that was called.
    pub number: Option<PhoneNumber>,
    /// The caller's number, as the carrier says: a hint, not an identity.
    pub caller: Option<PhoneNumber>,
    /// Moves the caller to a human.
    pub transferrer: Arc<dyn Transferrer>,
    /// The right to hold the call.
    pub permit: Permit,
    /// We placed it, for this.
    pub outgoing: Option<OutgoingTopic>,
    /// What is switched for it.
    pub switches: CallSwitches,
}

/// Why a call does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// As many calls as some limit allows are held.
    Full,
    /// This budget does not hold another call.
    Spent(BudgetKind),
}

impl NotAdmitted {
    /// Why the caller goes to a human instead.
    pub const fn reason(self) -> HandoffReason {
        match self {
            Self::Full => HandoffReason::ConcurrencyLimit,
            Self::Spent(_) => HandoffReason::Budget,
        }
    }
}

/// Why an agent cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum ReceptionError {
    /// The tenant has no agent of this name.
    #[error("there is no such agent")]
    NoAgent,
    /// What is stored of it cannot be read.
    #[error("the agent's stored definition cannot be used: {0}")]
    Unusable(String),
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReadyAgent {
    /// What its tools know of one call. A caller's number is a hint: it gives no assurance beyond itself.
    fn tool_context(
        &self,
        reception: &Reception,
        call: CallId,
        caller: Option<PhoneNumber>,
        own: Option<&PhoneNumber>,
    ) -> ToolContext {
        let rows = reception.store.tenant(TenantScope::new(
            self.tenant,
            Actor::Agent(call),
            Purpose::Call,
        ));
        let caller = Caller {
            phone: caller,
            assurance: Assurance::None,
        };
        let desk = Desk::new(rows, self.definition.time_zone, caller);
        // A number given without its country means one around the number that was called.
        let desk = match own {
            Some(number) => desk.with_own_number(number),
            None => desk,
        };
        let mut context = ToolContext::new(desk, call);
        let targets = TargetBook::names(&reception.settings.handoff, &self.definition);
        context.handoff_targets = targets.into();
        context
    }
}

impl Reception {
    /// The rows of one tenant, for answering a call.
    pub fn rows(&self, tenant: TenantId) -> TenantStore {
        self.store
            .tenant(TenantScope::new(tenant, Actor::System, Purpose::Call))
    }

    /// The agent of this name, ready to answer.
    ///
    /// While the database does not answer, the agent answers as it was when it answered last (threat R6).
    ///
    /// # Errors
    /// No such agent, one that cannot be read, or no database and no copy.
    pub async fn agent(&self, tenant: TenantId, name: &str) -> Result<ReadyAgent, ReceptionError> {
        if let Some(agent) = self.agents.fresh(tenant, name) {
            return Ok(agent);
        }
        match self.load_agent(tenant, name).await {
            Err(ReceptionError::Store(error)) if is_absence(&error) => {
                let copy = self.agents.last(tenant, name);
                copy.ok_or(ReceptionError::Store(error))
            }
            loaded => loaded,
        }
    }

    async fn load_agent(&self, tenant: TenantId, name: &str) -> Result<ReadyAgent, ReceptionError> {
        let rows = self.rows(tenant);
        let stored = self.reach.ask(rows.agent(name)).await?;
        let stored = stored.ok_or(ReceptionError::NoAgent)?;
        let definition: AgentDefinition = serde_json::from_value(stored.definition)
            .map_err(|error| ReceptionError::Unusable(error.to_string()))?;
        let targets = TargetBook::names(&self.settings.handoff, &definition);
        let toolbox = Toolbox::for_agent(&definition.tools)
            .map_err(|error| ReceptionError::Unusable(error.to_string()))?
            .with_handoff_targets(&targets);
        let business = self.reach.ask(Business::load(&rows)).await?;
        let budgets = self.reach.ask(TenantBudgets::load(&rows)).await?;
        let agent = ReadyAgent {
            tenant,
            definition: Arc::new(definition),
            version: stored.version,
            business: Arc::new(business),
            toolbox: Arc::new(toolbox),
            models: PreparedModels::default(),
            budgets,
        };
        self.agents.keep(&agent);
        Ok(agent)
    }

    /// A permit for one more call of this agent, with money set aside where its tenant's days have a budget. An agent with
    /// another model goes without its model's account, and so to the other model.
    ///
    /// # Errors
    /// What there is not enough of: permits of its tenant, its own, or its model's account; or money.
    pub async fn admit(&self, agent: &ReadyAgent, call: CallId) -> Result<Permit, NotAdmitted> {
        self.admit_with(agent, call, None, None).await
    }

    /// The same for whoever wants to talk: a session counts with its user, whose day is limited too, or else with the key
    /// that began it.
    ///
    /// # Errors
    /// As for [`Reception::admit`].
    pub async fn admit_caller(
        &self,
        agent: &ReadyAgent,
        call: CallId,
        caller: &CallerIdentity,
    ) -> Result<Permit, NotAdmitted> {
        let sessions = &self.settings.sessions;
        let own = match (caller.user_hash(), caller.credential) {
            (Some(user), _) => Some(PermitLimit {
                scope: PermitScope::User(user),
                calls_max: sessions.user_sessions_max.min(USER_SESSIONS_MAX),
            }),
            (None, CallerCredential::ApiKey(key)) if sessions.key_sessions_max > 0 => {
                Some(PermitLimit {
                    scope: PermitScope::Key(key),
                    calls_max: sessions.key_sessions_max,
                })
            }
            (None, _) => None,
        };
        let user = caller.user_id.clone();
        self.admit_with(agent, call, own, user).await
    }

    async fn admit_with(
        &self,
        agent: &ReadyAgent,
        call: CallId,
        own: Option<PermitLimit>,
        user: Option<Private<String>>,
    ) -> Result<Permit, NotAdmitted> {
        let permit = self.permit(agent, call, own).await;
        let permit = permit.ok_or(NotAdmitted::Full)?;
        let purse = self.set_aside(agent, call, user).await;
        Ok(permit.with_purse(purse.map_err(NotAdmitted::Spent)?))
    }

    /// Money for a call that is about to begin, from budgets that calls share.
    async fn set_aside(
        &self,
        agent: &ReadyAgent,
        call: CallId,
        user: Option<Private<String>>,
    ) -> Result<Option<Purse>, BudgetKind> {
        let (settings, limits) = (&self.settings, &agent.definition.limits);
        let (user_micros, tenant_micros) = agent.budgets.days(settings);
        let kind = match user {
            Some(_) => LegKind::Client,
            None => LegKind::Carrier,
        };
        let length_s = agent.budgets.length_max_s(settings, limits, kind);
        let days = DayBudgets {
            user_micros,
            tenant_micros,
            zone: agent.budgets.zone,
            warning_percent: u64::from(settings.calls.budget_warning_percent),
            length_max: Duration::from_secs(length_s),
        };
        let dearest = agent_models::dearest(settings, &agent.definition);
        let dearest = dearest.reply_micros.saturating_add(dearest.sentence_micros);
        let (rows, reach) = (self.rows(agent.tenant), self.reach.clone());
        let opened = Purse::open(rows, reach, call, user, days, dearest).await;
        if let Err(budget) = opened {
            tracing::info!(
                budget = budget.as_str(),
                "a call was refused: its budget is spent"
            );
            metrics::counter!(names::BUDGET_REFUSALS_TOTAL, "budget" => budget.as_str())
                .increment(1);
        }
        opened
    }

    async fn permit(
        &self,
        agent: &ReadyAgent,
        call: CallId,
        own: Option<PermitLimit>,
    ) -> Option<Permit> {
        let mut limits: Vec<PermitLimit> = own.into_iter().collect();
        limits.extend([PermitLimit {
            scope: PermitScope::Tenant,
            calls_max: self.settings.calls.concurrent_max,
        }]);
        if let Some(calls_max) = agent.definition.limits.concurrent_max {
            let scope = PermitScope::Agent(agent.definition.name.clone());
            limits.push(PermitLimit { scope, calls_max });
        }
        let account = agent_models::account(&self.settings, &agent.definition);
        let can_do_without = account.as_ref().is_some_and(|(_, can)| *can);
        let request = |account: Option<PermitLimit>| PermitRequest {
            tenant: agent.tenant,
            call,
            limits: limits.iter().cloned().chain(account).collect(),
        };
        let asked = request(account.map(|(limit, _)| limit));
        match self.admission.admit(asked).await {
            Ok(permit) => Some(permit),
            Err(NoPermit::Full(PermitScope::Account(_))) if can_do_without => {
                self.admission.admit(request(None)).await.ok()
            }
            Err(refused) => {
                tracing::info!(?refused, "a call got no permit");
                None
            }
        }
    }

    /// The row of a call that was just offered.
    pub fn offered_row(
        agent: &ReadyAgent,
        call: CallId,
        channel: Channel,
        offered_at: Timestamp,
    ) -> NewCall {
        NewCall {
            id: call,
            carrier_call_id: None,
            agent_name: agent.definition.name.clone(),
            agent_version: Some(agent.version),
            channel,
            direction: Direction::Inbound,
            number: None,
            caller_number: None,
            contact_id: None,
            conversation_id: None,
            location: None,
            offered_at,
        }
    }

    /// Hands the row of an offered call to the journal.
    pub fn store_offered(&self, tenant: TenantId, row: NewCall) {
        self.journal.write(tenant, JournalWrite::CallOffered(row));
    }

    /// Ends the calls that a process which died had left open. Only a database that one process holds alone says that
    /// they are not somebody else's; on PostgreSQL the other nodes end them when the lease of theirs has lapsed.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn end_lost_calls(&self) -> Result<(), StoreError> {
        if self.store.kind() != StoreKind::Sqlite {
            return Ok(());
        }
        let now = chrono::Utc::now();
        for tenant in self.store.installation().list_tenants().await? {
            for call_id in self.rows(tenant.id).unfinished_calls(now).await? {
                let reason = Word::new(HandoffReason::ProcessLost.as_str());
                let end = CallEnd {
                    call_id,
                    reason,
                    class: EndClass::Us,
                    at: now,
                };
                self.journal.write(tenant.id, JournalWrite::CallEnded(end));
            }
        }
        Ok(())
    }

    /// Starts the call: from here its drive owns it, and its model is already being opened.
    pub fn start(&self, mut offer: Offer) -> DriveHandle {
        let mut purse = offer.permit.take_purse();
        if let Some(purse) = &mut purse {
            purse.begin();
        }
        let format = offer.leg.format();
        let models = match &offer.leg {
            Leg::Direct(leg) => {
                let models = agent_models::direct(&self.settings, &offer.agent, leg.vendor_call());
                Arc::new(models)
            }
            _ => offer.agent.models.of(format, offer.kind, || {
                agent_models::choices(&self.settings, &offer.agent, format, offer.kind)
            }),
        };
        // Sound is recorded where it is ours to play: a client of the WebSocket has its own, and that of a direct call
        // passes us by.
        let is_ours = !matches!(offer.kind, LegKind::Client | LegKind::Direct);
        let keeping = Keeping::of(&offer.agent, is_ours, &offer.switches);
        let settings = call_settings(
            &self.settings,
            &offer.agent,
            offer.kind,
            &models,
            &self.phrases,
            &keeping,
        );
        let settings = match &offer.outgoing {
            Some(topic) => {
                let offline = call_settings::offline_words(offer.kind, &models);
                topic.settings(&offer.agent.definition, settings, offline)
            }
            None => settings,
        };
        let settings = CallSettings {
            allowance: purse.as_ref().map(|purse| purse.allowance()),
            ..settings
        };
        let journal = CallJournal::new(
            self.journal.clone(),
            offer.agent.tenant,
            offer.call,
            offer.offered_at,
            models.descriptions(),
            keeping.purposes(),
            self.hub.of(offer.agent.tenant, offer.call),
        )
        .with_carrier(carrier_minute(&self.settings, &offer))
        .traced(self.traces.of_call(|| traced(&offer), offer.call));
        self.hub
            .began(offer.agent.tenant, live_row(&offer, &settings));
        let mut context =
            offer
                .agent
                .tool_context(self, offer.call, offer.caller, offer.number.as_ref());
        // The offline dialogue is our own code and asks before it books; any other model is not believed.
        if models.asks_itself() {
            context.confirmation = Confirmation::ByAgent;
        }
        let has_account = self.settings.openai.sessions_max == 0 || offer.permit.has_account();
        let setup = DriveSetup {
            settings,
            leg: offer.leg,
            models: Arc::new(CallModels::new(models, has_account, self.breaker.clone())),
            transferrer: offer.transferrer,
            tools: ToolRunner::new(Arc::clone(&offer.agent.toolbox), context),
            journal,
            recorder: self.recorder.clone(),
            recorded: RecordedCall {
                tenant: offer.agent.tenant,
                call: offer.call,
                offered_at: offer.offered_at,
            },
            phrases: self.phrases.of(&offer.agent.definition, format),
            pace: call_settings::audio_pace(&self.settings),
            permit: offer.permit,
            purse,
        };
        let (drive, handle) = Drive::new(setup);
        if let Some(topic) = &offer.outgoing {
            handle.send(topic.briefing());
        }
        self.live.insert(offer.call, handle.clone());
        let (live, call) = (self.live.clone(), offer.call);
        let drive = Box::new(drive);
        tokio::spawn(async move {
            let _ended = RemoveAtEnd { live, call };
            drive.run().await;
        });
        handle
    }
}

/// What a minute of this call costs at the carrier.
fn carrier_minute(settings: &Settings, offer: &Offer) -> u64 {
    match (offer.kind, &offer.outgoing) {
        (LegKind::Client | LegKind::Track | LegKind::Direct, _) => 0,
        (LegKind::Carrier, None) => settings.twilio.inbound_minute_micros,
        (LegKind::Carrier, Some(_)) => settings.twilio.outbound_minute_micros,
    }
}

fn channel_of(kind: LegKind) -> Channel {
    match kind {
        LegKind::Carrier => Channel::Phone,
        LegKind::Client | LegKind::Track | LegKind::Direct => Channel::WebVoice,
    }
}

/// What a trace says of the call: nothing of who calls whom.
fn traced(offer: &Offer) -> TracedCall {
    let name = &offer.agent.definition.name;
    TracedCall {
        call: offer.call,
        tenant: offer.agent.tenant,
        agent: Word::parse(name).unwrap_or(Word::new("unknown")),
        channel: channel_of(offer.kind).as_str(),
        offered_at: offer.offered_at,
    }
}

/// A call as the list of live calls shows it first.
fn live_row(offer: &Offer, settings: &CallSettings) -> LiveCall {
    let direction = match offer.outgoing {
        Some(_) => Direction::Outbound,
        None => Direction::Inbound,
    };
    LiveCall {
        id: offer.call,
        agent: offer.agent.definition.name.clone(),
        agent_version: offer.agent.version,
        channel: channel_of(offer.kind),
        direction,
        number: offer.number.clone(),
        caller_number: offer.caller.clone(),
        offered_at: offer.offered_at,
        phase: LivePhase::Connecting,
        phase_since: offer.offered_at,
        length_ms_max: settings.limits.length_max.millis(),
        cost_micros: 0,
        budget_micros: settings.limits.budget_micros,
        dead_air: 0,
        tools_failed: 0,
        last_line: None,
        seq: 0,
    }
}

/// Takes the call out of the list on every path, a panic included.
struct RemoveAtEnd {
    live: LiveCalls,
    call: CallId,
}

impl Drop for RemoveAtEnd {
    fn drop(&mut self) {
        self.live.remove(self.call);
    }
}
