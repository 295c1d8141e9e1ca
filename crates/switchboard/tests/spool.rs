//! The database is away, or the process dies, in the middle of a call: what happened is on the disk and lands once (R1).

#[path = "support/process.rs"]
mod process;
#[allow(dead_code, reason = "each test binary uses its own part of it")]
#[path = "support/scripted.rs"]
mod scripted;
mod support;

use process::{ServerProcess, carrier_settings};
use scripted::{speaks, talkative};
use support::relay::{Relay, server_of};
use support::{BOUND, MEDSPA, TestServer, carrier, model, postgres, wait_for};
use switchboard::config::DatabaseUrl;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, PlaceCall};
use switchboard_store::ListFilter;

/// What the agent says, to be looked for on the disk.
const WORDS: &str = "the quillfeather is ready";
/// Audio that passes at the ear until nothing that happened before may be lost: the 200 ms, and room for a disk that others use
/// too, where one fsync took 300 ms.
const SAFE_AFTER_MS: u64 = 800;

#[tokio::test(flavor = "multi_thread")]
async fn r1_events_of_a_live_call_wait_on_disk_while_the_database_is_away_and_land_in_order_once() {
    let url = postgres::fresh_database();
    let relay = Relay::start(server_of(&url)).await;
    let twilio = carrier().await;
    let model = model(talkative()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.database.url = DatabaseUrl::new(relay.url(&url));
        settings.database.acquire_ms_max = 500;
    })
    .await;
    let journal = &server.reception.journal;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;

    relay.cut();
    call.press('1');
    wait_for("the key is on disk", || journal.spooled() > 0).await;
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    wait_for("all calls have ended", || {
        server.reception.live.count() == 0
    })
    .await;
    wait_for("all is on disk", || journal.spooled() == journal.waiting()).await;
    let spool = &server.reception.settings.database.spool_directory;
    let file = std::path::Path::new(spool).join("journal.spool");
    assert!(std::fs::metadata(&file).expect("there").len() > 0);

    relay.mend();
    assert!(journal.flushed(BOUND).await, "it lands");
    wait_for("the file is emptied", || journal.spooled() == 0).await;
    let rows = server.rows("medspa").await;
    let events = rows.list_call_events(&ListFilter::default()).await;
    let mut numbers: Vec<i64> = events.expect("rows").iter().map(|it| it.seq).collect();
    numbers.reverse();
    let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).expect("few")).collect();
    assert_eq!(numbers, expected, "every event landed, in order, once");
    let calls = server.calls("medspa").await;
    assert_eq!(calls.len(), 1);
    let reason = calls[0].end_reason.as_ref().map(|it| it.as_str());
    assert_eq!(reason, Some("caller_hung_up"));
    server.stop().await;
}

/// Presses keys, lets the time pass in which the last may still be lost, and kills.
async fn keys_then_death(call: &CallHandle, server: &mut ServerProcess) {
    for _ in 0..5 {
        let at = call.ear_ms();
        call.press('1');
        wait_for("time passes at the ear", || call.ear_ms() > at + 60).await;
    }
    let at = call.ear_ms();
    wait_for("the keys are old enough", || {
        call.ear_ms() > at + SAFE_AFTER_MS
    })
    .await;
    server.kill().await;
    call.wait_for_end(BOUND)
        .await
        .expect("the human takes over");
}

/// Both with a database that answers and with one that went away before the keys.
#[tokio::test(flavor = "multi_thread")]
async fn r1_after_kill_nine_no_event_older_than_200_ms_is_lost() {
    for is_away in [false, true] {
        let url = postgres::fresh_database();
        let relay = Relay::start(server_of(&url)).await;
        let twilio = carrier().await;
        let script = RealtimeScript::default().otherwise(Reply::audio(
            switchboard_sim::realtime::ReplyAudio::ladder(0, 8_000),
            WORDS,
        ));
        let model = model(script).await;
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = carrier_settings(&twilio, &model);
        settings.push(("SWITCHBOARD_DATABASE__URL", relay.url(&url)));
        settings.push(("SWITCHBOARD_DATABASE__ACQUIRE_MS_MAX", "500".to_owned()));
        let mut server = ServerProcess::serve(directory.path(), &settings).await;
        let voice_url = format!("{}/twilio/voice", server.base);
        let call = twilio.place_call(PlaceCall::new(voice_url, MEDSPA, CallerScript::new()));
        call.wait_for(BOUND, |event| {
            matches!(event, CarrierEvent::MediaReceived { .. })
        })
        .await
        .expect("the agent speaks");
        if is_away {
            relay.cut();
        }
        keys_then_death(&call, &mut server).await;

        relay.mend();
        let spool = directory.path().join("data/spool/journal.spool");
        let bytes = std::fs::read(&spool).expect("there");
        assert_eq!(
            !bytes.is_empty(),
            is_away,
            "only what is needed goes to disk"
        );
        let found = bytes.windows(WORDS.len()).any(|it| it == WORDS.as_bytes());
        assert!(!found, "what was said is sealed");
        let mut server = ServerProcess::serve(directory.path(), &settings).await;
        let events = server.list("events", "medspa").await;
        let keys = events.iter().filter(|it| it["name"] == "digit_pressed");
        assert_eq!(keys.count(), 5, "away: {is_away}: {events:?}");
        let mut numbers: Vec<i64> = events.iter().filter_map(|it| it["seq"].as_i64()).collect();
        numbers.sort_unstable();
        let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).expect("few")).collect();
        assert_eq!(numbers, expected, "each once, without a hole");
        server.kill().await;
    }
}
