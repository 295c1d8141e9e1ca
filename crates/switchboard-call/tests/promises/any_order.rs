//! Any input in any order: no panic, no leak, one end at most, no gap in the numbers, no endless waking (S4, R4).

use proptest::prelude::*;
use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::ids::{AudioId, ItemId, MarkId, ReplyId, ToolCallId};
use switchboard_call::input::{
    AgentAudio, CallerAudio, CallerWords, Control, FromLeg, FromModel, FromTool, LegClosed,
    ModelFailure, ReplyDone, ReplyOutcome, ToolOutcome, ToolRequest, TurnTaking,
};
use switchboard_call::{
    Call, CallSettings, ConsentBasis, ConsentPolicy, Greeting, Input, Keys, Language, Moment,
    Output, PlaybackReport, Span,
};

use crate::support::Invariants;

/// Waking this often at one moment is a livelock.
const WAKES_AT_ONE_MOMENT_MAX: u32 = 20;
/// A call alone, without any input, comes to rest or to its end within this many wakes.
const WAKES_ALONE_MAX: u32 = 2_000;

fn audio() -> impl Strategy<Value = FromModel> {
    (1..6_u32, 1..8_u32, 0..900_u64, any::<bool>()).prop_map(|(reply, item, ms, measured)| {
        FromModel::Audio(AgentAudio {
            reply: ReplyId(reply),
            item: ItemId(item),
            audio: AudioId(0),
            length: Span::from_millis(ms),
            levels_dbfs: vec![-20; if measured { ms as usize / 20 } else { 0 }],
        })
    })
}

fn failure() -> impl Strategy<Value = ModelFailure> {
    prop_oneof![
        Just(ModelFailure::Refused),
        Just(ModelFailure::Disconnected),
        Just(ModelFailure::Stalled),
        Just(ModelFailure::SessionExpired),
    ]
}

fn outcome() -> impl Strategy<Value = ReplyOutcome> {
    prop_oneof![
        5 => Just(ReplyOutcome::Completed),
        2 => Just(ReplyOutcome::Cancelled),
        1 => Just(ReplyOutcome::Incomplete),
        1 => failure().prop_map(ReplyOutcome::Failed),
    ]
}

fn words() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just("mm-hm"),
        Just("wait"),
        Just("I would like to book"),
        Just("déjà vu, ça va"),
    ]
}

fn from_model() -> impl Strategy<Value = FromModel> {
    prop_oneof![
        3 => Just(FromModel::Ready),
        4 => Just(FromModel::SpeechStarted),
        4 => Just(FromModel::SpeechStopped),
        4 => (1..12_u32, any::<bool>()).prop_map(|(item, typed)| FromModel::TurnCommitted { item: ItemId(item), typed }),
        4 => (1..12_u32, words(), any::<bool>()).prop_map(|(item, words, is_final)| {
            FromModel::CallerWords(CallerWords {
                item: ItemId(item),
                words: words.into(),
                is_final,
                language: None,
                confidence_percent: None,
            })
        }),
        6 => (1..6_u32).prop_map(|reply| FromModel::ReplyStarted { reply: ReplyId(reply) }),
        12 => audio(),
        8 => (1..6_u32, 1..8_u32, words()).prop_map(|(reply, item, words)| FromModel::AgentWords {
            reply: ReplyId(reply),
            item: ItemId(item),
            delta: words.into(),
        }),
        2 => (1..8_u32, any::<u32>(), 0..9_000_u64).prop_map(|(item, characters, ms)| FromModel::WordsAligned {
            item: ItemId(item),
            characters,
            spoken_by: Span::from_millis(ms),
        }),
        2 => (1..6_u32, 1..9_u32).prop_map(|(reply, call)| FromModel::ToolRequested(ToolRequest {
            reply: ReplyId(reply),
            call: ToolCallId(call),
            name: "look".into(),
            arguments: "{}".into(),
        })),
        6 => (1..6_u32, outcome(), any::<u32>()).prop_map(|(reply, outcome, cost)| FromModel::ReplyDone(ReplyDone {
            reply: ReplyId(reply),
            outcome,
            cost_micros: u64::from(cost % 300_000),
        })),
        1 => failure().prop_map(FromModel::Failed),
    ]
}

fn from_leg() -> impl Strategy<Value = FromLeg> {
    prop_oneof![
        4 => Just(FromLeg::Ready),
        20 => (-100..0_i8, proptest::option::of(0..101_u8)).prop_map(|(level_dbfs, voice_percent)| FromLeg::Audio(CallerAudio {
            audio: AudioId(0),
            length: Span::from_millis(20),
            level_dbfs,
            voice_percent,
        })),
        1 => proptest::char::range('1', '9').prop_map(FromLeg::Digit),
        10 => (0..40_u32).prop_map(|mark| FromLeg::Mark(MarkId(mark))),
        2 => (1..8_u32, 0..9_000_u64).prop_map(|(item, ms)| FromLeg::Played { item: ItemId(item), position: Span::from_millis(ms) }),
        1 => words().prop_map(|words| FromLeg::Text(words.into())),
        2 => proptest::option::of(words()).prop_map(|words| FromLeg::ReplyRequested { instructions: words.map(Into::into) }),
        1 => Just(FromLeg::ReplyCancelled),
        1 => Just(FromLeg::TurnCommitted),
        1 => Just(FromLeg::TurnCleared),
        1 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| FromLeg::TurnTaking(TurnTaking {
            replies_to_speech: a,
            replies_to_text: b,
            speech_interrupts: c,
        })),
    ]
}

