//! Recordings that the carrier makes: under a consent only, paused for card data, fetched, and deleted at the vendor.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::Carrier;
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model, wait_for};
use switchboard::config::RecordedBy;
use switchboard_media::ladder::{LadderReport, ToneLadder, detect_steps};
use switchboard_media::ogg_opus::read_ogg_opus;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply, VoiceDetection};
use switchboard_sim::twilio::{CallHandle, FakeTwilio, RestFault, RestRequest};
use switchboard_store::{
    ConsentAnswer, ConsentListing, ListFilter, RecordingListing, RecordingStatus,
};
use switchboard_wire::twilio::Form;

const RATE_HZ: u32 = 8_000;

struct Site {
    twilio: FakeTwilio,
    _model: RealtimeServer,
    server: TestServer,
}

impl Site {
    async fn with_consent(consent: serde_json::Value) -> Self {
        let twilio = carrier().await;
        let script = RealtimeScript::default()
            .hearing_by(VoiceDetection::Level {
                threshold_dbfs: -40.0,
            })
            .otherwise(Reply::ladder(800));
        let model = model(script).await;
        let server = TestServer::start(&twilio, Some(&model), |settings| {
            settings.recordings.by = RecordedBy::Twilio;
        })
        .await;
        let rows = server.rows("medspa").await;
        let stored = rows.agent("medspa").await.expect("answers").expect("there");
        let mut definition = stored.definition;
        definition["consent"] = consent;
        let published = rows.publish_agent("medspa", &definition, "test").await;
        published.expect("published");
        Self {
            twilio,
            _model: model,
            server,
        }
    }

    async fn call(&self, script: CallerScript) -> CallHandle {
        let call = self.server.call(&self.twilio, MEDSPA, script);
        call.wait_for_end(BOUND).await.expect("the call ends");
        self.server.idle().await;
        call
    }

