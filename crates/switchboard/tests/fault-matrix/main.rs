//! threats.md section 3 over loopback: each fault once, with our server between a fake carrier and a strict fake model,
//! all speaking their real protocols, and limits shortened by settings. After each: the caller has had agent, human or
//! apology, the call has one end with a class, every event is stored once, and nothing is held.
//!
//! What the core decides is walked fault by phase in `crates/switchboard-call/tests/promises/fault_matrix.rs`. The table
//! in `table.rs` says for every row where it is proved, and a row without a proof does not compile.

#[path = "../support/by_hand.rs"]
mod by_hand;
#[path = "../support/scripted.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod scripted;
#[path = "../support/mod.rs"]
mod support;

mod carrier;
mod database;
mod disk;
mod drain;
mod limits;
mod model;
mod network;
mod people;
mod process;
mod served;
mod stage;
mod table;
