//! The row of the disk: it is full, or refuses every write, in the middle of a recorded call. The caller does not notice, the
//! recording is marked broken, and every event lands once the disk takes writes again (R5).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use switchboard_sim::twilio::{CallHandle, CarrierEvent};

use crate::scripted::{dialled, speaks, talkative};
use crate::served::{Served, assert_whole};
use crate::support::{BOUND, carrier, model, wait_for};

/// Room for database, log of the database, recordings and the reserve, and little more.
const DISK: &str = "size=24m";

/// A disk in memory under a folder, for those who may mount one.
struct Mounted(PathBuf);

impl Mounted {
    fn at(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "switchboard-test"]);
        let done = mount.arg(folder).output();
        done.is_ok_and(|done| done.status.success())
            .then(|| Self(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Takes every byte of a disk, also those that somebody gives back, until it is dropped.
struct Filler {
    path: PathBuf,
    is_over: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    fn start(folder: &Path) -> Self {
        let path = folder.join("filler");
        let (is_over, is_full) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (stop, full) = (Arc::clone(&is_over), Arc::clone(&is_full));
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a file");
        let thread = std::thread::spawn(move || {
            let mut file = file;
            while !stop.load(Ordering::Relaxed) {
                if file.write_all(&[7; 4_096]).is_err() {
                    full.store(true, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            }
        });
        Self {
            path,
            is_over,
            is_full,
            thread: Some(thread),
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Every write of the server's to a file fails, as on a disk that is sick. Needs no rights.
struct Refused(String);

impl Refused {
    fn start(served: &Served) -> Self {
        let refused = Self(served.process_id());
        refused.limit("--fsize=0:");
        refused
    }

    fn limit(&self, limit: &str) {
        let done = Command::new("prlimit")
            .args(["--pid", &self.0, limit])
            .status();
        assert!(done.is_ok_and(|done| done.success()), "prlimit {limit}");
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        self.limit("--fsize=unlimited:");
    }
}

/// What is wrong with the disk, until it is dropped.
enum Trouble {
    NoRoom(#[expect(dead_code, reason = "dropped, not read")] Filler),
    Refused(#[expect(dead_code, reason = "dropped, not read")] Refused),
}

fn pieces_heard(call: &CallHandle) -> usize {
    let is_sound = |event: &CarrierEvent| matches!(event, CarrierEvent::MediaReceived { .. });
    call.events()
        .iter()
        .filter(|timed| is_sound(&timed.event))
        .count()
}

async fn page_says(served: &Served, path: &str, is_so: impl Fn(u16, &str) -> bool) {
    let said = async {
        loop {
            if let Some((status, body)) = served.page(path).await
                && is_so(status, &body)
            {
                return;
            }
        }
    };
    let said = tokio::time::timeout(BOUND, said).await;
    assert!(said.is_ok(), "{path} never says so");
}

async fn recording_begins(served: &Served) {
    let begun = async {
        while served.list("recordings").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let begun = tokio::time::timeout(BOUND, begun).await;
    assert!(begun.is_ok(), "the call is recorded");
}

/// A recorded call whose disk is struck in the middle, and a second caller who comes meanwhile.
async fn calls_meet(folder: &Path, strike: impl FnOnce(&Served) -> Trouble) {
    let twilio = carrier().await;
    let model = model(talkative()).await;
    let reserve = [("SWITCHBOARD_DATABASE__RESERVE_MIB", "1".to_owned())];
    let mut served = Served::start_in(folder, &twilio, &model, &reserve).await;
    served.run("switch set recording on --tenant medspa").await;
    let call = served.call(&twilio);
    speaks(&call).await;
    recording_begins(&served).await;

    let trouble = strike(&served);
    let heard = pieces_heard(&call);
    call.press('1');
    wait_for("the agent goes on", || pieces_heard(&call) > heard + 3).await;
    let late = served.call(&twilio);
    let has_somebody = |event: &CarrierEvent| {
        matches!(
            event,
            CarrierEvent::MediaReceived { .. } | CarrierEvent::Dialled { .. }
        )
    };
    let answered = late.wait_for(BOUND, has_somebody).await;
    answered.unwrap_or_else(|error| panic!("{error}: {:?}", late.events()));
    late.hang_up();
    late.wait_for_end(BOUND).await.expect("the call ends");
    if matches!(trouble, Trouble::NoRoom(_)) {
        page_says(&served, "/readyz", |status, _| status == 503).await;
    }
    call.press('0');
    dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    page_says(&served, "/metrics", |_, body| {
        body.contains("switchboard_recordings_total{outcome=\"broken\"}")
    })
    .await;

    drop(trouble);
    let calls = served.ended_calls(2).await;
    let first = calls
        .iter()
        .find(|row| row["carrier_call_id"] == call.sid().as_str());
    assert_eq!(first.expect("it is stored")["end_reason"], "dtmf_0");
    let events = served.list("events").await;
    assert_whole(&events);
    let keys = events.iter().filter(|it| it["name"] == "digit_pressed");
    assert_eq!(
        keys.count(),
        2,
        "what happened meanwhile landed: {events:?}"
    );
    let recordings = served.list("recordings").await;
    let of_first = recordings
        .iter()
        .find(|row| row["call_id"] == first.expect("checked")["id"]);
    assert_eq!(of_first.expect("its row")["status"], "broken");
    served.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_call_on_a_full_disk_goes_on_and_lands_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_mounted) = Mounted::at(folder.path()) else {
        // Who may not mount a disk meets the same refusals without one.
        eprintln!("no small disk can be mounted here: writes are refused instead");
        return calls_meet(folder.path(), |it| Trouble::Refused(Refused::start(it))).await;
    };
    calls_meet(folder.path(), |_| {
        let filler = Filler::start(folder.path());
        while !filler.is_full.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        Trouble::NoRoom(filler)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_call_on_a_disk_that_refuses_every_write_goes_on_and_lands_when_it_is_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    calls_meet(folder.path(), |it| Trouble::Refused(Refused::start(it))).await;
}
