//! The verdict: the rules of METHODS.md 7.1, from the strongest evidence to none, and its sentences.

use super::fit::most_throughput;
use super::{Bottleneck, Category, ClientPart, Confidence, LoadUnit, ResourceFit, Sign, StepUse};
use crate::analysis::load_point::amount;
use crate::units::show_duration;

/// A throughput at which a resource is full agrees with the measured capacity within this share.
const AGREES: f64 = 0.15;
/// A resource in use by this share is full.
const FULL: f64 = 0.9;
/// A step that finished less than this share of what came was above the capacity.
const KEEPS_UP: f64 = 0.9;
/// A prediction from steps below this share of what it predicts is a guess.
const FAR_AHEAD: f64 = 0.5;
/// Share of errors from which on a step is one of refusals.
const REFUSES: f64 = 0.05;
/// A limiter lets the same throughput pass at all steps at which it refuses, within this share.
const CONSTANT: f64 = 0.1;
/// Response times within this multiple of those at the smallest load are flat.
const FLAT: f64 = 1.3;

/// Of a resource of which less than this share is in use at the top there is plenty: what waits for it now and then came in
/// a burst, or is somebody else's.
const PLENTY: f64 = 0.7;

/// Everything that is known.
pub(super) struct Case<'s> {
    pub(super) capacity_per_s: Option<f64>,
    pub(super) unit: LoadUnit,
    /// By load.
    pub(super) steps: Vec<&'s StepUse>,
    /// By the throughput at which they are full.
    pub(super) evidence: Vec<ResourceFit>,
    pub(super) signs: Vec<Sign>,
    pub(super) client: Option<ClientPart>,
}

/// What a rule says.
struct Finding {
    category: Category,
    resource: Option<String>,
    confidence: Confidence,
    words: String,
}

impl Finding {
    fn of(fit: &ResourceFit, confidence: Confidence, words: String) -> Self {
        let resource = Some(fit.resource.clone());
        Self { category: fit.category, resource, confidence, words }
    }
}

/// Puts the rules to the case, the strongest first.
pub(super) fn judge(case: Case<'_>) -> Bottleneck {
    let capacity_per_s = case.capacity_per_s.or_else(|| case.seen_capacity());
    let found = case.generator().unwrap_or_else(|| match capacity_per_s {
        Some(capacity) => case.at_capacity(capacity),
        None => case.predicted(),
    });
    let mut words = vec![found.words];
    words.extend(case.lead_words(found.resource.as_deref()));
    words.extend(case.client.map(|part| client_words(part).to_owned()));
    Bottleneck {
        category: found.category,
        is_prediction: capacity_per_s.is_none() && found.category != Category::Generator,
        resource: found.resource,
        confidence: found.confidence,
        capacity_per_s,
        words: words.join("; "),
        unit: case.unit,
        evidence: case.evidence,
        signs: case.signs,
        client: case.client,
    }
}

