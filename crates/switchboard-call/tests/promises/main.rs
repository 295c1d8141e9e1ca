//! The promises of a call, each in a file of its name, proved in virtual time.

mod support;

mod absence;
mod any_order;
mod automatic_parties;
mod barge_in;
mod budget;
mod call_length;
mod client_turns;
mod confirmation;
mod consent;
mod consent_asked;
mod dead_air;
mod dtmf_zero;
mod ending;
mod fault_matrix;
mod handoff;
mod handshake_watchdog;
mod heard_text;
mod latency;
mod media_gap;
mod model_failure;
mod outgoing_calls;
mod quiet_line;
mod recording;
mod secure_entry;
mod silence;
mod simulated;
mod take_over;
mod tools;
