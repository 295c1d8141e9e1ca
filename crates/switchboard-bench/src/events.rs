//! What the load's model says, as JSON text of the Realtime protocol.

use switchboard_wire::openai::{
    ContentPart, ErrorBody, InputTokenDetails, Item, ItemStatus, Modality, OutputTokenDetails,
    PartDelta, PartDone, PartEvent, PartTranscriptDone, Response, ResponsePart, ResponseStatus,
    Role, ServerEvent, ServerMessage, Session, TranscriptionUsage, Usage,
};

/// Session id, response and item of one reply.
#[derive(Debug, Clone)]
pub struct ReplyNames {
    pub response: String,
    pub item: String,
}

/// An event as one text frame.
pub fn text(number: u64, event: ServerEvent) -> String {
    ServerMessage::new(format!("event_{number:024}"), event).to_json()
}

/// The first event of a socket, and the answer to a configuration.
pub fn session(model: &str, number: u32) -> Box<Session> {
    Box::new(Session {
        id: format!("sess_{number:024}"),
        model: model.to_owned(),
        ..Session::default()
    })
}

fn message(id: &str, role: Role, status: ItemStatus, content: Vec<ContentPart>) -> Item {
    Item::Message {
        id: Some(id.to_owned()),
        status: Some(status),
        role,
        content,
    }
}

/// The caller's turn as an item: committed, added and done, in the vendor's order.
pub fn committed(item_id: &str) -> [ServerEvent; 3] {
    let content = vec![ContentPart::InputAudio {
        audio: None,
        transcript: None,
    }];
    let item = message(item_id, Role::User, ItemStatus::Completed, content);
    [
        ServerEvent::InputAudioBufferCommitted {
            item_id: item_id.to_owned(),
            previous_item_id: None,
        },
        ServerEvent::ConversationItemAdded {
            item: item.clone(),
            previous_item_id: None,
        },
        ServerEvent::ConversationItemDone {
            item,
            previous_item_id: None,
        },
    ]
}

/// What the caller said.
pub fn heard(item_id: &str, words: &str) -> ServerEvent {
    ServerEvent::InputTranscriptionCompleted {
        item_id: item_id.to_owned(),
        content_index: 0,
        transcript: words.to_owned(),
        usage: TranscriptionUsage::Duration { seconds: 1.0 },
        logprobs: None,
        languages: None,
    }
}

fn response(names: &ReplyNames, status: ResponseStatus, output: Vec<Item>) -> Box<Response> {
    let is_over = status != ResponseStatus::InProgress;
    Box::new(Response {
        object: "realtime.response".to_owned(),
        id: names.response.clone(),
        status,
        status_details: None,
        output,
        conversation_id: Some("conv_000000000000000000000001".to_owned()),
        output_modalities: vec![Modality::Audio],
        max_output_tokens: Default::default(),
        audio: None,
        usage: is_over.then(usage),
        metadata: None,
    })
}

/// A short reply in a young conversation.
fn usage() -> Usage {
    Usage {
        total_tokens: 320,
        input_tokens: 240,
        output_tokens: 80,
        input_token_details: InputTokenDetails {
            text_tokens: 220,
            audio_tokens: 20,
            ..InputTokenDetails::default()
        },
        output_token_details: OutputTokenDetails {
            text_tokens: 20,
            audio_tokens: 60,
        },
    }
}

/// The events before a reply's first sound.
pub fn reply_begins(names: &ReplyNames) -> [ServerEvent; 4] {
    let item = message(&names.item, Role::Assistant, ItemStatus::InProgress, vec![]);
    [
        ServerEvent::ResponseCreated {
            response: response(names, ResponseStatus::InProgress, vec![]),
        },
        ServerEvent::OutputItemAdded {
            response_id: names.response.clone(),
            output_index: 0,
            item: item.clone(),
        },
        ServerEvent::ConversationItemAdded {
            item,
            previous_item_id: None,
        },
        ServerEvent::ContentPartAdded(PartEvent {
            response_id: names.response.clone(),
            item_id: names.item.clone(),
            output_index: 0,
            content_index: 0,
            part: ResponsePart::Audio {
                transcript: Some(String::new()),
            },
        }),
    ]
}

/// Words that belong to the sound beside them.
pub fn words(names: &ReplyNames, delta: &str) -> ServerEvent {
    ServerEvent::OutputAudioTranscriptDelta(PartDelta {
        response_id: names.response.clone(),
        item_id: names.item.clone(),
        output_index: 0,
        content_index: 0,
        delta: delta.to_owned(),
        obfuscation: None,
    })
}

/// The events behind a reply's last sound.
pub fn reply_ends(
    names: &ReplyNames,
    status: ResponseStatus,
    transcript: &str,
) -> [ServerEvent; 6] {
    let (response_id, item_id) = (names.response.clone(), names.item.clone());
    let content = vec![ContentPart::OutputAudio {
        audio: None,
        transcript: Some(transcript.to_owned()),
    }];
    let item_status = match status {
        ResponseStatus::Completed => ItemStatus::Completed,
        _ => ItemStatus::Incomplete,
    };
    let item = message(&item_id, Role::Assistant, item_status, content);
    let (output_index, content_index) = (0, 0);
    let done = |transcript: &str| PartTranscriptDone {
        response_id: response_id.clone(),
        item_id: item_id.clone(),
        output_index,
        content_index,
        transcript: transcript.to_owned(),
    };
    [
        ServerEvent::OutputAudioDone(PartDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            output_index,
            content_index,
        }),
        ServerEvent::OutputAudioTranscriptDone(done(transcript)),
        ServerEvent::ContentPartDone(PartEvent {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            output_index,
            content_index,
            part: ResponsePart::Audio {
                transcript: Some(transcript.to_owned()),
            },
        }),
        ServerEvent::ConversationItemDone {
            item: item.clone(),
            previous_item_id: None,
        },
        ServerEvent::OutputItemDone {
            response_id: response_id.clone(),
            output_index,
            item: item.clone(),
        },
        ServerEvent::ResponseDone {
            response: response(names, status, vec![item]),
        },
    ]
}

/// A refusal, as the vendor words its kind.
pub fn refusal(code: &str) -> ServerEvent {
    let error = serde_json::json!({
        "type": "invalid_request_error", "code": code, "message": "refused by the benchmark's model",
        "param": null, "event_id": null,
    });
    let error: ErrorBody = serde_json::from_value(error).expect("the shape of the protocol");
    ServerEvent::Error { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_wire::openai::parse_server_event;

    #[test]
    fn every_event_is_one_that_a_client_knows() {
        let names = ReplyNames {
            response: "resp_1".to_owned(),
            item: "item_1".to_owned(),
        };
        let mut events = vec![
            ServerEvent::SessionCreated {
                session: session("gpt-realtime", 1),
            },
            heard("item_0", "words"),
            words(&names, "one "),
            refusal("invalid_value"),
        ];
        events.extend(committed("item_0"));
        events.extend(reply_begins(&names));
        events.extend(reply_ends(&names, ResponseStatus::Completed, "one"));
        for event in events {
            let text = text(7, event);
            let read = parse_server_event(text.as_bytes()).unwrap().event;
            assert!(!matches!(read, ServerEvent::Unknown(_)), "{text}");
        }
    }
}
