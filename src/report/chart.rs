//! Curves as text: what depends on load, drawn in a terminal.
//!
//! Lines are drawn in braille, eight dots to a character, and the measured points over them, each series with a glyph of its
//! own. In ASCII a line is a row of full stops. A point that is no number, or has no logarithm on a logarithmic axis, is left
//! out.

mod axis;
mod canvas;
mod load;
#[cfg(test)]
mod tests;

use tabled::grid::util::string::get_text_width;

use super::clean::clean;
use super::grid::shorten;
use axis::Scale;
pub use axis::{Axis, ChartUnit};
use canvas::Canvas;
pub use load::load_charts;

/// Points of the series in turn, and in ASCII.
const GLYPHS: [char; 6] = ['●', '○', '◆', '◇', '▲', '△'];
const ASCII_GLYPHS: [char; 6] = ['*', 'o', '#', '+', 'x', '@'];
/// Fewer columns or rows than this show nothing.
const NARROWEST: usize = 20;
const LOWEST: usize = 4;
/// Columns that a figure of the horizontal axis keeps to itself.
const COLUMNS_A_TICK: usize = 12;
/// Rows that a figure of the vertical axis keeps to itself.
const ROWS_A_TICK: usize = 3;

/// Curves over one horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The horizontal axis, such as the load.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves; later ones are drawn over earlier ones.
    pub series: Vec<Series>,
    /// Vertical lines.
    pub markers: Vec<Marker>,
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points in any order.
    pub points: Vec<(f64, f64)>,
}

/// A vertical line.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// What it is, such as `knee`.
    pub name: String,
    /// Where it is on the horizontal axis; outside the axis it is only named in the legend.
    pub at: f64,
}

/// How a chart is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChartOptions {
    /// Columns of everything; at least 20.
    pub width: usize,
    /// Rows of the curves, without title, figures of the axis and legend; at least 4.
    pub height: usize,
    /// Nothing of our own outside ASCII.
    pub ascii: bool,
}

impl Default for ChartOptions {
    fn default() -> Self {
        Self { width: 80, height: 12, ascii: false }
    }
}

impl Chart {
    /// The chart as lines; the title and `no data` when there is no point to draw.
    #[must_use]
    pub fn render(&self, options: ChartOptions) -> String {
        let width = options.width.max(NARROWEST);
        let title = shorten(&clean(&self.title), width, ellipsis(options));
        let Some(frame) = Frame::of(self, width, options) else {
            return format!("{title}\n  no data\n");
        };
        let mut out = title + "\n";
        for line in frame.rows(self).into_iter().chain(frame.foot()).chain(self.legend(&frame)) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Points that can be drawn.
    fn drawable(&self) -> impl Iterator<Item = (f64, f64)> {
        let points = self.series.iter().flat_map(|series| &series.points).copied();
        points.filter(|(x, y)| self.x.can_show(*x) && self.y.can_show(*y))
    }

    /// Names of series and markers, on as many lines as they need.
    fn legend(&self, frame: &Frame) -> Vec<String> {
        let series = self.series.iter().enumerate().map(|(i, series)| {
            format!("{} {}", glyph(i, frame.options.ascii), clean(&series.name))
        });
        let markers = self.markers.iter().filter(|marker| marker.at.is_finite()).map(|marker| {
            let at = self.x.unit.show(marker.at);
            format!("{} {} {at}", frame.rule(), clean(&marker.name))
        });
        let mut lines = vec![String::new()];
        let indent = " ".repeat(frame.left + 1);
        for entry in series.chain(markers) {
            let entry = shorten(&entry, frame.columns, ellipsis(frame.options));
            let line = lines.last_mut().expect("one line is always there");
            if !line.is_empty() && get_text_width(line) + 3 + get_text_width(&entry) > frame.width()
            {
                lines.push(format!("{indent}{entry}"));
            } else if line.is_empty() {
                *line = format!("{indent}{entry}");
            } else {
                line.push_str(&format!("   {entry}"));
            }
        }
        lines
    }
}

fn ellipsis(options: ChartOptions) -> &'static str {
    if options.ascii { "..." } else { "…" }
}

fn glyph(series: usize, ascii: bool) -> char {
    let glyphs = if ascii { &ASCII_GLYPHS } else { &GLYPHS };
    glyphs[series % glyphs.len()]
}

/// Where everything goes.
struct Frame {
    options: ChartOptions,
    /// Columns left of the vertical axis.
    left: usize,
    /// Columns right of it.
    columns: usize,
    rows: usize,
    x: Scale,
    y: Scale,
    x_label: String,
    y_label: String,
}

