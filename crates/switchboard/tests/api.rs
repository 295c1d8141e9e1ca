//! The ground of `/api/v1`: keys, pages, problems, and writes that run once.

mod support;

use std::collections::BTreeSet;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use support::{TRADES, TestServer, carrier, shape};
use switchboard::http::api::access::{Access, access_of};
use switchboard_store::{
    CallId, Channel, Direction, ListFilter, NewCall, PhoneNumber, TenantStore,
};

/// A tenant with a key, seen through HTTP.
struct Visitor {
    client: Client,
    base: String,
    key: String,
    rows: TenantStore,
}

impl Visitor {
    async fn of(server: &TestServer, tenant: &str) -> Self {
        let rows = server.rows(tenant).await;
        let created = rows.create_api_key("test").await.expect("a key");
        Self {
            client: Client::new(),
            base: server.base.clone(),
            key: created.key.into_exposed(),
            rows,
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client.request(method, url).bearer_auth(&self.key)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.ask(Method::GET, path).send().await;
        let (status, answer) = read(response.expect("answers")).await;
        shape::hold("GET", path, status, &answer);
        (status, answer)
    }

    /// Calls that came in one after the other, oldest first.
    async fn with_calls(self, count: i64) -> (Self, Vec<CallId>) {
        let mut ids = Vec::new();
        for number in 0..count {
            // Two of each second, so that the order needs the id.
            let offered_at = chrono::DateTime::from_timestamp(1_800_000_000 + number / 2, 0);
            let call = NewCall {
                id: CallId::new(),
                carrier_call_id: None,
                agent_name: if number % 2 == 0 { "even" } else { "odd" }.to_owned(),
                agent_version: None,
                channel: Channel::Phone,
                direction: Direction::Inbound,
                number: None,
                caller_number: None,
                contact_id: None,
                conversation_id: None,
                location: None,
                offered_at: offered_at.expect("a time"),
            };
            self.rows.offer_call(&call).await.expect("stored");
            ids.push(call.id);
        }
        (self, ids)
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn ids_of(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn cursor_of(page: &Value) -> Option<&str> {
    page["next_cursor"].as_str()
}

#[tokio::test]
async fn pages_show_every_call_once_newest_first_while_others_come_in() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let (visitor, mut ids) = Visitor::of(&server, "trades").await.with_calls(7).await;
    let (status, first) = visitor.get("/api/v1/calls?limit=3").await;
    assert_eq!((status, ids_of(&first).len()), (200, 3), "{first}");
    let newer = NewCall {
        id: CallId::new(),
        offered_at: chrono::Utc::now() + chrono::TimeDelta::days(900),
        ..call_like()
    };
    visitor.rows.offer_call(&newer).await.expect("stored");
    let mut seen = ids_of(&first);
    let mut page = first;
    while let Some(cursor) = cursor_of(&page) {
        page = visitor
            .get(&format!("/api/v1/calls?limit=3&cursor={cursor}"))
            .await
            .1;
        seen.extend(ids_of(&page));
        assert!(seen.len() <= 7, "the list ends");
    }
    ids.reverse();
    let expected: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(seen, expected);
    let (_, odd) = visitor.get("/api/v1/calls?agent=odd&limit=200").await;
    assert_eq!((ids_of(&odd).len(), cursor_of(&odd)), (3, None));
    server.stop().await;
}

fn call_like() -> NewCall {
    NewCall {
        id: CallId::new(),
        carrier_call_id: None,
        agent_name: "even".to_owned(),
        agent_version: None,
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: None,
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: chrono::Utc::now(),
    }
}

#[tokio::test]
async fn t6_a_cursor_opens_for_its_tenant_and_its_question_only() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let (visitor, _) = Visitor::of(&server, "trades").await.with_calls(5).await;
    let (other, _) = Visitor::of(&server, "medspa").await.with_calls(5).await;
    let (_, page) = visitor.get("/api/v1/calls?limit=2").await;
    let cursor = cursor_of(&page).expect("there is more");
    let again = format!("/api/v1/calls?limit=2&cursor={cursor}");
    assert_eq!(visitor.get(&again).await.0, 200);
    let (status, problem) = other.get(&again).await;
    assert_eq!((status, &problem["code"]), (400, &"bad_request".into()));
    for question in [
        format!("/api/v1/calls?agent=odd&cursor={cursor}"),
        format!("/api/v1/calls?cursor={}", &cursor[1..]),
        "/api/v1/calls?cursor=bm9uZQ".to_owned(),
    ] {
        assert_eq!(visitor.get(&question).await.0, 400, "{question}");
    }
    server.stop().await;
}

#[tokio::test]
async fn parameters_that_cannot_be_obeyed_are_refused_and_not_ignored() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    for (path, names) in [
        ("/api/v1/calls?limit=201", "limit"),
        ("/api/v1/calls?limit=0", "limit"),
        ("/api/v1/calls?limit=1&limit=2", "limit"),
        ("/api/v1/calls?status=lost", "status"),
        (
            "/api/v1/calls?sort=price",
            "sort must be one of -offered_at",
        ),
        ("/api/v1/calls?from=yesterday", "from must be a time"),
        ("/api/v1/calls?q=a", "q must have 2 to 100"),
        (
            "/api/v1/calls?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "later than `from`",
        ),
        ("/api/v1/calls?agents=odd", "known are agent, channel"),
    ] {
        let (status, problem) = visitor.get(path).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{path}");
        assert!(detail.contains(names), "{path}: {detail}");
    }
    server.stop().await;
}

#[tokio::test]
async fn h7_foreign_unknown_and_impossible_ids_are_answered_alike() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let (_other, foreign) = Visitor::of(&server, "medspa").await.with_calls(1).await;
    let (visitor, own) = Visitor::of(&server, "trades").await.with_calls(1).await;
    let (status, call) = visitor.get(&format!("/api/v1/calls/{}", own[0])).await;
    assert_eq!((status, &call["id"]), (200, &own[0].to_string().into()));
    let mut answers = BTreeSet::new();
    for id in [
        foreign[0].to_string(),
        CallId::new().to_string(),
        "17".to_owned(),
    ] {
        let (status, mut problem) = visitor.get(&format!("/api/v1/calls/{id}")).await;
        let request = problem["request_id"].take();
        assert!(request.is_string(), "each answer names its request");
        answers.insert((status, problem.to_string()));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.first().map(|it| it.0), Some(404));
    server.stop().await;
}

