//! The functions of a script as the engine runs them: requests and plain checks are done here, everything else is Rhai's.
//!
//! For `let r = user.get("/"); check(r, "ok", r.status == 200);` Rhai walks a tree, looks up five functions by their hashes and
//! prepares their calls, which is a quarter of all that a request costs. These few statements are known by their shape when the
//! script is compiled, and done without that.
//!
//! As long as nothing else is to be done, a call needs no stack of its own either: [`Walk`] stops at a request and goes on with its
//! answer. Where Rhai is needed, the rest of the call is [`Walk::finish`]ed on a stack.
//!
//! What a script means stays what Rhai says it means. A shortcut looks at the values that it needs before it does anything; when
//! one is not what it knows how to handle, Rhai runs the statement, as it runs every other one, with the same variables.

mod prepared;
mod shape;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState,
    ImmutableString, Map, NativeCallContext, Position, Scope, ScriptFnMetadata,
};

use self::shape::{Address, Check, Operand, Options, Relation, Request, Shortcut, Step, Test};
use super::call::HttpCall;
use super::coroutine::{self, Operation, Resumption};
use super::host::{Handle, Sites, build};
use super::reply::Response;
use super::user::User;
use crate::prefetch;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Notes of calls that each thread keeps for reuse.
const KEPT_STATES: usize = 1024;
/// A function that every script gets, and what it calls.
const PROBE: &str = "rhaid_probe";
const NOTE_ENVIRONMENT: &str = "rhaid_note_environment";

/// The functions of one script on one thread.
pub(super) struct Functions {
    ast: AST,
    /// Those that have been called.
    bodies: RefCell<Vec<Rc<Body>>>,
    sites: Sites,
    idle: IdleStates,
}

/// A function.
struct Body {
    name: String,
    parameters: Vec<ImmutableString>,
    steps: Vec<Step>,
    /// How many variables there are at the end if Rhai is not needed.
    variables: usize,
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
    environment: GlobalRuntimeState,
}

/// A call of a function, as far as it has come.
pub(super) struct Walk {
    engine: Rc<Engine>,
    functions: Rc<Functions>,
    user: Rc<User>,
    body: Rc<Body>,
    /// The step that is to be done.
    next: usize,
    variables: Variables,
    /// What the step before it gave.
    last: Dynamic,
    /// There once Rhai was needed.
    state: Option<Box<CallState>>,
}

/// Where a walk has stopped.
pub(super) enum Pause {
    /// At a request; goes on with its answer.
    Request(Rc<HttpCall>),
    /// Where Rhai is needed.
    Rhai,
    /// At the end.
    Ended(Fallible<Dynamic>),
}

