//! `<Gather>`: key presses or speech before a stream, because during one they arrive on the socket.

use super::element::Element;
use super::{Say, TwimlError};

/// Collects input and posts it to `action`. Without input the next verb runs, unless `action_on_empty_result`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Gather {
    pub input: GatherInput,
    pub action: Option<String>,
    /// Waiting for the first or next key; Twilio's default is 5 s.
    pub timeout_s: Option<u32>,
    pub digits_max: Option<u32>,
    /// Empty for none; Twilio's default is `#`.
    pub finish_on_key: Option<String>,
    pub action_on_empty_result: Option<bool>,
    pub language: Option<String>,
    /// What the caller hears while input is awaited.
    pub prompts: Vec<Prompt>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GatherInput {
    #[default]
    Dtmf,
    Speech,
    DtmfAndSpeech,
}

/// The verbs that may stand inside.
#[derive(Clone, PartialEq, Eq)]
pub enum Prompt {
    Say(Say),
    Play { url: String },
    Pause { length_s: u32 },
}

impl Gather {
    pub(super) fn to_element(&self) -> Result<Element, TwimlError> {
        let input = match self.input {
            GatherInput::Dtmf => "dtmf",
            GatherInput::Speech => "speech",
            GatherInput::DtmfAndSpeech => "dtmf speech",
        };
        let mut element = Element::new("Gather")
            .with("input", input)
            .with_if("action", self.action.as_ref())
            .with_if("timeout", self.timeout_s)
            .with_if("finishOnKey", self.finish_on_key.as_ref())
            .with_if("numDigits", self.digits_max)
            .with_if("actionOnEmptyResult", self.action_on_empty_result)
            .with_if("language", self.language.as_ref());
        for prompt in &self.prompts {
            element.push(match prompt {
                Prompt::Say(say) => say.to_element()?,
                Prompt::Play { url } => Element::new("Play").with_text(url),
                Prompt::Pause { length_s } => Element::new("Pause").with("length", length_s),
            });
        }
        Ok(element)
    }
}
