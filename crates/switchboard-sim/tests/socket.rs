//! The sockets both fakes stand on.

use bytes::Bytes;
use std::net::SocketAddr;
use switchboard_sim::socket::{PendingUpgrade, Socket, SocketError};
use switchboard_wire::websocket::{HandshakeError, Message, Text};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Takes one client and gives its request to `serve`.
async fn server<F, R, T>(serve: F) -> (SocketAddr, JoinHandle<T>)
where
    F: FnOnce(PendingUpgrade) -> R + Send + 'static,
    R: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        serve(Socket::receive(stream).await.expect("a request")).await
    });
    (address, task)
}

#[tokio::test]
async fn messages_pass_both_ways_and_pings_are_answered() {
    let (address, served) = server(|pending| async move {
        assert_eq!(pending.head.line.target, "/path?a=b");
        assert_eq!(pending.head.header("x-test"), Some("1"));
        let mut socket = pending
            .accept(&[("Sec-WebSocket-Protocol", "realtime")])
            .await
            .expect("an upgrade");
        socket.writer.queue_ping(b"here?");
        socket.writer.flush().await.expect("written");
        let pong = socket.reader.next().await.expect("a message");
        assert_eq!(pong, Some(Message::Pong(Bytes::from_static(b"here?"))));
        let message = socket.next().await.expect("a message");
        let Some(Message::Text(text)) = message else {
            panic!("a text");
        };
        socket.send_text(text.as_str()).await.expect("written");
        socket.next().await
    })
    .await;
    let url = format!("ws://{address}/path?a=b");
    let headers = [
        ("X-Test", "1"),
        ("Sec-WebSocket-Protocol", "realtime, other"),
    ];
    let mut socket = Socket::connect(&url, &headers).await.expect("accepted");
    let pinged = tokio::join!(socket.reader.next(), async {}).0;
    assert_eq!(
        pinged.expect("a message"),
        Some(Message::Ping(Bytes::from_static(b"here?")))
    );
    socket.writer.queue_pong(b"here?");
    let long = "x".repeat(70_000);
    socket.send_text(&long).await.expect("written");
    let echo = socket.next().await.expect("a message");
    assert_eq!(echo, Some(Message::Text(Text::from(long))));
    socket.close(1000, "done").await.expect("written");
    let close = served.await.expect("no panic").expect("a message");
    assert!(matches!(
        close,
        Some(Message::Close {
            code: Some(1000),
            ..
        })
    ));
}

#[tokio::test]
async fn a_refusal_tells_its_status() {
    let (address, _served) = server(|pending| async move { pending.refuse(401, "{}").await }).await;
    let refused = Socket::connect(&format!("ws://{address}/"), &[]).await;
    let status = HandshakeError::Refused { status: 401 };
    assert!(matches!(refused, Err(SocketError::Handshake(error)) if error == status));
}

#[tokio::test]
async fn a_reset_is_an_error_and_an_end_is_not() {
    let (address, _served) =
        server(|pending| async move { pending.accept(&[]).await.expect("an upgrade").reset() })
            .await;
    let mut socket = Socket::connect(&format!("ws://{address}/"), &[])
        .await
        .expect("accepted");
    assert!(matches!(socket.next().await, Err(SocketError::Io(_))));

    let (address, _served) = server(|pending| async move { drop(pending.accept(&[]).await) }).await;
    let mut socket = Socket::connect(&format!("ws://{address}/"), &[])
        .await
        .expect("accepted");
    assert!(matches!(socket.next().await, Ok(None)));

    let (address, _served) = server(|pending| async move { pending.reset() }).await;
    assert!(
        Socket::connect(&format!("ws://{address}/"), &[])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_client_takes_only_plain_websocket_urls() {
    for url in ["wss://h/", "http://h/", "ws:///", "nonsense"] {
        let refused = Socket::connect(url, &[]).await;
        assert!(matches!(refused, Err(SocketError::Url(_))), "{url}");
    }
}
