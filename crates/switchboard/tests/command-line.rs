//! The command line as a script meets it: exit codes, what goes where, and errors that say what mends them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// An installation of its own in an empty directory.
struct Installation(TempDir);

impl Installation {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// One whose tables exist, with one tenant.
    fn with_tenant() -> Self {
        let installation = Self::new();
        installation.ask("migrate up").succeeds();
        installation.ask("tenant create medspa").succeeds();
        installation
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ask(&self, arguments: &str) -> Answer {
        self.ask_with(arguments, &[])
    }

    fn ask_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(arguments.split_whitespace())
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        Answer(output)
    }
}

struct Answer(Output);

impl Answer {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    fn succeeds(self) -> Self {
        assert_eq!(self.code(), 0, "{}{}", self.stdout(), self.stderr());
        self
    }

    /// Fails with `code` and an explanation that contains `words`; stdout, which scripts read, stays empty.
    fn fails(self, code: i32, words: &[&str]) {
        let explanation = self.stderr();
        assert_eq!(self.code(), code, "{explanation}");
        assert_eq!(self.stdout(), "");
        for word in words {
            assert!(
                explanation.contains(word),
                "`{word}` is not in: {explanation}"
            );
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).expect("one JSON document")
    }
}

#[test]
fn alone_it_says_what_it_is_and_shows_examples() {
    let answer = Installation::new().ask("").succeeds();
    let text = answer.stdout();
    for word in ["serve", "migrate", "list", "switchboard serve --demo"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(answer.stderr(), "");
}

#[test]
fn unknown_words_are_wrong_use_and_name_the_nearest() {
    let installation = Installation::new();
    installation
        .ask("srve")
        .fails(2, &["unknown command `srve`", "did you mean `serve`?"]);
    installation
        .ask("list cals --tenant x")
        .fails(2, &["cals", "calls"]);
    installation
        .ask("list calls --tenant x --jsn")
        .fails(2, &["--json"]);
    installation
        .ask("serve --with-history")
        .fails(2, &["--demo"]);
}

#[test]
fn an_unknown_setting_stops_every_command_and_names_the_nearest() {
    let installation = Installation::new();
    std::fs::write(
        installation.path().join("switchboard.toml"),
        "[http]\nlisten_on = \"x\"\n",
    )
    .expect("written");
    let words = [
        "unknown key `http.listen_on`",
        "switchboard.toml:2",
        "did you mean `http.listen`?",
    ];
    installation.ask("migrate status").fails(2, &words);
    installation.ask("serve").fails(2, &words);
    installation
        .ask("migrate status --config other.toml")
        .fails(2, &["cannot read other.toml"]);
}

#[test]
fn listing_never_creates_or_migrates_a_database() {
    let installation = Installation::new();
    installation
        .ask("list calls --tenant medspa")
        .fails(3, &["no database", "switchboard migrate up"]);
    assert_eq!(
        std::fs::read_dir(installation.path())
            .expect("listed")
            .count(),
        0
    );
}

#[test]
fn a_dry_run_shows_what_is_pending_and_changes_nothing() {
    let installation = Installation::new();
    let pending = installation
        .ask("migrate up --dry-run --json")
        .succeeds()
        .json();
    assert!(
        pending.as_array().is_some_and(|it| !it.is_empty()),
        "{pending}"
    );
    assert_eq!(
        std::fs::read_dir(installation.path())
            .expect("listed")
            .count(),
        0
    );
    let applied = installation.ask("migrate up --json").succeeds().json();
    assert_eq!(
        applied.as_array().map(Vec::len),
        pending.as_array().map(Vec::len)
    );
    assert_eq!(
        installation.ask("migrate up --json").succeeds().json(),
        Value::Array(vec![])
    );
    let status = installation.ask("migrate status --json").succeeds().json();
    assert!(
        status
            .as_array()
            .expect("rows")
            .iter()
            .all(|it| it["state"] == "applied"),
        "{status}"
    );
}

#[test]
fn every_noun_can_be_listed_as_one_json_array() {
    let installation = Installation::with_tenant();
    for noun in [
        "calls",
        "conversations",
        "turns",
        "tool-calls",
        "contacts",
        "appointments",
        "consents",
        "handshakes",
        "events",
        "usage",
        "alerts",
    ] {
        let rows = installation
            .ask(&format!("list {noun} --tenant medspa --json"))
            .succeeds();
        assert_eq!(rows.json(), Value::Array(vec![]), "{noun}");
        let table = installation
            .ask(&format!("list {noun} --tenant medspa"))
            .succeeds()
            .stdout();
        assert_eq!(table.lines().count(), 1, "{noun}: {table}");
    }
    installation
        .ask("list calls --tenant mdspa")
        .fails(2, &["no tenant `mdspa`", "did you mean `medspa`?"]);
}

#[test]
fn budgets_of_a_tenant_are_set_shown_and_given_back() {
    let installation = Installation::with_tenant();
    installation
        .ask("budgets set tenant-day 12.50 --tenant medspa")
        .succeeds();
    let shown = || {
        installation
            .ask("budgets show --tenant medspa --json")
            .succeeds()
            .json()
    };
    assert_eq!(shown()["own"]["tenant_day_micros"], 12_500_000);
    assert_eq!(shown()["limits"]["session_s"], 1_800);
    installation
        .ask("budgets clear tenant-day --tenant medspa")
        .succeeds();
    assert_eq!(shown()["limits"]["tenant_day_micros"], 0);
    installation
        .ask("budgets set tenant-dya 1 --tenant medspa")
        .fails(2, &["no such budget", "did you mean `tenant_day`?"]);
    installation
        .ask("budgets set session 1,50 --tenant medspa")
        .fails(2, &["cannot be a limit", "2.50"]);
}

#[test]
fn a_key_is_shown_once_and_kept_as_a_hash() {
    let installation = Installation::with_tenant();
    let created = installation
        .ask("key create --tenant medspa --name tests --json")
        .succeeds()
        .json();
    let mut keys: Vec<&String> = created.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["created_at", "id", "key", "name", "tenant"]);
    let key = created["key"].as_str().expect("text");
    assert!(
        key.starts_with("sk_sb_") && key.len() >= "sk_sb_".len() + 22,
        "{key}"
    );
    let plain = installation
        .ask("key create --tenant medspa --name more")
        .succeeds();
    assert!(plain.stdout().starts_with("sk_sb_") && plain.stdout().lines().count() == 1);
    for entry in std::fs::read_dir(installation.path().join("data")).expect("listed") {
        let bytes = std::fs::read(entry.expect("entry").path()).expect("read");
        assert!(
            !bytes
                .windows(key.len())
                .any(|window| window == key.as_bytes()),
            "the key is stored"
        );
    }
}

