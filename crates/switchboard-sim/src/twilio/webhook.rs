//! Requests Twilio makes: signed, form-encoded, with fifteen seconds for an answer.

use super::Exchange;
use super::event::{CarrierEvent, Record};
use std::time::{Duration, Instant};
use switchboard_wire::twilio::Form;
use switchboard_wire::twilio::signature::{self, SIGNATURE_HEADER, SignedBody};

/// Twilio's own limit, connection attempts included (error 11205).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An answer that can be a document.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) is_xml: bool,
}

pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("TwilioProxy/1.1")
        .build()
}

pub(super) fn sign(auth_token: &str, url: &str, parameters: &[(&str, &str)]) -> String {
    let form: Form = parameters.iter().copied().collect();
    signature::sign(url, SignedBody::Form(&form), auth_token)
}

impl Exchange {
    /// Posts a form and waits for the answer. `None` when there was none.
    pub(super) async fn post(
        &self,
        record: &Record,
        url: &str,
        form: &Form,
        is_signed: bool,
    ) -> Option<Answer> {
        record.log(CarrierEvent::WebhookSent {
            url: url.to_owned(),
        });
        let began = Instant::now();
        let answer = self.try_post(url, form, is_signed).await;
        record.log(CarrierEvent::WebhookAnswered {
            url: url.to_owned(),
            status: answer.as_ref().map_or(0, |answer| answer.status),
            elapsed_ms: began.elapsed().as_millis() as u64,
        });
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                record.warn(11205, format!("no answer: {}", error.without_url()));
                None
            }
        }
    }

    async fn try_post(&self, url: &str, form: &Form, is_signed: bool) -> reqwest::Result<Answer> {
        let sent = as_sent(url);
        let mut request = self
            .http
            .post(self.reachable(&sent))
            .header(
                "Content-Type",
                "application/x-www-form-urlencoded; charset=UTF-8",
            )
            .header(
                "I-Twilio-Idempotency-Token",
                super::hexadecimal(crate::socket::random_bytes()),
            )
            .body(form.encode());
        if is_signed {
            let signature =
                signature::sign(&sent, SignedBody::Form(form), &self.settings.auth_token);
            request = request.header("X-Twilio-Signature", signature);
        }
        let response = request.send().await?;
        let content_type = response.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        let is_xml = ["text/xml", "application/xml"]
            .iter()
            .any(|xml| content_type.starts_with(xml));
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        let body = &body[..body.len().min(ANSWER_BYTES_MAX)];
        Ok(Answer {
            status,
            body: String::from_utf8_lossy(body).into_owned(),
            is_xml,
        })
    }

    /// A file to play. `None` when it cannot be had.
    pub(super) async fn download(&self, url: &str) -> Option<Vec<u8>> {
        let response = self.http.get(self.reachable(url)).send().await.ok()?;
        let response = response.error_for_status().ok()?;
        response.bytes().await.ok().map(|bytes| bytes.to_vec())
    }

    /// The URL we really connect to.
    fn reachable(&self, url: &str) -> String {
        let Some(address) = self.settings.connect_to else {
            return url.to_owned();
        };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path_begin = rest.find(['/', '?']).unwrap_or(rest.len());
        format!("http://{address}{}", &rest[path_begin..])
    }

    /// The signature of a stream's upgrade: its URL exactly as written in the document, without parameters.
    pub(super) fn upgrade_signature(&self, url: &str) -> (&'static str, String) {
        let signature = signature::sign(url, SignedBody::Empty, &self.settings.auth_token);
        (SIGNATURE_HEADER, signature)
    }
}

/// The URL as it goes over the wire, which is what is signed: without the fragment, which holds connection overrides
/// for Twilio itself, and with path and query escaped as our HTTP client escapes them.
fn as_sent(url: &str) -> String {
    let without_fragment = url.split('#').next().unwrap_or_default();
    let Ok(parsed) = reqwest::Url::parse(without_fragment) else {
        return without_fragment.to_owned();
    };
    let authority_begin = without_fragment
        .find("://")
        .map_or(0, |position| position + 3);
    let path_begin = without_fragment[authority_begin..]
        .find(['/', '?'])
        .map_or(without_fragment.len(), |position| {
            authority_begin + position
        });
    let query = parsed.query().map(|query| format!("?{query}"));
    let origin = &without_fragment[..path_begin];
    format!("{origin}{}{}", parsed.path(), query.unwrap_or_default())
}

/// Joins a URL of a document with the URL the document came from.
pub(super) fn resolve(base: Option<&str>, url: &str) -> Option<String> {
    if url.contains("://") {
        return Some(url.to_owned());
    }
    let base = base?;
    let authority_begin = base.find("://")? + 3;
    let path_begin = base[authority_begin..]
        .find(['/', '?', '#'])
        .map_or(base.len(), |position| authority_begin + position);
    if url.starts_with('/') {
        return Some(format!("{}{url}", &base[..path_begin]));
    }
    let path = base[path_begin..]
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
    Some(format!("{}{folder}{url}", &base[..path_begin]))
}

#[cfg(test)]
mod tests {
    use super::{as_sent, resolve};

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let cases = [
            (
                "http://h:80/a%20b?x='1'#rc=2",
                "http://h:80/a%20b?x=%271%27",
            ),
            ("https://h?a=b", "https://h/?a=b"),
            ("https://H.example/", "https://H.example/"),
        ];
        for (written, sent) in cases {
            assert_eq!(as_sent(written), sent);
        }
    }

    #[test]
    fn relative_urls_resolve_against_the_document() {
        let base = Some("http://127.0.0.1:80/twilio/voice?a=/b");
        let cases = [
            ("https://x/y", "https://x/y"),
            (
                "/twilio/dial-ended",
                "http://127.0.0.1:80/twilio/dial-ended",
            ),
            ("next", "http://127.0.0.1:80/twilio/next"),
        ];
        for (url, expected) in cases {
            assert_eq!(resolve(base, url).as_deref(), Some(expected));
        }
        assert_eq!(resolve(None, "/relative"), None);
    }
}
