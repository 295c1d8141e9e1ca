//! The accept loop. It is our own because the ready-made one sets no timer, and hyper's header limit is inert without.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::address::{AddressBlock, ClientAddress};
use super::body;
use super::connection::{PeerStream, Phase, SocketLimits};
use super::connection_limit::{ConnectionLimit, Refused};
use super::drain::Drain;
use crate::config::{HttpSettings, Network};
use crate::ops::metrics::names;

/// Largest head of a request: room for a token of 8 KiB and a long list of forwarded addresses.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Wait after the system refused to accept, usually for want of file descriptors; at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The port cannot be opened.
#[derive(Debug, Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// `http.listen`.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// An open port that accepts connections within limits once [`Server::serve`] runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections: Arc<ConnectionLimit>,
    trusted_proxies: Vec<Network>,
    socket_limits: SocketLimits,
    idle: Duration,
    body_time_max: Duration,
    body_bytes_max: usize,
    drain_time_max: Duration,
}

/// Counts open connections after [`Server::serve`] took the server.
#[derive(Clone, Debug)]
pub struct OpenConnections(Arc<ConnectionLimit>);

impl OpenConnections {
    /// Connections open now, upgraded ones included.
    pub fn count(&self) -> usize {
        self.0.open()
    }
}

impl Server {
    /// Opens the port of `http.listen`.
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub async fn bind(settings: &HttpSettings) -> Result<Self, BindError> {
        let address = settings.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| BindError { address, source })?;
        let connections = ConnectionLimit::new(
            settings.connections_max,
            settings.connections_per_address_max,
        );
        let idle = Duration::from_millis(settings.idle_ms_max);
        let head = Duration::from_millis(settings.header_ms_max);
        let shared = Shared {
            connections,
            trusted_proxies: settings.trusted_proxies.clone(),
            socket_limits: SocketLimits {
                head,
                stalled: idle,
            },
            idle,
            body_time_max: Duration::from_millis(settings.body_ms_max),
            body_bytes_max: settings.body_bytes_max,
            drain_time_max: Duration::from_millis(settings.drain_ms_max),
        };
        Ok(Self {
            listener,
            shared: Arc::new(shared),
        })
    }

    /// The address that is listened on, with the real port when the setting was 0.
    ///
    /// # Errors
    /// The system has lost the socket.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// A count of open connections that outlives the server.
    pub fn open_connections(&self) -> OpenConnections {
        OpenConnections(Arc::clone(&self.shared.connections))
    }

    /// Accepts until `drain` begins, then lets requests in progress end, at most `http.drain_ms_max`.
    /// Upgraded sockets are not waited for: they belong to their calls, which drain by themselves.
    pub async fn serve(self, router: Router, mut drain: Drain) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = drain.begun() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) => self.take(tcp, peer, &router, &drain, &mut tasks),
                    Err(error) => pause_accepting(&error).await,
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop(self.listener);
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.shared.drain_time_max, all_ended)
            .await
            .is_err()
        {
            tracing::warn!("closed connections whose requests did not end in time");
        }
    }

    fn take(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        router: &Router,
        drain: &Drain,
        tasks: &mut JoinSet<()>,
    ) {
        let ip = peer.ip().to_canonical();
        let is_proxy = self
            .shared
            .trusted_proxies
            .iter()
            .any(|block| block.contains(ip));
        let block = (!is_proxy).then(|| AddressBlock::from(ip));
        match self.shared.connections.admit(block) {
            Ok(permit) => {
                // Frames of 20 ms must not wait for acknowledgements. A refusal means the peer is already gone.
                let _ = tcp.set_nodelay(true);
                let phase = Phase::default();
                let stream = PeerStream::new(tcp, phase.clone(), self.shared.socket_limits, permit);
                let connection = Connection {
                    peer,
                    phase,
                    shared: Arc::clone(&self.shared),
                };
                tasks.spawn(connection.run(stream, router.clone(), drain.clone()));
            }
            Err(refused) => count_refusal(refused),
        }
    }
}

/// What one connection's service needs.
struct Connection {
    peer: SocketAddr,
    phase: Phase,
    shared: Arc<Shared>,
}

impl Connection {
    async fn run(self, stream: PeerStream, router: Router, mut drain: Drain) {
        let idle = self.shared.idle;
        let service = service_fn(move |request| self.answer(request, router.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(idle)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(timed_out = error.is_timeout(), "connection closed early");
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        router: Router,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        self.phase.request_began();
        let client = ClientAddress::of(
            self.peer.ip(),
            request.headers(),
            &self.shared.trusted_proxies,
        );
        let (time_max, bytes_max) = (self.shared.body_time_max, self.shared.body_bytes_max);
        let mut request = body::limit(request, time_max, bytes_max);
        request.extensions_mut().insert(client);
        let phase = self.phase.clone();
        async move {
            let response = router.oneshot(request).await;
            match &response {
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    phase.upgraded()
                }
                _ => phase.request_ended(),
            }
            response
        }
    }
}

fn count_refusal(refused: Refused) {
    metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL, "reason" => refused.reason()).increment(1);
}

async fn pause_accepting(error: &io::Error) {
    tracing::warn!(kind = ?error.kind(), "cannot accept connections");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
