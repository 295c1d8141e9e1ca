//! TLS to the vendors: one client configuration, built once.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes aws-lc-rs the process's provider. Several crates bring one, and without a choice the first use panics.
pub fn install_provider() {
    // A second call finds it installed already, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Opens TLS over a connected stream and checks the certificate against `host`.
///
/// # Errors
/// A name that is no host, or a handshake that failed.
pub async fn connect(host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    connect_trusting(configuration(), host, tcp).await
}

/// The same with authorities of one's own.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn connect_trusting(
    configuration: Arc<ClientConfig>,
    host: &str,
    tcp: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    TlsConnector::from(configuration).connect(name, tcp).await
}

/// Trusts the public authorities.
pub(crate) fn configuration() -> Arc<ClientConfig> {
    static CONFIGURATION: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let build = || {
        trusting(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        })
    };
    Arc::clone(CONFIGURATION.get_or_init(build))
}

/// Trusts these authorities alone.
pub(crate) fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    install_provider();
    Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
