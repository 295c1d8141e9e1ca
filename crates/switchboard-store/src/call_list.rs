//! The list of calls as people use it: narrowed, searched, in any of its orders, page by page.
//!
//! A place in an order is the sorted value and the id, so a page begins where the last one ended without counting rows.
//! Each statement is led by an index: the order's own, or that of its most telling filter.

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::Sql;
use crate::error::StoreError;
use crate::ids::{CallId, ContactId};
use crate::keys::containing_pattern;
use crate::money::{Currency, Micros};
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::{CallOutcome, CallSort, CallStatus, Channel, Direction, EndClass};

/// What is shown of a call. Figures are those of its end, so they are null before it.
macro_rules! summary {
    ($tail:expr) => {
        concat!(
            "select c.id, c.carrier_call_id, c.agent_name as agent, c.agent_version, c.channel, c.direction, c.number,
                c.caller_number, c.contact_id,
                (select k.name from contacts k where k.tenant_id = $1 and k.id = c.contact_id) as contact_name,
                c.language, c.status, c.offered_at, c.answered_at, c.ended_at, c.end_reason, c.end_class, c.outcome,
                case when c.end_reason is null then null else c.duration_ms end as duration_ms,
                case when c.end_reason is null then null else c.cost_micros end as cost_micros,
                nullif(c.heard_p95_ms, 0) as heard_p95_ms,
                (select count(*) from recordings r where r.tenant_id = $1 and r.call_id = c.id
                    and r.status in ('stored', 'broken') and r.bytes > 0) > 0 as has_recording,
                (select count(*) from voicemails v where v.tenant_id = $1 and v.call_id = c.id) > 0 as has_voicemail
            from calls c where c.tenant_id = $1 ",
            $tail
        )
    };
}

/// Filters that no index leads by, and those of the statement. $2 agent, $3 outcome, $4 class, $5 channel, $6 status.
macro_rules! filters {
    (plain) => {
        "and (c.agent_name = $2 or $2 is null) and (c.outcome = $3 or $3 is null)
            and (c.end_class = $4 or $4 is null) and (c.channel = $5 or $5 is null) and (c.status = $6 or $6 is null) "
    };
    (agent) => {
        "and (c.outcome = $3 or $3 is null)
            and (c.end_class = $4 or $4 is null) and (c.channel = $5 or $5 is null) and (c.status = $6 or $6 is null) "
    };
    (outcome) => {
        "and (c.agent_name = $2 or $2 is null)
            and (c.end_class = $4 or $4 is null) and (c.channel = $5 or $5 is null) and (c.status = $6 or $6 is null) "
    };
    (class) => {
        "and (c.agent_name = $2 or $2 is null) and (c.outcome = $3 or $3 is null)
            and (c.channel = $5 or $5 is null) and (c.status = $6 or $6 is null) "
    };
    // $11 is a pattern of names, $12 and $13 are the first and the last number that begin as asked. Who is looked for has
    // few calls, so these are found first and sorted then.
    (search) => {
        "and (c.agent_name = $2 or $2 is null) and (c.outcome = $3 or $3 is null)
            and (c.end_class = $4 or $4 is null) and (c.channel = $5 or $5 is null) and (c.status = $6 or $6 is null)
            and c.id in (
                select n.id from calls n where n.tenant_id = $1 and n.contact_id in (
                    select s.id from contacts s where s.tenant_id = $1 and s.name_key like $11 escape '\\'
                    order by s.name_key limit 500)
                union all
                select m.id from calls m where m.tenant_id = $1 and m.caller_number >= $12 and m.caller_number <= $13) "
    };
}

