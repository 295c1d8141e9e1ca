//! The caller's side of a session: audio in, turns and their transcripts out.

use std::time::{Duration, Instant};

use switchboard_wire::openai::{
    ContentPart, IdPrefix, Item, ItemStatus, ResponseConfig, ResponseReason, Role, ServerEvent,
    TranscriptionError, TranscriptionTokenDetails, TranscriptionUsage, TurnDetection, WireError,
    code, decode_audio,
};

use super::{Due, Engine};
use crate::realtime::conversation::Entry;
use crate::realtime::hearing::Heard;
use crate::realtime::response::Active;
use crate::realtime::script::{CallerTurn, TurnOutcome};

/// Least audio a commit may hold (protocol section 7.2).
const COMMIT_MS_MIN: u64 = 100;

impl Engine {
    pub(super) fn append(&mut self, now: Instant, base64: &[u8]) -> Result<(), WireError> {
        if self.media.is_some() {
            let message = "The audio of a call comes over its media leg.";
            return Err(WireError::new(code::INVALID_VALUE, message).at("type"));
        }
        let mut audio = Vec::new();
        decode_audio(base64, &mut audio)?;
        self.recorder.appended(&audio);
        for heard in self.hearing.append(&audio) {
            match heard {
                Heard::Started { at_ms } => self.on_speech_started(now, at_ms),
                Heard::Stopped { at_ms } => self.on_speech_stopped(now, at_ms),
            }
        }
        Ok(())
    }

    pub(super) fn on_speech_started(&mut self, now: Instant, audio_start_ms: u64) {
        self.forget_idle();
        let item_id = self.ids.next(IdPrefix::Item);
        self.speaking = Some((item_id.clone(), audio_start_ms));
        self.emit(ServerEvent::SpeechStarted {
            item_id,
            audio_start_ms,
        });
        let interrupts = self
            .session
            .audio
            .input
            .turn_detection
            .is_some_and(|detection| detection.interrupts());
        if let Some(index) = self
            .active
            .iter()
            .position(|active| active.is_default)
            .filter(|_| interrupts)
        {
            self.cancel(now, index, ResponseReason::TurnDetected);
        }
    }

    fn on_speech_stopped(&mut self, now: Instant, audio_end_ms: u64) {
        let Some((item_id, start_ms)) = self.speaking.take() else {
            return;
        };
        self.emit(ServerEvent::SpeechStopped {
            item_id: item_id.clone(),
            audio_end_ms,
        });
        let audio = self.hearing.commit(Some(start_ms));
        self.commit(now, item_id, audio);
        let creates = self
            .session
            .audio
            .input
            .turn_detection
            .is_some_and(|detection| detection.creates_responses());
        // A client's own response may have begun meanwhile. What the provider does then is not established; nobody asked
        // for a second one, so nobody is told of an error.
        if creates && !self.active.iter().any(|active| active.is_default) {
            let created = self.create_response(now, ResponseConfig::default());
            debug_assert!(created.is_ok(), "nothing stands in the way: {created:?}");
        }
    }

