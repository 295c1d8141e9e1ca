//! Records calls: both sides in stereo, the caller on the left, the agent on the right as the caller heard it.
//!
//! A call gives copies of encoded pieces to a tap and never waits. Decoding, laying out and Opus happen on threads of the
//! recorder's own (R3), the archive and the row come after that. Whatever breaks on the way breaks the recording and not
//! the call: it is marked broken and counted.

mod carried;
mod files;
mod lane;
mod shelving;
mod tap;
mod timeline;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use switchboard_store::{CallId, RecordingId, Store, TenantId, Timestamp};

use crate::archive::{Archive, ObjectKey, ObjectKind};
use crate::config::RecordingsSettings;
use crate::journal::Journal;
pub use carried::{CallRecording, CarrierRecording, CarrierStep};
use lane::Note;
pub use shelving::kept_until;
pub use tap::RecordingTap;

/// Threads that decode and encode. Two code about two hundred calls in real time, and take at most two processors.
const LANES: usize = 2;
/// How often the end of all work is looked for while a server stops.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The recorder of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    lanes: Arc<[mpsc::Sender<Note>]>,
    next: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    journal: Journal,
    folder: Arc<std::path::PathBuf>,
}

/// Whose recording it is.
#[derive(Clone, Copy, Debug)]
pub struct RecordedCall {
    /// Whose call.
    pub tenant: TenantId,
    /// Which call.
    pub call: CallId,
    /// When it was offered: the recording's place in it is counted from there.
    pub offered_at: Timestamp,
}

/// One recording from its first sample to its row.
#[derive(Clone, Debug)]
struct Recording {
    of: RecordedCall,
    id: RecordingId,
    started_at: Timestamp,
    offset_ms: i64,
}

impl Recording {
    fn key(&self) -> ObjectKey {
        ObjectKey::new(self.of.tenant, ObjectKind::Recording, self.id.uuid())
    }
}

impl Recorder {
    /// Starts the threads, and the task that brings what they finish to the archive, tries again what the bucket refused
    /// and erases what was kept long enough.
    pub fn start(
        settings: &RecordingsSettings,
        archive: Archive,
        journal: Journal,
        store: Store,
    ) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        let folder = Arc::new(files::folder(&archive));
        let finished = shelving::start(shelving::Shelving {
            archive,
            journal: journal.clone(),
            store,
            retention_days: settings.retention_days,
            open: Arc::clone(&open),
        });
        let lanes = (0..LANES).map(|number| {
            let (sender, notes) = mpsc::channel();
            let finished = finished.clone();
            let lane = move || lane::run(&notes, &finished);
            // Without a thread the notes go nowhere, and recordings are found broken.
            let name = format!("recorder-{number}");
            if let Err(error) = thread::Builder::new().name(name).spawn(lane) {
                tracing::error!(%error, "a thread of the recorder could not be started");
            }
            sender
        });
        Self {
            lanes: lanes.collect(),
            next: Arc::default(),
            open,
            journal,
            folder,
        }
    }

    /// True when everything begun is stored or given up. Waits for it no longer than `limit`.
    pub async fn finished(&self, limit: Duration) -> bool {
        let done = async {
            while self.open.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(limit, done).await.is_ok()
    }
}
