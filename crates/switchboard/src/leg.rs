//! The caller's leg: two lanes each way, whatever carries it. A leg translates and keeps its carrier's rules; it
//! decides nothing about the conversation.

use std::task::{Context, Poll};
use std::time::Instant;

use switchboard_call::event::CallEvent;
use switchboard_call::input::{FromLeg, FromModel};
use switchboard_call::output::{Phrase, Record, ToLeg};
use switchboard_media::frame::AudioFormat;

use crate::channels::twilio::TwilioLeg;
use crate::channels::webrtc::{DirectLeg, WebRtcLeg};
use crate::channels::websocket::ClientLeg;
use crate::model::Payload;

/// What a leg says. Audio carries its bytes; the rest is the core's vocabulary unchanged.
#[derive(Debug)]
pub enum LegEvent {
    /// The caller's audio in the leg's format.
    Audio(Payload),
    /// Any other event. Never [`FromLeg::Audio`]: that one is made by the drive once it keeps the bytes.
    Event(FromLeg),
}

/// The leg of a call.
pub enum Leg {
    /// A telephone call over Twilio Media Streams.
    Twilio(Box<TwilioLeg>),
    /// A client of the front endpoint.
    Client(Box<ClientLeg>),
    /// A client over WebRTC.
    WebRtc(Box<WebRtcLeg>),
    /// A client whose media goes to the vendor.
    Direct(Box<DirectLeg>),
}

impl Leg {
    /// The format of audio both ways.
    pub fn format(&self) -> AudioFormat {
        match self {
            Self::Twilio(_) | Self::Direct(_) => AudioFormat::Ulaw8k,
            Self::Client(leg) => leg.format(),
            Self::WebRtc(leg) => leg.format(),
        }
    }

    /// The next event. Cancel-safe. Pending while there is no socket.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LegEvent> {
        match self {
            Self::Twilio(leg) => leg.poll_next(context),
            Self::Client(leg) => leg.poll_next(context),
            Self::WebRtc(leg) => leg.poll_next(context),
            Self::Direct(leg) => leg.poll_next(),
        }
    }

    /// Whether another event may be ready without waiting.
    pub fn has_buffered(&self) -> bool {
        match self {
            Self::Twilio(leg) => leg.has_buffered(),
            Self::Client(leg) => leg.has_buffered(),
            Self::WebRtc(leg) => leg.has_buffered(),
            Self::Direct(_) => false,
        }
    }

    /// Gives audio to the carrier and puts the command's mark behind it.
    pub fn play(&mut self, command: &ToLeg, payload: &Payload) {
        match self {
            Self::Twilio(leg) => leg.play(command, payload),
            Self::Client(leg) => leg.play(command, payload),
            Self::WebRtc(leg) => leg.play(command, payload),
            Self::Direct(_) => {}
        }
    }

    /// Any command but audio.
    pub fn send(&mut self, command: &ToLeg) {
        match self {
            Self::Twilio(leg) => leg.send(command),
            Self::Client(leg) => leg.send(command),
            Self::WebRtc(leg) => leg.send(command),
            // What it is told happens at the vendor: by the model's socket, and by the end of the leg.
            Self::Direct(_) => {}
        }
    }

    /// Shows the leg what the model said, before the core decides about it. Only clients of the front endpoint are
    /// told more than audio.
    pub fn observe_model(&mut self, event: &FromModel) {
        match self {
            Self::Twilio(_) | Self::Direct(_) => {}
            Self::Client(leg) => leg.observe_model(event),
            Self::WebRtc(leg) => leg.observe_model(event),
        }
    }

    /// Shows the leg what the core decided, as technical events in their order.
    pub fn observe_event(&mut self, event: &CallEvent) {
        match self {
            Self::Twilio(_) | Self::Direct(_) => {}
            Self::Client(leg) => leg.observe_event(event),
            Self::WebRtc(leg) => leg.observe_event(event),
        }
    }

    /// Shows the leg what was finally said and heard.
    pub fn observe_record(&mut self, record: &Record) {
        match self {
            Self::Twilio(_) | Self::Direct(_) => {}
            Self::Client(leg) => leg.observe_record(record),
            Self::WebRtc(leg) => leg.observe_record(record),
        }
    }

    /// Pushes out what was sent, as far as the peer takes it now.
    pub async fn flush(&mut self) {
        match self {
            Self::Twilio(leg) => leg.flush().await,
            Self::Client(leg) => leg.flush().await,
            // It writes to no socket that could be full.
            Self::WebRtc(_) | Self::Direct(_) => {}
        }
    }

    /// Whether the caller's media goes elsewhere.
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Direct(_))
    }

    /// The next moment at which the socket must be looked at even if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Twilio(leg) => leg.deadline(),
            Self::Client(leg) => leg.deadline(),
            // It keeps a clock of its own, which every packet sets anew.
            Self::WebRtc(_) | Self::Direct(_) => None,
        }
    }
}

/// Audio of ours that must be playable when no model is: synthesised beforehand, in the leg's format.
#[derive(Debug, Clone, Default)]
pub struct PhraseAudio {
    /// "One moment, please."
    pub filler: Option<Payload>,
}

impl PhraseAudio {
    /// The audio of a phrase, if there is any.
    pub fn of(&self, phrase: Phrase) -> Option<&Payload> {
        match phrase {
            Phrase::Filler => self.filler.as_ref(),
            Phrase::Apology => None,
        }
    }
}
