//! The carrier's end: one call that speaks by script, plays what it gets in real time and echoes marks.
//!
//! Every 8 s the caller speaks, hears the answer for a second, interrupts it, and hears a second answer.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use memchr::memmem;
use switchboard_wire::twilio::{AccountSid, CallSid, StreamSid};
use tokio::time::{Instant, sleep_until};

use crate::book::SharedBook;
use crate::socket::{Socket, entropy, text_of};
use crate::stamp::{Kind, Stamp};
use crate::voice::Frames;
use crate::webhook::Gateway;

const FRAME: Duration = Duration::from_millis(20);
/// A caller asks something every 8 s.
const CYCLE: Duration = Duration::from_secs(8);
/// The first burst comes after a greeting and its disclosure, two replies of 3 s.
const FIRST_BURST: Duration = Duration::from_millis(7_500);
/// First bursts are spread over this, so that not all callers speak at once.
const SPREAD_MS: u64 = 4_000;
const BURST: Duration = Duration::from_millis(1_200);
/// How much of the first answer is heard before the caller interrupts it.
const HEARD: Duration = Duration::from_secs(1);
const INTERRUPTION: Duration = Duration::from_millis(1_000);

/// Where calls go.
#[derive(Debug, Clone)]
pub enum Target {
    /// A relay that takes any stream at this address.
    Relay(String),
    /// A gateway that wants a signed webhook first.
    Gateway(Gateway),
}

/// One call, before it is placed.
#[derive(Clone)]
pub struct Caller {
    pub target: Target,
    pub book: SharedBook,
    pub frames: Rc<Frames>,
    /// Below 4,096.
    pub number: u16,
}

#[derive(Debug, Clone, Copy)]
enum Script {
    Quiet,
    Asking { until: Instant },
    AwaitingAnswer,
    Listening { until: Instant },
    Interrupting { until: Instant },
    AwaitingSecond,
}

/// A call whose stream is open.
pub struct LiveCall {
    caller: Caller,
    socket: Socket,
    stream: StreamSid,
    call_sid: CallSid,
    began: Instant,
    script: Script,
    next_burst: Instant,
    next_frame: Instant,
    /// Messages sent, frames sent, and frames of the present burst.
    sequence: u64,
    chunk: u64,
    spoken: usize,
    last_reply_micros: u64,
    /// When everything received will have been played.
    played: Instant,
    marks: VecDeque<(Instant, Bytes)>,
    line: String,
}

