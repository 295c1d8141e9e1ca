//! Fixed sentences of an agent: what it says when no model decides the words.

use serde::{Deserialize, Serialize};

use super::language::{Language, Texts};

/// Fixed sentences; a language that is missing has a text of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Phrases {
    /// After silence: is anybody there?
    pub nudge: Texts,
    /// Shortly before the longest call is reached.
    pub length_warning: Texts,
    /// While something takes longer than a caller likes to wait.
    pub filler: Texts,
    /// When we cannot go on and nobody can take over.
    pub apology: Texts,
    /// When the budget of the call is spent.
    pub budget: Texts,
    /// At the end, after a finished task or the longest call.
    pub goodbye: Texts,
    /// When a human declined and the caller is with the agent again.
    pub returned: Texts,
    /// When a person of staff has talked with the caller and gave them back.
    pub given_back: Texts,
    /// When the caller seems to be a machine: asks for a key.
    pub person_check: Texts,
    /// Before the human is dialled, unless `handoff.announcement` says it.
    pub handoff: Texts,
}

impl Phrases {
    /// The nudge in `language`.
    pub fn nudge(&self, language: Language) -> &str {
        self.nudge.in_language(language).unwrap_or(match language {
            Language::English => "Are you still there?",
            Language::Swahili => "Bado upo?",
            Language::French => "Vous êtes toujours là ?",
            Language::Kinyarwanda => "Muracyahari?",
        })
    }

    /// The warning before the longest call in `language`.
    pub fn length_warning(&self, language: Language) -> &str {
        self.length_warning
            .in_language(language)
            .unwrap_or(match language {
                Language::English => {
                    "Just so you know, we have about half a minute left on this call."
                }
                Language::Swahili => "Tafadhali fahamu, tumebakiwa na takriban nusu dakika.",
                Language::French => "Je vous préviens, il nous reste environ trente secondes.",
                Language::Kinyarwanda => "Mumenye ko dusigaranye nk'amasegonda mirongo itatu.",
            })
    }

    /// The filler in `language`.
    pub fn filler(&self, language: Language) -> &str {
        self.filler.in_language(language).unwrap_or(match language {
            Language::English => "One moment, please.",
            Language::Swahili => "Subiri kidogo, tafadhali.",
            Language::French => "Un instant, s'il vous plaît.",
            Language::Kinyarwanda => "Mutegereze gato.",
        })
    }

    /// The apology in `language`.
    pub fn apology(&self, language: Language) -> &str {
        self.apology.in_language(language).unwrap_or(match language {
            Language::English => "I am sorry, something went wrong on our side. Please call again in a little while.",
            Language::Swahili => "Samahani, kuna hitilafu upande wetu. Tafadhali piga tena baadaye kidogo.",
            Language::French => "Je suis désolée, il y a un problème de notre côté. Merci de rappeler un peu plus tard.",
            Language::Kinyarwanda => "Mutubabarire, twagize ikibazo. Mwongere muhamagare mu kanya.",
        })
    }

    /// What is said when the budget is spent, in `language`.
    pub fn budget(&self, language: Language) -> &str {
        self.budget.in_language(language).unwrap_or(match language {
            Language::English => "I have reached the limit for this call.",
            Language::Swahili => "Nimefikia kikomo cha simu hii.",
            Language::French => "J'ai atteint la limite prévue pour cet appel.",
            Language::Kinyarwanda => "Ngeze ku mupaka w'iyi telefoni.",
        })
    }

    /// The goodbye in `language`.
    pub fn goodbye(&self, language: Language) -> &str {
        self.goodbye
            .in_language(language)
            .unwrap_or(match language {
                Language::English => "Thank you for calling. Goodbye.",
                Language::Swahili => "Asante kwa kupiga simu. Kwaheri.",
                Language::French => "Merci de votre appel. Au revoir.",
                Language::Kinyarwanda => "Murakoze guhamagara. Murabeho.",
            })
    }

    /// What is said when a human declined, in `language`.
    pub fn returned(&self, language: Language) -> &str {
        self.returned
            .in_language(language)
            .unwrap_or(match language {
                Language::English => "I am sorry, nobody is free right now. How else can I help?",
                Language::Swahili => "Samahani, hakuna aliye huru sasa. Nikusaidie vipi vingine?",
                Language::French => {
                    "Je suis désolée, personne n'est libre. Comment puis-je vous aider ?"
                }
                Language::Kinyarwanda => {
                    "Mutubabarire, nta muntu uboneka ubu. Nabafasha nte ubundi?"
                }
            })
    }

    /// What is said when a person of staff gave the caller back, in `language`.
    pub fn given_back(&self, language: Language) -> &str {
        self.given_back
            .in_language(language)
            .unwrap_or(match language {
                Language::English => "I am with you again. How can I help you further?",
                Language::Swahili => "Niko nawe tena. Nikusaidie nini zaidi?",
                Language::French => "Je suis de nouveau avec vous. Que puis-je encore faire ?",
                Language::Kinyarwanda => "Nongeye kuba kumwe nawe. Nagufasha iki kindi?",
            })
    }

    /// What is said to whoever seems to be a machine, in `language`.
    pub fn person_check(&self, language: Language) -> &str {
        self.person_check
            .in_language(language)
            .unwrap_or(match language {
                Language::English => {
                    "If you are a person, please press any key on your telephone now. Otherwise I will end this call."
                }
                Language::Swahili => {
                    "Kama wewe ni mtu, tafadhali bonyeza kitufe chochote sasa. La sivyo nitakata simu hii."
                }
                Language::French => {
                    "Si vous êtes une personne, appuyez maintenant sur une touche. Sinon, je mettrai fin à cet appel."
                }
                Language::Kinyarwanda => {
                    "Niba uri umuntu, kanda buto iyo ari yo yose ubu. Naho ubundi ndahagarika iyi telefoni."
                }
            })
    }

    /// What is said before the human is dialled, in `language`.
    pub fn handoff(&self, language: Language) -> &str {
        self.handoff
            .in_language(language)
            .unwrap_or(match language {
                Language::English => "I am connecting you to a person now.",
                Language::Swahili => "Ninakuunganisha na mtu sasa.",
                Language::French => "Je vous mets en relation avec une personne.",
                Language::Kinyarwanda => "Ngiye kubahuza n'umuntu.",
            })
    }
}
