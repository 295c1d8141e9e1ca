//! Who picks up calls that were created by REST, and what answering-machine detection says of them, when and how often.

use super::call::{Call, Flow};
use super::event::{CarrierEvent, EndedBy};
use super::fault::WebhookFaults;
use crate::caller::{CallerScript, Clip};
use std::sync::Arc;
use std::time::Duration;
use switchboard_media::tone;
use switchboard_wire::twilio::{CallStatus, Form};

/// Length of the tone that a voicemail plays before it records.
const BEEP_MS: u64 = 500;
/// Between a voicemail's greeting and its tone.
const BEEP_AFTER_MS: u64 = 300;
/// How long detection of a person or of a machine's greeting takes.
const DETECTED_AFTER_MS: u64 = 1_500;
/// How long after the tone the end of a machine's greeting is reported.
const BEEP_HEARD_AFTER_MS: u64 = 100;
/// How long a busy or unreachable line takes to say so.
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// A voicemail records no longer than this.
const RECORDS_MS: u64 = 20_000;

/// A dialled line and who is on it.
#[derive(Debug, Clone)]
pub struct Callee {
    pub pickup: Pickup,
    /// What is said once somebody or something picked up.
    pub script: CallerScript,
    pub party: Party,
    /// What detection says instead of what fits the party; an empty list says nothing.
    pub verdicts: Option<Vec<Verdict>>,
    /// What goes wrong with the callbacks of this call.
    pub webhook_faults: WebhookFaults,
}

/// What the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pickup {
    Answers {
        ring_ms: u64,
    },
    Busy,
    /// Rings until the call's `Timeout`, or until this earlier moment, so that tests need not wait a minute.
    NoAnswer {
        ring_ms_max: Option<u64>,
    },
    /// The number cannot be reached.
    Failed,
}

/// Who is on the line, as detection would find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Human,
    /// A greeting of this length, then a tone.
    Voicemail {
        greeting_ms: u64,
    },
    Fax,
    Unclear,
}

/// One result of detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// As Twilio writes it: `human`, `machine_end_beep` …
    pub answered_by: &'static str,
    /// After somebody picked up.
    pub after_ms: u64,
    /// How often it is sent.
    pub times: usize,
}

impl Verdict {
    /// Sent once.
    pub const fn new(answered_by: &'static str, after_ms: u64) -> Self {
        Self {
            answered_by,
            after_ms,
            times: 1,
        }
    }
}

/// What `MachineDetection` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DetectionMode {
    /// As soon as it is clear who picked up.
    Enable,
    /// Of a machine only when its greeting is over.
    DetectMessageEnd,
}

/// Detection as a call was created with.
#[derive(Debug, Clone)]
pub(super) struct Detection {
    pub(super) mode: DetectionMode,
    /// Where asynchronous results go. Without it the first document waits for the result.
    pub(super) callback: Option<String>,
    pub(super) is_async: bool,
}

impl Callee {
    /// A person who follows a script.
    pub fn human(script: CallerScript) -> Self {
        Self {
            pickup: Pickup::Answers { ring_ms: 200 },
            script,
            party: Party::Human,
            verdicts: None,
            webhook_faults: WebhookFaults::default(),
        }
    }

    /// A machine: a greeting of this length, a tone of 1,000 Hz, then it records.
    pub fn voicemail(greeting_ms: u64) -> Self {
        let greeting: Clip = tone::sine(8_000, 300.0, greeting_ms, 0.3).into();
        let beep: Clip = tone::sine(8_000, 1_000.0, BEEP_MS, 0.4).into();
        let script = CallerScript::new()
            .speak(greeting)
            .wait(BEEP_AFTER_MS)
            .speak(beep)
            .wait(RECORDS_MS)
            .hang_up();
        Self {
            party: Party::Voicemail { greeting_ms },
            ..Self::human(script)
        }
    }

    /// A line that nobody picks up, for this reason.
    pub fn unanswered(pickup: Pickup) -> Self {
        Self {
            pickup,
            ..Self::human(CallerScript::new())
        }
    }

    #[must_use]
    pub fn detected(self, verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        Self {
            verdicts: Some(verdicts.into_iter().collect()),
            ..self
        }
    }

