//! Tests of what needs no processes: figures, order, tables.

use serde_json::json;

use super::candidate::Candidate;
use super::order::Order;
use super::report::Report;
use super::report::Sample;
use super::runner::add_derived;
use super::scenario;
use super::*;
use crate::prompt;

fn named(name: &str) -> &'static Scenario {
    scenario::select(&[name.to_owned()]).unwrap()[0]
}

fn sample(name: &str, candidate: Candidate, round: u32, figures: serde_json::Value) -> Sample {
    Sample { scenario: named(name), candidate, round, figures }
}

#[test]
fn every_scenario_sends_json_of_its_size_and_settings_the_mock_knows() {
    for scenario in scenario::ALL {
        let body = prompt::chat(scenario.path, scenario.body_bytes, scenario.streams());
        assert_eq!(body.len(), scenario.body_bytes, "{}", scenario.name);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["stream"] == true, scenario.streams(), "{}", scenario.name);
        let settings = crate::mock::settings::Settings::default().with(scenario.mock);
        assert!(settings.is_some(), "{}", scenario.name);
    }
}

#[test]
fn an_unknown_scenario_is_refused_with_the_known_ones() {
    let failure = scenario::select(&["tiny".to_owned()]).unwrap_err().to_string();
    assert!(failure.contains("tiny") && failure.contains("stream-paced"), "{failure}");
    assert_eq!(scenario::select(&[]).unwrap().len(), scenario::ALL.len());
}

#[test]
fn the_order_changes_and_keeps_everyone() {
    let mut order = Order::new(0);
    let mut firsts = [0; 4];
    for _ in 0..1_000 {
        let mut items = [0, 1, 2, 3];
        order.shuffle(&mut items);
        firsts[items[0]] += 1;
        items.sort_unstable();
        assert_eq!(items, [0, 1, 2, 3]);
    }
    assert!(firsts.iter().all(|count| (180..320).contains(count)), "{firsts:?}");
}

#[test]
fn direct_takes_no_part_where_memory_is_measured() {
    let all = [Candidate::Direct, Candidate::Nginx];
    assert_eq!(fitting(named("small"), &all).len(), 2);
    assert_eq!(fitting(named("idle"), &all), [&Candidate::Nginx]);
}

#[test]
fn whatever_went_wrong_is_a_fault() {
    let mut figures =
        json!({"errors": 1, "non_2xx": 2, "truncated": 3, "overdue": 4, "requests": 0});
    add_derived(&mut figures, named("small"), 5);
    assert_eq!(figures["faults"], 1 + 2 + 3 + 4 + 5 + 1);
    let mut figures = json!({"connections_open": 4_000, "rss_kib": 9_000, "rss_kib_before": 1_000});
    add_derived(&mut figures, named("idle"), 0);
    assert_eq!(figures["faults"], 1_000);
    assert_eq!(figures["rss_kib_each"], 2.0);
}

#[test]
fn ratios_are_medians_over_rounds_and_faults_are_summed() {
    let mut report = Report::new(&[named("small")], &[Candidate::Direct, Candidate::Nginx]);
    let gateway = Candidate::Gateway("epoll".to_owned());
    let mut all = Report::new(&[named("small")], &[Candidate::Nginx, gateway.clone()]);
    for (round, (nginx, ours)) in [(10.0, 5.0), (20.0, 5.0), (10.0, 8.0)].into_iter().enumerate() {
        let round = u32::try_from(round).unwrap();
        let figures = |cpu: f64| json!({"calm_cpu_us_per_request": cpu, "faults": 1});
        all.add(sample("small", Candidate::Nginx, round, figures(nginx)));
        all.add(sample("small", gateway.clone(), round, figures(ours)));
    }
    let text = all.to_string();
    let row = text.lines().find(|line| line.contains("crabllm epoll")).unwrap();
    assert!(row.contains("5.00 [5.00..8.00]"), "{row}");
    assert!(row.contains("0.50 [0.25..0.80]"), "{row}");
    assert!(row.ends_with(" 3"), "{row}");
    report.add(sample("small", Candidate::Direct, 0, json!({"failure": "no", "faults": 1})));
    assert!(report.to_string().contains("round 1: small"), "{report}");
}

#[test]
fn added_latency_is_against_direct_in_the_same_round() {
    let mut report = Report::new(&[named("rate2000")], &[Candidate::Direct, Candidate::Nginx]);
    for (round, direct, nginx) in [(0, 100.0, 150.0), (1, 300.0, 380.0)] {
        let figures = |p99: f64| json!({"latency_us": {"p50": 1.0, "p99": p99}, "faults": 0});
        report.add(sample("rate2000", Candidate::Nginx, round, figures(nginx)));
        report.add(sample("rate2000", Candidate::Direct, round, figures(direct)));
    }
    report.derive_added_latency();
    let text = report.to_string();
    let row = text.lines().find(|line| line.trim_start().starts_with("nginx")).unwrap();
    assert!(row.contains("65 [50..80]"), "{row}");
}
