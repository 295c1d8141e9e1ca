//! How rehearsed calls went: the last lines of one talk, the table of many, the document for programs.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use switchboard_store::{CallId, EndClass, Tenant};

use super::caller::ToldEnd;
use super::rows::StoredCall;
use crate::cli::{Exit, Failure, Output};

/// Micro-units of one unit of a currency.
const MICROS: f64 = 1_000_000.0;

/// A call as its caller saw it.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Its id, where the caller could learn it.
    pub(super) calls: Vec<CallId>,
    /// The agent was heard at all.
    pub(super) has_heard_agent: bool,
    /// From the end of each line to the first sound of the answer.
    pub(super) latencies_ms: Vec<u64>,
    /// What the server said about the end.
    pub(super) told_end: Option<ToldEnd>,
    /// What went wrong.
    pub(super) failure: Option<CallFailure>,
}

/// What goes wrong for a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallFailure {
    /// Nobody listens there.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server does not want the call.
    #[error("the server refused the call: {0}")]
    Refused(String),
    /// The connection broke.
    #[error("the call was lost: {0}")]
    Lost(String),
    /// The agent owed an answer and gave none.
    #[error("the agent did not answer{}", refusal.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    NoAnswer { refusal: Option<String> },
}

impl Placed {
    /// A call that never was.
    pub(super) fn failed(failure: CallFailure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}

/// All calls of a rehearsal.
pub(super) struct Report<'a> {
    /// Who was called; none when only the server's address is known.
    pub(super) tenant: Option<&'a Tenant>,
    /// The agent's name.
    pub(super) agent: &'a str,
    /// How the calls came in.
    pub(super) over: &'static str,
    /// As callers saw them.
    pub(super) placed: &'a [Placed],
    /// As the database knows them.
    pub(super) stored: &'a [StoredCall],
}

/// One line of the summary.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Summary {
    calls: usize,
    answered: usize,
    booked: usize,
    handed_off: usize,
    failed: usize,
    latency_p50_ms: Option<u64>,
    latency_p95_ms: Option<u64>,
}

impl Report<'_> {
    fn summary(&self) -> Summary {
        let mut latencies: Vec<u64> = self
            .placed
            .iter()
            .flat_map(|call| call.latencies_ms.iter().copied())
            .collect();
        latencies.sort_unstable();
        let count =
            |is_it: fn(&StoredCall) -> bool| self.stored.iter().filter(|call| is_it(call)).count();
        Summary {
            calls: self.placed.len(),
            answered: self
                .placed
                .iter()
                .filter(|call| call.has_heard_agent)
                .count(),
            booked: count(|call| !call.appointments.is_empty()),
            handed_off: count(StoredCall::is_handed_off),
            failed: self.failures().len(),
            latency_p50_ms: percentile(&latencies, 50),
            latency_p95_ms: percentile(&latencies, 95),
        }
    }

    /// Why calls failed: as callers saw it, and what the server counts against itself or its providers.
    fn failures(&self) -> Vec<String> {
        let seen = self
            .placed
            .iter()
            .filter_map(|call| call.failure.as_ref().map(ToString::to_string));
        let seen: Vec<String> = seen.collect();
        let is_ours =
            |class: &str| class == EndClass::Us.as_str() || class == EndClass::Upstream.as_str();
        let ended = self.stored.iter().filter(|call| {
            call.call
                .end_class
                .is_some_and(|class| is_ours(class.as_str()))
        });
        let ended: Vec<String> = ended
            .filter_map(|call| call.end_reason())
            .map(|reason| format!("it ended by {reason}"))
            .collect();
        let told = self
            .placed
            .iter()
            .filter_map(|call| call.told_end.as_ref())
            .filter(|end| is_ours(&end.class));
        let told: Vec<String> = told
            .map(|end| format!("it ended by {}", end.reason))
            .collect();
        // The same call may fail in all three accounts: the longest list names each failed call once.
        [seen, ended, told]
            .into_iter()
            .max_by_key(Vec::len)
            .unwrap_or_default()
    }

    /// Prints one document.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn print_document(&self, output: Output) -> Result<()> {
        let calls: Vec<Value> = self
            .stored
            .iter()
            .map(call_document)
            .collect::<Result<_, _>>()?;
        output.document(&json!({
            "agent": self.agent,
            "tenant": self.tenant.map(|tenant| tenant.name.as_str()),
            "over": self.over,
            "summary": self.summary(),
            "failures": self.failures(),
            "calls": calls,
        }))
    }

    /// Prints the table of many calls.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn print_table(&self, output: Output) -> Result<()> {
        let columns = [
            "calls",
            "answered",
            "booked",
            "handed_off",
            "failed",
            "latency_p50_ms",
            "latency_p95_ms",
        ];
        output.rows("rehearsals", &columns, &[self.summary()])
    }

    /// Prints how one talk ended, what came of it, what it cost and where to see it.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn print_outcome(&self, output: Output) -> Result<()> {
        let Some(call) = self.stored.first() else {
            return self.print_told_end(output);
        };
        output.line("")?;
        output.line(&format!("ended     {}", ending(call)))?;
        for line in self.bookings(call) {
            output.line(&format!("booked    {line}"))?;
        }
        output.line(&format!("cost      {}", cost(call)))?;
        if let (Some(p50), Some(p95)) =
            (self.summary().latency_p50_ms, self.summary().latency_p95_ms)
        {
            output.line(&format!("latency   P50 {p50} ms, P95 {p95} ms"))?;
        }
        if let Some(tenant) = self.tenant {
            let look = format!(
                "switchboard list turns --tenant {} --call {}",
                tenant.name, call.call.id
            );
            output.line(&format!("look      {look}"))?;
        }
        Ok(())
    }

    /// Without the database there is only what the server said.
    fn print_told_end(&self, output: Output) -> Result<()> {
        let told = self.placed.first().and_then(|call| call.told_end.as_ref());
        match told {
            Some(end) => output.line(&format!("\nended     {} ({})", end.reason, end.class)),
            None => Ok(()),
        }
    }

    fn bookings(&self, call: &StoredCall) -> Vec<String> {
        let zone = self
            .tenant
            .map_or(chrono_tz::UTC, |tenant| tenant.time_zone.0);
        let booked = call.appointments.iter().map(|appointment| {
            let at = appointment
                .starts_at
                .with_timezone(&zone)
                .format("%a %-d %b %Y %H:%M");
            let contact = appointment
                .contact
                .as_ref()
                .map(|name| format!(" for {}", plain(name.expose())))
                .unwrap_or_default();
            let (service, person) = (
                plain(&appointment.service),
                plain(&appointment.practitioner),
            );
            format!(
                "{service} with {person}, {at}{contact} ({})",
                appointment.status.as_str()
            )
        });
        booked.collect()
    }

    /// The error of the whole rehearsal, if there is one.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let failures = self.failures();
        let Some(first) = failures.first() else {
            return Ok(());
        };
        let unreachable = self
            .placed
            .iter()
            .all(|call| matches!(call.failure, Some(CallFailure::Unreachable(_))));
        let exit = if unreachable {
            Exit::CannotReach
        } else {
            Exit::No
        };
        let message = match (self.placed.len(), failures.len()) {
            (1, _) => "the call failed".to_owned(),
            (calls, failed) => format!("{failed} of {calls} calls failed"),
        };
        Err(Failure::new(exit, message).because(first.clone()))
    }
}

