//! Notes who the caller is.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::Private;

use super::answer::ToolAnswer;
use super::arguments::{NAME_LETTERS_MAX, PHONE_LETTERS_MAX, Text, optional_text, read};
use super::find_contact::contact_json;
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::{Assurance, PersonName};

/// It changes no stored contact and costs nothing, so the caller is not asked "are you sure?".
pub(super) const TOOL: Tool = Tool {
    name: "create_contact",
    description: "Notes the caller's name, with the number they call from unless they gave another one. Gives the \
                  contact that exists already for this number, if there is one.",
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
    name: Text<NAME_LETTERS_MAX>,
    #[serde(default, deserialize_with = "optional_text")]
    phone: Option<Text<PHONE_LETTERS_MAX>>,
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": NAME_LETTERS_MAX,
                "description": "The caller's first and last name, spelled as they spelled it."
            },
            "phone": {
                "type": "string", "minLength": 1, "maxLength": PHONE_LETTERS_MAX,
                "description": "Only if the caller gave a number: best in the form +12025550142."
            }
        },
        "required": ["name"],
        "additionalProperties": false
    })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        create(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn create(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let Arguments { name, phone } = read(arguments)?;
    let name = PersonName::parse(name.as_str())?;
    let phone = phone.map(|phone| Private::new(phone.into_string()));
    let contact = context.desk.create_contact(&name, phone.as_ref()).await?;
    Ok(ToolAnswer::Answered(
        json!({ "contact": contact_json(&contact) }),
    ))
}
