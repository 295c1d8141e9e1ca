//! What the addresses that a carrier calls about a dialled party carry: ids and configured names, never a number.

use switchboard_store::{CallId, TenantId, Word};
use uuid::Uuid;

/// Longer than any ticket we write.
const QUERY_BYTES_MAX: usize = 512;

/// Which party of which call an address is about. It is part of a signed URL and names things; it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub tenant: TenantId,
    pub call: CallId,
    /// 1 for the first party of the call.
    pub ordinal: i64,
    pub party: Word,
    /// Why the caller was handed over.
    pub reason: Word,
    /// The party that was asked for, if any: with it the order of the parties is known again.
    pub wanted: Option<Word>,
}

/// The query is none that we wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket")]
pub struct TicketError;

impl Ticket {
    /// As a query, without the question mark. Nothing in it needs an escape. Ids are written short, because a document
    /// by REST has room for 4,000 characters and holds this many times.
    pub fn to_query(&self) -> String {
        let wanted = self.wanted.as_ref();
        let wanted = wanted.map(|wanted| format!("&w={wanted}"));
        format!(
            "t={}&c={}&n={}&p={}&r={}{}",
            self.tenant.uuid().simple(),
            self.call.uuid().simple(),
            self.ordinal,
            self.party,
            self.reason,
            wanted.unwrap_or_default()
        )
    }

    /// Reads a query.
    ///
    /// # Errors
    /// Anything that [`Ticket::to_query`] does not write.
    pub fn parse(query: &str) -> Result<Self, TicketError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(TicketError);
        }
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let id = |name| value(name).and_then(|text| Uuid::try_parse(text).ok());
        let word = |name| value(name).and_then(|text| Word::parse(text).ok());
        let ordinal = value("n").and_then(|text| text.parse().ok());
        Ok(Self {
            tenant: TenantId::from_uuid(id("t").ok_or(TicketError)?),
            call: CallId::from_uuid(id("c").ok_or(TicketError)?),
            ordinal: ordinal
                .filter(|number| (1..=1_000).contains(number))
                .ok_or(TicketError)?,
            party: word("p").ok_or(TicketError)?,
            reason: word("r").ok_or(TicketError)?,
            wanted: match value("w") {
                Some(text) => Some(Word::parse(text).map_err(|_| TicketError)?),
                None => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(wanted: Option<Word>) -> Ticket {
        Ticket {
            tenant: TenantId::new(),
            call: CallId::new(),
            ordinal: 3,
            party: Word::new("anna"),
            reason: Word::new("dtmf_0"),
            wanted,
        }
    }

    #[test]
    fn a_ticket_reads_as_it_was_written() {
        for wanted in [None, Some(Word::new("sales"))] {
            let ticket = ticket(wanted);
            let query = ticket.to_query();
            assert_eq!(Ticket::parse(&query), Ok(ticket));
            assert!(query.len() < 140, "{query}");
        }
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let good = ticket(None).to_query();
        let bad = [
            String::new(),
            "t=1&c=2&n=3&p=a&r=b".to_owned(),
            good.replace("n=3", "n=0"),
            good.replace("n=3", "n=-1"),
            good.replace("p=anna", "p=%2B12025550199"),
            good.replace("p=anna", "p=12025550199"),
            format!("{good}&w=Sales"),
            format!("{good}&x={}", "x".repeat(600)),
        ];
        for query in bad {
            assert_eq!(Ticket::parse(&query), Err(TicketError), "{query}");
        }
    }

    proptest! {
        #[test]
        fn r7_arbitrary_queries_never_panic(query in "\\PC{0,300}") {
            let _ = Ticket::parse(&query);
        }
    }
}
