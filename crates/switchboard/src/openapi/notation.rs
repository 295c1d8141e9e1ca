//! The short notation of shapes: `name: type, name: type`.
//!
//! A type is `string`, `integer`, `number`, `boolean`, `uuid`, `time`, `any`, a quoted word for a constant, the name of a schema,
//! or `[type]` for a list. `?` behind it means that it may be null, `?` behind a name that it may be missing. A whole schema is
//! `{…}` for an object, `a & {…}` for another with more, or `"a" | "b"` for one of several words.

use serde_json::{Value, json};

/// A whole schema.
pub(super) fn schema(notation: &str) -> Value {
    let notation = notation.trim();
    if let Some((base, rest)) = notation.split_once('&') {
        let mut all = properties(inner(rest));
        // What another says is not unknown here.
        if let Some(all) = all.as_object_mut() {
            all.remove("additionalProperties");
        }
        return json!({ "allOf": [kind(base), all], "unevaluatedProperties": false });
    }
    if notation.starts_with('{') {
        return properties(inner(notation));
    }
    if notation.contains('|') {
        let words: Vec<&str> = notation
            .split('|')
            .map(|word| word.trim().trim_matches('"'))
            .collect();
        return json!({ "type": "string", "enum": words });
    }
    kind(notation)
}

fn inner(notation: &str) -> &str {
    let notation = notation.trim();
    let inside = notation
        .strip_prefix('{')
        .and_then(|it| it.strip_suffix('}'));
    inside.unwrap_or(notation)
}

/// An object with these fields and no others.
pub(super) fn properties(notation: &str) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (name, of, may_be_missing) in fields(notation) {
        if !may_be_missing {
            required.push(name);
        }
        properties.insert(name.to_owned(), kind(of));
    }
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

/// The parameters of a query; all of them may be missing.
pub(super) fn parameters(notation: &str) -> Vec<Value> {
    let parameter = |(name, of, _): (&str, &str, bool)| json!({ "name": name, "in": "query", "required": false, "schema": kind(of) });
    fields(notation).map(parameter).collect()
}

fn fields(notation: &str) -> impl Iterator<Item = (&str, &str, bool)> {
    let fields = notation.split(',').map(str::trim);
    fields.filter(|field| !field.is_empty()).map(|field| {
        let (name, of) = field.split_once(':').unwrap_or((field, "any"));
        let name = name.trim();
        let sure = name.strip_suffix('?');
        (sure.unwrap_or(name), of.trim(), sure.is_some())
    })
}

fn kind(notation: &str) -> Value {
    let notation = notation.trim();
    if let Some(of) = notation.strip_suffix('?') {
        return json!({ "anyOf": [kind(of), { "type": "null" }] });
    }
    if let Some(of) = notation
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
    {
        return json!({ "type": "array", "items": kind(of) });
    }
    match notation {
        "any" => json!({}),
        "string" | "integer" | "number" | "boolean" => json!({ "type": notation }),
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        word if word.starts_with('"') => json!({ "const": word.trim_matches('"') }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}
