//! Backups and erased people, by the commands an operator types. (Threats D4, I6.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use switchboard::archive::{Archive, ObjectKey, ObjectKind};
use switchboard::config::RecordingsSettings;
use switchboard_store::{
    Actor, CallId, Channel, Direction, JournalWrite, NewCall, NewContact, NewTenant, NewVoicemail,
    PhoneNumber, Private, Purpose, Speaker, Store, StoreSettings, TenantScope, TenantStore,
    TurnWrite, VoicemailId,
};

const PHONE: &str = "+12025550142";
const WORDS: &str = "my knee hurts again";

/// An installation with one contact who called once and left a message.
struct Site {
    directory: tempfile::TempDir,
    settings: StoreSettings,
    archive: Archive,
    voicemail: ObjectKey,
    call: CallId,
}

struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Site {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join("data").join(name);
        let settings =
            StoreSettings::new(&format!("sqlite://{}", path("switchboard.db").display()));
        let archive = Archive::open(&RecordingsSettings {
            folder: path("recordings").display().to_string(),
            ..RecordingsSettings::default()
        })
        .expect("opens");
        let store = Store::open_exclusive(&settings).await.expect("opens");
        let medspa = NewTenant::named("medspa");
        let tenant = store.installation().create_tenant(&medspa).await;
        let tenant = tenant.expect("created").id;
        let rows = store.tenant(TenantScope::new(tenant, Actor::System, Purpose::Call));
        let (call, id) = (CallId::new(), VoicemailId::new());
        let voicemail = ObjectKey::new(tenant, ObjectKind::Voicemail, id.uuid());
        archive.put(&voicemail, "sound".into()).await.expect("kept");
        remember(&rows, call, id, &voicemail).await;
        store.close().await;
        Self {
            directory,
            settings,
            archive,
            voicemail,
            call,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn ask(&self, arguments: &str) -> Answer {
        ask_in(self.directory.path(), arguments)
    }

    async fn has_audio(&self) -> bool {
        self.archive.get(&self.voicemail, None).await.is_ok()
    }
}

fn ask_in(directory: &Path, arguments: &str) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(arguments.split_whitespace())
        .env_clear()
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

impl Answer {
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }

    fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(words), "{}", self.stderr);
    }
}

async fn remember(rows: &TenantStore, call: CallId, voicemail: VoicemailId, object: &ObjectKey) {
    let phone = PhoneNumber::parse(PHONE).expect("a number");
    let contact = NewContact {
        name: Some(Private::from("Ama Osei")),
        phone: Some(phone.clone()),
        ..NewContact::default()
    };
    let contact = rows.create_contact(&contact).await.expect("stored").id;
    let at = chrono::Utc::now();
    let writes = [
        JournalWrite::CallOffered(NewCall {
            id: call,
            carrier_call_id: Some("CA1".to_owned()),
            agent_name: "medspa".to_owned(),
            agent_version: None,
            channel: Channel::Phone,
            direction: Direction::Inbound,
            number: None,
            caller_number: Some(phone),
            contact_id: Some(contact),
            conversation_id: None,
            location: None,
            offered_at: at,
        }),
        JournalWrite::Turn(TurnWrite {
            call_id: call,
            seq: 1,
            speaker: Speaker::Caller,
            generated_text: None,
            sent_text: None,
            heard_text: Some(Private::from(WORDS)),
            language: None,
            confidence: None,
            interrupted: false,
            response_ms: None,
            heard_ms: None,
            started_at: at,
            ended_at: None,
        }),
        JournalWrite::Voicemail(NewVoicemail {
            id: voicemail,
            call_id: call,
            recording_id: "RE1".to_owned(),
            account_id: None,
            length_s: Some(3),
            recorded_at: at,
            disclosed: false,
        }),
    ];
    rows.apply(&writes).await.expect("stored");
    rows.keep_voicemail_audio(voicemail, object.as_str())
        .await
        .expect("stored");
}

