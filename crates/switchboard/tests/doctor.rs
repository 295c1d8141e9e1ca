//! `switchboard doctor` against a running server, a fake carrier and a fake model: what it finds, what it sets, what it
//! refuses to set.

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{BOUND, HUMAN, MEDSPA, TestServer, model};
use switchboard::config::{MailTls, Settings};
use switchboard::doctor::{DoctorOptions, Finding, Health, examine};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer};
use switchboard_sim::smtp::{FakeSmtp, SmtpFault, SmtpStep};
use switchboard_sim::twilio::{
    AccountNumber, Callee, CarrierEvent, FakeTwilio, FakeTwilioSettings, Pickup, StreamEnd,
};

/// The five reference agents' numbers, and where their calls go.
async fn carrier(url: Option<&str>) -> FakeTwilio {
    let numbers = (101..=105).map(|last| AccountNumber {
        number: format!("+12025550{last}"),
        voice_url: url.map(str::to_owned),
        voice_fallback_url: None,
        status_callback: None,
    });
    let settings = FakeTwilioSettings {
        numbers: numbers.collect(),
        ..FakeTwilioSettings::default()
    };
    FakeTwilio::start(settings)
        .await
        .expect("the fake carrier starts")
}

struct Site {
    twilio: FakeTwilio,
    _model: RealtimeServer,
    server: TestServer,
}

impl Site {
    async fn start() -> Self {
        let twilio = carrier(Some("https://old.example/voice")).await;
        let model = model(RealtimeScript::default()).await;
        let server = TestServer::start(&twilio, Some(&model), |settings| {
            // The disk of whoever runs the tests is not what is tried here.
            settings.ops.disk_free_percent_min = 0;
        })
        .await;
        Self {
            twilio,
            _model: model,
            server,
        }
    }

    fn settings(&self) -> Settings {
        Settings::clone(&self.server.reception.settings)
    }

    async fn examine(&self, settings: &Settings, options: DoctorOptions) -> Vec<Finding> {
        examine(settings, &options).await.expect("findings")
    }
}

fn of<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    let mut found = findings.iter().filter(|finding| finding.check == check);
    found
        .next()
        .unwrap_or_else(|| panic!("{check} is not in {findings:#?}"))
}

