//! `<Dial>`: rings people, joins the legs, reports how it went.

use super::call::{Call, Flow};
use super::document::{Dial, Noun};
use super::event::{CarrierEvent, EndedBy};
use super::human::HumanLine;
use super::line::{FRAME_MS, SILENCE, frame_of};
use super::webhook::resolve;
use crate::caller::{CallerRunner, CallerScript};
use crate::socket::random_bytes;
use std::sync::Arc;
use std::time::Duration;
use switchboard_media::{g711, tone};
use switchboard_wire::twilio::status::DialStatus;
use switchboard_wire::twilio::{CallSid, Form};

/// A busy or unreachable line says so after this long.
const REFUSAL_MS: u64 = 200;
/// Ringing as the caller hears it: a second of tone, two of silence.
const RINGING_PERIOD_MS: u64 = 3_000;

/// How a dial ended.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    status: DialStatus,
    is_bridged: bool,
    talk_ms: u64,
}

/// A line that is being rung, as its own webhooks name it.
#[derive(Debug, Clone)]
pub(super) struct DialledLine {
    pub(super) sid: CallSid,
    pub(super) noun: Noun,
    caller_id: String,
    is_machine: bool,
}

/// What ringing leads to.
enum Ringing {
    Answered {
        line: Box<DialledLine>,
        script: CallerScript,
    },
    Unanswered(DialStatus),
}