#[tokio::test]
async fn an_export_is_one_readable_document_and_the_audio() {
    let site = Site::new().await;
    let answer = site
        .ask(&format!(
            "export --tenant medspa --phone {PHONE} --to ama --json"
        ))
        .done();
    assert_eq!(
        (&answer.json()["calls"], &answer.json()["audio"]),
        (&1.into(), &1.into())
    );
    let text = fs::read_to_string(site.path("ama/person.json")).expect("written");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["calls"][0]["turns"][0]["heard_text"], WORDS);
    assert_eq!(document["contact"]["name"], "Ama Osei");
    let audio = fs::read_dir(site.path("ama")).expect("there").count();
    assert_eq!(audio, 2, "the document and one message");
    let again = site.ask(&format!("export --tenant medspa --phone {PHONE} --to ama"));
    again.refused(4, "cannot make ama");
    let nobody = site.ask("export --tenant medspa --email nobody@example.org --to nobody");
    nobody.refused(1, "nothing is stored about this person");
    assert!(!site.path("nobody").exists());
}

#[tokio::test]
async fn d4_an_erased_person_stays_erased_when_an_older_backup_comes_back() {
    let site = Site::new().await;
    // A server may hold the database while it is copied.
    let serving = Store::open_exclusive(&site.settings).await.expect("opens");
    let made = site.ask("backup older --json").done();
    assert_eq!(made.json()["sealing_key_included"], false);
    assert!(
        made.stderr.contains("sealing key is NOT in this backup"),
        "{}",
        made.stderr
    );
    assert!(
        made.stderr.contains("turns: 1 rows"),
        "progress: {}",
        made.stderr
    );
    drop(serving);

    let erase = format!("erase --tenant medspa --phone {PHONE}");
    let would = site.ask(&format!("{erase} --dry-run --json")).done().json();
    assert_eq!(
        (&would["erased"], &would["audio"]),
        (&false.into(), &1.into())
    );
    assert_eq!(would["at_vendors"][0], "CA1", "what others keep is named");
    assert!(site.has_audio().await, "a dry run erases nothing");
    site.ask(&erase).refused(4, "nothing was erased");
    let done = site.ask(&format!("{erase} --yes --json")).done().json();
    assert_eq!(done["tables"], would["tables"]);
    assert!(!site.has_audio().await);
    let export = format!("export --tenant medspa --phone {PHONE} --to late");
    site.ask(&export).refused(1, "nothing is stored");
    let list = fs::read_to_string(site.path("data/erasures.jsonl")).expect("written");
    assert!(
        !list.contains("2025550142") && list.contains(&site.call.to_string()),
        "ids and hashes: {list}"
    );

    site.ask("restore older").refused(4, "not empty");
    site.ask("restore older --dry-run --force").done();
    let restored = site.ask("restore older --force").done();
    assert!(
        restored.stderr.contains("erased again"),
        "{}",
        restored.stderr
    );
    site.ask(&export).refused(1, "nothing is stored");
    assert!(
        !site.has_audio().await,
        "the message came back with the backup and went again"
    );
    let bytes = fs::read(site.path("data/switchboard.db")).expect("there");
    assert!(!bytes.is_empty());
    let turns = site.ask("list turns --tenant medspa --json").done();
    assert_eq!(turns.json(), Value::Array(Vec::new()));
}

/// Another machine has neither the database nor the list: the backup brings its own.
#[tokio::test]
async fn a_backup_comes_back_on_another_machine_with_everything_in_it() {
    let site = Site::new().await;
    site.ask("backup whole").done();
    let elsewhere = tempfile::tempdir().expect("a directory");
    let from = site.path("whole");
    let restored = ask_in(elsewhere.path(), &format!("restore {}", from.display())).done();
    assert!(
        restored.stderr.contains("ANOTHER sealing key"),
        "{}",
        restored.stderr
    );
    let turns = ask_in(elsewhere.path(), "list turns --tenant medspa --json").done();
    assert_eq!(turns.json()[0]["heard_text"], WORDS);
    let audio = elsewhere
        .path()
        .join("data/recordings")
        .join(site.voicemail.as_str());
    assert_eq!(fs::read(audio).expect("there"), b"sound");
}

#[tokio::test]
async fn a_backup_that_somebody_or_a_disk_changed_is_refused() {
    let site = Site::new().await;
    site.ask("backup whole").done();
    let copy = site.path("whole/database.sqlite");
    let mut bytes = fs::read(&copy).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, bytes).expect("writable");
    site.ask("restore whole --force")
        .refused(1, "damaged: database.sqlite");
    let turns = site.ask("list turns --tenant medspa --json").done();
    assert_eq!(
        turns.json().as_array().map(Vec::len),
        Some(1),
        "nothing was changed"
    );
    site.ask("restore nowhere").refused(2, "is no backup");
}
