//! Section `[limits]`: bounds of sockets, buffers and waits.

use serde::{Deserialize, Serialize};

/// Bounds of sockets, buffers and waits. Reaching one ends that socket, never another call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSettings {
    /// 15 s. Life of a stream token, and of the permit of a call that never opens its stream (threat S1).
    pub stream_token_s: u64,
    /// 5000 ms from the open stream socket to its `start` message (threat S3).
    pub stream_start_ms_max: u64,
    /// 262144 bytes, the largest message on an audio socket (threats H6, S2). A carrier's is held to 65536 at most.
    pub message_bytes_max: usize,
    /// 65536 bytes waiting to be written to a model; past it the model counts as gone.
    pub model_buffer_bytes_max: usize,
    /// 16384 bytes waiting to be written to a carrier; past it the stream is dropped.
    pub carrier_buffer_bytes_max: usize,
    /// 262144 bytes waiting to be written to a client of `/v1/realtime`; past it the client is dropped.
    pub client_buffer_bytes_max: usize,
    /// 2000 ms for one write to a socket; past it the peer is dropped and the call falls back.
    pub write_ms_max: u64,
    /// 200 ms. When less than this waits at the carrier, the next piece of a reply is sent.
    pub backlog_ms_min: u64,
    /// 150 % of real time: how fast a peer may send audio, because models bill its seconds (threat S5).
    pub audio_rate_percent_max: u32,
    /// 10000 ms of audio that may come ahead of real time in one burst.
    pub audio_burst_ms_max: u64,
    /// 1500 ms to reopen a model session that ended by itself.
    pub model_reopen_ms_max: u64,
    /// 10000 ms that a model session must have lived to be reopened.
    pub model_reopen_age_ms_min: u64,
    /// 30000 ms between pings to clients of `/v1/realtime`.
    pub ping_ms: u64,
    /// 10000 ms for the answer to a ping, or anything else; then the client's socket closes with 4408.
    pub pong_ms_max: u64,
    /// 600 s without audio or events from a client of `/v1/realtime`; then its socket closes with 4408.
    pub idle_s_max: u64,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        Self {
            stream_token_s: 15,
            stream_start_ms_max: 5_000,
            message_bytes_max: 256 * 1024,
            model_buffer_bytes_max: 64 * 1024,
            carrier_buffer_bytes_max: 16 * 1024,
            client_buffer_bytes_max: 256 * 1024,
            write_ms_max: 2_000,
            backlog_ms_min: 200,
            audio_rate_percent_max: 150,
            audio_burst_ms_max: 10_000,
            model_reopen_ms_max: 1_500,
            model_reopen_age_ms_min: 10_000,
            ping_ms: 30_000,
            pong_ms_max: 10_000,
            idle_s_max: 600,
        }
    }
}
