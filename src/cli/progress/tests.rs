//! The display, from fixtures to characters.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use indicatif::TermLike;

use super::super::args::GlobalArgs;
use super::super::printer::Surroundings;
use super::super::printer::tests::printer;
use super::*;
use crate::metric::Histogram;
use crate::metric::resource::ResourceUse;
use crate::pipeline::StepPoint;
use crate::record::{ResourceOwner, ResourceSample, TotalsRecord};

fn busy_second() -> Snapshot {
    let mut response_time = Histogram::new();
    (1..=100).for_each(|ms| response_time.record(Duration::from_millis(ms)));
    let usage = |cpu_percent, mib: u64| ResourceUse {
        cpu_percent,
        memory_bytes: mib << 20,
        ..Default::default()
    };
    let sample = |owner, usage| ResourceSample { owner, at: Duration::from_secs(70), usage };
    Snapshot {
        at: Duration::from_millis(70_003),
        interval: Duration::from_secs(1),
        phase: "sustained".into(),
        planned_end: Some(Duration::from_secs(120)),
        progress: Some(70.0 / 120.0),
        vus: 20,
        in_flight: 19,
        backlog: 1,
        totals: TotalsRecord {
            completed: 12_345,
            dropped: 3,
            failed: 12,
            ..TotalsRecord::default()
        },
        points: vec![StepPoint { count: 1250, failed: 5, response_time, ..StepPoint::default() }],
        resources: vec![
            sample(ResourceOwner::Generator, usage(10.0, 100)),
            sample(ResourceOwner::Generator, usage(45.4, 120)),
            sample(ResourceOwner::Target, usage(180.0, 300)),
        ],
        ..Snapshot::default()
    }
}

fn second(at_s: u64, phase: &str) -> Arc<Snapshot> {
    Arc::new(Snapshot { at: Duration::from_secs(at_s), phase: phase.into(), ..busy_second() })
}

#[test]
fn a_second_is_one_plain_line() {
    assert_eq!(
        ProgressLine::of(&busy_second()).plain(),
        "1m10s  sustained  58%  20 VUs  1,245/s  p95 95.0ms  errors 0.40% (12)  iterations 12,345  dropped 3  \
         in flight 19  backlog 1  generator CPU 45% 120.0 MiB  target CPU 180% 300.0 MiB"
    );
}

#[test]
fn a_second_is_three_live_lines() {
    assert_eq!(
        ProgressLine::of(&busy_second()).live(),
        [
            "sustained  [=============>          ]  58%  1m10s of 2m, 50s left",
            "20 VUs  1,245/s  p95 95.0ms  errors 0.40% (12)",
            "iterations 12,345  dropped 3  in flight 19  backlog 1  generator CPU 45% 120.0 MiB  \
             target CPU 180% 300.0 MiB",
        ]
    );
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let line =
        ProgressLine::of(&Snapshot { vus: 1, at: Duration::from_secs(3), ..Snapshot::default() });
    let nothing = "1 VU  0.0/s  p95 n/a  errors n/a (0)";
    assert_eq!(line.live()[..2], ["3s".to_owned(), nothing.to_owned()]);
    assert_eq!(
        line.plain(),
        format!("3s  {nothing}  iterations 0  dropped 0  in flight 0  backlog 0")
    );
}

#[test]
fn the_bar_is_full_only_at_the_end() {
    let at = |progress| {
        ProgressLine::of(&Snapshot { progress: Some(progress), ..busy_second() }).live()[0].clone()
    };
    assert!(at(0.0).contains("[                        ]  0%"), "{}", at(0.0));
    assert!(at(0.999).contains("99%"), "{}", at(0.999));
    assert!(at(1.0).contains("[========================]  100%"), "{}", at(1.0));
    assert!(at(7.0).contains("100%") && at(-1.0).contains("0%") && !at(f64::NAN).contains('['));
    let late = Snapshot { at: Duration::from_secs(125), ..busy_second() };
    assert!(ProgressLine::of(&late).live()[0].ends_with("2m05s of 2m, finishing"));
}

