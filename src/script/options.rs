//! A script's `options` as wishes, with a finding for everything in it that makes no sense.

mod scrape;

use std::collections::BTreeMap;
use std::time::Duration;

use rhai::{AST, Array, Dynamic, Expr, Map, Position, Stmt};

use super::error::{Finding, Sources, did_you_mean};
use super::host::think_time_of;
use super::value;
use crate::metric::threshold::Threshold;
use crate::plan::layers::{HttpWishes, LoadWishes, PeakWish, PhaseWish, ScenarioWishes, Wishes};
use crate::plan::{Arrival, HttpVersion, ThinkTime};
use crate::units::{self, Rate};

/// Keys of a load; they may stand in `load` or beside it.
const LOAD_KEYS: [&str; 16] = [
    "executor",
    "vus",
    "duration",
    "iterations",
    "per_vu",
    "rate",
    "arrival",
    "max_vus",
    "max_duration",
    "phases",
    "stages",
    "profile",
    "peak",
    "spike",
    "start_time",
    "graceful_stop",
];
/// Keys of `options` beside those of a load.
const OPTION_KEYS: [&str; 26] = [
    "target",
    "name",
    "load",
    "tasks",
    "scenarios",
    "think_time",
    "thresholds",
    "tags",
    "seed",
    "threads",
    "scale",
    "on_start",
    "on_stop",
    "http",
    "http_version",
    "timeout",
    "connect_timeout",
    "insecure",
    "ca_file",
    "headers",
    "redirects",
    "max_body",
    "fold_ids",
    "proxy",
    "abort_on_script_error",
    "scrape",
];
/// Keys of `options` that are about connections.
const CONNECTION_KEYS: [&str; 1] = ["no_connection_reuse"];
/// Keys of a scenario.
const SCENARIO_KEYS: [&str; 7] =
    ["weight", "tasks", "on_start", "on_stop", "think_time", "load", "tags"];
/// Keys of a phase.
const PHASE_KEYS: [&str; 6] = ["name", "duration", "vus", "rate", "target", "jump"];
/// Functions that the engine calls by name; they are no tasks.
const LIFECYCLE: [&str; 4] = ["setup", "teardown", "on_start", "on_stop"];

/// Reads `options` with the places of its keys at hand.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) ast: &'a AST,
    pub(super) sources: &'a Sources,
    pub(super) functions: &'a [(String, usize)],
}

impl Reader<'_> {
    /// The wishes, and what is wrong with them.
    pub(super) fn wishes(&self, options: &Map) -> (Wishes, Vec<Finding>) {
        let mut places = BTreeMap::new();
        self.ast.walk(&mut |path: &[rhai::ASTNode]| {
            if let Some(rhai::ASTNode::Stmt(Stmt::Var(variable, ..))) = path.last()
                && variable.0.name == "options"
                && path.len() == 1
            {
                places.insert(String::new(), variable.0.pos);
                index_places(&variable.1, "", &mut places);
            }
            true
        });
        let mut reading = Reading { reader: self, places, findings: Vec::new() };
        let wishes = reading.options(options);
        (wishes, reading.findings)
    }
}

