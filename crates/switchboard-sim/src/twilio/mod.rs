//! A Twilio that runs on this machine: signed webhooks, TwiML, Media Streams, the REST API, people to dial, and faults.
//!
//! It refuses what the real one refuses and does to a call what the real one does, by the protocol notes of the
//! specification; where those are inferences, so is this. It never agrees with its client by sharing code for reading:
//! documents are parsed here by a whitelist of their own. Sound is real and runs in real time, 20 ms a step.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use switchboard_sim::caller::CallerScript;
//! use switchboard_sim::twilio::{CarrierEvent, FakeTwilio, FakeTwilioSettings, PlaceCall};
//!
//! let twilio = FakeTwilio::start(FakeTwilioSettings::default()).await?;
//! let script = CallerScript::new().wait(500).press('0');
//! let call = twilio.place_call(PlaceCall::new("http://127.0.0.1:8080/twilio/voice", "+12025550104", script));
//! let bound = Duration::from_secs(10);
//! call.wait_for(bound, |event| matches!(event, CarrierEvent::Dialled { .. })).await?;
//! call.wait_for_end(bound).await?;
//! assert!(!call.ear().is_empty());
//! # Ok(()) }
//! ```

mod call;
mod callee;
mod collect;
mod date;
mod dial;
mod document;
mod event;
mod fault;
mod human;
mod line;
mod queue;
mod rest;
mod rules;
mod stream;
mod webhook;
mod whisper;

pub use callee::{Callee, Party, Pickup, Verdict};
pub use document::{DocumentError, Verb, parse_document};
pub use event::{CallHandle, CarrierEvent, EndedBy, StreamEnd, TimedEvent, WaitError};
pub use fault::{MarkFault, RestFault, StreamFault, WebhookFaults};
pub use human::{HumanLine, HumanSpeech, QueueLine};
pub use rest::RestRequest;

use crate::caller::CallerScript;
use crate::socket::random_bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::{AccountSid, CallSid};
use tokio::task::JoinHandle;

/// How this Twilio is set up. The default is one account with random identifiers and everybody answering.
#[derive(Debug, Clone)]
pub struct FakeTwilioSettings {
    pub account_sid: AccountSid,
    pub auth_token: String,
    /// `127.0.0.1:0` for a free port.
    pub listen: SocketAddr,
    /// Connects here whatever the host of a webhook or stream URL says, while signing the URL as written. Lets a server
    /// with a public name be tested on loopback.
    pub connect_to: Option<SocketAddr>,
    /// What `<Say>` sounds like.
    pub say: SayVoice,
    /// Who picks up which number; others answer like [`HumanLine::default`].
    pub humans: HashMap<String, HumanLine>,
    /// Who takes callers out of which queue; nobody attends the others.
    pub queues: HashMap<String, QueueLine>,
    /// Who picks up calls created by REST; others are [`Callee::default`].
    pub callees: HashMap<String, Callee>,
    /// Numbers that begin so may not be called by this account.
    pub forbidden_prefixes: Vec<String>,
    /// Numbers of the account. Where any are given, outgoing calls must come from one of them.
    pub numbers: Vec<AccountNumber>,
}

impl Default for FakeTwilioSettings {
    fn default() -> Self {
        Self {
            account_sid: AccountSid::from_entropy(random_bytes()),
            auth_token: hexadecimal(random_bytes()),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            connect_to: None,
            say: SayVoice::default(),
            humans: HashMap::new(),
            queues: HashMap::new(),
            callees: HashMap::new(),
            forbidden_prefixes: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `<Say>` sounds like at the ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SayVoice {
    /// Real words by espeak-ng.
    Spoken,
    /// A 350 Hz tone of this length per character: fast, and needs no program.
    Tone { ms_per_character: u64 },
}

impl Default for SayVoice {
    /// 10 ms a character: a sentence is over in half a second.
    fn default() -> Self {
        Self::Tone {
            ms_per_character: 10,
        }
    }
}

/// A number the account owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNumber {
    pub number: String,
    pub voice_url: Option<String>,
    pub voice_fallback_url: Option<String>,
    pub status_callback: Option<String>,
}

/// An inbound call to place.
#[derive(Debug, Clone)]
pub struct PlaceCall {
    pub voice_url: String,
    pub voice_fallback_url: Option<String>,
    /// Inbound calls report only `completed` by default.
    pub status_callback: Option<String>,
    /// Which of `initiated`, `ringing`, `answered`, `completed` are reported.
    pub status_events: Vec<&'static str>,
    pub from: String,
    pub to: String,
    /// Set when the call was forwarded to us.
    pub forwarded_from: Option<String>,
    pub caller: CallerScript,
    /// In order: each stream that the call opens takes the next one.
    pub stream_faults: Vec<StreamFault>,
    pub webhook_faults: WebhookFaults,
    /// Parameters that a Twilio of tomorrow might add; they are signed as well.
    pub extra_parameters: Vec<(String, String)>,
    /// Keep what ear and mouth carried. Off for load tests.
    pub keeps_sound: bool,
}

impl PlaceCall {
    pub fn new(voice_url: impl Into<String>, to: impl Into<String>, caller: CallerScript) -> Self {
        Self {
            voice_url: voice_url.into(),
            voice_fallback_url: None,
            status_callback: None,
            status_events: vec!["completed"],
            from: "+12025550142".to_owned(),
            to: to.into(),
            forwarded_from: None,
            caller,
            stream_faults: Vec::new(),
            webhook_faults: WebhookFaults::default(),
            extra_parameters: Vec::new(),
            keeps_sound: true,
        }
    }
}

/// The running fake. Dropping it stops the REST API and every call.
#[derive(Debug)]
pub struct FakeTwilio {
    exchange: Arc<Exchange>,
    address: SocketAddr,
    rest: JoinHandle<()>,
}

/// What all calls share.
#[derive(Debug)]
struct Exchange {
    settings: FakeTwilioSettings,
    humans: Mutex<HashMap<String, HumanLine>>,
    callees: Mutex<HashMap<String, Callee>>,
    calls: Mutex<HashMap<CallSid, call::Registered>>,
    rest: rest::RestState,
    recordings: Mutex<HashMap<RecordingSid, Vec<u8>>>,
    call_recordings: Mutex<HashMap<RecordingSid, rest::CallRecording>>,
    lines: Mutex<Vec<PlacedLine>>,
    http: reqwest::Client,
}

/// A line that a `<Dial>` rang: a call of its own, whose parent is the caller's.
#[derive(Debug, Clone)]
struct PlacedLine {
    sid: CallSid,
    parent: CallSid,
    from: String,
    to: String,
    status: &'static str,
}

impl FakeTwilio {
    /// Binds the REST API and is ready.
    pub async fn start(settings: FakeTwilioSettings) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let exchange = Arc::new(Exchange {
            humans: Mutex::new(settings.humans.clone()),
            callees: Mutex::new(settings.callees.clone()),
            calls: Mutex::default(),
            recordings: Mutex::default(),
            call_recordings: Mutex::default(),
            lines: Mutex::default(),
            rest: rest::RestState::with_numbers(settings.numbers.clone()),
            http: webhook::client()?,
            settings,
        });
        let rest = tokio::spawn(rest::serve(listener, Arc::clone(&exchange)));
        Ok(Self {
            exchange,
            address,
            rest,
        })
    }

    /// `http://127.0.0.1:port`, what `twilio.api_base_url` should be.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn account_sid(&self) -> &AccountSid {
        &self.exchange.settings.account_sid
    }

