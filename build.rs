//! Builds the dashboard page into the program, when its tools are there.
//!
//! `RHAID_DASHBOARD_DIR` may name a folder that holds a built page; else `dashboard/dist` is taken when it holds one, as in a
//! packaged crate; else Node and npm build the page from a copy in `OUT_DIR`, so that nothing is written to the source tree.
//!
//! Without all of them there is a page that says how to get the dashboard: a build never fails for want of Node, unless
//! `RHAID_REQUIRE_UI` is set. `RHAID_SKIP_UI` leaves Node alone.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the page is made of, below `dashboard/`; tests and the mock server are not among it.
const SOURCES: [&str; 6] =
    ["index.html", "package-lock.json", "package.json", "report.html", "scripts/build.mjs", "src"];
/// The oldest Node that the tools of the page run on.
const OLDEST_NODE: (u32, u32) = (20, 19);
/// Shown in place of the page.
const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>rhaid</title></head>
<body>
<h1>rhaid serve</h1>
<p>The API is here; this build has no dashboard. To get it, build rhaid again where Node.js 20.19 or newer and npm are
installed, or set RHAID_DASHBOARD_DIR to a folder with the built page.</p>
<p><a href=\"/api/health\">/api/health</a> says how the server is; <code>rhaid report</code> shows all runs on a terminal.</p>
</body>
</html>
";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names OUT_DIR"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package"));
    for name in ["RHAID_DASHBOARD_DIR", "RHAID_SKIP_UI", "RHAID_REQUIRE_UI"] {
        tell(&format!("rerun-if-env-changed={name}"));
    }
    let page = built_page(&root, &out).unwrap_or_else(|reason| {
        assert!(!is_set("RHAID_REQUIRE_UI"), "RHAID_REQUIRE_UI is set, and {reason}");
        tell(&format!("warning=this build has no dashboard: {reason}"));
        let folder = out.join("placeholder");
        fs::create_dir_all(&folder).expect("OUT_DIR can be written");
        fs::write(folder.join("index.html"), PLACEHOLDER).expect("OUT_DIR can be written");
        folder
    });
    let table = table(&page).expect("the built page can be read");
    fs::write(out.join("page_files.rs"), table).expect("OUT_DIR can be written");
}

/// Tells cargo something.
fn tell(line: &str) {
    println!("cargo:{line}");
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// The folder with the built page; why there is none.
fn built_page(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let given = env::var_os("RHAID_DASHBOARD_DIR").map(PathBuf::from);
    if let Some(folder) = given {
        let folder = root.join(folder);
        watch(&folder);
        let is_built = folder.join("index.html").is_file();
        return if is_built { Ok(folder) } else { Err(format!("{folder:?} has no index.html")) };
    }
    let dashboard = root.join("dashboard");
    let dist = dashboard.join("dist");
    // A path that does not exist would make cargo run this every time, so only what is there is watched.
    if dist.join("index.html").is_file() {
        watch(&dist);
        return Ok(dist);
    }
    SOURCES.iter().for_each(|name| watch(&dashboard.join(name)));
    if is_set("RHAID_SKIP_UI") || env::var_os("DOCS_RS").is_some() {
        return Err("it was left out on purpose".to_owned());
    }
    made_with_node(&dashboard, out)
}

/// Cargo runs this again when a file there changes. Folders are named file by file: cargo looks at their times alone otherwise.
fn watch(path: &Path) {
    tell(&format!("rerun-if-changed={}", path.display()));
}

/// Builds the page in `OUT_DIR`, unless it is there from the same sources.
fn made_with_node(dashboard: &Path, out: &Path) -> Result<PathBuf, String> {
    let sources = SOURCES.iter().try_fold(Vec::new(), |mut all, name| {
        files_below(&dashboard.join(name), &mut all).map(|()| all)
    });
    let sources = sources.map_err(|error| format!("its sources cannot be read: {error}"))?;
    let (work, dist, stamp) = (out.join("page-src"), out.join("page"), out.join("page.stamp"));
    let mark = mark_of(dashboard, &sources).map_err(|error| error.to_string())?;
    if dist.join("index.html").is_file()
        && fs::read_to_string(&stamp).is_ok_and(|kept| kept == mark)
    {
        return Ok(dist);
    }
    check_node()?;
    copy(dashboard, &sources, &work).map_err(|error| format!("OUT_DIR: {error}"))?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
    // A machine without a network should learn that in seconds.
    run(Command::new(npm).args(quiet).args(["--fetch-retries=1", "--fetch-timeout=30000"]), &work)?;
    run(Command::new("node").arg("scripts/build.mjs").arg(&dist), &work)?;
    fs::write(&stamp, mark).map_err(|error| format!("OUT_DIR: {error}"))?;
    // The packages are many files, and the next build of other sources fetches them from npm's cache.
    let _ = fs::remove_dir_all(&work);
    Ok(dist)
}

fn check_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output();
    let output = output.map_err(|_| "Node.js is not installed".to_owned())?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    let found: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let (major, minor) = OLDEST_NODE;
    let is_new = found >= OLDEST_NODE;
    if is_new { Ok(()) } else { Err(format!("Node.js {version} is older than {major}.{minor}")) }
}

fn run(command: &mut Command, folder: &Path) -> Result<(), String> {
    let shown = format!("{:?} {:?}", command.get_program(), command.get_args().next());
    let output = command.current_dir(folder).output();
    let output = output.map_err(|error| format!("{shown} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{shown} failed: {last}"))
}

/// Every file at or below a path, in the order of names.
fn files_below(path: &Path, all: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        all.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| files_below(entry, all))
}

fn copy(from: &Path, files: &[PathBuf], to: &Path) -> io::Result<()> {
    let _ = fs::remove_dir_all(to);
    for file in files {
        let name = file.strip_prefix(from).expect("every source is below the dashboard");
        let place = to.join(name);
        fs::create_dir_all(place.parent().expect("a file is in a folder"))?;
        fs::copy(file, place)?;
    }
    Ok(())
}

/// A name for exactly these sources.
fn mark_of(root: &Path, files: &[PathBuf]) -> io::Result<String> {
    let mut bytes = Vec::new();
    for file in files {
        bytes.extend(file.strip_prefix(root).unwrap_or(file).to_string_lossy().as_bytes());
        bytes.extend(fs::read(file)?);
    }
    Ok(fingerprint(&bytes))
}

/// FNV-1a, 64 bits: it tells versions of a file apart and protects nothing.
fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}{:x}", bytes.len())
}

/// The files as a Rust table: path, type, mark, content. The template of the report is a file like the others.
fn table(page: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    files_below(page, &mut files)?;
    let mut table = "&[\n".to_owned();
    for file in files {
        let inside = file.strip_prefix(page).expect("found below the page");
        let name: Vec<_> = inside.iter().map(OsStr::to_string_lossy).collect();
        let content_type = match file.extension().and_then(OsStr::to_str) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        };
        let mark = fingerprint(&fs::read(&file)?);
        writeln!(table, "    PageFile {{")
            .and_then(|()| writeln!(table, "        path: {:?},", name.join("/")))
            .and_then(|()| writeln!(table, "        content_type: {content_type:?},"))
            .and_then(|()| writeln!(table, "        etag: {:?},", format!("\"{mark}\"")))
            .and_then(|()| writeln!(table, "        bytes: include_bytes!({file:?}),\n    }},"))
            .expect("a string takes everything");
    }
    table.push_str("]\n");
    Ok(table)
}