/// Where each key of a map literal stands, by its path such as `load.vus` or `phases[1].duration`.
fn index_places(expression: &Expr, path: &str, places: &mut BTreeMap<String, Position>) {
    match expression {
        Expr::Map(map, _) => {
            for (key, inner) in &map.0 {
                let path = join(path, &key.name);
                places.insert(path.clone(), key.pos);
                index_places(inner, &path, places);
            }
        }
        Expr::Array(items, _) => {
            for (index, inner) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                places.insert(path.clone(), inner.position());
                index_places(inner, &path, places);
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

struct Reading<'a> {
    reader: &'a Reader<'a>,
    places: BTreeMap<String, Position>,
    findings: Vec<Finding>,
}

impl Reading<'_> {
    /// Notes a problem at the key of `path`, or at the nearest outer key whose place is known.
    fn wrong(&mut self, path: &str, message: String, hint: Option<String>) {
        let mut place = path;
        let position = loop {
            if let Some(position) = self.places.get(place) {
                break *position;
            }
            match place.rfind(['.', '[']) {
                Some(cut) => place = &place[..cut],
                None => break self.places.get("").copied().unwrap_or(Position::NONE),
            }
        };
        let finding = self.reader.sources.finding(self.reader.file, position, message, hint);
        self.findings.push(finding);
    }

    fn unknown_keys(&mut self, path: &str, map: &Map, known: &[&str]) {
        for key in map.keys() {
            if !known.contains(&key.as_str()) {
                let words: Vec<String> = known.iter().map(ToString::to_string).collect();
                let hint = did_you_mean(key, &words)
                    .unwrap_or_else(|| format!("the options here are {}", known.join(", ")));
                self.wrong(&join(path, key), format!("there is no option `{key}`"), Some(hint));
            }
        }
    }

    fn options(&mut self, options: &Map) -> Wishes {
        let known: Vec<&str> =
            OPTION_KEYS.iter().chain(&LOAD_KEYS).chain(&CONNECTION_KEYS).copied().collect();
        self.unknown_keys("", options, &known);
        let mut wishes = Wishes {
            name: self.text("name", options.get("name")),
            target: self.text("target", options.get("target")),
            think_time: self.think_time("think_time", options.get("think_time")),
            scale: self.number("scale", options.get("scale")),
            seed: self.count("seed", options.get("seed")),
            threads: self.count("threads", options.get("threads")).map(|n| n as usize),
            abort_on_script_error: self
                .flag("abort_on_script_error", options.get("abort_on_script_error")),
            tags: self.texts("tags", options.get("tags")).into_iter().collect(),
            load: self.load("", options, false),
            http: self.http(options),
            scrape: self.scrapes(options),
            ..Wishes::default()
        };
        if let Some(load) = self.map("load", options.get("load")) {
            wishes.load = overlay(self.load("load", &load, true), wishes.load);
        }
        wishes.thresholds = self.thresholds(options);
        wishes.scenarios = self.scenarios(options);
        wishes
    }

    fn http(&mut self, options: &Map) -> HttpWishes {
        let version = self.text("http_version", options.get("http_version"));
        let version = version.and_then(|text| match text.as_str() {
            "auto" => Some(HttpVersion::Auto),
            "1.1" | "1" => Some(HttpVersion::Http1),
            "2" => Some(HttpVersion::Http2),
            _ => {
                let message = format!("`http_version` is \"auto\", \"1.1\" or \"2\", not {text:?}");
                self.wrong("http_version", message, None);
                None
            }
        });
        let max_body = self.text("max_body", options.get("max_body")).and_then(|text| {
            units::parse_bytes(&text).map_err(|e| self.wrong("max_body", e.to_string(), None)).ok()
        });
        HttpWishes {
            transport: self.text("http", options.get("http")),
            version,
            timeout: self.duration("timeout", options.get("timeout")),
            connect_timeout: self.duration("connect_timeout", options.get("connect_timeout")),
            insecure: self.flag("insecure", options.get("insecure")),
            ca_file: self.text("ca_file", options.get("ca_file")).map(Into::into),
            headers: self.texts("headers", options.get("headers")),
            max_redirects: self
                .count("redirects", options.get("redirects"))
                .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            max_body_bytes: max_body,
            fold_ids: self.flag("fold_ids", options.get("fold_ids")),
            proxy: self.text("proxy", options.get("proxy")),
            no_connection_reuse: self
                .flag("no_connection_reuse", options.get("no_connection_reuse")),
        }
    }

    fn load(&mut self, path: &str, map: &Map, strict: bool) -> LoadWishes {
        if strict {
            self.unknown_keys(path, map, &LOAD_KEYS);
        }
        let at = |key: &str| join(path, key);
        let arrival =
            self.text(&at("arrival"), map.get("arrival")).and_then(|text| match text.as_str() {
                "poisson" => Some(Arrival::Poisson),
                "constant" => Some(Arrival::Constant),
                _ => {
                    let message = format!("`arrival` is \"constant\" or \"poisson\", not {text:?}");
                    self.wrong(&at("arrival"), message, None);
                    None
                }
            });
        let list = if map.contains_key("phases") { "phases" } else { "stages" };
        LoadWishes {
            executor: self.text(&at("executor"), map.get("executor")),
            vus: self.count(&at("vus"), map.get("vus")),
            duration: self.duration(&at("duration"), map.get("duration")),
            iterations: self.count(&at("iterations"), map.get("iterations")),
            per_vu: self.flag(&at("per_vu"), map.get("per_vu")),
            rate: self.rate(&at("rate"), map.get("rate")),
            arrival,
            max_vus: self.count(&at("max_vus"), map.get("max_vus")),
            max_duration: self.duration(&at("max_duration"), map.get("max_duration")),
            phases: self.phases(&at(list), map.get(list)),
            profile: self.text(&at("profile"), map.get("profile")),
            peak: self.level(&at("peak"), map.get("peak")),
            spike: self.level(&at("spike"), map.get("spike")),
            start_time: self.duration(&at("start_time"), map.get("start_time")),
            graceful_stop: self.duration(&at("graceful_stop"), map.get("graceful_stop")),
        }
    }

    fn phases(&mut self, path: &str, given: Option<&Dynamic>) -> Option<Vec<PhaseWish>> {
        let given = given?;
        let Some(items) = given.read_lock::<Array>() else {
            self.wrong(path, "`phases` is an array of maps".to_owned(), None);
            return None;
        };
        let mut phases = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{path}[{index}]");
            let Some(map) = self.map(&at, Some(item)) else { continue };
            self.unknown_keys(&at, &map, &PHASE_KEYS);
            let duration = self.duration(&join(&at, "duration"), map.get("duration"));
            let level = ["vus", "rate", "target"]
                .iter()
                .find_map(|key| self.level(&join(&at, key), map.get(*key)));
            let (Some(duration), Some(to)) = (duration, level) else {
                let hint = Some(
                    "for example #{ name: \"ramp-up\", duration: \"60s\", vus: 50 }".to_owned(),
                );
                self.wrong(&at, "a phase needs a `duration`, and `vus` or `rate`".to_owned(), hint);
                continue;
            };
            let jump = self.flag(&join(&at, "jump"), map.get("jump")).unwrap_or(false);
            phases.push(PhaseWish {
                name: self.text(&join(&at, "name"), map.get("name")),
                duration,
                to,
                jump,
            });
        }
        Some(phases)
    }

    fn scenarios(&mut self, options: &Map) -> Vec<ScenarioWishes> {
        let Some(map) = self.map("scenarios", options.get("scenarios")) else {
            return vec![self.only_scenario(options)];
        };
        let mut scenarios = Vec::new();
        for name in self.in_script_order("scenarios", &map) {
            let path = format!("scenarios.{name}");
            let Some(fields) = self.map(&path, map.get(name.as_str())) else { continue };
            let known: Vec<&str> = SCENARIO_KEYS.iter().chain(&LOAD_KEYS).copied().collect();
            self.unknown_keys(&path, &fields, &known);
            let mut scenario = self.scenario(&path, &fields);
            if scenario.tasks.is_empty() {
                let hint = Some("for example tasks: #{ browse: 1 }".to_owned());
                self.wrong(&path, format!("the scenario `{name}` has no tasks"), hint);
            }
            scenario.name = name;
            scenarios.push(scenario);
        }
        scenarios
    }

    fn scenario(&mut self, path: &str, fields: &Map) -> ScenarioWishes {
        let inline = self.load(path, fields, false);
        let own = self.map(&join(path, "load"), fields.get("load"));
        let own = own.map(|map| self.load(&join(path, "load"), &map, true));
        let load = match own {
            Some(own) => Some(overlay(own, inline)),
            None => (inline != LoadWishes::default()).then_some(inline),
        };
        ScenarioWishes {
            name: String::new(),
            weight: self.number(&join(path, "weight"), fields.get("weight")),
            tasks: self.tasks(&join(path, "tasks"), fields.get("tasks")),
            on_start: self
                .text(&join(path, "on_start"), fields.get("on_start"))
                .or_else(|| self.lifecycle("on_start")),
            on_stop: self
                .text(&join(path, "on_stop"), fields.get("on_stop"))
                .or_else(|| self.lifecycle("on_stop")),
            think_time: self.think_time(&join(path, "think_time"), fields.get("think_time")),
            load,
            tags: self.texts(&join(path, "tags"), fields.get("tags")).into_iter().collect(),
        }
    }

    fn only_scenario(&mut self, options: &Map) -> ScenarioWishes {
        let mut tasks = self.tasks("tasks", options.get("tasks"));
        if options.get("tasks").is_none() {
            tasks = self.implied_task().into_iter().map(|name| (name, 1.0)).collect();
        }
        ScenarioWishes {
            name: "default".to_owned(),
            tasks,
            on_start: self
                .text("on_start", options.get("on_start"))
                .or_else(|| self.lifecycle("on_start")),
            on_stop: self
                .text("on_stop", options.get("on_stop"))
                .or_else(|| self.lifecycle("on_stop")),
            ..ScenarioWishes::default()
        }
    }

    /// Without `tasks`, the one function that can be meant: `journey`, or the only one that takes a user.
    fn implied_task(&mut self) -> Option<String> {
        let candidates: Vec<&String> = self
            .reader
            .functions
            .iter()
            .filter(|(name, parameters)| *parameters == 1 && !LIFECYCLE.contains(&name.as_str()))
            .map(|(name, _)| name)
            .collect();
        let implied = match candidates.as_slice() {
            [one] => Some((*one).clone()),
            many => many.iter().find(|name| **name == "journey").map(|name| (*name).clone()),
        };
        if implied.is_none() {
            let hint = "say in `options` which functions are tasks, and their weights: tasks: #{ journey: 1 }";
            self.wrong("", "the script has no tasks".to_owned(), Some(hint.to_owned()));
        }
        implied
    }

    fn lifecycle(&self, name: &str) -> Option<String> {
        self.reader.functions.iter().any(|(n, _)| n == name).then(|| name.to_owned())
    }

    fn tasks(&mut self, path: &str, given: Option<&Dynamic>) -> Vec<(String, f64)> {
        let Some(map) = self.map(path, given) else { return Vec::new() };
        let mut tasks = Vec::new();
        for name in self.in_script_order(path, &map) {
            let at = join(path, &name);
            let arity = self.reader.functions.iter().find(|(n, _)| *n == name).map(|(_, p)| *p);
            match arity {
                None => {
                    let own: Vec<String> =
                        self.reader.functions.iter().map(|(n, _)| n.clone()).collect();
                    let hint = did_you_mean(&name, &own)
                        .or_else(|| Some(format!("write fn {name}(user) {{ ... }}")));
                    self.wrong(&at, format!("there is no function `{name}`"), hint);
                }
                Some(0 | 1) => {}
                Some(n) => {
                    let message = format!("the task `{name}` takes {n} parameters");
                    self.wrong(&at, message, Some("a task takes one: the user".to_owned()));
                }
            }
            match self.number(&at, map.get(name.as_str())) {
                Some(weight) if weight > 0.0 => tasks.push((name, weight)),
                Some(weight) => {
                    let message =
                        format!("the weight of `{name}` is {weight}; a weight is above zero");
                    self.wrong(
                        &at,
                        message,
                        Some("leave the task out to switch it off".to_owned()),
                    );
                }
                None => {}
            }
        }
        tasks
    }

    fn in_script_order(&self, path: &str, map: &Map) -> Vec<String> {
        let mut names: Vec<String> = map.keys().map(ToString::to_string).collect();
        names.sort_by_key(|name| {
            let place = self.places.get(&join(path, name));
            place.map_or((usize::MAX, 0), |p| (p.line().unwrap_or(0), p.position().unwrap_or(0)))
        });
        names
    }

    fn thresholds(&mut self, options: &Map) -> Vec<Threshold> {
        let Some(map) = self.map("thresholds", options.get("thresholds")) else {
            return Vec::new();
        };
        let mut thresholds = Vec::new();
        for metric in self.in_script_order("thresholds", &map) {
            let path = join("thresholds", &metric);
            let Some(given) = map.get(metric.as_str()) else { continue };
            match given.read_lock::<Array>() {
                Some(items) => {
                    for item in items.iter() {
                        thresholds.extend(self.threshold(&path, &metric, item));
                    }
                }
                None => thresholds.extend(self.threshold(&path, &metric, given)),
            }
        }
        thresholds
    }

    fn threshold(&mut self, path: &str, metric: &str, given: &Dynamic) -> Option<Threshold> {
        let (expression, detail) = match given.read_lock::<Map>() {
            Some(map) => (map.get("threshold").cloned().unwrap_or(Dynamic::UNIT), map.clone()),
            None => (given.clone(), Map::new()),
        };
        self.unknown_keys(path, &detail, &["threshold", "abort_on_fail", "delay_abort_eval"]);
        let expression = self.text(path, Some(&expression))?;
        let mut threshold = Threshold::parse(metric, &expression)
            .map_err(|error| {
                let hint = error.hint();
                self.wrong(path, error.to_string(), hint);
            })
            .ok()?;
        threshold.abort_on_fail = self.flag(path, detail.get("abort_on_fail")).unwrap_or(false);
        threshold.delay_abort =
            self.duration(path, detail.get("delay_abort_eval")).unwrap_or_default();
        Some(threshold)
    }

    // The kinds of value. Each notes a finding and gives `None` for a wrong one.

    fn map(&mut self, path: &str, given: Option<&Dynamic>) -> Option<Map> {
        let given = given?;
        let map = given.read_lock::<Map>().map(|map| map.clone());
        if map.is_none() {
            self.wrong(
                path,
                format!("`{path}` is a map such as #{{ a: 1 }}, not {}", given.type_name()),
                None,
            );
        }
        map
    }

    fn text(&mut self, path: &str, given: Option<&Dynamic>) -> Option<String> {
        let given = given?;
        let text = value::to_text(given);
        if text.is_none() {
            self.wrong(path, format!("`{path}` is a text, not {}", given.type_name()), None);
        }
        text
    }

    fn texts(&mut self, path: &str, given: Option<&Dynamic>) -> Vec<(String, String)> {
        let Some(map) = self.map(path, given) else { return Vec::new() };
        map.iter()
            .filter_map(|(key, value)| {
                self.text(&join(path, key), Some(value)).map(|text| (key.to_string(), text))
            })
            .collect()
    }

    fn flag(&mut self, path: &str, given: Option<&Dynamic>) -> Option<bool> {
        let given = given?;
        let flag = given.as_bool().ok();
        if flag.is_none() {
            self.wrong(path, format!("`{path}` is true or false, not {}", given.type_name()), None);
        }
        flag
    }

    fn number(&mut self, path: &str, given: Option<&Dynamic>) -> Option<f64> {
        let given = given?;
        let number = given.as_float().ok().or_else(|| given.as_int().ok().map(|int| int as f64));
        if number.is_none_or(|n| !n.is_finite()) {
            self.wrong(path, format!("`{path}` is a number, not {given}"), None);
            return None;
        }
        number
    }

    fn count(&mut self, path: &str, given: Option<&Dynamic>) -> Option<u64> {
        let given = given?;
        let from_text = || given.is_string().then(|| given.to_string().parse().ok()).flatten();
        let count = given.as_int().ok().and_then(|int| u64::try_from(int).ok()).or_else(from_text);
        if count.is_none() {
            self.wrong(path, format!("`{path}` is a whole number, 0 or more, not {given}"), None);
        }
        count
    }

    fn duration(&mut self, path: &str, given: Option<&Dynamic>) -> Option<Duration> {
        let given = given?;
        match units::parse_duration(&given.to_string()) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.wrong(
                    path,
                    error.to_string(),
                    Some("write for example \"30s\" or \"1m30s\"".to_owned()),
                );
                None
            }
        }
    }

    fn rate(&mut self, path: &str, given: Option<&Dynamic>) -> Option<Rate> {
        let given = given?;
        match units::parse_rate(&given.to_string()) {
            Ok(rate) => Some(rate),
            Err(error) => {
                self.wrong(path, error.to_string(), Some("write for example \"200/s\"".to_owned()));
                None
            }
        }
    }

    /// Users as a number, or arrivals as a rate.
    fn level(&mut self, path: &str, given: Option<&Dynamic>) -> Option<PeakWish> {
        let given = given?;
        if given.is_string() && given.to_string().contains('/') {
            return self.rate(path, Some(given)).map(PeakWish::Rate);
        }
        self.count(path, Some(given)).map(PeakWish::Vus)
    }

    fn think_time(&mut self, path: &str, given: Option<&Dynamic>) -> Option<ThinkTime> {
        let given = given?;
        if let Some(think) = think_time_of(given) {
            return Some(think);
        }
        if given.is_string() {
            return self.duration(path, Some(given)).map(ThinkTime::Constant);
        }
        let hint = "write between(\"1s\", \"3s\"), constant(\"1s\"), exponential(\"1s\") or pacing(\"1s\")";
        self.wrong(path, format!("`{path}` is not a think time"), Some(hint.to_owned()));
        None
    }
}

/// A load over another: what `top` does not say comes from `below`.
fn overlay(top: LoadWishes, below: LoadWishes) -> LoadWishes {
    LoadWishes {
        executor: top.executor.or(below.executor),
        vus: top.vus.or(below.vus),
        duration: top.duration.or(below.duration),
        iterations: top.iterations.or(below.iterations),
        per_vu: top.per_vu.or(below.per_vu),
        rate: top.rate.or(below.rate),
        arrival: top.arrival.or(below.arrival),
        max_vus: top.max_vus.or(below.max_vus),
        max_duration: top.max_duration.or(below.max_duration),
        phases: top.phases.or(below.phases),
        profile: top.profile.or(below.profile),
        peak: top.peak.or(below.peak),
        spike: top.spike.or(below.spike),
        start_time: top.start_time.or(below.start_time),
        graceful_stop: top.graceful_stop.or(below.graceful_stop),
    }
}
