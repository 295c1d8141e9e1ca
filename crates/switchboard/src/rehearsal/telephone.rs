//! A call over a simulated carrier: webhooks, document, media stream, keys and REST, all as the real one does them.

use std::time::Duration;

use anyhow::Result;
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, PlaceCall, StreamEnd};
use switchboard_store::{CallId, Speaker, TenantStore};

use super::lines::Act;
use super::report::{CallFailure, Placed};
use super::rows::{Follower, latency_ms, turn_scenes};
use super::talk::{Scene, Talk, is_same_words};

/// What a telephone speaks.
pub(super) const RATE_HZ: u32 = 8_000;
/// How long the agent must have been silent before the caller speaks or presses a key. An ear alone cannot tell the end
/// of a reply from a pause between two sentences, which lasts up to a second when a machine is busy.
const QUIET_MS: u64 = 1_500;
/// How long after the last answer the caller hangs up: before the first nudge at 6 s.
const FAREWELL_MS: u64 = 4_000;
/// How often the carrier's log and the database are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Longest call; the server's own limit comes first.
const CALL_MAX: Duration = Duration::from_secs(15 * 60);

/// The way to the agent's number.
#[derive(Clone)]
pub(super) struct Line {
    /// `http://127.0.0.1:40123`.
    pub(super) base: String,
    /// The number that leads to the agent.
    pub(super) number: String,
}

/// Places one call and follows it to its end.
///
/// # Errors
/// Stdout or the database fail. What goes wrong in the call is part of the result.
pub(super) async fn place(
    carrier: &FakeTwilio,
    line: &Line,
    acts: &[Act],
    talk: Talk,
    rows: TenantStore,
) -> Result<Placed> {
    let mut call = PlaceCall::new(
        format!("{}/twilio/voice", line.base),
        &line.number,
        script(acts),
    );
    call.status_callback = Some(format!("{}/twilio/status", line.base));
    call.keeps_sound = false;
    let handle = carrier.place_call(call);
    let texts = acts.iter().filter_map(|act| match act {
        Act::Speak { text, .. } => Some(text.clone()),
        Act::Press(_) => None,
    });
    let mut phone = Telephone {
        follower: Follower::new(rows.clone()),
        rows,
        call: None,
        talk,
        texts: texts.collect(),
        spoken: 0,
        seen: 0,
        latencies_ms: Vec::new(),
        has_heard_agent: false,
    };
    let is_over = tokio::time::timeout(CALL_MAX, phone.follow(&handle)).await;
    if is_over.is_err() {
        handle.hang_up();
    }
    is_over.unwrap_or(Ok(()))?;
    phone.show_rows(&handle).await?;
    Ok(phone.result(&handle))
}

fn script(acts: &[Act]) -> CallerScript {
    let script = acts
        .iter()
        .fold(CallerScript::new(), |script, act| match act {
            Act::Speak { samples, .. } => {
                script.speak_after_silence(QUIET_MS, Clip::clone(samples))
            }
            Act::Press(keys) => keys
                .iter()
                .fold(script.wait_for_quiet(QUIET_MS), |script, key| {
                    script.press(*key)
                }),
        });
    script.wait_for_quiet(FAREWELL_MS).hang_up()
}

/// A key is shown when it is pressed; the turn it makes says nothing more.
fn is_key(heard: &str) -> bool {
    let mut signs = heard.chars();
    signs
        .next()
        .is_some_and(|sign| sign.is_ascii_digit() || "*#".contains(sign))
        && signs.next().is_none()
}

struct Telephone {
    rows: TenantStore,
    follower: Follower,
    call: Option<CallId>,
    talk: Talk,
    /// The words of the caller's lines, and how many of them were begun.
    texts: Vec<String>,
    spoken: usize,
    seen: usize,
    latencies_ms: Vec<u64>,
    has_heard_agent: bool,
}

