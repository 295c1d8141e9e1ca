//! Lists in pages: `limit` rows, and a cursor that continues the same list of the same tenant. (Threat T6.)

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Query;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use http::Uri;
use serde::Serialize;
use switchboard_store::{PageAsk, PagePosition};

use super::ApiContext;
use crate::config::Secret;
use crate::http::{Problem, Visitor};

/// Rows of a page when the request does not say; a screenful.
const ROWS_DEFAULT: u32 = 50;
/// Rows of a page at most.
const ROWS_MAX: u32 = 200;
/// Longest value of a parameter, before it is looked at.
const VALUE_BYTES_MAX: usize = 1024;

/// Which page of which list is asked for.
///
/// A cursor is sealed together with the tenant, the list and its filters: it opens for the same question only, says
/// nothing to its holder, and cannot be made up.
pub struct Page<P = PagePosition> {
    rows: u32,
    after: Option<P>,
    filters: BTreeMap<String, String>,
    question: String,
}

/// Where a row stands in its list, as a cursor says it.
pub trait Place: Copy {
    /// The place as text, which [`Place::read`] understands.
    fn write(self) -> String;
    /// The place in a text of [`Place::write`].
    fn read(text: &str) -> Option<Self>;
}

/// One page as it is answered.
#[derive(Debug, Serialize)]
pub struct Listing<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Asks for the next page; `null` behind the last row.
    pub next_cursor: Option<String>,
}

impl Page {
    /// Reads a request for a list by time; see [`Page::of`].
    ///
    /// # Errors
    /// As [`Page::of`].
    pub fn read(
        context: &ApiContext,
        identity: &Visitor,
        noun: &str,
        uri: &Uri,
        filters: &[&str],
    ) -> Result<Self, Problem> {
        Self::of(context, identity, noun, uri, filters)
    }

    /// What to ask the store for.
    pub fn ask(&self) -> PageAsk {
        PageAsk {
            after: self.after,
            rows: self.rows(),
        }
    }
}

impl<P: Place> Page<P> {
    /// Reads `limit`, `cursor` and the named `filters` of a request for the list `noun`.
    ///
    /// # Errors
    /// 400 for an unknown parameter, a wrong limit, and a cursor of another list or tenant.
    pub fn of(
        context: &ApiContext,
        identity: &Visitor,
        noun: &str,
        uri: &Uri,
        filters: &[&str],
    ) -> Result<Self, Problem> {
        let known = [filters, &["limit", "cursor"]].concat();
        let mut given = parameters(uri, &known)?;
        let rows = match given.remove("limit") {
            None => ROWS_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|rows| (1..=ROWS_MAX).contains(rows))
                .ok_or_else(|| wrong("limit", &format!("must be 1 to {ROWS_MAX}")))?,
        };
        let cursor = given.remove("cursor");
        let question = format!("cursor {} {noun} {given:?}", identity.tenant_id);
        let after = cursor
            .map(|cursor| {
                open(context, &question, &cursor)
                    .ok_or_else(|| wrong("cursor", "is not one of this list; begin without one"))
            })
            .transpose()?;
        Ok(Self {
            rows,
            after,
            filters: given,
            question,
        })
    }

    /// The value of a filter.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str)
    }

    /// Rows to ask the store for: one more than is shown, to know whether there is a next page.
    pub fn rows(&self) -> u32 {
        self.rows + 1
    }

    /// Behind which place.
    pub fn after(&self) -> Option<P> {
        self.after
    }

    /// The answer out of what the store gave. `place` says where a row stands.
    ///
    /// # Errors
    /// 500 when the system gives no randomness to seal a cursor with.
    pub fn answer<T: Serialize>(
        &self,
        context: &ApiContext,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> P,
    ) -> Result<Json<Listing<T>>, Problem> {
        let has_more = rows.len() > self.rows as usize;
        rows.truncate(self.rows as usize);
        let next_cursor = match rows.last() {
            Some(last) if has_more => Some(seal(context, &self.question, place(last))?),
            _ => None,
        };
        Ok(Json(Listing {
            items: rows,
            next_cursor,
        }))
    }
}

/// The parameters of a request by name. An unknown name is refused, because ignoring a misspelt filter would answer
/// another question; twice the same name is refused too.
pub(super) fn parameters(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Problem::bad_request().with_detail("the parameters cannot be read"))?;
    let mut given = BTreeMap::new();
    for (name, value) in pairs {
        if !known.contains(&name.as_str()) {
            let names = known.join(", ");
            let detail = format!("there is no such parameter; known are {names}");
            return Err(Problem::bad_request().with_detail(detail));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(wrong(&name, "is too long"));
        }
        if given.insert(name.clone(), value).is_some() {
            return Err(wrong(&name, "is there twice"));
        }
    }
    Ok(given)
}

/// A parameter that cannot be used.
pub(super) fn wrong(name: &str, what: &str) -> Problem {
    Problem::bad_request().with_detail(format!("{name} {what}"))
}

impl Place for PagePosition {
    fn write(self) -> String {
        format!("{} {}", exact(self.at), self.id)
    }

    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once(' ')?;
        Some(Self {
            at: at.parse().ok()?,
            id: id.parse().ok()?,
        })
    }
}

/// A time with every digit it has.
pub(super) fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn seal(context: &ApiContext, question: &str, place: impl Place) -> Result<String, Problem> {
    let sealed = context.sealing.seal(&Secret::new(place.write()), question);
    sealed
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
        .map_err(|_| Problem::internal())
}

fn open<P: Place>(context: &ApiContext, question: &str, cursor: &str) -> Option<P> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = context.sealing.open(&sealed, question).ok()?;
    P::read(text.expose())
}
