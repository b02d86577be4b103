//! A virtual user that runs script functions over a session of its own.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hint::cold_path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::exchanges::{Recording, reply};
use super::ready_requests::ReadyRequests;
use super::recorder::Recorder;
use super::stop::{Stop, StopLevel};
use super::timer::Timer;
use super::vu::{IterationEnd, VirtualUser};
use crate::clock::RunClock;
use crate::metric::FailureKind;
use crate::metric::labels::Tags;
use crate::metric::sink::ErrorSource;
use crate::pacing;
use crate::plan::{HttpSettings, Scenario, ThinkTime};
use crate::prefetch;
use crate::script::call::{CallBody, MultipartField};
use crate::script::user::CookieChange;
use crate::script::{
    HttpCall, HttpReply, Operation, PlainAnswer, Resumption, ScriptHost, Step, Task, TaskEnd, User,
};
use crate::transport::{RedirectPolicy, Request, Session, TransportFactory, body};

/// A scenario as the users of one thread share it. The strings are this thread's own.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: Arc<str>,
    /// The empty name of the task of iterations that have none yet.
    pub(super) no_task: Arc<str>,
    pub(super) tasks: Vec<Arc<str>>,
    cumulative: Vec<f64>,
    pub(super) on_start: Option<Arc<str>>,
    pub(super) on_stop: Option<Arc<str>>,
    /// Names with the ends of their spans, from the start of the run.
    phases: Vec<(Arc<str>, Duration)>,
    pub(super) think_time: ThinkTime,
    /// Whether nothing is due at a moment of its own, so that a request may let others go first.
    is_closed: bool,
    /// Whether somebody asks what its function returned.
    is_stage: bool,
    pub(super) tags: Tags,
}

impl Shape {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let tags = scenario.tags.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into()));
        Self {
            name: scenario.name.as_str().into(),
            no_task: "".into(),
            tasks: scenario.tasks.iter().map(|task| task.function.as_str().into()).collect(),
            cumulative: pacing::cumulative_weights(scenario.tasks.iter().map(|task| task.weight)),
            on_start: scenario.on_start.as_deref().map(Into::into),
            on_stop: scenario.on_stop.as_deref().map(Into::into),
            phases: scenario
                .phases
                .iter()
                .map(|phase| (phase.name.as_str().into(), scenario.start_time + phase.end))
                .collect(),
            think_time: scenario.think_time,
            is_closed: !scenario.executor.is_open_model(),
            is_stage: false,
            tags: tags.collect(),
        }
    }

    /// A shape for `setup` and `teardown`.
    pub(super) fn of_stage(function: &str) -> Self {
        Self {
            name: function.into(),
            no_task: "".into(),
            tasks: vec![function.into()],
            cumulative: vec![1.0],
            on_start: None,
            on_stop: None,
            phases: vec![(function.into(), Duration::ZERO)],
            think_time: ThinkTime::None,
            is_closed: true,
            is_stage: true,
            tags: Arc::from([]),
        }
    }

    /// The phase of a moment of the run; the last one takes what comes after it.
    pub(super) fn phase_at(&self, at: Duration) -> &Arc<str> {
        // Asked three times a request, and mostly there is one.
        if let [(only, _)] = &*self.phases {
            return only;
        }
        let last = self.phases.len() - 1;
        let place = self.phases.partition_point(|(_, end)| *end <= at).min(last);
        &self.phases[place].0
    }
}

/// What the users of one thread share.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) host: ScriptHost,
    pub(super) factory: TransportFactory,
    pub(super) http: HttpSettings,
    pub(super) headers: HeaderMap,
    pub(super) recorder: Rc<Recorder>,
    pub(super) clock: RunClock,
    pub(super) timer: Timer,
    pub(super) ready_requests: ReadyRequests,
    /// Sessions built before the load began, for its first users.
    pub(super) prepared: RefCell<Vec<Session>>,
    /// Set when a script error must end the run.
    pub(super) script_error: Rc<Cell<bool>>,
    pub(super) abort_on_script_error: bool,
}

impl Surroundings {
    /// A session that nobody has used.
    fn new_session(&self) -> Session {
        let prepared = self.prepared.borrow_mut().pop();
        prepared.unwrap_or_else(|| self.factory.session())
    }
}

/// One virtual user.
#[derive(Debug)]
pub(super) struct ScriptUser {
    around: Rc<Surroundings>,
    shape: Rc<Shape>,
    user: Rc<User>,
    session: Option<Session>,
    random: Pcg64Mcg,
    has_started: bool,
    iterations: u64,
    /// When the next request is legitimately due: METHODS.md 1.1.
    due: Duration,
}

impl ScriptUser {
    pub(super) fn new(
        around: Rc<Surroundings>,
        shape: Rc<Shape>,
        user: Rc<User>,
        seed: u64,
    ) -> Self {
        let random = Pcg64Mcg::seed_from_u64(
            seed.wrapping_add(user.id().wrapping_mul(0xD1B5_4A32_D192_ED03)),
        );
        Self {
            around,
            shape,
            user,
            session: None,
            random,
            has_started: false,
            iterations: 0,
            due: Duration::ZERO,
        }
    }

