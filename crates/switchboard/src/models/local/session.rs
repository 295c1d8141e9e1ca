//! One conversation of the offline model: a task that owns the hearing, the dialogue and the reply under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use switchboard_call::ids::{ItemId, ReplyId, ToolCallId};
use switchboard_call::input::{
    CallerWords, FromModel, ModelFailure, ReplyDone, ReplyOutcome, ToolRequest,
};
use switchboard_call::output::{HistoryTurn, ToModel};
use switchboard_call::time::Span;
use switchboard_call::turn::Speaker;
use switchboard_call::words::{Language, Words};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::child::check_programs;
use super::dialogue::{Dialogue, Step, ToolCall};
use super::hearing::{Hearing, Noticed};
use super::recogniser::{Heard, Recogniser, RecognitionError};
use super::speaking::{Spoken, speak};
use super::synthesiser::Synthesiser;
use super::understanding::{Expecting, Meaning, understand, understand_heard};
use super::{Input, LocalSetup};
use crate::model::{ModelAudio, ModelEvent, Payload};

/// Parts of a reply under way: at 200 ms a part, some seconds; the synthesiser waits for room.
const PARTS_WAITING_MAX: usize = 64;
/// Share of a reply that must have been heard for its question to count as heard. Questions end their replies.
const HEARD_PERCENT_MIN: u64 = 85;
/// Said instead of words in a language the synthesiser has no voice for.
const NO_VOICE: &str = "I am sorry, this offline demo agent has no voice for that language.";

/// Runs until the model is closed or dropped.
pub(super) async fn run(
    setup: LocalSetup,
    mut inputs: mpsc::UnboundedReceiver<Input>,
    events: mpsc::UnboundedSender<ModelEvent>,
) {
    let refuse = |reason: String| {
        tracing::error!(reason, "the offline voice model cannot start");
        let _ = events.send(ModelEvent::Event(FromModel::Failed(ModelFailure::Refused)));
    };
    if let Err(missing) = check_programs(&setup.programs) {
        return refuse(missing.to_string());
    }
    let hearing = match Hearing::new(setup.formats.input, setup.detector) {
        Ok(hearing) => hearing,
        Err(error) => return refuse(error.to_string()),
    };
    let (heard_tx, mut heard) = mpsc::unbounded_channel();
    let mut session = Session::new(setup, hearing, events.clone(), heard_tx);
    session.emit(FromModel::Ready);
    session.prepare();
    loop {
        tokio::select! {
            input = inputs.recv() => match input {
                None | Some(Input::Command(ToModel::Close)) => return,
                Some(Input::Audio(bytes)) => session.on_audio(&bytes),
                Some(Input::Command(command)) => session.on_command(command),
            },
            Some(recognised) = heard.recv() => session.on_recognised(recognised),
            part = next_part(&mut session.speaking) => session.on_part(part),
        }
    }
}

/// The next part of the reply under way; pending while there is none.
async fn next_part(speaking: &mut Option<Speaking>) -> Spoken {
    match speaking {
        Some(speaking) => speaking.parts.recv().await.unwrap_or(Spoken::Ended(Ok(()))),
        None => std::future::pending().await,
    }
}

