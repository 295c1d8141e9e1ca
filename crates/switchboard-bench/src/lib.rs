//! What the benchmark is made of: [`carrier`] and [`model`] play both ends of many telephone calls in one process,
//! the gateway under test stands between them, and the binary `relay` is the yardstick beside it.
//!
//! Both ends share a clock, so a frame that carries its sending time ([`stamp`]) measures the gateway alone. Nothing
//! here judges a conversation or checks a protocol in depth: `switchboard-sim` does that. This crate is lean, so that
//! the load does not become the bottleneck it measures.

pub mod book;
pub mod browser;
pub mod carrier;
pub mod codec_work;
pub mod events;
pub mod listeners;
pub mod model;
pub mod process;
pub mod sequence;
pub mod socket;
pub mod stamp;
pub mod voice;
pub mod webhook;
