//! Rows of our own process: killed with `kill -9`, and frozen for longer than every limit of its own.

use std::process::Stdio;

use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, PlaceCall, StreamEnd};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::scripted::{dialled, dials, speaks};
use crate::support::{BOUND, HUMAN, MEDSPA, carrier, model, wait_for};

/// The real binary in a folder of its own.
struct Served {
    folder: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
    child: Child,
    base: String,
}

impl Served {
    async fn start(twilio: &FakeTwilio, model: &RealtimeServer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let settings = vec![
            ("TWILIO_ACCOUNT_SID", twilio.account_sid().to_string()),
            ("TWILIO_AUTH_TOKEN", twilio.auth_token().to_owned()),
            ("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url()),
            ("OPENAI_API_KEY", "sk-test".to_owned()),
            ("SWITCHBOARD_OPENAI__BASE_URL", model.base_url()),
            ("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ];
        let (child, base) = serve(&folder, &settings).await;
        Self {
            folder,
            settings,
            child,
            base,
        }
    }

    /// The next process on the same data.
    async fn restart(&mut self) {
        (self.child, self.base) = serve(&self.folder, &self.settings).await;
    }

    async fn kill(&mut self) {
        self.child.kill().await.expect("SIGKILL");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    }

    fn call(&self, twilio: &FakeTwilio) -> CallHandle {
        let mut place = PlaceCall::new(
            format!("{}/twilio/voice", self.base),
            MEDSPA,
            CallerScript::new(),
        );
        place.status_callback = Some(format!("{}/twilio/status", self.base));
        twilio.place_call(place)
    }

    /// What `switchboard list … --json` prints for the tenant.
    async fn list(&self, what: &str) -> Vec<serde_json::Value> {
        let listed = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["list", what, "--tenant", "medspa", "--json"])
            .current_dir(self.folder.path())
            .output()
            .await
            .expect("the binary runs");
        serde_json::from_slice(&listed.stdout).expect("one JSON array")
    }

    /// The one call, once it has its end.
    async fn ended_call(&self) -> serde_json::Value {
        let ended = async {
            loop {
                let calls = self.list("calls").await;
                assert_eq!(calls.len(), 1, "{calls:?}");
                if calls[0]["status"] == "ended" {
                    return calls[0].clone();
                }
            }
        };
        let ended = tokio::time::timeout(BOUND, ended).await;
        ended.expect("the call gets its end")
    }
}

async fn serve(folder: &tempfile::TempDir, settings: &[(&'static str, String)]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(["serve", "--demo"])
        .current_dir(folder.path())
        .envs(settings.iter().map(|(key, value)| (*key, value.as_str())))
        .kill_on_drop(true)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.expect("text") {
            if let Some(rest) = line.strip_prefix("listening on ") {
                return rest.split(',').next().expect("an address").to_owned();
            }
        }
        panic!("the server ended before it listened")
    };
    let listening = tokio::time::timeout(BOUND, listening).await;
    let base = listening.expect("the server starts in time");
    // Whoever stops reading would stop the server's log.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, base)
}

/// What waits in memory may be lost with the process: 200 ms by default, and the time of one transaction.
const LOST_MS_MAX: u64 = 600;

async fn around() -> (FakeTwilio, RealtimeServer, Served) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(8_000))).await;
    let served = Served::start(&twilio, &model).await;
    (twilio, model, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_carrier_dials_the_human_and_no_older_event_is_lost() {
    let (twilio, _model, mut served) = around().await;
    let call = served.call(&twilio);
    speaks(&call).await;
    let before = 3;
    for _ in 0..before {
        call.press('5');
    }
    let pressed = |event: &CarrierEvent| matches!(event, CarrierEvent::CallerPressed { .. });
    wait_for("the keys are pressed", || {
        call.events()
            .iter()
            .filter(|timed| pressed(&timed.event))
            .count()
            == before
    })
    .await;
    let pressed_ms = call.ear_ms();
    wait_for("the keys are older than what may be lost", || {
        call.ear_ms() >= pressed_ms + LOST_MS_MAX
    })
    .await;
    served.kill().await;

    dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    let broke = StreamEnd::ConnectionLost;
    assert!(call.has(|event| matches!(event, CarrierEvent::StreamEnded { end } if *end == broke)));
    served.restart().await;
    let ended = served.ended_call().await;
    assert_eq!(
        (&ended["end_reason"], &ended["end_class"]),
        (&"process_lost".into(), &"us".into())
    );
    let events = served.list("events").await;
    let keys = events
        .iter()
        .filter(|event| event["name"] == "digit_pressed");
    assert_eq!(keys.count(), before, "events of before the kill are there");
    let mut numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert!(
        numbers
            .iter()
            .zip(1..)
            .all(|(number, expected)| *number == expected),
        "no gap and none twice: {numbers:?}"
    );
    served.kill().await;
}

/// A stop that is no end: the carrier waits, and the process comes back to a call whose moments have passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_frozen_past_its_limits_wakes_up_to_its_call() {
    let (twilio, _model, mut served) = around().await;
    let call = served.call(&twilio);
    speaks(&call).await;
    served.signal("-STOP");
    let frozen_ms = call.ear_ms();
    wait_for("more than the silence limit has passed", || {
        call.ear_ms() >= frozen_ms + 11_000
    })
    .await;
    served.signal("-CONT");
    // The agent goes on, or the human has been dialled for the time that was lost: a key tells which, and both are help.
    call.press('0');
    dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(dials(&call), [HUMAN]);
    let ended = served.ended_call().await;
    assert_ne!(ended["end_class"], "unknown", "{ended}");
    served.kill().await;
}
