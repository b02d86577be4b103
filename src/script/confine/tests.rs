//! Scripts that mean no good.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::plan::Confinement;
use crate::script::{LoadOptions, Script};

/// A script folder with a secret beside it, both gone at the end of the test.
struct Place {
    whole: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let root = whole.path().join("scripts");
        std::fs::create_dir_all(root.join("data")).unwrap();
        for (name, text) in [
            ("scripts/users.csv", "name\nann\n"),
            ("scripts/data/more.csv", "name\nbob\n"),
            ("scripts/.hidden.csv", "name\ncanary\n"),
            ("scripts/part.rhai", "fn f() { 1 }"),
            ("secret.csv", "name\ncanary\n"),
            ("scripts-of-others.csv", "name\ncanary\n"),
        ] {
            std::fs::write(whole.path().join(name), text).unwrap();
        }
        symlink("../secret.csv", root.join("link.csv")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(whole.path(), root.join("data/away")).unwrap();
        symlink("users.csv", root.join("inside.csv")).unwrap();
        Self { whole }
    }

    fn root(&self) -> PathBuf {
        self.whole.path().join("scripts")
    }

    /// What is wrong with a confined script; nothing when it can be run.
    fn load(&self, text: &str) -> Result<Script, String> {
        let confinement = Confinement {
            files: Some(self.root()),
            env: vec!["CARGO_PKG_NAME".to_owned()],
            ..Confinement::default()
        };
        let options = LoadOptions {
            has_target: true,
            confinement: Some(confinement),
            ..LoadOptions::default()
        };
        Script::from_text("test.rhai", text.to_owned(), self.root(), options)
            .map_err(|error| error.to_string())
    }

    fn refused(&self, text: &str) -> String {
        let shown: String = text.chars().take(80).collect();
        self.load(text).err().unwrap_or_else(|| panic!("it was let through: {shown}"))
    }
}

/// A script whose top level is this.
fn top(code: &str) -> String {
    format!("{code}\nfn journey(user) {{ user.get(\"/\"); }}\n")
}

