//! What reaches which stream.

use super::*;

/// A stream that remembers, or fails.
#[derive(Clone, Default)]
pub(in crate::cli) struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    fails_with: Option<ErrorKind>,
}

impl Kept {
    fn failing(kind: ErrorKind) -> Self {
        Self { fails_with: Some(kind), ..Self::default() }
    }

    pub(in crate::cli) fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().expect("not poisoned").clone()).expect("text")
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.fails_with {
            return Err(kind.into());
        }
        self.bytes.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(in crate::cli) fn printer(global: &GlobalArgs, around: Surroundings) -> (Printer, Kept, Kept) {
    let (data, talk) = (Kept::default(), Kept::default());
    let printer =
        Printer::with_streams(global, around, Box::new(data.clone()), Box::new(talk.clone()));
    (printer, data, talk)
}

const TERMINAL: Surroundings = Surroundings {
    data_is_terminal: true,
    talk_is_terminal: true,
    has_no_color: false,
    is_ci: false,
    is_dumb: false,
};

#[test]
fn data_and_talk_go_their_ways() {
    let (printer, data, talk) = printer(&GlobalArgs::default(), Surroundings::default());
    printer.data("table\n");
    printer.talk("running");
    printer.detail("not asked for");
    printer.warning("slow");
    printer.error("no such file", Some("name another"));
    assert_eq!(data.text(), "table\n");
    assert_eq!(talk.text(), "running\nwarning: slow\nerror: no such file\nhint: name another\n");
}

#[test]
fn quiet_silences_talk_but_not_data_and_errors() {
    let (printer, data, talk) =
        printer(&GlobalArgs { quiet: true, ..GlobalArgs::default() }, TERMINAL);
    printer.data("table\n");
    printer.talk("running");
    printer.warning("slow");
    printer.talk_rendered("x");
    printer.error_rendered("error: bad\n");
    assert_eq!((data.text().as_str(), talk.text().as_str()), ("table\n", "error: bad\n"));
    assert!(!printer.is_live());
}

#[test]
fn colour_needs_a_terminal_and_consent() {
    let colors = |global: &GlobalArgs, around| printer(global, around).0.talk_has_color();
    let default = GlobalArgs::default();
    assert!(colors(&default, TERMINAL));
    assert!(!colors(&default, Surroundings { talk_is_terminal: false, ..TERMINAL }));
    assert!(!colors(&default, Surroundings { has_no_color: true, ..TERMINAL }));
    assert!(!colors(&default, Surroundings { is_dumb: true, ..TERMINAL }));
    assert!(!colors(&GlobalArgs { no_color: true, ..default.clone() }, TERMINAL));
    let (printer, _, talk) = printer(&default, TERMINAL);
    printer.error("bad", None);
    assert_eq!(talk.text(), "\x1b[1;31merror:\x1b[0m bad\n");
}

#[test]
fn lines_are_redrawn_only_where_somebody_looks() {
    let is_live = |around| printer(&GlobalArgs::default(), around).0.is_live();
    assert!(is_live(TERMINAL) && is_live(Surroundings { has_no_color: true, ..TERMINAL }));
    assert!(!is_live(Surroundings { is_ci: true, ..TERMINAL }));
    assert!(!is_live(Surroundings { talk_is_terminal: false, ..TERMINAL }));
}

#[test]
fn a_reader_that_goes_away_ends_the_data_quietly() {
    for (kind, failure) in
        [(ErrorKind::BrokenPipe, None), (ErrorKind::StorageFull, Some(ErrorKind::StorageFull))]
    {
        let (data, talk) = (Kept::failing(kind), Kept::failing(kind));
        let global = GlobalArgs::default();
        let printer = Printer::with_streams(&global, TERMINAL, Box::new(data), Box::new(talk));
        printer.data("a");
        printer.data("b");
        printer.error("nobody hears this", None);
        assert_eq!(printer.data_failure(), failure);
    }
}

#[test]
fn a_targets_text_cannot_move_the_cursor() {
    let (printer, _, talk) = printer(&GlobalArgs::default(), TERMINAL);
    printer.talk("body: \x1b]0;title\x07\r\tend");
    assert_eq!(talk.text(), "body: \\u{1b}]0;title\\u{7}\\r\tend\n");
}

#[test]
fn plurals_are_made() {
    assert_eq!(plural(1, "run"), "1 run");
    assert_eq!(plural(0, "run"), "0 runs");
    assert_eq!(plural(1200, "run"), "1,200 runs");
}
