//! Who said what: each turn with the words that were generated, sent and heard.

use std::collections::VecDeque;

use crate::alignment::SpokenText;
use crate::ids::ItemId;
use crate::input::CallerWords;
use crate::output::HistoryTurn;
use crate::time::{Moment, Span};
use crate::words::{Language, Words};

/// Caller turns whose words may still come.
const CALLER_TURNS_OPEN_MAX: usize = 16;
/// Items of one agent turn: a preamble and an answer after each tool.
const ITEMS_PER_TURN_MAX: usize = 64;
/// Turns kept for a model that takes over. More would not fit its context anyway.
const HISTORY_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    Caller,
    Agent,
    Human,
    System,
}

impl Speaker {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Human => "human",
            Self::System => "system",
        }
    }
}

/// One turn as it is kept. A later record of the same number replaces the earlier one: words of the caller
/// come after the turn, and an agent's turn grows when a tool lets it go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRecord {
    /// Numbered from 1 in the order the turns began.
    pub seq: u32,
    pub speaker: Speaker,
    /// What the model generated (agent), or what the recogniser understood (caller).
    pub generated: Words,
    /// What of it was given to the leg.
    pub sent: Words,
    /// What of it was played.
    pub heard: Words,
    pub language: Option<Language>,
    pub confidence_percent: Option<u8>,
    pub interrupted: bool,
    /// Agent: from the end of the caller's turn to the first audio sent.
    pub response: Option<Span>,
    /// Agent: from the end of the caller's turn to the first audio heard, where the leg's delay is known.
    pub heard_latency: Option<Span>,
    /// Agent: how much audio was heard.
    pub heard_audio: Span,
    pub started: Moment,
    pub ended: Moment,
}

#[derive(Debug)]
struct AgentTurn {
    seq: u32,
    started: Moment,
    items: Vec<AgentItem>,
    response: Option<Span>,
    interrupted: bool,
    language: Option<Language>,
}

#[derive(Debug)]
struct AgentItem {
    item: ItemId,
    spoken: SpokenText,
    sent: Span,
    heard: Span,
}

#[derive(Debug, Clone)]
struct CallerTurn {
    seq: u32,
    item: ItemId,
    committed: Moment,
    started: Moment,
    ended: Moment,
}

/// The turns of one call.
#[derive(Debug, Default)]
pub(crate) struct TurnLog {
    next_seq: u32,
    agent: Option<AgentTurn>,
    /// The agent's last turn, until the player has said what of it was heard.
    closed: Option<AgentTurn>,
    callers: VecDeque<CallerTurn>,
    history: Vec<(u32, Speaker, Words)>,
    /// What a client said to have been said before the call.
    brought: Vec<HistoryTurn>,
    ms_per_syllable: Option<f32>,
    language: Option<Language>,
    /// The last agent turn whose latency was told.
    latency_told: u32,
}

impl TurnLog {
    fn take_seq(&mut self) -> u32 {
        self.next_seq += 1;
        self.next_seq
    }

    /// The caller's turn is over; its words come later.
    pub(crate) fn caller_committed(&mut self, item: ItemId, now: Moment, spoken: (Moment, Moment)) {
        let (started, ended) = spoken;
        let seq = self.take_seq();
        if self.callers.len() == CALLER_TURNS_OPEN_MAX {
            self.callers.pop_front();
        }
        self.callers.push_back(CallerTurn {
            seq,
            item,
            committed: now,
            started,
            ended,
        });
    }

    /// When this turn of the caller became an item, if it still is open.
    pub(crate) fn committed_at(&self, item: ItemId) -> Option<Moment> {
        let turn = self.callers.iter().find(|turn| turn.item == item)?;
        Some(turn.committed)
    }

    pub(crate) fn caller_words(&mut self, said: &CallerWords) -> Option<TurnRecord> {
        let turn = self
            .callers
            .iter()
            .find(|turn| turn.item == said.item)?
            .clone();
        self.language = said.language.or(self.language);
        self.remember(turn.seq, Speaker::Caller, &said.words);
        Some(TurnRecord {
            seq: turn.seq,
            speaker: Speaker::Caller,
            generated: said.words.clone(),
            sent: said.words.clone(),
            heard: said.words.clone(),
            language: said.language,
            confidence_percent: said.confidence_percent,
            interrupted: false,
            response: None,
            heard_latency: None,
            heard_audio: Span::ZERO,
            started: turn.started,
            ended: turn.ended,
        })
    }

