//! What can be known to be wrong with a script without running it: functions that do not exist, request options that do
//! not exist, requests that have no host.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position};

use super::error::{Finding, Sources, did_you_mean};
use super::host::{METHODS, REQUEST_OPTIONS};
use crate::metric::MetricKind;

/// Deepest nesting of brackets in a script, so that the parser cannot overflow its stack (RELIABILITY.md row 45).
const MAX_NESTING: usize = 256;

/// Every function that a script may call: its name with the numbers of arguments it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Functions(BTreeMap<String, BTreeSet<usize>>);

impl Functions {
    /// The natives of an engine.
    pub(crate) fn of_engine(engine: &Engine) -> Self {
        let mut known = Self::default();
        let all = engine.collect_fn_metadata(
            None,
            |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
            true,
        );
        for (name, arity) in all {
            known.add(&name, arity);
        }
        for keyword in ["call", "curry", "is_shared", "type_of", "is_def_var", "is_def_fn", "Fn"] {
            (0..4).for_each(|arity| known.add(keyword, arity));
        }
        known
    }

    pub(crate) fn add_script(&mut self, ast: &AST) {
        for function in ast.iter_functions() {
            self.add(function.name, function.params.len());
        }
    }

    fn add(&mut self, name: &str, arity: usize) {
        self.0.entry(name.to_owned()).or_default().insert(arity);
    }

    /// Names that a person would write, for suggestions.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0
            .keys()
            .filter(|name| name.starts_with(|c: char| c.is_alphabetic()))
            .cloned()
            .collect()
    }
}

/// Refuses text that is nested too deep for the parser.
pub(crate) fn check_nesting(file: &str, text: &str, sources: &Sources) -> Result<(), Finding> {
    let mut depth = 0_usize;
    for (index, line) in text.lines().enumerate() {
        for (column, character) in line.chars().enumerate() {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_NESTING {
                let at =
                    Position::new((index + 1).min(65_535) as u16, (column + 1).min(65_535) as u16);
                let message = format!("the brackets are nested more than {MAX_NESTING} deep");
                return Err(sources.finding(file, at, message, None));
            }
        }
    }
    Ok(())
}

/// Looks at every call of a compiled script.
pub(crate) fn check_calls(
    file: &str,
    ast: &AST,
    known: &Functions,
    has_target: bool,
    sources: &Sources,
) -> Vec<Finding> {
    let lint = Lint { file, known, names: known.names(), has_target, sources };
    let mut findings = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at))) => {
                lint.call(call, false, *at, &mut findings)
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                lint.call(call, true, *at, &mut findings)
            }
            Some(ASTNode::Stmt(rhai::Stmt::FnCall(call, at))) => {
                lint.call(call, false, *at, &mut findings)
            }
            _ => {}
        }
        true
    });
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings.dedup();
    findings
}

/// Names of custom metrics that the script makes from literals, with their kind.
pub(crate) fn custom_metrics(ast: &AST) -> Vec<(String, MetricKind)> {
    let mut metrics = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
            && let Some(Expr::StringConstant(name, _)) = call.args.first()
        {
            let kind = match call.name.as_str() {
                "counter" => Some(MetricKind::Counter),
                "gauge" => Some(MetricKind::Gauge),
                "rate" => Some(MetricKind::Rate),
                "trend" => Some(MetricKind::Trend),
                _ => None,
            };
            metrics.extend(kind.map(|kind| (name.to_string(), kind)));
        }
        true
    });
    metrics.sort();
    metrics.dedup();
    metrics
}

struct Lint<'a> {
    file: &'a str,
    known: &'a Functions,
    names: Vec<String>,
    has_target: bool,
    sources: &'a Sources,
}

impl Lint<'_> {
    fn call(&self, call: &FnCallExpr, is_method: bool, at: Position, findings: &mut Vec<Finding>) {
        if call.is_qualified() || call.op_token.is_some() {
            return;
        }
        let name = call.name.as_str();
        let Some(arities) = self.known.0.get(name) else {
            if !name.starts_with("anon$") {
                let what = if is_method { "method" } else { "function" };
                let hint = did_you_mean(name, &self.names);
                findings.push(self.finding(at, format!("there is no {what} `{name}`"), hint));
            }
            return;
        };
        let given = call.args.len();
        let fits = arities.contains(&given) || (is_method && arities.contains(&(given + 1)));
        if !fits && !call.capture_parent_scope {
            let takes: Vec<String> = arities
                .iter()
                .map(|n| n.saturating_sub(usize::from(is_method)).to_string())
                .collect();
            let message = format!("`{name}` does not take {given} arguments");
            let hint = Some(format!("it takes {}", takes.join(" or ")));
            findings.push(self.finding(at, message, hint));
            return;
        }
        if is_method && METHODS.iter().any(|(method, _)| *method == name) {
            self.request(call, at, findings);
        }
    }

    fn request(&self, call: &FnCallExpr, at: Position, findings: &mut Vec<Finding>) {
        if let Some(Expr::StringConstant(url, place)) = call.args.first()
            && !self.has_target
            && !url.contains("://")
        {
            let hint =
                "add `target: \"http://host:port\"` to `options`, or give --target".to_owned();
            let message = format!("`{url}` has no host, and there is no target");
            findings.push(self.finding(
                if place.is_none() { at } else { *place },
                message,
                Some(hint),
            ));
        }
        let (Some(Expr::Map(map, _)), true) = (call.args.get(1), call.args.len() == 2) else {
            return;
        };
        for (key, _) in &map.0 {
            if !REQUEST_OPTIONS.contains(&key.name.as_str()) {
                let options: Vec<String> =
                    REQUEST_OPTIONS.iter().map(ToString::to_string).collect();
                let hint = did_you_mean(&key.name, &options)
                    .unwrap_or_else(|| format!("the options are {}", REQUEST_OPTIONS.join(", ")));
                let message = format!("a request has no option `{}`", key.name);
                findings.push(self.finding(key.pos, message, Some(hint)));
            }
        }
    }

    fn finding(&self, at: Position, message: String, hint: Option<String>) -> Finding {
        self.sources.finding(self.file, at, message, hint)
    }
}
