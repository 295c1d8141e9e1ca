//! The row of upgrade and drain: SIGTERM to the real process while callers talk. It is not ready and takes no new call, who
//! ends meanwhile ends as ever, who still talks at the limit gets the human, and all that was kept is whole.

use std::path::Path;

use serde_json::Value;
use switchboard_media::ogg_opus::read_ogg_opus;
use switchboard_sim::realtime::{RealtimeScript, Reply};

use crate::by_hand::{Carrier, call_sid};
use crate::scripted::{dialled, dials, speaks};
use crate::served::{Served, assert_whole};
use crate::support::{BOUND, HUMAN, MEDSPA, carrier, model};

/// Long enough that a caller can finish on a busy machine, short enough for a test.
const DRAIN_MS: u64 = 5_000;

async fn recordings_open(served: &Served, count: usize) {
    let open = async {
        loop {
            let rows = served.list("recordings").await;
            let open = rows.iter().filter(|row| row["status"] == "recording");
            if open.count() == count {
                return;
            }
        }
    };
    let open = tokio::time::timeout(BOUND, open).await;
    assert!(open.is_ok(), "{count} calls are being recorded");
}

async fn is_not_ready(served: &Served) {
    let told = async {
        while served
            .page("/readyz")
            .await
            .is_none_or(|(status, _)| status != 503)
        {}
    };
    let told = tokio::time::timeout(BOUND, told).await;
    assert!(told.is_ok(), "a server that stops says so");
}

fn row_of<'a>(calls: &'a [Value], sid: &str) -> &'a Value {
    let mut of = calls.iter().filter(|row| row["carrier_call_id"] == sid);
    of.next().expect("the call is stored")
}

/// A recording that plays, with the agent on its right side.
fn assert_plays(folder: &Path, recording: &Value) {
    assert_eq!(recording["status"], "stored", "{recording}");
    let key = recording["object_key"].as_str().expect("a key");
    let bytes = std::fs::read(folder.join("data/recordings").join(key)).expect("the audio");
    assert_eq!(recording["bytes"], bytes.len());
    let (left, right) = read_ogg_opus(&bytes, 8_000).expect("it plays");
    assert_eq!(left.len(), right.len());
    let loudest = right.iter().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest > Some(1_000), "the agent is in it: {loudest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_a_stop_takes_no_new_call_finishes_or_hands_over_the_live_ones_and_keeps_all_whole() {
    let twilio = carrier().await;
    let script = RealtimeScript::default()
        .reply(Reply::ladder(400))
        .otherwise(Reply::ladder(8_000));
    let model = model(script).await;
    let drain = [("SWITCHBOARD_HTTP__DRAIN_MS_MAX", DRAIN_MS.to_string())];
    let folder = tempfile::tempdir().expect("a folder");
    let mut served = Served::start_in(folder.path(), &twilio, &model, &drain).await;
    served.run("switch set recording on --tenant medspa").await;
    let (finishes, stays) = (served.call(&twilio), served.call(&twilio));
    speaks(&finishes).await;
    speaks(&stays).await;
    recordings_open(&served, 2).await;

    served.signal("-TERM");
    is_not_ready(&served).await;
    let by_hand = Carrier::new(&served.base, twilio.account_sid(), twilio.auth_token());
    let late = call_sid();
    let answer = by_hand.voice(&late, MEDSPA).await;
    assert!(
        !answer.has_stream() && answer.body.contains(HUMAN),
        "{answer:?}"
    );
    finishes.hang_up();
    finishes.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(dials(&finishes), [] as [String; 0], "nobody is rung for it");
    dialled(&stays).await;
    stays.wait_for_end(BOUND).await.expect("the call ends");
    assert!(served.ended().await.success(), "a stop is no failure");

    let calls = served.ended_calls(3).await;
    let reason = |sid: &str| row_of(&calls, sid)["end_reason"].clone();
    assert_eq!(reason(finishes.sid().as_str()), "caller_hung_up");
    assert_eq!(reason(stays.sid().as_str()), "drained");
    assert_whole(&served.list("events").await);
    let recordings = served.list("recordings").await;
    assert_eq!(recordings.len(), 2);
    for recording in &recordings {
        assert_plays(folder.path(), recording);
    }
    assert_eq!(model.with_log(|log| log.open_connections()), 0);
}
