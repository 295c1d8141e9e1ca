//! Rows of the human's side: busy, no answer, not reachable. The caller can leave a message.

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::twilio::{CarrierEvent, HumanLine};

use crate::scripted::{speaks, talkative};
use crate::stage::{Got, Stage};
use crate::support::{BOUND, HUMAN};

#[tokio::test(flavor = "multi_thread")]
async fn a_human_who_cannot_be_reached_leaves_the_caller_to_our_voicemail() {
    let lines = [
        HumanLine::Busy,
        HumanLine::NoAnswer {
            ring_ms_max: Some(400),
        },
        HumanLine::Failed,
    ];
    join_all(lines.map(|line| async move {
        let stage = Stage::with(talkative(), |_| {}).await;
        stage.twilio.set_human(HUMAN, line.clone());
        let call = stage.call(CallerScript::new());
        speaks(&call).await;
        call.press('0');
        let records =
            |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
        let recording = call.wait_for(BOUND, records).await;
        recording.unwrap_or_else(|error| panic!("{error} {line:?}: {:?}", call.events()));
        call.hang_up();
        stage.assert_over(&call, Got::Human, &["dtmf_0"]).await;
        stage.server.stop().await;
    }))
    .await;
}
