//! What a tool answers, and how the model is told.

use serde_json::{Map, Value, json};
use switchboard_call::input::ToolOutcome;
use switchboard_call::words::Words;
use switchboard_store::StoreError;

use crate::desk::{DeskError, FreeTime};

/// Names told at once: a longer list is no help to a caller and fills the model's context.
const OPTIONS_MAX: usize = 20;

/// The answer of a tool.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolAnswer {
    /// A JSON object for the model.
    Answered(Value),
    /// A refusal in words the model may speak; nothing was changed.
    Failed(ToolFailure),
    /// Nothing was changed: the caller has to agree to this question first.
    Question(String),
    /// Nothing more of the call is kept, and what was is erased.
    WithdrawConsent,
    /// Nobody listens from here, or everybody does again.
    SecureEntry { begins: bool },
    /// The call ends after what is being said.
    EndCall,
    /// A human takes over: the one of this configured name, or the agent's usual one.
    HandOff {
        target: Option<String>,
        /// In a few words, for the human.
        summary: Option<Words>,
    },
}

/// Why a tool did nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolFailure {
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for the caller.
    pub message: String,
    /// Further members of the error object: what to offer instead.
    pub details: Map<String, Value>,
}

impl ToolAnswer {
    pub(super) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed(ToolFailure {
            code,
            message: message.into(),
            details: Map::new(),
        })
    }

    /// As the core takes it.
    #[must_use]
    pub fn into_outcome(self) -> ToolOutcome {
        match self {
            Self::Answered(value) => ToolOutcome::Answered(value.to_string().as_str().into()),
            Self::Failed(failure) => {
                ToolOutcome::Failed(failure.to_json().to_string().as_str().into())
            }
            Self::Question(question) => ToolOutcome::Question(question.as_str().into()),
            Self::EndCall => ToolOutcome::EndCall,
            Self::WithdrawConsent => ToolOutcome::WithdrawConsent,
            Self::SecureEntry { begins } => ToolOutcome::SecureEntry { begins },
            Self::HandOff { target, summary } => ToolOutcome::HandOff { target, summary },
        }
    }
}

impl ToolFailure {
    fn to_json(&self) -> Value {
        let mut error = self.details.clone();
        error.insert("code".to_owned(), self.code.into());
        error.insert("message".to_owned(), self.message.as_str().into());
        json!({ "error": error })
    }
}

impl From<DeskError> for ToolAnswer {
    fn from(error: DeskError) -> Self {
        if let DeskError::Store(failure) = &error {
            log_failure(failure);
        }
        let mut details = Map::new();
        if !error.options().is_empty() {
            details.insert("options".to_owned(), options(&error));
        }
        if !error.next_free().is_empty() {
            details.insert("next_free".to_owned(), free_times(error.next_free()));
        }
        Self::Failed(ToolFailure {
            code: error.code(),
            message: error.to_string(),
            details,
        })
    }
}

/// The store's errors hold codes and names of constraints, never what was stored.
fn log_failure(failure: &StoreError) {
    tracing::error!(%failure, "a tool could not reach the appointment book");
}

/// Names to choose from instead.
pub(super) fn options(error: &DeskError) -> Value {
    error
        .options()
        .iter()
        .take(OPTIONS_MAX)
        .map(String::as_str)
        .collect()
}

/// Free times in the zone of the business, each with its offset.
pub(super) fn free_times(times: &[FreeTime]) -> Value {
    let told = |time: &FreeTime| json!({ "start": time.start.to_rfc3339(), "practitioner": time.practitioner });
    times.iter().map(told).collect()
}