/// By time: $7 and $8 are the range, of which one end is the place ($8 or $7 with the id $9); $10 rows.
macro_rules! newest {
    ($by:ident) => {
        summary!(concat!(
            filters!($by),
            "and (c.offered_at, c.id) < ($8, $9) and c.offered_at >= $7 order by c.offered_at desc, c.id desc limit $10"
        ))
    };
}
macro_rules! oldest {
    ($by:ident) => {
        summary!(concat!(
            filters!($by),
            "and (c.offered_at, c.id) > ($7, $9) and c.offered_at < $8 order by c.offered_at, c.id limit $10"
        ))
    };
}
/// The same of one agent, outcome or class. Between two places that both begin with it there is nothing else, and
/// written so SQLite takes no other index.
macro_rules! newest_of {
    ($by:ident, $column:literal, $value:literal) => {
        summary!(concat!(
            filters!($by),
            "and (c.",
            $column,
            ", c.offered_at, c.id) < (",
            $value,
            ", $8, $9) and (c.",
            $column,
            ", c.offered_at) >= (",
            $value,
            ", $7) order by c.",
            $column,
            " desc, c.offered_at desc, c.id desc limit $10"
        ))
    };
}
macro_rules! oldest_of {
    ($by:ident, $column:literal, $value:literal) => {
        summary!(concat!(
            filters!($by),
            "and (c.",
            $column,
            ", c.offered_at, c.id) > (",
            $value,
            ", $7, $9) and (c.",
            $column,
            ", c.offered_at) < (",
            $value,
            ", $8) order by c.",
            $column,
            ", c.offered_at, c.id limit $10"
        ))
    };
}
/// By a figure: $7 and $8 are the range, the last value with the id $9 the place.
macro_rules! most {
    ($by:ident, $figure:literal, $place:literal) => {
        summary!(concat!(
            filters!($by),
            "and c.offered_at >= $7 and c.offered_at < $8 and (c.",
            $figure,
            ", c.id) < (",
            $place,
            ", $9) order by c.",
            $figure,
            " desc, c.id desc limit $10"
        ))
    };
}
macro_rules! least {
    ($by:ident, $figure:literal, $place:literal) => {
        summary!(concat!(
            filters!($by),
            "and c.offered_at >= $7 and c.offered_at < $8 and (c.",
            $figure,
            ", c.id) > (",
            $place,
            ", $9) order by c.",
            $figure,
            ", c.id limit $10"
        ))
    };
}

sql! {
    NEWEST = newest!(plain);
    NEWEST_OF_AGENT = newest_of!(agent, "agent_name", "$2");
    NEWEST_OF_OUTCOME = newest_of!(outcome, "outcome", "$3");
    NEWEST_OF_CLASS = newest_of!(class, "end_class", "$4");
    NEWEST_FOUND = newest!(search);
    OLDEST = oldest!(plain);
    OLDEST_OF_AGENT = oldest_of!(agent, "agent_name", "$2");
    OLDEST_OF_OUTCOME = oldest_of!(outcome, "outcome", "$3");
    OLDEST_OF_CLASS = oldest_of!(class, "end_class", "$4");
    OLDEST_FOUND = oldest!(search);
    LONGEST = most!(plain, "duration_ms", "$11");
    LONGEST_FOUND = most!(search, "duration_ms", "$14");
    SHORTEST = least!(plain, "duration_ms", "$11");
    SHORTEST_FOUND = least!(search, "duration_ms", "$14");
    DEAREST = most!(plain, "cost_micros", "$11");
    DEAREST_FOUND = most!(search, "cost_micros", "$14");
    CHEAPEST = least!(plain, "cost_micros", "$11");
    CHEAPEST_FOUND = least!(search, "cost_micros", "$14");
    SLOWEST = most!(plain, "heard_p95_ms", "$11");
    SLOWEST_FOUND = most!(search, "heard_p95_ms", "$14");
    FASTEST = least!(plain, "heard_p95_ms", "$11");
    FASTEST_FOUND = least!(search, "heard_p95_ms", "$14");
    ONE = summary!("and c.id = $2");
}

/// Fewest digits a number is looked for by: fewer begin too many numbers.
const DIGITS_MIN: usize = 4;
/// Most digits of a number (E.164).
const DIGITS_MAX: usize = 15;

