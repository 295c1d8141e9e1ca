//! The eight phases of a call's life in which a fault may strike, and how a call gets there.

use switchboard_call::input::ToolOutcome;
use switchboard_call::{CallSettings, Greeting, Language, Span};

use super::STRIKE_MS;
use crate::support::{Answer, AnswerKind, Readiness, Scenario, Transfer};

closed_list! {
    /// Where the call is when it is struck.
    At {
        Ringing,
        Connecting,
        Greeting,
        CallerSpeaking,
        AgentSpeaking,
        ToolRunning,
        Transferring,
        Ending,
    }
}

impl At {
    /// Leg or model are not there yet.
    pub(crate) fn is_before_the_conversation(self) -> bool {
        matches!(self, Self::Ringing | Self::Connecting)
    }

    /// The agent is in charge.
    pub(crate) fn is_conversation(self) -> bool {
        match self {
            Self::Greeting | Self::CallerSpeaking | Self::AgentSpeaking | Self::ToolRunning => true,
            Self::Ringing | Self::Connecting | Self::Transferring | Self::Ending => false,
        }
    }

    pub(crate) fn strike_ms(self) -> u64 {
        if self.is_before_the_conversation() {
            1_000
        } else {
            STRIKE_MS
        }
    }

    pub(crate) fn settings(self) -> CallSettings {
        let words = "thank you for calling us my name is Ava and how may I help you today then";
        CallSettings {
            filler_length: Span::from_millis(900),
            greeting: (self == Self::Greeting).then(|| Greeting {
                words: words.into(),
                language: Language::ENGLISH,
            }),
            ..CallSettings::default()
        }
    }

    /// A call that is in this phase at [`At::strike_ms`], and what its caller says there and later: start and end.
    pub(crate) fn scenario(self, settings: CallSettings) -> (Scenario, Vec<(u64, u64)>) {
        if self == Self::Ringing {
            return (Scenario::ringing(settings), Vec::new());
        }
        let mut scenario = Scenario::new(settings);
        if self == Self::Connecting {
            scenario.model.readiness.push_back(Readiness::Never);
            return (scenario, Vec::new());
        }
        let said = self.lead_into(&mut scenario);
        (scenario, said)
    }

    fn lead_into(self, scenario: &mut Scenario) -> Vec<(u64, u64)> {
        match self {
            Self::Ringing | Self::Connecting | Self::Greeting => Vec::new(),
            Self::CallerSpeaking => {
                scenario.says(3_000, 4_000, "well I would like to book a massage");
                vec![(3_000, 7_000)]
            }
            Self::AgentSpeaking => {
                let words = "we are open from nine in the morning until six in the evening";
                scenario.model.answers.push_back(Answer::speaks(words));
                scenario.says(1_000, 1_000, "when are you open");
                vec![(1_000, 2_000)]
            }
            Self::ToolRunning => {
                scenario.model.answers.push_back(Answer::asks("look", "{}"));
                scenario.says(1_000, 1_000, "what is free");
                vec![(1_000, 2_000)]
            }
            Self::Transferring => {
                scenario.transfer = Transfer::Never;
                scenario.digit(STRIKE_MS - 100, '0');
                Vec::new()
            }
            Self::Ending => {
                let kind = AnswerKind::Asks {
                    preamble: "goodbye and have a very nice day and thank you for calling".into(),
                    name: "end_call".into(),
                    arguments: "{}".into(),
                };
                scenario.model.answers.push_back(Answer::of(kind));
                let answer = Some((20, ToolOutcome::EndCall));
                scenario.tool_answers.push_back(answer);
                scenario.says(1_000, 1_000, "that was all");
                vec![(1_000, 2_000)]
            }
        }
    }
}