impl Case<'_> {
    /// The most throughput, when something shows that there could not be more.
    fn seen_capacity(&self) -> Option<f64> {
        let most = most_throughput(&self.steps);
        let falls_behind = |step: &&StepUse| step.throughput_per_s < KEEPS_UP * step.offered_per_s;
        let is_full = |fit: &ResourceFit| fit.saturated && agrees(fit, most);
        let is_capacity = self.steps.iter().any(falls_behind) || self.evidence.iter().any(is_full);
        (is_capacity && most > 0.0).then_some(most)
    }

    /// A generator that is at its own end has not measured the target.
    fn generator(&self) -> Option<Finding> {
        let own = |fit: &&ResourceFit| fit.category == Category::Generator && fit.saturated;
        let fit = self.evidence.iter().find(own)?;
        let words = format!(
            "the generator was the bottleneck: {} was saturated, so what the target can do is not known",
            fit.resource
        );
        Some(Finding::of(fit, Confidence::High, words))
    }

    fn at_capacity(&self, capacity: f64) -> Finding {
        self.agreeing(capacity)
            .or_else(|| self.full_without_a_line(capacity))
            .or_else(|| self.agreeing_unqueued(capacity))
            .or_else(|| self.full_too_early(capacity))
            .or_else(|| self.limiter(capacity))
            .or_else(|| self.queue_alone(capacity))
            .or_else(|| self.client_alone(capacity))
            .unwrap_or_else(|| self.none_observed(capacity))
    }

    /// Demand and queue agree with the capacity.
    fn agreeing(&self, capacity: f64) -> Option<Finding> {
        let fit = self.target().find(|fit| fit.saturated && agrees(fit, capacity))?;
        let words = format!(
            "bottleneck: {} (saturated at {}/s; by its demand {})",
            fit.resource,
            amount(capacity),
            full_words(fit)
        );
        Some(Finding::of(fit, Confidence::High, words + &self.next_words(fit)))
    }

    /// Full and waited for, and no line to tell whether it had to be.
    fn full_without_a_line(&self, capacity: f64) -> Option<Finding> {
        let is_it =
            |fit: &&ResourceFit| fit.saturated && is_full(fit) && fit.at_capacity_per_s.is_none();
        let fit = self.target().find(is_it)?;
        let words = format!(
            "bottleneck: {} (full at {}/s; too few steps below 70 % of it to tell its demand)",
            fit.resource,
            amount(capacity)
        );
        Some(Finding::of(fit, Confidence::Medium, words))
    }

    /// The demand agrees, and no queue was seen: nobody looked at it, or there was none.
    fn agreeing_unqueued(&self, capacity: f64) -> Option<Finding> {
        let first = self.target().find(|fit| fit.at_capacity_per_s.is_some())?;
        if !agrees(first, capacity) {
            return None;
        }
        let has_queue = |step: &&StepUse| {
            let mut own = step.uses.iter().filter(|level| level.resource == first.resource);
            own.any(|level| level.saturation.is_some())
        };
        let (confidence, queue) = if self.steps.iter().any(has_queue) {
            (Confidence::Low, "nobody waited for it")
        } else {
            (Confidence::Medium, "whether anybody waited for it is not known")
        };
        let words = format!(
            "bottleneck: probably {} (by its demand {}; {queue})",
            first.resource,
            full_words(first)
        );
        Some(Finding::of(first, confidence, words))
    }

    /// Full long before its demand at low load would make it: what holds it is slow.
    fn full_too_early(&self, capacity: f64) -> Option<Finding> {
        let fit = self.target().find(|fit| fit.saturated && is_full(fit))?;
        let words = format!(
            "{} is full at {}/s, but by its demand at low load {}: whatever holds it became slower, look behind it",
            fit.resource,
            amount(capacity),
            full_words(fit)
        );
        Some(Finding::of(fit, Confidence::Low, words))
    }

    /// Errors at constant goodput and flat response times.
    fn limiter(&self, capacity: f64) -> Option<Finding> {
        if self.target().any(|fit| fit.saturated && !has_plenty(fit)) {
            return None;
        }
        let refusing: Vec<&&StepUse> =
            self.steps.iter().filter(|step| step.error_ratio > REFUSES).collect();
        let is_constant =
            |step: &&&StepUse| (step.throughput_per_s / capacity - 1.0).abs() <= CONSTANT;
        let (first, last) = (self.steps.first()?, self.steps.last()?);
        let is_flat = !grows(first, last);
        if refusing.is_empty() || !refusing.iter().all(is_constant) || !is_flat {
            return None;
        }
        let words = format!(
            "no resource saturates: beyond {}/s requests fail while throughput and response times stay as they are: look for a rate limiter",
            amount(capacity)
        );
        Some(none(Confidence::Medium, words))
    }

    /// A queue without a capacity; of several the one that grew first.
    fn queue_alone(&self, capacity: f64) -> Option<Finding> {
        let mut signs = self.signs.iter();
        let waited_for =
            |sign: &Sign| self.target().find(|fit| fit.resource == sign.what && !has_plenty(fit));
        let fit = signs.find_map(waited_for)?;
        let at = amount(capacity);
        let words = match fit.at_capacity_per_s {
            Some(_) => format!(
                "{} is waited for at {at}/s, though by its demand {}: look at what holds it",
                fit.resource,
                full_words(fit)
            ),
            None => format!(
                "{} is waited for at {at}/s; how much of it there is was not observed",
                fit.resource
            ),
        };
        Some(Finding::of(fit, Confidence::Low, words))
    }

    /// What the generator sees by itself: only connecting, or only receiving, takes longer.
    fn client_alone(&self, capacity: f64) -> Option<Finding> {
        let category = match self.client? {
            ClientPart::Connect => Category::Connections,
            ClientPart::Receiving => Category::Network,
            ClientPart::Waiting => return None,
        };
        let words = format!("no observed resource saturates at {}/s", amount(capacity));
        Some(Finding { category, ..none(Confidence::Low, words) })
    }

    fn none_observed(&self, capacity: f64) -> Finding {
        let at = amount(capacity);
        let times = self.steps.first().zip(self.steps.last());
        let grown = times.filter(|(first, last)| grows(first, last));
        let seen = match self.target().next() {
            Some(_) => format!("no resource saturates at {at}/s"),
            None => format!("no resource was observed at {at}/s"),
        };
        let words = match grown {
            Some((first, last)) => format!(
                "{seen}, and response times grow from {} to {}: look for a lock or a pool that was not observed, or a service behind the target",
                show_duration(first.response_mean),
                show_duration(last.response_mean)
            ),
            None => format!(
                "{seen}: look for a lock or a pool that was not observed, a rate limiter, a service behind the target, or the generator"
            ),
        };
        none(Confidence::Medium, words)
    }

    /// The first to be full if the load went on growing.
    fn predicted(&self) -> Finding {
        let most = most_throughput(&self.steps);
        let mut known = self.target().filter_map(|fit| Some((fit, fit.at_capacity_per_s?)));
        let Some((fit, full_at)) = known.next() else {
            let words = format!(
                "nothing saturates up to {}/s, and no observed resource with a known capacity is used more with more load",
                amount(most)
            );
            return none(Confidence::Low, words);
        };
        let is_near = most >= FAR_AHEAD * full_at;
        let confidence = if is_near { Confidence::Medium } else { Confidence::Low };
        let words = format!(
            "nothing saturates up to {}/s; {} would be the first: by its demand {}",
            amount(most),
            fit.resource,
            full_words(fit)
        );
        Finding::of(fit, confidence, words + &self.next_words(fit))
    }

    /// The resources that are not the generator's.
    fn target(&self) -> impl Iterator<Item = &ResourceFit> {
        self.evidence.iter().filter(|fit| fit.category != Category::Generator)
    }

    /// Which resource would come after the one that was found.
    fn next_words(&self, found: &ResourceFit) -> String {
        let mut others = self.target().skip_while(|fit| fit.resource != found.resource).skip(1);
        let next = others.next().and_then(|fit| {
            let full_at = fit.at_capacity_per_s?;
            Some(format!(", then {} at {}/s", fit.resource, amount(full_at)))
        });
        next.unwrap_or_default()
    }

    /// How long before response times the first queue grew; of the resource that was found if there is one.
    fn lead_words(&self, found: Option<&str>) -> Option<String> {
        let is_it =
            |sign: &&Sign| found.map_or(sign.what != "response time", |found| found == sign.what);
        let sign = self.signs.iter().find(is_it)?;
        let (what, at) = (&sign.what, self.unit.show(sign.load));
        let lead = |lead: f64| self.unit.show(lead.abs());
        Some(match sign.lead {
            Some(ahead) if ahead > 0.0 => {
                format!(
                    "{what} left its baseline at {at}, {} before response times did",
                    lead(ahead)
                )
            }
            Some(late) if late < 0.0 => {
                format!("{what} left its baseline at {at}, {} after response times did", lead(late))
            }
            Some(_) => format!("{what} left its baseline at {at}, as response times did"),
            None => format!("{what} left its baseline at {at}, response times did not"),
        })
    }
}

