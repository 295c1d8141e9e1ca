//! People of staff at the door, by HTTP: signing in and out, and second factors. (Threat T4.)

mod support;

use aws_lc_rs::hmac;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use support::browser::{Browser, PASSWORD, deeds, person, read};
use support::{TestServer, carrier};
use switchboard_store::StaffRole;

/// The authenticator of somebody else: RFC 6238 over the secret as it is shown.
fn code(secret: &str, steps_ahead: i64) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret
        .chars()
        .map(|it| format!("{:05b}", alphabet.find(it).expect("base32")))
        .collect();
    let bytes: Vec<u8> = (0..bits.len() / 8)
        .map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).expect("bits"))
        .collect();
    let step = chrono::Utc::now().timestamp() / 30 + steps_ahead;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let four: [u8; 4] = tag.as_ref()[at..at + 4].try_into().expect("four bytes");
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

#[tokio::test]
async fn t4_one_answer_for_a_wrong_password_and_for_nobody_and_both_leave_no_cookie() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    person(&server, "ama@example.org", StaffRole::Staff).await;
    let mut browser = Browser::at(&server);
    let mut answers = std::collections::BTreeSet::new();
    for (email, password) in [
        ("ama@example.org", "wrong but long enough"),
        ("nobody@example.org", PASSWORD),
        ("ama@example.org", ""),
        ("demo@medspa.example", "000000000000"),
    ] {
        let (status, mut problem) = browser.sign_in(email, password, None).await;
        problem["request_id"].take();
        answers.insert((status, problem.to_string()));
        assert_eq!(browser.cookie, None);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(
        answers
            .first()
            .is_some_and(|it| it.0 == 401 && it.1.contains("wrong_login"))
    );
    let noted = async {
        while !deeds(&server).await.contains(&"refuse_sign_in".to_owned()) {
            tokio::task::yield_now().await;
        }
    };
    let noted = tokio::time::timeout(support::BOUND, noted).await;
    assert!(noted.is_ok(), "the refusal is in the audit trail");
    server.stop().await;
}

