//! `/ops/voice-health` for people: one page without script, light and dark, that answers "are callers served?" first.

use std::fmt::Write as _;

use switchboard_store::{AlertSeverity, Timestamp};

use super::charts::{self, Span};
use super::window::NAMED;
use super::{Cost, ShownAlert, State, VoiceHealth, Wait};
use crate::ops::alerts::RuleName;

/// Colours and layout, served by us because the content policy allows no other.
pub const STYLESHEET: &str = include_str!("voice-health.css");
/// Where it is served.
pub const STYLESHEET_PATH: &str = "/ops/voice-health.css";

/// Rows of an alert table; what is older is in `switchboard list alerts`.
const ALERTS_SHOWN_MAX: usize = 20;
/// Of turns that may meet silence (threats.md, section 4), and how many of few calls are worth a look.
const DEAD_AIR_PERCENT_MAX: f64 = 0.5;
const DEAD_AIR_FEW: i64 = 3;
/// Longest wait that a bar of latencies shows, unless one is longer.
const WAIT_SCALE_MS: i64 = 2_000;

impl VoiceHealth {
    /// The page. `tenants` are the names that its reader may choose from; none when there is no choice.
    pub fn page(&self, tenants: &[String]) -> String {
        let title = self.tenant.as_deref().unwrap_or("All tenants");
        let mut body = String::new();
        let _ = write!(
            body,
            "<header><div><h1>Voice health</h1><p class=\"quiet\">{} · {} to {} UTC</p></div>{}</header>",
            escape(title),
            moment(self.from),
            moment(self.to),
            self.choices(tenants)
        );
        body.push_str(&self.verdict());
        body.push_str(&self.open_alerts());
        if self.calls.offered == 0 {
            body.push_str("<p class=\"empty\">No call in this window. Figures stand here after the first one: <code>switchboard call --agent NAME --say \"Hello\"</code> places one.</p>");
        }
        body.push_str("<div class=\"cards\">");
        for card in [
            self.fallback_card(),
            self.handshake_card(),
            self.concurrency_card(),
            self.latency_card(),
            self.conversation_card(),
            self.cost_card(),
        ] {
            body.push_str(&card);
        }
        body.push_str("</div>");
        if self.calls.offered > 0 {
            body.push_str(&self.pictures());
        }
        body.push_str(&self.past_alerts());
        body.push_str(&self.footer());
        document(&format!("Voice health: {title}"), &body, true)
    }

    fn choices(&self, tenants: &[String]) -> String {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let chosen = |name: &str| format!("/ops/voice-health?{}", query(name, tenant));
        let mut links = String::from("<nav aria-label=\"Window\">");
        for (name, _) in NAMED {
            let current = if name == self.window {
                " aria-current=\"page\""
            } else {
                ""
            };
            let _ = write!(
                links,
                "<a href=\"{}\"{current}>{name}</a>",
                escape(&chosen(name))
            );
        }
        links.push_str("</nav>");
        if tenants.is_empty() {
            return links;
        }
        let _ = write!(
            links,
            "<form method=\"get\" action=\"/ops/voice-health\"><input type=\"hidden\" name=\"window\" value=\"{}\"><label>Calls of <select name=\"tenant\"><option value=\"\">all tenants</option>",
            escape(&self.window)
        );
        for name in tenants {
            let selected = if name == tenant { " selected" } else { "" };
            let name = escape(name);
            let _ = write!(links, "<option value=\"{name}\"{selected}>{name}</option>");
        }
        links.push_str("</select></label> <button>Show</button></form>");
        links
    }

    fn state(&self) -> State {
        let open = self
            .alerts
            .iter()
            .filter(|it| it.alert.cleared_at.is_none());
        let alerts = open.map(|it| match it.alert.severity {
            AlertSeverity::Warning => State::Warning,
            AlertSeverity::Critical => State::Critical,
        });
        let figures = [self.fallbacks.state, self.handshake.state];
        alerts.chain(figures).max().unwrap_or(State::Good)
    }

    fn verdict(&self) -> String {
        let state = self.state();
        let word = match state {
            State::Good => "Callers are served",
            State::TooFew => "Too few calls for a rate",
            State::Warning => "Look at this",
            State::Critical => "Callers are not served as promised",
        };
        let fell = match self.fallbacks.rate_percent {
            Some(rate) => format!(
                "{rate:.1} % of {} calls fell back to a person",
                self.calls.offered
            ),
            None => format!(
                "{} of {} calls fell back to a person",
                self.fallbacks.count, self.calls.offered
            ),
        };
        let ready = match self.handshake.wait.p95_ms {
            Some(p95) => format!("; models were ready within {} (P95)", ms(p95)),
            None => String::new(),
        };
        format!(
            "<p class=\"verdict {}\" role=\"status\"><strong>{word}.</strong> {fell}{ready}.</p>",
            class_of(state)
        )
    }

