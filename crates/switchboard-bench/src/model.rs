//! The model's end: one Realtime session per socket, answering by script instead of by thought.
//!
//! It hears no sound. Frames say in their stamp whether the caller speaks, so detection costs nothing and comes at the
//! same moment on every run.

use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use switchboard_media::frame::AudioFormat;
use switchboard_wire::openai::{AudioDeltaPrefix, ResponseStatus, ServerEvent, scan_append};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use crate::book::SharedBook;
use crate::events::{self, ReplyNames};
use crate::socket::{Incoming, Socket, accept, text_of};
use crate::stamp::{Kind, STAMP_BYTES, STAMP_CHARACTERS, Stamp};
use crate::voice::{FRAME_BYTES, voice_24k, voice_ulaw};

/// Speech is reported after this many frames of it: 100 ms.
const SPEECH_FRAMES: u32 = 5;
/// The vendor's documented default, for sessions that set none.
const SILENCE_MS: u64 = 500;
const FRAME_MS: u64 = 20;
/// Base64 characters of one frame, padding included.
const FRAME_CHARACTERS: usize = FRAME_BYTES.div_ceil(3) * 4;
/// From the end of a turn to its words; the vendor takes longer, but not much.
const TRANSCRIPT_AFTER: Duration = Duration::from_millis(150);
/// From a reply's request to its first sound: what a model would think.
pub const FIRST_SOUND_AFTER: Duration = Duration::from_millis(200);
/// 200 ms of sound per delta, four times as fast as it plays.
const DELTA_MS: usize = 200;
const DELTA_PERIOD: Duration = Duration::from_millis(50);
/// A reply lasts 3 s.
const DELTAS: usize = 15;
/// One word per delta. They take the floor, so a gateway that weighs words stops for them.
const REPLY_WORDS: [&str; 5] = ["We ", "have ", "Tuesday ", "afternoon ", "free. "];
const CALLER_WORDS: &str = "I would like to book a facial on Tuesday.";

/// The sound of a reply, cut and encoded once, for telephones and for 16-bit samples at 24 kHz.
pub struct ReplySound {
    ulaw: Vec<String>,
    pcm: Vec<String>,
}

impl ReplySound {
    /// Prepares it.
    pub fn new() -> Self {
        let cut = |sound: Vec<u8>, bytes_per_ms: usize| {
            let pieces = sound.chunks_exact(DELTA_MS * bytes_per_ms);
            pieces.map(|piece| STANDARD.encode(piece)).collect()
        };
        Self {
            ulaw: cut(voice_ulaw(), 8),
            pcm: cut(
                AudioFormat::Pcm16 { rate_hz: 24_000 }.encode_from_pcm(&voice_24k()),
                48,
            ),
        }
    }

    fn piece(&self, number: usize, is_pcm: bool) -> &str {
        let pieces = if is_pcm { &self.pcm } else { &self.ulaw };
        &pieces[number % pieces.len()]
    }
}

impl Default for ReplySound {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves sessions until the process ends. Plain requests are those a gateway makes to its carrier.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, book: SharedBook) -> io::Result<()> {
    let sound = Rc::new(ReplySound::new());
    let mut number = 0;
    loop {
        let (tcp, _) = listener.accept().await?;
        number += 1;
        let (book, sound) = (Rc::clone(&book), Rc::clone(&sound));
        spawn_local(async move {
            match accept(tcp).await {
                Ok(Incoming::Socket(socket, _)) => {
                    Session::new(*socket, number, book, sound).run().await
                }
                Ok(Incoming::Request(_)) => book.borrow_mut().requests += 1,
                Err(_) => book.borrow_mut().lost += 1,
            }
        });
    }
}

struct Reply {
    names: ReplyNames,
    prefix: AudioDeltaPrefix,
    next: usize,
    due: Instant,
}

struct Session {
    socket: Socket,
    number: u32,
    book: SharedBook,
    sound: Rc<ReplySound>,
    /// Known from the first frame.
    call: Option<u16>,
    greeted_micros: u64,
    configured: Option<u64>,
    silence_frames: u32,
    /// The session's sound is 16-bit samples at 24 kHz, which carry no stamps.
    is_pcm: bool,
    transcribes: bool,
    creates_replies: bool,
    frames: u64,
    speech_frames: u32,
    quiet_frames: u32,
    is_speaking: bool,
    turns: u32,
    replies: u32,
    events: u64,
    reply: Option<Reply>,
    words: Option<(Instant, String)>,
}

