//! The first minutes of a fresh server: one link with a one-time token, and one form.

use std::net::IpAddr;

use subtle::ConstantTimeEq;
use switchboard_store::{
    Actor, Currency, NewStaff, NewTenant, Private, Purpose, StaffRole, Store, StoreError,
    TenantScope, Zone,
};
use tokio::sync::Mutex;

use super::doorkeeper::{Doorkeeper, Refusal, SignedIn};

/// Bytes of the token: 128 bits cannot be guessed.
const TOKEN_BYTES: usize = 16;
/// Longest name of a tenant that is made from the name of its business.
const TENANT_CHARS_MAX: usize = 40;

/// The token of a server that has no tenant yet. It lives in memory: the next start prints another one.
pub struct FirstRun(Mutex<Option<Private<String>>>);

/// What the form says.
pub struct NewBusiness {
    /// Of the person.
    pub name: Private<String>,
    /// Of the person.
    pub email: Private<String>,
    /// Of the person.
    pub password: Private<String>,
    /// As people know it.
    pub business: String,
    /// Where it is.
    pub time_zone: Zone,
}

impl FirstRun {
    /// Nothing is to be set up.
    pub fn over() -> Self {
        Self(Mutex::new(None))
    }

    /// A token if nobody has used this installation yet.
    ///
    /// # Errors
    /// The database cannot be read, or there is no randomness.
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        if !store.installation().list_tenants().await?.is_empty() {
            return Ok(Self::over());
        }
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(Mutex::new(Some(token.into()))))
    }

    /// The token, for the link that is printed.
    pub async fn token(&self) -> Option<Private<String>> {
        self.0.lock().await.clone()
    }
}

impl Doorkeeper {
    /// Makes the first tenant and its owner and signs in. The token ends with it.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn set_up(
        &self,
        token: &Private<String>,
        new: NewBusiness,
        address: IpAddr,
    ) -> Result<SignedIn, Refusal> {
        let mut kept = self.first_run().0.lock().await;
        let is_it = kept.as_ref().is_some_and(|kept| {
            let (kept, told) = (kept.expose().as_bytes(), token.expose().as_bytes());
            kept.ct_eq(told).into()
        });
        if !is_it {
            return Err(Refusal::WrongToken);
        }
        let known = [
            new.name.expose().as_str(),
            new.email.expose(),
            &new.business,
        ];
        let hash = self.hash_checked(new.password.clone(), &known).await?;
        let tenant = NewTenant {
            name: tenant_name(&new.business),
            display_name: new.business.trim().to_owned(),
            time_zone: new.time_zone,
            currency: Currency::USD,
        };
        let tenant = self.store().installation().ensure_tenant(&tenant).await?;
        let scope = TenantScope::new(tenant.id, Actor::Operator, Purpose::Configure);
        let rows = self.store().tenant(scope);
        let person = NewStaff {
            name: new.name.expose().trim().to_owned().into(),
            email: new.email.expose().trim().to_owned().into(),
            role: StaffRole::Owner,
            password_hash: Some(hash),
            location: None,
            is_demo: false,
        };
        let staff = rows.create_staff(&person).await?;
        *kept = None;
        let rows = self.rows_of(tenant.id, Actor::Staff(staff));
        self.sign_in_again(&rows, staff, address).await
    }
}

/// What people type to mean this business: its letters and digits, joined by dashes.
fn tenant_name(business: &str) -> String {
    let lower = business.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name: String = words.join("-").chars().take(TENANT_CHARS_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "business".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_gets_a_name_that_can_be_typed() {
        for (business, name) in [
            ("Lumen Medical Spa", "lumen-medical-spa"),
            ("  O'Brien & Sons, Inc. ", "o-brien-sons-inc"),
            ("美容院", "business"),
        ] {
            assert_eq!(tenant_name(business), name);
        }
        assert!(tenant_name(&"word ".repeat(40)).len() <= TENANT_CHARS_MAX);
    }
}
