//! `kill -9` of the real binary in the middle of a call: the carrier's own document takes the caller to the human.

mod support;

use std::process::Stdio;

use support::{BOUND, HUMAN, MEDSPA, carrier, model};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{CarrierEvent, PlaceCall, StreamEnd};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts the server and gives its address, as it prints it.
async fn serve(directory: &std::path::Path, settings: &[(&str, String)]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command
        .args(["serve", "--demo"])
        .current_dir(directory)
        .kill_on_drop(true);
    command.envs(settings.iter().map(|(key, value)| (*key, value.as_str())));
    command.env("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let found = tokio::time::timeout(BOUND, async {
        while let Some(line) = lines.next_line().await.expect("text") {
            if let Some(rest) = line.strip_prefix("listening on ") {
                return rest.split(',').next().expect("an address").to_owned();
            }
        }
        panic!("the server ended before it listened")
    });
    let base = found.await.expect("the server starts in time");
    // Whoever stops reading would stop the server's log.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, base)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_the_caller_with_the_human() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(8_000))).await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let settings = [
        ("TWILIO_ACCOUNT_SID", twilio.account_sid().to_string()),
        ("TWILIO_AUTH_TOKEN", twilio.auth_token().to_owned()),
        ("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url()),
        ("OPENAI_API_KEY", "sk-test".to_owned()),
        ("SWITCHBOARD_OPENAI__BASE_URL", model.base_url()),
    ];
    let (mut server, base) = serve(directory.path(), &settings).await;
    let call = twilio.place_call(PlaceCall::new(
        format!("{base}/twilio/voice"),
        MEDSPA,
        CallerScript::new(),
    ));
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::MediaReceived { .. })
    })
    .await
    .expect("the agent speaks");
    server.kill().await.expect("SIGKILL");

    let dialled = call
        .wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .expect("dialled");
    assert!(
        matches!(&dialled.event, CarrierEvent::Dialled { number } if number == HUMAN),
        "{dialled:?}"
    );
    call.wait_for_end(BOUND).await.expect("the call ends");
    let lost = |event: &CarrierEvent| {
        matches!(
            event,
            CarrierEvent::StreamEnded {
                end: StreamEnd::ConnectionLost
            }
        )
    };
    assert!(call.has(lost), "the stream broke: {:?}", call.events());
    let said = |event: &CarrierEvent| matches!(event, CarrierEvent::Said { text } if text.contains("connecting you"));
    assert!(call.has(said), "the caller is told");
    assert!(call.has(|event| matches!(event, CarrierEvent::HumanAnswered { .. })));

    // The next process writes the one end that the dead one could not.
    let (mut server, _) = serve(directory.path(), &settings).await;
    let ended = async {
        loop {
            let listed = Command::new(env!("CARGO_BIN_EXE_switchboard"))
                .args(["list", "calls", "--tenant", "medspa", "--json"])
                .current_dir(directory.path())
                .output()
                .await
                .expect("the binary runs");
            let calls: serde_json::Value =
                serde_json::from_slice(&listed.stdout).expect("one JSON array");
            if calls[0]["status"] == "ended" {
                return calls;
            }
        }
    };
    let calls = tokio::time::timeout(BOUND, ended)
        .await
        .expect("the call gets its end");
    assert_eq!(calls.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&calls[0]["end_reason"], &calls[0]["end_class"]),
        (&"process_lost".into(), &"us".into())
    );
    server.kill().await.expect("SIGKILL");
}
