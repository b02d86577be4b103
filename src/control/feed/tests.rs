//! What is kept for those who come later, and what is told.

use super::*;
use crate::metric::Histogram;

fn told(feed: &Feed, since: Option<u64>) -> Vec<Value> {
    let messages = feed.after(since.unwrap_or(0), since.is_some());
    messages.iter().map(|message| serde_json::from_str(&message.text).expect("JSON")).collect()
}

fn done(at_s: f64, kind: EventKind) -> RunEvent {
    RunEvent { at_s, kind, text: "so it was".to_owned() }
}

fn of_kind<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["type"] == kind).collect()
}

#[test]
fn snapshots_make_room_and_what_was_done_stays() {
    let feed = Feed::new("R", TestType::Load);
    feed.event(&done(0.5, EventKind::Scaled));
    for _ in 0..2 * KEPT_SNAPSHOTS {
        feed.snapshot(&Snapshot::default());
    }
    feed.event(&done(9.0, EventKind::Stopping));
    feed.end(State::Stopped, Some(105), Some(7));
    let all = told(&feed, Some(0));
    assert_eq!(of_kind(&all, "snapshot").len(), KEPT_SNAPSHOTS);
    assert_eq!(of_kind(&all, "event").len(), 2);
    let seqs: Vec<u64> = all.iter().map(|message| message["seq"].as_u64().expect("seq")).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert_eq!(all.last().map(|end| &end["data"]["state"]), Some(&json!("STOPPED")));
    let from = seqs[100];
    assert_eq!(told(&feed, Some(from)), all[101..], "goes on where a client left off");
    let new = told(&feed, None);
    assert_eq!(of_kind(&new, "snapshot").len(), 1, "who is new wants the newest");
    assert_eq!(of_kind(&new, "event").len(), 2);
    feed.snapshot(&Snapshot::default());
    assert_eq!(told(&feed, Some(0)), all, "nothing is told after the end");
    feed.shrink();
    assert_eq!(told(&feed, Some(0)).len(), 1 + 2 + 1);
}

#[test]
fn no_number_of_events_and_no_size_of_snapshots_makes_a_feed_grow() {
    let feed = Feed::new("R", TestType::Load);
    for _ in 0..2 * KEPT_OTHERS {
        feed.event(&done(1.0, EventKind::Scaled));
    }
    assert_eq!(told(&feed, Some(0)).len(), KEPT_OTHERS);
    let point = |step: usize| StepPoint {
        step: format!("{step}{}", "x".repeat(500)).into(),
        ..StepPoint::default()
    };
    let points: Vec<StepPoint> = (0..10 * MOST_ROWS).map(point).collect();
    for _ in 0..200 {
        feed.snapshot(&Snapshot { points: points.clone(), ..Snapshot::default() });
    }
    let bytes = |messages: Vec<Message>| messages.iter().map(|m| m.text.len()).sum::<usize>();
    assert!(bytes(feed.after(0, true)) <= MOST_BYTES);
    let all = told(&feed, Some(0));
    let newest = of_kind(&all, "snapshot").len();
    assert!((10..200).contains(&newest), "{newest}");
    let steps = feed.last().expect("figures")["steps"].as_array().map(Vec::len);
    assert_eq!(steps, Some(MOST_ROWS));
}

#[test]
fn a_run_is_paused_until_it_goes_on_or_stops() {
    let feed = Feed::new("R", TestType::Load);
    let state_after = |kind| {
        feed.event(&done(1.0, kind));
        feed.snapshot(&Snapshot::default());
        feed.last().expect("figures")["state"].as_str().expect("a state").to_owned()
    };
    for (kind, state) in [
        (EventKind::Scaled, "RUNNING"),
        (EventKind::Paused, "PAUSED"),
        (EventKind::Scaled, "PAUSED"),
        (EventKind::Resumed, "RUNNING"),
        (EventKind::Paused, "PAUSED"),
        (EventKind::Stopping, "RUNNING"),
    ] {
        assert_eq!(state_after(kind), state, "{kind:?}");
    }
}

#[test]
fn what_a_second_did_not_tell_is_what_the_last_one_told() {
    let usage = crate::record::ResourceUse { cpu_percent: 42.0, ..Default::default() };
    let at = std::time::Duration::from_secs(1);
    let mut response_time = Histogram::new();
    (1..=100).for_each(|ms| response_time.record(std::time::Duration::from_millis(ms)));
    let point = StepPoint { count: 100, failed: 10, response_time, ..StepPoint::default() };
    let second = Snapshot {
        interval: at,
        points: vec![point],
        resources: vec![ResourceSample { owner: ResourceOwner::Generator, at, usage }],
        ..Snapshot::default()
    };
    let feed = Feed::new("R", TestType::Load);
    feed.snapshot(&second);
    let told = feed.last().expect("figures");
    assert_eq!((&told["rate_per_s"], &told["error_ratio"]), (&json!(100.0), &json!(0.1)));
    assert_eq!((&told["p99_ms"], &told["target"]), (&Value::Null, &Value::Null));
    assert!((told["p50_ms"].as_f64().expect("enough requests") - 50.0).abs() < 1.0, "{told}");
    feed.snapshot(&Snapshot::default());
    let later = feed.last().expect("figures");
    assert_eq!(later["generator"]["cpu_percent"], 42.0);
    assert_eq!(later["rate_per_s"], 0.0);
}