impl Call {
    pub(super) async fn dial(&mut self, dial: &Dial) -> Result<(), Flow> {
        let lines = self.lines_of(dial);
        let first_sid = lines.first().map(|line| line.sid.to_string());
        let mut dialled_sid = first_sid.unwrap_or_default();
        let result = self.run_dial(dial, lines, &mut dialled_sid).await;
        let outcome = match &result {
            Ok(outcome) => *outcome,
            Err(_) => Outcome {
                status: DialStatus::Canceled,
                is_bridged: false,
                talk_ms: 0,
            },
        };
        self.record.log(CarrierEvent::DialEnded {
            status: outcome.status,
            is_bridged: outcome.is_bridged,
        });
        let extra: Vec<(String, String)> = [
            ("DialCallStatus", outcome.status.as_str().to_owned()),
            ("DialCallSid", dialled_sid),
            (
                "DialCallDuration",
                outcome.talk_ms.div_ceil(1000).to_string(),
            ),
            ("DialBridged", outcome.is_bridged.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        if let Err(Flow::End(EndedBy::Caller)) = result {
            self.report_after_end(dial, &extra);
        }
        result?;
        self.go_on_at(dial.action.clone(), extra)
    }

    /// The caller hung up while the human was on the line: the action is still asked, its answer ignored.
    fn report_after_end(&mut self, dial: &Dial, extra: &[(String, String)]) {
        let action = dial.action.as_deref();
        let url = action.and_then(|action| resolve(self.document_url.as_deref(), action));
        if let Some(url) = url {
            let form = self.form(extra);
            let ended = form.parameters().iter().map(|(name, value)| {
                let is_status = name == "CallStatus";
                let value = if is_status { "completed" } else { value };
                (name.clone(), value.to_owned())
            });
            let form = ended.collect();
            self.last_requests.push((url, form));
        }
    }

    fn lines_of(&self, dial: &Dial) -> Vec<DialledLine> {
        let caller_id = dial.caller_id.as_ref().unwrap_or(&self.details.from);
        let line = |noun: &Noun| DialledLine {
            sid: CallSid::from_entropy(random_bytes()),
            noun: noun.clone(),
            caller_id: caller_id.clone(),
            is_machine: false,
        };
        dial.targets.iter().map(line).collect()
    }

    async fn run_dial(
        &mut self,
        dial: &Dial,
        lines: Vec<DialledLine>,
        dialled_sid: &mut String,
    ) -> Result<Outcome, Flow> {
        if !self.may_show(dial.caller_id.as_deref()) {
            self.record
                .warn(13214, "the caller id is neither ours nor the caller's");
            return Ok(Outcome {
                status: DialStatus::Failed,
                is_bridged: false,
                talk_ms: 0,
            });
        }
        for line in &lines {
            self.record.log(CarrierEvent::Dialled {
                number: line.noun.address.clone(),
            });
            self.exchange.lines().push(super::PlacedLine {
                sid: line.sid.clone(),
                parent: self.details.sid.clone(),
                from: line.caller_id.clone(),
                to: line.noun.address.clone(),
                status: "ringing",
            });
            self.report_line(line, "initiated", "initiated");
            self.report_line(line, "ringing", "ringing");
        }
        match self.ring_humans(dial, lines.clone()).await? {
            Ringing::Unanswered(status) => {
                for line in &lines {
                    self.report_line(line, "completed", status.as_str());
                }
                Ok(Outcome {
                    status,
                    is_bridged: false,
                    talk_ms: 0,
                })
            }
            Ringing::Answered { line, script } => {
                *dialled_sid = line.sid.to_string();
                let outcome = self.talk_with(dial, &line, script).await;
                self.report_line(&line, "completed", "completed");
                outcome
            }
        }
    }

    /// Somebody picked up: their document first, then the legs are joined.
    async fn talk_with(
        &mut self,
        dial: &Dial,
        line: &DialledLine,
        script: CallerScript,
    ) -> Result<Outcome, Flow> {
        self.record.log(CarrierEvent::HumanAnswered {
            number: line.noun.address.clone(),
        });
        self.report_line(line, "answered", "in-progress");
        self.detect_machine(line);
        let mut human = CallerRunner::new(script);
        let is_joined = match &line.noun.url {
            Some(url) => self.whisper(url.clone(), line, &mut human).await?,
            None => true,
        };
        let talk_ms = match is_joined {
            true => self.join(human, dial.time_limit_s * 1000).await?,
            false => 0,
        };
        Ok(Outcome {
            status: DialStatus::Completed,
            is_bridged: is_joined,
            talk_ms,
        })
    }

    /// Parameters of the requests about a dialled line: a call of its own whose parent is this one.
    pub(super) fn line_form(&self, line: &DialledLine, extra: &[(String, String)]) -> Form {
        let account_sid = self.exchange.settings.account_sid.as_str();
        let mut form = Form::from_iter([
            ("CallSid", line.sid.as_str()),
            ("ParentCallSid", self.details.sid.as_str()),
            ("AccountSid", account_sid),
            ("From", &line.caller_id),
            ("To", &line.noun.address),
            ("Caller", &line.caller_id),
            ("Called", &line.noun.address),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "outbound-dial"),
        ]);
        for (name, value) in extra {
            form.push(name, value);
        }
        form
    }

    /// Sends a status callback of a line beside the call, if this event is wanted.
    fn report_line(&self, line: &DialledLine, event: &str, status: &'static str) {
        let mut lines = self.exchange.lines();
        if let Some(placed) = lines.iter_mut().find(|placed| placed.sid == line.sid) {
            placed.status = status;
        }
        drop(lines);
        let wanted = line.noun.status_events.iter().any(|wanted| wanted == event);
        let Some(url) = line.noun.status_callback.clone().filter(|_| wanted) else {
            return;
        };
        let order = ["initiated", "ringing", "answered", "completed"];
        let number = order.iter().position(|known| *known == event).unwrap_or(0);
        let extra = [
            ("CallStatus".to_owned(), status.to_owned()),
            ("SequenceNumber".to_owned(), number.to_string()),
            (
                "CallbackSource".to_owned(),
                "call-progress-events".to_owned(),
            ),
            ("Timestamp".to_owned(), super::date::now()),
        ];
        self.post_beside(url, self.line_form(line, &extra), Duration::ZERO);
    }

    fn detect_machine(&self, line: &DialledLine) {
        let Some(url) = line.noun.machine_callback.clone() else {
            return;
        };
        let answered_by = if line.is_machine {
            "machine_start"
        } else {
            "human"
        };
        self.record
            .log(CarrierEvent::MachineDetected { answered_by });
        let form = Form::from_iter([
            ("CallSid", line.sid.as_str()),
            ("AccountSid", self.exchange.settings.account_sid.as_str()),
            ("AnsweredBy", answered_by),
            ("MachineDetectionDuration", "500"),
        ]);
        self.post_beside(url, form, super::call::AMD_TAKES);
    }

    fn post_beside(&self, url: String, form: Form, after: Duration) {
        let Some(url) = resolve(self.document_url.as_deref(), &url) else {
            self.record
                .warn(11100, "a relative URL in a document that has none");
            return;
        };
        let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            exchange.post(&record, &url, &form, true).await;
        });
    }

    /// A dialled human sees a number of the account or the number of the inbound caller, nothing else.
    fn may_show(&self, caller_id: Option<&str>) -> bool {
        let Some(caller_id) = caller_id else {
            return true;
        };
        let numbers = &self.exchange.settings.numbers;
        let is_ours = numbers.iter().any(|ours| ours.number == caller_id);
        is_ours || caller_id == self.details.from || caller_id == self.details.to
    }

    /// All lines ring at once; the first who answers wins.
    async fn ring_humans(&mut self, dial: &Dial, lines: Vec<DialledLine>) -> Result<Ringing, Flow> {
        let timeout_ms = dial.timeout_s * 1000;
        let lines = lines.into_iter().map(|dialled| {
            let line = self.exchange.human(&dialled.noun.address);
            let ms = ringing_ms(&line, timeout_ms);
            (dialled, ms, line)
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort_by_key(|(_, ms, line)| (answers_after(line).is_none(), *ms));
        let in_time = |line: &HumanLine| answers_after(line).is_some_and(|ms| ms <= timeout_ms);
        let wait_ms = match lines.first() {
            Some((_, ms, line)) if in_time(line) => *ms,
            _ => lines.iter().map(|(_, ms, _)| *ms).max().unwrap_or(0),
        };
        self.ring_back(wait_ms).await?;
        let status = match lines.last() {
            Some((_, _, HumanLine::Busy)) => DialStatus::Busy,
            Some((_, _, HumanLine::Failed)) => DialStatus::Failed,
            _ => DialStatus::NoAnswer,
        };
        Ok(match lines.into_iter().next() {
            Some((mut line, _, human)) if in_time(&human) => match human {
                HumanLine::Answers { speech, .. } => Ringing::Answered {
                    line: Box::new(line),
                    script: speech.script,
                },
                HumanLine::Machine { speech, .. } => {
                    line.is_machine = true;
                    Ringing::Answered {
                        line: Box::new(line),
                        script: speech.script,
                    }
                }
                _ => Ringing::Unanswered(status),
            },
            _ => Ringing::Unanswered(status),
        })
    }

    async fn ring_back(&mut self, ms: u64) -> Result<(), Flow> {
        let ring = ringing_tone();
        for step in 0..ms / FRAME_MS {
            let in_period = step % (RINGING_PERIOD_MS / FRAME_MS);
            self.beat(&frame_of(&ring, in_period as usize)).await?;
        }
        Ok(())
    }

    /// Two people talk until one hangs up; how long.
    pub(super) async fn join(
        &mut self,
        mut human: CallerRunner,
        limit_ms: u64,
    ) -> Result<u64, Flow> {
        let mut sound = SILENCE;
        let mut talk_ms = 0;
        while talk_ms < limit_ms {
            let mouth = self.beat(&sound).await?;
            self.record.tell_human(&mouth.sound);
            let human_mouth = human.tick(&mouth.sound);
            sound = human_mouth.sound;
            talk_ms += FRAME_MS;
            if human_mouth.hangs_up {
                break;
            }
        }
        Ok(talk_ms)
    }
}

/// A second of what a caller hears while it rings.
pub(super) fn ringing_tone() -> Vec<u8> {
    let mut ring = Vec::new();
    g711::encode_ulaw(
        &tone::tone_pair(8_000, (440.0, 480.0), 1000, 0.1),
        &mut ring,
    );
    ring
}

/// After how long somebody or something picks up, if ever.
fn answers_after(line: &HumanLine) -> Option<u64> {
    match line {
        HumanLine::Answers { ring_ms, .. } | HumanLine::Machine { ring_ms, .. } => Some(*ring_ms),
        HumanLine::Busy | HumanLine::Failed | HumanLine::NoAnswer { .. } => None,
    }
}

/// How long a line rings before it is known what becomes of it.
fn ringing_ms(line: &HumanLine, timeout_ms: u64) -> u64 {
    match line {
        HumanLine::Answers { ring_ms, .. } | HumanLine::Machine { ring_ms, .. } => {
            (*ring_ms).min(timeout_ms)
        }
        HumanLine::Busy | HumanLine::Failed => REFUSAL_MS,
        HumanLine::NoAnswer { ring_ms_max } => ring_ms_max.unwrap_or(timeout_ms).min(timeout_ms),
    }
}
