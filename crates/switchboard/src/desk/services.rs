//! What the business offers, who does it and when they work.

use chrono::Weekday;
use switchboard_store::{
    BusyTime, OpeningHours, Practitioner, PractitionerId, Service, StoreError, TenantStore,
};

use super::availability::{Busy, Occupation, Schedule, WeekHours};
use super::error::DeskError;
use super::matching::{Labels, Match, find_meant};

/// Words by which a caller leaves it to us who does it.
const ANYBODY: &[&str] = &[
    "any",
    "anybody",
    "anyone",
    "any practitioner",
    "whoever",
    "whoever is free",
    "no preference",
    "first available",
    "doesn't matter",
    "does not matter",
];

/// Services, practitioners and opening hours of one tenant, as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Catalogue {
    pub(super) services: Vec<Service>,
    pub(super) practitioners: Vec<Practitioner>,
    pub(super) hours: Vec<OpeningHours>,
}

impl Catalogue {
    pub(super) async fn load(store: &TenantStore) -> Result<Self, StoreError> {
        Ok(Self {
            services: store.list_services().await?,
            practitioners: store.list_practitioners().await?,
            hours: store.list_opening_hours().await?,
        })
    }

    /// The service that is meant.
    ///
    /// # Errors
    /// `UnknownService` with all names, `AmbiguousService` with those that fit.
    pub(super) fn service(&self, said: &str) -> Result<&Service, DeskError> {
        let entries: Vec<Labels<&Service>> = self.services.iter().map(labels_of).collect();
        match find_meant(said, &entries) {
            Match::One(service) => Ok(service),
            Match::Several(services) => Err(DeskError::AmbiguousService {
                options: services
                    .iter()
                    .map(|service| service.name.clone())
                    .collect(),
            }),
            Match::Nothing => Err(DeskError::UnknownService {
                known: self
                    .services
                    .iter()
                    .map(|service| service.name.clone())
                    .collect(),
            }),
        }
    }

    /// Those who may do a service: everybody who offers it, or the one who was asked for.
    ///
    /// # Errors
    /// `UnknownPractitioner`, `AmbiguousPractitioner`, or `NotOffered` with those who do offer it.
    pub(super) fn performers(
        &self,
        service: &Service,
        asked_for: Option<&str>,
    ) -> Result<Vec<&Practitioner>, DeskError> {
        let offers = |practitioner: &&Practitioner| practitioner.services.contains(&service.id);
        let offering: Vec<&Practitioner> = self.practitioners.iter().filter(offers).collect();
        let Some(said) = asked_for.filter(|said| !is_anybody(said)) else {
            return Ok(offering);
        };
        match find_meant(said, &labelled(&offering)) {
            Match::One(practitioner) => Ok(vec![practitioner]),
            Match::Several(practitioners) => Err(DeskError::AmbiguousPractitioner {
                options: names(practitioners),
            }),
            Match::Nothing => Err(self.why_not_among(&offering, said)),
        }
    }

    /// Whether a name that is not among those who offer a service belongs to somebody else here.
    fn why_not_among(&self, offering: &[&Practitioner], said: &str) -> DeskError {
        let everybody: Vec<&Practitioner> = self.practitioners.iter().collect();
        match find_meant(said, &labelled(&everybody)) {
            Match::Nothing => DeskError::UnknownPractitioner {
                known: names(offering),
            },
            Match::One(_) | Match::Several(_) => DeskError::NotOffered {
                options: names(offering),
            },
        }
    }

    /// The schedules of these people, in their order.
    pub(super) fn schedules(&self, who: &[&Practitioner], busy: &[BusyTime]) -> Vec<Schedule> {
        let schedule = |practitioner: &&Practitioner| Schedule {
            practitioner: practitioner.id,
            hours: self.week_of(practitioner.id),
            busy: busy
                .iter()
                .filter(|time| time.practitioner_id == practitioner.id)
                .map(taken)
                .collect(),
        };
        who.iter().map(schedule).collect()
    }

    /// A practitioner's own hours, or those of the business when there are none.
    fn week_of(&self, practitioner: PractitionerId) -> WeekHours {
        let own = self.week(Some(practitioner));
        if own.is_empty() { self.week(None) } else { own }
    }

    fn week(&self, owner: Option<PractitionerId>) -> WeekHours {
        let mut week = WeekHours::default();
        for stretch in self
            .hours
            .iter()
            .filter(|stretch| stretch.practitioner_id == owner)
        {
            let minute = |minute: i64| u16::try_from(minute).unwrap_or(u16::MAX);
            let weekday = u8::try_from(stretch.weekday - 1)
                .ok()
                .and_then(|day| Weekday::try_from(day).ok());
            if let Some(weekday) = weekday {
                week.open(
                    weekday,
                    minute(stretch.opens_minute),
                    minute(stretch.closes_minute),
                );
            }
        }
        week
    }

    /// The name of a practitioner; the empty text if they left meanwhile.
    pub(super) fn name_of(&self, practitioner: PractitionerId) -> &str {
        let found = self
            .practitioners
            .iter()
            .find(|known| known.id == practitioner);
        found.map_or("", |known| &known.name)
    }
}

fn labels_of(service: &Service) -> Labels<&Service> {
    Labels::new(
        service,
        &service.name,
        service.synonyms.iter().map(String::as_str),
    )
}

/// A service's length. The store's own check keeps it positive.
pub(super) fn duration_minutes(service: &Service) -> u32 {
    u32::try_from(service.duration_minutes).unwrap_or(0).max(1)
}

fn is_anybody(said: &str) -> bool {
    let said = said.trim().trim_end_matches('.').to_lowercase();
    said.is_empty() || ANYBODY.contains(&said.as_str())
}

fn labelled<'a>(practitioners: &[&'a Practitioner]) -> Vec<Labels<&'a Practitioner>> {
    practitioners
        .iter()
        .map(|known| Labels::new(*known, &known.name, []))
        .collect()
}

fn names<'a>(practitioners: impl IntoIterator<Item = &'a &'a Practitioner>) -> Vec<String> {
    practitioners
        .into_iter()
        .map(|known| known.name.clone())
        .collect()
}

const fn taken(time: &BusyTime) -> Busy {
    Busy {
        starts_at: time.starts_at,
        ends_at: time.ends_at,
        occupation: Occupation::Appointment,
    }
}
