//! Section `[retention]`.

use serde::{Deserialize, Serialize};
use switchboard_store::RetentionKind;

/// Days after which each kind of data is deleted; 0 keeps it. Recordings have `recordings.retention_days`. A tenant may
/// have days of its own: `switchboard retention set`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// 365 days. What was said in calls, and what tools were asked and answered.
    pub transcripts_days: u32,
    /// 730 days. Messages of conversations.
    pub messages_days: u32,
    /// 180 days. Technical events of calls, which voice health counts.
    pub events_days: u32,
    /// 30 days. What calls were fed, for replay.
    pub replay_inputs_days: u32,
    /// 400 days. Handshakes, model sessions, transfers and used stream tokens: a year and a month to compare with.
    pub technical_days: u32,
    /// 90 days. Messages that callers left, with their audio.
    pub voicemails_days: u32,
    /// 365 days. Calls that we were asked to place, and their tries.
    pub outgoing_calls_days: u32,
    /// 30 days. Jobs that are over.
    pub jobs_days: u32,
    /// 90 days. Which mails were sent, and which are in doubt.
    pub mails_days: u32,
    /// 30 days. Which webhooks were delivered or failed, with their tries; later none can be replayed.
    pub webhook_deliveries_days: u32,
    /// 7 days. Answers to requests with an `Idempotency-Key`, where nobody used a key since.
    pub idempotency_keys_days: u32,
    /// 400 days. Alerts that have cleared.
    pub alerts_days: u32,
    /// 90 days. Logins of staff that are over, and invitations that were used or ran out.
    pub logins_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            transcripts_days: 365,
            messages_days: 730,
            events_days: 180,
            replay_inputs_days: 30,
            technical_days: 400,
            voicemails_days: 90,
            outgoing_calls_days: 365,
            jobs_days: 30,
            mails_days: 90,
            webhook_deliveries_days: 30,
            idempotency_keys_days: 7,
            alerts_days: 400,
            logins_days: 90,
        }
    }
}

impl RetentionSettings {
    /// Days of this kind; 0 keeps it.
    pub const fn days(&self, kind: RetentionKind) -> u32 {
        match kind {
            RetentionKind::Transcripts => self.transcripts_days,
            RetentionKind::Messages => self.messages_days,
            RetentionKind::Events => self.events_days,
            RetentionKind::ReplayInputs => self.replay_inputs_days,
            RetentionKind::Technical => self.technical_days,
            RetentionKind::Voicemails => self.voicemails_days,
            RetentionKind::OutgoingCalls => self.outgoing_calls_days,
            RetentionKind::Jobs => self.jobs_days,
            RetentionKind::Mails => self.mails_days,
            RetentionKind::WebhookDeliveries => self.webhook_deliveries_days,
            RetentionKind::IdempotencyKeys => self.idempotency_keys_days,
            RetentionKind::Alerts => self.alerts_days,
            RetentionKind::Logins => self.logins_days,
        }
    }
}
