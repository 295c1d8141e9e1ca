//! Settings as an operator meets them: the example file, layers, and refusals.

use std::path::{Path, PathBuf};

use super::agent::{AgentDefinition, ModelChoice, TOOL_NAMES, reference_agents};
use super::*;

const EXAMPLE: &str = include_str!("../../../../switchboard.example.toml");

/// Loads a file with `text` and the given environment.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("switchboard.toml");
    std::fs::write(&path, text).expect("written");
    let environment = environment
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Settings::load(&SettingsSource {
        file: Some(path),
        environment: environment.collect(),
    })
}

fn printed(error: &SettingsError) -> String {
    format!(
        "error: {error}\ncause: {}\nhelp: {}",
        error.cause(),
        error.help()
    )
}

#[test]
fn the_example_file_is_the_defaults() {
    assert_eq!(load(EXAMPLE, &[]).expect("loads"), Settings::default());
}

#[test]
fn the_example_file_shows_every_key() {
    let example: toml::Table = EXAMPLE.parse().expect("toml");
    let defaults = serde_json::to_value(Settings::default()).expect("writes");
    for (section, keys) in defaults.as_object().expect("sections") {
        for (key, value) in keys.as_object().expect("keys") {
            let shown = example.get(section).and_then(|it| it.get(key));
            let shown = shown.unwrap_or_else(|| panic!("{section}.{key} is not in the example"));
            if let Some(prices) = value.as_object() {
                let missing: Vec<_> = prices.keys().filter(|it| shown.get(it).is_none()).collect();
                assert!(missing.is_empty(), "{section}.{key} lacks {missing:?}");
            }
        }
    }
}

