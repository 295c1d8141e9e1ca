//! `<Dial>`: rings people, joins the legs, reports how it went.

use super::call::{Call, Flow};
use super::document::Dial;
use super::event::{CarrierEvent, EndedBy};
use super::human::HumanLine;
use super::line::{FRAME_MS, SILENCE, frame_of};
use super::webhook::resolve;
use crate::caller::{CallerRunner, CallerScript};
use crate::socket::random_bytes;
use switchboard_media::{g711, tone};
use switchboard_wire::twilio::CallSid;
use switchboard_wire::twilio::status::DialStatus;

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

/// What ringing leads to.
enum Ringing {
    Answered {
        number: String,
        script: CallerScript,
    },
    Unanswered(DialStatus),
}

impl Call {
    pub(super) async fn dial(&mut self, dial: &Dial) -> Result<(), Flow> {
        let dialled_sid = CallSid::from_entropy(random_bytes());
        let result = self.run_dial(dial).await;
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
            ("DialCallSid", dialled_sid.to_string()),
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

    async fn run_dial(&mut self, dial: &Dial) -> Result<Outcome, Flow> {
        if !self.may_show(dial.caller_id.as_deref()) {
            self.record
                .warn(13214, "the caller id is neither ours nor the caller's");
            return Ok(Outcome {
                status: DialStatus::Failed,
                is_bridged: false,
                talk_ms: 0,
            });
        }
        for number in &dial.targets {
            self.record.log(CarrierEvent::Dialled {
                number: number.clone(),
            });
        }
        match self.ring_humans(dial).await? {
            Ringing::Unanswered(status) => Ok(Outcome {
                status,
                is_bridged: false,
                talk_ms: 0,
            }),
            Ringing::Answered { number, script } => {
                self.record.log(CarrierEvent::HumanAnswered { number });
                let talk_ms = self.join(script, dial.time_limit_s * 1000).await?;
                Ok(Outcome {
                    status: DialStatus::Completed,
                    is_bridged: true,
                    talk_ms,
                })
            }
        }
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
    async fn ring_humans(&mut self, dial: &Dial) -> Result<Ringing, Flow> {
        let timeout_ms = dial.timeout_s * 1000;
        let lines = dial.targets.iter().map(|number| {
            let line = self.exchange.human(number);
            (number.clone(), ringing_ms(&line, timeout_ms), line)
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort_by_key(|(_, ms, line)| (!matches!(line, HumanLine::Answers { .. }), *ms));
        let answers = |line: &HumanLine| matches!(line, HumanLine::Answers { ring_ms, .. } if *ring_ms <= timeout_ms);
        let wait_ms = match lines.first() {
            Some((_, ms, line)) if answers(line) => *ms,
            _ => lines.iter().map(|(_, ms, _)| *ms).max().unwrap_or(0),
        };
        self.ring_back(wait_ms).await?;
        let status = match lines.last() {
            Some((_, _, HumanLine::Busy)) => DialStatus::Busy,
            Some((_, _, HumanLine::Failed)) => DialStatus::Failed,
            _ => DialStatus::NoAnswer,
        };
        Ok(match lines.into_iter().next() {
            Some((number, _, HumanLine::Answers { ring_ms, speech })) if ring_ms <= timeout_ms => {
                let script = speech.script;
                Ringing::Answered { number, script }
            }
            _ => Ringing::Unanswered(status),
        })
    }

    async fn ring_back(&mut self, ms: u64) -> Result<(), Flow> {
        let mut ring = Vec::new();
        g711::encode_ulaw(
            &tone::tone_pair(8_000, (440.0, 480.0), 1000, 0.1),
            &mut ring,
        );
        for step in 0..ms / FRAME_MS {
            let in_period = step % (RINGING_PERIOD_MS / FRAME_MS);
            self.beat(&frame_of(&ring, in_period as usize)).await?;
        }
        Ok(())
    }

    /// Two people talk until one hangs up; how long.
    async fn join(&mut self, script: CallerScript, limit_ms: u64) -> Result<u64, Flow> {
        let mut human = CallerRunner::new(script);
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

/// How long a line rings before it is known what becomes of it.
fn ringing_ms(line: &HumanLine, timeout_ms: u64) -> u64 {
    match line {
        HumanLine::Answers { ring_ms, .. } => (*ring_ms).min(timeout_ms),
        HumanLine::Busy | HumanLine::Failed => REFUSAL_MS,
        HumanLine::NoAnswer { ring_ms_max } => ring_ms_max.unwrap_or(timeout_ms).min(timeout_ms),
    }
}
