//! What each role may do, who changes people, and the first minutes of a server. (Threats H4, H7, T4.)

mod support;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use support::browser::{Browser, PASSWORD, person, read};
use support::{TestServer, carrier};
use switchboard::http::api::access::{Access, ROUTES};
use switchboard::staff::PasswordPool;
use switchboard_store::{NewStaff, StaffId, StaffRole};

/// H7: every row of the table, for each role, a key, and nobody.
#[tokio::test]
async fn h7_every_route_asks_every_role_as_the_table_says() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let roles = [
        StaffRole::Viewer,
        StaffRole::Staff,
        StaffRole::Manager,
        StaffRole::Owner,
    ];
    let source = routes_of_the_source();
    let key = server
        .rows("medspa")
        .await
        .create_api_key("test")
        .await
        .expect("a key");
    let mut asked = 0;
    for role in roles {
        let email = format!("{role}@example.org");
        person(&server, &email, role).await;
        let mut browser = Browser::at(&server);
        assert_eq!(browser.sign_in(&email, PASSWORD, None).await.0, 200);
        for (method, path, access) in ROUTES {
            let (Access::May(may) | Access::Proved(may)) = access else {
                continue;
            };
            if !source.contains(*path) {
                continue;
            }
            let method: Method = method.parse().expect("a method");
            let (status, answer) = browser
                .send(method.clone(), &with_id(path), json!({}))
                .await;
            if may.allows(role) {
                assert!(
                    !matches!(status, 401 | 403),
                    "{role} {method} {path}: {answer}"
                );
            } else {
                assert_eq!(
                    (status, &answer["code"]),
                    (403, &"not_allowed".into()),
                    "{role} {method} {path}"
                );
            }
            asked += 1;
        }
    }
    assert!(asked > 40, "only {asked} questions");
    for (method, path, access) in ROUTES {
        if !source.contains(*path) {
            continue;
        }
        let request = |with_key: bool| {
            let request = Client::new().request(
                method.parse().expect("a method"),
                format!("{}{}", server.base, with_id(path)),
            );
            let request = request.json(&json!({}));
            if with_key {
                request.bearer_auth(key.key.expose())
            } else {
                request
            }
        };
        let nobody = read(request(false).send().await.expect("answers")).await;
        let program = read(request(true).send().await.expect("answers")).await;
        match access {
            Access::Open => assert_ne!(nobody.1["code"], "not_signed_in", "{method} {path}"),
            Access::Login => {
                assert_eq!((nobody.0, program.0), (401, 403), "{method} {path}");
            }
            Access::May(may) | Access::Proved(may) => {
                assert_eq!(nobody.0, 401, "{method} {path}");
                assert_eq!(
                    program.0 == 403,
                    !may.allows_key(),
                    "{method} {path}: {}",
                    program.1
                );
            }
        }
    }
    server.stop().await;
}

fn with_id(path: &str) -> String {
    path.replace("{id}", &StaffId::new().to_string())
}

fn routes_of_the_source() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/api");
    let mut all = String::new();
    for file in std::fs::read_dir(folder).expect("the API's files") {
        let path = file.expect("a file").path();
        if path.is_file() && !path.ends_with("access.rs") {
            all.push_str(&std::fs::read_to_string(path).expect("text"));
        }
    }
    all
}

