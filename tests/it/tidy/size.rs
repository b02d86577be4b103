//! How large things may become, and how exceptions are asked for.

use super::tree::{File, Tree, after_closing, attributes, words};
use super::{Finding, hold};

/// Lines of a function's body that are not blank or comments; the same as `too-many-lines-threshold` in clippy.toml.
const MAX_FUNCTION_LINES: usize = 70;

/// Lines of a file that the product has; a file's tests do not count here.
const MAX_FILE_LINES: usize = 600;

/// Lines of a file with its tests, or of a file of tests.
const MAX_LINES_WITH_TESTS: usize = 900;

/// Parameters with the receiver; the same as `too-many-arguments-threshold` in clippy.toml.
const MAX_PARAMETERS: usize = 5;

/// How many functions are excused from [`MAX_FUNCTION_LINES`]. It may fall. Raise it only with a reason in the commit.
const EXCUSED_LONG_FUNCTIONS: usize = 0;

/// A function of the product.
struct Function<'a> {
    name: &'a str,
    offset: usize,
    /// Attributes and visibility before it.
    head: &'a str,
    parameters: usize,
    body: &'a str,
}

fn functions(file: &File) -> Vec<Function<'_>> {
    let found = file.product_words();
    let pairs = found.iter().zip(found.iter().skip(1));
    let named = pairs.filter(|((at, word), (name_at, _))| *word == "fn" && *name_at == at + 3);
    named.map(|(&(offset, _), &(at, name))| function(&file.code, offset, at, name)).collect()
}

fn function<'a>(code: &'a str, offset: usize, name_at: usize, name: &'a str) -> Function<'a> {
    let start = code[..offset].rfind([';', '{', '}']).map_or(0, |at| at + 1);
    let open = after_generics(code, name_at + name.len());
    let close = after_closing(code, open);
    let body = match body_start(code, close) {
        Some(at) => &code[at + 1..after_closing(code, at) - 1],
        None => "",
    };
    let parameters = count_parameters(&code[open + 1..close - 1]);
    Function { name, offset, head: &code[start..offset], parameters, body }
}

/// Where the parameters open: after the name, and after `<..>` if there is one.
fn after_generics(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in code.char_indices().skip_while(|&(at, _)| at < from) {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => return at,
            _ => {}
        }
        previous = c;
    }
    code.len()
}

/// The brace that opens the body; `None` for a declaration.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match code.as_bytes().get(at)? {
            b'{' => return Some(at),
            b';' => return None,
            b'(' | b'[' => at = after_closing(code, at),
            _ => at += 1,
        }
    }
}

fn count_parameters(list: &str) -> usize {
    let mut depth = 0_usize;
    let mut previous = ' ';
    let mut is_empty = true;
    let mut count = 0;
    for c in list.chars().chain([',']) {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if previous == '-' => {}
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                count += usize::from(!is_empty);
                is_empty = true;
            }
            _ => {}
        }
        is_empty &= c == ',' || c.is_whitespace();
        previous = c;
    }
    count
}

/// Whether attributes excuse what they stand before from a lint.
fn is_excused(head: &str, lint: &str) -> bool {
    attributes(head).iter().any(|(_, attribute)| {
        attribute.starts_with("expect") && words(attribute).iter().any(|&(_, word)| word == lint)
    })
}

/// The bodies of `impl Trait for Type`: their signatures are the trait's to answer for.
fn trait_impls(file: &File) -> Vec<(usize, usize)> {
    let mut bodies = Vec::new();
    for (at, _) in file.words().into_iter().filter(|&(_, word)| word == "impl") {
        let Some(length) = file.code[at..].find(['{', ';', ')', '=']) else { continue };
        let header = &file.code[at..at + length];
        let is_of_trait = words(header)
            .iter()
            .any(|&(at, word)| word == "for" && !header[at + 3..].starts_with('<'));
        if is_of_trait && file.code[at + length..].starts_with('{') {
            bodies.push((at + length, after_closing(&file.code, at + length)));
        }
    }
    bodies
}

fn functions_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product() {
        for function in functions(file) {
            let lines = function.body.lines().filter(|line| !line.trim().is_empty()).count();
            if lines > MAX_FUNCTION_LINES && !is_excused(function.head, "too_many_lines") {
                let advice = format!(
                    "`{}` has {lines} lines, at most {MAX_FUNCTION_LINES} are allowed: give its parts names",
                    function.name
                );
                findings.push(Finding::at(file, function.offset, advice));
            }
        }
    }
    findings
}

fn functions_take_few_parameters(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product() {
        let impls = trait_impls(file);
        for function in functions(file) {
            let count = function.parameters;
            let is_given = impls.iter().any(|&(from, to)| (from..to).contains(&function.offset));
            let is_excused = is_given || is_excused(function.head, "too_many_arguments");
            if count > MAX_PARAMETERS && !is_excused {
                let advice = format!(
                    "`{}` takes {count} parameters, at most {MAX_PARAMETERS} are allowed: pass a struct with named fields",
                    function.name
                );
                findings.push(Finding::at(file, function.offset, advice));
            }
        }
    }
    findings
}

fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let (product, all) = (file.product_lines(), file.text.lines().count());
        if product > MAX_FILE_LINES {
            let advice = format!(
                "{product} lines without tests, at most {MAX_FILE_LINES}: split it by its nouns"
            );
            findings.push(Finding::on(&file.path, 1, advice));
        }
        if all > MAX_LINES_WITH_TESTS {
            let advice = format!(
                "{all} lines, at most {MAX_LINES_WITH_TESTS}: split the tests by what they are about"
            );
            findings.push(Finding::on(&file.path, 1, advice));
        }
    }
    findings
}

