//! Choices and journeys, step by step.

use crate::chat::Class;
use crate::route::Blame;
use crate::route::Bounds;
use crate::route::Cause;
use crate::route::Deployment;
use crate::route::Fallback;
use crate::route::Fault;
use crate::route::Found;
use crate::route::Health;
use crate::route::Journey;
use crate::route::Next;
use crate::route::Offer;
use crate::route::Standing;
use crate::route::Strategy;
use crate::route::Table;
use crate::route::Turn;
use crate::route::View;
use crate::route::first;

const SECOND: u64 = 1_000_000;
const ANY: &dyn Fn(&str) -> bool = &|_| true;

fn offer(name: &str, provider: usize) -> Offer<'_> {
    let bounds = Bounds { parallel: 0, queue: 0 };
    Offer { name, provider, weight: 1, keys: 1, retries: 2, bounds }
}

/// Providers `a` (weight 5), `b` (3) and `c` (2) of the model `m`.
fn three() -> Table {
    let mut table = Table::default();
    for (at, (name, weight)) in [("a", 5), ("b", 3), ("c", 2)].into_iter().enumerate() {
        table.add(&Offer { weight, ..offer(name, at) }, "m", None);
    }
    table
}

fn health(table: &Table) -> Health {
    let (slots, keys, pools) = table.sizes();
    Health::new(slots, keys, pools)
}

fn view<'v>(table: &'v Table, health: &'v Health, now: u64, seed: u64) -> View<'v> {
    View { health, gates: table.gates(), now, seed }
}

fn find<'t>(table: &'t Table, name: &'t str) -> Found<'t, 't> {
    table.find(name).unwrap()
}

/// Seeds spread evenly over the whole range (SplitMix64's increment).
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn hits(table: &Table, health: &Health, now: u64, count: u64) -> Vec<u32> {
    let pool = find(table, "m").pool;
    let mut hits = vec![0; table.sizes().0];
    for seed in seeds(count) {
        hits[first(pool, &view(table, health, now, seed)).unwrap().deployment.slot] += 1;
    }
    hits
}

fn refused(class: Class) -> Fault {
    Fault::Refused { class, wait_ms: None, final_word: false }
}

#[test]
fn the_choice_follows_the_weights() {
    let table = three();
    let hits = hits(&table, &health(&table), 0, 100_000);
    for (at, share) in [50_000_u32, 30_000, 20_000].into_iter().enumerate() {
        assert!(hits[at].abs_diff(share) <= 1_000, "{hits:?}");
    }
}

#[test]
fn five_failures_bench_and_the_others_share_what_is_left() {
    let table = three();
    let (mut health, pool) = (health(&table), find(&table, "m").pool);
    let a = &pool.deployments[0];
    for n in 0..5 {
        assert_eq!(health.standing(a, n), Standing::Ready, "after {n} failures");
        health.failed(a, Blame::Deployment, n);
    }
    assert_eq!(health.standing(a, 5), Standing::Benched(4 + SECOND));
    let shares = hits(&table, &health, 5, 100_000);
    assert!(shares[0] == 0 && shares[1].abs_diff(60_000) <= 1_000, "{shares:?}");
}

#[test]
fn a_success_between_failures_starts_the_count_again() {
    let table = three();
    let (mut health, a) = (health(&table), &find(&table, "m").pool.deployments[0]);
    for _ in 0..4 {
        health.failed(a, Blame::Deployment, 0);
    }
    health.succeeded(a);
    health.failed(a, Blame::Deployment, 0);
    assert_eq!(health.standing(a, 0), Standing::Ready);
}

#[test]
fn one_probe_a_second_and_the_first_success_heals() {
    let table = three();
    let (mut health, a) = (health(&table), &find(&table, "m").pool.deployments[0]);
    for _ in 0..5 {
        health.failed(a, Blame::Deployment, 0);
    }
    assert_eq!(health.standing(a, SECOND), Standing::Probe);
    health.begin(a, SECOND);
    assert_eq!(health.standing(a, SECOND + 1), Standing::Benched(2 * SECOND), "one is enough");
    health.failed(a, Blame::Deployment, SECOND + 10);
    assert_eq!(health.standing(a, 2 * SECOND), Standing::Benched(2 * SECOND + 10));
    health.begin(a, 2 * SECOND + 10);
    health.succeeded(a);
    assert_eq!(health.standing(a, 2 * SECOND + 11), Standing::Ready);
}

