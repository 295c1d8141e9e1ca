//! Audio in the archive as players ask for it: whole, in ranges, or not again.

use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

use crate::archive::{Archive, ArchiveError, ObjectKey};
use crate::http::Problem;

/// What one answer holds at most: a player asks for the rest. Longer audio is not held in memory at once.
const PART_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One object, and how players know it.
pub(super) struct StoredAudio {
    pub(super) key: ObjectKey,
    /// Its length in bytes.
    pub(super) whole: u64,
    /// Changes with the audio; in quotes.
    pub(super) tag: String,
    /// Its media type.
    pub(super) media: &'static str,
}

impl StoredAudio {
    /// What is asked for: a range, or all of it.
    ///
    /// # Errors
    /// The answer, where it has no audio in it.
    pub(super) fn asked(&self, headers: &HeaderMap) -> Result<Option<Range<u64>>, Box<Response>> {
        if asks_for(headers, header::IF_NONE_MATCH, &self.tag) {
            let unchanged = self.answer(StatusCode::NOT_MODIFIED, Body::empty());
            return Err(Box::new(unchanged));
        }
        // A range of another version of the audio would not fit what the player has.
        let is_same = headers
            .get(header::IF_RANGE)
            .is_none_or(|told| told.as_bytes() == self.tag.as_bytes());
        let asked = headers.get(header::RANGE).filter(|_| is_same);
        match asked.and_then(|text| text.to_str().ok()) {
            Some(text) => match range_of(text, self.whole) {
                Some(range) => Ok(Some(range)),
                None => Err(Box::new(unsatisfiable(self.whole))),
            },
            // One that is small enough is given whole; of others the first part, which players understand.
            None => Ok((self.whole > PART_BYTES_MAX).then_some(0..PART_BYTES_MAX)),
        }
    }

    /// The audio that was asked for.
    ///
    /// # Errors
    /// It is gone, or the archive does not answer.
    pub(super) async fn part(
        &self,
        archive: &Archive,
        range: Option<Range<u64>>,
    ) -> Result<Response, Problem> {
        let part = archive.get(&self.key, range.clone()).await;
        let part = part.map_err(refused)?;
        let is_part = range.is_some();
        let status = if is_part {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        };
        let mut response = self.answer(status, Body::from(part.bytes));
        if is_part {
            let last = part.range.end.saturating_sub(1);
            let told = format!("bytes {}-{last}/{}", part.range.start, part.whole);
            set(&mut response, header::CONTENT_RANGE, &told);
        }
        Ok(response)
    }

    fn answer(&self, status: StatusCode, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        set(&mut response, header::CONTENT_TYPE, self.media);
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        set(&mut response, header::ETAG, &self.tag);
        response
    }
}

fn asks_for(headers: &HeaderMap, name: header::HeaderName, tag: &str) -> bool {
    let told = headers.get(name).and_then(|it| it.to_str().ok());
    told.is_some_and(|told| told == "*" || told.split(',').any(|it| it.trim() == tag))
}

/// `bytes=0-99`, `bytes=100-` or `bytes=-50` as a range of at most [`PART_BYTES_MAX`]. Several ranges, and one that lies
/// outside, are none.
fn range_of(text: &str, whole: u64) -> Option<Range<u64>> {
    let (from, until) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from.trim(), until.trim()) {
        ("", last) => whole.saturating_sub(last.parse::<u64>().ok().filter(|it| *it > 0)?)..whole,
        (from, "") => from.parse().ok()?..whole,
        (from, until) => from.parse().ok()?..until.parse::<u64>().ok()?.checked_add(1)?.min(whole),
    };
    let end = range.end.min(range.start.saturating_add(PART_BYTES_MAX));
    (range.start < end).then_some(range.start..end)
}

fn unsatisfiable(whole: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    set(
        &mut response,
        header::CONTENT_RANGE,
        &format!("bytes */{whole}"),
    );
    response
}

pub(super) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

pub(super) fn refused(error: ArchiveError) -> Problem {
    match error {
        ArchiveError::Missing | ArchiveError::Range => Problem::not_found(),
        error => {
            tracing::error!(%error, "audio cannot be read");
            Problem::unavailable()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_players_write_them() {
        let cases = [
            ("bytes=0-99", Some(0..100)),
            ("bytes=100-", Some(100..1_000)),
            ("bytes=-50", Some(950..1_000)),
            ("bytes=-5000", Some(0..1_000)),
            ("bytes=900-2000", Some(900..1_000)),
            ("bytes=1000-", None),
            ("bytes=5-4", None),
            ("bytes=-0", None),
            ("bytes=0-1,5-6", None),
            ("items=0-1", None),
            ("bytes=a-b", None),
            ("bytes=0-18446744073709551615", None),
        ];
        for (text, range) in cases {
            assert_eq!(range_of(text, 1_000), range, "{text}");
        }
        assert_eq!(
            range_of("bytes=10-", u64::MAX),
            Some(10..10 + PART_BYTES_MAX)
        );
    }
}
