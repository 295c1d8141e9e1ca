//! Signatures: the vectors of the protocol notes, and what must not pass.

use proptest::prelude::*;
use switchboard_wire::twilio::Form;
use switchboard_wire::twilio::signature::*;

const TOKEN: &str = "12345";
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

fn form() -> Form {
    Form::from_iter([
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ])
}

fn check(
    url: &str,
    body: SignedBody<'_>,
    signature: &str,
    tokens: &[&str],
) -> Result<(), SignatureError> {
    let request = SignedRequest {
        url,
        body,
        signature,
        settings: None,
    };
    let secrets = SigningSecrets {
        auth_tokens: tokens,
        shared_keys: &[],
    };
    verify(&request, &secrets)
}

#[test]
fn h1_the_published_vector_passes_and_any_change_fails() {
    let form = form();
    let body = SignedBody::Form(&form);
    assert_eq!(sign(URL, body, TOKEN), SIGNATURE);
    assert_eq!(check(URL, body, SIGNATURE, &[TOKEN]), Ok(()));

    let mismatch = Err(SignatureError::Mismatch);
    assert_eq!(check(URL, body, SIGNATURE, &["12346"]), mismatch);
    assert_eq!(check(URL, body, SIGNATURE, &[]), mismatch);
    assert_eq!(check(URL, body, "", &[TOKEN]), mismatch);
    assert_eq!(check(URL, SignedBody::Empty, SIGNATURE, &[TOKEN]), mismatch);
    assert_eq!(
        check(&URL.replace("php?", "php/?"), body, SIGNATURE, &[TOKEN]),
        mismatch
    );
    assert_eq!(
        check(&URL.replace("https", "http"), body, SIGNATURE, &[TOKEN]),
        mismatch
    );
}

#[test]
fn h1_an_empty_token_never_signs() {
    let forged = sign(URL, SignedBody::Empty, "");
    let refused = check(URL, SignedBody::Empty, &forged, &["", TOKEN]);
    assert_eq!(refused, Err(SignatureError::Mismatch));
}

#[test]
fn two_tokens_pass_while_the_second_is_promoted() {
    let form = form();
    let body = SignedBody::Form(&form);
    assert_eq!(check(URL, body, SIGNATURE, &["old", TOKEN]), Ok(()));
    assert_eq!(check(URL, body, SIGNATURE, &[TOKEN, "new"]), Ok(()));
}

#[test]
fn repeated_parameters_collapse_and_order_by_value() {
    let repeated = Form::from_iter([("b", "2"), ("a", "y"), ("a", "x"), ("a", "y"), ("B", "")]);
    let plain = Form::from_iter([("B", ""), ("a", "xay"), ("b", "2")]);
    let signature = sign(URL, SignedBody::Form(&plain), TOKEN);
    assert_eq!(
        check(URL, SignedBody::Form(&repeated), &signature, &[TOKEN]),
        Ok(())
    );
}

#[test]
fn ports_are_tolerated_as_the_official_validators_do() {
    let pairs = [
        ("https://h.example/a", "https://h.example:443/a", true),
        ("https://h.example:443/a", "https://h.example/a", true),
        ("https://h.example:8443/a", "https://h.example/a", true),
        (
            "https://u:p@h.example/a",
            "https://u:p@h.example:443/a",
            true,
        ),
        ("https://[::1]:8443/a?b=c:1", "https://[::1]/a?b=c:1", true),
        ("http://h.example/a", "http://h.example:80/a", true),
        ("wss://h.example/a", "wss://h.example:443/a", true),
        ("wss://h.example/a", "wss://h.example:80/a", true),
        ("https://h.example/a", "https://h.example:8443/a", false),
        ("https://h.example/a", "https://h.example/a/", false),
        ("https://h.example/a%27", "https://h.example/a'", false),
    ];
    for (ours, signed, is_match) in pairs {
        let signature = sign(signed, SignedBody::Empty, TOKEN);
        let result = check(ours, SignedBody::Empty, &signature, &[TOKEN]);
        assert_eq!(result.is_ok(), is_match, "{ours} against {signed}");
    }
}

