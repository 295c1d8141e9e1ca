//! Holds JSON against a schema of the OpenAPI document: as much of JSON Schema as the document uses, and not a field more.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

/// Holds an answer against what the document says of its route: the status is listed, and the body has its shape. What
/// the document does not know, and bodies that are no JSON, are left alone.
pub(crate) fn hold(method: &str, path: &str, status: u16, body: &Value) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(switchboard::openapi::document);
    let path = path.split('?').next().unwrap_or_default();
    let Some(responses) = responses_of(&DOCUMENT, &method.to_lowercase(), path) else {
        return;
    };
    let at = format!("{method} {path} {status}");
    if status >= 400 {
        // Clients of the vendor's protocol are refused in its words.
        let is_ours = path.starts_with("/api/") && body.is_object();
        let faults = is_ours.then(|| faults(&DOCUMENT, "Problem", body));
        assert_eq!(faults.unwrap_or_default(), [""; 0], "{at}");
        return;
    }
    let response = &responses[status.to_string()];
    assert!(response.is_object(), "{at} is not in the document");
    let mut faults = Vec::new();
    match &response["content"]["application/json"]["schema"] {
        Value::Null => {}
        schema => check(&DOCUMENT, schema, body, "answer", &mut faults),
    }
    assert!(faults.is_empty(), "{at}: {}", faults.join("\n"));
}

fn responses_of<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let same = |(pattern, part): (&&str, &&str)| pattern.starts_with('{') || pattern == part;
        pattern.len() == parts.len() && pattern.iter().zip(&parts).all(same)
    };
    let paths = document["paths"].as_object()?;
    let (_, found) = paths.iter().find(|(pattern, _)| fits(pattern))?;
    found.get(method)?.get("responses")
}

/// What of `value` is not as the schema `name` of `document` says; empty when all is.
pub(crate) fn faults(document: &Value, name: &str, value: &Value) -> Vec<String> {
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "there is no schema {name}");
    let mut faults = Vec::new();
    check(document, schema, value, name, &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(to) = schema["$ref"].as_str() {
        let name = to.trim_start_matches("#/components/schemas/");
        return check(
            document,
            &document["components"]["schemas"][name],
            value,
            at,
            faults,
        );
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut own = Vec::new();
            check(document, choice, value, at, &mut own);
            own.is_empty()
        };
        if choices.iter().find(fits).is_none() {
            faults.push(format!("{at}: {value} is none of {choices:?}"));
        }
        return;
    }
    if schema["allOf"].is_array() {
        return check_object(document, schema, value, at, faults);
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        faults.push(format!("{at}: {value} is none of {words:?}"));
    }
    let is_right = match schema["type"].as_str() {
        Some("object") => return check_object(document, schema, value, at, faults),
        Some("array") => {
            let Some(items) = value.as_array() else {
                return faults.push(format!("{at}: {value} is no list"));
            };
            for (place, item) in items.iter().enumerate() {
                check(
                    document,
                    &schema["items"],
                    item,
                    &format!("{at}[{place}]"),
                    faults,
                );
            }
            true
        }
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    if !is_right {
        faults.push(format!("{at}: {value} is no {}", schema["type"]));
    }
}

fn check_object(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    faults: &mut Vec<String>,
) {
    let Some(fields) = value.as_object() else {
        return faults.push(format!("{at}: {value} is no object"));
    };
    let mut known = BTreeSet::new();
    for part in parts(document, schema) {
        for name in part["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap_or_default()) {
                faults.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, schema) in part["properties"].as_object().into_iter().flatten() {
            known.insert(name.clone());
            if let Some(value) = fields.get(name) {
                check(document, schema, value, &format!("{at}.{name}"), faults);
            }
        }
    }
    for name in fields.keys().filter(|name| !known.contains(*name)) {
        faults.push(format!("{at}: {name} is not in the document"));
    }
}

/// The objects that a schema is made of.
fn parts<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(to) = schema["$ref"].as_str() {
        let name = to.trim_start_matches("#/components/schemas/");
        return parts(document, &document["components"]["schemas"][name]);
    }
    match schema["allOf"].as_array() {
        Some(all) => all.iter().flat_map(|part| parts(document, part)).collect(),
        None => vec![schema],
    }
}
