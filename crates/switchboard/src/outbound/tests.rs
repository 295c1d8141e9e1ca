//! Hostile addresses, names and servers.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Every one leads somewhere that a stranger's URL must not.
const HOSTILE: [&str; 52] = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://127.0.0.1./",
    "https://0.0.0.0/",
    "https://0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/",
    "https://168.63.129.16/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.8/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.31.196.1/",
    "https://192.52.193.1/",
    "https://192.88.99.1/",
    "https://192.168.0.1/",
    "https://192.175.48.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2620:4f:8000::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[ff02::1]/",
];

fn strict() -> Outbound {
    crate::tls::install_provider();
    Outbound::new(&OutboundSettings::default()).expect("prepared")
}

fn allowing(networks: &[&str]) -> Outbound {
    crate::tls::install_provider();
    let allow_networks = networks.iter().map(|text| text.parse().expect("a block"));
    let settings = OutboundSettings {
        allow_networks: allow_networks.collect(),
    };
    Outbound::new(&settings).expect("prepared")
}

fn request(url: OutboundUrl) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        deadline: Duration::from_secs(10),
    }
}

/// A server that says one thing to whoever comes, and tells where it listens.
async fn server_saying(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    address
}

#[test]
fn a4_no_spelling_of_a_special_address_is_accepted() {
    let outbound = strict();
    for text in HOSTILE {
        assert_eq!(
            outbound.check(text).err(),
            Some(UrlRefusal::Forbidden),
            "{text}"
        );
    }
}

#[test]
fn a4_only_https_addresses_without_credentials_are_accepted() {
    let outbound = strict();
    let refusals = [
        ("http://example.com/", UrlRefusal::Plain),
        ("https://user:secret@example.com/", UrlRefusal::Credentials),
        ("https://user@example.com/", UrlRefusal::Credentials),
        ("ftp://example.com/", UrlRefusal::Form),
        ("file:///etc/passwd", UrlRefusal::Form),
        ("gopher://example.com/", UrlRefusal::Form),
        ("example.com", UrlRefusal::Form),
        ("https://", UrlRefusal::Form),
        ("", UrlRefusal::Form),
        ("https://[::1", UrlRefusal::Form),
        ("https://exa mple.com/", UrlRefusal::Form),
    ];
    for (text, refusal) in refusals {
        assert_eq!(outbound.check(text).err(), Some(refusal), "{text}");
    }
    let long = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX));
    assert_eq!(outbound.check(&long).err(), Some(UrlRefusal::Form));
    for text in [
        "https://example.com/hook?x=1",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]:8443/",
    ] {
        assert!(outbound.check(text).is_ok(), "{text}");
    }
}

#[test]
fn a4_public_addresses_are_public_however_they_are_written() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::808:808",
    ] {
        let address: IpAddr = text.parse().expect("an address");
        assert!(!is_special(address), "{text}");
    }
}

#[test]
fn plain_http_is_for_allowed_loopback_addresses_only() {
    let outbound = allowing(&["127.0.0.0/8", "10.0.0.0/8"]);
    assert!(outbound.check("http://127.0.0.1:9000/hook").is_ok());
    assert!(outbound.check("https://10.1.2.3/hook").is_ok());
    assert_eq!(
        outbound.check("http://10.1.2.3/hook").err(),
        Some(UrlRefusal::Plain)
    );
    assert_eq!(
        outbound.check("http://localhost/hook").err(),
        Some(UrlRefusal::Plain)
    );
    assert_eq!(
        outbound.check("https://192.168.0.1/").err(),
        Some(UrlRefusal::Forbidden)
    );
}

/// The check is on what is connected to: `localhost` passes as a name and is stopped behind the name server.
#[tokio::test]
async fn a4_a_name_that_leads_inside_is_refused_when_it_is_resolved() {
    let outbound = strict();
    for text in ["https://localhost/", "https://LOCALHOST:9/"] {
        let url = outbound.check(text).expect("a name says nothing yet");
        let refused = outbound.send(request(url)).await.err();
        assert_eq!(refused, Some(OutboundError::Forbidden), "{text}");
    }
}

#[tokio::test]
async fn a4_a_redirect_is_not_followed() {
    let inside =
        server_saying(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret".to_vec()).await;
    let head =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
    let outside = server_saying(head.into_bytes()).await;
    let outbound = allowing(&["127.0.0.1"]);
    let url = outbound
        .check(&format!("http://{outside}/"))
        .expect("allowed");
    let answer = outbound.send(request(url)).await.expect("answered");
    assert_eq!((answer.status, answer.body.len()), (302, 0));
}

#[tokio::test]
async fn a4_an_answer_is_read_up_to_its_limit_declared_or_not() {
    let outbound = allowing(&["127.0.0.1"]);
    let body = vec![b'a'; ANSWER_BYTES_MAX + 1];
    let declared = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(),
        &body,
    ]
    .concat();
    let open = [&b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"[..], &body].concat();
    for answer in [declared, open] {
        let address = server_saying(answer).await;
        let url = outbound
            .check(&format!("http://{address}/"))
            .expect("allowed");
        assert_eq!(
            outbound.send(request(url)).await.err(),
            Some(OutboundError::TooLong)
        );
    }
    let exact = [
        &b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"[..],
        &body[1..],
    ]
    .concat();
    let address = server_saying(exact).await;
    let url = outbound
        .check(&format!("http://{address}/"))
        .expect("allowed");
    assert_eq!(
        outbound.send(request(url)).await.expect("fits").body.len(),
        ANSWER_BYTES_MAX
    );
}

#[tokio::test]
async fn a4_one_deadline_holds_for_everything_and_a_broken_answer_is_none() {
    let outbound = allowing(&["127.0.0.1"]);
    // Accepts, reads, and never ends its answer.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound");
    let url = outbound
        .check(&format!("http://{address}/"))
        .expect("allowed");
    let hurried = OutboundRequest {
        deadline: Duration::from_millis(50),
        ..request(url)
    };
    assert_eq!(
        outbound.send(hurried).await.err(),
        Some(OutboundError::TimedOut)
    );
    drop(silent);
    let url = outbound
        .check(&format!("http://{address}/"))
        .expect("allowed");
    assert_eq!(
        outbound.send(request(url)).await.err(),
        Some(OutboundError::Unreachable)
    );
    let address = server_saying(b"no http at all\r\n\r\n".to_vec()).await;
    let url = outbound
        .check(&format!("http://{address}/"))
        .expect("allowed");
    assert_eq!(
        outbound.send(request(url)).await.err(),
        Some(OutboundError::Broken)
    );
}

#[test]
fn d5_an_address_with_a_token_in_it_prints_as_a_placeholder() {
    let url = strict()
        .check("https://example.com/hook?token=canary")
        .expect("fine");
    assert_eq!(
        format!("{url:?} {:?}", request(url.clone()))
            .matches("canary")
            .count(),
        0
    );
}
