//! The body of a webhook: `application/x-www-form-urlencoded`, whole and in order.
//!
//! The signature covers every parameter, also those added by Twilio tomorrow, so nothing is dropped here.

use std::fmt;

/// 512: a voice webhook has about thirty parameters, a SIP call adds one per header.
pub const PARAMETERS_MAX: usize = 512;
/// 64 KiB: fifteen times the longest webhook seen.
pub const FORM_BYTES_MAX: usize = 64 * 1024;

/// A body that is no webhook of Twilio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the form has more than {FORM_BYTES_MAX} bytes or {PARAMETERS_MAX} parameters")]
    TooLarge,
    #[error("the parameter {0} is missing or empty")]
    Missing(&'static str),
    #[error("the parameter {0} has a value that does not fit it")]
    Invalid(&'static str),
}

/// Decoded parameters in order of arrival, repeated ones included. Debug prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    parameters: Vec<(String, String)>,
}

impl Form {
    /// Decodes a body or a query. Bytes that are not UTF-8 become replacement characters, whose signature then fails.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > FORM_BYTES_MAX {
            return Err(FormError::TooLarge);
        }
        let parameters: Vec<_> = form_urlencoded::parse(body)
            .take(PARAMETERS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if parameters.len() > PARAMETERS_MAX {
            return Err(FormError::TooLarge);
        }
        Ok(Self { parameters })
    }

    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The first value of that name, empty ones included.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The first value of that name unless it is empty: Twilio sends empty strings for what it does not know.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    pub fn push(&mut self, name: &str, value: &str) {
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// The form as a request body.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .finish()
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, FormError> {
        self.text(name).ok_or(FormError::Missing(name))
    }

    /// A required parameter as whatever reads it.
    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, FormError> {
        let text = self.required(name)?;
        text.parse().map_err(|_| FormError::Invalid(name))
    }

    /// An optional parameter; present but unreadable is an error.
    pub(super) fn parsed_if_any<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, FormError> {
        let parse = |text: &str| text.parse().map_err(|_| FormError::Invalid(name));
        self.text(name).map(parse).transpose()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Form {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(parameters: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self {
            parameters: parameters.into_iter().map(owned).collect(),
        }
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        formatter.debug_tuple("Form").field(&names).finish()
    }
}