#[tokio::test]
async fn t4_people_are_changed_after_a_fresh_proof_by_nobody_below_them_and_an_owner_stays() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let rows = server.rows("medspa").await;
    let manager = person(&server, "manager@example.org", StaffRole::Manager).await;
    let mut browser = Browser::at(&server);
    let demo = server
        .doorkeeper
        .demo_logins()
        .iter()
        .find(|it| it.tenant == "medspa");
    let demo = demo.expect("a demo login").clone();
    let (status, login) = browser
        .sign_in(&demo.email, demo.password.expose(), None)
        .await;
    assert_eq!((status, &login["demo"]), (200, &true.into()));
    assert_eq!(login["second_factor"]["required"], false, "not on a demo");

    let owner: StaffId = login["staff_id"]
        .as_str()
        .and_then(|it| it.parse().ok())
        .expect("an id");
    let path = format!("/api/v1/staff/{owner}");
    let (status, problem) = browser
        .send(Method::PATCH, &path, json!({ "role": "viewer" }))
        .await;
    assert_eq!((status, &problem["code"]), (409, &"last_owner".into()));
    let path = format!("/api/v1/staff/{manager}");
    let (status, changed) = browser
        .send(Method::PATCH, &path, json!({ "role": "staff" }))
        .await;
    assert_eq!((status, &changed["role"]), (200, &"staff".into()));
    let invited = json!({ "name": "Kofi", "email": "kofi@example.org", "role": "manager" });
    let (status, invited) = browser.send(Method::POST, "/api/v1/staff", invited).await;
    assert_eq!(status, 201, "{invited}");

    let link = invited["link"].as_str().expect("a link");
    let token = link
        .split_once("/invitation#token=")
        .expect("behind the sign")
        .1;
    let mut kofi = Browser::at(&server);
    let accept = json!({ "token": token, "password": "nine lamps along a canal" });
    let (status, login) = kofi
        .send(Method::POST, "/api/v1/invitation", accept.clone())
        .await;
    assert_eq!((status, &login["role"]), (200, &"manager".into()));
    let again = Browser::at(&server)
        .send(Method::POST, "/api/v1/invitation", accept)
        .await;
    assert_eq!((again.0, &again.1["code"]), (401, &"wrong_token".into()));
    let path = format!("/api/v1/staff/{owner}");
    let (status, _) = kofi.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 403, "a manager ends no owner");
    let (status, _) = kofi
        .send(
            Method::POST,
            "/api/v1/staff",
            json!({ "name": "X", "email": "x@example.org", "role": "owner" }),
        )
        .await;
    assert_eq!(status, 403, "and makes none");

    // Long ago: the login is good, its proof is not.
    let found = rows.list_staff().await.expect("people");
    let kofi_id = found
        .iter()
        .find(|it| it.email.expose() == "kofi@example.org")
        .expect("kofi")
        .id;
    let login_id = login_of(&server, &kofi).await;
    let long_ago = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    assert!(rows.prove_login(login_id, long_ago).await.expect("rows"));
    let path = format!("/api/v1/staff/{manager}");
    let (status, problem) = kofi
        .send(Method::PATCH, &path, json!({ "role": "viewer" }))
        .await;
    assert_eq!((status, &problem["code"]), (403, &"proof_needed".into()));
    let proof = json!({ "password": "nine lamps along a canal" });
    assert_eq!(
        kofi.send(Method::POST, "/api/v1/session/proof", proof)
            .await
            .0,
        204
    );
    assert_eq!(
        kofi.send(Method::PATCH, &path, json!({ "role": "viewer" }))
            .await
            .0,
        200
    );
    rows.disable_staff(kofi_id, chrono::Utc::now())
        .await
        .expect("rows");
    assert_eq!(kofi.get("/api/v1/session").await.0, 401, "at once");
    server.stop().await;
}

async fn login_of(server: &TestServer, browser: &Browser) -> switchboard_store::LoginId {
    let cookie = browser.cookie.as_deref().expect("a cookie");
    let token = cookie.split_once('=').expect("a value").1;
    let login = server.doorkeeper.visit(token, false).await.expect("rows");
    login.expect("it is good").login_id
}

