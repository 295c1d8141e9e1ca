//! A voice model that can be scripted: it answers commands with timed inputs, one reply at a time.

use std::collections::VecDeque;

use switchboard_call::ids::{AudioId, ItemId, ReplyId, ToolCallId};
use switchboard_call::input::{
    AgentAudio, FromModel, Input, ModelFailure, ReplyDone, ReplyOutcome, ToolRequest,
};
use switchboard_call::output::{HistoryTurn, ToModel};
use switchboard_call::{Span, Words};

use super::voice::{agent_levels, words_length_ms};

/// How a session comes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    After(u64),
    Never,
    Fails(u64, ModelFailure),
}

/// What the model does with one request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) kind: AnswerKind,
    pub(crate) think_ms: u64,
    pub(crate) cost_micros: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum AnswerKind {
    Speaks(String),
    /// Asks for a tool, after these words if any.
    Asks {
        preamble: String,
        name: String,
        arguments: String,
    },
    /// Nothing ever comes.
    Stalls,
    /// The reply fails and takes the session with it or not.
    Fails(ModelFailure),
    /// Speaks, and then fails in the middle.
    BreaksOff(String, ModelFailure),
}

impl Answer {
    pub(crate) fn speaks(words: &str) -> Self {
        Self::of(AnswerKind::Speaks(words.into()))
    }

    pub(crate) fn asks(name: &str, arguments: &str) -> Self {
        Self::of(AnswerKind::Asks {
            preamble: String::new(),
            name: name.into(),
            arguments: arguments.into(),
        })
    }

    pub(crate) fn of(kind: AnswerKind) -> Self {
        Self {
            kind,
            think_ms: 400,
            cost_micros: 10_000,
        }
    }

    pub(crate) fn thinks(mut self, think_ms: u64) -> Self {
        self.think_ms = think_ms;
        self
    }

    pub(crate) fn costs(mut self, cost_micros: u64) -> Self {
        self.cost_micros = cost_micros;
        self
    }
}

/// A timed input that is void when its generation was cancelled or its session closed.
#[derive(Debug, Clone)]
pub(crate) struct Emission {
    pub(crate) after_us: u64,
    pub(crate) input: Input,
    pub(crate) session: u32,
    pub(crate) reply: Option<ReplyId>,
}

