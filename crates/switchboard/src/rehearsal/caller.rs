//! A simulated client of the front endpoint as a plain struct: server events and time go in, audio, client events and
//! scenes of the talk come out. It has manners: it lets the agent finish, and interrupts nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchboard_wire::openai::{
    AudioDeltaRef, ClientEvent, ErrorBody, PartDelta, ResponseStatus, ServerEvent, UnknownEvent,
    decoded_len, parse_server_event, scan_audio_delta,
};

use super::lines::Act;
use super::player::Player;
use super::talk::{Scene, is_same_words};

/// What the endpoint speaks.
pub(super) const RATE_HZ: u32 = 24_000;
/// Length of one append. 20 to 100 ms are usual; 40 keep a thousand callers cheap.
pub(super) const FRAME_MS: u64 = 40;
/// Samples of it.
pub(super) const FRAME_SAMPLES: usize = 960;
/// How long the agent must have been silent before the caller speaks: longer than a pause between sentences, shorter
/// than any nudge.
const QUIET: Duration = Duration::from_millis(900);
/// How long after the last answer the caller stays: longer than a slow tool, shorter than the first nudge at 6 s.
const FAREWELL: Duration = Duration::from_millis(4_000);
/// How long an answer may take. Past it there is none.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Why the caller stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything was said and answered.
    Finished,
    /// The agent did not answer.
    NoAnswer,
}

/// How the server said the call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToldEnd {
    /// The reason's word.
    pub(super) reason: String,
    /// The class's word.
    pub(super) class: String,
}

/// One caller of one call.
#[derive(Debug)]
pub(super) struct ClientCaller {
    lines: VecDeque<Act>,
    speaking: Option<Speaking>,
    said: Option<String>,
    player: Player,
    /// Responses that have begun and not ended.
    active: HashSet<String>,
    /// What each of them says.
    sayings: HashMap<String, Saying>,
    /// Since when an answer is owed; none once its sound came.
    waits_since: Option<Instant>,
    line_ended_at: Option<Instant>,
    /// Neither sound nor response since then.
    quiet_from: Instant,
    latencies_ms: Vec<u64>,
    has_heard_agent: bool,
    outbox: Vec<ClientEvent>,
    scenes: Vec<Scene>,
    refusal: Option<String>,
    ended: Option<ToldEnd>,
}

/// The words of one response on their way to the reader.
#[derive(Debug, Default)]
struct Saying {
    /// Not shown yet.
    words: String,
    has_sound: bool,
    /// Shown with its first words.
    latency_ms: Option<u64>,
}

/// What ends a sentence in the middle of a text.
const SENTENCE_ENDS: [&str; 3] = [". ", "? ", "! "];

impl Saying {
    /// A response may go on in another item, whose words begin without a blank.
    fn add(&mut self, delta: &str) {
        let is_sentence_over = self.words.ends_with(['.', '?', '!']);
        if is_sentence_over && delta.starts_with(char::is_uppercase) {
            self.words.push(' ');
        }
        self.words.push_str(delta);
    }

    /// The whole sentences so far, once they are heard: words may run ahead of the sound.
    fn take_sentences(&mut self) -> Option<Scene> {
        if !self.has_sound {
            return None;
        }
        let end = match self.words.trim_end() {
            // A full stop at the end may belong to "Dr."; these two do not.
            whole if whole.ends_with(['?', '!']) => whole.len(),
            words => {
                SENTENCE_ENDS
                    .iter()
                    .filter_map(|end| words.rfind(end))
                    .max()?
                    + 1
            }
        };
        let rest = self.words.split_off(end);
        let text = std::mem::replace(&mut self.words, rest);
        Some(self.scene(text))
    }

    fn take_rest(&mut self) -> Option<Scene> {
        let text = std::mem::take(&mut self.words);
        (!text.trim().is_empty()).then(|| self.scene(text))
    }

    fn scene(&mut self, text: String) -> Scene {
        Scene::Agent {
            text: text.trim().to_owned(),
            latency_ms: self.latency_ms.take(),
        }
    }
}

#[derive(Debug)]
struct Speaking {
    samples: Arc<[i16]>,
    position: usize,
}

