//! Charts as they are printed.

use super::*;

fn axis(label: &str, unit: ChartUnit, is_log: bool) -> Axis {
    Axis { label: label.to_owned(), unit, is_log }
}

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.to_owned(), points: points.to_vec() }
}

fn knee(at: f64) -> Vec<Marker> {
    vec![Marker { name: "knee".to_owned(), at }]
}

/// Goodput that follows the load up to 500/s.
fn throughput() -> Chart {
    let loads = [50.0, 100.0, 200.0, 300.0, 400.0, 450.0, 500.0, 600.0, 700.0];
    let points = loads.map(|load: f64| (load, load.min(490.0) - (load - 490.0).max(0.0) * 0.3));
    Chart {
        title: "goodput by load".to_owned(),
        x: axis("offered load", ChartUnit::PerSecond, false),
        y: axis("goodput", ChartUnit::PerSecond, false),
        series: vec![series("goodput", &points)],
        markers: knee(480.0),
    }
}

/// Response times of a queue with a capacity of 500/s.
fn response_times() -> Chart {
    let loads = [10.0, 20.0, 50.0, 100.0, 200.0, 400.0, 450.0, 490.0];
    let p50 = loads.map(|load| (load, 0.69 / (500.0 - load)));
    let p99 = loads.map(|load| (load, 4.6 / (500.0 - load)));
    Chart {
        title: "response times by load".to_owned(),
        x: axis("offered load", ChartUnit::PerSecond, true),
        y: axis("", ChartUnit::Seconds, true),
        series: vec![series("p50", &p50), series("p99", &p99)],
        markers: knee(250.0),
    }
}

fn errors() -> Chart {
    Chart {
        title: "errors by load".to_owned(),
        x: axis("", ChartUnit::Count, false),
        y: axis("", ChartUnit::Share, false),
        series: vec![series("errors", &[(10.0, 0.0), (20.0, 0.0), (40.0, 0.02), (80.0, 0.37)])],
        markers: knee(500.0),
    }
}

fn width_of(text: &str) -> usize {
    text.lines().map(get_text_width).max().unwrap_or(0)
}

#[test]
fn goodput_bends_at_its_marker() {
    let text = throughput().render(ChartOptions { width: 72, ..ChartOptions::default() });
    insta::assert_snapshot!(text, @"
    goodput by load
          goodput
    600/s ┤                                      ┊
          │                                      ┊
          │                                     ⢀⣀⠤●⠒⠢⠤⠤⠤⢄⣀●⣀
          │                                 ⢀⡠⠔●⠁┊           ⠉⠉⠑⠒⠒⠢●
    400/s ┤                             ⣀⠤⠒●⠁    ┊
          │                         ⣀⠤⠒⠉         ┊
          │                    ⢀⡠⠔⠊●             ┊
    200/s ┤                ●⠤⠒⠉⠁                 ┊
          │            ⣀⠤⠒⠉                      ┊
          │        ●⠤⠒⠉                          ┊
          │    ●⠤⠒⠉                              ┊
      0/s ┤                                      ┊
          └┴───────────────┴───────────────┴───────────────┴───────────────┴
           0/s           200/s           400/s           600/s         800/s
                                     offered load
           ● goodput   ┊ knee 480/s
    ");
}

#[test]
fn response_times_have_logarithmic_axes() {
    let text = response_times().render(ChartOptions { width: 72, ..ChartOptions::default() });
    insta::assert_snapshot!(text, @"
    response times by load
          │                                                     ┊          ○
          │                                                     ┊         ⢰⠁
          │                                                     ┊         ⡸
    100ms ┤                                                     ┊        ⡠○●
          │                                                     ┊     ⣀⡠○⠁⢀⠇
          │                                                     ⢀⣀⠤⠒⠊⠉    ⢸
          │                                            ⣀⣀⣀⣀⠤○⠔⠒⠉⠁         ●
     10ms ┤○⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤○⠤⠤⠤⠤⠤⠤⠤⠔⠒⠒⠒⠒⠒⠒○⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒○⠒⠉⠉⠉⠉         ┊       ⢀⠎
          │                                                     ┊   ⣀⠤⠔⠊●
          │                                                   ⢀⣀⠤⠒⠊⠉
          │                                ⢀⣀⣀⣀⣀⣀●⣀⣀⠤⠤⠤⠤⠤⠤⠒⠒●⠊⠁ ┊
      1ms ┤●⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉●⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉●⠉⠉⠉⠉⠉⠁                    ┊
          └┴──────────┴──────────────┴───────────┴──────────┴──────────────┴
           10/s     20/s           50/s        100/s      200/s        500/s
                                     offered load
           ● p50   ○ p99   ┊ knee 250/s
    ");
}

#[test]
fn in_ascii_nothing_else_is_used() {
    let options = ChartOptions { width: 60, height: 8, ascii: true };
    let text = errors().render(options);
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!(text, @"
    errors by load
    40 % +
         |                                                   ..*
         |                                               ....
         |                                           ....
    20 % +                                      .....
         |                                  ....
         |                              ....
     0 % +       *.....*.............*..
         ++------------+-------------+------------+------------+
          0           20            40           60           80
          * errors   : knee 500
    ");
    assert!(response_times().render(options).is_ascii());
}

#[test]
fn no_line_is_wider_than_the_terminal_down_to_twenty_columns() {
    for width in [20, 33, 47, 80, 200] {
        for chart in [throughput(), response_times(), errors()] {
            let text = chart.render(ChartOptions { width, ..ChartOptions::default() });
            assert!(width_of(&text) <= width, "{width}:\n{text}");
        }
    }
    let text = throughput().render(ChartOptions { width: 0, height: 0, ascii: false });
    assert!(width_of(&text) <= 20 && text.lines().count() >= 6, "{text}");
}

#[test]
fn what_cannot_be_drawn_is_left_out() {
    let mut chart = throughput();
    chart.series[0].points = vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)];
    let text = chart.render(ChartOptions::default());
    assert_eq!(text, "goodput by load\n  no data\n");
    let mut chart = response_times();
    chart.series[0].points.extend([(0.0, 1.0), (-5.0, 1.0), (100.0, 0.0), (100.0, f64::NAN)]);
    assert_eq!(
        chart.render(ChartOptions::default()),
        response_times().render(ChartOptions::default())
    );
    chart.series.clear();
    assert!(chart.render(ChartOptions::default()).ends_with("no data\n"));
}

#[test]
fn one_point_and_names_that_steer_a_terminal_are_drawn_too() {
    let mut chart = errors();
    chart.title = "a\u{1b}[31mb".to_owned();
    chart.series = vec![series("c\u{9b}d", &[(5.0, 0.5)])];
    let text = chart.render(ChartOptions::default());
    assert!(text.starts_with("a[31mb\n") && text.contains("● cd"), "{text}");
    assert!(text.lines().filter(|line| line.contains('●')).count() == 2, "{text}");
}
