//! Ways callers reach us. Each channel translates its carrier's names and yields a leg.

pub mod twilio;
pub mod webrtc;
pub mod websocket;