    #[must_use]
    pub fn with_webhook_faults(self, webhook_faults: WebhookFaults) -> Self {
        Self {
            webhook_faults,
            ..self
        }
    }

    /// What detection says, in this mode.
    pub(super) fn verdicts(&self, mode: DetectionMode) -> Vec<Verdict> {
        if let Some(scripted) = &self.verdicts {
            return scripted.clone();
        }
        let verdict = match (self.party, mode) {
            (Party::Human, _) => Verdict::new("human", DETECTED_AFTER_MS),
            (Party::Fax, _) => Verdict::new("fax", DETECTED_AFTER_MS),
            (Party::Unclear, _) => Verdict::new("unknown", DETECTED_AFTER_MS),
            (Party::Voicemail { .. }, DetectionMode::Enable) => {
                Verdict::new("machine_start", DETECTED_AFTER_MS)
            }
            (Party::Voicemail { greeting_ms }, DetectionMode::DetectMessageEnd) => {
                let over_ms = greeting_ms + BEEP_AFTER_MS + BEEP_MS + BEEP_HEARD_AFTER_MS;
                Verdict::new("machine_end_beep", over_ms)
            }
        };
        vec![verdict]
    }
}

impl Default for Callee {
    /// A person who says nothing and hangs up after ten seconds.
    fn default() -> Self {
        Self::human(CallerScript::new().wait(10_000).hang_up())
    }
}

impl Verdict {
    pub(super) fn after(&self) -> Duration {
        Duration::from_millis(self.after_ms)
    }
}

impl Call {
    /// Lets the callee's telephone ring. An error is a call that nobody picked up.
    pub(super) async fn ring_callee(&mut self, pickup: Pickup) -> Result<(), Flow> {
        let unanswered = match pickup {
            Pickup::Answers { ring_ms } => {
                let rings = Duration::from_millis(ring_ms);
                return self.hold(tokio::time::sleep(rings)).await;
            }
            Pickup::NoAnswer { ring_ms_max } => {
                let longest_ms = self.details.ring_s * 1_000;
                let rings_ms = ring_ms_max.map_or(longest_ms, |ms| ms.min(longest_ms));
                let rings = Duration::from_millis(rings_ms);
                self.hold(tokio::time::sleep(rings)).await?;
                CallStatus::NoAnswer
            }
            Pickup::Busy => CallStatus::Busy,
            Pickup::Failed => CallStatus::Failed,
        };
        if unanswered != CallStatus::NoAnswer {
            self.hold(tokio::time::sleep(REFUSED_AFTER)).await?;
        }
        self.final_status = unanswered;
        Err(Flow::End(EndedBy::NotAnswered))
    }

    /// Detection reports beside the call, or holds the first document up and is told with its request.
    pub(super) async fn detect(&mut self, callee: &Callee) -> Result<Vec<(String, String)>, Flow> {
        let Some(detection) = self.details.detection.clone() else {
            return Ok(Vec::new());
        };
        let verdicts = callee.verdicts(detection.mode);
        if !detection.is_async {
            let Some(verdict) = verdicts.first() else {
                return Ok(Vec::new());
            };
            self.hold(tokio::time::sleep(verdict.after())).await?;
            self.record.set_answered_by(verdict.answered_by);
            let duration_ms = verdict.after_ms.to_string();
            return Ok(vec![
                ("AnsweredBy".to_owned(), verdict.answered_by.to_owned()),
                ("MachineDetectionDuration".to_owned(), duration_ms),
            ]);
        }
        for verdict in verdicts {
            let form = Form::from_iter([
                ("CallSid", self.details.sid.as_str()),
                ("AccountSid", self.exchange.settings.account_sid.as_str()),
                ("AnsweredBy", verdict.answered_by),
                ("MachineDetectionDuration", &verdict.after_ms.to_string()),
            ]);
            let url = detection.callback.clone();
            let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
            tokio::spawn(async move {
                tokio::time::sleep(verdict.after()).await;
                record.set_answered_by(verdict.answered_by);
                let answered_by = verdict.answered_by;
                record.log(CarrierEvent::Detected { answered_by });
                for _ in 0..verdict.times {
                    if let Some(url) = &url {
                        exchange.post(&record, url, &form, true).await;
                    }
                }
            });
        }
        Ok(Vec::new())
    }
}
