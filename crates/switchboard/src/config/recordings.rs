//! Section `[recordings]`.

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Secret, blank_is_none};

/// Who records telephone calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedBy {
    /// The server itself.
    #[default]
    Own,
    /// The carrier, by its recording API.
    Twilio,
}

/// Where audio is kept: recordings of calls and voicemail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingsSettings {
    /// `own`: the server records what it hears and plays. `twilio`: telephone calls are recorded by the carrier, fetched when
    /// they end, and deleted there; others by the server.
    pub by: RecordedBy,
    /// `data/recordings`. Folder of the audio; with a bucket, of audio that still waits to be sent there.
    pub folder: String,
    /// 90 days after which recordings are erased; 0 keeps them. A tenant's setting `recording_retention_days` comes first.
    pub retention_days: u32,
    /// Blank, which keeps audio in the folder. Name of an S3 bucket that keeps it instead.
    #[serde(deserialize_with = "blank_is_none")]
    pub s3_bucket: Option<String>,
    /// Blank, which means Amazon's own. Address of another S3 service; `http` is allowed on loopback only.
    #[serde(deserialize_with = "blank_is_none")]
    pub s3_endpoint: Option<BaseUrl>,
    /// `us-east-1`. Region of the bucket.
    pub s3_region: String,
    /// Blank. Id of the key that may read, write and delete in the bucket.
    #[serde(deserialize_with = "blank_is_none")]
    pub s3_access_key_id: Option<Secret>,
    /// Blank. The secret of that key.
    #[serde(deserialize_with = "blank_is_none")]
    pub s3_secret_access_key: Option<Secret>,
    /// 30000 ms for one request to the bucket; past it the audio stays in the folder and is sent again later.
    pub s3_request_ms_max: u64,
}

impl Default for RecordingsSettings {
    fn default() -> Self {
        Self {
            by: RecordedBy::Own,
            folder: "data/recordings".to_owned(),
            retention_days: 90,
            s3_bucket: None,
            s3_endpoint: None,
            s3_region: "us-east-1".to_owned(),
            s3_access_key_id: None,
            s3_secret_access_key: None,
            s3_request_ms_max: 30_000,
        }
    }
}
