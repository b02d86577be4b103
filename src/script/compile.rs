//! From a file to a checked script, before any load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{AST, ASTNode, Dynamic, Engine, Map, OptimizationLevel, Position, Scope, Stmt};

use super::confine::{Bounds, Folder};
use super::error::{Finding, ScriptError, Sources};
use super::host::{DataFiles, HostContext};
use super::import::{BelowFolder, MAX_SCRIPT_BYTES};
use super::lint::{self, Functions};
use super::{options, runtime};
use crate::metric::MetricKind;
use crate::plan::Confinement;
use crate::plan::layers::Wishes;

/// What a script is loaded with.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// What `env(..)` answers: the process's environment with `-e` over it.
    pub env: BTreeMap<String, String>,
    /// Seed of the run.
    pub seed: u64,
    /// Whether something other than the script names a target.
    pub has_target: bool,
    /// Bounds of a script of somebody else; `None` for one of the user's own.
    pub confinement: Option<Confinement>,
}

/// A script that was read, compiled and checked. It can go to other threads, which compile it again for themselves.
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
    pub(crate) context: HostContext,
    pub(crate) sources: Arc<Sources>,
    pub(crate) known: Arc<Vec<String>>,
    functions: Vec<(String, usize)>,
    /// Whether it may import other scripts, at its top level or on the way.
    pub(crate) may_import: bool,
    wishes: Wishes,
    custom_metrics: Vec<(String, MetricKind)>,
}

impl Script {
    /// Reads and checks a script file.
    ///
    /// # Errors
    /// Everything that is wrong with it: it cannot be read, does not parse, calls what does not exist, or its `options`
    /// do not make sense.
    pub fn load(path: &Path, load: LoadOptions) -> Result<Self, ScriptError> {
        let file = path.display().to_string();
        let text = read(path, &file)?;
        let root = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::from_text(&file, text, root.to_owned(), load)
    }

    /// Checks a script that is not in a file. Its imports and data files are looked for below `root`.
    ///
    /// # Errors
    /// As [`Script::load`].
    pub fn from_text(
        file: &str,
        text: String,
        root: PathBuf,
        load: LoadOptions,
    ) -> Result<Self, ScriptError> {
        let context = HostContext {
            folder: Folder::new(&root, load.confinement.as_ref()),
            root,
            bounds: Bounds::of(load.confinement.as_ref()),
            env: Arc::new(load.env),
            files: Arc::new(DataFiles::default()),
            seed: load.seed,
        };
        let mut sources = Sources::default();
        sources.add(file, &text);
        check_size(file, &text, context.bounds, &sources)?;
        lint::check_nesting(file, &text, &sources)?;
        let resolver = BelowFolder::new(&context.root);
        let mut engine = runtime::new_engine(&context, || false);
        context.set_resolver(&mut engine, resolver.clone());
        // The optimiser folds constant maps and with them the places of their keys.
        engine.set_optimization_level(OptimizationLevel::None);
        let mut functions = Functions::of_engine(&engine);

        let ast = compile(&engine, file, &text, &sources, &functions)?;
        functions.add_script(&ast);
        let top = evaluate(&engine, file, &ast, &resolver, &functions)?;
        sources = merged(&sources, &resolver);
        for (_, imported) in resolver.asts() {
            functions.add_script(&imported);
        }
        let own: Vec<(String, usize)> =
            ast.iter_functions().map(|f| (f.name.to_owned(), f.params.len())).collect();

        let read = options::Reader { file, ast: &ast, sources: &sources, functions: &own };
        let (wishes, mut findings) = read.wishes(&top);
        let has_target = load.has_target || wishes.target.is_some();
        findings.extend(lint::check_calls(file, &ast, &functions, has_target, &sources));
        for (name, imported) in resolver.asts() {
            findings.extend(lint::check_calls(&name, &imported, &functions, has_target, &sources));
        }
        if !findings.is_empty() {
            return Err(ScriptError { findings });
        }
        Ok(Self {
            file: file.to_owned(),
            may_import: imports(&ast),
            text: text.into(),
            context,
            sources: Arc::new(sources),
            known: Arc::new(functions.names()),
            functions: own,
            wishes,
            custom_metrics: lint::custom_metrics(&ast),
        })
    }

