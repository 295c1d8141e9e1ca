//! How long the certificate of the public address is still good.

use std::time::Duration;

use switchboard_store::Timestamp;
use tokio::net::TcpStream;

use crate::config::BaseUrl;

/// Longest wait for the address to show its certificate.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// Days until the certificate of an `https` address ends; below 0 when it has ended. `None` when the address does not
/// answer or shows none that is trusted.
pub async fn certificate_days(url: &BaseUrl, now: Timestamp) -> Option<f64> {
    let shown = tokio::time::timeout(HANDSHAKE_MAX, shown_by(url)).await;
    days_of(&shown.ok()??, now)
}

async fn shown_by(url: &BaseUrl) -> Option<Vec<u8>> {
    let (host, port) = (url.host(), url.port());
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .ok()?;
    let stream = crate::tls::connect(host, tcp).await.ok()?;
    let (_, connection) = stream.get_ref();
    Some(connection.peer_certificates()?.first()?.to_vec())
}

/// Days from `now` to the end of a certificate in DER.
pub(super) fn days_of(der: &[u8], now: Timestamp) -> Option<f64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let ends = certificate.validity().not_after.timestamp();
    Some((ends - now.timestamp()) as f64 / 86_400.0)
}
