//! The scripts that can be run: files of one folder, by names that cannot lead out of it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path as UrlPath, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::ControlConfig;
use super::error::{Answer, Refusal};
use super::queue::Control;
use super::system::blocking;

/// Characters of a name.
const LONGEST_NAME: usize = 64;
/// Files that are listed.
const MOST_FILES: usize = 1_000;
/// The largest script.
const MOST_BYTES: u64 = 1 << 20;

/// A script in the list.
#[derive(Debug, Serialize)]
pub(super) struct ScriptFile {
    name: String,
    size: u64,
    modified_ms: u64,
}

/// The text of a script, as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptText {
    text: String,
}

/// The file of a script that is there.
pub(super) fn find(config: &ControlConfig, name: &str) -> Answer<PathBuf> {
    let path = place(config, name)?;
    if is_plain_file(&path) {
        return Ok(path);
    }
    Err(Refusal::unknown(format!("there is no script {name}")))
}

/// Where a script of that name is, or would be.
fn place(config: &ControlConfig, name: &str) -> Answer<PathBuf> {
    let root = config.script_root.as_ref().ok_or_else(|| {
        Refusal::unknown("this server has no scripts").with_detail("start it with --script-root")
    })?;
    let is_name = name.len() <= LONGEST_NAME
        && name.ends_with(".rhai")
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let refusal = || {
        Refusal::invalid(
            "a script is named by letters, digits, `.`, `_` and `-`, and ends in .rhai",
        )
    };
    is_name.then(|| root.join(name)).ok_or_else(refusal)
}

/// A file and no link: a link may lead out of the folder.
fn is_plain_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// `GET /api/scripts`
pub(super) async fn list(State(control): State<Arc<Control>>) -> Answer<Json<Vec<ScriptFile>>> {
    blocking(move || Ok(files(&control.config))).await.map(Json)
}

fn files(config: &ControlConfig) -> Vec<ScriptFile> {
    let Some(entries) = config.script_root.as_ref().and_then(|root| root.read_dir().ok()) else {
        return Vec::new();
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let file = |name: String| {
        let found = std::fs::symlink_metadata(find(config, &name).ok()?).ok()?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ms = u64::try_from(modified.as_millis()).unwrap_or(u64::MAX);
        Some(ScriptFile { name, size: found.len(), modified_ms })
    };
    let mut files: Vec<ScriptFile> = names.filter_map(file).take(MOST_FILES).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// `GET /api/scripts/{name}`
pub(super) async fn read(
    State(control): State<Arc<Control>>,
    UrlPath(name): UrlPath<String>,
) -> Answer<Json<Value>> {
    blocking(move || {
        let path = find(&control.config, &name)?;
        let unreadable = |_| Refusal::unknown(format!("{name} cannot be read"));
        if std::fs::symlink_metadata(&path).map_err(unreadable)?.len() > MOST_BYTES {
            return Err(Refusal::beyond(format!("{name} is larger than 1 MiB")));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        Ok(Json(json!({ "name": name, "text": text })))
    })
    .await
}

/// `PUT /api/scripts/{name}`
pub(super) async fn write(
    State(control): State<Arc<Control>>,
    UrlPath(name): UrlPath<String>,
    body: Result<Json<ScriptText>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(ScriptText { text }) = body?;
    blocking(move || {
        let path = place(&control.config, &name)?;
        if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(Refusal::conflict(format!("{name} is no plain file")));
        }
        keep(&path, &text).map_err(|error| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Refusal::new(status, "not_written", format!("{name} cannot be written: {error}"))
        })?;
        Ok(Json(json!({ "name": name, "size": text.len() })))
    })
    .await
}

/// Writes beside the file and renames, so that a run which begins meanwhile reads one text or the other.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{:016x}.new", rand::random::<u64>()));
    let mut file = std::fs::File::create_new(&beside)?;
    let kept = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&beside, path));
    if kept.is_err() {
        // What is left of it is no script: its name does not end as one.
        let _ = std::fs::remove_file(&beside);
    }
    kept
}

/// `POST /api/scripts/check`
pub(super) async fn check(
    State(control): State<Arc<Control>>,
    body: Result<Json<ScriptText>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(ScriptText { text }) = body?;
    blocking(move || {
        let findings = control.launcher.check_script("script.rhai", &text);
        Ok(Json(json!({ "findings": findings })))
    })
    .await
}
