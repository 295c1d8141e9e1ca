//! A session whose sound travels beside it, over WebRTC: the caller's voice is scripted by the test, the model's own is
//! played by the clock, and nothing of either goes over the socket (sections 1.4, 6.2 and 6.5).

use std::time::{Duration, Instant};

use switchboard_wire::openai::{ResponseConfig, ServerEvent, ServerMessage, WireError, code};

use super::{Due, Engine, IdPrefix, SessionState, SessionUpdate};

/// The media of a call.
#[derive(Debug)]
pub(super) struct Media {
    began_at: Instant,
    playing: Option<Playing>,
}

/// A reply that the caller hears now.
#[derive(Debug)]
struct Playing {
    response_id: String,
    item_id: String,
    since: Instant,
    produced_ms: u64,
}

impl Engine {
    /// Turns a fresh session into that of a call, configured by the request that created it.
    pub(in crate::realtime) fn become_call(
        &mut self,
        now: Instant,
        update: &SessionUpdate,
    ) -> Result<(), WireError> {
        refuse_formats(update)?;
        self.session.apply(update, SessionState::default())?;
        let input = &self.session.audio.input;
        self.hearing.configure(input.format, input.turn_detection);
        self.timers.retain(|(_, due)| matches!(due, Due::Expire));
        self.media = Some(Media {
            began_at: now,
            playing: None,
        });
        Ok(())
    }

    /// `session.created` for one sideband that has just come.
    pub(in crate::realtime) fn greeting(&mut self) -> String {
        let session = Box::new(self.session.clone());
        let event = ServerEvent::SessionCreated { session };
        self.recorder.sent("session.created");
        ServerMessage::new(self.ids.next(IdPrefix::Event), event).to_json()
    }

    /// The caller begins to speak.
    pub(in crate::realtime) fn caller_begins(&mut self, now: Instant) {
        let at_ms = self.media_ms(now);
        self.on_speech_started(now, at_ms);
        if self
            .session
            .audio
            .input
            .turn_detection
            .is_some_and(|it| it.interrupts())
        {
            self.stop_playing(now);
        }
    }

    /// The caller has finished; what was understood is the script's next turn.
    pub(in crate::realtime) fn caller_ends(&mut self, now: Instant) {
        let Some((item_id, _)) = self.speaking.take() else {
            return;
        };
        let audio_end_ms = self.media_ms(now);
        self.emit(ServerEvent::SpeechStopped {
            item_id: item_id.clone(),
            audio_end_ms,
        });
        self.commit(now, item_id, Vec::new());
        let detection = self.session.audio.input.turn_detection;
        if detection.is_some_and(|it| it.creates_responses())
            && !self.active.iter().any(|active| active.is_default)
        {
            let created = self.create_response(now, ResponseConfig::default());
            debug_assert!(created.is_ok(), "nothing stands in the way: {created:?}");
        }
    }

    fn media_ms(&self, now: Instant) -> u64 {
        let began = self.media.as_ref().map_or(now, |media| media.began_at);
        u64::try_from(now.duration_since(began).as_millis()).unwrap_or(u64::MAX)
    }

    /// Plays a piece of a reply to the caller. False where sound goes over the socket.
    pub(super) fn play_to_caller(
        &mut self,
        now: Instant,
        response_id: &str,
        item_id: &str,
        length_ms: u64,
    ) -> bool {
        let Some(media) = &mut self.media else {
            return false;
        };
        if let Some(playing) = media
            .playing
            .as_mut()
            .filter(|playing| playing.response_id == response_id)
        {
            playing.item_id = item_id.to_owned();
            playing.produced_ms += length_ms;
            return true;
        }
        media.playing = Some(Playing {
            response_id: response_id.to_owned(),
            item_id: item_id.to_owned(),
            since: now,
            produced_ms: length_ms,
        });
        let response_id = response_id.to_owned();
        self.emit(ServerEvent::OutputAudioBufferStarted { response_id });
        true
    }

    /// The reply is generated: it is over when it has been played.
    pub(super) fn play_to_end(&mut self, response_id: &str) {
        let media = self.media.as_ref();
        let playing = media.and_then(|media| media.playing.as_ref());
        if let Some(playing) = playing.filter(|playing| playing.response_id == response_id) {
            let end = playing.since + Duration::from_millis(playing.produced_ms);
            self.timers.push((end, Due::Played(response_id.to_owned())));
        }
    }

    pub(super) fn on_played(&mut self, response_id: String) {
        let Some(media) = &mut self.media else { return };
        let is_playing = |playing: &Playing| playing.response_id == response_id;
        if media.playing.as_ref().is_some_and(is_playing) {
            media.playing = None;
            self.emit(ServerEvent::OutputAudioBufferStopped { response_id });
        }
    }

    /// Empties the caller's buffer: the provider cuts its own item to what was played.
    pub(super) fn clear_output(&mut self, now: Instant) -> Result<(), WireError> {
        if self.media.is_none() {
            let message =
                "'output_audio_buffer.clear' is only available on WebRTC and SIP sessions.";
            return Err(WireError::new(code::INVALID_VALUE, message).at("type"));
        }
        self.stop_playing(now);
        Ok(())
    }

    fn stop_playing(&mut self, now: Instant) {
        let playing = self.media.as_mut().and_then(|media| media.playing.take());
        let Some(playing) = playing else { return };
        let played = now.duration_since(playing.since).as_millis();
        let audio_end_ms = u64::try_from(played)
            .unwrap_or(u64::MAX)
            .min(playing.produced_ms);
        let response_id = playing.response_id;
        self.emit(ServerEvent::OutputAudioBufferCleared { response_id });
        self.emit(ServerEvent::ConversationItemTruncated {
            item_id: playing.item_id,
            content_index: 0,
            audio_end_ms,
        });
    }

    /// What a sideband must not send (section 1.1).
    pub(super) fn refuse_on_call(&self, update: &SessionUpdate) -> Result<(), WireError> {
        match self.media {
            Some(_) => refuse_formats(update),
            None => Ok(()),
        }
    }
}

/// The formats of a call are those of its SDP.
fn refuse_formats(update: &SessionUpdate) -> Result<(), WireError> {
    let audio = update.audio.as_ref();
    let input = audio.and_then(|audio| audio.input.as_ref()?.format);
    let output = audio.and_then(|audio| audio.output.as_ref()?.format);
    let param = match (input, output) {
        (Some(_), _) => "session.audio.input.format",
        (None, Some(_)) => "session.audio.output.format",
        (None, None) => return Ok(()),
    };
    let message = "The audio formats of a call are negotiated by its SDP.";
    Err(WireError::new(code::INVALID_VALUE, message).at(param))
}
