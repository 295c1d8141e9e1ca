//! Data that was kept long enough is deleted, kind by kind and in batches, so that no transaction is long.
//!
//! What belongs to a call is as old as its call, and a call that has not ended is not touched. Some things are never
//! deleted here: consents and opt-outs are evidence, usage is the bill, audit entries and receipts of webhooks are what
//! later questions and late repetitions are answered with. Recordings have their own moment in their row.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Only, Sql};
use crate::error::StoreError;
use crate::ids::VoicemailId;
use crate::scope::TenantStore;
use crate::time::Timestamp;

/// Rows of ended calls from before `$2`, of at most `$3` calls that have such rows.
macro_rules! of_calls {
    ($change:literal, $table:literal, $which:literal) => {
        concat!(
            $change,
            " where tenant_id = $1 and call_id in (select c.id from calls c
                where c.tenant_id = $1 and c.status = 'ended' and c.offered_at < $2 and exists (select 1 from ",
            $table,
            " x where x.tenant_id = $1 and x.call_id = c.id",
            $which,
            ") order by c.offered_at, c.id limit $3)"
        )
    };
}

/// How many such rows there are.
macro_rules! count_of_calls {
    ($table:literal, $which:literal) => {
        concat!(
            "select count(*) from ",
            $table,
            " x join calls c on c.tenant_id = $1 and c.id = x.call_id
            where x.tenant_id = $1 and c.status = 'ended' and c.offered_at < $2",
            $which
        )
    };
}

/// At most `$3` rows that are over since before `$2`.
macro_rules! rows_of {
    ($table:literal, $which:literal) => {
        concat!(
            "delete from ",
            $table,
            " where tenant_id = $1 and id in (select x.id from ",
            $table,
            " x where x.tenant_id = $1 and ",
            $which,
            " order by x.id limit $3)"
        )
    };
}

/// Rows that hang on such rows, and go first.
macro_rules! children_of {
    ($child:literal, $key:literal, $table:literal, $which:literal) => {
        concat!(
            "delete from ",
            $child,
            " where tenant_id = $1 and ",
            $key,
            " in (select x.id from ",
            $table,
            " x where x.tenant_id = $1 and ",
            $which,
            " order by x.id limit $3)"
        )
    };
}

macro_rules! count_rows {
    ($table:literal, $which:literal) => {
        concat!(
            "select count(*) from ",
            $table,
            " x where x.tenant_id = $1 and ",
            $which
        )
    };
}

sql! {
    TURNS = of_calls!("delete from turns", "turns", "");
    TURNS_DUE = count_of_calls!("turns", "");
    TOOL_CALLS = of_calls!("delete from tool_calls", "tool_calls", "");
    TOOL_CALLS_DUE = count_of_calls!("tool_calls", "");
    WORDS_OF_EVENTS = of_calls!("update call_events set private = null", "call_events", " and x.private is not null");
    WORDS_OF_EVENTS_DUE = count_of_calls!("call_events", " and x.private is not null");
    CAPTURED = of_calls!("delete from captured_fields", "captured_fields", "");
    CAPTURED_DUE = count_of_calls!("captured_fields", "");
    EVENTS = of_calls!("delete from call_events", "call_events", "");
    EVENTS_DUE = count_of_calls!("call_events", "");
    INPUTS = of_calls!("delete from call_inputs", "call_inputs", "");
    INPUTS_DUE = count_of_calls!("call_inputs", "");
    HANDSHAKES = of_calls!("delete from handshakes", "handshakes", "");
    HANDSHAKES_DUE = count_of_calls!("handshakes", "");
    MODEL_SESSIONS = of_calls!("delete from model_sessions", "model_sessions", "");
    MODEL_SESSIONS_DUE = count_of_calls!("model_sessions", "");
    STREAM_TOKENS = of_calls!("delete from stream_tokens", "stream_tokens", "");
    STREAM_TOKENS_DUE = count_of_calls!("stream_tokens", "");
    TRANSFERS = of_calls!("delete from transfers", "transfers", "");
    TRANSFERS_DUE = count_of_calls!("transfers", "");
    MESSAGES = rows_of!("messages", "x.created_at < $2");
    MESSAGES_DUE = count_rows!("messages", "x.created_at < $2");
    JOBS = rows_of!("jobs", "x.state in ('done', 'failed', 'cancelled') and x.updated_at < $2");
    JOBS_DUE = count_rows!("jobs", "x.state in ('done', 'failed', 'cancelled') and x.updated_at < $2");
    MAILS = rows_of!("mails", "x.state in ('sent', 'failed', 'uncertain') and x.updated_at < $2");
    MAILS_DUE = count_rows!("mails", "x.state in ('sent', 'failed', 'uncertain') and x.updated_at < $2");
    ATTEMPTS_OF_WEBHOOKS = children_of!("webhook_attempts", "delivery_id", "webhook_deliveries",
        "x.state in ('delivered', 'failed') and x.updated_at < $2");
    WEBHOOKS = rows_of!("webhook_deliveries", "x.state in ('delivered', 'failed') and x.updated_at < $2");
    WEBHOOKS_DUE = count_rows!("webhook_deliveries", "x.state in ('delivered', 'failed') and x.updated_at < $2");
    IDEMPOTENCY_KEYS = "delete from idempotency_keys where tenant_id = $1
        and (credential_id, route, key_hash) in (select x.credential_id, x.route, x.key_hash from idempotency_keys x
            where x.tenant_id = $1 and x.claimed_at < $2 order by x.claimed_at limit $3)";
    IDEMPOTENCY_KEYS_DUE = count_rows!("idempotency_keys", "x.claimed_at < $2");
    ALERTS = rows_of!("alerts", "x.cleared_at < $2");
    ALERTS_DUE = count_rows!("alerts", "x.cleared_at < $2");
    TRIES_OF_CALLS = children_of!("outgoing_attempts", "outgoing_call_id", "outgoing_calls",
        "x.state not in ('waiting', 'dialling') and x.updated_at < $2");
    OUTGOING_CALLS = rows_of!("outgoing_calls", "x.state not in ('waiting', 'dialling') and x.updated_at < $2");
    OUTGOING_CALLS_DUE = count_rows!("outgoing_calls", "x.state not in ('waiting', 'dialling') and x.updated_at < $2");
    LOGINS = rows_of!("logins", "coalesce(x.ended_at, x.expires_at) < $2");
    LOGINS_DUE = count_rows!("logins", "coalesce(x.ended_at, x.expires_at) < $2");
    INVITATIONS = rows_of!("invitations", "coalesce(x.used_at, x.expires_at) < $2");
    INVITATIONS_DUE = count_rows!("invitations", "coalesce(x.used_at, x.expires_at) < $2");
    VOICEMAILS_DUE = count_rows!("voicemails", "x.recorded_at < $2");
    OVERDUE_VOICEMAILS = "select id, object_key from voicemails
        where tenant_id = $1 and recorded_at < $2 order by recorded_at, id limit $3";
    DELETE_VOICEMAIL = "delete from voicemails where tenant_id = $1 and id = $2";
}

/// What is kept for a number of days of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionKind {
    /// What was said, what tools were asked and answered, and what was taken down.
    Transcripts,
    /// Messages of conversations: SMS, e-mail, chats.
    Messages,
    /// Technical events of calls.
    Events,
    /// What calls were fed, for replay.
    ReplayInputs,
    /// Handshakes, model sessions, transfers, used stream tokens.
    Technical,
    /// Messages that callers left, with their audio.
    Voicemails,
    /// Calls that we were asked to place, and their tries.
    OutgoingCalls,
    /// Work that is over.
    Jobs,
    /// Which mails were sent.
    Mails,
    /// Which webhooks were delivered, with their tries.
    WebhookDeliveries,
    /// Answers to requests that may be repeated.
    IdempotencyKeys,
    /// Alerts that have cleared.
    Alerts,
    /// Logins of staff that are over, and invitations that were used or ran out.
    Logins,
}