#[test]
fn a_probe_that_nobody_hears_of_again_is_followed_by_another() {
    let table = three();
    let (mut health, a) = (health(&table), &find(&table, "m").pool.deployments[0]);
    for _ in 0..5 {
        health.failed(a, Blame::Deployment, 0);
    }
    health.begin(a, SECOND);
    health.end(a, SECOND + 5, true);
    assert_eq!(health.standing(a, 2 * SECOND), Standing::Probe);
}

#[test]
fn the_last_one_is_never_benched() {
    let table = three();
    let (mut health, pool) = (health(&table), find(&table, "m").pool);
    for (at, deployment) in pool.deployments.iter().enumerate() {
        for _ in 0..5 {
            health.failed(deployment, Blame::Deployment, 10 - at as u64);
        }
    }
    let chosen = first(pool, &view(&table, &health, 20, 7)).unwrap().deployment;
    assert_eq!(chosen.slot, 2, "whoever is back first");
}

#[test]
fn a_bad_key_is_left_alone_for_all_models() {
    let mut table = Table::default();
    table.add(&Offer { keys: 2, ..offer("a", 0) }, "m", None);
    table.add(&Offer { keys: 2, ..offer("a", 0) }, "n", None);
    let mut health = health(&table);
    let (m, n) = (find(&table, "m").pool, find(&table, "n").pool);
    health.failed(&m.deployments[0], refused(Class::Unauthorized).remedy().blame, 0);
    assert!(matches!(health.standing(&n.deployments[0], 1), Standing::Benched(_)));
    assert_eq!(health.standing(&n.deployments[1], 1), Standing::Ready);
    health.succeeded(&n.deployments[0]);
    assert_eq!(health.standing(&m.deployments[0], 2), Standing::Ready);
}

#[test]
fn operators_hear_of_each_turn_once() {
    let table = three();
    let (mut health, a) = (health(&table), &find(&table, "m").pool.deployments[0]);
    let fails = |health: &mut Health| health.failed(a, Blame::Deployment, 0);
    assert_eq!((0..4).find_map(|_| fails(&mut health)), None);
    assert_eq!(fails(&mut health), Some(Turn::Fails(5)));
    assert_eq!(fails(&mut health), None, "it was told");
    assert_eq!(health.succeeded(a), Some(Turn::Back));
    assert_eq!(health.succeeded(a), None);
    // Whoever says no is there again too.
    assert!((0..5).any(|_| fails(&mut health).is_some()));
    assert_eq!(health.failed(a, Blame::Nobody, 0), Some(Turn::Back));
    let key = refused(Class::Unauthorized).remedy().blame;
    assert_eq!(health.failed(a, key, 0), Some(Turn::Refused(30_000)));
    assert_eq!(health.failed(a, key, 31 * SECOND), None, "a probe that failed");
    assert_eq!(health.succeeded(a), Some(Turn::Back));
    assert_eq!(health.bench_slow(a, 1, 0), Some(Turn::Slow));
    assert_eq!(health.bench_slow(a, 1, 0), None);
}

#[test]
fn a_rate_limit_rests_as_long_as_it_says_and_else_longer_each_time() {
    let table = three();
    let (mut health, a) = (health(&table), &find(&table, "m").pool.deployments[0]);
    health.failed(a, Blame::Rest(Some(7_000)), 0);
    assert_eq!(health.standing(a, 1), Standing::Benched(7 * SECOND));
    assert_eq!(health.standing(a, 7 * SECOND), Standing::Ready, "no probe is needed");
    health.succeeded(a);
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        let now = 100 * SECOND * wait;
        health.failed(a, Blame::Rest(None), now);
        assert_eq!(health.standing(a, now), Standing::Benched(now + wait * SECOND));
    }
}

#[test]
fn one_that_is_far_slower_gives_way() {
    let table = three();
    let (mut health, pool) = (health(&table), find(&table, "m").pool);
    for deployment in &pool.deployments {
        let wait = if deployment.slot == 0 { 200_000 } else { 10_000 };
        for _ in 0..5 {
            health.begin(deployment, 0);
            health.first_byte(deployment, 0, wait);
            health.end(deployment, 0, false);
        }
    }
    let choice = first(pool, &view(&table, &health, 1, 0)).unwrap();
    let slow = choice.slow.unwrap();
    assert_eq!((slow.deployment.slot, slow.limit), (0, 60_000));
    assert_ne!(choice.deployment.slot, 0);
    health.bench_slow(slow.deployment, slow.limit, 1);
    assert_eq!(hits(&table, &health, 2, 1_000)[0], 0);
    let a = slow.deployment;
    for (now, waited, after) in [
        (1 + SECOND, 200_000, Standing::Benched(1 + 2 * SECOND)),
        (1 + 2 * SECOND, 10_000, Standing::Ready),
    ] {
        assert_eq!(health.standing(a, now), Standing::Probe);
        health.begin(a, now);
        health.first_byte(a, now + waited, waited);
        health.succeeded(a);
        assert_eq!(health.standing(a, now + waited), after, "a probe that took {waited}");
    }
}

