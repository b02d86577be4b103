//! What the statements of a function look like: which of them have a shortcut.

use rhai::{
    AST, ASTNode, BinaryExpr, Expr, FnCallExpr, ImmutableString, Map, Position, Stmt, StmtBlock,
};

use super::prepared::Prepared;
use crate::script::host::METHODS;

/// Statements that are done together.
#[derive(Debug)]
pub(super) struct Step {
    /// The shorter way of doing them, if there is one.
    pub(super) shortcut: Option<Shortcut>,
    /// All of it for Rhai.
    pub(super) whole: Expr,
}

/// A statement that can be done without Rhai.
#[derive(Debug)]
pub(super) enum Shortcut {
    /// `let answer = user.get("/");`
    Let(ImmutableString, Request),
    /// `user.get("/");`
    Request(Request),
    /// `check(answer, "name", answer.status == 200);`
    Check(Check),
}

impl Shortcut {
    /// Shows each name of a variable that it mentions.
    pub(super) fn each_name(&mut self, see: &mut impl FnMut(&mut ImmutableString)) {
        match self {
            Self::Let(name, request) => {
                see(name);
                see(&mut request.user);
            }
            Self::Request(request) => see(&mut request.user),
            Self::Check(check) => {
                check.subject.iter_mut().for_each(&mut *see);
                check.test.each_name(see);
            }
        }
    }
}

/// `user.post("/teams", #{ json: #{} })`
#[derive(Debug)]
pub(super) struct Request {
    pub(super) user: ImmutableString,
    pub(super) method: &'static str,
    pub(super) address: Address,
    pub(super) options: Options,
    pub(super) position: Position,
    /// What it came to, if it is of literals.
    pub(super) prepared: Prepared,
}

impl Request {
    /// Whether what it says is there without being evaluated.
    pub(super) fn needs_no_rhai(&self) -> bool {
        let is_literal = matches!(self.address, Address::Literal(_));
        is_literal && !matches!(self.options, Options::Evaluated(_))
    }
}

/// What else is said of a request: a map in braces.
#[derive(Debug)]
pub(super) enum Options {
    None,
    /// Of nothing but literals.
    Literal(Map),
    Evaluated(Expr),
}

/// Where a request goes to.
#[derive(Debug)]
pub(super) enum Address {
    /// `"/teams"`
    Literal(ImmutableString),
    /// `` `/teams/${id}` ``, which is a text whatever it is made of.
    Interpolated(Expr),
}

/// A check with a literal name.
#[derive(Debug)]
pub(super) struct Check {
    /// The variable that is checked, unless it is left out.
    pub(super) subject: Option<ImmutableString>,
    pub(super) name: ImmutableString,
    pub(super) test: Test,
}

/// A condition that changes nothing: it may be looked at twice.
#[derive(Debug)]
pub(super) enum Test {
    Operand(Operand),
    Compare(Operand, Relation, Operand),
    /// `a && b`
    All(Vec<Self>),
    /// `a || b`
    Any(Vec<Self>),
}

impl Test {
    fn each_name(&mut self, see: &mut impl FnMut(&mut ImmutableString)) {
        match self {
            Self::Operand(one) => one.each_name(see),
            Self::Compare(one, _, other) => {
                one.each_name(see);
                other.each_name(see);
            }
            Self::All(tests) | Self::Any(tests) => {
                tests.iter_mut().for_each(|test| test.each_name(see));
            }
        }
    }
}

/// One side of a comparison.
#[derive(Debug)]
pub(super) enum Operand {
    Bool(bool),
    Int(i64),
    /// `answer.status`
    Status(ImmutableString),
    /// `answer.ok`
    Ok(ImmutableString),
}

impl Operand {
    fn each_name(&mut self, see: &mut impl FnMut(&mut ImmutableString)) {
        match self {
            Self::Status(name) | Self::Ok(name) => see(name),
            Self::Bool(_) | Self::Int(_) => {}
        }
    }
}

/// How the sides of a comparison compare.
#[derive(Debug, Clone, Copy)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The statements of a function with so many parameters.
pub(super) fn statements(ast: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, its_name, its_parameters| {
        its_name == name && its_parameters == parameters
    });
    let mut statements = Vec::new();
    alone.walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

/// The steps that statements are done in. `defined` are the functions of the script: one of them may be meant where a function
/// of ours has the same name.
pub(super) fn steps(statements: &[Stmt], defined: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut for_rhai = Vec::new();
    for statement in statements {
        let Some(shortcut) = shortcut(statement, defined) else {
            for_rhai.push(statement.clone());
            continue;
        };
        if !for_rhai.is_empty() {
            steps.push(Step { shortcut: None, whole: block(std::mem::take(&mut for_rhai)) });
        }
        steps.push(Step { shortcut: Some(shortcut), whole: block(vec![statement.clone()]) });
    }
    if !for_rhai.is_empty() {
        steps.push(Step { shortcut: None, whole: block(for_rhai) });
    }
    steps
}

