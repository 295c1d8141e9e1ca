//! Reading client events strictly, but for a habit of a widespread client.

use serde_json::Value;
use switchboard_wire::openai::{ClientMessage, WireError, parse_client_event};

/// Reads a text message.
///
/// # Errors
/// As [`parse_client_event`], about what the client really wrote.
pub(super) fn read(text: &str) -> Result<ClientMessage, WireError> {
    parse_client_event(text).or_else(|error| {
        let mended = mended(text).ok_or_else(|| error.clone())?;
        parse_client_event(&mended).map_err(|_| error)
    })
}

/// Pipecat writes an assistant's words as `input_text`.
fn mended(text: &str) -> Option<String> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    rename_parts(event.get_mut("item")?).then(|| event.to_string())
}

fn rename_parts(item: &mut Value) -> bool {
    if item.get("role").and_then(Value::as_str) != Some("assistant") {
        return false;
    }
    let parts = item.get_mut("content").and_then(Value::as_array_mut);
    let mut renamed = false;
    for part in parts.into_iter().flatten() {
        if part.get("type").and_then(Value::as_str) == Some("input_text") {
            part["type"] = Value::from("output_text");
            renamed = true;
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_instructions_of_livekit_are_none() {
        let text = r#"{"type":"response.create","event_id":"e","response":{"instructions":null,"metadata":{"a":"b"}}}"#;
        assert_eq!(read(text).expect("taken").event_id.as_deref(), Some("e"));
    }

    #[test]
    fn an_assistants_input_text_of_pipecat_is_its_output() {
        let text = r#"{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"input_text","text":"hi"}]}}"#;
        assert!(read(text).is_ok());
    }

    #[test]
    fn an_error_is_about_what_the_client_wrote() {
        let text = r#"{"type":"response.create","response":{"instructions":null,"bogus":1}}"#;
        let error = read(text).expect_err("unknown field");
        assert_eq!(error.param.as_deref(), Some("response.bogus"));
        let text = r#"{"type":"response.create","response":{"instructions":7}}"#;
        assert_eq!(read(text).expect_err("a number").code, "invalid_type");
    }
}
