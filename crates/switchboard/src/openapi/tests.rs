use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Every `.route("…", get(…).put(…))` of the sources, for the paths that programs ask.
fn served() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.join("http"), root.join("channels")];
    let mut served = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("readable");
            open.extend(entries.map(|entry| entry.expect("readable").path()));
            continue;
        }
        if path.iter().any(|part| part == "tests") || path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for route in text.split(".route(").skip(1) {
            let Some((path, rest)) = route
                .trim_start()
                .strip_prefix('"')
                .and_then(|it| it.split_once('"'))
            else {
                continue;
            };
            let handlers = rest.split(".route(").next().unwrap_or_default();
            let handlers = handlers.split(".with_state").next().unwrap_or_default();
            let handlers = handlers.split("\n}").next().unwrap_or_default();
            for method in METHODS
                .iter()
                .filter(|it| handlers.contains(&format!("{it}(")))
            {
                served.insert((path.to_owned(), (*method).to_owned()));
            }
        }
    }
    served.retain(|(path, _)| is_for_programs(path));
    served
}

fn is_for_programs(path: &str) -> bool {
    ["/api/v1/", "/v1/realtime", "/healthz", "/readyz"]
        .iter()
        .any(|start| path.starts_with(start))
}

#[test]
fn every_served_route_is_in_the_document_and_every_documented_one_is_served() {
    let documented: BTreeSet<(String, String)> = PATHS
        .iter()
        .map(|route| (route.path.to_owned(), route.method.to_owned()))
        .collect();
    assert_eq!(documented.len(), PATHS.len(), "none is there twice");
    let served = served();
    assert!(served.len() > 20, "routes were found: {served:?}");
    assert_eq!(documented, served, "documented / served");
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get("$ref") {
                found.insert(to.trim_start_matches("#/components/schemas/").to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_shape_that_is_named_is_there_and_every_name_is_used_once() {
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let there: BTreeSet<String> = SCHEMAS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there.len(), SCHEMAS.len(), "none is there twice");
    assert_eq!(used, there, "used / there");
    let operations = PATHS.iter().map(name_of).collect::<BTreeSet<_>>();
    assert_eq!(
        operations.len(),
        PATHS.len(),
        "generated clients need a name of each"
    );
}

#[test]
fn the_notation_says_what_it_means() {
    let object = schema("{id: uuid, name?: string?, list: [Turn]}");
    assert_eq!(object["required"], json!(["id", "list"]));
    assert_eq!(object["properties"]["id"]["format"], "uuid");
    assert_eq!(object["properties"]["name"]["anyOf"][1]["type"], "null");
    assert_eq!(
        object["properties"]["list"]["items"]["$ref"],
        "#/components/schemas/Turn"
    );
    assert_eq!(schema(r#""a" | "b""#)["enum"], json!(["a", "b"]));
    assert_eq!(
        schema("A & {b: integer}")["allOf"][0]["$ref"],
        "#/components/schemas/A"
    );
}
