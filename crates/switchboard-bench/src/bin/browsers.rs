//! Callers over WebRTC and the model around a running server, and what it cost; or the codec's work alone. Prints one
//! `name value` per line on stdout.
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use switchboard_bench::book::{Book, Times};
use switchboard_bench::browser::{Browser, Place, Setup};
use switchboard_bench::codec_work::{CodedVoice, Share, code};
use switchboard_bench::model;
use switchboard_bench::process::{anonymous_kib, cpu_time};
use switchboard_media::codec::Opus;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until};

/// From the last call's start to the window.
const SETTLE: Duration = Duration::from_secs(3);
/// Calls begun per second while the load grows, so that their replies do not fall on one moment.
const CALLS_PER_SECOND: u32 = 10;
/// The agent speaks 3 s in every 6, so a whole number of such cycles is measured.
const CYCLE_S: u64 = 6;

#[derive(Parser)]
struct Arguments {
    /// Codes as many frames as this many calls do, and nothing else
    #[arg(long, conflicts_with = "gateway")]
    codec_only: bool,
    /// Frames of the agent per second of a call, with --codec-only
    #[arg(long, default_value_t = 25.0)]
    encoded: f64,
    /// Packets of the caller per second of a call, with --codec-only
    #[arg(long, default_value_t = 50.0)]
    decoded: f64,
    /// Effort of the encoder from 0 to 10, with --codec-only
    #[arg(long, default_value_t = Opus::EFFORT)]
    effort: i32,
    /// Where the server finds its model
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Process id of the server
    #[arg(long, default_value_t = 0)]
    pid: u32,
    /// Calls at once
    #[arg(long)]
    calls: u32,
    /// Length of the measured window, made a multiple of 6
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Calls one after the other whose beginning is measured before
    #[arg(long, default_value_t = 0)]
    setups: u32,
    /// The server, host:port
    #[arg(long, default_value = "")]
    gateway: String,
    /// A key of it
    #[arg(long, default_value = "")]
    key: String,
    /// Who is called
    #[arg(long, default_value = "medspa")]
    agent: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.codec_only {
        return codec_only(&arguments);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(arguments))
}

/// The name of a figure, and what of a call's beginning it is.
type Figure = (&'static str, fn(&Setup) -> Duration);

fn codec_only(arguments: &Arguments) -> Result<()> {
    let pid = std::process::id();
    let share = Share {
        encoded: arguments.encoded,
        decoded: arguments.decoded,
        effort: arguments.effort,
    };
    let before = cpu_time(pid)?;
    code(arguments.calls, arguments.seconds, share)?;
    let spent = cpu_time(pid)?.since(before);
    let call_seconds = f64::from(arguments.calls) * f64::from(arguments.seconds);
    print("codec_ms", spent.total_ms() / call_seconds);
    Ok(())
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
    let place = Place {
        address: arguments.gateway.clone(),
        key: arguments.key.clone(),
        agent: arguments.agent.clone(),
    };
    let voice = Rc::new(CodedVoice::new()?);
    setups(&arguments, &place, &voice).await?;
    load(&arguments, &place, &voice).await
}

/// One call after the other, each ended when it is heard.
async fn setups(arguments: &Arguments, place: &Place, voice: &Rc<CodedVoice>) -> Result<()> {
    let mut all = Vec::new();
    for number in 0..arguments.setups {
        let (browser, setup) = Browser::call(place, Rc::clone(voice))
            .await
            .with_context(|| format!("call {number}"))?;
        all.push(setup);
        browser.hang_up().await;
        // The next one meets a server at rest.
        sleep(Duration::from_millis(50)).await;
    }
    let figures: [Figure; 4] = [
        ("answered", |setup| setup.answered),
        ("connected", |setup| setup.connected),
        ("asked", |setup| setup.asked),
        ("first_sound", |setup| {
            setup.heard.saturating_sub(model::FIRST_SOUND_AFTER)
        }),
    ];
    for (name, figure) in figures {
        let mut times = Times::default();
        for setup in &all {
            times.push_micros(u64::try_from(figure(setup).as_micros())?);
        }
        for (suffix, share) in [("p50_ms", 0.5), ("p99_ms", 0.99)] {
            if let Some(value) = times.percentile(share) {
                print(&format!("{name}_{suffix}"), value);
            }
        }
    }
    Ok(())
}

async fn load(arguments: &Arguments, place: &Place, voice: &Rc<CodedVoice>) -> Result<()> {
    let cycles = u64::from(arguments.seconds).div_ceil(CYCLE_S).max(1);
    let window = Duration::from_secs(cycles * CYCLE_S);
    let ramp = Duration::from_secs(1) * arguments.calls / CALLS_PER_SECOND;
    let begins = Instant::now() + ramp + SETTLE;
    let end = begins + window + Duration::from_millis(500);
    let (live, heard) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0_u64)));
    let idle_kib = anonymous_kib(arguments.pid)?;
    let mut callers = JoinSet::new();
    for _ in 0..arguments.calls {
        let (place, voice) = (place.clone(), Rc::clone(voice));
        let (live, heard) = (Rc::clone(&live), Rc::clone(&heard));
        callers.spawn_local(async move {
            let (mut browser, _) = Browser::call(&place, voice).await?;
            live.set(live.get() + 1);
            let talked = browser.talk_until(end, |packets| heard.set(heard.get() + packets));
            let talked = talked.await;
            live.set(live.get() - 1);
            browser.hang_up().await;
            talked
        });
        sleep(Duration::from_secs(1) / CALLS_PER_SECOND).await;
    }
    sleep_until(begins.into()).await;
    let (calls, heard_before) = (live.get(), heard.get());
    let (cpu_before, began) = (cpu_time(arguments.pid)?, Instant::now());
    sleep_until((begins + window).into()).await;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(arguments.pid)?.since(cpu_before);
    let (heard, still_live) = (heard.get() - heard_before, live.get());
    let loaded_kib = anonymous_kib(arguments.pid)?;
    let mut lost = 0;
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended? {
            lost += 1;
            eprintln!("a call failed: {error:#}");
        }
    }
    let call_seconds = f64::from(calls) * seconds;
    print("calls_at_begin", f64::from(calls));
    print("calls_at_end", f64::from(still_live));
    print("cpu_ms", cpu.total_ms() / call_seconds);
    print("cpu_user_ms", cpu.user_ms / call_seconds);
    print("cpu_system_ms", cpu.system_ms / call_seconds);
    print("heard_per_s", heard as f64 / call_seconds);
    print(
        "kib_per_call",
        (loaded_kib - idle_kib) / f64::from(calls.max(1)),
    );
    print("lost", f64::from(lost));
    Ok(())
}

fn print(name: &str, value: f64) {
    println!("{name} {value:.4}");
}
