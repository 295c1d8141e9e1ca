//! From a command to the code that does it.

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

use super::arguments::{Command, CommandLine};
use super::output::Output;
use super::{
    agent, backup, budgets, doctor, job, list, mail, migrate, outgoing, person, retention, staff,
    switch, tenant, usage, webhook,
};
use crate::config::{Settings, SettingsSource};

/// What `switchboard` alone prints.
const OVERVIEW: &str = "\
Switchboard answers the telephone, the browser and the WebSocket with an AI agent, and never loses the caller.

Run       serve      answer calls until Ctrl-C          migrate    bring the database to this version
Try       call       place a simulated call
Look      list       what is stored about a tenant      doctor     look for what would hurt callers
          job        try a job again, or take it back   usage      what a tenant spent
          openapi    the API as an OpenAPI document
Call out  dial       let an agent call somebody         consent    who agreed to be called
          opt-out    who must not be reached
Set up    tenant     tenants, numbers, Twilio accounts  agent      show and import agents
          key        create API keys                    switch     on, off and who picks up, at once
          mail       where transcripts go                 webhook    addresses that are told of events
          staff      who may sign in
Keep      backup     a copy of everything               restore    bring it back
          retention  how long each kind is kept         budgets    what calls may cost
People    export     everything about one person        erase      remove it

Examples
  switchboard serve --demo
  switchboard call --agent medspa --say \"I would like to book a facial\"
  switchboard list appointments --tenant medspa

`switchboard <command> --help` explains each one.
";

pub(super) fn run(command_line: CommandLine, output: &Output) -> Result<()> {
    let Some(command) = command_line.command else {
        return output.line(OVERVIEW.trim_end());
    };
    let settings = Settings::load(&SettingsSource::from_process(command_line.global.config))?;
    match command {
        Command::Serve(options) => on_every_core()?.block_on(crate::app::serve(settings, options)),
        #[cfg(feature = "rehearse")]
        Command::Call(arguments) => {
            on_every_core()?.block_on(crate::rehearsal::call(settings, arguments, *output))
        }
        Command::Migrate(command) => {
            on_one_core()?.block_on(migrate::migrate(&settings, &command, output))
        }
        Command::List(arguments) => {
            on_one_core()?.block_on(list::list(&settings, &arguments, output))
        }
        Command::Usage(arguments) => {
            on_one_core()?.block_on(usage::usage(&settings, &arguments, output))
        }
        Command::Openapi => output.line(crate::openapi::text()),
        Command::Doctor(arguments) => {
            on_one_core()?.block_on(doctor::doctor(&settings, &arguments, output))
        }
        Command::Agent(command) => {
            on_one_core()?.block_on(agent::agent(&settings, &command, output))
        }
        Command::Tenant(command) => {
            on_one_core()?.block_on(tenant::tenant(&settings, &command, output))
        }
        Command::Mail(command) => on_one_core()?.block_on(mail::mail(&settings, &command, output)),
        Command::Webhook(command) => {
            on_one_core()?.block_on(webhook::webhook(&settings, &command, output))
        }
        Command::Staff(command) => {
            on_one_core()?.block_on(staff::staff(&settings, &command, output))
        }
        Command::Job(command) => on_one_core()?.block_on(job::job(&settings, &command, output)),
        Command::Backup(arguments) => {
            on_one_core()?.block_on(backup::backup(&settings, &arguments, output))
        }
        Command::Restore(arguments) => {
            on_one_core()?.block_on(backup::restore(&settings, &arguments, output))
        }
        Command::Retention(command) => {
            on_one_core()?.block_on(retention::retention(&settings, &command, output))
        }
        Command::Budgets(command) => {
            on_one_core()?.block_on(budgets::budgets(&settings, &command, output))
        }
        Command::Export(arguments) => {
            on_one_core()?.block_on(person::export(&settings, &arguments, output))
        }
        Command::Erase(arguments) => {
            on_one_core()?.block_on(person::erase(&settings, &arguments, output))
        }
        Command::Dial(arguments) => {
            on_one_core()?.block_on(outgoing::dial(&settings, &arguments, output))
        }
        Command::Consent(command) => {
            on_one_core()?.block_on(outgoing::consent(&settings, &command, output))
        }
        Command::OptOut(command) => {
            on_one_core()?.block_on(outgoing::opt_out(&settings, &command, output))
        }
        Command::Key(command) => on_one_core()?.block_on(tenant::key(&settings, &command, output)),
        Command::Switch(command) => {
            on_one_core()?.block_on(switch::switch(&settings, &command, output))
        }
    }
}

fn on_every_core() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn on_one_core() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
