//! The tree as text: which files there are, what in them is code, what is comment or string, what is only for tests.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// A file of the repository.
pub(super) struct File {
    /// Path from the repository's root, with `/`.
    pub(super) path: String,
    /// What it holds; empty when that is not text.
    pub(super) text: String,
    /// `text` with comments blanked and strings filled with `_`, all ASCII, with the same lines. Empty unless it is Rust.
    pub(super) code: String,
    /// Parts of `code` that only tests compile.
    test_parts: Vec<(usize, usize)>,
    /// Whether the whole file is only for tests.
    pub(super) is_test: bool,
}

/// The files of a repository, by path.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let code = if is_rust(path) { mask(text) } else { String::new() };
        let folders: Vec<_> = path.split('/').collect();
        let is_test = path.ends_with("/tests.rs") || folders.contains(&"tests");
        let test_parts = test_parts(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, test_parts, is_test }
    }

    pub(super) fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// The 1-based line of an offset into `code`.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Whether the code at `offset` is compiled for tests alone.
    pub(super) fn is_test_at(&self, offset: usize) -> bool {
        self.is_test || self.test_parts.iter().any(|&(from, to)| (from..to).contains(&offset))
    }

    /// The identifiers and keywords of the code, each with its offset.
    pub(super) fn words(&self) -> Vec<(usize, &str)> {
        words(&self.code)
    }

    /// The same, without those that only tests compile.
    pub(super) fn product_words(&self) -> Vec<(usize, &str)> {
        self.words().into_iter().filter(|&(at, _)| !self.is_test_at(at)).collect()
    }

    /// Lines that the product has, those of tests left out.
    pub(super) fn product_lines(&self) -> usize {
        let mut offset = 0;
        let mut lines = 0;
        for line in self.code.split_inclusive('\n') {
            lines += usize::from(!self.is_test_at(offset));
            offset += line.len();
        }
        lines
    }
}

impl Tree {
    /// This repository.
    pub(super) fn here() -> &'static Self {
        static TREE: OnceLock<Tree> = OnceLock::new();
        TREE.get_or_init(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
            let mut files = Vec::new();
            read_folder(root, "", &ignored, &mut files);
            assert!(files.len() > 50, "the walk found only {} files below {root:?}", files.len());
            Self::of(files)
        })
    }

    /// A tree that was never on a disk: paths and texts.
    pub(super) fn planted(files: &[(&str, &str)]) -> Self {
        Self::of(files.iter().map(|(path, text)| File::new(path, text)).collect())
    }

    fn of(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let test_modules: Vec<String> = files.iter().flat_map(test_modules).collect();
        for file in &mut files {
            file.is_test |= test_modules.iter().any(|module| {
                let rest = file.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
        Self { files }
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The Rust files that are part of a product: the engine's and the sample service's.
    pub(super) fn product(&self) -> impl Iterator<Item = &File> {
        self.rust().filter(|file| !file.is_test)
    }
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn read_folder(root: &Path, folder: &str, ignored: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(root.join(folder)).expect("a folder of the repository can be read");
    for entry in entries {
        let entry = entry.expect("an entry of a folder can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if name == ".git" || name == "node_modules" || is_ignored(&path, ignored) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            read_folder(root, &path, ignored, files);
        } else {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            files.push(File::new(&path, &String::from_utf8(bytes).unwrap_or_default()));
        }
    }
}

/// Whether `.gitignore` has a pattern for a path. Of its language it knows names, `*` and a leading or trailing `/`.
pub(super) fn is_ignored(path: &str, gitignore: &str) -> bool {
    gitignore.lines().map(str::trim).filter(|line| !line.is_empty()).any(|line| {
        let pattern = line.trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        match pattern.strip_prefix('/') {
            Some(anchored) => matches_glob(path, anchored),
            None if pattern.contains('/') => matches_glob(path, pattern),
            None => matches_glob(name, pattern),
        }
    })
}

fn matches_glob(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&at| rest.is_char_boundary(at) && !rest[..at].contains('/'))
                .any(|at| matches_glob(&rest[at..], after))
        }),
    }
}