#[tokio::test]
async fn t4_a_login_opens_its_tenant_until_it_is_signed_out() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    person(&server, "ama@example.org", StaffRole::Staff).await;
    let mut browser = Browser::at(&server);
    assert_eq!(browser.get("/api/v1/session").await.0, 401);
    let (status, login) = browser.sign_in(" Ama@Example.org ", PASSWORD, None).await;
    assert_eq!(status, 200, "{login}");
    assert_eq!(
        (&login["role"], &login["tenant"]["name"]),
        (&"staff".into(), &"medspa".into())
    );
    let capabilities = login["capabilities"].as_array().expect("a list");
    assert!(
        capabilities.contains(&"calls.read".into())
            && !capabilities.contains(&"staff.manage".into())
    );
    assert_eq!(browser.get("/api/v1/calls").await.0, 200);
    let (_, shown) = browser.get("/api/v1/session").await;
    assert_eq!(shown["email"], "ama@example.org");
    let stolen = browser.cookie.clone();
    let (status, _) = browser
        .send(Method::DELETE, "/api/v1/session", Value::Null)
        .await;
    assert_eq!((status, &browser.cookie), (204, &None));
    browser.cookie = stolen;
    assert_eq!(
        browser.get("/api/v1/calls").await.0,
        401,
        "it ended on the server too"
    );
    let told = deeds(&server).await;
    assert!(told.contains(&"sign_in".to_owned()) && told.contains(&"sign_out".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn t4_a_foreign_page_changes_nothing_with_the_cookie() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    person(&server, "ama@example.org", StaffRole::Owner).await;
    let mut browser = Browser::at(&server);
    assert_eq!(
        browser.sign_in("ama@example.org", PASSWORD, None).await.0,
        200
    );
    let cookie = browser.cookie.clone().expect("a cookie");
    let url = format!("{}/api/v1/switches", server.base);
    let body = json!({ "switch": "bridge_only", "value": "on" });
    let own = server.base.as_str();
    for (origin, header) in [
        (Some("https://evil.example"), true),
        (Some("https://evil.example"), false),
        (Some(own), false),
        (None, true),
        (Some("null"), true),
    ] {
        let mut request = Client::new()
            .put(&url)
            .json(&body)
            .header("cookie", &cookie);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if header {
            request = request.header("x-switchboard-request", "1");
        }
        let (status, problem) = read(request.send().await.expect("answers")).await;
        assert_eq!(
            (status, &problem["code"]),
            (403, &"foreign_origin".into()),
            "{origin:?}"
        );
    }
    let listed = server.rows("medspa").await.list_switches().await;
    assert!(listed.expect("switches").is_empty(), "nothing was switched");
    let form = json!({ "email": "ama@example.org", "password": PASSWORD });
    let request = Client::new()
        .post(format!("{own}/api/v1/session"))
        .json(&form);
    let request = request.header("origin", "https://evil.example");
    let (status, _) = read(request.send().await.expect("answers")).await;
    assert_eq!(status, 403, "it signs nobody in either");
    server.stop().await;
}

#[tokio::test]
async fn t4_strangers_wait_longer_and_longer_and_the_owner_is_not_locked_out() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| {
        settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a block")];
    })
    .await;
    person(&server, "ama@example.org", StaffRole::Staff).await;
    let from = |address: &str, password: &str| {
        let form = json!({ "email": "ama@example.org", "password": password });
        let request = Client::new().post(format!("{}/api/v1/session", server.base));
        request
            .json(&form)
            .header("x-forwarded-for", address.to_owned())
    };
    let answer = async |address: &str, password: &str| {
        let response = from(address, password).send().await.expect("answers");
        let after = response.headers().get("retry-after").cloned();
        let (status, body) = read(response).await;
        (status, after.is_some(), body)
    };
    assert_eq!(answer("203.0.113.7", PASSWORD).await.0, 200, "her own desk");
    let mut waits = 0;
    for number in 0..12 {
        // Each from another address: it is the account that is slowed down.
        let (status, says_when, body) =
            answer(&format!("198.51.100.{number}"), "wrong guess").await;
        if status == 429 {
            assert!(says_when && body["retry_after_s"].is_u64(), "{body}");
            waits += 1;
        }
    }
    assert!(waits > 0, "strangers wait");
    let (status, _, body) = answer("198.51.100.77", PASSWORD).await;
    assert_eq!(
        status, 429,
        "a stranger with the right password waits too: {body}"
    );
    assert_eq!(answer("203.0.113.7", PASSWORD).await.0, 200, "she does not");
    server.stop().await;
}

