//! What is kept for how long.

use clap::Subcommand;

/// What to do with the time that data is kept.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Show for how long each kind of data is kept
    List {
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Delete now what is over; a running server does so once a day
    Run {
        /// Whose: a name or an id; of all tenants when left out
        #[arg(long, value_name = "NAME|ID")]
        tenant: Option<String>,
        /// Only count
        #[arg(long)]
        dry_run: bool,
    },
    /// Keep a kind of a tenant's data for days of its own
    Set {
        /// The kind, as `list` shows it
        #[arg(value_name = "KIND")]
        kind: String,
        /// Days; 0 keeps it for ever
        #[arg(value_name = "DAYS")]
        days: u32,
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Keep it as long as the settings say
    Clear {
        /// The kind, as `list` shows it
        #[arg(value_name = "KIND")]
        kind: String,
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
}
