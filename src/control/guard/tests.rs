//! Every route asked in every way that is not allowed. The routes come from the table that the router is made of.

mod answers;
mod matrix;
mod scripts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use tower_service::Service as _;

use crate::control::routes::{ROUTES, router};
use crate::control::start::Launch;
use crate::control::{
    Control, ControlConfig, LaunchEnd, LaunchError, Launcher, MachineUse, RunLink, ScriptFinding,
};
use crate::plan::{Confinement, Plan};
use crate::reach::Reach;

const HOST: &str = "127.0.0.1:3117";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Methods that every path is asked with.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "MADEUP"];

/// Makes no run, and counts how often it is asked for one.
#[derive(Debug, Default)]
struct NoRuns {
    asked: Arc<AtomicUsize>,
}

impl NoRuns {
    fn refuse<T>(&self) -> Result<T, LaunchError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(LaunchError { message: "not here".to_owned(), hint: None, exit_code: 104 })
    }
}

impl Launcher for NoRuns {
    fn check(&self, _: &Launch) -> Result<Plan, LaunchError> {
        self.refuse()
    }

    fn launch(&self, _: &Launch, _: RunLink) -> Result<LaunchEnd, LaunchError> {
        self.refuse()
    }

    fn check_script(&self, _: &str, _: Confinement) -> Vec<ScriptFinding> {
        Vec::new()
    }

    fn machine(&self) -> MachineUse {
        MachineUse::default()
    }
}

/// A server without a socket, in a folder that goes with it.
struct Server {
    router: Router,
    control: Arc<Control>,
    asked: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
}

/// Name and value of a header.
type Field<'a> = (&'a str, &'a str);

impl Server {
    /// With one script and a link out of its folder.
    fn new() -> Self {
        Self::with_token(Some(TOKEN))
    }

    fn with_token(token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scripts = folder.path().join("scripts");
        std::fs::create_dir(&scripts).unwrap();
        std::fs::write(scripts.join("a.rhai"), "fn journey(user) {}").unwrap();
        std::fs::write(folder.path().join("secret.rhai"), "canary").unwrap();
        std::os::unix::fs::symlink("../secret.rhai", scripts.join("link.rhai")).unwrap();
        let config = ControlConfig {
            token: token.map(str::to_owned),
            hosts: vec![HOST.to_owned(), "localhost:3117".to_owned(), "load.lan".to_owned()],
            database: folder.path().join("runs.db"),
            script_root: Some(scripts),
            default_target: Some("http://127.0.0.1:1".to_owned()),
            reach: Reach::default(),
            env: Vec::new(),
            caps: crate::control::Caps::default(),
        };
        let launcher = NoRuns::default();
        let asked = launcher.asked.clone();
        let control = Control::new(config, Box::new(launcher));
        Self { router: router(&control), control, asked, folder }
    }

    async fn say(&self, method: &str, uri: &str, fields: &[Field<'_>], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_LENGTH, body.len());
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let mut router = self.router.clone();
        router.call(request).await.unwrap_or_else(|never| match never {})
    }

    async fn status(&self, method: &str, uri: &str, fields: &[Field<'_>]) -> u16 {
        self.say(method, uri, fields, "").await.status().as_u16()
    }

    /// With everything that a well-behaved client sends.
    async fn ask(&self, method: &str, uri: &str, body: &str) -> Answer {
        let fields =
            [("host", HOST), ("authorization", BEARER), ("content-type", "application/json")];
        self.say(method, uri, &fields, body).await
    }
}

type Answer = Response<Body>;

const BEARER: &str = "Bearer 0123456789abcdef0123456789abcdef";

async fn text(answer: Answer) -> String {
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The path of a route with its places filled.
fn filled(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{name}", "a.rhai").replace("{report}", "report.json")
}

/// All paths of the table, each once.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = ROUTES.iter().map(|route| filled(route.path, "1")).collect();
    paths.sort();
    paths.dedup();
    paths
}
