//! What is different for a client whose sound goes over a media track beside the events (WebRTC).
//!
//! No audio travels in events then, either way: the client is told when its loudspeaker begins, ends and is silenced
//! (`output_audio_buffer.*`), and what of an interrupted reply it heard, because we know it and it does not (section 6.5).

use serde_json::json;
use switchboard_call::Span;
use switchboard_media::frame::AudioFormat;
use switchboard_store::CallId;
use switchboard_wire::openai::{
    ClientEvent, ServerEvent, SessionState, SessionUpdate, WireError, code, parse_client_event,
};

use super::desk::Desk;
use super::{ClientProtocol, ClientSetup, session};

/// The media track of one client.
#[derive(Debug)]
pub(super) struct Track {
    /// What the call speaks on it.
    pub(super) format: AudioFormat,
    /// The response whose sound is on its way to the loudspeaker.
    playing: Option<String>,
    /// Some of it is not played yet.
    is_sounding: bool,
}

impl Track {
    /// A piece of this response is given to the track.
    pub(super) fn on_play(&mut self, response: Option<&str>, desk: &mut Desk) {
        self.is_sounding = true;
        let Some(response) = response.filter(|id| self.playing.as_deref() != Some(id)) else {
            return;
        };
        // Two responses may follow each other without a pause.
        self.stop(desk);
        self.playing = Some(response.to_owned());
        desk.say(ServerEvent::OutputAudioBufferStarted {
            response_id: response.to_owned(),
        });
    }

    /// What was not played is thrown away.
    pub(super) fn on_clear(&mut self, desk: &mut Desk) {
        self.is_sounding = false;
        if let Some(response_id) = self.playing.take() {
            desk.say(ServerEvent::OutputAudioBufferCleared { response_id });
        }
    }

    /// Everything given was played, and `active` is the response that is still being made.
    fn settle(&mut self, active: Option<&str>, desk: &mut Desk) {
        if !self.is_sounding && self.playing.as_deref() != active {
            self.stop(desk);
        }
    }

    fn stop(&mut self, desk: &mut Desk) {
        if let Some(response_id) = self.playing.take() {
            desk.say(ServerEvent::OutputAudioBufferStopped { response_id });
        }
    }
}

impl ClientProtocol {
    /// A client with a media track of this format, and the session it asked for together with its offer.
    ///
    /// # Errors
    /// The session holds what `session.update` would refuse.
    pub(in crate::channels) fn with_track(
        setup: ClientSetup,
        format: AudioFormat,
        asked: Option<SessionUpdate>,
        call: CallId,
    ) -> Result<Self, WireError> {
        let mut first = session::first_session(&setup.agent);
        if let Some(update) = asked {
            let state = SessionState {
                voice_locked: false,
                model_ignored: true,
            };
            session::apply(&mut first, update, setup.credential, state)?;
        }
        let mut protocol = Self::with_session(setup, first);
        protocol.track = Some(Track {
            format,
            playing: None,
            is_sounding: false,
        });
        // Who may come back was told already, and how.
        if protocol.setup.resume.is_none() {
            let told = json!({ "session_id": protocol.setup.session_id, "call_id": call });
            protocol.say_own("switchboard.session", told);
        }
        Ok(protocol)
    }

    /// The session in the request of an offer: as the client would write it in `session.update`.
    ///
    /// # Errors
    /// As of that event.
    pub(in crate::channels) fn read_session(
        session: &serde_json::Value,
    ) -> Result<SessionUpdate, WireError> {
        let event = serde_json::json!({ "type": "session.update", "session": session });
        match parse_client_event(&event.to_string())?.event {
            ClientEvent::SessionUpdate { session } => Ok(*session),
            _ => Err(WireError::new(code::INVALID_VALUE, "No session.").at("session")),
        }
    }

    /// The caller's audio came over the track.
    pub(in crate::channels) fn on_track_audio(&mut self, length: Span) {
        self.listening.on_appended(length, &mut self.desk);
    }

    /// All that was given to the track has been played.
    pub(in crate::channels) fn on_track_silent(&mut self) {
        if let Some(track) = &mut self.track {
            track.is_sounding = false;
            track.settle(self.replies.active_id(), &mut self.desk);
        }
    }

    /// The end of a response may be the end of its sound too.
    pub(super) fn settle_track(&mut self) {
        if let Some(track) = &mut self.track {
            track.settle(self.replies.active_id(), &mut self.desk);
        }
    }
}
