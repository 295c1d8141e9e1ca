//! Everything that can be typed, as types.

mod app_users;
mod budgets;
mod outgoing;
mod retention;
mod staff;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use app_users::AppUsersCommand;
pub use budgets::BudgetsCommand;
pub use outgoing::{AddressArguments, ConsentCommand, DialArguments, OptOutCommand};
pub use retention::RetentionCommand;
pub use staff::{NewStaffArguments, StaffArguments, StaffCommand};

/// Answers the telephone, the browser and the WebSocket with an AI agent that books and hands over to people.
#[derive(Debug, Parser)]
#[command(
    name = "switchboard",
    version,
    about,
    disable_help_subcommand = true,
    arg_required_else_help = false
)]
pub struct CommandLine {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do; nothing prints an overview.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct GlobalOptions {
    /// Settings file; SWITCHBOARD_CONFIG names it too, and switchboard.toml is read when it exists
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print data as one JSON document, errors as JSON on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Say more about errors
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On terminals, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer calls until Ctrl-C
    #[command(
        after_long_help = "Examples:\n  switchboard serve --demo\n  switchboard serve --demo --with-history\n  switchboard serve --config /etc/switchboard.toml"
    )]
    Serve(ServeOptions),
    /// Bring the database to this version, or show where it stands
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Place a simulated call and print the conversation
    #[cfg(feature = "rehearse")]
    #[command(
        after_long_help = "Examples:\n  switchboard call --agent medspa --say \"I would like to book a facial\"\n  switchboard call --agent trades --over twilio --say \"My boiler leaks\" --count 3"
    )]
    Call(CallArguments),
    /// Print what is stored about a tenant, newest first
    #[command(
        after_long_help = "Examples:\n  switchboard list calls --tenant medspa --limit 10\n  switchboard list turns --tenant medspa --json"
    )]
    List(ListArguments),
    /// Sum up what a tenant spent
    #[command(
        after_long_help = "Examples:\n  switchboard usage --tenant medspa\n  switchboard usage --tenant medspa --by agent --from 2026-11-01T00:00:00Z --json"
    )]
    Usage(UsageArguments),
    /// Print the OpenAPI document of everything that programs may ask
    #[command(after_long_help = "Example:\n  switchboard openapi > openapi.json")]
    Openapi,
    /// Look for what would hurt callers, and say how to mend it
    #[command(
        after_long_help = "Examples:\n  switchboard doctor\n  switchboard doctor --set-urls --fallback-url https://static.example/human.xml\n  switchboard doctor --live-call +12025550142\n\nExit code 1 when a check failed; warnings alone give 0."
    )]
    Doctor(DoctorArguments),
    /// Show agents
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Create and list tenants, their numbers and Twilio accounts
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Create API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who may sign in to the dashboard, and as what
    #[command(
        subcommand,
        after_long_help = "Examples:\n  switchboard staff invite --tenant medspa --name \"Ama Osei\" --email ama@example.org --role manager\n  switchboard staff list --tenant medspa\n  switchboard staff reset --tenant medspa --email ama@example.org --second-factor"
    )]
    Staff(StaffCommand),
    /// Try a job again, or take it back
    #[command(subcommand)]
    Job(JobCommand),
    /// Turn streaming, recording and more on or off for the next calls, without a restart
    #[command(
        subcommand,
        after_long_help = "Switches: streaming, bridge_only, recording, transcription (on, off); pick_up (agent, human_first, menu, bridge); consent_wording (a text).\nWithout --tenant a switch is for the whole installation; the most specific one wins.\n\nExamples:\n  switchboard switch set bridge_only on --tenant trades --hours 4\n  switchboard switch set pick_up menu --tenant trades --number +12025550104\n  switchboard switch clear bridge_only --tenant trades"
    )]
    Switch(SwitchCommand),
    /// Say where transcripts are mailed to, and settle doubtful mails
    #[command(subcommand)]
    Mail(MailCommand),
    /// Tell addresses of what happened, and see how that went
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Copy everything that is kept into a folder, while the server runs
    #[command(after_long_help = "Examples:\n  switchboard backup /backups/2026-11-21")]
    Backup(BackupArguments),
    /// Bring a backup back, and erase again whoever was erased since
    #[command(
        after_long_help = "Examples:\n  switchboard restore /backups/2026-11-21 --dry-run\n  switchboard restore /backups/2026-11-21 --force"
    )]
    Restore(RestoreArguments),
    /// Show how long each kind of data is kept, change it, delete what is over
    #[command(
        subcommand,
        after_long_help = "Examples:\n  switchboard retention list --tenant medspa\n  switchboard retention run --dry-run --json\n  switchboard retention set transcripts 90 --tenant medspa"
    )]
    Retention(RetentionCommand),
    /// Show and set what calls may cost
    #[command(
        subcommand,
        after_long_help = "Examples:\n  switchboard budgets show --tenant medspa\n  switchboard budgets set tenant-day 50.00 --tenant medspa\n  switchboard budgets clear session --tenant medspa"
    )]
    Budgets(BudgetsCommand),
    /// Write everything about one person into a folder
    #[command(
        after_long_help = "Examples:\n  switchboard export --tenant medspa --phone +12025550142 --to ama"
    )]
    Export(ExportArguments),
    /// Remove everything about one person
    #[command(
        after_long_help = "Examples:\n  switchboard erase --tenant medspa --phone +12025550142 --dry-run\n  switchboard erase --tenant medspa --email ama@example.org"
    )]
    Erase(EraseArguments),
    /// Let an agent call somebody; a running server dials
    #[command(
        after_long_help = "Examples:\n  switchboard dial --tenant medspa --agent medspa --to +12025550142 --purpose reminder\n  switchboard list outgoing-calls --tenant medspa"
    )]
    Dial(DialArguments),
    /// Record who agreed to be called
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Keep who must not be reached, by any channel
    #[command(subcommand, name = "opt-out")]
    OptOut(OptOutCommand),
}

