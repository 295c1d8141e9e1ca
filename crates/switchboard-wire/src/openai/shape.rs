//! A small schema language and its checker, for reading clients as strictly as the provider does.
//!
//! Serde can refuse unknown fields but cannot say where they were; clients are told the dotted path.

use serde_json::{Map, Value};

use super::error::{WireError, code};

/// Characters of a client's value that an error message quotes.
const QUOTED_CHARS_MAX: usize = 64;

/// What a JSON value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    Bool,
    /// At most so many characters.
    Text {
        chars_max: usize,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// The shape, or null.
    Nullable(&'static Self),
    List {
        of: &'static Self,
        length_max: usize,
    },
    /// Exactly these fields.
    Object(&'static [Field]),
    /// An object with fields of its own choice.
    FreeObject,
    /// The object's shape depends on a word in the field `tag`.
    Tagged {
        tag: &'static str,
        variants: &'static [(&'static str, &'static Self)],
    },
    /// A map of texts.
    TextMap {
        pairs_max: usize,
        key_chars_max: usize,
        value_chars_max: usize,
    },
    /// The first of these that takes this kind of JSON value.
    Either(&'static [Self]),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) is_required: bool,
}

pub(super) const fn required(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        is_required: true,
    }
}

pub(super) const fn optional(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        is_required: false,
    }
}

impl Shape {
    /// Checks a value found at `path`; the first violation is the answer.
    pub(super) fn check(&self, value: &Value, path: &str) -> Result<(), WireError> {
        match (self, value) {
            (Self::Any, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::FreeObject, Value::Object(_)) => Ok(()),
            (Self::Nullable(_), Value::Null) => Ok(()),
            (Self::Nullable(shape), _) => shape.check(value, path),
            (Self::Text { chars_max }, Value::String(text)) => check_text(text, *chars_max, path),
            (Self::Word(words), Value::String(word)) => check_word(word, words, path),
            (Self::Integer { min, max }, Value::Number(_)) => {
                check_integer(value, *min, *max, path)
            }
            (Self::Number { min, max }, Value::Number(_)) => check_number(value, *min, *max, path),
            (Self::List { of, length_max }, Value::Array(values)) => {
                check_list(of, *length_max, values, path)
            }
            (Self::Object(fields), Value::Object(map)) => check_object(fields, map, path),
            (Self::Tagged { tag, variants }, Value::Object(map)) => {
                check_tagged(tag, variants, map, value, path)
            }
            (
                Self::TextMap {
                    pairs_max,
                    key_chars_max,
                    value_chars_max,
                },
                Value::Object(map),
            ) => check_text_map(map, *pairs_max, *key_chars_max, *value_chars_max, path),
            (Self::Either(shapes), _) => match shapes.iter().find(|shape| shape.takes(value)) {
                Some(shape) => shape.check(value, path),
                None => Err(self.wrong_kind(value, path)),
            },
            _ => Err(self.wrong_kind(value, path)),
        }
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Nullable(shape) => value.is_null() || shape.takes(value),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.takes(value)),
            _ => self.kind() == kind_of(value),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Any | Self::Either(_) => "another kind of value",
            Self::Bool => "a boolean",
            Self::Text { .. } | Self::Word(_) => "a string",
            Self::Integer { .. } | Self::Number { .. } => "a number",
            Self::Nullable(shape) => shape.kind(),
            Self::List { .. } => "an array",
            Self::Object(_) | Self::FreeObject | Self::Tagged { .. } | Self::TextMap { .. } => {
                "an object"
            }
        }
    }

    fn wrong_kind(&self, value: &Value, path: &str) -> WireError {
        let (wanted, found) = (self.kind(), kind_of(value));
        WireError::new(
            code::INVALID_TYPE,
            format!("Invalid type for '{path}': expected {wanted}, but got {found} instead."),
        )
        .at(path)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A short excerpt of a client's text, safe to send back.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

fn join(path: &str, name: &str) -> String {
    let name = excerpt(name);
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

/// Reports a word outside a closed list, with the list.
pub(super) fn invalid_word(word: &str, words: &[&str], path: &str) -> WireError {
    let supported = words
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(", ");
    let word = excerpt(word);
    WireError::new(
        code::INVALID_VALUE,
        format!("Invalid value: '{word}'. Supported values are: {supported}."),
    )
    .at(path)
}

fn check_word(word: &str, words: &[&str], path: &str) -> Result<(), WireError> {
    if words.contains(&word) {
        return Ok(());
    }
    Err(invalid_word(word, words, path))
}

fn check_text(text: &str, chars_max: usize, path: &str) -> Result<(), WireError> {
    // Bytes first: counting characters of a long audio text would cost more than reading it.
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return Ok(());
    }
    let message =
        format!("Invalid '{path}': string too long. Expected at most {chars_max} characters.");
    Err(WireError::new(code::INVALID_VALUE, message).at(path))
}

fn check_integer(value: &Value, min: i64, max: i64, path: &str) -> Result<(), WireError> {
    if let Some(number) = value.as_i64() {
        return check_bounds(number < min, number > max, &min, &max, path);
    }
    if value.is_u64() {
        return check_bounds(false, true, &min, &max, path);
    }
    let message = format!(
        "Invalid type for '{path}': expected an integer, but got a decimal number instead."
    );
    Err(WireError::new(code::INVALID_TYPE, message).at(path))
}

fn check_number(value: &Value, min: f64, max: f64, path: &str) -> Result<(), WireError> {
    let number = value.as_f64().unwrap_or(f64::INFINITY);
    check_bounds(number < min, number > max, &min, &max, path)
}

fn check_bounds(
    is_below: bool,
    is_above: bool,
    min: &dyn std::fmt::Display,
    max: &dyn std::fmt::Display,
    path: &str,
) -> Result<(), WireError> {
    let (code, message) = match (is_below, is_above) {
        (true, _) => (
            code::INTEGER_BELOW_MIN_VALUE,
            format!("Invalid '{path}': expected a value >= {min}."),
        ),
        (_, true) => (
            code::INTEGER_ABOVE_MAX_VALUE,
            format!("Invalid '{path}': expected a value <= {max}."),
        ),
        _ => return Ok(()),
    };
    Err(WireError::new(code, message).at(path))
}

fn check_list(
    of: &Shape,
    length_max: usize,
    values: &[Value],
    path: &str,
) -> Result<(), WireError> {
    if values.len() > length_max {
        let message =
            format!("Invalid '{path}': array too long. Expected at most {length_max} elements.");
        return Err(WireError::new(code::INVALID_VALUE, message).at(path));
    }
    for (index, value) in values.iter().enumerate() {
        of.check(value, &format!("{path}[{index}]"))?;
    }
    Ok(())
}

/// Missing fields are reported before unknown ones: a client of the beta shape is told of `session.type`.
fn check_object(fields: &[Field], map: &Map<String, Value>, path: &str) -> Result<(), WireError> {
    for field in fields.iter().filter(|field| field.is_required) {
        if !map.contains_key(field.name) {
            return Err(missing(&join(path, field.name)));
        }
    }
    for (name, value) in map {
        let path = join(path, name);
        match fields.iter().find(|field| field.name == name) {
            Some(field) => field.shape.check(value, &path)?,
            None => return Err(unknown(&path)),
        }
    }
    Ok(())
}

fn check_tagged(
    tag: &str,
    variants: &[(&'static str, &'static Shape)],
    map: &Map<String, Value>,
    value: &Value,
    path: &str,
) -> Result<(), WireError> {
    let tag_path = join(path, tag);
    let word = match map.get(tag) {
        Some(Value::String(word)) => word,
        Some(other) => return Err(Shape::Word(&[]).wrong_kind(other, &tag_path)),
        None => return Err(missing(&tag_path)),
    };
    match variants.iter().find(|(name, _)| name == word) {
        Some((_, shape)) => shape.check(value, path),
        None => {
            let words: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
            Err(invalid_word(word, &words, &tag_path))
        }
    }
}

fn check_text_map(
    map: &Map<String, Value>,
    pairs_max: usize,
    key_chars_max: usize,
    value_chars_max: usize,
    path: &str,
) -> Result<(), WireError> {
    if map.len() > pairs_max {
        let message =
            format!("Invalid '{path}': too many properties. Expected at most {pairs_max}.");
        return Err(WireError::new(code::INVALID_VALUE, message).at(path));
    }
    for (key, value) in map {
        let path = join(path, key);
        check_text(key, key_chars_max, &path)?;
        Shape::Text {
            chars_max: value_chars_max,
        }
        .check(value, &path)?;
    }
    Ok(())
}

fn missing(path: &str) -> WireError {
    WireError::new(
        code::MISSING_REQUIRED_PARAMETER,
        format!("Missing required parameter: '{path}'."),
    )
    .at(path)
}

fn unknown(path: &str) -> WireError {
    WireError::new(
        code::UNKNOWN_PARAMETER,
        format!("Unknown parameter: '{path}'."),
    )
    .at(path)
}