fn rare() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Leg(FromLeg::Digit('0'))),
        Just(Input::Leg(FromLeg::Closed(LegClosed::Lost))),
        Just(Input::Control(Control::End)),
        Just(Input::Control(Control::HandOff(HandoffReason::Asked))),
        Just(Input::Transfer(TransferOutcome::Accepted)),
        Just(Input::Transfer(TransferOutcome::Failed)),
        Just(Input::Transfer(TransferOutcome::Unsupported)),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        60 => from_model().prop_map(Input::Model),
        60 => from_leg().prop_map(Input::Leg),
        6 => (1..9_u32, 0..4_u8).prop_map(|(call, which)| Input::Tool(FromTool {
            call: ToolCallId(call),
            outcome: match which {
                0 => ToolOutcome::EndCall,
                1 => ToolOutcome::Failed("{}".into()),
                _ => ToolOutcome::Answered("{}".into()),
            },
        })),
        10 => Just(Input::Wake),
        1 => rare(),
    ]
}

fn settings() -> impl Strategy<Value = CallSettings> {
    let report = prop_oneof![
        Just(PlaybackReport::Marks),
        Just(PlaybackReport::Clock),
        Just(PlaybackReport::Player)
    ];
    (report, any::<bool>(), 0..4_u8, 1..3_u32, any::<bool>()).prop_map(
        |(playback, greets, basis, models, has_words)| CallSettings {
            playback,
            models,
            has_words,
            filler_length: Span::from_millis(700),
            greeting: greets.then(|| Greeting {
                words: "hello".into(),
                language: Language::ENGLISH,
            }),
            consent: ConsentPolicy {
                disclosure: (basis != 0).then(|| "this is transcribed".into()),
                basis: [
                    ConsentBasis::NotNeeded,
                    ConsentBasis::Implied,
                    ConsentBasis::Asked,
                    ConsentBasis::Never,
                ][usize::from(basis)],
            },
            records: true,
            keys: Keys {
                withdraw: Some('9'),
                secure_entry: Some('*'),
            },
            ..CallSettings::default()
        },
    )
}

struct Run {
    call: Call,
    now: Moment,
    audio: u32,
    invariants: Invariants,
}

impl Run {
    fn new(settings: CallSettings) -> Self {
        let mut run = Self {
            invariants: Invariants::hostile(&settings),
            call: Call::new(settings),
            now: Moment::START,
            audio: 0,
        };
        run.drain();
        run
    }

    /// Gives each piece of audio an id of its own, as the shell does.
    fn feed(&mut self, mut input: Input) {
        let id = match &mut input {
            Input::Leg(FromLeg::Audio(audio)) => Some(&mut audio.audio),
            Input::Model(FromModel::Audio(audio)) => Some(&mut audio.audio),
            _ => None,
        };
        let id = id.map(|id| {
            self.audio += 1;
            *id = AudioId(self.audio);
            *id
        });
        if let Input::Model(FromModel::Audio(audio)) = &input {
            self.invariants.on_generated(audio.item, audio.length);
        }
        self.invariants.on_input(id);
        self.call.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) -> Option<Moment> {
        loop {
            let output = self.call.poll();
            self.invariants.on_output(&output);
            if let Output::Wait(wake) = output {
                return wake;
            }
        }
    }

    /// Lets time pass, waking when the call asks for it.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Span::from_millis(ms);
        let mut here = 0;
        while let Some(wake) = self.drain().filter(|wake| *wake <= until) {
            here = if wake > self.now { 0 } else { here + 1 };
            assert!(here < WAKES_AT_ONE_MOMENT_MAX, "livelock at {:?}", self.now);
            self.now = self.now.max(wake);
            self.feed(Input::Wake);
        }
        self.now = until;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s4_r4_any_input_in_any_order_keeps_every_invariant(
        settings in settings(),
        script in proptest::collection::vec((prop_oneof![4 => 0..60_u64, 1 => 0..3_000_u64], input()), 0..160),
    ) {
        let mut run = Run::new(settings);
        run.feed(Input::Leg(FromLeg::Ready));
        run.feed(Input::Model(FromModel::Ready));
        for (ms, input) in script {
            run.pass(ms);
            run.feed(input);
        }
        // Liveness: left alone, the call ends by its own limits, and everything was let go.
        let mut wakes = 0;
        while let Some(wake) = run.drain() {
            wakes += 1;
            prop_assert!(wakes < WAKES_ALONE_MAX, "a call alone never rests");
            run.now = run.now.max(wake);
            run.feed(Input::Wake);
        }
        prop_assert!(run.invariants.end().is_some(), "a call alone ends");
        prop_assert_eq!(run.invariants.held(), 0);
    }
}
