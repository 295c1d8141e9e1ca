//! How often somebody may try to sign in, by address and by account. (Threat T4.)
//!
//! The wait doubles with each try and is stated. An account is slowed down for strangers only: whoever comes from an
//! address that this person signed in from before is held by the address alone, so that nobody can lock the owner out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::AddressBlock;

/// Tries from one address before it waits: an office behind one address, on a Monday.
const ADDRESS_FREE: u32 = 20;
/// Tries for one account before strangers wait.
const ACCOUNT_FREE: u32 = 5;
/// Longest wait. A password that passed the check outlives centuries of such waits.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Tries are forgotten after this long without one.
const FORGET: Duration = Duration::from_secs(3600);
/// Addresses and accounts that are remembered; the quietest are forgotten first.
const KEPT_MAX: usize = 20_000;

/// Counts tries in this process. Each node counts for itself.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    addresses: Counts<AddressBlock>,
    accounts: Counts<String>,
}

impl Throttle {
    /// Counts a try from an address before anything is looked at. `Err`: the whole seconds to wait.
    pub(super) fn try_from_address(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        self.addresses.count(address.into(), ADDRESS_FREE, now)
    }

    /// Counts a try for an account, by a hash of its e-mail address, whether it exists or not.
    pub(super) fn try_account(&self, account: &str, now: Instant) -> Result<(), u64> {
        self.accounts.count(account.to_owned(), ACCOUNT_FREE, now)
    }

    /// Forgets the tries of somebody who signed in.
    pub(super) fn succeeded(&self, address: IpAddr, account: &str) {
        self.addresses.forget(&address.into());
        self.forget_account(account);
    }

    /// Forgets the tries for an account.
    pub(super) fn forget_account(&self, account: &str) {
        self.accounts.forget(&account.to_owned());
    }
}

#[derive(Debug)]
struct Counts<K>(Mutex<HashMap<K, Tries>>);

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last: Instant,
    open_at: Instant,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// Counts before the outcome is known, so that many at once do not slip through. A try that has to wait counts not.
    fn count(&self, key: K, free: u32, now: Instant) -> Result<(), u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            forget_quiet(&mut all, now);
        }
        let tries = all.entry(key).or_insert(Tries {
            count: 0,
            last: now,
            open_at: now,
        });
        if now.duration_since(tries.last) > FORGET {
            tries.count = 0;
        }
        if tries.open_at > now {
            let wait = tries.open_at.duration_since(now);
            return Err(wait.as_secs() + 1);
        }
        tries.count = tries.count.saturating_add(1);
        tries.last = now;
        tries.open_at = now + wait_after(tries.count, free);
        Ok(())
    }

    fn forget(&self, key: &K) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(key);
    }
}

/// Nothing for the free tries, then 1 s, 2 s, 4 s and so on.
fn wait_after(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None | Some(0) => Duration::ZERO,
        Some(over) => WAIT_MAX.min(Duration::from_secs(1 << (over - 1).min(20))),
    }
}

/// Keeps memory bounded: first what is old, then the older half.
fn forget_quiet<K: Eq + Hash + Clone>(all: &mut HashMap<K, Tries>, now: Instant) {
    all.retain(|_, tries| now.duration_since(tries.last) <= FORGET);
    if all.len() < KEPT_MAX {
        return;
    }
    let mut times: Vec<Instant> = all.values().map(|tries| tries.last).collect();
    times.sort_unstable();
    let middle = times[times.len() / 2];
    all.retain(|_, tries| tries.last > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn t4_the_wait_doubles_is_stated_and_ends() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..=ACCOUNT_FREE {
            assert_eq!(throttle.try_account("a", start), Ok(()));
        }
        let mut now = start;
        for wait_s in [1, 2, 4, 8] {
            let told = throttle.try_account("a", now).expect_err("it waits");
            assert_eq!(told, wait_s + 1);
            now += Duration::from_secs(wait_s);
            assert_eq!(throttle.try_account("a", now), Ok(()), "after {wait_s} s");
        }
        assert_eq!(
            throttle.try_account("b", start),
            Ok(()),
            "others do not wait"
        );
        let later = now + WAIT_MAX + FORGET;
        for _ in 0..=ACCOUNT_FREE {
            assert_eq!(throttle.try_account("a", later), Ok(()), "it is forgotten");
        }
        assert_eq!(wait_after(u32::MAX, ACCOUNT_FREE), WAIT_MAX);
    }

    #[test]
    fn h5_addresses_of_one_home_are_counted_together() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..=ADDRESS_FREE {
            let address = ip(&format!("2001:db8:1:2::{number:x}"));
            assert_eq!(throttle.try_from_address(address, now), Ok(()));
        }
        let next = throttle.try_from_address(ip("2001:db8:1:2:ffff::1"), now);
        assert_eq!(next, Err(2));
        let other = throttle.try_from_address(ip("2001:db8:1:3::1"), now);
        assert_eq!(other, Ok(()));
        throttle.succeeded(ip("2001:db8:1:2::9"), "a");
        let again = throttle.try_from_address(ip("2001:db8:1:2:ffff::1"), now);
        assert_eq!(again, Ok(()), "somebody signed in from there");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..KEPT_MAX + 100 {
            let at = now + Duration::from_micros(number as u64);
            let _ = throttle.try_account(&number.to_string(), at);
        }
        let kept = throttle.accounts.0.lock().expect("no panic").len();
        assert!(kept <= KEPT_MAX, "{kept}");
    }
}
