//! Reading client events strictly, but for a habit of a widespread client and for an extension of ours.

use serde_json::Value;
use switchboard_wire::openai::{
    AudioFormat, ClientEvent, ClientMessage, SessionUpdate, WireError, parse_client_event,
};

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

/// Reads a text message of a client that may also use these rates of `audio/pcm`.
///
/// # Errors
/// As [`read`].
pub(super) fn read_with_rates(text: &str, rates_hz: &[u32]) -> Result<ClientMessage, WireError> {
    read(text).or_else(|error| {
        let (mended, rates) = without_rates(text, rates_hz).ok_or_else(|| error.clone())?;
        let mut message = read(&mended)?;
        if let ClientEvent::SessionUpdate { session } = &mut message.event {
            rates.write_into(session);
        }
        Ok(message)
    })
}

/// What was taken out of an update so that the protocol's own rules read the rest.
#[derive(Default)]
struct Rates {
    input: Option<u32>,
    output: Option<u32>,
}

impl Rates {
    fn write_into(self, update: &mut SessionUpdate) {
        let Some(audio) = &mut update.audio else {
            return;
        };
        if let (Some(rate), Some(input)) = (self.input, &mut audio.input) {
            input.format = Some(AudioFormat::Pcm { rate });
        }
        if let (Some(rate), Some(output)) = (self.output, &mut audio.output) {
            output.format = Some(AudioFormat::Pcm { rate });
        }
    }
}

fn without_rates(text: &str, rates_hz: &[u32]) -> Option<(String, Rates)> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    let audio = event.get_mut("session")?.get_mut("audio")?;
    let rates = Rates {
        input: take_rate(audio, "input", rates_hz),
        output: take_rate(audio, "output", rates_hz),
    };
    let has_any = rates.input.is_some() || rates.output.is_some();
    has_any.then(|| (event.to_string(), rates))
}

fn take_rate(audio: &mut Value, direction: &str, rates_hz: &[u32]) -> Option<u32> {
    let format = audio
        .get_mut(direction)?
        .get_mut("format")?
        .as_object_mut()?;
    if format.get("type").and_then(Value::as_str) != Some("audio/pcm") {
        return None;
    }
    let rate = format.get("rate").and_then(Value::as_u64)?;
    let rate = u32::try_from(rate)
        .ok()
        .filter(|rate| rates_hz.contains(rate))?;
    format.remove("rate");
    Some(rate)
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
    fn a_rate_of_the_agents_own_is_read_and_another_is_refused_as_at_the_provider() {
        let update = |rate: u32| {
            format!(
                r#"{{"type":"session.update","session":{{"type":"realtime","audio":{{"input":{{"format":{{"type":"audio/pcm","rate":{rate}}}}}}}}}}}"#
            )
        };
        let read = |rate, rates: &[u32]| read_with_rates(&update(rate), rates);
        let ClientEvent::SessionUpdate { session } = read(16_000, &[16_000]).expect("taken").event
        else {
            panic!("no update");
        };
        let format = session.audio.and_then(|audio| audio.input?.format);
        assert_eq!(format, Some(AudioFormat::Pcm { rate: 16_000 }));
        for (rate, rates) in [
            (16_000, &[][..]),
            (8_000, &[16_000]),
            (11_025, &[8_000, 16_000]),
        ] {
            let error = read(rate, rates).expect_err("refused");
            assert_eq!(error.code, "integer_below_min_value", "{rate}");
        }
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
