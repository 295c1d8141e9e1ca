//! The journal and its spool against disks and databases that refuse.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use switchboard_store::{
    Actor, CallEnd, CallEventWrite, CallId, CallProgress, CallStatus, Channel, Direction, EndClass,
    ListFilter, NewCall, NewTenant, Private, Purpose, Speaker, StoreSettings, TenantScope,
    TenantStore, TurnWrite, Word,
};

use super::reserve::Reserve;
use super::spool::{Group, SpoolFile};
use super::*;
use crate::jobs::JobBell;
use crate::ops::seal::SealingKey;

const BOUND: Duration = Duration::from_secs(20);
const CANARY: &str = "quillfeather said so";

#[test]
fn a_full_journal_drops_what_happened_in_a_call_but_not_its_end() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let counts = Arc::new(Counts::default());
    counts.waiting.store(WAITING_MAX, Ordering::Relaxed);
    let journal = Journal { sender, counts };
    let (tenant, call_id) = (TenantId::new(), CallId::new());
    journal.write(tenant, progress(call_id));
    assert!(receiver.try_recv().is_err());
    assert_eq!(journal.waiting(), WAITING_MAX);
    journal.write(tenant, end(call_id));
    assert!(matches!(receiver.try_recv(), Ok(Entry::Write(_, _))));
    assert_eq!(journal.waiting(), WAITING_MAX + 1);
}

/// What is on the disk needs no memory, so it does not count against the bound.
#[test]
fn spooled_events_leave_room_in_memory() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let counts = Arc::new(Counts::default());
    counts.waiting.store(WAITING_MAX, Ordering::Relaxed);
    counts.spooled.store(1, Ordering::Relaxed);
    let journal = Journal { sender, counts };
    journal.write(TenantId::new(), progress(CallId::new()));
    assert!(matches!(receiver.try_recv(), Ok(Entry::Write(_, _))));
}

#[test]
fn r1_records_come_back_in_order_sealed_and_for_their_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let groups = groups(3);
    write_and_drop(directory.path(), &groups);
    let file = directory.path().join("spool/journal.spool");
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = fs::read(&file).expect("readable");
    let words = CANARY.as_bytes();
    assert!(!bytes.windows(words.len()).any(|window| window == words));
    assert_eq!(read_back(directory.path()), groups);
}

/// A process may die at any byte of a write.
#[test]
fn r1_a_tail_cut_at_any_byte_keeps_every_whole_record_before_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let groups = groups(3);
    let ends = write_and_drop(directory.path(), &groups);
    let file = directory.path().join("spool/journal.spool");
    let whole = fs::read(&file).expect("readable");
    for length in 0..=whole.len() {
        fs::write(&file, &whole[..length]).expect("writable");
        let expected = ends.iter().filter(|end| **end <= length as u64).count();
        assert_eq!(read_back(directory.path()), groups[..expected], "{length}");
        let kept = fs::metadata(&file).expect("there").len();
        assert!(ends.contains(&kept) || kept == 0, "the tail is cut off");
    }
}

#[test]
fn a_record_the_disk_damaged_is_left_out_and_its_neighbours_are_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let groups = groups(3);
    let ends = write_and_drop(directory.path(), &groups);
    let file = directory.path().join("spool/journal.spool");
    let mut bytes = fs::read(&file).expect("readable");
    let middle = usize::try_from(u64::midpoint(ends[0], ends[1])).expect("small");
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("writable");
    let expected = [groups[0].clone(), groups[2].clone()];
    assert_eq!(read_back(directory.path()), expected);
}

#[test]
fn r7_arbitrary_bytes_as_a_spool_never_panic() {
    let key = key(&tempfile::tempdir().expect("a directory").keep());
    proptest::proptest!(|(bytes: Vec<u8>)| {
        let disk = Arc::new(SmallDisk::new(u64::MAX));
        disk.write_at(&bytes, 0).expect("room");
        let mut spool = Spool::over(disk, Arc::clone(&key), 1024).expect("opens");
        proptest::prop_assert!(spool.take_found().is_empty());
    });
}

#[test]
fn another_process_in_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let _held = open(directory.path());
    let second = Spool::open(&settings(directory.path()), key(directory.path()));
    assert!(matches!(second, Err(SpoolError::InUse { .. })));
}