    /// Runs one function of the script to its end; it is due now.
    pub(super) async fn run_now(&mut self, function: &Arc<str>, stop: &Stop) -> TaskEnd {
        self.due = self.around.clock.now();
        self.run(function, stop).await
    }

    /// Runs one function of the script to its end.
    async fn run(&mut self, function: &Arc<str>, stop: &Stop) -> TaskEnd {
        self.user.begin(function, self.iterations);
        self.user.set_phase(self.shape.phase_at(self.due));
        let mut task = self.around.host.task(function, &self.user);
        self.drive(&mut task, stop).await.0
    }

    /// Does what a task asks for until it ends. Also gives back what it returned, if it is a stage's.
    pub(super) async fn drive(
        &mut self,
        task: &mut Task,
        stop: &Stop,
    ) -> (TaskEnd, Option<serde_json::Value>) {
        let mut with = Resumption::Start;
        loop {
            with = match task.resume(with) {
                Step::Suspended(Operation::Request(call)) => self.request(&call, stop, task).await,
                Step::Suspended(Operation::Sleep(pause)) => {
                    task.rest(pause);
                    self.sleep(pause, stop).await
                }
                Step::Suspended(Operation::Think) => {
                    let pause = pacing::pause(&self.shape.think_time, self.random.random());
                    task.rest(pause);
                    self.sleep(pause, stop).await
                }
                Step::Suspended(Operation::Yield) => {
                    tokio::task::yield_now().await;
                    if stop.level() == StopLevel::Now {
                        Resumption::Aborted
                    } else {
                        Resumption::Woken
                    }
                }
                Step::Ended(result) => {
                    let asked = result.as_ref().ok().filter(|_| self.shape.is_stage);
                    let returned = asked.and_then(|value| self.around.host.to_json(value));
                    return (self.around.host.explain(result), returned);
                }
                Step::Panicked(message) => {
                    let task = self.user.task();
                    self.around.recorder.error(
                        ErrorSource::Script,
                        &task,
                        "script_panic",
                        &message,
                    );
                    return (TaskEnd::Failed(message), None);
                }
                Step::NoStack(error) => {
                    let (task, message) = (self.user.task(), format!("{error}; {}", error.hint()));
                    self.around.recorder.error(ErrorSource::Script, &task, "no_stack", &message);
                    return (TaskEnd::Failed(message), None);
                }
            };
        }
    }

    async fn sleep(&mut self, pause: Duration, stop: &Stop) -> Resumption {
        self.due = self.due.saturating_add(pause);
        let begun = self.around.clock.now();
        let until = self.around.clock.instant(self.due);
        let woken = tokio::select! {
            biased;
            () = stop.reached(StopLevel::Now) => Resumption::Aborted,
            () = self.around.timer.sleep_until(until) => Resumption::Woken,
        };
        // What comes after the due time is the generator's lateness, not the script's wish.
        self.around.recorder.paused(self.due.min(self.around.clock.now()).saturating_sub(begun));
        // A pause that was over before it began still lets others run.
        tokio::task::consume_budget().await;
        woken
    }

    async fn request(&mut self, call: &Rc<HttpCall>, stop: &Stop, task: &Task) -> Resumption {
        if stop.level() == StopLevel::Now {
            return Resumption::Aborted;
        }
        let mut ready = match self.around.ready_requests.take(call, || self.build(call)) {
            Ok(ready) => ready,
            Err(message) => {
                cold_path();
                let failure = Some((FailureKind::Other, message));
                let answer = Box::new(PlainAnswer { failure, ..PlainAnswer::default() });
                let reply = HttpReply::new(0, Duration::ZERO, call.name.clone(), answer);
                return Resumption::Reply(Rc::new(reply));
            }
        };
        let around = self.around.clone();
        let session = self.session.get_or_insert_with(|| around.new_session());
        apply_cookies(session, &self.user, &call.url);
        let policy =
            RedirectPolicy { max_hops: call.max_redirects.unwrap_or(around.http.max_redirects) };
        let due = Cell::new(self.due);
        let begun = around.clock.now();
        let request = &mut ready.request;
        request.handed_at = Some(around.clock.instant(begun));
        // An arrival has a moment of its own; a user of a closed model is due when the answer before is there.
        request.gathers = self.shape.is_closed;
        let lies_at = std::ptr::from_ref(request).addr();
        let (shape, user, handed_at) = (&*self.shape, &self.user, Cell::new(Some(begun)));
        let record = Recording { around: &around, shape, user, call, handed_at };
        around.recorder.sent(begun);
        let last = {
            let mut sent = pin!(session.send_observed(request, &policy, |hop| {
                due.set(record.hop(hop, due.get(), false));
                around.recorder.sent(around.clock.now());
            }));
            let mut is_sent = false;
            let answered = poll_fn(|cx| {
                if std::mem::replace(&mut is_sent, true) {
                    // While the system hands over what has arrived, there is time to fetch what comes after that.
                    task.prefetch();
                    session.prefetch();
                    prefetch::value(&**call);
                    prefetch::range(lies_at, lies_at + size_of::<Request>());
                    prefetch::value(&**user);
                }
                sent.as_mut().poll(cx)
            });
            tokio::select! {
                biased;
                // An answer that is there counts, whatever else has come.
                last = answered => Some(last),
                () = stop.reached(StopLevel::Now) => None,
            }
        };
        let Some(last) = last else {
            record.aborted(due.get(), begun.max(due.get()));
            return Resumption::Aborted;
        };
        self.due = record.hop(&last, due.get(), true);
        around.ready_requests.keep(ready);
        self.user.set_phase(self.shape.phase_at(self.due));
        Resumption::Reply(reply(call, last))
    }