impl Visitor {
    /// Sets a switch with an idempotency key; gives status, whether it is a repetition, and the answer.
    async fn put(&self, key: &str, body: &Value) -> (u16, bool, Value) {
        let request = self.ask(Method::PUT, "/api/v1/switches");
        let request = request.header("idempotency-key", key).json(body);
        let response = request.send().await.expect("answers");
        let is_replay = response.headers().contains_key("idempotency-replayed");
        let (status, answer) = read(response).await;
        (status, is_replay, answer)
    }

    async fn changes(&self) -> usize {
        let entries = self.rows.list_audit_entries(&ListFilter::default()).await;
        let entries = entries.expect("entries");
        entries
            .iter()
            .filter(|entry| entry.noun == "switch")
            .count()
    }
}

#[tokio::test]
async fn t6_a_repeated_write_runs_once_and_gets_the_same_answer() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    let menu = json!({ "switch": "pick_up", "value": "menu" });
    let (status, is_replay, first) = visitor.put("one", &menu).await;
    assert_eq!(
        (status, is_replay, &first["value"]),
        (200, false, &"menu".into())
    );
    let agent = json!({ "switch": "pick_up", "value": "agent" });
    assert_eq!(visitor.put("two", &agent).await.0, 200);
    let again = visitor.put("one", &menu).await;
    assert_eq!(again, (200, true, first), "the answer of then, not of now");
    assert_eq!(visitor.changes().await, 2);
    let (status, _, problem) = visitor.put("one", &agent).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &"idempotency_key_reused".into())
    );
    let impossible = json!({ "switch": "pick_up", "value": "robot" });
    for is_replay in [false, true] {
        let (status, replayed, problem) = visitor.put("three", &impossible).await;
        assert_eq!((status, replayed), (422, is_replay), "{problem}");
    }
    assert_eq!(visitor.changes().await, 2, "nothing else was changed");
    server.stop().await;
}