impl Telephone {
    async fn follow(&mut self, handle: &CallHandle) -> Result<()> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let is_over = self.show_carrier(handle)?;
            self.show_rows(handle).await?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// What the carrier saw since the last time; true when the call is over.
    fn show_carrier(&mut self, handle: &CallHandle) -> Result<bool> {
        let events = handle.events();
        let fresh = events.get(self.seen..).unwrap_or_default();
        for timed in fresh {
            if let Some(scene) = self.scene(&timed.event) {
                self.talk.show(&scene)?;
            }
        }
        self.seen = events.len();
        Ok(matches!(
            events.last().map(|timed| &timed.event),
            Some(CarrierEvent::Ended { .. })
        ))
    }

    fn scene(&mut self, event: &CarrierEvent) -> Option<Scene> {
        match event {
            CarrierEvent::CallerSpoke { .. } => {
                let text = self.texts.get(self.spoken).cloned();
                self.spoken += 1;
                text.map(|text| Scene::Caller { text })
            }
            CarrierEvent::CallerPressed { digit } => Some(Scene::Key(*digit)),
            CarrierEvent::MediaReceived { .. } => {
                self.has_heard_agent = true;
                None
            }
            CarrierEvent::Said { text } => Some(Scene::Notice(format!("the carrier says: {text}"))),
            CarrierEvent::Dialled { .. } => {
                Some(Scene::Notice("the carrier dials a person".to_owned()))
            }
            CarrierEvent::HumanAnswered { .. } => {
                Some(Scene::Notice("a person answers".to_owned()))
            }
            CarrierEvent::CallerLostPatience => {
                Some(Scene::Notice("the caller waited in vain".to_owned()))
            }
            CarrierEvent::Warning { code, text } => {
                Some(Scene::Notice(format!("the carrier warns, {code}: {text}")))
            }
            _ => None,
        }
    }

    /// Turns and tools that were stored since the last time.
    async fn show_rows(&mut self, handle: &CallHandle) -> Result<()> {
        if self.call.is_none() {
            let stored = self.rows.call_by_carrier_id(handle.sid().as_str()).await?;
            self.call = stored.map(|call| call.id);
        }
        let Some(call) = self.call else {
            return Ok(());
        };
        for turn in self.follower.turns(call).await? {
            let heard = turn
                .heard_text
                .as_ref()
                .map(|text| text.expose().as_str())
                .unwrap_or_default();
            let is_as_said = self.texts.iter().any(|text| is_same_words(text, heard));
            if turn.speaker == Speaker::Agent {
                self.latencies_ms.extend(latency_ms(&turn));
            }
            if turn.speaker == Speaker::Caller && (is_as_said || is_key(heard)) {
                continue;
            }
            turn_scenes(&turn)
                .iter()
                .try_for_each(|scene| self.talk.show(scene))?;
        }
        let tools = self.follower.tools(call).await?;
        tools.iter().try_for_each(|scene| self.talk.show(scene))
    }

    fn result(self, handle: &CallHandle) -> Placed {
        let failure = self.failure(handle);
        Placed {
            calls: self.call.into_iter().collect(),
            has_heard_agent: self.has_heard_agent,
            latencies_ms: self.latencies_ms,
            told_end: None,
            failure,
        }
    }

    fn failure(&self, handle: &CallHandle) -> Option<CallFailure> {
        let events = handle.events();
        let mut events = events.iter().map(|timed| &timed.event);
        let refused = events.clone().find_map(|event| match event {
            CarrierEvent::WebhookAnswered { url, status, .. }
                if *status != 200 && url.ends_with("/twilio/voice") =>
            {
                Some(*status)
            }
            _ => None,
        });
        let no_stream = events.clone().any(|event| {
            matches!(
                event,
                CarrierEvent::StreamEnded {
                    end: StreamEnd::NotOpened { .. }
                }
            )
        });
        match refused {
            Some(0) => Some(CallFailure::Unreachable(
                "the webhook was not answered".to_owned(),
            )),
            Some(status) => Some(CallFailure::Refused(format!(
                "the webhook was answered with {status}"
            ))),
            None if no_stream => Some(CallFailure::Lost(
                "the media stream was not opened".to_owned(),
            )),
            None if !self.has_heard_agent
                && !events.any(|event| matches!(event, CarrierEvent::Dialled { .. })) =>
            {
                Some(CallFailure::NoAnswer { refusal: None })
            }
            None => None,
        }
    }
}
