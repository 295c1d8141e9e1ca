//! `switchboard call` as a script meets it: our binary with a server of its own, real speech, and a scripted model.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use tempfile::TempDir;
use tokio::process::Command;

/// A call of a few seconds, on a machine that runs other tests.
const CALL_MAX: Duration = Duration::from_secs(90);

/// What a finished command left behind.
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Answer {
    fn document(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Runs the binary in this directory, with `model` behind its agents.
async fn ask(directory: &TempDir, model: &RealtimeServer, arguments: &[&str]) -> Answer {
    let asked = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("SWITCHBOARD_OPENAI__API_KEY", "sk-test")
        .env("SWITCHBOARD_OPENAI__BASE_URL", model.base_url())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(CALL_MAX, asked)
        .await
        .expect("the command ends in time")
        .expect("it runs");
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// An agent that greets, answers, and ends the call when the caller says goodbye.
async fn polite_agent() -> RealtimeServer {
    let script = RealtimeScript::default()
        .caller_says("I need a facial")
        .caller_says("goodbye then")
        .when_caller_says("goodbye", Reply::call_tool("end_call", "{}"))
        .otherwise(Reply::ladder(800));
    RealtimeServer::start(script)
        .await
        .expect("the model starts")
}

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn speakers(document: &Value) -> Vec<&str> {
    let turns = document.pointer("/calls/0/turns").and_then(Value::as_array);
    turns
        .map(|turns| turns.iter().map(|turn| text(turn, "/speaker")).collect())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_call_over_the_websocket_is_held_to_its_end_and_told_as_one_document() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    let arguments = [
        "call",
        "--agent",
        "medspa",
        "--say",
        "I need a facial",
        "--say",
        "goodbye then",
        "--json",
    ];
    let answer = ask(&directory, &model, &arguments).await;
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    let document = answer.document();
    assert_eq!(
        document
            .pointer("/calls")
            .and_then(Value::as_array)
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        (
            text(&document, "/calls/0/end_reason"),
            text(&document, "/calls/0/end_class")
        ),
        ("agent_ended", "success")
    );
    assert_eq!(
        speakers(&document)[..4],
        ["agent", "caller", "agent", "caller"],
        "{document:#}"
    );
    assert!(
        document
            .pointer("/summary/latency_p50_ms")
            .is_some_and(Value::is_u64),
        "{document:#}"
    );
    let refusals = model.with_log(|log| log.refusals(1).len());
    assert_eq!(refusals, 0, "the model refused nothing");
}

#[tokio::test]
async fn a_call_over_the_carrier_is_printed_as_a_talk() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    let arguments = [
        "call",
        "--agent",
        "medspa",
        "--over",
        "twilio",
        "--say",
        "I need a facial",
        "--say",
        "goodbye then",
    ];
    let answer = ask(&directory, &model, &arguments).await;
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    for words in [
        "caller  I need a facial",
        "agent ",
        "end_call: succeeded",
        "ended     agent_ended (success)",
        "look      switchboard list turns",
    ] {
        assert!(
            answer.stdout.contains(words),
            "no `{words}` in\n{}",
            answer.stdout
        );
    }
    assert!(
        !answer.stdout.contains("dials a person"),
        "{}",
        answer.stdout
    );
}

#[tokio::test]
async fn zero_hands_over_to_a_person() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    let arguments = [
        "call", "--agent", "medspa", "--over", "twilio", "--say", "press:0", "--json",
    ];
    let document = ask(&directory, &model, &arguments).await.document();
    assert_eq!(text(&document, "/calls/0/end_reason"), "dtmf_0");
    assert_eq!(
        document
            .pointer("/summary/handed_off")
            .and_then(Value::as_u64),
        Some(1)
    );
}

#[tokio::test]
async fn many_calls_at_once_are_summed_up() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    let arguments = [
        "call", "--agent", "medspa", "--say", "goodbye", "--count", "3", "--json",
    ];
    let document = ask(&directory, &model, &arguments).await.document();
    let summary = |name: &str| {
        document
            .pointer(&format!("/summary/{name}"))
            .and_then(Value::as_u64)
    };
    assert_eq!(
        (summary("calls"), summary("answered"), summary("failed")),
        (Some(3), Some(3), Some(0)),
        "{document:#}"
    );
    assert_eq!(
        document
            .pointer("/calls")
            .and_then(Value::as_array)
            .map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn an_agent_that_cannot_speak_is_a_failed_call() {
    let directory = tempfile::tempdir().expect("a directory");
    let model = RealtimeServer::start(RealtimeScript::default().api_key("sk-other"))
        .await
        .expect("the model starts");
    let answer = ask(&directory, &model, &["call", "--agent", "medspa", "--json"]).await;
    assert_eq!(answer.code, 1, "{}{}", answer.stdout, answer.stderr);
    let document = answer.document();
    assert_eq!(
        document.pointer("/summary/failed").and_then(Value::as_u64),
        Some(1),
        "{document:#}"
    );
    assert_eq!(
        document
            .pointer("/summary/answered")
            .and_then(Value::as_u64),
        Some(0)
    );
}

#[tokio::test]
async fn a_wrong_name_gets_the_nearest_one_and_no_call() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    let answer = ask(&directory, &model, &["call", "--agent", "medsp"]).await;
    assert_eq!(answer.code, 2);
    assert!(
        answer.stderr.contains("did you mean --tenant medspa"),
        "{}",
        answer.stderr
    );
    assert_eq!(model.received().len(), 0, "no model was opened");
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let (directory, model) = (
        tempfile::tempdir().expect("a directory"),
        polite_agent().await,
    );
    std::fs::write(
        directory.path().join("key"),
        "sk_sb_0123456789012345678901234567890123456789",
    )
    .expect("a key file");
    let server = "http://127.0.0.1:9";
    let answer = ask(
        &directory,
        &model,
        &[
            "call",
            "--agent",
            "medspa",
            "--server",
            server,
            "--key-file",
            "key",
        ],
    )
    .await;
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (3, ""),
        "{}",
        answer.stderr
    );
}
