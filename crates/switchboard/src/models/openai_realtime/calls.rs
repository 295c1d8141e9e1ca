//! The vendor's REST side of direct calls: an offer is handed on with our key and our session, and a call is hung up
//! (openai-realtime.md sections 1.4 and 11.1). What the vendor says of a failure never reaches the client: it may quote keys.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use serde_json::Value;

use super::OpenAiSetup;
use crate::calls_live::LiveCalls;
use crate::config::{BaseUrl, Secret};

/// One offer, from request to last byte. A page waits for it with its microphone open.
const OFFER_TIME_MAX: Duration = Duration::from_secs(10);
/// The largest answer that is read; the vendor's have 2 to 4 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// One try of a hang-up.
const HANG_UP_TIME_MAX: Duration = Duration::from_secs(3);
/// All tries: a stop of the server waits for them, and so do not many more.
const HANG_UP_TRIES_TIME_MAX: Duration = Duration::from_secs(8);
/// First wait before a hang-up is tried again; it doubles.
const RETRY_WAIT: Duration = Duration::from_millis(200);
/// Longest id of a call; the vendor's have some 30 characters.
const ID_BYTES_MAX: usize = 128;
/// Characters of it.
const ID_PREFIX: &str = "rtc_";

/// Why the vendor takes no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorRefusal {
    /// It says that the offer is wrong.
    Offer,
    /// It refuses us: key, quota, model.
    Refused,
    /// It does not answer, or with an error of its own.
    Unavailable,
    /// It answers with something that is no answer.
    Unusable,
}

/// Calls at the vendor, with one account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VendorCalls {
    client: reqwest::Client,
    live: LiveCalls,
}

/// A call at the vendor. Dropping it hangs up there, on every path, a panic included: there is no call of ours without
/// our control (threat S8).
#[derive(Debug)]
pub struct VendorCall {
    id: String,
    base_url: BaseUrl,
    api_key: Secret,
    calls: VendorCalls,
}

impl VendorCalls {
    /// `live` waits for hang-ups under way before the process stops.
    ///
    /// # Errors
    /// There is no client to be had.
    pub fn new(live: LiveCalls) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, live })
    }

    /// Hands an offer on. What the session is, is decided by `setup` alone.
    ///
    /// # Errors
    /// Why there is no call.
    pub async fn create(
        &self,
        base_url: &BaseUrl,
        setup: &OpenAiSetup,
        offer: &str,
    ) -> Result<(VendorCall, String), VendorRefusal> {
        let created = self.post_offer(base_url, setup, offer);
        let created = tokio::time::timeout(OFFER_TIME_MAX, created).await;
        created.unwrap_or(Err(VendorRefusal::Unavailable))
    }

    async fn post_offer(
        &self,
        base_url: &BaseUrl,
        setup: &OpenAiSetup,
        offer: &str,
    ) -> Result<(VendorCall, String), VendorRefusal> {
        let (kind, body) = form(offer, &setup.call_session())?;
        let answer = self
            .client
            .post(base_url.as_http().join("/realtime/calls"))
            .bearer_auth(setup.api_key.expose())
            .header(ACCEPT, "application/sdp")
            .header(CONTENT_TYPE, kind)
            .body(body)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let status = answer.status();
        if status != StatusCode::CREATED {
            tracing::warn!(status = status.as_u16(), "the vendor takes no direct call");
            return Err(match status {
                StatusCode::BAD_REQUEST => VendorRefusal::Offer,
                status if status.is_client_error() => VendorRefusal::Refused,
                _ => VendorRefusal::Unavailable,
            });
        }
        let location = answer.headers().get(LOCATION);
        let id = location.and_then(|location| call_id(location.to_str().ok()?));
        // From here the call exists: whatever is wrong with the rest, it is hung up.
        let call = id.map(|id| VendorCall {
            id,
            base_url: base_url.clone(),
            api_key: setup.api_key.clone(),
            calls: self.clone(),
        });
        let sdp = read_bounded(answer).await;
        match (call, sdp) {
            (Some(call), Some(sdp)) if sdp.starts_with("v=0") && sdp.contains("m=audio ") => {
                Ok((call, sdp))
            }
            _ => {
                tracing::warn!("the vendor's answer to an offer cannot be used");
                Err(VendorRefusal::Unusable)
            }
        }
    }
}

impl VendorCall {
    /// The vendor's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for VendorCall {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let url = self
            .base_url
            .as_http()
            .join(&format!("/realtime/calls/{}/hangup", self.id));
        let (client, key) = (self.calls.client.clone(), self.api_key.clone());
        let ending = self.calls.live.ending();
        runtime.spawn(async move {
            let tries = hang_up_until_done(&client, &url, &key);
            if tokio::time::timeout(HANG_UP_TRIES_TIME_MAX, tries)
                .await
                .is_err()
            {
                metrics::counter!("switchboard_direct_hang_ups_failed_total").increment(1);
                tracing::error!("a direct call could not be hung up at the vendor");
            }
            drop(ending);
        });
    }
}

async fn hang_up_until_done(client: &reqwest::Client, url: &str, key: &Secret) {
    let mut wait = RETRY_WAIT;
    loop {
        let request = client
            .post(url)
            .bearer_auth(key.expose())
            .timeout(HANG_UP_TIME_MAX);
        match request.send().await.map(|answer| answer.status()) {
            // A call that is over is not there any more.
            Ok(status) if status.is_success() || status == StatusCode::NOT_FOUND => return,
            _ => {}
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

fn unavailable(error: &reqwest::Error) -> VendorRefusal {
    tracing::warn!(
        timeout = error.is_timeout(),
        "the vendor does not answer an offer"
    );
    VendorRefusal::Unavailable
}

/// Both parts with their types, as the vendor wants them; a boundary that stands in neither.
fn form(offer: &str, session: &Value) -> Result<(String, Bytes), VendorRefusal> {
    let entropy = getrandom::u64().map_err(|_| VendorRefusal::Unavailable)?;
    let boundary = format!("switchboard-{entropy:016x}");
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"sdp\"\r\nContent-Type: application/sdp\r\n\r\n{offer}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"session\"\r\nContent-Type: application/json\r\n\r\n{session}\r\n\
         --{boundary}--\r\n"
    );
    Ok((
        format!("multipart/form-data; boundary={boundary}"),
        Bytes::from(body),
    ))
}

async fn read_bounded(mut answer: reqwest::Response) -> Option<String> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes.into()).ok()
}

/// The last segment of a call's address, if it looks like one of the vendor's.
fn call_id(location: &str) -> Option<String> {
    let id = location.rsplit('/').next()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_id = id.starts_with(ID_PREFIX) && id.len() <= ID_BYTES_MAX && id.bytes().all(fits);
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_vendor_is_taken_from_its_address_and_nothing_else_is() {
        assert_eq!(
            call_id("/v1/realtime/calls/rtc_0aB-9").as_deref(),
            Some("rtc_0aB-9")
        );
        for wrong in [
            "",
            "/",
            "rtc",
            "call_1",
            "/calls/rtc_1?x=1",
            "/calls/rtc_1/hangup",
        ] {
            assert_eq!(call_id(wrong), None, "{wrong}");
        }
        assert_eq!(call_id(&format!("rtc_{}", "a".repeat(200))), None);
    }
}