    pub(super) fn commit_by_client(&mut self, now: Instant) -> Result<(), WireError> {
        let buffered_ms = self.hearing.buffered_ms();
        if buffered_ms < COMMIT_MS_MIN {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {buffered_ms}ms of audio."
            );
            return Err(WireError::new(code::COMMIT_EMPTY, message));
        }
        let item_id = self
            .speaking
            .take()
            .map_or_else(|| self.ids.next(IdPrefix::Item), |(id, _)| id);
        let audio = self.hearing.commit(None);
        self.commit(now, item_id, audio);
        Ok(())
    }

    /// Makes a caller's audio an item of the conversation.
    pub(super) fn commit(&mut self, now: Instant, item_id: String, audio: Vec<u8>) {
        let previous_item_id = self.conversation.last_id();
        self.emit(ServerEvent::InputAudioBufferCommitted {
            item_id: item_id.clone(),
            previous_item_id: previous_item_id.clone(),
        });
        let item = Item::Message {
            id: Some(item_id.clone()),
            status: Some(ItemStatus::Completed),
            role: Role::User,
            content: vec![ContentPart::InputAudio {
                audio: None,
                transcript: None,
            }],
        };
        let audio_ms = (audio.len() / self.hearing.bytes_per_ms()) as u64;
        let understood = self.next_turn_text();
        let audio = if self.script.keep_log {
            audio
        } else {
            Vec::new()
        };
        self.conversation.push(Entry {
            id: item_id.clone(),
            item: item.clone(),
            audio,
            understood,
            audio_ms,
            produced_ms: None,
        });
        self.emit(ServerEvent::ConversationItemAdded {
            item: item.clone(),
            previous_item_id: previous_item_id.clone(),
        });
        self.emit(ServerEvent::ConversationItemDone {
            item,
            previous_item_id,
        });
        self.transcribe(now, item_id, audio_ms);
    }

    pub(super) fn next_turn_text(&mut self) -> String {
        self.turns += 1;
        self.script
            .caller_turns
            .get(self.turns - 1)
            .map(|turn| turn.text.clone())
            .unwrap_or_default()
    }

    /// Transcribes the turn just counted, if the session wants it.
    pub(super) fn transcribe(&mut self, now: Instant, item_id: String, audio_ms: u64) {
        if self.session.audio.input.transcription.is_none() {
            return;
        }
        let silent = || CallerTurn {
            delay: Duration::ZERO,
            ..CallerTurn::new("")
        };
        let turn = self
            .script
            .caller_turns
            .get(self.turns - 1)
            .cloned()
            .unwrap_or_else(silent);
        if turn.outcome == TurnOutcome::Failed {
            return self.emit_after(now, turn.delay, transcription_failed(item_id));
        }
        for word in turn.text.split_inclusive(' ') {
            let delta = ServerEvent::InputTranscriptionDelta {
                item_id: item_id.clone(),
                content_index: 0,
                delta: word.to_owned(),
                logprobs: None,
                obfuscation: Some("o8f3".to_owned()),
            };
            self.emit_after(now, turn.delay, delta);
        }
        let completed = ServerEvent::InputTranscriptionCompleted {
            item_id,
            content_index: 0,
            usage: transcription_usage(audio_ms, turn.text.len() as u64 / 4),
            transcript: turn.text,
            logprobs: None,
            languages: None,
        };
        self.emit_after(now, turn.delay, completed);
    }

    pub(super) fn on_idle(&mut self, now: Instant) {
        let Some(TurnDetection::ServerVad(vad)) = self.session.audio.input.turn_detection else {
            return;
        };
        let Some(idle_ms) = vad.idle_timeout_ms else {
            return;
        };
        if self.speaking.is_some() || !self.active.is_empty() {
            return;
        }
        let item_id = self.ids.next(IdPrefix::Item);
        let audio_end_ms = self.hearing.appended_ms();
        let audio_start_ms = audio_end_ms.saturating_sub(u64::from(idle_ms));
        self.emit(ServerEvent::TimeoutTriggered {
            item_id: item_id.clone(),
            audio_start_ms,
            audio_end_ms,
        });
        self.hearing.clear();
        self.commit(now, item_id, Vec::new());
        let created = self.create_response(now, ResponseConfig::default());
        debug_assert!(created.is_ok(), "nothing stands in the way: {created:?}");
    }

    pub(super) fn forget_idle(&mut self) {
        self.timers.retain(|(_, due)| !matches!(due, Due::Idle));
    }

    /// The idle timer runs from the end of playback, which the server can only guess (section 2.2).
    pub(super) fn await_idle(&mut self, now: Instant, active: &Active) {
        let Some(TurnDetection::ServerVad(vad)) = self.session.audio.input.turn_detection else {
            return;
        };
        let Some(idle_ms) = vad.idle_timeout_ms else {
            return;
        };
        let playback_end =
            active.audio_since.unwrap_or(now) + Duration::from_millis(active.produced_ms);
        let at = playback_end.max(now) + Duration::from_millis(u64::from(idle_ms));
        self.forget_idle();
        self.timers.push((at, Due::Idle));
    }
}

fn transcription_usage(audio_ms: u64, output_tokens: u64) -> TranscriptionUsage {
    let audio_tokens = audio_ms / 100;
    TranscriptionUsage::Tokens {
        input_tokens: audio_tokens,
        output_tokens,
        total_tokens: audio_tokens + output_tokens,
        input_token_details: Some(TranscriptionTokenDetails {
            text_tokens: 0,
            audio_tokens,
        }),
    }
}

fn transcription_failed(item_id: String) -> ServerEvent {
    ServerEvent::InputTranscriptionFailed {
        item_id,
        content_index: 0,
        error: TranscriptionError {
            kind: Some("transcription_error".to_owned()),
            code: Some("audio_unintelligible".to_owned()),
            message: Some("The audio could not be transcribed.".to_owned()),
            param: None,
        },
    }
}
