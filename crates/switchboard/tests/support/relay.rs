//! A relay in front of PostgreSQL that can be cut: the database is gone for its clients, and back when told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes both ways while it is open. Cut, it drops every connection and refuses new ones.
pub struct Relay {
    pub address: SocketAddr,
    is_open: Arc<watch::Sender<bool>>,
}

impl Relay {
    /// Listens before `server` (`host:port`).
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let is_open = Arc::new(watch::Sender::new(true));
        let gate = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *gate.borrow() {
                    tokio::spawn(pass(client, server.clone(), gate.subscribe()));
                }
            }
        });
        Self { address, is_open }
    }

    /// The database is gone, in the middle of whatever was going on.
    pub fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// The database is back.
    pub fn mend(&self) {
        self.is_open.send_replace(true);
    }

    /// The same URL, through this relay.
    pub fn url(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (authority, path) = rest.split_once('/').expect("a database");
        let login = authority
            .rsplit_once('@')
            .map(|(login, _)| format!("{login}@"));
        format!(
            "{scheme}://{}{}/{path}",
            login.unwrap_or_default(),
            self.address
        )
    }
}

/// `host:port` of a PostgreSQL URL.
pub fn server_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:5432")
    }
}

async fn pass(mut client: TcpStream, server: String, mut gate: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = gate.wait_for(|is_open| !is_open) => {}
    }
}
