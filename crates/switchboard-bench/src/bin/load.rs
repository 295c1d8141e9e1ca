//! Carrier and model around a running gateway, and what it cost. Prints one `name value` per line on stdout.
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use switchboard_bench::book::{Book, SharedBook, Times};
use switchboard_bench::carrier::{Caller, Target};
use switchboard_bench::listeners;
use switchboard_bench::model;
use switchboard_bench::process::{anonymous_kib, cpu_time, open_sockets};
use switchboard_bench::sequence::{at_rest, cut_calls};
use switchboard_bench::voice::Frames;
use switchboard_bench::webhook::Gateway;
use switchboard_wire::twilio::AccountSid;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

/// From the last call's start to the window: greeting heard, first burst of everybody begun.
const SETTLE: Duration = Duration::from_secs(12);
/// Placed calls per second while the load grows.
const CALLS_PER_SECOND: u32 = 20;
/// The first quarter of the calls makes what is made once (connections of the database, caches) and is no measure of a call.
const WARMING_SHARE: u32 = 4;
/// Calls at once in the sequence.
const PARALLEL: u32 = 20;

#[derive(Parser)]
struct Arguments {
    /// Where the gateway finds its model
    #[arg(long)]
    listen: SocketAddr,
    /// Process id of the gateway
    #[arg(long)]
    pid: u32,
    /// Calls at once; with --sequence, calls in all
    #[arg(long)]
    calls: u32,
    /// Length of the measured window
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// A relay that takes any stream, ws://host:port/path
    #[arg(long, conflicts_with = "gateway")]
    relay: Option<String>,
    /// A gateway that takes signed webhooks, host:port
    #[arg(long)]
    gateway: Option<String>,
    /// Signs webhooks
    #[arg(long, default_value = "")]
    auth_token: String,
    /// Carrier's account, AC and 32 hexadecimal digits
    #[arg(long, default_value = "AC01010101010101010101010101010101")]
    account: String,
    /// Number that is called
    #[arg(long, default_value = "+12025550103")]
    number: String,
    /// Pages of the dashboard that follow the live calls meanwhile
    #[arg(long, default_value_t = 0, requires = "key")]
    listeners: u32,
    /// API key of those pages
    #[arg(long)]
    key: Option<String>,
    /// Place the calls in two halves, twenty at a time, and cut each
    #[arg(long)]
    sequence: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    let book = Book::shared();
    let listener = TcpListener::bind(arguments.listen).await?;
    let serving = model::serve(listener, Rc::clone(&book));
    spawn_local(async move {
        if let Err(error) = serving.await {
            eprintln!("the model ended: {error}");
        }
    });
    let caller = Caller {
        target: target_of(&arguments)?,
        book,
        frames: Rc::new(Frames::new()),
        number: 0,
    };
    if arguments.sequence {
        return sequence(&arguments, caller).await;
    }
    load(&arguments, caller).await
}

fn target_of(arguments: &Arguments) -> Result<Target> {
    match (&arguments.relay, &arguments.gateway) {
        (Some(url), _) => Ok(Target::Relay(url.clone())),
        (None, Some(address)) => Ok(Target::Gateway(Gateway {
            address: address.clone(),
            auth_token: arguments.auth_token.clone(),
            account: AccountSid::parse(&arguments.account)?,
            number: arguments.number.clone(),
        })),
        (None, None) => bail!("either --relay or --gateway"),
    }
}

