//! `GET /api/v1/calls` and `GET /api/v1/calls/{id}`: the tenant's calls. One that we place shows its wish too.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::Uri;
use serde::Serialize;
use serde_json::{Value, json};
use switchboard_store::{
    CallAsk, CallCounts, CallDetail, CallId, CallOutcome, CallPlace, CallQuestion, CallSearch,
    CallSort, CallSummary, Channel, EndClass, ListFilter, PlaceValue, Purpose, RecordingListing,
    RecordingStatus, TenantStore, Timestamp, TransferListing, UsageTotal,
};

use super::page::{Place, exact, wrong};
use super::{ApiContext, Listing, Page, outgoing, parse_id};
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/calls", get(list))
        .route("/api/v1/calls/{id}", get(show))
}

/// What the list may be narrowed by.
const FILTERS: [&str; 9] = [
    "agent", "channel", "outcome", "class", "status", "from", "to", "q", "sort",
];
/// A text that is looked for is at least this long: one letter is in every name.
const SEARCH_CHARS_MIN: usize = 2;
/// And at most this long.
const SEARCH_CHARS_MAX: usize = 100;

async fn list(
    State(context): State<ApiContext>,
    identity: Visitor,
    uri: Uri,
) -> Result<Json<Listing<CallSummary>>, Problem> {
    let page = Page::<CallPlace>::of(&context, &identity, "calls", &uri, &FILTERS)?;
    let sort = word(&page, "sort", CallSort::ALL)?.unwrap_or(CallSort::Newest);
    let rows = context.rows(&identity, Purpose::List);
    let calls = match page.filter("q").map(str::trim).filter(|it| !it.is_empty()) {
        // The id of a call finds that call, whatever else is asked.
        Some(text) if text.parse::<CallId>().is_ok() => {
            let id = parse_id(text)?;
            rows.call_summary(id).await?.into_iter().collect()
        }
        text => {
            let question = question(&page, text)?;
            let ask = CallAsk {
                sort,
                after: page.after(),
                rows: page.rows(),
            };
            rows.page_calls(&question, &ask).await?
        }
    };
    page.answer(&context, calls, |call| call.place(sort))
}

fn question(page: &Page<CallPlace>, search: Option<&str>) -> Result<CallQuestion, Problem> {
    let search = search.map(|text| {
        let is_fit = (SEARCH_CHARS_MIN..=SEARCH_CHARS_MAX).contains(&text.chars().count());
        let range = format!("must have {SEARCH_CHARS_MIN} to {SEARCH_CHARS_MAX} characters");
        is_fit
            .then(|| CallSearch::new(text))
            .ok_or_else(|| wrong("q", &range))
    });
    let question = CallQuestion {
        agent: page.filter("agent").map(ToOwned::to_owned),
        outcome: word(page, "outcome", CallOutcome::ALL)?,
        class: word(page, "class", EndClass::ALL)?,
        channel: word(page, "channel", &[Channel::Phone, Channel::WebVoice])?,
        status: word(page, "status", switchboard_store::CallStatus::ALL)?,
        from: moment(page, "from")?,
        to: moment(page, "to")?,
        search: search.transpose()?,
    };
    match (question.from, question.to) {
        (Some(from), Some(to)) if to <= from => Err(wrong("to", "must be later than `from`")),
        _ => Ok(question),
    }
}

/// A filter that is one of a list of words.
fn word<T: Copy + ToString>(
    page: &Page<CallPlace>,
    name: &str,
    all: &[T],
) -> Result<Option<T>, Problem> {
    let Some(text) = page.filter(name) else {
        return Ok(None);
    };
    let found = all.iter().copied().find(|it| it.to_string() == text);
    found.map(Some).ok_or_else(|| {
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        wrong(name, &format!("must be one of {}", words.join(", ")))
    })
}

fn moment(page: &Page<CallPlace>, name: &str) -> Result<Option<Timestamp>, Problem> {
    let read = page.filter(name).map(str::parse::<Timestamp>).transpose();
    read.map_err(|_| wrong(name, "must be a time like 2026-11-24T09:00:00Z"))
}