#[test]
fn a_spool_at_its_bound_refuses_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(SmallDisk::new(u64::MAX));
    let mut spool = Spool::over(disk.clone(), key(directory.path()), 1_500).expect("opens");
    let groups = groups(1);
    let mut kept = 0;
    while spool.append(&[&groups[0]]).is_ok() {
        kept += 1;
        assert!(kept < 100, "it has a bound");
    }
    assert!(kept > 0 && spool.bytes() <= 1_500);
    let mut again = Spool::over(disk, key(directory.path()), 1_500).expect("opens");
    assert_eq!(again.take_found().len(), kept);
}

/// r5: half a record on a full disk must not hide what comes when there is room again.
#[test]
fn r5_a_full_disk_refuses_a_record_whole_and_takes_the_next_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(SmallDisk::new(700));
    let mut spool = Spool::over(disk.clone(), key(directory.path()), u64::MAX).expect("opens");
    let groups = groups(3);
    let mut kept = Vec::new();
    while spool.append(&[&groups[kept.len()]]).is_ok() {
        kept.push(groups[kept.len()].clone());
    }
    assert!(!kept.is_empty() && kept.len() < 3, "the disk became full");
    disk.room.store(u64::MAX, Ordering::Relaxed);
    spool.append(&[&groups[2]]).expect("room");
    kept.push(groups[2].clone());
    let again = Spool::over(disk, key(directory.path()), u64::MAX).expect("opens");
    assert_eq!(all(again), kept);
}

/// r1: what the disk has taken and not confirmed is gone with the power.
#[test]
fn r1_a_record_counts_as_stored_only_when_the_disk_has_confirmed_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(UnsureDisk(SmallDisk::new(u64::MAX)));
    let mut spool = Spool::over(disk, key(directory.path()), u64::MAX).expect("opens");
    let groups = groups(1);
    let appended = spool.append(&[&groups[0]]);
    assert!(appended.is_err(), "nobody may rely on it");
    assert_eq!(spool.bytes(), 0, "and the next record takes its place");
}

#[test]
fn r5_the_reserve_of_a_full_disk_is_given_up_for_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("reserve");
    let disk = Arc::new(DiskOfReserve {
        disk: SmallDisk::new(u64::MAX),
        reserve: path.clone(),
    });
    let spool = Spool::over(disk, key(directory.path()), u64::MAX).expect("opens");
    let mut spool = spool.with_reserve(Reserve::keep(path.clone(), 4 * 1024));
    assert_eq!(fs::metadata(&path).expect("taken").len(), 4 * 1024);
    let groups = groups(1);
    spool.append(&[&groups[0]]).expect("the reserve makes room");
    assert!(!path.exists(), "it was given up");
    spool.clear().expect("emptied");
    assert!(path.exists(), "and taken again");
}