#[tokio::test]
async fn t6_an_idempotency_key_belongs_to_its_tenant_and_its_credential() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitors = [
        Visitor::of(&server, "trades").await,
        Visitor::of(&server, "trades").await,
        Visitor::of(&server, "medspa").await,
    ];
    for (visitor, value) in visitors.iter().zip(["menu", "bridge", "agent"]) {
        let body = json!({ "switch": "pick_up", "value": value });
        let (status, is_replay, answer) = visitor.put("one", &body).await;
        assert_eq!(
            (status, is_replay, &answer["value"]),
            (200, false, &value.into())
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn t6_of_writes_at_the_same_time_with_one_key_one_runs() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    let menu = json!({ "switch": "pick_up", "value": "menu" });
    let answers = futures_util::future::join_all((0..8).map(|_| visitor.put("one", &menu))).await;
    for (status, _, answer) in &answers {
        let is_running = answer["code"] == "idempotency_key_running";
        assert!(*status == 200 || (*status == 409 && is_running), "{answer}");
    }
    assert!(answers.iter().any(|answer| answer.0 == 200));
    assert_eq!(visitor.changes().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_obeyed_is_refused_with_what_is_possible() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    let cases = [
        ("not json", 400, "the body is not JSON"),
        ("{\"switch\":\"pick_up\"}", 422, "missing field `value`"),
        (
            "{\"switch\":\"pickup\",\"value\":\"menu\"}",
            422,
            "did you mean `pick_up`?",
        ),
        (
            "{\"switch\":\"pick_up\",\"value\":\"humanfirst\"}",
            422,
            "did you mean `human_first`?",
        ),
        (
            "{\"switch\":\"streaming\",\"value\":\"off\",\"number\":\"+12025550103\"}",
            404,
            "no such number",
        ),
        (
            "{\"switch\":\"streaming\",\"value\":\"off\",\"expires_at\":\"2020-01-01T00:00:00Z\"}",
            422,
            "has passed",
        ),
    ];
    for (body, status, detail) in cases {
        let request = visitor.ask(Method::PUT, "/api/v1/switches").body(body);
        let (answered, problem) = read(request.send().await.expect("answers")).await;
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap_or_default()
                .contains(detail),
            "{problem}"
        );
    }
    let large = format!("{{\"switch\":\"{}\"}}", "x".repeat(300_000));
    let request = visitor.ask(Method::PUT, "/api/v1/switches").body(large);
    assert_eq!(read(request.send().await.expect("answers")).await.0, 413);
    let text = visitor
        .ask(Method::PUT, "/api/v1/switches")
        .header("content-type", "text/plain");
    assert_eq!(
        read(text.body("{}").send().await.expect("answers")).await.0,
        415
    );
    assert_eq!(visitor.changes().await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_switch_set_by_a_key_counts_for_its_tenant_until_it_is_cleared() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    let other = server.rows("medspa").await.scope().tenant;
    let own = visitor.rows.scope().tenant;
    let number = PhoneNumber::parse(TRADES).expect("a number");
    let body = json!({ "switch": "recording", "value": "off", "number": TRADES });
    assert_eq!(visitor.put("one", &body).await.0, 200);
    let switches = &server.reception.switches;
    assert_eq!(
        switches.for_call(own, Some(&number)).await.recording,
        Some(false)
    );
    assert_eq!(switches.for_call(own, None).await.recording, None);
    assert_eq!(
        switches.for_call(other, Some(&number)).await.recording,
        None
    );
    let (_, listed) = visitor.get("/api/v1/switches").await;
    assert_eq!(listed["items"][0]["scope"], "number");
    let path = format!(
        "/api/v1/switches?switch=recording&number=%2B{}",
        &TRADES[1..]
    );
    for _ in 0..2 {
        let cleared = visitor
            .ask(Method::DELETE, &path)
            .send()
            .await
            .expect("answers");
        assert_eq!(cleared.status().as_u16(), 204);
    }
    assert_eq!(switches.for_call(own, Some(&number)).await.recording, None);
    server.stop().await;
}

/// Every route that stands in the source of the API, whoever adds it.
fn paths_of_the_source() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/api");
    let mut paths = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("the API's files") {
        let path = file.expect("a file").path();
        // The table names routes; it makes none.
        if path.is_dir() || path.ends_with("access.rs") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("text");
        let routes = text.split("\"/api/v1/").skip(1);
        paths.extend(routes.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()));
    }
    paths
}

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

#[tokio::test]
async fn h7_no_route_of_the_api_answers_without_a_key() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let paths = paths_of_the_source();
    assert!(
        paths.contains("calls") && paths.contains("calls/{id}"),
        "{paths:?}"
    );
    let client = Client::new();
    for path in paths {
        let pattern = format!("/api/v1/{path}");
        let path = path.replace(['{', '}'], "");
        for method in METHODS {
            if access_of(&method, &pattern) == Some(Access::Open) {
                continue;
            }
            for key in [None, Some("sk_sb_0123456789abcdef0123456789abcdef")] {
                let url = format!("{}/api/v1/{path}", server.base);
                let mut request = client.request(method.clone(), url);
                if let Some(key) = key {
                    request = request.bearer_auth(key);
                }
                let status = request.send().await.expect("answers").status().as_u16();
                assert!(matches!(status, 401 | 405), "{method} {path} gave {status}");
            }
        }
    }
    server.stop().await;
}

/// A route that is not in the table is refused to people, so it would be noticed late; here it is noticed at once.
#[tokio::test]
async fn h7_every_route_of_the_source_stands_in_the_table() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let visitor = Visitor::of(&server, "trades").await;
    for path in paths_of_the_source() {
        let pattern = format!("/api/v1/{path}");
        let asked = pattern.replace("{id}", &CallId::new().to_string());
        for method in METHODS {
            if access_of(&method, &pattern).is_some() {
                continue;
            }
            let response = visitor.ask(method.clone(), &asked).send().await;
            let status = response.expect("answers").status().as_u16();
            assert_eq!(status, 405, "{method} {pattern} has no row in access.rs");
        }
    }
    server.stop().await;
}
