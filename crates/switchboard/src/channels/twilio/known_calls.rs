//! The calls whose webhook came, so that a repeated one finds its answer (H2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use switchboard_store::CallId;
use switchboard_wire::twilio::{AccountSid, CallSid};
use tokio::sync::MutexGuard;

use super::Account;
use crate::config::Secret;

/// A call is remembered this long after its webhook.
const REMEMBERED: Duration = Duration::from_secs(4 * 60 * 60);

/// A call as the carrier names it. The account is part of the name: ids of calls are no secrets, and whoever writes the
/// id of another account's call means nothing by it (H1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct CallName {
    account_sid: AccountSid,
    call_sid: CallSid,
}

impl CallName {
    /// Both must come from a request whose signature was checked, or be checked with the found call's secret.
    pub(super) fn new(account_sid: &AccountSid, call_sid: &CallSid) -> Self {
        Self {
            account_sid: account_sid.clone(),
            call_sid: call_sid.clone(),
        }
    }
}

/// All of one process.
#[derive(Default)]
pub(super) struct KnownCalls(Mutex<HashMap<CallName, Arc<KnownCall>>>);

/// A call whose webhook came.
pub(super) struct KnownCall {
    /// Our id of it. A repeated webhook that comes after a torn one goes on with the same.
    pub(super) id: CallId,
    /// Signs what belongs to it.
    pub(super) account: Account,
    since: Instant,
    /// Held while the webhook is being answered, so that a second one at the same time gets the same answer.
    answering: tokio::sync::Mutex<()>,
    answer: Mutex<Answer>,
    /// The stream's token, for when the database cannot say whether one is good.
    token: Mutex<Option<HeldToken>>,
}

struct HeldToken {
    text: Secret,
    expires: Instant,
}

/// What a webhook of a call is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the first one, or the ones before failed.
    NotYet,
    /// The same document as long as the call rings.
    Document(String),
    /// The stream was opened or the call is over: nothing more.
    PastRinging,
}

impl KnownCalls {
    /// The call of this name, if its webhook came.
    pub(super) fn find(&self, name: &CallName) -> Option<Arc<KnownCall>> {
        self.lock().get(name).cloned()
    }

    /// The call of this name, known from now on.
    pub(super) fn know(&self, name: CallName, account: &Account) -> Arc<KnownCall> {
        self.know_as(name, account, CallId::new())
    }

    /// The same for a call that has its id already.
    pub(super) fn know_as(&self, name: CallName, account: &Account, id: CallId) -> Arc<KnownCall> {
        let mut calls = self.lock();
        let now = Instant::now();
        calls.retain(|_, known| now.duration_since(known.since) < REMEMBERED);
        let known = calls.entry(name).or_insert_with(|| {
            Arc::new(KnownCall {
                id,
                account: account.clone(),
                since: now,
                answering: tokio::sync::Mutex::default(),
                answer: Mutex::new(Answer::NotYet),
                token: Mutex::default(),
            })
        });
        Arc::clone(known)
    }

    /// The call of this name gets no document any more.
    pub(super) fn pass_ringing(&self, name: &CallName) {
        if let Some(known) = self.find(name) {
            known.keep(Answer::PastRinging);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CallName, Arc<KnownCall>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownCall {
    /// Waits until no other webhook of this call is being answered.
    pub(super) async fn answer_alone(&self) -> MutexGuard<'_, ()> {
        self.answering.lock().await
    }

    pub(super) fn answer(&self) -> Answer {
        self.lock().clone()
    }

    /// Holds the token of the call's stream for its life.
    pub(super) fn hold_token(&self, token: &str, life: Duration) {
        *self.held_token() = Some(HeldToken {
            text: Secret::new(token),
            expires: Instant::now() + life,
        });
    }

    /// Uses the held token up. False when it is another one, was used, or is too old; a wrong guess uses nothing up.
    pub(super) fn use_token(&self, claimed: &str) -> bool {
        let mut held = self.held_token();
        let is_it = held.as_ref().is_some_and(|token| {
            let same = token.text.expose().as_bytes().ct_eq(claimed.as_bytes());
            bool::from(same) && Instant::now() < token.expires
        });
        if is_it {
            *held = None;
        }
        is_it
    }

    fn held_token(&self) -> std::sync::MutexGuard<'_, Option<HeldToken>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the answer. What is past ringing stays so.
    pub(super) fn keep(&self, answer: Answer) {
        let mut kept = self.lock();
        if *kept != Answer::PastRinging {
            *kept = answer;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
