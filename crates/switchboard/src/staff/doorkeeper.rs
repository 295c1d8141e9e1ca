//! Signs people in and out, and knows them again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use switchboard_store::{
    Actor, LoginId, LoginIdentity, LoginStart, Private, Purpose, StaffId, StaffIdentity, StaffRole,
    Store, StoreError, TenantId, TenantScope, TenantStore,
};

use super::capability::needs_second_factor;
use super::demo_login::DemoLogin;
use super::first_run::FirstRun;
use super::login_view::LoginView;
use super::password::{
    BYTES_MAX, PasswordPool, PoolBusy, QUEUE_WAIT_S, WeakPassword, check_strength,
};
use super::second_factor::{Enrolment, TypedCode, second_factor_context, step_of};
use super::throttle::Throttle;
use crate::config::Secret;
use crate::http::AddressBlock;
use crate::ops::seal::SealingKey;

/// A login ends after this long without use (T4).
const LOGIN_IDLE_MAX: Duration = Duration::from_secs(12 * 3600);
/// A login ends after this long, however much it is used (T4).
pub const LOGIN_LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often the use of a login is written down.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// How long a shown password or code opens what is most dangerous.
const PROOF_LIFE: Duration = Duration::from_secs(10 * 60);
/// How long an address counts as known to an account.
const KNOWN_ADDRESS: Duration = Duration::from_secs(90 * 24 * 3600);
/// Longest e-mail address (RFC 5321, 4.5.3.1).
const EMAIL_BYTES_MAX: usize = 254;
/// People of one e-mail address whose passwords are tried: one for each tenant they work for.
const TENANTS_MAX: usize = 8;

/// Who is at the door, with what.
pub struct Attempt {
    /// As typed.
    pub email: Private<String>,
    /// As typed.
    pub password: Private<String>,
    /// A code of the authenticator, or a recovery code.
    pub code: Option<Private<String>>,
    /// Of several tenants with the same password, this one, by name or id.
    pub tenant: Option<String>,
    /// Where the request comes from.
    pub address: IpAddr,
}

/// A login that has just begun.
#[derive(Debug)]
pub struct SignedIn {
    /// What the browser keeps, and nobody else.
    pub token: Private<String>,
    /// Who it is.
    pub login: StaffLogin,
}

/// A person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffLogin {
    /// Whose data it reaches.
    pub tenant_id: TenantId,
    /// Who it is.
    pub staff_id: StaffId,
    /// The browser.
    pub login_id: LoginId,
    /// What the person may do.
    pub role: StaffRole,
    /// The nearer end of the idle time and the life of the login.
    pub expires_at: DateTime<Utc>,
    /// A password or code was shown so lately that what is most dangerous is open.
    pub is_proved: bool,
    /// Nothing is open before a second factor is set up.
    pub must_enrol: bool,
}

