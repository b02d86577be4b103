//! A table before it has a form: laid out as text within a width, or as Markdown.

use tabled::builder::Builder;
use tabled::grid::util::string::{get_char_width, get_text_width};
use tabled::settings::object::Columns;
use tabled::settings::style::HorizontalLine;
use tabled::settings::{Alignment, Padding, Style};

use super::clean::markdown_text;

/// Blanks between two columns.
const GAP: usize = 2;
/// No column becomes narrower than this.
const NARROWEST: usize = 8;
/// Columns of figures that can be spared go before names become shorter than this.
const READABLE: usize = 24;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Words, left-aligned; its cells lose their middle where the width is short.
    Words(&'static str),
    /// Short words, left-aligned, never cut.
    Labels(&'static str),
    /// Figures, right-aligned, never cut.
    Figures(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Words(title) | Self::Labels(title) | Self::Figures(title) => title,
        }
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table without rows.
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table without those of the named columns, first to last, that a width has no room for.
    pub(super) fn fitted(mut self, width: usize, expendable: &[&str]) -> Self {
        for title in expendable {
            if self.text_width(width) <= width {
                break;
            }
            if let Some(index) = self.columns.iter().position(|column| column.title() == *title) {
                self.columns.remove(index);
                self.rows.iter_mut().for_each(|row| drop(row.remove(index)));
            }
        }
        self
    }

    /// Columns that the table takes of `width`, or more when it cannot be narrow enough.
    fn text_width(&self, width: usize) -> usize {
        self.fitting_widths(width, READABLE).iter().sum::<usize>() + self.gaps()
    }

    fn gaps(&self) -> usize {
        GAP * self.columns.len().saturating_sub(1)
    }

    /// The table as lines of at most `width` columns, where its figures leave room for that.
    pub(super) fn to_text(&self, width: usize, ascii: bool) -> String {
        let widths = self.fitting_widths(width, NARROWEST);
        let ellipsis = if ascii { "..." } else { "…" };
        let mut builder = Builder::with_capacity(self.rows.len() + 1, self.columns.len());
        builder.push_record(self.columns.iter().map(|column| column.title()));
        for row in &self.rows {
            let cut = row.iter().zip(&widths).map(|(cell, width)| shorten(cell, *width, ellipsis));
            builder.push_record(cut);
        }
        let line = HorizontalLine::new(if ascii { '-' } else { '─' });
        let mut table = builder.build();
        table.with(Style::empty().horizontals([(1, line)])).with(Padding::new(0, GAP, 0, 0));
        for (index, column) in self.columns.iter().enumerate() {
            if matches!(column, Column::Figures(_)) {
                table.modify(Columns::one(index), Alignment::right());
            }
        }
        table.modify(Columns::last(), Padding::zero());
        let text = table.to_string();
        text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// The table in GitHub's Markdown.
    pub(super) fn to_markdown(&self) -> String {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = row(self.columns.iter().map(|c| c.title().to_owned()).collect());
        let rule = |column: &Column| match column {
            Column::Words(_) | Column::Labels(_) => "---".to_owned(),
            Column::Figures(_) => "---:".to_owned(),
        };
        out += &row(self.columns.iter().map(rule).collect());
        for cells in &self.rows {
            out += &row(cells.iter().map(|cell| markdown_text(cell)).collect());
        }
        out
    }

    /// Widths of the columns: as wide as their cells, the widest columns of words cut down to `narrowest` until all fit.
    fn fitting_widths(&self, width: usize, narrowest: usize) -> Vec<usize> {
        let widest = |index: usize| {
            let cells = self.rows.iter().map(|row| get_text_width(&row[index])).max();
            cells.unwrap_or(0).max(get_text_width(self.columns[index].title()))
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        while widths.iter().sum::<usize>() + self.gaps() > width {
            let words = self.columns.iter().zip(&mut widths);
            let longest = words
                .filter(|(column, width)| matches!(column, Column::Words(_)) && **width > narrowest)
                .max_by_key(|(_, width)| **width);
            match longest {
                Some((_, width)) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

/// The text within `width` columns; what is too long loses its middle, since both ends of a path tell more.
pub(super) fn shorten(text: &str, width: usize, ellipsis: &str) -> String {
    if get_text_width(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(get_text_width(ellipsis));
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| -> Vec<char> {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += get_char_width(*c);
                used <= room
            })
            .collect()
    };
    let start = take(&mut text.chars(), room.div_ceil(2));
    let end = take(&mut text.chars().rev(), room / 2);
    start.into_iter().chain(ellipsis.chars()).chain(end.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle_by_width_not_by_bytes() {
        assert_eq!(shorten("GET /api/teams/{id}/members", 15, "…"), "GET /ap…members");
        assert_eq!(shorten("GET /api/teams/{id}/members", 15, "..."), "GET /a...embers");
        assert_eq!(shorten("漢字漢字漢字", 7, "…"), "漢…字");
        assert_eq!(shorten("short", 5, "…"), "short");
    }

    #[test]
    fn a_table_fits_its_width_and_keeps_its_figures() {
        let mut grid = Grid::new(vec![Column::Words("step"), Column::Figures("reqs")]);
        grid.push(vec![
            "GET /a/very/long/path/that/does/not/fit".to_owned(),
            "1,234,567".to_owned(),
        ]);
        let text = grid.to_text(30, false);
        assert!(text.lines().all(|line| get_text_width(line) <= 30), "{text}");
        assert!(text.contains("1,234,567") && text.contains('…'), "{text}");
        assert!(grid.to_text(4, true).is_ascii());
    }
}
