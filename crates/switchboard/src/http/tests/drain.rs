//! Sockets that were upgraded, and how the server stops.

use super::*;

/// A route that upgrades and hands the bare stream to the test.
fn upgrading(streams: mpsc::UnboundedSender<(PeerStream, Bytes)>) -> Router {
    Router::new().route(
        "/upgrade",
        any(async move |mut request: Request| {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let upgraded = upgrade.await.expect("upgrades");
                streams.send(take_upgraded(upgraded).expect("our own stream"))
            });
            let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
            response
                .headers_mut()
                .insert(header::CONNECTION, "upgrade".parse().expect("valid"));
            response
                .headers_mut()
                .insert(header::UPGRADE, "test".parse().expect("valid"));
            response
        }),
    )
}

async fn upgrade(server: &TestServer) -> TcpStream {
    let mut stream = server.connect().await;
    let request =
        "GET /upgrade HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: test\r\n\r\nearly";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut buffer = [0; 4096];
    let count = timeout(PATIENCE, stream.read(&mut buffer))
        .await
        .expect("answers")
        .expect("read");
    assert!(String::from_utf8_lossy(&buffer[..count]).starts_with("HTTP/1.1 101"));
    stream
}

#[tokio::test]
async fn an_upgraded_socket_outlives_the_limits_of_http_and_stays_counted() {
    let (sender, mut streams) = mpsc::unbounded_channel();
    let groups = RouteGroups {
        signed: upgrading(sender),
        ..RouteGroups::default()
    };
    let server = TestServer::start(|_| (), groups).await;
    let mut caller = upgrade(&server).await;
    let (stream, early) = timeout(PATIENCE, streams.recv())
        .await
        .expect("in time")
        .expect("upgraded");
    assert_eq!(early, "early", "bytes behind the head are not lost");
    let (mut tcp, permit) = stream.into_parts();
    assert!(tcp.nodelay().expect("asked"));
    let mut byte = [0; 1];
    // Longer than head, body and idle limits of these tests.
    let waiting = Duration::from_millis(600);
    assert!(
        timeout(waiting, tcp.read(&mut byte)).await.is_err(),
        "still open"
    );
    caller.write_all(b"x").await.expect("sent");
    assert_eq!(tcp.read(&mut byte).await.expect("read"), 1);
    assert_eq!(server.connections.count(), 1);
    drop((tcp, permit));
    server.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_drain_lets_requests_end_closes_idle_connections_and_takes_no_more() {
    let (release, held) = oneshot::channel::<()>();
    let (entered, mut inside) = mpsc::unbounded_channel();
    let held = Arc::new(Mutex::new(Some(held)));
    let slow = get(move || {
        let (held, entered) = (held.lock().expect("not poisoned").take(), entered.clone());
        async move {
            entered.send(()).expect("the test waits");
            let _ = held.expect("asked once").await;
            "finished"
        }
    });
    let groups = RouteGroups {
        limited: Router::new().route("/slow", slow),
        ..RouteGroups::default()
    };
    let server = TestServer::start(|_| (), groups).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .expect("sent");
    timeout(PATIENCE, inside.recv())
        .await
        .expect("in time")
        .expect("entered");
    server.wait_for_connections(2).await;
    server.trigger.begin();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(
        !server.serving.is_finished(),
        "a request is still in progress"
    );
    release.send(()).expect("the route waits");
    assert!(read_to_end(&mut busy).await.ends_with("finished"));
    timeout(PATIENCE, server.serving)
        .await
        .expect("in time")
        .expect("ends well");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "the port is closed"
    );
    assert_eq!(server.connections.count(), 0);
}

#[tokio::test]
async fn a_drain_does_not_cut_upgraded_sockets() {
    let (sender, mut streams) = mpsc::unbounded_channel();
    let groups = RouteGroups {
        signed: upgrading(sender),
        ..RouteGroups::default()
    };
    let server = TestServer::start(|_| (), groups).await;
    let mut caller = upgrade(&server).await;
    let (mut stream, _) = timeout(PATIENCE, streams.recv())
        .await
        .expect("in time")
        .expect("upgraded");
    server.trigger.begin();
    timeout(PATIENCE, server.serving)
        .await
        .expect("in time")
        .expect("ends well");
    stream.write_all(b"still here").await.expect("sent");
    drop(stream);
    assert_eq!(read_to_end(&mut caller).await, "still here");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_stop() {
    let endless = Router::new().route("/endless", get(std::future::pending::<&'static str>));
    let groups = RouteGroups {
        limited: endless,
        ..RouteGroups::default()
    };
    let server = TestServer::start(|settings| settings.http.drain_ms_max = 100, groups).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .expect("sent");
    server.wait_for_connections(1).await;
    server.trigger.begin();
    timeout(PATIENCE, server.serving)
        .await
        .expect("in time")
        .expect("ends well");
    assert_eq!(read_to_end(&mut stream).await, "");
}
