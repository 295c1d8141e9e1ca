//! Every bound of a call, with its unit and the reason for its default.

use crate::time::Span;

/// Past it the caller goes to a human: people hang up on silence after an answered call.
pub const HANDSHAKE: Span = Span::from_secs(3);
/// Who picks up a call of ours and says nothing for this long is greeted.
pub const HELLO: Span = Span::from_millis(1_500);
/// A hello that became no turn is over this long after it.
pub const HELLO_TURN: Span = Span::from_millis(700);
/// Who speaks longer than this is greeted all the same: it may be a machine, which minds nothing.
pub const HELLO_MAX: Span = Span::from_secs(5);
/// A machine that is silent for this long after its greeting records. Pauses inside greetings are shorter.
pub const TONE_QUIET: Span = Span::from_millis(1_500);
/// The longest greeting that is waited for; past it the message is said anyway.
pub const TONE_MAX: Span = Span::from_secs(30);
/// A message is over by then; machines cut longer ones.
pub const MESSAGE: Span = Span::from_secs(45);
/// A call whose media stream never opens holds its permit no longer than its stream token lives.
pub const STREAM_OPEN: Span = Span::from_secs(15);
/// One gentle question after this much silence, counted from when the caller last heard us.
pub const SILENCE_NUDGE: Span = Span::from_secs(6);
/// A silent line is somebody who cannot or will not talk to a machine: a human takes it.
pub const SILENCE_HANDOFF: Span = Span::from_secs(9);
/// A call that runs longer is stuck; a human or the end serves the caller better.
pub const LENGTH_MAX: Span = Span::from_secs(8 * 60);
/// The spoken warning comes this long before the length limit, enough to finish a booking.
pub const LENGTH_WARNING: Span = Span::from_secs(30);
/// One silence of 4 s already feels like rejection (Koudenburg), so longer ones are counted as broken promises.
pub const DEAD_AIR: Span = Span::from_secs(4);
/// A filler must be audible well before [`DEAD_AIR`]; earlier would talk over models of normal speed.
pub const FILLER_AFTER: Span = Span::from_millis(2_500);
/// A turn without any answer for this long means that the model is stuck.
pub const MODEL_STALL: Span = Span::from_secs(8);
/// After this many fillers for one turn silence is more honest. Two bridge a stalled model until it is given up, the
/// third a tool that runs to its deadline.
pub const FILLERS_PER_TURN_MAX: u8 = 3;
/// The next piece of audio is sent when the carrier has less than this left to play.
pub const BACKLOG_LOW: Span = Span::from_millis(200);
/// A reported interruption is decided within this, where voice evidence is all there is.
pub const INTERRUPTION_VOICE: Span = Span::from_millis(250);
/// A short interruption waits this long after its turn was committed for the words that explain it.
pub const INTERRUPTION_WORDS: Span = Span::from_millis(700);
/// Speech at least this long is taken for a turn without waiting for its words.
pub const INTERRUPTION_LONG: Span = Span::from_millis(900);
/// An answer of a tool that comes later is kept, but no longer spoken.
pub const TOOL_DEADLINE: Span = Span::from_secs(10);
/// More requests than any honest conversation needs; past it the model is told so.
pub const TOOLS_PER_CALL_MAX: u32 = 60;
/// How long a goodbye may play before the call ends anyway.
pub const GOODBYE: Span = Span::from_secs(5);
/// The carrier must have taken a transfer by then; past it the leg is cut, which transfers too.
pub const TRANSFER_ANSWER: Span = Span::from_secs(1);
/// After an accepted transfer or hang-up the carrier closes the leg itself; past it we do.
pub const LEG_CLOSE: Span = Span::from_secs(5);
/// A human rings and is asked for a key within this; past it nobody will give the caller back.
pub const AWAY: Span = Span::from_secs(5 * 60);
/// A model session that ended by itself must be ready again within this.
pub const REOPEN: Span = Span::from_millis(1_500);
/// Only a session that lived this long is reopened: a younger one would fail again.
pub const REOPEN_LIVED_MIN: Span = Span::from_secs(10);
/// Vendors end sessions at 60 minutes; we roll over before, at a quiet moment.
pub const MODEL_SESSION_MAX: Span = Span::from_secs(55 * 60);
/// When the carrier sends nothing for this long while the caller speaks, silence is fed to the model's detector.
pub const MEDIA_GAP: Span = Span::from_millis(750);
/// How much silence is fed at once.
pub const MEDIA_GAP_FILL: Span = Span::from_secs(1);
/// Who has not answered our question about keeping the call by then is asked once more, and then has refused. Less
/// than [`SILENCE_NUDGE`], so that nobody is asked two things at once.
pub const CONSENT_ANSWER: Span = Span::from_secs(5);
/// A caller whom we do not hear for card data is with us no longer than this; then a human takes over. Listening again
/// unasked could hear the rest of it.
pub const SECURE_ENTRY_MAX: Span = Span::from_secs(180);
/// A person of staff whose connection broke may come back for this long. Less than [`DEAD_AIR`], with time left for the
/// agent to begin.
pub const STAFF_GRACE: Span = Span::from_secs(3);
/// Nobody of staff has a caller for longer: a page that was left open would hold the line and its permit for ever.
pub const STAFF_MAX: Span = Span::from_secs(60 * 60);
/// What a person of staff says plays this much later than now at most; what comes on top is dropped. A network that
/// stood still would delay all that follows.
pub const STAFF_AHEAD: Span = Span::from_millis(400);
/// A client that lost its connection may come back for this long: a tunnel, a change of networks, a restarted router.
pub const ABSENCE: Span = Span::from_secs(60);
/// Two automatic parties are ended this long after the first sign of one. A real talk of that kind is over by then, and
/// a voice model costs about a dollar in that time (threat M5).
pub const AUTOMATIC_MAX: Span = Span::from_secs(120);
/// Whoever is suspected is asked for a key this long before the end: time to hear the question and find the keys.
pub const PERSON_CHECK: Span = Span::from_secs(20);
/// The question waits this long for a breath of whoever speaks, and is then asked anyway.
pub const PERSON_CHECK_WAIT: Span = Span::from_secs(5);
/// 5.00 of the call's currency.
pub const BUDGET_MICROS: u64 = 5_000_000;
/// The share of the budget at which a warning event goes out.
pub const BUDGET_WARN_PERCENT: u64 = 80;
/// The dearest single reply we expect: 4,096 output tokens of audio at 64 USD per million and a full context.
pub const REPLY_COST_MAX_MICROS: u64 = 400_000;
/// The dearest sentence of our own: 20 s of audio at 64 USD per million tokens and a full context.
pub const SENTENCE_COST_MAX_MICROS: u64 = 150_000;
/// How long the sentence that says that a budget is spent may take, from the end of what is being said: the model thinks
/// for a second or two and speaks for four.
pub const LAST_WORDS: Span = Span::from_secs(10);