#[test]
fn an_upgrade_is_signed_over_its_wss_url() {
    let signature = sign("wss://h.example/twilio/stream", SignedBody::Empty, TOKEN);
    let check_url = |url| check(url, SignedBody::Empty, &signature, &[TOKEN]);
    assert_eq!(check_url("wss://h.example/twilio/stream"), Ok(()));
    assert_eq!(
        check_url("https://h.example/twilio/stream"),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn a_json_body_is_bound_by_its_hash_in_the_url() {
    let body = br#"{"a":1}"#;
    let url = format!("https://h.example/a?bodySHA256={}", body_sha256(body));
    let signature = sign(&url, SignedBody::Json(body), TOKEN);
    assert_eq!(
        check(&url, SignedBody::Json(body), &signature, &[TOKEN]),
        Ok(())
    );
    let changed = check(&url, SignedBody::Json(br#"{"a":2}"#), &signature, &[TOKEN]);
    assert_eq!(changed, Err(SignatureError::BodyHashMismatch));
    let without = check(
        "https://h.example/a",
        SignedBody::Json(body),
        &signature,
        &[TOKEN],
    );
    assert_eq!(without, Err(SignatureError::BodyHashMissing));
}

/// HMAC-SHA256 of the vector's text with the key `secret`, computed with Python's hmac module.
const SHARED_SHA256: &str = "URweRwxe8s99gM7bKJ2P7Q0dplvm0Oi0SIeBzkJ7akI=";
/// The same with SHA-1.
const SHARED_SHA1: &str = "rMy6Ora7ncJd8HkVZr4VaLNnHss=";

#[test]
fn a_shared_key_signs_with_the_hash_its_header_names() {
    let form = form();
    let check = |settings, signature| {
        let request = SignedRequest {
            url: URL,
            body: SignedBody::Form(&form),
            signature,
            settings: Some(settings),
        };
        let secrets = SigningSecrets {
            auth_tokens: &[TOKEN],
            shared_keys: &[("other", "x"), ("k1", "secret")],
        };
        verify(&request, &secrets)
    };
    assert_eq!(check("key=k1,algorithm=HMAC_SHA256", SHARED_SHA256), Ok(()));
    assert_eq!(check("algorithm=HMAC_SHA1, key=k1", SHARED_SHA1), Ok(()));
    use SignatureError as E;
    assert_eq!(
        check("key=k1,algorithm=HMAC_SHA1", SHARED_SHA256),
        Err(E::Mismatch)
    );
    assert_eq!(
        check("key=k2,algorithm=HMAC_SHA256", SHARED_SHA256),
        Err(E::UnknownKey)
    );
    assert_eq!(
        check("key=k1,algorithm=NONE", SHARED_SHA256),
        Err(E::UnknownAlgorithm)
    );
    assert_eq!(check("key=k1", SHARED_SHA256), Err(E::Settings));
    assert_eq!(
        check("key=k1,key=k1,algorithm=HMAC_SHA1", SHARED_SHA1),
        Err(E::Settings)
    );
    // The account token does not open what a shared key should have signed.
    assert_eq!(
        check("key=k1,algorithm=HMAC_SHA1", SIGNATURE),
        Err(E::Mismatch)
    );
}

proptest! {
    #[test]
    fn what_we_sign_we_believe_and_r7_nothing_panics(
        url in "\\PC{0,60}",
        pairs in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,8}"), 0..6),
        signature in "\\PC{0,40}",
        settings in proptest::option::of("\\PC{0,40}|key=[a-z]*,algorithm=[A-Z_0-9]*"),
    ) {
        let form = Form::from_iter(pairs);
        let body = SignedBody::Form(&form);
        let own = sign(&url, body, TOKEN);
        prop_assert_eq!(check(&url, body, &own, &[TOKEN]), Ok(()));
        let request = SignedRequest { url: &url, body, signature: &signature, settings: settings.as_deref() };
        let secrets = SigningSecrets { auth_tokens: &[TOKEN], shared_keys: &[("a", "b")] };
        prop_assert!(verify(&request, &secrets).is_err());
    }
}
