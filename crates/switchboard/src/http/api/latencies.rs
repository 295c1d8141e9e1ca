//! How long a caller waited for each answer, in stages, out of the events of the call. Nothing is estimated: what no event
//! tells is not in the answer, and a speech-to-speech model is one stage because its provider tells no more.

use serde::Serialize;
use serde_json::Value;
use switchboard_store::CallEventReading;

/// All waits of a call.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct CallLatencies {
    items: Vec<TurnLatency>,
    /// Of `heard_ms`, where it is known; null of none.
    heard_p50_ms: Option<i64>,
    heard_p95_ms: Option<i64>,
    response_p50_ms: Option<i64>,
    response_p95_ms: Option<i64>,
}

/// One wait: from the caller's last word to the agent's first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct TurnLatency {
    /// The agent's turn.
    turn: i64,
    /// When the caller's speech was over, from the offered call.
    offset_ms: i64,
    /// To the first audio sent.
    response_ms: i64,
    /// To the first audio heard, where the leg reports it.
    heard_ms: Option<i64>,
    /// In order. They add up to `heard_ms`, or to `response_ms` where that is unknown.
    stages: Vec<Stage>,
    /// Something of ours was said to bridge the wait.
    filler: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Stage {
    stage: StageName,
    ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StageName {
    /// From the end of speech to the decision that the turn is over.
    Endpointing,
    /// From there to the question to the model.
    Waiting,
    /// Listening, thinking and speaking of the model, without the tools it asked for.
    Model,
    /// Tools that ran meanwhile.
    Tools,
    /// From the first audio sent to the first audio heard.
    Delivery,
}

/// What happened since the caller last stopped speaking.
#[derive(Default)]
struct Waiting {
    stopped: Option<i64>,
    committed: Option<i64>,
    requested: Option<i64>,
    /// When each tool had run, and for how long.
    tools: Vec<(i64, i64)>,
    filler: bool,
}

/// The waits that these events, all of one call in order, tell of.
pub(super) fn of(events: &[CallEventReading]) -> CallLatencies {
    let mut waiting = Waiting::default();
    let mut items = Vec::new();
    for event in events {
        let Some(at) = number(&event.data, "offset_ms") else {
            continue;
        };
        match event.name.as_str() {
            "caller_speech_stopped" => waiting.stopped = Some(at),
            "caller_turn_committed" => {
                waiting = Waiting {
                    stopped: waiting.stopped.take(),
                    committed: Some(at),
                    ..Waiting::default()
                }
            }
            "reply_requested" => waiting.requested = waiting.requested.or(Some(at)),
            "filler_played" => waiting.filler = true,
            "tool_finished" => {
                let took = number(&event.data, "took_ms").unwrap_or_default();
                waiting.tools.push((at, took));
            }
            "turn_ended" => items.extend(waiting.answered(&event.data)),
            _ => {}
        }
    }
    let heard: Vec<i64> = items.iter().filter_map(|it| it.heard_ms).collect();
    let response: Vec<i64> = items.iter().map(|it| it.response_ms).collect();
    CallLatencies {
        heard_p50_ms: percentile(&heard, 50),
        heard_p95_ms: percentile(&heard, 95),
        response_p50_ms: percentile(&response, 50),
        response_p95_ms: percentile(&response, 95),
        items,
    }
}

impl Waiting {
    /// The wait that this end of a turn tells of. A turn that answered nobody has none.
    fn answered(&self, turn: &Value) -> Option<TurnLatency> {
        let response_ms = number(turn, "response_ms")?;
        let heard_ms = number(turn, "heard_ms");
        let committed = self.committed?;
        // Typed words are committed without speech.
        let from = self
            .stopped
            .filter(|it| *it <= committed)
            .unwrap_or(committed);
        let sent = from + response_ms;
        let requested = self.requested.filter(|it| *it <= sent)?;
        let tools = self.tools.iter().filter(|(at, _)| *at <= sent);
        let tools_ms: i64 = tools.map(|(_, took)| took).sum();
        let tools_ms = tools_ms.min(sent - requested);
        let delivery = heard_ms.map_or(0, |heard| heard - response_ms);
        let stages = [
            (StageName::Endpointing, committed - from),
            (StageName::Waiting, requested - committed),
            (StageName::Model, sent - requested - tools_ms),
            (StageName::Tools, tools_ms),
            (StageName::Delivery, delivery),
        ];
        let stages = stages.into_iter().filter(|(_, ms)| *ms > 0);
        Some(TurnLatency {
            turn: number(turn, "turn")?,
            offset_ms: from,
            response_ms,
            heard_ms,
            stages: stages.map(|(stage, ms)| Stage { stage, ms }).collect(),
            filler: self.filler,
        })
    }
}

fn number(data: &Value, key: &str) -> Option<i64> {
    data.get(key)?.as_i64()
}

/// The smallest figure that so many percent do not pass.
fn percentile(figures: &[i64], percent: usize) -> Option<i64> {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchboard_store::Word;

    use super::*;

    fn events(told: &[(&'static str, i64, Value)]) -> Vec<CallEventReading> {
        let event = |(seq, (name, at, data)): (usize, &(&'static str, i64, Value))| {
            let mut data = data.clone();
            data["offset_ms"] = json!(at);
            CallEventReading {
                seq: seq as i64 + 1,
                at: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(*at),
                name: Word::new(name),
                data,
            }
        };
        told.iter().enumerate().map(event).collect()
    }

    fn stages(latency: &TurnLatency) -> Vec<(StageName, i64)> {
        latency.stages.iter().map(|it| (it.stage, it.ms)).collect()
    }

    #[test]
    fn stages_add_up_to_what_was_heard() {
        let told = events(&[
            ("greeting_started", 10, json!({})),
            (
                "turn_ended",
                2_000,
                json!({ "turn": 1, "response_ms": null }),
            ),
            ("caller_speech_stopped", 5_000, json!({})),
            ("caller_turn_committed", 5_300, json!({})),
            ("reply_requested", 5_310, json!({})),
            ("tool_finished", 5_900, json!({ "took_ms": 200 })),
            ("reply_requested", 5_905, json!({})),
            (
                "turn_ended",
                9_000,
                json!({ "turn": 3, "response_ms": 1_500, "heard_ms": 1_620 }),
            ),
        ]);
        let waits = of(&told);
        assert_eq!(waits.items.len(), 1, "the greeting answered nobody");
        let wait = &waits.items[0];
        assert_eq!((wait.turn, wait.offset_ms), (3, 5_000));
        let expected = [
            (StageName::Endpointing, 300),
            (StageName::Waiting, 10),
            (StageName::Model, 990),
            (StageName::Tools, 200),
            (StageName::Delivery, 120),
        ];
        assert_eq!(stages(wait), expected);
        assert_eq!(wait.stages.iter().map(|it| it.ms).sum::<i64>(), 1_620);
        assert_eq!(
            (waits.heard_p50_ms, waits.heard_p95_ms),
            (Some(1_620), Some(1_620))
        );
    }

    #[test]
    fn what_no_event_tells_is_left_out() {
        let told = events(&[
            ("caller_turn_committed", 5_300, json!({})),
            ("reply_requested", 5_300, json!({})),
            ("tool_finished", 9_900, json!({ "took_ms": 4_000 })),
            (
                "turn_ended",
                9_950,
                json!({ "turn": 2, "response_ms": 700, "heard_ms": null }),
            ),
        ]);
        let waits = of(&told);
        assert_eq!(stages(&waits.items[0]), [(StageName::Model, 700)]);
        assert_eq!(waits.items[0].heard_ms, None);
        assert_eq!(
            (waits.heard_p50_ms, waits.response_p50_ms),
            (None, Some(700))
        );
        assert_eq!(of(&[]).items, []);
    }
}