/// r5: the same on a real small disk. Only who may mount one runs it; the test above holds the promise for everybody.
#[test]
fn r5_the_reserve_of_a_real_full_disk_is_given_up_for_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(_mounted) = Tmpfs::mount(directory.path()) else {
        eprintln!("no small disk can be mounted here: the reserve met a disk in memory only");
        return;
    };
    let settings = SpoolSettings {
        reserve_bytes: 256 * 1024,
        ..settings(directory.path())
    };
    let mut spool = Spool::open(&settings, key(directory.path())).expect("opens");
    let reserve = settings.directory.join("reserve");
    assert_eq!(fs::metadata(&reserve).expect("taken").len(), 256 * 1024);
    let filler = vec![7_u8; 2 * 1024 * 1024];
    let _ = fs::write(directory.path().join("filler"), filler);
    let groups = groups(1);
    spool.append(&[&groups[0]]).expect("the reserve makes room");
    assert!(!reserve.exists(), "it was given up");
    fs::remove_file(directory.path().join("filler")).expect("removed");
    spool.clear().expect("emptied");
    assert!(reserve.exists(), "and taken again");
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_what_the_database_refuses_is_on_disk_and_lands_once_after_the_next_start() {
    let site = Site::new().await;
    let call = CallId::new();
    let refusing = Store::open_read_only(&site.settings).await.expect("opens");
    let journal = site.journal(refusing);
    journal.write(site.tenant, offer(call));
    for seq in 1..=600 {
        journal.write(site.tenant, event(call, seq));
    }
    journal.write(site.tenant, turn(call));
    journal.write(site.tenant, end(call));
    until("all is on disk", || journal.spooled() == 603).await;
    assert!(
        !journal.flushed(Duration::from_millis(1)).await,
        "nothing counts as stored"
    );
    drop(journal);
    // As a death leaves it: the file stays, and the copy lands a second time below.
    let file = site.directory.path().join("spool/journal.spool");
    let copy = fs::read(&file).expect("readable");
    let first = site.land().await;
    assert_eq!(
        first.0,
        (1..=600).collect::<Vec<_>>(),
        "in order, each once"
    );
    assert_eq!(fs::metadata(&file).expect("there").len(), 0, "emptied");
    fs::write(&file, copy).expect("writable");
    assert_eq!(site.land().await, first, "landing twice changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_disk_without_room_keeps_events_in_memory_until_the_database_is_back() {
    let site = Site::new().await;
    let disk = Arc::new(SmallDisk::new(0));
    let spool = Spool::over(disk.clone(), key(site.directory.path()), u64::MAX).expect("opens");
    let refusing = Store::open_read_only(&site.settings).await.expect("opens");
    let journal = Journal::start(
        refusing,
        Duration::from_millis(5),
        Some(spool),
        JobBell::default(),
    );
    journal.write(site.tenant, offer(CallId::new()));
    until("the disk refused", || {
        disk.refused.load(Ordering::Relaxed) > 0
    })
    .await;
    assert_eq!((journal.waiting(), journal.spooled()), (1, 0));
    disk.room.store(u64::MAX, Ordering::Relaxed);
    until("there is room", || journal.spooled() == 1).await;
}

struct Site {
    directory: tempfile::TempDir,
    settings: StoreSettings,
    tenant: TenantId,
}

impl Site {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("test.db");
        let settings = StoreSettings::new(&format!("sqlite://{}", path.display()));
        let store = Store::open_exclusive(&settings).await.expect("opens");
        let medspa = NewTenant::named("medspa");
        let tenant = store.installation().create_tenant(&medspa).await;
        let tenant = tenant.expect("created").id;
        store.close().await;
        Self {
            directory,
            settings,
            tenant,
        }
    }

    fn journal(&self, store: Store) -> Journal {
        let spool = open(self.directory.path());
        Journal::start(
            store,
            Duration::from_millis(5),
            Some(spool),
            JobBell::default(),
        )
    }

    /// Starts again on a database that works, and gives the numbers of the events and the count of turns.
    async fn land(&self) -> (Vec<i64>, usize, usize) {
        // The earlier task drops its spool, and with it the lock, when its last landing has ended.
        let spool = until_open(self.directory.path()).await;
        let store = Store::open(&self.settings).await.expect("opens");
        let journal = Journal::start(
            store.clone(),
            Duration::from_millis(5),
            Some(spool),
            JobBell::default(),
        );
        assert!(journal.flushed(BOUND).await);
        let scope = TenantScope::new(self.tenant, Actor::System, Purpose::List);
        let rows: TenantStore = store.tenant(scope);
        let filter = ListFilter::default();
        let events = rows.list_call_events(&filter).await.expect("rows");
        let turns = rows.list_turns(&filter).await.expect("rows").len();
        let calls = rows.list_calls(&filter).await.expect("rows").len();
        let mut numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
        numbers.reverse();
        until("the file is emptied", || journal.spooled() == 0).await;
        (numbers, turns, calls)
    }
}

