//! A plan and made-up requests, always the same ones.

use std::sync::Arc;
use std::time::Duration;

use rhaid::clock::RunClock;
use rhaid::engine::Recorder;
use rhaid::metric::sink::{RequestSample, RequestTimes};
use rhaid::metric::{Labels, Window};
use rhaid::plan::{Plan, ResolveContext, resolve};

use crate::one_task::{CHECKED_GET, compile, exemplar};

/// Steps of a journey of some length.
const STEPS: u64 = 10;

/// The labels of a step, of `STEPS`.
pub(crate) fn labels(step: u64) -> Labels {
    Labels {
        name: format!("GET /api/things/{}", step % STEPS).into(),
        method: "GET".into(),
        status: 200,
        task: "journey".into(),
        scenario: "default".into(),
        phase: "default".into(),
        group: "".into(),
        tags: Arc::from([]),
    }
}

/// Request number `number` of a second, with times of one to some twenty milliseconds that do not repeat soon.
pub(crate) fn sample(number: u64) -> RequestSample {
    let intended = Duration::from_micros(number % 1_000_000);
    let spread_us = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
    let waiting = Duration::from_micros(1_000 + spread_us);
    let receiving = Duration::from_micros(20);
    let sent = intended + Duration::from_micros(30);
    RequestSample {
        intended,
        begun: intended + Duration::from_micros(25),
        sent,
        done: sent + waiting + receiving,
        times: RequestTimes { waiting, receiving, ..RequestTimes::default() },
        status: 200,
        failure: None,
        failed: false,
        is_first_on_connection: false,
        bytes_sent: 120,
        bytes_received: 400,
    }
}

/// The plan of a script without options: one user, one iteration.
pub(crate) fn plan() -> Plan {
    let script = compile(CHECKED_GET);
    let context = ResolveContext {
        cores: 1,
        functions: Some(script.functions()),
        custom_metrics: Some(script.custom_metrics()),
        default_seed: 1,
    };
    resolve(&[script.wishes()], &context).expect("the script is ours and right")
}

/// What a worker hands over after a second with so many requests.
pub(crate) fn window(worker_index: usize, requests: u64) -> Window {
    let recorder = Recorder::new(worker_index, RunClock::starting_now());
    let labels: Vec<Labels> = (0..STEPS).map(labels).collect();
    for (number, labels) in (0..requests).zip(labels.iter().cycle()) {
        let sample = sample(number);
        recorder.sent(sample.begun);
        recorder.request(&labels.parts(), &sample, || exemplar(&sample));
    }
    recorder.take()
}
