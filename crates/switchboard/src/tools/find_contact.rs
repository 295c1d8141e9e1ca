//! Finds the caller among the contacts.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::Private;

use super::answer::ToolAnswer;
use super::arguments::{NAME_LETTERS_MAX, PHONE_LETTERS_MAX, Text, optional_text, read};
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::{Assurance, ContactQuestion, KnownContact, PersonName};

pub(super) const TOOL: Tool = Tool {
    name: "find_contact",
    description: "Looks up whether the caller is known, by name or telephone number, or by the number they call \
                  from when both are left out. Finds only what belongs to this caller. Call it before create_contact.",
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
    #[serde(default, deserialize_with = "optional_text")]
    name: Option<Text<NAME_LETTERS_MAX>>,
    #[serde(default, deserialize_with = "optional_text")]
    phone: Option<Text<PHONE_LETTERS_MAX>>,
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The caller's name as they said it."
            },
            "phone": {
                "type": "string", "minLength": 1, "maxLength": PHONE_LETTERS_MAX,
                "description": "A telephone number the caller gave, best in the form +12025550142."
            }
        },
        "required": [],
        "additionalProperties": false
    })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        find(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn find(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let Arguments { name, phone } = read(arguments)?;
    let name = name
        .map(|name| PersonName::parse(name.as_str()))
        .transpose()?;
    let phone = phone.map(|phone| Private::new(phone.into_string()));
    let found = context
        .desk
        .find_contacts(&ContactQuestion { name, phone })
        .await?;
    let contacts: Vec<Value> = found.iter().map(contact_json).collect();
    Ok(ToolAnswer::Answered(json!({ "contacts": contacts })))
}

/// A contact as a model is told.
pub(super) fn contact_json(contact: &KnownContact) -> Value {
    json!({ "id": contact.id.to_string(), "name": contact.name.expose() })
}