async fn until_open(directory: &Path) -> Spool {
    let opened = async {
        loop {
            match Spool::open(&settings(directory), key(directory)) {
                Ok(spool) => return spool,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(BOUND, opened)
        .await
        .expect("the lock is given back")
}

async fn until(what: &str, is_true: impl Fn() -> bool) {
    let waited = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(BOUND, waited).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}

/// A disk with so many bytes of room.
#[derive(Debug)]
struct SmallDisk {
    room: AtomicU64,
    refused: AtomicU64,
    bytes: Mutex<Vec<u8>>,
}

impl SmallDisk {
    fn new(room: u64) -> Self {
        Self {
            room: room.into(),
            refused: 0.into(),
            bytes: Mutex::default(),
        }
    }
}

impl SpoolFile for SmallDisk {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut kept = self.bytes.lock().expect("not poisoned");
        let at = usize::try_from(at).expect("small");
        kept.truncate(at);
        let room = self.room.load(Ordering::Relaxed).saturating_sub(at as u64);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        // As a real disk: what fits is written, then it refuses.
        kept.extend(&bytes[..fits]);
        if fits < bytes.len() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let kept = self.bytes.lock().expect("not poisoned");
        let at = usize::try_from(at).expect("small");
        let found = kept.get(at..at + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).expect("small");
        self.bytes.lock().expect("not poisoned").truncate(length);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().expect("not poisoned").len() as u64)
    }
}

/// Full while the reserve is held, as a disk that has nothing else to give.
#[derive(Debug)]
struct DiskOfReserve {
    disk: SmallDisk,
    reserve: std::path::PathBuf,
}

impl SpoolFile for DiskOfReserve {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.reserve.exists() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.write_at(bytes, at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.disk.read_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.disk.cut(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.length()
    }
}

/// Takes every byte and confirms none: what fsync says when the disk behind it is sick.
#[derive(Debug)]
struct UnsureDisk(SmallDisk);

impl SpoolFile for UnsureDisk {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_at(bytes, at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
}

/// A mounted memory disk of one MiB, for root.
struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "switchboard-test"]);
        let mounted = mount.arg(at).output().is_ok_and(|it| it.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .output();
    }
}

fn settings(directory: &Path) -> SpoolSettings {
    SpoolSettings {
        directory: directory.join("spool"),
        bytes_max: 64 * 1024 * 1024,
        reserve_bytes: 4 * 1024,
    }
}

fn key(directory: &Path) -> Arc<SealingKey> {
    let path = directory.join("sealing.key");
    Arc::new(SealingKey::load_or_create(&path).expect("made"))
}

/// A program that another test starts holds the lock of a spool that was just dropped, between its fork and its exec.
fn open(directory: &Path) -> Spool {
    let until = std::time::Instant::now() + BOUND;
    loop {
        match Spool::open(&settings(directory), key(directory)) {
            Err(SpoolError::InUse { .. }) if std::time::Instant::now() < until => {
                std::thread::yield_now();
            }
            opened => return opened.expect("opens"),
        }
    }
}

/// Gives the length of the file after each group.
fn write_and_drop(directory: &Path, groups: &[Group]) -> Vec<u64> {
    let mut spool = open(directory);
    let mut ends = Vec::new();
    for group in groups {
        spool.append(&[group]).expect("room");
        ends.push(spool.bytes());
    }
    ends
}

fn read_back(directory: &Path) -> Vec<Group> {
    all(open(directory))
}

fn all(mut spool: Spool) -> Vec<Group> {
    let reader = spool.reader();
    let found = spool.take_found().into_iter();
    let groups = found.map(|found| reader.read(found.place).expect("whole"));
    groups.collect()
}

fn groups(count: i64) -> Vec<Group> {
    let (tenant, call) = (TenantId::new(), CallId::new());
    let group = |seq| vec![(tenant, vec![event(call, seq), turn(call)])];
    (1..=count).map(group).collect()
}

fn now() -> switchboard_store::Timestamp {
    chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a moment")
}

fn offer(id: CallId) -> JournalWrite {
    JournalWrite::CallOffered(NewCall {
        id,
        carrier_call_id: None,
        agent_name: "medspa".to_owned(),
        agent_version: None,
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: None,
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: now(),
    })
}

fn progress(call_id: CallId) -> JournalWrite {
    JournalWrite::CallProgressed(CallProgress {
        call_id,
        status: CallStatus::Answered,
        carrier_status: None,
        at: now(),
    })
}

fn event(call_id: CallId, seq: i64) -> JournalWrite {
    JournalWrite::Event(CallEventWrite {
        call_id,
        seq,
        at: now(),
        name: Word::new("reply_started"),
        technical: serde_json::json!({ "offset_ms": seq }),
        private: None,
    })
}

fn turn(call_id: CallId) -> JournalWrite {
    JournalWrite::Turn(TurnWrite {
        call_id,
        seq: 1,
        speaker: Speaker::Caller,
        generated_text: None,
        sent_text: None,
        heard_text: Some(Private::from(CANARY)),
        language: Some("en".to_owned()),
        confidence: Some(0.875),
        interrupted: false,
        response_ms: None,
        heard_ms: None,
        started_at: now(),
        ended_at: None,
    })
}

fn end(call_id: CallId) -> JournalWrite {
    JournalWrite::CallEnded(CallEnd {
        call_id,
        reason: Word::new("process_lost"),
        class: EndClass::Us,
        at: now(),
    })
}
