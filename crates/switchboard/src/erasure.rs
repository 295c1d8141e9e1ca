//! Erasing people and keeping them erased: the list outside the database, their audio, and what a restore brings back.
//!
//! The list stands in the database and in a file beside it, because a restore replaces the database (threat D4). It holds
//! ids, and hashes of addresses made with the installation's key, which lead to nobody without that key.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use switchboard_store::{
    Actor, ErasedRows, Erasure, ErasureId, KnownAddress, PersonRows, Private, Purpose, Store,
    TenantId, TenantScope, TenantStore, Timestamp,
};

use crate::archive::Archive;
use crate::http::Drain;
use crate::ops::seal::SealingKey;

/// The erasure list as a file, one JSON object per line.
#[derive(Debug, Clone)]
pub struct ErasureFile(PathBuf);

impl ErasureFile {
    /// The file at this path; it need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Every erasure in the file. A line that was being written when the machine stopped is left out.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(&self) -> io::Result<Vec<Erasure>> {
        let file = match fs::File::open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let lines: Vec<String> = BufReader::new(file).lines().collect::<io::Result<_>>()?;
        Ok(lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Adds those that are not there yet, and waits for the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&self, erasures: &[Erasure]) -> io::Result<()> {
        let known = self.read()?;
        let fresh: Vec<_> = erasures
            .iter()
            .filter(|it| known.iter().all(|old| old.id != it.id))
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        if let Some(directory) = self.0.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.0)?;
        for erasure in fresh {
            // A torn line before this one must not swallow it.
            file.write_all(format!("\n{}\n", serde_json::to_string(erasure)?).as_bytes())?;
        }
        file.sync_all()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The hash of a number or e-mail address in the list. Of the same address of another tenant it is another one.
#[must_use]
pub fn address_hash(key: &SealingKey, tenant: TenantId, address: &str) -> String {
    let address = address.trim().to_lowercase();
    key.keyed_hash(&format!("erased_address/{tenant}/{address}"))
}

/// The line of the list for these rows.
#[must_use]
pub fn line_for(key: &SealingKey, tenant: TenantId, rows: &PersonRows, at: Timestamp) -> Erasure {
    let hash = |address: &Private<String>| address_hash(key, tenant, address.expose());
    Erasure {
        id: ErasureId::new(),
        tenant_id: tenant,
        contact_id: rows.contact,
        address_hashes: rows.addresses.iter().map(hash).collect(),
        call_ids: rows.calls.clone(),
        conversation_ids: rows.conversations.clone(),
        erased_at: at,
    }
}

/// Erases a person's audio and then their rows: a row that is gone names no audio, so it must be in this order.
///
/// # Errors
/// Audio or rows could not be deleted; done again it goes on where it stopped.
pub async fn erase(
    rows: &TenantStore,
    archive: &Archive,
    person: &PersonRows,
    erasure: &Erasure,
) -> Result<Vec<ErasedRows>> {
    for object in &person.objects {
        if let Ok(key) = object.parse() {
            archive
                .delete(&key)
                .await
                .context("audio could not be deleted")?;
        }
    }
    Ok(rows.erase_person(person, erasure).await?)
}

/// Applies the list to every tenant of the database. Gives the number of rows that had come back.
///
/// # Errors
/// As [`erase`].
pub async fn apply_list(
    store: &Store,
    archive: &Archive,
    key: &SealingKey,
    list: &[Erasure],
) -> Result<u64> {
    let mut erased = 0;
    for tenant in store.installation().list_tenants().await? {
        let rows = store.tenant(TenantScope::new(
            tenant.id,
            Actor::System,
            Purpose::Maintain,
        ));
        let mut lines = rows.list_erasures().await?;
        let from_file = list.iter().filter(|it| it.tenant_id == tenant.id);
        for line in from_file {
            if lines.iter().all(|known| known.id != line.id) {
                lines.push(line.clone());
            }
        }
        for line in &lines {
            erased += apply(&rows, archive, key, line).await?;
        }
    }
    Ok(erased)
}

async fn apply(
    rows: &TenantStore,
    archive: &Archive,
    key: &SealingKey,
    line: &Erasure,
) -> Result<u64> {
    // Whoever calls again after the erasure is somebody new: only what was there at the time is compared.
    let known = rows.known_addresses(line.erased_at).await?;
    let is_meant = |known: &KnownAddress| {
        let (KnownAddress::OfCall(_, address) | KnownAddress::OfContact(_, address)) = known;
        line.address_hashes
            .contains(&address_hash(key, line.tenant_id, address.expose()))
    };
    let also: Vec<KnownAddress> = known.into_iter().filter(is_meant).collect();
    let person = rows.rows_of_erased(line, &also).await?;
    let erased = erase(rows, archive, &person, line).await?;
    Ok(erased.iter().map(|it| it.rows).sum())
}

/// Removes what live calls wrote about people who were erased meanwhile, and what a spool brought back.
///
/// # Errors
/// As [`erase`].
pub async fn sweep(store: &Store, archive: &Archive, since: Timestamp) -> Result<u64> {
    let mut erased = 0;
    for tenant in store.installation().list_tenants().await? {
        let rows = store.tenant(TenantScope::new(
            tenant.id,
            Actor::System,
            Purpose::Maintain,
        ));
        for line in rows.erasures_since(since).await? {
            let person = rows.rows_of_erased(&line, &[]).await?;
            if rows.try_erase_person(&person, &line).await?.is_empty() {
                continue;
            }
            let found = erase(&rows, archive, &person, &line).await?;
            erased += found.iter().map(|it| it.rows).sum::<u64>();
        }
    }
    Ok(erased)
}

/// How often late rows of erased people are looked for, and how far back an erasure may lie: longer than any call.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);
const SWEEP_BACK: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Sweeps now and then until the server stops.
pub async fn keep_up(store: Store, archive: Archive, mut drain: Drain) {
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = drain.begun() => return,
        }
        match sweep(&store, &archive, chrono::Utc::now() - SWEEP_BACK).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "late rows of erased people were erased"),
            Err(error) => tracing::warn!(%error, "erased people could not be looked for"),
        }
    }
}
