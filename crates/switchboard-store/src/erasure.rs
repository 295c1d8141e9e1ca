//! Erasing a person: every row that is about them, in one transaction, and the list that says so for ever.
//!
//! The list holds ids and keyed hashes, nothing that leads to the person without the key. It is applied again after a
//! restore, because a backup still knows whom we erased since (D4). [`ERASURE_PLAN`] names what becomes of each table.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::audit::{self, Deed};
use crate::db::{Only, Sql, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, ContactId, ConversationId, ErasureId, TenantId};
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;

sql! {
    // What is about the person.
    CALLS_OF_CONTACT = "select id from calls where tenant_id = $1 and contact_id = $2";
    CALLS_OF_NUMBER = "select id from calls where tenant_id = $1 and caller_number = $2 and
        (contact_id is null or contact_id = $3)";
    CALLS_OF_CONVERSATION = "select id from calls where tenant_id = $1 and conversation_id = $2";
    CONVERSATIONS = "select id from conversations where tenant_id = $1 and contact_id = $2";
    ADDRESSES = "select kind, value from contact_addresses where tenant_id = $1 and contact_id = $2";
    NUMBERS_BEFORE = "select id, caller_number as number from calls
        where tenant_id = $1 and caller_number is not null and offered_at <= $2";
    CONTACTS_BEFORE = "select a.contact_id as id, a.value from contact_addresses a
        join contacts c on c.tenant_id = $1 and c.id = a.contact_id
        where a.tenant_id = $1 and a.kind in ('phone', 'email') and c.created_at <= $2";
    OBJECTS_OF_CALL = "select object_key from voicemails where tenant_id = $1 and call_id = $2 and object_key is not null";
    RECORDINGS_OF_CALL = "select object_key from recordings
        where tenant_id = $1 and call_id = $2 and status <> 'erased'";
    LIVE = "select count(*) from calls where tenant_id = $1 and id = $2 and status <> 'ended'";

    // By call. Children before parents.
    ERASE_TURNS = "delete from turns where tenant_id = $1 and call_id = $2";
    ERASE_TOOL_CALLS = "delete from tool_calls where tenant_id = $1 and call_id = $2";
    ERASE_CALL_INPUTS = "delete from call_inputs where tenant_id = $1 and call_id = $2";
    ERASE_VOICEMAILS = "delete from voicemails where tenant_id = $1 and call_id = $2";
    ERASE_CAPTURED = "delete from captured_fields where tenant_id = $1 and call_id = $2";
    ERASE_RECORDINGS = "delete from recordings where tenant_id = $1 and call_id = $2";
    ERASE_BUDGET_HOLDS = "delete from budget_holds where tenant_id = $1 and call_id = $2";
    ERASE_VOICE_SESSIONS = "delete from voice_sessions where tenant_id = $1 and id = $2";
    ERASE_STREAM_TOKENS = "delete from stream_tokens where tenant_id = $1 and call_id = $2";
    CLEAR_CALL_EVENTS = "update call_events set private = null where tenant_id = $1 and call_id = $2 and private is not null";
    CLEAR_CONSENTS_OF_CALL = "update consents set contact_id = null, answer_text = null
        where tenant_id = $1 and call_id = $2 and (contact_id is not null or answer_text is not null)";
    CLEAR_MODEL_SESSIONS = "update model_sessions set vendor_session_id = null
        where tenant_id = $1 and call_id = $2 and vendor_session_id is not null";
    CLEAR_CALLS = "update calls set contact_id = null, conversation_id = null, caller_number = null,
            carrier_call_id = null, language = null
        where tenant_id = $1 and id = $2 and (contact_id is not null or conversation_id is not null
            or caller_number is not null or carrier_call_id is not null or language is not null)";

    // Work about a call that still waits would mail or post what is erased. A job names the call by its id.
    ERASE_JOBS = "delete from jobs where tenant_id = $1 and (key = $2 or cast(ids as text) like '%' || $2 || '%')";

    ERASE_MAILS = "delete from mails where tenant_id = $1 and (call_id = $2 or key = $3)";

    // By conversation and by contact.
    ERASE_MESSAGES = "delete from messages where tenant_id = $1 and conversation_id = $2";
    ERASE_CONVERSATIONS = "delete from conversations where tenant_id = $1 and id = $2";
    ERASE_APPOINTMENTS = "delete from appointments where tenant_id = $1 and contact_id = $2";
    ERASE_WAITLIST = "delete from waitlist where tenant_id = $1 and contact_id = $2";
    ERASE_MEMORIES = "delete from memories where tenant_id = $1 and contact_id = $2";
    ERASE_OUTGOING_ATTEMPTS = "delete from outgoing_attempts where tenant_id = $1 and call_id = $2";
    ERASE_OUTGOING_CALLS = "delete from outgoing_calls where tenant_id = $1 and contact_id = $2";
    ERASE_VOICE_SESSIONS_OF_CONTACT = "delete from voice_sessions where tenant_id = $1 and contact_id = $2";
    CLEAR_CONSENTS_OF_CONTACT = "update consents set contact_id = null, answer_text = null
        where tenant_id = $1 and contact_id = $2";
    ERASE_ADDRESSES = "delete from contact_addresses where tenant_id = $1 and contact_id = $2";
    ERASE_CONTACTS = "delete from contacts where tenant_id = $1 and id = $2";

    // The list.
    ADD = "insert into erasures (tenant_id, id, contact_id, address_hashes, call_ids, conversation_ids, erased_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, id) do nothing";
    LIST = "select id, contact_id, address_hashes, call_ids, conversation_ids, erased_at from erasures
        where tenant_id = $1 order by erased_at, id";
    SINCE = "select id, contact_id, address_hashes, call_ids, conversation_ids, erased_at from erasures
        where tenant_id = $1 and erased_at > $2 order by erased_at, id";
}