    /// The only recording, once it stands so.
    async fn recording(&self, status: RecordingStatus) -> RecordingListing {
        let rows = self.server.rows("medspa").await;
        let found = async {
            loop {
                let listed = rows.list_recordings(&ListFilter::default()).await;
                if let [only] = &listed.expect("recordings")[..]
                    && only.status == status
                {
                    return only.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(BOUND, found).await;
        found.expect("a recording that stands so")
    }

    /// Requests about recordings of calls, by what they ask for.
    fn asked(&self) -> Vec<String> {
        let about = |it: &RestRequest| it.path.contains("/Recordings");
        let requests = self.twilio.rest_requests().into_iter().filter(about);
        requests
            .map(|it| match it.form.text("Status") {
                Some(status) => status.to_owned(),
                None if it.method == "POST" => "start".to_owned(),
                None => it.method,
            })
            .collect()
    }

    async fn is_forgotten(&self) {
        wait_for("the carrier's copy is deleted", || {
            self.twilio.recording_sids().is_empty()
        })
        .await;
    }
}

fn report(samples: &[i16]) -> LadderReport {
    LadderReport::of(&detect_steps(samples))
}

/// And a copy of every report, late and reordered, leaves the same row (H3).
#[tokio::test(flavor = "multi_thread")]
async fn h3_what_the_carrier_recorded_is_fetched_once_and_deleted_there() {
    let site = Site::with_consent(json!({ "record": true })).await;
    let ladder = ToneLadder::new(RATE_HZ);
    let script = CallerScript::new()
        .wait_for_quiet(600)
        .speak(ladder.render(3_200, 4_200))
        .wait(600)
        .hang_up();
    let call = site.call(script).await;
    let stored = site.recording(RecordingStatus::Stored).await;
    site.is_forgotten().await;
    assert_eq!(stored.source.as_str(), "twilio");
    assert!(stored.retained_until.is_some() && stored.offset_ms > 0);
    let archive = &site.server.reception.archive;
    let key = stored.object_key.parse().expect("a key");
    let audio = archive.get(&key, None).await.expect("archived").bytes;
    assert_eq!(stored.bytes, i64::try_from(audio.len()).ok());
    let (left, right) = read_ogg_opus(&audio, RATE_HZ).expect("as ours are");
    let (left, right) = (report(&left), report(&right));
    let is_callers = |it: &LadderReport| it.runs.iter().any(|run| run.from_ms >= 3_000);
    assert!(is_callers(&left), "the caller is left: {left:?}");
    assert!(!is_callers(&right), "and not right: {right:?}");

    let posted = site.twilio.rest_requests();
    let start = posted
        .iter()
        .find(|it| it.path.ends_with("/Recordings.json"));
    let form = &start.expect("it was started").form;
    let callback = form.text("RecordingStatusCallback").expect("an address");
    let path = callback.strip_prefix(&site.server.base).expect("ours");
    let by_hand = Carrier::new(
        &site.server.base,
        site.twilio.account_sid(),
        site.twilio.auth_token(),
    );
    let fetched = || {
        let asked = site.asked();
        asked
            .iter()
            .filter(|it| *it == "GET" || *it == "DELETE")
            .count()
    };
    let before = fetched();
    for status in ["completed", "in-progress", "absent", "failed", "completed"] {
        let form = Form::from_iter([
            ("AccountSid", site.twilio.account_sid().as_str()),
            ("CallSid", call.sid().as_str()),
            ("RecordingSid", "REaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("RecordingStatus", status),
        ]);
        assert_eq!(by_hand.post(path, &form).await.status, 204, "{status}");
        let stranger = by_hand.account(&by_hand::account_sid(), "0123456789abcdef0123456789abcdef");
        assert_eq!(stranger.post(path, &form).await.status, 403, "{status}");
    }
    assert!(site.server.reception.journal.flushed(BOUND).await, "stored");
    assert_eq!(site.recording(RecordingStatus::Stored).await, stored);
    assert_eq!(fetched(), before, "fetched once");
    site.server.stop().await;
}

/// D1: nothing is asked of the carrier for a caller who says no.
#[tokio::test(flavor = "multi_thread")]
async fn d1_the_carrier_records_nobody_who_does_not_agree() {
    let consent = json!({ "record": true, "mode": "asked" });
    let site = Site::with_consent(consent).await;
    let script = CallerScript::new()
        .wait_for_quiet(600)
        .press('2')
        .wait(1_500)
        .hang_up();
    site.call(script).await;
    assert!(site.server.reception.journal.flushed(BOUND).await, "stored");
    let rows = site.server.rows("medspa").await;
    let consents = rows.list_consents(&ListFilter::default()).await;
    let says_no = |it: &ConsentListing| it.answer == ConsentAnswer::Refused;
    assert!(
        consents.expect("consents").iter().any(says_no),
        "asked and refused"
    );
    assert_eq!(site.asked(), Vec::<String>::new());
    site.server.stop().await;
}

/// D1, D3: paused between `*` and `#`, and erased at the vendor too when the consent is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn d1_d3_card_data_pauses_the_carrier_and_a_withdrawal_leaves_nothing_there() {
    let consent = json!({ "record": true, "secure_entry_key": "*", "withdraw_key": "9" });
    let site = Site::with_consent(consent).await;
    let script = CallerScript::new()
        .wait_for_quiet(600)
        .press('*')
        .wait(600)
        .press('#')
        .wait(600)
        .press('9')
        .wait(1_500)
        .hang_up();
    site.call(script).await;
    let erased = site.recording(RecordingStatus::Erased).await;
    site.is_forgotten().await;
    assert_eq!((erased.bytes, &erased.checksum), (None, &None));
    let asked = site.asked();
    assert_eq!(asked[..4], ["start", "paused", "in-progress", "stopped"]);
    assert!(
        !asked.contains(&"GET".to_owned()),
        "never fetched: {asked:?}"
    );
    site.server.stop().await;
}

/// A carrier that takes no recording costs the recording, not the call.
#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_records_nothing_leaves_a_broken_row_and_the_call_goes_on() {
    let site = Site::with_consent(json!({ "record": true })).await;
    site.twilio.push_rest_faults([RestFault::Refuse {
        status: 400,
        code: 21220,
    }]);
    let script = CallerScript::new().wait_for_quiet(600).wait(500).press('0');
    let call = site.call(script).await;
    assert!(site.server.reception.journal.flushed(BOUND).await, "stored");
    site.recording(RecordingStatus::Broken).await;
    let calls = site.server.calls("medspa").await;
    let reason = calls[0].end_reason.as_ref().map(|reason| reason.as_str());
    assert_eq!(reason, Some("dtmf_0"), "{:?}", call.events());
    site.server.stop().await;
}
