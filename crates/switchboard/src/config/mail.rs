//! Section `[mail]`.

use serde::{Deserialize, Serialize};

use super::types::{Secret, blank_is_none};

/// The mail server that transcripts, voicemails and alerts leave by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// Blank, which sends no mail. The SMTP server's name; its certificate must be for it.
    #[serde(deserialize_with = "blank_is_none")]
    pub host: Option<String>,
    /// 587. The port of submission; 465 goes with `tls = "implicit"`.
    pub port: u16,
    /// `starttls`. `implicit` encrypts from the first byte; `none` is allowed on loopback only.
    pub tls: MailTls,
    /// Blank, which trusts the public authorities. A PEM file with one more that the server's certificate may come from.
    #[serde(deserialize_with = "blank_is_none")]
    pub ca_file: Option<String>,
    /// Blank, which does not sign in.
    #[serde(deserialize_with = "blank_is_none")]
    pub user: Option<String>,
    /// Blank. The password of `user`.
    #[serde(deserialize_with = "blank_is_none")]
    pub password: Option<Secret>,
    /// Blank. Whom mails come from: `voice@example.com` or `Front desk <voice@example.com>`. Needed when `host` is set.
    #[serde(deserialize_with = "blank_is_none")]
    pub from: Option<String>,
    /// 10000 ms for the connection and its encryption.
    pub connect_ms_max: u64,
    /// 30000 ms for each answer of the server; past it the try has failed.
    pub answer_ms_max: u64,
    /// 500 mails that leave in an hour for one tenant; more wait for the next hour (threat M5).
    pub tenant_hour_max: u32,
}

/// How the way to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// A plain beginning that must be upgraded before anything else.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all.
    None,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            tls: MailTls::Starttls,
            ca_file: None,
            user: None,
            password: None,
            from: None,
            connect_ms_max: 10_000,
            answer_ms_max: 30_000,
            tenant_hour_max: 500,
        }
    }
}
