//! Free times and bookings, in the zone of the business.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use switchboard_store::{
    AppointmentId, AppointmentListing, BookError, Booked, CallId, ContactId, ListFilter,
    NewAppointment, Practitioner, PractitionerId, Private, Service, StoreError,
};

use super::Desk;
use super::availability::{
    Frame, NoSlots, Schedule, Search, Slot, Wish, free_slots_of_any, next_free,
};
use super::contacts::{BookingContact, PersonName};
use super::error::DeskError;
use super::local_time::first_moment;
use super::services::{Catalogue, duration_minutes};

/// Times offered instead of one that is not free. More than three are not kept in mind on the telephone.
const NEXT_FREE_COUNT: usize = 3;
/// Local days searched for them; every day costs a pass over the grid.
const NEXT_FREE_DAYS: usize = 21;

/// When somebody would like to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityQuestion {
    /// As it was said.
    pub service: String,
    /// A local day of the business.
    pub day: NaiveDate,
    /// As it was said; nobody in particular when missing.
    pub practitioner: Option<String>,
    /// Not before this wall-clock time.
    pub from: Option<NaiveTime>,
}

/// A start that can be booked, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeTime {
    pub start: DateTime<Tz>,
    pub end: DateTime<Tz>,
    pub practitioner: String,
}

/// Free times of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The service as the business calls it.
    pub service: String,
    /// In order of time; each start once.
    pub slots: Vec<FreeTime>,
    /// Why `slots` is empty.
    pub reason: Option<NoSlots>,
    /// When `slots` is empty: the next free times after that day.
    pub next_free: Vec<FreeTime>,
}

/// What is to be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRequest {
    /// As it was said.
    pub service: String,
    pub start: DateTime<Utc>,
    /// As it was said; whoever is free when missing.
    pub practitioner: Option<String>,
    pub contact_name: PersonName,
    /// As it was said; the caller's own number when missing.
    pub phone: Option<Private<String>>,
    /// The call it is booked in.
    pub call: Option<CallId>,
    /// The same key again gives the same appointment. Unique in the tenant.
    pub idempotency_key: String,
}

/// A booked appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedAppointment {
    pub id: AppointmentId,
    pub service: String,
    pub practitioner: String,
    pub start: DateTime<Tz>,
    pub end: DateTime<Tz>,
}

impl Desk {
    /// Free times of a day for a service.
    ///
    /// # Errors
    /// What was asked for is unknown or ambiguous, or the store fails. A day without free times is no error.
    pub async fn availability(
        &self,
        now: DateTime<Utc>,
        question: &AvailabilityQuestion,
    ) -> Result<Availability, DeskError> {
        let catalogue = Catalogue::load(&self.store).await?;
        let service = catalogue.service(&question.service)?;
        let who = catalogue.performers(service, question.practitioner.as_deref())?;
        let AvailabilityQuestion { day, from, .. } = *question;
        let wish = Wish {
            day,
            duration_minutes: duration_minutes(service),
            from,
        };
        let frame = self.frame(now);
        if let Err(reason @ (NoSlots::TooFarAhead | NoSlots::Past)) = frame.check_day(day) {
            return Ok(Availability::empty(service, reason, vec![]));
        }
        let opens = self.moment(day.and_time(NaiveTime::MIN));
        let schedules = self.schedules(&catalogue, &who, opens).await?;
        match free_slots_of_any(&schedules, &wish, &frame) {
            Ok(slots) => Ok(Availability {
                service: service.name.clone(),
                slots: catalogue.free_times(&slots),
                reason: None,
                next_free: vec![],
            }),
            Err(reason) => {
                let later = self.next_free(&catalogue, &schedules, service, opens.max(now), &frame);
                Ok(Availability::empty(service, reason, later))
            }
        }
    }

