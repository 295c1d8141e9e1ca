//! The caller's side: the input buffer, speech, and turns that become items.
//!
//! Clients stop their player and truncate the moment they read `speech_started`, and nothing brings a reply back then.
//! So that a backchannel does not cost the reply, `speech_started` goes out when the *core* says so: at once while
//! nobody is being heard, else when the interruption is decided. A turn that ended while the decision was open is held:
//! it is announced when the core takes it for a turn, and never when the core took it for a backchannel. A held turn
//! about which nothing was said for two seconds is announced only to clients that ask for replies themselves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use switchboard_call::Span;
use switchboard_call::ids::ItemId;
use switchboard_call::input::CallerWords;
use switchboard_wire::openai::{
    ContentPart, IdPrefix, Item, ItemStatus, Language, Role, ServerEvent, TranscriptionUsage,
    WireError, code,
};

use super::desk::Desk;

/// The core decides about a held turn within 700 ms of its commit.
const HELD_MAX: Duration = Duration::from_secs(2);
/// The provider refuses to commit less (section 8).
const COMMIT_MIN: Span = Span::from_millis(100);
/// Turns whose words may still come.
const TURNS_MAX: usize = 64;

/// Who decides when a turn is over and whether speech stops a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manners {
    /// The client commits by itself: there are no speech events.
    pub(super) is_manual: bool,
    /// Speech may stop a reply, so the core decides about it.
    pub(super) interrupts: bool,
    /// A turn gets its reply without being asked for.
    pub(super) replies: bool,
}

/// Speech of the caller on the appended timeline.
#[derive(Debug, Clone)]
struct Utterance {
    item_id: String,
    start_ms: u64,
    end_ms: Option<u64>,
    /// `speech_started` was sent.
    is_told: bool,
    /// `speech_stopped` was sent.
    is_stopped: bool,
    /// The core decides whether it interrupts.
    is_proposed: bool,
}

#[derive(Debug)]
struct HeldTurn {
    item: ItemId,
    utterance: Utterance,
    since: Instant,
}

/// A caller's item of the call and its name at the client.
#[derive(Debug)]
struct Turn {
    item: ItemId,
    item_id: String,
    is_typed: bool,
    /// Interim words told so far.
    interim: String,
    length_ms: u64,
}

#[derive(Debug)]
pub(super) struct Listening {
    manners: Manners,
    /// Audio appended since the connection began.
    appended: Span,
    /// Of it since the client's last commit or clear.
    uncommitted: Span,
    /// Of it since the model's last commit.
    unheard: Span,
    utterance: Option<Utterance>,
    last_end_ms: u64,
    held: Vec<HeldTurn>,
    turns: VecDeque<Turn>,
    /// Typed items whose number in the call is not known yet.
    typed: VecDeque<String>,
    /// Manual mode: turns the model's detector found before the client committed.
    found: Vec<ItemId>,
    /// Manual mode: the client's item that the model's next commit belongs to.
    committed: Option<String>,
    /// Words of items that are not announced.
    early: VecDeque<CallerWords>,
    prefix_padding_ms: u64,
}

impl Listening {
    pub(super) fn new(manners: Manners, prefix_padding_ms: u32) -> Self {
        Self {
            manners,
            appended: Span::ZERO,
            uncommitted: Span::ZERO,
            unheard: Span::ZERO,
            utterance: None,
            last_end_ms: 0,
            held: Vec::new(),
            turns: VecDeque::new(),
            typed: VecDeque::new(),
            found: Vec::new(),
            committed: None,
            early: VecDeque::new(),
            prefix_padding_ms: u64::from(prefix_padding_ms),
        }
    }

    pub(super) fn set_manners(&mut self, manners: Manners, prefix_padding_ms: u32) {
        self.manners = manners;
        self.prefix_padding_ms = u64::from(prefix_padding_ms);
    }

    /// Whether the core decides about speech that began is known by the next frame: what it did not propose to stop a
    /// reply for has the floor.
    pub(super) fn on_appended(&mut self, length: Span, desk: &mut Desk) {
        self.appended = self.appended + length;
        self.uncommitted = self.uncommitted + length;
        self.unheard = self.unheard + length;
        if let Some(utterance) = &mut self.utterance
            && !utterance.is_proposed
        {
            utterance.say_started(desk);
        }
    }

    /// The caller is in the middle of something.
    pub(super) fn is_hearing(&self) -> bool {
        self.utterance
            .as_ref()
            .is_some_and(|utterance| utterance.end_ms.is_none())
    }

    pub(super) fn on_speech_started(&mut self, desk: &mut Desk) {
        if self.manners.is_manual {
            return;
        }
        // One that was never said to stop, and became no turn, ends where the next begins.
        self.on_speech_stopped(desk);
        let now_ms = self.appended.millis();
        self.utterance = Some(Utterance {
            item_id: desk.new_id(IdPrefix::Item),
            start_ms: now_ms
                .saturating_sub(self.prefix_padding_ms)
                .max(self.last_end_ms),
            end_ms: None,
            is_told: false,
            is_stopped: false,
            is_proposed: false,
        });
        // Nothing is decided about speech that may not interrupt.
        if !self.manners.interrupts {
            self.tell_started(desk);
        }
    }

