//! The whole model: sound and commands in, events and sound out.

use std::time::Duration;

use switchboard_call::ids::ToolCallId;
use switchboard_call::input::{FromModel, ReplyOutcome, ToolRequest};
use switchboard_call::output::ToModel;
use switchboard_call::words::{Language, Words};
use switchboard_media::frame::AudioFormat;
use switchboard_media::speech::SpeechDetectorSettings;

use super::super::{
    LocalModel, LocalPrograms, LocalSetup, RecogniserProgram, SynthesiserProgram, check_programs,
};
use super::spa;
use super::voices::spoken;
use crate::model::{ModelEvent, ModelFormats, Payload};

/// Longest wait for an event: two decodings on a crowded machine.
const EVENT_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Caller {
    model: LocalModel,
    format: AudioFormat,
    /// Everything the agent said in the last reply.
    pub(super) said: String,
    sound_bytes: usize,
    pub(super) tools: Vec<ToolRequest>,
}

fn setup(format: AudioFormat) -> LocalSetup {
    LocalSetup {
        formats: ModelFormats {
            input: format,
            output: format,
        },
        languages: vec![Language::ENGLISH],
        agent: spa(),
        programs: LocalPrograms::default(),
        detector: SpeechDetectorSettings::default(),
    }
}

impl Caller {
    /// On a leg that the offline model listens on.
    pub(super) async fn wide_band() -> Self {
        Self::on(PCM_24K).await
    }

    async fn on(format: AudioFormat) -> Self {
        let mut model = LocalModel::start(setup(format)).await;
        let first = model.next().await;
        assert!(
            matches!(first, ModelEvent::Event(FromModel::Ready)),
            "{first:?}"
        );
        Self {
            model,
            format,
            said: String::new(),
            sound_bytes: 0,
            tools: Vec::new(),
        }
    }

    async fn event(&mut self) -> ModelEvent {
        let event = tokio::time::timeout(EVENT_LIMIT, self.model.next()).await;
        event.expect("an event within the limit")
    }

    /// Speaks, in chunks that fit nothing; returns what was recognised.
    pub(super) async fn says(&mut self, text: &str, voice: &str) -> String {
        let mut samples = vec![0; self.format.rate_hz() as usize / 2];
        samples.extend(spoken(text, voice, self.format.rate_hz()).await);
        samples.extend(vec![0; self.format.rate_hz() as usize]);
        for chunk in self.format.encode_from_pcm(&samples).chunks(333) {
            self.model.send_audio(chunk);
        }
        let mut order = Vec::new();
        loop {
            match self.event().await {
                ModelEvent::Event(FromModel::SpeechStarted) => order.push("started"),
                ModelEvent::Event(FromModel::SpeechStopped) => order.push("stopped"),
                ModelEvent::Event(FromModel::TurnCommitted { typed: false, .. }) => {
                    order.push("committed")
                }
                ModelEvent::Event(FromModel::CallerWords(words)) => {
                    assert_eq!(order[..3], ["started", "stopped", "committed"]);
                    assert!(words.is_final);
                    return words.words.expose().to_owned();
                }
                other => panic!("it answered without being asked: {other:?}"),
            }
        }
    }

    /// Asks for a reply and takes it to its end.
    pub(super) async fn reply(&mut self) -> ReplyOutcome {
        self.model.send(ToModel::Reply { instructions: None });
        self.listen().await
    }

    /// Says it again, as callers do, when the agent asks again.
    async fn insists(&mut self, text: &str, is_understood: impl Fn(&Self) -> bool) {
        let mut heard = Vec::new();
        for voice in ["en-us", "en-us+m3", "en-us+f3"] {
            heard.push(self.says(text, voice).await);
            self.reply().await;
            if is_understood(self) {
                return;
            }
        }
        panic!(
            "{text} was heard as {heard:?} and answered by {}",
            self.said
        );
    }

    async fn listen(&mut self) -> ReplyOutcome {
        (self.said, self.sound_bytes) = (String::new(), 0);
        self.tools.clear();
        loop {
            match self.event().await {
                ModelEvent::Audio(audio) => {
                    let Payload::Raw(bytes) = audio.payload else {
                        panic!("samples are raw");
                    };
                    self.sound_bytes += bytes.len();
                }
                ModelEvent::Event(FromModel::AgentWords { delta, .. }) => {
                    self.said.push_str(delta.expose())
                }
                ModelEvent::Event(FromModel::ToolRequested(request)) => self.tools.push(request),
                ModelEvent::Event(FromModel::ReplyDone(done)) => return done.outcome,
                ModelEvent::Event(
                    FromModel::ReplyStarted { .. }
                    | FromModel::WordsAligned { .. }
                    | FromModel::CallerWords(_),
                ) => {}
                other => panic!("not part of a reply: {other:?}"),
            }
        }
    }

