//! `<Gather>` and `<Record>`: keys and messages of the caller.

use super::call::{Call, Flow};
use super::document::{Gather, Record, Verb};
use super::event::CarrierEvent;
use super::line::{FRAME_MS, Frame, SILENCE, frame_of, steps_of};
use crate::caller::SOUND_DBFS_MIN;
use crate::socket::random_bytes;
use switchboard_media::level::level_dbfs_ulaw;
use switchboard_media::{g711, tone};
use switchboard_wire::twilio::id::RecordingSid;

/// The beep before a message.
const BEEP_MS: u64 = 500;

/// Keys pressed so far, and whether no more are awaited.
#[derive(Default)]
struct Keys {
    digits: String,
    finished_on: Option<char>,
    is_complete: bool,
}

impl Keys {
    fn press(&mut self, digit: char, gather: &Gather) {
        if !gather.takes_dtmf || self.is_complete {
            return;
        }
        if Some(digit) == gather.finish_on_key {
            self.finished_on = Some(digit);
            self.is_complete = true;
            return;
        }
        self.digits.push(digit);
        self.is_complete = gather.digits_max == Some(self.digits.len());
    }
}

impl Call {
    /// Prompts, waits for keys, and asks the action if there were any. Speech is not recognised here.
    pub(super) async fn gather(&mut self, gather: &Gather) -> Result<(), Flow> {
        let keys = self.collect(gather).await?;
        self.record.log(CarrierEvent::Gathered {
            digits: keys.digits.clone(),
        });
        if keys.digits.is_empty() && !gather.action_on_empty_result {
            return Ok(());
        }
        let mut extra = vec![("Digits".to_owned(), keys.digits)];
        if let Some(key) = keys.finished_on {
            extra.push(("FinishedOnKey".to_owned(), key.to_string()));
        }
        let action = gather.action.clone().or_else(|| self.document_url.clone());
        self.go_on_at(action, extra)
    }

    async fn collect(&mut self, gather: &Gather) -> Result<Keys, Flow> {
        let mut keys = Keys::default();
        for prompt in &gather.prompts {
            let sound = self.prompt_sound(prompt).await?;
            for step in 0..steps_of(&sound) {
                // A key silences the rest of the prompts.
                if !keys.digits.is_empty() || keys.is_complete {
                    break;
                }
                self.beat_for_keys(&frame_of(&sound, step), &mut keys, gather)
                    .await?;
            }
        }
        let mut quiet_ms = 0;
        while !keys.is_complete && quiet_ms < gather.timeout_s * 1000 {
            let before = keys.digits.len();
            self.beat_for_keys(&SILENCE, &mut keys, gather).await?;
            let has_key = keys.digits.len() > before;
            quiet_ms = if has_key { 0 } else { quiet_ms + FRAME_MS };
        }
        Ok(keys)
    }

    async fn beat_for_keys(
        &mut self,
        frame: &Frame,
        keys: &mut Keys,
        gather: &Gather,
    ) -> Result<(), Flow> {
        if let Some(digit) = self.beat(frame).await?.digit {
            keys.press(digit, gather);
        }
        Ok(())
    }

    async fn prompt_sound(&mut self, prompt: &Verb) -> Result<Vec<u8>, Flow> {
        match prompt {
            Verb::Say { text } => {
                self.record.log(CarrierEvent::Said { text: text.clone() });
                self.say_clip(text).await
            }
            Verb::Play { url } => self.audio_file(url).await,
            Verb::Pause { length_s } => Ok(vec![g711::ULAW_SILENCE; *length_s as usize * 8_000]),
            _ => Ok(Vec::new()),
        }
    }

    /// Voicemail. An empty recording asks nobody and the next verb runs; otherwise the action is asked, and without
    /// one the document's own URL, as Twilio documents. A document given by REST has no URL: then the next verb runs.
    pub(super) async fn record_message(&mut self, record: &Record) -> Result<(), Flow> {
        if record.plays_beep {
            let mut beep = Vec::new();
            g711::encode_ulaw(&tone::sine(8_000, 1_000.0, BEEP_MS, 0.3), &mut beep);
            for step in 0..steps_of(&beep) {
                self.beat(&frame_of(&beep, step)).await?;
            }
        }
        let mut message = Message::default();
        let result = self.listen(record, &mut message).await;
        let ms = message.sound.len() as u64 / 8;
        self.record.keep_recording(&message.sound);
        self.record.log(CarrierEvent::Recorded { ms });
        if !message.has_sound {
            return result.map(|_| ());
        }
        let extra = self.recording_parameters(ms, record, &message);
        result?;
        let action = record.action.clone().or_else(|| self.document_url.clone());
        self.go_on_at(action, extra)
    }

    async fn listen(&mut self, record: &Record, message: &mut Message) -> Result<(), Flow> {
        let mut quiet_ms = 0;
        while quiet_ms < record.silence_s_max * 1000
            && (message.sound.len() as u64) < record.length_s_max * 8_000
        {
            let mouth = self.beat(&SILENCE).await?;
            message.sound.extend_from_slice(&mouth.sound);
            let is_sound = level_dbfs_ulaw(&mouth.sound) > SOUND_DBFS_MIN;
            message.has_sound |= is_sound;
            quiet_ms = if is_sound { 0 } else { quiet_ms + FRAME_MS };
            if mouth.digit.is_some() && mouth.digit == record.finish_on_key {
                message.digit = mouth.digit;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Parameters of the action; the recording's own callback is queued for the end of the call.
    fn recording_parameters(
        &mut self,
        ms: u64,
        record: &Record,
        message: &Message,
    ) -> Vec<(String, String)> {
        let account_sid = self.exchange.settings.account_sid.clone();
        let recording_sid = RecordingSid::from_entropy(random_bytes());
        let recordings = &self.exchange;
        let sound = message.sound.clone();
        recordings.recordings().insert(recording_sid.clone(), sound);
        let url = format!(
            "https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Recordings/{recording_sid}"
        );
        let duration_s = ms.div_ceil(1000).to_string();
        if let Some(callback) = &record.recording_status_callback {
            let form = switchboard_wire::twilio::Form::from_iter([
                ("AccountSid", account_sid.as_str()),
                ("CallSid", self.details.sid.as_str()),
                ("RecordingSid", recording_sid.as_str()),
                ("RecordingUrl", &url),
                ("RecordingStatus", "completed"),
                ("RecordingDuration", &duration_s),
                ("RecordingChannels", "1"),
                ("RecordingSource", "RecordVerb"),
            ]);
            self.last_requests.push((callback.clone(), form));
        }
        let mut extra = vec![
            ("RecordingUrl".to_owned(), url),
            ("RecordingSid".to_owned(), recording_sid.to_string()),
            ("RecordingDuration".to_owned(), duration_s),
        ];
        if let Some(digit) = message.digit {
            extra.push(("Digits".to_owned(), digit.to_string()));
        }
        extra
    }
}

#[derive(Default)]
struct Message {
    sound: Vec<u8>,
    has_sound: bool,
    digit: Option<char>,
}