/// Statements by the call, in this order, and the table each is about.
const BY_CALL: &[(&str, Sql)] = &[
    ("turns", ERASE_TURNS),
    ("tool_calls", ERASE_TOOL_CALLS),
    ("call_inputs", ERASE_CALL_INPUTS),
    ("voicemails", ERASE_VOICEMAILS),
    ("captured_fields", ERASE_CAPTURED),
    ("recordings", ERASE_RECORDINGS),
    ("stream_tokens", ERASE_STREAM_TOKENS),
    ("voice_sessions", ERASE_VOICE_SESSIONS),
    ("budget_holds", ERASE_BUDGET_HOLDS),
    ("outgoing_attempts", ERASE_OUTGOING_ATTEMPTS),
    ("call_events", CLEAR_CALL_EVENTS),
    ("consents", CLEAR_CONSENTS_OF_CALL),
    ("model_sessions", CLEAR_MODEL_SESSIONS),
    ("calls", CLEAR_CALLS),
];
const BY_CONVERSATION: &[(&str, Sql)] = &[
    ("messages", ERASE_MESSAGES),
    ("conversations", ERASE_CONVERSATIONS),
];
const BY_CONTACT: &[(&str, Sql)] = &[
    ("appointments", ERASE_APPOINTMENTS),
    ("waitlist", ERASE_WAITLIST),
    ("memories", ERASE_MEMORIES),
    ("outgoing_calls", ERASE_OUTGOING_CALLS),
    ("voice_sessions", ERASE_VOICE_SESSIONS_OF_CONTACT),
    ("consents", CLEAR_CONSENTS_OF_CONTACT),
    ("contact_addresses", ERASE_ADDRESSES),
    ("contacts", ERASE_CONTACTS),
];