fn block(statements: Vec<Stmt>) -> Expr {
    let from = statements.first().map_or(Position::NONE, Stmt::position);
    Expr::Stmt(StmtBlock::new(statements, from, Position::NONE).into())
}

fn shortcut(statement: &Stmt, defined: &[&str]) -> Option<Shortcut> {
    match statement {
        Stmt::Var(variable, flags, _) if flags.is_empty() && variable.2.is_none() => {
            Some(Shortcut::Let(variable.0.name.clone(), request(&variable.1, defined)?))
        }
        Stmt::Expr(expression) => request(expression, defined).map(Shortcut::Request),
        Stmt::FnCall(call, _) => check(call, defined).map(Shortcut::Check),
        _ => None,
    }
}

fn request(expression: &Expr, defined: &[&str]) -> Option<Request> {
    let Expr::Dot(sides, flags, _) = expression else { return None };
    let BinaryExpr { lhs, rhs: Expr::MethodCall(call, position) } = &**sides else { return None };
    let (_, method) = METHODS.into_iter().find(|(name, _)| call.name == *name)?;
    if !flags.is_empty() || call.is_qualified() || defined.contains(&call.name.as_str()) {
        return None;
    }
    let (address, options) = match call.args.as_slice() {
        [address] => (address, Options::None),
        [address, options @ Expr::Map(..)] if keeps_variables(options) => {
            (address, Options::Evaluated(options.clone()))
        }
        [address, Expr::DynamicConstant(map, _)] => {
            (address, Options::Literal(map.read_lock::<Map>()?.clone()))
        }
        _ => return None,
    };
    let address = match address {
        Expr::StringConstant(text, _) => Address::Literal(text.clone()),
        Expr::InterpolatedString(..) if keeps_variables(address) => {
            Address::Interpolated(address.clone())
        }
        _ => return None,
    };
    Some(Request {
        user: variable(lhs)?,
        method,
        address,
        options,
        position: *position,
        prepared: Prepared::default(),
    })
}

fn check(call: &FnCallExpr, defined: &[&str]) -> Option<Check> {
    if call.name != "check" || call.is_qualified() || defined.contains(&"check") {
        return None;
    }
    let (subject, name, passed) = match call.args.as_slice() {
        [Expr::StringConstant(name, _), passed] => (None, name, passed),
        [subject, Expr::StringConstant(name, _), passed] => {
            (Some(variable(subject)?), name, passed)
        }
        _ => return None,
    };
    Some(Check { subject, name: name.clone(), test: test(passed)? })
}

fn test(expression: &Expr) -> Option<Test> {
    match expression {
        Expr::And(parts, _) => parts.iter().map(test).collect::<Option<_>>().map(Test::All),
        Expr::Or(parts, _) => parts.iter().map(test).collect::<Option<_>>().map(Test::Any),
        Expr::FnCall(call, _) if call.op_token.is_some() && !call.is_qualified() => {
            let relation = match call.name.as_str() {
                "==" => Relation::Equal,
                "!=" => Relation::NotEqual,
                "<" => Relation::Less,
                "<=" => Relation::LessOrEqual,
                ">" => Relation::Greater,
                ">=" => Relation::GreaterOrEqual,
                _ => return None,
            };
            let [left, right] = call.args.as_slice() else { return None };
            Some(Test::Compare(operand(left)?, relation, operand(right)?))
        }
        other => operand(other).map(Test::Operand),
    }
}

fn operand(expression: &Expr) -> Option<Operand> {
    match expression {
        Expr::BoolConstant(value, _) => Some(Operand::Bool(*value)),
        Expr::IntegerConstant(value, _) => Some(Operand::Int(*value)),
        Expr::Dot(sides, flags, _) if flags.is_empty() => {
            let BinaryExpr { lhs, rhs: Expr::Property(property, _) } = &**sides else {
                return None;
            };
            match property.2.as_str() {
                "status" => Some(Operand::Status(variable(lhs)?)),
                "ok" => Some(Operand::Ok(variable(lhs)?)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The name of a variable of the function itself.
fn variable(expression: &Expr) -> Option<ImmutableString> {
    match expression {
        Expr::Variable(variable, ..) if variable.2.is_empty() => Some(variable.1.clone()),
        _ => None,
    }
}

/// Whether the variables are the same when an expression has been evaluated: it has no statements.
fn keeps_variables(expression: &Expr) -> bool {
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        !matches!(path.last(), Some(ASTNode::Stmt(_)))
    })
}