/// A reply on its way to the caller.
struct Speaking {
    reply: ReplyId,
    item: ItemId,
    tools: Vec<ToolCall>,
    parts: mpsc::Receiver<Spoken>,
    task: JoinHandle<()>,
    audio_bytes: usize,
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Recognised {
    item: ItemId,
    expecting: Expecting,
    heard: Result<Heard, RecognitionError>,
}

/// A caller's turn that no reply has answered yet. Its place is kept while it is being recognised.
struct Unanswered {
    item: ItemId,
    meaning: Option<Meaning>,
}

struct Session {
    setup: LocalSetup,
    dialogue: Dialogue,
    hearing: Hearing,
    recogniser: Arc<Recogniser>,
    synthesiser: Synthesiser,
    events: mpsc::UnboundedSender<ModelEvent>,
    heard: mpsc::UnboundedSender<Recognised>,
    unanswered: Vec<Unanswered>,
    /// A reply was asked for while words were still being recognised.
    reply_waits: bool,
    speaking: Option<Speaking>,
    /// Lengths of what was said, to know what of it was heard.
    said: HashMap<ItemId, Span>,
    last_said: Option<ItemId>,
    tools: HashMap<ToolCallId, &'static str>,
    next_id: u32,
}

/// Ids of one session; the vendor's adapter uses the ranges below.
const IDS_PER_SESSION: u32 = 1_000_000;
const FIRST_ID: u32 = 2_000_000_000;
/// Ranges before they repeat; no call has so many sessions.
const SESSION_RANGES: u32 = 2_000;
static SESSIONS: AtomicU32 = AtomicU32::new(0);

impl Session {
    fn new(
        setup: LocalSetup,
        hearing: Hearing,
        events: mpsc::UnboundedSender<ModelEvent>,
        heard: mpsc::UnboundedSender<Recognised>,
    ) -> Self {
        let agent = Arc::new(setup.agent.clone());
        let now = chrono::Utc::now().with_timezone(&agent.zone).date_naive();
        let range = SESSIONS.fetch_add(1, Ordering::Relaxed) % SESSION_RANGES;
        Self {
            dialogue: Dialogue::new(Arc::clone(&agent), agent.today.unwrap_or(now)),
            recogniser: Arc::new(Recogniser::new(setup.programs.recogniser.clone(), agent)),
            synthesiser: Synthesiser::new(
                &setup.programs.synthesiser,
                setup.formats.output.rate_hz(),
            ),
            setup,
            hearing,
            events,
            heard,
            unanswered: Vec::new(),
            reply_waits: false,
            speaking: None,
            said: HashMap::new(),
            last_said: None,
            tools: HashMap::new(),
            next_id: FIRST_ID + range * IDS_PER_SESSION,
        }
    }

    fn emit(&self, event: FromModel) {
        let _ = self.events.send(ModelEvent::Event(event));
    }

    fn id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn language(&self) -> Language {
        self.setup
            .languages
            .first()
            .copied()
            .unwrap_or(Language::ENGLISH)
    }

    /// Readies the recogniser for the open question, beside the call.
    fn prepare(&self) {
        let (recogniser, expecting) = (Arc::clone(&self.recogniser), self.dialogue.expecting());
        tokio::spawn(async move {
            if let Err(error) = recogniser.prepare(expecting).await {
                tracing::warn!(%error, "the recogniser's language could not be written");
            }
        });
    }

    fn on_audio(&mut self, bytes: &Bytes) {
        let noticed = self.hearing.hear(bytes);
        self.on_noticed(noticed);
    }

    fn on_noticed(&mut self, noticed: Vec<Noticed>) {
        for noticed in noticed {
            match noticed {
                Noticed::Started => self.emit(FromModel::SpeechStarted),
                Noticed::Stopped(samples) => {
                    self.emit(FromModel::SpeechStopped);
                    self.commit(samples);
                }
            }
        }
    }

    fn commit(&mut self, samples: Vec<i16>) {
        let item = ItemId(self.id());
        self.emit(FromModel::TurnCommitted { item, typed: false });
        self.unanswered.push(Unanswered {
            item,
            meaning: None,
        });
        let (recogniser, heard) = (Arc::clone(&self.recogniser), self.heard.clone());
        let expecting = self.dialogue.expecting();
        tokio::spawn(async move {
            let words = recogniser.recognise(&samples, expecting).await;
            let _ = heard.send(Recognised {
                item,
                expecting,
                heard: words,
            });
        });
    }

    fn on_recognised(&mut self, recognised: Recognised) {
        let heard = recognised.heard.unwrap_or_else(|error| {
            tracing::warn!(%error, "an utterance was not recognised");
            Heard::default()
        });
        let meaning = understand_heard(&heard, &self.setup.agent, recognised.expecting);
        self.emit(FromModel::CallerWords(CallerWords {
            item: recognised.item,
            words: Words::new(heard.text.as_str()),
            is_final: true,
            language: Some(Language::ENGLISH)
                .filter(|_| heard.again.is_some())
                .or(Some(self.language())),
            confidence_percent: heard.confidence_percent(),
        }));
        if let Some(turn) = self
            .unanswered
            .iter_mut()
            .find(|turn| turn.item == recognised.item)
        {
            turn.meaning = Some(meaning);
        }
        self.reply_if_ready();
    }

