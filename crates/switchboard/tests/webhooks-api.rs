//! Webhooks over the API: the same rules as on the command line, and a secret that is shown once.

mod support;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use support::{TestServer, carrier, shape};
use switchboard_store::{TenantStore, WebhookEvent, Word};

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

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let response = self.send(method.clone(), path, body, None).await;
        let (status, answer) = read(response).await;
        shape::hold(method.as_str(), path, status, &answer);
        (status, answer)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        once: Option<&str>,
    ) -> Response {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(once) = once {
            request = request.header("Idempotency-Key", once);
        }
        request.send().await.expect("answers")
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn server() -> TestServer {
    let twilio = carrier().await;
    TestServer::start(&twilio, None, |settings| {
        // Nobody listens there: what is told fails at once.
        settings.outbound.allow_networks = vec!["127.0.0.1".parse().expect("a block")];
    })
    .await
}

fn hook() -> Value {
    json!({ "url": "http://127.0.0.1:9/hook", "events": ["call.ended"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_added_rotated_and_removed_and_its_secrets_are_shown_once() {
    let server = server().await;
    let visitor = Visitor::of(&server, "trades").await;
    let send = async || {
        let (path, body) = ("/api/v1/webhooks", hook());
        visitor
            .send(Method::POST, path, Some(&body), Some("add-1"))
            .await
    };
    let (status, added) = read(send().await).await;
    let secret = added["secret"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (status, secret.starts_with("whsec_")),
        (201, true),
        "{added}"
    );
    // The repetition adds nothing, and shows no secret.
    let again = send().await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    let (status, again) = read(again).await;
    assert_eq!(
        (status, &again["id"], &again["secret"]),
        (201, &added["id"], &Value::Null)
    );
    let (_, listed) = visitor.ask(Method::GET, "/api/v1/webhooks", None).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert!(!listed.to_string().contains("whsec_"), "{listed}");

    let path = format!("/api/v1/webhooks/{}", added["id"].as_str().expect("an id"));
    let (status, rotated) = visitor
        .ask(Method::POST, &format!("{path}/rotate"), None)
        .await;
    assert_eq!(status, 200);
    assert!(rotated["secret"].as_str().is_some_and(|it| it != secret));
    let (status, enabled) = visitor
        .ask(Method::POST, &format!("{path}/enable"), None)
        .await;
    assert_eq!((status, &enabled["state"]), (200, &json!("enabled")));

    assert_eq!(visitor.ask(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(visitor.ask(Method::DELETE, &path, None).await.0, 404);
    assert_eq!(visitor.ask(Method::GET, &path, None).await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_what_the_command_line_refuses_is_refused_here_too() {
    let server = server().await;
    let visitor = Visitor::of(&server, "trades").await;
    for (body, pointer) in [
        (json!({ "url": "http://example.com/hook" }), "/url"),
        (json!({ "url": "https://169.254.169.254/latest" }), "/url"),
        (json!({ "url": "https://user:pass@example.com/" }), "/url"),
        (
            json!({ "url": "https://example.com/", "events": ["call.begun"] }),
            "/events",
        ),
    ] {
        let (status, problem) = visitor
            .ask(Method::POST, "/api/v1/webhooks", Some(&body))
            .await;
        assert_eq!(
            (status, &problem["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
    }
    let (status, _) = visitor
        .ask(
            Method::POST,
            "/api/v1/webhooks",
            Some(&json!({ "address": "x" })),
        )
        .await;
    assert_eq!(status, 422);
    assert_eq!(visitor.rows.list_webhooks().await, Ok(Vec::new()));
    server.stop().await;
}

/// h7: somebody else's endpoints and deliveries are not there.
#[tokio::test(flavor = "multi_thread")]
async fn h7_deliveries_are_shown_with_their_tries_and_replayed_by_their_tenant_alone() {
    let server = server().await;
    let visitor = Visitor::of(&server, "trades").await;
    let stranger = Visitor::of(&server, "medspa").await;
    let (_, added) = visitor
        .ask(Method::POST, "/api/v1/webhooks", Some(&hook()))
        .await;
    for _ in 0..3 {
        let told = WebhookEvent {
            event: Word::new("call.ended"),
            about: uuid::Uuid::now_v7(),
            payload: json!({ "call_id": "1" }),
            occurred_at: chrono::Utc::now(),
        };
        assert_eq!(visitor.rows.announce(&told).await, Ok(1));
    }
    let id = added["id"].as_str().expect("an id");
    let list = format!("/api/v1/webhook-deliveries?webhook={id}&limit=2");
    let (_, first) = visitor.ask(Method::GET, &list, None).await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2), "{first}");
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let (_, second) = visitor
        .ask(Method::GET, &format!("{list}&cursor={cursor}"), None)
        .await;
    assert_eq!(
        second["items"].as_array().map(Vec::len),
        Some(1),
        "{second}"
    );
    let delivery = first["items"][0]["id"].as_str().expect("an id");
    let path = format!("/api/v1/webhook-deliveries/{delivery}");
    let (status, shown) = visitor.ask(Method::GET, &path, None).await;
    assert_eq!((status, shown["tries"].is_array()), (200, true), "{shown}");
    let (status, again) = visitor
        .ask(Method::POST, &format!("{path}/replay"), None)
        .await;
    assert_eq!((status, &again["state"]), (202, &json!("waiting")));

    let theirs = [
        (Method::GET, path.clone()),
        (Method::POST, format!("{path}/replay")),
        (Method::GET, format!("/api/v1/webhooks/{id}")),
        (Method::POST, format!("/api/v1/webhooks/{id}/rotate")),
        (Method::DELETE, format!("/api/v1/webhooks/{id}")),
    ];
    for (method, path) in theirs {
        assert_eq!(stranger.ask(method, &path, None).await.0, 404, "{path}");
    }
    let (_, none) = stranger.ask(Method::GET, &list, None).await;
    assert_eq!(none["items"], json!([]));
    server.stop().await;
}
