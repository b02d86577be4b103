//! Runs that are made for somebody else.

use super::*;
use crate::plan::layers::HttpWishes;
use crate::plan::{Confinement, MostLoad, ScrapeSource};
use crate::reach::Reach;
use crate::units::Rate;

fn confinement() -> Confinement {
    let most = MostLoad { users: 10, rate_per_s: 50.0, duration: secs(60) };
    let reach = Reach::new(["shop.test"]);
    Confinement { reach, most: Some(most), ..Confinement::default() }
}

/// What is wrong with a script in a confined run.
fn barred(script: &Wishes) -> Vec<String> {
    let line = Wishes { confinement: Some(confinement()), ..Wishes::default() };
    let problems = resolve(&[&line, script], &CONTEXT).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

fn small() -> LoadWishes {
    LoadWishes { vus: Some(10), duration: Some(secs(60)), ..LoadWishes::default() }
}

#[test]
fn only_hosts_of_this_machine_and_those_allowed_can_be_targets_and_pages() {
    let with_target = |target: &str| Wishes { target: Some(target.to_owned()), ..script(small()) };
    for target in ["http://127.0.0.1:1", "http://localhost", "http://SHOP.test./", "http://[::1]"] {
        assert!(barred(&with_target(target)).is_empty(), "{target}");
    }
    for target in
        ["http://evil.test", "http://169.254.169.254", "http://0xa9fea9fe/", "http://10.0.0.1"]
    {
        let told = barred(&with_target(target));
        assert!(told.len() == 1 && told[0].starts_with("target is not allowed here"), "{told:?}");
    }
    let page = |url: &str| ScrapeSource::unmapped(url.to_owned());
    let scrape = vec![page("http://127.0.0.1/m"), page("http://169.254.169.254/latest/meta-data")];
    let told = barred(&Wishes { scrape, ..script(small()) });
    assert!(told.len() == 1 && told[0].starts_with("scrape is not allowed here"), "{told:?}");
}

#[test]
fn proxies_files_and_large_bodies_are_not_for_scripts_of_others() {
    let http = HttpWishes {
        proxy: Some("http://127.0.0.1:3128".to_owned()),
        ca_file: Some("/etc/shadow".into()),
        max_body_bytes: Some(9 << 20),
        ..HttpWishes::default()
    };
    let told = barred(&Wishes { http, ..script(small()) });
    let begin: Vec<&str> = told.iter().filter_map(|told| told.split(' ').next()).collect();
    assert_eq!(begin, ["proxy", "ca_file", "max_body_bytes"]);
}

#[test]
fn the_load_of_all_scenarios_together_is_bounded() {
    assert!(barred(&script(small())).is_empty());
    let rate = |per_s| LoadWishes {
        rate: Rate::per_second(per_s),
        max_vus: Some(10),
        duration: Some(secs(60)),
        ..LoadWishes::default()
    };
    assert!(barred(&script(rate(50.0))).is_empty());
    for (load, word) in [
        (LoadWishes { vus: Some(11), ..small() }, "11 users"),
        (LoadWishes { duration: Some(secs(61)), ..small() }, "longer than 60 s"),
        (rate(51.0), "51 arrivals"),
    ] {
        let told = barred(&script(load));
        assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
    }
    let two = vec![scenario("a", 1.0, Some(rate(30.0))), scenario("b", 1.0, Some(rate(30.0)))];
    let told = barred(&Wishes { scenarios: two, ..Wishes::default() });
    assert!(told.iter().any(|told| told.contains("60 arrivals")), "{told:?}");
}

#[test]
fn a_confined_plan_keeps_its_reach_and_another_has_none() {
    let line = Wishes { confinement: Some(confinement()), ..Wishes::default() };
    let confined = plan(&[&line, &script(small())]);
    assert_eq!(confined.http.reach, Some(Reach::new(["shop.test"])));
    let json = serde_json::to_value(&confined.http).unwrap();
    assert_eq!(json["reach"], serde_json::json!(["shop.test"]));
    let free = plan(&[&script(small())]);
    assert_eq!(free.http.reach, None);
    assert_eq!(serde_json::to_value(&free.http).unwrap().get("reach"), None, "old records read");
}