/// What a contact is called must not steer a terminal (threat H8).
fn plain(text: &str) -> String {
    text.chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect()
}

fn ending(call: &StoredCall) -> String {
    let reason = call.end_reason().unwrap_or("not yet");
    let class = call
        .call
        .end_class
        .map(|class| format!(" ({})", class.as_str()))
        .unwrap_or_default();
    let length = call
        .call
        .ended_at
        .map(|ended_at| (ended_at - call.call.offered_at).num_seconds().max(0));
    let length = length
        .map(|seconds| format!(" after {}:{:02}", seconds / 60, seconds % 60))
        .unwrap_or_default();
    format!("{reason}{class}{length}")
}

fn cost(call: &StoredCall) -> String {
    let costs = call.costs.iter().map(|cost| {
        format!(
            "{:.6} {}",
            cost.cost_micros.0 as f64 / MICROS,
            cost.currency
        )
    });
    let costs = costs.collect::<Vec<_>>().join(", ");
    if costs.is_empty() {
        "none".to_owned()
    } else {
        costs
    }
}

fn call_document(call: &StoredCall) -> serde_json::Result<Value> {
    Ok(json!({
        "call_id": call.call.id,
        "status": call.call.status,
        "end_reason": call.call.end_reason,
        "end_class": call.call.end_class,
        "handed_off": call.is_handed_off(),
        "offered_at": call.call.offered_at,
        "answered_at": call.call.answered_at,
        "ended_at": call.call.ended_at,
        "turns": serde_json::to_value(&call.turns)?,
        "tool_calls": serde_json::to_value(&call.tools)?,
        "appointments": serde_json::to_value(&call.appointments)?,
        "cost": serde_json::to_value(&call.costs)?,
    }))
}

/// The nearest rank. None without any value.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(placed: &[Placed]) -> Report<'_> {
        Report {
            tenant: None,
            agent: "medspa",
            over: "websocket",
            placed,
            stored: &[],
        }
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=20).collect();
        assert_eq!(
            (percentile(&values, 50), percentile(&values, 95)),
            (Some(10), Some(19))
        );
        assert_eq!(
            (
                percentile(&[7], 50),
                percentile(&[7], 95),
                percentile(&[], 50)
            ),
            (Some(7), Some(7), None)
        );
    }

    #[test]
    fn one_failed_call_among_many_is_the_answer_no() {
        let answered = Placed {
            has_heard_agent: true,
            ..Placed::default()
        };
        let placed = [
            answered,
            Placed::failed(CallFailure::NoAnswer { refusal: None }),
        ];
        let failure = report(&placed).verdict().expect_err("failed");
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::No, "1 of 2 calls failed")
        );
    }

    #[test]
    fn a_server_that_nobody_reaches_cannot_be_reached() {
        let placed = [Placed::failed(CallFailure::Unreachable(
            "refused".to_owned(),
        ))];
        assert_eq!(
            report(&placed).verdict().expect_err("failed").exit,
            Exit::CannotReach
        );
    }

    #[test]
    fn a_call_that_the_server_blames_on_itself_has_failed() {
        let end = |class: &str| ToldEnd {
            reason: "model_failed".to_owned(),
            class: class.to_owned(),
        };
        let told = |class: &str| Placed {
            has_heard_agent: true,
            told_end: Some(end(class)),
            ..Placed::default()
        };
        assert!(report(&[told("upstream")]).verdict().is_err());
        assert!(report(&[told("success")]).verdict().is_ok());
    }
}