    /// What the script's `options` wish for.
    #[must_use]
    pub fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// The script's own functions and how many parameters each takes.
    #[must_use]
    pub fn functions(&self) -> &[(String, usize)] {
        &self.functions
    }

    /// Names of custom metrics that appear in the script as literals.
    #[must_use]
    pub fn custom_metrics(&self) -> &[(String, MetricKind)] {
        &self.custom_metrics
    }

    /// The file as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A finding at the place where `options` names something, for problems found while planning.
    #[must_use]
    pub fn finding_in_options(&self, word: &str, message: String, hint: Option<String>) -> Finding {
        let place = self.text.lines().enumerate().find_map(|(index, line)| {
            let column = line.find(word).filter(|_| !word.is_empty())?;
            Some(Position::new((index + 1).min(65_535) as u16, (column + 1).min(65_535) as u16))
        });
        self.sources.finding(&self.file, place.unwrap_or(Position::NONE), message, hint)
    }
}

fn read(path: &Path, file: &str) -> Result<String, ScriptError> {
    let cannot = |message: String, hint: &str| {
        let sources = Sources::default();
        ScriptError::from(sources.finding(file, Position::NONE, message, Some(hint.to_owned())))
    };
    let there = "give the path of a .rhai file, or a URL; `rhaid new` writes a starter script";
    let size = std::fs::metadata(path)
        .map_err(|error| cannot(format!("cannot be read: {error}"), there))?;
    if size.is_dir() {
        return Err(cannot("is a folder, not a script".to_owned(), there));
    }
    if size.len() > MAX_SCRIPT_BYTES {
        return Err(cannot(
            "is larger than 8 MiB".to_owned(),
            "put data into a file and read it with csv(..)",
        ));
    }
    let bytes =
        std::fs::read(path).map_err(|error| cannot(format!("cannot be read: {error}"), there))?;
    String::from_utf8(bytes).map_err(|_| cannot("is not UTF-8 text".to_owned(), "save it as UTF-8"))
}

fn check_size(file: &str, text: &str, bounds: Bounds, sources: &Sources) -> Result<(), Finding> {
    if text.len() <= bounds.source_bytes {
        return Ok(());
    }
    let message = format!("is larger than {} MiB", bounds.source_bytes >> 20);
    Err(sources.finding(file, Position::NONE, message, None))
}

fn compile(
    engine: &Engine,
    file: &str,
    text: &str,
    sources: &Sources,
    functions: &Functions,
) -> Result<AST, ScriptError> {
    let mut ast = engine
        .compile(text)
        .map_err(|error| sources.explain(file, &error.into(), &functions.names()))?;
    ast.set_source(file);
    Ok(ast)
}

/// Whether a script imports others, wherever it does.
fn imports(ast: &AST) -> bool {
    let is_import = |node: &ASTNode| matches!(node, ASTNode::Stmt(Stmt::Import(..)));
    // A walk goes on as long as it is told to.
    !ast.walk(&mut |path: &[ASTNode]| !path.last().is_some_and(is_import))
}

/// Runs the top level and gives back its `options`.
fn evaluate(
    engine: &Engine,
    file: &str,
    ast: &AST,
    resolver: &BelowFolder,
    functions: &Functions,
) -> Result<Map, ScriptError> {
    let mut scope = Scope::new();
    engine.run_ast_with_scope(&mut scope, ast).map_err(|error| {
        let mut sources = resolver.sources();
        sources.add(file, &std::fs::read_to_string(file).unwrap_or_default());
        sources.explain(file, &error, &functions.names())
    })?;
    let options = scope.get_value::<Dynamic>("options").unwrap_or(Dynamic::UNIT);
    if options.is_unit() {
        return Ok(Map::new());
    }
    let kind = options.type_name();
    options.try_cast::<Map>().ok_or_else(|| {
        let sources = Sources::default();
        let message = format!("`options` is a map, not {kind}");
        let hint = Some("write let options = #{ vus: 10, duration: \"30s\" };".to_owned());
        sources.finding(file, Position::NONE, message, hint).into()
    })
}

fn merged(own: &Sources, resolver: &BelowFolder) -> Sources {
    let mut all = own.clone();
    all.extend(&resolver.sources());
    all
}
