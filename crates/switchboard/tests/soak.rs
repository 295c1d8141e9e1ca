//! Calls with random faults by seed against one real server process between a fake carrier and a strict fake model
//! (threats.md section 4). Each caller has agent, human, voicemail or an apology; each call has one end with a class;
//! afterwards nothing is left of any of them. `cargo xtask soak` repeats it with other seeds, and for hours.

mod support;

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{Faults, RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{
    CallHandle, CarrierEvent, EndedBy, FakeTwilio, HumanLine, MarkFault, PlaceCall, RestFault,
    StreamFault,
};
use switchboard_wire::openai::HandshakeRefusal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use support::{HUMAN, carrier, model};

/// A reference agent without limits of its own, so that those of the settings count.
const BROKER: &str = "+12025550102";
const TENANT: &str = "broker";
const SEED: u64 = 1;
const CALLS: u64 = 60;
/// So many callers talk at the same time; a fake carrier and a fake model work for each of them.
const AT_ONCE: u64 = 15;
/// The longest call: greeting, silence, transfer, a human who does not answer, voicemail.
const CALL_MAX: Duration = Duration::from_secs(60);
/// Memory after the second half by memory after the first.
const MEMORY_RATIO_MAX: f64 = 1.05;
/// From so many calls on memory is judged, and every end below must have been reached. With fewer, first uses of caches
/// are all there is.
const CALLS_JUDGED: u64 = 400;
/// Connections that the carrier's client keeps for its next webhooks, and the one that reads our measures: as many as it
/// made at once, status callbacks beside webhooks.
const KEPT_INCOMING_MAX: usize = 3 * AT_ONCE as usize + 1;
/// Connections that we keep to the carrier's API: as many as we made at once.
const KEPT_TO_CARRIER_MAX: usize = AT_ONCE as usize;
/// Threads that the runtime adds for blocking work, and lets go after a while.
const SPARE_THREADS_MAX: usize = 8;
/// What calls end by here, rare ones included.
const ENDS: [&str; 11] = [
    "agent_ended",
    "asked",
    "caller_hung_up",
    "concurrency_limit",
    "dtmf_0",
    "handshake_timeout",
    "leg_lost",
    "leg_protocol_error",
    "model_failed",
    "model_refused",
    "silence",
];
/// After the last call everything must be gone: a stream that never opened holds its permit for 15 s.
const REST_MAX: Duration = Duration::from_secs(40);

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }
}

/// What a connection of the model does wrong.
fn model_faults(dice: &mut Dice) -> Faults {
    let mut faults = Faults::default();
    match dice.between(0, 15) {
        0 => faults.refusal = Some(HandshakeRefusal::InvalidApiKey),
        1 => faults.upgrade_status = Some(429),
        2 => faults.drops_upgrade = true,
        3 => faults.is_silent = true,
        4 => faults.created_delay = Duration::from_millis(dice.between(200, 2_500)),
        5 => faults.drop_after = Some(Duration::from_millis(dice.between(100, 4_000))),
        6 => faults.expire_after = Some(Duration::from_millis(dice.between(100, 4_000))),
        7 => faults.unknown_events = true,
        8 => faults.error_burst = 3,
        _ => {}
    }
    faults
}

fn model_script(dice: &mut Dice, calls: u64) -> RealtimeScript {
    let nth = |many: usize, rest: usize| {
        move |moment: &switchboard_sim::realtime::Moment<'_>| {
            (moment.connection * 7 + moment.response) % many == rest
        }
    };
    let ends = Reply::ladder(300).then_call_tool("end_call", "{}");
    let asks = Reply::ladder(300).then_call_tool("transfer_to_human", r#"{"reason":"asked"}"#);
    let script = RealtimeScript::default()
        .forgetful()
        .reply(Reply::ladder(300))
        .when(nth(11, 1), ends)
        .when(nth(13, 2), asks)
        .when(nth(17, 3), Reply::ladder(800).dropping_at(300))
        .when(
            nth(19, 4),
            Reply::failed("rate_limit_exceeded", "slow down"),
        )
        .when(nth(23, 5), Reply::call_tool("find_contact", "{"))
        .otherwise(Reply::ladder(700));
    (1..=calls as usize * 2).fold(script, |script, connection| {
        script.faults_on(connection, model_faults(dice))
    })
}