/// What is summed up.
#[derive(Clone, Debug, Args)]
pub struct UsageArguments {
    /// Whose ledger
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// day, agent, component, model or user
    #[arg(long, default_value = "day", value_name = "WHAT")]
    pub by: switchboard_store::UsageBy,
    /// Where the range begins; without it thirty days before its end
    #[arg(long, value_name = "TIME")]
    pub from: Option<chrono::DateTime<chrono::Utc>>,
    /// Where the range ends, itself excluded; without it now
    #[arg(long, value_name = "TIME")]
    pub to: Option<chrono::DateTime<chrono::Utc>>,
}

/// Where a backup goes.
#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// Folder to make; it must not exist yet
    #[arg(value_name = "FOLDER")]
    pub to: PathBuf,
}

/// Which backup comes back.
#[derive(Clone, Debug, Args)]
pub struct RestoreArguments {
    /// Folder of the backup
    #[arg(value_name = "FOLDER")]
    pub from: PathBuf,
    /// Replace what the database holds
    #[arg(long)]
    pub force: bool,
    /// Only show whether it fits
    #[arg(long)]
    pub dry_run: bool,
}

/// Who is meant.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("person").required(true).multiple(false))]
pub struct PersonArguments {
    /// Whose contact: a name or an id
    #[arg(long, value_name = "NAME|ID")]
    pub tenant: String,
    /// The contact's id
    #[arg(long, value_name = "ID", group = "person")]
    pub contact: Option<switchboard_store::ContactId>,
    /// A telephone number, +12025550142: the contact with it, and callers from it
    #[arg(long, value_name = "NUMBER", group = "person")]
    pub phone: Option<switchboard_store::PhoneNumber>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS", group = "person")]
    pub email: Option<String>,
}

/// What to export.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Who is meant
    #[command(flatten)]
    pub person: PersonArguments,
    /// Folder to make; it must not exist yet
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
}

/// What to erase.
#[derive(Clone, Debug, Args)]
pub struct EraseArguments {
    /// Who is meant
    #[command(flatten)]
    pub person: PersonArguments,
    /// Only show what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// How to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ServeOptions {
    /// Load the five reference agents, one tenant each, and print how to reach them
    #[arg(long)]
    pub demo: bool,
    /// Add four weeks of marked demo calls, turns, costs and bookings
    #[arg(long, requires = "demo")]
    pub with_history: bool,
}

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Apply what is pending
    Up {
        /// Only show what would be applied
        #[arg(long)]
        dry_run: bool,
    },
    /// Show which migrations are applied and which are pending
    Status,
    /// Name every migration this version knows
    List,
}

/// A simulated call.
#[derive(Clone, Debug, Args)]
pub struct CallArguments {
    /// Agent to call
    #[arg(long, value_name = "NAME")]
    pub agent: String,
    /// Tenant of the agent; the agent's own name when left out, as in the demo
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// What the caller says, spoken aloud; repeat it for more. `press:1` presses keys (over twilio)
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// The caller's voice, one of espeak-ng's; the default is the one our offline model understands best
    #[arg(long, default_value = "en-us+f2", value_name = "NAME")]
    pub voice: String,
    /// How the call comes in
    #[arg(long, value_enum, default_value_t)]
    pub over: Channel,
    /// Calls at once
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
    /// A server that runs already; otherwise one is started for the call
    #[arg(long, value_name = "URL")]
    pub server: Option<crate::config::BaseUrl>,
    /// File with an API key for that server; SWITCHBOARD_API_KEY is read too, else one is made in the database
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// How a simulated call comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Channel {
    /// The realtime endpoint, wide-band audio
    #[default]
    Websocket,
    /// A carrier with webhooks and a media stream, telephone audio
    Twilio,
}