/// The places of an attribute that says `allow` of a lint.
fn lints_are_expected_not_allowed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (at, attribute) in attributes(&file.code) {
            let allows = attribute.trim_start().starts_with("allow(")
                || (attribute.trim_start().starts_with("cfg_attr")
                    && attribute.contains(" allow("));
            if allows {
                let advice = "write `#[expect(.., reason = \"..\")]`: it says why, and tells when it is no longer needed";
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn excused_long_functions(tree: &Tree) -> Vec<(String, usize)> {
    let mut places = Vec::new();
    for file in tree.rust() {
        for (at, attribute) in attributes(&file.code) {
            let is_it = words(attribute).iter().any(|&(_, word)| word == "too_many_lines");
            if is_it {
                places.push((file.path.clone(), file.line_of(at)));
            }
        }
    }
    places
}

#[test]
fn a_function_has_at_most_seventy_lines() {
    let lines = |count: usize| "    call();\n".repeat(count);
    let long = format!(
        "impl A {{\n  fn short() {{}}\n  pub fn long<F: Fn() -> u8>(a: F)\n  where [u8; 2]: B {{\n{}}}\n}}",
        lines(71)
    );
    let fits = format!("fn a() {{\n{}\n// A comment.\n}}\nfn b();", lines(70));
    let excused =
        format!("#[expect(clippy::too_many_lines, reason = \"{{\")]\nfn a() {{\n{}}}", lines(80));
    let test = format!("#[test]\nfn a() {{\n{}}}", lines(80));
    hold(
        functions_are_short,
        &[
            (&[("src/plan/a.rs", &long)], &["src/plan/a.rs:3"]),
            (&[("target-api/src/a.rs", &long)], &["target-api/src/a.rs:3"]),
            (&[("src/plan/a.rs", &fits)], &[]),
            (&[("src/plan/a.rs", &excused), ("tests/it/a.rs", &long)], &[]),
            (&[("src/plan/a.rs", &test)], &[]),
        ],
    );
}

#[test]
fn a_function_takes_at_most_five_parameters() {
    let six = "fn a(&self, b: u8, c: u8, d: u8,\n e: u8, f: u8) {}";
    let excused = "#[expect(clippy::too_many_arguments, reason = \"a callback\")]\nfn a(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}";
    hold(
        functions_take_few_parameters,
        &[
            (&[("src/plan/a.rs", six)], &["src/plan/a.rs:1"]),
            (
                &[(
                    "src/plan/a.rs",
                    "fn a(b: B<u8, u8>, c: (u8, u8), d: impl Fn(u8, u8) -> u8, e: [u8; 2],) {}",
                )],
                &[],
            ),
            (&[("src/plan/a.rs", excused), ("src/plan/tests.rs", six)], &[]),
            (
                &[(
                    "src/plan/a.rs",
                    &format!("impl<T> B for C<T>\nwhere T: for<'a> D<'a> {{ {six} }}"),
                )],
                &[],
            ),
            (&[("src/plan/a.rs", &format!("trait B {{ {six} }}"))], &["src/plan/a.rs:1"]),
        ],
    );
}

#[test]
fn a_file_has_at_most_six_hundred_lines_besides_its_tests() {
    let code = |lines: usize| "const A: u8 = 0;\n".repeat(lines);
    let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", code(600), code(200));
    hold(
        files_are_short,
        &[
            (&[("src/plan/a.rs", &code(601))], &["src/plan/a.rs:1"]),
            (&[("src/plan/tests.rs", &code(901))], &["src/plan/tests.rs:1"]),
            (&[("src/plan/a.rs", &with_tests), ("src/plan/tests.rs", &code(900))], &[]),
        ],
    );
}

#[test]
fn an_exception_from_a_lint_is_expected_with_a_reason() {
    hold(
        lints_are_expected_not_allowed,
        &[
            (
                &[("src/plan/a.rs", "fn b() {}\n#[allow(dead_code)]\nfn a() {}")],
                &["src/plan/a.rs:2"],
            ),
            (&[("tests/it/a.rs", "#![allow(dead_code)]")], &["tests/it/a.rs:1"]),
            (
                &[("src/plan/a.rs", "#[cfg_attr(test, allow(dead_code))]\nfn a() {}")],
                &["src/plan/a.rs:1"],
            ),
            (
                &[(
                    "src/plan/a.rs",
                    "#[expect(dead_code, reason = \"allow(\")]\nfn a() { b.allow(1); }",
                )],
                &[],
            ),
        ],
    );
}

#[test]
fn the_number_of_excused_long_functions_does_not_rise() {
    let planted = Tree::planted(&[
        (
            "src/plan/a.rs",
            "// #[expect(clippy::too_many_lines)]\n#[expect(clippy::too_many_lines, reason = \"a table\")]\nfn a() {}",
        ),
        ("src/plan/b.rs", "#![expect(clippy::too_many_lines, reason = \"b\")]"),
    ]);
    assert_eq!(excused_long_functions(&planted).len(), 2);
    let found = excused_long_functions(Tree::here());
    assert_eq!(
        found.len(),
        EXCUSED_LONG_FUNCTIONS,
        "functions excused from their length: give their parts names, or, if they fell, lower the number: {found:?}"
    );
}
