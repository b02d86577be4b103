//! The functions of a script as the engine runs them: requests and plain checks are done here, everything else is Rhai's.
//!
//! For `let r = user.get("/"); check(r, "ok", r.status == 200);` Rhai walks a tree, looks up five functions by their hashes and
//! prepares their calls, which is a quarter of all that a request costs. These few statements are known by their shape when the
//! script is compiled, and done without that.
//!
//! What a script means stays what Rhai says it means. A shortcut looks at the values that it needs before it does anything; when
//! one is not what it knows how to handle, Rhai runs the statement, as it runs every other one, with the same variables.

mod shape;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState,
    ImmutableString, Map, NativeCallContext, Position, Scope,
};

use self::shape::{Address, Check, Operand, Relation, Request, Shortcut, Step, Test};
use super::host::{Handle, Sites, note_check, request};
use super::reply::Response;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Notes of calls that each thread keeps for reuse.
const KEPT_STATES: usize = 1024;
/// A function that every script gets, and what it calls.
const PROBE: &str = "rhaid_probe";
const NOTE_SURROUNDINGS: &str = "rhaid_note_surroundings";

/// The functions of one script on one thread.
pub(super) struct Functions {
    bodies: Vec<Body>,
    sites: Sites,
    idle: IdleStates,
}

/// A function.
struct Body {
    name: String,
    parameters: Vec<ImmutableString>,
    steps: Vec<Step>,
}

/// What Rhai notes down during a call: where it is, and which function is meant by which name and arguments.
struct CallState {
    global: GlobalRuntimeState,
    caches: Caches,
}

/// The notes of calls that have ended. The next call takes them over: to find the functions of a short script again takes as
/// long as to run it.
struct IdleStates {
    #[expect(
        clippy::vec_box,
        reason = "each goes to a coroutine's stack and back, where a pointer is less to move and to keep"
    )]
    kept: RefCell<Vec<Box<CallState>>>,
    /// What is around the first statement of every function.
    surroundings: GlobalRuntimeState,
}

/// A call that runs.
struct Call<'a> {
    engine: &'a Engine,
    functions: &'a Functions,
    variables: Variables,
    /// There once Rhai was needed.
    state: Option<Box<CallState>>,
}

/// Variables of a call, the last one last. They go over to Rhai when it is needed, and stay there.
enum Variables {
    Ours(Vec<(ImmutableString, Dynamic)>),
    Rhais(Scope<'static>),
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.bodies.iter().map(|body| &body.name);
        f.debug_list().entries(names).finish()
    }
}

/// What is around the first statement of a function when it is called from Rust. Only Rhai knows, so a function asks it.
#[derive(Debug)]
pub(super) struct Surroundings(Rc<RefCell<Option<GlobalRuntimeState>>>);

impl Surroundings {
    /// Gives the script a function that notes what is around it.
    ///
    /// # Errors
    /// When Rhai does not understand that function, which is a defect of ours.
    pub(super) fn prepare(engine: &mut Engine, ast: &mut AST) -> Fallible<Self> {
        let noted = Rc::<RefCell<_>>::default();
        let note = Rc::clone(&noted);
        engine.register_fn(NOTE_SURROUNDINGS, move |context: NativeCallContext| {
            note.replace(Some(context.global_runtime_state().clone()));
        });
        ast.combine(engine.compile(format!("fn {PROBE}() {{ {NOTE_SURROUNDINGS}(); }}"))?);
        Ok(Self(noted))
    }

    /// Calls that function.
    fn note(&self, engine: &Engine) -> Fallible<GlobalRuntimeState> {
        let _unit = call_by_rhai(engine, PROBE, Vec::new())?;
        let mut global = self.0.take().expect("the function has noted it");
        // The call of the Rust function was one more.
        global.level -= 1;
        Ok(global)
    }
}

/// Lets Rhai call a function, and do all of it.
///
/// # Errors
/// What the script raises.
pub(super) fn call_by_rhai(
    engine: &Engine,
    function: &str,
    mut arguments: Vec<Dynamic>,
) -> Fallible<Dynamic> {
    let mut global = engine.new_global_runtime_state();
    let (mut caches, mut scope) = (Caches::new(), Scope::new());
    let mut arguments: Vec<&mut Dynamic> = arguments.iter_mut().collect();
    EvalContext::new(engine, &mut global, &mut caches, &mut scope, None).call_fn_raw(
        function,
        false,
        false,
        &mut arguments,
    )
}

