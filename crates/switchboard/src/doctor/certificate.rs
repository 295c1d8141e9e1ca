//! How long the certificate of the public address is still good.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use switchboard_store::Timestamp;
use tokio::net::TcpStream;

use super::Finding;
use crate::config::BaseUrl;
use crate::tls;

/// Longest wait for the address to show its certificate.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Days that a certificate should still be good: mending one takes people.
const DAYS_MIN: f64 = 14.0;

/// Days until the certificate of an `https` address ends; below 0 when it has ended. `None` when the address does not
/// answer or shows none that is trusted.
pub async fn certificate_days(url: &BaseUrl, now: Timestamp) -> Option<f64> {
    days_trusting(tls::configuration(), url, now).await
}

async fn days_trusting(
    configuration: Arc<ClientConfig>,
    url: &BaseUrl,
    now: Timestamp,
) -> Option<f64> {
    let shown = tokio::time::timeout(HANDSHAKE_MAX, shown_by(configuration, url)).await;
    days_of(&shown.ok()??, now)
}

async fn shown_by(configuration: Arc<ClientConfig>, url: &BaseUrl) -> Option<Vec<u8>> {
    let (host, port) = (url.host(), url.port());
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .ok()?;
    let stream = tls::connect_trusting(configuration, host, tcp).await.ok()?;
    let (_, connection) = stream.get_ref();
    Some(connection.peer_certificates()?.first()?.to_vec())
}

/// Days from `now` to the end of a certificate in DER.
fn days_of(der: &[u8], now: Timestamp) -> Option<f64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let ends = certificate.validity().not_after.timestamp();
    Some((ends - now.timestamp()) as f64 / 86_400.0)
}

pub(super) fn finding(days: Option<f64>) -> Finding {
    let check = "certificate";
    match days {
        Some(days) if days >= DAYS_MIN => {
            Finding::passed(check, format!("the certificate is good for {days:.0} days"))
        }
        Some(days) => Finding::warning(
            check,
            format!("the certificate ends in {days:.0} days"),
            "renew it where TLS ends, and see why that did not happen by itself",
        ),
        None => Finding::failed(
            check,
            "the public address shows no certificate that is trusted",
            "install a certificate for its host, with the whole chain",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{RootCertStore, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::super::Health;
    use super::*;

    const CONFIGURATION: &str = "\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost
basicConstraints = critical,CA:FALSE
";

    /// A certificate of its own for `localhost`, and its key, as another program makes them.
    fn certificate(folder: &Path, days: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let path = |name: &str| folder.join(name).display().to_string();
        std::fs::write(path("openssl.cnf"), CONFIGURATION).expect("written");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-days", days])
            .args(["-config", &path("openssl.cnf")])
            .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
            .output();
        assert!(made.is_ok_and(|made| made.status.success()), "openssl runs");
        (
            CertificateDer::from_pem_file(path("cert.pem")).expect("a certificate"),
            PrivateKeyDer::from_pem_file(path("key.pem")).expect("a key"),
        )
    }

    /// An address that shows it to whoever comes.
    async fn shown(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> BaseUrl {
        tls::install_provider();
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("usable");
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = acceptor.accept(stream).await;
            }
        });
        format!("https://localhost:{port}")
            .parse()
            .expect("an address")
    }

    fn trusting(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("an authority");
        tls::trusting(roots)
    }

    #[tokio::test]
    async fn the_days_of_the_certificate_that_is_shown_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = certificate(folder.path(), "10");
        let url = shown(certificate.clone(), key).await;
        let now = chrono::Utc::now();
        let days = days_trusting(trusting(&certificate), &url, now).await;
        let days = days.expect("it is shown and trusted");
        assert!((9.9..=10.1).contains(&days), "{days}");
        let later = now + chrono::TimeDelta::days(7);
        let then = days_of(&certificate, later).expect("it is read");
        assert!((2.9..=3.1).contains(&then), "{then}");
    }

    #[tokio::test]
    async fn an_authority_that_nobody_trusts_and_a_silent_address_have_no_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = certificate(folder.path(), "90");
        let url = shown(certificate, key).await;
        let now = chrono::Utc::now();
        assert_eq!(certificate_days(&url, now).await, None);
        let nobody = "https://localhost:1".parse().expect("an address");
        assert_eq!(certificate_days(&nobody, now).await, None);
        assert_eq!(days_of(b"no certificate", now), None);
    }

    #[test]
    fn fourteen_days_before_its_end_a_certificate_is_worth_a_warning() {
        let health = |days| finding(days).health;
        assert_eq!(health(Some(89.0)), Health::Passed);
        assert_eq!(health(Some(14.0)), Health::Passed);
        assert_eq!(health(Some(13.9)), Health::Warning);
        assert_eq!(health(Some(-1.0)), Health::Warning);
        assert_eq!(health(None), Health::Failed);
    }
}
