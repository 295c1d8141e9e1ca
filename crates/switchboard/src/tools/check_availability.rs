//! Looks up free times.

use chrono::{NaiveDate, NaiveTime};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{ToolAnswer, free_times, options};
use super::arguments::{NAME_LETTERS_MAX, Text, day, optional_text, optional_time, read};
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::{Assurance, Availability, AvailabilityQuestion, DeskError};

/// Times told at once: a day of twelve hours in quarters. A model's context is not free.
const SLOTS_MAX: usize = 48;

pub(super) const TOOL: Tool = Tool {
    name: "check_availability",
    description: "Looks up the free times of one day for a service. Offer only times from its answer. When there \
                  are none, `reason` says why and `next_free` names other times.",
    parameters,
    assurance_min: Assurance::None,
    writes: false,
    confirms: false,
    deadline: DATABASE_DEADLINE,
    run,
    question: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    service: Text<NAME_LETTERS_MAX>,
    #[serde(deserialize_with = "day")]
    day: NaiveDate,
    #[serde(default, deserialize_with = "optional_text")]
    practitioner: Option<Text<NAME_LETTERS_MAX>>,
    #[serde(default, deserialize_with = "optional_time")]
    from: Option<NaiveTime>,
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "service": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The service as the caller named it."
            },
            "day": {
                "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                "description": "The day in the business's time zone, such as 2026-11-24."
            },
            "practitioner": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "Only if the caller wants a certain person."
            },
            "from": {
                "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$",
                "description": "Only times from this one on, such as 13:30."
            }
        },
        "required": ["service", "day"],
        "additionalProperties": false
    })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        check(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn check(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let Arguments {
        service,
        day,
        practitioner,
        from,
    } = read(arguments)?;
    let question = AvailabilityQuestion {
        service: service.into_string(),
        day,
        practitioner: practitioner.map(Text::into_string),
        from,
    };
    match context.desk.availability(context.now(), &question).await {
        Ok(availability) => Ok(ToolAnswer::Answered(availability_json(&availability))),
        Err(error @ DeskError::Store(_)) => Err(error.into()),
        Err(error) => Ok(ToolAnswer::Answered(nothing_fits(&error))),
    }
}

fn availability_json(availability: &Availability) -> Value {
    let told = &availability.slots[..availability.slots.len().min(SLOTS_MAX)];
    let mut answer = Map::new();
    answer.insert("service".to_owned(), availability.service.as_str().into());
    answer.insert("slots".to_owned(), free_times(told));
    if told.len() < availability.slots.len() {
        answer.insert("more".to_owned(), true.into());
    }
    if let Some(reason) = availability.reason {
        answer.insert("reason".to_owned(), reason.code().into());
        answer.insert(
            "message".to_owned(),
            format!("There is nothing free: {reason}.").into(),
        );
    }
    if !availability.next_free.is_empty() {
        answer.insert("next_free".to_owned(), free_times(&availability.next_free));
    }
    answer.into()
}

/// An unknown or ambiguous service or person: no times, why, and whom or what there is.
fn nothing_fits(error: &DeskError) -> Value {
    json!({
        "slots": [],
        "reason": error.code(),
        "message": error.to_string(),
        "options": options(error)
    })
}
