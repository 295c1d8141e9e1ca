//! What one key of an agent file alone cannot know.

use super::language::Texts;
use super::voice::check_voice;
use super::{
    ATTEMPTS_MAX, AgentDefinition, ConsentMode, DirectMode, PCM_RATES_HZ, TOOL_NAMES,
    TurnDetectionMode, invalid,
};
use crate::config::DiallingSettings;
use crate::config::error::{Place, SettingsError};
use crate::config::handoff::{check_number, check_targets, check_usual};
use crate::config::nearest::nearest;

/// Longest agent name; it stands in addresses and column heads.
const NAME_CHARS_MAX: usize = 40;

type Checked = Result<(), SettingsError>;

/// Refuses a definition whose parts do not fit together. `place_of` finds the line of a key.
pub(super) fn check(agent: &AgentDefinition, place_of: impl Fn(&str) -> Place) -> Checked {
    name(agent, &place_of)?;
    languages(agent, &place_of)?;
    voice(agent, &place_of)?;
    tools(agent, &place_of)?;
    threshold(agent, &place_of)?;
    mode(agent, &place_of)?;
    consent(agent, &place_of)?;
    silence(agent, &place_of)?;
    handoff(agent, &place_of)?;
    menu(agent, &place_of)?;
    attempts(agent, &place_of)?;
    rates(agent, &place_of)?;
    direct(agent, &place_of)?;
    origins(agent, &place_of)?;
    practitioners(agent, &place_of)
}

fn name(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !agent.name.is_empty() && agent.name.len() <= NAME_CHARS_MAX;
    if fits && agent.name.bytes().all(allowed) {
        return Ok(());
    }
    let reason = "a name has 1 to 40 lower-case letters, digits and dashes".to_owned();
    Err(invalid(
        "name",
        place_of("name"),
        reason,
        "for example `front-desk`".to_owned(),
    ))
}

fn languages(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    if agent.languages.is_empty() {
        let reason = "an agent speaks at least one language".to_owned();
        let help = "use some of en, sw, fr, rw".to_owned();
        return Err(invalid("languages", place_of("languages"), reason, help));
    }
    let texts: [(&str, &Texts); 6] = [
        ("menu.words", &agent.menu.words),
        ("greeting.text", &agent.greeting.text),
        ("greeting.disclosure", &agent.greeting.disclosure),
        ("handoff.announcement", &agent.handoff.announcement),
        ("outgoing.disclosure", &agent.outgoing.disclosure),
        ("outgoing.message", &agent.outgoing.message),
    ];
    for (key, texts) in texts.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        has_every_language(agent, key, texts, place_of)?;
    }
    Ok(())
}

fn has_every_language(
    agent: &AgentDefinition,
    key: &str,
    texts: &Texts,
    place_of: &impl Fn(&str) -> Place,
) -> Checked {
    let mut languages = agent.languages.iter();
    let Some(language) = languages.find(|language| texts.in_language(**language).is_none()) else {
        return Ok(());
    };
    let reason = format!(
        "the agent speaks `{}`, but this has no text in it",
        language.code()
    );
    let help = format!("add `{key}.{}`", language.code());
    Err(invalid(key, place_of(key), reason, help))
}

fn voice(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    check_voice(&agent.voice).map_err(|right| {
        let reason = format!("no Realtime model has the voice `{}`", agent.voice);
        invalid(
            "voice",
            place_of("voice"),
            reason,
            format!("did you mean `{right}`?"),
        )
    })
}

