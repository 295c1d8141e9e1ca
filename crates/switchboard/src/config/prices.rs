//! Section `[prices]`: what models cost, and the exact arithmetic of a bill.
//!
//! Prices are whole micro-USD per million tokens. Tokens times such a price is a whole number of pico-USD (10⁻¹² USD),
//! so a bill is added without any rounding and rounded up once, when it becomes micro-USD for the ledger.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Pico-USD in one micro-USD; also the tokens to which a price refers.
const PICOS_PER_MICRO: u64 = 1_000_000;

/// Seconds to which a price per minute refers.
const SECONDS_PER_MINUTE: u64 = 60;

/// Price of every known model, by its id. Entries of the settings file are added to the built-in ones and win field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prices(BTreeMap<String, ModelPrices>);

/// What one model costs. A price that is missing is 0 within a known model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelPrices {
    /// Text tokens in, in micro-USD per million.
    pub text_in: u64,
    /// Text tokens in that the provider had cached.
    pub text_cached: u64,
    /// Text tokens out.
    pub text_out: u64,
    /// Audio tokens in, in micro-USD per million.
    pub audio_in: u64,
    /// Audio tokens in that the provider had cached.
    pub audio_cached: u64,
    /// Audio tokens out.
    pub audio_out: u64,
    /// Image tokens in, in micro-USD per million.
    pub image_in: u64,
    /// Image tokens in that the provider had cached.
    pub image_cached: u64,
    /// Audio that is billed by time, in micro-USD per minute.
    pub audio_minute: u64,
}

/// Tokens of one kind. The cached ones are part of `input` (openai-realtime.md, 9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// All tokens in, cached ones included.
    pub input: u64,
    /// Those of `input` that the provider had cached; more than `input` counts as `input`.
    pub cached: u64,
    /// Tokens out.
    pub output: u64,
}

/// What one response or transcription used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Text tokens.
    pub text: TokenCount,
    /// Audio tokens.
    pub audio: TokenCount,
    /// Image tokens.
    pub image: TokenCount,
    /// Audio billed by time, in milliseconds.
    pub audio_ms: u64,
}

/// An exact amount of money in pico-USD (10⁻¹² USD). Sums stay exact; the largest is 18 million USD, then it stays there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PicoUsd(pub u64);

/// One component of a bill with its exact cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageCost {
    /// `text_in`, `text_cached`, `text_out`, the same of audio and images, `audio_time`.
    pub component: &'static str,
    /// `tokens` or `ms`.
    pub unit: &'static str,
    /// How many of them; what was cached is not in `_in` too.
    pub quantity: u64,
    /// Exactly.
    pub cost: PicoUsd,
}

/// Turns exact costs into whole micro-USD, one after the other, so that their sum is the exact sum rounded up once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningBill {
    exact: PicoUsd,
}

impl RunningBill {
    /// The micro-USD that this cost adds to the bill.
    pub fn add(&mut self, cost: PicoUsd) -> u64 {
        let before = self.exact.to_micros();
        self.exact += cost;
        self.exact.to_micros() - before
    }
}

impl PicoUsd {
    /// Whole micro-USD, rounded up, so that a budget never believes in money that is spent.
    pub fn to_micros(self) -> u64 {
        self.0.div_ceil(PICOS_PER_MICRO)
    }
}

impl Add for PicoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for PicoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for PicoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl Prices {
    /// The price of `model`; of the dearest known model, field by field, when it is not in the table (threat M1).
    pub fn of(&self, model: &str) -> ModelPrices {
        self.0.get(model).copied().unwrap_or_else(|| self.dearest())
    }

    /// True when the table has a price for `model`.
    pub fn is_known(&self, model: &str) -> bool {
        self.0.contains_key(model)
    }

    /// The highest known price of every kind.
    pub fn dearest(&self) -> ModelPrices {
        self.0
            .values()
            .fold(ModelPrices::default(), |dearest, prices| {
                dearest.or_dearer(prices)
            })
    }
}

impl ModelPrices {
    /// The exact cost of `usage` at these prices.
    pub fn cost(&self, usage: &TokenUsage) -> PicoUsd {
        let text = cost_of(usage.text, self.text_in, self.text_cached, self.text_out);
        let audio = cost_of(
            usage.audio,
            self.audio_in,
            self.audio_cached,
            self.audio_out,
        );
        let image = cost_of(usage.image, self.image_in, self.image_cached, 0);
        text + audio + image + self.cost_of_time(usage.audio_ms)
    }

