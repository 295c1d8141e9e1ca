//! What each role may do, in one table. Roles include each other: an owner may what a manager may, and so on down.

use switchboard_store::StaffRole;

macro_rules! capabilities {
    ($($(#[$note:meta])* $name:ident $text:literal $least:ident),+ $(,)?) => {
        /// One thing that people may do. Its text is what pages and programs read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Capability {
            $($(#[$note])* $name,)+
        }

        impl Capability {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// `noun.verb`, for pages and programs. Never changes its meaning.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The least role that may.
            pub const fn least_role(self) -> StaffRole {
                match self {
                    $(Self::$name => StaffRole::$least,)+
                }
            }
        }
    };
}

capabilities! {
    /// Which calls there were, and how they ended.
    ListCalls "calls.list" Viewer,
    /// What was said in them, as text and sound.
    ReadCalls "calls.read" Staff,
    /// End a call, hand it over, take a consent back.
    ActOnCalls "calls.act" Staff,
    /// Let an agent call somebody.
    PlaceCalls "calls.place" Staff,
    /// Calls in progress, and listening in.
    WatchLive "live.watch" Staff,
    /// Talk with a caller in the agent's place.
    TakeOverCalls "calls.take_over" Staff,
    /// Talk to an agent from the browser.
    Talk "talk.use" Staff,
    /// Which agents there are.
    ListAgents "agents.list" Viewer,
    /// Change them.
    EditAgents "agents.edit" Manager,
    /// What was used and what it cost.
    ReadUsage "usage.read" Viewer,
    /// Whether the promises are kept.
    ReadHealth "health.read" Manager,
    /// Who called, and what is known of them.
    ReadContacts "contacts.read" Staff,
    /// Who comes when.
    ReadAppointments "appointments.read" Staff,
    /// What is switched.
    ReadSwitches "switches.read" Viewer,
    /// Switch it.
    ChangeSwitches "switches.change" Manager,
    /// Who is told of events, and where mail goes.
    ManageWebhooks "webhooks.manage" Manager,
    /// Limits of money.
    ChangeBudgets "budgets.change" Manager,
    /// Keys of programs.
    ManageKeys "keys.manage" Manager,
    /// Who may sign in, and as what.
    ManageStaff "staff.manage" Manager,
    /// Who did what.
    ReadAudit "audit.read" Owner,
}

impl Capability {
    /// Whether somebody of this role may.
    pub const fn allows(self, role: StaffRole) -> bool {
        rank(role) >= rank(self.least_role())
    }

    /// Whether a program with an API key may. People are administered by people.
    pub const fn allows_key(self) -> bool {
        !matches!(self, Self::ManageStaff | Self::ManageKeys | Self::ReadAudit)
    }

    /// What a role may do, as pages read it.
    pub fn of_role(role: StaffRole) -> Vec<&'static str> {
        let allowed = Self::ALL.iter().filter(|it| it.allows(role));
        allowed.map(|it| it.as_str()).collect()
    }
}

/// Roles whose password alone is not enough.
pub const fn needs_second_factor(role: StaffRole) -> bool {
    matches!(role, StaffRole::Owner | StaffRole::Manager)
}

const fn rank(role: StaffRole) -> u8 {
    match role {
        StaffRole::Viewer => 0,
        StaffRole::Staff => 1,
        StaffRole::Manager => 2,
        StaffRole::Owner => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h7_each_role_may_what_the_one_below_may_and_the_owner_everything() {
        let of = |role| Capability::of_role(role);
        let [viewer, staff, manager, owner] = [
            StaffRole::Viewer,
            StaffRole::Staff,
            StaffRole::Manager,
            StaffRole::Owner,
        ]
        .map(of);
        for (less, more) in [(&viewer, &staff), (&staff, &manager), (&manager, &owner)] {
            assert!(less.iter().all(|it| more.contains(it)) && less.len() < more.len());
        }
        assert_eq!(owner.len(), Capability::ALL.len());
        assert!(
            !viewer.contains(&"calls.read"),
            "text and sound are for staff"
        );
        assert!(!manager.contains(&"audit.read"));
    }

    #[test]
    fn no_two_capabilities_share_a_name() {
        let names: std::collections::BTreeSet<_> =
            Capability::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(names.len(), Capability::ALL.len());
    }
}