/// What comes after the sentence that says that a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtBudget {
    /// The caller goes to a human.
    #[default]
    HandOff,
    /// The agent says goodbye and hangs up.
    End,
}

/// The bounds of one call: defaults above, changed per tenant and agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub handshake: Span,
    /// Zero switches nudge and silence handoff off.
    pub silence_nudge: Span,
    pub silence_handoff: Span,
    pub length_max: Span,
    pub length_warning: Span,
    /// From the first sign of an automatic party to the end; zero switches the detection off.
    pub automatic_max: Span,
    pub dead_air: Span,
    pub filler_after: Span,
    pub model_stall: Span,
    pub backlog_low: Span,
    pub interruption_voice: Span,
    pub interruption_words: Span,
    pub tool_deadline: Span,
    /// Tools that may run in one call; further requests are refused.
    pub tools_max: u32,
    pub budget_micros: u64,
    /// Share of the budget, in percent, at which a warning event goes out.
    pub budget_warning_percent: u64,
    /// The dearest reply that the agent's models can make.
    pub reply_cost_max_micros: u64,
    /// The dearest sentence of ours that they can say.
    pub sentence_cost_max_micros: u64,
    pub at_budget: AtBudget,
    pub model_session_max: Span,
    /// A model session opened in a live call must be ready within this.
    pub model_reopen: Span,
    /// Only a session that lived this long is opened again.
    pub model_reopen_lived_min: Span,
    /// How long the carrier may take to take a transfer. The shell's own request must end within it.
    pub transfer_answer: Span,
    /// How long a caller whose connection broke may come back. Zero: the call ends at once.
    pub absence_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: HANDSHAKE,
            silence_nudge: SILENCE_NUDGE,
            silence_handoff: SILENCE_HANDOFF,
            length_max: LENGTH_MAX,
            length_warning: LENGTH_WARNING,
            automatic_max: AUTOMATIC_MAX,
            dead_air: DEAD_AIR,
            filler_after: FILLER_AFTER,
            model_stall: MODEL_STALL,
            backlog_low: BACKLOG_LOW,
            interruption_voice: INTERRUPTION_VOICE,
            interruption_words: INTERRUPTION_WORDS,
            tool_deadline: TOOL_DEADLINE,
            tools_max: TOOLS_PER_CALL_MAX,
            budget_micros: BUDGET_MICROS,
            budget_warning_percent: BUDGET_WARN_PERCENT,
            reply_cost_max_micros: REPLY_COST_MAX_MICROS,
            sentence_cost_max_micros: SENTENCE_COST_MAX_MICROS,
            at_budget: AtBudget::HandOff,
            model_session_max: MODEL_SESSION_MAX,
            model_reopen: REOPEN,
            model_reopen_lived_min: REOPEN_LIVED_MIN,
            transfer_answer: TRANSFER_ANSWER,
            absence_max: ABSENCE,
        }
    }
}
