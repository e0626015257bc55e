// SPDX-License-Identifier: MIT

use crate::{fail, measure, on_pool, percentile, Counters};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

async fn echo(i: u64) -> u64 {
    i
}

/// `spawn` and `gather` alike: tokio::join! and the futures crate's join_all would poll all children on one thread.
async fn echo_all(n: u64) -> u64 {
    let handles: Vec<_> = (0..n).map(|i| tokio::spawn(echo(i))).collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.expect("no panic");
    }
    total
}

pub fn echoes(runtime: &Runtime, n: u64) -> Counters {
    measure(n, n * (n - 1) / 2, || on_pool(runtime, echo_all(n)))
}

const YIELDS: u64 = 1000;

async fn all_give_way(tasks: u64) -> u64 {
    let one = || async {
        let mut done = 0;
        while done < YIELDS {
            tokio::task::yield_now().await;
            done += 1;
        }
        done
    };
    let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(one())).collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.expect("no panic");
    }
    total
}

pub fn give_way(runtime: &Runtime, tasks: u64) -> Counters {
    measure(tasks * YIELDS, tasks * YIELDS, || on_pool(runtime, all_give_way(tasks)))
}

pub fn submit(runtime: &Runtime, pause_ms: u64) -> Counters {
    const ROUND_TRIPS: u64 = 500;
    let round_trip = |i| {
        if on_pool(runtime, echo(i)) != i {
            fail("wrong result");
        }
    };
    if pause_ms == 0 {
        (0..ROUND_TRIPS).for_each(round_trip); // to warm up
    }
    let mut latency = Vec::new();
    let first = Instant::now();
    for i in 0..ROUND_TRIPS {
        if pause_ms > 0 {
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
        let start = Instant::now();
        round_trip(i);
        latency.push(start.elapsed().as_secs_f64());
    }
    let seconds = first.elapsed().as_secs_f64();
    vec![
        ("items", ROUND_TRIPS as f64),
        ("seconds", seconds),
        ("p50_us", percentile(&mut latency, 0.50)),
        ("p99_us", percentile(&mut latency, 0.99)),
    ]
}
