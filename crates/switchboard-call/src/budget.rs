//! Money is a limit: reserve before spending, warn, say why, then stop.
//!
//! A call has a budget of its own. Budgets that several calls share (a user's day, a tenant's day) are kept outside: they
//! set an allowance aside for this call, and the call asks for more before it is used up. So no two calls ever spend the
//! same money, and a caller hardly ever waits for the answer.

use crate::call::Call;
use crate::ending::{Afterwards, Goodbye};
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::limits::{self, AtBudget, Limits};
use crate::output::Command;
use crate::phase::Phase;
use crate::reply::Wanted;
use crate::time::Moment;

/// More is asked for when less than so many dearest replies are left.
const ASK_BELOW_REPLIES: u64 = 2;
/// So many of them are asked for at once.
const ASK_FOR_REPLIES: u64 = 4;

/// Whose money it is. The words are stable: other programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetKind {
    /// Of this call.
    Session,
    /// Of all calls of one user of an app in a day.
    UserDay,
    /// Of all calls of a tenant in a day.
    TenantDay,
}

impl BudgetKind {
    pub const ALL: [Self; 3] = [Self::Session, Self::UserDay, Self::TenantDay];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::UserDay => "user_day",
            Self::TenantDay => "tenant_day",
        }
    }
}

/// What shared budgets have set aside for this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// In all since the call began, in millionths of its currency. Never shrinks.
    pub total_micros: u64,
    /// Nothing more will be set aside, because this budget has no more.
    pub last_of: Option<BudgetKind>,
    /// This shared budget has come to its warning share.
    pub warns: Option<BudgetKind>,
}

#[derive(Debug, Default)]
pub(crate) struct Budget {
    spent_micros: u64,
    /// Kinds that were warned of, by their place in [`BudgetKind::ALL`].
    warned: [bool; BudgetKind::ALL.len()],
    allowance: Option<Allowance>,
    has_asked: bool,
}

/// Whether something may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Holds,
    /// Not yet known: more was asked for.
    Awaited,
    Spent(BudgetKind),
}

impl Budget {
    pub(crate) fn new(allowance: Option<Allowance>) -> Self {
        Self {
            allowance,
            ..Self::default()
        }
    }

    pub(crate) fn spend(&mut self, cost_micros: u64) {
        self.spent_micros = self.spent_micros.saturating_add(cost_micros);
    }

    pub(crate) fn spent_micros(&self) -> u64 {
        self.spent_micros
    }

    /// A reply starts only if the budget holds its worst case, so the overshoot is at most one reply (M1).
    fn holds(&self, limit_micros: u64, reply_cost_max_micros: u64) -> bool {
        limit_micros == 0 || self.spent_micros.saturating_add(reply_cost_max_micros) <= limit_micros
    }

    fn room(&self, limit_micros: u64, needed_micros: u64) -> Room {
        if !self.holds(limit_micros, needed_micros) {
            return Room::Spent(BudgetKind::Session);
        }
        let Some(allowance) = self.allowance else {
            return Room::Holds;
        };
        if self.spent_micros.saturating_add(needed_micros) <= allowance.total_micros {
            return Room::Holds;
        }
        allowance.last_of.map_or(Room::Awaited, Room::Spent)
    }

    /// What to ask for, once, when what is set aside is running out.
    fn wish(&mut self, dearest_micros: u64, is_due: bool) -> Option<Command> {
        let allowance = self.allowance?;
        let ahead = |replies: u64| {
            let replies_micros = dearest_micros.saturating_mul(replies);
            self.spent_micros.saturating_add(replies_micros)
        };
        let is_low = is_due || ahead(ASK_BELOW_REPLIES) > allowance.total_micros;
        if !is_low || allowance.last_of.is_some() || self.has_asked {
            return None;
        }
        let wish = Command::AskAllowance {
            least_micros: ahead(1),
            total_micros: ahead(ASK_FOR_REPLIES),
        };
        self.has_asked = true;
        Some(wish)
    }

    /// True once, when `percent` of the limit is reached.
    fn should_warn(&mut self, limit_micros: u64, percent: u64) -> bool {
        let share_micros = (limit_micros / 100).saturating_mul(percent);
        let reached = limit_micros > 0 && self.spent_micros >= share_micros;
        reached && self.is_first_warning(BudgetKind::Session)
    }

    fn is_first_warning(&mut self, kind: BudgetKind) -> bool {
        let place = BudgetKind::ALL.iter().position(|known| *known == kind);
        let warned = place.and_then(|place| self.warned.get_mut(place));
        warned.is_some_and(|warned| !std::mem::replace(warned, true))
    }
}

