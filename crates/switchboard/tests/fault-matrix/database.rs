//! Rows of the database: a PostgreSQL of the test's own is stopped for real in the middle of a call.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use switchboard::config::DatabaseUrl;
use switchboard_sim::caller::CallerScript;

use crate::scripted::{reason, row_of, speaks, talkative};
use crate::stage::{Got, Stage};
use crate::support::{BOUND, wait_for};

/// Debian keeps the server's programs out of the search path.
const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// A cluster that may be stopped: nobody else uses it.
struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if is_root() {
            let mut own = Command::new("chown");
            own.arg("postgres").arg(folder.path());
            assert!(succeeds(&mut own), "the cluster has a folder of its own");
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut cluster = Self {
            folder,
            port,
            server: None,
        };
        let data = cluster.data();
        let mut make = program("initdb");
        make.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        make.args(["--locale=C.UTF-8", "--no-sync", "--pgdata"]);
        make.arg(data).stdout(Stdio::null());
        assert!(succeeds(&mut make), "a cluster is made");
        cluster.run();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&mut self) {
        let mut command = program("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        command.args([
            "-p",
            &self.port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        command.args(["-c", "log_min_messages=panic", "-c", "max_connections=40"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().expect("PostgreSQL starts"));
    }

    async fn ready(&self) {
        let port = self.port.to_string();
        wait_for("PostgreSQL answers", || {
            let mut ask = Command::new(format!("{BINARIES}/pg_isready"));
            succeeds(ask.args(["-q", "-U", "postgres", "-h", "127.0.0.1", "-p", &port]))
        })
        .await;
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// As `pg_ctl stop -m immediate`: no good-bye to anybody, recovery at the next start.
    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let mut quit = Command::new("kill");
        assert!(succeeds(quit.args(["-QUIT", &server.id().to_string()])));
        server.wait().expect("it ends");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout == b"0\n"
}

/// PostgreSQL refuses to run as root, so root hands it to the package's own user. It ends with the test, however that ends.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", "QUIT", "--"]).current_dir("/");
    command.arg(format!("{BINARIES}/{name}"));
    command
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_stopped_ends_no_call_and_gets_every_event_once_it_is_back() {
    let mut cluster = Cluster::start();
    cluster.ready().await;
    let url = cluster.url();
    let stage = Stage::with(talkative(), |settings| {
        settings.database.url = DatabaseUrl::new(url);
        settings.database.acquire_ms_max = 1_000;
    })
    .await;
    let call = stage.call(CallerScript::new());
    speaks(&call).await;
    assert!(stage.server.reception.journal.flushed(BOUND).await);
    cluster.stop();

    let heard_ms = call.ear_ms();
    call.press('1');
    let journal = &stage.server.reception.journal;
    wait_for("events wait for the database", || journal.waiting() > 0).await;
    wait_for("the call goes on for a second and a half", || {
        call.ear_ms() >= heard_ms + 1_500
    })
    .await;
    assert_eq!(stage.server.reception.live.count(), 1, "the agent goes on");
    call.press('0');
    crate::scripted::dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert!(journal.waiting() > 0, "nothing counts as stored meanwhile");

    cluster.run();
    cluster.ready().await;
    stage.assert_over(&call, Got::Human, &["dtmf_0"]).await;
    let row = row_of(&stage.server, &call).await;
    assert_eq!(reason(&row), "dtmf_0");
    stage.server.stop().await;
}
