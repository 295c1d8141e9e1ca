//! `<Connect><Stream>`: Twilio's side of a media stream (protocol notes, section 5).

mod playback;
mod session;

use super::call::{Call, Flow};
use super::document::Stream;
use super::event::{CarrierEvent, EndedBy, StreamEnd};
use super::fault::StreamFault;
use super::line::FRAME_MS;
use crate::socket::{Socket, SocketError, random_bytes};
use session::Session;
use std::net::IpAddr;
use std::sync::Arc;
use switchboard_wire::twilio::StreamSid;
use switchboard_wire::websocket::HandshakeError;

impl Call {
    /// Runs one stream to its end. An error is an end that came from elsewhere: caller, REST.
    pub(super) async fn stream(&mut self, stream: &Stream) -> Result<(), Flow> {
        let stream_sid = StreamSid::from_entropy(random_bytes());
        let fault = self.stream_faults.pop_front().unwrap_or(StreamFault::None);
        let result = self.run_stream(stream, &stream_sid, &fault).await;
        let end = match &result {
            Ok(end) => end.clone(),
            Err(Flow::End(EndedBy::Caller)) => StreamEnd::CallerHungUp,
            Err(Flow::End(_)) => StreamEnd::EndedByRest,
            Err(_) => StreamEnd::Redirected,
        };
        let (event, error) = match &end {
            StreamEnd::NotOpened { code } => ("stream-error", Some(format!("{code}"))),
            StreamEnd::ProtocolError { text } => ("stream-error", Some(text.clone())),
            _ => ("stream-stopped", None),
        };
        self.record.log(CarrierEvent::StreamEnded { end });
        self.report_stream(stream, &stream_sid, event, error);
        result.map(|_| ())
    }

    async fn run_stream(
        &mut self,
        stream: &Stream,
        stream_sid: &StreamSid,
        fault: &StreamFault,
    ) -> Result<StreamEnd, Flow> {
        let socket = match self.open_stream(stream, fault).await? {
            Ok(socket) => socket,
            Err(code) => return Ok(StreamEnd::NotOpened { code }),
        };
        let mut session = Session::new(socket, stream_sid.clone(), fault.clone());
        session.queue_connected();
        session.set_start(self.start_message(stream, stream_sid, fault));
        let result = self.run_session(&mut session, stream).await;
        // Whatever ended the stream from our side, the server is told, except where a fault says otherwise.
        session.end(matches!(result, Ok(StreamEnd::Fault))).await;
        result
    }

    /// Opens and upgrades, or says which error Twilio would log.
    async fn open_stream(
        &mut self,
        stream: &Stream,
        fault: &StreamFault,
    ) -> Result<Result<Socket, u32>, Flow> {
        let mut url = stream.url.as_str();
        if let Some((without, _)) = url.split_once('?') {
            self.record
                .warn(31920, "a stream URL has a query, which is stripped");
            url = without;
        }
        self.record.log(CarrierEvent::StreamConnecting {
            url: stream.url.clone(),
            parameters: stream.parameters.clone(),
        });
        let address = self.exchange.settings.connect_to;
        if let Err((code, text)) = check_url(url, address.is_some()) {
            self.record.warn(code, text);
            return Ok(Err(code));
        }
        if *fault == StreamFault::NeverConnects {
            self.record.warn(31901, "by script: no connection");
            return Ok(Err(31901));
        }
        let (header, mut signature) = self.exchange.upgrade_signature(&stream.url);
        if *fault == StreamFault::WronglySigned {
            signature = self
                .exchange
                .upgrade_signature("wss://elsewhere.example/")
                .1;
        }
        let mut headers = vec![("user-agent", "Twilio.TmeWs/1.0")];
        if *fault != StreamFault::Unsigned {
            headers.push((header, &signature));
        }
        let opened = match address {
            Some(address) => {
                self.hold(Socket::connect_to(address, url, &headers))
                    .await?
            }
            None => self.hold(Socket::connect(url, &headers)).await?,
        };
        Ok(opened.map_err(|error| {
            let code = match error {
                SocketError::Handshake(HandshakeError::Refused { .. }) => 31920,
                SocketError::Handshake(_) => 31924,
                _ => 31901,
            };
            self.record.warn(code, error.to_string());
            code
        }))
    }

