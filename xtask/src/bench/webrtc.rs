//! `cargo xtask bench --webrtc`: what a call over WebRTC costs beside coding its sound alone, and how soon it sounds.
//!
//! Rounds alternate between calls and codec on the same core. The codec's work is as many frames as the calls heard and
//! sent in the round before, coded by the same codec with the same settings, and nothing else.

use anyhow::{Context, Result, bail};

use super::runs::{self, Figures, Profile};
use super::{build, machine, number, require_programs};
use crate::steps::Steps;

const CALLS: u32 = 40;
const ROUNDS: u32 = 3;
const SECONDS: u32 = 30;
/// Calls one after the other whose beginning is measured.
const SETUPS: u32 = 100;
/// CPU of a call by CPU of its codec work.
const RATIO_MAX: f64 = 1.3;
/// From the offer to the agent's first packet, less what the model thinks; median, in ms.
const FIRST_SOUND_MS_MAX: f64 = 300.0;

const USAGE: &str = "\
usage: cargo xtask bench --webrtc [--calls N] [--seconds S] [--rounds R]

  --calls    calls at once, 40
  --seconds  length of a measured window, 30
  --rounds   alternating rounds, 3";

struct Options {
    calls: u32,
    seconds: u32,
    rounds: u32,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            calls: CALLS,
            seconds: SECONDS,
            rounds: ROUNDS,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let field = match *word {
                "--calls" => &mut options.calls,
                "--seconds" => &mut options.seconds,
                "--rounds" => &mut options.rounds,
                unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
            };
            *field = number(words.next()).context(USAGE)?;
        }
        Ok(options)
    }
}

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let mut steps = Steps::new("cargo xtask bench --webrtc");
    steps.run("programs", require_programs)?;
    steps.run("build with the release profile", || build(Profile::Release))?;
    println!("\n{}", machine::describe());
    let mut ratios = Vec::new();
    let mut setup = Figures::new();
    steps.run("calls and codec", || {
        for round in 0..options.rounds {
            let setups = if round == 0 { SETUPS } else { 0 };
            let calls = runs::browsers(options.calls, options.seconds, setups)?;
            let heard = figure(&calls, "heard_per_s")?;
            let codec = runs::codec(options.calls, options.seconds, heard)?;
            println!("round {}: {}", round + 1, line(&calls, &codec)?);
            ratios.push(figure(&calls, "cpu_ms")? / figure(&codec, "codec_ms")?);
            if round == 0 {
                setup = calls;
            }
        }
        Ok(())
    })?;
    steps.finish();
    println!("\n{}\n", machine::describe());
    for name in ["answered", "connected", "asked", "first_sound"] {
        let p50_ms = figure(&setup, &format!("{name}_p50_ms"))?;
        let p99_ms = figure(&setup, &format!("{name}_p99_ms"))?;
        println!("offer to {name:<12} p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms");
    }
    let ratio = median(ratios);
    println!("CPU of a call by CPU of its codec work: {ratio:.2} (at most {RATIO_MAX})");
    let first_sound_ms = figure(&setup, "first_sound_p50_ms")?;
    if ratio > RATIO_MAX || first_sound_ms >= FIRST_SOUND_MS_MAX {
        bail!("missed: ratio {ratio:.2}, first sound {first_sound_ms:.1} ms");
    }
    Ok(())
}

fn line(calls: &Figures, codec: &Figures) -> Result<String> {
    let cpu_ms = figure(calls, "cpu_ms")?;
    let codec_ms = figure(codec, "codec_ms")?;
    Ok(format!(
        "{} calls, {cpu_ms:.3} ms CPU per call-second ({:.3} user), codec alone {codec_ms:.3} ms, ratio {:.2}, \
         {:.1} packets heard per second, {:.0} KiB per call, {} lost",
        figure(calls, "calls_at_end")?,
        figure(calls, "cpu_user_ms")?,
        cpu_ms / codec_ms,
        figure(calls, "heard_per_s")?,
        figure(calls, "kib_per_call")?,
        figure(calls, "lost")?,
    ))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn figure(figures: &Figures, name: &str) -> Result<f64> {
    let value = figures.get(name).copied();
    value.with_context(|| format!("the load printed no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused_with_the_usage() {
        let options = Options::parse(&["--calls", "8", "--seconds", "6"]).unwrap();
        assert_eq!(
            (options.calls, options.seconds, options.rounds),
            (8, 6, ROUNDS)
        );
        for words in [&["--calls"][..], &["--calls", "0"], &["--fast"]] {
            let error = Options::parse(words).err().unwrap().to_string();
            assert!(
                error.contains("usage: cargo xtask bench --webrtc"),
                "{error}"
            );
        }
    }
}
