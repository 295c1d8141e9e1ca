//! Switches as calls obey them: what each may say, and what counts for the next call.
//!
//! They are read from the database for every call, in one statement, so that a change counts at once on every node.
//! While the database does not answer, the last copy of the same number counts, and without one nothing is switched.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_store::{
    Actor, PhoneNumber, Purpose, Store, Switch, SwitchValue, TenantId, TenantScope,
};
use thiserror::Error;

use crate::config::nearest;

/// How long a call waits for its switches. A caller hears nothing meanwhile, and the last copy is nearly always right.
const READ_MAX: Duration = Duration::from_millis(500);
/// Numbers whose switches are remembered for when the database is away; past it all are forgotten and read again.
const COPIES_MAX: usize = 10_000;
/// Shortest wording of a consent notice. Less says nothing.
const WORDING_CHARS_MIN: usize = 10;
/// Longest wording: half a minute of speech, and callers hang up before its end.
const WORDING_CHARS_MAX: usize = 500;

/// What stands in for a switch that is on or off.
const ON_OFF: &[&str] = &["on", "off"];

/// Who picks up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PickUp {
    /// The agent.
    #[default]
    Agent,
    /// The human; the agent when nobody takes the call.
    HumanFirst,
    /// A keypad menu without a stream; its keys lead to the agent, to people or to voicemail.
    Menu,
    /// The human only.
    Bridge,
}

impl PickUp {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Agent, Self::HumanFirst, Self::Menu, Self::Bridge];

    /// The word of the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::HumanFirst => "human_first",
            Self::Menu => "menu",
            Self::Bridge => "bridge",
        }
    }
}

/// What the switches say about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSwitches {
    /// Whether a media stream may be tried. Off: the human at once, reason `streaming_off`.
    pub streaming: bool,
    /// The emergency: the human at once, reason `bridge_only`, whatever the other switches say.
    pub bridge_only: bool,
    /// Who picks up.
    pub pick_up: PickUp,
    /// `Some(false)` forbids recording, `Some(true)` asks for it, `None` leaves it to the agent.
    pub recording: Option<bool>,
    /// The same for keeping words.
    pub transcription: Option<bool>,
    /// What callers hear before anything is kept, instead of the agent's own disclosure.
    pub consent_wording: Option<String>,
}

impl Default for CallSwitches {
    /// Nothing is switched.
    fn default() -> Self {
        Self {
            streaming: true,
            bridge_only: false,
            pick_up: PickUp::Agent,
            recording: None,
            transcription: None,
            consent_wording: None,
        }
    }
}

impl CallSwitches {
    /// The most specific value of each switch wins. A value that is impossible, because another version wrote it, is
    /// passed over.
    pub fn of(values: &[SwitchValue]) -> Self {
        let mut switches = Self::default();
        let mut values: Vec<&SwitchValue> = values.iter().collect();
        values.sort_by_key(|value| value.scope);
        for SwitchValue { switch, value, .. } in values {
            match switch {
                Switch::Streaming => switches.streaming = value != "off",
                Switch::BridgeOnly => switches.bridge_only = value == "on",
                Switch::PickUp => {
                    let known = PickUp::ALL.into_iter().find(|mode| mode.as_str() == value);
                    switches.pick_up = known.unwrap_or(switches.pick_up);
                }
                Switch::Recording => switches.recording = Some(value == "on"),
                Switch::Transcription => switches.transcription = Some(value == "on"),
                Switch::ConsentWording => switches.consent_wording = Some(value.clone()),
            }
        }
        switches
    }
}

/// Knows the switches of every number. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Switches {
    store: Store,
    copies: Arc<Mutex<HashMap<Reached, CallSwitches>>>,
}

/// Whose switches: a number's, or those of the tenant without one.
type Reached = (TenantId, Option<PhoneNumber>);

impl Switches {
    /// Reads from `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            copies: Arc::default(),
        }
    }

    /// What counts for a call that comes in now: to `number`, or to the tenant without one. Always answers.
    pub async fn for_call(&self, tenant: TenantId, number: Option<&PhoneNumber>) -> CallSwitches {
        let scope = TenantScope::new(tenant, Actor::System, Purpose::Call);
        let rows = self.store.tenant(scope);
        let read = rows.switches_for_call(number, chrono::Utc::now());
        let key = (tenant, number.cloned());
        match tokio::time::timeout(READ_MAX, read).await {
            Ok(Ok(values)) => self.keep(key, CallSwitches::of(&values)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "switches cannot be read; the last copy counts");
                self.copy(&key)
            }
            Err(_) => {
                tracing::warn!("reading switches took too long; the last copy counts");
                self.copy(&key)
            }
        }
    }

    fn keep(&self, key: Reached, switches: CallSwitches) -> CallSwitches {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if copies.len() >= COPIES_MAX && !copies.contains_key(&key) {
            copies.clear();
        }
        copies.insert(key, switches.clone());
        switches
    }

    fn copy(&self, key: &Reached) -> CallSwitches {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.get(key).cloned().unwrap_or_default()
    }
}

