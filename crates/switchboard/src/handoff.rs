//! Who takes a caller over: parties by name, in which order they are tried, and what became of each.
//!
//! Everything here is a function of configuration and the time of day. Nothing here knows a carrier.

mod book;
mod ticket;

pub use book::{HumanOfNumber, Line, Party, TargetBook};
pub use ticket::{Ticket, TicketError};