/// A call in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct CallSummary {
    pub id: CallId,
    pub carrier_call_id: Option<String>,
    pub agent: String,
    pub agent_version: Option<i64>,
    pub channel: Channel,
    pub direction: Direction,
    /// Our number.
    pub number: Option<PhoneNumber>,
    /// The caller's number, a hint and no proof.
    pub caller_number: Option<PhoneNumber>,
    pub contact_id: Option<ContactId>,
    pub contact_name: Option<Private<String>>,
    pub language: Option<String>,
    pub status: CallStatus,
    pub offered_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<Word>,
    pub end_class: Option<EndClass>,
    pub outcome: Option<CallOutcome>,
    /// From the answer to the end; 0 when it was never answered, null while it goes on.
    pub duration_ms: Option<i64>,
    /// Null while it goes on.
    pub cost_micros: Option<Micros>,
    /// What `cost_micros` is in.
    #[sqlx(skip)]
    pub currency: UsDollars,
    /// From the caller's last word to audio heard, where the leg reports it: nineteen of twenty were no slower.
    pub heard_p95_ms: Option<i64>,
    /// There is audio.
    pub has_recording: bool,
    pub has_voicemail: bool,
}

/// The currency of the price table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsDollars;

impl Serialize for UsDollars {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Currency::USD.serialize(serializer)
    }
}

/// Narrows the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallQuestion {
    pub agent: Option<String>,
    pub outcome: Option<CallOutcome>,
    pub class: Option<EndClass>,
    pub channel: Option<Channel>,
    pub status: Option<CallStatus>,
    /// Offered at this moment or later.
    pub from: Option<Timestamp>,
    /// Offered before this moment.
    pub to: Option<Timestamp>,
    pub search: Option<CallSearch>,
}

/// Whom to look for: callers whose contact's name contains the text, or whose number begins with its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSearch(Private<String>);

impl CallSearch {
    pub fn new(text: &str) -> Self {
        Self(Private::new(text.to_owned()))
    }

    /// The first and the last number that begins with the digits asked for; of too few digits a pair that no number has.
    fn numbers(&self) -> (String, String) {
        let text = self.0.expose().trim();
        let is_number = |c: char| c.is_ascii_digit() || " +-().".contains(c);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if !text.chars().all(is_number) || !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            return ("+".to_owned(), "+".to_owned());
        }
        let rest = "9".repeat(DIGITS_MAX - digits.len());
        (format!("+{digits}"), format!("+{digits}{rest}"))
    }
}

/// A place in a list: the value it is sorted by, and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPlace {
    pub value: PlaceValue,
    pub id: CallId,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceValue {
    At(Timestamp),
    Figure(i64),
}

/// Which rows of the list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallAsk {
    pub sort: CallSort,
    /// Rows behind this place; `None` begins with the first.
    pub after: Option<CallPlace>,
    /// At most this many.
    pub rows: u32,
}

impl CallSummary {
    /// Where this call stands in a list of this order.
    pub fn place(&self, sort: CallSort) -> CallPlace {
        let figure = |figure: Option<i64>| PlaceValue::Figure(figure.unwrap_or(0));
        let value = match sort {
            CallSort::Newest | CallSort::Oldest => PlaceValue::At(self.offered_at),
            CallSort::Longest | CallSort::Shortest => figure(self.duration_ms),
            CallSort::Dearest | CallSort::Cheapest => figure(self.cost_micros.map(|it| it.0)),
            CallSort::Slowest | CallSort::Fastest => figure(self.heard_p95_ms),
        };
        CallPlace { value, id: self.id }
    }
}

impl TenantStore {
    /// One page of calls. A place of another order begins anew.
    pub async fn page_calls(
        &self,
        question: &CallQuestion,
        ask: &CallAsk,
    ) -> Result<Vec<CallSummary>, StoreError> {
        let range = Range::of(question, ask);
        let (statement, figure) = statement(question, ask.sort);
        let names = question
            .search
            .as_ref()
            .map(|it| containing_pattern(it.0.expose()));
        let numbers = question.search.as_ref().map(CallSearch::numbers);
        let mut tx = self.read().await?;
        macro_rules! page {
            ($($more:expr),*) => {
                fetch!(
                    &mut tx, all CallSummary, statement, self.tenant(), &question.agent, question.outcome,
                    question.class, question.channel, question.status, range.from, range.to, range.id,
                    i64::from(ask.rows) $(, $more)*
                )
            };
        }
        match (numbers, figure) {
            (None, false) => page!(),
            (None, true) => page!(range.figure),
            (Some((first, last)), false) => page!(&names, &first, &last),
            (Some((first, last)), true) => page!(&names, &first, &last, range.figure),
        }
    }

