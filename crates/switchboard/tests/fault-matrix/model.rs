//! Rows of the model: it refuses, closes, is silent, stalls, breaks its protocol, limits the rate.

use std::time::Duration;

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{Faults, RealtimeScript, Reply};
use switchboard_wire::openai::HandshakeRefusal;

use crate::scripted::{dials, speaks, talkative};
use crate::stage::{Got, Stage};
use crate::support::BOUND;

/// Each case on a server of its own, all at once.
async fn each_hands_over(cases: Vec<(RealtimeScript, &'static [&'static str])>) {
    join_all(cases.into_iter().map(|(script, reasons)| async move {
        let stage = Stage::with(script, |_| {}).await;
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Human, reasons).await;
        stage.server.stop().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_gets_ready_costs_the_caller_the_watchdog_at_most() {
    let refused = |refusal| Faults {
        refusal: Some(refusal),
        ..Faults::default()
    };
    let status = |status| Faults {
        upgrade_status: Some(status),
        ..Faults::default()
    };
    let cases: Vec<(Faults, &'static [&'static str])> = vec![
        (refused(HandshakeRefusal::InvalidApiKey), &["model_refused"]),
        (refused(HandshakeRefusal::InvalidModel), &["model_refused"]),
        (
            Faults {
                close_after_upgrade: Some((1011, "bye".to_owned())),
                ..Faults::default()
            },
            &["model_failed"],
        ),
        (status(429), &["model_failed"]),
        (status(503), &["model_failed"]),
        (
            Faults {
                drops_upgrade: true,
                ..Faults::default()
            },
            &["model_failed"],
        ),
        (
            Faults {
                is_silent: true,
                ..Faults::default()
            },
            &["handshake_timeout"],
        ),
        (
            Faults {
                created_delay: Duration::from_secs(4),
                ..Faults::default()
            },
            &["handshake_timeout"],
        ),
    ];
    let scripts = cases
        .into_iter()
        .map(|(faults, reasons)| (talkative().faults(faults), reasons));
    each_hands_over(scripts.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_in_the_conversation_gives_the_caller_to_the_human() {
    let later = Some(Duration::from_millis(1_200));
    let cut = Faults {
        drop_after: later,
        ..Faults::default()
    };
    let expired = Faults {
        expire_after: later,
        ..Faults::default()
    };
    let rate = Reply::failed("rate_limit_exceeded", "slow down");
    let quota = Reply::failed("insufficient_quota", "no money");
    let begins = || RealtimeScript::default().reply(Reply::ladder(400));
    let cases: Vec<(RealtimeScript, &'static [&'static str])> = vec![
        (talkative().faults(cut), &["model_failed"]),
        (talkative().faults(expired), &["model_failed"]),
        (
            begins().otherwise(rate),
            &["model_failed", "model_refused", "silence"],
        ),
        (
            begins().otherwise(quota),
            &["model_failed", "model_refused", "silence"],
        ),
        (
            begins().otherwise(Reply::ladder(2_000).dropping_at(400)),
            &["model_failed"],
        ),
        // Nothing more comes in the middle of a reply, and the session stays open.
        (
            begins().otherwise(Reply::ladder(2_000).stalling_at(400)),
            &["model_failed"],
        ),
    ];
    each_hands_over(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_talks_nonsense_disturbs_nobody() {
    let nonsense = Faults {
        unknown_events: true,
        duplicated_types: vec!["response.done".to_owned()],
        ..Faults::default()
    };
    let stage = Stage::with(talkative().faults(nonsense), |_| {}).await;
    let call = stage.call(CallerScript::new());
    speaks(&call).await;
    assert!(dials(&call).is_empty());
    call.press('0');
    stage.assert_over(&call, Got::Human, &["dtmf_0"]).await;
    stage.server.stop().await;
}

/// An answer that stutters is bridged, and the agent stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_pauses_in_its_reply_goes_on_afterwards() {
    let pauses = Reply::ladder(1_200).stuttering_at(400, Duration::from_millis(2_000));
    let ends = Reply::ladder(400).then_call_tool("end_call", "{}");
    let script = RealtimeScript::default().reply(pauses).otherwise(ends);
    let stage = Stage::with(script, |_| {}).await;
    let call = stage.call(CallerScript::new());
    call.wait_for_end(BOUND).await.expect("the call ends");
    stage.assert_over(&call, Got::Agent, &["agent_ended"]).await;
    stage.server.stop().await;
}
