//! What callers leave behind: messages, and what the agent took down.

use switchboard_store::*;

use crate::support::at;

pub fn captured(canary: &str) -> Vec<(Word, Private<String>)> {
    let job = (Word::new("job"), canary.into());
    vec![job, (Word::new("urgency"), "soon".into())]
}

pub fn voicemail(id: VoicemailId, call_id: CallId) -> NewVoicemail {
    NewVoicemail {
        id,
        call_id,
        recording_id: format!("RE{}", id.uuid().simple()),
        account_id: Some("AC1".to_owned()),
        length_s: Some(12),
        recorded_at: at(7),
        disclosed: true,
    }
}
