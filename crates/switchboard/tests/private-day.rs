//! D5 over a whole day: everything the server does, once, full of canaries. Then every log line, measure, span, column of the
//! database, panic, argument of a child, URL and error is searched for them. They may stand in the columns that are made
//! for them, listed here, and nowhere else.

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "support/canaries.rs"]
mod canaries;
#[path = "support/collector.rs"]
mod collector;
#[path = "support/handoff.rs"]
mod handoff;
#[path = "support/listening.rs"]
mod listening;
mod support;

use std::collections::BTreeSet;
use std::process::Command;

use canaries::{
    CALLER, CANARIES, KEY, Lines, assert_none_in, calls_with_canaries, finished, parrot, place,
};
use collector::Collector;
use handoff::no_answer;
use listening::{Arguments, Receiver};
use reqwest::Method;
use serde_json::json;
use support::{BOUND, HUMAN, MEDSPA, TRADES, TestServer, carrier, model, postgres};
use switchboard::config::{DatabaseUrl, LogFormat, LogLevel, LogSettings, MailTls, Secret};
use switchboard::mail::{MailAddress, MailAddresses};
use switchboard::ops::seal::SealingKey;
use switchboard::ops::{logging, panics};
use switchboard::webhooks::{EVENTS, WebhookSecret, event, secret_context};
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::realtime::RealtimeServer;
use switchboard_sim::smtp::{FakeSmtp, SmtpFault, SmtpStep};
use switchboard_sim::twilio::{Callee, CarrierEvent, FakeTwilio, RestFault};
use switchboard_store::{
    ConsentAnswer, ConsentId, JournalWrite, ListFilter, NewConsent, NewWebhook, PhoneNumber,
    Private, TenantStore, WebhookId, Word,
};

/// Where people's names, numbers, words and addresses are kept, because that is what these columns are for. What is not
/// here is technical, and technical columns hold none.
const MADE_FOR_PEOPLE: &[&str] = &[
    "agents.definition",
    "calls.caller_number",
    "captured_fields.value",
    "consents.answer_text",
    "consents.wording",
    "contact_addresses.lookup_key",
    "contact_addresses.value",
    "contacts.name",
    "contacts.name_key",
    "numbers.human_number",
    "outgoing_calls.context",
    "outgoing_calls.to_number",
    "settings.value",
    "switches.value",
    "tool_calls.arguments",
    "tool_calls.result",
    "turns.generated_text",
    "turns.heard_text",
    "turns.sent_text",
    "voicemails.transcript",
    "webhook_endpoints.url",
];

struct Day {
    url: String,
    twilio: FakeTwilio,
    model: RealtimeServer,
    smtp: FakeSmtp,
    receiver: Receiver,
    collector: Collector,
    server: TestServer,
    rows: TenantStore,
    key: String,
    /// What was answered to wrong requests, and what commands said on stderr.
    told: String,
}

impl Day {
    async fn begin() -> Self {
        let url = postgres::fresh_database();
        let (twilio, model) = (carrier().await, model(parrot()).await);
        let smtp = FakeSmtp::start().await.expect("a mail server");
        let receiver = Receiver::start(&[500]).await;
        let collector = Collector::start().await;
        let server = TestServer::start(&twilio, Some(&model), |settings| {
            settings.database.url = DatabaseUrl::new(url.clone());
            settings.openai.api_key = Some(Secret::new(KEY));
            settings.telemetry.otlp_url = Some(collector.url.parse().expect("an address"));
            settings.outgoing.hour_from = 0;
            settings.outgoing.hour_until = 24;
            settings.mail.host = Some(smtp.address().ip().to_string());
            settings.mail.port = smtp.address().port();
            settings.mail.tls = MailTls::None;
            settings.mail.from = Some("Zanzibar <voice@quillfeather.example>".to_owned());
            settings.outbound.allow_networks = vec!["127.0.0.1".parse().expect("a block")];
        })
        .await;
        let rows = server.rows("medspa").await;
        let key = rows.create_api_key("desk").await.expect("a key").key;
        Self {
            url,
            twilio,
            model,
            smtp,
            receiver,
            collector,
            server,
            rows,
            key: key.expose().clone(),
            told: String::new(),
        }
    }