/// Why nobody was let in.
#[derive(Debug)]
pub enum Refusal {
    /// The address or the password is wrong; which of them is not said.
    WrongLogin,
    /// The password is right, a code has to come with it.
    SecondFactorNeeded,
    /// The password is right, the code is not, or was used before.
    WrongCode,
    /// Too many tries, or too much to do: this many seconds.
    Wait(u64),
    /// What was chosen as a password.
    Weak(WeakPassword),
    /// The link was used, has expired, or never was.
    WrongToken,
    /// There is nothing to confirm, or it was confirmed.
    NothingToConfirm,
    /// A second factor is set up; it has to be removed first.
    AlreadyEnrolled,
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PoolBusy> for Refusal {
    fn from(_: PoolBusy) -> Self {
        Self::Wait(QUEUE_WAIT_S.get())
    }
}

impl From<WeakPassword> for Refusal {
    fn from(weak: WeakPassword) -> Self {
        Self::Weak(weak)
    }
}

/// Signs people in. Cheap to clone.
#[derive(Clone)]
pub struct Doorkeeper(Arc<Inner>);

struct Inner {
    store: Store,
    sealing: Arc<SealingKey>,
    passwords: PasswordPool,
    throttle: Throttle,
    demo_logins: Vec<DemoLogin>,
    first_run: FirstRun,
}

impl Doorkeeper {
    /// Over the given rows. `demo_logins` is empty unless this is a demo that only this machine reaches (H4).
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn new(
        store: Store,
        sealing: Arc<SealingKey>,
        demo_logins: Vec<DemoLogin>,
        first_run: FirstRun,
    ) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            store,
            sealing,
            passwords: PasswordPool::start()?,
            throttle: Throttle::default(),
            demo_logins,
            first_run,
        })))
    }

    /// The logins that a demo shows to everybody on this machine.
    pub fn demo_logins(&self) -> &[DemoLogin] {
        &self.0.demo_logins
    }

    /// The one-time link of a fresh server.
    pub fn first_run(&self) -> &FirstRun {
        &self.0.first_run
    }

    /// Lets somebody in, or says why not. Takes as long for somebody unknown as for a wrong password.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn sign_in(&self, attempt: &Attempt) -> Result<SignedIn, Refusal> {
        let (inner, now) = (&self.0, Instant::now());
        let throttle = &inner.throttle;
        throttle
            .try_from_address(attempt.address, now)
            .map_err(Refusal::Wait)?;
        let email = attempt.email.expose().trim().to_lowercase();
        if email.len() > EMAIL_BYTES_MAX || attempt.password.expose().len() > BYTES_MAX {
            return Err(Refusal::WrongLogin);
        }
        let people = self.people(&email, attempt.tenant.as_deref()).await?;
        let account = inner.sealing.keyed_hash(&format!("sign-in/{email}"));
        if let Err(wait) = throttle.try_account(&account, now)
            && !self.is_known(&people, attempt.address).await?
        {
            return Err(Refusal::Wait(wait));
        }
        let hashes = people.iter().filter_map(|it| it.password_hash.clone());
        let password = attempt.password.clone();
        let found = inner.passwords.find(password, hashes.collect()).await?;
        let mut with_password = people.iter().filter(|it| it.password_hash.is_some());
        let Some(person) = found.and_then(|place| with_password.nth(place)).cloned() else {
            self.note_refused(people);
            return Err(Refusal::WrongLogin);
        };
        let enrolled = self.check_code(&person, attempt.code.as_ref()).await?;
        let signed_in = self.begin(&person, enrolled, attempt.address).await?;
        throttle.succeeded(attempt.address, &account);
        Ok(signed_in)
    }

    /// Beside the answer, so that its time does not tell whether somebody has this address.
    fn note_refused(&self, people: Vec<StaffIdentity>) {
        let doorkeeper = self.clone();
        tokio::spawn(async move {
            for person in &people {
                let rows = doorkeeper.rows(person);
                if let Err(error) = rows.note_refused_sign_in(person.staff_id).await {
                    tracing::warn!(%error, "a refused sign-in is not in the audit trail");
                }
            }
        });
    }

    /// Who may sign in with this address. People of a demo are nobody on another server.
    async fn people(
        &self,
        email: &str,
        tenant: Option<&str>,
    ) -> Result<Vec<StaffIdentity>, StoreError> {
        let store = &self.0.store;
        let mut people = store.lookup().staff_by_email(email).await?;
        people.retain(|person| !person.is_demo || self.is_demo());
        if let Some(tenant) = tenant {
            let found = store.installation().find_tenant(tenant).await?;
            people.retain(|person| found.as_ref().is_some_and(|it| it.id == person.tenant_id));
        }
        people.truncate(TENANTS_MAX);
        Ok(people)
    }

    fn is_demo(&self) -> bool {
        !self.0.demo_logins.is_empty()
    }

    /// Whether one of these people signed in from this address block lately.
    async fn is_known(
        &self,
        people: &[StaffIdentity],
        address: IpAddr,
    ) -> Result<bool, StoreError> {
        let (hash, since) = (self.address_hash(address), Utc::now() - KNOWN_ADDRESS);
        for person in people {
            let rows = self.rows(person);
            if rows.staff_came_from(person.staff_id, &hash, since).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn address_hash(&self, address: IpAddr) -> String {
        let block = AddressBlock::from(address);
        self.0.sealing.keyed_hash(&format!("address/{block:?}"))
    }

    /// Whether the person has a second factor; asks for its code if so.
    async fn check_code(
        &self,
        person: &StaffIdentity,
        code: Option<&Private<String>>,
    ) -> Result<bool, Refusal> {
        let rows = self.rows(person);
        let factor = rows.second_factor(person.staff_id).await?;
        if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
            return Ok(false);
        }
        let code = code.ok_or(Refusal::SecondFactorNeeded)?;
        if self.use_code(&rows, person.staff_id, code).await? {
            return Ok(true);
        }
        rows.note_refused_sign_in(person.staff_id).await?;
        Err(Refusal::WrongCode)
    }

    /// Uses a code up. `false` when it is wrong, or was used before.
    async fn use_code(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        code: &Private<String>,
    ) -> Result<bool, StoreError> {
        match TypedCode::read(code.expose()) {
            None => Ok(false),
            Some(TypedCode::Recovery(code)) => {
                rows.use_recovery_code(staff, &code, Utc::now()).await
            }
            Some(TypedCode::Digits(digits)) => match self.step(rows, staff, &digits).await? {
                Some(step) => rows.use_second_factor_step(staff, step).await,
                None => Ok(false),
            },
        }
    }

    /// The time step of which these digits are this person's code.
    async fn step(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        digits: &str,
    ) -> Result<Option<i64>, StoreError> {
        let Some(factor) = rows.second_factor(staff).await? else {
            return Ok(None);
        };
        let context = second_factor_context(rows.scope().tenant, staff);
        let sealed = factor.sealed_secret.expose();
        let secret = match self.0.sealing.open(sealed, &context) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "a second factor cannot be opened with this sealing key");
                return Ok(None);
            }
        };
        Ok(step_of(secret.expose(), digits, Utc::now().timestamp()))
    }

    async fn begin(
        &self,
        person: &StaffIdentity,
        enrolled: bool,
        address: IpAddr,
    ) -> Result<SignedIn, StoreError> {
        let now = Utc::now();
        let is_second = person.sign_ins > 0;
        let must_enrol =
            needs_second_factor(person.role) && is_second && !enrolled && !person.is_demo;
        let start = LoginStart {
            at: now,
            expires_at: now + LOGIN_LIFE_MAX,
            address_hash: Some(self.address_hash(address)),
            must_enrol,
        };
        let made = self
            .rows(person)
            .create_login(person.staff_id, &start)
            .await?;
        let login = StaffLogin {
            tenant_id: person.tenant_id,
            staff_id: person.staff_id,
            login_id: made.id,
            role: person.role,
            expires_at: now + LOGIN_IDLE_MAX,
            is_proved: true,
            must_enrol,
        };
        Ok(SignedIn {
            token: made.token,
            login,
        })
    }

    /// Whose login this token is. With `extend` its idle time begins anew.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn visit(&self, token: &str, extend: bool) -> Result<Option<StaffLogin>, StoreError> {
        let now = Utc::now();
        let lookup = self.0.store.lookup();
        let found = lookup.login(token, now, now - LOGIN_IDLE_MAX).await?;
        let Some(found) = found.filter(|it| !it.is_demo || self.is_demo()) else {
            return Ok(None);
        };
        let mut seen_at = found.seen_at;
        if extend && now - seen_at > chrono::TimeDelta::from_std(SEEN_EVERY).unwrap_or_default() {
            let rows = self.rows_of(found.tenant_id, Actor::Staff(found.staff_id));
            rows.see_login(found.login_id, now).await?;
            seen_at = now;
        }
        Ok(Some(login_of(&found, seen_at, now)))
    }

    /// What a page shows of its login.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn view(&self, login: &StaffLogin) -> Result<Option<LoginView>, StoreError> {
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        let person = rows.staff_member(login.staff_id).await?;
        let (Some(person), Some(tenant)) = (person, rows.tenant_profile().await?) else {
            return Ok(None);
        };
        let left = rows.recovery_codes_left(login.staff_id).await?;
        Ok(Some(LoginView::of(login, person, tenant, left)))
    }

    /// Ends a login.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn sign_out(&self, login: &StaffLogin) -> Result<(), StoreError> {
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        rows.end_login(login.login_id, Utc::now()).await?;
        Ok(())
    }

    /// Shows a password, or the code where a second factor is set up, once more: it opens what is most dangerous.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn prove(
        &self,
        login: &StaffLogin,
        password: Option<&Private<String>>,
        code: Option<&Private<String>>,
    ) -> Result<(), Refusal> {
        let inner = &self.0;
        let account = inner
            .sealing
            .keyed_hash(&format!("proof/{}", login.staff_id));
        let throttle = &inner.throttle;
        throttle
            .try_account(&account, Instant::now())
            .map_err(Refusal::Wait)?;
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        let factor = rows.second_factor(login.staff_id).await?;
        if factor.is_some_and(|factor| factor.confirmed_at.is_some()) {
            let code = code.ok_or(Refusal::SecondFactorNeeded)?;
            if !self.use_code(&rows, login.staff_id, code).await? {
                return Err(Refusal::WrongCode);
            }
        } else if !self.has_password(&rows, login.staff_id, password).await? {
            return Err(Refusal::WrongLogin);
        }
        rows.prove_login(login.login_id, Utc::now()).await?;
        throttle.forget_account(&account);
        Ok(())
    }

    async fn has_password(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        password: Option<&Private<String>>,
    ) -> Result<bool, Refusal> {
        let password = password.ok_or(Refusal::WrongLogin)?.clone();
        let hash = rows.staff_password(staff).await?;
        let found = self.0.passwords.find(password, hash.into_iter().collect());
        Ok(found.await?.is_some())
    }

    /// Changes the person's own password. Every login ends; the browser that asked gets a new one.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn change_password(
        &self,
        login: &StaffLogin,
        old: &Private<String>,
        new: Private<String>,
        address: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        let account = self
            .0
            .sealing
            .keyed_hash(&format!("proof/{}", login.staff_id));
        self.0
            .throttle
            .try_account(&account, Instant::now())
            .map_err(Refusal::Wait)?;
        if !self.has_password(&rows, login.staff_id, Some(old)).await? {
            return Err(Refusal::WrongLogin);
        }
        let hash = self.hash_for(&rows, login.staff_id, new).await?;
        rows.set_staff_password(login.staff_id, &hash, Utc::now())
            .await?;
        // The second factor was shown when the login began that has just ended.
        self.begin_again(&rows, login.staff_id, true, address).await
    }

    /// Uses an invitation: sets the password and signs in.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn accept_invitation(
        &self,
        token: &Private<String>,
        password: Private<String>,
        address: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let throttle = &self.0.throttle;
        throttle
            .try_from_address(address, Instant::now())
            .map_err(Refusal::Wait)?;
        let lookup = self.0.store.lookup();
        let invited = lookup.invitation(token.expose(), Utc::now()).await?;
        let invited = invited.ok_or(Refusal::WrongToken)?;
        let rows = self.rows_of(invited.tenant_id, Actor::Staff(invited.staff_id));
        let hash = self.hash_for(&rows, invited.staff_id, password).await?;
        let (id, staff) = (invited.invitation_id, invited.staff_id);
        if !rows.accept_invitation(id, staff, &hash, Utc::now()).await? {
            return Err(Refusal::WrongToken);
        }
        self.sign_in_again(&rows, staff, address).await
    }

    /// The hash of a password that is good enough for this person.
    async fn hash_for(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        password: Private<String>,
    ) -> Result<Private<String>, Refusal> {
        let person = rows.staff_member(staff).await?;
        let person = person.ok_or(StoreError::NotFound { noun: "staff" })?;
        let known = [person.name.expose().as_str(), person.email.expose()];
        check_strength(password.expose(), &known)?;
        Ok(self.0.passwords.hash(password).await?)
    }

    /// A login for somebody who has just proved who they are by other means than the sign-in form. A second factor that
    /// is set up is asked for all the same: then the form is the way.
    pub(super) async fn sign_in_again(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        address: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let factor = rows.second_factor(staff).await?;
        if factor.is_some_and(|factor| factor.confirmed_at.is_some()) {
            return Err(Refusal::SecondFactorNeeded);
        }
        self.begin_again(rows, staff, false, address).await
    }

    async fn begin_again(
        &self,
        rows: &TenantStore,
        staff: StaffId,
        enrolled: bool,
        address: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let person = rows.staff_member(staff).await?;
        let person = person.ok_or(StoreError::NotFound { noun: "staff" })?;
        let enrolled = enrolled && person.second_factor;
        let person = StaffIdentity {
            tenant_id: rows.scope().tenant,
            staff_id: staff,
            name: person.name,
            role: person.role,
            password_hash: None,
            sign_ins: person.sign_ins,
            is_demo: person.is_demo,
        };
        Ok(self.begin(&person, enrolled, address).await?)
    }

    /// Hashes a password that the operator or a first run sets, after the same check.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(super) async fn hash_checked(
        &self,
        password: Private<String>,
        known: &[&str],
    ) -> Result<Private<String>, Refusal> {
        check_strength(password.expose(), known)?;
        Ok(self.0.passwords.hash(password).await?)
    }

    /// Begins to set up a second factor. What it gives is shown once.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn begin_second_factor(&self, login: &StaffLogin) -> Result<Enrolment, Refusal> {
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        let person = rows.staff_member(login.staff_id).await?;
        let person = person.ok_or(StoreError::NotFound { noun: "staff" })?;
        let made = Enrolment::new(person.email.expose()).map_err(|_| StoreError::NoRandomness)?;
        let context = second_factor_context(login.tenant_id, login.staff_id);
        let secret = Secret::new(made.secret.expose().clone());
        let sealed = self.0.sealing.seal(&secret, &context);
        let sealed = Private::new(sealed.map_err(|_| StoreError::NoRandomness)?);
        let codes = made.plain_recovery_codes();
        let begun = rows
            .begin_second_factor(login.staff_id, &sealed, &codes, Utc::now())
            .await?;
        if begun {
            Ok(made)
        } else {
            Err(Refusal::AlreadyEnrolled)
        }
    }

    /// Confirms it by its first code.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn confirm_second_factor(
        &self,
        login: &StaffLogin,
        code: &Private<String>,
    ) -> Result<(), Refusal> {
        let account = self
            .0
            .sealing
            .keyed_hash(&format!("proof/{}", login.staff_id));
        self.0
            .throttle
            .try_account(&account, Instant::now())
            .map_err(Refusal::Wait)?;
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        let Some(TypedCode::Digits(digits)) = TypedCode::read(code.expose()) else {
            return Err(Refusal::WrongCode);
        };
        let step = self.step(&rows, login.staff_id, &digits).await?;
        let step = step.ok_or(Refusal::WrongCode)?;
        if rows
            .confirm_second_factor(login.staff_id, step, Utc::now())
            .await?
        {
            return Ok(());
        }
        Err(Refusal::NothingToConfirm)
    }

    /// Takes the person's own second factor away, and with it all their logins.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn remove_second_factor(&self, login: &StaffLogin) -> Result<(), Refusal> {
        let rows = self.rows_of(login.tenant_id, Actor::Staff(login.staff_id));
        if rows
            .remove_second_factor(login.staff_id, Utc::now())
            .await?
        {
            return Ok(());
        }
        Err(Refusal::NothingToConfirm)
    }

    /// The rows of a tenant, for somebody.
    pub(super) fn rows_of(&self, tenant: TenantId, actor: Actor) -> TenantStore {
        let scope = TenantScope::new(tenant, actor, Purpose::SignIn);
        self.0.store.tenant(scope)
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Who is refused or let in acts for themselves: nobody else is known yet.
    fn rows(&self, person: &StaffIdentity) -> TenantStore {
        self.rows_of(person.tenant_id, Actor::Staff(person.staff_id))
    }
}

fn login_of(found: &LoginIdentity, seen_at: DateTime<Utc>, now: DateTime<Utc>) -> StaffLogin {
    StaffLogin {
        tenant_id: found.tenant_id,
        staff_id: found.staff_id,
        login_id: found.login_id,
        role: found.role,
        expires_at: found.expires_at.min(seen_at + LOGIN_IDLE_MAX),
        is_proved: found.proved_at.is_some_and(|at| at + PROOF_LIFE > now),
        must_enrol: found.must_enrol,
    }
}
