//! The call itself, without sockets, tasks, locks or clock: every decision about a live call as one plain struct.
//!
//! Time, events and audio go in; commands, events and one wake time come out. It never reads a clock, never
//! sleeps, never sees a sample: audio is a length, a level and a handle whose bytes the shell keeps.
//!
//! ```
//! use switchboard_call::{Call, CallSettings, Input, Moment, Output};
//! use switchboard_call::input::{FromLeg, FromModel};
//!
//! let mut call = Call::new(CallSettings::default());
//! call.handle(Moment::from_millis(400), Input::Leg(FromLeg::Ready));
//! call.handle(Moment::from_millis(600), Input::Model(FromModel::Ready));
//! let wake = loop {
//!     match call.poll() {
//!         Output::Wait(wake) => break wake,
//!         Output::Command(_) | Output::Event(_) | Output::Record(_) => {} // carry it out
//!     }
//! };
//! assert!(wake.is_some(), "the length limit is always ahead");
//! ```

mod absence;
mod alignment;
mod answering;
mod automatic;
mod backchannel;
mod budget;
mod call;
mod clocks;
mod confirmation;
mod consent;
mod dead_air;
mod echo;
pub mod end;
mod ending;
pub mod event;
mod floor;
pub mod handoff;
pub mod ids;
pub mod input;
pub mod interruption;
pub mod limits;
mod model_session;
pub mod output;
mod phase;
mod playback;
mod quiet_line;
mod reply;
mod secure_entry;
mod settings;
mod silence;
mod staff;
pub mod time;
pub mod tool_call;
mod tools;
pub mod turn;
pub mod words;

pub use answering::{AnsweredBy, OnAnswer, Outgoing};
pub use budget::{Allowance, BudgetKind};
pub use call::Call;
pub use consent::{ConsentAnswer, ConsentBasis, ConsentPolicy, Greeting};
pub use input::Input;
pub use limits::Limits;
pub use output::Output;
pub use phase::Phase;
pub use playback::PlaybackReport;
pub use settings::{CallSettings, Keys, Sentences};
pub use staff::{GiveBack, StaffAudio};
pub use time::{Moment, Span};
pub use words::{Language, Words};
