//! Many short calls whose sockets are cut without a word, and what the gateway keeps of them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use switchboard_wire::twilio::CallSid;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::carrier::{Caller, Target};
use crate::process::{anonymous_kib, open_sockets};
use crate::socket::entropy;
use crate::webhook::Gateway;

/// The gauge of calls in progress.
const CALLS_LIVE: &str = "switchboard_calls_live";
/// A caller who never opens the stream holds a permit for at most 15 s; then everything must be gone.
const IDLE_AFTER_MAX: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Every tenth caller hangs up before the stream opens.
const STREAMLESS: u32 = 10;
/// Calls last between these: cut during the handshake, the greeting, or the first reply.
const LIVES_MS: [u64; 6] = [0, 40, 250, 700, 1_500, 2_500];

/// The gateway at rest.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    pub calls_live: f64,
    pub open_sockets: usize,
    pub anonymous_kib: f64,
}

/// Places this many calls, `parallel` at a time, and cuts each one. Says how many could not be placed.
pub async fn cut_calls(caller: &Caller, calls: u32, parallel: u32) -> u32 {
    let left = Rc::new(Cell::new(calls));
    let failed = Rc::new(Cell::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..parallel {
        let (left, failed, caller) = (Rc::clone(&left), Rc::clone(&failed), caller.clone());
        callers.spawn_local(async move {
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                if let Err(error) = cut_call(&caller, rest).await {
                    eprintln!("a call could not be placed: {error:#}");
                    failed.set(failed.get() + 1);
                }
            }
        });
    }
    callers.join_all().await;
    failed.get()
}

async fn cut_call(caller: &Caller, number: u32) -> Result<()> {
    if number.is_multiple_of(STREAMLESS)
        && let Target::Gateway(gateway) = &caller.target
    {
        return gateway
            .offer(&CallSid::from_entropy(entropy()?))
            .await
            .map(drop);
    }
    let mut call = caller.place().await?;
    let life_ms = LIVES_MS[number as usize % LIVES_MS.len()];
    // The gateway may end it first; then there is nothing left to cut.
    let _ = call
        .talk_until(Instant::now() + Duration::from_millis(life_ms))
        .await;
    drop(call);
    Ok(())
}

/// Waits until no call is left and says what the gateway holds then.
///
/// # Errors
/// The gateway does not answer.
pub async fn at_rest(gateway: &Gateway, pid: u32, sockets_before: usize) -> Result<Rest> {
    let began = Instant::now();
    loop {
        let rest = Rest {
            calls_live: gateway.measure(CALLS_LIVE).await?,
            open_sockets: open_sockets(pid)?,
            anonymous_kib: anonymous_kib(pid)?,
        };
        let is_idle = rest.calls_live == 0.0 && rest.open_sockets <= sockets_before;
        if is_idle || began.elapsed() > IDLE_AFTER_MAX {
            return Ok(rest);
        }
        sleep(LOOK_EVERY).await;
    }
}
