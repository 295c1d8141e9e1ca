//! Calls that are answered and not connected yet cost memory and a model session, so each caller and each address may have
//! only a few (threat W3).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use switchboard_store::TenantId;

use crate::http::{AddressBlock, CallerIdentity};

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    /// As [`CallerIdentity::minter`] tells callers of a tenant apart.
    Caller(TenantId, String),
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
    /// Room for one more, or None when the caller or the address has as many as it may.
    pub(super) fn begin(
        &self,
        caller: &CallerIdentity,
        address: IpAddr,
        most: usize,
    ) -> Option<Unfinished> {
        let whose = [
            Whose::Caller(caller.tenant_id, caller.minter()),
            Whose::Address(AddressBlock::from(address)),
        ];
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |whose: &Whose| counts.get(whose).is_none_or(|count| *count < most);
        if !whose.iter().all(has_room) {
            return None;
        }
        for one in &whose {
            *counts.entry(one.clone()).or_default() += 1;
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
        for one in &self.whose {
            if let Some(count) = counts.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(one);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use switchboard_store::ApiKeyId;

    use super::*;
    use crate::http::CallerCredential;

    #[test]
    fn w3_unfinished_calls_are_capped_per_caller_and_per_address_and_forgotten_when_they_end() {
        let calls = UnfinishedCalls::default();
        let tenant = TenantId::new();
        let caller = || {
            let key = CallerCredential::ApiKey(ApiKeyId::new());
            CallerIdentity::of(tenant, key)
        };
        let (key, other) = (&caller(), &caller());
        let address = IpAddr::from([192, 0, 2, 1]);
        let first = calls.begin(key, address, 2).expect("room");
        let _second = calls
            .begin(key, IpAddr::from([192, 0, 2, 2]), 2)
            .expect("room");
        assert!(calls.begin(key, IpAddr::from([192, 0, 2, 3]), 2).is_none());
        let _third = calls.begin(other, address, 2).expect("another key");
        assert!(calls.begin(&caller(), address, 2).is_none());
        drop(first);
        assert!(calls.begin(key, address, 2).is_some());
        drop((_second, _third));
        assert!(calls.0.lock().expect("not poisoned").is_empty());
    }
}
