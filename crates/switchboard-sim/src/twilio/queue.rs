//! `<Enqueue>`: the caller waits, hears the waiting document again and again, and is taken or leaves.

use super::call::{Call, Flow};
use super::document::{Enqueue, Verb, parse_document};
use super::event::{CarrierEvent, EndedBy};
use super::human::QueueLine;
use super::line::{FRAME_MS, Frame, SILENCE, frame_of, steps_of};
use super::webhook::resolve;
use crate::caller::{CallerRunner, CallerScript};
use crate::socket::random_bytes;
use std::sync::Arc;
use switchboard_media::{g711, tone};

/// A caller who waits longer than this in a test is forgotten.
const WAIT_MS_MAX: u64 = 120_000;

/// A caller in a queue.
struct Waiting {
    waited_ms: u64,
    /// When somebody takes the call, if ever.
    taken_at_ms: Option<u64>,
}

/// Why the waiting is over.
enum Over {
    Taken,
    Left,
    TooLong,
}

impl Call {
    pub(super) async fn enqueue(&mut self, enqueue: &Enqueue) -> Result<(), Flow> {
        let queue_sid = format!("QU{}", super::hexadecimal(random_bytes()));
        let line = self.exchange.settings.queues.get(&enqueue.queue).cloned();
        let mut waiting = Waiting {
            waited_ms: 0,
            taken_at_ms: None,
        };
        let result = match line.unwrap_or(QueueLine::Unattended) {
            QueueLine::Full => "queue-full",
            QueueLine::Unattended => {
                self.wait_in_queue(enqueue, &queue_sid, &mut waiting)
                    .await?
            }
            QueueLine::Taken { after_ms, speech } => {
                waiting.taken_at_ms = Some(after_ms);
                let result = self.wait_in_queue(enqueue, &queue_sid, &mut waiting);
                let result = result.await?;
                if result == "bridged" {
                    self.talk_from_queue(speech.script).await?;
                }
                result
            }
        };
        self.record.log(CarrierEvent::QueueLeft { result });
        let extra = vec![
            ("QueueResult".to_owned(), result.to_owned()),
            ("QueueSid".to_owned(), queue_sid),
            (
                "QueueTime".to_owned(),
                (waiting.waited_ms / 1000).to_string(),
            ),
        ];
        self.go_on_at(enqueue.action.clone(), extra)
    }

    async fn talk_from_queue(&mut self, script: CallerScript) -> Result<(), Flow> {
        self.record.log(CarrierEvent::HumanAnswered {
            number: "queue".to_owned(),
        });
        self.join(CallerRunner::new(script), WAIT_MS_MAX).await?;
        Ok(())
    }

    async fn wait_in_queue(
        &mut self,
        enqueue: &Enqueue,
        queue_sid: &str,
        waiting: &mut Waiting,
    ) -> Result<&'static str, Flow> {
        self.record.log(CarrierEvent::Enqueued {
            queue: enqueue.queue.clone(),
        });
        let over = match &enqueue.wait_url {
            Some(url) => self.run_waiting(url.clone(), queue_sid, waiting).await?,
            None => loop {
                if let Some(over) = self.beat_waiting(&hold_tone(), waiting).await? {
                    break over;
                }
            },
        };
        Ok(match over {
            Over::Taken => "bridged",
            Over::Left => "leave",
            Over::TooLong => "error",
        })
    }

    /// Asks for the waiting document again whenever it is through.
    async fn run_waiting(
        &mut self,
        url: String,
        queue_sid: &str,
        waiting: &mut Waiting,
    ) -> Result<Over, Flow> {
        let mut url = url;
        loop {
            let Some(target) = resolve(self.document_url.as_deref(), &url) else {
                self.record.warn(11100, "a waiting document without a URL");
                return Ok(Over::TooLong);
            };
            let verbs = self.fetch_waiting(&target, queue_sid, waiting).await?;
            let began = waiting.waited_ms;
            for verb in verbs {
                let sound = match verb {
                    Verb::Leave => return Ok(Over::Left),
                    Verb::Hangup => return Err(Flow::End(EndedBy::Document)),
                    Verb::Redirect { url: next } => {
                        url = next;
                        break;
                    }
                    Verb::Say { text } => {
                        self.record.log(CarrierEvent::Said { text: text.clone() });
                        self.say_clip(&text).await?
                    }
                    Verb::Play { url } => self.audio_file(&url).await?,
                    Verb::Pause { length_s } => {
                        vec![g711::ULAW_SILENCE; length_s as usize * 8_000]
                    }
                    other => {
                        let text = format!("{} is not allowed in a queue", other.name());
                        self.record.warn(12200, text);
                        return Ok(Over::TooLong);
                    }
                };
                for step in 0..steps_of(&sound) {
                    let over = self.beat_waiting(&frame_of(&sound, step), waiting).await?;
                    if let Some(over) = over {
                        return Ok(over);
                    }
                }
            }
            // A document that takes no time is not asked for in a busy loop.
            if waiting.waited_ms == began
                && let Some(over) = self.beat_waiting(&SILENCE, waiting).await?
            {
                return Ok(over);
            }
        }
    }

    async fn fetch_waiting(
        &mut self,
        url: &str,
        queue_sid: &str,
        waiting: &Waiting,
    ) -> Result<Vec<Verb>, Flow> {
        let extra = [
            ("QueueSid".to_owned(), queue_sid.to_owned()),
            (
                "QueueTime".to_owned(),
                (waiting.waited_ms / 1000).to_string(),
            ),
            ("QueuePosition".to_owned(), "1".to_owned()),
            ("AvgQueueTime".to_owned(), "0".to_owned()),
            ("CurrentQueueSize".to_owned(), "1".to_owned()),
        ];
        let form = self.form(&extra);
        let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
        let answer = self.hold(exchange.post(&record, url, &form, true)).await?;
        let body = answer.filter(|answer| answer.is_xml && answer.status == 200);
        let verbs = body.and_then(|answer| parse_document(&answer.body).ok());
        if verbs.is_none() {
            self.record.warn(11200, "no document for the queue");
        }
        Ok(verbs.unwrap_or_default())
    }

    async fn beat_waiting(
        &mut self,
        frame: &Frame,
        waiting: &mut Waiting,
    ) -> Result<Option<Over>, Flow> {
        self.beat(frame).await?;
        waiting.waited_ms += FRAME_MS;
        if waiting
            .taken_at_ms
            .is_some_and(|at| waiting.waited_ms >= at)
        {
            return Ok(Some(Over::Taken));
        }
        Ok((waiting.waited_ms >= WAIT_MS_MAX).then_some(Over::TooLong))
    }
}

/// What the carrier plays when nobody says what else.
fn hold_tone() -> Frame {
    let mut sound = Vec::new();
    g711::encode_ulaw(&tone::sine(8_000, 300.0, FRAME_MS, 0.1), &mut sound);
    frame_of(&sound, 0)
}
