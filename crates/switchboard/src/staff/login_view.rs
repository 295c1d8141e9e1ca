//! What a page learns of its login.

use chrono::{DateTime, Utc};
use serde::Serialize;
use switchboard_store::{Private, StaffId, StaffListing, StaffRole, Tenant, TenantId, Zone};

use super::capability::{Capability, needs_second_factor};
use super::doorkeeper::StaffLogin;

/// Who it is, what they may do, and how long it lasts.
#[derive(Serialize)]
pub struct LoginView {
    staff_id: StaffId,
    name: Private<String>,
    email: Private<String>,
    role: StaffRole,
    capabilities: Vec<&'static str>,
    tenant: TenantView,
    /// The tenants this login reaches.
    tenants: Vec<TenantView>,
    demo: bool,
    second_factor: SecondFactorView,
    expires_at: DateTime<Utc>,
}

#[derive(Clone, Serialize)]
struct TenantView {
    id: TenantId,
    name: String,
    display_name: String,
    time_zone: Zone,
}

#[derive(Serialize)]
struct SecondFactorView {
    enrolled: bool,
    /// This role needs one, at the second sign-in at the latest.
    required: bool,
    /// Nothing else is open before it is set up.
    missing: bool,
    recovery_codes_left: u64,
}

impl LoginView {
    pub(super) fn of(
        login: &StaffLogin,
        person: StaffListing,
        tenant: Tenant,
        recovery_codes_left: u64,
    ) -> Self {
        let tenant = TenantView {
            id: tenant.id,
            name: tenant.name,
            display_name: tenant.display_name,
            time_zone: tenant.time_zone,
        };
        Self {
            staff_id: person.id,
            name: person.name,
            email: person.email,
            role: person.role,
            capabilities: Capability::of_role(person.role),
            tenants: vec![tenant.clone()],
            tenant,
            demo: person.is_demo,
            second_factor: SecondFactorView {
                enrolled: person.second_factor,
                required: needs_second_factor(person.role) && !person.is_demo,
                missing: login.must_enrol,
                recovery_codes_left,
            },
            expires_at: login.expires_at,
        }
    }
}
