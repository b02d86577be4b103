//! A user whose requests are answered at once, without a transport or a scheduler between: what a script's call costs by itself.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use rhaid::clock::RunClock;
use rhaid::engine::Recorder;
use rhaid::metric::Exemplar;
use rhaid::metric::labels::LabelParts;
use rhaid::metric::sink::{RequestSample, RequestTimes};
use rhaid::script::{
    HttpCall, HttpReply, LoadOptions, Operation, PlainAnswer, Resumption, Script, ScriptHost,
    ScriptLimits, Step, TaskEnd, User, UserSeed,
};

/// One GET and a check, as the tools of `benches/peers` are asked for.
pub(crate) const CHECKED_GET: &str = r#"
fn journey(user) { let r = user.get("/"); check(r, "status is 200", r.status == 200); }
"#;
/// What every request is answered with.
const BODY: &[u8] = br#"{"token":"x","id":1,"items":[{"id":1},{"id":2}]}"#;
const TARGET: &str = "http://127.0.0.1:8117";
const SEED: u64 = 1;

/// A script whose requests go to a target that it does not name.
pub(crate) fn compile(text: &str) -> Script {
    let load = LoadOptions { seed: SEED, has_target: true, ..LoadOptions::default() };
    Script::from_text("journey.rhai", text.to_owned(), PathBuf::from("."), load)
        .expect("the script is ours and right")
}

/// One user on one thread.
pub(crate) struct OneTask {
    host: ScriptHost,
    user: Rc<User>,
    recorder: Rc<Recorder>,
    clock: RunClock,
    function: Arc<str>,
}

impl OneTask {
    /// A user that will call the function `journey` of a script.
    pub(crate) fn new(text: &str) -> Self {
        let clock = RunClock::starting_now();
        let stop_now = Arc::new(AtomicBool::new(false));
        let limits = ScriptLimits::default();
        let host = ScriptHost::new(Arc::new(compile(text)), clock, limits, stop_now)
            .expect("it was compiled before");
        let recorder = Rc::new(Recorder::new(0, clock));
        let seed = UserSeed { id: 1, scenario: "default".into(), seed: SEED, tags: Arc::from([]) };
        let base = url::Url::parse(TARGET).ok().map(Rc::new);
        let user = Rc::new(User::new(seed, base, true, recorder.clone()));
        Self { host, user, recorder, clock, function: "journey".into() }
    }

    /// One iteration from begin to end; how many requests it made.
    pub(crate) fn run(&self) -> u64 {
        self.user.begin(&self.function, 0);
        let mut task = self.host.task(&self.function, &self.user);
        let mut with = Resumption::Start;
        let mut requests = 0;
        loop {
            with = match task.resume(with) {
                Step::Suspended(Operation::Request(call)) => {
                    requests += 1;
                    Resumption::Reply(self.answer(&call))
                }
                Step::Suspended(_) => Resumption::Woken,
                Step::Ended(result) => {
                    let end = self.host.explain(result);
                    assert!(matches!(end, TaskEnd::Completed), "{end:?}");
                    return requests;
                }
                Step::Panicked(message) => panic!("{message}"),
                Step::NoStack(error) => panic!("{error}"),
            };
        }
    }

    /// Answers at once and notes the request as the engine does.
    fn answer(&self, call: &HttpCall) -> Rc<HttpReply> {
        let begun = self.clock.now();
        self.recorder.sent(begun);
        let done = self.clock.now();
        let waiting = Duration::from_micros(200);
        let sample = RequestSample {
            intended: begun,
            begun,
            sent: begun,
            done: done + waiting,
            times: RequestTimes { waiting, ..RequestTimes::default() },
            status: 200,
            failure: None,
            failed: false,
            is_first_on_connection: false,
            bytes_sent: 120,
            bytes_received: 200,
        };
        let place = self.user.place();
        let labels = LabelParts {
            name: &call.name,
            method: &call.method,
            status: 200,
            task: &place.task,
            scenario: self.user.scenario(),
            phase: &place.phase,
            group: &call.group,
            tags: &call.tags,
        };
        self.recorder.request(&labels, &sample, || exemplar(&sample));
        let answer = PlainAnswer {
            url: Some(call.url.clone()),
            headers: [(CONTENT_TYPE, HeaderValue::from_static("application/json"))]
                .into_iter()
                .collect(),
            body: Bytes::from_static(BODY),
            times: sample.times,
            failure: None,
        };
        Rc::new(HttpReply::new(200, waiting, call.name.clone(), Box::new(answer)))
    }
}

/// What is kept of a request that is worth showing.
pub(crate) fn exemplar(sample: &RequestSample) -> Exemplar {
    Exemplar {
        name: "GET /api/things/0".to_owned(),
        url: "http://127.0.0.1:8117/api/things/0".to_owned(),
        task: "journey".to_owned(),
        vu_id: 1,
        sent: sample.sent,
        response_time: sample.response_time(),
        service_time: sample.service_time(),
        times: sample.times,
        status: sample.status,
        failed: sample.failed,
        message: String::new(),
    }
}