fn tools(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let unknown = agent
        .tools
        .iter()
        .find(|tool| !TOOL_NAMES.contains(&tool.as_str()));
    let Some(tool) = unknown else { return Ok(()) };
    let help = nearest(tool, TOOL_NAMES).map_or_else(
        || format!("use some of {}", TOOL_NAMES.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Err(invalid(
        "tools",
        place_of("tools"),
        format!("there is no tool `{tool}`"),
        help,
    ))
}

fn threshold(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    if (0.0..=1.0).contains(&agent.turn_detection.threshold) {
        return Ok(());
    }
    let key = "turn_detection.threshold";
    Err(invalid(
        key,
        place_of(key),
        "it is a probability".to_owned(),
        "use 0 to 1".to_owned(),
    ))
}

/// Named from the start, so that files stay valid; refused until somebody acts on it.
fn mode(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    if agent.turn_detection.mode == TurnDetectionMode::ServerVad {
        return Ok(());
    }
    let key = "turn_detection.mode";
    let reason = "this mode is not there yet".to_owned();
    Err(invalid(
        key,
        place_of(key),
        reason,
        "use `server_vad`".to_owned(),
    ))
}

/// Nobody agrees to what was not said.
fn consent(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let needs_words = matches!(
        agent.consent.mode,
        ConsentMode::Implied | ConsentMode::Asked
    );
    if needs_words && !agent.consent.disclose {
        let key = "consent.mode";
        let reason =
            "nobody agrees to what is not said, and `consent.disclose` is false".to_owned();
        let help =
            "set `consent.mode = \"not_needed\"` or `\"never\"`, or let it disclose".to_owned();
        return Err(invalid(key, place_of("consent"), reason, help));
    }
    let keys = [
        ("consent.withdraw_key", agent.consent.withdraw_key),
        ("consent.secure_entry_key", agent.consent.secure_entry_key),
    ];
    let is_free = |key: char| matches!(key, '3'..='9' | '*');
    let taken = keys
        .iter()
        .find(|(_, key)| key.is_some_and(|key| !is_free(key)));
    let (key, reason) = match taken {
        Some((key, _)) => (*key, "0, 1, 2 and # have another meaning"),
        None if keys[0].1.is_some() && keys[0].1 == keys[1].1 => {
            (keys[1].0, "one key cannot mean two things")
        }
        None => return Ok(()),
    };
    let help = "use one of 3 to 9, or *".to_owned();
    Err(invalid(key, place_of(key), reason.to_owned(), help))
}

fn silence(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let both = agent
        .limits
        .silence_nudge_ms
        .zip(agent.limits.silence_handoff_ms);
    match both {
        Some((nudge, handoff)) if nudge >= handoff => {
            let key = "limits.silence_nudge_ms";
            let reason = "the agent would ask only after the human has taken over".to_owned();
            let help = "make it smaller than limits.silence_handoff_ms".to_owned();
            Err(invalid(key, place_of(key), reason, help))
        }
        _ => Ok(()),
    }
}

/// Whom the agent may dial, and every party of its file.
fn handoff(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let handoff = &agent.handoff;
    // An agent file does not know the installation's list of countries; `config::check_agent` does.
    let rules = DiallingSettings::default();
    check_number(&rules, None, handoff.number.as_ref(), place_of)?;
    check_usual(handoff.target.as_deref(), &handoff.targets, place_of)?;
    check_targets(&rules, None, &handoff.targets, place_of)?;
    for (name, target) in &handoff.targets {
        let texts = [
            ("announcement", &target.announcement),
            ("whisper", &target.whisper),
        ];
        for (text, texts) in texts.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            has_every_language(
                agent,
                &format!("handoff.targets.{name}.{text}"),
                texts,
                place_of,
            )?;
        }
    }
    Ok(())
}

fn menu(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let Some((key, reason)) = agent.menu.problem() else {
        return Ok(());
    };
    let help = r#"for example `[menu] keys = { "1" = "agent", "0" = "human" }`, and words in every language"#;
    Err(invalid(key, place_of(key), reason, help.to_owned()))
}

/// Who is called too often is a victim.
fn attempts(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    if (1..=ATTEMPTS_MAX).contains(&agent.outgoing.attempts_max) {
        return Ok(());
    }
    let key = "outgoing.attempts_max";
    let reason = "nobody is called that often, or not at all".to_owned();
    let help =
        format!("use 1 to {ATTEMPTS_MAX}; an agent without `outgoing.purposes` calls nobody");
    Err(invalid(key, place_of(key), reason, help))
}

/// Nobody can be kept from listening to what does not come by here (threat D3).
fn direct(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let key = "realtime.direct";
    let has_secure_entry = agent.tools.iter().any(|tool| tool == "secure_entry_start");
    if agent.realtime.direct == DirectMode::Off || !has_secure_entry {
        return Ok(());
    }
    let reason = "card data cannot be kept from a vendor that gets the sound directly".to_owned();
    let help = "take `secure_entry_start` out of `tools`, or leave `direct` off".to_owned();
    Err(invalid(key, place_of(key), reason, help))
}

fn origins(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let key = "realtime.origins";
    let is_origin = |origin: &String| {
        let rest = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#', '@']))
    };
    match agent
        .realtime
        .origins
        .iter()
        .find(|origin| !is_origin(origin))
    {
        None => Ok(()),
        Some(wrong) => {
            let reason = format!("`{wrong}` is no origin");
            let help = "write scheme, host and port if any: `https://example.com`".to_owned();
            Err(invalid(key, place_of(key), reason, help))
        }
    }
}

fn rates(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let mut rates = agent.realtime.pcm_rates_hz.iter();
    let Some(rate) = rates.find(|rate| !PCM_RATES_HZ.contains(rate)) else {
        return Ok(());
    };
    let key = "realtime.pcm_rates_hz";
    let help = "use some of 8000, 16000; 24000 is always taken".to_owned();
    Err(invalid(
        key,
        place_of(key),
        format!("{rate} Hz is not taken"),
        help,
    ))
}

fn practitioners(agent: &AgentDefinition, place_of: &impl Fn(&str) -> Place) -> Checked {
    let known: Vec<&str> = agent
        .demo
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    let performed = agent.demo.practitioners.iter().flat_map(|it| &it.services);
    let Some(unknown) = performed
        .into_iter()
        .find(|it| !known.contains(&it.as_str()))
    else {
        return Ok(());
    };
    let help = nearest(unknown, known).map_or_else(
        || "add it to `demo.services`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let key = "demo.practitioners";
    Err(invalid(
        key,
        place_of(key),
        format!("there is no service `{unknown}`"),
        help,
    ))
}
