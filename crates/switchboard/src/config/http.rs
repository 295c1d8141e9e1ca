//! Section `[http]`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Network, blank_is_none};

/// The port we answer on and what protects it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// `127.0.0.1:8080`. Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Blank. The address under which carriers and browsers reach us; signatures are checked over it. Blank means the
    /// listening address. `http` is allowed on loopback only.
    #[serde(deserialize_with = "blank_is_none")]
    pub public_url: Option<BaseUrl>,
    /// None. Address blocks whose `X-Forwarded-For` counts (threat H5); everybody else's is ignored.
    pub trusted_proxies: Vec<Network>,
    /// None. Origins of web pages on other hosts that may call `/v1/*` and `/api/v1/*` from a browser.
    pub cors_origins: Vec<String>,
    /// Loopback. Address blocks that may read `/metrics`.
    pub metrics_allow: Vec<Network>,
    /// 10000 ms. Time from a request's first byte to the end of its header; past it the connection closes (threat H6).
    pub header_ms_max: u64,
    /// 30000 ms. Time for a request's body; past it the request fails with 408.
    pub body_ms_max: u64,
    /// 60000 ms. Time a connection may wait without a request, or without the peer reading our answer.
    pub idle_ms_max: u64,
    /// 1048576 bytes. Largest request body; a larger one gets 413.
    pub body_bytes_max: usize,
    /// 16384 open connections in total, sockets of live calls included; past it new ones are closed at once.
    pub connections_max: usize,
    /// 4096 open connections per address (IPv6: per /64), trusted proxies excepted. High, because the calls of a carrier
    /// come from few addresses.
    pub connections_per_address_max: usize,
    /// 50 requests per second and address, on average. Carrier webhooks are excepted: they are signed.
    pub requests_per_s_max: u32,
    /// 200 requests that an address may make at once before the average counts.
    pub requests_burst_max: u32,
    /// 20000 ms. Time live calls get to end when the server stops; then their callers go to a human. Requests that are
    /// still in progress after the calls get as much.
    pub drain_ms_max: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            metrics_allow: loopback(),
            header_ms_max: 10_000,
            body_ms_max: 30_000,
            idle_ms_max: 60_000,
            body_bytes_max: 1024 * 1024,
            connections_max: 16_384,
            connections_per_address_max: 4_096,
            requests_per_s_max: 50,
            requests_burst_max: 200,
            drain_ms_max: 20_000,
        }
    }
}

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1/128"]
        .iter()
        .filter_map(|block| block.parse().ok())
        .collect()
}