    fn open_alerts(&self) -> String {
        let open = self
            .alerts
            .iter()
            .filter(|it| it.alert.cleared_at.is_none());
        let mut boxes = String::new();
        for shown in open {
            let rule = RuleName::parse(shown.alert.rule.as_str());
            let means = rule.map_or("An alert of a newer version.", RuleName::means);
            let _ = write!(
                boxes,
                "<section class=\"alert {}\"><h2>{}</h2><p>{} <span class=\"quiet\">{}, since {}</span></p><p><a href=\"{}\">What to do first</a></p></section>",
                shown.alert.severity,
                escape(means),
                escape(&figure(shown)),
                escape(&whose(shown)),
                moment(shown.alert.raised_at),
                escape(&runbook(shown.alert.rule.as_str()))
            );
        }
        boxes
    }

    fn fallback_card(&self) -> String {
        let fallbacks = &self.fallbacks;
        let figure = match fallbacks.rate_percent {
            Some(rate) => format!("{rate:.1} %"),
            None => format!("{} of {}", fallbacks.count, self.calls.offered),
        };
        let mut body = format!(
            "<p class=\"quiet\">{} of {} calls; warning from {} %, critical from {} %</p>",
            fallbacks.count,
            self.calls.offered,
            fallbacks.warning_percent,
            fallbacks.critical_percent
        );
        let longest = fallbacks.reasons.first().map_or(0, |reason| reason.calls);
        if !fallbacks.reasons.is_empty() {
            body.push_str("<dl class=\"bars\">");
            for reason in &fallbacks.reasons {
                let name = escape(&reason.name.replace('_', " "));
                let bar = charts::length(reason.calls, longest);
                let _ = write!(body, "<dt>{name}</dt><dd><b>{}</b>{bar}</dd>", reason.calls);
            }
            body.push_str("</dl>");
        }
        card("Fallback rate", &figure, fallbacks.state, &body)
    }

    fn handshake_card(&self) -> String {
        let handshake = &self.handshake;
        let threshold = i64::try_from(handshake.threshold_ms).unwrap_or(i64::MAX / 4);
        let figure = handshake.wait.p95_ms.map_or_else(nothing, ms);
        let mut body = format!(
            "<p class=\"quiet\">P95 of {} handshakes; P50 {}; limit {}</p>",
            handshake.wait.count,
            handshake.wait.p50_ms.map_or_else(nothing, ms),
            ms(threshold)
        );
        body.push_str(&wait_bar(handshake.wait, Some(threshold)));
        if let (Some(p50), Some(p95)) = (self.live.handshake.p50_ms, self.live.handshake.p95_ms) {
            let _ = write!(
                body,
                "<p class=\"quiet\">This process, live: P50 {}, P95 {}</p>",
                ms(p50 as i64),
                ms(p95 as i64)
            );
        }
        card("Handshake", &figure, handshake.state, &body)
    }

    fn concurrency_card(&self) -> String {
        let concurrency = &self.concurrency;
        let mut body = String::from("<p class=\"quiet\">");
        let _ = match &concurrency.peak_tenant {
            Some(tenant) => write!(
                body,
                "Peak {} of {} ({})",
                concurrency.peak,
                concurrency.limit,
                escape(tenant)
            ),
            None => write!(body, "Peak {} of {}", concurrency.peak, concurrency.limit),
        };
        body.push_str(" at once</p>");
        let words = format!("peak {} of {}", concurrency.peak, concurrency.limit);
        body.push_str(&charts::gauge(concurrency.peak, concurrency.limit, &words));
        let _ = write!(
            body,
            "<p class=\"quiet\">{} streams tried, {} calls offered</p>",
            self.calls.streams, self.calls.offered
        );
        let state = if concurrency.peak >= concurrency.limit {
            State::Warning
        } else {
            State::Good
        };
        card("Calls now", &concurrency.now.to_string(), state, &body)
    }

