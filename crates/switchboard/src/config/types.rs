//! Values that settings and agent files share, parsed at the border so that the rest can trust them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::de::{Deserializer, Error as _, IntoDeserializer};
use serde::{Deserialize, Serialize, Serializer};

/// What is printed instead of a secret or private value.
const PLACEHOLDER: &str = "***";

/// A key or token. It prints as a placeholder and is written as one; only [`Secret::expose`] gives the text.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a key that came from somewhere else than the settings.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(PLACEHOLDER)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(PLACEHOLDER)
    }
}

/// An absolute `http`, `https`, `ws` or `wss` address without query; a slash at its end is dropped.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The plain address of a listening socket.
    pub fn of_listener(address: SocketAddr) -> Self {
        Self(format!("http://{address}"))
    }

    /// The address as text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with `path` behind it; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The same with scheme `http` or `https`.
    pub fn as_http(&self) -> Self {
        self.with_schemes("http", "https")
    }

    /// The same with scheme `ws` or `wss`.
    pub fn as_websocket(&self) -> Self {
        self.with_schemes("ws", "wss")
    }

    /// True for `https` and `wss`.
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:") || self.0.starts_with("wss:")
    }

    /// True when only this machine can reach the host: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The port, or the scheme's own.
    pub fn port(&self) -> u16 {
        let authority = self.after_scheme().split('/').next().unwrap_or_default();
        let written = authority
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        written.unwrap_or(if self.is_encrypted() { 443 } else { 80 })
    }

    /// The host without port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        let authority = self.after_scheme().split('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    fn after_scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    fn with_schemes(&self, plain: &str, encrypted: &str) -> Self {
        let scheme = if self.is_encrypted() {
            encrypted
        } else {
            plain
        };
        Self(format!("{scheme}://{}", self.after_scheme()))
    }
}

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "an address must look like https://voice.example.com";
        let uri: ::http::Uri = text.parse().map_err(|_| expected)?;
        let known_scheme = matches!(uri.scheme_str(), Some("http" | "https" | "ws" | "wss"));
        let bare_host = uri.authority().is_some_and(|it| !it.as_str().contains('@'));
        if known_scheme && bare_host && uri.query().is_none() {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(expected)
        }
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An address block such as `10.0.0.0/8` or `::1/128`; a bare address means that address alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// True when `address` lies in the block. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, bits_all) = number_of(self.address);
        let (theirs, bits_theirs) = number_of(address.to_canonical());
        let shift = bits_all - self.prefix_bits;
        bits_all == bits_theirs && (shift >= u128::BITS || ours >> shift == theirs >> shift)
    }
}

fn number_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), u32::BITS),
        IpAddr::V6(v6) => (v6.to_bits(), u128::BITS),
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "an address block must look like 10.0.0.0/8 or ::1";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected)?;
        let (_, bits_all) = number_of(address);
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| expected)?,
            None => bits_all,
        };
        if prefix_bits > bits_all {
            return Err(expected);
        }
        Ok(Self {
            address,
            prefix_bits,
        })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )+};
}

deserialize_from_text!(BaseUrl, Network);

/// Reads a blank text as "not set", so that the example file and the environment can show every key.
pub(super) fn blank_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.trim().is_empty() => T::deserialize(text.into_deserializer()).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_recognised_and_others_are_not() {
        for text in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://[::1]:9/x",
        ] {
            assert!(text.parse::<BaseUrl>().expect(text).is_loopback(), "{text}");
        }
        for text in [
            "https://voice.example.com",
            "http://localhost.evil.example",
            "http://10.0.0.1",
        ] {
            assert!(
                !text.parse::<BaseUrl>().expect(text).is_loopback(),
                "{text}"
            );
        }
    }

    #[test]
    fn schemes_map_between_http_and_websocket() {
        let url: BaseUrl = "https://api.openai.com/v1/".parse().expect("valid");
        assert_eq!(
            url.as_websocket().join("/realtime"),
            "wss://api.openai.com/v1/realtime"
        );
        assert_eq!(url.as_websocket().as_http(), url);
        assert!("https://user:key@example.com".parse::<BaseUrl>().is_err());
        assert!("ftp://example.com".parse::<BaseUrl>().is_err());
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        let block: Network = "10.1.0.0/16".parse().expect("valid");
        assert!(block.contains("10.1.200.3".parse().expect("valid")));
        assert!(block.contains("::ffff:10.1.0.1".parse().expect("valid")));
        assert!(!block.contains("10.2.0.1".parse().expect("valid")));
        assert!(!block.contains("::1".parse().expect("valid")));
        let all: Network = "::/0".parse().expect("valid");
        assert!(all.contains("2001:db8::1".parse().expect("valid")));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }

    /// Threat D5: whatever prints settings must not print keys.
    #[test]
    fn d5_secrets_print_as_placeholders() {
        let secret = Secret::new("sk-canary");
        assert_eq!(format!("{secret:?}"), PLACEHOLDER);
        assert_eq!(serde_json::to_string(&secret).expect("writes"), "\"***\"");
    }
}
