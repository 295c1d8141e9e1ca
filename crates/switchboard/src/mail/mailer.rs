//! The way to the mail server: one connection per mail, up to the moment after which nobody can know.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use switchboard_store::Word;
use thiserror::Error as ThisError;

use super::letter::Letter;
use crate::config::{MailSettings, MailTls};

/// What a mail costs in patience beyond its words: a goodbye that nobody needs.
const QUIT_MAX: Duration = Duration::from_secs(2);

/// Sends mails by the server of `[mail]`. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    settings: MailSettings,
    host: String,
    from: Mailbox,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

/// Why a mail was not sent, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum MailError {
    /// It was certainly not sent; a later try may do better.
    #[error("not sent: {0}")]
    Later(Word),
    /// It was certainly not sent, and no try will do better.
    #[error("not sent: {0}")]
    Never(Word),
    /// The words were on their way when the line broke. The server may have them or not.
    #[error("perhaps sent")]
    Uncertain,
}

/// `[mail]` cannot be used.
#[derive(Debug, ThisError)]
pub enum MailSettingsError {
    /// `mail.ca_file` cannot be read or holds no certificate.
    #[error("mail.ca_file {path} holds no certificate that can be read")]
    Authority {
        /// The file.
        path: String,
    },
    /// `mail.from` is no mailbox.
    #[error("mail.from must look like voice@example.com or Front desk <voice@example.com>")]
    From,
    /// TLS cannot be prepared for `mail.host`.
    #[error("mail.host is no name that a certificate can be for")]
    Host,
}

/// A server that has agreed to take one letter; its words are not sent yet.
pub struct Delivery {
    connection: AsyncSmtpConnection,
    message: Vec<u8>,
    answer_max: Duration,
}

impl Mailer {
    /// `None` when `mail.host` is blank.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &MailSettings) -> Result<Option<Self>, MailSettingsError> {
        let Some(host) = settings.host.clone() else {
            return Ok(None);
        };
        let from = settings.from.as_deref().unwrap_or_default();
        let from: Mailbox = from.parse().map_err(|_| MailSettingsError::From)?;
        let tls = match settings.tls {
            MailTls::None => None,
            MailTls::Starttls | MailTls::Implicit => Some(tls_for(settings, &host)?),
        };
        Ok(Some(Self(Arc::new(Inner {
            hello: ClientId::Domain(from.email.domain().to_owned()),
            settings: settings.clone(),
            host,
            from,
            tls,
        }))))
    }

    /// Mails that may leave in an hour for one tenant.
    pub fn tenant_hour_max(&self) -> i64 {
        i64::from(self.0.settings.tenant_hour_max)
    }

    /// Connects, signs in and names sender and recipient. Nothing that fails here has sent anything.
    ///
    /// # Errors
    /// [`MailError::Later`] and [`MailError::Never`]: only a refused recipient and a letter that cannot be written are final,
    /// because what else is wrong can be mended at the server or in the settings.
    pub async fn open(&self, letter: &Letter) -> Result<Delivery, MailError> {
        let inner = &*self.0;
        let message = letter
            .compose(&inner.from)
            .map_err(|_| MailError::Never(Word::new("unwritable")))?;
        let answer_max = Duration::from_millis(inner.settings.answer_ms_max);
        let mut connection = self.connect(answer_max).await?;
        let sender = Mail::new(message.envelope().from().cloned(), Vec::new());
        later("sender", answer_max, connection.command(sender)).await?;
        for recipient in message.envelope().to() {
            let named = connection.command(Rcpt::new(recipient.clone(), Vec::new()));
            bounded(answer_max, named)
                .await
                .map_err(|error| match error {
                    Some(error) if error.is_permanent() => {
                        MailError::Never(Word::new("recipient_refused"))
                    }
                    error => MailError::Later(word("recipient", error.as_ref())),
                })?;
        }
        later("data", answer_max, connection.command(Data)).await?;
        Ok(Delivery {
            connection,
            message: message.formatted(),
            answer_max,
        })
    }

    /// Connects, encrypts and signs in as for a mail, and says goodbye.
    ///
    /// # Errors
    /// [`MailError::Later`] with the step that failed.
    pub async fn try_out(&self) -> Result<(), MailError> {
        let answer_max = Duration::from_millis(self.0.settings.answer_ms_max);
        let mut connection = self.connect(answer_max).await?;
        let _ = tokio::time::timeout(QUIT_MAX, connection.quit()).await;
        Ok(())
    }

    async fn connect(&self, answer_max: Duration) -> Result<AsyncSmtpConnection, MailError> {
        let Inner {
            settings,
            host,
            tls,
            hello,
            ..
        } = &*self.0;
        let connect_max = Duration::from_millis(settings.connect_ms_max);
        let implicit = tls.clone().filter(|_| settings.tls == MailTls::Implicit);
        let connecting = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), settings.port),
            Some(connect_max),
            hello,
            implicit,
            None,
        );
        // The connection, its TLS and the server's greeting.
        let mut connection = later("connect", connect_max + answer_max, connecting).await?;
        if let (MailTls::Starttls, Some(tls)) = (settings.tls, tls) {
            let upgrade = connection.starttls(tls.clone(), hello);
            later("starttls", answer_max, upgrade).await?;
        }
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            later(
                "auth",
                answer_max,
                connection.auth(&mechanisms, &credentials),
            )
            .await?;
        }
        Ok(connection)
    }

    /// Sends a letter that nobody keeps a record of, such as an alert. For whatever must never be sent twice there is
    /// [`post_once`](super::post_once).
    ///
    /// # Errors
    /// As [`Mailer::open`] and [`Delivery::transmit`].
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        self.open(letter).await?.transmit().await
    }
}

