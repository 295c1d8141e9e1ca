//! Passwords: which are refused, and hashing in two slow threads of its own. (Threats T4, T5.)
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose. So that a flood of sign-ins cannot take the processor from
//! live calls, hashing has [`THREADS`] threads of the lowest priority and a short queue; past it the answer is "wait".

use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use switchboard_store::Private;
use thiserror::Error;
use tokio::sync::oneshot;

/// Hashes at the same time (T5).
const THREADS: usize = 2;
/// Hashes that wait: two seconds of work. Whoever comes then is asked to try again.
const QUEUE_MAX: usize = 32;
/// The lowest priority of the system: calls come first.
const NICENESS: i32 = 19;

/// Fewest characters.
const CHARS_MIN: usize = 10;
/// Most bytes that are hashed. Longer than any sentence.
pub(super) const BYTES_MAX: usize = 256;
/// Fewest points of five in the estimate of guesses: 10⁸ guesses and more.
const SCORE_MIN: zxcvbn::Score = zxcvbn::Score::Three;

/// A hash that nobody's password has, with the costs of all others: an unknown person takes as long as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$Y4KzzIgUErd7/K7tAmABwA2eMCXmbCD25+kvB5hRRio";

/// Why a password is not taken. The text is for the person who chose it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WeakPassword(String);

/// Refuses what is short, common, or made from what is known of the person (`known`: names, address, business).
///
/// # Errors
/// What is wrong with it.
pub fn check_strength(password: &str, known: &[&str]) -> Result<(), WeakPassword> {
    if password.chars().count() < CHARS_MIN {
        let text = format!("A password has at least {CHARS_MIN} characters.");
        return Err(WeakPassword(text));
    }
    if password.len() > BYTES_MAX {
        return Err(WeakPassword(format!(
            "A password has at most {BYTES_MAX} bytes."
        )));
    }
    // First and last name are also written as one word.
    let joined: Vec<String> = known
        .iter()
        .map(|text| text.chars().filter(|it| it.is_alphanumeric()).collect())
        .collect();
    let parts = known
        .iter()
        .flat_map(|text| text.split(['@', '.', ' ', '-']))
        .chain(joined.iter().map(String::as_str))
        .chain(["switchboard"]);
    let known: Vec<&str> = parts.filter(|part| part.len() > 2).collect();
    let estimate = zxcvbn::zxcvbn(password, &known);
    if estimate.score() >= SCORE_MIN {
        return Ok(());
    }
    let warning = estimate.feedback().and_then(|feedback| feedback.warning());
    let why = warning.map_or_else(
        || "It would be guessed soon.".to_owned(),
        |it| it.to_string(),
    );
    Err(WeakPassword(format!(
        "{why} Take several words that have nothing to do with each other."
    )))
}

/// All threads are busy and the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many passwords are being checked")]
pub struct PoolBusy;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords. Cheap to clone; its threads end with the last clone.
#[derive(Clone, Debug)]
pub struct PasswordPool {
    queue: SyncSender<Work>,
}

impl PasswordPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start() -> std::io::Result<Self> {
        let (queue, work) = sync_channel::<Work>(QUEUE_MAX);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..THREADS {
            let work = Arc::clone(&work);
            thread::Builder::new()
                .name("passwords".to_owned())
                .spawn(move || hash_on(&work))?;
        }
        Ok(Self { queue })
    }

    /// A fresh argon2id hash.
    ///
    /// # Errors
    /// [`PoolBusy`].
    pub async fn hash(&self, password: Private<String>) -> Result<Private<String>, PoolBusy> {
        self.run(move || hash_with(&Argon2::default(), password.expose()))
            .await
    }

    /// Which of `hashes` the password fits, the first one. Without any, the work is done all the same.
    ///
    /// # Errors
    /// [`PoolBusy`].
    pub async fn find(
        &self,
        password: Private<String>,
        hashes: Vec<Private<String>>,
    ) -> Result<Option<usize>, PoolBusy> {
        self.run(move || {
            if hashes.is_empty() {
                fits(password.expose(), NOBODY);
                return None;
            }
            // Each one is tried, so that the time does not tell which it was.
            let fitting: Vec<bool> = hashes
                .iter()
                .map(|hash| fits(password.expose(), hash.expose()))
                .collect();
            fitting.into_iter().position(|fits| fits)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolBusy> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::new(move || {
            // Nobody waits any more for a request that was cut.
            let _ = done.send(work());
        });
        match self.queue.try_send(work) {
            Ok(()) => result.await.map_err(|_| PoolBusy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(PoolBusy),
        }
    }
}

/// A hash of a secret that needs no stretching, because nobody chose it: of full entropy, for a demo.
pub(super) fn hash_of_random(secret: &str) -> Private<String> {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap_or_default();
    let light = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hash_with(&light, secret)
}

/// Whether the password has this hash. What is no hash fits nothing.
pub(super) fn fits(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

fn hash_with(argon2: &Argon2<'_>, password: &str) -> Private<String> {
    let hash = argon2
        .hash_password(password.as_bytes())
        .expect("default costs are valid and the system gives random bytes");
    hash.to_string().into()
}

fn hash_on(work: &Mutex<Receiver<Work>>) {
    lower_priority();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => work(),
            Err(_) => return,
        }
    }
}

/// On Linux a thread has a priority of its own, by its id.
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICENESS) {
        tracing::warn!(%error, "threads that hash passwords keep their priority");
    }
}