    /// A turn that was no turn: a backchannel's item is deleted and keeps no record.
    pub(crate) fn caller_deleted(&mut self, item: ItemId) {
        if let Some(index) = self.callers.iter().position(|turn| turn.item == item) {
            let seq = self.callers.remove(index).map(|turn| turn.seq);
            self.history.retain(|(known, _, _)| Some(*known) != seq);
        }
    }

    /// See [`crate::Call::turn_paid_for`].
    pub(crate) fn paid_for(&self, item: Option<ItemId>) -> Option<u32> {
        let of_caller = self.callers.iter().find(|turn| Some(turn.item) == item);
        let of_agent = self.agent.as_ref().filter(|_| item.is_none());
        let known = of_caller
            .map(|turn| turn.seq)
            .or(of_agent.map(|turn| turn.seq));
        known.or(Some(self.next_seq)).filter(|seq| *seq > 0)
    }

    pub(crate) fn language(&self) -> Option<Language> {
        self.language
    }

    pub(crate) fn agent_words(&mut self, now: Moment, item: ItemId, delta: &str) {
        if let Some(item) = self.agent_item(now, item) {
            item.spoken.push_text(delta);
        }
    }

    /// Books generated audio and says where in its item it begins. None past the bound of a turn.
    pub(crate) fn agent_audio(
        &mut self,
        now: Moment,
        item: ItemId,
        length: Span,
        levels_dbfs: &[i8],
    ) -> Option<Span> {
        let item = self.agent_item(now, item)?;
        let starts = item.spoken.audio();
        item.spoken.push_audio(length, levels_dbfs);
        Some(starts)
    }

    pub(crate) fn agent_aligned(&mut self, item: ItemId, characters: u32, spoken_by: Span) {
        // A position in an item that is over begins no turn.
        let items = self.agent.iter_mut().flat_map(|turn| &mut turn.items);
        if let Some(known) = items.into_iter().find(|known| known.item == item) {
            known.spoken.align(characters, spoken_by);
        }
    }

    /// First audio of a turn went out. `response` counts from the end of the caller's turn.
    pub(crate) fn agent_sent(&mut self, item: ItemId, ends_in_item: Span, response: Option<Span>) {
        let Some(turn) = &mut self.agent else {
            return;
        };
        turn.response = turn.response.or(response);
        if let Some(item) = turn.items.iter_mut().find(|known| known.item == item) {
            item.sent = item.sent.max(ends_in_item);
        }
    }

    pub(crate) fn agent_generated(&mut self) {
        let Some(turn) = &mut self.agent else {
            return;
        };
        for item in &mut turn.items {
            item.spoken.complete();
        }
        if let Some(pace) = turn
            .items
            .last()
            .and_then(|item| item.spoken.ms_per_syllable())
        {
            self.ms_per_syllable = Some(pace);
        }
    }

    fn agent_item(&mut self, now: Moment, item: ItemId) -> Option<&mut AgentItem> {
        if self.agent.is_none() {
            let seq = self.take_seq();
            let language = self.language;
            self.agent = Some(AgentTurn {
                seq,
                started: now,
                items: Vec::new(),
                response: None,
                interrupted: false,
                language,
            });
        }
        let turn = self.agent.as_mut()?;
        let index = match turn.items.iter().position(|known| known.item == item) {
            Some(index) => index,
            None if turn.items.len() >= ITEMS_PER_TURN_MAX => return None,
            None => {
                let spoken = SpokenText::default();
                turn.items.push(AgentItem {
                    item,
                    spoken,
                    sent: Span::ZERO,
                    heard: Span::ZERO,
                });
                turn.items.len() - 1
            }
        };
        turn.items.get_mut(index)
    }

    /// The items of the agent's open turn, oldest first.
    pub(crate) fn agent_items(&self) -> Vec<ItemId> {
        self.agent
            .iter()
            .flat_map(|turn| turn.items.iter().map(|item| item.item))
            .collect()
    }

    pub(crate) fn generated_audio(&self, item: ItemId) -> Span {
        let items = self.agent.iter().flat_map(|turn| &turn.items);
        items
            .filter(|known| known.item == item)
            .map(|known| known.spoken.audio())
            .next()
            .unwrap_or_default()
    }

    /// Books how much of an item was heard.
    pub(crate) fn agent_heard(&mut self, item: ItemId, heard: Span) {
        if let Some(known) = self
            .agent
            .as_mut()
            .and_then(|turn| turn.items.iter_mut().find(|known| known.item == item))
        {
            // An item that comes back in a later turn was not sent in this one.
            known.heard = heard.min(known.sent);
        }
    }

