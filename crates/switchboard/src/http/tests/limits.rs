//! Threat H6: time and size limits, and caps of connections and requests.

use super::*;

/// Leaves the limit of a head as the only one that can close a connection within the test's patience.
fn idle_for_long(settings: &mut Settings) {
    settings.http.idle_ms_max = 10 * u64::try_from(PATIENCE.as_millis()).expect("fits");
}

#[tokio::test]
async fn h6_a_head_that_never_ends_closes_the_connection() {
    let server = TestServer::start(idle_for_long, routes()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: te")
        .await
        .expect("sent");
    assert_eq!(read_to_end(&mut stream).await, "");
    server.wait_for_connections(0).await;
}

#[tokio::test]
async fn h6_a_connection_that_never_speaks_is_closed_too() {
    let server = TestServer::start(idle_for_long, routes()).await;
    let mut stream = server.connect().await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn h6_dribbling_bytes_do_not_prolong_a_head() {
    let server = TestServer::start(idle_for_long, routes()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nx: ")
        .await
        .expect("sent");
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let dribbled = async {
        while stream.write_all(b"a").await.is_ok() {
            pace.tick().await;
        }
    };
    timeout(PATIENCE, dribbled)
        .await
        .expect("the server gives up on the dribble");
}

#[tokio::test]
async fn h6_an_idle_connection_serves_again_and_closes_at_its_limit() {
    let server = TestServer::start(|_| (), routes()).await;
    let mut stream = server.connect().await;
    let request = b"GET /hello HTTP/1.1\r\nhost: test\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut buffer = [0; 4096];
    let count = timeout(PATIENCE, stream.read(&mut buffer))
        .await
        .expect("answers")
        .expect("read");
    assert!(String::from_utf8_lossy(&buffer[..count]).starts_with("HTTP/1.1 200"));
    // Longer than a head may take, shorter than a connection may idle.
    let waiting = Duration::from_millis(200);
    assert!(
        timeout(waiting, stream.read(&mut buffer)).await.is_err(),
        "still open"
    );
    stream.write_all(request).await.expect("sent");
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn h6_a_body_that_comes_too_slowly_is_answered_408() {
    let server = TestServer::start(|_| (), routes()).await;
    let answer = server
        .ask("POST /echo HTTP/1.1\r\ncontent-length: 10", "half")
        .await;
    assert_eq!(
        (answer.status, &answer.problem()["code"]),
        (408, &Value::from("too_slow"))
    );
}

#[tokio::test]
async fn h6_a_body_that_is_too_large_is_answered_413_declared_or_not() {
    let small = |settings: &mut Settings| settings.http.body_bytes_max = 1000;
    let server = TestServer::start(small, routes()).await;
    let declared = server
        .ask("POST /echo HTTP/1.1\r\ncontent-length: 1001", "")
        .await;
    assert_eq!(
        (declared.status, &declared.problem()["code"]),
        (413, &Value::from("too_large"))
    );
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let chunked = server
        .ask("POST /echo HTTP/1.1\r\ntransfer-encoding: chunked", &chunk)
        .await;
    assert_eq!(
        (chunked.status, &chunked.problem()["code"]),
        (413, &Value::from("too_large"))
    );
    let body = "x".repeat(1000);
    let fits = server
        .ask("POST /echo HTTP/1.1\r\ncontent-length: 1000", &body)
        .await;
    assert_eq!((fits.status, fits.body.len()), (200, 1000));
}

#[tokio::test]
async fn h6_an_address_cannot_hold_all_connections() {
    let two = |settings: &mut Settings| settings.http.connections_per_address_max = 2;
    let server = TestServer::start(two, routes()).await;
    let first = server.connect().await;
    let _second = server.connect().await;
    server.wait_for_connections(2).await;
    assert_eq!(read_to_end(&mut server.connect().await).await, "");
    drop(first);
    server.wait_for_connections(1).await;
    assert_eq!(server.ask("GET /hello HTTP/1.1", "").await.status, 200);
}

#[tokio::test]
async fn requests_are_limited_per_address_and_signed_routes_are_not() {
    let few = |settings: &mut Settings| {
        settings.http.requests_per_s_max = 1;
        settings.http.requests_burst_max = 3;
    };
    let server = TestServer::start(few, routes()).await;
    for _ in 0..3 {
        assert_eq!(server.ask("GET /hello HTTP/1.1", "").await.status, 200);
    }
    let refused = server.ask("GET /hello HTTP/1.1", "").await;
    assert_eq!(
        (refused.status, &refused.problem()["code"]),
        (429, &Value::from("too_many_requests"))
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    for _ in 0..5 {
        assert_eq!(server.ask("POST /signed HTTP/1.1", "").await.status, 200);
    }
}

#[tokio::test]
async fn h5_an_invented_forwarded_address_does_not_escape_the_limit() {
    let one = |settings: &mut Settings| {
        settings.http.requests_per_s_max = 1;
        settings.http.requests_burst_max = 1;
    };
    let server = TestServer::start(one, routes()).await;
    let forwarded = |address: &str| format!("GET /hello HTTP/1.1\r\nx-forwarded-for: {address}");
    assert_eq!(server.ask(&forwarded("198.51.100.1"), "").await.status, 200);
    assert_eq!(server.ask(&forwarded("198.51.100.2"), "").await.status, 429);
    let behind_proxy = |settings: &mut Settings| {
        one(settings);
        settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("valid")];
    };
    let server = TestServer::start(behind_proxy, routes()).await;
    assert_eq!(server.ask(&forwarded("198.51.100.1"), "").await.status, 200);
    assert_eq!(server.ask(&forwarded("198.51.100.2"), "").await.status, 200);
    assert_eq!(server.ask(&forwarded("198.51.100.2"), "").await.status, 429);
}

#[tokio::test]
async fn h6_a_peer_that_does_not_read_its_answer_is_dropped() {
    let flood = Router::new().route("/flood", get(async || vec![0_u8; 64 * 1024 * 1024]));
    let groups = RouteGroups {
        limited: flood,
        ..RouteGroups::default()
    };
    let server = TestServer::start(|_| (), groups).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /flood HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .expect("sent");
    server.wait_for_connections(1).await;
    server.wait_for_connections(0).await;
}
