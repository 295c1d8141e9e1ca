//! Parties that fit together load; others are refused with key, line and what mends it.

use std::path::Path;

use crate::config::{AgentDefinition, Settings, SettingsError, check_agent};

const AGENT: &str = include_str!("../../../../../../agents/trades.toml");

const PARTIES: &str = r#"
[handoff.targets.support]
members = ["anna", "ben"]
ring = "in_order"
hours.monday = ["09:00-17:00"]
next = "desk"

[handoff.targets.anna]
number = "+12025550181"

[handoff.targets.ben]
sip = "sip:ben@pbx.example.com;transport=tls"

[handoff.targets.desk]
queue = "front-desk"
music_url = "https://www.example.com/hold.mp3"
announcement.en = "Please hold."
"#;

fn load(parties: &str) -> Result<AgentDefinition, SettingsError> {
    let text = format!("{AGENT}\n{parties}");
    AgentDefinition::parse(Path::new("agents/trades.toml"), &text)
}

/// Where the file says it, why, and what mends it, of a refused file.
fn refused(from: &str, to: &str) -> String {
    let parties = PARTIES.replacen(from, to, 1);
    assert_ne!(parties, PARTIES, "{from} is not there");
    let error = load(&parties).expect_err(to);
    format!("{error}: {}; {}", error.cause(), error.help())
}

fn line_of(text: &str) -> usize {
    let file = format!("{AGENT}\n{PARTIES}");
    file.lines().position(|line| line == text).expect(text) + 1
}

#[test]
fn parties_of_every_kind_load() {
    let agent = load(PARTIES).expect("right parties");
    assert_eq!(agent.handoff.targets.len(), 4);
    assert_eq!(check_agent(&Settings::default(), &agent), Ok(()));
    let again = serde_json::to_value(&agent).expect("writes");
    let read: AgentDefinition = serde_json::from_value(again).expect("reads");
    assert_eq!(read, agent);
}

/// Threat M2.
#[test]
fn m2_a_target_that_may_not_be_dialled_is_refused_at_load_with_its_line() {
    let line = line_of("number = \"+12025550181\"");
    for (number, why) in [
        ("+19005550100", "premium-rate"),
        ("+881612345678", "satellite"),
        ("+2541199", "emergency"),
    ] {
        let text = refused("+12025550181", number);
        let is_told = text.contains("`handoff.targets.anna.number`")
            && text.contains(&format!("trades.toml:{line}"));
        assert!(is_told, "{text}");
        assert!(
            text.contains(why) || text.contains("not a telephone number"),
            "{text}"
        );
        assert!(!text.contains(number), "the number is in the text: {text}");
    }
}

/// Threat M2: the list of countries belongs to the installation.
#[test]
fn m2_a_country_that_is_not_listed_is_refused_where_the_agent_is_published() {
    let abroad = PARTIES.replacen("+12025550181", "+442079460000", 1);
    let agent = load(&abroad).expect("a person's number");
    let error = check_agent(&Settings::default(), &agent).expect_err("another country");
    assert!(error.help().contains("dialling.countries"), "{error}");
    let mut settings = Settings::default();
    settings.dialling.countries = vec![
        "GB".parse().expect("a country"),
        "US".parse().expect("a country"),
    ];
    assert_eq!(check_agent(&settings, &agent), Ok(()));
}

#[test]
fn parties_that_do_not_fit_together_are_refused() {
    let cases = [
        (
            "number = \"+12025550181\"",
            "hours.monday = []",
            "exactly one of",
        ),
        (
            "queue = \"front-desk\"",
            "queue = \"front-desk\"\nnumber = \"+12025550181\"",
            "exactly one of",
        ),
        (
            "queue = \"front-desk\"",
            "queue = \"front desk\"",
            "without blanks",
        ),
        (
            "\"anna\", \"ben\"",
            "\"ana\", \"ben\"",
            "did you mean `anna`?",
        ),
        (
            "\"anna\", \"ben\"",
            "\"anna\", \"desk\"",
            "neither a number nor a SIP address",
        ),
        ("next = \"desk\"", "next = \"dusk\"", "did you mean `desk`?"),
        (
            "sip:ben@pbx.example.com",
            "sip:ben@pbx.example.com?Subject=x",
            "must look like sip:",
        ),
        (
            "https://www.example.com",
            "http://www.example.com",
            "use https://",
        ),
        ("targets.anna]", "targets.Anna]", "lower-case"),
        (
            "announcement.en",
            "announcement.sw",
            "add `handoff.targets.desk.announcement.en`",
        ),
        (
            "number = \"+12025550181\"",
            "number = \"+12025550181\"\nring_s_max = 0",
            "1 to 600",
        ),
    ];
    for (from, to, told) in cases {
        let text = refused(from, to);
        assert!(text.contains(told), "{to}: {text}");
    }
}
