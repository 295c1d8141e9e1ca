//! The archive on a real folder and against a bucket that checks signatures and sums.

use std::os::unix::fs::PermissionsExt;

use switchboard_sim::bucket::{BucketKey, FakeBucket};
use uuid::Uuid;

use super::*;
use crate::config::Secret;

const SECRET: &str = "the-secret-of-the-bucket";

struct Site {
    archive: Archive,
    folder: tempfile::TempDir,
}

impl Site {
    /// Files below the folder, by path within it.
    fn files(&self) -> Vec<String> {
        let mut open = vec![self.folder.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).expect("readable") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let inside = path.strip_prefix(self.folder.path()).expect("inside");
                    files.push(inside.display().to_string());
                }
            }
        }
        files
    }
}

fn on_disk() -> Site {
    site(RecordingsSettings::default())
}

fn in_bucket(bucket: &FakeBucket, secret: &str) -> Site {
    let endpoint = format!("http://{}", bucket.address);
    site(RecordingsSettings {
        s3_bucket: Some("audio".to_owned()),
        s3_endpoint: Some(endpoint.parse().expect("an address")),
        s3_access_key_id: Some(Secret::new("AKIDEXAMPLE")),
        s3_secret_access_key: Some(Secret::new(secret)),
        ..RecordingsSettings::default()
    })
}

fn site(settings: RecordingsSettings) -> Site {
    crate::tls::install_provider();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = RecordingsSettings {
        folder: folder.path().display().to_string(),
        ..settings
    };
    let archive = Archive::open(&settings).expect("opens");
    Site { archive, folder }
}

async fn bucket() -> FakeBucket {
    let key = BucketKey {
        id: "AKIDEXAMPLE".to_owned(),
        secret: SECRET.to_owned(),
    };
    FakeBucket::start("audio", key).await.expect("a port")
}

fn key(tenant: TenantId) -> ObjectKey {
    ObjectKey::new(tenant, ObjectKind::Recording, Uuid::now_v7())
}

/// SHA-256 of "what was said", by `sha256sum`.
const SUM: &str = "af80764144be61fb07d306066d961d02a7b3abcadbc62303722e99a2c2566006";
const SAID: &[u8] = b"what was said";

async fn what_is_stored_can_be_read_in_parts_and_deleted(archive: &Archive) {
    let key = key(TenantId::new());
    let stored = archive.put(&key, SAID.into()).await.expect("stored");
    assert_eq!((stored.bytes, stored.is_waiting), (13, false));
    assert_eq!(stored.checksum, SUM);
    let whole = archive.get(&key, None).await.expect("read");
    assert_eq!((&whole.bytes[..], whole.whole), (SAID, 13));
    let part = archive.get(&key, Some(5..8)).await.expect("read");
    assert_eq!(
        (&part.bytes[..], part.range, part.whole),
        (&b"was"[..], 5..8, 13)
    );
    let last = archive.get(&key, Some(9..400)).await.expect("read");
    assert_eq!((&last.bytes[..], last.range), (&b"said"[..], 9..13));
    let behind = archive.get(&key, Some(13..14)).await;
    assert!(matches!(behind, Err(ArchiveError::Range)), "{behind:?}");
    archive.delete(&key).await.expect("deleted");
    archive
        .delete(&key)
        .await
        .expect("deleting twice is no error");
    let gone = archive.get(&key, None).await;
    assert!(matches!(gone, Err(ArchiveError::Missing)), "{gone:?}");
}

#[tokio::test]
async fn the_folder_keeps_reads_in_parts_and_deletes() {
    what_is_stored_can_be_read_in_parts_and_deleted(&on_disk().archive).await;
}

#[tokio::test]
async fn the_bucket_keeps_reads_in_parts_and_deletes() {
    let bucket = bucket().await;
    let site = in_bucket(&bucket, SECRET);
    what_is_stored_can_be_read_in_parts_and_deleted(&site.archive).await;
    assert_eq!(site.files(), [""; 0], "nothing stays behind on the disk");
}

#[tokio::test]
async fn i5_files_and_folder_are_for_the_server_alone() {
    let site = on_disk();
    let key = key(TenantId::new());
    site.archive.put(&key, SAID.into()).await.expect("stored");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(site.folder.path()), 0o700);
    assert_eq!(mode(&site.folder.path().join(key.as_str())), 0o600);
}