/// A message whose time has come.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OverdueVoicemail {
    pub id: VoicemailId,
    /// Its audio in the archive, which goes first.
    pub object_key: Option<String>,
}

impl RetentionKind {
    pub const ALL: [Self; 13] = [
        Self::Transcripts,
        Self::Messages,
        Self::Events,
        Self::ReplayInputs,
        Self::Technical,
        Self::Voicemails,
        Self::OutgoingCalls,
        Self::Jobs,
        Self::Mails,
        Self::WebhookDeliveries,
        Self::IdempotencyKeys,
        Self::Alerts,
        Self::Logins,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transcripts => "transcripts",
            Self::Messages => "messages",
            Self::Events => "events",
            Self::ReplayInputs => "replay_inputs",
            Self::Technical => "technical",
            Self::Voicemails => "voicemails",
            Self::OutgoingCalls => "outgoing_calls",
            Self::Jobs => "jobs",
            Self::Mails => "mails",
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Alerts => "alerts",
            Self::Logins => "logins",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What deletes it, children first. Voicemails go one by one, after their audio.
    const fn steps(self) -> &'static [Sql] {
        match self {
            Self::Transcripts => &[TURNS, TOOL_CALLS, CAPTURED, WORDS_OF_EVENTS],
            Self::Messages => &[MESSAGES],
            Self::Events => &[EVENTS],
            Self::ReplayInputs => &[INPUTS],
            Self::Technical => &[HANDSHAKES, MODEL_SESSIONS, STREAM_TOKENS, TRANSFERS],
            Self::Voicemails => &[],
            Self::OutgoingCalls => &[TRIES_OF_CALLS, OUTGOING_CALLS],
            Self::Jobs => &[JOBS],
            Self::Mails => &[MAILS],
            Self::WebhookDeliveries => &[ATTEMPTS_OF_WEBHOOKS, WEBHOOKS],
            Self::IdempotencyKeys => &[IDEMPOTENCY_KEYS],
            Self::Alerts => &[ALERTS],
            Self::Logins => &[LOGINS, INVITATIONS],
        }
    }