/// A switch cannot say this, or there is no such switch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ImpossibleSwitch {
    /// What is wrong, without repeating what was asked.
    pub problem: String,
    /// What is possible.
    pub allowed: String,
    /// What was probably meant.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for ImpossibleSwitch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.problem, self.allowed)?;
        match self.nearest {
            Some(word) => write!(formatter, "; did you mean `{word}`?"),
            None => Ok(()),
        }
    }
}

/// The switch of this name.
///
/// # Errors
/// There is none; the error lists all.
pub fn parse_switch(name: &str) -> Result<Switch, ImpossibleSwitch> {
    name.parse().map_err(|_| {
        refused(
            "there is no such switch",
            Switch::ALL.iter().map(|it| it.as_str()),
            name,
        )
    })
}

/// The value as it is stored.
///
/// # Errors
/// The switch cannot say that; the error lists what it can say.
pub fn parse_value(switch: Switch, value: &str) -> Result<String, ImpossibleSwitch> {
    let words: Vec<&'static str> = match switch {
        Switch::ConsentWording => return parse_wording(value),
        Switch::PickUp => PickUp::ALL.into_iter().map(PickUp::as_str).collect(),
        _ => ON_OFF.to_vec(),
    };
    if words.contains(&value) {
        return Ok(value.to_owned());
    }
    let problem = format!("{switch} cannot have this value");
    Err(refused(&problem, words, value))
}

fn refused(
    problem: &str,
    words: impl IntoIterator<Item = &'static str>,
    found: &str,
) -> ImpossibleSwitch {
    let words: Vec<&'static str> = words.into_iter().collect();
    ImpossibleSwitch {
        problem: problem.to_owned(),
        allowed: format!("possible are {}", words.join(", ")),
        nearest: nearest(&found.trim().to_lowercase(), words),
    }
}

fn parse_wording(value: &str) -> Result<String, ImpossibleSwitch> {
    let wording = value.trim();
    let chars = wording.chars().count();
    let is_speakable = !wording.chars().any(char::is_control);
    if is_speakable && (WORDING_CHARS_MIN..=WORDING_CHARS_MAX).contains(&chars) {
        return Ok(wording.to_owned());
    }
    Err(ImpossibleSwitch {
        problem: "consent_wording is what callers hear".to_owned(),
        allowed: format!(
            "possible is one paragraph of {WORDING_CHARS_MIN} to {WORDING_CHARS_MAX} characters"
        ),
        nearest: None,
    })
}

#[cfg(test)]
mod tests {
    use switchboard_store::SwitchScope;

    use super::*;

    fn value(switch: Switch, scope: SwitchScope, value: &str) -> SwitchValue {
        SwitchValue {
            switch,
            scope,
            value: value.to_owned(),
        }
    }

    #[test]
    fn the_most_specific_value_of_each_switch_wins() {
        let values = [
            value(Switch::PickUp, SwitchScope::Number, "menu"),
            value(Switch::PickUp, SwitchScope::Tenant, "bridge"),
            value(Switch::Streaming, SwitchScope::Installation, "off"),
            value(Switch::Recording, SwitchScope::Tenant, "off"),
        ];
        let switches = CallSwitches::of(&values);
        assert_eq!(
            switches,
            CallSwitches {
                streaming: false,
                pick_up: PickUp::Menu,
                recording: Some(false),
                ..CallSwitches::default()
            }
        );
    }

    #[test]
    fn an_unreadable_value_leaves_the_broader_one() {
        let values = [
            value(Switch::PickUp, SwitchScope::Tenant, "bridge"),
            value(Switch::PickUp, SwitchScope::Number, "robot"),
        ];
        assert_eq!(CallSwitches::of(&values).pick_up, PickUp::Bridge);
    }

    #[test]
    fn an_impossible_value_is_refused_with_the_allowed_ones_and_the_nearest() {
        let refused = parse_value(Switch::PickUp, "human first").expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "pick_up cannot have this value; possible are agent, human_first, menu, bridge; did you mean `human_first`?"
        );
        let refused = parse_value(Switch::Streaming, "maybe").expect_err("refused");
        assert!(refused.to_string().ends_with("possible are on, off"));
        assert_eq!(
            parse_switch("recordings").expect_err("refused").nearest,
            Some("recording")
        );
        assert!(parse_value(Switch::ConsentWording, "short").is_err());
        assert!(parse_value(Switch::ConsentWording, "This call is recorded.\r\n<Dial>").is_err());
        assert_eq!(
            parse_value(Switch::ConsentWording, "  This call is recorded. ").as_deref(),
            Ok("This call is recorded.")
        );
    }
}