fn stream_fault(dice: &mut Dice) -> StreamFault {
    let ms = dice.between(0, 3_000);
    match dice.between(0, 15) {
        0 => StreamFault::NeverConnects,
        1 => StreamFault::NeverStarts,
        2 => StreamFault::CutAfter { ms },
        3 => StreamFault::ResetAfter { ms },
        4 => StreamFault::MuteAfter { ms },
        5 => StreamFault::TextAfter {
            ms,
            text: "{".to_owned(),
        },
        6 => StreamFault::Marks(MarkFault::Missing),
        7 => StreamFault::Marks(MarkFault::Twice),
        8 => StreamFault::Bunched { frames: 5 },
        _ => StreamFault::None,
    }
}

fn caller(dice: &mut Dice) -> CallerScript {
    let script = CallerScript::new().wait(dice.between(200, 4_000));
    match dice.between(0, 5) {
        0 => script.press('0'),
        1 => script.press('1').wait(1_000).press('0'),
        2 | 3 => script.hang_up(),
        _ => script,
    }
}

fn rest_fault(dice: &mut Dice) -> RestFault {
    match dice.between(0, 7) {
        0 => RestFault::too_many_requests(),
        1 => RestFault::server_error(),
        2 => RestFault::DoneButDropped,
        _ => RestFault::Delay {
            ms: dice.between(0, 300),
        },
    }
}

/// The real binary, its address and its process.
struct Served {
    folder: tempfile::TempDir,
    child: Child,
    base: String,
    ports: Ports,
}

impl Served {
    async fn start(twilio: &FakeTwilio, model: &RealtimeServer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["serve", "--demo"])
            .current_dir(folder.path())
            .env("TWILIO_ACCOUNT_SID", twilio.account_sid().as_str())
            .env("TWILIO_AUTH_TOKEN", twilio.auth_token())
            .env("SWITCHBOARD_TWILIO__API_BASE_URL", twilio.base_url())
            .env("SWITCHBOARD_TWILIO__HANGUP_RETRY_S_MAX", "10")
            .env("OPENAI_API_KEY", "sk-test")
            .env("SWITCHBOARD_OPENAI__BASE_URL", model.base_url())
            .env("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0")
            .env("SWITCHBOARD_CALLS__CONCURRENT_MAX", "12")
            .env("SWITCHBOARD_CALLS__SILENCE_NUDGE_MS", "1000")
            .env("SWITCHBOARD_CALLS__SILENCE_HANDOFF_MS", "2000")
            .env("SWITCHBOARD_CALLS__LENGTH_MAX_S", "15")
            .env("SWITCHBOARD_CALLS__LENGTH_WARNING_S", "5")
            .kill_on_drop(true)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut base = None;
        while let Some(line) = lines.next_line().await.expect("text") {
            if let Some(rest) = line.strip_prefix("listening on ") {
                base = rest.split(',').next().map(str::to_owned);
                break;
            }
        }
        // Whoever stops reading would stop the server's log.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let base = base.expect("the server listens");
        let ports = Ports {
            server: port_of(&base),
            carrier: port_of(&twilio.base_url()),
            model: port_of(&model.base_url()),
        };
        Self {
            folder,
            child,
            base,
            ports,
        }
    }

    fn place(&self, twilio: &FakeTwilio, dice: &mut Dice) -> CallHandle {
        let voice = format!("{}/twilio/voice", self.base);
        let mut place = PlaceCall::new(voice, BROKER, caller(dice));
        place.status_callback = Some(format!("{}/twilio/status", self.base));
        place.status_events = vec!["ringing", "answered", "completed"];
        place.stream_faults = vec![stream_fault(dice)];
        place.webhook_faults.has_second_voice_request = dice.one_in(6);
        place.webhook_faults.has_status_twice = dice.one_in(4);
        place.webhook_faults.has_status_reversed = dice.one_in(4);
        place.keeps_sound = false;
        twilio.place_call(place)
    }

    async fn list(&self, what: &str) -> Vec<serde_json::Value> {
        let listed = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["list", what, "--tenant", TENANT, "--json"])
            .current_dir(self.folder.path())
            .output()
            .await
            .expect("the binary runs");
        serde_json::from_slice(&listed.stdout).expect("one JSON array")
    }

    /// Waits until every call is over and every event of it stored.
    async fn rest(&self) -> Held {
        let live = async {
            loop {
                let measures = reqwest::get(format!("{}/metrics", self.base)).await;
                let text = measures.expect("an answer").text().await.expect("a text");
                let is_idle = [
                    "switchboard_calls_live",
                    "switchboard_journal_events_waiting",
                ]
                .iter()
                .all(|name| measure(&text, name) == 0.0);
                let calls = self.list("calls").await;
                let is_ended = calls.iter().all(|call| call["status"] == "ended");
                // A model is told goodbye beside the call, at most for a second after it; what is open for longer is a leak.
                let sockets = Sockets::of(self.child.id().expect("it runs"), self.ports);
                let is_parted = (sockets.to_model, sockets.deserted) == (0, 0);
                if is_idle && is_ended && is_parted {
                    return;
                }
            }
        };
        let rested = tokio::time::timeout(REST_MAX, live).await;
        rested.expect("every call ends once its faults are over");
        Held::of(self.child.id().expect("it runs"), self.ports)
    }
}

