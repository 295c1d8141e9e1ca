//! Contacts, and who may learn about them.
//!
//! Below staff, a caller learns only of the contact of the very number they call from, and of contacts made in the
//! same call. Any other contact answers as if it did not exist (threat model A1), whatever the model asks for.

use switchboard_store::{
    ContactChange, ContactId, ContactListing, NewContact, PhoneNumber, Private,
};

use super::assurance::Assurance;
use super::error::DeskError;
use super::matching::{Labels, Match, find_meant};
use super::{Caller, Desk};

/// Letters of the longest name that is kept.
const NAME_LETTERS_MAX: usize = 80;
/// Contacts that one question of staff gives at most: more cannot be read out.
const FOUND_MAX: u32 = 10;

/// A person's name: 1 to 80 characters, at least one of them a letter, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(Private<String>);

impl PersonName {
    /// Takes a name; blanks around and between words are made single.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn parse(text: &str) -> Result<Self, DeskError> {
        if text.len() > NAME_LETTERS_MAX * 8 {
            return Err(DeskError::InvalidName);
        }
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = name.chars().count() <= NAME_LETTERS_MAX
            && name.chars().any(char::is_alphabetic)
            && !name.chars().any(char::is_control);
        if fits {
            Ok(Self(Private::new(name)))
        } else {
            Err(DeskError::InvalidName)
        }
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Whom somebody looks for. With neither, the caller's own contact is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactQuestion {
    pub name: Option<PersonName>,
    /// As it was said.
    pub phone: Option<Private<String>>,
}

/// A contact as the asker may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownContact {
    pub id: ContactId,
    pub name: Private<String>,
}

/// A contact to book for, and what is said about them beside it.
pub(super) struct BookingContact {
    pub(super) id: ContactId,
    pub(super) note: Option<Private<String>>,
}

impl Desk {
    /// Contacts that fit, newest first, as far as the caller may know them.
    ///
    /// # Errors
    /// `InvalidPhone`, or the store's.
    pub async fn find_contacts(
        &self,
        question: &ContactQuestion,
    ) -> Result<Vec<KnownContact>, DeskError> {
        let phone = self.given_phone(question.phone.as_ref())?;
        let contacts = if self.caller.assurance == Assurance::Staff {
            self.contacts_for_staff(question.name.as_ref(), phone.as_ref())
                .await?
        } else {
            self.contacts_for_caller(question.name.as_ref(), phone.as_ref())
                .await?
        };
        Ok(contacts.into_iter().filter_map(known).collect())
    }

    /// The contact of this number, or a new one. Without `phone` the number is the caller's own.
    ///
    /// A stored contact is not changed, except that one without a name gets this one. A number that belongs to
    /// another contact is left out without a word, so that nobody can find out whose it is.
    ///
    /// # Errors
    /// `InvalidPhone`, or the store's.
    pub async fn create_contact(
        &self,
        name: &PersonName,
        phone: Option<&Private<String>>,
    ) -> Result<KnownContact, DeskError> {
        let given = self.given_phone(phone)?;
        let contact = self.contact_of(name, given.as_ref()).await?;
        let listing = self.store.contact(contact).await?;
        let stored = listing.and_then(|listing| listing.name);
        Ok(KnownContact {
            id: contact,
            name: stored.unwrap_or_else(|| name.0.clone()),
        })
    }

    /// The contact to book for, with a note of what could not be kept on the contact itself.
    pub(super) async fn contact_to_book(
        &self,
        name: &PersonName,
        phone: Option<&Private<String>>,
    ) -> Result<BookingContact, DeskError> {
        let given = self.given_phone(phone)?;
        let id = self.contact_of(name, given.as_ref()).await?;
        let Some(listing) = self.store.contact(id).await? else {
            return Ok(BookingContact { id, note: None });
        };
        let mut notes = Vec::new();
        if !is_same_person(&listing, name) {
            notes.push(format!("booked for {}", name.expose()));
        }
        if given.is_some() && listing.phone != given && self.caller.phone != given {
            notes.extend(given.map(|phone| format!("gave the number {}", phone.expose())));
        }
        let note = (!notes.is_empty()).then(|| Private::new(notes.join("; ")));
        Ok(BookingContact { id, note })
    }

    async fn contact_of(
        &self,
        name: &PersonName,
        given: Option<&PhoneNumber>,
    ) -> Result<ContactId, DeskError> {
        let phone = given.or(self.caller.phone.as_ref());
        if let Some(contact) = self.known_to_caller(name, phone).await? {
            return self.with_name(contact, name).await;
        }
        let wanted = |phone: Option<&PhoneNumber>| NewContact {
            name: Some(name.0.clone()),
            phone: phone.cloned(),
            ..NewContact::default()
        };
        let mut created = self.store.create_contact(&wanted(phone)).await?;
        if !created.is_new && !self.may_know_number(phone) {
            created = self.store.create_contact(&wanted(None)).await?;
        }
        if created.is_new {
            self.remember_made(created.id);
        }
        Ok(created.id)
    }

