//! The OpenAPI document of everything that programs may ask this server: `GET /api/v1/openapi.json`, `switchboard openapi`.
//!
//! It is written as two tables, [`paths`] and [`schemas`], in a short notation that is read here. Tests hold it against the
//! routes that are served, both ways, and against real answers, to the last field.

mod notation;
mod paths;
mod schemas;

use std::sync::LazyLock;

use serde_json::{Value, json};

use notation::{parameters, properties, schema};
use paths::{PATHS, Route, Takes};
use schemas::SCHEMAS;

/// The document as JSON text.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    &TEXT
}

/// The document.
pub fn document() -> Value {
    let mut paths = json!({});
    for route in PATHS {
        paths[route.path][route.method] = operation(route);
    }
    let schemas: serde_json::Map<String, Value> = SCHEMAS
        .iter()
        .map(|(name, notation)| ((*name).to_owned(), schema(notation)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Switchboard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A self-hosted voice-agent server. Errors are problem documents (RFC 9457) with a stable `code`.",
            "license": { "name": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let parameters = [in_path(route.path), parameters(route.parameters)].concat();
    let mut operation = json!({
        "summary": route.summary,
        "operationId": name_of(route),
        "parameters": parameters,
        "responses": responses(route),
        "security": if route.is_open { json!([]) } else { json!([{ "key": [] }]) },
    });
    if !route.body.is_empty() {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": properties(route.body) } },
        });
    }
    if !route.takes.is_empty() {
        let text = json!({ "schema": { "type": "string" } });
        let kinds = route
            .takes
            .iter()
            .map(|kind| ((*kind).to_owned(), text.clone()));
        operation["requestBody"] = json!({
            "required": true,
            "content": Value::Object(kinds.collect()),
        });
    }
    operation
}

/// Such as `get_calls_id_turns`: what generated clients call it.
fn name_of(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{}", route.method, words.join("_"))
}

fn in_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        }))
    });
    names.collect()
}

fn responses(route: &Route) -> Value {
    let content = match route.answer {
        Takes::Json(notation) => json!({ "application/json": { "schema": schema(notation) } }),
        Takes::Media(kinds) => {
            let binary = json!({ "schema": { "type": "string", "format": "binary" } });
            let kinds = kinds
                .iter()
                .map(|kind| ((*kind).to_owned(), binary.clone()));
            Value::Object(kinds.collect())
        }
        Takes::Nothing => Value::Null,
    };
    let mut good = json!({ "description": route.means });
    if !content.is_null() {
        good["content"] = content;
    }
    let problem = json!({
        "description": "A problem",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut responses = json!({ "default": problem });
    for status in route.statuses {
        responses[status.to_string()] = good.clone();
    }
    responses
}

#[cfg(test)]
mod tests;
