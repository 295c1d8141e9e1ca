//! The JSON Twilio answers with.

use super::super::Exchange;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};
use switchboard_wire::twilio::{CallSid, Form};

/// A refusal with Twilio's own error body.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: u32,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        });
        json_response(self.status, &body)
    }
}

pub(super) fn json_response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a status and a constant header")
}

/// The call resource; `None` for a call this account never had.
pub(super) fn call_json(
    exchange: &Exchange,
    sid: &CallSid,
    status: u16,
) -> Option<Response<Full<Bytes>>> {
    let calls = exchange.calls();
    let call = calls.get(sid)?;
    let account_sid = &exchange.settings.account_sid;
    let call_status = call.record.status();
    let duration = call_status
        .is_final()
        .then(|| call.record.duration_s().to_string());
    let uri = format!("/2010-04-01/Accounts/{account_sid}/Calls/{sid}.json");
    let body = json!({
        "sid": sid.as_str(),
        "account_sid": account_sid.as_str(),
        "api_version": "2010-04-01",
        "status": call_status.as_str(),
        "direction": call.details.direction,
        "from": call.details.from,
        "to": call.details.to,
        "from_formatted": call.details.from,
        "to_formatted": call.details.to,
        "forwarded_from": call.details.forwarded_from,
        "answered_by": call.record.answered_by(),
        "caller_name": null,
        "parent_call_sid": null,
        "phone_number_sid": null,
        "group_sid": null,
        "trunk_sid": null,
        "annotation": null,
        "queue_time": "0",
        "duration": duration,
        "price": null,
        "price_unit": "USD",
        "date_created": super::super::date::now(),
        "date_updated": super::super::date::now(),
        "start_time": null,
        "end_time": null,
        "uri": uri,
        "subresource_uris": {},
    });
    Some(json_response(status, &body))
}

/// The list of calls, which the fake knows by `ParentCallSid` only: the legs that a call's `<Dial>` rang.
pub(super) fn child_calls(
    exchange: &Exchange,
    query: &str,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let query = Form::parse(query.as_bytes()).unwrap_or_default();
    let parent = query
        .text("ParentCallSid")
        .and_then(|sid| CallSid::parse(sid).ok())
        .ok_or_else(|| Refusal::new(400, 20001, "ParentCallSid is no call"))?;
    let lines = exchange.lines();
    let children = lines.iter().filter(|line| line.parent == parent);
    let calls: Vec<Value> = children
        .map(|line| {
            json!({
                "sid": line.sid.as_str(),
                "parent_call_sid": line.parent.as_str(),
                "status": line.status,
                "direction": "outbound-dial",
                "from": line.from,
                "to": line.to,
            })
        })
        .collect();
    let body = json!({ "calls": calls, "page": 0, "page_size": 50, "next_page_uri": null });
    Ok(json_response(200, &body))
}