#[tokio::test]
async fn t4_an_owner_needs_a_second_factor_at_the_second_sign_in_and_no_code_counts_twice() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let staff = person(&server, "ama@example.org", StaffRole::Owner).await;
    let mut browser = Browser::at(&server);
    let (_, login) = browser.sign_in("ama@example.org", PASSWORD, None).await;
    let factor = &login["second_factor"];
    assert_eq!(
        (&factor["required"], &factor["missing"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        browser.get("/api/v1/calls").await.0,
        200,
        "the first time it may wait"
    );
    let (_, login) = browser.sign_in("ama@example.org", PASSWORD, None).await;
    assert_eq!(login["second_factor"]["missing"], true);
    let (status, problem) = browser.get("/api/v1/calls").await;
    assert_eq!(
        (status, &problem["code"]),
        (403, &"second_factor_missing".into())
    );

    let (_, made) = browser
        .send(Method::POST, "/api/v1/session/second-factor", json!({}))
        .await;
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let wrong = json!({ "code": "000000" });
    let (status, problem) = browser
        .send(Method::PUT, "/api/v1/session/second-factor", wrong)
        .await;
    assert_eq!((status, &problem["code"]), (401, &"wrong_code".into()));
    let first = code(&secret, 0);
    let right = json!({ "code": &first });
    let (status, login) = browser
        .send(Method::PUT, "/api/v1/session/second-factor", right)
        .await;
    assert_eq!(
        (status, &login["second_factor"]["enrolled"]),
        (200, &true.into()),
        "{login}"
    );
    assert_eq!(
        browser.get("/api/v1/calls").await.0,
        200,
        "the same login is open now"
    );
    let (status, _) = browser
        .send(Method::POST, "/api/v1/session/second-factor", json!({}))
        .await;
    assert_eq!(status, 409, "nobody puts another one in its place");

    let mut other = Browser::at(&server);
    let (status, problem) = other.sign_in("ama@example.org", PASSWORD, None).await;
    assert_eq!(
        (status, &problem["code"]),
        (401, &"second_factor_needed".into())
    );
    let (_, problem) = other
        .sign_in("ama@example.org", PASSWORD, Some(&first))
        .await;
    assert_eq!(problem["code"], "wrong_code", "it was used to confirm");
    let next = code(&secret, 1);
    assert_eq!(
        other
            .sign_in("ama@example.org", PASSWORD, Some(&next))
            .await
            .0,
        200
    );
    let (_, problem) = Browser::at(&server)
        .sign_in("ama@example.org", PASSWORD, Some(&next))
        .await;
    assert_eq!(problem["code"], "wrong_code", "replayed");
    let recovery = made["recovery_codes"][0]
        .as_str()
        .expect("a code")
        .to_lowercase();
    assert_eq!(
        other
            .sign_in("ama@example.org", PASSWORD, Some(&recovery))
            .await
            .0,
        200
    );
    let (_, problem) = other
        .sign_in("ama@example.org", PASSWORD, Some(&recovery))
        .await;
    assert_eq!(problem["code"], "wrong_code");
    let rows = server.rows("medspa").await;
    let sealed = rows.second_factor(staff).await.expect("rows").expect("one");
    let stored = String::from_utf8_lossy(sealed.sealed_secret.expose()).into_owned();
    assert!(!stored.contains(&secret), "it is stored sealed");
    server.stop().await;
}

#[tokio::test]
async fn t4_a_new_password_ends_every_other_browser_and_a_weak_one_is_refused() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    person(&server, "ama@example.org", StaffRole::Staff).await;
    let (mut here, mut there) = (Browser::at(&server), Browser::at(&server));
    for browser in [&mut here, &mut there] {
        assert_eq!(
            browser.sign_in("ama@example.org", PASSWORD, None).await.0,
            200
        );
    }
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let path = "/api/v1/session/password";
    let weak = here
        .send(Method::PUT, path, change(PASSWORD, "password1234"))
        .await;
    assert_eq!((weak.0, &weak.1["code"]), (422, &"weak_password".into()));
    let wrong = here
        .send(
            Method::PUT,
            path,
            change("not the old one", "nine lamps along a canal"),
        )
        .await;
    assert_eq!(wrong.0, 401);
    assert_eq!(
        there.get("/api/v1/calls").await.0,
        200,
        "nothing has changed yet"
    );
    let done = here
        .send(
            Method::PUT,
            path,
            change(PASSWORD, "nine lamps along a canal"),
        )
        .await;
    assert_eq!(done.0, 200, "{}", done.1);
    assert_eq!(here.get("/api/v1/calls").await.0, 200);
    assert_eq!(there.get("/api/v1/calls").await.0, 401);
    server.stop().await;
}

/// t4
#[tokio::test]
async fn t4_a_second_factor_is_taken_away_by_a_proved_login_alone_and_every_login_ends() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    person(&server, "ama@example.org", StaffRole::Staff).await;
    let factor = "/api/v1/session/second-factor";
    let mut browser = Browser::at(&server);
    browser.sign_in("ama@example.org", PASSWORD, None).await;
    let (status, problem) = browser.send(Method::DELETE, factor, json!({})).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &"nothing_to_confirm".into())
    );
    let (_, made) = browser.send(Method::POST, factor, json!({})).await;
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let right = json!({ "code": code(&secret, 0) });
    assert_eq!(browser.send(Method::PUT, factor, right).await.0, 200);

    let mut other = Browser::at(&server);
    let next = code(&secret, 1);
    other
        .sign_in("ama@example.org", PASSWORD, Some(&next))
        .await;
    assert_eq!(other.send(Method::DELETE, factor, json!({})).await.0, 204);
    assert_eq!(
        browser.get("/api/v1/session").await.0,
        401,
        "the other browser too"
    );
    assert_eq!(
        other.sign_in("ama@example.org", PASSWORD, None).await.0,
        200,
        "no code is asked for any more"
    );
    assert!(
        deeds(&server)
            .await
            .contains(&"remove_second_factor".to_owned())
    );
    server.stop().await;
}
