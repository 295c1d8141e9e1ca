//! A session whose media goes between the caller and the vendor: this socket stands beside it (a *sideband*).
//!
//! The vendor says when its player begins, ends and is cut; what lies between is counted by our clock, so heard words are
//! the vendor's word and our estimate, never a measure of ours (docs/direct-mode.md). The vendor lets whoever holds the
//! call's data channel steer the session too (threat S8): everything that we did not ask for ends the call.

use std::time::{Duration, Instant};

use bytes::Bytes;
use switchboard_call::Span;
use switchboard_call::ids::{ItemId, ReplyId};
use switchboard_call::input::{FromLeg, FromModel, LegClosed, ReplyDone};
use switchboard_wire::openai::{
    ClientEvent, ContentPart, Item, Role, ServerEvent, Session, TurnDetection, parse_client_event,
};

use super::{OpenAiRealtime, State};
use crate::model::{ModelAudio, ModelEvent, Payload};

/// What stands for the sound that passes us by: this much at once, in mu-law.
const PIECE: Duration = Duration::from_millis(100);
/// How far the pieces run ahead, so that the agent is never taken for silent while it speaks.
const AHEAD: Duration = Duration::from_millis(300);
/// 100 ms of mu-law that is loud throughout: words are placed on voiced time, and nobody hears it.
static SOUND: [u8; 800] = [0x90; 800];
/// A reply with words that does not begin to play within this after it was generated is not waited for.
const START_MAX: Duration = Duration::from_secs(3);
/// A reply plays no longer than this after it was generated: 4,096 tokens of audio are under four minutes.
const PLAY_MAX: Duration = Duration::from_secs(240);

/// What is known of the media that passes us by.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// What the session looked like when it did what we asked.
    agreed: Option<Box<Session>>,
    /// The reply being generated.
    generating: Option<Generating>,
    playing: Option<Playing>,
    /// A reply that is generated and still plays: its end is told when it was heard.
    held: Option<Held>,
    /// Items of ours that the vendor has not confirmed.
    items: usize,
}

#[derive(Debug)]
struct Generating {
    response_id: String,
    item: Option<ItemId>,
    is_cancelled: bool,
}

#[derive(Debug)]
struct Playing {
    response_id: String,
    reply: ReplyId,
    item: ItemId,
    since: Instant,
    told: Duration,
}

#[derive(Debug)]
struct Held {
    done: ReplyDone,
    response_id: String,
    item: Option<ItemId>,
    until: Instant,
}

impl Direct {
    /// An item of ours is on its way to the vendor.
    pub(super) fn expect_item(&mut self) {
        self.items += 1;
    }

    /// When something must be done though nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let playing = self.playing.as_ref();
        let piece =
            playing.map(|playing| playing.since + playing.told.saturating_sub(AHEAD - PIECE));
        let held = self.held.as_ref().map(|held| held.until);
        piece.into_iter().chain(held).min()
    }

    fn item_of(&self, response_id: &str) -> Option<ItemId> {
        let generating = self.generating.as_ref();
        let generated = generating.filter(|it| it.response_id == response_id);
        let held = self
            .held
            .as_ref()
            .filter(|it| it.response_id == response_id);
        generated
            .map_or_else(|| held.map(|it| it.item), |it| Some(it.item))
            .flatten()
    }

    fn is_generating(&self, response_id: &str) -> bool {
        let generating = self.generating.as_ref();
        generating.is_some_and(|it| it.response_id == response_id)
    }
}

impl OpenAiRealtime {
    /// Looks at an event first. True: it means here what it means everywhere.
    pub(super) fn on_direct(&mut self, event: &ServerEvent) -> bool {
        let Some(mut direct) = self.direct.take() else {
            return true;
        };
        let goes_on = self.on_direct_event(&mut direct, event);
        self.direct = Some(direct);
        goes_on
    }