impl Functions {
    /// Takes the functions of a script apart, which is known to the engine and was prepared before.
    ///
    /// # Errors
    /// When the script cannot be called.
    pub(super) fn new(engine: &Engine, ast: &AST, surroundings: &Surroundings) -> Fallible<Self> {
        let idle =
            IdleStates { kept: RefCell::default(), surroundings: surroundings.note(engine)? };
        let defined: Vec<_> = ast.iter_functions().map(|function| function.name).collect();
        let bodies = ast.iter_functions().map(|function| {
            let statements = shape::statements(ast, function.name, function.params.len());
            Body {
                name: function.name.to_owned(),
                parameters: function.params.iter().map(|&name| name.into()).collect(),
                steps: shape::steps(&statements, &defined),
            }
        });
        Ok(Self { bodies: bodies.collect(), sites: Sites::default(), idle })
    }

    /// Calls a function.
    ///
    /// # Errors
    /// What the script raises; that there is no such function.
    pub(super) fn call(
        &self,
        engine: &Engine,
        name: &str,
        arguments: Vec<Dynamic>,
    ) -> Fallible<Dynamic> {
        let is_it = |body: &&Body| body.parameters.len() == arguments.len() && body.name == name;
        let Some(body) = self.bodies.iter().find(is_it) else {
            return Err(
                EvalAltResult::ErrorFunctionNotFound(name.to_owned(), Position::NONE).into()
            );
        };
        let variables = body.parameters.iter().cloned().zip(arguments).collect();
        let variables = Variables::Ours(variables);
        let mut call = Call { engine, functions: self, variables, state: None };
        let result = call.run(&body.steps);
        if let Some(state) = call.state.take() {
            self.idle.keep(state);
        }
        result.or_else(|error| self.ended(body, *error))
    }

    /// What the call of a function ends with when a statement ended with an error, as Rhai has it.
    fn ended(&self, body: &Body, error: EvalAltResult) -> Fallible<Dynamic> {
        match error {
            EvalAltResult::Return(value, _) => Ok(value),
            mut error @ EvalAltResult::Exit(..) => {
                error.set_position(Position::NONE);
                Err(error.into())
            }
            mut error if error.is_system_exception() => {
                error.set_position(Position::NONE);
                Err(error.into())
            }
            error => {
                let source = self.idle.surroundings.source.clone().unwrap_or_default();
                Err(EvalAltResult::ErrorInFunctionCall(
                    body.name.clone(),
                    source.to_string(),
                    error.into(),
                    Position::NONE,
                )
                .into())
            }
        }
    }
}

impl IdleStates {
    fn take_one(&self) -> Box<CallState> {
        let mut state = self.kept.borrow_mut().pop().unwrap_or_else(|| {
            Box::new(CallState { global: self.surroundings.clone(), caches: Caches::new() })
        });
        state.global.num_operations = 0;
        state
    }

    fn keep(&self, state: Box<CallState>) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_STATES {
            kept.push(state);
        }
    }
}

impl Variables {
    fn get(&self, name: &str) -> Option<&Dynamic> {
        match self {
            Self::Ours(all) => {
                all.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            Self::Rhais(scope) => scope.get(name),
        }
    }

    fn push(&mut self, name: &ImmutableString, value: Dynamic) {
        match self {
            Self::Ours(all) => all.push((name.clone(), value)),
            Self::Rhais(scope) => {
                scope.push_dynamic(name.clone(), value);
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ours(all) => all.len(),
            Self::Rhais(scope) => scope.len(),
        }
    }

    fn as_rhais(&mut self) -> &mut Scope<'static> {
        if let Self::Ours(all) = self {
            *self = Self::Rhais(std::mem::take(all).into_iter().collect());
        }
        match self {
            Self::Rhais(scope) => scope,
            Self::Ours(_) => unreachable!("they have just gone over"),
        }
    }

    /// The value of a variable that a shortcut may use: it is nobody else's, and no constant, of which some methods may not be
    /// called.
    fn of_type<T: Clone + 'static>(&self, name: &str) -> Option<impl Deref<Target = T>> {
        let value = self.get(name)?;
        if value.is_shared() || value.is_read_only() {
            return None;
        }
        value.read_lock::<T>()
    }
}