/// What an erasure does to the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Rows about the person are deleted.
    Erased,
    /// Rows stay for counts, bills and evidence, without what leads to the person: the text says what goes.
    Cleared(&'static str),
    /// Rows stay although they may be about the person: the text says why.
    Kept(&'static str),
    /// Holds nothing about the people who call.
    Technical,
}

/// What an erasure does to each tenant table. A table without a line fails a test: decide, then add it here.
pub const ERASURE_PLAN: &[(&str, Treatment)] = &[
    ("agents", Treatment::Technical),
    ("alerts", Treatment::Technical),
    ("api_keys", Treatment::Technical),
    ("app_issuers", Treatment::Technical),
    ("appointments", Treatment::Erased),
    (
        "audit_entries",
        Treatment::Kept("says who did what to which id; holds no content"),
    ),
    ("budget_holds", Treatment::Erased),
    ("call_events", Treatment::Cleared("what was said")),
    ("call_inputs", Treatment::Erased),
    (
        "calls",
        Treatment::Cleared("contact, conversation, caller's number, carrier's id, language"),
    ),
    ("captured_fields", Treatment::Erased),
    (
        "consents",
        Treatment::Cleared("contact and the caller's answer in words"),
    ),
    ("contact_addresses", Treatment::Erased),
    ("contacts", Treatment::Erased),
    ("conversations", Treatment::Erased),
    (
        "erasures",
        Treatment::Kept("the list itself: ids and keyed hashes, applied again after a restore"),
    ),
    ("handshakes", Treatment::Technical),
    ("human_lines", Treatment::Technical),
    ("invitations", Treatment::Technical),
    ("jobs", Treatment::Erased),
    ("logins", Treatment::Technical),
    (
        "idempotency_keys",
        Treatment::Kept("answers to API requests, dropped with their keys"),
    ),
    ("mails", Treatment::Erased),
    ("memories", Treatment::Erased),
    ("messages", Treatment::Erased),
    (
        "model_sessions",
        Treatment::Cleared("the vendor's id of the session"),
    ),
    ("numbers", Treatment::Technical),
    ("opening_hours", Treatment::Technical),
    (
        "opt_outs",
        Treatment::Kept("the address itself: without it nobody would know whom not to call"),
    ),
    ("outgoing_attempts", Treatment::Erased),
    ("outgoing_calls", Treatment::Erased),
    ("permit_slots", Treatment::Technical),
    ("practitioner_services", Treatment::Technical),
    ("practitioners", Treatment::Technical),
    ("recordings", Treatment::Erased),
    ("recovery_codes", Treatment::Technical),
    ("second_factors", Treatment::Technical),
    ("services", Treatment::Technical),
    ("settings", Treatment::Technical),
    ("staff", Treatment::Technical),
    ("stream_tokens", Treatment::Erased),
    ("switches", Treatment::Technical),
    ("tool_calls", Treatment::Erased),
    ("transfers", Treatment::Technical),
    ("turns", Treatment::Erased),
    ("twilio_accounts", Treatment::Technical),
    (
        "usage",
        Treatment::Kept("the bill: a call's id, quantities and money"),
    ),
    ("voice_sessions", Treatment::Erased),
    ("voicemails", Treatment::Erased),
    ("waitlist", Treatment::Erased),
    ("webhook_attempts", Treatment::Technical),
    (
        "webhook_deliveries",
        Treatment::Kept("what was told: events, ids, times; no words and no numbers"),
    ),
    ("webhook_endpoints", Treatment::Technical),
    (
        "webhook_receipts",
        Treatment::Kept("vendors' ids, so that a late webhook is known as a repetition"),
    ),
];

/// Everything that is about one person, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PersonRows {
    pub contact: Option<ContactId>,
    /// Calls of the contact, and of their number where no other contact is named.
    pub calls: Vec<CallId>,
    pub conversations: Vec<ConversationId>,
    /// Numbers and e-mail addresses.
    #[serde(skip)]
    pub addresses: Vec<Private<String>>,
    /// Keys of their audio in the archive.
    pub objects: Vec<String>,
    /// Calls that have not ended: what they still write comes after an erasure.
    pub live_calls: usize,
}

/// One line of the list. Ids and keyed hashes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub id: ErasureId,
    pub tenant_id: TenantId,
    pub contact_id: Option<ContactId>,
    /// Keyed hashes of numbers and addresses.
    pub address_hashes: Vec<String>,
    pub call_ids: Vec<CallId>,
    pub conversation_ids: Vec<ConversationId>,
    pub erased_at: Timestamp,
}

/// Rows of one table that an erasure changed or would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedRows {
    pub table: &'static str,
    pub rows: u64,
}

/// An address that was there before some moment, and whose it is.
#[derive(Debug, Clone)]
pub enum KnownAddress {
    OfCall(CallId, Private<String>),
    OfContact(ContactId, Private<String>),
}

#[derive(FromRow)]
struct ErasureRow {
    id: ErasureId,
    contact_id: Option<ContactId>,
    address_hashes: Json<Vec<String>>,
    call_ids: Json<Vec<CallId>>,
    conversation_ids: Json<Vec<ConversationId>>,
    erased_at: Timestamp,
}

#[derive(FromRow)]
struct AddressRow {
    kind: String,
    value: Private<String>,
}