    pub(crate) fn has_agent_turn(&self) -> bool {
        self.agent.is_some()
    }

    /// The agent's turn as it stands. `delay` is the leg's own, from sent to heard.
    pub(crate) fn agent_record(
        &mut self,
        now: Moment,
        interrupted: bool,
        delay: Option<Span>,
    ) -> Option<TurnRecord> {
        let turn = self.agent.as_mut()?;
        turn.interrupted |= interrupted;
        let record = turn.record(now, self.ms_per_syllable, delay);
        self.remember(record.seq, Speaker::Agent, &record.heard);
        Some(record)
    }

    /// How long the caller waited for this turn, the first time it is known: a turn that is told again, because it was
    /// corrected, must not count twice.
    pub(crate) fn untold_latency(&mut self, record: &TurnRecord) -> (Option<Span>, Option<Span>) {
        if record.response.is_none() || record.seq <= self.latency_told {
            return (None, None);
        }
        self.latency_told = record.seq;
        (record.response, record.heard_latency)
    }

    /// The player heard less of a turn that is over than the clock had it.
    pub(crate) fn agent_corrected(
        &mut self,
        now: Moment,
        item: ItemId,
        heard: Span,
    ) -> Option<TurnRecord> {
        let turn = self.closed.as_mut()?;
        let mut items = turn.items.iter_mut();
        let known = items.find(|known| known.item == item && known.heard > heard)?;
        known.heard = heard;
        turn.interrupted = true;
        let record = turn.record(now, self.ms_per_syllable, None);
        self.remember(record.seq, Speaker::Agent, &record.heard);
        Some(record)
    }

    /// The floor changes hands: what the agent says next is another turn.
    pub(crate) fn close_agent_turn(&mut self) {
        self.closed = self.agent.take().or_else(|| self.closed.take());
    }

    fn remember(&mut self, seq: u32, speaker: Speaker, words: &Words) {
        if words.is_empty() {
            return;
        }
        if let Some(entry) = self.history.iter_mut().find(|(known, _, _)| *known == seq) {
            entry.2 = words.clone();
            return;
        }
        if self.history.len() == HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push((seq, speaker, words.clone()));
    }

    /// What was said and heard so far, for a model that takes over. The audio of a turn still open plays on,
    /// so all its words that have audio belong to it.
    pub(crate) fn history(&mut self) -> Vec<HistoryTurn> {
        let pace = self.ms_per_syllable;
        let open = self.agent.as_ref().map(|turn| {
            let spoken = |item: &AgentItem| item.spoken.until(item.spoken.audio(), pace).to_owned();
            (turn.seq, turn.text(spoken))
        });
        if let Some((seq, words)) = open {
            self.remember(seq, Speaker::Agent, &words);
        }
        let mut turns = self.history.clone();
        turns.sort_by_key(|(seq, _, _)| *seq);
        let turns = turns
            .into_iter()
            .map(|(_, speaker, words)| HistoryTurn { speaker, words });
        self.brought.iter().cloned().chain(turns).collect()
    }

    pub(crate) fn brought(&mut self, turn: HistoryTurn) {
        if self.brought.len() < HISTORY_MAX {
            self.brought.push(turn);
        }
    }
}

impl AgentTurn {
    /// The turn as it stands. `pace` is the voice's, in milliseconds per syllable.
    fn record(&self, now: Moment, pace: Option<f32>, delay: Option<Span>) -> TurnRecord {
        let heard_audio = self.items.iter().map(|item| item.heard);
        TurnRecord {
            seq: self.seq,
            speaker: Speaker::Agent,
            generated: self.text(|item| item.spoken.text().to_owned()),
            sent: self.text(|item| item.spoken.until(item.sent, pace).to_owned()),
            heard: self.text(|item| item.spoken.until(item.heard, pace).to_owned()),
            language: self.language,
            confidence_percent: None,
            interrupted: self.interrupted,
            response: self.response,
            heard_latency: self
                .response
                .zip(delay)
                .map(|(response, delay)| response + delay),
            heard_audio: heard_audio.fold(Span::ZERO, |sum, heard| sum + heard),
            started: self.started,
            ended: now,
        }
    }

    fn text(&self, part: impl Fn(&AgentItem) -> String) -> Words {
        let mut text = String::new();
        for item in &self.items {
            let words = part(item);
            if !text.is_empty() && !words.is_empty() && !text.ends_with(char::is_whitespace) {
                text.push(' ');
            }
            text.push_str(&words);
        }
        Words::new(text)
    }
}