    fn build(&self, call: &HttpCall) -> Result<Request, String> {
        let method =
            Method::from_bytes(call.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = Request::new(method, call.url.clone());
        if !self.around.headers.is_empty() {
            request.headers = self.around.headers.clone();
        }
        let (content_type, content) = encode(&call.body);
        // Bytes are what a header of the run says they are; forms know better.
        let is_bytes = matches!(call.body, CallBody::Bytes(..));
        let is_said = is_bytes && request.headers.contains_key(http::header::CONTENT_TYPE);
        if let Some(kind) = content_type.filter(|_| !is_said) {
            request.headers.insert(http::header::CONTENT_TYPE, kind);
        }
        request.body = content;
        if let Some((name, password)) = &call.basic_auth {
            request.headers.insert(http::header::AUTHORIZATION, body::basic_auth(name, password));
        }
        for (name, value) in &call.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?;
            request.headers.insert(name, value);
        }
        request.timeout = call.timeout.unwrap_or(self.around.http.timeout);
        request.keep_body = true;
        Ok(request)
    }

    fn note(&self, function: &str, end: &TaskEnd) {
        match end {
            TaskEnd::Completed | TaskEnd::Aborted => {}
            TaskEnd::Failed(reason) => {
                self.around.recorder.error(ErrorSource::Fail, function, "failed", reason)
            }
            TaskEnd::Error(finding) => {
                self.around.recorder.error(
                    ErrorSource::Script,
                    function,
                    "script_error",
                    &finding.to_string(),
                );
                if self.around.abort_on_script_error {
                    self.around.script_error.set(true);
                }
            }
        }
    }
}

impl VirtualUser for ScriptUser {
    async fn iterate(&mut self, scheduled_at: Duration, stop: &Stop) -> (IterationEnd, usize) {
        self.due = scheduled_at;
        let shape = self.shape.clone();
        let picked = pacing::pick_weighted(&shape.cumulative, self.random.random());
        let task = &shape.tasks[picked];
        if !self.has_started
            && let Some(on_start) = &shape.on_start
        {
            let end = self.run(on_start, stop).await;
            self.note(on_start, &end);
            match end {
                TaskEnd::Completed => {}
                TaskEnd::Aborted => return (IterationEnd::Interrupted, picked),
                TaskEnd::Failed(_) | TaskEnd::Error(_) => return (IterationEnd::Failed, picked),
            }
        }
        self.has_started = true;
        let end = self.run(task, stop).await;
        self.note(task, &end);
        self.iterations += 1;
        let end = match end {
            TaskEnd::Completed => IterationEnd::Completed,
            TaskEnd::Failed(_) | TaskEnd::Error(_) => IterationEnd::Failed,
            TaskEnd::Aborted => IterationEnd::Interrupted,
        };
        (end, picked)
    }

    async fn finish(&mut self, stop: &Stop) {
        if !self.has_started || stop.level() == StopLevel::Now {
            return;
        }
        let shape = self.shape.clone();
        if let Some(on_stop) = &shape.on_stop {
            self.due = self.around.clock.now();
            let end = self.run(on_stop, stop).await;
            self.note(on_stop, &end);
        }
    }

    fn uniform(&mut self) -> f64 {
        self.random.random()
    }
}

fn apply_cookies(session: &Session, user: &User, url: &url::Url) {
    if !user.has_cookie_changes() {
        return;
    }
    for change in user.take_cookie_changes() {
        session.with_cookies(|jar| match change {
            CookieChange::Set(name, value) => {
                jar.set(url, &name, &value);
            }
            CookieChange::Clear => jar.clear(),
        });
    }
}

fn encode(body: &CallBody) -> (Option<HeaderValue>, Bytes) {
    match body {
        CallBody::Empty => (None, Bytes::new()),
        CallBody::Bytes(content, kind) => (Some(HeaderValue::from_static(kind)), content.clone()),
        CallBody::Form(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            (Some(HeaderValue::from_static(body::FORM_CONTENT_TYPE)), body::form_urlencoded(pairs))
        }
        CallBody::Multipart(fields) => {
            let parts: Vec<body::Part> = fields.iter().map(part).collect();
            let (kind, content) = body::multipart(&parts);
            (HeaderValue::try_from(kind).ok(), content)
        }
    }
}

fn part(field: &MultipartField) -> body::Part {
    body::Part {
        name: field.name.clone(),
        value: field.content.clone(),
        filename: field.file_name.clone(),
        content_type: field.content_type.clone(),
    }
}