impl TenantStore {
    /// What is about this contact, about callers from this number, or both. Nothing is changed.
    pub async fn person_rows(
        &self,
        contact: Option<ContactId>,
        number: Option<&PhoneNumber>,
    ) -> Result<PersonRows, StoreError> {
        let mut tx = self.read().await?;
        let tenant = self.tenant();
        let mut found = PersonRows {
            contact,
            ..PersonRows::default()
        };
        let mut numbers: Vec<String> = number.iter().map(|it| it.expose().to_owned()).collect();
        if let Some(contact) = contact {
            let addresses = fetch!(&mut tx, all AddressRow, ADDRESSES, tenant, contact)?;
            for address in addresses.into_iter().filter(|it| it.kind != "postal") {
                if address.kind == "phone" && !numbers.contains(address.value.expose()) {
                    numbers.push(address.value.expose().clone());
                }
                found.addresses.push(address.value);
            }
            let calls = fetch!(&mut tx, all Only<CallId>, CALLS_OF_CONTACT, tenant, contact)?;
            found.calls.extend(calls.into_iter().map(|(id,)| id));
            let rows = fetch!(&mut tx, all Only<ConversationId>, CONVERSATIONS, tenant, contact)?;
            found.conversations = rows.into_iter().map(|(id,)| id).collect();
        }
        for number in numbers {
            let rows =
                fetch!(&mut tx, all Only<CallId>, CALLS_OF_NUMBER, tenant, &number, contact)?;
            found.calls.extend(rows.into_iter().map(|(id,)| id));
            let number = Private::new(number);
            if !found.addresses.contains(&number) {
                found.addresses.push(number);
            }
        }
        for conversation in &found.conversations {
            let rows =
                fetch!(&mut tx, all Only<CallId>, CALLS_OF_CONVERSATION, tenant, conversation)?;
            found.calls.extend(rows.into_iter().map(|(id,)| id));
        }
        found.calls.sort_unstable();
        found.calls.dedup();
        complete(&mut tx, tenant, &mut found).await?;
        Ok(found)
    }

    /// What is left of somebody who was erased: the ids of the list, and what `also` names.
    pub async fn rows_of_erased(
        &self,
        erasure: &Erasure,
        also: &[KnownAddress],
    ) -> Result<PersonRows, StoreError> {
        let mut tx = self.read().await?;
        let mut found = PersonRows {
            contact: erasure.contact_id,
            calls: erasure.call_ids.clone(),
            conversations: erasure.conversation_ids.clone(),
            ..PersonRows::default()
        };
        for known in also {
            match known {
                KnownAddress::OfCall(call, _) => found.calls.push(*call),
                KnownAddress::OfContact(contact, _) => found.contact = Some(*contact),
            }
        }
        if let Some(contact) = found.contact {
            let rows = fetch!(&mut tx, all Only<CallId>, CALLS_OF_CONTACT, self.tenant(), contact)?;
            found.calls.extend(rows.into_iter().map(|(id,)| id));
            let rows =
                fetch!(&mut tx, all Only<ConversationId>, CONVERSATIONS, self.tenant(), contact)?;
            found.conversations.extend(rows.into_iter().map(|(id,)| id));
        }
        found.calls.sort_unstable();
        found.calls.dedup();
        found.conversations.sort_unstable();
        found.conversations.dedup();
        complete(&mut tx, self.tenant(), &mut found).await?;
        Ok(found)
    }

    /// Numbers of calls and addresses of contacts that were there at `before`, to be compared with the hashes of a list.
    pub async fn known_addresses(
        &self,
        before: Timestamp,
    ) -> Result<Vec<KnownAddress>, StoreError> {
        let mut tx = self.read().await?;
        let tenant = self.tenant();
        let calls = fetch!(
            &mut tx,
            all(CallId, Private<String>),
            NUMBERS_BEFORE,
            tenant,
            before
        )?;
        let contacts = fetch!(
            &mut tx,
            all(ContactId, Private<String>),
            CONTACTS_BEFORE,
            tenant,
            before
        )?;
        let calls = calls
            .into_iter()
            .map(|(id, value)| KnownAddress::OfCall(id, value));
        let contacts = contacts
            .into_iter()
            .map(|(id, value)| KnownAddress::OfContact(id, value));
        Ok(calls.chain(contacts).collect())
    }

    /// Erases these rows and adds the erasure to the list, together or not at all. Done again it finds nothing.
    /// Their audio is the caller's business, before this: without its row nobody knows its key.
    pub async fn erase_person(
        &self,
        rows: &PersonRows,
        erasure: &Erasure,
    ) -> Result<Vec<ErasedRows>, StoreError> {
        let (tx, erased) = self.erase_in_transaction(rows, erasure).await?;
        tx.commit().await?;
        Ok(erased)
    }