impl Session {
    fn new(socket: Socket, number: u32, book: SharedBook, sound: Rc<ReplySound>) -> Self {
        Self {
            socket,
            number,
            book,
            sound,
            call: None,
            greeted_micros: 0,
            configured: None,
            silence_frames: frames_of(SILENCE_MS),
            is_pcm: false,
            transcribes: false,
            creates_replies: true,
            frames: 0,
            speech_frames: 0,
            quiet_frames: 0,
            is_speaking: false,
            turns: 0,
            replies: 0,
            events: 0,
            reply: None,
            words: None,
        }
    }

    async fn run(mut self) {
        self.book.borrow_mut().sessions += 1;
        self.greeted_micros = self.book.borrow().now_micros();
        let session = events::session("gpt-realtime-2.1", self.number);
        self.say(ServerEvent::SessionCreated { session });
        // The gateway ends a session when its call is over; that is no failure.
        let _ = self.converse().await;
        self.book.borrow_mut().sessions -= 1;
    }

    async fn converse(&mut self) -> io::Result<()> {
        self.socket.push().await?;
        loop {
            let due = [
                self.reply.as_ref().map(|reply| reply.due),
                self.words.as_ref().map(|words| words.0),
            ];
            let due = due.into_iter().flatten().min();
            tokio::select! {
                message = self.socket.next() => {
                    if let Some(text) = text_of(message?)? {
                        self.on_message(&text);
                    }
                }
                () = wait_until(due) => self.on_time(),
            }
            self.socket.push().await?;
        }
    }

    fn say(&mut self, event: ServerEvent) {
        self.events += 1;
        let text = events::text(self.events, event);
        self.socket.send(&[text.as_bytes()]);
    }

    fn on_message(&mut self, text: &Bytes) {
        if let Some(audio) = scan_append(text) {
            return self.on_append(audio);
        }
        let Ok(message) = serde_json::from_slice::<Value>(text) else {
            return self.refuse("invalid_json");
        };
        match message["type"].as_str().unwrap_or_default() {
            "session.update" => self.configure(&message["session"]),
            "response.create" if self.reply.is_some() => {
                self.refuse("conversation_already_has_active_response")
            }
            "response.create" => self.begin_reply(),
            "response.cancel" if self.reply.is_some() => self.end_reply(ResponseStatus::Cancelled),
            "response.cancel" => self.refuse("response_cancel_not_active"),
            "conversation.item.truncate" => self.say(ServerEvent::ConversationItemTruncated {
                item_id: text_at(&message, "item_id"),
                content_index: 0,
                audio_end_ms: message["audio_end_ms"].as_u64().unwrap_or_default(),
            }),
            "conversation.item.delete" => {
                let item_id = text_at(&message, "item_id");
                self.say(ServerEvent::ConversationItemDeleted { item_id });
            }
            "conversation.item.create" | "input_audio_buffer.clear" => {}
            _ => self.refuse("unknown_event"),
        }
    }

    /// Losing a race for a reply that just ended is no mistake of a client's.
    fn refuse(&mut self, code: &str) {
        if code != "response_cancel_not_active" {
            self.book.borrow_mut().refused += 1;
        }
        self.say(events::refusal(code));
    }

    fn configure(&mut self, session: &Value) {
        let input = &session["audio"]["input"];
        let detection = &input["turn_detection"];
        self.transcribes = input["transcription"].is_object();
        // Later updates leave the format as it is; who never names one gets the vendor's default.
        match session["audio"]["output"]["format"]["type"].as_str() {
            Some(format) => self.is_pcm = format == "audio/pcm",
            None => self.is_pcm |= self.configured.is_none(),
        }
        self.creates_replies = detection["create_response"].as_bool().unwrap_or(true);
        self.silence_frames = frames_of(
            detection["silence_duration_ms"]
                .as_u64()
                .unwrap_or(SILENCE_MS),
        );
        if self.configured.is_none() {
            let mut book = self.book.borrow_mut();
            let now = book.now_micros();
            book.configuring.push_micros(now - self.greeted_micros);
            self.configured = Some(now);
        }
        let session = events::session("gpt-realtime-2.1", self.number);
        self.say(ServerEvent::SessionUpdated { session });
    }

    fn on_append(&mut self, audio: &[u8]) {
        self.book.borrow_mut().on_append();
        // Samples at 24 kHz carry no stamps.
        if self.is_pcm {
            return;
        }
        if audio.len() == FRAME_CHARACTERS {
            return self.on_frame(Stamp::of_base64(audio));
        }
        let Ok(frames) = STANDARD.decode(audio) else {
            return self.refuse("invalid_base64");
        };
        for frame in frames.chunks(FRAME_BYTES) {
            self.on_frame(Stamp::of_bytes(frame));
        }
    }