#[test]
fn a_weight_of_zero_is_for_when_no_other_can() {
    let mut table = Table::default();
    table.add(&offer("a", 0), "m", None);
    table.add(&Offer { weight: 0, ..offer("b", 1) }, "m", None);
    let mut health = health(&table);
    assert_eq!(hits(&table, &health, 0, 1_000), [1_000, 0]);
    for _ in 0..5 {
        health.failed(&find(&table, "m").pool.deployments[0], Blame::Deployment, 0);
    }
    assert_eq!(hits(&table, &health, 1, 1_000), [0, 1_000]);
}

#[test]
fn who_has_no_place_is_passed_over() {
    let mut table = Table::default();
    let bounds = Bounds { parallel: 1, queue: 1 };
    table.add(&Offer { bounds, ..offer("a", 0) }, "m", None);
    table.add(&offer("b", 1), "m", None);
    assert!(table.gates()[0].enter());
    assert_eq!(hits(&table, &health(&table), 0, 1_000), [0, 1_000]);
}

#[test]
fn least_busy_evens_out_by_weight() {
    let mut table = three();
    table.choose_by("m", Strategy::LeastBusy);
    let (mut health, pool) = (health(&table), find(&table, "m").pool);
    for seed in seeds(100) {
        let chosen = first(pool, &view(&table, &health, 0, seed)).unwrap().deployment;
        health.begin(chosen, 0);
    }
    let busy: Vec<_> = pool.deployments.iter().map(|one| health.in_flight(one)).collect();
    assert_eq!(busy, [50, 30, 20]);
}

#[test]
fn the_fastest_gets_most_and_nobody_all() {
    let mut table = three();
    table.choose_by("*", Strategy::Fastest);
    let (mut health, pool) = (health(&table), find(&table, "m").pool);
    for (deployment, wait) in pool.deployments.iter().zip([30_000, 20_000, 10_000]) {
        health.begin(deployment, 0);
        health.first_byte(deployment, 0, wait);
        health.end(deployment, 0, false);
    }
    let hits = hits(&table, &health, 1, 10_000);
    assert!(hits[2] > 4_000 && hits[1] > hits[0] / 2 && hits[0] < 2_000, "{hits:?}");
}

/// What a journey does when everything fails by `fault`: the slots asked, and how often it waited.
fn all_fail(table: &Table, fault: Fault) -> (Vec<usize>, usize) {
    let (mut health, found) = (health(table), find(table, "m"));
    let mut journey = Journey::new(table, &found);
    let mut asked = Vec::new();
    let mut next: Option<Next<'_>> = journey.first(&view(table, &health, 0, 0));
    let mut waits = 0;
    while let Some(step) = next {
        asked.push(step.deployment.slot);
        waits += usize::from(step.wait > 0);
        assert!(asked.len() < 50, "{asked:?}");
        health.failed(step.deployment, fault.remedy().blame, 0);
        let view = view(table, &health, 0, 1 << 63);
        next = journey.next(step.deployment, fault, &view, 600 * SECOND, ANY);
    }
    (asked, waits)
}

