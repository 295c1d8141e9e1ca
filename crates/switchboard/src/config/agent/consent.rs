//! When something of a call may be stored, and what is said about it first.

use serde::{Deserialize, Serialize};

use super::language::Language;

/// What makes a disclosure a consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentMode {
    /// Nothing is asked: everything is kept from the first. For agents that only staff talk to, or where the law says so.
    NotNeeded,
    /// Staying on the line after the whole disclosure was heard.
    #[default]
    Implied,
    /// A clear yes, by word or key 1, to the question that ends the disclosure.
    Asked,
    /// Nothing is ever kept.
    Never,
}

/// When something of a call may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentPolicy {
    /// true. Say `greeting.disclosure` first. `false` is for agents that only staff talk to.
    pub disclose: bool,
    /// `implied`. What makes it a consent: `not_needed`, `implied`, `asked` or `never`.
    pub mode: ConsentMode,
    /// true. Write down what was said.
    pub transcribe: bool,
    /// false. Record both sides.
    pub record: bool,
    /// None. Key with which a caller takes the consent back: `3` to `9` or `*`.
    pub withdraw_key: Option<char>,
    /// None. Key after which nobody listens until `#`, for card data: `3` to `9` or `*`.
    pub secure_entry_key: Option<char>,
}

impl Default for ConsentPolicy {
    fn default() -> Self {
        Self {
            disclose: true,
            mode: ConsentMode::default(),
            transcribe: true,
            record: false,
            withdraw_key: None,
            secure_entry_key: None,
        }
    }
}

/// What is kept of a call, as far as the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was said, in writing.
    pub words: bool,
    /// Both voices.
    pub sound: bool,
}

impl ConsentPolicy {
    /// Whether words may be kept in writing where the caller agrees to that.
    pub fn writes_down(&self) -> bool {
        self.transcribe && self.mode != ConsentMode::Never
    }
}

impl ConsentMode {
    /// Our own disclosure for agents that have none: who speaks, what is kept, and the question where one is asked.
    pub fn default_disclosure(self, language: Language, kept: Kept) -> String {
        let kept = match self {
            Self::Implied | Self::Asked => what_is_kept(language, kept),
            Self::NotNeeded | Self::Never => "",
        };
        let asked = match self {
            Self::Asked if !kept.is_empty() => question(language),
            _ => "",
        };
        let sentences = [who_speaks(language), kept, asked];
        let said: Vec<_> = sentences.into_iter().filter(|it| !it.is_empty()).collect();
        said.join(" ")
    }
}

fn who_speaks(language: Language) -> &'static str {
    match language {
        Language::English => "You are speaking with an automatic assistant.",
        Language::Swahili => "Unazungumza na msaidizi wa kiotomatiki.",
        Language::French => "Vous parlez à un assistant automatique.",
        Language::Kinyarwanda => "Muravugana n'umufasha w'ikoranabuhanga.",
    }
}

fn what_is_kept(language: Language, kept: Kept) -> &'static str {
    match (kept.sound, kept.words, language) {
        (false, false, _) => "",
        (true, true, Language::English) => "This call is recorded and written down.",
        (true, true, Language::Swahili) => "Simu hii inarekodiwa na kuandikwa.",
        (true, true, Language::French) => "Cet appel est enregistré et transcrit.",
        (true, true, Language::Kinyarwanda) => "Ibi tuvuga birafatwa amajwi kandi birandikwa.",
        (true, false, Language::English) => "This call is recorded.",
        (true, false, Language::Swahili) => "Simu hii inarekodiwa.",
        (true, false, Language::French) => "Cet appel est enregistré.",
        (true, false, Language::Kinyarwanda) => "Ibi tuvuga birafatwa amajwi.",
        (false, true, Language::English) => "This call is written down.",
        (false, true, Language::Swahili) => "Simu hii inaandikwa.",
        (false, true, Language::French) => "Cet appel est transcrit.",
        (false, true, Language::Kinyarwanda) => "Ibi tuvuga birandikwa.",
    }
}

fn question(language: Language) -> &'static str {
    match language {
        Language::English => "Is that all right? Say yes or no, or press 1 or 2.",
        Language::Swahili => "Je, unakubali? Sema ndiyo au hapana, au bonyeza 1 au 2.",
        Language::French => "Êtes-vous d'accord ? Dites oui ou non, ou appuyez sur 1 ou 2.",
        Language::Kinyarwanda => {
            "Murabyemera? Muvuge yego cyangwa oya, cyangwa mukande 1 cyangwa 2."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D2: without a text of the agent's own a caller is told all the same, in every language.
    #[test]
    fn d2_every_language_says_who_speaks_what_is_kept_and_asks_only_where_it_must() {
        let all = Kept {
            words: true,
            sound: true,
        };
        for language in Language::ALL {
            let said = |mode: ConsentMode| mode.default_disclosure(language, all);
            let who = who_speaks(language);
            assert_eq!(said(ConsentMode::NotNeeded), who);
            assert_eq!(said(ConsentMode::Never), who);
            let implied = said(ConsentMode::Implied);
            assert!(implied.starts_with(who) && implied.len() > who.len());
            let asked = said(ConsentMode::Asked);
            assert!(asked.starts_with(&implied) && asked.contains('?') && asked.contains('2'));
        }
    }
}
