//! One open socket: messages out with their counters, messages in with their rules, and the scripted faults.

use super::super::event::{CarrierEvent, Record, StreamEnd};
use super::super::fault::{MarkFault, StreamFault};
use super::super::line::{FRAME_MS, Frame};
use super::playback::Playback;
use crate::caller::Mouth;
use crate::socket::{Socket, SocketError, SocketReader, SocketWriter};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_wire::twilio::StreamSid;
use switchboard_wire::websocket::Message;

/// The farewell must not hold up the call.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// A server that does not read is dropped: 4 s of audio messages.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Session {
    pub(super) reader: SocketReader,
    pub(super) writer: SocketWriter,
    stream_sid: StreamSid,
    fault: StreamFault,
    /// The `start` message until it is sent.
    start: Option<Value>,
    stop: Value,
    sequence: u64,
    chunk: u64,
    /// Since the upgrade while waiting for `start`, since `start` afterwards.
    elapsed_ms: u64,
    playback: Playback,
    bunch: Vec<String>,
    is_mute: bool,
    is_deaf: bool,
    is_over: bool,
}

impl Session {
    pub(super) fn new(socket: Socket, stream_sid: StreamSid, fault: StreamFault) -> Self {
        let (reader, writer) = socket.split();
        Self {
            reader,
            writer,
            stream_sid,
            fault,
            start: None,
            stop: Value::Null,
            sequence: 0,
            chunk: 0,
            elapsed_ms: 0,
            playback: Playback::default(),
            bunch: Vec::new(),
            is_mute: false,
            is_deaf: false,
            is_over: false,
        }
    }

    pub(super) fn stream_sid(&self) -> &StreamSid {
        &self.stream_sid
    }

    pub(super) fn is_started(&self) -> bool {
        self.start.is_none()
    }

    pub(super) fn is_reading(&self) -> bool {
        !self.is_deaf
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writer.queued_bytes() > 0
    }

    pub(super) fn queue_connected(&mut self) {
        let connected = br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;
        self.writer.queue_text_parts(&[connected]);
    }

    pub(super) fn set_start(&mut self, start: Value) {
        self.start = Some(start);
    }

    pub(super) fn set_stop(&mut self, account_sid: &str, call_sid: &str) {
        self.stop = json!({"accountSid": account_sid, "callSid": call_sid});
    }

    /// Takes 20 ms from the playback for the ear and returns the marks that are over.
    pub(super) fn play(&mut self, record: &Record) -> Frame {
        let (frame, marks) = self.playback.pull();
        for name in marks {
            self.echo(name, false, record);
        }
        frame
    }

    /// Sends what the mouth did in 20 ms, and `start` before all else.
    pub(super) fn say(&mut self, mouth: &Mouth) {
        if self.start.is_some() && !self.try_start() {
            self.elapsed_ms += FRAME_MS;
            return;
        }
        if let Some(digit) = mouth.digit {
            let dtmf = json!({"track": "inbound_track", "digit": digit.to_string()});
            self.queue("dtmf", dtmf);
        }
        if !self.is_mute {
            self.queue_media(&mouth.sound);
        }
        self.elapsed_ms += FRAME_MS;
    }

    fn try_start(&mut self) -> bool {
        let is_due = match self.fault {
            StreamFault::NeverStarts => false,
            StreamFault::StartsAfter { ms } => self.elapsed_ms >= ms,
            _ => true,
        };
        if let Some(mut start) = self.start.take_if(|_| is_due) {
            self.sequence += 1;
            start["sequenceNumber"] = self.sequence.to_string().into();
            self.writer
                .queue_text_parts(&[start.to_string().as_bytes()]);
            self.elapsed_ms = 0;
        }
        is_due
    }

    fn queue(&mut self, event: &str, fields: Value) {
        self.sequence += 1;
        let mut message = json!({
            "event": event,
            "sequenceNumber": self.sequence.to_string(),
            "streamSid": self.stream_sid.as_str(),
        });
        message[event] = fields;
        self.writer
            .queue_text_parts(&[message.to_string().as_bytes()]);
    }

    /// Fields in the order Twilio writes them.
    fn queue_media(&mut self, sound: &[u8]) {
        self.sequence += 1;
        self.chunk += 1;
        let message = format!(
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{}"}},"streamSid":"{}"}}"#,
            self.sequence,
            self.chunk,
            self.elapsed_ms,
            STANDARD.encode(sound),
            self.stream_sid
        );
        let StreamFault::Bunched { frames } = self.fault else {
            self.writer.queue_text_parts(&[message.as_bytes()]);
            return;
        };
        self.bunch.push(message);
        if self.bunch.len() >= frames {
            for message in self.bunch.drain(..) {
                self.writer.queue_text_parts(&[message.as_bytes()]);
            }
        }
    }

    /// Lets a scripted fault happen when its time has come, and drops a server that does not read.
    pub(super) fn fault_now(&mut self, step_ms: u64) -> Option<StreamEnd> {
        if self.writer.queued_bytes() > UNSENT_BYTES_MAX && !self.is_over {
            return Some(StreamEnd::ConnectionLost);
        }
        let now = self.elapsed_ms;
        let is_due = |ms: u64| now >= ms && now < ms + step_ms;
        if self.start.is_some() {
            return None;
        }
        match self.fault.clone() {
            StreamFault::CutAfter { ms } | StreamFault::ResetAfter { ms } if is_due(ms) => {
                return Some(StreamEnd::Fault);
            }
            StreamFault::FrozenAfter { ms } if is_due(ms) => {
                self.is_mute = true;
                self.is_deaf = true;
            }
            StreamFault::DeafAfter { ms } if is_due(ms) => self.is_deaf = true,
            StreamFault::MuteAfter { ms } if is_due(ms) => self.is_mute = true,
            StreamFault::TextAfter { ms, text } if is_due(ms) => {
                self.writer.queue_text_parts(&[text.as_bytes()]);
            }
            StreamFault::BytesAfter { ms, bytes } if is_due(ms) => self.writer.queue_raw(&bytes),
            _ => {}
        }
        None
    }

