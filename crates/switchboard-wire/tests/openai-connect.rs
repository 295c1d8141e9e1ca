//! Addresses, subprotocols, refusals, ephemeral keys and signed webhooks.

use serde_json::json;
use switchboard_wire::openai::{
    ClientSecret, HandshakeRefusal, IdPrefix, RestErrorBody, Session, SipHeader, Target,
    TargetError, UrlError, WebhookError, WebhookHeaders, WebhookSecret, code, is_recoverable_close,
    parse_client_secret_request, parse_subprotocols, parse_target, realtime_url, wire_id,
};

#[test]
fn a_base_url_maps_to_a_websocket_address() {
    let model = Target::Model("gpt-realtime-2.1".to_owned());
    for (base, address) in [
        (
            "https://api.openai.com/v1",
            "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1",
        ),
        (
            "https://api.openai.com/v1/",
            "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1",
        ),
        (
            "http://127.0.0.1:9000/v1",
            "ws://127.0.0.1:9000/v1/realtime?model=gpt-realtime-2.1",
        ),
        (
            "ws://[::1]:9000",
            "ws://[::1]:9000/realtime?model=gpt-realtime-2.1",
        ),
    ] {
        assert_eq!(realtime_url(base, &model).as_deref(), Ok(address));
    }
    let call = realtime_url("wss://h/v1", &Target::Call("rtc_a&b=c d".to_owned()));
    assert_eq!(
        call.as_deref(),
        Ok("wss://h/v1/realtime?call_id=rtc_a%26b%3Dc%20d")
    );
    assert_eq!(
        realtime_url("wss://h", &Target::Transcription).as_deref(),
        Ok("wss://h/realtime?intent=transcription")
    );
}

#[test]
fn a_base_url_that_is_no_plain_address_is_refused() {
    let model = Target::Model("m".to_owned());
    assert_eq!(realtime_url("ftp://h", &model), Err(UrlError::Scheme));
    assert_eq!(realtime_url("h/v1", &model), Err(UrlError::Scheme));
    assert_eq!(realtime_url("https:///v1", &model), Err(UrlError::Host));
    assert_eq!(
        realtime_url("https://h/v1?key=1", &model),
        Err(UrlError::NotPlain)
    );
    assert_eq!(
        realtime_url("https://h/\r\nX: y", &model),
        Err(UrlError::NotPlain)
    );
}

#[test]
fn a_query_names_exactly_one_target() {
    assert_eq!(
        parse_target("model=med%20spa&x=1"),
        Ok(Target::Model("med spa".to_owned()))
    );
    assert_eq!(
        parse_target("call_id=rtc_1"),
        Ok(Target::Call("rtc_1".to_owned()))
    );
    assert_eq!(
        parse_target("intent=transcription"),
        Ok(Target::Transcription)
    );
    assert_eq!(
        parse_target("intent=singing"),
        Err(TargetError::UnknownIntent)
    );
    assert_eq!(parse_target("model="), Err(TargetError::Missing));
    assert_eq!(parse_target(""), Err(TargetError::Missing));
    assert_eq!(
        parse_target("model=a&call_id=b"),
        Err(TargetError::Ambiguous)
    );
    assert_eq!(parse_target("model=a&model=b"), Err(TargetError::Ambiguous));
}

/// S6: keys in subprotocol lists are never printed.
#[test]
fn s6_a_key_in_the_subprotocol_list_is_read_but_never_printed() {
    let offer = parse_subprotocols(
        "realtime, openai-insecure-api-key.ek_secret, openai-project.p1, openai-agents-sdk.0.2",
    );
    assert!(offer.realtime);
    assert_eq!(
        (offer.api_key.as_deref(), offer.project.as_deref()),
        (Some("ek_secret"), Some("p1"))
    );
    assert!(!format!("{offer:?}").contains("ek_secret"));
    assert!(!parse_subprotocols("graphql-ws").realtime);
    assert_eq!(parse_subprotocols("openai-insecure-api-key.").api_key, None);
}

#[test]
fn refusals_close_with_the_code_and_reason_of_the_provider() {
    for (refusal, close_code, reason) in [
        (
            HandshakeRefusal::InvalidApiKey,
            3000,
            "invalid_request_error.invalid_api_key",
        ),
        (
            HandshakeRefusal::MissingApiKey,
            3000,
            "invalid_request_error",
        ),
        (
            HandshakeRefusal::InvalidModel,
            4000,
            "invalid_request_error.invalid_model",
        ),
        (
            HandshakeRefusal::MissingModel,
            4000,
            "invalid_request_error.missing_model",
        ),
        (
            HandshakeRefusal::BetaShape,
            4000,
            "invalid_request_error.beta_api_shape_disabled",
        ),
    ] {
        assert_eq!(refusal.close(), (close_code, reason.to_owned()));
        assert_eq!(
            HandshakeRefusal::from_close(close_code, reason),
            Some(refusal)
        );
    }
    assert_eq!(HandshakeRefusal::from_close(1000, ""), None);
}

