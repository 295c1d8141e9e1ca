use super::*;

/// A build as `cargo xtask ui` leaves it.
fn files(path: &str) -> Option<File> {
    let text = match path {
        "index.html" => "<!doctype html>",
        "assets/app-5f2c.js" => "plain script",
        "assets/app-5f2c.js.br" => "script by brotli",
        "assets/app-5f2c.js.gz" => "script by gzip",
        "theme.js" => "theme",
        "favicon.svg" => "<svg/>",
        _ => return None,
    };
    Some(File {
        bytes: Cow::Borrowed(text.as_bytes()),
        hash: [text.len() as u8; 32],
    })
}

fn nothing(_: &str) -> Option<File> {
    None
}

fn asked(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect()
}

fn get(path: &str, pairs: &[(HeaderName, &'static str)]) -> Response {
    respond(files, &Method::GET, path, &asked(pairs))
}

fn header(response: &Response, name: HeaderName) -> &str {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 4096).await;
    String::from_utf8_lossy(&bytes.expect("a body")).into_owned()
}

const BROWSER: (HeaderName, &str) = (ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");

/// H7, H9: a route that is missing or mistyped is never answered by a page.
#[test]
fn h7_addresses_of_the_server_never_fall_through_to_the_app() {
    for path in [
        "/api",
        "/api/v1/nothing",
        "/v1/realtime/nothing",
        "/twilio/nothing",
        "/openai/webhook",
        "/whatsapp/webhook",
        "/sendgrid/inbound",
        "/healthz/more",
        "/readyz/",
        "/metrics/x",
        "/ops/nothing.json",
        "/ops/nothing",
    ] {
        let response = get(path, &[BROWSER]);
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(
            header(&response, CONTENT_TYPE),
            "application/problem+json",
            "{path}"
        );
    }
    let page = get("/apical", &[BROWSER]);
    assert_eq!(page.status(), 200, "segments are compared, not prefixes");
}

#[tokio::test]
async fn every_address_of_the_app_is_its_one_page() {
    for path in [
        "/",
        "/sign-in",
        "/first-run",
        "/t/medspa/calls",
        "/t/medspa/calls/0199-ab",
    ] {
        let response = get(path, &[BROWSER]);
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        assert_eq!(text(response).await, "<!doctype html>");
    }
    let by_program = get("/t/medspa/calls", &[(ACCEPT, "application/json")]);
    assert_eq!(by_program.status(), 404, "programs get a problem document");
    let posted = respond(files, &Method::POST, "/", &asked(&[BROWSER]));
    assert_eq!(posted.status(), 404);
}

#[test]
fn h9_the_page_runs_no_inline_script_and_shares_its_microphone_with_nobody() {
    let response = get("/", &[]);
    let policy = header(&response, CONTENT_SECURITY_POLICY);
    assert!(!policy.contains("unsafe"), "{policy}");
    for rule in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    let permissions = header(&response, PERMISSIONS_POLICY);
    assert!(
        permissions.starts_with("microphone=(self), camera=()"),
        "{permissions}"
    );
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_sent_in_the_best_form() {
    for (encodings, encoding, body) in [
        ("gzip, deflate, br", "br", "script by brotli"),
        ("gzip", "gzip", "script by gzip"),
        ("br;q=0, gzip;q=0.5", "gzip", "script by gzip"),
        ("identity", "", "plain script"),
    ] {
        let response = get("/assets/app-5f2c.js", &[(ACCEPT_ENCODING, encodings)]);
        assert_eq!(header(&response, CONTENT_ENCODING), encoding, "{encodings}");
        assert!(header(&response, CACHE_CONTROL).contains("immutable"));
        assert_eq!(
            header(&response, CONTENT_TYPE),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(header(&response, VARY), "accept-encoding");
        assert_eq!(text(response).await, body);
    }
    assert_eq!(
        header(&get("/theme.js", &[]), CACHE_CONTROL),
        "no-cache",
        "its name has no hash"
    );
}

#[test]
fn a_browser_that_has_the_file_is_told_so() {
    let first = get("/favicon.svg", &[]);
    let tag: &'static str = header(&first, ETAG).to_owned().leak();
    let second = get("/favicon.svg", &[(IF_NONE_MATCH, tag)]);
    assert_eq!(second.status(), 304);
}

#[test]
fn what_is_not_of_the_build_is_not_there() {
    for path in [
        "/assets/../../Cargo.toml",
        "/../etc/passwd.txt",
        "/assets/%2e%2e/x.js",
        "/.env",
        "//api.js",
        "/wp-login.php",
    ] {
        let response = get(path, &[BROWSER]);
        assert_eq!(response.status(), 404, "{path}");
    }
    assert!(
        built("../../Cargo.toml").is_none(),
        "nothing outside the folder is read"
    );
}

#[tokio::test]
async fn without_a_build_the_page_says_how_to_make_one() {
    let response = respond(nothing, &Method::GET, "/", &asked(&[BROWSER]));
    assert_eq!(response.status(), 404);
    assert!(header(&response, CONTENT_SECURITY_POLICY).contains("script-src 'self'"));
    assert!(text(response).await.contains("cargo xtask ui"));
}
