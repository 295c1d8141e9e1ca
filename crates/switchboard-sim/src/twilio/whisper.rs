//! The document for whoever picked up, before the legs are joined. The caller hears ringing meanwhile.

use super::call::{Call, Flow};
use super::dial::{DialledLine, ringing_tone};
use super::document::{Gather, Verb, parse_document};
use super::event::CarrierEvent;
use super::line::{FRAME_MS, Frame, frame_of, steps_of};
use super::webhook::resolve;
use crate::caller::{CallerRunner, Mouth};
use std::sync::{Arc, LazyLock};
use switchboard_media::g711;

/// A document that leads to documents for ever joins nobody.
const DOCUMENTS_MAX: usize = 10;

/// What the caller hears meanwhile.
static RING: LazyLock<Frame> = LazyLock::new(|| frame_of(&ringing_tone(), 0));

/// What a verb of the document leads to.
enum Step {
    Next,
    /// Another document, with these parameters.
    Fetch(String, Vec<(String, String)>),
    /// The line is hung up, by either side.
    HungUp,
}

impl Call {
    /// Runs the document at `url` for a dialled line. True when the legs may be joined: the document came to its end.
    pub(super) async fn whisper(
        &mut self,
        url: String,
        line: &DialledLine,
        human: &mut CallerRunner,
    ) -> Result<bool, Flow> {
        let base = self.document_url.clone();
        let mut next = Some((url, Vec::new()));
        let mut documents = 0;
        while let Some((url, mut extra)) = next.take() {
            documents += 1;
            let url = resolve(base.as_deref(), &url).filter(|_| documents <= DOCUMENTS_MAX);
            let Some(url) = url else {
                self.record.warn(11100, "a whisper that leads nowhere");
                return Ok(false);
            };
            extra.push(("CallStatus".to_owned(), "in-progress".to_owned()));
            let Some(verbs) = self.fetch_whisper(&url, line, &extra).await? else {
                return Ok(false);
            };
            for verb in verbs {
                match self.whisper_verb(&verb, &url, human).await? {
                    Step::Next => {}
                    Step::Fetch(url, extra) => {
                        next = Some((url, extra));
                        break;
                    }
                    Step::HungUp => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// Without a document nobody is joined, as when the server is gone.
    async fn fetch_whisper(
        &mut self,
        url: &str,
        line: &DialledLine,
        extra: &[(String, String)],
    ) -> Result<Option<Vec<Verb>>, Flow> {
        let form = self.line_form(line, extra);
        let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
        let answer = self.hold(exchange.post(&record, url, &form, true)).await?;
        let Some(answer) = answer.filter(|answer| answer.is_xml && answer.status == 200) else {
            self.record.warn(11200, "no document for whoever picked up");
            return Ok(None);
        };
        match parse_document(&answer.body) {
            Ok(verbs) => Ok(Some(verbs)),
            Err(error) => {
                self.record.warn(error.code, error.text);
                Ok(None)
            }
        }
    }

    async fn whisper_verb(
        &mut self,
        verb: &Verb,
        url: &str,
        human: &mut CallerRunner,
    ) -> Result<Step, Flow> {
        match verb {
            Verb::Say { .. } | Verb::Play { .. } | Verb::Pause { .. } => {
                let sound = self.whisper_sound(verb).await?;
                for step in 0..steps_of(&sound) {
                    let mouth = self.beat_human(&frame_of(&sound, step), human).await?;
                    if mouth.hangs_up {
                        return Ok(Step::HungUp);
                    }
                }
                Ok(Step::Next)
            }
            Verb::Gather(gather) => self.whisper_gather(gather, url, human).await,
            Verb::Redirect { url } => Ok(Step::Fetch(url.clone(), Vec::new())),
            Verb::Hangup => Ok(Step::HungUp),
            other => {
                let text = format!("{} is not allowed before the legs are joined", other.name());
                self.record.warn(12200, text);
                Ok(Step::HungUp)
            }
        }
    }

    async fn whisper_gather(
        &mut self,
        gather: &Gather,
        url: &str,
        human: &mut CallerRunner,
    ) -> Result<Step, Flow> {
        let mut sound = Vec::new();
        for prompt in &gather.prompts {
            sound.extend(self.whisper_sound(prompt).await?);
        }
        let steps = steps_of(&sound) + (gather.timeout_s * 1000 / FRAME_MS) as usize;
        let mut digits = String::new();
        for step in 0..steps {
            let mouth = self.beat_human(&frame_of(&sound, step), human).await?;
            if mouth.hangs_up {
                return Ok(Step::HungUp);
            }
            if let Some(digit) = mouth.digit {
                self.record.log(CarrierEvent::HumanPressed { digit });
                digits.push(digit);
            }
            if gather.digits_max.is_some_and(|max| digits.len() >= max) {
                break;
            }
        }
        if digits.is_empty() && !gather.action_on_empty_result {
            return Ok(Step::Next);
        }
        let action = gather.action.clone().unwrap_or_else(|| url.to_owned());
        Ok(Step::Fetch(action, vec![("Digits".to_owned(), digits)]))
    }

    async fn whisper_sound(&mut self, verb: &Verb) -> Result<Vec<u8>, Flow> {
        match verb {
            Verb::Say { text } => {
                let text = text.clone();
                self.record
                    .log(CarrierEvent::Whispered { text: text.clone() });
                self.say_clip(&text).await
            }
            Verb::Play { url } => self.audio_file(url).await,
            Verb::Pause { length_s } => Ok(vec![g711::ULAW_SILENCE; *length_s as usize * 8_000]),
            _ => Ok(Vec::new()),
        }
    }

    /// 20 ms in which the human hears this frame and the caller hears ringing.
    async fn beat_human(&mut self, frame: &Frame, human: &mut CallerRunner) -> Result<Mouth, Flow> {
        self.beat(&RING).await?;
        self.record.tell_human(frame);
        Ok(human.tick(frame))
    }
}
