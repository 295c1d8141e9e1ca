//! Whether the database answers, for those who cannot wait to find out: callers. (Threat R6.)

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::StoreError;

/// How long one question of a webhook may take. A good answer takes milliseconds.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// After a question without an answer nobody asks for this long: the next callers do not wait for the same again.
const AWAY: Duration = Duration::from_secs(2);

/// What is known about it. Cheap to clone; all clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Mutex<Option<Instant>>>);

impl Reach {
    /// The answer, within a second or not at all.
    ///
    /// # Errors
    /// Those of the question, and `Unavailable` when it is not asked.
    pub async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.is_away() {
            return Err(unavailable("it did not answer a moment ago"));
        }
        let answer = tokio::time::timeout(ANSWER_MAX, question).await;
        let answer = answer.unwrap_or_else(|_| Err(unavailable("no answer in time")));
        if answer.as_ref().is_err_and(is_absence) {
            *self.lock() = Some(Instant::now() + AWAY);
        }
        answer
    }

    /// True for a moment after a question without an answer.
    pub fn is_away(&self) -> bool {
        self.lock().is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error says that nobody answered, and not that the answer is no.
pub fn is_absence(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::Busy | StoreError::ReadOnly
    )
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_question_without_an_answer_the_next_ones_are_not_asked() {
        let reach = Reach::default();
        let silent = reach.ask(async { Err::<(), _>(unavailable("closed")) });
        assert_eq!(silent.await, Err(unavailable("closed")));
        let asked = reach.ask(async { panic!("it is not asked") });
        let told = Err::<(), _>(unavailable("it did not answer a moment ago"));
        assert_eq!(asked.await, told);
    }

    #[tokio::test]
    async fn a_no_is_an_answer() {
        let reach = Reach::default();
        let refused = StoreError::NotFound { noun: "number" };
        let answer = reach.ask(async { Err::<(), _>(refused.clone()) }).await;
        assert_eq!((answer, reach.is_away()), (Err(refused), false));
    }
}
