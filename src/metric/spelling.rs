//! The nearest right word to a wrong one, for "did you mean".

/// Words longer than this are not compared: nobody mistypes them.
const LONGEST: usize = 100;

/// The candidate that `word` was most likely meant to be, or `None` when none is near.
///
/// Near means at most a third of the longer word's letters wrong (at least one, so that `vu` finds `vus`), where a swap of
/// neighbours is one mistake; case and `-` against `_` are none. Of equally near candidates the first is taken.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let other = folded(candidate);
        if other.len() > LONGEST {
            continue;
        }
        let mistakes = distance(&word, &other);
        let near = mistakes <= (word.len().max(other.len()) / 3).max(1);
        if near && best.is_none_or(|(fewest, _)| mistakes < fewest) {
            best = Some((mistakes, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> Vec<char> {
    word.trim().to_lowercase().chars().map(|c| if c == '-' { '_' } else { c }).collect()
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitute = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitute.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_the_right_one() {
        let words = ["vus", "duration", "iterations", "http_req_duration", "constant-vus"];
        for (typed, meant) in [
            ("vu", "vus"),
            ("durtaion", "duration"),
            ("Iteration", "iterations"),
            ("http_request_duration", "http_req_duration"),
            ("constant_vus", "constant-vus"),
        ] {
            assert_eq!(nearest(typed, words), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_word_unlike_all_finds_none() {
        for typed in ["", "zzz", "phase_of_the_moon"] {
            assert_eq!(nearest(typed, ["vus", "duration"]), None, "{typed}");
        }
    }

    #[test]
    fn the_nearer_and_then_the_first_wins() {
        assert_eq!(nearest("list_team", ["list_terms", "list_teams"]), Some("list_teams"));
        assert_eq!(nearest("cat", ["bat", "hat"]), Some("bat"));
    }
}
