//! Settings from environment variables: `SWITCHBOARD_<SECTION>__<KEY>`.
//!
//! A variable is text. What it becomes depends on the type of the key's default, not on how the text looks: a number
//! such as `+12025550199` or a token such as `12e4` stays text where text is expected.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Tag, Value};
use figment::{Error, Metadata, Profile, Provider};

/// What our variables begin with.
const PREFIX: &str = "SWITCHBOARD_";

/// What stands between section and key.
const SEPARATOR: &str = "__";

/// Variables that other programs use for the same values; ours win.
const BORROWED: [(&str, &str, &str); 3] = [
    ("OPENAI_API_KEY", "openai", "api_key"),
    ("TWILIO_ACCOUNT_SID", "twilio", "account_sid"),
    ("TWILIO_AUTH_TOKEN", "twilio", "auth_token"),
];

/// One variable that sets one key.
#[derive(Clone, Debug, PartialEq)]
struct Variable {
    name: String,
    section: String,
    key: String,
    text: String,
}

/// The part of an environment that sets keys, as a layer of settings.
pub(super) struct Environment {
    variables: Vec<Variable>,
    defaults: Dict,
}

impl Environment {
    /// Takes from `all` what sets a key; `defaults` says which type each key has.
    pub(super) fn new(all: &BTreeMap<String, String>, defaults: Dict) -> Self {
        let borrowed = BORROWED.iter().filter_map(|(name, section, key)| {
            let text = all.get(*name).filter(|text| !text.trim().is_empty())?;
            Some(variable(name, section, key, text))
        });
        let own = all.iter().filter_map(|(name, text)| {
            let (section, key) = name.strip_prefix(PREFIX)?.split_once(SEPARATOR)?;
            Some(variable(
                name,
                &section.to_lowercase(),
                &key.to_lowercase(),
                text,
            ))
        });
        Self {
            variables: borrowed.chain(own).collect(),
            defaults,
        }
    }

    /// The variable that sets `section.key`; the last one wins, as in the layer itself.
    pub(super) fn variable_of(&self, dotted_key: &str) -> Option<&str> {
        let is_it = |it: &&Variable| {
            dotted_key == it.section || dotted_key == format!("{}.{}", it.section, it.key)
        };
        self.variables
            .iter()
            .rev()
            .find(is_it)
            .map(|it| it.name.as_str())
    }

    /// A variable of `all` that looks like one of ours but has a single underscore between section and key.
    pub(super) fn misspelt(&self, all: &BTreeMap<String, String>) -> Option<(String, String)> {
        let misspelt = |name: &String| {
            let rest = name
                .strip_prefix(PREFIX)
                .filter(|rest| !rest.contains(SEPARATOR))?;
            let (section, key) = rest.split_once('_')?;
            let section = section.to_lowercase();
            self.defaults
                .contains_key(&section)
                .then(|| format!("{section}.{}", key.to_lowercase()))
        };
        all.keys()
            .find_map(|name| Some((name.clone(), misspelt(name)?)))
    }

    fn value_of(&self, variable: &Variable) -> Value {
        let default = self
            .defaults
            .get(&variable.section)
            .and_then(Value::as_dict);
        let default = default.and_then(|section| section.get(&variable.key));
        let is_text = matches!(default, None | Some(Value::String(..) | Value::Empty(..)));
        let parsed = if is_text { None } else { typed(&variable.text) };
        parsed.unwrap_or_else(|| Value::from(variable.text.clone()))
    }
}

fn variable(name: &str, section: &str, key: &str, text: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        section: section.to_owned(),
        key: key.to_owned(),
        text: text.to_owned(),
    }
}

/// Reads a number, a truth value or a list as TOML would; `None` leaves the text for the type error.
fn typed(text: &str) -> Option<Value> {
    let document: toml::Table = format!("value = {}", text.trim()).parse().ok()?;
    let value = document.get("value").filter(|_| document.len() == 1)?;
    Value::serialize(value).ok()
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut sections = Dict::new();
        for variable in &self.variables {
            let section = sections
                .entry(variable.section.clone())
                .or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            if let Value::Dict(_, keys) = section {
                keys.insert(variable.key.clone(), self.value_of(variable));
            }
        }
        Ok(Map::from([(Profile::Default, sections)]))
    }
}