    fn start_message(
        &self,
        stream: &Stream,
        stream_sid: &StreamSid,
        fault: &StreamFault,
    ) -> serde_json::Value {
        let mut parameters = serde_json::Map::new();
        for (name, value) in &stream.parameters {
            parameters.insert(name.clone(), value.clone().into());
        }
        if let StreamFault::ForgedParameter { name, value } = fault {
            parameters.insert(name.clone(), value.clone().into());
        }
        serde_json::json!({
            "event": "start",
            "start": {
                "accountSid": self.exchange.settings.account_sid.as_str(),
                "streamSid": stream_sid.as_str(),
                "callSid": self.details.sid.as_str(),
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": parameters,
            },
            "streamSid": stream_sid.as_str(),
        })
    }

    async fn run_session(
        &mut self,
        session: &mut Session,
        stream: &Stream,
    ) -> Result<StreamEnd, Flow> {
        let account_sid = self.exchange.settings.account_sid.to_string();
        session.set_stop(&account_sid, self.details.sid.as_str());
        loop {
            let wake = tokio::select! {
                biased;
                command = self.commands.recv() => Wake::Command(command),
                () = self.line.next_step() => Wake::Step,
                message = session.reader.next(), if session.is_reading() => Wake::Message(message),
                written = session.writer.flush(), if session.is_writing() => Wake::Written(written),
            };
            let end = match wake {
                Wake::Command(command) => {
                    self.obey(command)?;
                    None
                }
                Wake::Step => {
                    let was_started = session.is_started();
                    let end = self.step_stream(session)?;
                    if session.is_started() && !was_started {
                        let stream_sid = session.stream_sid().clone();
                        self.report_stream(stream, &stream_sid, "stream-started", None);
                        self.record.log(CarrierEvent::StreamStarted { stream_sid });
                    }
                    end
                }
                Wake::Message(message) => session.receive(message, &self.record),
                Wake::Written(Ok(())) => None,
                Wake::Written(Err(_)) => Some(StreamEnd::ConnectionLost),
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// 20 ms of a stream: playback into the ear, the mouth into the socket.
    fn step_stream(&mut self, session: &mut Session) -> Result<Option<StreamEnd>, Flow> {
        let frame = session.play(&self.record);
        let mouth = self.hear(&frame)?;
        session.say(&mouth);
        Ok(session.fault_now(FRAME_MS))
    }

    fn report_stream(
        &self,
        stream: &Stream,
        stream_sid: &StreamSid,
        event: &str,
        error: Option<String>,
    ) {
        let Some(url) = stream.status_callback.clone() else {
            return;
        };
        let mut form = switchboard_wire::twilio::Form::from_iter([
            ("AccountSid", self.exchange.settings.account_sid.as_str()),
            ("CallSid", self.details.sid.as_str()),
            ("StreamSid", stream_sid.as_str()),
            (
                "StreamName",
                stream.name.as_deref().unwrap_or(stream_sid.as_str()),
            ),
            ("StreamEvent", event),
            ("Timestamp", &super::date::now()),
        ]);
        if let Some(error) = error {
            form.push("StreamError", &error);
        }
        let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
        tokio::spawn(async move { exchange.post(&record, &url, &form, true).await });
    }
}

enum Wake {
    Command(Option<super::call::Command>),
    Step,
    Message(Result<Option<switchboard_wire::websocket::Message>, SocketError>),
    Written(std::io::Result<()>),
}

/// Only `wss` is taken, except on this machine. This fake has no TLS, so `wss` needs a place to connect to.
fn check_url(url: &str, has_address: bool) -> Result<(), (u32, &'static str)> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    match scheme {
        "wss" if has_address => Ok(()),
        "wss" => Err((31910, "this fake speaks no TLS; set connect_to")),
        "ws" if is_loopback(rest) => Ok(()),
        _ => Err((31922, "a stream URL must be wss")),
    }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