/// What to do besides looking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct DoctorArguments {
    /// Set the voice and status URLs of our numbers at the carrier
    #[arg(long, visible_alias = "fix")]
    pub set_urls: bool,
    /// Set this address of a static document as the fallback of our numbers; refused on our own host
    #[arg(long, value_name = "URL")]
    pub fallback_url: Option<crate::config::BaseUrl>,
    /// Ring this telephone of yours on the real account, cut its stream, and see that the carrier dials the human
    #[arg(long, value_name = "NUMBER")]
    pub live_call: Option<switchboard_store::PhoneNumber>,
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// The kind of rows
    #[arg(value_enum)]
    pub noun: Noun,
    /// Whose rows: a name or an id; only alerts may be listed without, and then of all
    #[arg(long, value_name = "NAME|ID")]
    pub tenant: Option<String>,
    /// At most this many rows; all when left out
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Rows of this call only
    #[arg(long, value_name = "ID")]
    pub call: Option<switchboard_store::CallId>,
}

/// Kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Noun {
    /// Calls
    Calls,
    /// Conversations with contacts, over all channels
    Conversations,
    /// Who said what, and what of it was heard
    Turns,
    /// Tools the agents ran
    ToolCalls,
    /// People known to the tenant
    Contacts,
    /// Booked appointments
    Appointments,
    /// What callers agreed to
    Consents,
    /// What is known of the audio of calls
    Recordings,
    /// How fast models were ready, and who went to a person instead
    Handshakes,
    /// The events of calls
    Events,
    /// What was used and what it cost
    Usage,
    /// Calls that agents place, and how far they have come
    OutgoingCalls,
    /// Who was rung for callers, and what became of it
    Transfers,
    /// Messages that callers left
    Voicemails,
    /// What agents took down: name, address, job, urgency
    Captured,
    /// Work beside the calls: mails, webhooks
    Jobs,
    /// Mails, and how far each came
    Mails,
    /// What was wrong, and since when
    Alerts,
}

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// List agents of a tenant; without one, the agent files
    List {
        /// Whose agents: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: Option<String>,
    },
    /// Print one agent's definition
    Show {
        /// The agent
        name: String,
        /// Whose agent: a name or an id; without one, the agent files
        #[arg(long, value_name = "NAME|ID")]
        tenant: Option<String>,
    },
    /// Publish an agent file for a tenant
    Import {
        /// The agent file
        file: PathBuf,
        /// Whose agent: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// Store the services, practitioners and opening hours of the file too
        #[arg(long)]
        with_business: bool,
    },
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// List tenants
    List,
    /// Create a tenant
    Create {
        /// Its name, unique in the installation
        name: String,
        /// The business's name as callers know it; the name when left out
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Its zone
        #[arg(long, default_value = "UTC", value_name = "ZONE")]
        time_zone: switchboard_store::Zone,
        /// The currency of its prices and bills
        #[arg(long, default_value = "USD", value_name = "CODE")]
        currency: switchboard_store::Currency,
    },
    /// Telephone numbers that lead to a tenant's agents
    #[command(subcommand)]
    Number(NumberCommand),
    /// The tenant's own Twilio account
    #[command(subcommand)]
    Twilio(TwilioCommand),
    /// Who vouches for the users of the tenant's app
    #[command(subcommand)]
    AppUsers(AppUsersCommand),
}

/// What to do with telephone numbers.
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// List a tenant's numbers
    List {
        /// Whose numbers: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Lead a number to an agent
    Set {
        /// Whose number: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// The number callers dial, +12025550103
        #[arg(long, value_name = "NUMBER")]
        number: switchboard_store::PhoneNumber,
        /// The agent that answers
        #[arg(long, value_name = "NAME")]
        agent: String,
        /// Who takes over: a number, or a party of the agent by name; the agent's own when left out
        #[arg(long, value_name = "NUMBER|NAME")]
        human: Option<String>,
    },
}

/// What to do with a Twilio account.
#[derive(Debug, Subcommand)]
pub enum TwilioCommand {
    /// Set the account and seal its auth token
    Set {
        /// Whose account: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// AC and 32 hexadecimal digits
        #[arg(long, value_name = "AC…")]
        account_sid: String,
        /// File with the primary auth token; - reads it from stdin
        #[arg(long, value_name = "FILE")]
        auth_token_file: PathBuf,
    },
}