#[tokio::test]
async fn i6_every_object_is_named_after_its_tenant_and_listed_for_it_alone() {
    let bucket = bucket().await;
    for site in [on_disk(), in_bucket(&bucket, SECRET)] {
        let (ours, theirs) = (TenantId::new(), TenantId::new());
        let (our_key, their_key) = (key(ours), key(theirs));
        site.archive
            .put(&our_key, SAID.into())
            .await
            .expect("stored");
        site.archive
            .put(&their_key, SAID.into())
            .await
            .expect("stored");
        assert!(our_key.as_str().starts_with(&format!("tenants/{ours}/")));
        let listed = site.archive.list(ours, 10).await.expect("listed");
        let bytes = 13;
        assert_eq!(
            listed,
            [Listed {
                key: our_key,
                bytes
            }]
        );
    }
}

/// R1, bad input "object store refuses → kept on local disk and retried".
#[tokio::test]
async fn what_the_bucket_refuses_waits_on_the_disk_and_is_sent_later() {
    let bucket = bucket().await;
    let site = in_bucket(&bucket, SECRET);
    let tenant = TenantId::new();
    let key = key(tenant);
    bucket.refuse(Some(403));
    let stored = site.archive.put(&key, SAID.into()).await.expect("kept");
    assert!(stored.is_waiting);
    assert_eq!(site.files(), [key.as_str()]);
    let waiting = site.archive.waiting(10).await.expect("read");
    assert_eq!(waiting, std::slice::from_ref(&key));
    let played = site
        .archive
        .get(&key, Some(0..4))
        .await
        .expect("playable meanwhile");
    assert_eq!(&played.bytes[..], b"what");
    assert!(site.archive.send_waiting(&key).await.is_err());
    assert_eq!(site.files(), [key.as_str()], "a refusal takes nothing away");

    bucket.refuse(None);
    site.archive.send_waiting(&key).await.expect("sent");
    assert_eq!(site.files(), [""; 0]);
    assert_eq!(bucket.objects()[key.as_str()], SAID);
    site.archive
        .send_waiting(&key)
        .await
        .expect("sending twice is no error");
    let listed = site.archive.list(tenant, 10).await.expect("listed");
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn a_wrong_secret_of_the_bucket_stores_nothing_there() {
    let bucket = bucket().await;
    let site = in_bucket(&bucket, "another secret");
    let stored = site.archive.put(&key(TenantId::new()), SAID.into()).await;
    assert!(stored.expect("kept").is_waiting);
    assert!(bucket.objects().is_empty());
    assert!(bucket.requests().iter().all(|it| it.ends_with(" 403")));
}

/// R5: a disk that refuses is told, and nothing counts as stored.
#[tokio::test]
async fn a_folder_that_cannot_be_written_stores_nothing() {
    let site = on_disk();
    // A file where the folder of the tenants should be: not even root can write below it.
    std::fs::write(site.folder.path().join("tenants"), b"in the way").expect("written");
    let stored = site.archive.put(&key(TenantId::new()), SAID.into()).await;
    assert!(
        matches!(stored, Err(ArchiveError::Refused(_))),
        "{stored:?}"
    );
}

#[tokio::test]
async fn a_file_that_was_handed_over_is_gone_from_where_it_was() {
    let site = on_disk();
    let path = site.folder.path().join("made-elsewhere");
    std::fs::write(&path, SAID).expect("written");
    let key = key(TenantId::new());
    let stored = site.archive.put_file(&key, &path).await.expect("stored");
    assert_eq!(stored.checksum, SUM);
    assert_eq!(site.files(), [key.as_str()]);
}

#[test]
fn i6_a_text_that_is_no_name_of_ours_is_refused() {
    let tenant = TenantId::new();
    let name = key(tenant).to_string();
    assert_eq!(name.parse::<ObjectKey>().expect("ours").tenant(), tenant);
    for text in [
        "",
        "tenants",
        &name.to_uppercase(),
        &format!("{name}/.."),
        &format!("/{name}"),
        &name.replace("recordings", "../recordings"),
        &name.replace("recordings", "others"),
    ] {
        assert!(text.parse::<ObjectKey>().is_err(), "{text}");
    }
}
