//! Text that came from a script or a target must not steer a terminal, a spreadsheet or a page (RELIABILITY.md c.3, rows
//! 7 and 8).

/// The text without control and bidirectional formatting characters; white space among them becomes a blank.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            c if c.is_control() || is_bidi(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Unicode's explicit directional formatting characters, and the byte order mark.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A CSV cell (RFC 4180) of cleaned text that a spreadsheet will not take for a formula.
pub(super) fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Cleaned text that Markdown shows as it is: no markup, no HTML, no mention of a user.
pub(super) fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(clean("a\u{1b}[31mb\u{9b}2J\u{7f}\r\nc\u{202e}d"), "a[31mb2J  cd");
        assert_eq!(clean("größe 漢字"), "größe 漢字");
    }

    #[test]
    fn formulas_become_text_in_a_cell() {
        for formula in ["=1+1", "+1", "-1", "@x", "\tx"] {
            assert!(csv_cell(formula).starts_with('\''), "{formula}");
        }
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("=a,b"), "\"'=a,b\"");
    }

    #[test]
    fn markup_becomes_text_in_markdown() {
        assert_eq!(markdown_text("<img> a|b *c* @me"), "&lt;img&gt; a\\|b \\*c\\* &#64;me");
    }
}
