//! The public address: asked as the carrier asks it, rightly and wrongly signed, by HTTP and by WebSocket.

use switchboard_wire::twilio::signature::{SIGNATURE_HEADER, SignedBody, sign};
use switchboard_wire::twilio::{CallSid, Form};

use super::certificate::{self, certificate_days};
use super::{ANSWER_MAX, Finding};
use crate::config::Settings;
use crate::socket::{self, DialError, SocketLimits};

const START_IT: &str =
    "start `switchboard serve`, and let the proxy pass http.public_url on to http.listen";

pub(super) async fn findings(settings: &Settings, client: &reqwest::Client) -> Vec<Finding> {
    let mut findings = vec![webhook(settings, client).await];
    if findings
        .iter()
        .any(|finding| finding.help.as_deref() == Some(START_IT))
    {
        findings.push(Finding::skipped(
            "stream_upgrade",
            "nobody answers at the public address",
        ));
    } else {
        findings.push(upgrade(settings).await);
    }
    findings.push(shown_certificate(settings).await);
    findings
}

/// A status of a call that nobody knows, without a number: it changes nothing, and only its signature is looked at.
async fn webhook(settings: &Settings, client: &reqwest::Client) -> Finding {
    let check = "public_address";
    let url = settings.public_url().as_http().join("/twilio/status");
    let Some(token) = &settings.twilio.auth_token else {
        let health = client
            .get(settings.public_url().as_http().join("/healthz"))
            .send()
            .await;
        return match health {
            Ok(answer) if answer.status().is_success() => Finding::passed(
                check,
                "the public address answers; without an account its signatures cannot be tried",
            ),
            Ok(answer) => Finding::failed(
                check,
                format!("the public address answers {}", answer.status()),
                START_IT,
            ),
            Err(error) => Finding::failed(check, unreachable(settings, &error), START_IT),
        };
    };
    let form = status_form(settings);
    let right = sign(&url, SignedBody::Form(&form), token.expose());
    let wrong = sign(&url, SignedBody::Form(&form), "not the token");
    let ask = async |signature: &str| {
        let request = client.post(&url).header(SIGNATURE_HEADER, signature);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request
            .body(form.encode())
            .send()
            .await
            .map(|answer| answer.status().as_u16())
    };
    let (right, wrong) = match (ask(&right).await, ask(&wrong).await) {
        (Ok(right), Ok(wrong)) => (right, wrong),
        (Err(error), _) | (_, Err(error)) => {
            return Finding::failed(check, unreachable(settings, &error), START_IT);
        }
    };
    match (right, wrong) {
        (200..300, 403) => Finding::passed(
            check,
            "the public address believes the carrier's signature and refuses a wrong one",
        ),
        (200..300, 200..300) => Finding::failed(
            check,
            "the public address believes a wrong signature: anybody can place calls",
            "set twilio.validate_signatures = true where the server runs, and start it again",
        ),
        (403, _) => Finding::failed(
            check,
            "the public address refuses a right signature: calls would not be answered",
            "the server must have the same http.public_url and twilio.auth_token as here, and the proxy must not change the path",
        ),
        (right, wrong) => Finding::failed(
            check,
            format!(
                "the public address answers {right} to a right and {wrong} to a wrong signature; 204 and 403 are expected"
            ),
            "see that http.public_url leads to this server and that the proxy passes /twilio/ on",
        ),
    }
}

fn unreachable(settings: &Settings, error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "nobody listens there, or its certificate is not trusted"
    } else {
        "the connection broke"
    };
    format!("{} cannot be reached: {why}", settings.public_url())
}

fn status_form(settings: &Settings) -> Form {
    let mut entropy = [0; 16];
    // Without random bytes it is a call of zeros, which nobody knows either.
    let _ = getrandom::fill(&mut entropy);
    let account = settings.twilio.account_sid.as_deref().unwrap_or_default();
    let call = CallSid::from_entropy(entropy);
    Form::from_iter([
        ("CallSid", call.as_str()),
        ("AccountSid", account),
        ("CallStatus", "completed"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", "0"),
        ("Timestamp", "Thu, 01 Jan 1970 00:00:00 +0000"),
    ])
}

async fn upgrade(settings: &Settings) -> Finding {
    let check = "stream_upgrade";
    let url = settings.public_url().as_websocket().join("/twilio/stream");
    let token = settings
        .twilio
        .auth_token
        .as_ref()
        .map_or("", |token| token.expose());
    let signature = sign(&url, SignedBody::Empty, token);
    let headers = [(SIGNATURE_HEADER, signature.as_str())];
    let dialled = socket::dial(&url, &headers, SocketLimits::carrier(&settings.limits));
    let help = "let the proxy pass WebSocket upgrades on: `Connection: upgrade` and `Upgrade: websocket`, HTTP/1.1";
    match tokio::time::timeout(ANSWER_MAX, dialled).await {
        Ok(Ok(socket)) => {
            socket.close(1000, "").await;
            Finding::passed(check, "a stream's WebSocket opens")
        }
        Ok(Err(DialError::Refused(403))) if token.is_empty() => Finding::skipped(
            check,
            "without an account the stream's signature cannot be tried",
        ),
        Ok(Err(error)) => Finding::failed(
            check,
            format!("a stream's WebSocket does not open: {error}"),
            help,
        ),
        Err(_) => Finding::failed(check, "a stream's WebSocket does not open in time", help),
    }
}

async fn shown_certificate(settings: &Settings) -> Finding {
    let url = settings.public_url();
    if !url.is_encrypted() {
        return Finding::skipped(
            "certificate",
            "the public address has none; only loopback may do without",
        );
    }
    certificate::finding(certificate_days(&url, chrono::Utc::now()).await)
}