#[test]
fn d5_an_auth_token_is_sealed_before_it_is_stored() {
    let installation = Installation::with_tenant();
    let token = "canary-token-4f3c2b1a";
    std::fs::write(installation.path().join("token"), format!("{token}\n")).expect("written");
    let set = "tenant twilio set --tenant medspa --auth-token-file token --account-sid";
    installation
        .ask(&format!("{set} AC12"))
        .fails(2, &["no Twilio account SID"]);
    let answer = installation
        .ask(&format!("{set} AC0123456789abcdef0123456789abcdef"))
        .succeeds();
    assert!(!answer.stderr().contains("canary") && !answer.stdout().contains("canary"));
    for entry in std::fs::read_dir(installation.path().join("data")).expect("listed") {
        let bytes = std::fs::read(entry.expect("entry").path()).expect("read");
        assert!(
            !bytes
                .windows(token.len())
                .any(|window| window == token.as_bytes()),
            "the token is stored"
        );
    }
}

#[test]
fn d5_t1_an_apps_secret_is_sealed_and_its_algorithm_goes_with_its_key() {
    let installation = Installation::with_tenant();
    let secret = "canary-secret-0123456789abcdef0123";
    std::fs::write(installation.path().join("secret"), secret).expect("written");
    std::fs::write(installation.path().join("short"), "canary").expect("written");
    let set =
        "tenant app-users set --tenant medspa --issuer https://id.example.org --audience voice";
    let refusals = [
        ("--agent medspa --secret-file short", "too short"),
        (
            "--agent medspa --secret-file secret --algorithm RS256",
            "does not go with",
        ),
        (
            "--agent medspa --jwks-url https://id.example.org/keys --algorithm HS256",
            "does not go with",
        ),
        (
            "--agent medspa --secret-file secret --algorithm none",
            "not taken",
        ),
        (
            "--agent medspa --jwks-url http://id.example.org/keys",
            "https",
        ),
        (
            "--agent medspa --jwks-url https://127.0.0.1/keys",
            "not on the public internet",
        ),
        ("--agent nobody --secret-file secret", "no agent `nobody`"),
    ];
    for (arguments, complaint) in refusals {
        installation
            .ask(&format!("{set} {arguments}"))
            .fails(2, &[complaint]);
    }
    let listed = installation
        .ask("tenant app-users list --tenant medspa --json")
        .succeeds();
    assert_eq!(listed.stdout().trim(), "[]");
    let remove = "tenant app-users remove --tenant medspa --issuer https://id.example.org";
    installation.ask(remove).fails(1, &["not trusted"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../agents/medspa.toml");
    installation
        .ask(&format!("agent import {file} --tenant medspa"))
        .succeeds();
    let answer = installation
        .ask(&format!("{set} --agent medspa --secret-file secret"))
        .succeeds();
    assert!(!answer.stderr().contains("canary") && !answer.stdout().contains("canary"));
    for entry in std::fs::read_dir(installation.path().join("data")).expect("listed") {
        let bytes = std::fs::read(entry.expect("entry").path()).expect("read");
        let is_there = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!is_there, "the secret is stored");
    }
    let listed = installation
        .ask("tenant app-users list --tenant medspa --json")
        .succeeds();
    let issuers: Value = serde_json::from_str(&listed.stdout()).expect("JSON");
    assert_eq!(
        (&issuers[0]["algorithm"], &issuers[0]["jwks_url"]),
        (&Value::from("HS256"), &Value::Null)
    );
    installation.ask(remove).succeeds();
}

#[test]
fn errors_are_json_when_data_is() {
    let answer = Installation::with_tenant().ask("list calls --tenant mdspa --json");
    let error: Value = serde_json::from_str(&answer.stderr()).expect("one JSON document");
    assert_eq!((answer.code(), &error["exit"]), (2, &Value::from(2)));
    assert_eq!(error["help"], "did you mean `medspa`?");
}

#[test]
fn a_name_that_is_taken_is_refused() {
    Installation::with_tenant()
        .ask("tenant create MEDSPA")
        .fails(4, &["already"]);
}

#[test]
fn the_environment_can_move_the_database_and_secrets_are_not_repeated() {
    let installation = Installation::new();
    let elsewhere = [("SWITCHBOARD_DATABASE__URL", "sqlite://elsewhere.db")];
    installation.ask_with("migrate up", &elsewhere).succeeds();
    assert!(installation.path().join("elsewhere.db").exists());
    let unreachable = [(
        "SWITCHBOARD_DATABASE__URL",
        "postgres://app:canary@127.0.0.1:1/voice",
    )];
    let answer = installation.ask_with("list calls --tenant x --verbose", &unreachable);
    assert!(!answer.stderr().contains("canary"), "{}", answer.stderr());
    answer.fails(3, &["127.0.0.1"]);
}

#[test]
fn agents_are_shown_from_files_and_published_to_tenants() {
    let installation = Installation::with_tenant();
    let built_in = installation.ask("agent list --json").succeeds().json();
    assert_eq!(built_in.as_array().map(Vec::len), Some(5));
    let shown = installation.ask("agent show medspa").succeeds();
    assert_eq!(shown.json()["persona"], "Ava");
    installation
        .ask("agent show medpsa")
        .fails(2, &["did you mean `medspa`?"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/medspa.toml");
    let import = format!("agent import --tenant medspa --json {}", file.display());
    assert_eq!(installation.ask(&import).succeeds().json()["version"], 1);
    assert_eq!(installation.ask(&import).succeeds().json()["is_new"], false);
    let listed = installation
        .ask("agent list --tenant medspa --json")
        .succeeds()
        .json();
    assert_eq!(listed[0]["name"], "medspa");
}