/// Variables of a call, the last one last. They go over to Rhai when it is needed, and stay there.
enum Variables {
    Ours(Vec<(ImmutableString, Value)>),
    Rhais(Scope<'static>),
}

/// What a variable is while Rhai has not been needed. For Rhai, a value of ours is two more allocations.
#[derive(Clone)]
pub(super) enum Value {
    User(Handle),
    Response(Response),
    Other(Dynamic),
}

impl Value {
    /// As Rhai has it.
    pub(super) fn into_rhais(self) -> Dynamic {
        match self {
            Self::User(user) => Dynamic::from(user),
            Self::Response(response) => Dynamic::from(response),
            Self::Other(value) => value,
        }
    }
}

/// A variable that was found.
enum Found<'a> {
    Ours(&'a Value),
    Rhais(&'a Dynamic),
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions").field("called", &self.bodies.borrow().len()).finish()
    }
}

/// What is around the first statement of a function when it is called from Rust. Only Rhai knows, so a function asks it.
#[derive(Debug)]
pub(super) struct Environment(Rc<RefCell<Option<GlobalRuntimeState>>>);

impl Environment {
    /// Gives the script a function that notes what is around it.
    ///
    /// # Errors
    /// When Rhai does not understand that function, which is a defect of ours.
    pub(super) fn prepare(engine: &mut Engine, ast: &mut AST) -> Fallible<Self> {
        let noted = Rc::<RefCell<_>>::default();
        let note = Rc::clone(&noted);
        engine.register_fn(NOTE_ENVIRONMENT, move |context: NativeCallContext| {
            note.replace(Some(context.global_runtime_state().clone()));
        });
        ast.combine(engine.compile(format!("fn {PROBE}() {{ {NOTE_ENVIRONMENT}(); }}"))?);
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
    /// The functions of a script, which is known to the engine and was prepared before.
    ///
    /// # Errors
    /// When the script cannot be called.
    pub(super) fn new(engine: &Engine, ast: AST, environment: &Environment) -> Fallible<Self> {
        let idle = IdleStates { kept: RefCell::default(), environment: environment.note(engine)? };
        Ok(Self { ast, bodies: RefCell::default(), sites: Sites::default(), idle })
    }

    /// A function, taken apart when it is asked for first: the engine calls few of those that there may be.
    fn body(&self, name: &str, arguments: usize) -> Option<Rc<Body>> {
        let is_it = |body: &&Rc<Body>| body.parameters.len() == arguments && body.name == name;
        if let Some(body) = self.bodies.borrow().iter().find(is_it) {
            return Some(Rc::clone(body));
        }
        let body = Rc::new(Body::of(&self.ast, name, arguments)?);
        self.bodies.borrow_mut().push(Rc::clone(&body));
        Some(body)
    }

    /// A call of a function at its begin. `None` when there is no function of that name for so many arguments.
    pub(super) fn walk(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        user: &Rc<User>,
        name: &str,
        arguments: &[Value],
    ) -> Option<Walk> {
        let body = self.body(name, arguments.len())?;
        let mut variables = Vec::with_capacity(body.variables);
        variables.extend(body.parameters.iter().cloned().zip(arguments.iter().cloned()));
        Some(Walk {
            engine: Rc::clone(engine),
            functions: Rc::clone(self),
            user: Rc::clone(user),
            body,
            next: 0,
            variables: Variables::Ours(variables),
            last: Dynamic::UNIT,
            state: None,
        })
    }
}

impl Body {
    /// `None` when the script has no such function.
    fn of(ast: &AST, name: &str, arguments: usize) -> Option<Self> {
        let defined: Vec<_> = ast.iter_functions().collect();
        let is_it = |function: &&ScriptFnMetadata| {
            function.name == name && function.params.len() == arguments
        };
        let parameters = &defined.iter().find(is_it)?.params;
        let names: Vec<_> = defined.iter().map(|function| function.name).collect();
        let mut steps = shape::steps(&shape::statements(ast, name, arguments), &names);
        let parameters: Vec<ImmutableString> = parameters.iter().map(|&name| name.into()).collect();
        share_names(parameters.clone(), &mut steps);
        let defines = |step: &&Step| matches!(step.shortcut, Some(Shortcut::Let(..)));
        Some(Self {
            name: name.to_owned(),
            parameters,
            variables: arguments + steps.iter().filter(defines).count(),
            steps,
        })
    }
}

/// Lets all mentions of a name be one text: that two names are the same is seen by where they are.
fn share_names(mut known: Vec<ImmutableString>, steps: &mut [Step]) {
    let mut share = |name: &mut ImmutableString| match known.iter().find(|known| *known == name) {
        Some(known) => *name = known.clone(),
        None => known.push(name.clone()),
    };
    let shortcuts = steps.iter_mut().filter_map(|step| step.shortcut.as_mut());
    shortcuts.for_each(|shortcut| shortcut.each_name(&mut share));
}

impl IdleStates {
    fn take_one(&self) -> Box<CallState> {
        let mut state = self.kept.borrow_mut().pop().unwrap_or_else(|| {
            Box::new(CallState { global: self.environment.clone(), caches: Caches::new() })
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
    fn get(&self, name: &ImmutableString) -> Option<Found<'_>> {
        match self {
            Self::Ours(all) => {
                let is_it = |(key, _): &&(ImmutableString, Value)| key.ptr_eq(name) || key == name;
                all.iter().rev().find(is_it).map(|(_, value)| Found::Ours(value))
            }
            Self::Rhais(scope) => scope.get(name).map(Found::Rhais),
        }
    }

    fn push(&mut self, name: &ImmutableString, response: Response) {
        match self {
            Self::Ours(all) => all.push((name.clone(), Value::Response(response))),
            Self::Rhais(scope) => {
                scope.push_dynamic(name.clone(), Dynamic::from(response));
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
            let all = std::mem::take(all).into_iter();
            *self = Self::Rhais(all.map(|(name, value)| (name, value.into_rhais())).collect());
        }
        match self {
            Self::Rhais(scope) => scope,
            Self::Ours(_) => unreachable!("they have just gone over"),
        }
    }

    /// The user that a variable is.
    fn user(&self, name: &ImmutableString) -> Option<Handle> {
        match self.get(name)? {
            Found::Ours(Value::User(user)) => Some(Rc::clone(user)),
            Found::Ours(Value::Other(value)) | Found::Rhais(value) => {
                own::<Handle>(value).map(|user| Rc::clone(&user))
            }
            Found::Ours(Value::Response(_)) => None,
        }
    }

    /// What `of` tells of the response that a variable is.
    fn of_response<T>(&self, name: &ImmutableString, of: impl FnOnce(&Response) -> T) -> Option<T> {
        match self.get(name)? {
            Found::Ours(Value::Response(response)) => Some(of(response)),
            Found::Ours(Value::Other(value)) | Found::Rhais(value) => {
                own::<Response>(value).map(|response| of(&response))
            }
            Found::Ours(Value::User(_)) => None,
        }
    }
}

/// A value that a shortcut may use: it is nobody else's, and no constant, of which some methods may not be called.
fn own<T: Clone + 'static>(value: &Dynamic) -> Option<impl Deref<Target = T>> {
    if value.is_shared() || value.is_read_only() {
        return None;
    }
    value.read_lock::<T>()
}

impl Walk {
    /// Goes on until there is something to wait for, or Rhai is needed. Begins with [`Resumption::Start`].
    pub(super) fn go(&mut self, with: Resumption) -> Pause {
        self.advance(with, false)
    }

    /// Fetches what it will use when it goes on.
    pub(super) fn prefetch(&self) {
        if let Variables::Ours(all) = &self.variables {
            let from = all.as_ptr().addr();
            prefetch::range(
                from,
                from + self.body.variables * size_of::<(ImmutableString, Value)>(),
            );
        }
    }

    /// Does the rest, on the stack of a task.
    ///
    /// # Errors
    /// What the script raises.
    pub(super) fn finish(mut self) -> Fallible<Dynamic> {
        let mut with = Resumption::Start;
        let result = loop {
            let went_on = match self.advance(with, true) {
                Pause::Request(call) => coroutine::suspend(Operation::Request(call)),
                Pause::Rhai => self.leave_to_rhai().map(|()| Resumption::Start),
                Pause::Ended(result) => break result,
            };
            match went_on {
                Ok(next) => with = next,
                Err(error) => break self.ended(*error),
            }
        };
        if let Some(state) = self.state.take() {
            self.functions.idle.keep(state);
        }
        result
    }

    /// Does steps as long as they have shortcuts. Only on a stack may a request's options be evaluated.
    fn advance(&mut self, with: Resumption, is_on_stack: bool) -> Pause {
        match with {
            Resumption::Reply(reply) => self.answered(Response::new(reply)),
            Resumption::Aborted => return Pause::Ended(self.ended(*coroutine::ended())),
            Resumption::Start | Resumption::Woken => {}
        }
        let body = Rc::clone(&self.body);
        while let Some(step) = body.steps.get(self.next) {
            match &step.shortcut {
                Some(Shortcut::Let(_, request) | Shortcut::Request(request))
                    if (is_on_stack || request.needs_no_rhai()) && self.has_room() =>
                {
                    match self.ask(request) {
                        Ok(Some(call)) => return Pause::Request(call),
                        Ok(None) => return Pause::Rhai,
                        Err(error) => return Pause::Ended(self.ended(*error)),
                    }
                }
                Some(Shortcut::Check(check)) => {
                    let Some(passed) = self.check(check) else { return Pause::Rhai };
                    self.done(passed.into());
                }
                _ => return Pause::Rhai,
            }
        }
        Pause::Ended(Ok(std::mem::take(&mut self.last)))
    }

    /// Lets Rhai do a step.
    fn leave_to_rhai(&mut self) -> Fallible<()> {
        let body = Rc::clone(&self.body);
        let value = self.evaluate(&body.steps[self.next].whole)?;
        self.done(value);
        Ok(())
    }

    /// A step is done.
    fn done(&mut self, value: Dynamic) {
        self.last = value;
        self.next += 1;
    }

    /// The request of a step is done.
    fn answered(&mut self, response: Response) {
        let step = self.body.steps.get(self.next);
        let value = match step.and_then(|step| step.shortcut.as_ref()) {
            Some(Shortcut::Let(name, _)) => {
                self.variables.push(name, response);
                Dynamic::UNIT
            }
            _ => Dynamic::from(response),
        };
        self.done(value);
    }

    /// What the call ends with when a statement ended with an error, as Rhai has it.
    #[cold]
    fn ended(&self, error: EvalAltResult) -> Fallible<Dynamic> {
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
                let source = self.functions.idle.environment.source.clone().unwrap_or_default();
                Err(EvalAltResult::ErrorInFunctionCall(
                    self.body.name.clone(),
                    source.to_string(),
                    error.into(),
                    Position::NONE,
                )
                .into())
            }
        }
    }