    fn on_command(&mut self, command: ToModel) {
        match command {
            ToModel::Open { history, .. } => history.iter().for_each(|turn| self.remember(turn)),
            ToModel::Remember(turn) => self.remember(&turn),
            ToModel::Silence(length) => {
                let noticed = self.hearing.hear_silence(length.millis());
                self.on_noticed(noticed);
            }
            ToModel::Text(words) => self.on_typed(
                &words,
                understand(words.expose(), &self.setup.agent, self.dialogue.expecting()),
            ),
            ToModel::Digit(digit) => self.on_typed(&Words::new(digit), Meaning::of_digit(digit)),
            ToModel::CommitTurn => {
                if let Some(samples) = self.hearing.commit() {
                    self.commit(samples);
                }
            }
            ToModel::ClearTurn => self.hearing.clear(),
            ToModel::Reply { .. } => {
                self.reply_waits = true;
                self.reply_if_ready();
            }
            ToModel::Say { words, language } => self.announce(words.expose(), language),
            ToModel::CancelReply => self.cancel(),
            ToModel::Truncate { item, heard } => self.on_truncated(item, heard),
            ToModel::Delete { item } => self.on_deleted(item),
            ToModel::ToolResult { call, output } => {
                if let Some(name) = self.tools.remove(&call) {
                    self.dialogue.tool_answered(name, output.expose());
                }
            }
            // Samples come by `send_audio`, and closing ends the loop before this.
            ToModel::Audio(_) | ToModel::QuietAudio(_) | ToModel::Close => {}
        }
    }

    fn on_typed(&mut self, words: &Words, meaning: Meaning) {
        let item = ItemId(self.id());
        self.emit(FromModel::TurnCommitted { item, typed: true });
        self.emit(FromModel::CallerWords(CallerWords {
            item,
            words: words.clone(),
            is_final: true,
            language: None,
            confidence_percent: None,
        }));
        self.unanswered.push(Unanswered {
            item,
            meaning: Some(meaning),
        });
    }

    /// Understands anew what was said before this session.
    fn remember(&mut self, turn: &HistoryTurn) {
        let words = turn.words.expose();
        match turn.speaker {
            Speaker::Caller => {
                let meaning = understand(words, &self.setup.agent, self.dialogue.expecting());
                self.dialogue.heard(&meaning);
                // Moves on to the question that followed; what it would say and do was said and done.
                let _ = self.dialogue.reply();
            }
            Speaker::Agent => self.dialogue.remembers_saying(words),
            Speaker::Human | Speaker::System => {}
        }
    }

    fn reply_if_ready(&mut self) {
        let is_known = self.unanswered.iter().all(|turn| turn.meaning.is_some());
        if !self.reply_waits || !is_known {
            return;
        }
        self.reply_waits = false;
        for turn in std::mem::take(&mut self.unanswered) {
            self.dialogue.heard(&turn.meaning.unwrap_or_default());
        }
        let step = self.dialogue.reply();
        self.start(step, Language::ENGLISH);
        self.prepare();
    }

    fn announce(&mut self, words: &str, language: Language) {
        self.dialogue.announced();
        let (say, language) = if self.synthesiser.speaks(language) {
            (words.to_owned(), language)
        } else {
            tracing::warn!(
                language = language.as_str(),
                "no voice for this language; said so in English"
            );
            (NO_VOICE.to_owned(), Language::ENGLISH)
        };
        self.start(
            Step {
                say,
                tools: Vec::new(),
            },
            language,
        );
    }