fn health(findings: &[Finding], check: &str) -> Health {
    of(findings, check).health
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_installation_passes_but_for_numbers_that_go_elsewhere() {
    let site = Site::start().await;
    let findings = site
        .examine(&site.settings(), DoctorOptions::default())
        .await;
    for check in [
        "signature_secret",
        "schema",
        "database",
        "public_address",
        "stream_upgrade",
        "model",
        "carrier_clock",
    ] {
        assert_eq!(
            health(&findings, check),
            Health::Passed,
            "{check}: {findings:#?}"
        );
    }
    assert_eq!(health(&findings, "number_urls"), Health::Failed);
    let fallback = of(&findings, "number_fallback");
    assert_eq!(fallback.health, Health::Failed);
    let help = fallback.help.as_deref().unwrap_or_default();
    assert!(
        help.contains("<Dial") && help.contains("<Record") && !help.contains("action="),
        "{help}"
    );
    let posts = site
        .twilio
        .rest_requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .count();
    assert_eq!(posts, 0, "looking changes nothing");
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_are_set_when_asked_for_and_a_fallback_on_our_own_host_never() {
    let site = Site::start().await;
    let settings = site.settings();
    let own = DoctorOptions {
        fallback_url: Some(
            format!("{}/fallback.xml", site.server.base)
                .parse()
                .expect("an address"),
        ),
        sets_urls: true,
        live_call: None,
    };
    let refused = site.examine(&settings, own).await;
    assert_eq!(health(&refused, "fallback_url"), Health::Failed);
    assert_eq!(
        site.twilio
            .number(MEDSPA)
            .expect("a number")
            .voice_url
            .as_deref(),
        Some("https://old.example/voice")
    );
    let elsewhere = DoctorOptions {
        fallback_url: Some(
            "https://static.example/human.xml"
                .parse()
                .expect("an address"),
        ),
        sets_urls: true,
        live_call: None,
    };
    let findings = site.examine(&settings, elsewhere).await;
    assert_eq!(
        health(&findings, "number_urls"),
        Health::Passed,
        "{findings:#?}"
    );
    assert_eq!(health(&findings, "number_fallback"), Health::Passed);
    let number = site.twilio.number(MEDSPA).expect("a number");
    assert_eq!(number.voice_url, Some(site.server.voice_url()));
    assert_eq!(
        number.voice_fallback_url.as_deref(),
        Some("https://static.example/human.xml")
    );
    assert_eq!(
        number.status_callback,
        Some(format!("{}/twilio/status", site.server.base))
    );
    let again = site.examine(&settings, DoctorOptions::default()).await;
    assert!(
        again.iter().all(|finding| finding.health != Health::Failed),
        "{again:#?}"
    );
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_key_and_address_are_each_named() {
    let site = Site::start().await;
    let mut settings = site.settings();
    settings.twilio.auth_token = Some(switchboard::config::Secret::new(
        "0123456789abcdef0123456789abcdef",
    ));
    let findings = site.examine(&settings, DoctorOptions::default()).await;
    assert_eq!(health(&findings, "public_address"), Health::Failed);
    assert!(
        of(&findings, "public_address")
            .says
            .contains("refuses a right signature")
    );
    assert_eq!(health(&findings, "carrier_api"), Health::Failed);
    let mut settings = site.settings();
    // Nobody listens on the port of a listener that is gone.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound");
    settings.http.public_url = Some(format!("http://{free}").parse().expect("an address"));
    settings.openai.base_url = format!("http://{free}/v1").parse().expect("an address");
    let findings = site.examine(&settings, DoctorOptions::default()).await;
    assert!(
        of(&findings, "public_address")
            .says
            .contains("cannot be reached"),
        "{findings:#?}"
    );
    assert_eq!(health(&findings, "stream_upgrade"), Health::Skipped);
    assert_eq!(health(&findings, "model"), Health::Failed);
    site.server.stop().await;
}

/// The telephone of whoever tries it.
const MINE: &str = "+12025550177";

fn live_call(to: &str) -> DoctorOptions {
    DoctorOptions {
        live_call: Some(to.parse().expect("a number")),
        ..DoctorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_shows_that_a_cut_socket_leads_to_the_human() {
    let site = Site::start().await;
    let settings = site.settings();
    site.twilio
        .set_callee(MINE, Callee::human(CallerScript::new()));
    let findings = site.examine(&settings, live_call(MINE)).await;
    let found = of(&findings, "live_call");
    assert_eq!(found.health, Health::Passed, "{found:?}");
    let sids = site.twilio.call_sids();
    assert_eq!(sids.len(), 1, "one call");
    let call = site.twilio.call(&sids[0]).expect("it was placed");
    call.wait_for_end(BOUND)
        .await
        .expect("nobody is kept on the line");
    let cut = StreamEnd::ConnectionLost;
    let is_cut =
        |event: &CarrierEvent| matches!(event, CarrierEvent::StreamEnded { end } if *end == cut);
    assert!(call.has(is_cut), "{:?}", call.events());
    assert!(call.has(|event| matches!(event, CarrierEvent::Dialled { number } if number == HUMAN)));
    assert!(
        site.server.calls("medspa").await.is_empty(),
        "it is no call of ours"
    );
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_that_nobody_takes_or_that_may_not_be_dialled_proves_nothing() {
    let site = Site::start().await;
    let settings = site.settings();
    site.twilio
        .set_callee(MINE, Callee::unanswered(Pickup::Busy));
    let findings = site.examine(&settings, live_call(MINE)).await;
    let found = of(&findings, "live_call");
    assert_eq!(found.health, Health::Failed);
    assert!(found.says.contains("busy"), "{found:?}");
    let asked = site.twilio.call_sids().len();
    let findings = site.examine(&settings, live_call("+19005550199")).await;
    assert_eq!(health(&findings, "live_call"), Health::Failed);
    assert_eq!(site.twilio.call_sids().len(), asked, "nothing was dialled");
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_server_is_tried_as_for_a_mail_and_gets_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let smtp = FakeSmtp::start_with_login("voice", "the password").await;
    let smtp = smtp.expect("a mail server");
    let mut settings = Settings::default();
    settings.http.listen = "127.0.0.1:1".parse().expect("an address");
    let database = directory.path().join("none.db");
    settings.database.url =
        switchboard::config::DatabaseUrl::new(format!("sqlite://{}", database.display()));
    let examined = async |settings: &Settings| {
        let findings = examine(settings, &DoctorOptions::default()).await;
        of(&findings.expect("findings"), "mail").clone()
    };
    assert_eq!(examined(&settings).await.health, Health::Skipped);

    settings.mail.host = Some(smtp.address().ip().to_string());
    settings.mail.port = smtp.address().port();
    settings.mail.from = Some("voice@example.com".to_owned());
    settings.mail.user = Some("voice".to_owned());
    settings.mail.tls = MailTls::None;
    for (password, expected) in [
        ("the password", Health::Passed),
        ("another", Health::Failed),
    ] {
        settings.mail.password = Some(switchboard::config::Secret::new(password));
        let found = examined(&settings).await;
        assert_eq!(found.health, expected, "{found:?}");
        assert!(
            !format!("{found:?}").contains(password),
            "no password is shown"
        );
        if expected == Health::Failed {
            assert!(found.says.contains("auth_535"), "{found:?}");
        }
    }
    smtp.plan(SmtpFault::Close(SmtpStep::Greeting));
    let found = examined(&settings).await;
    assert!(found.says.contains("connect"), "{found:?}");
    // A server that cannot encrypt is found out before anything secret is said.
    settings.mail.tls = MailTls::Starttls;
    let found = examined(&settings).await;
    assert!(found.says.contains("starttls"), "{found:?}");
    assert_eq!(smtp.received().len(), 0, "no mail was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_believes_any_signature_is_found_out() {
    let twilio = carrier(None).await;
    let server = TestServer::start(&twilio, None, |settings| {
        settings.twilio.validate_signatures = false
    })
    .await;
    let mut settings = Settings::clone(&server.reception.settings);
    settings.twilio.validate_signatures = true;
    let findings = examine(&settings, &DoctorOptions::default())
        .await
        .expect("findings");
    assert!(
        of(&findings, "public_address")
            .says
            .contains("believes a wrong signature"),
        "{findings:#?}"
    );
    server.stop().await;
}

fn ask(directory: &Path, arguments: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(arguments.split_whitespace())
        .env_clear()
        .current_dir(directory)
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_bare_directory_fails_with_code_1_and_names_what_mends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    // A port of its own, so that no server of somebody else answers.
    std::fs::write(
        directory.path().join("switchboard.toml"),
        "[http]\nlisten = \"127.0.0.1:1\"\n",
    )
    .expect("written");
    let (code, stdout, stderr) = ask(directory.path(), "doctor");
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(
        stdout.contains("switchboard migrate up") && stdout.contains("switchboard serve"),
        "{stdout}"
    );
    assert!(stderr.contains("checks failed"), "{stderr}");
    let (code, stdout, _) = ask(directory.path(), "doctor --json");
    let findings: Value = serde_json::from_str(&stdout).expect("one JSON document");
    assert_eq!(code, 1);
    assert!(
        findings.as_array().is_some_and(|all| all
            .iter()
            .any(|it| it["health"] == "failed" && it["help"].is_string())),
        "{findings}"
    );
}

/// i4
#[tokio::test(flavor = "multi_thread")]
async fn i4_the_role_row_security_and_server_version_are_looked_at() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = support::postgres::fresh_database();
    let mut settings = Settings::default();
    settings.http.listen = "127.0.0.1:1".parse().expect("an address");
    settings.database.url = switchboard::config::DatabaseUrl::new(url.clone());
    settings.database.sealing_key_file = directory.path().join("sealing.key").display().to_string();
    switchboard_store::Store::migrate(&settings.database.store_settings())
        .await
        .expect("migrated");
    let findings = examine(&settings, &DoctorOptions::default())
        .await
        .expect("findings");
    assert_eq!(
        health(&findings, "row_security"),
        Health::Passed,
        "{findings:#?}"
    );
    assert_eq!(health(&findings, "database_clock"), Health::Passed);
    assert!(of(&findings, "server_version").says.contains("PostgreSQL"));
    let opened = Command::new("psql").arg(&url).args(["-qc", "alter table contacts no force row level security; grant truncate on turns to switchboard_app"]).status();
    assert!(opened.is_ok_and(|status| status.success()));
    let findings = examine(&settings, &DoctorOptions::default())
        .await
        .expect("findings");
    let security = of(&findings, "row_security");
    assert_eq!(security.health, Health::Failed);
    assert!(
        security.says.contains("1 tables") && security.says.contains("truncate"),
        "{security:?}"
    );
}
