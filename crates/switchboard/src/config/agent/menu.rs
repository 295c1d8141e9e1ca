//! The keypad menu before the agent, for the pick-up mode `menu`: the carrier says it and takes the key, without a stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::language::{Language, Texts};

/// Keys, and what each leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentMenu {
    /// What the carrier says. Needed in every language of the agent when `keys` are set; else a text of ours.
    pub words: Texts,
    /// `{ "1" = "agent", "0" = "human" }`. What a key leads to: `agent`, `human`, `voicemail`, or a party of
    /// `handoff.targets`. 0 always reaches people.
    pub keys: BTreeMap<String, String>,
    /// 2 times it is said, when no key of it was pressed; then a human takes over.
    pub rounds_max: u32,
}

impl Default for AgentMenu {
    fn default() -> Self {
        let key = |key: &str, choice: &str| (key.to_owned(), choice.to_owned());
        Self {
            words: Texts::default(),
            keys: [key("1", MenuChoice::AGENT), key("0", MenuChoice::HUMAN)].into(),
            rounds_max: 2,
        }
    }
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MenuChoice {
    Agent,
    /// Whoever usually takes over.
    Human,
    Voicemail,
    /// A party by name.
    Party(String),
}

impl MenuChoice {
    const AGENT: &'static str = "agent";
    const HUMAN: &'static str = "human";
    const VOICEMAIL: &'static str = "voicemail";

    fn of(word: &str) -> Self {
        match word {
            Self::AGENT => Self::Agent,
            Self::HUMAN => Self::Human,
            Self::VOICEMAIL => Self::Voicemail,
            party => Self::Party(party.to_owned()),
        }
    }
}

impl AgentMenu {
    /// What this key leads to. 0 reaches people whatever stands in the file.
    pub fn choice(&self, key: &str) -> Option<MenuChoice> {
        match self.keys.get(key) {
            None if key == "0" => Some(MenuChoice::Human),
            word => word.map(|word| MenuChoice::of(word)),
        }
    }

    /// What is said, in `language`.
    pub fn words(&self, language: Language, business: &str) -> String {
        if let Some(own) = self.words.in_language(language) {
            return own.to_owned();
        }
        match language {
            Language::English => format!(
                "Welcome to {business}. Press 1 for our automatic assistant, or 0 for a person."
            ),
            Language::Swahili => format!(
                "Karibu {business}. Bonyeza 1 kwa msaidizi wa kidijitali, au 0 kuzungumza na mtu."
            ),
            Language::French => format!(
                "Bienvenue chez {business}. Appuyez sur 1 pour notre assistant automatique, ou sur 0 pour une personne."
            ),
            Language::Kinyarwanda => format!(
                "Murakaza neza kuri {business}. Kanda 1 uvugane n'umufasha w'ikoranabuhanga, cyangwa 0 uvugane n'umuntu."
            ),
        }
    }

    /// What is wrong with it, and the key of the file that says so.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        let is_key = |key: &String| {
            key.len() == 1
                && key
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"*#".contains(&b))
        };
        if let Some(key) = self.keys.keys().find(|key| !is_key(key)) {
            return Some(("menu.keys", format!("`{key}` is no key of a telephone")));
        }
        let zero = self.keys.get("0").map(|word| MenuChoice::of(word));
        if matches!(zero, Some(MenuChoice::Agent | MenuChoice::Voicemail)) {
            return Some(("menu.keys", "0 reaches people, always".to_owned()));
        }
        let is_named = |word: &&String| {
            let party = MenuChoice::of(word);
            matches!(party, MenuChoice::Party(_)) && switchboard_store::Word::parse(word).is_err()
        };
        if let Some(word) = self.keys.values().find(is_named) {
            return Some(("menu.keys", format!("`{word}` is no name of a party")));
        }
        if self.rounds_max == 0 {
            return Some(("menu.rounds_max", "a menu is said at least once".to_owned()));
        }
        let is_own = self.keys != Self::default().keys;
        (is_own && self.words.is_empty()).then(|| {
            (
                "menu.words",
                "keys of your own need words of your own".to_owned(),
            )
        })
    }
}
