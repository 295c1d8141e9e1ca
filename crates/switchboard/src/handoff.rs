//! Who takes a caller over: parties by name, in which order they are tried, and what became of each.
//!
//! Everything here is a function of configuration and the time of day. Nothing here knows a carrier.

mod book;
mod recent_lines;
mod ticket;

pub use book::{HumanOfNumber, Line, Party, TargetBook};
pub use recent_lines::RecentLines;
pub use ticket::{Ticket, TicketError};
