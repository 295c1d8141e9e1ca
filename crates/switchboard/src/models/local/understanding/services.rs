//! Which service and which practitioner of the agent are named.

use super::reader::Reader;
use crate::models::local::{LocalAgent, LocalService};

/// Words of service names that say nothing about which one is meant.
const GENERIC_SERVICE_WORDS: &[&str] = &[
    "treatment",
    "therapy",
    "session",
    "service",
    "visit",
    "hair",
    "tissue",
    "teeth",
    "deep",
];

impl Reader<'_> {
    pub(super) fn service(&mut self, services: &[LocalService]) -> Option<usize> {
        let mut phrases: Vec<(String, usize)> = Vec::new();
        for (index, service) in services.iter().enumerate() {
            phrases.extend(
                service_phrases(index, services)
                    .into_iter()
                    .map(|phrase| (phrase, index)),
            );
            phrases.push((service.name.to_lowercase(), index));
        }
        phrases.sort_by_key(|(phrase, _)| {
            std::cmp::Reverse(phrase.split_whitespace().count() * 100 + phrase.len())
        });
        let (phrase, index) = phrases
            .into_iter()
            .find(|(phrase, _)| self.find(phrase).is_some())?;
        self.take(&phrase);
        // "My legs lasered", "the laser thing": what belongs to the same service is understood too.
        for phrase in service_phrases(index, services) {
            self.take(&phrase);
        }
        Some(index)
    }

    pub(super) fn practitioner(&mut self, agent: &LocalAgent) -> Option<usize> {
        agent.practitioners.iter().position(|practitioner| {
            let name = practitioner.name.to_lowercase().replace('.', "");
            let parts = name
                .split_whitespace()
                .filter(|part| !["dr", "doctor", "mr", "mrs", "ms"].contains(part));
            parts.into_iter().any(|part| {
                ["with", "by", "see", "doctor", "dr"]
                    .iter()
                    .any(|before| self.take(&format!("{before} {part}")))
            }) || self.take(&name)
        })
    }
}

/// The phrases that mean a service: its synonyms, and the words only its own name has.
fn service_phrases(index: usize, services: &[LocalService]) -> Vec<String> {
    let Some(service) = services.get(index) else {
        return Vec::new();
    };
    let mut phrases: Vec<String> = service
        .synonyms
        .iter()
        .map(|synonym| synonym.to_lowercase())
        .collect();
    let name = service.name.to_lowercase();
    for word in name.split_whitespace() {
        let is_elsewhere = services.iter().enumerate().any(|(other, service)| {
            other != index
                && (has_word(&service.name, word)
                    || service
                        .synonyms
                        .iter()
                        .any(|synonym| has_word(synonym, word)))
        });
        if !is_elsewhere && word.len() > 3 && !GENERIC_SERVICE_WORDS.contains(&word) {
            phrases.push(word.to_owned());
        }
    }
    phrases
}

fn has_word(text: &str, word: &str) -> bool {
    text.to_lowercase()
        .split_whitespace()
        .any(|other| other == word)
}
