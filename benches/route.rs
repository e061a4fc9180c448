//! What it costs to find who answers, among 200 deployments of one model.

use std::hint::black_box;

use crabllm::route::Blame;
use crabllm::route::Bounds;
use crabllm::route::Health;
use crabllm::route::Journey;
use crabllm::route::Offer;
use crabllm::route::Strategy;
use crabllm::route::Table;
use crabllm::route::View;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;

fn table(providers: usize, strategy: Strategy) -> Table {
    let mut table = Table::default();
    for provider in 0..providers {
        let name = format!("p{provider}");
        let bounds = Bounds { parallel: 0, queue: 0 };
        let weight = 1 + provider as u32 % 5;
        let offer = Offer { name: &name, provider, weight, keys: 1, retries: 2, bounds };
        table.add(&offer, "model", None);
    }
    table.choose_by("*", strategy);
    table
}

/// All that a request costs here: its name, the choice, the budget, and telling the health.
fn request(table: &Table, health: &mut Health, now: u64, seed: u64) -> usize {
    let Ok(found) = table.find("model") else { return 0 };
    let journey = Journey::new(table, &found);
    let view = View { health, gates: table.gates(), now, seed };
    let Some(next) = journey.first(&view) else { return 0 };
    if let Some(budget) = health.budget(journey.origin()) {
        budget.put();
    }
    health.begin(next.deployment, now);
    health.first_byte(next.deployment, now + 100, 100);
    health.succeeded(next.deployment);
    health.end(next.deployment, now + 100, false);
    next.deployment.slot
}

fn routing(c: &mut Criterion) {
    for (name, strategy) in [
        ("weighted", Strategy::Weighted),
        ("least_busy", Strategy::LeastBusy),
        ("fastest", Strategy::Fastest),
    ] {
        for (count, ill) in [(1, 0), (3, 0), (200, 0), (200, 20)] {
            let table = table(count, strategy);
            let (slots, keys, pools) = table.sizes();
            let mut health = Health::new(slots, keys, pools);
            let Ok(found) = table.find("model") else { return };
            for deployment in found.pool.deployments.iter().take(ill) {
                for _ in 0..5 {
                    health.failed(deployment, Blame::Deployment, 0);
                }
            }
            let (mut now, mut seed) = (0_u64, 1_u64);
            c.bench_function(&format!("route/{name}/{count} deployments, {ill} benched"), |b| {
                b.iter(|| {
                    now += 1;
                    seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    black_box(request(&table, &mut health, now % 1000, seed))
                });
            });
        }
    }
}

criterion_group!(benches, routing);
criterion_main!(benches);
