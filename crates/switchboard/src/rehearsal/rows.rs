//! What the database knows about a rehearsed call: its row, turns, tools, appointments and cost.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use switchboard_call::handoff::HandoffReason;
use switchboard_store::{
    AppointmentListing, CallDetail, CallId, CallStatus, Channel, ListFilter, Speaker, StoreError,
    TenantStore, ToolCallListing, TurnListing, UsageTotal,
};

use super::talk::Scene;

/// How long the end of a call may take to reach the database: the journal gathers for 50 ms, a transfer takes seconds.
const STORED_MAX: Duration = Duration::from_secs(8);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Calls of others that may come in meanwhile and must not hide ours.
const OTHER_CALLS_MAX: u32 = 200;

/// Everything stored about one call.
#[derive(Debug)]
pub(super) struct StoredCall {
    /// The call's row.
    pub(super) call: CallDetail,
    /// Its turns in their order.
    pub(super) turns: Vec<TurnListing>,
    /// Its tool calls in their order.
    pub(super) tools: Vec<ToolCallListing>,
    /// What was booked in it.
    pub(super) appointments: Vec<AppointmentListing>,
    /// What it cost, per currency.
    pub(super) costs: Vec<UsageTotal>,
}

impl StoredCall {
    /// Waits until the call has ended and reads it; one that does not end is read as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn read(rows: &TenantStore, id: CallId) -> Result<Option<Self>, StoreError> {
        let Some(call) = ended_call(rows, id).await? else {
            return Ok(None);
        };
        let filter = ListFilter::of_call(id);
        let mut turns = rows.list_turns(&filter).await?;
        turns.sort_by_key(|turn| turn.seq);
        let mut tools = rows.list_tool_calls(&filter).await?;
        tools.sort_by_key(|tool| tool.seq);
        let appointments = rows.list_appointments(&filter).await?;
        let ours = appointments
            .into_iter()
            .filter(|appointment| appointment.call_id == Some(id))
            .collect();
        let costs = rows.usage_totals(Some(id), call.offered_at).await?;
        Ok(Some(Self {
            call,
            turns,
            tools,
            appointments: ours,
            costs,
        }))
    }

    /// The reason's word, once the call has ended.
    pub(super) fn end_reason(&self) -> Option<&str> {
        self.call
            .end_reason
            .as_ref()
            .map(switchboard_store::Word::as_str)
    }

    /// The caller was handed to a human, or would have been if this channel had one.
    pub(super) fn is_handed_off(&self) -> bool {
        let is_reason = |word: &str| {
            HandoffReason::ALL
                .iter()
                .any(|reason| reason.as_str() == word)
        };
        self.end_reason().is_some_and(is_reason)
    }
}

/// From the end of the caller's words to the first sound, as the leg reports it or as it was sent.
pub(super) fn latency_ms(turn: &TurnListing) -> Option<u64> {
    turn.heard_ms
        .or(turn.response_ms)
        .and_then(|ms| u64::try_from(ms).ok())
}

async fn ended_call(rows: &TenantStore, id: CallId) -> Result<Option<CallDetail>, StoreError> {
    let bound = tokio::time::Instant::now() + STORED_MAX;
    loop {
        let call = rows.call(id).await?;
        let has_ended = call
            .as_ref()
            .is_some_and(|call| call.status == CallStatus::Ended);
        if has_ended || tokio::time::Instant::now() >= bound {
            return Ok(call);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells the calls of this rehearsal from those that were there before. The front endpoint's protocol has no word for
/// a call's id, so they are found by agent, channel and time.
#[derive(Debug, Clone)]
pub(super) struct NewCalls {
    rows: TenantStore,
    agent: String,
    count: u32,
    before: HashSet<CallId>,
}

impl NewCalls {
    /// Remembers the calls that are there.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn since_now(
        rows: TenantStore,
        agent: String,
        count: u32,
    ) -> Result<Self, StoreError> {
        let mut calls = Self {
            rows,
            agent,
            count,
            before: HashSet::new(),
        };
        calls.before = calls.list().await?.into_iter().collect();
        Ok(calls)
    }

    /// Ours so far, oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn ours(&self) -> Result<Vec<CallId>, StoreError> {
        let mut calls = self.list().await?;
        calls.retain(|call| !self.before.contains(call));
        calls.reverse();
        Ok(calls)
    }

    async fn list(&self) -> Result<Vec<CallId>, StoreError> {
        let filter = ListFilter::newest(self.count.saturating_add(OTHER_CALLS_MAX));
        let calls = self.rows.list_calls(&filter).await?.into_iter();
        let is_like_ours =
            calls.filter(|call| call.agent == self.agent && call.channel == Channel::WebVoice);
        Ok(is_like_ours.map(|call| call.id).collect())
    }
}

/// Follows the rows of one call while it is live.
#[derive(Debug)]
pub(super) struct Follower {
    rows: TenantStore,
    tools: HashSet<i64>,
    turns: HashSet<i64>,
}

impl Follower {
    pub(super) fn new(rows: TenantStore) -> Self {
        Self {
            rows,
            tools: HashSet::new(),
            turns: HashSet::new(),
        }
    }

    /// Tools that have finished since the last time.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn tools(&mut self, call: CallId) -> Result<Vec<Scene>, StoreError> {
        let mut tools = self
            .rows
            .list_tool_calls(&ListFilter::of_call(call))
            .await?;
        tools.sort_by_key(|tool| tool.seq);
        tools.retain(|tool| tool.finished_at.is_some() && self.tools.insert(tool.seq));
        Ok(tools.iter().map(tool_scene).collect())
    }

    /// Turns that have ended since the last time.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn turns(&mut self, call: CallId) -> Result<Vec<TurnListing>, StoreError> {
        let mut turns = self.rows.list_turns(&ListFilter::of_call(call)).await?;
        turns.sort_by_key(|turn| turn.seq);
        turns.retain(|turn| self.turns.insert(turn.seq));
        Ok(turns)
    }
}

fn tool_scene(tool: &ToolCallListing) -> Scene {
    Scene::Tool {
        name: tool.tool.as_str().to_owned(),
        status: tool.status.as_str().to_owned(),
        took_ms: tool.duration_ms.and_then(|ms| u64::try_from(ms).ok()),
    }
}

/// A stored turn as scenes: what was said, and what of it was heard if it was cut.
pub(super) fn turn_scenes(turn: &TurnListing) -> Vec<Scene> {
    let words = |text: &Option<switchboard_store::Private<String>>| {
        text.as_ref()
            .map(|it| it.expose().clone())
            .unwrap_or_default()
    };
    match turn.speaker {
        Speaker::Agent => {
            let said = Scene::Agent {
                text: words(&turn.generated_text),
                latency_ms: latency_ms(turn),
            };
            let cut = turn.interrupted.then(|| Scene::Cut {
                heard: words(&turn.heard_text),
            });
            std::iter::once(said).chain(cut).collect()
        }
        Speaker::Caller => vec![Scene::Understood {
            text: words(&turn.heard_text),
        }],
        Speaker::Human | Speaker::System => vec![Scene::Notice(words(&turn.heard_text))],
    }
}
