//! Pages of the dashboard that stand open: each follows the list of live calls and reads what comes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use switchboard_wire::websocket::Message;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::socket::Socket;

/// Below the gateway's own limit of requests per second and address.
const OPENED_PER_SECOND: u32 = 40;

/// What all listeners together saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Those that are connected and were told the list as it stood.
    pub open: Cell<u32>,
    /// Messages read since the beginning.
    pub messages: Cell<u64>,
}

/// Opens `count` pages at `gateway` (`host:port`) one after the other. They stay open until the process ends.
///
/// # Errors
/// A page that could not be opened.
pub async fn open(gateway: &str, key: &str, count: u32) -> Result<Rc<Seen>> {
    let seen = Rc::new(Seen::default());
    let url = format!("ws://{gateway}/api/v1/live");
    let bearer = format!("Bearer {key}");
    for number in 0..count {
        let socket = Socket::dial(&url, &[("authorization", &bearer)]).await;
        let mut socket = socket.with_context(|| format!("listener {number}"))?;
        socket.send(&[br#"{"subscribe":"calls"}"#]);
        socket.push().await?;
        spawn_local(listen(socket, Rc::clone(&seen)));
        sleep(Duration::from_secs(1) / OPENED_PER_SECOND).await;
    }
    Ok(seen)
}

async fn listen(mut socket: Socket, seen: Rc<Seen>) {
    let mut has_list = false;
    while let Ok(message) = socket.next().await {
        if let Message::Text(_) = message {
            seen.messages.set(seen.messages.get() + 1);
            if !std::mem::replace(&mut has_list, true) {
                seen.open.set(seen.open.get() + 1);
            }
        }
    }
    if has_list {
        seen.open.set(seen.open.get() - 1);
    }
}
