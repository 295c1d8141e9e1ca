//! Two server processes on one PostgreSQL are one switchboard: they hold one limit, and one survives the other.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use std::collections::BTreeMap;
use std::process::Stdio;

use by_hand::{Answer, Carrier, call_sid};
use support::{BOUND, MEDSPA, carrier, model, postgres};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_sim::twilio::FakeTwilio;
use switchboard_store::{
    Actor, ListFilter, Purpose, Store, StoreSettings, TenantScope, TenantStore, Word,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Calls in the burst, half of them at each node.
const BURST: usize = 200;
/// What the tenant may hold, on all nodes together.
const LIMIT: usize = 10;

/// A real server process.
struct Node {
    process: Child,
    carrier: Carrier,
    _directory: tempfile::TempDir,
}

impl Node {
    async fn start(twilio: &FakeTwilio, settings: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(["serve", "--demo"]);
        command.current_dir(directory.path()).kill_on_drop(true);
        command.envs(settings.iter().map(|(key, value)| (*key, value.as_str())));
        let piped = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = piped.spawn().expect("the binary runs");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                if let Some(rest) = line.strip_prefix("listening on ") {
                    return rest.split(',').next().expect("an address").to_owned();
                }
            }
            panic!("the server ended before it listened")
        };
        let base = tokio::time::timeout(BOUND, listening).await;
        let base = base.expect("the server starts in time");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            process,
            carrier: Carrier::new(&base, twilio.account_sid(), twilio.auth_token()),
            _directory: directory,
        }
    }

    async fn call(&self) -> Answer {
        self.carrier.voice(&call_sid(), MEDSPA).await
    }
}

async fn rows_of_medspa(url: &str) -> TenantStore {
    let store = Store::open(&StoreSettings::new(url)).await.expect("opens");
    let tenant = store.installation().find_tenant("medspa").await;
    let tenant = tenant.expect("answers").expect("the demo's tenant").id;
    store.tenant(TenantScope::new(tenant, Actor::Operator, Purpose::List))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_hold_one_limit_under_a_burst_and_one_takes_over_what_the_other_leaves() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let database = postgres::fresh_database();
    let settings = [
        ("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("SWITCHBOARD_DATABASE__URL", database.clone()),
        ("SWITCHBOARD_CALLS__CONCURRENT_MAX", LIMIT.to_string()),
        ("SWITCHBOARD_CALLS__PERMIT_LEASE_S", "2".to_owned()),
        // No stream opens in this test, and no call may end before it is over.
        ("SWITCHBOARD_CALLS__HANDSHAKE_MS", "60000".to_owned()),
        ("SWITCHBOARD_LIMITS__STREAM_TOKEN_S", "60".to_owned()),
        ("TWILIO_ACCOUNT_SID", twilio.account_sid().to_string()),
        ("TWILIO_AUTH_TOKEN", twilio.auth_token().to_owned()),
        ("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url()),
        ("OPENAI_API_KEY", "sk-test".to_owned()),
        ("SWITCHBOARD_OPENAI__BASE_URL", model.base_url()),
    ];
    let mut nodes = [
        Node::start(&twilio, &settings).await,
        Node::start(&twilio, &settings).await,
    ];

    let burst = (0..BURST).map(|number| nodes[number % 2].call());
    let answers = futures_util::future::join_all(burst).await;
    let mut held = [0, 0];
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200);
        // Only a few humans are rung at once (M4); the other callers may leave a message.
        let has_help = answer.has_dial() || answer.body.contains("<Record");
        assert!(has_help, "whatever happens there is help: {}", answer.body);
        held[number % 2] += usize::from(answer.has_stream());
    }
    assert_eq!(held[0] + held[1], LIMIT, "by node: {held:?}");

    // The one that holds more dies, and what it held is free for the other after one lease.
    let (dead, alive) = if held[0] >= held[1] { (0, 1) } else { (1, 0) };
    nodes[dead].process.kill().await.expect("SIGKILL");
    let taken_over = async {
        let mut streams = 0;
        while streams < held[dead] {
            streams += usize::from(nodes[alive].call().await.has_stream());
        }
    };
    let in_time = tokio::time::timeout(BOUND, taken_over).await;
    assert!(in_time.is_ok(), "the dead node's permits come free");
    assert!(
        !nodes[alive].call().await.has_stream(),
        "and no more than those"
    );

    let rows = rows_of_medspa(&database).await;
    let calls = rows
        .list_calls(&ListFilter::default())
        .await
        .expect("calls");
    let mut ends: BTreeMap<Option<Word>, usize> = BTreeMap::new();
    for call in calls {
        *ends.entry(call.end_reason).or_default() += 1;
    }
    assert_eq!(
        ends.get(&Some(Word::new("process_lost"))),
        Some(&held[dead]),
        "{ends:?}"
    );
    nodes[alive].process.kill().await.expect("SIGKILL");
}
