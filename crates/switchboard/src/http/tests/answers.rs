//! What answers carry: problem documents, protecting headers, keys, health and measures.

use super::*;

#[tokio::test]
async fn every_refusal_is_a_problem_document_with_the_id_of_the_request() {
    let server = TestServer::start(|_| (), routes()).await;
    for (head, status, code) in [
        ("GET /nowhere HTTP/1.1", 404, "not_found"),
        ("DELETE /hello HTTP/1.1", 405, "method_not_allowed"),
        ("GET /signed HTTP/1.1", 405, "method_not_allowed"),
        ("GET /who HTTP/1.1", 401, "not_signed_in"),
        ("GET /panic HTTP/1.1", 500, "internal"),
    ] {
        let answer = server.ask(head, "").await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, &problem["code"]),
            (status, &Value::from(code)),
            "{head}"
        );
        assert_eq!(problem["status"], Value::from(status));
        assert_eq!(
            problem["request_id"].as_str(),
            answer.header("x-request-id")
        );
        assert!(problem["title"].as_str().is_some_and(|it| !it.is_empty()));
    }
    let answer = server.ask("DELETE /hello HTTP/1.1", "").await;
    assert_eq!(answer.header("allow"), Some("get,head"));
}

#[tokio::test]
async fn r4_a_panic_in_one_route_leaves_the_others_alone() {
    let server = TestServer::start(|_| (), routes()).await;
    assert_eq!(server.ask("GET /panic HTTP/1.1", "").await.status, 500);
    assert_eq!(server.ask("GET /hello HTTP/1.1", "").await.status, 200);
    server.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_clients_own_request_id_is_not_taken_over() {
    let server = TestServer::start(|_| (), routes()).await;
    let answer = server
        .ask("GET /hello HTTP/1.1\r\nx-request-id: canary", "")
        .await;
    assert!(!answer.head.contains("canary"), "{}", answer.head);
}

#[tokio::test]
async fn h9_every_answer_protects_browsers_and_public_ones_demand_encryption() {
    let server = TestServer::start(|_| (), routes()).await;
    for head in [
        "GET /hello HTTP/1.1",
        "GET /nowhere HTTP/1.1",
        "GET /panic HTTP/1.1",
    ] {
        let answer = server.ask(head, "").await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{head}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{head}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self';"),
            "{policy}"
        );
        assert_eq!(answer.header("strict-transport-security"), None, "{head}");
    }
    let public = |settings: &mut Settings| {
        settings.http.public_url = Some("https://voice.example.com".parse().expect("valid"));
    };
    let server = TestServer::start(public, routes()).await;
    let answer = server.ask("GET /hello HTTP/1.1", "").await;
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=31536000")
    );
}

#[tokio::test]
async fn h9_only_listed_origins_may_call_from_a_browser() {
    let listed = |settings: &mut Settings| {
        settings.http.cors_origins = vec!["https://app.example.com".to_owned()];
    };
    let server = TestServer::start(listed, routes()).await;
    let preflight = |origin: &str| {
        format!("OPTIONS /echo HTTP/1.1\r\norigin: {origin}\r\naccess-control-request-method: POST")
    };
    let answer = server.ask(&preflight("https://app.example.com"), "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "null",
    ] {
        let answer = server.ask(&preflight(origin), "").await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
        assert_eq!(answer.status, 405, "{origin}");
    }
}

#[tokio::test]
async fn a_good_key_opens_a_wrong_one_does_not_and_an_outage_is_no_refusal() {
    let server = TestServer::start(|_| (), routes()).await;
    let with = |value: &str| format!("GET /who HTTP/1.1\r\nauthorization: {value}");
    let good = server.ask(&with(&format!("Bearer {GOOD_KEY}")), "").await;
    assert_eq!((good.status, good.body.as_str()), (200, "test"));
    let outage = server
        .ask(&with(&format!("Bearer {KEY_DURING_OUTAGE}")), "")
        .await;
    assert_eq!(outage.status, 503);
    let wrong = GOOD_KEY.replace('9', "8");
    for value in [
        "",
        "Bearer",
        "Basic abc",
        &format!("Basic {GOOD_KEY}"),
        &format!("Bearer {wrong}"),
    ] {
        let answer = server.ask(&with(value), "").await;
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.header("www-authenticate"), Some("bearer"));
        assert!(!answer.body.contains(&wrong));
    }
}