impl Place for CallPlace {
    fn write(self) -> String {
        match self.value {
            PlaceValue::At(at) => format!("at {} {}", exact(at), self.id),
            PlaceValue::Figure(figure) => format!("figure {figure} {}", self.id),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let value = match (parts.next()?, parts.next()?) {
            ("at", at) => PlaceValue::At(at.parse().ok()?),
            ("figure", figure) => PlaceValue::Figure(figure.parse().ok()?),
            _ => return None,
        };
        let id = parts.next()?.parse().ok()?;
        Some(Self { value, id })
    }
}

/// One call in full, but for what was said.
#[derive(Serialize)]
struct CallPage {
    #[serde(flatten)]
    summary: CallSummary,
    /// The same as `agent`, as earlier versions called it.
    agent_name: String,
    carrier_status: Option<switchboard_store::Word>,
    conversation_id: Option<switchboard_store::ConversationId>,
    location: Option<String>,
    /// This server has it in progress.
    is_live: bool,
    /// What the ledger says now, per currency; of a call in progress so far.
    cost: Vec<UsageTotal>,
    counts: CallCounts,
    recording: Option<RecordingState>,
    /// The newest answer per purpose.
    consent: Vec<ConsentState>,
    handoffs: Vec<TransferListing>,
}

/// Whether there is something to hear, and if not, why.
#[derive(Serialize)]
struct RecordingState {
    id: switchboard_store::RecordingId,
    status: RecordingStatus,
    layout: switchboard_store::Word,
    started_at: Timestamp,
    /// From the offered call to its first sample.
    offset_ms: i64,
    length_ms: Option<i64>,
    dropped_ms: Option<i64>,
    bytes: Option<i64>,
    retained_until: Option<Timestamp>,
    erased_at: Option<Timestamp>,
}

impl From<RecordingListing> for RecordingState {
    fn from(it: RecordingListing) -> Self {
        Self {
            id: it.id,
            status: it.status,
            layout: it.layout,
            started_at: it.started_at,
            offset_ms: it.offset_ms,
            length_ms: it.length_ms,
            dropped_ms: it.dropped_ms,
            bytes: it.bytes,
            retained_until: it.retained_until,
            erased_at: it.erased_at,
        }
    }
}

/// How a purpose was answered, without the words.
#[derive(Serialize)]
struct ConsentState {
    purpose: switchboard_store::Word,
    answer: switchboard_store::ConsentAnswer,
    disclosed_at: Timestamp,
    answered_at: Option<Timestamp>,
    complete: Option<bool>,
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let id = parse_id(&id)?;
    let call = rows.call(id).await?;
    let page = match &call {
        Some(call) => Some(json!(page(&context, &rows, call).await?)),
        None => None,
    };
    let shown = match outgoing::view(&rows, id).await? {
        Some(wish) => {
            let mut shown = page.unwrap_or_else(
                || json!({ "id": id, "agent_name": wish.agent, "direction": "outbound" }),
            );
            shown["outgoing"] = wish.shown;
            Some(shown)
        }
        None => page,
    };
    shown.map(Json).ok_or_else(Problem::not_found)
}

async fn page(
    context: &ApiContext,
    rows: &TenantStore,
    call: &CallDetail,
) -> Result<CallPage, Problem> {
    let id = call.id;
    let summary = rows.call_summary(id).await?;
    let of_call = ListFilter::of_call(id);
    let mut consent: Vec<ConsentState> = Vec::new();
    for row in rows.list_consents(&of_call).await? {
        if consent.iter().any(|known| known.purpose == row.purpose) {
            continue;
        }
        consent.push(ConsentState {
            purpose: row.purpose,
            answer: row.answer,
            disclosed_at: row.disclosed_at,
            answered_at: row.answered_at,
            complete: row.complete,
        });
    }
    Ok(CallPage {
        summary: summary.ok_or_else(Problem::not_found)?,
        agent_name: call.agent_name.clone(),
        carrier_status: call.carrier_status.clone(),
        conversation_id: call.conversation_id,
        location: call.location.clone(),
        is_live: context.reception.live.find(id).is_some(),
        cost: rows.usage_totals(Some(id), Timestamp::UNIX_EPOCH).await?,
        counts: rows.call_counts(id).await?,
        recording: rows
            .list_recordings(&of_call)
            .await?
            .into_iter()
            .next()
            .map(Into::into),
        consent,
        handoffs: rows.transfers_of(id).await?,
    })
}