    fn on_direct_event(&mut self, direct: &mut Direct, event: &ServerEvent) -> bool {
        match event {
            ServerEvent::SessionUpdated { session } => {
                return self.on_session(direct, session);
            }
            // The caller's own are told; those with words are ours, or nobody's.
            ServerEvent::ConversationItemAdded { item, .. } => self.on_item_added(direct, item),
            ServerEvent::ResponseCreated { response } => {
                if self.open_request.is_none() {
                    self.drift("a response that we did not ask for");
                    return false;
                }
                direct.generating = Some(Generating {
                    response_id: response.id.clone(),
                    item: None,
                    is_cancelled: false,
                });
                return true;
            }
            ServerEvent::OutputItemAdded {
                response_id, item, ..
            } => {
                if let (Item::Message { id: Some(id), .. }, Some(generating)) =
                    (item, &mut direct.generating)
                    && generating.response_id == *response_id
                {
                    generating.item = Some(self.names.item(id));
                }
            }
            ServerEvent::OutputAudioTranscriptDelta(part) | ServerEvent::OutputTextDelta(part) => {
                return direct.is_generating(&part.response_id);
            }
            ServerEvent::OutputItemDone { response_id, .. } => {
                return direct.is_generating(response_id);
            }
            ServerEvent::ResponseDone { response } => {
                if direct.is_generating(&response.id) {
                    return true;
                }
                // Of a sideband before this one: it is paid for, and decides nothing.
                if let Some(usage) = &response.usage {
                    self.unbilled_micros += self.on_reply_usage(usage);
                }
            }
            ServerEvent::OutputAudioBufferStarted { response_id } => {
                if let Some(item) = direct.item_of(response_id) {
                    direct.playing = Some(Playing {
                        reply: self.names.reply(response_id),
                        response_id: response_id.clone(),
                        item,
                        since: Instant::now(),
                        told: Duration::ZERO,
                    });
                    self.play_on(direct, Instant::now());
                }
            }
            ServerEvent::OutputAudioBufferStopped { response_id } => {
                let is_this = |it: &Playing| it.response_id == *response_id;
                if direct.playing.take_if(|it| is_this(it)).is_some() {
                    self.release(direct);
                }
            }
            ServerEvent::OutputAudioBufferCleared { response_id } => {
                let cut = direct.playing.take_if(|it| it.response_id == *response_id);
                if let Some(cut) = cut {
                    let position = span(cut.since.elapsed().min(cut.told));
                    self.tell_leg(FromLeg::Played {
                        item: cut.item,
                        position,
                    });
                    self.release(direct);
                }
            }
            ServerEvent::ConversationItemTruncated {
                item_id,
                audio_end_ms,
                ..
            } => {
                let item = self.names.item(item_id);
                let position = Span::from_millis(*audio_end_ms);
                self.tell_leg(FromLeg::Played { item, position });
            }
            ServerEvent::OutputAudioDelta(_) => {}
            _ => return true,
        }
        false
    }

    /// The session as the vendor has it now: what we asked for, or the call is over (threat S8).
    fn on_session(&mut self, direct: &mut Direct, session: &Session) -> bool {
        let seen = Box::new(Session {
            id: String::new(),
            expires_at: 0,
            ..session.clone()
        });
        match &direct.agreed {
            Some(agreed) if *agreed == seen => false,
            Some(_) => {
                self.drift("a change of the session");
                false
            }
            None if self.is_what_we_asked(session) => {
                direct.agreed = Some(seen);
                true
            }
            None => {
                self.drift("a session that is not what we asked for");
                false
            }
        }
    }

    /// What would let somebody else steer. The rest of a session may be spelt another way than we did.
    fn is_what_we_asked(&self, session: &Session) -> bool {
        let Ok(message) = parse_client_event(&self.setup.update) else {
            return false;
        };
        let ClientEvent::SessionUpdate { session: asked } = message.event else {
            return false;
        };
        let names = |tools: &[switchboard_wire::openai::Tool]| -> Vec<Option<String>> {
            let name = |tool: &switchboard_wire::openai::Tool| match tool {
                switchboard_wire::openai::Tool::Function { name, .. } => Some(name.clone()),
                switchboard_wire::openai::Tool::Mcp(_) => None,
            };
            tools.iter().map(name).collect()
        };
        let detection = session.audio.input.turn_detection;
        asked.instructions.as_deref() == Some(session.instructions.as_str())
            && names(asked.tools.as_deref().unwrap_or_default()) == names(&session.tools)
            && detection
                .as_ref()
                .is_some_and(|it| !TurnDetection::creates_responses(it))
    }

    fn on_item_added(&mut self, direct: &mut Direct, item: &Item) {
        let needs_us = match item {
            Item::Message {
                role: Role::User,
                content,
                ..
            } => !content
                .iter()
                .all(|part| matches!(part, ContentPart::InputAudio { .. })),
            Item::Message {
                role: Role::Assistant,
                ..
            }
            | Item::FunctionCall { .. } => direct.generating.is_none(),
            _ => true,
        };
        if !needs_us {
            return;
        }
        match direct.items.checked_sub(1) {
            Some(left) => direct.items = left,
            None => self.drift("an item that is not ours"),
        }
    }

