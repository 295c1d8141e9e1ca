//! Calls that are answered and not connected yet cost memory and a model session, so each credential and each address may have
//! only a few (threat W3).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::AddressBlock;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// A hash of the credential: it is not kept.
    Credential(u64),
    Address(AddressBlock),
}

/// How many each has.
#[derive(Debug, Clone, Default)]
pub(super) struct UnfinishedCalls(Arc<Mutex<HashMap<Whose, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Unfinished {
    calls: UnfinishedCalls,
    whose: [Whose; 2],
}

impl UnfinishedCalls {
    /// Room for one more, or None when the credential or the address has as many as it may.
    pub(super) fn begin(
        &self,
        credential: &str,
        address: IpAddr,
        most: usize,
    ) -> Option<Unfinished> {
        let mut hasher = DefaultHasher::new();
        credential.hash(&mut hasher);
        let whose = [
            Whose::Credential(hasher.finish()),
            Whose::Address(AddressBlock::from(address)),
        ];
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |whose: &Whose| counts.get(whose).is_none_or(|count| *count < most);
        if !whose.iter().all(has_room) {
            return None;
        }
        for one in whose {
            *counts.entry(one).or_default() += 1;
        }
        drop(counts);
        Some(Unfinished {
            calls: self.clone(),
            whose,
        })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut counts = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in self.whose {
            if let Some(count) = counts.get_mut(&one) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&one);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w3_unfinished_calls_are_capped_per_key_and_per_address_and_forgotten_when_they_end() {
        let calls = UnfinishedCalls::default();
        let (key, other) = ("one", "another");
        let address = IpAddr::from([192, 0, 2, 1]);
        let first = calls.begin(key, address, 2).expect("room");
        let _second = calls
            .begin(key, IpAddr::from([192, 0, 2, 2]), 2)
            .expect("room");
        assert!(calls.begin(key, IpAddr::from([192, 0, 2, 3]), 2).is_none());
        let _third = calls.begin(other, address, 2).expect("another key");
        assert!(calls.begin("a third", address, 2).is_none());
        drop(first);
        assert!(calls.begin(key, address, 2).is_some());
        drop((_second, _third));
        assert!(calls.0.lock().expect("not poisoned").is_empty());
    }
}
