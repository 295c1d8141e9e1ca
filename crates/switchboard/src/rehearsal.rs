//! Simulated calls against a running server: `switchboard call`.
//!
//! A caller with real speech talks to an agent over the real protocols, and the talk is printed as it happens. It never
//! takes a short cut into the server: what it knows beyond the protocol, it reads from the database like `list` does.

mod api_key;
mod caller;
mod lines;
mod player;
mod report;
mod rows;
mod site;
mod talk;
mod telephone;
mod websocket;

use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use switchboard_store::{CallId, Tenant, TenantStore};
use tokio::task::JoinSet;

use crate::cli::{CallArguments, Channel, Exit, Failure, Output};
use crate::config::{AgentDefinition, Settings};
use api_key::RehearsalKey;
use lines::{Act, Line};
use report::{Placed, Report};
use rows::{Follower, NewCalls, StoredCall};
use site::Site;
use talk::Talk;

/// What the shell is told after Ctrl-C (128 + SIGINT).
const EXIT_INTERRUPTED: i32 = 130;

/// Places simulated calls and prints the conversation.
///
/// # Errors
/// The server cannot be reached, or the call failed.
pub async fn call(settings: Settings, arguments: CallArguments, output: Output) -> Result<()> {
    let lines = lines::parse(&arguments.say)?;
    refuse_keys(&lines, arguments.over)?;
    let rate_hz = match arguments.over {
        Channel::Websocket => caller::RATE_HZ,
        Channel::Twilio => telephone::RATE_HZ,
    };
    let acts = lines::voice(&lines, &arguments.voice, rate_hz).await?;
    let site = Site::open(settings, &arguments, output).await?;
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let rehearsed = tokio::select! {
        rehearsed = rehearse(&site, &arguments, acts, output) => Some(rehearsed),
        () = interrupted => None,
    };
    site.close().await;
    rehearsed.unwrap_or_else(|| {
        output.note("interrupted; the calls so far are stored");
        std::process::exit(EXIT_INTERRUPTED)
    })
}

/// # Errors
/// There are keys to press, and none to press them on.
fn refuse_keys(lines: &[Line], over: Channel) -> Result<()> {
    let has_keys = lines.iter().any(|line| matches!(line, Line::Press(_)));
    if has_keys && over == Channel::Websocket {
        let failure = Failure::new(Exit::WrongUse, "there are no keys on this channel");
        return Err(failure.with_help("press: works with --over twilio").into());
    }
    Ok(())
}

async fn rehearse(
    site: &Site,
    arguments: &CallArguments,
    acts: Vec<Act>,
    output: Output,
) -> Result<()> {
    let found = site.tenant(arguments).await?;
    let placed = match arguments.over {
        Channel::Websocket => over_websocket(site, arguments, acts, output, found.as_ref()).await?,
        Channel::Twilio => over_carrier(site, arguments, acts, output, found.as_ref()).await?,
    };
    let stored = match &found {
        Some((_, rows)) => read_stored(rows, &placed).await?,
        None => Vec::new(),
    };
    let report = Report {
        tenant: found.as_ref().map(|(tenant, _)| tenant),
        agent: &arguments.agent,
        over: match arguments.over {
            Channel::Websocket => "websocket",
            Channel::Twilio => "twilio",
        },
        placed: &placed.calls,
        stored: &stored,
    };
    match (output.is_json(), arguments.count) {
        (true, _) => report.print_document(output)?,
        (false, 1) => report.print_outcome(output)?,
        (false, _) => report.print_table(output)?,
    }
    Ok(report.verdict()?)
}

/// Calls that were placed, and the ids the database knows them by.
struct AllPlaced {
    calls: Vec<Placed>,
    ids: Vec<CallId>,
}

async fn read_stored(rows: &TenantStore, placed: &AllPlaced) -> Result<Vec<StoredCall>> {
    let mut stored = Vec::with_capacity(placed.ids.len());
    for id in &placed.ids {
        stored.extend(StoredCall::read(rows, *id).await?);
    }
    Ok(stored)
}

/// One talk is printed; of many only the summary is.
fn talk_of(arguments: &CallArguments, output: Output) -> Talk {
    if arguments.count == 1 && !output.is_json() {
        Talk::printed(output)
    } else {
        Talk::silent()
    }
}

