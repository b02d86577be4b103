//! The only way to the terminal: data to stdout, talk to stderr.
//!
//! What a command was asked for is data; everything said about it is talk. Colour needs a terminal and neither `NO_COLOR`
//! nor `--no-color`. A reader that goes away (`rhaid report | head`) ends the data quietly.

use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;

use super::args::GlobalArgs;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// What the process finds around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// stdout is a terminal.
    pub data_is_terminal: bool,
    /// stderr is a terminal.
    pub talk_is_terminal: bool,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub has_no_color: bool,
    /// `CI` is set and neither empty nor `false`.
    pub is_ci: bool,
    /// `TERM` is `dumb`: no colours, no cursor.
    pub is_dumb: bool,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            data_is_terminal: io::stdout().is_terminal(),
            talk_is_terminal: io::stderr().is_terminal(),
            has_no_color: variable("NO_COLOR").is_some(),
            is_ci: variable("CI").is_some_and(|value| value != "false"),
            is_dumb: variable("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

/// Says things. Cloning gives another handle to the same terminal.
#[derive(Clone)]
pub struct Printer {
    manners: Manners,
    streams: Arc<Mutex<Streams>>,
}

#[derive(Debug, Clone, Copy)]
struct Manners {
    is_quiet: bool,
    is_verbose: bool,
    data_has_color: bool,
    talk_has_color: bool,
    is_live: bool,
}

struct Streams {
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    /// The lines that are redrawn at the bottom of the terminal, while there are any.
    live: Option<MultiProgress>,
    /// Why data can no longer be written.
    data_failure: Option<ErrorKind>,
}

impl Printer {
    /// Prints to this process's terminal or pipes.
    #[must_use]
    pub fn new(global: &GlobalArgs) -> Self {
        Self::with_streams(
            global,
            Surroundings::of_process(),
            Box::new(io::stdout()),
            Box::new(io::stderr()),
        )
    }

    /// Prints to other streams, as if in these surroundings.
    #[must_use]
    pub fn with_streams(
        global: &GlobalArgs,
        around: Surroundings,
        data: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
    ) -> Self {
        let may_color = !global.no_color && !around.has_no_color && !around.is_dumb;
        let manners = Manners {
            is_quiet: global.quiet,
            is_verbose: global.verbose,
            data_has_color: may_color && around.data_is_terminal,
            talk_has_color: may_color && around.talk_is_terminal,
            is_live: around.talk_is_terminal && !around.is_ci && !around.is_dumb && !global.quiet,
        };
        let streams = Streams { data, talk, live: None, data_failure: None };
        Self { manners, streams: Arc::new(Mutex::new(streams)) }
    }

    /// Whether data may be coloured.
    #[must_use]
    pub fn data_has_color(&self) -> bool {
        self.manners.data_has_color
    }

    /// Whether talk may be coloured.
    #[must_use]
    pub fn talk_has_color(&self) -> bool {
        self.manners.talk_has_color
    }

    /// Whether talk is heard at all.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.manners.is_quiet
    }

    /// Whether lines may be redrawn in place: stderr is a capable terminal, this is not CI, and talk is wanted.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.manners.is_live
    }

    /// Writes data as it is, without adding a line end. After a failure nothing more is written; see
    /// [`Printer::data_failure`].
    pub fn data(&self, bytes: impl AsRef<[u8]>) {
        let mut streams = self.lock();
        if streams.data_failure.is_some() {
            return;
        }
        let Streams { data, live, .. } = &mut *streams;
        let written =
            above(live.as_ref(), || data.write_all(bytes.as_ref()).and_then(|()| data.flush()));
        streams.data_failure = written.err().map(|error| error.kind());
    }

    /// Why data could not be written, other than by a reader that went away: a full disk, for instance.
    #[must_use]
    pub fn data_failure(&self) -> Option<ErrorKind> {
        self.lock().data_failure.filter(|kind| *kind != ErrorKind::BrokenPipe)
    }

    /// Says a line. Control characters are shown, not obeyed: the text may come from a target.
    pub fn talk(&self, line: &str) {
        if !self.manners.is_quiet {
            self.say(&harmless(line));
        }
    }

    /// Says a line that is of use only to those who asked for more.
    pub fn detail(&self, line: &str) {
        if self.manners.is_verbose {
            self.talk(line);
        }
    }

    /// Says text that carries its own colours, made by us; nothing is added or changed but a missing line end.
    pub fn talk_rendered(&self, text: &str) {
        if !self.manners.is_quiet {
            self.say(text.strip_suffix('\n').unwrap_or(text));
        }
    }

    /// Warns.
    pub fn warning(&self, message: &str) {
        if !self.manners.is_quiet {
            self.say(&format!("{} {}", self.painted("warning:", YELLOW), harmless(message)));
        }
    }

    /// Tells an error and what to do about it, even when talk is not wanted.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        let mut text = format!("{} {}", self.painted("error:", RED), harmless(message));
        if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
            let _ = write!(text, "\n{} {}", self.painted("hint:", CYAN), harmless(hint));
        }
        self.say(&text);
    }

    /// Tells an error that was rendered elsewhere, with its own colours.
    pub fn error_rendered(&self, text: &str) {
        self.say(text.strip_suffix('\n').unwrap_or(text));
    }

    /// From now on everything is written above these lines; `None` ends that.
    pub(super) fn set_live(&self, live: Option<MultiProgress>) {
        self.lock().live = live;
    }

    fn painted(&self, text: &str, color: &str) -> String {
        if self.manners.talk_has_color { format!("{color}{text}{RESET}") } else { text.to_owned() }
    }

    fn say(&self, text: &str) {
        let mut streams = self.lock();
        let Streams { talk, live, .. } = &mut *streams;
        // There is nowhere to say that talk cannot be said.
        let _ = above(live.as_ref(), || writeln!(talk, "{text}").and_then(|()| talk.flush()));
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        // A panic elsewhere must not keep its own message from being told.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer").field("manners", &self.manners).finish_non_exhaustive()
    }
}

fn above<R>(live: Option<&MultiProgress>, write: impl FnOnce() -> R) -> R {
    match live {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}

/// The text with control characters, but for line ends and tabs, escaped: none of it can move the cursor or set a title.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// `1 run`, `2 runs`: the one place that makes plurals, of nouns that take an `s`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    let count_text = crate::units::show_count(count);
    if count == 1 { format!("{count_text} {noun}") } else { format!("{count_text} {noun}s") }
}

#[cfg(test)]
pub(super) mod tests;