#[test]
fn each_fault_has_its_way() {
    let table = three();
    // All three once, then each twice more after a pause.
    let thrice = vec![0, 1, 2, 0, 1, 2, 0, 1, 2];
    for (fault, expected) in [
        (Fault::Connect, thrice.clone()),
        (Fault::Tls, thrice.clone()),
        (Fault::Timeout, thrice.clone()),
        (Fault::Closed, thrice.clone()),
        (Fault::Garbage, thrice.clone()),
        (refused(Class::Server), thrice.clone()),
        (refused(Class::Overloaded), thrice.clone()),
        (refused(Class::Timeout), thrice.clone()),
        (refused(Class::Conflict), thrice.clone()),
        (refused(Class::RateLimit), thrice),
        (refused(Class::Unauthorized), vec![0, 1, 2]),
        (refused(Class::Forbidden), vec![0, 1, 2]),
        (refused(Class::Quota), vec![0, 1, 2]),
        (Fault::Unfit, vec![0, 1, 2]),
        (Fault::Full, vec![0, 1, 2]),
        (refused(Class::BadRequest), vec![0]),
        (refused(Class::NotFound), vec![0]),
        (refused(Class::TooLarge), vec![0]),
        (refused(Class::ContextLength), vec![0]),
        (refused(Class::ContentFilter), vec![0]),
        (Fault::Refused { class: Class::Server, wait_ms: None, final_word: true }, vec![0, 1, 2]),
        (
            Fault::Refused { class: Class::RateLimit, wait_ms: Some(60_000), final_word: false },
            vec![0, 1, 2],
        ),
    ] {
        let (asked, waits) = all_fail(&table, fault);
        let repeats = expected.len().saturating_sub(3);
        assert_eq!((asked, waits), (expected, repeats), "{fault:?}");
    }
}

#[test]
fn a_provider_is_asked_again_as_often_as_it_allows() {
    let mut table = Table::default();
    table.add(&Offer { retries: 0, ..offer("a", 0) }, "m", None);
    table.add(&Offer { retries: 1, ..offer("b", 1) }, "m", None);
    assert_eq!(all_fail(&table, Fault::Closed).0, [0, 1, 1]);
}

#[test]
fn another_key_comes_first_where_it_may_help_and_last_where_it_may_not() {
    let mut table = Table::default();
    table.add(&Offer { keys: 2, weight: 4, retries: 0, ..offer("a", 0) }, "m", None);
    table.add(&Offer { retries: 0, ..offer("b", 1) }, "m", None);
    for (fault, expected) in [
        (refused(Class::Unauthorized), vec![0, 1, 2]),
        (refused(Class::RateLimit), vec![0, 1, 2]),
        (refused(Class::Server), vec![0, 2, 1]),
        (Fault::Connect, vec![0, 2, 1]),
    ] {
        assert_eq!(all_fail(&table, fault).0, expected, "{fault:?}");
    }
    let mut alone = Table::default();
    alone.add(&Offer { keys: 2, retries: 0, ..offer("a", 0) }, "m", None);
    assert_eq!(all_fail(&alone, Fault::Connect).0, [0], "no key opens a shut port");
}

#[test]
fn other_models_answer_for_the_causes_they_are_listed_for() {
    let mut table = three();
    table.add(&Offer { retries: 0, ..offer("d", 3) }, "big", None);
    table.add(&Offer { retries: 0, ..offer("e", 4) }, "other", None);
    let fallback =
        |model: &str, causes: &[Cause]| Fallback { model: model.into(), causes: causes.to_vec() };
    let chain = vec![
        fallback("big", &[Cause::ContextLength]),
        fallback("gone", &[Cause::Error]),
        fallback("other", &[Cause::Error, Cause::ContentFilter]),
    ];
    table.fall_back("m", chain);
    for (fault, expected) in [
        (refused(Class::ContextLength), vec![0, 3]),
        (refused(Class::ContentFilter), vec![0, 4]),
        (refused(Class::Unauthorized), vec![0, 1, 2, 4]),
        (refused(Class::BadRequest), vec![0]),
    ] {
        assert_eq!(all_fail(&table, fault).0, expected, "{fault:?}");
    }
    let (health, found) = (health(&table), find(&table, "m"));
    let mut journey = Journey::new(&table, &found);
    let none: &dyn Fn(&str) -> bool = &|_| false;
    let view = view(&table, &health, 0, 0);
    let failed = &found.pool.deployments[0];
    let next = journey.next(failed, refused(Class::ContextLength), &view, SECOND, none);
    assert_eq!(next, None, "a key may not use by way of another model what it may not use");
}

#[test]
fn a_wait_that_ends_too_late_is_not_begun() {
    let mut table = Table::default();
    table.add(&offer("a", 0), "m", None);
    let (mut health, found) = (health(&table), find(&table, "m"));
    let a: &Deployment = &found.pool.deployments[0];
    let limited =
        Fault::Refused { class: Class::RateLimit, wait_ms: Some(5_000), final_word: false };
    health.failed(a, limited.remedy().blame, 0);
    let view = view(&table, &health, 0, 0);
    let next = |ends| Journey::new(&table, &found).next(a, limited, &view, ends, ANY);
    assert_eq!(next(6 * SECOND).map(|next| next.wait), Some(5 * SECOND));
    assert_eq!(next(4 * SECOND), None);
}