    /// What the server sent; `Some` when the stream is over with it.
    pub(super) fn receive(
        &mut self,
        message: Result<Option<Message>, SocketError>,
        record: &Record,
    ) -> Option<StreamEnd> {
        let refused = |text: String| {
            record.warn(31924, text.clone());
            Some(StreamEnd::ProtocolError { text })
        };
        match message {
            Ok(Some(Message::Text(text))) => match self.obey(text.as_bytes(), record) {
                Ok(()) => None,
                Err(text) => refused(text.to_owned()),
            },
            Ok(Some(Message::Ping(payload))) => {
                self.writer.queue_pong(&payload);
                None
            }
            Ok(Some(Message::Pong(_))) => None,
            Ok(Some(Message::Binary(_))) => refused("a binary message".to_owned()),
            Ok(Some(Message::Close { code, .. })) => {
                self.is_over = true;
                self.writer.queue_close(code.unwrap_or(1000), "");
                Some(StreamEnd::ServerClosed { code })
            }
            Ok(None) | Err(SocketError::Io(_)) => {
                self.is_over = true;
                Some(StreamEnd::ConnectionLost)
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// Media, mark or clear; everything else breaks the protocol.
    fn obey(&mut self, text: &[u8], record: &Record) -> Result<(), &'static str> {
        let message: Value =
            serde_json::from_slice(text).map_err(|_| "a message that is not JSON")?;
        if self.start.is_some() {
            return Err("a message before start");
        }
        if message["streamSid"].as_str() != Some(self.stream_sid.as_str()) {
            return Err("a message without this stream's streamSid");
        }
        match message["event"].as_str() {
            Some("media") => self.take_media(&message["media"], record),
            Some("mark") => {
                let name = message["mark"]["name"].as_str();
                self.take_mark(name.ok_or("a mark without name")?, record);
                Ok(())
            }
            Some("clear") => {
                self.clear(record);
                Ok(())
            }
            _ => Err("an event that is neither media, mark nor clear"),
        }
    }

    fn take_media(&mut self, media: &Value, record: &Record) -> Result<(), &'static str> {
        if media["track"]
            .as_str()
            .is_some_and(|track| track != "outbound")
        {
            return Err("media for another track");
        }
        let payload = media["payload"].as_str().ok_or("media without payload")?;
        let bytes = STANDARD
            .decode(payload)
            .map_err(|_| "a payload that is not base64")?;
        if bytes.starts_with(b"RIFF") {
            record.warn(
                31924,
                "the payload begins with a WAV header, which is heard as noise",
            );
        }
        let audio_ms = (bytes.len() / 8) as u64;
        self.playback.push_audio(bytes);
        record.log(CarrierEvent::MediaReceived {
            audio_ms,
            backlog_ms: self.playback.backlog_ms(),
        });
        Ok(())
    }

    fn take_mark(&mut self, name: &str, record: &Record) {
        let name = name.to_owned();
        record.log(CarrierEvent::MarkReceived { name: name.clone() });
        let is_early = self.fault == StreamFault::Marks(MarkFault::Early);
        if self.playback.is_empty() || is_early {
            self.echo(name, false, record);
        } else {
            self.playback.push_mark(name);
        }
    }

    fn clear(&mut self, record: &Record) {
        let (discarded_ms, marks) = self.playback.clear();
        record.log(CarrierEvent::Cleared { discarded_ms });
        for name in marks {
            self.echo(name, true, record);
        }
    }

    fn echo(&mut self, name: String, by_clear: bool, record: &Record) {
        if self.fault == StreamFault::Marks(MarkFault::Missing) {
            return;
        }
        self.queue("mark", json!({ "name": name }));
        match self.fault {
            StreamFault::Marks(MarkFault::Twice) => self.queue("mark", json!({ "name": name })),
            StreamFault::Marks(MarkFault::Unknown) => {
                self.queue("mark", json!({"name": "99999999"}));
            }
            _ => {}
        }
        record.log(CarrierEvent::MarkEchoed { name, by_clear });
    }

    /// Says `stop` and closes, or breaks the connection as the fault has it.
    pub(super) async fn end(mut self, is_fault: bool) {
        if is_fault {
            if matches!(self.fault, StreamFault::ResetAfter { .. }) {
                self.writer.reset();
            }
            return;
        }
        if !self.is_over && !self.is_deaf {
            let stop = std::mem::take(&mut self.stop);
            if self.is_started() {
                self.queue("stop", stop);
            }
            self.writer.queue_close(1000, "");
        }
        // In the background: a server that does not read must not stop the caller's clock.
        tokio::spawn(async move {
            let farewell = async {
                self.writer.flush().await?;
                self.writer.shutdown().await
            };
            let _ = tokio::time::timeout(END_TIMEOUT, farewell).await;
        });
    }
}
