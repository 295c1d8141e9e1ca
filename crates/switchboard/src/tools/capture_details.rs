//! Takes down what a caller wants, field by field, for whoever calls back.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::{Private, Word};

use super::answer::ToolAnswer;
use super::arguments::{NAME_LETTERS_MAX, Text, optional_text, read};
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::Assurance;

/// Letters of an address: street, place and how to find the door.
const ADDRESS_LETTERS_MAX: usize = 200;
/// Letters of a job in a caller's words.
const JOB_LETTERS_MAX: usize = 500;

/// It changes no stored contact and costs nothing, and what was taken down is corrected by calling it again.
pub(super) const TOOL: Tool = Tool {
    name: "capture_details",
    description: "Takes down what the caller told you, for the people who call back: name, address, job, urgency. Call \
                  it as soon as you know one of them, and again when the caller corrects it.",
    parameters,
    assurance_min: Assurance::None,
    writes: true,
    confirms: false,
    deadline: DATABASE_DEADLINE,
    run,
    question: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default, deserialize_with = "optional_text")]
    name: Option<Text<NAME_LETTERS_MAX>>,
    #[serde(default, deserialize_with = "optional_text")]
    address: Option<Text<ADDRESS_LETTERS_MAX>>,
    #[serde(default, deserialize_with = "optional_text")]
    job: Option<Text<JOB_LETTERS_MAX>>,
    #[serde(default)]
    urgency: Option<Urgency>,
}

/// How long it can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Urgency {
    Emergency,
    Today,
    ThisWeek,
    NoHurry,
}

impl Urgency {
    const ALL: [Self; 4] = [Self::Emergency, Self::Today, Self::ThisWeek, Self::NoHurry];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Today => "today",
            Self::ThisWeek => "this_week",
            Self::NoHurry => "no_hurry",
        }
    }
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The caller's first and last name, spelled as they spelled it."
            },
            "address": {
                "type": "string", "minLength": 1, "maxLength": ADDRESS_LETTERS_MAX,
                "description": "Where the job is, as the caller said it."
            },
            "job": {
                "type": "string", "minLength": 1, "maxLength": JOB_LETTERS_MAX,
                "description": "What is wrong or wanted, in a sentence or two."
            },
            "urgency": {
                "type": "string", "enum": Urgency::ALL.map(Urgency::as_str),
                "description": "How long it can wait. Only what the caller said or agreed to."
            }
        },
        "additionalProperties": false
    })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        capture(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn capture(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let fields = read::<Arguments>(arguments)?.fields();
    if fields.is_empty() {
        let message = "Nothing was given. Take down a name, an address, a job or how urgent it is.";
        return Err(ToolAnswer::failed("invalid_arguments", message));
    }
    if let Err(error) = context.desk.capture(context.call, &fields).await {
        tracing::warn!(code = error.code(), "a tool could not take something down");
        let message = "I cannot write that down at the moment.";
        return Err(ToolAnswer::failed("unavailable", message));
    }
    let taken: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).collect();
    Ok(ToolAnswer::Answered(json!({ "taken_down": taken })))
}

impl Arguments {
    fn fields(self) -> Vec<(Word, Private<String>)> {
        let urgency = self.urgency.map(|urgency| urgency.as_str().to_owned());
        let given = [
            (Word::new("name"), self.name.map(Text::into_string)),
            (Word::new("address"), self.address.map(Text::into_string)),
            (Word::new("job"), self.job.map(Text::into_string)),
            (Word::new("urgency"), urgency),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(field, value)| Some((field, Private::new(value?))))
            .collect()
    }
}