    pub(super) fn on_proposed(&mut self) {
        if let Some(utterance) = &mut self.utterance {
            utterance.is_proposed = true;
        }
    }

    pub(super) fn on_speech_stopped(&mut self, desk: &mut Desk) {
        let now_ms = self.appended.millis();
        if let Some(utterance) = &mut self.utterance
            && utterance.end_ms.is_none()
        {
            let end_ms = now_ms.max(utterance.start_ms + 1);
            utterance.end_ms = Some(end_ms);
            self.last_end_ms = end_ms;
            utterance.say_stopped(desk);
        }
    }

    /// The floor is the caller's.
    pub(super) fn tell_started(&mut self, desk: &mut Desk) {
        if let Some(utterance) = &mut self.utterance {
            utterance.say_started(desk);
            utterance.say_stopped(desk);
        }
        self.release_held(true, desk);
    }

    pub(super) fn on_turn_committed(&mut self, now: Instant, item: ItemId, desk: &mut Desk) {
        self.unheard = Span::ZERO;
        if self.manners.is_manual {
            return self.on_manual_turn(item, desk);
        }
        let utterance = self.utterance.take();
        match utterance {
            Some(utterance) if utterance.is_proposed && !utterance.is_told => {
                self.held.push(HeldTurn {
                    item,
                    utterance,
                    since: now,
                });
            }
            Some(utterance) => self.announce(item, utterance, true, desk),
            // The client committed audio in which nobody heard speech.
            None => {
                let item_id = desk.new_id(IdPrefix::Item);
                self.announce_item(item, item_id, 0, desk);
            }
        }
    }

    fn announce(
        &mut self,
        item: ItemId,
        mut utterance: Utterance,
        with_speech: bool,
        desk: &mut Desk,
    ) {
        if with_speech {
            utterance
                .end_ms
                .get_or_insert(self.appended.millis().max(utterance.start_ms + 1));
            utterance.say_started(desk);
            utterance.say_stopped(desk);
        }
        let length_ms = utterance.end_ms.unwrap_or(utterance.start_ms) - utterance.start_ms;
        self.announce_item(item, utterance.item_id, length_ms, desk);
    }

    fn announce_item(&mut self, item: ItemId, item_id: String, length_ms: u64, desk: &mut Desk) {
        self.uncommitted = Span::ZERO;
        say_committed(&item_id, desk);
        self.know(
            Turn {
                item,
                item_id,
                is_typed: false,
                interim: String::new(),
                length_ms,
            },
            desk,
        );
    }

    fn know(&mut self, turn: Turn, desk: &mut Desk) {
        let item = turn.item;
        if self.turns.len() == TURNS_MAX {
            self.turns.pop_front();
        }
        self.turns.push_back(turn);
        let (known, early) = std::mem::take(&mut self.early)
            .into_iter()
            .partition(|words| words.item == item);
        self.early = early;
        let known: VecDeque<CallerWords> = known;
        for words in &known {
            self.on_words(words, desk);
        }
    }

    /// A reply is asked for: whatever waited for a decision is a turn.
    pub(super) fn on_reply_requested(&mut self, is_speaking: bool, desk: &mut Desk) {
        // While something is being said the words would stop the client's player.
        self.release_held(!is_speaking, desk);
    }

    fn release_held(&mut self, with_speech: bool, desk: &mut Desk) {
        for held in std::mem::take(&mut self.held) {
            self.announce(held.item, held.utterance, with_speech, desk);
        }
    }