    fn on_frame(&mut self, stamp: Option<Stamp>) {
        self.frames += 1;
        let Some(stamp) = stamp else {
            return;
        };
        self.book.borrow_mut().on_frame(stamp);
        if self.call.replace(stamp.call).is_none() {
            let mut book = self.book.borrow_mut();
            let took = book.now_micros().saturating_sub(stamp.sent_micros);
            book.first_audio.push_micros(took);
        }
        self.hear(stamp.kind == Kind::Speech);
    }

    fn hear(&mut self, is_speech: bool) {
        if is_speech {
            self.speech_frames += 1;
            self.quiet_frames = 0;
        } else {
            self.speech_frames = 0;
            self.quiet_frames += 1;
        }
        if !self.is_speaking && self.speech_frames == SPEECH_FRAMES {
            self.is_speaking = true;
            self.turns += 1;
            let audio_start_ms = (self.frames * FRAME_MS).saturating_sub(300);
            let item_id = self.turn_name();
            self.say(ServerEvent::SpeechStarted {
                item_id,
                audio_start_ms,
            });
        } else if self.is_speaking && self.quiet_frames == self.silence_frames {
            self.is_speaking = false;
            self.end_turn();
        }
    }

    fn turn_name(&self) -> String {
        format!("item_t{:04}{:016}", self.number, self.turns)
    }

    fn end_turn(&mut self) {
        let item_id = self.turn_name();
        let audio_end_ms = self.frames * FRAME_MS;
        self.say(ServerEvent::SpeechStopped {
            item_id: item_id.clone(),
            audio_end_ms,
        });
        for event in events::committed(&item_id) {
            self.say(event);
        }
        if self.transcribes {
            self.words = Some((Instant::now() + TRANSCRIPT_AFTER, item_id));
        }
        if self.creates_replies && self.reply.is_none() {
            self.begin_reply();
        }
    }

    fn begin_reply(&mut self) {
        self.replies += 1;
        let names = ReplyNames {
            response: format!("resp_r{:04}{:016}", self.number, self.replies),
            item: format!("item_r{:04}{:016}", self.number, self.replies),
        };
        for event in events::reply_begins(&names) {
            self.say(event);
        }
        let prefix = AudioDeltaPrefix::new(&names.response, &names.item, 0, 0);
        let due = Instant::now() + FIRST_SOUND_AFTER;
        self.reply = Some(Reply {
            names,
            prefix,
            next: 0,
            due,
        });
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if let Some((_, item)) = self.words.take_if(|(due, _)| *due <= now) {
            self.say(events::heard(&item, CALLER_WORDS));
        }
        if self.reply.as_ref().is_some_and(|reply| reply.due <= now) {
            self.speak();
        }
    }

    fn speak(&mut self) {
        let Some(mut reply) = self.reply.take() else {
            return;
        };
        if reply.next == DELTAS {
            self.reply = Some(reply);
            return self.end_reply(ResponseStatus::Completed);
        }
        let word = REPLY_WORDS[reply.next % REPLY_WORDS.len()];
        self.say(events::words(&reply.names, word));
        self.send_delta(&reply);
        reply.next += 1;
        reply.due += DELTA_PERIOD;
        self.reply = Some(reply);
    }

    /// The first delta begins with its sending time.
    fn send_delta(&mut self, reply: &Reply) {
        self.events += 1;
        let event = format!("event_{:024}", self.events);
        let sound = self.sound.piece(reply.next, self.is_pcm);
        let mut book = self.book.borrow_mut();
        book.deltas += u64::from(book.is_measuring);
        let (Some(call), 0) = (self.call, reply.next) else {
            return self
                .socket
                .send(&reply.prefix.parts(&event, sound.as_bytes()));
        };
        let sent_micros = book.now_micros();
        let stamp = Stamp {
            kind: Kind::Reply,
            call,
            sent_micros,
        };
        let sound = [
            &stamp.to_base64()[..],
            &sound.as_bytes()[STAMP_CHARACTERS..],
        ]
        .concat();
        self.socket.send(&reply.prefix.parts(&event, &sound));
    }

    fn end_reply(&mut self, status: ResponseStatus) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        let spoken = REPLY_WORDS.iter().cycle().take(reply.next);
        let transcript: String = spoken.copied().collect();
        for event in events::reply_ends(&reply.names, status, transcript.trim_end()) {
            self.say(event);
        }
    }
}

/// A stamp stands for whole base64 groups.
const _: () = assert!(STAMP_BYTES.is_multiple_of(3) && STAMP_CHARACTERS == STAMP_BYTES / 3 * 4);

fn frames_of(ms: u64) -> u32 {
    u32::try_from(ms / FRAME_MS).unwrap_or(u32::MAX)
}

fn text_at(message: &Value, name: &str) -> String {
    message[name].as_str().unwrap_or_default().to_owned()
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
