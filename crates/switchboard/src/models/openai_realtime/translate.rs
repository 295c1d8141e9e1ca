//! The vendor's events in the call's words.

use bytes::Bytes;
use switchboard_call::Language;
use switchboard_call::ids::ItemId;
use switchboard_call::input::{
    CallerWords, FromModel, ModelFailure, ReplyDone, ReplyOutcome, ToolRequest,
};
use switchboard_wire::openai::{
    ErrorBody, Item, ItemStatus, Response, ResponseStatus, ServerEvent, TranscriptionUsage, Usage,
    parse_server_event, scan_audio_delta,
};

use super::{OpenAiRealtime, PIECE_MS, State};
use crate::config::prices::{TokenCount, TokenUsage, UsageCost};
use crate::model::{ModelAudio, ModelEvent, ModelUsage, Payload, UsagePart, length_of};

/// Events that say nothing we act on, and are most of a reply beside its audio and words.
const OF_NO_USE: [&[u8]; 8] = [
    b"response.output_item.added",
    b"response.content_part.added",
    b"response.content_part.done",
    b"response.output_audio.done",
    b"response.output_audio_transcript.done",
    b"conversation.item.added",
    b"conversation.item.done",
    b"rate_limits.updated",
];

/// Tells by the first field alone, or by the one behind the event's id; any other order is for the parser.
fn is_of_no_use(text: &[u8]) -> bool {
    let kind = |rest: &[u8]| {
        OF_NO_USE.iter().any(|kind| {
            rest.strip_prefix(*kind)
                .is_some_and(|end| end.first() == Some(&b'"'))
        })
    };
    if let Some(rest) = text.strip_prefix(br#"{"type":""#) {
        return kind(rest);
    }
    let Some(rest) = text.strip_prefix(br#"{"event_id":""#) else {
        return false;
    };
    let Some(end) = rest.iter().take(64).position(|byte| *byte == b'"') else {
        return false;
    };
    rest[end..].strip_prefix(br#"","type":""#).is_some_and(kind)
}

impl OpenAiRealtime {
    pub(super) fn on_message(&mut self, text: Bytes) {
        if let Some(delta) = scan_audio_delta(&text) {
            if self.direct.is_some() {
                return;
            }
            let reply = self.names.reply(delta.response_id);
            let item = self.names.item(delta.item_id);
            // A copy, so that a piece that waits to be played does not hold on to the whole read buffer.
            let audio = Bytes::copy_from_slice(delta.delta_base64);
            return self.on_audio(reply, item, audio);
        }
        if self.direct.is_none() && is_of_no_use(&text) {
            return;
        }
        match parse_server_event(&text) {
            Ok(message) => self.on_event(message.event),
            // Skipped, never fatal. The error's text may quote content, so only its kind is logged.
            Err(_) => tracing::debug!(
                bytes = text.len(),
                "skipped an unreadable event of the voice model"
            ),
        }
    }

    fn on_audio(
        &mut self,
        reply: switchboard_call::ids::ReplyId,
        item: switchboard_call::ids::ItemId,
        audio: Bytes,
    ) {
        let format = self.setup.formats.output;
        let whole = Payload::Base64(audio.clone());
        self.names
            .add_audio(item, length_of(whole.len(), format).millis());
        // A cut at four characters is a cut at three bytes: no piece needs decoding.
        let piece_bytes = format.bytes_of(PIECE_MS) / 6 * 6;
        let piece_characters = piece_bytes / 3 * 4;
        let mut rest = audio;
        while rest.len() > piece_characters + piece_characters / 4 {
            let payload = Payload::Base64(rest.split_to(piece_characters));
            self.ready.push_back(ModelEvent::Audio(ModelAudio {
                reply,
                item,
                payload,
            }));
        }
        if !rest.is_empty() {
            let payload = Payload::Base64(rest);
            self.ready.push_back(ModelEvent::Audio(ModelAudio {
                reply,
                item,
                payload,
            }));
        }
    }

    fn on_event(&mut self, event: ServerEvent) {
        if self.direct.is_some() && !self.on_direct(&event) {
            return;
        }
        match event {
            ServerEvent::SessionCreated { .. } if self.state == State::Connected => {
                self.state = State::Configuring;
                self.socket.send_text(&self.setup.update);
            }
            ServerEvent::SessionUpdated { .. } if self.state == State::Configuring => {
                self.state = State::Ready;
                if let Some(attempt) = self.attempt.take() {
                    attempt.succeeded();
                }
                self.replay_history();
                self.emit(FromModel::Ready);
            }
            ServerEvent::SpeechStarted { .. } => self.emit(FromModel::SpeechStarted),
            ServerEvent::SpeechStopped { .. } => self.emit(FromModel::SpeechStopped),
            ServerEvent::InputAudioBufferCommitted { item_id, .. } => {
                let item = self.names.item(&item_id);
                self.emit(FromModel::TurnCommitted { item, typed: false });
            }
            ServerEvent::InputTranscriptionCompleted {
                item_id,
                transcript,
                usage,
                languages,
                ..
            } => {
                let language = languages.and_then(|heard| Language::parse(&heard.first()?.code));
                self.on_caller_words(&item_id, &transcript, language);
                let item = self.names.item(&item_id);
                self.on_transcription_usage(item, usage);
            }
            ServerEvent::ResponseCreated { response } => {
                self.open_request = None;
                let reply = self.names.reply(&response.id);
                self.emit(FromModel::ReplyStarted { reply });
            }
            ServerEvent::OutputAudioTranscriptDelta(part) | ServerEvent::OutputTextDelta(part) => {
                let reply = self.names.reply(&part.response_id);
                let item = self.names.item(&part.item_id);
                self.emit(FromModel::AgentWords {
                    reply,
                    item,
                    delta: part.delta.as_str().into(),
                });
            }
            // Only an unusual spelling of the hot message comes here.
            ServerEvent::OutputAudioDelta(part) => {
                let reply = self.names.reply(&part.response_id);
                let item = self.names.item(&part.item_id);
                self.on_audio(reply, item, Bytes::from(part.delta));
            }
            ServerEvent::OutputItemDone {
                response_id, item, ..
            } => self.on_item_done(&response_id, item),
            ServerEvent::ResponseDone { response } => self.on_response_done(&response),
            ServerEvent::Error { error } => self.on_error(&error),
            _ => {}
        }
    }

    fn on_caller_words(&mut self, item_id: &str, transcript: &str, language: Option<Language>) {
        let item = self.names.item(item_id);
        self.emit(FromModel::CallerWords(CallerWords {
            item,
            words: transcript.trim().into(),
            is_final: true,
            language: language.or_else(|| self.only_language()),
            confidence_percent: None,
        }));
    }

    fn only_language(&self) -> Option<Language> {
        match self.setup.languages.as_slice() {
            [only] => Language::parse(only),
            _ => None,
        }
    }

    /// The one trigger for a tool: the finished item. `function_call_arguments.done` carries the same call again.
    fn on_item_done(&mut self, response_id: &str, item: Item) {
        if let Item::FunctionCall {
            call_id,
            name,
            arguments,
            status,
            ..
        } = item
            && status != Some(ItemStatus::Incomplete)
        {
            let reply = self.names.reply(response_id);
            let call = self.names.new_tool(&call_id);
            let arguments = arguments.as_str().into();
            self.emit(FromModel::ToolRequested(ToolRequest {
                reply,
                call,
                name,
                arguments,
            }));
        }
    }

    fn on_response_done(&mut self, response: &Response) {
        self.open_request = None;
        let reply = self.names.reply(&response.id);
        let cost_micros = response
            .usage
            .as_ref()
            .map_or(0, |usage| self.on_reply_usage(usage));
        let outcome = match response.status {
            ResponseStatus::Cancelled => ReplyOutcome::Cancelled,
            ResponseStatus::Incomplete => ReplyOutcome::Incomplete,
            ResponseStatus::Failed => ReplyOutcome::Failed(failure_of(response)),
            ResponseStatus::Completed | ResponseStatus::InProgress | ResponseStatus::Unknown => {
                ReplyOutcome::Completed
            }
        };
        let cost_micros = cost_micros.saturating_add(std::mem::take(&mut self.unbilled_micros));
        self.finish_reply(ReplyDone {
            reply,
            outcome,
            cost_micros,
        });
    }

    pub(super) fn on_reply_usage(&mut self, usage: &Usage) -> u64 {
        let input = &usage.input_token_details;
        let cached = &input.cached_tokens_details;
        let output = &usage.output_token_details;
        let count = |input, cached, output| TokenCount {
            input,
            cached,
            output,
        };
        let tokens = TokenUsage {
            text: count(input.text_tokens, cached.text_tokens, output.text_tokens),
            audio: count(input.audio_tokens, cached.audio_tokens, output.audio_tokens),
            image: count(input.image_tokens, cached.image_tokens, 0),
            ..TokenUsage::default()
        };
        let parts = self.bill(&self.setup.prices.components(&tokens));
        let used = ModelUsage {
            model: self.setup.model.clone(),
            item: None,
            parts,
        };
        let cost_micros = used.cost_micros();
        self.ready.push_back(ModelEvent::Usage(used));
        cost_micros
    }

    /// One line of the ledger per component. Rounding is carried on, so that the session's lines are its exact cost.
    fn bill(&mut self, costs: &[UsageCost]) -> Vec<UsagePart> {
        let lines = costs.iter().map(|cost| UsagePart {
            component: cost.component,
            unit: cost.unit,
            quantity: cost.quantity,
            cost_micros: self.running_bill.add(cost.cost),
        });
        lines.collect()
    }

    /// One line, whatever it is counted in.
    fn on_transcription_usage(&mut self, item: ItemId, usage: TranscriptionUsage) {
        let Some(model) = self.setup.transcription_model.clone() else {
            return;
        };
        let (tokens, unit, quantity) = match usage {
            TranscriptionUsage::Tokens {
                input_tokens,
                output_tokens,
                input_token_details,
                ..
            } => {
                let details = input_token_details.unwrap_or_default();
                // What is not said to be text is audio: the dearer of the two, where they differ.
                let text_in = details.text_tokens.min(input_tokens);
                let count = |input, output| TokenCount {
                    input,
                    output,
                    ..TokenCount::default()
                };
                let tokens = TokenUsage {
                    audio: count(input_tokens - text_in, 0),
                    text: count(text_in, output_tokens),
                    ..TokenUsage::default()
                };
                (tokens, "tokens", input_tokens.saturating_add(output_tokens))
            }
            TranscriptionUsage::Duration { seconds } => {
                let milliseconds = (seconds.clamp(0.0, 86_400.0) * 1_000.0).ceil() as u64;
                let tokens = TokenUsage {
                    audio_ms: milliseconds,
                    ..TokenUsage::default()
                };
                (tokens, "ms", milliseconds)
            }
            TranscriptionUsage::Unknown => return,
        };
        let line = UsageCost {
            component: "transcription",
            unit,
            quantity,
            cost: self.setup.transcription_prices.cost(&tokens),
        };
        if quantity == 0 {
            return;
        }
        let used = ModelUsage {
            model,
            item: Some(item),
            parts: self.bill(&[line]),
        };
        // The core knows no other bill than a reply's: hearing the caller counts with the next one.
        self.unbilled_micros = self.unbilled_micros.saturating_add(used.cost_micros());
        self.ready.push_back(ModelEvent::Usage(used));
    }

    /// Before the session is configured an error means that nothing of it was taken; afterwards errors are the
    /// losers of races. The message may quote what we sent, so only code and field are logged.
    fn on_error(&mut self, error: &ErrorBody) {
        let code = error.code.as_deref().unwrap_or("none");
        if self.state == State::Ready && error.is_benign() {
            return tracing::debug!(code, "a race with the voice model was lost");
        }
        tracing::warn!(
            code,
            param = error.param.as_deref().unwrap_or(""),
            "the voice model refused something"
        );
        if self.state != State::Ready {
            self.fail(ModelFailure::Refused);
        } else if self.open_request.is_some() && self.open_request == error.event_id {
            self.on_reply_refused(code);
        }
    }

    fn on_reply_refused(&mut self, code: &str) {
        let Some(request) = self.open_request.take() else {
            return;
        };
        let reply = self.names.reply(&request);
        self.emit(FromModel::ReplyDone(ReplyDone {
            reply,
            outcome: ReplyOutcome::Failed(failure_of_code(code)),
            cost_micros: 0,
        }));
    }
}

fn failure_of(response: &Response) -> ModelFailure {
    let code = response
        .status_details
        .as_ref()
        .and_then(|details| details.error.as_ref()?.code.as_deref());
    failure_of_code(code.unwrap_or_default())
}

fn failure_of_code(code: &str) -> ModelFailure {
    match code {
        "rate_limit_exceeded" | "insufficient_quota" => ModelFailure::RateLimited,
        _ => ModelFailure::Protocol,
    }
}