    /// Lets Rhai evaluate an expression. What it defines stays defined.
    fn evaluate(&mut self, expression: &Expr) -> Fallible<Dynamic> {
        let scope = self.variables.as_rhais();
        let state = self.state.get_or_insert_with(|| self.functions.idle.take_one());
        let CallState { global, caches } = &mut **state;
        let mut context = EvalContext::new(&self.engine, global, caches, scope, None);
        #[expect(
            deprecated,
            reason = "marked as volatile, and the only way to leave variables behind"
        )]
        context.eval_expression_tree_raw(&Expression::from(expression), false)
    }

    /// Whether one more variable is allowed.
    fn has_room(&self) -> bool {
        self.variables.len() < self.engine.max_variables()
    }

    /// What a request asks for; `None` when it is not a user who is asked, and nothing has been done.
    fn ask(&mut self, asked: &Request) -> Fallible<Option<Rc<HttpCall>>> {
        let Some(user) = self.variables.user(&asked.user) else { return Ok(None) };
        let is_of_literals = asked.needs_no_rhai();
        if is_of_literals && let Some(call) = asked.prepared.of(&user) {
            return Ok(Some(call));
        }
        let interpolated;
        let address = match &asked.address {
            Address::Literal(text) => text,
            Address::Interpolated(parts) => {
                interpolated = self.evaluate(parts)?.cast::<ImmutableString>();
                &interpolated
            }
        };
        let options = match &asked.options {
            Options::None => Map::new(),
            Options::Literal(map) => map.clone(),
            Options::Evaluated(map) => self.evaluate(map)?.cast::<Map>(),
        };
        let call = build(&self.functions.sites, &user, asked.method, address, options)
            .map_err(|error| at(error, asked.position))?;
        if is_of_literals {
            asked.prepared.note(&user, &call);
        }
        Ok(Some(call))
    }

    /// Notes a check; `None` when it compares what is not compared here, and nothing has been done.
    fn check(&self, check: &Check) -> Option<bool> {
        if let Some(subject) = &check.subject {
            self.variables.get(subject)?;
        }
        let passed = self.holds(&check.test)?;
        self.user.observer().check(&self.user, &check.name, passed);
        Some(passed)
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
                Seen::Int(self.variables.of_response(name, Response::status)?.into())
            }
            Operand::Ok(name) => Seen::Bool(self.variables.of_response(name, Response::is_ok)?),
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
