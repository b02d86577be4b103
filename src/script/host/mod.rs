//! What scripts can call, a file a subject. Each file has one `register` that makes its functions known to an engine.

mod check;
mod data;
mod fake;
mod http;
mod random;
mod replace;
mod sites;
mod time;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::confine::{Bounds, Folder, NoImports};
use super::import::BelowFolder;
pub(crate) use check::Failed;
pub(crate) use data::DataFiles;
pub(crate) use http::{Handle, METHODS, REQUEST_OPTIONS, build};
pub(crate) use sites::Sites;
pub(crate) use time::think_time_of;

impl HostContext {
    /// Lets a script import others, if it may.
    pub(crate) fn set_resolver(&self, engine: &mut Engine, below: BelowFolder) {
        if self.folder.is_confined() {
            engine.set_module_resolver(NoImports);
        } else {
            engine.set_module_resolver(below);
        }
    }
}

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What the functions of one engine share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HostContext {
    /// The script's own folder; imports are found from here.
    pub(crate) root: PathBuf,
    /// Where data files are.
    pub(crate) folder: Folder,
    /// How much it may take.
    pub(crate) bounds: Bounds,
    /// `-e KEY=VALUE` and the process's environment.
    pub(crate) env: Arc<BTreeMap<String, String>>,
    /// Data files, read once for the whole process.
    pub(crate) files: Arc<DataFiles>,
    /// Seed of the run, for random choices at top level.
    pub(crate) seed: u64,
}

/// Makes everything known to an engine.
pub(crate) fn register(engine: &mut Engine, context: &HostContext) {
    super::reply::register(engine);
    http::register(engine);
    check::register(engine);
    data::register(engine, context);
    fake::register(engine);
    random::register(engine, context);
    time::register(engine);
    replace::register(engine, context.bounds.string_bytes);
    let env = context.env.clone();
    engine.register_fn("env", move |name: &str| -> Dynamic {
        env.get(name).map_or(Dynamic::UNIT, |value| value.clone().into())
    });
    let env = context.env.clone();
    engine.register_fn("env", move |name: &str, default: Dynamic| -> Dynamic {
        env.get(name).map_or(default, |value| value.clone().into())
    });
}

/// The user whose script runs; an error at top level.
fn user(what: &str) -> Fallible<std::rc::Rc<super::user::User>> {
    super::coroutine::current_user().ok_or_else(|| {
        super::reply::runtime_error(format!(
            "`{what}` works only inside functions that the engine calls, not at top level"
        ))
    })
}
