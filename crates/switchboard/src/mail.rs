//! Mail to the people of a tenant: transcripts, voicemails, alerts. By SMTP, as jobs, never twice.
//!
//! A kind of mail is a job (see [`crate::jobs`]) that calls [`post_once`] with the [`Mailer`] of the server, the tenant's
//! rows, the mail's kind and key, and a function that writes the [`Letter`] from what is stored at that moment. What must
//! reach somebody and may come twice, such as an alert, is sent by [`Mailer::send`] without the outbox.
//!
//! Addresses come from the tenant's settings ([`MailAddresses`]), never from a call or a model (A2). Words of others
//! are escaped where they become HTML ([`escape_html`]) and cannot become headers (H8).

mod addresses;
mod letter;
mod mailer;
mod outbox;
mod transcript;
mod voicemail;

pub use addresses::MailAddresses;
pub use letter::{Attachment, BadAddress, Letter, MailAddress, escape_html};
pub use mailer::{Delivery, MailError, MailSettingsError, Mailer};
pub use outbox::post_once;
pub(crate) use transcript::{may_be_mailed, post as post_transcript};
pub(crate) use voicemail::{is_wanted as voicemail_is_wanted, post as post_voicemail};