impl ClientCaller {
    /// A caller who has just been connected. `asks_first`: the agent waits to be asked for its greeting.
    pub(super) fn new(now: Instant, lines: Vec<Act>, asks_first: bool) -> Self {
        let first = asks_first.then_some(ClientEvent::ResponseCreate { response: None });
        Self {
            lines: lines.into(),
            speaking: None,
            said: None,
            player: Player::default(),
            active: HashSet::new(),
            sayings: HashMap::new(),
            waits_since: Some(now),
            line_ended_at: None,
            quiet_from: now,
            latencies_ms: Vec::new(),
            has_heard_agent: false,
            outbox: first.into_iter().collect(),
            scenes: Vec::new(),
            refusal: None,
            ended: None,
        }
    }

    /// Whether the agent was ever heard.
    pub(super) fn has_heard_agent(&self) -> bool {
        self.has_heard_agent
    }

    /// Whether every line was spoken.
    pub(super) fn has_said_everything(&self) -> bool {
        self.lines.is_empty() && self.speaking.is_none()
    }

    /// From the end of each line to the first sound of its answer, in milliseconds.
    pub(super) fn latencies_ms(&self) -> &[u64] {
        &self.latencies_ms
    }

    /// What the server last refused, in its words.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// How the call ended, once the server has said so.
    pub(super) fn told_end(&self) -> Option<&ToldEnd> {
        self.ended.as_ref()
    }