    /// Where mails go, who is told of events, and who agreed to be called.
    async fn prepare(&self) {
        let address: MailAddress = "desk@quillfeather.example".parse().expect("an address");
        let mut addresses = MailAddresses::default();
        addresses.set(None, Some(&address));
        addresses.store(&self.rows).await.expect("stored");

        let (id, secret) = (
            WebhookId::new(),
            WebhookSecret::generate().expect("randomness"),
        );
        let file = &self.server.reception.settings.database.sealing_key_file;
        let seal = SealingKey::load_or_create(std::path::Path::new(file)).expect("the key");
        let context = secret_context(self.rows.scope().tenant, id);
        let sealed = seal.seal(&secret.to_text(), &context).expect("sealed");
        let url = format!("http://{}/zanzibar?of=quillfeather", self.receiver.address);
        let endpoint = NewWebhook {
            id,
            url: url.as_str().into(),
            sealed_secret: Private::new(sealed),
            events: EVENTS
                .iter()
                .map(|name| event(name).expect("an event"))
                .collect(),
        };
        self.rows.add_webhook(&endpoint).await.expect("stored");

        let number = PhoneNumber::parse(CALLER).expect("a number");
        let contact = self.rows.ensure_contact_by_phone(&number).await;
        let consent = NewConsent {
            id: ConsentId::new(),
            contact_id: Some(contact.expect("a contact").id),
            call_id: None,
            purpose: Word::new("outgoing_calls"),
            wording: "May we call Zanzibar Quillfeather?".to_owned(),
            language: "en".to_owned(),
            answer: ConsentAnswer::Granted,
            answer_text: Some("yes, said Zanzibar".into()),
            heard_ms: None,
            complete: Some(true),
            version: None,
            disclosed_at: chrono::Utc::now(),
            answered_at: Some(chrono::Utc::now()),
        };
        let stored = self.rows.apply(&[JournalWrite::Consent(consent)]).await;
        stored.expect("a consent");
    }

    /// The human does not answer, and the caller leaves a message; the carrier's API stumbles on the way.
    async fn leave_a_message(&self, words: Clip) {
        self.twilio.set_human(HUMAN, no_answer());
        let call = self
            .twilio
            .place_call(place(&self.server, MEDSPA, CallerScript::new()));
        let speaks = |event: &CarrierEvent| matches!(event, CarrierEvent::MediaReceived { .. });
        call.wait_for(BOUND, speaks).await.expect("the agent");
        call.press('0');
        let records =
            |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
        call.wait_for(BOUND, records).await.expect("voicemail");
        self.twilio.push_rest_faults([RestFault::server_error()]);
        let script = CallerScript::new().wait(800).speak(words);
        call.add_steps(script.wait(400).hang_up().steps);
        call.wait_for_end(BOUND).await.expect("the call ends");
        until(async || {
            let listed = self.rows.list_voicemails(&ListFilter::default()).await;
            let listed = listed.expect("voicemails");
            listed.iter().any(|it| it.object_key.is_some())
        })
        .await;
    }

    /// The trades' agent speaks and listens offline: by child processes, whose arguments everybody on the machine can read.
    async fn talk_offline(&self, words: Clip) {
        let rows = self.server.rows("trades").await;
        let stored = rows.agent("trades").await.expect("an answer");
        let mut definition = stored.expect("the agent").definition;
        definition["model"] = json!("local");
        definition["greeting"]["text"]["en"] = json!("This is Zanzibar Quillfeather.");
        let published = rows.publish_agent("trades", &definition, "test").await;
        published.expect("published");
        let script = CallerScript::new()
            .wait(4_000)
            .speak(words)
            .wait(3_000)
            .hang_up();
        finished(&self.twilio, place(&self.server, TRADES, script)).await;
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str, key: &str) -> u16 {
        let url = format!("{}{path}", self.server.base);
        let request = reqwest::Client::new().request(method, url);
        let request = request.header("content-type", "application/json");
        let request = request.bearer_auth(key).body(body.to_owned());
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        if status >= 400 {
            self.told += &answer.text().await.expect("a body");
        }
        status
    }

