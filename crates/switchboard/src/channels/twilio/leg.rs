//! A telephone call over Twilio Media Streams, as a leg.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use switchboard_call::ids::MarkId;
use switchboard_call::input::{FromLeg, LegClosed};
use switchboard_call::output::ToLeg;
use switchboard_wire::twilio::stream::{
    FromTwilio, MarkName, clear_parts, mark_parts, media_parts, parse, scan_media,
};
use switchboard_wire::twilio::{CallSid, StreamSid};
use switchboard_wire::websocket::{Message, close_code};

use super::rest::TwilioRest;
use crate::calls_live::LiveCalls;
use crate::leg::LegEvent;
use crate::model::Payload;
use crate::socket::{SocketError, WebSocket};

/// The stream of one call, before and after its socket came.
pub struct TwilioLeg {
    call_sid: CallSid,
    rest: Arc<TwilioRest>,
    live: LiveCalls,
    stream: Option<Stream>,
    closed: Option<LegClosed>,
}

/// An attached socket.
struct Stream {
    socket: WebSocket,
    sid: StreamSid,
    /// Counts all messages of the socket; going back is a violation that ends it (S3).
    sequence: u64,
    announced: bool,
}

impl TwilioLeg {
    /// A leg that waits for its stream.
    pub fn new(call_sid: CallSid, rest: Arc<TwilioRest>) -> Self {
        Self {
            call_sid,
            rest,
            live: LiveCalls::default(),
            stream: None,
            closed: None,
        }
    }

    /// Counts its end among these calls until the carrier knows of it.
    #[must_use]
    pub fn counted_among(mut self, live: LiveCalls) -> Self {
        self.live = live;
        self
    }

    /// The carrier opened the stream, and its token was good. A second stream is refused: one call has one.
    pub fn attach(&mut self, socket: WebSocket, sid: StreamSid, sequence: u64) {
        if self.stream.is_none() && self.closed.is_none() {
            self.stream = Some(Stream {
                socket,
                sid,
                sequence,
                announced: false,
            });
        }
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LegEvent> {
        if let Some(closed) = self.closed.take() {
            self.stream = None;
            return Poll::Ready(LegEvent::Event(FromLeg::Closed(closed)));
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Pending;
        };
        if !std::mem::replace(&mut stream.announced, true) {
            return Poll::Ready(LegEvent::Event(FromLeg::Ready));
        }
        loop {
            let message = match stream.socket.poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            let event = match message {
                Ok(Message::Text(text)) => stream.read(text.into_bytes()),
                Ok(Message::Close { .. }) => Err(LegClosed::Lost),
                Ok(Message::Binary(_)) => Err(LegClosed::ProtocolError),
                Ok(_) => Ok(None),
                Err(SocketError::Protocol(_)) => Err(LegClosed::ProtocolError),
                Err(_) => Err(LegClosed::Lost),
            };
            match event {
                Ok(Some(event)) => return Poll::Ready(event),
                Ok(None) => {}
                Err(closed) => {
                    self.close_after(closed);
                    return Poll::Ready(LegEvent::Event(FromLeg::Closed(closed)));
                }
            }
        }
    }

    /// Closing the socket hands the caller on by the carrier's own document.
    fn close_after(&mut self, closed: LegClosed) {
        if let Some(stream) = self.stream.take()
            && closed == LegClosed::ProtocolError
        {
            tracing::warn!("the carrier's stream broke its protocol and was closed");
            tokio::spawn(stream.socket.close(close_code::POLICY, ""));
        }
    }

    pub fn has_buffered(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| stream.socket.has_buffered())
    }

