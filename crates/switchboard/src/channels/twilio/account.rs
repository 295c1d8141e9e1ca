//! Whose account a request belongs to, and whether it is signed by that account.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use switchboard_store::NumberRoute;
use switchboard_wire::twilio::signature::{
    SETTINGS_HEADER, SIGNATURE_HEADER, SignedBody, SignedRequest, SigningSecrets, verify,
};
use switchboard_wire::twilio::{AccountSid, Form};

use super::rest::TwilioRest;
use crate::config::{Secret, Settings};
use crate::ops::seal::{SealingKey, twilio_context};

/// One Twilio account.
#[derive(Clone)]
pub struct Account {
    /// None for an installation that set only a token: then any account of that token counts.
    pub sid: Option<AccountSid>,
    /// Signs webhooks and opens the REST API.
    pub token: Secret,
}

/// Why a request is refused. All are answered with 403 and store nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Neither the tenant nor the installation has an account.
    #[error("no account is set up for this number")]
    NoAccount,
    /// The stored token cannot be opened.
    #[error("the account's token cannot be opened")]
    Sealed,
    /// The request names another account than the one that owns the number.
    #[error("the request comes from another account")]
    Foreign,
    /// The signature is missing or wrong.
    #[error("the signature is missing or wrong")]
    Signature,
}

impl Account {
    /// The account that serves numbers without an own one.
    pub fn of_installation(settings: &Settings) -> Result<Self, AccountError> {
        let token = settings
            .twilio
            .auth_token
            .clone()
            .ok_or(AccountError::NoAccount)?;
        let sid = settings
            .twilio
            .account_sid
            .as_deref()
            .and_then(|sid| AccountSid::parse(sid).ok());
        Ok(Self { sid, token })
    }

    /// The account that owns a number: the tenant's own, else the installation's (H1).
    pub fn of_route(
        settings: &Settings,
        sealing: &SealingKey,
        route: &NumberRoute,
    ) -> Result<Self, AccountError> {
        let (Some(sid), Some(sealed)) = (&route.account_sid, &route.sealed_auth_token) else {
            return Self::of_installation(settings);
        };
        let context = twilio_context(route.tenant_id, sid);
        let token = sealing
            .open(sealed.expose(), &context)
            .map_err(|_| AccountError::Sealed)?;
        let sid = AccountSid::parse(sid).map_err(|_| AccountError::Sealed)?;
        Ok(Self {
            sid: Some(sid),
            token,
        })
    }

    /// Checks that a webhook is signed by this account and names it. `url` is the configured public URL and the raw
    /// target, never what a proxy claims.
    pub fn check_webhook(
        &self,
        settings: &Settings,
        url: &str,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<(), AccountError> {
        self.check_sid(form.text("AccountSid").unwrap_or_default())?;
        self.check_signature(settings, url, headers, SignedBody::Form(form))
    }

    /// Checks the signature of a WebSocket upgrade: over the `wss` URL as our document said it, without parameters.
    pub fn check_upgrade(
        &self,
        settings: &Settings,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<(), AccountError> {
        self.check_signature(settings, url, headers, SignedBody::Empty)
    }

    fn check_sid(&self, named: &str) -> Result<(), AccountError> {
        match &self.sid {
            Some(sid) if sid.as_str() != named => Err(AccountError::Foreign),
            _ => Ok(()),
        }
    }

    fn check_signature(
        &self,
        settings: &Settings,
        url: &str,
        headers: &HeaderMap,
        body: SignedBody<'_>,
    ) -> Result<(), AccountError> {
        if !settings.twilio.validate_signatures {
            return Ok(());
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request = SignedRequest {
            url,
            body,
            signature: header(SIGNATURE_HEADER).unwrap_or_default(),
            settings: header(SETTINGS_HEADER),
        };
        let secrets = SigningSecrets {
            auth_tokens: &[self.token.expose()],
            shared_keys: &[],
        };
        verify(&request, &secrets).map_err(|_| AccountError::Signature)
    }

    /// The REST API of this account. `named` is the account the request named, for installations that set only a token.
    pub fn rest(
        &self,
        settings: &Settings,
        client: reqwest::Client,
        named: &AccountSid,
    ) -> Arc<TwilioRest> {
        let sid = self.sid.clone().unwrap_or_else(|| named.clone());
        let rest = TwilioRest::new(
            client,
            settings.twilio.api_base_url.as_http(),
            sid,
            self.token.clone(),
            Duration::from_secs(settings.twilio.hangup_retry_s_max),
        );
        let transfer_time_max = Duration::from_millis(settings.twilio.transfer_ms_max);
        Arc::new(rest.transferring_within(transfer_time_max))
    }
}
