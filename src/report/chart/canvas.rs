//! A grid of characters on which lines are drawn in braille dots, two across and four down in each, or in full stops.

/// Dots of a character, across and down.
const DOTS: (usize, usize) = (2, 4);
/// The character without dots; those with dots follow it.
const BLANK: u32 = 0x2800;
/// The bit of each dot, by row and column (Unicode, chapter 21.1).
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// What is drawn.
#[derive(Debug)]
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    ascii: bool,
    behind: Vec<char>,
    dots: Vec<u8>,
    glyphs: Vec<Option<char>>,
}

impl Canvas {
    /// Nothing yet; at least one column and one row.
    pub(super) fn new(columns: usize, rows: usize, ascii: bool) -> Self {
        let cells = columns * rows;
        let (behind, dots, glyphs) = (vec![' '; cells], vec![0; cells], vec![None; cells]);
        Self { columns, rows, ascii, behind, dots, glyphs }
    }

    /// The column of a share 0..=1 of the width from the left.
    pub(super) fn column(&self, share: f64) -> usize {
        self.place(share, 0.0).0 / self.resolution().0
    }

    /// The row of a share 0..=1 of the height from below, counted from above.
    pub(super) fn row(&self, share: f64) -> usize {
        self.place(0.0, share).1 / self.resolution().1
    }

    /// Dots of a character, across and down.
    fn resolution(&self) -> (usize, usize) {
        if self.ascii { (1, 1) } else { DOTS }
    }

    /// The dot nearest to shares of width and height, from the left and from above.
    fn place(&self, x: f64, y: f64) -> (usize, usize) {
        let (across, down) = self.resolution();
        let (width, height) = (self.columns * across - 1, self.rows * down - 1);
        ((x * width as f64).round() as usize, ((1.0 - y) * height as f64).round() as usize)
    }

    /// Puts a character where nothing else is drawn.
    pub(super) fn put_behind(&mut self, column: usize, row: usize, glyph: char) {
        self.behind[row * self.columns + column] = glyph;
    }

    /// Puts a character over what is there.
    pub(super) fn put(&mut self, column: usize, row: usize, glyph: char) {
        self.glyphs[row * self.columns + column] = Some(glyph);
    }

    /// Draws a line between two places, each given by its shares 0..=1 of the width from the left and the height from below.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (across, down) = self.resolution();
        let ((x0, y0), (x1, y1)) = (self.place(from.0, from.1), self.place(to.0, to.1));
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        let between = |a: usize, b: usize, step: usize| {
            let share = step as f64 / steps as f64;
            (a as f64 + (b as f64 - a as f64) * share).round() as usize
        };
        for step in 0..=steps {
            let (x, y) = (between(x0, x1, step), between(y0, y1, step));
            self.dots[y / down * self.columns + x / across] |= BITS[y % down][x % across];
        }
    }

    /// The rows from above.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        (0..self.rows).map(|row| {
            let cells = row * self.columns..(row + 1) * self.columns;
            cells.map(|cell| self.cell(cell)).collect()
        })
    }

    fn cell(&self, cell: usize) -> char {
        match (self.glyphs[cell], self.dots[cell]) {
            (Some(glyph), _) => glyph,
            (None, 0) => self.behind[cell],
            (None, _) if self.ascii => '.',
            (None, dots) => char::from_u32(BLANK + u32::from(dots)).unwrap_or(' '),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_the_dots_between_its_ends() {
        let mut canvas = Canvas::new(2, 1, false);
        canvas.line((0.0, 0.0), (1.0, 1.0));
        assert_eq!(canvas.lines().collect::<Vec<String>>(), ["⡠⠊"]);
        canvas.put(0, 0, '●');
        assert_eq!(canvas.lines().collect::<Vec<String>>(), ["●⠊"]);
    }

    #[test]
    fn in_ascii_it_is_a_row_of_full_stops() {
        let mut canvas = Canvas::new(3, 2, true);
        canvas.line((0.0, 0.0), (1.0, 0.0));
        canvas.put(2, 0, '*');
        assert_eq!(canvas.lines().collect::<Vec<String>>(), ["  *", "..."]);
    }
}
