//! A caller in moved time: nothing here waits.

use serde_json::{Value, json};

use super::*;

const SECOND_OF_BASE64: usize = 64_000;

struct Scripted {
    caller: ClientCaller,
    now: Instant,
    frame: [i16; FRAME_SAMPLES],
}

impl Scripted {
    fn new(lines: &[&str]) -> Self {
        let samples: Arc<[i16]> = vec![1_000; FRAME_SAMPLES * 10].into();
        let acts = lines.iter().map(|text| Act::Speak {
            text: (*text).to_owned(),
            samples: Arc::clone(&samples),
        });
        let now = Instant::now();
        Self {
            caller: ClientCaller::new(now, acts.collect(), true),
            now,
            frame: [0; FRAME_SAMPLES],
        }
    }

    fn event(&mut self, event: Value) {
        self.caller.on_text(self.now, event.to_string().as_bytes());
    }

    /// A response of so many seconds of sound, sent at once.
    fn reply(&mut self, id: &str, text: &str, seconds: usize) {
        self.event(json!({"type": "response.created", "response": response(id, "in_progress")}));
        let part = |kind: &str, delta: String| json!({"type": kind, "response_id": id, "item_id": id, "output_index": 0, "content_index": 0, "delta": delta});
        self.event(part(
            "response.output_audio_transcript.delta",
            text.to_owned(),
        ));
        if seconds > 0 {
            self.event(part(
                "response.output_audio.delta",
                "A".repeat(seconds * SECOND_OF_BASE64),
            ));
        }
        self.event(json!({"type": "response.done", "response": response(id, "completed")}));
    }

    /// Lets time pass; true when the caller spoke in it.
    fn pass(&mut self, ms: u64) -> (bool, Option<Verdict>) {
        let mut has_spoken = false;
        for _ in 0..ms / FRAME_MS {
            self.now += Duration::from_millis(FRAME_MS);
            if let Some(verdict) = self.caller.tick(self.now, &mut self.frame) {
                return (has_spoken, Some(verdict));
            }
            has_spoken |= self.frame.iter().any(|sample| *sample != 0);
        }
        (has_spoken, None)
    }
}

fn response(id: &str, status: &str) -> Value {
    json!({"id": id, "object": "realtime.response", "status": status, "output": []})
}

#[test]
fn the_agent_is_asked_to_speak_first() {
    let mut call = Scripted::new(&[]);
    assert!(matches!(
        call.caller.take_outbox()[..],
        [ClientEvent::ResponseCreate { .. }]
    ));
}

#[test]
fn a_line_waits_until_the_agents_words_were_heard_and_a_pause_followed() {
    let mut call = Scripted::new(&["a facial"]);
    call.reply("r1", "How can I help?", 3);
    assert_eq!(
        call.pass(3_800),
        (false, None),
        "the sound came at once but is still playing"
    );
    assert_eq!(call.pass(600), (true, None));
    let expected = [
        Scene::Agent {
            text: "How can I help?".to_owned(),
            latency_ms: None,
        },
        Scene::Caller {
            text: "a facial".to_owned(),
        },
    ];
    assert_eq!(call.caller.take_scenes(), expected);
}

#[test]
fn the_next_line_waits_for_an_answer_with_sound() {
    let mut call = Scripted::new(&["one", "two"]);
    call.reply("r1", "Hello", 1);
    assert!(call.pass(3_000).0);
    call.reply("r2", "", 0);
    assert_eq!(
        call.pass(5_000),
        (false, None),
        "a reply that only called a tool is no answer"
    );
    call.reply("r3", "And?", 1);
    assert!(call.pass(3_000).0);
    assert!(call.caller.has_said_everything());
}

#[test]
fn latency_is_counted_from_the_last_word_to_the_first_sound() {
    let mut call = Scripted::new(&["one"]);
    call.reply("r1", "Hello", 1);
    call.pass(1_900 + 400);
    call.pass(1_000);
    call.reply("r2", "Yes", 1);
    let latencies = call.caller.latencies_ms().to_vec();
    assert!(matches!(latencies[..], [900..=1_100]), "{latencies:?}");
}

#[test]
fn an_answered_caller_goes_before_the_agent_nudges() {
    let mut call = Scripted::new(&[]);
    call.reply("r1", "Hello", 1);
    assert_eq!(call.pass(4_900), (false, None));
    assert_eq!(call.pass(200), (false, Some(Verdict::Finished)));
}

#[test]
fn silence_of_the_agent_is_no_answer() {
    let mut call = Scripted::new(&["one"]);
    assert_eq!(call.pass(19_900), (false, None));
    assert_eq!(call.pass(200), (false, Some(Verdict::NoAnswer)));
    assert!(!call.caller.has_heard_agent());
}

#[test]
fn a_cut_stops_the_player_and_tells_what_was_heard() {
    let mut call = Scripted::new(&[]);
    call.caller.take_outbox();
    call.reply("r1", "A long story", 10);
    call.pass(2_000);
    call.event(json!({"type": "input_audio_buffer.speech_started", "item_id": "u1", "audio_start_ms": 100}));
    let outbox = call.caller.take_outbox();
    let is_expected = |event: &ClientEvent| matches!(event, ClientEvent::ConversationItemTruncate { item_id, audio_end_ms: 2_000, .. } if item_id == "r1");
    assert!(
        outbox.len() == 1 && outbox.iter().all(is_expected),
        "{outbox:?}"
    );
}

#[test]
fn what_was_understood_is_shown_only_where_it_differs() {
    let mut call = Scripted::new(&["A facial, please."]);
    call.reply("r1", "Hello", 1);
    call.pass(3_000);
    call.caller.take_scenes();
    let completed = |text: &str| {
        let kind = "conversation.item.input_audio_transcription.completed";
        json!({"type": kind, "item_id": "u1", "content_index": 0, "transcript": text})
    };
    call.event(completed("a facial please"));
    assert_eq!(call.caller.take_scenes(), []);
    call.event(completed("a facet"));
    assert_eq!(
        call.caller.take_scenes(),
        [Scene::Understood {
            text: "a facet".to_owned()
        }]
    );
}

#[test]
fn sentences_are_shown_while_the_agent_goes_on() {
    let mut call = Scripted::new(&[]);
    let part = |kind: &str, delta: &str| json!({"type": kind, "response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0, "delta": delta});
    let words = |delta: &str| part("response.output_audio_transcript.delta", delta);
    call.event(words("Good morning. How "));
    assert_eq!(call.caller.take_scenes(), [], "nothing of it is heard yet");
    call.event(part("response.output_audio.delta", "AAAA"));
    assert_eq!(
        call.caller.take_scenes(),
        [Scene::Agent {
            text: "Good morning.".to_owned(),
            latency_ms: None
        }]
    );
    call.event(words("are you?"));
    call.event(json!({"type": "response.done", "response": response("r1", "completed")}));
    assert_eq!(
        call.caller.take_scenes(),
        [Scene::Agent {
            text: "How are you?".to_owned(),
            latency_ms: None
        }]
    );
}

#[test]
fn words_of_two_items_of_one_response_do_not_run_into_each_other() {
    let mut saying = Saying {
        has_sound: true,
        ..Saying::default()
    };
    saying.add("One moment.");
    saying.add("On Thursday with Dr. ");
    saying.add("Ortiz?");
    let said = |text: &str| {
        Some(Scene::Agent {
            text: text.to_owned(),
            latency_ms: None,
        })
    };
    assert_eq!(
        saying.take_sentences(),
        said("One moment. On Thursday with Dr. Ortiz?")
    );
}
