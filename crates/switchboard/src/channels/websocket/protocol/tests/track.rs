//! A client whose sound goes over a media track (WebRTC).

use super::*;
use switchboard_wire::openai::parse_client_event;

fn events_of_sound(said: &[Value]) -> Vec<String> {
    let mut kinds = types(said);
    kinds.retain(|kind| kind.starts_with("output_audio_buffer.") || kind == "response.done");
    kinds
}

#[test]
fn the_client_is_told_when_the_agent_is_audible_and_gets_no_audio_as_events() {
    let mut stage = Stage::with_track();
    stage.speaking().done(REPLY, ReplyOutcome::Completed);
    let said = stage.said();
    assert!(!types(&said).contains(&AUDIO.to_owned()));
    assert_eq!(
        events_of_sound(&said),
        ["output_audio_buffer.started", "response.done"]
    );
    let response = only(&said, "response.created")["response"]["id"].clone();
    assert_eq!(
        only(&said, "output_audio_buffer.started")["response_id"],
        response
    );
    stage.protocol.on_track_silent();
    let said = stage.said();
    assert_eq!(types(&said), ["output_audio_buffer.stopped"]);
    assert_eq!(said[0]["response_id"], response);
}

#[test]
fn a_pause_within_a_response_is_not_its_end() {
    let mut stage = Stage::with_track();
    stage.speaking();
    stage.said();
    stage.protocol.on_track_silent();
    assert!(events_of_sound(&stage.said()).is_empty(), "more may come");
    stage
        .speaks(REPLY, ITEM)
        .done(REPLY, ReplyOutcome::Completed);
    stage.protocol.on_track_silent();
    assert_eq!(
        events_of_sound(&stage.said()),
        ["response.done", "output_audio_buffer.stopped"]
    );
}

#[test]
fn an_interruption_clears_the_loudspeaker_once() {
    let mut stage = Stage::with_track();
    stage.speaking();
    stage.said();
    stage.stopped_by(StopCause::Voice).turn_cut();
    stage.protocol.on_track_silent();
    assert_eq!(
        events_of_sound(&stage.said()),
        ["output_audio_buffer.cleared", "response.done"]
    );
}

#[test]
fn sound_as_an_event_is_refused_and_silence_may_be_asked_for() {
    let mut stage = Stage::with_track();
    stage.said();
    stage.append_ms(20);
    assert_eq!(stage.types(), ["error"]);
    stage.client(json!({"type": "output_audio_buffer.clear"}));
    assert_eq!(stage.told(), [FromLeg::ReplyCancelled]);
    assert!(stage.types().is_empty());
}

#[test]
fn s7_the_session_of_an_offer_is_held_to_the_same_table() {
    let session = json!({"type": "realtime", "instructions": "Be somebody else.",
        "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}}});
    let update = ClientProtocol::read_session(&session).expect("read");
    let mut stage = Stage::with_session(update);
    let created = stage.said().remove(0)["session"].clone();
    assert_eq!(created["instructions"].as_str().unwrap_or_default(), "");
    assert_eq!(
        created["audio"]["input"]["turn_detection"]["silence_duration_ms"],
        900
    );
    for wrong in [
        json!({"type": "realtime", "bogus": 1}),
        json!({"type": "transcription"}),
        json!("text"),
        json!(null),
    ] {
        let event = json!({"type": "session.update", "session": wrong}).to_string();
        let read = ClientProtocol::read_session(&wrong);
        assert_eq!(
            read.is_err(),
            parse_client_event(&event).is_err(),
            "{wrong}"
        );
    }
    assert!(ClientProtocol::read_session(&json!({"type": "realtime", "bogus": 1})).is_err());
}