    /// The contact of a number the asker may know, or the one of this name that was made in this call.
    async fn known_to_caller(
        &self,
        name: &PersonName,
        phone: Option<&PhoneNumber>,
    ) -> Result<Option<ContactListing>, DeskError> {
        if let Some(phone) = phone.filter(|phone| self.may_know_number(Some(phone)))
            && let Some(contact) = self.store.find_contact_by_phone(phone).await?
        {
            return Ok(Some(contact));
        }
        let fits = |contact: &ContactListing| {
            let same_number = contact.phone.as_ref() == phone;
            is_same_person(contact, name)
                && (same_number || phone.is_none() || contact.phone.is_none())
        };
        Ok(self.made_contacts().await?.into_iter().find(fits))
    }

    async fn with_name(
        &self,
        contact: ContactListing,
        name: &PersonName,
    ) -> Result<ContactId, DeskError> {
        if contact.name.is_none() {
            let change = ContactChange {
                name: Some(name.0.clone()),
                ..ContactChange::default()
            };
            self.store.update_contact(contact.id, &change).await?;
        }
        Ok(contact.id)
    }

    async fn contacts_for_staff(
        &self,
        name: Option<&PersonName>,
        phone: Option<&PhoneNumber>,
    ) -> Result<Vec<ContactListing>, DeskError> {
        let mut found = match (phone, name) {
            (Some(phone), _) => self
                .store
                .find_contact_by_phone(phone)
                .await?
                .into_iter()
                .collect(),
            (None, Some(name)) => self.store.search_contacts(name.expose(), FOUND_MAX).await?,
            (None, None) => self.contacts_of_caller().await?,
        };
        if let (Some(_), Some(name)) = (phone, name) {
            found.retain(|contact: &ContactListing| is_same_person(contact, name));
        }
        Ok(found)
    }

    async fn contacts_for_caller(
        &self,
        name: Option<&PersonName>,
        phone: Option<&PhoneNumber>,
    ) -> Result<Vec<ContactListing>, DeskError> {
        let mut found = self.contacts_of_caller().await?;
        if let Some(phone) = phone {
            found.retain(|contact| contact.phone.as_ref() == Some(phone));
        }
        if let Some(name) = name {
            found.retain(|contact| is_same_person(contact, name));
        }
        Ok(found)
    }

    /// The contact of the number that calls, and those made in this call.
    async fn contacts_of_caller(&self) -> Result<Vec<ContactListing>, DeskError> {
        let mut contacts = self.made_contacts().await?;
        if let Some(phone) = &self.caller.phone
            && let Some(own) = self.store.find_contact_by_phone(phone).await?
        {
            contacts.retain(|contact| contact.id != own.id);
            contacts.push(own);
        }
        Ok(contacts)
    }

    async fn made_contacts(&self) -> Result<Vec<ContactListing>, DeskError> {
        let mut contacts = Vec::new();
        for id in self.made().into_iter().rev() {
            contacts.extend(self.store.contact(id).await?);
        }
        Ok(contacts)
    }

    /// Whether the asker may learn whose number this is.
    fn may_know_number(&self, phone: Option<&PhoneNumber>) -> bool {
        let Caller {
            phone: own,
            assurance,
        } = &self.caller;
        *assurance == Assurance::Staff || (phone.is_some() && phone == own.as_ref())
    }

    fn given_phone(
        &self,
        phone: Option<&Private<String>>,
    ) -> Result<Option<PhoneNumber>, DeskError> {
        let normalise = |given: &Private<String>| {
            self.dialling
                .normalise(given.expose())
                .ok_or(DeskError::InvalidPhone)
        };
        phone.map(normalise).transpose()
    }
}

/// Whether a stored name can be the spoken one: recognisers write names as they hear them.
fn is_same_person(contact: &ContactListing, name: &PersonName) -> bool {
    let Some(stored) = &contact.name else {
        return false;
    };
    let labels = [Labels::new((), stored.expose(), [])];
    matches!(find_meant(name.expose(), &labels), Match::One(()))
}

/// What a model may be told: names are data of foreign origin, so they stay short and on one line (A2).
fn known(contact: ContactListing) -> Option<KnownContact> {
    let printable = |c: &char| !c.is_control();
    let name: String = contact
        .name?
        .expose()
        .chars()
        .filter(printable)
        .take(NAME_LETTERS_MAX)
        .collect();
    Some(KnownContact {
        id: contact.id,
        name: Private::new(name),
    })
}
