//! A write is confirmed by us, not by the model: our question is heard by this caller, and this caller says yes.
//!
//! It holds when the model is entirely hostile. The question is made from the request itself and said word for word;
//! while it is open the model gets no reply of its own; only the caller's final words after the question was heard
//! to its end let the same request run. Anything else, silence included, is a no.

use crate::backchannel;
use crate::call::Call;
use crate::event::EventKind;
use crate::ids::{ItemId, ReplyId};
use crate::input::{CallerWords, ToolRequest};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::tool_call::RunningTool;
use crate::words::Words;

/// Who has not answered by then has not agreed.
const ANSWER: Span = Span::from_secs(25);

/// The question that is open, if one is.
#[derive(Debug, Default)]
pub(crate) struct Confirmation {
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    tool: RunningTool,
    question: Words,
    /// The item it is spoken in, once its first sound came.
    item: Option<ItemId>,
    is_generated: bool,
    is_heard: bool,
    was_repeated: bool,
    until: Moment,
}

impl Confirmation {
    pub(crate) fn is_open(&self) -> bool {
        self.asked.is_some()
    }

    /// Audio of the reply that says these words belongs to the question.
    pub(crate) fn on_audio(&mut self, said: Option<&Words>, item: ItemId) {
        if let Some(asked) = &mut self.asked
            && asked.item.is_none()
            && said == Some(&asked.question)
        {
            asked.item = Some(item);
        }
    }

    pub(crate) fn on_generated(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_generated |= asked.item.is_some();
        }
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        self.asked.as_ref().map(|asked| asked.until)
    }
}

impl Call {
    /// The shell made a question of the request: it is asked now, and the request waits for its answer.
    pub(crate) fn ask_confirmation(&mut self, now: Moment, tool: RunningTool, question: Words) {
        self.event(
            now,
            EventKind::ConfirmationAsked {
                name: tool.name.clone(),
            },
        );
        // One question at a time: an older one that nobody answered is no yes.
        if let Some(older) = self.confirmation.asked.take() {
            self.tell_declined(now, &older.tool, "");
        }
        self.confirmation.asked = Some(Asked {
            tool,
            question: question.clone(),
            item: None,
            is_generated: false,
            is_heard: false,
            was_repeated: false,
            until: now + ANSWER,
        });
        self.say_question(now, question);
    }

    fn say_question(&mut self, now: Moment, question: Words) {
        let language = self
            .settings
            .sentences(self.turns.language())
            .map(|sentences| sentences.language);
        self.say(
            now,
            question,
            language.unwrap_or(crate::words::Language::ENGLISH),
        );
    }

    /// The question was heard when all of it was played.
    pub(crate) fn advance_confirmation(&mut self, now: Moment) {
        let Some(asked) = &mut self.confirmation.asked else {
            return;
        };
        if let Some(item) = asked.item
            && asked.is_generated
            && !asked.is_heard
        {
            let generated = self.turns.generated_audio(item);
            asked.is_heard = !generated.is_zero() && self.playback.heard(now, item) >= generated;
        }
        if now >= asked.until {
            self.answer_confirmation(now, false, "");
        }
    }

    /// Final words of the caller while a question is open.
    pub(crate) fn on_confirmation_words(&mut self, now: Moment, said: &CallerWords) {
        let Some(asked) = &mut self.confirmation.asked else {
            return;
        };
        let agrees = backchannel::agrees(said.words.expose(), said.language);
        // A yes to half a question is no yes to all of it: once more, from the beginning.
        if agrees && !asked.is_heard && !asked.was_repeated {
            asked.was_repeated = true;
            asked.item = None;
            asked.is_generated = false;
            let question = asked.question.clone();
            return self.say_question(now, question);
        }
        let agreed = agrees && asked.is_heard;
        self.answer_confirmation(now, agreed, said.words.expose());
    }

    fn answer_confirmation(&mut self, now: Moment, agreed: bool, words: &str) {
        let Some(asked) = self.confirmation.asked.take() else {
            return;
        };
        let tool = asked.tool;
        self.event(
            now,
            EventKind::ConfirmationAnswered {
                name: tool.name.clone(),
                agreed,
            },
        );
        if !matches!(self.phase, Phase::Live | Phase::WithStaff) {
            return;
        }
        if !agreed {
            return self.tell_declined(now, &tool, words);
        }
        let session = tool.session;
        let request = ToolRequest {
            reply: ReplyId(0),
            call: tool.call,
            name: tool.name,
            arguments: tool.arguments,
        };
        self.run_confirmed(now, request, session);
    }

    /// Nobody is there any more who could answer.
    pub(crate) fn withdraw_question(&mut self, now: Moment) {
        self.answer_confirmation(now, false, "");
    }

    pub(crate) fn tell_declined(&mut self, now: Moment, tool: &RunningTool, words: &str) {
        // The caller's words are data; what could end the JSON string is left out.
        let quoted: String = words
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
            .take(300)
            .collect();
        let output = format!(
            r#"{{"error":{{"code":"declined","message":"Not done: the caller did not agree.","caller_said":"{quoted}"}}}}"#
        );
        self.tell_result(tool, output.as_str().into());
        self.request_reply(now, None);
    }
}