    pub(super) fn answers(&mut self, output: &serde_json::Value) -> String {
        let request = self.tools.pop().expect("a tool was asked for");
        self.model.send(ToModel::ToolResult {
            call: request.call,
            output: Words::new(output.to_string()),
        });
        request.arguments.expose().to_owned()
    }
}

const PCM_24K: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoken_call_ends_in_a_booking() {
    let mut caller = Caller::on(PCM_24K).await;
    assert_eq!(caller.reply().await, ReplyOutcome::Completed);
    assert!(caller.said.contains("How can I help you today?"));
    caller
        .insists("could I get a chemical peel on Tuesday please", |caller| {
            !caller.tools.is_empty()
        })
        .await;
    let asked = caller.answers(&serde_json::json!({"slots": [
        {"start": "2026-11-24T10:00:00-05:00", "practitioner": "Dr. Lena Ortiz"},
        {"start": "2026-11-24T14:00:00-05:00", "practitioner": "Dr. Lena Ortiz"}]}));
    assert_eq!(asked, r#"{"day":"2026-11-24","service":"Chemical peel"}"#);
    caller.reply().await;
    assert!(
        caller.said.contains("10 AM with Dr. Lena Ortiz and 2 PM"),
        "{}",
        caller.said
    );
    caller
        .insists("the first one please", |caller| {
            caller.said.contains("your name")
        })
        .await;
    caller
        .insists("my name is Sarah Johnson", |caller| {
            caller.said.contains("Are you sure")
        })
        .await;
    caller
        .insists("yes please", |caller| !caller.tools.is_empty())
        .await;
    assert_eq!(caller.tools[0].name, "book_appointment");
    let booking: serde_json::Value =
        serde_json::from_str(caller.tools[0].arguments.expose()).expect("JSON");
    assert_eq!(booking["service"], "Chemical peel");
    assert_eq!(booking["start"], "2026-11-24T10:00:00-05:00");
}

#[tokio::test]
async fn a_reply_has_words_positions_and_as_much_sound_as_they_take() {
    let mut caller = Caller::on(PCM_24K).await;
    let words = "Thank you for calling. Which day would you like?";
    caller.model.send(ToModel::Say {
        words: Words::from(words),
        language: Language::ENGLISH,
    });
    let (mut said, mut positions, mut bytes) = (String::new(), Vec::new(), 0);
    loop {
        match caller.event().await {
            ModelEvent::Audio(audio) => {
                let Payload::Raw(piece) = audio.payload else {
                    panic!("samples are raw")
                };
                assert!(piece.len() <= PCM_24K.bytes_of(200));
                bytes += piece.len();
            }
            ModelEvent::Event(FromModel::AgentWords { delta, .. }) => said.push_str(delta.expose()),
            ModelEvent::Event(FromModel::WordsAligned {
                characters,
                spoken_by,
                ..
            }) => positions.push((characters, spoken_by)),
            ModelEvent::Event(FromModel::ReplyDone(_)) => break,
            _ => {}
        }
    }
    assert_eq!(said, words);
    assert_eq!(positions.len(), 9);
    assert!(positions.is_sorted(), "{positions:?}");
    assert_eq!(positions[8].0 as usize, words.len());
    let total_ms = PCM_24K.ms_of(bytes);
    let last_ms = positions[8].1.millis();
    assert!(
        last_ms <= total_ms && last_ms + 900 > total_ms,
        "{last_ms} of {total_ms} ms"
    );
}

#[tokio::test]
async fn it_is_silent_until_asked_and_stops_when_told() {
    let mut caller = Caller::on(AudioFormat::Ulaw8k).await;
    caller
        .model
        .send(ToModel::Text(Words::from("I want to book a facial")));
    assert!(matches!(
        caller.event().await,
        ModelEvent::Event(FromModel::TurnCommitted { typed: true, .. })
    ));
    assert!(matches!(
        caller.event().await,
        ModelEvent::Event(FromModel::CallerWords(_))
    ));
    caller.model.send(ToModel::Reply { instructions: None });
    caller.model.send(ToModel::CancelReply);
    assert_eq!(caller.listen().await, ReplyOutcome::Cancelled);
    assert_eq!(caller.reply().await, ReplyOutcome::Completed);
    assert!(caller.said.contains("Which day"), "{}", caller.said);
    assert!(caller.sound_bytes > AudioFormat::Ulaw8k.bytes_of(1_000));
}

#[tokio::test]
async fn a_language_without_a_voice_is_admitted_in_english() {
    let mut caller = Caller::on(PCM_24K).await;
    caller.model.send(ToModel::Say {
        words: Words::from("Muraho"),
        language: Language::KINYARWANDA,
    });
    assert_eq!(caller.listen().await, ReplyOutcome::Completed);
    assert!(caller.said.contains("no voice for that language"));
    caller.model.send(ToModel::Say {
        words: Words::from("Karibu sana"),
        language: Language::SWAHILI,
    });
    assert_eq!(caller.listen().await, ReplyOutcome::Completed);
    assert_eq!(caller.said, "Karibu sana");
}

#[tokio::test]
async fn a_deleted_turn_is_never_answered_and_an_unknown_tool_result_changes_nothing() {
    let mut caller = Caller::on(PCM_24K).await;
    caller
        .model
        .send(ToModel::Text(Words::from("I want to talk to a person")));
    let ModelEvent::Event(FromModel::TurnCommitted { item, .. }) = caller.event().await else {
        panic!("typed turns are committed")
    };
    caller.model.send(ToModel::Delete { item });
    caller.model.send(ToModel::ToolResult {
        call: ToolCallId(7),
        output: Words::from("{}"),
    });
    caller.reply().await;
    assert!(caller.tools.is_empty());
}

#[tokio::test]
async fn missing_programs_are_named_with_what_to_install() {
    let programs = LocalPrograms {
        synthesiser: SynthesiserProgram::Command {
            program: "/nowhere/piper".into(),
            args: Vec::new(),
        },
        recogniser: RecogniserProgram::Pocketsphinx,
    };
    let missing = check_programs(&programs).expect_err("there is no such program");
    assert!(missing.to_string().contains("/nowhere/piper"));
    let mut model = LocalModel::start(LocalSetup {
        programs,
        ..setup(PCM_24K)
    })
    .await;
    assert!(matches!(
        model.next().await,
        ModelEvent::Event(FromModel::Failed(_))
    ));
}

/// A6: a child sees nothing of our environment, is not given text as arguments, and does not outlive its reader.
#[tokio::test]
async fn a6_children_have_an_empty_environment_and_limits() {
    use super::super::child::{ChildError, Run};
    let run = |script: &str, limit_ms, output_bytes_max| {
        let args = vec!["-c".to_owned(), script.to_owned()];
        async move {
            let program = std::path::Path::new("/bin/sh");
            let run = Run {
                program,
                args: &args,
                stdin: b"text".to_vec(),
                limit: Duration::from_millis(limit_ms),
                output_bytes_max,
            };
            run.output().await
        }
    };
    let seen = run("env; cat", 10_000, 10_000).await.expect("a shell runs");
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.ends_with("text"), "{seen}");
    assert!(
        !seen.contains("PATH=/root") && !seen.contains("HOME") && !seen.contains("CARGO"),
        "{seen}"
    );
    assert!(matches!(
        run("yes", 10_000, 1_000).await,
        Err(ChildError::TooMuch { .. })
    ));
    assert!(matches!(
        run("exit 3", 10_000, 1_000).await,
        Err(ChildError::Failed { .. })
    ));
    let marker = tempfile::NamedTempFile::new().expect("a file");
    let script = format!(
        "(while :; do echo x >> {}; done) & cat; wait",
        marker.path().display()
    );
    assert!(matches!(
        run(&script, 300, 1_000).await,
        Err(ChildError::TimedOut { .. })
    ));
    let length = || {
        std::fs::metadata(marker.path())
            .map(|data| data.len())
            .unwrap_or(0)
    };
    // One quiet look may fall between two writes; ten in a row do not.
    let mut still_looks = 0;
    for _ in 0..100 {
        let before = length();
        tokio::time::sleep(Duration::from_millis(50)).await;
        still_looks = if before == length() {
            still_looks + 1
        } else {
            0
        };
        if still_looks == 10 {
            return;
        }
    }
    panic!("the child's own child went on writing");
}

/// Any program takes the place of the default ones.
#[tokio::test]
async fn a_recogniser_of_the_settings_is_believed() {
    let args = [
        "-c",
        "test -s \"$0\" && echo could I get a facial on Tuesday",
        "{wav}",
    ]
    .map(str::to_owned)
    .to_vec();
    let recogniser = RecogniserProgram::Command {
        program: "/bin/sh".into(),
        args,
    };
    let programs = LocalPrograms {
        recogniser,
        ..LocalPrograms::default()
    };
    let mut model = LocalModel::start(LocalSetup {
        programs,
        ..setup(PCM_24K)
    })
    .await;
    model.next().await;
    let mut caller = Caller {
        model,
        format: PCM_24K,
        said: String::new(),
        sound_bytes: 0,
        tools: Vec::new(),
    };
    assert_eq!(
        caller.says("anything at all", "en-us").await,
        "could I get a facial on Tuesday"
    );
    caller.reply().await;
    assert_eq!(caller.tools[0].name, "check_availability");
}