    fn start(&mut self, step: Step, language: Language) {
        self.cancel_speaking();
        let (reply, item) = (ReplyId(self.id()), ItemId(self.id()));
        let (parts_tx, parts) = mpsc::channel(PARTS_WAITING_MAX);
        let (synthesiser, format) = (self.synthesiser.clone(), self.setup.formats.output);
        let task = tokio::spawn(speak(step.say, language, synthesiser, format, parts_tx));
        self.emit(FromModel::ReplyStarted { reply });
        self.last_said = Some(item);
        self.said.insert(item, Span::ZERO);
        self.speaking = Some(Speaking {
            reply,
            item,
            tools: step.tools,
            parts,
            task,
            audio_bytes: 0,
        });
    }

    fn on_part(&mut self, part: Spoken) {
        let Some(speaking) = &mut self.speaking else {
            return;
        };
        let (reply, item) = (speaking.reply, speaking.item);
        match part {
            Spoken::Words(words) => {
                let delta = Words::new(words);
                self.emit(FromModel::AgentWords { reply, item, delta });
            }
            Spoken::Audio(bytes) => {
                speaking.audio_bytes += bytes.len();
                let length =
                    crate::model::length_of(speaking.audio_bytes, self.setup.formats.output);
                self.said.insert(item, length);
                let payload = Payload::Raw(Bytes::from(bytes));
                let _ = self.events.send(ModelEvent::Audio(ModelAudio {
                    reply,
                    item,
                    payload,
                }));
            }
            Spoken::Aligned {
                characters,
                spoken_by,
            } => {
                self.emit(FromModel::WordsAligned {
                    item,
                    characters,
                    spoken_by,
                });
            }
            Spoken::Ended(ended) => self.end_reply(ended.map_err(|error| {
                tracing::error!(%error, "the agent's words could not be spoken");
            })),
        }
    }

    fn end_reply(&mut self, ended: Result<(), ()>) {
        let Some(mut speaking) = self.speaking.take() else {
            return;
        };
        let reply = speaking.reply;
        for tool in std::mem::take(&mut speaking.tools) {
            let call = ToolCallId(self.id());
            self.tools.insert(call, tool.name);
            let arguments = Words::new(tool.arguments.to_string());
            self.emit(FromModel::ToolRequested(ToolRequest {
                reply,
                call,
                name: tool.name.to_owned(),
                arguments,
            }));
        }
        let outcome = match ended {
            Ok(()) => ReplyOutcome::Completed,
            Err(()) => ReplyOutcome::Failed(ModelFailure::Protocol),
        };
        self.emit(FromModel::ReplyDone(ReplyDone {
            reply,
            outcome,
            cost_micros: 0,
        }));
    }

    fn cancel(&mut self) {
        if std::mem::take(&mut self.reply_waits) {
            // Asked for and not begun: whoever waits for its end gets it.
            let reply = ReplyId(self.id());
            self.emit(FromModel::ReplyStarted { reply });
            self.emit(FromModel::ReplyDone(ReplyDone {
                reply,
                outcome: ReplyOutcome::Cancelled,
                cost_micros: 0,
            }));
        }
        self.cancel_speaking();
    }

    fn cancel_speaking(&mut self) {
        if let Some(speaking) = self.speaking.take() {
            self.dialogue.question_was_unheard();
            let reply = speaking.reply;
            self.emit(FromModel::ReplyDone(ReplyDone {
                reply,
                outcome: ReplyOutcome::Cancelled,
                cost_micros: 0,
            }));
        }
    }

    fn on_truncated(&mut self, item: ItemId, heard: Span) {
        let length = self.said.get(&item).copied().unwrap_or_default();
        let is_last = self.last_said == Some(item);
        if is_last && heard.micros() * 100 < length.micros() * HEARD_PERCENT_MIN {
            self.dialogue.question_was_unheard();
        }
    }

    /// A caller's turn that was none (a backchannel), or an agent's that nobody heard.
    fn on_deleted(&mut self, item: ItemId) {
        self.unanswered.retain(|turn| turn.item != item);
        if self.last_said == Some(item) {
            self.dialogue.question_was_unheard();
        }
        self.reply_if_ready();
    }
}
