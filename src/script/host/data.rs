//! Data files: read once for the whole process, shared by every virtual user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use rand::RngExt;
use rhai::{Dynamic, Engine, Map};
use serde_json::Value;

use super::{Fallible, HostContext, user};
use crate::script::call::FileContent;
use crate::script::reply::runtime_error;
use crate::script::value;

/// Largest data file.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Rows of a data file and the places at which users stand in it.
#[derive(Debug)]
pub(crate) struct Rows {
    path: String,
    rows: Vec<Value>,
    next: AtomicUsize,
    unique: AtomicUsize,
}

/// Data files by path and reader.
#[derive(Debug, Default)]
pub(crate) struct DataFiles {
    rows: Mutex<BTreeMap<(PathBuf, &'static str), Arc<Rows>>>,
    contents: Mutex<BTreeMap<PathBuf, Bytes>>,
}

/// The script's handle on a data file.
#[derive(Debug, Clone)]
struct Data(Arc<Rows>);

impl DataFiles {
    fn rows(
        &self,
        path: &Path,
        kind: &'static str,
        read: impl FnOnce(&[u8]) -> Result<Vec<Value>, String>,
    ) -> Fallible<Arc<Rows>> {
        let mut rows = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = rows.get(&(path.to_owned(), kind)) {
            return Ok(known.clone());
        }
        let bytes = read_file(path)?;
        let shown = path.display().to_string();
        let parsed = read(&bytes).map_err(|reason| runtime_error(format!("{shown}: {reason}")))?;
        let made = Arc::new(Rows {
            path: shown,
            rows: parsed,
            next: AtomicUsize::new(0),
            unique: AtomicUsize::new(0),
        });
        rows.insert((path.to_owned(), kind), made.clone());
        Ok(made)
    }

    fn content(&self, path: &Path) -> Fallible<Bytes> {
        let mut contents = self.contents.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = contents.get(path) {
            return Ok(known.clone());
        }
        let bytes = Bytes::from(read_file(path)?);
        contents.insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

fn read_file(path: &Path) -> Fallible<Vec<u8>> {
    let cannot = |error: std::io::Error| {
        runtime_error(format!("{} cannot be read: {error}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > MAX_FILE_BYTES {
        return Err(runtime_error(format!("{} is larger than 256 MiB", path.display())));
    }
    std::fs::read(path).map_err(cannot)
}

fn csv_rows(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text);
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    reader
        .records()
        .map(|record| {
            let record = record.map_err(|error| error.to_string())?;
            let fields = headers.iter().zip(record.iter());
            Ok(Value::Object(
                fields.map(|(k, v)| (k.to_owned(), Value::String(v.to_owned()))).collect(),
            ))
        })
        .collect()
}

fn json_rows(bytes: &[u8]) -> Result<Vec<Value>, String> {
    match serde_json::from_slice(bytes).map_err(|error| error.to_string())? {
        Value::Array(rows) => Ok(rows),
        other => Ok(vec![other]),
    }
}

impl Data {
    fn row(&self, index: usize) -> Fallible<Dynamic> {
        let rows = &self.0.rows;
        if rows.is_empty() {
            return Err(runtime_error(format!("{} has no rows", self.0.path)));
        }
        Ok(value::from_json(&rows[index % rows.len()]))
    }

    fn random(&self) -> Fallible<Dynamic> {
        let user = user("random")?;
        let index = user.random.borrow_mut().random_range(0..self.0.rows.len().max(1));
        self.row(index)
    }

    /// A row that nobody else gets; an error when all are given out.
    fn unique(&self) -> Fallible<Dynamic> {
        let index = self.0.unique.fetch_add(1, Ordering::Relaxed);
        if index >= self.0.rows.len() {
            return Err(runtime_error(format!(
                "{} has only {} rows and all are taken: add rows, or use .next() or .random()",
                self.0.path,
                self.0.rows.len()
            )));
        }
        self.row(index)
    }
}

pub(super) fn register(engine: &mut Engine, context: &HostContext) {
    engine.register_type_with_name::<Data>("Data");
    let shared = context.clone();
    engine.register_fn("csv", move |path: &str| {
        shared.files.rows(&shared.folder.find(path)?, "csv", csv_rows).map(Data)
    });
    let shared = context.clone();
    engine.register_fn("json_file", move |path: &str| {
        shared.files.rows(&shared.folder.find(path)?, "json", json_rows).map(Data)
    });
    let shared = context.clone();
    engine.register_fn("file", move |path: &str| file(&shared, path, "application/octet-stream"));
    let shared = context.clone();
    engine.register_fn("file", move |path: &str, kind: &str| file(&shared, path, kind));
    engine
        .register_fn("next", |data: &mut Data| {
            data.row(data.0.next.fetch_add(1, Ordering::Relaxed))
        })
        .register_fn("random", |data: &mut Data| data.random())
        .register_fn("unique", |data: &mut Data| data.unique())
        .register_fn("len", |data: &mut Data| data.0.rows.len() as i64)
        .register_get("len", |data: &mut Data| data.0.rows.len() as i64)
        .register_indexer_get(|data: &mut Data, index: i64| -> Fallible<Dynamic> {
            let place = usize::try_from(index).ok().filter(|i| *i < data.0.rows.len());
            let place = place.ok_or_else(|| {
                runtime_error(format!(
                    "{} has no row {index}; it has {} rows",
                    data.0.path,
                    data.0.rows.len()
                ))
            })?;
            data.row(place)
        });
    register_encodings(engine);
}

fn register_encodings(engine: &mut Engine) {
    let base64 = &base64::engine::general_purpose::STANDARD;
    engine.register_fn("base64_encode", move |text: &str| base64.encode(text));
    engine.register_fn("base64_decode", move |text: &str| -> Fallible<String> {
        let bytes = base64
            .decode(text)
            .map_err(|error| runtime_error(format!("base64_decode: {error}")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    engine.register_fn("url_encode", |text: &str| {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
    });
    engine.register_fn("parse_json", |text: &str| -> Fallible<Dynamic> {
        let json: Value =
            serde_json::from_str(text).map_err(|e| runtime_error(format!("parse_json: {e}")))?;
        Ok(value::from_json(&json))
    });
    engine.register_fn("to_json", |map: Map| -> Fallible<String> {
        let json = value::to_json(&map.into())
            .ok_or_else(|| runtime_error("to_json: JSON cannot say this"))?;
        Ok(json.to_string())
    });
}

fn file(context: &HostContext, path: &str, content_type: &str) -> Fallible<FileContent> {
    let path = context.folder.find(path)?;
    let content = context.files.content(&path)?;
    Ok(FileContent { path, content, content_type: content_type.to_owned() })
}
