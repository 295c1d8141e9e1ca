//! A handoff of a live telephone call: its running document is replaced by one that rings the humans.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard_call::Moment;
use switchboard_call::handoff::{Handoff, TransferOutcome};
use switchboard_call::input::Input;
use switchboard_store::{TransferStatus, Word};
use switchboard_wire::twilio::twiml::Document;

use super::TwilioChannel;
use super::handover::{Ended, Handover};
use crate::drive::{DriveHandle, DriveInput, Transferrer};
use crate::handoff::Ticket;
use crate::recorder::{CarrierRecording, RecordedCall};

/// Moves one call.
pub(super) struct CallTransfer {
    pub(super) handover: Arc<Handover>,
    /// How long the core waits for the outcome. Past it the leg is cut and the carrier's own document rings: a request
    /// that still arrived then would tear the caller away from the human.
    pub(super) answer_time_max: Duration,
}

impl Transferrer for CallTransfer {
    fn begin_recording(&self, of: RecordedCall, now: Moment) -> Option<CarrierRecording> {
        self.handover.begin_recording(of, now)
    }

    fn transfer(&self, handoff: Handoff, answer: DriveHandle) {
        let handover = Arc::clone(&self.handover);
        let deadline = Instant::now() + self.answer_time_max;
        tokio::spawn(async move {
            let outcome = handover.transfer(&handoff, deadline).await;
            answer.send(DriveInput::Core(Input::Transfer(outcome)));
        });
    }
}

impl Handover {
    async fn transfer(&self, handoff: &Handoff, deadline: Instant) -> TransferOutcome {
        let summary = handoff.summary.as_ref();
        self.keep_summary(summary.map(|words| words.expose().into()));
        let reason = Word::new(handoff.reason.as_str());
        let wanted = handoff.target.as_deref();
        let wanted = wanted.and_then(|name| Word::parse(name).ok());
        let chosen = self.begin(reason, wanted, TransferStatus::Offered).await;
        let document = Document::new(chosen.verbs);
        // Before the carrier is asked: it may close the stream before it answers.
        if chosen
            .ticket
            .as_ref()
            .is_some_and(|it| self.is_attended(it))
        {
            self.tell_call(TransferOutcome::Attended);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let outcome = self.rest.transfer(&self.call_sid, document, left).await;
        if let Some(ticket) = &chosen.ticket {
            self.note_offered(ticket, outcome);
        }
        outcome
    }

    /// When the carrier does not take it, its own document rings, of whose outcome we are not told.
    fn note_offered(&self, ticket: &Ticket, outcome: TransferOutcome) {
        if outcome == TransferOutcome::Accepted {
            return self.note(ticket, TransferStatus::Ringing, None);
        }
        let failed = Ended {
            status: TransferStatus::Failed,
            talked_s: None,
            has_caller: true,
        };
        self.note(ticket, failed.status, Some(failed));
    }

    /// A machine picked up: the caller is taken away from it, to whoever comes next. The carrier's report that the dial
    /// is over then changes nothing.
    pub(super) async fn leave_machine(
        self: Arc<Self>,
        channel: Arc<TwilioChannel>,
        ticket: Ticket,
    ) {
        let machine = Ended {
            status: TransferStatus::Machine,
            talked_s: None,
            has_caller: true,
        };
        let Some(verbs) = self.go_on_as_verbs(&channel, &ticket, machine).await else {
            return;
        };
        let document = Document::new(verbs);
        let outcome = self
            .rest
            .transfer(&self.call_sid, document, self.rest.transfer_time_max());
        if outcome.await != TransferOutcome::Accepted {
            tracing::warn!("a caller could not be taken away from an answering machine");
        }
    }
}
