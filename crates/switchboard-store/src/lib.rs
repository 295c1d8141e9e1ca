//! Everything Switchboard keeps: tenants, calls, conversations, contacts and the diary, on SQLite or PostgreSQL.
//!
//! There are four doors, and no fifth. [`Store::tenant`] takes a [`TenantScope`] and gives every function that
//! touches tenant rows. [`Store::lookup`] finds the tenant behind a number, key, login or stream token.
//! [`Store::installation`] creates and lists tenants for the operator. [`Store::job_queue`] lets workers see which jobs
//! are due, which are ids and words only.
//!
//! This crate decides nothing about a conversation, seals no secrets and hashes no passwords: it is given sealed
//! bytes and password hashes. It reads the clock only for `created_at` columns; times that decide are arguments.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use switchboard_store::{Actor, Purpose, Store, StoreSettings, TenantScope};
//!
//! let store = Store::open_exclusive(&StoreSettings::new("sqlite://data/switchboard.db")).await?;
//! let tenant = store.installation().find_tenant("medspa").await?.ok_or("no such tenant")?;
//! let scope = TenantScope::new(tenant.id, Actor::Operator, Purpose::List);
//! let newest = store.tenant(scope).list_calls(&Default::default()).await?;
//! # let _ = newest; Ok(()) }
//! ```

#[macro_use]
mod db;
#[macro_use]
mod text_column;

mod agents;
mod alerts;
mod api_keys;
mod app_issuers;
mod appointments;
mod audit;
mod backup;
mod backup_postgres;
mod backup_sqlite;
mod budgets;
mod call_events;
mod call_inputs;
mod call_list;
mod call_outcome;
mod call_reading;
mod calls;
mod captured_fields;
mod consents;
mod contacts;
mod conversations;
mod counts;
mod erasure;
mod error;
mod handshakes;
mod idempotency;
mod ids;
mod inspection;
mod installation;
mod invitations;
mod jobs;
mod journal;
mod keys;
mod list;
mod logins;
mod lookup;
mod mails;
mod memories;
mod migrate;
mod model_sessions;
mod money;
mod numbers;
mod open;
mod opening_hours;
mod opt_outs;
mod outgoing_calls;
mod page;
mod permits;
mod phone;
mod postgres;
mod practitioners;
mod private;
mod recordings;
mod retention;
mod roles;
mod scope;
mod second_factors;
mod services;
mod settings;
mod sqlite;
mod staff;
mod statements;
mod stream_tokens;
mod switches;
mod tenant_settings;
mod time;
mod tool_calls;
mod transcripts;
mod transfers;
mod turns;
mod twilio_accounts;
mod usage;
mod usage_report;
mod voice_health;
mod voice_sessions;
mod voicemails;
mod waitlist;
mod webhook_receipts;
mod webhooks;
mod withdrawal;
mod word;
mod words;