#[test]
fn only_lost_connections_are_worth_opening_again() {
    let recoverable: Vec<u16> = (1000..5000)
        .filter(|close_code| is_recoverable_close(*close_code))
        .collect();
    assert_eq!(recoverable, [1001, 1005, 1006, 1011, 1012, 1013]);
}

#[test]
fn ids_have_their_prefix_and_come_from_the_given_entropy_alone() {
    let id = wire_id(IdPrefix::Response, [7; 16]);
    assert!(
        id.starts_with("resp_")
            && id.len() == 26
            && id[5..].bytes().all(|byte| byte.is_ascii_alphanumeric())
    );
    assert_eq!(id, wire_id(IdPrefix::Response, [7; 16]));
    assert_ne!(id, wire_id(IdPrefix::Response, [8; 16]));
}

#[test]
fn a_client_secret_lives_between_ten_seconds_and_two_hours() {
    let seconds = |seconds: i64| {
        parse_client_secret_request(
            json!({"expires_after": {"anchor": "created_at", "seconds": seconds}})
                .to_string()
                .as_bytes(),
        )
    };
    assert_eq!(seconds(10).expect("valid").expires_after_s(), 10);
    assert_eq!(seconds(7_200).expect("valid").expires_after_s(), 7_200);
    assert_eq!(
        seconds(9).expect_err("short").code,
        code::INTEGER_BELOW_MIN_VALUE
    );
    let long = seconds(7_201).expect_err("long");
    assert_eq!(
        RestErrorBody::from(&long).error.param.as_deref(),
        Some("expires_after.seconds")
    );
    assert_eq!(
        parse_client_secret_request(b"")
            .expect("defaults")
            .expires_after_s(),
        600
    );
    let session =
        json!({"session": {"type": "realtime", "model": "medspa", "bogus": 1}}).to_string();
    assert_eq!(
        parse_client_secret_request(session.as_bytes())
            .expect_err("strict")
            .param
            .as_deref(),
        Some("session.bogus")
    );
    assert!(parse_client_secret_request(b"{").is_err());
}

#[test]
fn secrets_and_sip_headers_do_not_print() {
    let secret = ClientSecret {
        value: "ek_hidden".into(),
        expires_at: 1,
        session: Box::default(),
    };
    assert!(!format!("{secret:?}").contains("ek_hidden"));
    assert!(
        serde_json::to_string(&secret)
            .expect("writes")
            .contains("ek_hidden")
    );
    let header = SipHeader {
        name: "From".into(),
        value: "<sip:+15550100@x>".into(),
    };
    assert!(!format!("{header:?}").contains("5550100"));
    assert_eq!(Session::default().expires_at, 0);
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The published example of the Standard Webhooks specification.
#[test]
fn the_published_webhook_vector_verifies() {
    let secret = WebhookSecret::parse(SECRET).expect("usable");
    let body = br#"{"test": 2432232314}"#;
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(
        secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
        signature
    );
    let headers = WebhookHeaders {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signature,
    };
    assert_eq!(secret.verify(headers, body, 1_614_265_330), Ok(()));
    assert_eq!(
        secret.verify(headers, b"{}", 1_614_265_330),
        Err(WebhookError::BadSignature)
    );
}

#[test]
fn webhooks_out_of_time_or_with_a_wrong_signature_are_not_believed() {
    let secret = WebhookSecret::parse("plain text").expect("usable");
    let right = secret.sign("wh_1", 1_000, b"body");
    let verify = |signature: &str, now_s: u64| {
        secret.verify(
            WebhookHeaders {
                id: "wh_1",
                timestamp: "1000",
                signature,
            },
            b"body",
            now_s,
        )
    };
    assert_eq!(verify(&right, 1_300), Ok(()));
    assert_eq!(verify(&right, 1_301), Err(WebhookError::TooOld));
    assert_eq!(verify(&right, 699), Err(WebhookError::TooNew));
    assert_eq!(verify(&format!("v1,AAAA v2,x {right}"), 1_000), Ok(()));
    assert_eq!(verify("", 1_000), Err(WebhookError::BadSignature));
    assert_eq!(verify(&right[3..], 1_000), Err(WebhookError::BadSignature));
    let bad = WebhookHeaders {
        id: "wh_1",
        timestamp: "soon",
        signature: &right,
    };
    assert_eq!(
        secret.verify(bad, b"body", 1_000),
        Err(WebhookError::BadTimestamp)
    );
    assert!(WebhookSecret::parse("whsec_").is_err());
    assert!(!format!("{secret:?}").contains("plain"));
}
