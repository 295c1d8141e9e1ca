//! What calls may cost.

use clap::Subcommand;

/// What to do with the limits of money.
#[derive(Debug, Subcommand)]
pub enum BudgetsCommand {
    /// Show what a tenant's calls may cost, and what today has cost
    Show {
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Set a limit of a tenant's own
    Set {
        /// session, session-length, user-day or tenant-day
        #[arg(value_name = "BUDGET")]
        budget: String,
        /// USD, such as 2.50; seconds for session-length; 0 is no limit
        #[arg(value_name = "LIMIT")]
        limit: String,
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Give a limit back to the settings of the installation
    Clear {
        /// session, session-length, user-day or tenant-day
        #[arg(value_name = "BUDGET")]
        budget: String,
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
}
