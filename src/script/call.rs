//! A request as a script asked for it.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::metric::labels::Tags;

/// A request on its way from a script to the engine. Whole: headers of the user and of the call are merged.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The step's name.
    pub name: Arc<str>,
    /// Whether the script named it: the name then holds for every hop of a redirect.
    pub named: bool,
    /// Method in capitals.
    pub method: Arc<str>,
    /// Absolute URL.
    pub url: Rc<Url>,
    /// Headers in order; later ones of the same name replace earlier ones.
    pub headers: Vec<(String, String)>,
    /// What is sent as the body.
    pub body: CallBody,
    /// Total time, when it differs from the plan's.
    pub timeout: Option<Duration>,
    /// Redirects followed, when it differs from the plan's.
    pub max_redirects: Option<u32>,
    /// Statuses that do not count as failed; empty for 200 to 399.
    pub expect: Vec<u16>,
    /// User name and password for basic authentication.
    pub basic_auth: Option<(String, String)>,
    /// Tags of the samples.
    pub tags: Tags,
    /// The group.
    pub group: Arc<str>,
}

impl HttpCall {
    /// Whether a status counts as failed.
    #[must_use]
    pub fn is_failure(&self, status: u16) -> bool {
        if self.expect.is_empty() {
            !(200..400).contains(&status)
        } else {
            !self.expect.contains(&status)
        }
    }
}

/// The kinds of body.
#[derive(Debug, Clone, Default)]
pub enum CallBody {
    /// None.
    #[default]
    Empty,
    /// Bytes with a content type, unless a header says otherwise.
    Bytes(Bytes, &'static str),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<MultipartField>),
}

/// One part of a multipart body.
#[derive(Debug, Clone)]
pub struct MultipartField {
    /// The field's name.
    pub name: String,
    /// Its bytes.
    pub content: Bytes,
    /// The file's name, when it is a file.
    pub file_name: Option<String>,
    /// Its content type, when it is a file.
    pub content_type: Option<String>,
}

/// A file that a script read with `file(..)`, for multipart bodies.
#[derive(Debug, Clone)]
pub(crate) struct FileContent {
    pub(crate) path: PathBuf,
    pub(crate) content: Bytes,
    pub(crate) content_type: String,
}
