//! Books an appointment.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::Private;

use super::answer::ToolAnswer;
use super::arguments::{NAME_LETTERS_MAX, PHONE_LETTERS_MAX, Start, Text, optional_text, read};
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::{Assurance, BookedAppointment, BookingRequest, PersonName};

pub(super) const TOOL: Tool = Tool {
    name: "book_appointment",
    description: "Books an appointment at a time that check_availability gave. Call it only after the caller has \
                  answered yes to a question that named service, practitioner, day and time. If the time is taken, \
                  `next_free` names other times.",
    parameters,
    assurance_min: Assurance::None,
    writes: true,
    confirms: true,
    deadline: DATABASE_DEADLINE,
    run,
    question: Some(question),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    service: Text<NAME_LETTERS_MAX>,
    start: Start,
    #[serde(default, deserialize_with = "optional_text")]
    practitioner: Option<Text<NAME_LETTERS_MAX>>,
    contact_name: Text<NAME_LETTERS_MAX>,
    #[serde(default, deserialize_with = "optional_text")]
    phone: Option<Text<PHONE_LETTERS_MAX>>,
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "service": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The service as the caller named it."
            },
            "start": {
                "type": "string", "minLength": 16, "maxLength": 35, "format": "date-time",
                "description": "A start from check_availability, unchanged, such as 2026-11-24T14:00:00-05:00."
            },
            "practitioner": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The practitioner of that start."
            },
            "contact_name": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The name of the person who will come."
            },
            "phone": {
                "type": "string", "minLength": 1, "maxLength": PHONE_LETTERS_MAX,
                "description": "Only if the caller gave a number: best in the form +12025550142."
            }
        },
        "required": ["service", "start", "contact_name"],
        "additionalProperties": false
    })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        book(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn book(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let arguments: Arguments = read(arguments)?;
    let request = BookingRequest {
        service: arguments.service.into_string(),
        start: moment(context, arguments.start),
        practitioner: arguments.practitioner.map(Text::into_string),
        contact_name: PersonName::parse(arguments.contact_name.as_str())?,
        phone: arguments
            .phone
            .map(|phone| Private::new(phone.into_string())),
        call: Some(context.call),
        idempotency_key: context.idempotency_key(),
    };
    let booked = context.desk.book(context.now(), &request).await?;
    Ok(ToolAnswer::Answered(
        json!({ "appointment": appointment_json(&booked) }),
    ))
}

/// Reads the request back in our own words: what the caller agrees to is what is written, whatever the model says.
fn question<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        let asked = read::<Arguments>(arguments).map(|arguments| read_back(context, arguments));
        asked.unwrap_or_else(|refusal| refusal)
    })
}

fn read_back(context: &ToolContext, arguments: Arguments) -> ToolAnswer {
    let start = moment(context, arguments.start).with_timezone(&context.desk.zone());
    let (day, time) = (start.format("%A, %-d %B"), start.format("%-I:%M %p"));
    let service = arguments.service.into_string();
    let name = arguments.contact_name.into_string();
    let with = arguments
        .practitioner
        .map(|name| format!(" with {}", name.into_string()))
        .unwrap_or_default();
    ToolAnswer::Question(format!(
        "I would book {service}{with} on {day} at {time} for {name}. Are you sure?"
    ))
}

fn moment(context: &ToolContext, start: Start) -> DateTime<Utc> {
    match start {
        Start::Exact(moment) => moment.to_utc(),
        Start::Local(local) => context.desk.moment(local),
    }
}

fn appointment_json(booked: &BookedAppointment) -> Value {
    json!({
        "id": booked.id.to_string(),
        "service": booked.service,
        "practitioner": booked.practitioner,
        "start": booked.start.to_rfc3339(),
        "end": booked.end.to_rfc3339()
    })
}