    /// What is to be sent.
    pub(super) fn take_outbox(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.outbox)
    }

    /// What happened since the last time.
    pub(super) fn take_scenes(&mut self) -> Vec<Scene> {
        std::mem::take(&mut self.scenes)
    }

    /// A text frame of the server. What cannot be read is skipped, as every client does.
    pub(super) fn on_text(&mut self, now: Instant, text: &[u8]) {
        if let Some(audio) = scan_audio_delta(text) {
            self.on_audio(now, &audio);
        } else if let Ok(message) = parse_server_event(text) {
            self.on_event(now, message.event);
        }
    }

    fn on_audio(&mut self, now: Instant, audio: &AudioDeltaRef<'_>) {
        let bytes = decoded_len(audio.delta_base64).unwrap_or(0);
        self.hear(now, audio.response_id, audio.item_id, bytes);
    }

    fn hear(&mut self, now: Instant, response: &str, item: &str, bytes: usize) {
        self.has_heard_agent = true;
        self.waits_since = None;
        let latency = self
            .line_ended_at
            .take()
            .map(|line_ended_at| now.saturating_duration_since(line_ended_at));
        let latency_ms =
            latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
        self.latencies_ms.extend(latency_ms);
        let saying = self.sayings.entry(response.to_owned()).or_default();
        saying.has_sound = true;
        saying.latency_ms = saying.latency_ms.or(latency_ms);
        self.scenes.extend(saying.take_sentences());
        self.player.play(now, item, bytes);
    }

    fn on_event(&mut self, now: Instant, event: ServerEvent) {
        match event {
            ServerEvent::ResponseCreated { response } => {
                self.active.insert(response.id.clone());
            }
            ServerEvent::ResponseDone { response } => {
                self.on_response_done(now, &response.id, response.status == ResponseStatus::Failed);
            }
            ServerEvent::OutputAudioDelta(PartDelta {
                response_id,
                item_id,
                delta,
                ..
            }) => {
                self.hear(
                    now,
                    &response_id,
                    &item_id,
                    decoded_len(delta.as_bytes()).unwrap_or(0),
                );
            }
            ServerEvent::OutputAudioTranscriptDelta(PartDelta {
                response_id, delta, ..
            }) => {
                let saying = self.sayings.entry(response_id).or_default();
                saying.add(&delta);
                self.scenes.extend(saying.take_sentences());
            }
            ServerEvent::SpeechStarted { .. } => self.stop_listening(now),
            ServerEvent::InputTranscriptionCompleted { transcript, .. } => {
                self.on_understood(transcript)
            }
            ServerEvent::Error { error } => self.on_error(error),
            ServerEvent::Unknown(own) => self.on_own_event(&own),
            _ => {}
        }
    }

    fn on_response_done(&mut self, now: Instant, response: &str, has_failed: bool) {
        self.active.remove(response);
        self.quiet_from = now;
        let saying = self.sayings.remove(response);
        self.scenes
            .extend(saying.and_then(|mut saying| saying.take_rest()));
        if has_failed {
            self.scenes
                .push(Scene::Notice("the agent's reply failed".to_owned()));
        }
    }

    /// The server decided that the caller speaks over the agent: as every client, stop playing and say what was heard.
    fn stop_listening(&mut self, now: Instant) {
        if let Some(cut) = self.player.cut(now) {
            self.outbox.push(ClientEvent::ConversationItemTruncate {
                item_id: cut.item,
                content_index: 0,
                audio_end_ms: cut.heard_ms,
            });
        }
    }

    fn on_understood(&mut self, text: String) {
        let said = self.said.take();
        if !said.is_some_and(|said| is_same_words(&said, &text)) {
            self.scenes.push(Scene::Understood { text });
        }
    }

    fn on_error(&mut self, error: ErrorBody) {
        if error.is_benign() {
            return;
        }
        self.scenes.push(Scene::Notice(format!(
            "the server refused something: {}",
            error.message
        )));
        self.refusal = Some(error.message);
    }

    fn on_own_event(&mut self, own: &UnknownEvent) {
        let text = |name: &str| {
            own.fields
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let is_cut = own
            .fields
            .get("interrupted")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        match own.kind.as_str() {
            "switchboard.heard" if is_cut => self.scenes.push(Scene::Cut {
                heard: text("text"),
            }),
            "switchboard.handoff" => self
                .scenes
                .push(Scene::Notice(format!("handoff: {}", text("reason")))),
            "switchboard.budget" => self.scenes.push(Scene::Notice(
                "the call's budget is nearly spent".to_owned(),
            )),
            "switchboard.ended" => {
                self.ended = Some(ToldEnd {
                    reason: text("reason"),
                    class: text("class"),
                })
            }
            _ => {}
        }
    }

    /// What the mouth does for the next [`FRAME_MS`]: fills the frame, and says when the caller is done.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        frame: &mut [i16; FRAME_SAMPLES],
    ) -> Option<Verdict> {
        frame.fill(0);
        if self.speaking.is_none() {
            if let Some(verdict) = self.verdict(now) {
                return Some(verdict);
            }
            if self.is_quiet_for(now, QUIET) {
                self.begin_line();
            }
        }
        self.speak(now, frame);
        None
    }

    fn verdict(&self, now: Instant) -> Option<Verdict> {
        let has_waited = |since: Instant| now.saturating_duration_since(since) >= ANSWER_MAX;
        if self.waits_since.is_some_and(has_waited) && self.active.is_empty() {
            return Some(Verdict::NoAnswer);
        }
        (self.lines.is_empty() && self.is_quiet_for(now, FAREWELL)).then_some(Verdict::Finished)
    }

    /// The agent has answered and has not been heard for so long.
    fn is_quiet_for(&self, now: Instant, quiet: Duration) -> bool {
        let silent_from = self
            .player
            .ends_at()
            .map_or(self.quiet_from, |ends_at| ends_at.max(self.quiet_from));
        self.waits_since.is_none() && self.active.is_empty() && now >= silent_from + quiet
    }

    fn begin_line(&mut self) {
        // Keys are refused before a call over this channel is placed.
        if let Some(Act::Speak { text, samples }) = self.lines.pop_front() {
            self.scenes.push(Scene::Caller { text: text.clone() });
            self.said = Some(text);
            self.speaking = Some(Speaking {
                samples,
                position: 0,
            });
        }
    }

    fn speak(&mut self, now: Instant, frame: &mut [i16; FRAME_SAMPLES]) {
        let Some(speaking) = &mut self.speaking else {
            return;
        };
        let rest = speaking
            .samples
            .get(speaking.position..)
            .unwrap_or_default();
        let piece = rest.len().min(FRAME_SAMPLES);
        frame[..piece].copy_from_slice(&rest[..piece]);
        speaking.position += piece;
        if speaking.position >= speaking.samples.len() {
            self.speaking = None;
            self.waits_since = Some(now);
            self.line_ended_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
