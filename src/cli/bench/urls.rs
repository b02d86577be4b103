//! Several plain URLs as a script: a task for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cli::CliError;
use crate::cli::diagnostics;
use crate::cli::exit::ExitCode;
use crate::cli::prepare::{Prepared, seed, url_environment, with_plan};
use crate::cli::printer::Printer;
use crate::cli::settings::UrlRequest;
use crate::plan::layers::Wishes;
use crate::script::{LoadOptions, Script, ScriptError};

/// What all URLs have in common. Values come from the environment, so that nothing needs quoting.
const HEAD: &str = r#"//! Several URLs, each over and over.
const METHOD = env("RHAID_URL_METHOD");
const OPTIONS = if env("RHAID_URL_HAS_BODY") == () { #{} } else { #{ body: env("RHAID_URL_BODY") } };
"#;

/// Makes a script and a plan of at least one URL. All have the method and the body of the first.
///
/// # Errors
/// Exit code 104: a body that cannot be read, or wishes that make no plan.
pub(super) fn prepare_urls(
    urls: &[UrlRequest],
    wishes: &Wishes,
    printer: &Printer,
) -> Result<Prepared, CliError> {
    find(urls, wishes)
        .map_err(|error| diagnostics::script_error(&error, ExitCode::Invalid, printer))
}

fn find(urls: &[UrlRequest], wishes: &Wishes) -> Result<Prepared, ScriptError> {
    let seed = seed(wishes);
    let confinement = wishes.confinement.clone();
    let options = LoadOptions { env: environment(urls)?, seed, has_target: true, confinement };
    let script = Script::from_text("URLs", text(urls.len()), PathBuf::from("."), options)?;
    with_plan(script, wishes, seed)
}

fn environment(urls: &[UrlRequest]) -> Result<BTreeMap<String, String>, ScriptError> {
    let mut env = urls.first().map(url_environment).transpose()?.unwrap_or_default();
    let pairs = (1_usize..).zip(urls);
    env.extend(pairs.map(|(number, url)| (format!("RHAID_URL_{number}"), url.url.clone())));
    Ok(env)
}

/// A task for each URL, in the order given: tasks keep the order of the script.
fn text(urls: usize) -> String {
    let weights: Vec<String> = (1..=urls).map(|number| format!("url_{number}: 1")).collect();
    let mut text = format!("{HEAD}let options = #{{ tasks: #{{ {} }} }};\n", weights.join(", "));
    for number in 1..=urls {
        let _ = writeln!(
            text,
            "const URL_{number} = env(\"RHAID_URL_{number}\");\n\
             fn url_{number}(user) {{ user.request(global::METHOD, global::URL_{number}, global::OPTIONS); }}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_is_a_task_in_the_order_given() {
        let url = |url: String| UrlRequest { url, method: "GET".to_owned(), body: None };
        let urls: Vec<UrlRequest> =
            (0..12).map(|index| url(format!("http://a.test/{index}"))).collect();
        let wishes = Wishes {
            name: Some("12 URLs".to_owned()),
            target: Some("http://a.test".to_owned()),
            ..Wishes::default()
        };
        let found = find(&urls, &wishes).expect("a plan");
        let tasks = found.plan.scenarios[0].tasks.iter().map(|task| task.function.as_str());
        let expected: Vec<String> = (1..=12).map(|number| format!("url_{number}")).collect();
        assert!(tasks.eq(expected.iter().map(String::as_str)), "{:?}", found.plan.scenarios);
    }
}