    /// What [`TenantStore::erase_person`] would erase: it is done and taken back.
    pub async fn try_erase_person(
        &self,
        rows: &PersonRows,
        erasure: &Erasure,
    ) -> Result<Vec<ErasedRows>, StoreError> {
        let (tx, erased) = self.erase_in_transaction(rows, erasure).await?;
        tx.rollback().await?;
        Ok(erased)
    }

    /// Leaves an audit entry: everything about this person was written out.
    pub async fn note_export(&self, contact: Option<ContactId>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let noun_id = contact.map_or_else(|| "by number".to_owned(), |id| id.to_string());
        let deed = Deed {
            action: "export",
            noun: "person",
            noun_id: &noun_id,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }

    /// The erasure list, oldest first.
    pub async fn list_erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        let mut tx = self.read().await?;
        let rows = fetch!(&mut tx, all ErasureRow, LIST, self.tenant())?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_erasure(self.tenant()))
            .collect())
    }

    /// Erasures after this moment, oldest first: what a live call may still have written behind.
    pub async fn erasures_since(&self, since: Timestamp) -> Result<Vec<Erasure>, StoreError> {
        let mut tx = self.read().await?;
        let rows = fetch!(&mut tx, all ErasureRow, SINCE, self.tenant(), since)?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_erasure(self.tenant()))
            .collect())
    }

    async fn erase_in_transaction(
        &self,
        rows: &PersonRows,
        erasure: &Erasure,
    ) -> Result<(Tx, Vec<ErasedRows>), StoreError> {
        let (mut tx, tenant) = (self.write().await?, self.tenant());
        let mut erased: Vec<ErasedRows> = Vec::new();
        let mut count = |table, rows| match erased.iter_mut().find(|it| it.table == table) {
            Some(found) => found.rows += rows,
            None => erased.push(ErasedRows { table, rows }),
        };
        for call in &rows.calls {
            let jobs = execute!(&mut tx, ERASE_JOBS, tenant, call.to_string())?;
            count("jobs", jobs);
            let mails = execute!(&mut tx, ERASE_MAILS, tenant, call, call.to_string())?;
            count("mails", mails);
            for (table, statement) in BY_CALL {
                count(*table, execute!(&mut tx, *statement, tenant, call)?);
            }
        }
        for conversation in &rows.conversations {
            for (table, statement) in BY_CONVERSATION {
                count(*table, execute!(&mut tx, *statement, tenant, conversation)?);
            }
        }
        if let Some(contact) = rows.contact {
            for (table, statement) in BY_CONTACT {
                count(*table, execute!(&mut tx, *statement, tenant, contact)?);
            }
        }
        execute!(
            &mut tx,
            ADD,
            tenant,
            erasure.id,
            erasure.contact_id,
            Json(&erasure.address_hashes),
            Json(&erasure.call_ids),
            Json(&erasure.conversation_ids),
            erasure.erased_at
        )?;
        let deed = Deed {
            action: "erase",
            noun: "person",
            noun_id: &erasure.id,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        erased.retain(|it| it.rows > 0);
        Ok((tx, erased))
    }
}

/// Adds what follows from the calls: audio, and whether somebody still talks.
async fn complete(tx: &mut Tx, tenant: TenantId, found: &mut PersonRows) -> Result<(), StoreError> {
    for call in &found.calls {
        let objects = fetch!(tx, all Only<String>, OBJECTS_OF_CALL, tenant, call)?;
        found.objects.extend(objects.into_iter().map(|(key,)| key));
        let objects = fetch!(tx, all Only<String>, RECORDINGS_OF_CALL, tenant, call)?;
        found.objects.extend(objects.into_iter().map(|(key,)| key));
        let (live,) = fetch!(tx, one Only<i64>, LIVE, tenant, call)?;
        found.live_calls += usize::from(live > 0);
    }
    Ok(())
}

impl ErasureRow {
    fn into_erasure(self, tenant_id: TenantId) -> Erasure {
        Erasure {
            id: self.id,
            tenant_id,
            contact_id: self.contact_id,
            address_hashes: self.address_hashes.0,
            call_ids: self.call_ids.0,
            conversation_ids: self.conversation_ids.0,
            erased_at: self.erased_at,
        }
    }
}