    pub fn auth_token(&self) -> &str {
        &self.exchange.settings.auth_token
    }

    /// Rings the server. The call runs by itself; watch it through the handle.
    pub fn place_call(&self, place: PlaceCall) -> CallHandle {
        call::place_inbound(&self.exchange, place)
    }

    /// The handle of a call, for instance one created by REST.
    pub fn call(&self, sid: &CallSid) -> Option<CallHandle> {
        let calls = self.exchange.calls();
        calls.get(sid).map(call::Registered::handle)
    }

    pub fn call_sids(&self) -> Vec<CallSid> {
        self.exchange.calls().keys().cloned().collect()
    }

    /// Changes who picks up a number from now on.
    pub fn set_human(&self, number: impl Into<String>, line: HumanLine) {
        let mut humans = self.exchange.humans.lock().expect("no holder panics");
        humans.insert(number.into(), line);
    }

    /// The recordings that the account still has.
    pub fn recording_sids(&self) -> Vec<RecordingSid> {
        let messages: Vec<RecordingSid> = self.exchange.recordings().keys().cloned().collect();
        let of_calls = self.exchange.call_recordings();
        messages
            .into_iter()
            .chain(of_calls.keys().cloned())
            .collect()
    }

    /// Changes who picks up calls that REST creates to a number from now on.
    pub fn set_callee(&self, number: impl Into<String>, callee: Callee) {
        let mut callees = self.exchange.callees.lock().expect("no holder panics");
        callees.insert(number.into(), callee);
    }

    /// The next REST requests meet these faults, one each.
    pub fn push_rest_faults(&self, faults: impl IntoIterator<Item = RestFault>) {
        self.exchange.rest.push_faults(faults);
    }

    /// Everything the REST API was asked, refused requests included.
    pub fn rest_requests(&self) -> Vec<RestRequest> {
        self.exchange.rest.requests()
    }

    /// A number of the account as it stands now; the REST API may have changed where its calls go.
    pub fn number(&self, number: &str) -> Option<AccountNumber> {
        let mut numbers = self.exchange.rest.numbers().into_iter();
        numbers.find(|ours| ours.number == number)
    }

    /// The signature this account would send. For hand-made and forged requests.
    pub fn sign(&self, url: &str, parameters: &[(&str, &str)]) -> String {
        webhook::sign(&self.exchange.settings.auth_token, url, parameters)
    }
}

impl Drop for FakeTwilio {
    fn drop(&mut self) {
        self.rest.abort();
        for (_, call) in self.exchange.calls().drain() {
            call.abort();
        }
    }
}

impl Exchange {
    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<CallSid, call::Registered>> {
        self.calls.lock().expect("no holder panics")
    }

    fn recordings(&self) -> std::sync::MutexGuard<'_, HashMap<RecordingSid, Vec<u8>>> {
        self.recordings.lock().expect("no holder panics")
    }

    fn call_recordings(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<RecordingSid, rest::CallRecording>> {
        self.call_recordings.lock().expect("no holder panics")
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<PlacedLine>> {
        self.lines.lock().expect("no holder panics")
    }

    fn callee(&self, number: &str) -> Callee {
        let callees = self.callees.lock().expect("no holder panics");
        callees.get(number).cloned().unwrap_or_default()
    }

    fn human(&self, number: &str) -> HumanLine {
        let humans = self.humans.lock().expect("no holder panics");
        humans.get(number).cloned().unwrap_or_default()
    }
}
