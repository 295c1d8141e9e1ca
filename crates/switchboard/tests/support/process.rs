//! The real binary as a process of its own, for what a task cannot show: `kill -9`, arguments, files left behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use switchboard_sim::realtime::RealtimeServer;
use switchboard_sim::twilio::FakeTwilio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::BOUND;

/// A server process in a directory of its own.
pub(crate) struct ServerProcess {
    pub(crate) base: String,
    child: Child,
    directory: PathBuf,
    settings: Vec<(&'static str, String)>,
}

/// Leads a server to the fakes.
pub(crate) fn carrier_settings(
    twilio: &FakeTwilio,
    model: &RealtimeServer,
) -> Vec<(&'static str, String)> {
    vec![
        ("TWILIO_ACCOUNT_SID", twilio.account_sid().to_string()),
        ("TWILIO_AUTH_TOKEN", twilio.auth_token().to_owned()),
        ("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url()),
        ("OPENAI_API_KEY", "sk-test".to_owned()),
        ("SWITCHBOARD_OPENAI__BASE_URL", model.base_url()),
    ]
}

impl ServerProcess {
    /// Starts `serve --demo` and waits until it listens.
    pub(crate) async fn serve(directory: &Path, settings: &[(&'static str, String)]) -> Self {
        let mut child = command(directory, settings)
            .args(["serve", "--demo"])
            .env("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let found = tokio::time::timeout(BOUND, async {
            let mut seen = Vec::new();
            while let Some(line) = lines.next_line().await.expect("text") {
                if let Some(rest) = line.strip_prefix("listening on ") {
                    return rest.split(',').next().expect("an address").to_owned();
                }
                seen.push(line);
            }
            panic!("the server ended before it listened: {seen:?}")
        });
        let base = found.await.expect("the server starts in time");
        // Whoever stops reading would stop the server's log.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            base,
            child,
            directory: directory.to_owned(),
            settings: settings.to_vec(),
        }
    }

    /// SIGKILL, and its end.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("SIGKILL");
    }

    /// What `list` says about a tenant.
    pub(crate) async fn list(&self, noun: &str, tenant: &str) -> Vec<Value> {
        let listed = command(&self.directory, &self.settings)
            .args(["list", noun, "--tenant", tenant, "--json"])
            .output()
            .await
            .expect("the binary runs");
        serde_json::from_slice(&listed.stdout).expect("one JSON array")
    }
}

/// The binary with these settings, in this directory.
pub(crate) fn command(directory: &Path, settings: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.current_dir(directory).kill_on_drop(true);
    command.envs(settings.iter().map(|(key, value)| (*key, value.as_str())));
    command
}
