//! The parties of one call: the agent's own, those of the installation, and the human of the called number.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Utc, Weekday as ChronoWeekday};
use chrono_tz::Tz;
use switchboard_store::{NumberRoute, PhoneNumber, TransferKind, Word};

use crate::config::agent::{Language, OpenHours, OpeningHours, Weekday};
use crate::config::{
    AgentDefinition, CallerIdChoice, DiallingSettings, HandoffSettings, HandoffTarget, RingOrder,
    Settings,
};
use crate::desk::dialling;

/// The name of a party that is just a number: the human of the called number, agent or installation.
const HUMAN: &str = "human";

/// Everybody a caller may be handed to, by name, and whom to try when nobody is named.
#[derive(Debug, Clone)]
pub struct TargetBook {
    targets: BTreeMap<String, HandoffTarget>,
    usual: Option<String>,
    zone: Tz,
    rules: DiallingSettings,
    /// The number that dials.
    called: Option<PhoneNumber>,
    ring_s_max: u64,
    queue_s_max: u64,
}

/// Who takes over for one called number alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct HumanOfNumber<'a> {
    /// A party by name; it comes first.
    pub target: Option<&'a Word>,
    /// Just a telephone.
    pub number: Option<&'a PhoneNumber>,
}

impl<'a> From<&'a NumberRoute> for HumanOfNumber<'a> {
    fn from(route: &'a NumberRoute) -> Self {
        Self {
            target: route.human_target.as_ref(),
            number: route.human_number.as_ref(),
        }
    }
}

/// One party to try: lines that ring together, or a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    /// The configured name.
    pub name: Word,
    pub kind: TransferKind,
    /// The lines that ring together; none for a queue.
    pub lines: Vec<Line>,
    /// Its configuration: of the group, where it is one.
    pub target: HandoffTarget,
    /// Seconds it rings, or a caller waits in it.
    pub seconds_max: u64,
    /// All of these must be open. None is always.
    hours: Vec<OpeningHours>,
}

/// One telephone. Debug shows no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Number(PhoneNumber),
    Sip(crate::config::SipAddress),
}

impl Party {
    /// Said to the caller before it rings, if it has words of its own.
    pub fn announcement(&self, language: Language) -> Option<&str> {
        self.target.announcement.in_language(language)
    }

    /// How many lines ring for it.
    pub fn legs(&self) -> i64 {
        i64::try_from(self.lines.len()).unwrap_or(i64::MAX)
    }

    /// Whether it is there at this moment, by the clock of the business.
    fn is_open(&self, at: DateTime<Tz>) -> bool {
        self.hours.iter().all(|hours| is_within(hours, at))
    }
}

impl TargetBook {
    /// The parties of one agent behind one number. Where a name is used twice, the agent's party counts.
    pub fn of(
        settings: &Settings,
        agent: Option<&AgentDefinition>,
        of_number: HumanOfNumber<'_>,
        called: Option<&PhoneNumber>,
    ) -> Self {
        let (rules, settings) = (settings.dialling.clone(), &settings.handoff);
        let own = agent.map(|agent| &agent.handoff);
        let mut targets = settings.targets.clone();
        targets.extend(own.map(|own| own.targets.clone()).unwrap_or_default());
        let number = of_number
            .number
            .or_else(|| own.and_then(|own| own.number.as_ref()))
            .or(settings.number.as_ref());
        if let Some(number) = number {
            let human = HandoffTarget::of_number(number.clone());
            targets.entry(HUMAN.to_owned()).or_insert(human);
        }
        let of_agent = own.and_then(|own| own.target.clone().or_else(|| named(&own.number)));
        let of_installation = || settings.target.clone().or_else(|| named(&settings.number));
        // A name that leads nowhere any more is as good as none.
        let target = of_number.target.map(Word::as_str);
        let target = target.filter(|name| targets.contains_key(*name));
        let usual = target.map(str::to_owned).or(named(&of_number.number));
        let usual = usual.or(of_agent).or_else(of_installation);
        Self {
            targets,
            usual,
            zone: agent.map_or(Tz::UTC, |agent| agent.time_zone),
            rules,
            called: called.cloned(),
            ring_s_max: settings.ring_s_max,
            queue_s_max: settings.queue_s_max,
        }
    }

    /// Names that an agent's model may choose from.
    pub fn names(settings: &HandoffSettings, agent: &AgentDefinition) -> Vec<String> {
        let own = agent.handoff.targets.keys();
        let all: BTreeSet<&String> = own.chain(settings.targets.keys()).collect();
        all.into_iter().cloned().collect()
    }

    /// Who is tried, in order, at this moment: the wanted party and those behind it, then the usual ones. Parties that
    /// are closed, or that may not be dialled (threat M2), are left out. Whoever is left out never rings.
    pub fn parties(&self, wanted: Option<&str>, now: DateTime<Utc>) -> Vec<Party> {
        let at = now.with_timezone(&self.zone);
        let mut parties = self.chain(wanted);
        parties.retain(|party| party.is_open(at) && self.may_dial(party));
        parties
    }

    /// Who is tried after this party, at this moment.
    pub fn parties_after(
        &self,
        wanted: Option<&str>,
        after: &str,
        now: DateTime<Utc>,
    ) -> Vec<Party> {
        let at = now.with_timezone(&self.zone);
        let chain = self.chain(wanted).into_iter();
        let rest = chain.skip_while(|party| party.name.as_str() != after);
        rest.skip(1)
            .filter(|party| party.is_open(at) && self.may_dial(party))
            .collect()
    }