impl Delivery {
    /// Sends the words and waits until the server has taken them over.
    ///
    /// # Errors
    /// Refused by an answer: not sent. Anything else: [`MailError::Uncertain`].
    pub async fn transmit(mut self) -> Result<(), MailError> {
        let sent = bounded(self.answer_max, self.connection.message(&self.message)).await;
        match sent {
            Ok(_) => {
                let _ = tokio::time::timeout(QUIT_MAX, self.connection.quit()).await;
                Ok(())
            }
            Err(Some(error)) if error.is_permanent() => {
                Err(MailError::Never(word("message", Some(&error))))
            }
            Err(Some(error)) if error.is_transient() => {
                Err(MailError::Later(word("message", Some(&error))))
            }
            Err(_) => Err(MailError::Uncertain),
        }
    }
}

fn tls_for(settings: &MailSettings, host: &str) -> Result<TlsParameters, MailSettingsError> {
    let mut builder: TlsParametersBuilder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &settings.ca_file {
        let unreadable = || MailSettingsError::Authority { path: path.clone() };
        let pem = std::fs::read(path).map_err(|_| unreadable())?;
        builder =
            builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| unreadable())?);
    }
    builder.build().map_err(|_| MailSettingsError::Host)
}

/// The server's answer within the limit; `None` as error when there was none.
async fn bounded<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Option<Error>> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

async fn later<T>(
    step: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, MailError> {
    let answer = bounded(limit, answer).await;
    answer.map_err(|error| MailError::Later(word(step, error.as_ref())))
}

/// What went wrong at which step, without a word of the server's: `auth_535`, `connect_failed`, `data_timed_out`.
fn word(step: &str, error: Option<&Error>) -> Word {
    let what = match error {
        None => "timed_out".to_owned(),
        Some(error) => match error.status() {
            Some(code) => code.to_string(),
            None if error.is_tls() => "tls".to_owned(),
            None if error.is_timeout() => "timed_out".to_owned(),
            None => "failed".to_owned(),
        },
    };
    Word::parse(&format!("{step}_{what}")).unwrap_or(Word::new("failed"))
}
