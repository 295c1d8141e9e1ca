//! Rows of the carrier: its stream breaks or goes quiet, its REST API refuses, and what hostile peers send.

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{RestFault, StreamFault};

use crate::scripted::{speaks, talkative};
use crate::stage::{Got, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_leaves_the_caller_to_the_carriers_document() {
    let text = StreamFault::TextAfter {
        ms: 700,
        text: "{".to_owned(),
    };
    let bytes = StreamFault::BytesAfter {
        ms: 700,
        bytes: vec![0xff; 64],
    };
    let cases: [(StreamFault, &[&str]); 6] = [
        (StreamFault::CutAfter { ms: 700 }, &["leg_lost"]),
        (StreamFault::ResetAfter { ms: 700 }, &["leg_lost"]),
        (text, &["leg_protocol_error"]),
        (bytes, &["leg_protocol_error"]),
        // Our side learns of the end by the status of the call.
        (StreamFault::NeverConnects, &["caller_hung_up"]),
        (StreamFault::NeverStarts, &["caller_hung_up"]),
    ];
    let stage = Stage::with(talkative(), |_| {}).await;
    let calls: Vec<_> = cases
        .into_iter()
        .map(|(fault, reasons)| (stage.struck_call(fault), reasons))
        .collect();
    for (call, reasons) in &calls {
        let over = call.wait_for_end(crate::support::BOUND).await;
        over.unwrap_or_else(|error| panic!("{error} {reasons:?}: {:?}", call.events()));
    }
    for (call, reasons) in &calls {
        stage.assert_over(call, Got::Human, reasons).await;
    }
    assert!(
        stage.twilio.rest_requests().is_empty(),
        "a stream that is gone needs no request, and a hang-up would take the human away"
    );
    stage.server.stop().await;
}

/// Open, and nothing comes: only silence tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_goes_quiet_is_given_to_the_human_after_the_silence() {
    let faults = [
        StreamFault::FrozenAfter { ms: 500 },
        StreamFault::DeafAfter { ms: 500 },
        StreamFault::MuteAfter { ms: 500 },
    ];
    let script = RealtimeScript::default().otherwise(Reply::ladder(400));
    let stage = Stage::with(script, |settings| {
        settings.calls.silence_nudge_ms = 700;
        settings.calls.silence_handoff_ms = 1_500;
    })
    .await;
    let calls = faults.map(|fault| stage.struck_call(fault));
    for call in &calls {
        let reasons = ["silence", "leg_lost"];
        stage.assert_over(call, Got::Human, &reasons).await;
    }
    stage.server.stop().await;
}

fn refusals() -> [RestFault; 4] {
    [
        RestFault::too_many_requests(),
        RestFault::server_error(),
        RestFault::Timeout,
        RestFault::DoneButDropped,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_fails_at_the_carrier_is_a_cut_that_dials_once() {
    join_all(refusals().map(|fault| async move {
        let stage = Stage::with(talkative(), |_| {}).await;
        let call = stage.call(CallerScript::new());
        speaks(&call).await;
        stage.twilio.push_rest_faults([fault]);
        call.press('0');
        stage.assert_over(&call, Got::Human, &["dtmf_0"]).await;
        stage.server.stop().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_fails_at_the_carrier_is_repeated_and_dials_nobody() {
    join_all(refusals().map(|fault| async move {
        let ends = Reply::ladder(400).then_call_tool("end_call", "{}");
        let script = RealtimeScript::default()
            .reply(Reply::ladder(400))
            .otherwise(ends);
        let stage = Stage::with(script, |_| {}).await;
        stage.twilio.push_rest_faults([fault]);
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Agent, &["agent_ended"]).await;
        stage.server.stop().await;
    }))
    .await;
}