#[tokio::test]
async fn h7_a_route_that_forgets_to_ask_for_a_key_is_closed_all_the_same() {
    let server = TestServer::start(|_| (), routes()).await;
    let answer = server.ask("GET /careless HTTP/1.1", "").await;
    assert_eq!(
        (answer.status, answer.body.contains("forgot")),
        (401, false)
    );
    let keyed = format!("GET /careless HTTP/1.1\r\nauthorization: bearer {GOOD_KEY}");
    assert_eq!(server.ask(&keyed, "").await.status, 200);
}

#[test]
fn s6_a_key_is_found_in_the_subprotocols_of_a_browser() {
    let mut headers = http::HeaderMap::new();
    let offered = format!("realtime, openai-insecure-api-key.{GOOD_KEY}");
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        offered.parse().expect("valid"),
    );
    assert_eq!(bearer_key(&headers).expect("found").expose(), GOOD_KEY);
    headers.insert(
        header::AUTHORIZATION,
        "Bearer sk-other".parse().expect("valid"),
    );
    assert!(
        bearer_key(&headers).is_none(),
        "the header decides when there is one"
    );
}

#[tokio::test]
async fn readiness_follows_the_registry_and_life_does_not() {
    let server = TestServer::start(|_| (), routes()).await;
    assert_eq!(server.ask("GET /readyz HTTP/1.1", "").await.status, 503);
    assert_eq!(server.ask("GET /healthz HTTP/1.1", "").await.status, 200);
    server
        .health
        .set(Component::Channel("websocket"), ComponentState::ACTIVE);
    server.health.set(
        Component::Channel("twilio"),
        ComponentState::off("no account is set"),
    );
    server
        .health
        .set(Component::Provider("local"), ComponentState::ACTIVE);
    let answer = server.ask("GET /readyz HTTP/1.1", "").await;
    let report: Value = serde_json::from_str(&answer.body).expect("json");
    assert_eq!((answer.status, &report["ready"]), (200, &Value::from(true)));
    assert_eq!(report["channels"]["twilio"]["state"], "off");
    assert_eq!(report["channels"]["twilio"]["reason"], "no account is set");
    server.health.start_draining();
    let answer = server.ask("GET /readyz HTTP/1.1", "").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (503, Some("application/json"))
    );
}

#[tokio::test]
async fn measures_are_for_listed_addresses_and_name_routes_by_pattern() {
    let groups = RouteGroups {
        limited: Router::new().route("/contacts/{id}", get(async || "")),
        ..RouteGroups::default()
    };
    let proxied = |settings: &mut Settings| {
        settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("valid")];
    };
    let server = TestServer::start(proxied, groups).await;
    assert_eq!(
        server
            .ask("GET /contacts/canary-17 HTTP/1.1", "")
            .await
            .status,
        200
    );
    assert_eq!(
        server.ask("GET /canary-path HTTP/1.1", "").await.status,
        404
    );
    let answer = server.ask("GET /metrics HTTP/1.1", "").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .body
            .contains("switchboard_http_request_seconds_bucket"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("/contacts/{id}") && !answer.body.contains("canary"));
    let foreign = server
        .ask("GET /metrics HTTP/1.1\r\nx-forwarded-for: 198.51.100.7", "")
        .await;
    assert_eq!(
        (foreign.status, foreign.body.contains("switchboard_")),
        (403, false)
    );
}