#[test]
fn data_files_are_read_beneath_the_script_folder_alone() {
    let place = Place::new();
    for path in ["users.csv", "data/more.csv", "./users.csv", "data//more.csv"] {
        place
            .load(&top(&format!("const A = csv(\"{path}\");")))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let absolute = place.whole.path().join("secret.csv").display().to_string();
    let own = place.root().join("users.csv").display().to_string();
    for path in [
        "../secret.csv",
        "data/../../secret.csv",
        "data/../users.csv",
        "./../secret.csv",
        "..",
        ".",
        "",
        "/",
        absolute.as_str(),
        own.as_str(),
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/environ",
        "link.csv",
        "inside.csv",
        "up/secret.csv",
        "up/scripts/users.csv",
        "data/away/secret.csv",
        ".hidden.csv",
        "data",
        "users.csv/more.csv",
        "none.csv",
        "../scripts-of-others.csv",
        "users.csv\\x00",
        "..\\\\secret.csv",
        "~/.ssh/id_rsa",
        "file:///etc/passwd",
        "%2e%2e/secret.csv",
    ] {
        for reader in ["csv", "json_file", "file"] {
            let told = place.refused(&top(&format!("const A = {reader}(\"{path}\");")));
            assert!(told.contains("beneath the server's script folder"), "{path}: {told}");
            assert!(!told.contains("canary") && !told.contains("root:"), "{told}");
        }
    }
}

#[test]
fn without_a_script_folder_no_file_is_read_and_the_folder_of_the_process_is_none() {
    let options = LoadOptions {
        has_target: true,
        confinement: Some(Confinement::default()),
        ..LoadOptions::default()
    };
    for path in ["Cargo.toml", "./Cargo.toml", "src/lib.rs"] {
        let text = top(&format!("const A = file(\"{path}\");"));
        let error = Script::from_text("test.rhai", text, ".".into(), options.clone()).unwrap_err();
        assert!(error.to_string().contains("beneath the server's script folder"), "{error}");
    }
}

#[test]
fn nothing_is_imported_and_nothing_is_evaluated() {
    let place = Place::new();
    for code in
        ["import \"part\" as part;", "import \"../secret\" as s;", "import \"/etc/passwd\" as p;"]
    {
        let told = place.refused(&top(code));
        assert!(told.contains("cannot be imported"), "{told}");
    }
    place.refused(&top("eval(\"1\");"));
}

#[test]
fn a_script_cannot_take_the_machine() {
    let place = Place::new();
    let grow = "let s = \"x\"; for i in 0..22 { s += s; }";
    for code in [
        // Without an end.
        "loop {}",
        "while true { let a = 1; }",
        "for i in 0..9223372036854775807 {}",
        "let i = 0; loop { try { loop { i += 1; } } catch { i = 0; } }",
        "do { } until false;",
        // Through itself.
        "fn f() { f() } f();",
        "fn f(x) { g(x) } fn g(x) { f(x) } f(1);",
        "let f = |x| x; let g = |h| h.call(h); g.call(g);",
        // Large texts.
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; loop { s = `${s}${s}`; }",
        "let s = \"\"; s.pad(9000000000, 'x');",
        "let s = \"\"; s.pad(9000000000, \"xy\");",
        "let s = \"x\"; loop { s.replace(\"x\", \"xxxxxxxx\"); }",
        // Large arrays, blobs and maps.
        "let a = [1]; loop { a += a; }",
        "let a = [1]; loop { a.push(a); }",
        "let a = []; a.pad(9000000000, 0);",
        "let a = [1]; loop { a.append(a); }",
        "let a = [1]; loop { a.insert(0, [a]); }",
        "let b = blob(9000000000);",
        "let b = blob(1); loop { b.append(b); }",
        "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
        "let m = #{}; loop { m = #{ a: m, b: m }; }",
        // Arithmetic.
        "let a = 9223372036854775807; a += 1;",
        "let a = 1 / 0;",
        "let a = 2 ** 100;",
        // What is thrown may not be larger than what is kept.
        "let s = \"x\"; loop { s += s; if s.len() > 100000000 { throw s; } }",
    ] {
        place.refused(&top(code));
    }
    for code in [
        "s.replace(\"x\", s);",
        "s.replace('x', s);",
        "s.replace(\"\", s);",
        "s = s.replace(\"x\", s);",
    ] {
        let told = place.refused(&top(&format!("{grow} {code}")));
        assert!(told.contains("longer than"), "{told}");
    }
}

#[test]
fn a_text_that_the_parser_could_drown_in_is_refused() {
    let place = Place::new();
    let many = |text: &str, count: usize| text.repeat(count);
    for text in [
        many("(", 10_000),
        format!("let a = {}1{};", many("[", 10_000), many("]", 10_000)),
        format!("let a = {}1;", many("!", 10_000)),
        format!("let a = {}1;", many("-", 10_001)),
        format!("let a = 1{};", many(" + (1", 1_000)),
        format!("{}{}", many("if true {} else ", 10_000), "{}"),
        format!("let a = |x| {}x;", many("|x| ", 10_000)),
        format!("let s = {}1{};", many("`${", 2_000), many("}`", 2_000)),
        format!("{} 1;", many("switch 1 { 1 => ", 1_000)),
        (0..600).map(|i| format!("let a{i} = {i};\n")).collect(),
        (0..300).map(|i| format!("fn f{i}() {{ {i} }}\n")).collect(),
        format!("//{}", many("x", 1 << 20)),
        "\0\0\0".to_owned(),
    ] {
        place.refused(&top(&text));
    }
}

#[test]
fn plain_scripts_are_not_in_the_way_of_the_bounds() {
    let place = Place::new();
    let text = "let s = \"a-b\"; s.replace(\"-\", \"+\"); if s != \"a+b\" { throw s; }\n\
                s.replace('+', \"\"); s.replace('a', 'c'); if s != \"cb\" { throw s; }\n\
                let e = \"\"; e.replace(\"\", \"x\"); if e != \"\" { throw e; }\n\
                let a = []; for i in 0..9000 { a.push(i); }\n\
                const U = csv(\"users.csv\"); if U.len() != 1 { throw 1; }";
    place.load(&top(text)).unwrap_or_else(|error| panic!("{error}"));
}