    /// The components of `usage` that are not empty, each with its exact cost. Their sum is [`ModelPrices::cost`].
    pub fn components(&self, usage: &TokenUsage) -> Vec<UsageCost> {
        let tokens = |names: [&'static str; 3], count: TokenCount, prices: [u64; 3]| {
            let cached = count.cached.min(count.input);
            let quantities = [count.input - cached, cached, count.output];
            let parts = names.into_iter().zip(quantities).zip(prices);
            parts.map(|((component, quantity), price)| UsageCost {
                component,
                unit: "tokens",
                quantity,
                cost: narrow(u128::from(quantity) * u128::from(price)),
            })
        };
        let text = ["text_in", "text_cached", "text_out"];
        let audio = ["audio_in", "audio_cached", "audio_out"];
        let image = ["image_in", "image_cached", "image_out"];
        let time = UsageCost {
            component: "audio_time",
            unit: "ms",
            quantity: usage.audio_ms,
            cost: self.cost_of_time(usage.audio_ms),
        };
        let prices = [self.text_in, self.text_cached, self.text_out];
        let all = tokens(text, usage.text, prices);
        let prices = [self.audio_in, self.audio_cached, self.audio_out];
        let all = all.chain(tokens(audio, usage.audio, prices));
        let prices = [self.image_in, self.image_cached, 0];
        let all = all.chain(tokens(image, usage.image, prices));
        all.chain([time]).filter(|part| part.quantity > 0).collect()
    }

    /// Micro-USD per minute times milliseconds, in pico-USD: `ms × price × 10⁶ / 60 000`, rounded up.
    fn cost_of_time(&self, audio_ms: u64) -> PicoUsd {
        let picos_times_60 = u128::from(audio_ms) * u128::from(self.audio_minute) * 1_000;
        narrow(picos_times_60.div_ceil(u128::from(SECONDS_PER_MINUTE)))
    }

    fn or_dearer(self, other: &Self) -> Self {
        Self {
            text_in: self.text_in.max(other.text_in),
            text_cached: self.text_cached.max(other.text_cached),
            text_out: self.text_out.max(other.text_out),
            audio_in: self.audio_in.max(other.audio_in),
            audio_cached: self.audio_cached.max(other.audio_cached),
            audio_out: self.audio_out.max(other.audio_out),
            image_in: self.image_in.max(other.image_in),
            image_cached: self.image_cached.max(other.image_cached),
            audio_minute: self.audio_minute.max(other.audio_minute),
        }
    }
}

fn cost_of(tokens: TokenCount, price_in: u64, price_cached: u64, price_out: u64) -> PicoUsd {
    let cached = tokens.cached.min(tokens.input);
    let fresh = tokens.input - cached;
    let product = |count: u64, price: u64| u128::from(count) * u128::from(price);
    let sum = product(fresh, price_in)
        .saturating_add(product(cached, price_cached))
        .saturating_add(product(tokens.output, price_out));
    narrow(sum)
}

/// A provider's absurd count must not panic or wrap to something cheap.
fn narrow(picos: u128) -> PicoUsd {
    PicoUsd(u64::try_from(picos).unwrap_or(u64::MAX))
}

impl Default for Prices {
    /// List prices of 2026-11, from the provider's model pages (openai-realtime.md, 9.2).
    fn default() -> Self {
        let full = realtime(4_000_000, 400_000, 24_000_000);
        let first = realtime(4_000_000, 400_000, 16_000_000);
        let mini = ModelPrices {
            text_in: 600_000,
            text_cached: 60_000,
            text_out: 2_400_000,
            audio_in: 10_000_000,
            audio_cached: 300_000,
            audio_out: 20_000_000,
            image_in: 800_000,
            image_cached: 80_000,
            audio_minute: 0,
        };
        let by_the_minute = |audio_minute| ModelPrices {
            audio_minute,
            ..ModelPrices::default()
        };
        let by_the_token = |audio_in, text_out| ModelPrices {
            text_in: audio_in,
            audio_in,
            text_out,
            ..ModelPrices::default()
        };
        let table = [
            ("gpt-realtime-2.1", full),
            ("gpt-realtime-2", full),
            ("gpt-realtime-2.1-mini", mini),
            ("gpt-realtime-1.5", first),
            ("gpt-realtime", first),
            ("gpt-realtime-mini", mini),
            ("gpt-transcribe", by_the_minute(4_500)),
            ("gpt-live-transcribe", by_the_minute(17_000)),
            ("gpt-realtime-whisper", by_the_minute(17_000)),
            ("whisper-1", by_the_minute(6_000)),
            ("gpt-4o-transcribe", by_the_token(2_500_000, 10_000_000)),
            ("gpt-4o-mini-transcribe", by_the_token(1_250_000, 5_000_000)),
        ];
        Self(
            table
                .into_iter()
                .map(|(model, prices)| (model.to_owned(), prices))
                .collect(),
        )
    }
}

