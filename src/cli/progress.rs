//! How a run is going: on a capable terminal three lines that are redrawn, elsewhere a line now and then.
//!
//! An output of the pipeline like the store, so it never computes what another output computes too. Drawing happens on a
//! thread of its own: a terminal that has stopped (Ctrl-S) holds up nobody, it only misses seconds.

mod line;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use line::ProgressLine;

use super::printer::{Printer, harmless, plural};
use crate::pipeline::{Output, OutputError, RunHead, Snapshot};
use crate::plan::TestType;
use crate::record::{RunRecord, load_label};
use crate::units::show_span;

/// Shows the progress of one run.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    slot: Arc<Slot>,
    drawer: Option<JoinHandle<()>>,
    is_live: bool,
    cadence: Cadence,
    unshown: Option<ProgressLine>,
}

impl Progress {
    /// Shows progress where `wanted` and the printer's manners allow it: redrawn lines on a capable terminal, plain lines
    /// on anything else, nothing when talk is not wanted.
    #[must_use]
    pub fn new(printer: &Printer, wanted: bool) -> Self {
        let view = match (wanted && !printer.is_quiet(), printer.is_live()) {
            (false, _) => None,
            (true, true) => Some(View::live(printer, ProgressDrawTarget::stderr())),
            (true, false) => Some(View::Plain(printer.clone())),
        };
        Self { printer: printer.clone(), shown: view.and_then(Shown::new) }
    }

    /// Ends the display and clears its lines. Also happens on drop.
    pub fn clear(&mut self) {
        if let Some(shown) = self.shown.take() {
            shown.end();
        }
    }
}

impl Output for Progress {
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError> {
        self.printer.talk(&opening(head));
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(shown) = &mut self.shown else { return };
        let line = ProgressLine::of(snapshot);
        if shown.is_live || shown.cadence.is_due(&line) {
            shown.unshown = None;
            shown.slot.put(line);
        } else {
            shown.unshown = Some(line);
        }
    }

    fn finish(&mut self, _record: &mut RunRecord) -> Result<(), OutputError> {
        self.clear();
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `running checkout: up to 20 VUs for 2m, run 01JD…`
fn opening(head: &RunHead) -> String {
    if head.test_type != TestType::Load {
        // Its load is what it finds out.
        return format!("running {}: {}, run {}", head.name, load_label(&head.plan), head.run_id);
    }
    let users = plural(head.plan.max_vus(), "VU");
    let length =
        head.plan.duration().map_or_else(String::new, |d| format!(" for {}", show_span(d)));
    format!("running {}: up to {users}{length}, run {}", head.name, head.run_id)
}

impl Shown {
    /// `None` when the system gives no thread: the run matters more than its display.
    fn new(view: View) -> Option<Self> {
        let is_live = matches!(view, View::Live { .. });
        let slot = Arc::new(Slot::default());
        let theirs = slot.clone();
        let drawer = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            while let Some(line) = theirs.take() {
                view.draw(&line);
            }
            view.clear();
        });
        let drawer = Some(drawer.ok()?);
        Some(Self { slot, drawer, is_live, cadence: Cadence::default(), unshown: None })
    }

    fn end(mut self) {
        if let Some(line) = self.unshown.take() {
            self.slot.put(line);
        }
        self.slot.close();
        if let Some(drawer) = self.drawer.take() {
            // A panic while drawing has been told by the panic hook and must not end the run.
            let _ = drawer.join();
        }
    }
}

/// Which of the plain lines are shown: all of the first ten seconds, then one in ten seconds, after five minutes one a
/// minute; and always the first of a phase.
#[derive(Debug, Default)]
struct Cadence {
    last: Option<(String, Duration)>,
}

impl Cadence {
    fn is_due(&mut self, line: &ProgressLine) -> bool {
        let step_s = match line.at.as_secs_f64().round() as u64 {
            0..=10 => 1,
            11..=300 => 10,
            _ => 60,
        };
        let bucket = |at: Duration| at.as_secs_f64().round() as u64 / step_s;
        let is_due = match &self.last {
            Some((phase, at)) => *phase != line.phase || bucket(*at) != bucket(line.at),
            None => true,
        };
        if is_due {
            self.last = Some((line.phase.clone(), line.at));
        }
        is_due
    }
}

/// Holds the newest line until it is drawn; an older one that was not drawn in time is replaced.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<(Option<ProgressLine>, bool)>,
    changed: Condvar,
}

impl Slot {
    fn put(&self, line: ProgressLine) {
        self.lock().0 = Some(line);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_one();
    }

    /// Waits for a line; `None` when the slot is closed and empty.
    fn take(&self) -> Option<ProgressLine> {
        let state = self.lock();
        let mut state = self
            .changed
            .wait_while(state, |(line, is_closed)| line.is_none() && !*is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.0.take()
    }

    fn lock(&self) -> MutexGuard<'_, (Option<ProgressLine>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the two renderers.
enum View {
    Plain(Printer),
    Live { printer: Printer, area: MultiProgress, lines: Vec<ProgressBar> },
}

impl View {
    fn live(printer: &Printer, target: ProgressDrawTarget) -> Self {
        let area = MultiProgress::with_draw_target(target);
        // Lines are cut to the terminal's width. The cursor is never hidden, so there is nothing to give back.
        let style = ProgressStyle::with_template("{wide_msg}").expect("a valid template");
        let lines = (0..3)
            .map(|_| area.add(ProgressBar::new_spinner().with_style(style.clone())))
            .collect();
        printer.set_live(Some(area.clone()));
        Self::Live { printer: printer.clone(), area, lines }
    }

    fn draw(&self, line: &ProgressLine) {
        match self {
            Self::Plain(printer) => printer.talk(&line.plain()),
            Self::Live { lines, .. } => {
                for (place, text) in lines.iter().zip(line.live()) {
                    place.set_message(harmless(&text));
                }
            }
        }
    }

    fn clear(&self) {
        if let Self::Live { printer, area, lines } = self {
            printer.set_live(None);
            lines.iter().for_each(ProgressBar::finish_and_clear);
            // A terminal that cannot be cleared cannot be told so either.
            let _ = area.clear();
        }
    }
}

#[cfg(test)]
mod tests;