async fn load(arguments: &Arguments, caller: Caller) -> Result<()> {
    let book = Rc::clone(&caller.book);
    let pages = match (&arguments.gateway, &arguments.key) {
        (Some(gateway), Some(key)) => {
            Some(listeners::open(gateway, key, arguments.listeners).await?)
        }
        _ => None,
    };
    let idle_kib = anonymous_kib(arguments.pid)?;
    let ramp = Duration::from_secs(1) * arguments.calls / CALLS_PER_SECOND;
    let window_begins = Instant::now() + ramp + SETTLE;
    let window = Duration::from_secs(arguments.seconds);
    let calls_end = window_begins + window + Duration::from_millis(500);
    let live = Rc::new(Cell::new(0_u32));
    let mut callers = JoinSet::new();
    let first_calls = arguments.calls / WARMING_SHARE;
    let mut warm_kib = idle_kib;
    for number in 0..arguments.calls {
        if number == first_calls && number > 0 {
            warm_kib = anonymous_kib(arguments.pid)?;
        }
        let caller = Caller {
            number: u16::try_from(number)?,
            ..caller.clone()
        };
        callers.spawn_local(hold_call(caller, calls_end, Rc::clone(&live)));
        sleep(Duration::from_secs(1) / CALLS_PER_SECOND).await;
    }
    sleep_until(window_begins).await;
    let live_calls = live.get();
    let told_before = pages.as_ref().map_or(0, |pages| pages.messages.get());
    let cpu_before = cpu_time(arguments.pid)?;
    let began = Instant::now();
    book.borrow_mut().is_measuring = true;
    sleep_until(window_begins + window).await;
    book.borrow_mut().is_measuring = false;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(arguments.pid)?.since(cpu_before);
    let loaded_kib = anonymous_kib(arguments.pid)?;
    let live_after = live.get();
    if let Some(pages) = &pages {
        print("listeners_open", f64::from(pages.open.get()));
        print(
            "listener_messages",
            (pages.messages.get() - told_before) as f64,
        );
    }
    print("cpu_window_ms", cpu.total_ms());
    print("window_s", seconds);
    callers.join_all().await;
    let call_seconds = f64::from(live_calls) * seconds;
    print("calls", f64::from(arguments.calls));
    print("calls_at_begin", f64::from(live_calls));
    print("calls_at_end", f64::from(live_after));
    print("cpu_ms", cpu.total_ms() / call_seconds);
    print("cpu_user_ms", cpu.user_ms / call_seconds);
    print("cpu_system_ms", cpu.system_ms / call_seconds);
    print("idle_kib", idle_kib);
    print(
        "kib_per_call",
        (loaded_kib - warm_kib) / f64::from(live_calls.saturating_sub(first_calls).max(1)),
    );
    print("warm_kib", warm_kib - idle_kib);
    print_book(&book, call_seconds);
    Ok(())
}

/// One call from its first request to its hang-up.
async fn hold_call(caller: Caller, end: Instant, live: Rc<Cell<u32>>) {
    let book = Rc::clone(&caller.book);
    let mut call = match caller.place().await {
        Ok(call) => call,
        Err(error) => {
            book.borrow_mut().lost += 1;
            return eprintln!("a call could not be placed: {error:#}");
        }
    };
    live.set(live.get() + 1);
    let talked = call.talk_until(end).await;
    live.set(live.get() - 1);
    match talked {
        Ok(()) => call.hang_up().await,
        Err(error) => {
            book.borrow_mut().lost += 1;
            eprintln!("the gateway ended a call: {error}");
        }
    }
}

fn print_book(book: &SharedBook, call_seconds: f64) {
    let book = book.borrow();
    print_times("uplink", &book.uplink);
    print_times("quiet", &book.quiet);
    print_times("downlink", &book.downlink);
    print_times("webhook", &book.webhook);
    print_times("configuring", &book.configuring);
    print_times("first_audio", &book.first_audio);
    let rates = [
        ("appends_per_s", book.appends),
        ("deltas_per_s", book.deltas),
        ("media_per_s", book.media),
        ("marks_per_s", book.marks),
        ("clears_per_s", book.clears),
    ];
    rates
        .into_iter()
        .for_each(|(name, count)| print(name, count as f64 / call_seconds));
    let counts = [
        ("bursts", book.bursts),
        ("unanswered", book.unanswered),
        ("refused", book.refused),
        ("lost", book.lost),
        ("carrier_requests", book.requests),
    ];
    counts
        .into_iter()
        .for_each(|(name, count)| print(name, count as f64));
}

fn print_times(name: &str, times: &Times) {
    print(&format!("{name}_count"), times.count() as f64);
    for (suffix, share) in [("p50_ms", 0.5), ("p99_ms", 0.99)] {
        if let Some(value) = times.percentile(share) {
            print(&format!("{name}_{suffix}"), value);
        }
    }
}

fn print(name: &str, value: f64) {
    println!("{name} {value:.4}");
}

/// A first call wakes everything that a gateway makes once; then two equal halves, each followed by rest.
async fn sequence(arguments: &Arguments, caller: Caller) -> Result<()> {
    let Target::Gateway(gateway) = caller.target.clone() else {
        bail!("a sequence needs --gateway");
    };
    let sockets = open_sockets(arguments.pid)?;
    print("sockets_before", sockets as f64);
    let mut failed = cut_calls(&caller, 1, 1).await;
    at_rest(&gateway, arguments.pid, sockets).await?;
    let mut resident = [0.0; 2];
    for (half, kib) in resident.iter_mut().enumerate() {
        failed += cut_calls(&caller, arguments.calls / 2, PARALLEL).await;
        let rest = at_rest(&gateway, arguments.pid, sockets).await?;
        *kib = rest.anonymous_kib;
        print(&format!("calls_live_{half}"), rest.calls_live);
        print(&format!("sockets_{half}"), rest.open_sockets as f64);
        print(&format!("kib_{half}"), rest.anonymous_kib);
    }
    print("memory_ratio", resident[1] / resident[0]);
    print("failed", f64::from(failed));
    Ok(())
}
