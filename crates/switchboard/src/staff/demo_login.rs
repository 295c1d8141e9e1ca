//! One login per demo tenant, for whoever sits at this machine. (Threat H4.)

use serde::Serialize;
use switchboard_store::{
    Actor, NewStaff, Private, Purpose, StaffRole, Store, StoreError, TenantScope,
};

use super::password::{fits, hash_of_random};
use crate::config::Settings;
use crate::ops::seal::SealingKey;

/// Hexadecimal digits of a demo password: 48 bits, behind a throttle, on a machine of one's own.
const PASSWORD_CHARS: usize = 12;

/// A login that is shown on the sign-in page and printed at the start.
#[derive(Clone, Debug, Serialize)]
pub struct DemoLogin {
    /// Name of the tenant.
    pub tenant: String,
    /// As people know the business.
    pub display_name: String,
    /// What to type.
    pub email: String,
    /// What to type. The same after a restart, and different on every installation.
    pub password: Private<String>,
}

impl DemoLogin {
    /// Makes sure that each of the tenants of these `names` has one. None where anybody else can reach the server (H4): then what an earlier demo
    /// made opens nothing either, because the people are marked.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn of_tenants(
        settings: &Settings,
        store: &Store,
        sealing: &SealingKey,
        names: &[String],
    ) -> Result<Vec<Self>, StoreError> {
        let is_ours_alone =
            settings.http.listen.ip().is_loopback() && settings.public_url().is_loopback();
        if !is_ours_alone {
            tracing::warn!("no demo logins: the server can be reached from other machines");
            return Ok(Vec::new());
        }
        let mut logins = Vec::new();
        let tenants = store.installation().list_tenants().await?;
        // Whoever tries the demo on their own data gets no stranger into their own tenants.
        for tenant in tenants.into_iter().filter(|it| names.contains(&it.name)) {
            let secret = sealing.keyed_hash(&format!("demo-login/{}", tenant.id));
            let login = Self {
                email: format!("demo@{}.example", tenant.name),
                tenant: tenant.name,
                display_name: tenant.display_name,
                password: secret[..PASSWORD_CHARS].to_owned().into(),
            };
            let rows = store.tenant(TenantScope::new(tenant.id, Actor::Operator, Purpose::Demo));
            let hash = hash_of_random(login.password.expose());
            match rows.find_staff(&login.email).await? {
                None => {
                    let person = NewStaff {
                        name: format!("Demo owner of {}", login.display_name).into(),
                        email: login.email.clone().into(),
                        role: StaffRole::Owner,
                        password_hash: Some(hash),
                        location: None,
                        is_demo: true,
                    };
                    rows.create_staff(&person).await?;
                }
                Some(staff) => {
                    let kept = rows.staff_password(staff).await?;
                    let is_same =
                        kept.is_some_and(|kept| fits(login.password.expose(), kept.expose()));
                    if !is_same {
                        rows.set_staff_password(staff, &hash, chrono::Utc::now())
                            .await?;
                    }
                }
            }
            logins.push(login);
        }
        Ok(logins)
    }
}