/// What this may cost and leave, so that the budget still holds the sentence that says why it is spent.
fn needed_micros(limits: &Limits, wanted: &Wanted, phase: Phase) -> u64 {
    let last_words = limits.sentence_cost_max_micros;
    match wanted {
        // The last words themselves.
        Wanted::Say { .. } if phase == Phase::Ending => last_words,
        Wanted::Say { .. } => last_words.saturating_mul(2),
        Wanted::Reply { .. } => limits.reply_cost_max_micros.saturating_add(last_words),
    }
}

impl Call {
    /// Whether this may start now. Where it may not, everything that follows from it has been done.
    pub(crate) fn budget_admits(&mut self, now: Moment, wanted: &Wanted) -> bool {
        let limits = &self.settings.limits;
        let needed_micros = needed_micros(limits, wanted, self.phase);
        match self.budget.room(limits.budget_micros, needed_micros) {
            Room::Holds => true,
            Room::Awaited => {
                self.ask_allowance(true);
                self.wait_for_allowance(wanted);
                false
            }
            // Nothing is said any more, and the goodbye ends by its clock.
            Room::Spent(_) if self.phase == Phase::Ending => false,
            Room::Spent(kind) => {
                self.close_for_budget(now, kind);
                false
            }
        }
    }

    fn ask_allowance(&mut self, is_due: bool) {
        let limits = &self.settings.limits;
        let dearest_micros = limits
            .reply_cost_max_micros
            .saturating_add(limits.sentence_cost_max_micros);
        if let Some(wish) = self.budget.wish(dearest_micros, is_due) {
            self.command(wish);
        }
    }

    /// What shared budgets answered.
    pub(crate) fn on_allowance(&mut self, now: Moment, allowance: Allowance) {
        self.budget.has_asked = false;
        let known = self.budget.allowance.map_or(0, |known| known.total_micros);
        self.budget.allowance = Some(Allowance {
            total_micros: allowance.total_micros.max(known),
            ..allowance
        });
        self.warn_of_shared_budget(now, allowance);
        self.start_wanted(now);
    }

    /// A budget that other calls spend too may be nearly spent when this call begins.
    pub(crate) fn warn_of_shared_budget(&mut self, now: Moment, allowance: Allowance) {
        if let Some(budget) = allowance.warns
            && self.budget.is_first_warning(budget)
        {
            self.warn_of_budget(now, budget);
        }
    }

    pub(crate) fn warn_of_first_allowance(&mut self, now: Moment) {
        if let Some(allowance) = self.budget.allowance {
            self.warn_of_shared_budget(now, allowance);
        }
    }

    fn warn_of_budget(&mut self, now: Moment, budget: BudgetKind) {
        let spent_micros = self.budget.spent_micros();
        self.event(
            now,
            EventKind::BudgetWarned {
                budget,
                spent_micros,
            },
        );
    }

    /// After each bill.
    pub(crate) fn watch_budget(&mut self, now: Moment) {
        let limits = &self.settings.limits;
        let (limit_micros, percent) = (limits.budget_micros, limits.budget_warning_percent);
        if self.budget.should_warn(limit_micros, percent) {
            self.warn_of_budget(now, BudgetKind::Session);
        }
        if matches!(self.phase, Phase::Connecting | Phase::Live) {
            self.ask_allowance(false);
        }
    }

    /// Nothing more may be started: what is being said is heard to its end, then the agent says why, and then the caller
    /// goes to a human, or the call ends, as the agent's file says.
    fn close_for_budget(&mut self, now: Moment, budget: BudgetKind) {
        let spent_micros = self.budget.spent_micros();
        self.event(
            now,
            EventKind::BudgetSpent {
                budget,
                spent_micros,
            },
        );
        let sentences = self.settings.sentences(self.turns.language()).cloned();
        let can_speak = self.phase == Phase::Live && !self.answering.is_machine();
        let Some(sentences) = sentences.filter(|_| can_speak) else {
            return self.hand_off(now, Handoff::because(HandoffReason::Budget));
        };
        let (words, then) = match self.settings.limits.at_budget {
            AtBudget::HandOff => (sentences.budget, Afterwards::HandOff),
            AtBudget::End => {
                let both = format!(
                    "{} {}",
                    sentences.budget.expose(),
                    sentences.goodbye.expose()
                );
                (both.into(), Afterwards::HangUp)
            }
        };
        self.forget_wanted();
        self.phase = Phase::Ending;
        self.goodbye = Some(Goodbye {
            until: now + self.playback.unheard(now) + limits::LAST_WORDS,
            reason: crate::end::EndReason::NobodyToHandOffTo(HandoffReason::Budget),
            then,
        });
        self.say(now, words, sentences.language);
    }
}