/// Identifiers and keywords with their offsets; numbers are none.
pub(super) fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, byte) in code.bytes().chain([b' ']).enumerate() {
        match (start, is_word_byte(byte)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                if !code.as_bytes()[from].is_ascii_digit() {
                    found.push((from, &code[from..at]));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn is_word_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// The offset after the bracket that closes the one at `open`.
pub(super) fn after_closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The attributes `#[..]` and `#![..]`: offset and text without the frame.
pub(super) fn attributes(code: &str) -> Vec<(usize, &str)> {
    let starts = code.match_indices('#').filter_map(|(at, _)| {
        let open = at + 1 + usize::from(code[at + 1..].starts_with('!'));
        code[open..].starts_with('[').then_some((at, open))
    });
    starts.map(|(at, open)| (at, &code[open + 1..after_closing(code, open) - 1])).collect()
}

/// What follows an attribute, up to its end: the item with its brackets, or up to its semicolon.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut at = from;
    while at < code.len() {
        match code.as_bytes()[at] {
            b'{' => return after_closing(code, at),
            b';' => return at + 1,
            b'(' | b'[' => at = after_closing(code, at),
            _ => at += 1,
        }
    }
    at
}

fn is_test_attribute(attribute: &str) -> bool {
    let bare: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    let all = bare.strip_prefix("cfg(all(").and_then(|rest| rest.strip_suffix("))"));
    let is_named = |list: &str| list.split(',').any(|condition| condition == "test");
    bare == "test" || bare == "cfg(test)" || all.is_some_and(is_named)
}

fn test_parts(code: &str) -> Vec<(usize, usize)> {
    let tests = attributes(code).into_iter().filter(|(_, attribute)| is_test_attribute(attribute));
    tests.map(|(at, text)| (at, end_of_item(code, at + text.len() + 3))).collect()
}

/// Paths, without `.rs`, of the modules in files of their own that `file` declares for tests alone.
fn test_modules(file: &File) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    };
    let parts = file.test_parts.iter().map(|&(from, to)| &file.code[from..to]);
    let declared = parts.filter(|part| part.ends_with(';')).filter_map(|part| {
        let found = words(part);
        let at = found.iter().position(|&(_, word)| word == "mod")?;
        Some(format!("{folder}/{}", found.get(at + 1)?.1))
    });
    declared.collect()
}

/// Blanks comments and fills strings and characters with `_`, and makes the rest ASCII. Lines stay what they are.
pub(super) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, filler) = lexeme(&chars, at);
        for &c in &chars[at..end] {
            code.push(match filler {
                _ if c == '\n' => '\n',
                Some(filler) => filler,
                None if c.is_ascii() => c,
                None => '_',
            });
        }
        at = end;
    }
    code
}

/// Where the piece of text that begins at `at` ends, and what it is to be filled with unless it is code.
fn lexeme(chars: &[char], at: usize) -> (usize, Option<char>) {
    let next = chars.get(at + 1);
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next == Some(&'/') => {
            let line = chars[at..].iter().position(|&c| c == '\n');
            (line.map_or(chars.len(), |length| at + length), Some(' '))
        }
        '/' if next == Some(&'*') => (after_block_comment(chars, at), Some(' ')),
        '"' => (after_string(chars, at), Some('_')),
        'r' | 'b' | 'c' if !in_word => match after_raw_string(chars, at) {
            Some(end) => (end, Some('_')),
            None => (at + 1, None),
        },
        '\'' if next == Some(&'\\') => {
            let closing = chars[at + 3..].iter().position(|&c| c == '\'');
            (closing.map_or(chars.len(), |length| at + 3 + length + 1), Some('_'))
        }
        '\'' if chars.get(at + 2) == Some(&'\'') => (at + 3, Some('_')),
        _ => (at + 1, None),
    }
}

fn after_block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn after_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of `r".."`, `r#".."#`, `br".."` or `cr".."`, if one begins at `start`.
fn after_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let raw = if chars[start] == 'r' { start } else { start + 1 };
    if chars.get(raw) != Some(&'r') {
        return None;
    }
    let hashes = chars[raw + 1..].iter().take_while(|&&c| c == '#').count();
    let open = raw + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: usize| {
        chars[at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    Some((open + 1..chars.len()).find(|&at| closes(at)).map_or(chars.len(), |at| at + 1 + hashes))
}

#[test]
fn masking_leaves_code_and_lines_alone() {
    let text = "let a = \"x // \\\" y\"; // use b\nlet c: &'static str = r#\"\"d\"#; /* e\n /* f */ */ '\\''; 'g'";
    let code =
        "let a = ___________;         \nlet c: &'static str = _______;     \n            ____; ___";
    assert_eq!(mask(text), code);
}

#[test]
fn what_only_tests_compile_is_known() {
    let tree = Tree::planted(&[
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nmod fixture;\nfn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}",
        ),
        ("src/plan/fixture.rs", "fn d() {}"),
        ("src/plan/fixture/deep.rs", "fn e() {}"),
        ("src/plan/fixtures.rs", "fn f() {}"),
        ("src/plan/tests/g.rs", "fn g() {}"),
        (
            "src/watch/mod.rs",
            "#[cfg(all(test, unix))]\nfn h() {}\n#[cfg(any(test, unix))]\nfn i() {}",
        ),
    ]);
    let product = tree.product().flat_map(File::product_words);
    let names: Vec<_> = product.map(|(_, word)| word).filter(|word| word.len() == 1).collect();
    assert_eq!(names, ["f", "a", "c", "i"]);
}

#[test]
fn git_ignores_are_understood() {
    let patterns = "/target\n/rhaid.db*\n*.profraw\ndist/\n";
    for path in ["target", "rhaid.db", "rhaid.db-wal", "a/b.profraw", "dashboard/dist"] {
        assert!(is_ignored(path, patterns), "{path} is ignored");
    }
    for path in ["src", "src/target", "a/rhaid.db", "distance"] {
        assert!(!is_ignored(path, patterns), "{path} is not ignored");
    }
}
