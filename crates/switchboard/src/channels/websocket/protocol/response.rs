//! One response as the client sees it: what was announced of it, its pieces of audio, and how it ends.
//!
//! A wire response may span several replies of the model: what is said before and after a tool call is one answer to
//! the client, because tools run here and are never shown. It holds at most one spoken item; its audio is the
//! pieces of all those replies in the order they were played.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use switchboard_call::Span;
use switchboard_call::ids::{AudioId, ItemId, ReplyId};
use switchboard_wire::openai::{
    AudioDeltaPrefix, ContentPart, IdPrefix, Item, ItemStatus, PartDelta, PartDone, PartEvent,
    PartTranscriptDone, Response, ResponseAudio, ResponseError, ResponsePart, ResponseReason,
    ResponseStatus, Role, ServerEvent, StatusDetails, Usage,
};

use super::desk::Desk;

/// What a client attached to its `response.create`, given back on the response.
pub(super) type Metadata = Option<BTreeMap<String, String>>;

/// How far the model is with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Asked for; the model has not begun.
    Requested,
    /// The model speaks.
    Generating(ReplyId),
    /// A tool runs, or a model that broke is replaced: the next reply belongs to the same response.
    Continues,
    /// Nothing more is generated; what is not played yet still will be.
    Ended(Ending),
}

/// How a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Cancelled(ResponseReason),
    Incomplete,
    Failed,
}

/// A piece of the agent's voice and where in its item of the call it begins.
#[derive(Debug, Clone, Copy)]
struct Piece {
    audio: AudioId,
    item: ItemId,
    starts: Span,
    length: Span,
    is_played: bool,
}

#[derive(Debug)]
pub(super) struct WireResponse {
    pub(super) id: String,
    /// A client asked for it and waits for its end.
    is_asked: bool,
    metadata: Metadata,
    pub(super) stage: Stage,
    pub(super) wants_tool: bool,
    /// The core dropped audio of it: it was given up before anybody heard it.
    pub(super) was_dropped: bool,
    /// When anything last happened to it.
    pub(super) touched: Instant,
    replies: Vec<ReplyId>,
    pieces: Vec<Piece>,
    generated: Vec<(ItemId, Span)>,
    is_announced: bool,
    spoken: Option<SpokenItem>,
    words: String,
    /// The next words are another reply's: they do not run into the last one's.
    is_joined: bool,
}

impl WireResponse {
    /// `asked` is what the client attached, when it was the client who asked.
    pub(super) fn new(id: String, asked: Option<Metadata>, now: Instant) -> Self {
        Self {
            id,
            is_asked: asked.is_some(),
            metadata: asked.flatten(),
            stage: Stage::Requested,
            wants_tool: false,
            was_dropped: false,
            touched: now,
            replies: Vec::new(),
            pieces: Vec::new(),
            generated: Vec::new(),
            is_announced: false,
            spoken: None,
            words: String::new(),
            is_joined: false,
        }
    }

    pub(super) fn begin(&mut self, reply: ReplyId) {
        self.is_joined = !self.words.is_empty();
        self.replies.push(reply);
        self.stage = Stage::Generating(reply);
    }

    pub(super) fn has_reply(&self, reply: ReplyId) -> bool {
        self.replies.contains(&reply)
    }

    pub(super) fn item_id(&self) -> Option<&str> {
        self.spoken.as_ref().map(|spoken| spoken.id.as_str())
    }

    pub(super) fn spoken(&self) -> Option<&SpokenItem> {
        self.spoken.as_ref()
    }

    /// Generated audio that the client was not given yet.
    pub(super) fn has_unplayed(&self) -> bool {
        self.pieces.iter().any(|piece| !piece.is_played)
    }

    /// Audio of it that was given to the client.
    pub(super) fn sent(&self) -> Span {
        self.spoken
            .as_ref()
            .map_or(Span::ZERO, |spoken| spoken.sent)
    }

    pub(super) fn has_played(&self) -> bool {
        self.spoken
            .as_ref()
            .is_some_and(|spoken| !spoken.sent.is_zero())
    }

    pub(super) fn add_audio(&mut self, item: ItemId, audio: AudioId, length: Span) {
        let starts = match self.generated.iter_mut().find(|(known, _)| *known == item) {
            Some((_, generated)) => std::mem::replace(generated, *generated + length),
            None => {
                self.generated.push((item, length));
                Span::ZERO
            }
        };
        self.pieces.push(Piece {
            audio,
            item,
            starts,
            length,
            is_played: false,
        });
    }

    pub(super) fn drop_audio(&mut self, audio: AudioId) {
        self.pieces.retain(|piece| piece.audio != audio);
        self.was_dropped = true;
    }

    pub(super) fn has_piece(&self, audio: AudioId) -> bool {
        self.pieces.iter().any(|piece| piece.audio == audio)
    }