async fn over_websocket(
    site: &Site,
    arguments: &CallArguments,
    acts: Vec<Act>,
    output: Output,
    found: Option<&(Tenant, TenantStore)>,
) -> Result<AllPlaced> {
    let key = key_of(site, arguments, found).await?;
    let endpoint = websocket::Endpoint {
        url: endpoint_url(&site.base, &arguments.agent),
        key: key.secret.clone(),
        asks_first: asks_first(arguments, found).await?,
    };
    let calls = match found {
        Some((_, rows)) => {
            Some(NewCalls::since_now(rows.clone(), arguments.agent.clone(), arguments.count).await?)
        }
        None => None,
    };
    let mut talks = JoinSet::new();
    for _ in 0..arguments.count {
        let talk = talk_of(arguments, output);
        let watched = calls.clone().zip(found).filter(|_| talk.is_printed());
        let watch = watched
            .map(|(calls, (_, rows))| websocket::Watch::new(calls, Follower::new(rows.clone())));
        talks.spawn(websocket::place(
            endpoint.clone(),
            acts.clone(),
            talk,
            watch,
        ));
    }
    let placed = all(talks).await;
    key.drop_made().await;
    let ids = match calls {
        Some(calls) => calls.ours().await?,
        None => Vec::new(),
    };
    Ok(AllPlaced {
        calls: placed?,
        ids,
    })
}

async fn key_of(
    site: &Site,
    arguments: &CallArguments,
    found: Option<&(Tenant, TenantStore)>,
) -> Result<RehearsalKey> {
    if let Some(key) = RehearsalKey::given(arguments.key_file.as_deref())? {
        return Ok(key);
    }
    match site.store.as_ref().zip(found) {
        Some((store, (tenant, _))) => RehearsalKey::make(store, tenant.id).await,
        None => Err(Failure::new(Exit::WrongUse, "the server wants an API key")
            .with_help("name one by --key-file")
            .into()),
    }
}

fn endpoint_url(base: &str, agent: &str) -> String {
    let address = base.strip_prefix("http").unwrap_or(base);
    let agent = utf8_percent_encode(agent, NON_ALPHANUMERIC);
    format!("ws{address}/v1/realtime?model={agent}&switchboard_events=1")
}

/// Nobody speaks before the client asks, unless the agent greets by itself; then asking too would make two greetings.
async fn asks_first(
    arguments: &CallArguments,
    found: Option<&(Tenant, TenantStore)>,
) -> Result<bool> {
    let Some((_, rows)) = found else {
        return Ok(true);
    };
    let stored = rows.agent(&arguments.agent).await?;
    let definition =
        stored.and_then(|agent| serde_json::from_value::<AgentDefinition>(agent.definition).ok());
    Ok(!definition.is_some_and(|definition| definition.greeting.realtime))
}

async fn over_carrier(
    site: &Site,
    arguments: &CallArguments,
    acts: Vec<Act>,
    output: Output,
    found: Option<&(Tenant, TenantStore)>,
) -> Result<AllPlaced> {
    let (Some(carrier), Some((tenant, rows)), Some(store)) = (&site.carrier, found, &site.store)
    else {
        return Err(Failure::new(
            Exit::CannotReach,
            "a call over a carrier needs the database of the server",
        )
        .into());
    };
    let numbers = rows.list_numbers().await?;
    let number = numbers
        .into_iter()
        .find(|number| number.agent == arguments.agent)
        .map(|found| found.number);
    let Some(number) = number else {
        let failure = Failure::new(
            Exit::WrongUse,
            format!("no telephone number leads to {}", arguments.agent),
        );
        let help = format!(
            "switchboard tenant number set --tenant {} --agent {} --number …",
            tenant.name, arguments.agent
        );
        return Err(failure.with_help(help).into());
    };
    let route = store.lookup().number(&number).await?;
    if route.is_some_and(|route| route.account_sid.is_some()) {
        let failure = Failure::new(
            Exit::WrongUse,
            format!(
                "the number of {} belongs to a real Twilio account",
                arguments.agent
            ),
        );
        return Err(failure
            .because("the simulated carrier cannot sign for that account")
            .with_help("call a tenant without an account of its own")
            .into());
    }
    let line = telephone::Line {
        base: site.base.clone(),
        number: number.expose().to_owned(),
    };
    let talks = (0..arguments.count).map(|_| {
        telephone::place(
            carrier,
            &line,
            &acts,
            talk_of(arguments, output),
            rows.clone(),
        )
    });
    let calls: Vec<Placed> = futures_util::future::try_join_all(talks).await?;
    let ids = calls
        .iter()
        .flat_map(|call| call.calls.iter().copied())
        .collect();
    Ok(AllPlaced { calls, ids })
}

/// Waits for every talk. The first error of ours ends them all.
async fn all(mut talks: JoinSet<Result<Placed>>) -> Result<Vec<Placed>> {
    let mut placed = Vec::with_capacity(talks.len());
    while let Some(talk) = talks.join_next().await {
        placed.push(talk??);
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_name_cannot_add_to_the_address() {
        let url = endpoint_url("http://127.0.0.1:80", "a&model=b#c");
        assert_eq!(
            url,
            "ws://127.0.0.1:80/v1/realtime?model=a%26model%3Db%23c&switchboard_events=1"
        );
    }

    #[test]
    fn keys_need_a_telephone() {
        let keys = [Line::Press(vec!['1'])];
        assert!(refuse_keys(&keys, Channel::Websocket).is_err());
        assert!(refuse_keys(&keys, Channel::Twilio).is_ok());
    }
}