    fn latency_card(&self) -> String {
        let wait = |name: &str, wait: Wait| match (wait.p50_ms, wait.p95_ms) {
            (Some(p50), Some(p95)) => format!(
                "<p class=\"quiet\">{name}: P50 {}, P95 {} of {} turns</p>{}",
                ms(p50),
                ms(p95),
                wait.count,
                wait_bar(wait, None)
            ),
            _ => format!("<p class=\"quiet\">{name}: nothing measured</p>"),
        };
        let figure = self.response.p50_ms.map_or_else(nothing, ms);
        let body = format!(
            "{}{}",
            wait("Sent", self.response),
            wait("Heard", self.heard)
        );
        card("Reply after the caller", &figure, State::Good, &body)
    }

    fn conversation_card(&self) -> String {
        let decided = self.interruptions;
        let rate = self
            .dead_air
            .rate_percent
            .map_or_else(String::new, |rate| format!(" ({rate:.2} %)"));
        let body = format!(
            "<p class=\"quiet\">turns followed by silence for too long, of {}{rate}</p><dl class=\"pairs\"><dt>Spoken over, agent went on</dt><dd>{}</dd><dt>Agent stopped</dt><dd>{}</dd><dt>Stopped in error, resumed</dt><dd>{}</dd></dl>",
            self.dead_air.answered_turns + self.dead_air.count,
            decided.held,
            decided.stopped,
            decided.resumed
        );
        let is_often = match self.dead_air.rate_percent {
            Some(rate) => rate > DEAD_AIR_PERCENT_MAX,
            None => self.dead_air.count >= DEAD_AIR_FEW,
        };
        let state = if is_often {
            State::Warning
        } else {
            State::Good
        };
        card("Dead air", &self.dead_air.count.to_string(), state, &body)
    }

    fn cost_card(&self) -> String {
        let amounts: Vec<String> = self
            .cost
            .iter()
            .map(|cost| money(cost, cost.cost_micros))
            .collect();
        let each = self
            .cost
            .iter()
            .filter_map(|cost| Some(money(cost, cost.per_call_micros?)));
        let each: Vec<String> = each.collect();
        let figure = if amounts.is_empty() {
            nothing()
        } else {
            amounts.join(" + ")
        };
        let body = if each.is_empty() {
            "<p class=\"quiet\">nothing was spent</p>".to_owned()
        } else {
            format!(
                "<p class=\"quiet\">{} per offered call</p>",
                each.join(" + ")
            )
        };
        card("Cost", &figure, State::Good, &body)
    }

    fn pictures(&self) -> String {
        let span = Span {
            from: self.from,
            to: self.to,
            step_s: self.step_s,
        };
        let classes: i64 = self.calls.classes.iter().map(|class| class.calls).sum();
        let mut legend = String::from("<ul class=\"legend\">");
        for class in &self.calls.classes {
            let name = escape(&class.name);
            let _ = write!(
                legend,
                "<li class=\"class-{name}\">{name} <b>{}</b> <span class=\"quiet\">{}</span></li>",
                class.calls,
                share(class.calls, classes)
            );
        }
        legend.push_str("</ul>");
        let reasons: String = self
            .calls
            .ends
            .iter()
            .map(|end| {
                format!(
                    "<tr><td>{}</td><td>{}</td></tr>",
                    escape(&end.name.replace('_', " ")),
                    end.calls
                )
            })
            .collect();
        format!(
            "<section><h2>Calls <span class=\"key served\">agent</span> <span class=\"key fallback\">fell back</span></h2>{}</section>\
             <section><h2>Handshake P95</h2>{}</section>\
             <section><h2>How calls ended</h2>{}{legend}<details><summary>By reason</summary><table><thead><tr><th>Reason</th><th>Calls</th></tr></thead><tbody>{reasons}</tbody></table></details></section>\
             <details class=\"wide\"><summary>The pictures as a table</summary>{}</details>",
            charts::calls(span, &self.series),
            charts::handshakes(span, &self.series, self.handshake.threshold_ms),
            charts::shares(&self.calls.classes),
            self.series_table()
        )
    }

    fn series_table(&self) -> String {
        let mut table = String::from(
            "<table><thead><tr><th>From (UTC)</th><th>Calls</th><th>Fell back</th><th>Handshake P95</th></tr></thead><tbody>",
        );
        for step in &self.series {
            let _ = write!(
                table,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                moment(step.at),
                step.offered,
                step.fallbacks,
                step.handshake_p95_ms.map_or_else(nothing, ms)
            );
        }
        table.push_str("</tbody></table>");
        table
    }

