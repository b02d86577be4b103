//! What becomes of an exchange: a sample for the record, a reply for the script.

use std::cell::Cell;
use std::hint::cold_path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::dry::{DryEvent, DryRequest};
use super::script_user::{Shape, Surroundings};
use crate::metric::labels::LabelParts;
use crate::metric::sink::{ErrorSource, RequestSample, RequestTimes};
use crate::metric::{Exemplar, FailureKind};
use crate::script::{Answer, HttpCall, HttpReply, User};
use crate::transport::{Exchange, Timings};

/// Which request of a chain of redirects a sample is about.
struct Hop<'a> {
    name: &'a Arc<str>,
    method: &'a str,
    url: &'a url::Url,
}

/// Turns exchanges into samples.
pub(super) struct Recording<'a> {
    pub(super) around: &'a Surroundings,
    pub(super) shape: &'a Shape,
    pub(super) user: &'a User,
    pub(super) call: &'a HttpCall,
    /// When the first request was given to the transport, which may have held it back for others.
    pub(super) handed_at: Cell<Option<Duration>>,
}

impl Recording<'_> {
    /// Records one hop that was due at `intended`; gives back when it was done, which is when the next one is due.
    pub(super) fn hop(&self, exchange: &Exchange, intended: Duration, is_last: bool) -> Duration {
        let clock = &self.around.clock;
        let status = exchange.status.map_or(0, |status| status.as_u16());
        let failure = exchange.failure.as_ref().map(|failure| failure.kind);
        let unexpected = is_last && self.call.is_failure(status);
        let done = clock.offset(exchange.done_at);
        let begun = clock.offset(exchange.started_at);
        let sent_at = exchange.sent_at.unwrap_or(exchange.started_at);
        let sample = RequestSample {
            intended,
            sent: if sent_at == exchange.started_at { begun } else { clock.offset(sent_at) },
            begun,
            done,
            times: request_times(&exchange.timings),
            status,
            failure,
            failed: failure.is_some() || unexpected,
            is_first_on_connection: exchange.new_connection,
            bytes_sent: exchange.bytes_sent,
            bytes_received: exchange.bytes_received,
        };
        if let Some(handed_at) = self.handed_at.take() {
            self.around.recorder.held_back(sample.begun.saturating_sub(handed_at));
        }
        // Where no redirect has led here, the method is the script's, which `record` sees without looking at its text.
        let is_as_asked = Rc::ptr_eq(&exchange.url, &self.call.url);
        let method = if is_as_asked { &*self.call.method } else { exchange.method.as_str() };
        let own_name: Arc<str>;
        let name = if self.call.named || exchange.url == self.call.url {
            &self.call.name
        } else {
            cold_path();
            let (target, fold) = (self.user.target(), self.around.http.fold_ids);
            own_name = crate::plan::step_name(method, exchange.url.as_str(), target, fold).into();
            &own_name
        };
        let message = match &exchange.failure {
            Some(failure) => failure.message.clone(),
            None if unexpected => format!("status {status}"),
            None => String::new(),
        };
        if sample.failed {
            cold_path();
            let kind = failure.map_or_else(|| format!("status_{status}"), |kind| kind.to_string());
            self.around.recorder.error(ErrorSource::Request, name, &kind, &message);
        }
        self.around.recorder.trace(|| {
            let (scenario, task) = (self.shape.name.to_string(), self.user.task().to_string());
            DryEvent::Request(DryRequest {
                scenario,
                task,
                name: name.to_string(),
                method: exchange.method.to_string(),
                url: without_user(&exchange.url),
                status,
                service_time: sample.service_time(),
                bytes_sent: sample.bytes_sent,
                bytes_received: sample.bytes_received,
                failed: sample.failed,
                failure,
                message: message.clone(),
            })
        });
        let hop = Hop { name, method, url: &exchange.url };
        self.record(&hop, &sample, message);
        done
    }

    /// Records a request that the end of the run cut off.
    #[cold]
    pub(super) fn aborted(&self, intended: Duration, begun: Duration) {
        let done = self.around.clock.now();
        let sample = RequestSample {
            intended,
            sent: begun,
            begun,
            done,
            times: RequestTimes::default(),
            status: 0,
            failure: Some(FailureKind::Aborted),
            failed: true,
            is_first_on_connection: false,
            bytes_sent: 0,
            bytes_received: 0,
        };
        let kind = FailureKind::Aborted.to_string();
        let message = "cut off by the end of the run".to_owned();
        self.around.recorder.error(ErrorSource::Request, &self.call.name, &kind, &message);
        let hop = Hop { name: &self.call.name, method: &self.call.method, url: &self.call.url };
        self.record(&hop, &sample, message);
    }

    fn record(&self, hop: &Hop<'_>, sample: &RequestSample, message: String) {
        let Hop { name, method, url } = *hop;
        let other: Arc<str>;
        let method = if std::ptr::eq(method, &*self.call.method) || method == &*self.call.method {
            &self.call.method
        } else {
            cold_path();
            other = method.into();
            &other
        };
        let labels = LabelParts {
            name,
            method,
            status: sample.status,
            task: &self.user.place().task,
            scenario: &self.shape.name,
            phase: self.shape.phase_at(sample.intended),
            group: &self.call.group,
            tags: &self.call.tags,
        };
        self.around.recorder.request(&labels, sample, || Exemplar {
            name: name.to_string(),
            url: shown_url(url),
            task: self.user.task().to_string(),
            vu_id: self.user.id(),
            sent: sample.sent,
            response_time: sample.response_time(),
            service_time: sample.service_time(),
            times: sample.times,
            status: sample.status,
            failed: sample.failed,
            message,
        });
    }
}

/// A URL without user, password, query and fragment.
fn shown_url(url: &url::Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A URL without user and password.
fn without_user(url: &url::Url) -> String {
    let mut url = url.clone();
    // Only URLs without a host refuse this, and those have no user.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

/// What the script gets of an exchange.
pub(super) fn reply(call: &HttpCall, exchange: Box<Exchange>) -> Rc<HttpReply> {
    let status = exchange.status.map_or(0, |status| status.as_u16());
    Rc::new(HttpReply::new(status, exchange.service_time(), call.name.clone(), exchange))
}

impl Answer for Exchange {
    fn url(&self) -> Option<&url::Url> {
        Some(&self.url)
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn times(&self) -> RequestTimes {
        request_times(&self.timings)
    }

    fn failure(&self) -> Option<(FailureKind, &str)> {
        self.failure.as_ref().map(|failure| (failure.kind, failure.message.as_str()))
    }
}

fn request_times(times: &Timings) -> RequestTimes {
    RequestTimes {
        blocked: times.blocked,
        dns: times.dns,
        connecting: times.connecting,
        tls_handshaking: times.tls_handshaking,
        sending: times.sending,
        waiting: times.waiting,
        receiving: times.receiving,
    }
}