/// The large models differ in the price of text only.
fn realtime(text_in: u64, text_cached: u64, text_out: u64) -> ModelPrices {
    ModelPrices {
        text_in,
        text_cached,
        text_out,
        audio_in: 32_000_000,
        audio_cached: 400_000,
        audio_out: 64_000_000,
        image_in: 5_000_000,
        image_cached: 500_000,
        audio_minute: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The provider's worked example (openai-realtime.md, 9.1): USD 0.0072056.
    fn check_vector() -> TokenUsage {
        TokenUsage {
            text: TokenCount {
                input: 119,
                cached: 64,
                output: 30,
            },
            audio: TokenCount {
                input: 13,
                cached: 0,
                output: 91,
            },
            ..TokenUsage::default()
        }
    }

    #[test]
    fn the_check_vector_costs_7205_6_micro_usd_exactly() {
        let cost = Prices::default()
            .of("gpt-realtime-2.1")
            .cost(&check_vector());
        assert_eq!(cost, PicoUsd(7_205_600_000));
        assert_eq!(cost.to_micros(), 7_206);
    }

    #[test]
    fn a_sum_is_rounded_once_and_not_per_response() {
        let cost = Prices::default()
            .of("gpt-realtime-2.1")
            .cost(&check_vector());
        let sum: PicoUsd = std::iter::repeat_n(cost, 5).sum();
        assert_eq!(sum.to_micros(), 36_028);
        assert_ne!(sum.to_micros(), 5 * cost.to_micros());
    }

    #[test]
    fn components_are_the_whole_cost_and_cached_tokens_are_not_counted_twice() {
        let prices = Prices::default().of("gpt-realtime-2.1");
        let parts = prices.components(&check_vector());
        let sum: PicoUsd = parts.iter().map(|part| part.cost).sum();
        assert_eq!(sum, prices.cost(&check_vector()));
        let shown: Vec<_> = parts.iter().map(|it| (it.component, it.quantity)).collect();
        let expected = [
            ("text_in", 55),
            ("text_cached", 64),
            ("text_out", 30),
            ("audio_in", 13),
            ("audio_out", 91),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn whole_micro_units_sum_up_to_the_exact_sum_rounded_up_once() {
        let prices = Prices::default().of("gpt-realtime-2.1");
        let mut bill = RunningBill::default();
        let mut sum = 0;
        for reply in 1..=1_000_u64 {
            for part in prices.components(&check_vector()) {
                sum += bill.add(part.cost);
            }
            // 7,205.6 micro-USD each.
            assert_eq!(sum, (reply * 72_056).div_ceil(10), "after {reply} replies");
        }
    }

    #[test]
    fn m1_a_model_without_a_price_is_charged_at_the_dearest() {
        let prices = Prices::default();
        assert!(!prices.is_known("gpt-surprise-9"));
        let unknown = prices.of("gpt-surprise-9");
        for (model, known) in &prices.0 {
            assert_eq!(unknown.or_dearer(known), unknown, "{model} is dearer");
        }
        let usage = TokenUsage {
            audio_ms: 60_000,
            ..check_vector()
        };
        assert!(unknown.cost(&usage) >= prices.of("gpt-realtime-2.1").cost(&usage));
    }

    #[test]
    fn a_minute_of_transcription_costs_its_price() {
        let usage = TokenUsage {
            audio_ms: 60_000,
            ..TokenUsage::default()
        };
        assert_eq!(
            Prices::default()
                .of("gpt-transcribe")
                .cost(&usage)
                .to_micros(),
            4_500
        );
    }

    #[test]
    fn absurd_counts_neither_panic_nor_become_cheap() {
        let huge = TokenCount {
            input: u64::MAX,
            cached: u64::MAX,
            output: u64::MAX,
        };
        let usage = TokenUsage {
            text: huge,
            audio: huge,
            image: huge,
            audio_ms: u64::MAX,
        };
        let cost = Prices::default().of("gpt-realtime-2.1").cost(&usage);
        assert_eq!(cost, PicoUsd(u64::MAX));
        let more_cached_than_sent = TokenCount {
            input: 10,
            cached: 20,
            output: 0,
        };
        let usage = TokenUsage {
            text: more_cached_than_sent,
            ..TokenUsage::default()
        };
        assert_eq!(
            Prices::default().of("gpt-realtime-2.1").cost(&usage),
            PicoUsd(4_000_000)
        );
    }
}