    /// Books a time with the practitioner who was asked for, or with whoever is free.
    ///
    /// Two bookings never overlap, however many try at once: the store decides in one transaction.
    ///
    /// # Errors
    /// Each refusal that another time would mend names the next free ones. Nothing is booked then.
    pub async fn book(
        &self,
        now: DateTime<Utc>,
        request: &BookingRequest,
    ) -> Result<BookedAppointment, DeskError> {
        let catalogue = Catalogue::load(&self.store).await?;
        let service = catalogue.service(&request.service)?;
        let who = catalogue.performers(service, request.practitioner.as_deref())?;
        let place = Place::new(request.start, self.zone, service);
        let frame = self.frame(now);
        if frame.check_day(place.start.date_naive()) == Err(NoSlots::TooFarAhead) {
            return Err(DeskError::TooFarAhead);
        }
        let schedules = self
            .schedules(&catalogue, &who, request.start.max(now))
            .await?;
        let open = place.open_schedules(&schedules, &frame);
        let made = match open {
            Ok(open) => {
                self.book_with_one_of(&open, &place, &frame, service, request)
                    .await
            }
            Err(refusal) => Err(refusal),
        };
        match made {
            Ok(made) => Ok(self
                .described(&catalogue, service, &place, request, made)
                .await?),
            Err(Refusal::Failed(error)) => Err(error),
            Err(refusal) => {
                let from = request.start.max(frame.earliest_start());
                // Read again: somebody else has booked meanwhile, perhaps the next time too.
                let schedules = self.schedules(&catalogue, &who, from).await?;
                Err(refusal
                    .into_error(self.next_free(&catalogue, &schedules, service, from, &frame)))
            }
        }
    }

    /// Tries those who are free, then those who are not: the latter may be taken by this very request, repeated.
    async fn book_with_one_of(
        &self,
        open: &[&Schedule],
        place: &Place,
        frame: &Frame,
        service: &Service,
        request: &BookingRequest,
    ) -> Result<MadeBooking, Refusal> {
        let buffer = TimeDelta::minutes(i64::from(frame.rules.buffer_minutes));
        let is_free = |schedule: &&&Schedule| {
            schedule
                .occupation_between(place.start - buffer, place.end + buffer)
                .is_none()
        };
        let is_taken = |schedule: &&&Schedule| {
            schedule
                .occupation_between(place.start, place.end)
                .is_some()
        };
        let (free, taken) = (open.iter().filter(is_free), open.iter().filter(is_taken));
        let mut contact = None;
        for schedule in free.chain(taken) {
            let contact = match &mut contact {
                Some(contact) => contact,
                missing => {
                    let phone = request.phone.as_ref();
                    missing.insert(self.contact_to_book(&request.contact_name, phone).await?)
                }
            };
            match self
                .try_book(schedule, place, service, contact, request)
                .await
            {
                Ok(booked) => {
                    let (practitioner, contact) = (schedule.practitioner, contact.id);
                    return Ok(MadeBooking {
                        booked,
                        practitioner,
                        contact,
                    });
                }
                Err(BookError::Store(error)) => return Err(Refusal::Failed(error.into())),
                // Each of these means that this person cannot take it now; another one may.
                Err(_) => {}
            }
        }
        Err(Refusal::SlotTaken)
    }

    async fn try_book(
        &self,
        schedule: &Schedule,
        place: &Place,
        service: &Service,
        contact: &BookingContact,
        request: &BookingRequest,
    ) -> Result<Booked, BookError> {
        let mut wanted = NewAppointment {
            contact_id: contact.id,
            practitioner_id: schedule.practitioner,
            service_id: service.id,
            call_id: request.call,
            starts_at: place.start.to_utc(),
            ends_at: place.end.to_utc(),
            note: contact.note.clone(),
            idempotency_key: request.idempotency_key.clone(),
        };
        match self.store.book(&wanted).await {
            // The contact is there. The call's own row may come later, when the journal lags behind.
            Err(BookError::UnknownContact) if wanted.call_id.take().is_some() => {
                self.store.book(&wanted).await
            }
            outcome => outcome,
        }
    }

    /// The appointment as it stands in the diary: a repeated key gives the first one, wherever that lies.
    async fn described(
        &self,
        catalogue: &Catalogue,
        service: &Service,
        place: &Place,
        request: &BookingRequest,
        made: MadeBooking,
    ) -> Result<BookedAppointment, StoreError> {
        let id = made.booked.id;
        if !made.booked.is_new
            && let Some(stored) = self.booked_before(&made, request.call).await?
        {
            return Ok(BookedAppointment {
                id,
                service: stored.service,
                practitioner: stored.practitioner,
                start: stored.starts_at.with_timezone(&self.zone),
                end: stored.ends_at.with_timezone(&self.zone),
            });
        }
        Ok(BookedAppointment {
            id,
            service: service.name.clone(),
            practitioner: catalogue.name_of(made.practitioner).to_owned(),
            start: place.start,
            end: place.end,
        })
    }