/// What to do with mail.
#[derive(Clone, Debug, Subcommand)]
pub enum MailCommand {
    /// Show where a tenant's mail goes
    Addresses {
        /// Whose mail: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Mail transcripts and messages of a tenant, or of one agent, to an address
    Set {
        /// Whose mail: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// Of this agent only
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// The address
        address: crate::mail::MailAddress,
    },
    /// Mail nothing more of a tenant, or of one agent
    Unset {
        /// Whose mail: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// Of this agent only
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
    },
    /// Send a failed mail, or one that may have been sent, once more
    Resend {
        /// Whose mail: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// The mail, as `switchboard list mails` names it
        id: switchboard_store::MailId,
    },
}

impl MailCommand {
    /// Whose mail.
    pub fn tenant(&self) -> &str {
        match self {
            Self::Addresses { tenant }
            | Self::Set { tenant, .. }
            | Self::Unset { tenant, .. }
            | Self::Resend { tenant, .. } => tenant,
        }
    }
}

/// What to do with outgoing webhooks.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Tell an address of events; prints the secret that signs, this once
    Add {
        /// Whose events: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// An event; repeat it for more, leave it out for all
        #[arg(long = "event", value_name = "NAME")]
        events: Vec<String>,
        /// A public https:// address
        url: String,
    },
    /// List the addresses
    List {
        /// Whose addresses: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
    },
    /// Tell an address nothing more
    Remove {
        /// Whose address: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// As `switchboard webhook list` names it
        id: switchboard_store::WebhookId,
    },
    /// Tell an address again that was disabled
    Enable {
        /// Whose address: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// As `switchboard webhook list` names it
        id: switchboard_store::WebhookId,
    },
    /// Make a new secret; the old one signs too for a day
    Rotate {
        /// Whose address: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// As `switchboard webhook list` names it
        id: switchboard_store::WebhookId,
    },
    /// Send one delivery again, under its id
    Replay {
        /// Whose delivery: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// As `switchboard webhook log` names it
        delivery: switchboard_store::WebhookDeliveryId,
    },
    /// Show every try, newest first
    Log {
        /// Whose tries: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// At most this many
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
}

impl WebhookCommand {
    /// Whose webhooks.
    pub fn tenant(&self) -> &str {
        match self {
            Self::Add { tenant, .. }
            | Self::List { tenant }
            | Self::Remove { tenant, .. }
            | Self::Enable { tenant, .. }
            | Self::Rotate { tenant, .. }
            | Self::Replay { tenant, .. }
            | Self::Log { tenant, .. } => tenant,
        }
    }
}

/// What to do with a job.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum JobCommand {
    /// Let a waiting, failed or cancelled job run now, with all its attempts
    Retry {
        /// The job, as `switchboard list jobs` names it
        id: switchboard_store::JobId,
    },
    /// Take back a job that is not done
    Cancel {
        /// The job, as `switchboard list jobs` names it
        id: switchboard_store::JobId,
    },
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Create a key and print it, this once
    Create {
        /// Whose agents it reaches: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: String,
        /// What it is for
        #[arg(long, value_name = "NAME")]
        name: String,
    },
}

/// What to do with switches.
#[derive(Debug, Subcommand)]
pub enum SwitchCommand {
    /// Show what is set; without a tenant, for the whole installation
    List {
        /// Whose switches: a name or an id
        #[arg(long, value_name = "NAME|ID")]
        tenant: Option<String>,
    },
    /// Set a switch; the next call obeys it
    Set {
        /// The switch
        switch: String,
        /// What it shall say
        value: String,
        /// For whom
        #[command(flatten)]
        scope: SwitchScopeArguments,
        /// It ends by itself after so many hours; without it, when it is cleared
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8_760))]
        hours: Option<u32>,
    },
    /// Clear a switch, so that the broader one counts again
    Clear {
        /// The switch
        switch: String,
        /// For whom
        #[command(flatten)]
        scope: SwitchScopeArguments,
    },
}

/// How far a switch reaches.
#[derive(Clone, Debug, Args)]
pub struct SwitchScopeArguments {
    /// For this tenant, by name or id; the whole installation when left out
    #[arg(long, value_name = "NAME|ID")]
    pub tenant: Option<String>,
    /// For this number of the tenant only
    #[arg(long, value_name = "NUMBER", requires = "tenant")]
    pub number: Option<switchboard_store::PhoneNumber>,
}
