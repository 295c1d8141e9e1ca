//! From layers of text to typed settings, and from a refusal to the place that caused it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::error::{Error, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};
use serde::de::DeserializeOwned;

use super::Settings;
use super::environment::Environment;
use super::error::{Place, SettingsError};
use super::nearest::nearest;

/// The variable that names the settings file when `--config` does not.
const CONFIG_VARIABLE: &str = "SWITCHBOARD_CONFIG";

/// The file that is read when nobody names one and it exists.
const DEFAULT_FILE: &str = "switchboard.toml";

/// Where settings come from, apart from the defaults.
#[derive(Clone, Debug, Default)]
pub struct SettingsSource {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// Environment variables, ours and others.
    pub environment: BTreeMap<String, String>,
}

impl SettingsSource {
    /// The file of `--config`, else of `SWITCHBOARD_CONFIG`, else `switchboard.toml` if it exists; and this process's environment.
    pub fn from_process(config: Option<PathBuf>) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .collect();
        let named = config.or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from));
        let present = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        Self {
            file: named.or_else(present),
            environment,
        }
    }
}

/// Layers defaults, file and environment and reads them as [`Settings`].
pub(super) fn extract(source: &SettingsSource) -> Result<Settings, SettingsError> {
    let defaults = defaults()?;
    let file = source.file.as_deref().map(Document::read).transpose()?;
    let environment = Environment::new(&source.environment, defaults.clone());
    if let Some((name, key)) = environment.misspelt(&source.environment) {
        let nearest = nearest_whole_key(&key, &key, &known_keys(&defaults));
        return Err(SettingsError::UnknownKey {
            key,
            nearest,
            place: Place::Environment(name),
        });
    }
    let mut layers = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(file) = &file {
        layers = layers.merge(Serialized::defaults(&file.table));
    }
    let layers = layers.merge(&environment);
    layers.extract().map_err(|error| {
        let locate = |key: &str| match environment.variable_of(key) {
            Some(name) => Place::Environment(name.to_owned()),
            None => file
                .as_ref()
                .map_or(Place::Default, |file| file.place_of(key)),
        };
        explain(&error, &known_keys(&defaults), locate)
    })
}

/// Reads one document without layers, such as an agent file.
pub(super) fn extract_document<T: DeserializeOwned>(
    document: &Document,
) -> Result<T, SettingsError> {
    Figment::from(Serialized::defaults(&document.table))
        .extract()
        .map_err(|error| explain(&error, &[], |key| document.place_of(key)))
}

fn defaults() -> Result<Dict, SettingsError> {
    let layers = Serialized::defaults(Settings::default()).data();
    layers
        .ok()
        .and_then(|mut layers| layers.remove(&Profile::Default))
        .ok_or_else(|| SettingsError::Missing {
            key: "defaults".to_owned(),
            place: Place::Default,
        })
}

/// Every `section.key`.
fn known_keys(defaults: &Dict) -> Vec<String> {
    let keys_of = |(section, value): (&String, &Value)| {
        let keys = value.as_dict().into_iter().flat_map(Dict::keys);
        keys.map(|key| format!("{section}.{key}"))
            .collect::<Vec<_>>()
    };
    defaults.iter().flat_map(keys_of).collect()
}

/// A TOML text with the lines its keys stand on.
pub(super) struct Document {
    path: PathBuf,
    text: String,
    pub(super) table: toml::Table,
}

impl Document {
    /// Reads and parses `path`.
    pub(super) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::parse(path, text)
    }

    /// Parses `text`; `path` is used for messages only.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self, SettingsError> {
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| SettingsError::Syntax {
                place: Place::File {
                    path: path.to_owned(),
                    line: error.span().map_or(0, |span| line_of(&text, span.start)),
                },
                reason: error.message().to_owned(),
            })?;
        Ok(Self {
            path: path.to_owned(),
            text,
            table,
        })
    }

    /// The line that sets `dotted_key`, or its nearest parent that stands in the file.
    pub(super) fn place_of(&self, dotted_key: &str) -> Place {
        let line = self
            .span_of(dotted_key)
            .map_or(0, |start| line_of(&self.text, start));
        Place::File {
            path: self.path.clone(),
            line,
        }
    }

    fn span_of(&self, dotted_key: &str) -> Option<usize> {
        let document = toml::de::DeTable::parse(&self.text).ok()?;
        let mut table = document.get_ref();
        let mut rest = dotted_key;
        let mut found = None;
        while !rest.is_empty() {
            // Model names hold dots themselves, so the longest key that fits is taken.
            let fits = |key: &&str| rest == *key || rest.starts_with(&format!("{key}."));
            let keys = table.iter().map(|(key, _)| key.get_ref().as_ref());
            let Some(key) = keys.filter(fits).max_by_key(|key| key.len()) else {
                break;
            };
            let Some((spanned, value)) = table.get_key_value(key) else {
                break;
            };
            found = Some(spanned.span().start);
            rest = rest.get(key.len() + 1..).unwrap_or_default();
            match value.get_ref() {
                toml::de::DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        found
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Turns the reader's refusal into ours. `known` are whole keys to choose the nearest from when the section offers none.
fn explain(error: &Error, known: &[String], locate: impl Fn(&str) -> Place) -> SettingsError {
    let parent = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(found, expected) => {
            // The reader counts the unknown key itself as part of the path, the missing one not.
            let parent = error
                .path
                .split_last()
                .map(|(_, parents)| parents.join("."));
            let parent = parent.unwrap_or_default();
            let key = under(&parent, found);
            let in_section =
                nearest(found, expected.iter().copied()).map(|near| under(&parent, near));
            let elsewhere = || nearest_whole_key(&key, found, known);
            SettingsError::UnknownKey {
                place: locate(&key),
                nearest: in_section.or_else(elsewhere),
                key,
            }
        }
        Kind::MissingField(field) => {
            let key = under(&parent, field);
            SettingsError::Missing {
                place: locate(&parent),
                key,
            }
        }
        Kind::UnknownVariant(found, expected) => SettingsError::Invalid {
            place: locate(&parent),
            reason: format!("`{found}` is not one of {}", expected.join(", ")),
            help: nearest(found, expected.iter().copied()).map_or_else(
                || format!("use one of {}", expected.join(", ")),
                |near| format!("did you mean `{near}`?"),
            ),
            key: parent,
        },
        kind => SettingsError::Invalid {
            place: locate(&parent),
            reason: reason_of(kind),
            help: format!("see `{parent}` in switchboard.example.toml or the agent files"),
            key: parent,
        },
    }
}

/// A key of another section, when the last part is right or nearly right there.
fn nearest_whole_key(key: &str, last_part: &str, known: &[String]) -> Option<String> {
    let same_name = known
        .iter()
        .find(|it| it.rsplit('.').next() == Some(last_part));
    let similar = || nearest(key, known.iter().map(String::as_str)).map(str::to_owned);
    same_name.cloned().or_else(similar)
}

fn under(parent: &str, key: &str) -> String {
    if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}

/// What was wrong, with the type of the value but never the value: it may be a key typed into the wrong place.
fn reason_of(kind: &Kind) -> String {
    match kind {
        Kind::Message(text) => text.clone(),
        Kind::InvalidType(_, expected) => {
            format!("the value has the wrong type, expected {expected}")
        }
        Kind::InvalidValue(_, expected) => format!("the value does not fit, expected {expected}"),
        Kind::InvalidLength(length, expected) => format!("{length} entries, expected {expected}"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is too large".to_owned(),
        other => other.to_string(),
    }
}