#[test]
fn plain_lines_get_rarer_but_show_each_phase() {
    let mut cadence = Cadence::default();
    let mut shown = Vec::new();
    for at_s in 1..=420 {
        let phase = if at_s < 64 { "ramp-up" } else { "sustained" };
        if cadence.is_due(&ProgressLine::of(&second(at_s, phase))) {
            shown.push(at_s);
        }
    }
    assert_eq!(shown[..16], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 64]);
    assert_eq!(shown[16..18], [70, 80]);
    assert_eq!(shown[shown.len() - 3..], [300, 360, 420]);
}

#[test]
fn without_a_terminal_lines_are_talk_and_the_last_one_is_shown() {
    let (printer, data, talk) = printer(&GlobalArgs::default(), Surroundings::default());
    let mut progress = Progress::new(&printer, true);
    progress.snapshot(&second(60, "a"));
    progress.snapshot(&second(65, "a"));
    progress.clear();
    assert_eq!(data.text(), "");
    assert!(
        talk.text().lines().last().is_some_and(|line| line.starts_with("1m05s  a  ")),
        "{}",
        talk.text()
    );
}

#[test]
fn no_progress_says_nothing() {
    let quiet = GlobalArgs { quiet: true, ..GlobalArgs::default() };
    for (global, wanted) in [(&GlobalArgs::default(), false), (&quiet, true)] {
        let (printer, _, talk) = printer(global, Surroundings::default());
        let mut progress = Progress::new(&printer, wanted);
        progress.snapshot(&second(1, "a"));
        drop(progress);
        assert_eq!(talk.text(), "");
    }
}

/// A terminal of any width that remembers what was written.
#[derive(Debug, Clone, Default)]
struct Screen {
    width: Arc<AtomicU16>,
    written: Arc<Mutex<String>>,
}

impl Screen {
    fn add(&self, text: &str) -> io::Result<()> {
        self.written.lock().expect("not poisoned").push_str(text);
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.width.load(Ordering::Relaxed)
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text)?;
        self.add("\n")
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.add("<clear>")
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_live_view_survives_every_width() {
    let screen = Screen::default();
    let (printer, _, talk) = printer(&GlobalArgs::default(), Surroundings::default());
    screen.width.store(80, Ordering::Relaxed);
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
    let view = View::live(&printer, target);
    for width in [80, 0, 1, 2, 3, 7, 20, 79, 200, u16::MAX] {
        screen.width.store(width, Ordering::Relaxed);
        view.draw(&ProgressLine::of(&second(
            u64::from(width),
            "a phase with a long näme 漢字 \x1b[2J",
        )));
        printer.talk("said above the live lines");
    }
    view.clear();
    printer.talk("said after them");
    assert_eq!(talk.text().lines().count(), 11);
    let written = screen.written.lock().expect("not poisoned").clone();
    assert!(written.contains("20 VUs") && !written.contains("\x1b[2J"), "{written:?}");
    assert!(!written.contains("\x1b[?25l"), "the cursor is never hidden");
}

#[test]
fn those_who_watch_from_elsewhere_see_the_same_figures() {
    let second = busy_second();
    let line = ProgressLine::of(&second);
    let feed = crate::control::Feed::new("R", TestType::Load);
    feed.snapshot(&second);
    let told = feed.last().expect("figures");
    let figure = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("{name}: {told}"));
    assert_eq!(Some(figure("p95_ms")), line.p95.map(|time| time.as_secs_f64() * 1e3));
    let ratio = line.error_ratio.expect("requests");
    assert_eq!(figure("error_ratio"), ratio);
    assert!((figure("rate_per_s") * (1.0 - ratio) - line.throughput_per_s).abs() < 1e-9);
    let counts = [line.vus, line.in_flight, line.backlog].map(|count| count as f64);
    assert_eq!(["vus", "in_flight", "backlog"].map(figure), counts);
}
