//! The model server refuses what the provider refuses, keeps its order of events, and fails as scripted.

mod client;
mod faults;
mod handshake;
mod interruption;
mod items;
mod replies;
mod turns;