    /// The row of a repeated booking, among those of the call and those of the contact.
    async fn booked_before(
        &self,
        made: &MadeBooking,
        call: Option<CallId>,
    ) -> Result<Option<AppointmentListing>, StoreError> {
        let of_contact = ListFilter {
            contact: Some(made.contact),
            ..ListFilter::default()
        };
        for filter in call
            .map(ListFilter::of_call)
            .into_iter()
            .chain([of_contact])
        {
            let rows = self.store.list_appointments(&filter).await?;
            if let Some(row) = rows.into_iter().find(|row| row.id == made.booked.id) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Schedules with what is taken from the local day of `from` on, as far as next free times are searched.
    async fn schedules(
        &self,
        catalogue: &Catalogue,
        who: &[&Practitioner],
        from: DateTime<Utc>,
    ) -> Result<Vec<Schedule>, StoreError> {
        // A day more on both sides covers local days of any zone, and buffers.
        let margin = TimeDelta::days(1);
        let days = TimeDelta::days(i64::try_from(NEXT_FREE_DAYS).unwrap_or(i64::from(u16::MAX)));
        let only = if let [one] = who { Some(one.id) } else { None };
        let busy = self
            .store
            .busy_times(from - margin, from + days + margin, only)
            .await?;
        Ok(catalogue.schedules(who, &busy))
    }

    fn next_free(
        &self,
        catalogue: &Catalogue,
        schedules: &[Schedule],
        service: &Service,
        from: DateTime<Utc>,
        frame: &Frame,
    ) -> Vec<FreeTime> {
        let search = Search {
            count: NEXT_FREE_COUNT,
            days: NEXT_FREE_DAYS,
        };
        let slots = next_free(schedules, duration_minutes(service), from, &search, frame);
        catalogue.free_times(&slots)
    }

    const fn frame(&self, now: DateTime<Utc>) -> Frame {
        Frame {
            zone: self.zone,
            now,
            rules: self.rules,
        }
    }

    /// The first moment at which the business's clock shows this; the end of the gap if it never does.
    #[must_use]
    pub fn moment(&self, local: NaiveDateTime) -> DateTime<Utc> {
        first_moment(self.zone, local).to_utc()
    }
}

impl Availability {
    fn empty(service: &Service, reason: NoSlots, next_free: Vec<FreeTime>) -> Self {
        Self {
            service: service.name.clone(),
            slots: vec![],
            reason: Some(reason),
            next_free,
        }
    }
}

impl Catalogue {
    fn free_times(&self, slots: &[Slot]) -> Vec<FreeTime> {
        let named = |slot: &Slot| FreeTime {
            start: slot.start,
            end: slot.end,
            practitioner: self.name_of(slot.practitioner).to_owned(),
        };
        slots.iter().map(named).collect()
    }
}

/// A wanted stretch of the diary.
struct Place {
    start: DateTime<Tz>,
    end: DateTime<Tz>,
}

/// A booking with the one who was tried.
struct MadeBooking {
    booked: Booked,
    practitioner: PractitionerId,
    contact: ContactId,
}

/// Why a place cannot be booked, before it is known what is free instead.
enum Refusal {
    Closed,
    OutsideHours,
    OffGrid,
    Past,
    SlotTaken,
    /// Another time would not mend it.
    Failed(DeskError),
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Self {
        Self::Failed(error)
    }
}

impl Place {
    fn new(start: DateTime<Utc>, zone: Tz, service: &Service) -> Self {
        let length = TimeDelta::minutes(i64::from(duration_minutes(service)));
        let start = start.with_timezone(&zone);
        Self {
            start,
            end: start + length,
        }
    }

    /// Those whose hours cover this place, if it can be booked at all.
    fn open_schedules<'a>(
        &self,
        schedules: &'a [Schedule],
        frame: &Frame,
    ) -> Result<Vec<&'a Schedule>, Refusal> {
        if self.start < frame.earliest_start() {
            return Err(Refusal::Past);
        }
        let day = self.start.date_naive();
        if schedules
            .iter()
            .all(|schedule| !schedule.hours.opens_on(day))
        {
            return Err(Refusal::Closed);
        }
        let covers = |schedule: &&Schedule| schedule.hours.cover(self.start, self.end);
        let open: Vec<&Schedule> = schedules.iter().filter(covers).collect();
        if open.is_empty() {
            Err(Refusal::OutsideHours)
        } else if !frame.rules.grid.has(self.start) {
            Err(Refusal::OffGrid)
        } else {
            Ok(open)
        }
    }
}

impl Refusal {
    fn into_error(self, next_free: Vec<FreeTime>) -> DeskError {
        match self {
            Self::Closed => DeskError::Closed { next_free },
            Self::OutsideHours => DeskError::OutsideHours { next_free },
            Self::OffGrid => DeskError::OffGrid { next_free },
            Self::Past => DeskError::Past { next_free },
            Self::SlotTaken => DeskError::SlotTaken { next_free },
            Self::Failed(error) => error,
        }
    }
}
