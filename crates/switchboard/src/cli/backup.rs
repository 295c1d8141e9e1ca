//! `backup` and `restore`: everything the installation keeps, in one folder, checked on both ways.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use switchboard_store::{BackupContent, BackupError, Erasure, RestoreOptions, Store};

use super::arguments::{BackupArguments, RestoreArguments};
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::archive::{Archive, ObjectKey};
use crate::config::Settings;
use crate::erasure::{self, ErasureFile};
use crate::ops::seal::SealingKey;

/// What this version writes.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Objects of one tenant in a backup; more than a tenant records in years.
const OBJECTS_MAX: usize = 1_000_000;

/// What a backup holds. Ids, counts and sums; nothing personal.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    made_at: chrono::DateTime<chrono::Utc>,
    made_by: String,
    database: BackupContent,
    files: Vec<BackedUpFile>,
    /// Audio that stays in the bucket: the keys, for whoever copies the bucket.
    in_bucket: Vec<String>,
    /// Tells whether a key is the one this installation sealed with. The key itself is never in a backup.
    sealing_key: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct BackedUpFile {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Makes a backup while the server runs.
pub(super) async fn backup(
    settings: &Settings,
    arguments: &BackupArguments,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let key = SealingKey::load_or_create(&settings.database.sealing_key_file())?;
    if arguments.to.exists() {
        let failure = Failure::new(
            Exit::Refused,
            format!("{} is there already", arguments.to.display()),
        );
        return Err(failure
            .with_help("name a folder that does not exist yet")
            .into());
    }
    let part = part_of(&arguments.to);
    let mut folder = fs::DirBuilder::new();
    folder
        .mode(0o700)
        .create(&part)
        .with_context(|| format!("cannot make {}", part.display()))?;
    let made = fill(settings, &store, &key, &part, output).await;
    if made.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    let manifest = made?;
    fs::rename(&part, &arguments.to)?;
    let key_file = settings.database.sealing_key_file();
    output.note(&format!(
        "the sealing key is NOT in this backup: keep a copy of {} in another place, without it sealed secrets are lost",
        key_file.display()
    ));
    if !manifest.in_bucket.is_empty() {
        output.note(&format!(
            "{} audio files stay in the bucket and are only listed",
            manifest.in_bucket.len()
        ));
    }
    report(&arguments.to, &manifest, output)
}

async fn fill(
    settings: &Settings,
    store: &Store,
    key: &SealingKey,
    part: &Path,
    output: &Output,
) -> Result<Manifest> {
    let database = store
        .back_up(part, |table| {
            output.note(&format!("{}: {} rows", table.table, table.rows))
        })
        .await?;
    let in_bucket = copy_audio(settings, store, part, output).await?;
    let list = ErasureFile::at(part.join("erasures.jsonl"));
    list.add(&ErasureFile::at(&settings.database.erasure_list_file).read()?)?;
    let mut files = Vec::new();
    sums(part, part, &mut files)?;
    let manifest = Manifest {
        format: FORMAT,
        made_at: chrono::Utc::now(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        database,
        files,
        in_bucket,
        sealing_key: key.fingerprint(),
    };
    write_private(
        &part.join(MANIFEST),
        serde_json::to_string_pretty(&manifest)?.as_bytes(),
    )?;
    check(part, &manifest)?;
    output.note(&format!(
        "{} files written and read back",
        manifest.files.len()
    ));
    Ok(manifest)
}

/// Copies audio of the local folder; gives the keys of what is in the bucket.
async fn copy_audio(
    settings: &Settings,
    store: &Store,
    part: &Path,
    output: &Output,
) -> Result<Vec<String>> {
    let archive = Archive::open(&settings.recordings)?;
    let mut in_bucket = Vec::new();
    let mut copied = 0;
    for tenant in store.installation().list_tenants().await? {
        for object in archive.list(tenant.id, OBJECTS_MAX).await? {
            if settings.recordings.s3_bucket.is_some() {
                in_bucket.push(object.key.to_string());
                continue;
            }
            let audio = archive.get(&object.key, None).await?;
            let path = part.join("audio").join(object.key.as_str());
            make_parent(&path)?;
            write_private(&path, &audio.bytes)?;
            copied += 1;
        }
    }
    output.note(&format!("{copied} audio files"));
    Ok(in_bucket)
}

/// Brings a backup back, and erases again whoever was erased since.
pub(super) async fn restore(
    settings: &Settings,
    arguments: &RestoreArguments,
    output: &Output,
) -> Result<()> {
    let manifest = read_manifest(&arguments.from)?;
    check(&arguments.from, &manifest)?;
    output.note(&format!("{} files are whole", manifest.files.len()));
    let key = SealingKey::load_or_create(&settings.database.sealing_key_file())?;
    if key.fingerprint() != manifest.sealing_key {
        output.note("this installation has ANOTHER sealing key: Twilio tokens in the backup cannot be opened here");
    }
    let database = settings.database.store_settings();
    let list = ErasureFile::at(&settings.database.erasure_list_file);
    let mut erasures = list.read()?;
    // The database that goes may know erasures that no file does.
    erasures.extend(erasures_of(settings).await);
    erasures.extend(ErasureFile::at(arguments.from.join("erasures.jsonl")).read()?);
    let options = RestoreOptions {
        replace: arguments.force,
        dry_run: arguments.dry_run,
    };
    let tables = Store::restore(&database, &arguments.from, &manifest.database, options)
        .await
        .map_err(explain)?;
    if arguments.dry_run {
        output.note("it fits; nothing was changed");
        return output.rows("tables", &["table", "rows"], &tables);
    }
    let archive = Archive::open(&settings.recordings)?;
    put_audio(&archive, &arguments.from, &manifest).await?;
    list.add(&erasures)?;
    let store = Store::open(&database).await?;
    let erased = erasure::apply_list(&store, &archive, &key, &erasures).await?;
    output.note(&format!(
        "{erased} rows of erased people had come back and are erased again"
    ));
    output.rows("tables", &["table", "rows"], &tables)
}

async fn erasures_of(settings: &Settings) -> Vec<Erasure> {
    let mut erasures = Vec::new();
    let Ok(store) = Store::open_read_only(&settings.database.store_settings()).await else {
        return erasures;
    };
    for tenant in store
        .installation()
        .list_tenants()
        .await
        .unwrap_or_default()
    {
        let scope = switchboard_store::TenantScope::new(
            tenant.id,
            switchboard_store::Actor::Operator,
            switchboard_store::Purpose::Maintain,
        );
        erasures.extend(
            store
                .tenant(scope)
                .list_erasures()
                .await
                .unwrap_or_default(),
        );
    }
    store.close().await;
    erasures
}

async fn put_audio(archive: &Archive, from: &Path, manifest: &Manifest) -> Result<()> {
    for file in &manifest.files {
        let Some(key) = file.path.strip_prefix("audio/") else {
            continue;
        };
        let key: ObjectKey = key
            .parse()
            .context("the backup names audio by a key that is none")?;
        let audio = fs::read(from.join(&file.path))?;
        archive.put(&key, audio.into()).await?;
    }
    Ok(())
}

fn explain(error: BackupError) -> anyhow::Error {
    let (exit, help) = match &error {
        BackupError::NotEmpty => (
            Exit::Refused,
            "say --force to replace what it holds, or name another database",
        ),
        BackupError::InUse => (Exit::Refused, "stop the server first"),
        BackupError::OtherKind { .. } => (
            Exit::WrongUse,
            "set database.url to a database of that kind",
        ),
        BackupError::OtherSchema { .. } => (
            Exit::Refused,
            "restore with the version that made it, then update",
        ),
        _ => return error.into(),
    };
    Failure::new(exit, "nothing was restored")
        .because(error.to_string())
        .with_help(help)
        .into()
}

fn read_manifest(from: &Path) -> Result<Manifest> {
    let path = from.join(MANIFEST);
    let wrong = || Failure::new(Exit::WrongUse, format!("{} is no backup", from.display()));
    let text = fs::read_to_string(&path).map_err(|error| wrong().because(error.to_string()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| wrong().because(error.to_string()))?;
    if manifest.format != FORMAT {
        return Err(wrong()
            .because(format!("its format is {}", manifest.format))
            .into());
    }
    Ok(manifest)
}

/// Every file is there and has the sum it had.
fn check(folder: &Path, manifest: &Manifest) -> Result<()> {
    for file in &manifest.files {
        let path = folder.join(&file.path);
        // A manifest is a file like any other: it must not lead out of its folder.
        let is_inside = Path::new(&file.path)
            .components()
            .all(|it| matches!(it, std::path::Component::Normal(_)));
        let sum = if is_inside { sum(&path).ok() } else { None };
        if sum != Some((file.bytes, file.sha256.clone())) {
            let failure = Failure::new(Exit::No, format!("the backup is damaged: {}", file.path));
            return Err(failure.with_help("take another backup").into());
        }
    }
    Ok(())
}

fn sums(root: &Path, folder: &Path, files: &mut Vec<BackedUpFile>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            sums(root, &path, files)?;
            continue;
        }
        let (bytes, sha256) = sum(&path)?;
        let path = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        files.push(BackedUpFile {
            path,
            bytes,
            sha256,
        });
    }
    Ok(())
}

fn sum(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut digest, mut bytes) = (fs::File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        bytes += read as u64;
    }
    let hex = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((bytes, hex))
}

fn report(folder: &Path, manifest: &Manifest, output: &Output) -> Result<()> {
    if output.is_json() {
        let bytes: u64 = manifest.files.iter().map(|it| it.bytes).sum();
        return output.document(&json!({
            "folder": folder, "made_at": manifest.made_at, "database": manifest.database,
            "files": manifest.files.len(), "bytes": bytes, "in_bucket": manifest.in_bucket.len(),
            "sealing_key_included": false,
        }));
    }
    output.line(&folder.display().to_string())
}

fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn make_parent(path: &Path) -> io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder
        .recursive(true)
        .mode(0o700)
        .create(path.parent().unwrap_or(Path::new(".")))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}