    /// The API used well and badly. The name of a field that is misspelt is told back to whoever wrote it; values are not.
    async fn use_the_api(&mut self) {
        let key = self.key.clone();
        let wording =
            r#"{"switch":"consent_wording","value":"Zanzibar Quillfeather writes this down."}"#;
        assert_eq!(
            self.ask(Method::PUT, "/api/v1/switches", wording, &key)
                .await,
            200
        );
        for (body, key) in [
            (r#"{"switch":"zanzibar","value":"on"}"#, key.as_str()),
            (r#"{"switch":"streaming","value":"quillfeather"}"#, &key),
            (r#"{"switch":"streaming","number":"zanzibar"}"#, &key),
            (r#"{"Zanzibar Quillfeather"#, &key),
            (r#"{"switches":"+12025550171"}"#, &key),
            ("{}", "sk_sb_sk-canary-7f3a9c"),
        ] {
            let status = self.ask(Method::PUT, "/api/v1/switches", body, key).await;
            assert!((400..500).contains(&status), "{body}: {status}");
        }
        for path in [
            "/api/v1/calls/zanzibar",
            "/api/v1/calls?cursor=quillfeather",
            "/api/v1/zanzibar?quillfeather=1",
        ] {
            let status = self.ask(Method::GET, path, "", &key).await;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }

    /// We call Zanzibar, and a machine answers.
    async fn place_a_call(&mut self) {
        self.twilio.set_callee(CALLER, Callee::voicemail(500));
        let wish = json!({ "agent": "medspa", "to": CALLER, "purpose": "reminder",
            "context": "Zanzibar Quillfeather of 77 Canarybird Lane has a massage." })
        .to_string();
        let key = self.key.clone();
        let asked = self.ask(Method::POST, "/api/v1/calls", &wish, &key).await;
        assert_eq!(asked, 202, "{}", self.told);
        let wish = json!({ "agent": "zanzibar", "to": "911 Quillfeather", "purpose": "reminder" });
        let wish = wish.to_string();
        let refused = self.ask(Method::POST, "/api/v1/calls", &wish, &key).await;
        assert!((400..500).contains(&refused));
        until(async || {
            let calls = self.rows.list_calls(&ListFilter::default()).await;
            let is_ours = |reason: &Word| reason.as_str() == "message_left";
            calls
                .expect("calls")
                .iter()
                .any(|call| call.end_reason.as_ref().is_some_and(is_ours))
        })
        .await;
    }

    /// The operator's commands, beside the server. What they print on stdout is what was asked for.
    fn operate(&mut self, folder: &std::path::Path) {
        for arguments in [
            "backup whole --json".to_owned(),
            format!("export --tenant medspa --phone {CALLER} --to zanzibar --json"),
            format!("erase --tenant medspa --phone {CALLER} --dry-run --json"),
            "switch set bridge_only quillfeather --tenant medspa --json".to_owned(),
            "list calls --tenant quillfeather --json".to_owned(),
            format!("erase --tenant medspa --phone {CALLER} --yes --json"),
        ] {
            let settings = &self.server.reception.settings;
            let done = Command::new(env!("CARGO_BIN_EXE_switchboard"))
                .args(arguments.split(' '))
                .env("SWITCHBOARD_DATABASE__URL", &self.url)
                .env(
                    "SWITCHBOARD_DATABASE__SEALING_KEY_FILE",
                    &settings.database.sealing_key_file,
                )
                .env(
                    "SWITCHBOARD_RECORDINGS__FOLDER",
                    &settings.recordings.folder,
                )
                .env(
                    "SWITCHBOARD_DATABASE__ERASURE_LIST_FILE",
                    &settings.database.erasure_list_file,
                )
                .current_dir(folder)
                .output()
                .expect("the binary runs");
            let stderr = String::from_utf8_lossy(&done.stderr);
            // A name that was typed is named in the answer to whoever typed it.
            let is_wrong = arguments.contains("quillfeather");
            assert_eq!(done.status.success(), !is_wrong, "{arguments}: {stderr}");
            if !is_wrong {
                self.told += &stderr.replace("zanzibar", "");
            }
        }
    }

    /// Addresses that we asked for or told others to ask.
    fn urls(&self) -> String {
        let mut urls = String::new();
        for request in self.twilio.rest_requests() {
            urls += &format!("{}\n", request.path);
            for name in ["Url", "StatusCallback", "AsyncAmdStatusCallback"] {
                urls += request.form.text(name).unwrap_or_default();
                urls.push('\n');
            }
        }
        urls
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(BOUND, waited).await;
    assert!(waited.is_ok(), "waited in vain");
}

/// What a database holds, by `table.column`.
#[derive(Default)]
struct Found {
    /// With a canary.
    kept: BTreeSet<String>,
    /// With a secret.
    leaked: BTreeSet<String>,
    /// All there are.
    columns: BTreeSet<String>,
}

fn columns_with(url: &str, secrets: &[String]) -> Found {
    let dumped = Command::new("pg_dump")
        .args(["--data-only", url])
        .output()
        .expect("pg_dump runs");
    assert!(dumped.status.success(), "the database can be read whole");
    let text = String::from_utf8(dumped.stdout).expect("text");
    let mut found = Found::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(copy) = line.strip_prefix("COPY public.") else {
            continue;
        };
        let (table, rest) = copy.split_once(" (").expect("a table");
        let (columns, _) = rest.split_once(')').expect("its columns");
        let columns: Vec<String> = columns
            .split(", ")
            .map(|column| format!("{table}.{}", column.trim_matches('"')))
            .collect();
        found.columns.extend(columns.iter().cloned());
        for row in lines.by_ref().take_while(|row| *row != "\\.") {
            for (column, value) in columns.iter().zip(row.split('\t')) {
                let value = readable(value);
                if CANARIES.iter().any(|canary| value.contains(canary)) {
                    found.kept.insert(column.clone());
                }
                let has = |secret: &String| value.contains(&secret.to_lowercase());
                if secrets.iter().any(has) {
                    found.leaked.insert(column.clone());
                }
            }
        }
    }
    found
}

/// A value as it would be read, bytes included.
fn readable(value: &str) -> String {
    let Some(hex) = value.strip_prefix("\\\\x") else {
        return value.to_lowercase();
    };
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair.get(1).unwrap_or(&0))
        .collect();
    String::from_utf8_lossy(&bytes).to_lowercase()
}

fn listen() -> (Lines, logging::LogWriter) {
    let lines = Lines::default();
    let settings = LogSettings {
        level: LogLevel::Trace,
        format: LogFormat::Json,
    };
    let (subscriber, writer) =
        logging::subscriber(&settings, false, lines.clone()).expect("a thread");
    tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");
    (lines, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_a_day_of_everything_leaves_canaries_only_where_they_belong() {
    let (lines, writer) = listen();
    let words = speak("I am Zanzibar Quillfeather", &Voice::default()).await;
    let words = words.expect("speech");
    let mut day = Day::begin().await;
    day.prepare().await;
    let arguments = Arguments::watch();
    let refusal = SmtpFault::Answer(SmtpStep::RcptTo, 450, "Zanzibar Quillfeather is away");
    day.smtp.plan(refusal);
    let mut secrets = calls_with_canaries(&day.server, &day.twilio).await;
    secrets.extend([day.key.clone(), KEY.to_owned()]);
    day.talk_offline(words.clone()).await;
    day.leave_a_message(words).await;
    day.use_the_api().await;
    day.place_a_call().await;
    // From here to the next line but one a failure of this test would say nothing.
    panics::install_hook();
    let panicked = tokio::spawn(async { panic!("Zanzibar Quillfeather said parrot words") });
    assert!(panicked.await.is_err());
    drop(std::panic::take_hook());
    day.server.idle().await;
    assert!(day.server.reception.recorder.finished(BOUND).await);
    assert!(day.server.reception.journal.flushed(BOUND).await);
    until(async || day.receiver.count() >= 3).await;
    until(async || day.smtp.connections() >= 1).await;
    let arguments = arguments.seen();
    assert!(arguments.contains("espeak-ng"), "children ran: {arguments}");

    let Found {
        kept,
        leaked,
        columns,
    } = columns_with(&day.url, &secrets);
    assert_eq!(leaked, BTreeSet::new(), "secrets are hashed or sealed");
    let allowed: BTreeSet<String> = MADE_FOR_PEOPLE.iter().map(|it| (*it).to_owned()).collect();
    assert!(
        allowed.is_subset(&columns),
        "a column is listed that is gone"
    );
    let elsewhere: Vec<&String> = kept.difference(&allowed).collect();
    assert!(elsewhere.is_empty(), "canaries in {elsewhere:?}");
    for place in [
        "turns.generated_text",
        "contacts.name",
        "outgoing_calls.context",
    ] {
        assert!(kept.contains(place), "{place} has what it is for: {kept:?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    day.operate(folder.path());
    let Found { kept, .. } = columns_with(&day.url, &secrets);
    let elsewhere: Vec<&String> = kept.difference(&allowed).collect();
    assert!(
        elsewhere.is_empty(),
        "canaries after erasing in {elsewhere:?}"
    );
    assert!(
        !kept.contains("outgoing_calls.context"),
        "it was erased: {kept:?}"
    );

    let page = |path: &str| reqwest::get(format!("{}{path}", day.server.base));
    let metrics = page("/metrics").await.expect("an answer").text().await;
    let health = page("/ops/voice-health.json").await.expect("an answer");
    let places = [
        ("the measures", metrics.expect("a body")),
        ("voice health", health.text().await.expect("a body")),
        ("arguments of children", arguments),
        ("addresses", day.urls()),
        ("errors", day.told.clone()),
        ("the model's address", day.model.base_url()),
    ];
    day.server.stop().await;
    drop(writer);
    let log = lines.text();
    assert!(log.contains("panic") && log.contains("declined"), "{log}");
    assert_none_in(&places, &secrets);
    let spans = day.collector.spans();
    assert_eq!(day.collector.refused(), Vec::<String>::new());
    for name in ["call", "handshake", "turn", "tool", "handoff"] {
        assert!(spans.iter().any(|span| span.name == name), "{name}");
    }
    assert_none_in(
        &[("the log", log), ("traces", day.collector.text())],
        &secrets,
    );
}