impl Caller {
    /// Places the call and opens its stream.
    ///
    /// # Errors
    /// The gateway refused it or sent the caller elsewhere.
    pub async fn place(&self) -> Result<LiveCall> {
        let entropy = entropy()?;
        let call_sid = CallSid::from_entropy(entropy);
        let stream = StreamSid::from_entropy(entropy);
        let account = match &self.target {
            Target::Relay(_) => AccountSid::from_entropy([1; 16]),
            Target::Gateway(gateway) => gateway.account.clone(),
        };
        let (mut socket, token) = self.open_stream(&call_sid).await?;
        socket.send(&[br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#]);
        let start = format!(
            r#"{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"{account}","streamSid":"{stream}","callSid":"{call_sid}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{"t":"{token}"}}}},"streamSid":"{stream}"}}"#
        );
        socket.send(&[start.as_bytes()]);
        socket.push().await?;
        Ok(LiveCall::new(self.clone(), socket, stream, call_sid))
    }

    async fn open_stream(&self, call_sid: &CallSid) -> Result<(Socket, String)> {
        match &self.target {
            Target::Relay(url) => Ok((Socket::dial(url, &[]).await?, String::new())),
            Target::Gateway(gateway) => {
                let began = self.book.borrow().now_micros();
                let ticket = gateway.offer(call_sid).await?;
                let took = self.book.borrow().now_micros() - began;
                self.book.borrow_mut().webhook.push_micros(took);
                let signature = gateway.sign_upgrade(&ticket.url);
                let headers = [("X-Twilio-Signature", signature.as_str())];
                Ok((Socket::dial(&ticket.url, &headers).await?, ticket.token))
            }
        }
    }
}

impl LiveCall {
    fn new(caller: Caller, socket: Socket, stream: StreamSid, call_sid: CallSid) -> Self {
        let now = Instant::now();
        // The golden ratio spreads any number of calls evenly.
        let spread_ms = u64::from(caller.number) * 2_472 % SPREAD_MS;
        let next_burst = now + FIRST_BURST + Duration::from_millis(spread_ms);
        Self {
            caller,
            socket,
            stream,
            call_sid,
            began: now,
            script: Script::Quiet,
            next_burst,
            next_frame: now + FRAME,
            sequence: 1,
            chunk: 0,
            spoken: 0,
            last_reply_micros: 0,
            played: now,
            marks: VecDeque::new(),
            line: String::with_capacity(512),
        }
    }

    /// The stream of the call.
    pub fn stream(&self) -> &StreamSid {
        &self.stream
    }

    /// Talks until the deadline.
    ///
    /// # Errors
    /// The gateway ended the stream.
    pub async fn talk_until(&mut self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            let mark_due = self.marks.front().map(|mark| mark.0);
            let due = mark_due.map_or(self.next_frame, |due| due.min(self.next_frame));
            tokio::select! {
                message = self.socket.next() => {
                    if let Some(text) = text_of(message?)? {
                        self.on_message(text);
                    }
                }
                () = sleep_until(due) => self.on_time(),
            }
            self.socket.push().await?;
        }
        Ok(())
    }

    /// Ends the call as a caller who hangs up.
    pub async fn hang_up(mut self) {
        self.sequence += 1;
        let (account, call) = (AccountSid::from_entropy([1; 16]), &self.call_sid);
        let stop = format!(
            r#"{{"event":"stop","sequenceNumber":"{}","streamSid":"{}","stop":{{"accountSid":"{account}","callSid":"{call}"}}}}"#,
            self.sequence, self.stream
        );
        self.socket.send(&[stop.as_bytes()]);
        let _ = self.socket.push().await;
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        while self.marks.front().is_some_and(|mark| mark.0 <= now) {
            let mark = self.marks.pop_front();
            mark.into_iter().for_each(|(_, name)| self.echo(&name));
        }
        // A process that was stopped for a while sends the frames it owes, as a carrier does after a stall.
        while self.next_frame <= now {
            self.next_frame += FRAME;
            self.follow_script(now);
            self.send_frame();
        }
    }

    fn follow_script(&mut self, now: Instant) {
        if now >= self.next_burst {
            let waits = matches!(self.script, Script::AwaitingAnswer | Script::AwaitingSecond);
            let mut book = self.caller.book.borrow_mut();
            book.unanswered += u64::from(waits && book.is_measuring);
            drop(book);
            self.next_burst += CYCLE;
            return self.begin_to_speak(Script::Asking { until: now + BURST });
        }
        match self.script {
            Script::Asking { until } if now >= until => self.script = Script::AwaitingAnswer,
            Script::Listening { until } if now >= until => {
                self.begin_to_speak(Script::Interrupting {
                    until: now + INTERRUPTION,
                });
            }
            Script::Interrupting { until } if now >= until => self.script = Script::AwaitingSecond,
            _ => {}
        }
    }

    fn begin_to_speak(&mut self, script: Script) {
        self.spoken = 0;
        self.script = script;
        let mut book = self.caller.book.borrow_mut();
        book.bursts += u64::from(book.is_measuring);
    }

    fn send_frame(&mut self) {
        self.sequence += 1;
        self.chunk += 1;
        let speaks = matches!(
            self.script,
            Script::Asking { .. } | Script::Interrupting { .. }
        );
        let (kind, sound) = if speaks {
            self.spoken += 1;
            (Kind::Speech, self.caller.frames.voice(self.spoken))
        } else {
            (Kind::Quiet, self.caller.frames.quiet(self.chunk as usize))
        };
        let timestamp_ms = self.began.elapsed().as_millis();
        let (sequence, chunk, stream) = (self.sequence, self.chunk, &self.stream);
        self.line.clear();
        write!(
            self.line,
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp_ms}","payload":""#
        )
        .expect("writing to a string cannot fail");
        let sent_micros = self.caller.book.borrow().now_micros();
        let stamp = Stamp {
            kind,
            call: self.caller.number,
            sent_micros,
        };
        let behind = [br#""},"streamSid":""#, stream.as_bytes(), br#""}"#];
        let [quote, stream, end] = behind;
        let parts = [
            self.line.as_bytes(),
            &stamp.to_base64(),
            sound.as_bytes(),
            quote,
            stream,
            end,
        ];
        self.socket.send(&parts);
    }

    fn on_message(&mut self, text: Bytes) {
        let is_measuring = self.caller.book.borrow().is_measuring;
        let count = |counter: &mut u64| *counter += u64::from(is_measuring);
        if let Some(payload) = text_behind(&text, b"\"payload\":\"") {
            count(&mut self.caller.book.borrow_mut().media);
            self.play(&text.slice_ref(payload));
        } else if let Some(name) = text_behind(&text, b"\"name\":\"") {
            count(&mut self.caller.book.borrow_mut().marks);
            let name = text.slice_ref(name);
            self.marks
                .push_back((self.played, Bytes::copy_from_slice(&name)));
        } else if memmem::find(&text, b"\"clear\"").is_some() {
            count(&mut self.caller.book.borrow_mut().clears);
            self.clear();
        }
    }

    fn play(&mut self, payload: &[u8]) {
        let now = Instant::now();
        let micros = payload.len() as u64 / 4 * 3 * 125;
        self.played = self.played.max(now) + Duration::from_micros(micros);
        let Some(stamp) = Stamp::of_base64(payload).filter(|stamp| stamp.kind == Kind::Reply)
        else {
            return;
        };
        // A reply that was paused and goes on may send its first piece again.
        if stamp.sent_micros > self.last_reply_micros {
            self.last_reply_micros = stamp.sent_micros;
            self.caller.book.borrow_mut().on_reply(stamp.sent_micros);
            self.script = match self.script {
                Script::AwaitingAnswer => Script::Listening { until: now + HEARD },
                Script::AwaitingSecond => Script::Quiet,
                other => other,
            };
        }
    }

    /// What waits is thrown away, and its marks come back at once.
    fn clear(&mut self) {
        self.played = Instant::now();
        for (_, name) in std::mem::take(&mut self.marks) {
            self.echo(&name);
        }
    }

    fn echo(&mut self, name: &[u8]) {
        self.sequence += 1;
        let sequence = self.sequence.to_string();
        self.socket.send(&[
            br#"{"event":"mark","sequenceNumber":""#,
            sequence.as_bytes(),
            br#"","streamSid":""#,
            self.stream.as_bytes(),
            br#"","mark":{"name":""#,
            name,
            br#""}}"#,
        ]);
    }
}

/// The plain text behind a label, up to its closing quote.
fn text_behind<'a>(message: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    let begin = memmem::find(message, label)? + label.len();
    let rest = &message[begin..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}
