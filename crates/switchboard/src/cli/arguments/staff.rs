//! What can be typed behind `staff`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use switchboard_store::StaffRole;

/// Who may sign in.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Add a person with a password
    Create {
        /// Who it is
        #[command(flatten)]
        person: NewStaffArguments,
        /// File that holds the password; - reads it from standard input
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Add a person, or take one who is there, and print a link by which they choose a password
    Invite {
        /// Who it is
        #[command(flatten)]
        person: NewStaffArguments,
    },
    /// Print everybody
    List {
        /// Name or id of the tenant
        #[arg(long)]
        tenant: String,
    },
    /// End a person's right to sign in, at once
    Disable {
        /// Who it is
        #[command(flatten)]
        person: StaffArguments,
    },
    /// Sign a person out everywhere and print a link for a new password
    Reset {
        /// Who it is
        #[command(flatten)]
        person: StaffArguments,
        /// Take the second factor away too, for somebody who lost it
        #[arg(long)]
        second_factor: bool,
    },
}

/// A person by address.
#[derive(Clone, Debug, Args)]
pub struct StaffArguments {
    /// Name or id of the tenant
    #[arg(long)]
    pub tenant: String,
    /// E-mail address of the person
    #[arg(long)]
    pub email: String,
}

/// A person who may be new.
#[derive(Clone, Debug, Args)]
pub struct NewStaffArguments {
    /// Where the person works, and their address
    #[command(flatten)]
    pub person: StaffArguments,
    /// As colleagues know them
    #[arg(long)]
    pub name: String,
    /// owner, manager, staff or viewer
    #[arg(long)]
    pub role: StaffRole,
}