/// Whether response times at one step are beyond what counts as flat since another.
fn grows(first: &StepUse, last: &StepUse) -> bool {
    last.response_mean.as_secs_f64() > FLAT * first.response_mean.as_secs_f64()
}

fn none(confidence: Confidence, words: String) -> Finding {
    Finding { category: Category::NoneObserved, resource: None, confidence, words }
}

fn agrees(fit: &ResourceFit, capacity: f64) -> bool {
    fit.at_capacity_per_s.is_some_and(|full_at| (full_at / capacity - 1.0).abs() <= AGREES)
}

fn has_plenty(fit: &ResourceFit) -> bool {
    fit.used_ratio_at_top.is_some_and(|ratio| ratio < PLENTY)
}

fn is_full(fit: &ResourceFit) -> bool {
    fit.used_ratio_at_top.is_some_and(|ratio| ratio >= FULL)
}

/// `it is full at 500/s, 90 % between 490/s and 512/s`.
fn full_words(fit: &ResourceFit) -> String {
    let Some(full_at) = fit.at_capacity_per_s else {
        return "it is never full".to_owned();
    };
    let full_at = amount(full_at);
    match (fit.lower_per_s, fit.upper_per_s) {
        (Some(lower), Some(upper)) => {
            format!(
                "it is full at {full_at}/s, 90 % between {} and {}",
                amount(lower),
                amount(upper)
            )
        }
        (Some(lower), None) => format!("it is full at {full_at}/s, at least at {}", amount(lower)),
        _ => format!("it is full at {full_at}/s"),
    }
}

fn client_words(part: ClientPart) -> &'static str {
    match part {
        ClientPart::Connect => {
            "of a request, connecting takes longer: look at the queue of connections to accept"
        }
        ClientPart::Waiting => {
            "of a request, the wait for the first byte grows: the service itself"
        }
        ClientPart::Receiving => "of a request, receiving the body takes longer: look at bandwidth",
    }
}