    /// The party of this name as the chain of `wanted` has it, whether or not it is open.
    pub fn party(&self, wanted: Option<&str>, name: &str) -> Option<Party> {
        let mut chain = self.chain(wanted).into_iter();
        chain.find(|party| party.name.as_str() == name)
    }

    /// Whether this is the number of a human whom this book may ring.
    pub fn has_number(&self, number: &PhoneNumber) -> bool {
        self.targets
            .values()
            .any(|target| target.number.as_ref() == Some(number))
    }

    /// The numbers behind a party's name.
    pub fn numbers_of(&self, name: &str) -> Vec<&PhoneNumber> {
        let Some(target) = self.targets.get(name) else {
            return Vec::new();
        };
        let members = target.members.iter().filter_map(|it| self.targets.get(it));
        let all = std::iter::once(target).chain(members);
        all.filter_map(|target| target.number.as_ref()).collect()
    }

    /// The number that the humans of this party see.
    pub fn caller_id_of(&self, name: &str) -> Option<CallerIdChoice> {
        self.targets.get(name).map(|target| target.caller_id)
    }

    fn chain(&self, wanted: Option<&str>) -> Vec<Party> {
        let mut parties: Vec<Party> = Vec::new();
        let mut visited = BTreeSet::new();
        for start in [wanted, self.usual.as_deref()].into_iter().flatten() {
            let mut next = Some(start);
            while let Some(name) = next.filter(|name| visited.insert((*name).to_owned())) {
                let Some(target) = self.targets.get(name) else {
                    break;
                };
                for party in self.parties_of(name, target) {
                    // Rung once, however many ways lead to it.
                    if parties.iter().all(|known| known.name != party.name) {
                        parties.push(party);
                    }
                }
                next = target.next.as_deref();
            }
        }
        parties
    }

    /// A group that rings in order is its members, one after the other; anything else is one party.
    fn parties_of(&self, name: &str, target: &HandoffTarget) -> Vec<Party> {
        let members = target.members.iter();
        let members = members.filter_map(|name| Some((name, self.targets.get(name)?)));
        match target.ring {
            RingOrder::InOrder => members
                .filter_map(|(name, member)| self.member(name, member, target))
                .collect(),
            RingOrder::AtOnce => {
                let mut lines: Vec<Line> = line_of(target).into_iter().collect();
                let members = members.filter_map(|(_, member)| line_of(member));
                lines.extend(members.filter(|line| self.may_ring(line)));
                self.one(name, target, lines, vec![target.hours.clone()])
                    .into_iter()
                    .collect()
            }
        }
    }

    /// A member keeps its own address, hours and time; how it is asked and what comes then is the group's.
    fn member(&self, name: &str, member: &HandoffTarget, group: &HandoffTarget) -> Option<Party> {
        let asked = HandoffTarget {
            number: member.number.clone(),
            sip: member.sip.clone(),
            members: Vec::new(),
            ring: RingOrder::AtOnce,
            ring_s_max: member.ring_s_max.or(group.ring_s_max),
            ..group.clone()
        };
        let hours = vec![group.hours.clone(), member.hours.clone()];
        self.one(name, &asked, line_of(member).into_iter().collect(), hours)
    }

    fn one(
        &self,
        name: &str,
        target: &HandoffTarget,
        lines: Vec<Line>,
        hours: Vec<OpeningHours>,
    ) -> Option<Party> {
        let kind = target.kind()?;
        let seconds_max = match kind {
            TransferKind::Queue => target.queue_s_max.unwrap_or(self.queue_s_max),
            _ => target.ring_s_max.unwrap_or(self.ring_s_max),
        };
        let is_reachable = kind == TransferKind::Queue || !lines.is_empty();
        Some(Party {
            name: Word::parse(name).ok().filter(|_| is_reachable)?,
            kind,
            lines,
            target: target.clone(),
            seconds_max,
            hours,
        })
    }

    fn may_dial(&self, party: &Party) -> bool {
        party.lines.iter().all(|line| self.may_ring(line))
    }

    /// What was checked when it was loaded is checked again: the list of countries may have changed since.
    fn may_ring(&self, line: &Line) -> bool {
        let Line::Number(number) = line else {
            return true;
        };
        let from = self.called.as_ref().unwrap_or(number);
        match dialling::check(&self.rules, number, from) {
            Ok(()) => true,
            Err(refusal) => {
                tracing::warn!(
                    reason = refusal.code(),
                    "a party of the configuration may not be dialled"
                );
                false
            }
        }
    }
}

fn named<T>(number: &Option<T>) -> Option<String> {
    number.as_ref().map(|_| HUMAN.to_owned())
}

fn line_of(target: &HandoffTarget) -> Option<Line> {
    let number = target.number.clone().map(Line::Number);
    number.or_else(|| target.sip.clone().map(Line::Sip))
}

fn is_within(hours: &OpeningHours, at: DateTime<Tz>) -> bool {
    if hours.is_empty() {
        return true;
    }
    let time = at.time();
    let mut today = hours.get(&weekday(at.weekday())).into_iter().flatten();
    today.any(|open: &OpenHours| open.opens <= time && time < open.closes)
}

const fn weekday(day: ChronoWeekday) -> Weekday {
    match day {
        ChronoWeekday::Mon => Weekday::Monday,
        ChronoWeekday::Tue => Weekday::Tuesday,
        ChronoWeekday::Wed => Weekday::Wednesday,
        ChronoWeekday::Thu => Weekday::Thursday,
        ChronoWeekday::Fri => Weekday::Friday,
        ChronoWeekday::Sat => Weekday::Saturday,
        ChronoWeekday::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests;