    /// One call as lists show it.
    pub async fn call_summary(&self, call: CallId) -> Result<Option<CallSummary>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional CallSummary, ONE, self.tenant(), call)
    }
}

/// The statement for a question, and whether its place is a figure. By time the most telling filter leads.
fn statement(question: &CallQuestion, sort: CallSort) -> (Sql, bool) {
    let found = question.search.is_some();
    let by_time = |plain, agent, outcome, class, search| match question {
        _ if found => search,
        CallQuestion { agent: Some(_), .. } => agent,
        CallQuestion {
            outcome: Some(_), ..
        } => outcome,
        CallQuestion { class: Some(_), .. } => class,
        _ => plain,
    };
    let by_figure = |plain, search| if found { search } else { plain };
    let statement = match sort {
        CallSort::Newest => by_time(
            NEWEST,
            NEWEST_OF_AGENT,
            NEWEST_OF_OUTCOME,
            NEWEST_OF_CLASS,
            NEWEST_FOUND,
        ),
        CallSort::Oldest => by_time(
            OLDEST,
            OLDEST_OF_AGENT,
            OLDEST_OF_OUTCOME,
            OLDEST_OF_CLASS,
            OLDEST_FOUND,
        ),
        CallSort::Longest => by_figure(LONGEST, LONGEST_FOUND),
        CallSort::Shortest => by_figure(SHORTEST, SHORTEST_FOUND),
        CallSort::Dearest => by_figure(DEAREST, DEAREST_FOUND),
        CallSort::Cheapest => by_figure(CHEAPEST, CHEAPEST_FOUND),
        CallSort::Slowest => by_figure(SLOWEST, SLOWEST_FOUND),
        CallSort::Fastest => by_figure(FASTEST, FASTEST_FOUND),
    };
    let is_by_time = matches!(sort, CallSort::Newest | CallSort::Oldest);
    (statement, !is_by_time)
}

/// From where to where the statement reads. An end that nobody named lies beyond everything stored.
struct Range {
    from: Timestamp,
    to: Timestamp,
    figure: i64,
    id: Uuid,
}

impl Range {
    fn of(question: &CallQuestion, ask: &CallAsk) -> Self {
        let mut range = Self {
            from: question.from.unwrap_or(Timestamp::UNIX_EPOCH),
            to: question.to.unwrap_or_else(far_away),
            figure: 0,
            id: Uuid::nil(),
        };
        match ask.sort {
            // No id is before nil: what was offered at `to` is not in it, what was offered at `from` is.
            CallSort::Newest | CallSort::Oldest => {}
            CallSort::Longest | CallSort::Dearest | CallSort::Slowest => {
                (range.figure, range.id) = (i64::MAX, Uuid::max());
            }
            CallSort::Shortest | CallSort::Cheapest | CallSort::Fastest => range.figure = -1,
        }
        let place = ask.after.map(|it| (it.value, it.id.uuid()));
        match (place, ask.sort) {
            (Some((PlaceValue::At(at), id)), CallSort::Newest) if at < range.to => {
                (range.to, range.id) = (at, id);
            }
            (Some((PlaceValue::At(at), id)), CallSort::Oldest) if at >= range.from => {
                (range.from, range.id) = (at, id);
            }
            (Some((PlaceValue::Figure(figure), id)), sort)
                if !matches!(sort, CallSort::Newest | CallSort::Oldest) =>
            {
                (range.figure, range.id) = (figure, id);
            }
            _ => {}
        }
        range
    }
}

/// Later than every call, and a year that both databases write with four digits.
fn far_away() -> Timestamp {
    Timestamp::from_timestamp(253_370_764_800, 0).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_looked_for_at_the_beginning_of_numbers() {
        let numbers = |text: &str| CallSearch::new(text).numbers();
        let all = ("+1202".to_owned(), "+120299999999999".to_owned());
        assert_eq!(numbers("+1 202"), all);
        assert_eq!(numbers("(1) 202"), all);
        let none = ("+".to_owned(), "+".to_owned());
        for text in ["", "120", "Ama 1202", "1234567890123456"] {
            assert_eq!(numbers(text), none, "{text}");
        }
    }
}
