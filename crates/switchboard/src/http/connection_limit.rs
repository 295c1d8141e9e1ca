//! How many connections are open, in total and per address (threat H6).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::AddressBlock;

/// Counts open connections. One lock per accept and per close; no request touches it.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    counts: Mutex<Counts>,
    total_max: usize,
    per_block_max: usize,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_block: HashMap<AddressBlock, usize>,
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Total,
    PerAddress,
}

impl Refused {
    /// The value of the metric's label.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Total => "connections_max",
            Self::PerAddress => "connections_per_address_max",
        }
    }
}

impl ConnectionLimit {
    pub(super) fn new(total_max: usize, per_block_max: usize) -> Arc<Self> {
        Arc::new(Self {
            counts: Mutex::default(),
            total_max,
            per_block_max,
        })
    }

    /// A permit for one connection. `block` is `None` for trusted proxies, which have no limit of their own.
    pub(super) fn admit(
        self: &Arc<Self>,
        block: Option<AddressBlock>,
    ) -> Result<ConnectionPermit, Refused> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total_max {
            return Err(Refused::Total);
        }
        if let Some(block) = block {
            let open = counts.per_block.entry(block).or_default();
            if *open >= self.per_block_max {
                return Err(Refused::PerAddress);
            }
            *open += 1;
        }
        counts.total += 1;
        Ok(ConnectionPermit {
            limit: Arc::clone(self),
            block,
        })
    }

    /// Connections open now, upgraded ones included.
    pub(super) fn open(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }

    fn give_back(&self, block: Option<AddressBlock>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        let Some(block) = block else { return };
        if let Some(open) = counts.per_block.get_mut(&block) {
            *open -= 1;
            if *open == 0 {
                counts.per_block.remove(&block);
            }
        }
    }
}

/// The right to hold one open connection; given back when dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    limit: Arc<ConnectionLimit>,
    block: Option<AddressBlock>,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limit.give_back(self.block);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn block(text: &str) -> Option<AddressBlock> {
        Some(AddressBlock::from(text.parse::<IpAddr>().expect("valid")))
    }

    #[test]
    fn h6_connections_are_capped_per_address_and_in_total() {
        let limit = ConnectionLimit::new(3, 2);
        let first = limit.admit(block("192.0.2.1")).expect("free");
        let _second = limit.admit(block("192.0.2.1")).expect("free");
        assert_eq!(
            limit.admit(block("192.0.2.1")).err(),
            Some(Refused::PerAddress)
        );
        let _third = limit.admit(block("192.0.2.2")).expect("another address");
        assert_eq!(limit.admit(block("192.0.2.3")).err(), Some(Refused::Total));
        drop(first);
        assert!(limit.admit(block("192.0.2.1")).is_ok());
    }

    #[test]
    fn permits_return_when_dropped_and_leave_nothing_behind() {
        let limit = ConnectionLimit::new(10, 10);
        let permits: Vec<_> = (0..10)
            .filter_map(|_| limit.admit(block("2001:db8::1")).ok())
            .collect();
        assert_eq!((permits.len(), limit.open()), (10, 10));
        drop(permits);
        assert_eq!(limit.open(), 0);
        assert!(
            limit
                .counts
                .lock()
                .expect("not poisoned")
                .per_block
                .is_empty()
        );
    }

    #[test]
    fn trusted_proxies_have_no_limit_per_address() {
        let limit = ConnectionLimit::new(5, 1);
        let permits: Vec<_> = (0..5).filter_map(|_| limit.admit(None).ok()).collect();
        assert_eq!(permits.len(), 5);
        assert_eq!(limit.admit(None).err(), Some(Refused::Total));
    }
}
