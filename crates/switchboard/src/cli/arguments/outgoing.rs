//! Calls that agents place, who agreed to them and who opted out.

use clap::{Args, Subcommand};

/// A call to be made.
#[derive(Clone, Debug, Args)]
pub struct DialArguments {
    /// Whose agent: a name or an id
    #[arg(long, value_name = "NAME|ID")]
    pub tenant: String,
    /// The agent that calls
    #[arg(long, value_name = "NAME")]
    pub agent: String,
    /// The number to call, +12025550142
    #[arg(long, value_name = "NUMBER", conflicts_with = "contact")]
    pub to: Option<String>,
    /// The contact to call, in the place of a number
    #[arg(long, value_name = "ID")]
    pub contact: Option<switchboard_store::ContactId>,
    /// Why; the agent's file lists for what it calls
    #[arg(long, value_enum)]
    pub purpose: crate::config::agent::CallPurpose,
    /// One of the tenant's numbers; the one that leads to the agent when left out
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<switchboard_store::PhoneNumber>,
    /// Not before this moment, 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<switchboard_store::Timestamp>,
    /// Not after this moment
    #[arg(long, value_name = "TIME")]
    pub not_after: Option<switchboard_store::Timestamp>,
    /// What the agent is told about it
    #[arg(long, value_name = "TEXT")]
    pub context: Option<String>,
}

/// What to do with consents.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Record an answer that a person gave
    Add {
        /// Whose contact: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// The person's number; a contact is made when there is none
        #[arg(long, value_name = "NUMBER")]
        number: switchboard_store::PhoneNumber,
        /// For what: outgoing_calls, or outgoing_calls.reminder for reminders only
        #[arg(long, default_value = "outgoing_calls", value_name = "WORD")]
        purpose: String,
        /// What the person was asked, word for word
        #[arg(long, value_name = "TEXT")]
        wording: String,
        /// The language of the question
        #[arg(long, default_value = "en", value_name = "CODE")]
        language: String,
        /// The person said no
        #[arg(long)]
        refused: bool,
    },
}

/// What to do with opt-outs.
#[derive(Debug, Subcommand)]
pub enum OptOutCommand {
    /// Stop every channel to a person
    Add {
        /// Who
        #[command(flatten)]
        address: AddressArguments,
    },
    /// List opt-outs
    List {
        /// Whose: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Take an opt-out back
    Remove {
        /// Who
        #[command(flatten)]
        address: AddressArguments,
    },
}

/// A person by one address.
#[derive(Clone, Debug, Args)]
pub struct AddressArguments {
    /// Whose contact: a name or an id
    #[arg(long, value_name = "NAME|ID")]
    pub tenant: String,
    /// The person's number
    #[arg(long, value_name = "NUMBER", conflicts_with = "email")]
    pub number: Option<switchboard_store::PhoneNumber>,
    /// The person's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
}
