//! The spool: a file that holds what the database has not taken yet, in order, also when this process dies.
//!
//! Each record stands alone: length, checksum, number, and content sealed with the installation's key, because the
//! content is what callers said. A tail that was being written when the process died is cut off; a record that the
//! disk damaged is left out and counted. The file is emptied when everything in it is stored.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use switchboard_store::{JournalWrite, TenantId};

use super::reserve::Reserve;
use crate::config::Secret;
use crate::ops::seal::{SealError, SealingKey};

/// For the owner alone, as the database.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Length (4), checksum (8), number (8).
const HEAD_BYTES: usize = 20;
/// A gathered group is some 200 KiB at most; what claims to be longer is no record.
const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Writes of one gathering, by tenant, in order.
pub(super) type Group = Vec<(TenantId, Vec<JournalWrite>)>;

/// The file under a spool, and the seam where tests put a disk that is full.
pub(super) trait SpoolFile: Send + Sync + std::fmt::Debug {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
    fn cut(&self, length: u64) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
}

impl SpoolFile for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    at: u64,
    length: usize,
    number: u64,
}

/// A record that was found when the spool was opened.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) writes: usize,
}

/// What a record holds, as JSON before it is sealed.
#[derive(Serialize, Deserialize)]
struct Content {
    groups: Group,
}

/// Where the spool lies and how large it may grow.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// A directory of this process alone.
    pub directory: PathBuf,
    /// Past it events wait in memory.
    pub bytes_max: u64,
    /// Size of the file that is given up when the disk is full.
    pub reserve_bytes: u64,
}

/// Why there is no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be made or the file not opened.
    #[error("cannot use the spool in {}", directory.display())]
    Unusable {
        /// `database.spool_directory`.
        directory: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Two processes would mix their events.
    #[error("another process uses the spool in {}", directory.display())]
    InUse {
        /// `database.spool_directory`.
        directory: PathBuf,
    },
}

/// The open spool of this process.
#[derive(Debug)]
pub struct Spool {
    file: Arc<dyn SpoolFile>,
    key: Arc<SealingKey>,
    reserve: Reserve,
    end: u64,
    next_number: u64,
    bytes_max: u64,
    found: Vec<Found>,
    _lock: Option<File>,
}

/// Reads records beside the one who appends.
#[derive(Debug, Clone)]
pub(super) struct SpoolReader {
    file: Arc<dyn SpoolFile>,
    key: Arc<SealingKey>,
}