    fn past_alerts(&self) -> String {
        let past = self
            .alerts
            .iter()
            .filter(|it| it.alert.cleared_at.is_some());
        let mut rows = String::new();
        for shown in past.take(ALERTS_SHOWN_MAX) {
            let (rule, cleared) = (shown.alert.rule.as_str(), shown.alert.cleared_at);
            let _ = write!(
                rows,
                "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&runbook(rule)),
                escape(&rule.replace('_', " ")),
                escape(&whose(shown)),
                escape(&figure(shown)),
                moment(shown.alert.raised_at),
                cleared.map_or_else(nothing, moment)
            );
        }
        if rows.is_empty() {
            return "<section><h2>Alerts</h2><p class=\"quiet\">None was cleared in this window.</p></section>".to_owned();
        }
        format!(
            "<section><h2>Alerts that are over</h2><table><thead><tr><th>Alert</th><th>Whose</th><th>Figure</th><th>Raised</th><th>Cleared</th></tr></thead><tbody>{rows}</tbody></table></section>"
        )
    }

    fn footer(&self) -> String {
        let window = if self.window.is_empty() {
            let tenant = escape(self.tenant.as_deref().unwrap_or_default());
            format!(
                "from={}&amp;to={}&amp;tenant={tenant}",
                exact(self.from),
                exact(self.to)
            )
        } else {
            escape(&query(
                &self.window,
                self.tenant.as_deref().unwrap_or_default(),
            ))
        };
        format!(
            "<footer><a href=\"/ops/runbook\">Runbook</a> <a href=\"/ops/voice-health.json?{window}\">JSON</a> <a href=\"/ops/voice-health.prom?{window}\">Prometheus</a> <span class=\"quiet\">Loads anew every minute. Percentiles are exact; live ones come from the histograms of this process.</span></footer>"
        )
    }
}

/// A whole page with our stylesheet. Pages with figures load themselves anew.
pub(in crate::ops) fn document(title: &str, body: &str, is_moving: bool) -> String {
    let refresh = if is_moving {
        "<meta http-equiv=\"refresh\" content=\"60\">"
    } else {
        ""
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">{refresh}<title>{}</title><link rel=\"stylesheet\" href=\"{STYLESHEET_PATH}\"></head><body><main>{body}</main></body></html>",
        escape(title)
    )
}

fn card(name: &str, figure: &str, state: State, body: &str) -> String {
    let class = class_of(state);
    let note = match state {
        State::Good | State::TooFew => "",
        State::Warning => "<span class=\"flag\">warning</span>",
        State::Critical => "<span class=\"flag\">critical</span>",
    };
    format!(
        "<section class=\"card {class}\"><h2>{name} {note}</h2><p class=\"figure\">{figure}</p>{body}</section>"
    )
}

fn wait_bar(wait: Wait, threshold_ms: Option<i64>) -> String {
    if wait.count == 0 {
        return String::new();
    }
    let longest = wait
        .p95_ms
        .unwrap_or(0)
        .max(threshold_ms.unwrap_or(0) * 4 / 3);
    charts::wait(wait, longest.max(WAIT_SCALE_MS), threshold_ms)
}

const fn class_of(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::TooFew => "few",
        State::Warning => "warning",
        State::Critical => "critical",
    }
}

fn figure(shown: &ShownAlert) -> String {
    let rule = RuleName::parse(shown.alert.rule.as_str());
    rule.map_or_else(String::new, |rule| rule.written(shown.alert.figure))
}

fn whose(shown: &ShownAlert) -> String {
    match &shown.tenant {
        Some(tenant) => tenant.clone(),
        None if shown.alert.subject.is_empty() => "installation".to_owned(),
        None => shown.alert.subject.clone(),
    }
}

/// Where the runbook speaks of a rule.
fn runbook(rule: &str) -> String {
    format!("/ops/runbook#{rule}")
}

fn query(window: &str, tenant: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("window", window);
    if !tenant.is_empty() {
        query.append_pair("tenant", tenant);
    }
    query.finish()
}

fn money(cost: &Cost, micros: i64) -> String {
    format!("{:.2} {}", micros as f64 / 1e6, cost.currency)
}

/// Milliseconds below a second, then seconds with two digits.
pub(super) fn ms(ms: i64) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    format!("{:.2} s", ms as f64 / 1_000.0)
}

/// A share of all, in percent.
pub(super) fn share(part: i64, all: i64) -> String {
    format!("{:.0} %", part as f64 * 100.0 / all.max(1) as f64)
}

fn nothing() -> String {
    "–".to_owned()
}

fn moment(at: Timestamp) -> String {
    format!(
        "<time datetime=\"{}\">{}</time>",
        exact(at),
        at.format("%d %b, %H:%M")
    )
}

fn exact(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Text inside HTML, attributes included (threat H8).
pub(in crate::ops) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