fn measure(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    resident_kib: f64,
    sockets: Sockets,
    threads: usize,
}

/// Open sockets by what they are for.
#[derive(Debug, Default, Clone, Copy)]
struct Sockets {
    /// From the carrier: what its client keeps for the next webhook. A stream of a call would count here too.
    incoming: usize,
    /// To the carrier's API, kept for the next request.
    to_carrier: usize,
    /// To the model: one for each session.
    to_model: usize,
    /// The other side has hung up, and we have not noticed.
    deserted: usize,
    /// The listener, and what the runtime needs.
    other: usize,
}

/// TCP states as `/proc/net/tcp` has them.
const LISTEN: &str = "0A";
const CLOSE_WAIT: &str = "08";

impl Sockets {
    fn of(pid: u32, ports: Ports) -> Self {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("it runs");
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
        let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let mut sockets = Self::default();
        for target in targets {
            let target = target.to_string_lossy().into_owned();
            let inode = target
                .strip_prefix("socket:[")
                .and_then(|it| it.strip_suffix(']'));
            let Some(inode) = inode else { continue };
            let of_socket = |line: &&str| line.split_ascii_whitespace().nth(9) == Some(inode);
            let line = table.lines().find(of_socket).unwrap_or_default();
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let port = |field: usize| {
                let (_, port) = fields.get(field)?.split_once(':')?;
                u16::from_str_radix(port, 16).ok()
            };
            let count = match (fields.get(3).copied(), port(1), port(2)) {
                (Some(LISTEN) | None, ..) => &mut sockets.other,
                (Some(CLOSE_WAIT), ..) => &mut sockets.deserted,
                (_, Some(ours), _) if ours == ports.server => &mut sockets.incoming,
                (_, _, Some(theirs)) if theirs == ports.carrier => &mut sockets.to_carrier,
                (_, _, Some(theirs)) if theirs == ports.model => &mut sockets.to_model,
                _ => &mut sockets.other,
            };
            *count += 1;
        }
        sockets
    }
}

/// Where everybody listens.
#[derive(Debug, Clone, Copy)]
struct Ports {
    server: u16,
    carrier: u16,
    model: u16,
}

fn port_of(url: &str) -> u16 {
    let rest = url.rsplit(':').next().unwrap_or_default();
    let digits = rest.split('/').next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("a port in {url}"))
}

impl Held {
    fn of(pid: u32, ports: Ports) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
            number.expect("a number")
        };
        Self {
            resident_kib: value("VmRSS:"),
            threads: value("Threads:") as usize,
            sockets: Sockets::of(pid, ports),
        }
    }
}

/// Somebody was there for the caller, or the caller did not want anybody any more.
fn was_served(call: &CallHandle) -> bool {
    call.has(|event| {
        matches!(
            event,
            CarrierEvent::MediaReceived { .. }
                | CarrierEvent::Said { .. }
                | CarrierEvent::HumanAnswered { .. }
                | CarrierEvent::Ended {
                    by: EndedBy::Caller,
                    ..
                }
        )
    })
}