/// Length of one piece of audio; vendors send 200 ms and more at a time.
const PIECE_MS: u64 = 200;
/// The model generates faster than real time: one piece in this much time.
const PIECE_EVERY_MS: u64 = 40;

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) readiness: VecDeque<Readiness>,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) sessions: u32,
    pub(crate) histories: Vec<Vec<HistoryTurn>>,
    pub(crate) say_cost_micros: u64,
    pub(crate) say_think_ms: u64,
    pub(crate) is_mute: bool,
    /// Generation is faster than real time unless the script makes it stutter.
    pub(crate) piece_every_ms: u64,
    present: Option<ReplyId>,
    cancelled: Option<ReplyId>,
    next_reply: u32,
    next_item: u32,
    next_audio: u32,
    next_tool: u32,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            readiness: VecDeque::new(),
            answers: VecDeque::new(),
            sessions: 0,
            histories: Vec::new(),
            say_cost_micros: 1_000,
            say_think_ms: 200,
            is_mute: false,
            piece_every_ms: PIECE_EVERY_MS,
            present: None,
            cancelled: None,
            next_reply: 0,
            next_item: 0,
            next_audio: 1_000_000,
            next_tool: 0,
        }
    }

    pub(crate) fn is_void(&self, emission: &Emission) -> bool {
        emission.session != self.sessions
            || (emission.reply.is_some() && emission.reply == self.cancelled)
    }

    pub(crate) fn on_delivered(&mut self, input: &Input) {
        match input {
            Input::Model(FromModel::ReplyDone(_)) => self.present = None,
            // What a failed session still wanted to say never comes.
            Input::Model(FromModel::Failed(_)) => {
                self.sessions += 1;
                self.present = None;
            }
            _ => {}
        }
    }

    pub(crate) fn on_command(&mut self, command: &ToModel) -> Vec<Emission> {
        if self.is_mute {
            return Vec::new();
        }
        match command {
            ToModel::Open { history, .. } => self.open(history.clone()),
            ToModel::Reply { .. } => {
                let answer = self.answers.pop_front();
                self.reply(&answer.unwrap_or_else(|| Answer::speaks("All right then")))
            }
            ToModel::Say { words, .. } => {
                let answer = Answer::speaks(words.expose())
                    .thinks(self.say_think_ms)
                    .costs(self.say_cost_micros);
                self.reply(&answer)
            }
            ToModel::CancelReply => self.cancel(),
            ToModel::Close => {
                self.sessions += 1;
                Vec::new()
            }
            ToModel::Text(_) => {
                self.next_item += 1;
                let item = ItemId(500_000 + self.next_item);
                vec![self.emit(20, None, FromModel::TurnCommitted { item, typed: true })]
            }
            _ => Vec::new(),
        }
    }

    fn open(&mut self, history: Vec<HistoryTurn>) -> Vec<Emission> {
        self.sessions += 1;
        self.present = None;
        self.cancelled = None;
        self.histories.push(history);
        match self.readiness.pop_front().unwrap_or(Readiness::After(300)) {
            Readiness::After(ms) => vec![self.emit(ms, None, FromModel::Ready)],
            Readiness::Never => Vec::new(),
            Readiness::Fails(ms, failure) => vec![self.emit(ms, None, FromModel::Failed(failure))],
        }
    }

    fn cancel(&mut self) -> Vec<Emission> {
        let Some(reply) = self.present else {
            return Vec::new();
        };
        self.cancelled = Some(reply);
        let mut done = self.done(60, reply, ReplyOutcome::Cancelled, 5_000);
        done.reply = None;
        vec![done]
    }

    fn reply(&mut self, answer: &Answer) -> Vec<Emission> {
        assert!(self.present.is_none(), "the model refuses a second reply");
        self.next_reply += 1;
        let reply = ReplyId(self.next_reply);
        self.present = Some(reply);
        let started = self.emit(
            answer.think_ms,
            Some(reply),
            FromModel::ReplyStarted { reply },
        );
        let mut out = vec![started];
        let (mut at_ms, outcome) = match &answer.kind {
            AnswerKind::Stalls => return Vec::new(),
            AnswerKind::Speaks(words) => (
                self.speak(&mut out, reply, words, answer.think_ms),
                ReplyOutcome::Completed,
            ),
            AnswerKind::Asks {
                preamble,
                name,
                arguments,
            } => {
                let at_ms = self.speak(&mut out, reply, preamble, answer.think_ms);
                self.next_tool += 1;
                let request = FromModel::ToolRequested(ToolRequest {
                    reply,
                    call: ToolCallId(self.next_tool),
                    name: name.clone(),
                    arguments: Words::new(arguments.as_str()),
                });
                out.push(self.emit(at_ms, Some(reply), request));
                (at_ms, ReplyOutcome::Completed)
            }
            AnswerKind::Fails(failure) => (answer.think_ms, ReplyOutcome::Failed(*failure)),
            AnswerKind::BreaksOff(words, failure) => {
                let at_ms = self.speak(&mut out, reply, words, answer.think_ms);
                out.push(self.emit(at_ms + 10, Some(reply), FromModel::Failed(*failure)));
                return out;
            }
        };
        at_ms += 10;
        out.push(self.done(at_ms, reply, outcome, answer.cost_micros));
        out
    }

    /// Text first, then audio faster than real time, as speech models do. Returns when all of it was sent.
    fn speak(&mut self, out: &mut Vec<Emission>, reply: ReplyId, words: &str, from_ms: u64) -> u64 {
        let length_ms = words_length_ms(words);
        if length_ms == 0 {
            return from_ms;
        }
        self.next_item += 1;
        let item = ItemId(self.next_item);
        let delta = Words::new(words);
        out.push(self.emit(
            from_ms,
            Some(reply),
            FromModel::AgentWords { reply, item, delta },
        ));
        let mut at_ms = from_ms;
        let mut done_ms = 0;
        while done_ms < length_ms {
            let piece_ms = PIECE_MS.min(length_ms - done_ms);
            let audio = self.audio(reply, item, done_ms, piece_ms);
            out.push(self.emit(at_ms, Some(reply), audio));
            done_ms += piece_ms;
            at_ms += self.piece_every_ms;
        }
        at_ms
    }

    fn audio(&mut self, reply: ReplyId, item: ItemId, from_ms: u64, length_ms: u64) -> FromModel {
        self.next_audio += 1;
        FromModel::Audio(AgentAudio {
            reply,
            item,
            audio: AudioId(self.next_audio),
            length: Span::from_millis(length_ms),
            levels_dbfs: agent_levels(from_ms, length_ms),
        })
    }

    fn done(
        &self,
        after_ms: u64,
        reply: ReplyId,
        outcome: ReplyOutcome,
        cost_micros: u64,
    ) -> Emission {
        self.emit(
            after_ms,
            Some(reply),
            FromModel::ReplyDone(ReplyDone {
                reply,
                outcome,
                cost_micros,
            }),
        )
    }

    fn emit(&self, after_ms: u64, reply: Option<ReplyId>, input: FromModel) -> Emission {
        Emission {
            after_us: after_ms * 1_000,
            input: Input::Model(input),
            session: self.sessions,
            reply,
        }
    }
}