    /// The next words. They may run ahead of the audio, as the provider's do; before the response is announced they wait.
    pub(super) fn add_words(&mut self, delta: &str, desk: &mut Desk) {
        if delta.is_empty() {
            return;
        }
        let needs_space = std::mem::take(&mut self.is_joined)
            && !self.words.ends_with(char::is_whitespace)
            && !delta.starts_with(char::is_whitespace);
        let delta = if needs_space {
            format!(" {delta}")
        } else {
            delta.to_owned()
        };
        self.words.push_str(&delta);
        if self.is_announced {
            self.say_words(delta, desk);
        }
    }

    fn say_words(&mut self, delta: String, desk: &mut Desk) {
        let item_id = self.begin_item(desk).id.clone();
        desk.say(ServerEvent::OutputAudioTranscriptDelta(PartDelta {
            response_id: self.id.clone(),
            item_id,
            output_index: 0,
            content_index: 0,
            delta,
            obfuscation: None,
        }));
    }

    /// `response.created`, once, and what was said of it while another response was active.
    pub(super) fn announce(&mut self, desk: &mut Desk) {
        if std::mem::replace(&mut self.is_announced, true) {
            return;
        }
        let response = self.reported(ResponseStatus::InProgress, None, desk);
        desk.say(ServerEvent::ResponseCreated {
            response: Box::new(response),
        });
        if !self.words.is_empty() {
            self.say_words(self.words.clone(), desk);
        }
    }

    /// The spoken item, announced in the provider's order (section 6.2) before anything of it is sent.
    fn begin_item(&mut self, desk: &mut Desk) -> &mut SpokenItem {
        if self.spoken.is_none() {
            self.announce_item(desk);
        }
        self.spoken.as_mut().expect("announced in the line above")
    }

    fn announce_item(&mut self, desk: &mut Desk) {
        let id = desk.new_id(IdPrefix::Item);
        let item = agent_item(&id, ItemStatus::InProgress, Vec::new());
        let previous_item_id = desk.conversation.append(item.clone());
        let response_id = self.id.clone();
        desk.say(ServerEvent::OutputItemAdded {
            response_id: response_id.clone(),
            output_index: 0,
            item: item.clone(),
        });
        desk.say(ServerEvent::ConversationItemAdded {
            item,
            previous_item_id: previous_item_id.clone(),
        });
        desk.say(ServerEvent::ContentPartAdded(PartEvent {
            response_id,
            item_id: id.clone(),
            output_index: 0,
            content_index: 0,
            part: ResponsePart::Audio {
                transcript: Some(String::new()),
            },
        }));
        let prefix = Arc::new(AudioDeltaPrefix::new(&self.id, &id, 0, 0));
        self.spoken = Some(SpokenItem {
            id,
            previous_item_id,
            prefix,
            sent: Span::ZERO,
            segments: Vec::new(),
        });
    }

    /// Books a piece as given to the client, and returns the beginning of its delta.
    pub(super) fn play(
        &mut self,
        audio: AudioId,
        desk: &mut Desk,
    ) -> Option<Arc<AudioDeltaPrefix>> {
        let piece = self.pieces.iter_mut().find(|piece| piece.audio == audio)?;
        piece.is_played = true;
        let piece = *piece;
        let spoken = self.begin_item(desk);
        spoken.book(Some(piece.item), piece.starts, piece.length);
        Some(Arc::clone(&spoken.prefix))
    }

    /// Books a phrase of ours that belongs to no item of the call.
    pub(super) fn play_phrase(&mut self, length: Span, desk: &mut Desk) -> Arc<AudioDeltaPrefix> {
        let spoken = self.begin_item(desk);
        spoken.book(None, Span::ZERO, length);
        Arc::clone(&spoken.prefix)
    }

    /// All the events of an end, in the order of section 6.2; what is left of the item is returned.
    pub(super) fn finish(mut self, ending: Ending, desk: &mut Desk) -> Option<SpokenItem> {
        self.announce(desk);
        let status = match ending {
            Ending::Completed => ItemStatus::Completed,
            _ => ItemStatus::Incomplete,
        };
        let item = self
            .spoken
            .as_ref()
            .map(|spoken| self.finish_item(spoken, status, desk));
        let (status, details) = ending.reported();
        let mut response = self.reported(status, details, desk);
        response.output.extend(item);
        // Usage belongs to the tenant's ledger; a client gets the field, because SDKs expect one, without our figures.
        response.usage = Some(Usage::default());
        desk.say(ServerEvent::ResponseDone {
            response: Box::new(response),
        });
        desk.say(ServerEvent::RateLimitsUpdated {
            rate_limits: Vec::new(),
        });
        self.spoken
    }