    const fn counts(self) -> &'static [Sql] {
        match self {
            Self::Transcripts => &[TURNS_DUE, TOOL_CALLS_DUE, CAPTURED_DUE, WORDS_OF_EVENTS_DUE],
            Self::Messages => &[MESSAGES_DUE],
            Self::Events => &[EVENTS_DUE],
            Self::ReplayInputs => &[INPUTS_DUE],
            Self::Technical => &[
                HANDSHAKES_DUE,
                MODEL_SESSIONS_DUE,
                STREAM_TOKENS_DUE,
                TRANSFERS_DUE,
            ],
            Self::Voicemails => &[VOICEMAILS_DUE],
            Self::OutgoingCalls => &[OUTGOING_CALLS_DUE],
            Self::Jobs => &[JOBS_DUE],
            Self::Mails => &[MAILS_DUE],
            Self::WebhookDeliveries => &[WEBHOOKS_DUE],
            Self::IdempotencyKeys => &[IDEMPOTENCY_KEYS_DUE],
            Self::Alerts => &[ALERTS_DUE],
            Self::Logins => &[LOGINS_DUE, INVITATIONS_DUE],
        }
    }
}

impl TenantStore {
    /// Rows of this kind from before this moment. Nothing is changed.
    pub async fn count_overdue(
        &self,
        kind: RetentionKind,
        before: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut tx = self.read().await?;
        let mut rows = 0;
        for count in kind.counts() {
            let (count,) = fetch!(&mut tx, one Only<i64>, *count, self.tenant(), before)?;
            rows += count;
        }
        Ok(rows)
    }

    /// Deletes rows of this kind from before this moment: those of at most `batch` calls, or at most `batch` of what has
    /// a life of its own, in one transaction. Gives how many went; 0 when nothing is left.
    pub async fn delete_overdue(
        &self,
        kind: RetentionKind,
        before: Timestamp,
        batch: i64,
    ) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let mut rows = 0;
        for step in kind.steps() {
            rows += execute!(&mut tx, *step, self.tenant(), before, batch)?;
        }
        tx.commit().await?;
        Ok(rows)
    }

    /// Messages of callers from before this moment, the oldest first.
    pub async fn overdue_voicemails(
        &self,
        before: Timestamp,
        count: i64,
    ) -> Result<Vec<OverdueVoicemail>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OverdueVoicemail, OVERDUE_VOICEMAILS, self.tenant(), before, count)
    }

    /// Forgets a message whose audio is gone. `false` when it is not there.
    pub async fn delete_voicemail(&self, voicemail: VoicemailId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let rows = execute!(&mut tx, DELETE_VOICEMAIL, self.tenant(), voicemail)?;
        tx.commit().await?;
        Ok(rows == 1)
    }
}