impl Frame {
    /// Room for the points of a chart; `None` without any.
    fn of(chart: &Chart, width: usize, options: ChartOptions) -> Option<Self> {
        let rows = options.height.max(LOWEST);
        let y_ticks = (rows / ROWS_A_TICK).max(2);
        let y = Scale::over(&chart.y, chart.drawable().map(|(_, y)| y), y_ticks)?;
        let figures = y.ticks().iter().map(|tick| get_text_width(&chart.y.unit.show(*tick))).max();
        let left = (figures.unwrap_or(0) + 1).min(width / 2);
        let columns = width - left - 1;
        let x_ticks = (columns / COLUMNS_A_TICK).max(2);
        let x = Scale::over(&chart.x, chart.drawable().map(|(x, _)| x), x_ticks)?;
        let (x_label, y_label) = (clean(&chart.x.label), clean(&chart.y.label));
        Some(Self { options, left, columns, rows, x, y, x_label, y_label })
    }

    fn width(&self) -> usize {
        self.left + 1 + self.columns
    }

    fn canvas(&self) -> Canvas {
        Canvas::new(self.columns, self.rows, self.options.ascii)
    }

    fn rule(&self) -> char {
        if self.options.ascii { ':' } else { '┊' }
    }

    /// The column of a place on the horizontal axis; `None` outside.
    fn column(&self, x: f64) -> Option<usize> {
        Some(self.canvas().column(self.x.share(x)?))
    }

    /// The row of a value, counted from the top; `None` outside.
    fn row(&self, y: f64) -> Option<usize> {
        Some(self.canvas().row(self.y.share(y)?))
    }

    /// The vertical axis and the curves.
    fn rows(&self, chart: &Chart) -> Vec<String> {
        let mut canvas = self.canvas();
        for marker in &chart.markers {
            if let Some(column) = self.column(marker.at) {
                (0..self.rows).for_each(|row| canvas.put_behind(column, row, self.rule()));
            }
        }
        for series in &chart.series {
            self.draw_line(&series.points, &mut canvas);
        }
        for (i, series) in chart.series.iter().enumerate() {
            for (x, y) in &series.points {
                if let Some((column, row)) = self.column(*x).zip(self.row(*y)) {
                    canvas.put(column, row, glyph(i, self.options.ascii));
                }
            }
        }
        let mut figures = vec![String::new(); self.rows];
        for tick in self.y.ticks() {
            if let Some(row) = self.row(*tick) {
                figures[row] = chart.y.unit.show(*tick);
            }
        }
        let axis = |figure: &str| match (figure.is_empty(), self.options.ascii) {
            (true, true) => '|',
            (false, true) => '+',
            (true, false) => '│',
            (false, false) => '┤',
        };
        let lines = figures.iter().zip(canvas.lines());
        let mut rows: Vec<String> = lines
            .map(|(figure, line)| {
                let blanks = " ".repeat(self.left.saturating_sub(get_text_width(figure) + 1));
                format!("{blanks}{figure} {}{line}", axis(figure))
            })
            .collect();
        if !self.y_label.is_empty() {
            rows.insert(0, format!("{}{}", " ".repeat(self.left), self.y_label));
        }
        rows
    }

    /// A line through the points from left to right.
    fn draw_line(&self, points: &[(f64, f64)], canvas: &mut Canvas) {
        let mut shares: Vec<(f64, f64)> =
            points.iter().filter_map(|(x, y)| self.x.share(*x).zip(self.y.share(*y))).collect();
        shares.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in shares.windows(2) {
            canvas.line(pair[0], pair[1]);
        }
    }

    /// The horizontal axis with its figures and its label.
    fn foot(&self) -> Vec<String> {
        let (corner, dash, tick_mark) =
            if self.options.ascii { ('+', '-', '+') } else { ('└', '─', '┴') };
        let mut axis = vec![dash; self.columns];
        let mut figures = String::new();
        for tick in self.x.ticks() {
            let Some(column) = self.column(*tick) else { continue };
            let text = self.x.show(*tick);
            let length = get_text_width(&text);
            // Centred below its mark, within the axis, and never over its neighbour.
            let start = column.saturating_sub(length / 2).min(self.columns.saturating_sub(length));
            let used = get_text_width(&figures);
            if used > 0 && start <= used {
                continue;
            }
            axis[column] = tick_mark;
            figures.push_str(&" ".repeat(start.saturating_sub(used)));
            figures.push_str(&text);
        }
        let axis: String = axis.into_iter().collect();
        let mut lines = vec![
            format!("{}{corner}{axis}", " ".repeat(self.left)),
            format!("{} {figures}", " ".repeat(self.left)),
        ];
        if !self.x_label.is_empty() {
            let blanks = self.columns.saturating_sub(get_text_width(&self.x_label)) / 2;
            lines.push(format!("{} {}{}", " ".repeat(self.left), " ".repeat(blanks), self.x_label));
        }
        lines
    }
}
