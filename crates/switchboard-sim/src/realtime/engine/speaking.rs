//! The model's side of a session: responses from their creation to `rate_limits.updated`.

use std::time::{Duration, Instant};

use switchboard_wire::openai::{
    AudioDeltaPrefix, ContentPart, ConversationChoice, IdPrefix, Item, ItemStatus, RateLimit,
    Response, ResponseConfig, ResponseError, ResponsePart, ResponseReason, ResponseStatus, Role,
    ServerEvent, StatusDetails, WireError, code,
};

use super::{Engine, Output};
use crate::realtime::audio::Rendered;
use crate::realtime::conversation::Entry;
use crate::realtime::reply::{Ending, Reply};
use crate::realtime::response::{Active, Open, Place, Step};
use crate::realtime::script::{Moment, Rule};

/// Time between `response.done` and `rate_limits.updated` at the provider.
const RATE_LIMITS_DELAY: Duration = Duration::from_millis(40);

impl Engine {
    pub(super) fn create_response(
        &mut self,
        now: Instant,
        config: ResponseConfig,
    ) -> Result<(), WireError> {
        let is_default = config.conversation != Some(ConversationChoice::None);
        if let Some(active) = self
            .active
            .iter()
            .find(|active| active.is_default && is_default)
        {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is finished before creating a new one.",
                active.id
            );
            return Err(WireError::new(code::ACTIVE_RESPONSE, message));
        }
        self.check_references(&config)?;
        self.forget_idle();
        self.responses += 1;
        let reply = self.choose_reply(&config);
        self.start_response(now, &reply, &config);
        Ok(())
    }

    /// Speaks a reply the test chose, whatever the rules say.
    pub(in crate::realtime) fn respond_with(&mut self, now: Instant, reply: &Reply) {
        self.responses += 1;
        self.start_response(now, reply, &ResponseConfig::default());
    }

    fn start_response(&mut self, now: Instant, reply: &Reply, config: &ResponseConfig) {
        let id = self.ids.next(IdPrefix::Response);
        let active = Active::plan(id, now, reply, &self.session, config, self.script.pacing);
        self.emit_unknown();
        let response = active.report(ResponseStatus::InProgress, None, &self.conversation, None);
        self.emit(ServerEvent::ResponseCreated { response });
        self.active.push(active);
        self.wake(now);
    }

    fn check_references(&mut self, config: &ResponseConfig) -> Result<(), WireError> {
        for (index, item) in config.input.iter().flatten().enumerate() {
            if let Item::ItemReference { id } = item {
                self.conversation
                    .named(id, &format!("response.input[{index}].id"))?;
            }
        }
        Ok(())
    }

    fn choose_reply(&mut self, config: &ResponseConfig) -> Reply {
        let items: Vec<Item> = self
            .conversation
            .entries
            .iter()
            .map(|entry| entry.item.clone())
            .collect();
        let caller_text = self.conversation.caller_text();
        let moment = Moment {
            connection: self.recorder.connection(),
            response: self.responses,
            caller_text: &caller_text,
            tool_answers: self.conversation.tool_answers(),
            instructions: config
                .instructions
                .as_deref()
                .unwrap_or(&self.session.instructions),
            items: &items,
        };
        let fits = |(index, rule): &(usize, &Rule)| {
            !(rule.once && self.used_rules.contains(index)) && (rule.when)(&moment)
        };
        // Rules with a condition of their own speak before the plain sequence.
        let rules = || self.script.rules.iter().enumerate();
        let chosen = rules()
            .filter(|(_, rule)| !rule.once)
            .find(fits)
            .or_else(|| rules().filter(|(_, rule)| rule.once).find(fits));
        let Some((index, rule)) = chosen else {
            return self.script.otherwise.clone();
        };
        let reply = rule.reply.clone();
        self.used_rules.insert(index);
        reply
    }

    pub(super) fn perform(&mut self, now: Instant, index: usize, step: Step) {
        match step {
            Step::OpenSpeech => self.open_speech(index),
            Step::Word(word) => self.say_word(index, word),
            Step::Audio {
                rendered,
                index: delta,
            } => self.play(now, index, &rendered, delta),
            Step::CloseSpeech => self.close_speech(index, ItemStatus::Completed),
            Step::ToolCall {
                name,
                arguments,
                call_id,
            } => self.call_tool(index, name, arguments, call_id),
            Step::Drop => self.outputs.push_back(Output::Drop),
            Step::Done(ending) => self.finish(now, index, &ending),
        }
    }

    fn open_speech(&mut self, index: usize) {
        let item_id = self.ids.next(IdPrefix::Item);
        let active = &mut self.active[index];
        let place = active.next_place(item_id);
        let (is_text, is_default) = (active.is_text, active.is_default);
        active.open = Some(Open {
            place: place.clone(),
            said: String::new(),
            prefix: place.audio_prefix(),
        });
        let item = assistant(&place.item_id, ItemStatus::InProgress, Vec::new());
        let produced_ms = (!is_text).then_some(0);
        self.begin_item(&place, item, is_default, produced_ms);
        self.emit(ServerEvent::ContentPartAdded(
            place.part(part_of(is_text, String::new())),
        ));
    }

    fn say_word(&mut self, index: usize, word: String) {
        let active = &mut self.active[index];
        active.count_words(&word);
        let Some(open) = &mut active.open else { return };
        open.said.push_str(&word);
        let delta = open.place.delta(word);
        let event = if active.is_text {
            ServerEvent::OutputTextDelta(delta)
        } else {
            ServerEvent::OutputAudioTranscriptDelta(delta)
        };
        self.emit(event);
    }

    fn play(&mut self, now: Instant, index: usize, rendered: &Rendered, delta: usize) {
        self.has_spoken = true;
        let event_id = self.ids.next(IdPrefix::Event);
        let active = &mut self.active[index];
        let Some(open) = &active.open else { return };
        let delta = &rendered.deltas[delta];
        let text = audio_text(&open.prefix, &event_id, &delta.base64);
        let length_ms = delta.end_ms - delta.start_ms;
        active.audio_since.get_or_insert(now);
        active.produced_ms += length_ms;
        if let Some(entry) = self.conversation.find(&open.place.item_id) {
            entry.produced_ms = entry.produced_ms.map(|ms| ms + length_ms);
        }
        let Place {
            response_id,
            item_id,
            ..
        } = open.place.clone();
        if !self.play_to_caller(now, &response_id, &item_id, length_ms) {
            self.outputs.push_back(Output::Text(text));
        }
    }

    fn close_speech(&mut self, index: usize, status: ItemStatus) {
        let active = &mut self.active[index];
        let Some(Open { place, said, .. }) = active.open.take() else {
            return;
        };
        let (is_text, is_default) = (active.is_text, active.is_default);
        let content = if is_text {
            ContentPart::OutputText { text: said.clone() }
        } else {
            ContentPart::OutputAudio {
                audio: None,
                transcript: Some(said.clone()),
            }
        };
        let item = assistant(&place.item_id, status, vec![content]);
        active.output.push(item.clone());
        if is_text {
            self.emit(ServerEvent::OutputTextDone(place.text(said.clone())));
        } else {
            self.emit(ServerEvent::OutputAudioDone(place.done()));
            self.emit(ServerEvent::OutputAudioTranscriptDone(
                place.transcript(said.clone()),
            ));
        }
        self.emit(ServerEvent::ContentPartDone(
            place.part(part_of(is_text, said)),
        ));
        self.finish_item(&place, item, is_default);
    }

    /// A response's item, announced to the response first and to the conversation then (section 6.2).
    fn begin_item(
        &mut self,
        place: &Place,
        item: Item,
        is_default: bool,
        produced_ms: Option<u64>,
    ) {
        let Place {
            response_id,
            item_id,
            output_index,
        } = place.clone();
        self.emit(ServerEvent::OutputItemAdded {
            response_id,
            output_index,
            item: item.clone(),
        });
        if is_default {
            let previous_item_id = self.conversation.last_id();
            self.conversation
                .push(Entry::of_model(item_id, item.clone(), produced_ms));
            self.emit(ServerEvent::ConversationItemAdded {
                item,
                previous_item_id,
            });
        }
    }

    /// The conversation learns of a finished item before the response does (section 6.2).
    fn finish_item(&mut self, place: &Place, item: Item, is_default: bool) {
        if is_default {
            if let Some(entry) = self.conversation.find(&place.item_id) {
                entry.item = item.clone();
            }
            let previous_item_id = self.conversation.previous_of(&place.item_id);
            self.emit(ServerEvent::ConversationItemDone {
                item: item.clone(),
                previous_item_id,
            });
        }
        let Place {
            response_id,
            output_index,
            ..
        } = place.clone();
        self.emit(ServerEvent::OutputItemDone {
            response_id,
            output_index,
            item,
        });
    }

    fn call_tool(
        &mut self,
        index: usize,
        name: String,
        arguments: String,
        call_id: Option<String>,
    ) {
        let call_id = call_id.unwrap_or_else(|| self.ids.next(IdPrefix::Call));
        let item_id = self.ids.next(IdPrefix::Item);
        let active = &mut self.active[index];
        active.count_words(&arguments);
        let (place, is_default) = (active.next_place(item_id), active.is_default);
        let item = |status, arguments| Item::FunctionCall {
            id: Some(place.item_id.clone()),
            status: Some(status),
            call_id: call_id.clone(),
            name: name.clone(),
            arguments,
        };
        let begun = item(ItemStatus::InProgress, String::new());
        let finished = item(ItemStatus::Completed, arguments.clone());
        active.output.push(finished.clone());
        self.begin_item(&place, begun, is_default, None);
        self.send_arguments(place.clone(), call_id, name, arguments);
        self.finish_item(&place, finished, is_default);
    }

    fn send_arguments(&mut self, place: Place, call_id: String, name: String, arguments: String) {
        let Place {
            response_id,
            item_id,
            output_index,
        } = place;
        self.emit(ServerEvent::FunctionCallArgumentsDelta {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            output_index,
            call_id: call_id.clone(),
            delta: arguments.clone(),
            obfuscation: Some("Yq0".to_owned()),
        });
        self.emit(ServerEvent::FunctionCallArgumentsDone {
            response_id,
            item_id,
            output_index,
            call_id,
            name,
            arguments,
        });
    }

    fn finish(&mut self, now: Instant, index: usize, ending: &Ending) {
        let (status, details) = match ending {
            Ending::Completed => (ResponseStatus::Completed, None),
            Ending::Incomplete(reason) => (ResponseStatus::Incomplete, Some((Some(*reason), None))),
            Ending::Failed { code, message } => {
                let error = ResponseError {
                    kind: Some("server_error".to_owned()),
                    code: Some(code.clone()),
                    message: Some(message.clone()),
                };
                (ResponseStatus::Failed, Some((None, Some(error))))
            }
        };
        let details = details.map(|(reason, error)| StatusDetails {
            kind: status,
            reason,
            error,
        });
        self.end_response(now, index, status, details);
    }

    pub(super) fn cancel_by_client(
        &mut self,
        now: Instant,
        response_id: Option<&str>,
    ) -> Result<(), WireError> {
        let is_meant = |active: &Active| match response_id {
            Some(id) => active.id == id,
            None => active.is_default,
        };
        let Some(index) = self.active.iter().position(is_meant) else {
            return Err(WireError::new(
                code::CANCEL_NOT_ACTIVE,
                "Cancellation failed: no active response found",
            ));
        };
        self.cancel(now, index, ResponseReason::ClientCancelled);
        Ok(())
    }

    /// Ends a response before its time; deltas may still lose the race.
    pub(super) fn cancel(&mut self, now: Instant, index: usize, reason: ResponseReason) {
        let active = &self.active[index];
        let prefix = active.open.as_ref().map(|open| open.prefix.clone());
        let late = active.remaining_audio();
        self.close_speech(index, ItemStatus::Incomplete);
        let status = ResponseStatus::Cancelled;
        self.end_response(
            now,
            index,
            status,
            Some(StatusDetails {
                kind: status,
                reason: Some(reason),
                error: None,
            }),
        );
        for (rendered, delta) in late {
            let Some(prefix) = prefix.as_ref().filter(|_| self.media.is_none()) else {
                return;
            };
            let event_id = self.ids.next(IdPrefix::Event);
            self.outputs.push_back(Output::Text(audio_text(
                prefix,
                &event_id,
                &rendered.deltas[delta].base64,
            )));
        }
    }

    fn end_response(
        &mut self,
        now: Instant,
        index: usize,
        status: ResponseStatus,
        details: Option<StatusDetails>,
    ) {
        let active = self.active.remove(index);
        let counted = active.usage(&self.session, &self.conversation, self.cached_tokens);
        self.cached_tokens = counted.input_token_details.text_tokens;
        let usage = self.script.every_bill.unwrap_or(counted);
        let response: Box<Response> =
            active.report(status, details, &self.conversation, Some(usage));
        self.emit(ServerEvent::ResponseDone { response });
        self.play_to_end(&active.id);
        let tokens = RateLimit {
            name: "tokens".to_owned(),
            limit: 40_000,
            remaining: 40_000 - usage.total_tokens.min(40_000) as i64,
            reset_seconds: 0.5,
        };
        let limits = ServerEvent::RateLimitsUpdated {
            rate_limits: vec![tokens],
        };
        self.emit_after(now, RATE_LIMITS_DELAY, limits);
        if active.is_default {
            self.await_idle(now, &active);
        }
    }
}

fn assistant(item_id: &str, status: ItemStatus, content: Vec<ContentPart>) -> Item {
    Item::Message {
        id: Some(item_id.to_owned()),
        status: Some(status),
        role: Role::Assistant,
        content,
    }
}

fn part_of(is_text: bool, said: String) -> ResponsePart {
    if is_text {
        ResponsePart::Text { text: said }
    } else {
        ResponsePart::Audio {
            transcript: Some(said),
        }
    }
}

fn audio_text(prefix: &AudioDeltaPrefix, event_id: &str, base64: &str) -> String {
    let parts = prefix.parts(event_id, base64.as_bytes());
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.push_str(std::str::from_utf8(part).expect("all parts are text"));
    }
    text
}