impl Call<'_> {
    fn run(&mut self, steps: &[Step]) -> Fallible<Dynamic> {
        let mut last = Dynamic::UNIT;
        for Step { shortcut, whole } in steps {
            let done = match shortcut {
                Some(shortcut) => self.take(shortcut)?,
                None => None,
            };
            last = match done {
                Some(value) => value,
                None => self.evaluate(whole)?,
            };
        }
        Ok(last)
    }

    /// Lets Rhai evaluate an expression. What it defines stays defined.
    fn evaluate(&mut self, expression: &Expr) -> Fallible<Dynamic> {
        let scope = self.variables.as_rhais();
        let state = self.state.get_or_insert_with(|| self.functions.idle.take_one());
        let CallState { global, caches } = &mut **state;
        let mut context = EvalContext::new(self.engine, global, caches, scope, None);
        #[expect(
            deprecated,
            reason = "marked as volatile, and the only way to leave variables behind"
        )]
        context.eval_expression_tree_raw(&Expression::from(expression), false)
    }

    /// Takes a shortcut; `None` when it is closed, and nothing has been done.
    fn take(&mut self, shortcut: &Shortcut) -> Fallible<Option<Dynamic>> {
        match shortcut {
            Shortcut::Let(name, request) => {
                if self.variables.len() >= self.engine.max_variables() {
                    return Ok(None);
                }
                let Some(response) = self.request(request)? else { return Ok(None) };
                self.variables.push(name, Dynamic::from(response));
                Ok(Some(Dynamic::UNIT))
            }
            Shortcut::Request(request) => Ok(self.request(request)?.map(Dynamic::from)),
            Shortcut::Check(check) => self.check(check),
        }
    }

    fn request(&mut self, asked: &Request) -> Fallible<Option<Response>> {
        let user = self.variables.of_type::<Handle>(&asked.user).map(|user| user.clone());
        let Some(user) = user else { return Ok(None) };
        let address = match &asked.address {
            Address::Literal(text) => text.clone(),
            Address::Interpolated(parts) => self.evaluate(parts)?.cast::<ImmutableString>(),
        };
        let options = match &asked.options {
            Some(map) => self.evaluate(map)?.cast::<Map>(),
            None => Map::new(),
        };
        request(&self.functions.sites, &user, asked.method, &address, options)
            .map(Some)
            .map_err(|error| at(error, asked.position))
    }

    fn check(&self, check: &Check) -> Fallible<Option<Dynamic>> {
        if check.subject.as_ref().is_some_and(|name| self.variables.get(name).is_none()) {
            return Ok(None);
        }
        let Some(passed) = self.holds(&check.test) else { return Ok(None) };
        note_check(&check.name, passed)
            .map(|passed| Some(passed.into()))
            .map_err(|error| at(error, check.position))
    }

    /// Whether a test holds; `None` when it compares what is not compared here.
    fn holds(&self, test: &Test) -> Option<bool> {
        match test {
            Test::Operand(operand) => match self.seen(operand)? {
                Seen::Bool(value) => Some(value),
                Seen::Int(_) => None,
            },
            Test::Compare(left, relation, right) => {
                let order = match (self.seen(left)?, self.seen(right)?) {
                    (Seen::Int(left), Seen::Int(right)) => left.cmp(&right),
                    (Seen::Bool(left), Seen::Bool(right)) => left.cmp(&right),
                    _ => return None,
                };
                Some(match relation {
                    Relation::Equal => order.is_eq(),
                    Relation::NotEqual => order.is_ne(),
                    Relation::Less => order.is_lt(),
                    Relation::LessOrEqual => order.is_le(),
                    Relation::Greater => order.is_gt(),
                    Relation::GreaterOrEqual => order.is_ge(),
                })
            }
            Test::All(tests) => {
                for test in tests {
                    if !self.holds(test)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Test::Any(tests) => {
                for test in tests {
                    if self.holds(test)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
        }
    }

    fn seen(&self, operand: &Operand) -> Option<Seen> {
        Some(match operand {
            Operand::Bool(value) => Seen::Bool(*value),
            Operand::Int(value) => Seen::Int(*value),
            Operand::Status(name) => {
                Seen::Int(self.variables.of_type::<Response>(name)?.status().into())
            }
            Operand::Ok(name) => Seen::Bool(self.variables.of_type::<Response>(name)?.is_ok()),
        })
    }
}

/// A value that can be compared.
enum Seen {
    Bool(bool),
    Int(i64),
}

/// An error of a host function, at the place of its call unless it has one of its own.
fn at(mut error: Box<EvalAltResult>, position: Position) -> Box<EvalAltResult> {
    if error.position().is_none() {
        error.set_position(position);
    }
    error
}