#[test]
fn later_layers_win_and_leave_the_rest() {
    let text = "[calls]\nhandshake_ms = 2500\nconcurrent_max = 4\n";
    let environment = [
        ("SWITCHBOARD_CALLS__CONCURRENT_MAX", "7"),
        ("SWITCHBOARD_HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("SWITCHBOARD_TWILIO__VALIDATE_SIGNATURES", "true"),
        ("SWITCHBOARD_CONFIG", "elsewhere.toml"),
        ("SWITCHBOARD_NO_PROGRESS", "1"),
    ];
    let settings = load(text, &environment).expect("loads");
    assert_eq!(
        (settings.calls.handshake_ms, settings.calls.concurrent_max),
        (2500, 7)
    );
    assert_eq!(settings.http.trusted_proxies.len(), 1);
    assert_eq!(
        settings.calls.length_max_s,
        CallsSettings::default().length_max_s
    );
}

#[test]
fn text_from_the_environment_stays_text_even_when_it_looks_like_a_number() {
    let environment = [
        ("SWITCHBOARD_HANDOFF__NUMBER", "+12025550199"),
        ("TWILIO_AUTH_TOKEN", "0123456789012345678901234567e890"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("OPENAI_API_KEY", "sk-borrowed"),
        ("SWITCHBOARD_OPENAI__API_KEY", "12345"),
    ];
    let settings = load("", &environment).expect("loads");
    assert_eq!(
        settings.handoff.number.expect("set").expose(),
        "+12025550199"
    );
    assert_eq!(
        settings.twilio.auth_token.expect("set").expose(),
        "0123456789012345678901234567e890"
    );
    assert_eq!(
        settings.openai.api_key.expect("set").expose(),
        "12345",
        "our own name wins"
    );
}

#[test]
fn a_blank_borrowed_variable_sets_nothing() {
    let settings =
        load("[openai]\napi_key = \"sk-file\"", &[("OPENAI_API_KEY", "")]).expect("loads");
    assert_eq!(settings.openai.api_key.expect("set").expose(), "sk-file");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_and_its_line() {
    let error = load("[http]\n\n[calls]\nhandshake_msec = 3000\n", &[]).expect_err("refused");
    let text = printed(&error);
    assert!(
        text.contains("unknown key `calls.handshake_msec`"),
        "{text}"
    );
    assert!(text.contains("switchboard.toml:4"), "{text}");
    assert!(
        text.contains("did you mean `calls.handshake_ms`?"),
        "{text}"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_led_home() {
    let text = printed(&load("[http]\nhandshake_ms = 3000\n", &[]).expect_err("refused"));
    assert!(
        text.contains("did you mean `calls.handshake_ms`?"),
        "{text}"
    );
    let text = printed(&load("[call]\nhandshake_ms = 3000\n", &[]).expect_err("refused"));
    assert!(
        text.contains("unknown key `call`") && text.contains("did you mean `calls`?"),
        "{text}"
    );
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    let error = load("", &[("SWITCHBOARD_TWILIO__AUTH_TOKN", "canary")]).expect_err("refused");
    let text = printed(&error);
    assert!(text.contains("SWITCHBOARD_TWILIO__AUTH_TOKN"), "{text}");
    assert!(text.contains("did you mean `twilio.auth_token`?"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_variable_with_one_underscore_too_few_is_not_silently_ignored() {
    let error = load("", &[("SWITCHBOARD_OPENAI_API_KEY", "canary")]).expect_err("refused");
    let text = printed(&error);
    assert!(text.contains("SWITCHBOARD_OPENAI_API_KEY"), "{text}");
    assert!(
        text.contains("did you mean `openai.api_key`?") && !text.contains("canary"),
        "{text}"
    );
    assert!(load("", &[("SWITCHBOARD_TEST_POSTGRES_URL", "x")]).is_ok());
}

#[test]
fn d5_a_refused_value_is_not_repeated() {
    for text in [
        "[http]\nheader_ms_max = \"canary\"",
        "[twilio]\nauth_token = [\"canary\"]",
        "[handoff]\nnumber = \"canary\"",
    ] {
        let printed = printed(&load(text, &[]).expect_err("refused"));
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("switchboard.toml:2"), "{printed}");
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_refused_in_words() {
    let source = SettingsSource {
        file: Some(PathBuf::from("/nowhere/s.toml")),
        ..SettingsSource::default()
    };
    let text = printed(&Settings::load(&source).expect_err("refused"));
    assert!(
        text.contains("cannot read /nowhere/s.toml") && text.contains("--config"),
        "{text}"
    );
    let text = printed(&load("[http]\nlisten = \n", &[]).expect_err("refused"));
    assert!(
        text.contains("switchboard.toml:2 is not valid TOML"),
        "{text}"
    );
}

#[test]
fn h4_unchecked_signatures_are_refused_unless_only_this_machine_can_call() {
    let unchecked = "[twilio]\nvalidate_signatures = false\n";
    for refused in [
        "[http]\npublic_url = \"https://voice.example.com\"\n",
        "[http]\nlisten = \"0.0.0.0:8080\"\n",
        "[http]\npublic_url = \"https://localhost.example.com\"\n",
    ] {
        let error = load(&format!("{refused}{unchecked}"), &[]).expect_err(refused);
        assert!(
            printed(&error).contains("twilio.validate_signatures"),
            "{refused}"
        );
    }
    for allowed in [
        "",
        "[http]\npublic_url = \"http://127.0.0.1:9000\"\n",
        "[http]\nlisten = \"[::1]:0\"\n",
    ] {
        assert!(
            load(&format!("{allowed}{unchecked}"), &[]).is_ok(),
            "{allowed}"
        );
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for text in [
        "[http]\npublic_url = \"http://voice.example.com\"",
        "[calls]\nsilence_nudge_ms = 9000",
        "[calls]\nlength_warning_s = 480",
        "[calls]\nbudget_warning_percent = 101",
        "[limits]\nbacklog_ms_min = 0",
        "[limits]\nping_ms = 0",
        "[limits]\naudio_rate_percent_max = 50",
        "[http]\nconnections_max = 0",
        "[log]\nlevel = \"verbose\"",
    ] {
        assert!(load(text, &[]).is_err(), "{text}");
    }
    let text = printed(&load("[log]\nlevel = \"inf\"", &[]).expect_err("refused"));
    assert!(text.contains("did you mean `info`?"), "{text}");
}

#[test]
fn a_price_in_the_file_changes_only_itself() {
    let text =
        "[prices.\"gpt-realtime-2.1\"]\ntext_in = 1\n[prices.\"house-model\"]\naudio_out = 7\n";
    let prices = load(text, &[]).expect("loads").prices;
    let known = prices.of("gpt-realtime-2.1");
    assert_eq!((known.text_in, known.audio_out), (1, 64_000_000));
    assert_eq!(prices.of("house-model").audio_out, 7);
    let error = load("[prices.\"gpt-realtime-2.1\"]\ntext_inn = 1\n", &[]).expect_err("refused");
    assert!(
        printed(&error).contains("switchboard.toml:2"),
        "{}",
        printed(&error)
    );
}

#[test]
fn all_five_reference_agents_load_and_survive_the_database() {
    let agents = reference_agents().unwrap_or_else(|error| panic!("{}", printed(&error)));
    let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(
        names,
        ["roofing", "broker", "medspa", "trades", "companion"]
    );
    for (agent, digit) in agents.iter().zip('1'..) {
        let number = agent.number.as_ref().expect("has a number");
        assert_eq!(
            number.expose(),
            format!("+1202555010{digit}"),
            "{}",
            agent.name
        );
        assert_eq!(
            agent.handoff.number.as_ref().expect("has a human").expose(),
            "+12025550199"
        );
        assert_eq!(agent.model, ModelChoice::Auto);
        let json = serde_json::to_string(agent).expect("writes");
        assert_eq!(
            serde_json::from_str::<AgentDefinition>(&json).expect("reads"),
            *agent
        );
    }
}

#[test]
fn the_spa_has_what_it_sells_and_the_trades_greeting_gives_notice() {
    let agents = reference_agents().expect("load");
    let spa = &agents[2];
    assert_eq!(
        (spa.demo.services.len(), spa.demo.practitioners.len()),
        (9, 3)
    );
    assert_eq!(spa.time_zone, chrono_tz::America::New_York);
    assert!(
        spa.tools
            .iter()
            .all(|tool| TOOL_NAMES.contains(&tool.as_str()))
    );
    let performed = |name: &String| {
        spa.demo
            .practitioners
            .iter()
            .any(|it| it.services.contains(name))
    };
    assert!(
        spa.demo
            .services
            .iter()
            .all(|service| performed(&service.name))
    );
    let trades = &agents[3];
    let greeting = trades.greeting.words(trades.first_language());
    assert!(greeting.contains("Press 0 for a person") && greeting.contains("written down"));
    assert_eq!(trades.limits.length_max_s, Some(480));
}

#[test]
fn s8_d3_an_agent_that_takes_card_data_takes_no_direct_calls_and_origins_are_origins() {
    let good = include_str!("../../../../agents/companion.toml");
    let parse = |tools: &str, realtime: &str| {
        let text = good.replacen("tools = [\"end_call\"]", tools, 1).replacen(
            "[realtime]",
            &format!("[realtime]\n{realtime}"),
            1,
        );
        AgentDefinition::parse(Path::new("agents/companion.toml"), &text)
    };
    let secure = "tools = [\"end_call\", \"secure_entry_start\", \"secure_entry_end\"]";
    let plain = "tools = [\"end_call\"]";
    let origin = "origins = [\"https://spa.example:8443\"]";
    assert!(parse(plain, &format!("direct = \"sound\"\n{origin}")).is_ok());
    assert!(parse(secure, "direct = \"off\"").is_ok());
    let refused = printed(&parse(secure, "direct = \"events\"").expect_err("refused"));
    assert!(refused.contains("card data"), "{refused}");
    for wrong in [
        "spa.example",
        "https://",
        "https://*.example",
        "https://spa.example/talk",
    ] {
        let refused = parse(plain, &format!("origins = [\"{wrong}\"]")).expect_err(wrong);
        assert!(printed(&refused).contains("is no origin"), "{wrong}");
    }
}

#[test]
fn agent_files_are_refused_like_settings() {
    let good = include_str!("../../../../agents/roofing.toml");
    let refused = |from: &str, to: &str| {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not in the file");
        let error = AgentDefinition::parse(Path::new("agents/roofing.toml"), &text);
        printed(&error.expect_err(to))
    };
    let text = refused("voice = \"ash\"", "voice = \"onyx\"");
    assert!(
        text.contains("no Realtime model has the voice `onyx`"),
        "{text}"
    );
    assert!(
        text.contains("did you mean `ash`?") && text.contains("roofing.toml:10"),
        "{text}"
    );
    let text = refused("voice = \"ash\"", "voice = \"shimer\"");
    assert!(text.contains("did you mean `shimmer`?"), "{text}");
    let text = refused("silence_ms = 500", "silence_msec = 500");
    assert!(
        text.contains("unknown key `turn_detection.silence_msec`"),
        "{text}"
    );
    assert!(
        text.contains("did you mean `turn_detection.silence_ms`?"),
        "{text}"
    );
    let text = refused("\"find_contact\"", "\"find_contacts\"");
    assert!(text.contains("there is no tool `find_contacts`"), "{text}");
    assert!(text.contains("did you mean `find_contact`?"), "{text}");
    let text = refused("languages = [\"en\"]", "languages = [\"en\", \"sw\"]");
    assert!(text.contains("add `greeting.text.sw`"), "{text}");
    let text = refused("model = \"auto\"", "model = \"automatic\"");
    assert!(text.contains("did you mean `auto`?"), "{text}");
    let text = refused("America/Denver", "America/Dever");
    assert!(text.contains("did you mean `America/Denver`?"), "{text}");
    let text = refused("mode = \"not_needed\"", "mode = \"implied\"");
    assert!(text.contains("nobody agrees to what is not said"), "{text}");
    let text = refused("disclose = false", "disclose = false\nwithdraw_key = \"0\"");
    assert!(
        text.contains("0, 1, 2 and # have another meaning"),
        "{text}"
    );
    let text = refused(
        "disclose = false",
        "disclose = false\nwithdraw_key = \"9\"\nsecure_entry_key = \"9\"",
    );
    assert!(text.contains("one key cannot mean two things"), "{text}");
    let text = refused("17:00", "07:00");
    assert!(text.contains("opening hours must look like"), "{text}");
    let text = refused("display_name", "# display_name");
    assert!(text.contains("`display_name` is missing"), "{text}");
}
