//! Keeps audio: recordings of calls and voicemail, in a folder of this machine or in an S3 bucket.
//!
//! Every object belongs to one tenant and its key begins with that tenant, so that a key of one never names audio of
//! another (I6). Nothing counts as stored before it was synced to disk, or before the bucket has checked its sum (R1).
//! A bucket that refuses loses nothing: the audio stays in the folder, and [`Archive::send_waiting`] tries again. A call
//! never waits for any of this.

mod key;

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig,
};
use switchboard_store::TenantId;
use thiserror::Error;

pub use self::key::{ObjectKey, ObjectKind};
use crate::config::RecordingsSettings;

/// Requests that fail are repeated this often before the audio is left to wait: a short hiccup, no more.
const RETRIES_MAX: usize = 2;
/// Longest wait between two of those.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(2);
/// Bytes of one object: a recording of a whole day. A larger one is refused, because it is held in memory while it is sent.
pub const OBJECT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Files and folders are for the account of the server alone.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Why audio was not stored, read or deleted. The texts hold keys of objects, which are ids, and nothing private.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// No such object.
    #[error("there is no such audio")]
    Missing,
    /// The range begins behind the end, or ends before it begins.
    #[error("the range does not lie inside the audio")]
    Range,
    /// More than [`OBJECT_BYTES_MAX`].
    #[error("the audio is larger than {OBJECT_BYTES_MAX} bytes")]
    TooLarge,
    /// The folder cannot be made or used.
    #[error("cannot use the folder {}", path.display())]
    Folder {
        /// `recordings.folder`.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Disk or bucket refused.
    #[error("the archive refused")]
    Refused(#[source] object_store::Error),
}

impl From<object_store::Error> for ArchiveError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            error => Self::Refused(error),
        }
    }
}

/// What is known of audio once it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 as 64 hexadecimal digits.
    pub checksum: String,
    /// Kept in the folder of this machine only, until [`Archive::send_waiting`] brings it to the bucket.
    pub is_waiting: bool,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Its length.
    pub bytes: u64,
}

/// A part of an object, and how long the whole is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The bytes asked for, fewer where the object ends.
    pub bytes: Bytes,
    /// Where they lie in the whole.
    pub range: Range<u64>,
    /// Length of the whole object.
    pub whole: u64,
}

/// The folder, and the bucket if there is one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
    disk: Arc<dyn ObjectStore>,
    bucket: Option<Arc<dyn ObjectStore>>,
}

impl Archive {
    /// Opens the folder, which is made when it is missing, and prepares requests to the bucket. Nothing is asked of the
    /// bucket here: whether it answers is seen when it is used.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the settings of the bucket cannot work.
    pub fn open(settings: &RecordingsSettings) -> Result<Self, ArchiveError> {
        let folder = PathBuf::from(&settings.folder);
        make_folder(&folder).map_err(|source| ArchiveError::Folder {
            path: folder.clone(),
            source,
        })?;
        let disk = LocalFileSystem::new_with_prefix(&folder)?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            folder,
            disk: Arc::new(disk),
            bucket: bucket(settings)?,
        })
    }

    /// The folder, for whoever writes a file before it is handed over by [`Archive::put_file`].
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores `audio`. When this returns, it survives the loss of the process and of power.
    ///
    /// # Errors
    /// It is too large, or the disk refuses. A bucket that refuses is no error: [`Stored::is_waiting`] tells.
    pub async fn put(&self, key: &ObjectKey, audio: Bytes) -> Result<Stored, ArchiveError> {
        if audio.len() as u64 > OBJECT_BYTES_MAX {
            return Err(ArchiveError::TooLarge);
        }
        let checksum = hex(digest::digest(&digest::SHA256, &audio).as_ref());
        let bytes = audio.len() as u64;
        self.put_on_disk(key, audio.clone()).await?;
        let is_waiting = self.is_sent(key, audio).await.is_err();
        Ok(Stored {
            bytes,
            checksum,
            is_waiting,
        })
    }

    /// Stores the file at `path`, which is removed then.
    ///
    /// # Errors
    /// As [`Archive::put`]; the file stays where it is then.
    pub async fn put_file(&self, key: &ObjectKey, path: &Path) -> Result<Stored, ArchiveError> {
        let unreadable = |source| ArchiveError::Folder {
            path: self.folder.clone(),
            source,
        };
        let length = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
        if length > OBJECT_BYTES_MAX {
            return Err(ArchiveError::TooLarge);
        }
        let audio = tokio::fs::read(path).await.map_err(unreadable)?;
        let stored = self.put(key, audio.into()).await?;
        tokio::fs::remove_file(path).await.map_err(unreadable)?;
        Ok(stored)
    }

    /// Brings audio that waits in the folder to the bucket. Does nothing when it does not wait.
    ///
    /// # Errors
    /// The bucket still refuses, or the disk does.
    pub async fn send_waiting(&self, key: &ObjectKey) -> Result<(), ArchiveError> {
        let audio = match self.disk.get(key.path()).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.is_sent(key, audio).await
    }

    /// All audio that waits in the folder for the bucket, at most `count` of it; empty without a bucket.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn waiting(&self, count: usize) -> Result<Vec<ObjectKey>, ArchiveError> {
        if self.bucket.is_none() {
            return Ok(Vec::new());
        }
        let found = listed(&self.disk, None, count).await?;
        Ok(found.into_iter().map(|it| it.key).collect())
    }

    /// Reads `range` of an object, or all of it. A range may end behind the object's end.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Range`], or disk or bucket refuse.
    pub async fn get(
        &self,
        key: &ObjectKey,
        range: Option<Range<u64>>,
    ) -> Result<Part, ArchiveError> {
        match part_of(&self.disk, key, range.clone()).await {
            Err(ArchiveError::Missing) => match &self.bucket {
                Some(bucket) => part_of(bucket, key, range).await,
                None => Err(ArchiveError::Missing),
            },
            answered => answered,
        }
    }

    /// Removes an object wherever it lies. One that is not there is removed already.
    ///
    /// # Errors
    /// Disk or bucket refuse; then it may still be there, and this must be tried again.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ArchiveError> {
        for store in std::iter::once(&self.disk).chain(&self.bucket) {
            match store.delete(key.path()).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What is kept of one tenant, at most `count` objects, those that wait first.
    ///
    /// # Errors
    /// Disk or bucket refuse.
    pub async fn list(&self, tenant: TenantId, count: usize) -> Result<Vec<Listed>, ArchiveError> {
        let mut found = listed(&self.disk, Some(tenant), count).await?;
        if let Some(bucket) = &self.bucket {
            let sent = listed(bucket, Some(tenant), count).await?;
            let is_new = |it: &Listed| !found.iter().any(|known| known.key == it.key);
            let sent: Vec<_> = sent.into_iter().filter(is_new).collect();
            found.extend(sent);
            found.truncate(count);
        }
        Ok(found)
    }

    async fn put_on_disk(&self, key: &ObjectKey, audio: Bytes) -> Result<(), ArchiveError> {
        self.disk.put(key.path(), audio.into()).await?;
        let path = self.folder.join(key.as_str());
        let closed = fs::set_permissions(&path, fs::Permissions::from_mode(FILE_MODE));
        closed.map_err(|source| ArchiveError::Folder {
            path: self.folder.clone(),
            source,
        })
    }

    /// Sends to the bucket, which checks the sum, and forgets the copy on disk. Without a bucket the disk is the end.
    async fn is_sent(&self, key: &ObjectKey, audio: Bytes) -> Result<(), ArchiveError> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        bucket.put(key.path(), audio.into()).await?;
        self.disk.delete(key.path()).await?;
        Ok(())
    }
}

