//! The real binary as a process, on a folder of its own: what a task inside the test's process cannot show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::RealtimeServer;
use switchboard_sim::twilio::{CallHandle, FakeTwilio, PlaceCall};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{BOUND, MEDSPA};

type Setting = (&'static str, String);

/// The real binary in a folder.
pub(crate) struct Served {
    folder: PathBuf,
    settings: Vec<Setting>,
    child: Child,
    pub(crate) base: String,
    /// Made for it, and removed with it.
    _own: Option<tempfile::TempDir>,
}

impl Served {
    /// In a new folder, with these settings besides those that lead to the fakes.
    pub(crate) async fn start(
        twilio: &FakeTwilio,
        model: &RealtimeServer,
        more: &[Setting],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut served = Self::start_in(folder.path(), twilio, model, more).await;
        served._own = Some(folder);
        served
    }

    pub(crate) async fn start_in(
        folder: &Path,
        twilio: &FakeTwilio,
        model: &RealtimeServer,
        more: &[Setting],
    ) -> Self {
        let mut settings = vec![
            ("TWILIO_ACCOUNT_SID", twilio.account_sid().to_string()),
            ("TWILIO_AUTH_TOKEN", twilio.auth_token().to_owned()),
            ("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url()),
            ("OPENAI_API_KEY", "sk-test".to_owned()),
            ("SWITCHBOARD_OPENAI__BASE_URL", model.base_url()),
            ("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ];
        settings.extend_from_slice(more);
        let (child, base) = serve(folder, &settings).await;
        Self {
            folder: folder.to_owned(),
            settings,
            child,
            base,
            _own: None,
        }
    }

    /// The next process on the same data.
    pub(crate) async fn restart(&mut self) {
        (self.child, self.base) = serve(&self.folder, &self.settings).await;
    }

    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("SIGKILL");
    }

    pub(crate) fn process_id(&self) -> String {
        self.child.id().expect("it runs").to_string()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args([name, &self.process_id()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    }

    /// Its own end, which is waited for.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(BOUND, self.child.wait()).await;
        ended.expect("the process ends in time").expect("a status")
    }

    pub(crate) fn call(&self, twilio: &FakeTwilio) -> CallHandle {
        let mut place = PlaceCall::new(
            format!("{}/twilio/voice", self.base),
            MEDSPA,
            CallerScript::new(),
        );
        place.status_callback = Some(format!("{}/twilio/status", self.base));
        twilio.place_call(place)
    }

    /// Status and body of a page; None when nobody answers.
    pub(crate) async fn page(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("{}{path}", self.base)).await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    /// A command of the operator's on the same data. It must succeed.
    pub(crate) async fn run(&self, arguments: &str) -> Vec<u8> {
        let ran = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(arguments.split(' '))
            .current_dir(&self.folder)
            .output()
            .await
            .expect("the binary runs");
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{arguments}: {told}");
        ran.stdout
    }

    /// What `switchboard list … --json` prints for the tenant.
    pub(crate) async fn list(&self, what: &str) -> Vec<Value> {
        let arguments = format!("list {what} --tenant medspa --json");
        let listed = self.run(&arguments).await;
        serde_json::from_slice(&listed).expect("one JSON array")
    }

    /// So many calls, once all of them have their end.
    pub(crate) async fn ended_calls(&self, count: usize) -> Vec<Value> {
        let ended = async {
            loop {
                let calls = self.list("calls").await;
                let is_over = calls.iter().all(|call| call["status"] == "ended");
                if is_over && calls.len() == count {
                    return calls;
                }
                assert!(calls.len() <= count, "{calls:?}");
            }
        };
        match tokio::time::timeout(BOUND, ended).await {
            Ok(calls) => calls,
            Err(_) => panic!(
                "not {count} calls with an end: {:?}",
                self.list("calls").await
            ),
        }
    }

    /// The one call, once it has its end.
    pub(crate) async fn ended_call(&self) -> Value {
        self.ended_calls(1).await.remove(0)
    }
}

async fn serve(folder: &Path, settings: &[Setting]) -> (Child, String) {
    // A file that may not grow sends a signal besides its error. Servers are started with it ignored, as systemd can.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve --demo"])
        .arg(env!("CARGO_BIN_EXE_switchboard"))
        .current_dir(folder)
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

/// Every call's events are there, each once, and the last of each is its only end.
pub(crate) fn assert_whole(events: &[Value]) {
    let mut calls: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for event in events {
        let call = event["call_id"].as_str().expect("a call");
        let name = event["name"].as_str().expect("a name");
        let number = event["seq"].as_u64().expect("a number");
        calls.entry(call).or_default().push((number, name));
    }
    for (call, mut events) in calls {
        events.sort_unstable();
        let in_order = events
            .iter()
            .zip(1..)
            .all(|(event, number)| event.0 == number);
        assert!(
            in_order,
            "{call}: an event is missing or doubled: {events:?}"
        );
    }
}
