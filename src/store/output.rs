//! The store as an output of a run: hands snapshots to one writer thread and never waits for it.
//!
//! ```text
//! snapshot ─▶ queue of 16 ─▶ writer thread ─▶ one transaction a second
//!     └─ full: merged into one pending snapshot, offered again with the next
//! ```
//!
//! What cannot be written (a locked file, a full disk) stays in memory, merged, and is tried again each second. The time
//! axis gets coarser then; no count is lost as long as the process lives.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::StoreError;
use super::flush::Flusher;
use super::{Store, finish};
use crate::pipeline::{Output, OutputError, RunHead, Snapshot};
use crate::record::RunRecord;

/// Snapshots that may wait for the writer before they are merged (RELIABILITY.md c.6).
const QUEUE_LENGTH: usize = 16;
/// How often a failed write is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Writes one run to a database.
#[derive(Debug)]
pub struct StoreOutput {
    path: PathBuf,
    running: Option<Running>,
    /// Requests whose rows have not been written yet although it was tried.
    unstored: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Running {
    id: i64,
    queue: SyncSender<Arc<Snapshot>>,
    pending: Option<Arc<Snapshot>>,
    writer: JoinHandle<Writer>,
    give_up: Arc<AtomicBool>,
}

impl StoreOutput {
    /// For the database at `path`, which need not exist; nothing is opened before [`Output::start`].
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), running: None, unstored: Arc::default() }
    }

    /// The run's row; `None` before the start and after the end.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.running.as_ref().map(|running| running.id)
    }

    /// Requests that a failing database keeps in memory for now; zero as long as all goes well.
    #[must_use]
    pub fn unstored(&self) -> u64 {
        self.unstored.load(Ordering::Relaxed)
    }

    /// Whether the writer is behind by more than the queue holds.
    #[cfg(test)]
    pub(super) fn is_merging(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.pending.is_some())
    }

    fn error(&self, reason: String) -> OutputError {
        OutputError { output: self.path.display().to_string(), reason }
    }

    fn store_error(&self, error: &StoreError) -> OutputError {
        self.error(error.reason())
    }
}

impl Output for StoreOutput {
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError> {
        let store = Store::open(&self.path).map_err(|error| self.store_error(&error))?;
        let id = store.begin_run(head).map_err(|error| self.store_error(&error))?;
        let (queue, snapshots) = sync_channel(QUEUE_LENGTH);
        let give_up = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            flusher: Flusher::new(store.into_connection(), id),
            unwritten: None,
            unstored: self.unstored.clone(),
            give_up: give_up.clone(),
        };
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&snapshots))
            .map_err(|error| self.error(format!("its writer thread cannot be started: {error}")))?;
        self.running = Some(Running { id, queue, pending: None, writer, give_up });
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(running) = &mut self.running else { return };
        let next = match running.pending.take() {
            Some(mut pending) => {
                Arc::make_mut(&mut pending).absorb((**snapshot).clone());
                pending
            }
            None => snapshot.clone(),
        };
        running.pending = match running.queue.try_send(next) {
            Ok(()) => None,
            Err(TrySendError::Full(next) | TrySendError::Disconnected(next)) => Some(next),
        };
    }

    fn finish(&mut self, record: &mut RunRecord) -> Result<(), OutputError> {
        let Some(Running { id, queue, pending, writer, .. }) = self.running.take() else {
            return Err(self.error("the run was never started here".to_owned()));
        };
        record.id = id;
        if let Some(pending) = pending {
            // Waits for room; a writer that is gone shows itself when it is joined.
            let _gone = queue.send(pending);
        }
        drop(queue);
        let mut writer = writer.join().map_err(|_| {
            self.error("its writer thread died; the last seconds are not stored".to_owned())
        })?;
        let outcome = finish::write_final(&mut writer.flusher, writer.unwritten.as_ref(), record);
        outcome.map_err(|error| {
            let error = StoreError::from_sqlite(&self.path, error);
            self.error(unstored_text(&error, writer.unwritten.as_ref(), record))
        })?;
        self.unstored.store(0, Ordering::Relaxed);
        finish::normalise(record);
        Ok(())
    }
}

impl Drop for StoreOutput {
    /// An output that was not finished lets its writer go: it writes what it was given, once, and marks the run
    /// interrupted. Nobody waits for it.
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.give_up.store(true, Ordering::Relaxed);
        }
    }
}

fn unstored_text(error: &StoreError, unwritten: Option<&Snapshot>, record: &RunRecord) -> String {
    let lost = unwritten.map_or(0, |snapshot| snapshot.window_counts().0);
    format!(
        "{}: the final record and {lost} of {} requests are not stored; the report shows them all, and --json FILE keeps them",
        error.reason(),
        record.totals.requests,
    )
}

/// The thread's side.
#[derive(Debug)]
struct Writer {
    flusher: Flusher,
    /// What could not be written yet, merged.
    unwritten: Option<Snapshot>,
    unstored: Arc<AtomicU64>,
    give_up: Arc<AtomicBool>,
}

impl Writer {
    /// Writes until the queue's other end is dropped, then hands everything back.
    fn run(mut self, snapshots: &Receiver<Arc<Snapshot>>) -> Self {
        loop {
            let received = match self.unwritten {
                Some(_) => snapshots.recv_timeout(RETRY_INTERVAL),
                None => snapshots.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(snapshot) => self.write(&snapshot, snapshots),
                Err(RecvTimeoutError::Timeout) => self.retry(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.give_up.load(Ordering::Relaxed) {
            self.retry();
            // Best effort: if it fails, the next process that opens the file finds this one dead.
            let _ = finish::mark_interrupted(self.flusher.connection(), self.flusher.run);
        }
        self
    }

    fn write(&mut self, snapshot: &Arc<Snapshot>, queue: &Receiver<Arc<Snapshot>>) {
        let Some(unwritten) = &mut self.unwritten else {
            if self.flusher.flush(snapshot, &self.give_up).is_err() {
                self.keep((**snapshot).clone());
            }
            return;
        };
        unwritten.absorb((**snapshot).clone());
        // Everything that waits goes into the same attempt, or the queue would fill during the next one.
        while let Ok(more) = queue.try_recv() {
            unwritten.absorb((*more).clone());
        }
        self.retry();
    }

    fn retry(&mut self) {
        if let Some(snapshot) = self.unwritten.take() {
            match self.flusher.flush(&snapshot, &self.give_up) {
                Ok(()) => self.unstored.store(0, Ordering::Relaxed),
                Err(_) => self.keep(snapshot),
            }
        }
    }

    fn keep(&mut self, snapshot: Snapshot) {
        self.unstored.store(snapshot.window_counts().0, Ordering::Relaxed);
        self.unwritten = Some(snapshot);
    }
}