fn bucket(settings: &RecordingsSettings) -> Result<Option<Arc<dyn ObjectStore>>, ArchiveError> {
    let Some(name) = &settings.s3_bucket else {
        return Ok(None);
    };
    let request_max = Duration::from_millis(settings.s3_request_ms_max);
    let is_plain = settings
        .s3_endpoint
        .as_ref()
        .is_some_and(|it| !it.is_encrypted());
    let client = ClientOptions::new()
        .with_timeout(request_max)
        .with_connect_timeout(request_max)
        .with_allow_http(is_plain);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            max_backoff: RETRY_WAIT_MAX,
            ..BackoffConfig::default()
        },
        max_retries: RETRIES_MAX,
        retry_timeout: request_max,
    };
    let exposed = |key: &Option<crate::config::Secret>| {
        key.as_ref()
            .map(|it| it.expose().to_owned())
            .unwrap_or_default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(&settings.s3_region)
        .with_access_key_id(exposed(&settings.s3_access_key_id))
        .with_secret_access_key(exposed(&settings.s3_secret_access_key))
        .with_checksum_algorithm(Checksum::SHA256)
        .with_disable_bulk_delete(true)
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &settings.s3_endpoint {
        builder = builder.with_endpoint(endpoint.as_str());
    }
    Ok(Some(Arc::new(builder.build()?)))
}

async fn part_of(
    store: &Arc<dyn ObjectStore>,
    key: &ObjectKey,
    range: Option<Range<u64>>,
) -> Result<Part, ArchiveError> {
    let whole = store.head(key.path()).await?.size;
    if let Some(range) = &range
        && (range.start >= whole || range.end <= range.start)
    {
        return Err(ArchiveError::Range);
    }
    let options = GetOptions {
        range: range.map(GetRange::Bounded),
        ..GetOptions::default()
    };
    let found = store.get_opts(key.path(), options).await?;
    let range = found.range.clone();
    Ok(Part {
        bytes: found.bytes().await?,
        range,
        whole,
    })
}

async fn listed(
    store: &Arc<dyn ObjectStore>,
    tenant: Option<TenantId>,
    count: usize,
) -> Result<Vec<Listed>, ArchiveError> {
    let folder = tenant.map_or_else(ObjectKey::root, ObjectKey::folder_of);
    let mut found = store.list(Some(&folder));
    let mut listing = Vec::new();
    while listing.len() < count {
        let Some(object) = found.next().await else {
            break;
        };
        let object = object?;
        // What we did not name is not ours.
        if let Ok(key) = object.location.as_ref().parse() {
            let bytes = object.size;
            listing.push(Listed { key, bytes });
        }
    }
    Ok(listing)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(all(test, feature = "rehearse"))]
mod tests;
