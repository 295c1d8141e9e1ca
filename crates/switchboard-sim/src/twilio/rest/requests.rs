//! What the REST API was asked, and the faults waiting for it.

use super::super::AccountNumber;
use super::super::fault::RestFault;
use hyper::Method;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;
use switchboard_wire::twilio::Form;

/// One request, refused ones included.
#[derive(Debug, Clone)]
pub struct RestRequest {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub form: Form,
}

#[derive(Debug, Default)]
pub(in super::super) struct RestState {
    requests: Mutex<Vec<RestRequest>>,
    faults: Mutex<VecDeque<RestFault>>,
    numbers: Mutex<Vec<AccountNumber>>,
}

impl RestState {
    pub(in super::super) fn with_numbers(numbers: Vec<AccountNumber>) -> Self {
        Self {
            numbers: Mutex::new(numbers),
            ..Self::default()
        }
    }

    pub(in super::super) fn numbers(&self) -> Vec<AccountNumber> {
        self.numbers.lock().expect("no holder panics").clone()
    }

    /// Changes the number at a position; `None` when there is none.
    pub(super) fn change_number<R>(
        &self,
        position: usize,
        change: impl FnOnce(&mut AccountNumber) -> R,
    ) -> Option<R> {
        let mut numbers = self.numbers.lock().expect("no holder panics");
        numbers.get_mut(position).map(change)
    }

    pub(in super::super) fn push_faults(&self, faults: impl IntoIterator<Item = RestFault>) {
        self.faults.lock().expect("no holder panics").extend(faults);
    }

    pub(in super::super) fn requests(&self) -> Vec<RestRequest> {
        self.requests.lock().expect("no holder panics").clone()
    }

    pub(super) fn next_fault(&self) -> Option<RestFault> {
        self.faults.lock().expect("no holder panics").pop_front()
    }

    pub(super) fn log(&self, method: &Method, path: &str, form: &Form) {
        let mut requests = self.requests.lock().expect("no holder panics");
        requests.push(RestRequest {
            at: Instant::now(),
            method: method.to_string(),
            path: path.to_owned(),
            form: form.clone(),
        });
    }
}
