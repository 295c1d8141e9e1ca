//! A call on the real account whose socket breaks: does the carrier go on to the human? Documents say so of a socket that is
//! closed; of one that breaks only a call can tell.
//!
//! Somebody answers the telephone that is rung. The carrier opens a stream to us, which is cut without a goodbye, and goes
//! on in the document it holds. The human's leg is a call whose parent is this one, and the REST API lists it.

use std::time::Duration;

use switchboard_store::PhoneNumber;
use switchboard_wire::private::Private;
use switchboard_wire::twilio::CallSid;
use switchboard_wire::twilio::rest::{
    CallResource, CallsPage, CreateCall, Instructions, UpdateCall, call_path, calls_path,
    child_calls_path,
};
use switchboard_wire::twilio::twiml::{Connect, Document, Stream, Verb};

use super::Finding;
use super::carrier::{Carrier, Ours, human_of, static_verbs, unreadable};
use crate::channels::twilio::CUT_PARAMETER;
use crate::desk::dialling;

const CHECK: &str = "live_call";
/// Ringing, the sentence before the human, and the dialling.
const WATCH_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who does not pick up in this time is not there.
const RING_S: u32 = 30;
/// The carrier ends the call then, also when this process is gone.
const TIME_LIMIT_S: u32 = 120;

pub(super) async fn finding(carrier: &Carrier<'_>, ours: &[Ours], to: &PhoneNumber) -> Finding {
    prove(carrier, ours, to).await.unwrap_or_else(|wrong| wrong)
}

async fn prove(carrier: &Carrier<'_>, ours: &[Ours], to: &PhoneNumber) -> Result<Finding, Finding> {
    let settings = carrier.settings;
    let with_human = ours.iter().find_map(|number| {
        let human = human_of(settings, number.human.as_ref())?;
        Some((number, human))
    });
    let Some((from, human)) = with_human else {
        return Err(Finding::failed(
            CHECK,
            "no number of ours has a human to reach, so there is nothing to prove",
            "set handoff.number, or `switchboard tenant number set … --human`",
        ));
    };
    dialling::check(&settings.dialling, to, &from.number).map_err(|refusal| {
        let says = format!("the telephone to ring may not be dialled: {refusal}");
        Finding::failed(
            CHECK,
            says,
            "name a telephone of yours that [dialling] allows",
        )
    })?;
    let call = place(carrier, from, to).await?;
    let seen = watch(carrier, from, &call, human).await;
    // Whatever was seen, nobody is kept on the line.
    let form = UpdateCall::HangUp.to_form().map_err(|_| unreadable())?;
    let path = call_path(&from.account, &call);
    let ended = carrier.ask(from, posted(carrier, &path, &form)).await;
    seen.and_then(|seen| ended.map(|_| seen))
}

async fn place(carrier: &Carrier<'_>, from: &Ours, to: &PhoneNumber) -> Result<CallSid, Finding> {
    let settings = carrier.settings;
    let url = settings.public_url().as_websocket().join("/twilio/stream");
    let stream = Stream::new(url).with_parameter(CUT_PARAMETER, "1");
    let mut verbs = vec![Verb::Connect(Connect::stream(stream))];
    verbs.extend(static_verbs(settings, from.human.as_ref()));
    let create = CreateCall {
        to: Private::from(to.expose()),
        from: Private::from(from.number.expose()),
        instructions: Instructions::Document(Document::new(verbs)),
        status_callback: None,
        timeout_s: Some(RING_S),
        time_limit_s: Some(TIME_LIMIT_S),
        amd_callback: None,
    };
    let form = create.to_form().map_err(|_| unreadable())?;
    let path = calls_path(&from.account);
    let (_, body) = carrier.ask(from, posted(carrier, &path, &form)).await?;
    let placed: CallResource = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    Ok(placed.sid)
}

fn posted(
    carrier: &Carrier<'_>,
    path: &str,
    form: &switchboard_wire::twilio::Form,
) -> reqwest::RequestBuilder {
    let url = carrier.settings.twilio.api_base_url.as_http().join(path);
    let request = carrier.client.post(url);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.encode())
}

/// Waits until the human's leg is listed, or the call is over without one.
async fn watch(
    carrier: &Carrier<'_>,
    from: &Ours,
    call: &CallSid,
    human: &str,
) -> Result<Finding, Finding> {
    let read = async |path: &str| {
        let url = carrier.settings.twilio.api_base_url.as_http().join(path);
        let answer = carrier.ask(from, carrier.client.get(url)).await;
        answer.map(|(_, body)| body)
    };
    let watched = async {
        loop {
            let listed = read(&child_calls_path(&from.account, call)).await?;
            let listed: CallsPage = serde_json::from_slice(&listed).map_err(|_| unreadable())?;
            if listed.calls.iter().any(|leg| leg.to == human) {
                let says = "the socket of a real call was cut, and the carrier dialled the human";
                return Ok(Finding::passed(CHECK, says));
            }
            let shown = read(&call_path(&from.account, call)).await?;
            let shown: CallResource = serde_json::from_slice(&shown).map_err(|_| unreadable())?;
            if shown.status.is_final() {
                let says = format!(
                    "the call ended ({}) and the carrier dialled nobody",
                    shown.status.as_str()
                );
                let help = "pick the telephone up and stay on the line until the human rings; if you did, see the call in the carrier's log";
                return Err(Finding::failed(CHECK, says, help));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(WATCH_MAX, watched)
        .await
        .unwrap_or_else(|_| {
            let says = "the carrier did not dial the human within a minute";
            let help = "see that the stream of the call reached `/twilio/stream` (`stream_upgrade` above), and the call in the carrier's log";
            Err(Finding::failed(CHECK, says, help))
        })
}