pub use agents::{AgentListing, AgentVersion, PublishedAgent};
pub use alerts::{AlertListing, NewAlert};
pub use api_keys::{ApiKeyListing, CreatedApiKey};
pub use app_issuers::{AppIssuer, AppIssuerKey, AppIssuerListing, NewAppIssuer};
pub use appointments::{
    AppointmentListing, BookError, Booked, BusyTime, NewAppointment, RescheduleError, reminder,
};
pub use audit::AuditListing;
pub use backup::{BACKUP_TABLES, BackupContent, BackupError, RestoreOptions, TableCount};
pub use budgets::{
    BudgetAsk, BudgetGrant, BudgetRefusal, BudgetScope, BudgetSpending, DayBounds, UserSpending,
};
pub use call_events::{CallEventListing, CallEventWrite};
pub use call_inputs::CallInputBatch;
pub use call_list::{
    CallAsk, CallPlace, CallQuestion, CallSearch, CallSummary, PlaceValue, UsDollars,
};
pub use call_reading::{CallAct, CallCounts, CallEventReading, ToolCallReading, TurnReading};
pub use calls::{CallDetail, CallEnd, CallListing, CallProgress, CallerLoad, NewCall, OfferedCall};
pub use captured_fields::CapturedField;
pub use consents::{ConsentListing, NewConsent};
pub use contacts::{ContactChange, ContactListing, CreatedContact, NewContact};
pub use conversations::{ConversationListing, MessageListing, NewMessage};
pub use counts::Counts;
pub use erasure::{ERASURE_PLAN, ErasedRows, Erasure, KnownAddress, PersonRows, Treatment};
pub use error::{OpenError, StoreError};
pub use handshakes::{HandshakeListing, HandshakeWrite};
pub use idempotency::{ClaimTimes, IdempotencyClaim, IdempotentRequest, StoredAnswer};
pub use ids::*;
pub use inspection::PostgresFacts;
pub use installation::{Installation, NewTenant, Tenant};
pub use jobs::{
    ClaimedJob, JobClaim, JobCount, JobIds, JobKey, JobListing, JobQueue, JobRun, NewJob,
};
pub use journal::JournalWrite;
pub use list::ListFilter;
pub use logins::{LoginStart, NewLogin};
pub use lookup::{
    ApiKeyIdentity, CallIdentity, InvitationIdentity, LoginIdentity, Lookup, NumberRoute,
    StaffIdentity,
};
pub use mails::{MailListing, NewMail};
pub use memories::{Memory, NewMemory};
pub use migrate::{Migration, MigrationState, MigrationStatus, migrations};
pub use model_sessions::{ModelSessionListing, ModelSessionWrite};
pub use money::{Currency, CurrencyError, Micros, Money};
pub use numbers::{NewNumber, NumberListing};
pub use open::{Store, StoreKind};
pub use opening_hours::OpeningHours;
pub use opt_outs::{OptOutListing, Reachable};
pub use outgoing_calls::{
    NewOutgoingCall, OutgoingAttempt, OutgoingCall, OutgoingLoad, OutgoingSettlement,
};
pub use page::{PageAsk, PagePosition};
pub use permits::{Lease, PermitAnswer, PermitLimit, PermitScope};
pub use phone::{PhoneNumber, PhoneNumberError};
pub use practitioners::{NewPractitioner, Practitioner};
pub use private::Private;
pub use recordings::{RecordingListing, RecordingWrite};
pub use retention::{OverdueVoicemail, RetentionKind};
pub use scope::{Actor, Purpose, TenantScope, TenantStore};
pub use second_factors::SecondFactor;
pub use services::{NewService, Service};
pub use settings::StoreSettings;
pub use staff::{NewStaff, StaffListing};
pub use statements::{Statement, statements};
pub use stream_tokens::{MintedStreamToken, StreamTokenClaim, StreamTokenRefusal, StreamTokenUse};
pub use switches::{NewSwitch, SwitchListing, SwitchValue};
pub use time::{Timestamp, Zone};
pub use tool_calls::{ToolCallListing, ToolCallWrite};
pub use transcripts::TranscriptLine;
pub use transfers::{OpenTransfer, TransferListing, TransferWrite};
pub use turns::{TurnListing, TurnWrite};
pub use usage::{UsageListing, UsageTotal, UsageWrite};
pub use usage_report::{UsageDay, UsageSum};
pub use voice_health::{
    CallCount, EventCount, HealthCounts, HealthWindow, MsCount, RecentCounts, RecentHealth,
    SeriesStep, StepMsCount,
};
pub use voice_sessions::{MintedVoiceSession, NewVoiceSession, VoiceSession, VoiceSessionIdentity};
pub use voicemails::{NewVoicemail, VoicemailListing};
pub use waitlist::{NewWaitlistEntry, WaitlistListing};
pub use webhook_receipts::WebhookArrival;
pub use webhooks::{
    NewWebhook, Webhook, WebhookAttemptListing, WebhookDelivery, WebhookEvent, WebhookListing,
    WebhookTry,
};
pub use word::{Word, WordError};
pub use words::*;
