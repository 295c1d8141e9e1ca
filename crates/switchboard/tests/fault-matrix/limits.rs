//! Rows of limits: money, length, silence, tools without end, too many callers, a stop.

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_wire::twilio::CallSid;

use crate::by_hand::{Answer, Carrier, Stream, call_sid};
use crate::scripted::{speaks, talkative};
use crate::stage::{Got, Stage};
use crate::support::{HUMAN, MEDSPA};

#[tokio::test(flavor = "multi_thread")]
async fn money_length_and_silence_end_at_the_human() {
    let talks = || RealtimeScript::default().otherwise(Reply::ladder(600));
    let budget = async {
        let stage = Stage::with(talks(), |settings| settings.calls.budget_micros = 100_000).await;
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Human, &["budget"]).await;
        stage.server.stop().await;
    };
    let length = async {
        let stage = Stage::with(talks(), |settings| {
            settings.calls.length_max_s = 3;
            settings.calls.length_warning_s = 1;
        })
        .await;
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Human, &["length"]).await;
        stage.server.stop().await;
    };
    let silence = async {
        let stage = Stage::with(talks(), |settings| {
            settings.calls.silence_nudge_ms = 600;
            settings.calls.silence_handoff_ms = 1_200;
        })
        .await;
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Human, &["silence"]).await;
        stage.server.stop().await;
    };
    tokio::join!(budget, length, silence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_gets_the_human_and_a_flood_of_tools_changes_nothing() {
    let asked = async {
        let asks = Reply::ladder(200).then_call_tool("transfer_to_human", r#"{"reason":"asked"}"#);
        let script = RealtimeScript::default()
            .reply(Reply::ladder(400))
            .otherwise(asks);
        let stage = Stage::with(script, |_| {}).await;
        let call = stage.call(CallerScript::new());
        stage.assert_over(&call, Got::Human, &["asked"]).await;
        stage.server.stop().await;
    };
    let flood = async {
        let floods = (0..60).fold(Reply::ladder(200), |reply, _| {
            reply.then_call_tool("check_availability", "{}")
        });
        let script = RealtimeScript::default()
            .reply(floods)
            .otherwise(Reply::ladder(600));
        let stage = Stage::with(script, |_| {}).await;
        let call = stage.call(CallerScript::new());
        speaks(&call).await;
        call.press('0');
        stage.assert_over(&call, Got::Human, &["dtmf_0"]).await;
        stage.server.stop().await;
    };
    tokio::join!(asked, flood);
}

/// Callers at once, on a limit of ten.
const CALLERS: usize = 300;
/// Lines of humans that a tenant may have busy at once, unless it is set otherwise.
const LINES: usize = 3;

/// The stream of a caller, with the agent's sound on it.
async fn hears_the_agent(mut stream: Stream) -> Stream {
    while let Some(text) = stream.next_text().await {
        if text.contains(r#""event":"media""#) {
            return stream;
        }
    }
    panic!("the stream ended before the agent spoke")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_300_callers_at_once_10_get_the_agent_and_nobody_stays_unanswered() {
    let stage = Stage::with(talkative(), |settings| settings.calls.concurrent_max = 10).await;
    let twilio = &stage.twilio;
    let carrier = Carrier::new(
        &stage.server.base,
        twilio.account_sid(),
        twilio.auth_token(),
    );
    let calls: Vec<_> = (0..CALLERS).map(|_| call_sid()).collect();
    let answers = join_all(calls.iter().map(|call| carrier.voice(call, MEDSPA))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let with_agent = |pair: &(&CallSid, &Answer)| pair.1.has_stream();
    let (agents, others): (Vec<_>, Vec<_>) = calls.iter().zip(&answers).partition(with_agent);
    assert_eq!(agents.len(), 10, "the limit is held");
    let streams = join_all(agents.iter().map(|(call, answer)| {
        let (carrier, token) = (&carrier, answer.token());
        async move { carrier.stream(call, Some(&token)).await }
    }));
    let heard = join_all(streams.await.into_iter().map(hears_the_agent)).await;
    let (rung, told): (Vec<_>, Vec<_>) = others.iter().partition(|(_, answer)| answer.has_dial());
    // As many as the database counted, and as many again where it was too slow to.
    let rung_max = 2 * LINES;
    assert!(
        (1..=rung_max).contains(&rung.len()),
        "{} humans",
        rung.len()
    );
    for (_, answer) in rung {
        assert!(answer.body.contains(HUMAN), "{}", answer.body);
    }
    for (_, answer) in told {
        let is_told = answer.body.contains("<Say") && answer.body.contains("<Record");
        assert!(is_told, "{}", answer.body);
    }
    drop(heard);
    join_all(
        calls
            .iter()
            .map(|call| carrier.status(call, MEDSPA, "completed", 1)),
    )
    .await;
    stage.server.idle().await;
    let rows = stage.server.calls("medspa").await;
    assert_eq!(rows.len(), CALLERS);
    assert!(
        rows.iter().all(|row| row.end_class.is_some()),
        "each has its end"
    );
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_the_call_in_progress_to_the_human_at_its_limit() {
    let Stage {
        twilio,
        model,
        server,
    } = Stage::with(talkative(), |_| {}).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;
    let reception = server.reception.clone();
    server.stop().await;
    assert_eq!((reception.live.count(), reception.admission.held()), (0, 0));
    assert_eq!(reception.journal.waiting(), 0, "every event is stored");
    crate::scripted::dialled(&call).await;
    call.wait_for_end(crate::support::BOUND)
        .await
        .expect("the call ends");
    assert_eq!(model.with_log(|log| log.open_connections()), 0);
}
