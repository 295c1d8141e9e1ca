//! What one key of a target alone cannot know: its one address, its members, and whom it may dial.

use std::collections::BTreeMap;

use switchboard_store::{PhoneNumber, TransferKind, Word};

use super::{HandoffTarget, RingOrder};
use crate::config::error::{Place, SettingsError};
use crate::config::nearest::nearest;
use crate::config::{AgentDefinition, DiallingSettings, Settings};
use crate::desk::dialling;

type Checked = Result<(), SettingsError>;
type Targets = BTreeMap<String, HandoffTarget>;

/// Longest name; it stands in addresses that the carrier calls, and a document has room for few of them.
const NAME_BYTES_MAX: usize = 24;
/// Longest name of a queue.
const QUEUE_BYTES_MAX: usize = 64;
/// Twilio rings no longer.
const RING_S_MAX: u64 = 600;

/// The `[handoff]` of the settings.
pub(in crate::config) fn check_settings(settings: &Settings) -> Checked {
    let (rules, handoff) = (&settings.dialling, &settings.handoff);
    let own = handoff.number.as_ref();
    let place_of = |_: &str| Place::Default;
    check_number(rules, None, own, &place_of)?;
    check_usual(handoff.target.as_deref(), &handoff.targets, &place_of)?;
    check_targets(rules, own, &handoff.targets, &place_of)
}

/// Whom an agent may dial by the installation's `[dialling]`; its file alone knows only kinds of numbers (threat M2).
///
/// # Errors
/// The first number that may not be dialled.
pub fn check_agent(settings: &Settings, agent: &AgentDefinition) -> Checked {
    let (rules, handoff) = (&settings.dialling, &agent.handoff);
    let own = agent.number.as_ref();
    let place_of = |_: &str| Place::Default;
    check_number(rules, own, handoff.number.as_ref(), &place_of)?;
    check_targets(rules, own, &handoff.targets, &place_of)
}

/// `handoff.number`, by country and kind (threat M2). `own` is the number that dials; without one the country is open.
pub(in crate::config) fn check_number(
    rules: &DiallingSettings,
    own: Option<&PhoneNumber>,
    number: Option<&PhoneNumber>,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    check_dialled(rules, own, number, "handoff.number", place_of)
}

/// Whether a number may be dialled from `own` by the installation's rules.
///
/// # Errors
/// Why not; the number is not in the text.
pub fn check_dialled(
    rules: &DiallingSettings,
    own: Option<&PhoneNumber>,
    number: Option<&PhoneNumber>,
    key: &str,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    let refused = |number| dialling::check(rules, number, own.unwrap_or(number)).err();
    number.and_then(refused).map_or(Ok(()), |refusal| {
        let help = "name a person's number in a country of `dialling.countries`";
        refuse(key, place_of, refusal.to_string(), help)
    })
}

/// `handoff.target` names a party that is there.
pub(in crate::config) fn check_usual(
    usual: Option<&str>,
    targets: &Targets,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    usual.map_or(Ok(()), |name| {
        known(name, targets, "handoff.target", place_of)
    })
}

/// Every party of one file. `place_of` finds the line of a key.
pub(in crate::config) fn check_targets(
    rules: &DiallingSettings,
    own: Option<&PhoneNumber>,
    targets: &Targets,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    for (name, target) in targets {
        let key = format!("handoff.targets.{name}");
        check_name(name, &key, place_of)?;
        check_address(target, &key, place_of)?;
        let number = format!("{key}.number");
        check_dialled(rules, own, target.number.as_ref(), &number, place_of)?;
        check_members(target, targets, &key, place_of)?;
        if let Some(next) = &target.next {
            known(next, targets, &format!("{key}.next"), place_of)?;
        }
        check_seconds(target, &key, place_of)?;
    }
    Ok(())
}

fn check_name(name: &str, key: &str, place_of: &impl Fn(&str) -> Place) -> Checked {
    if Word::parse(name).is_ok() && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let reason = "a target's name has 1 to 24 lower-case letters, digits, `_` and `-`";
    refuse(key, place_of, reason.to_owned(), "for example `support`")
}

fn check_address(target: &HandoffTarget, key: &str, place_of: &impl Fn(&str) -> Place) -> Checked {
    if target.kind().is_none() {
        let reason = "a target has exactly one of number, sip, members and queue".to_owned();
        return refuse(key, place_of, reason, "keep one of them");
    }
    let is_queue_name = |name: &String| {
        let fits = (1..=QUEUE_BYTES_MAX).contains(&name.len());
        fits && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !target.queue.as_ref().is_none_or(is_queue_name) {
        let reason = "a queue's name has 1 to 64 letters, digits and signs without blanks";
        return refuse(key, place_of, reason.to_owned(), "for example `support`");
    }
    let is_address = |url: &String| url.starts_with("https://") && url.len() <= 500;
    if !target.music_url.as_ref().is_none_or(is_address) {
        let reason = "music comes from an https address".to_owned();
        return refuse(
            &format!("{key}.music_url"),
            place_of,
            reason,
            "use https://",
        );
    }
    Ok(())
}

fn check_members(
    target: &HandoffTarget,
    targets: &Targets,
    key: &str,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    let key = format!("{key}.members");
    if target.members.len() > HandoffTarget::MEMBERS_MAX {
        let reason = format!("a group has {} members at most", HandoffTarget::MEMBERS_MAX);
        return refuse(&key, place_of, reason, "chain two groups by `next`");
    }
    for member in &target.members {
        known(member, targets, &key, place_of)?;
        let kind = targets.get(member).and_then(HandoffTarget::kind);
        if !matches!(kind, Some(TransferKind::Number | TransferKind::Sip)) {
            let reason = format!("`{member}` has neither a number nor a SIP address");
            return refuse(
                &key,
                place_of,
                reason,
                "name targets that ring one telephone",
            );
        }
    }
    if target.ring == RingOrder::InOrder && target.members.is_empty() {
        let reason = "only a group rings in order".to_owned();
        return refuse(&key, place_of, reason, "add `members`, or leave `ring` out");
    }
    Ok(())
}

fn check_seconds(target: &HandoffTarget, key: &str, place_of: &impl Fn(&str) -> Place) -> Checked {
    let fits = |seconds: u64, most: u64| (1..=most).contains(&seconds);
    if !target.ring_s_max.is_none_or(|ring| fits(ring, RING_S_MAX)) {
        let reason = "a telephone rings for 1 to 600 seconds".to_owned();
        return refuse(&format!("{key}.ring_s_max"), place_of, reason, "use 20");
    }
    if !target.queue_s_max.is_none_or(|wait| fits(wait, 3_600)) {
        let reason = "a caller waits for 1 to 3600 seconds".to_owned();
        return refuse(&format!("{key}.queue_s_max"), place_of, reason, "use 300");
    }
    Ok(())
}

fn known(name: &str, targets: &Targets, key: &str, place_of: &impl Fn(&str) -> Place) -> Checked {
    if targets.contains_key(name) {
        return Ok(());
    }
    let names = targets.keys().map(String::as_str);
    let help = nearest(name, names).map_or_else(
        || format!("add `[handoff.targets.{name}]`"),
        |near| format!("did you mean `{near}`?"),
    );
    refuse(key, place_of, format!("there is no target `{name}`"), &help)
}

fn refuse(key: &str, place_of: &impl Fn(&str) -> Place, reason: String, help: &str) -> Checked {
    Err(SettingsError::Invalid {
        key: key.to_owned(),
        reason,
        place: place_of(key),
        help: help.to_owned(),
    })
}

#[cfg(test)]
mod tests;