    fn finish_item(&self, spoken: &SpokenItem, status: ItemStatus, desk: &mut Desk) -> Item {
        let (response_id, item_id) = (self.id.clone(), spoken.id.clone());
        let transcript = self.words.clone();
        let (output_index, content_index) = (0, 0);
        desk.say(ServerEvent::OutputAudioDone(PartDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            output_index,
            content_index,
        }));
        desk.say(ServerEvent::OutputAudioTranscriptDone(PartTranscriptDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            output_index,
            content_index,
            transcript: transcript.clone(),
        }));
        desk.say(ServerEvent::ContentPartDone(PartEvent {
            response_id: response_id.clone(),
            item_id,
            output_index,
            content_index,
            part: ResponsePart::Audio {
                transcript: Some(transcript.clone()),
            },
        }));
        let content = vec![ContentPart::OutputAudio {
            audio: None,
            transcript: Some(transcript),
        }];
        let item = agent_item(&spoken.id, status, content);
        desk.conversation.replace(item.clone());
        let previous_item_id = spoken.previous_item_id.clone();
        desk.say(ServerEvent::ConversationItemDone {
            item: item.clone(),
            previous_item_id,
        });
        desk.say(ServerEvent::OutputItemDone {
            response_id,
            output_index,
            item: item.clone(),
        });
        item
    }

    fn reported(
        &self,
        status: ResponseStatus,
        status_details: Option<StatusDetails>,
        desk: &Desk,
    ) -> Response {
        Response {
            object: "realtime.response".to_owned(),
            id: self.id.clone(),
            status,
            status_details,
            output: Vec::new(),
            conversation_id: Some(desk.conversation_id.clone()),
            output_modalities: desk.session.output_modalities.clone(),
            max_output_tokens: desk.session.max_output_tokens,
            audio: Some(ResponseAudio::from(&desk.session.audio.output)),
            usage: None,
            metadata: self.metadata.clone(),
        }
    }

    /// Whether ending it without ever having announced it would leave a client waiting.
    pub(super) fn is_expected(&self) -> bool {
        self.is_announced || self.is_asked
    }
}

impl Ending {
    fn reported(self) -> (ResponseStatus, Option<StatusDetails>) {
        let details = |kind, reason, error| {
            (
                kind,
                Some(StatusDetails {
                    kind,
                    reason,
                    error,
                }),
            )
        };
        match self {
            Self::Completed => (ResponseStatus::Completed, None),
            Self::Cancelled(reason) => details(ResponseStatus::Cancelled, Some(reason), None),
            Self::Incomplete => details(
                ResponseStatus::Incomplete,
                Some(ResponseReason::MaxOutputTokens),
                None,
            ),
            Self::Failed => {
                let error = ResponseError {
                    kind: Some("server_error".to_owned()),
                    code: Some("server_error".to_owned()),
                    message: Some("The voice model could not answer.".to_owned()),
                };
                details(ResponseStatus::Failed, None, Some(error))
            }
        }
    }
}

fn agent_item(id: &str, status: ItemStatus, content: Vec<ContentPart>) -> Item {
    Item::Message {
        id: Some(id.to_owned()),
        status: Some(status),
        role: Role::Assistant,
        content,
    }
}

/// The one spoken item of a response, and which audio of the call it is made of.
#[derive(Debug)]
pub(super) struct SpokenItem {
    pub(super) id: String,
    previous_item_id: Option<String>,
    prefix: Arc<AudioDeltaPrefix>,
    /// Audio given to the client: a position reported beyond it cannot be true (S4).
    pub(super) sent: Span,
    segments: Vec<Segment>,
}

/// A stretch of a spoken item that is one stretch of an item of the call.
#[derive(Debug)]
struct Segment {
    starts: Span,
    /// None: a phrase of ours.
    item: Option<ItemId>,
    starts_in_item: Span,
}

impl SpokenItem {
    fn book(&mut self, item: Option<ItemId>, starts_in_item: Span, length: Span) {
        let goes_on = self.segments.last().is_some_and(|last| {
            last.item == item
                && (item.is_none()
                    || last.starts_in_item + self.sent.saturating_sub(last.starts)
                        == starts_in_item)
        });
        if !goes_on {
            self.segments.push(Segment {
                starts: self.sent,
                item,
                starts_in_item,
            });
        }
        self.sent = self.sent + length;
    }

    /// Which item of the call was heard how far when this item was heard up to `position`, never beyond what was sent.
    pub(super) fn heard(&self, position: Span) -> Option<(ItemId, Span)> {
        let position = position.min(self.sent);
        let segment = self
            .segments
            .iter()
            .rev()
            .find(|segment| segment.item.is_some() && segment.starts <= position);
        let segment =
            segment.or_else(|| self.segments.iter().find(|segment| segment.item.is_some()))?;
        Some((
            segment.item?,
            segment.starts_in_item + position.saturating_sub(segment.starts),
        ))
    }
}
