//! Listening posts around a server: who is told by webhooks, and with which arguments children run.
#![allow(unreachable_pub, reason = "a part of a test binary")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;

/// Takes webhooks, and answers the first ones as told.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    taken: Arc<AtomicUsize>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    /// With the statuses of its first answers; then 204.
    pub async fn start(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let receiver = Self {
            address: listener.local_addr().expect("bound"),
            taken: Arc::default(),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
        };
        let routes = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    /// Webhooks that came.
    pub fn count(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

async fn take(State(receiver): State<Receiver>) -> StatusCode {
    receiver.taken.fetch_add(1, Ordering::Relaxed);
    let mut answers = receiver
        .answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let status = answers.pop_front().unwrap_or(204);
    StatusCode::from_u16(status).expect("a status")
}

/// How often processes are looked at; children of a call live for tens of milliseconds and more.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Arguments of every process that descends from this one.
pub struct Arguments {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Arguments {
    /// Begins to look.
    pub fn watch() -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                seen.extend(of_descendants());
                std::thread::sleep(LOOK_EVERY);
            }
            seen
        });
        Self { is_over, thread }
    }

    /// Ends it; each on a line.
    pub fn seen(self) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        let seen = self.thread.join().expect("it does not panic");
        seen.into_iter().collect::<Vec<_>>().join("\n")
    }
}

fn of_descendants() -> Vec<String> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name of the program stands in brackets and may hold anything.
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parents.insert(id, parent.unwrap_or(0_u32));
    }
    let own = std::process::id();
    let descends = |id: u32| {
        let mut at = id;
        while let Some(parent) = parents.get(&at).copied().filter(|parent| *parent != 0) {
            if parent == own {
                return true;
            }
            at = parent;
        }
        false
    };
    let ids = parents.keys().copied().filter(|id| descends(*id));
    ids.filter_map(|id| fs::read(format!("/proc/{id}/cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}
