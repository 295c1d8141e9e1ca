//! Section `[webrtc]`.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::types::blank_is_none;

/// Calls of browsers and apps over WebRTC: their media comes to a port of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebrtcSettings {
    /// Blank, which is the address and port number of `http.listen`. UDP address and port of all calls' media.
    #[serde(deserialize_with = "blank_is_none")]
    pub listen: Option<SocketAddr>,
    /// Blank, which offers no TCP. TCP address and port for callers whose network lets no UDP out (ICE-TCP, passive).
    #[serde(deserialize_with = "blank_is_none")]
    pub tcp_listen: Option<SocketAddr>,
    /// Blank. The IP address callers reach these ports under, behind a NAT or in a cloud: port numbers must be forwarded
    /// unchanged. Blank means the address listened on, or that of the default route when it is `0.0.0.0`.
    #[serde(deserialize_with = "blank_is_none")]
    pub public_address: Option<IpAddr>,
    /// 1000 calls at once in this process; further ones get 429.
    pub sessions_max: usize,
    /// 15000 ms from the answer to media that flows; past it the call ends (threat W3).
    pub connect_ms_max: u64,
    /// 10 calls per key and per address that are answered and not connected yet; further ones get 429 (threat W3).
    pub unfinished_max: usize,
}

impl Default for WebrtcSettings {
    fn default() -> Self {
        Self {
            listen: None,
            tcp_listen: None,
            public_address: None,
            sessions_max: 1_000,
            connect_ms_max: 15_000,
            unfinished_max: 10,
        }
    }
}