impl Spool {
    /// Opens the spool and finds what an earlier process left in it.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it.
    pub fn open(settings: &SpoolSettings, key: Arc<SealingKey>) -> Result<Self, SpoolError> {
        let directory = &settings.directory;
        let failed = |source| SpoolError::Unusable {
            directory: directory.clone(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(failed)?;
        let lock = private_file(&directory.join("spool.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SpoolError::InUse {
                    directory: directory.clone(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let file = private_file(&directory.join("journal.spool")).map_err(failed)?;
        let reserve = Reserve::keep(directory.join("reserve"), settings.reserve_bytes);
        let spool = Self::over(Arc::new(file), key, settings.bytes_max).map_err(failed)?;
        let mut spool = spool.with_reserve(reserve);
        spool._lock = Some(lock);
        Ok(spool)
    }

    pub(super) fn over(
        file: Arc<dyn SpoolFile>,
        key: Arc<SealingKey>,
        bytes_max: u64,
    ) -> io::Result<Self> {
        let mut spool = Self {
            file,
            key,
            reserve: Reserve::default(),
            end: 0,
            next_number: 0,
            bytes_max,
            found: Vec::new(),
            _lock: None,
        };
        spool.recover()?;
        Ok(spool)
    }

    /// What is given up when the disk is full.
    pub(super) fn with_reserve(self, reserve: Reserve) -> Self {
        Self { reserve, ..self }
    }

    /// Takes the list of records that were there when the spool was opened, oldest first.
    pub(super) fn take_found(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.found)
    }

    pub(super) fn reader(&self) -> SpoolReader {
        SpoolReader {
            file: Arc::clone(&self.file),
            key: Arc::clone(&self.key),
        }
    }

    /// Bytes in the file.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Writes groups behind everything else and waits for the disk. From here on they are stored (R1).
    ///
    /// # Errors
    /// The spool or the disk is full, or the disk fails; then nothing of it was kept.
    pub(super) fn append(&mut self, groups: &[&Group]) -> io::Result<Vec<Place>> {
        let appended = self.append_once(groups);
        match appended {
            Err(error) if is_full(&error) && self.reserve.give_up() => {
                tracing::warn!("the disk is full: the reserve was given up for the spool");
                self.append_once(groups)
            }
            appended => appended,
        }
    }

    fn append_once(&mut self, groups: &[&Group]) -> io::Result<Vec<Place>> {
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(groups.len());
        for (number, group) in (self.next_number..).zip(groups) {
            let at = self.end + bytes.len() as u64;
            let length = self.seal_into(&mut bytes, group, number)?;
            places.push(Place { at, length, number });
        }
        if self.end + bytes.len() as u64 > self.bytes_max {
            return Err(io::Error::other("the spool holds as much as it may"));
        }
        let written = self
            .file
            .write_at(&bytes, self.end)
            .and_then(|()| self.file.sync());
        if let Err(error) = written {
            // Half a record in the middle would hide those behind it.
            let _ = self.file.cut(self.end);
            return Err(error);
        }
        self.end += bytes.len() as u64;
        self.next_number += groups.len() as u64;
        Ok(places)
    }

    fn seal_into(&self, bytes: &mut Vec<u8>, group: &Group, number: u64) -> io::Result<usize> {
        let content = Content {
            groups: group.clone(),
        };
        let text = serde_json::to_string(&content)?;
        let sealed = self
            .key
            .seal(&Secret::new(text), &context(number))
            .map_err(io::Error::other)?;
        if sealed.len() > RECORD_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(number, &sealed));
        bytes.extend(number.to_le_bytes());
        bytes.extend(sealed);
        Ok(length as usize)
    }

    /// Empties the file: everything in it is stored.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.cut(0)?;
        self.end = 0;
        self.reserve.take_again();
        Ok(())
    }

    fn recover(&mut self) -> io::Result<()> {
        let length = self.file.length()?;
        let reader = self.reader();
        let mut at = 0;
        while let Some((place, is_whole)) = reader.next_record(at, length)? {
            at = place.at + (HEAD_BYTES + place.length) as u64;
            self.next_number = self.next_number.max(place.number + 1);
            match reader.read(place) {
                Ok(groups) if is_whole => self.found.push(Found {
                    place,
                    writes: groups.iter().map(|(_, writes)| writes.len()).sum(),
                }),
                _ => tracing::error!(at = place.at, "a damaged record of the spool is left out"),
            }
        }
        if at < length {
            tracing::warn!(
                bytes = length - at,
                "the spool ends in a record that was not whole"
            );
            self.file.cut(at)?;
        }
        self.end = at;
        Ok(())
    }
}

impl SpoolReader {
    /// The record at this place.
    pub(super) fn read(&self, place: Place) -> Result<Group, ReadError> {
        let mut sealed = vec![0; place.length];
        self.file
            .read_at(&mut sealed, place.at + HEAD_BYTES as u64)?;
        let text = self.key.open(&sealed, &context(place.number))?;
        let content: Content = serde_json::from_str(text.expose()).map_err(|_| ReadError::Shape)?;
        Ok(content.groups)
    }

    /// The record that begins at `at`, and whether its checksum fits. `None` where no whole record can be.
    fn next_record(&self, at: u64, end: u64) -> io::Result<Option<(Place, bool)>> {
        let mut head = [0; HEAD_BYTES];
        if at + HEAD_BYTES as u64 > end {
            return Ok(None);
        }
        self.file.read_at(&mut head, at)?;
        let (length, rest) = head.split_at(4);
        let (sum, number) = rest.split_at(8);
        let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
        let number = u64::from_le_bytes(number.try_into().unwrap_or_default());
        if length == 0
            || length > RECORD_BYTES_MAX
            || at + (HEAD_BYTES + length) as u64 > end
            || number == u64::MAX
        {
            return Ok(None);
        }
        let mut sealed = vec![0; length];
        self.file.read_at(&mut sealed, at + HEAD_BYTES as u64)?;
        let is_whole = checksum(number, &sealed) == sum;
        Ok(Some((Place { at, length, number }, is_whole)))
    }
}

/// A record cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the record holds something else")]
    Shape,
}

/// Whether the disk has no room.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The first 8 bytes of SHA-256 over number and content.
fn checksum(number: u64, sealed: &[u8]) -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update(number.to_le_bytes())
        .chain_update(sealed)
        .finalize();
    std::array::from_fn(|i| digest[i])
}

/// Bound to its number, so that a record cannot be moved.
fn context(number: u64) -> String {
    format!("journal_spool/{number}")
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
}