#[tokio::test]
async fn a_fresh_server_is_set_up_once_by_its_link() {
    let twilio = carrier().await;
    let server = TestServer::start_fresh(&twilio, |_| ()).await;
    let mut browser = Browser::at(&server);
    let (_, told) = browser.get("/api/v1/first-run").await;
    assert_eq!(told, json!({ "needed": true, "demo_logins": [] }));
    let token = server
        .doorkeeper
        .first_run()
        .token()
        .await
        .expect("a token");
    let form = |token: &str, password: &str, zone: &str| {
        json!({
            "token": token, "name": "Ama Osei", "email": "ama@example.org", "password": password,
            "business": "Glow MedSpa", "time_zone": zone,
        })
    };
    for (form, status, code) in [
        (form("0123", PASSWORD, "Africa/Kigali"), 401, "wrong_token"),
        (
            form(token.expose(), "password123", "Africa/Kigali"),
            422,
            "weak_password",
        ),
        (form(token.expose(), PASSWORD, "Mars/Base"), 422, "invalid"),
    ] {
        let (answered, problem) = browser.send(Method::POST, "/api/v1/first-run", form).await;
        assert_eq!((answered, &problem["code"]), (status, &code.into()));
    }
    let good = form(token.expose(), PASSWORD, "Africa/Kigali");
    let (status, login) = browser
        .send(Method::POST, "/api/v1/first-run", good.clone())
        .await;
    assert_eq!(status, 200, "{login}");
    assert_eq!(
        (&login["role"], &login["tenant"]["name"]),
        (&"owner".into(), &"glow-medspa".into())
    );
    assert_eq!(browser.get("/api/v1/calls").await.0, 200);
    let (status, _) = browser.send(Method::POST, "/api/v1/first-run", good).await;
    assert_eq!(status, 401, "once");
    assert_eq!(browser.get("/api/v1/first-run").await.1["needed"], false);
    server.stop().await;
}

/// H4: what a demo made opens nothing where others reach the server.
#[tokio::test]
async fn h4_demo_logins_exist_on_loopback_only() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let (_, told) = Browser::at(&server).get("/api/v1/first-run").await;
    let shown = told["demo_logins"].as_array().expect("a list");
    assert_eq!(shown.len(), 5, "one per tenant");
    let (email, password) = (shown[0]["email"].clone(), shown[0]["password"].clone());
    server.stop().await;

    let public = TestServer::start(&twilio, None, |settings| {
        settings.http.public_url = Some("https://voice.example.com".parse().expect("an address"));
    })
    .await;
    let ask =
        |request: RequestBuilder| async move { read(request.send().await.expect("answers")).await };
    let client = Client::new();
    let (_, told) = ask(client.get(format!("{}/api/v1/first-run", public.base))).await;
    assert_eq!(told["demo_logins"], json!([]));
    // As if the database of a demo were served to the world.
    let rows = public.rows("medspa").await;
    let pool = PasswordPool::start().expect("threads");
    let text = password.as_str().expect("text").to_owned();
    let person = NewStaff {
        name: "Demo".into(),
        email: email.as_str().expect("text").into(),
        role: StaffRole::Owner,
        password_hash: Some(pool.hash(text.into()).await.expect("room")),
        location: None,
        is_demo: true,
    };
    rows.create_staff(&person).await.expect("stored");
    let form = json!({ "email": email, "password": password });
    let (status, problem) = ask(client
        .post(format!("{}/api/v1/session", public.base))
        .json(&form))
    .await;
    assert_eq!((status, &problem["code"]), (401, &"wrong_login".into()));
    public.stop().await;
}

#[tokio::test]
async fn voice_health_shows_managers_their_tenant_and_nobody_else_another() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| {
        settings.http.metrics_allow.clear()
    })
    .await;
    for (role, status) in [(StaffRole::Manager, 200), (StaffRole::Staff, 403)] {
        let email = format!("{role}@example.org");
        person(&server, &email, role).await;
        let mut browser = Browser::at(&server);
        assert_eq!(browser.get("/ops/voice-health.json").await.0, 401);
        assert_eq!(browser.sign_in(&email, PASSWORD, None).await.0, 200);
        assert_eq!(
            browser.get("/ops/voice-health.json").await.0,
            status,
            "{role}"
        );
        assert_eq!(
            browser.get("/ops/voice-health.json?tenant=medspa").await.0,
            status
        );
        let other = browser.get("/ops/voice-health.json?tenant=trades").await.0;
        assert_eq!(other, if status == 200 { 404 } else { 403 });
    }
    server.stop().await;
}