/// Seconds after which a full queue has room again.
pub(super) const QUEUE_WAIT_S: NonZeroU64 = NonZeroU64::new(2).expect("two is not zero");

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    #[test]
    fn t4_common_short_and_personal_passwords_are_refused() {
        let known = ["Ama Osei", "ama@lumen-spa.example", "Lumen Medical Spa"];
        for weak in [
            "",
            "short-1x",
            "password123",
            "Password2026!",
            "qwertyuiop12",
            "1234567890123",
            "aaaaaaaaaaaaaa",
            "iloveyou2024",
            "switchboard1",
            "amaosei1990",
            "LumenMedical1",
            &"x".repeat(300),
        ] {
            assert!(check_strength(weak, &known).is_err(), "{weak}");
        }
        for good in ["teapot under seven bridges", "kP4-rz9q-Vm2t-8wyL"] {
            assert_eq!(check_strength(good, &known), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn t4_a_password_fits_its_own_hash_and_nobody_fits_none() {
        let pool = PasswordPool::start().expect("threads");
        let word = |text: &str| Private::new(text.to_owned());
        let hash = pool.hash(word("teapot under bridges")).await.expect("room");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let other = hash_of_random("0123456789ab");
        let hashes = vec![other, hash];
        let found = pool
            .find(word("teapot under bridges"), hashes.clone())
            .await;
        assert_eq!(found, Ok(Some(1)));
        assert_eq!(pool.find(word("teapot"), hashes).await, Ok(None));
        assert_eq!(pool.find(word("teapot"), Vec::new()).await, Ok(None));
        assert!(PasswordHash::new(NOBODY).is_ok(), "the work is real");
    }

    #[tokio::test]
    async fn t5_two_hash_at_once_with_the_lowest_priority_and_a_flood_is_told_to_wait() {
        let pool = PasswordPool::start().expect("threads");
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..THREADS + QUEUE_MAX {
            let (pool, released) = (pool.clone(), Arc::clone(&released));
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            asked.spawn(async move {
                let work = move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let _ = released.lock().map(|it| it.recv());
                    running.fetch_sub(1, Ordering::SeqCst);
                    let thread = rustix::thread::gettid();
                    rustix::process::getpriority_process(Some(thread)).unwrap_or_default()
                };
                loop {
                    match pool.run(work.clone()).await {
                        Ok(niceness) => return niceness,
                        Err(PoolBusy) => tokio::task::yield_now().await,
                    }
                }
            });
        }
        // Everything waits now: two in work, the rest in the queue, and the next is refused.
        let mut refused = false;
        for _ in 0..1_000_000 {
            refused = pool.queue.try_send(Box::new(|| ())).is_err();
            if refused {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(refused, "a full queue refuses");
        for _ in 0..THREADS + QUEUE_MAX {
            release.send(()).expect("work waits for it");
        }
        while let Some(niceness) = asked.join_next().await {
            assert_eq!(niceness.expect("no panic"), NICENESS);
        }
        assert!(most.load(Ordering::SeqCst) <= THREADS);
    }
}