    /// Somebody else steers: the call ends here, and with it at the vendor.
    fn drift(&mut self, what: &'static str) {
        tracing::warn!(
            what,
            "a direct call is steered by somebody else and is ended"
        );
        metrics::counter!("switchboard_direct_drift_total").increment(1);
        self.leave(LegClosed::ProtocolError);
    }

    /// The caller's media is gone, and with it the call.
    pub(super) fn leave(&mut self, closed: LegClosed) {
        if self.state != State::Failed {
            self.state = State::Failed;
            self.tell_leg(FromLeg::Closed(closed));
        }
    }

    fn tell_leg(&mut self, event: FromLeg) {
        self.ready.push_back(ModelEvent::Leg(event));
    }

    /// What is due by the clock; true when there is something to hand out.
    pub(super) fn advance_direct(&mut self) -> bool {
        let Some(mut direct) = self.direct.take() else {
            return false;
        };
        let now = Instant::now();
        self.play_on(&mut direct, now);
        if direct.held.as_ref().is_some_and(|held| now >= held.until) {
            direct.playing = None;
            self.release(&mut direct);
        }
        self.direct = Some(direct);
        !self.ready.is_empty()
    }

    fn play_on(&mut self, direct: &mut Direct, now: Instant) {
        let Some(playing) = &mut direct.playing else {
            return;
        };
        let due = now.duration_since(playing.since) + AHEAD;
        while playing.told + PIECE <= due {
            playing.told += PIECE;
            self.names
                .add_audio(playing.item, u64::try_from(PIECE.as_millis()).unwrap_or(0));
            self.ready.push_back(ModelEvent::Audio(ModelAudio {
                reply: playing.reply,
                item: playing.item,
                payload: Payload::Raw(Bytes::from_static(&SOUND)),
            }));
        }
    }

    /// The end of a reply: told when it was heard, where it is heard elsewhere.
    pub(super) fn finish_reply(&mut self, done: ReplyDone) {
        if let Some(mut direct) = self.direct.take() {
            let finished = direct.generating.take();
            self.direct = Some(direct);
            if let Some(finished) = finished
                && self.hold_reply(&done, finished)
            {
                return;
            }
        }
        self.emit(FromModel::ReplyDone(done));
    }

    fn hold_reply(&mut self, done: &ReplyDone, finished: Generating) -> bool {
        let Some(direct) = &mut self.direct else {
            return false;
        };
        let plays = direct.playing.as_ref();
        let plays = plays.is_some_and(|it| it.response_id == finished.response_id);
        if finished.is_cancelled || !(plays || finished.item.is_some()) {
            direct.playing = None;
            return false;
        }
        let patience = if plays { PLAY_MAX } else { START_MAX };
        direct.held = Some(Held {
            done: done.clone(),
            response_id: finished.response_id,
            item: finished.item,
            until: Instant::now() + patience,
        });
        true
    }

    fn release(&mut self, direct: &mut Direct) {
        if let Some(held) = direct.held.take() {
            self.emit(FromModel::ReplyDone(held.done));
        }
    }

    /// Stops what is generated and what is played, at the vendor. False where sound goes over this socket.
    pub(super) fn stop_direct(&mut self) -> bool {
        let Some(mut direct) = self.direct.take() else {
            return false;
        };
        // The vendor asks for the cancel first.
        if let Some(generating) = &mut direct.generating
            && !std::mem::replace(&mut generating.is_cancelled, true)
        {
            self.send_event(ClientEvent::ResponseCancel { response_id: None });
        }
        if direct.playing.take().is_some() || direct.held.is_some() || direct.generating.is_some() {
            self.send_event(ClientEvent::OutputAudioBufferClear);
        }
        self.release(&mut direct);
        self.direct = Some(direct);
        true
    }

    /// What a sideband before this one left running is not ours to follow.
    pub(super) fn stop_what_runs(&mut self) {
        self.send_event(ClientEvent::ResponseCancel { response_id: None });
        self.send_event(ClientEvent::OutputAudioBufferClear);
    }
}

fn span(duration: Duration) -> Span {
    Span::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
