//! Conversations of one client as scripts: what goes in from three sides, and every message that comes out.

mod caller;
mod history;
mod replies;
mod session;
mod track;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::ids::{AudioId, ItemId, MarkId, ReplyId};
use switchboard_call::input::{
    AgentAudio, CallerWords, FromLeg, FromModel, ReplyDone, ReplyOutcome,
};
use switchboard_call::interruption::StopCause;
use switchboard_call::output::ToLeg;
use switchboard_call::turn::Speaker;
use switchboard_call::{Moment, Span};
use switchboard_store::CallId;
use switchboard_wire::openai::{SessionUpdate, parse_server_event};

use super::{
    AgentProfile, CALL_FORMAT, ClientKind, ClientProtocol, ClientSetup, Credential, Outgoing,
};
use crate::leg::LegEvent;
use crate::model::Payload;

/// A client and everything around it.
pub(super) struct Stage {
    protocol: ClientProtocol,
    now: Instant,
    said: Vec<Value>,
    next_audio: u32,
}

pub(super) const REPLY: ReplyId = ReplyId(1);
pub(super) const ITEM: ItemId = ItemId(7);
const PIECE_MS: u64 = 200;

fn setup(kind: ClientKind, wants_own_events: bool) -> ClientSetup {
    let agent = AgentProfile {
        name: "medspa".to_owned(),
        voice: "marin".to_owned(),
        threshold: 0.6,
        prefix_padding_ms: 300,
        silence_ms: 600,
        pcm_rates_hz: vec![16_000],
        expires_at: 1_800_000_000,
        disclosure: None,
    };
    ClientSetup {
        agent,
        credential: Credential::ApiKey,
        kind,
        wants_own_events,
        seed: 1,
        session_id: "sess_0123456789012345678901".to_owned(),
        resume: None,
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(ClientKind::Other, false)
    }

    pub(super) fn with(kind: ClientKind, wants_own_events: bool) -> Self {
        Self::of(ClientProtocol::new(setup(kind, wants_own_events)))
    }

    /// A client with a media track.
    pub(super) fn with_track() -> Self {
        let setup = setup(ClientKind::Other, false);
        Self::of(
            ClientProtocol::with_track(setup, CALL_FORMAT, None, CallId::new())
                .expect("no session"),
        )
    }

    /// A client with a media track that sent this session with its offer.
    pub(super) fn with_session(session: SessionUpdate) -> Self {
        let setup = setup(ClientKind::Other, false);
        let protocol = ClientProtocol::with_track(setup, CALL_FORMAT, Some(session), CallId::new());
        Self::of(protocol.expect("a good session"))
    }

    fn of(protocol: ClientProtocol) -> Self {
        let mut stage = Self {
            protocol,
            now: Instant::now(),
            said: Vec::new(),
            next_audio: 0,
        };
        stage.model(FromModel::Ready);
        stage
    }

    /// The client writes an event.
    pub(super) fn client(&mut self, event: Value) -> &mut Self {
        self.protocol
            .on_text(self.now, Bytes::from(event.to_string()));
        self
    }

    pub(super) fn model(&mut self, event: FromModel) -> &mut Self {
        self.protocol.observe_model(self.now, &event);
        self
    }

    pub(super) fn core(&mut self, kind: EventKind) -> &mut Self {
        self.protocol.observe_event(
            self.now,
            &CallEvent {
                number: 1,
                at: Moment::START,
                kind,
            },
        );
        self
    }

    pub(super) fn leg(&mut self, command: ToLeg) -> &mut Self {
        self.protocol.send(&command);
        self
    }

    pub(super) fn pass(&mut self, span: Duration) -> &mut Self {
        self.now += span;
        self.protocol.on_time(self.now);
        self
    }

    /// Silence of the caller, in frames.
    pub(super) fn append_ms(&mut self, ms: u64) -> &mut Self {
        for _ in 0..ms / 20 {
            let audio = STANDARD.encode(CALL_FORMAT.silence(20));
            self.client(json!({"type": "input_audio_buffer.append", "audio": audio}));
        }
        self
    }

    /// The core asks and the model begins.
    pub(super) fn reply_begins(&mut self, reply: ReplyId) -> &mut Self {
        self.core(EventKind::ReplyRequested)
            .model(FromModel::ReplyStarted { reply })
    }

    pub(super) fn words(&mut self, reply: ReplyId, item: ItemId, words: &str) -> &mut Self {
        self.model(FromModel::AgentWords {
            reply,
            item,
            delta: words.into(),
        })
    }

    /// The model makes a piece of 200 ms.
    pub(super) fn makes(&mut self, reply: ReplyId, item: ItemId) -> AudioId {
        self.next_audio += 1;
        let audio = AudioId(self.next_audio);
        let length = Span::from_millis(PIECE_MS);
        self.model(FromModel::Audio(AgentAudio {
            reply,
            item,
            audio,
            length,
            levels_dbfs: Vec::new(),
        }));
        audio
    }

    /// The core gives it to the client.
    pub(super) fn plays(&mut self, audio: AudioId) -> &mut Self {
        let payload = Payload::Raw(Bytes::from(CALL_FORMAT.silence(PIECE_MS)));
        let command = ToLeg::Play {
            audio,
            item: ITEM,
            mark: MarkId(1),
        };
        self.protocol.play(self.now, &command, &payload);
        self
    }

    /// A piece that is made and played.
    pub(super) fn speaks(&mut self, reply: ReplyId, item: ItemId) -> &mut Self {
        let audio = self.makes(reply, item);
        self.plays(audio)
    }

    pub(super) fn done(&mut self, reply: ReplyId, outcome: ReplyOutcome) -> &mut Self {
        self.model(FromModel::ReplyDone(ReplyDone {
            reply,
            outcome,
            cost_micros: 0,
        }))
    }

    /// A whole reply of one piece, still active: its end is the caller's to choose.
    pub(super) fn speaking(&mut self) -> &mut Self {
        self.reply_begins(REPLY)
            .words(REPLY, ITEM, "Which day?")
            .speaks(REPLY, ITEM)
    }

    pub(super) fn stopped_by(&mut self, cause: StopCause) -> &mut Self {
        self.leg(ToLeg::Clear).leg(ToLeg::SpeechStarted);
        self.core(EventKind::ReplyInterrupted {
            cause,
            heard: Span::ZERO,
            after: Span::ZERO,
        })
    }

    pub(super) fn turn_cut(&mut self) -> &mut Self {
        self.core(EventKind::TurnEnded {
            seq: 1,
            speaker: Speaker::Agent,
            interrupted: true,
            response: None,
            heard: None,
        })
    }

    pub(super) fn caller_said(&mut self, item: ItemId, words: &str, is_final: bool) -> &mut Self {
        self.model(FromModel::CallerWords(CallerWords {
            item,
            words: words.into(),
            is_final,
            language: None,
            confidence_percent: None,
        }))
    }

    /// Messages since the last call. Each is one our own reader of servers takes, with an id never used before.
    pub(super) fn said(&mut self) -> Vec<Value> {
        let from = self.said.len();
        while let Some(outgoing) = self.protocol.take_outgoing() {
            let text = match outgoing {
                Outgoing::Text(text) => text.into_bytes(),
                Outgoing::Audio {
                    prefix,
                    event_id,
                    base64,
                } => prefix.parts(&event_id, &base64).concat(),
            };
            parse_server_event(&text).expect("a server event");
            self.said.push(serde_json::from_slice(&text).expect("JSON"));
        }
        let ids: HashSet<&str> = self
            .said
            .iter()
            .filter_map(|event| event["event_id"].as_str())
            .collect();
        assert_eq!(
            ids.len(),
            self.said.len(),
            "every event has an id of its own"
        );
        self.said[from..].to_vec()
    }

    /// The types of the messages since the last call.
    pub(super) fn types(&mut self) -> Vec<String> {
        types(&self.said())
    }

    /// What the core is told, in short.
    pub(super) fn told(&mut self) -> Vec<FromLeg> {
        let mut told = Vec::new();
        while let Some(event) = self.protocol.take_event() {
            if let LegEvent::Event(event) = event {
                told.push(event);
            }
        }
        told
    }
}

pub(super) fn types(said: &[Value]) -> Vec<String> {
    said.iter()
        .map(|event| event["type"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The one message of this type.
pub(super) fn only<'a>(said: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = said.iter().filter(|event| event["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} among {:?}", types(said));
    found[0]
}

pub(super) const ITEM_BEGINS: [&str; 3] = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
];
pub(super) const WORDS: &str = "response.output_audio_transcript.delta";
pub(super) const AUDIO: &str = "response.output_audio.delta";
pub(super) const ITEM_ENDS: [&str; 5] = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
];
pub(super) const RESPONSE_ENDS: [&str; 2] = ["response.done", "rate_limits.updated"];
