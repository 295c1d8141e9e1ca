//! A strict Realtime model server on loopback, which says what a script tells it to say.
//!
//! It speaks the OpenAI Realtime protocol (GA) as the provider does: keys and models are judged after the 101,
//! `session.update` is all or nothing, items and truncations are checked, one response at a time writes to the
//! conversation, turns are found on the appended audio, every response reports usage. What the model hears and says is
//! scripted, and so are its faults. Everything a client sends is kept, so that a test can say what was sent and what
//! was not. It never calls anybody and knows nothing of the server under test.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::time::Duration;
//! use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
//!
//! let script = RealtimeScript::default()
//!     .caller_says("Can I book a facial?")
//!     .reply(Reply::call_tool("check_availability", r#"{"service":"facial"}"#))
//!     .when_tool_answers("check_availability", Reply::ladder(2_000));
//! let model = RealtimeServer::start(script).await?;
//! // ... point the server under test at model.base_url() ...
//! let asked = model.wait_until(Duration::from_secs(5), |log| log.tool_results(1).len() == 1).await;
//! assert!(asked);
//! # Ok(()) }
//! ```

mod audio;
mod calls;
mod connection;
mod conversation;
mod engine;
mod hearing;
mod log;
mod reply;
mod response;
mod rest;
mod script;
mod server;
mod sideband;

pub use audio::{ReplyAudio, SpeechError};
pub use calls::{CallRecord, MediaEvent};
pub use log::{Connected, Log, Received, ReceivedKind, Sent};
pub use reply::{Ending, Reply, ReplyPart, Speech, Word};
pub use script::{
    CallerTurn, Faults, Moment, Pacing, RealtimeScript, ToolAnswer, TurnOutcome, VoiceDetection,
};
pub use server::{Command, RealtimeServer};
