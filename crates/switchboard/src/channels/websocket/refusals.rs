//! Refused connections are answered later and later.
//!
//! LiveKit's plugin opens a refused connection again after 0.1 s, for ever, because the 101 before the refusal resets
//! its own backing off. Holding the refusal back slows such a client down without locking anybody out: whoever then
//! comes with the right key is let in at once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::AddressBlock;

/// Refusals that are answered at once: a person who mistypes is not made to wait.
const FREE: u32 = 3;
/// The first wait; it doubles with each refusal.
const WAIT_FIRST: Duration = Duration::from_millis(500);
/// The longest wait. A held connection costs a socket and is counted per address.
const WAIT_MAX: Duration = Duration::from_secs(16);
/// After this much peace a client starts anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Clients remembered at once. When it is full the ones that rest are forgotten; if all are busy, a new one waits longest.
const CLIENTS_MAX: usize = 4_096;

/// How often each client was refused lately.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<ClientKey, Refused>>);

/// An address and what it was refused with, so that one wrong key does not slow down its neighbours' right ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    address: AddressBlock,
    /// A hash of the key and the agent asked for: neither is kept.
    credential: u64,
}

#[derive(Debug)]
struct Refused {
    times: u32,
    last: Instant,
}

impl ClientKey {
    pub(super) fn new(address: IpAddr, credential: &str, target: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (credential, target).hash(&mut hasher);
        Self {
            address: AddressBlock::from(address),
            credential: hasher.finish(),
        }
    }
}

impl Refusals {
    /// Counts one more refusal and says how long to hold it back.
    pub(super) fn wait(&self, now: Instant, client: ClientKey) -> Duration {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            clients.retain(|_, refused| now < refused.last + FORGOTTEN_AFTER);
            if clients.len() >= CLIENTS_MAX {
                return WAIT_MAX;
            }
        }
        let refused = clients.entry(client).or_insert(Refused {
            times: 0,
            last: now,
        });
        if now >= refused.last + FORGOTTEN_AFTER {
            refused.times = 0;
        }
        refused.times = refused.times.saturating_add(1);
        let wait = wait_after(refused.times);
        // Peace counts from when the client is told.
        refused.last = now + wait;
        wait
    }
}

fn wait_after(times: u32) -> Duration {
    match times.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => WAIT_FIRST
            .saturating_mul(1 << doublings.min(8))
            .min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8, credential: &str) -> ClientKey {
        ClientKey::new(IpAddr::from([192, 0, 2, last]), credential, "medspa")
    }

    #[test]
    fn each_refusal_in_a_row_is_held_back_longer_up_to_a_bound() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let waits: Vec<u128> = (0..12)
            .map(|_| refusals.wait(now, client(1, "k")).as_millis())
            .collect();
        assert_eq!(
            waits,
            [
                0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000, 16_000
            ]
        );
        assert_eq!(refusals.wait(now, client(1, "another key")), Duration::ZERO);
        assert_eq!(refusals.wait(now, client(2, "k")), Duration::ZERO);
    }

    #[test]
    fn a_client_that_rested_starts_anew() {
        let refusals = Refusals::default();
        let now = Instant::now();
        for _ in 0..6 {
            refusals.wait(now, client(1, "k"));
        }
        let rested = now + FORGOTTEN_AFTER + WAIT_MAX;
        assert_eq!(refusals.wait(rested, client(1, "k")), Duration::ZERO);
    }

    #[test]
    fn h6_no_more_clients_are_remembered_than_the_bound() {
        let refusals = Refusals::default();
        let now = Instant::now();
        for number in 0..2 * CLIENTS_MAX {
            refusals.wait(now, client(1, &number.to_string()));
        }
        let remembered = || refusals.0.lock().expect("not poisoned").len();
        assert_eq!(remembered(), CLIENTS_MAX);
        assert_eq!(refusals.wait(now, client(9, "late")), WAIT_MAX);
        refusals.wait(now + FORGOTTEN_AFTER * 2, client(9, "late"));
        assert_eq!(remembered(), 1);
    }
}