    pub fn play(&mut self, command: &ToLeg, payload: &Payload) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        stream
            .socket
            .send_parts(&media_parts(&stream.sid, &payload.base64()));
        if let ToLeg::Play { mark, .. } | ToLeg::PlayPhrase { mark, .. } = command {
            let name = MarkName::from_number(u64::from(mark.0));
            stream.socket.send_parts(&mark_parts(&stream.sid, &name));
        }
    }

    pub fn send(&mut self, command: &ToLeg) {
        match command {
            ToLeg::Clear => {
                if let Some(stream) = &mut self.stream {
                    stream.socket.send_parts(&clear_parts(&stream.sid));
                }
            }
            ToLeg::HangUp => self.hang_up(),
            ToLeg::Cut => self.stream = None,
            ToLeg::Play { .. }
            | ToLeg::PlayPhrase { .. }
            | ToLeg::PlayStaff { .. }
            | ToLeg::SpeechStarted
            | ToLeg::SpeechStopped => {}
        }
    }

    /// Ends the call at the carrier first, and only then closes the socket: the other way round the carrier would
    /// run what follows in its document and dial the human. Until REST answers, the socket stays open.
    fn hang_up(&mut self) {
        let socket = self.stream.take().map(|stream| stream.socket);
        let rest = Arc::clone(&self.rest);
        let call_sid = self.call_sid.clone();
        let ending = self.live.ending();
        tokio::spawn(async move {
            let _ending = ending;
            let mut socket = socket;
            let hang_up = rest.hang_up_until_done(&call_sid);
            tokio::pin!(hang_up);
            loop {
                tokio::select! {
                    () = &mut hang_up => break,
                    closed = drain(&mut socket) => if closed { socket = None; },
                }
            }
            drop(socket);
        });
    }

    pub async fn flush(&mut self) {
        if let Some(stream) = &mut self.stream
            && let Err(error) = stream.socket.flush().await
        {
            tracing::warn!(%error, "dropped a carrier that does not read");
            self.closed = Some(LegClosed::Lost);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.stream
            .as_ref()
            .and_then(|stream| stream.socket.deadline())
    }
}

/// Reads and forgets what the carrier still sends. True when it closed the socket; then for ever pending would be wrong.
async fn drain(socket: &mut Option<WebSocket>) -> bool {
    match socket {
        Some(socket) => matches!(socket.next().await, Err(_) | Ok(Message::Close { .. })),
        None => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            false
        }
    }
}

impl Stream {
    fn read(&mut self, text: Bytes) -> Result<Option<LegEvent>, LegClosed> {
        if let Some(media) = scan_media(&text) {
            if media.stream_sid != self.sid.as_bytes() {
                return Err(LegClosed::ProtocolError);
            }
            self.advance(media.sequence)?;
            let audio = text.slice_ref(media.payload_base64);
            return Ok(Some(LegEvent::Audio(Payload::Base64(audio))));
        }
        match parse(&text) {
            Ok(message) => self.on_message(message),
            Err(_) => Err(LegClosed::ProtocolError),
        }
    }

    fn advance(&mut self, sequence: u64) -> Result<(), LegClosed> {
        if sequence <= self.sequence {
            return Err(LegClosed::ProtocolError);
        }
        self.sequence = sequence;
        Ok(())
    }

    fn on_message(&mut self, message: FromTwilio) -> Result<Option<LegEvent>, LegClosed> {
        let (sid, sequence) = match &message {
            FromTwilio::Media(media) => (&media.stream_sid, media.sequence),
            FromTwilio::Dtmf(dtmf) => (&dtmf.stream_sid, dtmf.sequence),
            FromTwilio::Mark(mark) => (&mark.stream_sid, mark.sequence),
            FromTwilio::Stop(stop) => (&stop.stream_sid, stop.sequence),
            FromTwilio::Connected | FromTwilio::Start(_) => return Err(LegClosed::ProtocolError),
            FromTwilio::Unknown => return Ok(None),
        };
        if *sid != self.sid {
            return Err(LegClosed::ProtocolError);
        }
        self.advance(sequence)?;
        Ok(match message {
            FromTwilio::Media(media) => Some(LegEvent::Audio(Payload::Base64(
                media.payload_base64.into(),
            ))),
            FromTwilio::Dtmf(dtmf) => Some(LegEvent::Event(FromLeg::Digit(dtmf.digit))),
            FromTwilio::Mark(mark) => {
                let number = mark.number().and_then(|number| u32::try_from(number).ok());
                number.map(|number| LegEvent::Event(FromLeg::Mark(MarkId(number))))
            }
            FromTwilio::Stop(_) => return Err(LegClosed::HungUp),
            FromTwilio::Connected | FromTwilio::Start(_) | FromTwilio::Unknown => None,
        })
    }
}
