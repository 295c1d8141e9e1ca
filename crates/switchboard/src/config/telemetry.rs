//! Section `[telemetry]`.

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Secret, blank_is_none};

/// Where traces of calls go. Spans hold ids, times and words from closed lists, as logs do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Blank: no traces, and no cost. Address of a collector that speaks OTLP over HTTP, as `http://localhost:4318`;
    /// `/v1/traces` is added.
    #[serde(deserialize_with = "blank_is_none")]
    pub otlp_url: Option<BaseUrl>,
    /// Blank. Headers for the collector, mostly its key: `name=value`, more of them behind commas.
    #[serde(deserialize_with = "blank_is_none")]
    pub otlp_headers: Option<Secret>,
    /// 100 % of calls are traced, chosen by their id: all spans of a call are sent, or none.
    pub sample_percent: u64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_url: None,
            otlp_headers: None,
            sample_percent: 100,
        }
    }
}

impl TelemetrySettings {
    /// The headers, by name. None if they cannot be read as such.
    pub fn headers(&self) -> Option<Vec<(String, String)>> {
        let Some(headers) = &self.otlp_headers else {
            return Some(Vec::new());
        };
        let pair = |text: &str| {
            let (name, value) = text.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let is_header = ::http::HeaderName::try_from(name).is_ok()
                && ::http::HeaderValue::try_from(value).is_ok();
            is_header.then(|| (name.to_owned(), value.to_owned()))
        };
        headers.expose().split(',').map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Vec<(String, String)>> {
        let settings = TelemetrySettings {
            otlp_headers: Some(Secret::new(text)),
            ..TelemetrySettings::default()
        };
        settings.headers()
    }

    #[test]
    fn headers_are_pairs_and_nothing_else() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            of("authorization=Basic abc=, x-scope=1"),
            Some(vec![
                pair("authorization", "Basic abc="),
                pair("x-scope", "1")
            ])
        );
        for wrong in ["authorization", "a b=1", "name=line\nbreak"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(TelemetrySettings::default().headers(), Some(Vec::new()));
    }
}
