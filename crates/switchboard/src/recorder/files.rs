//! Files of recordings that are being made. Their names hold ids only, and enough to find the row again after a crash.

use std::path::{Path, PathBuf};

use switchboard_store::{CallId, RecordingId, TenantId};
use uuid::Uuid;

use super::{RecordedCall, Recording};
use crate::archive::Archive;

/// The folder within the archive's.
const FOLDER: &str = "live";

pub(super) fn folder(archive: &Archive) -> PathBuf {
    archive.folder().join(FOLDER)
}

/// `<tenant>_<call>_<recording>_<offset in ms>.ogg`
pub(super) fn path_of(folder: &Path, recording: &Recording) -> PathBuf {
    let RecordedCall { tenant, call, .. } = recording.of;
    let (id, offset_ms) = (recording.id, recording.offset_ms);
    folder.join(format!("{tenant}_{call}_{id}_{offset_ms}.ogg"))
}

/// The recording a file that was left behind belongs to.
pub(super) fn recording_of(path: &Path) -> Option<Recording> {
    let name = path.file_name()?.to_str()?.strip_suffix(".ogg")?;
    let parts: Vec<&str> = name.split('_').collect();
    let [tenant, call, id, offset_ms] = parts[..] else {
        return None;
    };
    let id = Uuid::parse_str(id).ok()?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let started_at = chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)?;
    let offset_ms: i64 = offset_ms.parse().ok()?;
    let of = RecordedCall {
        tenant: tenant.parse::<TenantId>().ok()?,
        call: call.parse::<CallId>().ok()?,
        offered_at: started_at - chrono::Duration::milliseconds(offset_ms),
    };
    Some(Recording {
        of,
        id: RecordingId::from_uuid(id),
        started_at,
        offset_ms,
    })
}
