//! A script on one worker thread: its engine, its module, and the tasks it starts.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rhai::packages::{Package, StandardPackage};
use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, OptimizationLevel, Scope};

use super::compile::Script;
use super::coroutine::{self, RunEnded, ScriptLimits};
use super::error::{Finding, ScriptError};
use super::fast_path::{Environment, Functions, Value, call_by_rhai};
use super::host::{self, Failed, HostContext};
use super::import::BelowFolder;
use super::task::Task;
use super::user::User;
use super::value;
use crate::clock::RunClock;

/// Calls nested in each other.
const MAX_CALL_LEVELS: usize = 64;

/// How a call of a script function ended.
#[derive(Debug)]
pub enum TaskEnd {
    /// It returned.
    Completed,
    /// `user.fail(reason)`.
    Failed(String),
    /// The script raised an error.
    Error(Finding),
    /// The run ended before it did.
    Aborted,
}

/// One thread's copy of a script. Neither `Send` nor `Sync`.
#[derive(Debug)]
pub struct ScriptHost {
    engine: Rc<Engine>,
    script: Arc<Script>,
    clock: Cell<RunClock>,
    limits: ScriptLimits,
    /// `None` when only Rhai may call its functions.
    functions: Option<Rc<Functions>>,
}

/// An engine with everything that scripts can call.
pub(super) fn new_engine(context: &HostContext, stop_now: impl Fn() -> bool + 'static) -> Engine {
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_strict_variables(true);
    // The call of a task counts as one more.
    engine.set_max_call_levels(MAX_CALL_LEVELS + 1);
    let bounds = context.bounds;
    engine.set_max_expr_depths(64, 48);
    engine.set_max_array_size(bounds.items);
    engine.set_max_map_size(bounds.keys);
    engine.set_max_string_size(bounds.string_bytes);
    engine.set_max_modules(64);
    engine.set_max_functions(bounds.functions);
    engine.set_max_variables(bounds.variables);
    engine.set_max_operations(bounds.operations);
    engine.disable_symbol("eval");
    engine.on_progress(move |operations| coroutine::on_progress(operations, &stop_now));
    host::register(&mut engine, context);
    engine
}

impl ScriptHost {
    /// Compiles the script again for this thread. `stop_now` is looked at while a script computes.
    ///
    /// # Errors
    /// When the top level fails now although it did not before: it depends on something outside.
    pub fn new(
        script: Arc<Script>,
        clock: RunClock,
        limits: ScriptLimits,
        stop_now: Arc<AtomicBool>,
    ) -> Result<Self, ScriptError> {
        let mut engine = new_engine(&script.context, move || stop_now.load(Ordering::Relaxed));
        script.context.set_resolver(&mut engine, BelowFolder::new(&script.context.root));
        let explain =
            |error: &EvalAltResult| script.sources.explain(&script.file, error, &script.known);
        let mut ast: AST = engine.compile(&*script.text).map_err(|error| explain(&error.into()))?;
        ast.set_source(script.file.as_str());
        // Another script's functions may change what is meant by a name: Rhai finds out each time.
        let environment = if script.may_import {
            None
        } else {
            let prepared = Environment::prepare(&mut engine, &mut ast);
            Some(prepared.map_err(|error| explain(&error))?)
        };
        let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine)
            .map_err(|error| explain(&error))?;
        engine.register_global_module(module.into());
        let functions = environment
            .map(|environment| Functions::new(&engine, ast, &environment))
            .transpose()
            .map_err(|error| explain(&error))?;
        let (engine, functions) = (Rc::new(engine), functions.map(Rc::new));
        Ok(Self { engine, script, clock: Cell::new(clock), limits, functions })
    }

    /// The run has begun: tasks made from now on count time from this clock's zero.
    pub fn begin(&self, clock: RunClock) {
        self.clock.set(clock);
    }

    /// Whether the script has a function with this many parameters.
    #[must_use]
    pub fn has_function(&self, name: &str, parameters: usize) -> bool {
        self.script.functions().iter().any(|(n, p)| n == name && *p == parameters)
    }

    /// A task that will call `function` with the user. Nothing runs before it is resumed.
    pub fn task(&self, function: &Arc<str>, user: &Rc<User>) -> Task {
        if self.has_function(function, 0) {
            return self.call(function, user, &[]);
        }
        self.call(function, user, &[Value::User(user.clone())])
    }

    /// A task that will call `setup` or `teardown`: with nothing, the data, the user, or data and user, as the script
    /// declared it.
    pub fn stage_task(
        &self,
        function: &Arc<str>,
        user: &Rc<User>,
        data: Option<&serde_json::Value>,
    ) -> Task {
        let handle = Value::User(user.clone());
        let data = data.map(|data| Value::Other(value::from_json(data)));
        let declared =
            self.script.functions().iter().find(|(n, _)| **n == **function).map_or(0, |(_, p)| *p);
        let arguments = match (declared, data) {
            (0, _) => Vec::new(),
            (1, Some(data)) => vec![data],
            (1, None) => vec![handle],
            (_, data) => vec![data.unwrap_or(Value::Other(Dynamic::UNIT)), handle],
        };
        self.call(function, user, &arguments)
    }

    fn call(&self, function: &Arc<str>, user: &Rc<User>, arguments: &[Value]) -> Task {
        let (limits, clock) = (self.limits, self.clock.get());
        let functions = self.functions.as_ref();
        let walk =
            functions.and_then(|functions| functions.walk(&self.engine, user, function, arguments));
        match walk {
            Some(walk) => Task::walking(user, limits, clock, walk),
            None => {
                let (engine, function) = (self.engine.clone(), function.clone());
                let arguments = arguments.iter().cloned().map(Value::into_rhais).collect();
                let whole = move || call_by_rhai(&engine, &function, arguments);
                Task::on_stack(user, limits, clock, whole)
            }
        }
    }

    /// What the end of a task means.
    #[must_use]
    pub fn explain(&self, result: Result<Dynamic, Box<EvalAltResult>>) -> TaskEnd {
        let Err(error) = result else { return TaskEnd::Completed };
        if let Some(token) = terminated(&error) {
            if token.is::<RunEnded>() {
                return TaskEnd::Aborted;
            }
            if let Some(failed) = token.read_lock::<Failed>() {
                return TaskEnd::Failed(failed.0.to_string());
            }
        }
        TaskEnd::Error(self.script.sources.explain(&self.script.file, &error, &self.script.known))
    }

    /// What a script returned, as JSON that can go to other threads; `None` when JSON cannot say it.
    pub fn to_json(&self, returned: &Dynamic) -> Option<serde_json::Value> {
        value::to_json(returned)
    }

    /// Data for the users of this thread: one value that they share.
    pub fn shared_data(&self, data: &serde_json::Value) -> Dynamic {
        value::from_json(data).into_shared()
    }

    /// Whether Rhai does not do everything.
    #[cfg(test)]
    pub(super) fn has_shortcuts(&self) -> bool {
        self.functions.is_some()
    }

    /// The same, with everything done by Rhai.
    #[cfg(test)]
    pub(super) fn without_shortcuts(self) -> Self {
        Self { functions: None, ..self }
    }

    /// The file of the script, for messages.
    #[must_use]
    pub fn file(&self) -> &Path {
        Path::new(&self.script.file)
    }
}

fn terminated(error: &EvalAltResult) -> Option<&Dynamic> {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => Some(token),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => terminated(inner),
        _ => None,
    }
}
