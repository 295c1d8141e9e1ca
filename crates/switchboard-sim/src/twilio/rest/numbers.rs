//! The account's numbers and where their calls go: `IncomingPhoneNumbers`.

use super::super::{AccountNumber, Exchange};
use super::answer::{Refusal, json_response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use switchboard_wire::twilio::Form;

/// Numbers on one page, when the request does not say.
const PAGE_SIZE: usize = 50;
/// Twilio's largest page.
const PAGE_SIZE_MAX: usize = 1_000;

/// One page of the numbers; `query` narrows by `PhoneNumber` and chooses `Page` and `PageSize`.
pub(super) fn list(exchange: &Exchange, query: &str) -> Result<Response<Full<Bytes>>, Refusal> {
    let query = Form::parse(query.as_bytes()).unwrap_or_default();
    let number = |name: &str, usual: usize| match query.text(name) {
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Refusal::new(400, 20001, format!("{name} is no number"))),
        None => Ok(usual),
    };
    let (page, size) = (number("Page", 0)?, number("PageSize", PAGE_SIZE)?);
    let size = size.clamp(1, PAGE_SIZE_MAX);
    let wanted = query.text("PhoneNumber");
    // Twilio matches a part of the number too.
    let digits = wanted.map(|text| text.trim_start_matches('+').to_owned());
    let all = exchange.rest.numbers().into_iter().enumerate();
    let matching: Vec<(usize, AccountNumber)> = all
        .filter(|(_, ours)| {
            digits
                .as_ref()
                .is_none_or(|digits| ours.number.contains(digits))
        })
        .collect();
    let account_sid = exchange.settings.account_sid.as_str();
    let path = format!("/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers.json");
    let uri = |page: usize| {
        let narrowed = wanted.map(|text| format!("&PhoneNumber={}", text.replace('+', "%2B")));
        format!(
            "{path}?PageSize={size}&Page={page}{}",
            narrowed.unwrap_or_default()
        )
    };
    let shown = matching.iter().skip(page * size).take(size);
    let shown: Vec<Value> = shown
        .map(|(position, ours)| resource(exchange, *position, ours))
        .collect();
    let has_more = matching.len() > (page + 1) * size;
    Ok(json_response(
        200,
        &json!({
            "incoming_phone_numbers": shown,
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": (page * size + shown.len()).saturating_sub(1),
            "first_page_uri": uri(0),
            "next_page_uri": has_more.then(|| uri(page + 1)),
            "previous_page_uri": page.checked_sub(1).map(uri),
            "uri": uri(page),
        }),
    ))
}

/// Changes where a number's calls go.
pub(super) fn update(
    exchange: &Arc<Exchange>,
    sid: &str,
    form: &Form,
    not_found: impl Fn() -> Refusal,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let position = sid.strip_prefix("PN").filter(|digits| digits.len() == 32);
    let position = position.and_then(|digits| usize::from_str_radix(digits, 16).ok());
    let position = position.ok_or_else(&not_found)?;
    for name in ["VoiceMethod", "VoiceFallbackMethod", "StatusCallbackMethod"] {
        if form
            .value(name)
            .is_some_and(|method| !matches!(method, "GET" | "POST"))
        {
            return Err(Refusal::new(400, 21403, "Invalid Method"));
        }
    }
    let mut changed = exchange
        .rest
        .numbers()
        .get(position)
        .cloned()
        .ok_or_else(&not_found)?;
    for (name, field) in [
        ("VoiceUrl", &mut changed.voice_url),
        ("VoiceFallbackUrl", &mut changed.voice_fallback_url),
        ("StatusCallback", &mut changed.status_callback),
    ] {
        match form.value(name) {
            None => {}
            Some("") => *field = None,
            Some(url) if is_url(url) => *field = Some(url.to_owned()),
            Some(_) => return Err(Refusal::new(400, 21402, format!("{name} is not valid"))),
        }
    }
    if changed.voice_fallback_url.is_some() && changed.voice_url.is_none() {
        return Err(Refusal::new(
            400,
            21405,
            "Cannot set VoiceFallbackUrl without setting VoiceUrl",
        ));
    }
    exchange
        .rest
        .change_number(position, |number| *number = changed.clone());
    Ok(json_response(200, &resource(exchange, position, &changed)))
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace)
    })
}

fn resource(exchange: &Exchange, position: usize, number: &AccountNumber) -> Value {
    let account_sid = exchange.settings.account_sid.as_str();
    let sid = format!("PN{position:032x}");
    json!({
        "uri": format!("/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{sid}.json"),
        "sid": sid,
        "account_sid": account_sid,
        "phone_number": number.number,
        "friendly_name": number.number,
        // Twilio gives blank texts for what is not set.
        "voice_url": number.voice_url.as_deref().unwrap_or_default(),
        "voice_method": "POST",
        "voice_fallback_url": number.voice_fallback_url.as_deref().unwrap_or_default(),
        "voice_fallback_method": "POST",
        "status_callback": number.status_callback.as_deref().unwrap_or_default(),
        "status_callback_method": "POST",
        "capabilities": {"voice": true, "sms": true, "mms": false, "fax": false},
    })
}