    pub(super) fn on_time(&mut self, now: Instant, desk: &mut Desk) {
        let (due, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| now >= held.since + HELD_MAX);
        self.held = held;
        let due: Vec<HeldTurn> = due;
        for turn in due {
            if self.manners.replies {
                self.early.retain(|words| words.item != turn.item);
            } else {
                self.announce(turn.item, turn.utterance, false, desk);
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.since + HELD_MAX).min()
    }

    /// A typed item is on its way to the model.
    pub(super) fn on_typed(&mut self, item_id: String) {
        if self.typed.len() == TURNS_MAX {
            self.typed.pop_front();
        }
        self.typed.push_back(item_id);
    }

    pub(super) fn on_typed_committed(&mut self, item: ItemId, desk: &mut Desk) {
        if let Some(item_id) = self.typed.pop_front() {
            self.know(
                Turn {
                    item,
                    item_id,
                    is_typed: true,
                    interim: String::new(),
                    length_ms: 0,
                },
                desk,
            );
        }
    }

    /// The client's own commit. True: the model has audio to commit.
    ///
    /// # Errors
    /// There is less than 100 ms to commit.
    pub(super) fn commit(&mut self, desk: &mut Desk) -> Result<bool, WireError> {
        if self.uncommitted < COMMIT_MIN {
            let message = "The input audio buffer holds less than 100 ms of audio.";
            return Err(WireError::new(code::COMMIT_EMPTY, message));
        }
        let has_unheard = self.unheard >= COMMIT_MIN;
        if self.manners.is_manual {
            let item_id = desk.new_id(IdPrefix::Item);
            let length_ms = self.uncommitted.millis();
            self.uncommitted = Span::ZERO;
            say_committed(&item_id, desk);
            for item in std::mem::take(&mut self.found) {
                let turn = Turn {
                    item,
                    item_id: item_id.clone(),
                    is_typed: false,
                    interim: String::new(),
                    length_ms,
                };
                self.know(turn, desk);
            }
            self.committed = has_unheard.then_some(item_id);
        }
        Ok(has_unheard || !self.manners.is_manual)
    }

    fn on_manual_turn(&mut self, item: ItemId, desk: &mut Desk) {
        match self.committed.take() {
            Some(item_id) => {
                self.know(
                    Turn {
                        item,
                        item_id,
                        is_typed: false,
                        interim: String::new(),
                        length_ms: 0,
                    },
                    desk,
                );
            }
            None if self.found.len() < TURNS_MAX => self.found.push(item),
            None => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.uncommitted = Span::ZERO;
        self.unheard = Span::ZERO;
        self.utterance = None;
        self.found.clear();
    }

    /// The caller's words. They are told whether or not the client asked for a transcription: they exist anyway.
    pub(super) fn on_words(&mut self, said: &CallerWords, desk: &mut Desk) {
        let Some(turn) = self.turns.iter_mut().find(|turn| turn.item == said.item) else {
            return self.keep_early(said);
        };
        if turn.is_typed {
            return;
        }
        let words = said.words.expose();
        if !said.is_final {
            return turn.say_interim(words, desk);
        }
        // One item may be several turns of the model when the client commits by itself.
        let before = desk
            .conversation
            .get(&turn.item_id)
            .and_then(transcript_of)
            .unwrap_or_default();
        let transcript = if before.is_empty() {
            words.to_owned()
        } else {
            format!("{before} {words}")
        };
        desk.conversation
            .set_transcript(&turn.item_id, Some(&transcript));
        desk.say(ServerEvent::InputTranscriptionCompleted {
            item_id: turn.item_id.clone(),
            content_index: 0,
            transcript,
            usage: TranscriptionUsage::Duration {
                seconds: turn.length_ms as f64 / 1_000.0,
            },
            logprobs: None,
            languages: said.language.map(|language| {
                vec![Language {
                    code: language.as_str().to_owned(),
                }]
            }),
        });
    }

    fn keep_early(&mut self, said: &CallerWords) {
        if said.is_final {
            if self.early.len() == TURNS_MAX {
                self.early.pop_front();
            }
            self.early.push_back(said.clone());
        }
    }
}

impl Utterance {
    fn say_started(&mut self, desk: &mut Desk) {
        if !std::mem::replace(&mut self.is_told, true) {
            desk.say(ServerEvent::SpeechStarted {
                item_id: self.item_id.clone(),
                audio_start_ms: self.start_ms,
            });
        }
    }

    /// Only behind its beginning, and only when it is over.
    fn say_stopped(&mut self, desk: &mut Desk) {
        let Some(audio_end_ms) = self.end_ms.filter(|_| self.is_told && !self.is_stopped) else {
            return;
        };
        self.is_stopped = true;
        desk.say(ServerEvent::SpeechStopped {
            item_id: self.item_id.clone(),
            audio_end_ms,
        });
    }
}

impl Turn {
    /// Deltas only ever append at the client, so interim words that took others back wait for the final ones.
    fn say_interim(&mut self, words: &str, desk: &mut Desk) {
        let Some(more) = words
            .strip_prefix(self.interim.as_str())
            .filter(|more| !more.is_empty())
        else {
            return;
        };
        let delta = more.to_owned();
        self.interim = words.to_owned();
        desk.say(ServerEvent::InputTranscriptionDelta {
            item_id: self.item_id.clone(),
            content_index: 0,
            delta,
            logprobs: None,
            obfuscation: None,
        });
    }
}

/// `committed`, `added` and `done` of a spoken turn (section 6.2).
fn say_committed(item_id: &str, desk: &mut Desk) {
    let item = Item::Message {
        id: Some(item_id.to_owned()),
        status: Some(ItemStatus::Completed),
        role: Role::User,
        content: vec![ContentPart::InputAudio {
            audio: None,
            transcript: None,
        }],
    };
    let previous_item_id = desk.conversation.append(item.clone());
    let committed = previous_item_id.clone();
    desk.say(ServerEvent::InputAudioBufferCommitted {
        item_id: item_id.to_owned(),
        previous_item_id: committed,
    });
    desk.announce_finished(item, previous_item_id);
}

fn transcript_of(item: &Item) -> Option<String> {
    let Item::Message { content, .. } = item else {
        return None;
    };
    content.iter().find_map(|part| match part {
        ContentPart::InputAudio { transcript, .. } => transcript.clone(),
        _ => None,
    })
}