async fn hold_calls(served: &Served, twilio: &FakeTwilio, dice: &mut Dice, count: u64) {
    let mut left = count;
    while left > 0 {
        let batch = left.min(AT_ONCE);
        left -= batch;
        let faults: Vec<RestFault> = (0..batch / 3).map(|_| rest_fault(dice)).collect();
        twilio.push_rest_faults(faults);
        let calls: Vec<CallHandle> = (0..batch).map(|_| served.place(twilio, dice)).collect();
        join_all(calls.iter().map(|call| async move {
            let over = call.wait_for_end(CALL_MAX).await;
            over.unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
            assert!(was_served(call), "nobody: {:?}", call.events());
            let is_error = |event: &CarrierEvent| {
                let by = EndedBy::Error;
                matches!(event, CarrierEvent::Ended { by: ended, .. } if *ended == by)
            };
            assert!(
                !call.has(is_error),
                "the carrier's error: {:?}",
                call.events()
            );
        }))
        .await;
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_random_faults_end_once_and_leave_nothing_behind() {
    let seed = number("SWITCHBOARD_SIMULATED_SEED", SEED);
    let calls = number("SWITCHBOARD_SIMULATED_CALLS", CALLS);
    println!("seed {seed}, {calls} calls over loopback");
    let mut dice = Dice(seed);
    let twilio = carrier().await;
    twilio.set_human(
        HUMAN,
        HumanLine::NoAnswer {
            ring_ms_max: Some(300),
        },
    );
    let model = model(model_script(&mut dice, calls)).await;
    let served = Served::start(&twilio, &model).await;
    let at_first = served.rest().await;
    hold_calls(&served, &twilio, &mut dice, calls / 2).await;
    let half = served.rest().await;
    twilio.set_human(HUMAN, HumanLine::default());
    hold_calls(&served, &twilio, &mut dice, calls - calls / 2).await;
    let whole = served.rest().await;
    println!("before {at_first:?}\nhalf   {half:?}\nwhole  {whole:?}");

    let rows = served.list("calls").await;
    assert_eq!(rows.len() as u64, calls, "one row for one call");
    for row in &rows {
        let class = row["end_class"].as_str().unwrap_or("none");
        assert!(!["none", "unknown"].contains(&class), "{row}");
    }
    let events = served.list("events").await;
    for row in &rows {
        assert_events(&events, row);
    }
    let held = format!("{at_first:?} {half:?} {whole:?}");
    assert!(whole.threads <= half.threads + SPARE_THREADS_MAX, "{held}");
    for at_rest in [half, whole] {
        let sockets = at_rest.sockets;
        assert_eq!((sockets.to_model, sockets.deserted), (0, 0), "{held}");
        assert!(sockets.incoming <= KEPT_INCOMING_MAX, "{held}");
        assert!(sockets.to_carrier <= KEPT_TO_CARRIER_MAX, "{held}");
        assert_eq!(sockets.other, at_first.sockets.other, "{held}");
    }
    if calls >= CALLS_JUDGED {
        assert_judged(&rows, half, whole);
    }
}

fn assert_judged(rows: &[serde_json::Value], half: Held, whole: Held) {
    let missing: Vec<&str> = ENDS
        .into_iter()
        .filter(|end| !rows.iter().any(|row| row["end_reason"] == *end))
        .collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
    let ratio = whole.resident_kib / half.resident_kib;
    assert!(
        ratio <= MEMORY_RATIO_MAX,
        "memory of the second half: {ratio:.3} of the first"
    );
}

/// Every event once, none missing; where there was a drive, its end is the last.
fn assert_events(events: &[serde_json::Value], row: &serde_json::Value) {
    let mine = events.iter().filter(|event| event["call_id"] == row["id"]);
    let mut numbered: Vec<(u64, &str)> = mine
        .map(|event| {
            let name = event["name"].as_str().unwrap_or_default();
            (event["seq"].as_u64().unwrap_or_default(), name)
        })
        .collect();
    numbered.sort_unstable();
    for (event, expected) in numbered.iter().zip(1..) {
        assert_eq!(event.0, expected, "{row}: {numbered:?}");
    }
    let ends = numbered.iter().filter(|(_, name)| *name == "call_ended");
    let has_drive = !numbered.is_empty();
    assert_eq!(ends.count(), usize::from(has_drive), "{row}: {numbered:?}");
}
