//! `import` of other scripts, only from below the script's own folder.
//!
//! Rhai's own file resolver is no sandbox: it follows `..` and absolute paths. This one canonicalises and checks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope};

use super::error::Sources;

type SharedModule = rhai::Shared<Module>;

/// Largest script in bytes.
pub(crate) const MAX_SCRIPT_BYTES: u64 = 8 << 20;

/// Finds imports below a folder and remembers them.
#[derive(Debug, Clone)]
pub(crate) struct BelowFolder {
    root: PathBuf,
    /// How the folder was written by the user, for names in messages.
    shown_root: PathBuf,
    known: Rc<RefCell<BTreeMap<PathBuf, SharedModule>>>,
    sources: Rc<RefCell<Sources>>,
    asts: Rc<RefCell<Vec<(String, AST)>>>,
}

impl BelowFolder {
    pub(crate) fn new(shown_root: &Path) -> Self {
        let root = shown_root.canonicalize().unwrap_or_else(|_| shown_root.to_owned());
        Self {
            root,
            shown_root: shown_root.to_owned(),
            known: Rc::default(),
            sources: Rc::default(),
            asts: Rc::default(),
        }
    }

    /// Texts of everything that was imported.
    pub(crate) fn sources(&self) -> Sources {
        self.sources.borrow().clone()
    }

    /// Everything that was imported, compiled.
    pub(crate) fn asts(&self) -> Vec<(String, AST)> {
        self.asts.borrow().clone()
    }

    fn find(&self, source: Option<&str>, path: &str) -> Option<(PathBuf, String)> {
        let mut relative = PathBuf::from(path);
        if relative.is_absolute() {
            return None;
        }
        if relative.extension().is_none_or(|extension| extension != "rhai") {
            relative.set_extension("rhai");
        }
        let beside = source
            .and_then(|s| Path::new(s).parent())
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(&self.shown_root);
        let shown = beside.join(&relative);
        let real = shown.canonicalize().ok()?;
        real.starts_with(&self.root).then(|| (real, shown.display().to_string()))
    }
}

impl ModuleResolver for BelowFolder {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<SharedModule, Box<EvalAltResult>> {
        let missing = || Box::new(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position));
        let (real, shown) = self.find(source, path).ok_or_else(missing)?;
        if let Some(known) = self.known.borrow().get(&real) {
            return Ok(known.clone());
        }
        if std::fs::metadata(&real).map_err(|_| missing())?.len() > MAX_SCRIPT_BYTES {
            return Err(missing());
        }
        let text = std::fs::read_to_string(&real).map_err(|_| missing())?;
        self.sources.borrow_mut().add(&shown, &text);
        let in_module = |error: Box<EvalAltResult>| {
            Box::new(EvalAltResult::ErrorInModule(shown.clone(), error, position))
        };
        let mut ast = engine.compile(&text).map_err(|error| in_module(error.into()))?;
        ast.set_source(shown.as_str());
        let module: SharedModule =
            Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(in_module)?.into();
        self.asts.borrow_mut().push((shown, ast));
        self.known.borrow_mut().insert(real, module.clone());
        Ok(module)
    }
}
