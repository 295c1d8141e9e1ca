//! One server between a carrier and a model, with short limits, and what must hold after any fault.

use switchboard::config::Settings;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer};
use switchboard_sim::twilio::{
    CallHandle, CarrierEvent, EndedBy, FakeTwilio, PlaceCall, StreamFault,
};
use switchboard_store::{CallListing, EndClass, ListFilter};

use crate::scripted::{dials, reason, row_of};
use crate::support::{BOUND, HUMAN, MEDSPA, TestServer, carrier, model, wait_for};

/// Everything a fault needs around it.
pub(crate) struct Stage {
    pub(crate) twilio: FakeTwilio,
    pub(crate) model: RealtimeServer,
    pub(crate) server: TestServer,
}

/// Who the caller had at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// The human, dialled once.
    Human,
    /// The agent until a proper end; nobody was dialled.
    Agent,
}

impl Stage {
    pub(crate) async fn with(script: RealtimeScript, adjust: impl FnOnce(&mut Settings)) -> Self {
        let twilio = carrier().await;
        let model = model(script).await;
        let server = TestServer::start(&twilio, Some(&model), |settings| {
            shorten(settings);
            adjust(settings);
        })
        .await;
        without_own_limits(&server).await;
        Self {
            twilio,
            model,
            server,
        }
    }

    pub(crate) fn call(&self, script: CallerScript) -> CallHandle {
        self.server.call(&self.twilio, MEDSPA, script)
    }

    /// A call whose stream meets this.
    pub(crate) fn struck_call(&self, fault: StreamFault) -> CallHandle {
        let mut place = PlaceCall::new(self.server.voice_url(), MEDSPA, CallerScript::new());
        place.status_callback = Some(format!("{}/twilio/status", self.server.base));
        place.stream_faults = vec![fault];
        self.twilio.place_call(place)
    }

    /// The "always" of the matrix: one end with a class and one of these reasons, every event stored once and in
    /// order, no permit, no call and no model session left.
    pub(crate) async fn assert_over(&self, call: &CallHandle, got: Got, reasons: &[&str]) {
        let case = || format!("{reasons:?}: {:?}", call.events());
        let over = call.wait_for_end(BOUND).await;
        over.unwrap_or_else(|error| panic!("{error} {}", case()));
        self.server.idle().await;
        let row = row_of(&self.server, call).await;
        assert!(
            reasons.contains(&reason(&row)),
            "{} {}",
            reason(&row),
            case()
        );
        let class = row.end_class.unwrap_or(EndClass::Unknown);
        assert_ne!(class, EndClass::Unknown, "{}", case());
        self.assert_events(&row).await;
        wait_for("the model is let go", || {
            self.model.with_log(|log| log.open_connections()) == 0
        })
        .await;
        match got {
            Got::Human => assert_eq!(dials(call), [HUMAN], "{}", case()),
            Got::Agent => {
                assert!(dials(call).is_empty(), "{}", case());
                assert!(!call.has(is_error), "{}", case());
            }
        }
    }

    async fn assert_events(&self, row: &CallListing) {
        let rows = self.server.rows("medspa").await;
        let events = rows.list_call_events(&ListFilter::of_call(row.id)).await;
        let mut events = events.expect("rows");
        events.sort_by_key(|event| event.seq);
        for (event, number) in events.iter().zip(1..) {
            assert_eq!(event.seq, number, "an event is missing or doubled");
        }
        let ends = events
            .iter()
            .filter(|event| event.name.as_str() == "call_ended");
        assert_eq!(ends.count(), 1, "one end");
        let last = events.last().map(|event| event.name.as_str());
        assert_eq!(last, Some("call_ended"));
    }
}

/// The carrier gave up and played its own error.
fn is_error(event: &CarrierEvent) -> bool {
    let by = EndedBy::Error;
    matches!(event, CarrierEvent::Ended { by: ended_by, .. } if *ended_by == by)
}

/// Long enough for a busy machine, short enough for a test.
fn shorten(settings: &mut Settings) {
    settings.calls.handshake_ms = 1_500;
    settings.calls.tool_ms_max = 1_500;
    settings.calls.budget_micros = 1_000_000_000;
    settings.limits.write_ms_max = 500;
    settings.limits.stream_start_ms_max = 400;
    settings.twilio.transfer_ms_max = 500;
    settings.http.drain_ms_max = 500;
}

/// The agent's own limits would hide those of the settings.
async fn without_own_limits(server: &TestServer) {
    let rows = server.rows("medspa").await;
    let stored = rows.agent("medspa").await.expect("an answer");
    let mut definition = stored.expect("the agent").definition;
    definition["limits"] = serde_json::json!({});
    let published = rows.publish_agent("medspa", &definition, "test").await;
    published.expect("published");
}
