//! A request body that must arrive in time and within its size (threat H6).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::Limited;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::{Sleep, sleep};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body did not arrive in `http.body_ms_max`.
#[derive(Debug, Error)]
#[error("the request body took too long")]
pub(super) struct BodyTimedOut;

/// Whether the body of a request came too late. Readers of bodies turn every error into 400; the guard looks here to
/// answer what is true.
#[derive(Clone, Debug, Default)]
pub(super) struct Lateness(Arc<AtomicBool>);

impl Lateness {
    pub(super) fn is_late(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Limits the body of `request` in time and size; an empty body costs nothing.
pub(super) fn limit(
    request: Request<Incoming>,
    time_max: Duration,
    bytes_max: usize,
) -> Request<Body> {
    if request.body().is_end_stream() {
        return request.map(|_| Body::empty());
    }
    let lateness = Lateness::default();
    let mut request =
        request.map(|incoming| limited(incoming, time_max, bytes_max, lateness.clone()));
    request.extensions_mut().insert(lateness);
    request
}

fn limited(incoming: Incoming, time_max: Duration, bytes_max: usize, lateness: Lateness) -> Body {
    let timed = TimedBody {
        incoming: Limited::new(incoming, bytes_max),
        timer: Box::pin(sleep(time_max)),
        lateness,
    };
    Body::new(timed)
}

struct TimedBody {
    incoming: Limited<Incoming>,
    timer: Pin<Box<Sleep>>,
    lateness: Lateness,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(context);
        if frame.is_pending() && self.timer.as_mut().poll(context).is_ready() {
            self.lateness.0.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(Box::new(BodyTimedOut))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
