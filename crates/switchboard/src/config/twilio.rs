//! Section `[twilio]`.

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Secret, blank_is_none};

/// The Twilio account of numbers that have none of their own; `tenant twilio set` gives a tenant its own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwilioSettings {
    /// Blank. `AC` and 32 hexadecimal digits. `TWILIO_ACCOUNT_SID` is read too.
    #[serde(deserialize_with = "blank_is_none")]
    pub account_sid: Option<String>,
    /// Blank. The primary auth token: it signs webhooks and opens the REST API. `TWILIO_AUTH_TOKEN` is read too.
    #[serde(deserialize_with = "blank_is_none")]
    pub auth_token: Option<Secret>,
    /// `https://api.twilio.com`. Where calls are transferred and ended.
    pub api_base_url: BaseUrl,
    /// true. Refuse webhooks without a right signature. `false` is possible on a loopback public URL only (threat H4).
    pub validate_signatures: bool,
    /// 1000 ms. Longest wait for a transfer by REST; past it the stream socket is closed, which hands over too.
    pub transfer_ms_max: u64,
    /// 12500 micro-USD for each started minute of a call that came to us, its media stream included: what the ledger calls
    /// `carrier`. Prices differ by country; 0 keeps no such row.
    pub inbound_minute_micros: u64,
    /// 18000 micro-USD for each started minute of a call that we placed.
    pub outbound_minute_micros: u64,
    /// 60 s. How long a hang-up by REST is retried while the socket stays open.
    pub hangup_retry_s_max: u64,
}

impl Default for TwilioSettings {
    fn default() -> Self {
        Self {
            account_sid: None,
            auth_token: None,
            api_base_url: "https://api.twilio.com"
                .parse()
                .expect("the default address is valid"),
            validate_signatures: true,
            transfer_ms_max: 1_000,
            inbound_minute_micros: 12_500,
            outbound_minute_micros: 18_000,
            hangup_retry_s_max: 60,
        }
    }
}
