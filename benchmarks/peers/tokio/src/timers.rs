// SPDX-License-Identifier: MIT

use crate::{cpu_seconds, measure, on_pool, peak_rss, percentile, Counters};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::Sleep;

async fn nap(times: u64, duration: Duration) -> (f64, Vec<f64>) {
    let mut early = 0.0;
    let mut lateness = Vec::new();
    for _ in 0..times {
        let deadline = Instant::now() + duration;
        tokio::time::sleep(duration).await;
        let now = Instant::now();
        if now < deadline {
            early += 1.0;
        }
        let (late, too_early) = (now.saturating_duration_since(deadline), deadline.saturating_duration_since(now));
        lateness.push(late.as_secs_f64() - too_early.as_secs_f64());
    }
    (early, lateness)
}

pub fn sleep(runtime: &Runtime, ms: u64) -> Counters {
    const NAPS: u64 = 500;
    let start = Instant::now();
    let (early, mut lateness) = on_pool(runtime, nap(NAPS, Duration::from_millis(ms)));
    vec![
        ("items", NAPS as f64),
        ("seconds", start.elapsed().as_secs_f64()),
        ("early", early),
        ("p50_us", percentile(&mut lateness, 0.50)),
        ("p99_us", percentile(&mut lateness, 0.99)),
    ]
}

/// For 50 to 150 µs each time: were it always the same, every sleep would end at the same place of a round, and its lateness would
/// say where. By the clock, so that no peer's compiler makes it shorter.
async fn compute(stop: Arc<AtomicBool>) {
    let mut turn = 0;
    while !stop.load(Relaxed) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(50 + turn * 37 % 101) {}
        turn += 1;
        tokio::task::yield_now().await;
    }
}

pub fn loaded_sleep(runtime: &Runtime, ms: u64, threads: usize) -> Counters {
    let stop = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..2 * threads).map(|_| runtime.spawn(compute(stop.clone()))).collect();
    let counters = sleep(runtime, ms);
    stop.store(true, Relaxed);
    for handle in computing {
        runtime.block_on(handle).expect("no panic");
    }
    counters
}

/// The first poll is what arms a sleep. std::future::poll_fn, which would do here, came with Rust 1.64.
struct Armed<'a>(Pin<&'a mut Sleep>);

impl Future for Armed<'_> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(self.0.as_mut().poll(context).is_pending())
    }
}

/// Dropping a sleep cancels it. How many were still asleep then.
async fn arm_and_cancel(timers: u64) -> u64 {
    let mut cancelled = 0;
    for armed in 1..=timers {
        let limit = tokio::time::sleep(Duration::from_secs(30));
        tokio::pin!(limit);
        if Armed(limit.as_mut()).await {
            cancelled += 1;
        }
        if armed % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    cancelled
}

async fn all_arm_and_cancel(timers: u64, threads: u64) -> u64 {
    let share = |i| timers * (i + 1) / threads - timers * i / threads;
    let handles: Vec<_> = (0..threads).map(|i| tokio::spawn(arm_and_cancel(share(i)))).collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.expect("no panic");
    }
    total
}

pub fn arm_cancel(runtime: &Runtime, timers: u64, threads: u64) -> Counters {
    measure(timers, timers, || on_pool(runtime, all_arm_and_cancel(timers, threads)))
}

struct Observed {
    start: Instant,
    last: AtomicU64, // nanoseconds after start
    early: AtomicU64,
}

async fn sleeper(duration: Duration, all: Arc<Observed>) {
    let deadline = (all.start.elapsed() + duration).as_nanos() as u64;
    all.last.fetch_max(deadline, Relaxed);
    tokio::time::sleep(duration).await;
    if (all.start.elapsed().as_nanos() as u64) < deadline {
        all.early.fetch_add(1, Relaxed);
    }
}

async fn sleep_all(tasks: u64, all: Arc<Observed>) {
    let mut random: u64 = 1;
    let mut handles = Vec::with_capacity(tasks as usize);
    for _ in 0..tasks {
        random = random * 48271 % 2147483647;
        handles.push(tokio::spawn(sleeper(Duration::from_millis(1 + random % 1000), all.clone())));
    }
    for handle in handles {
        handle.await.expect("no panic");
    }
}

pub fn sleepers(runtime: &Runtime, tasks: u64) -> Counters {
    let (rss, cpu) = (peak_rss(), cpu_seconds());
    let all = Arc::new(Observed { start: Instant::now(), last: AtomicU64::new(0), early: AtomicU64::new(0) });
    on_pool(runtime, sleep_all(tasks, all.clone()));
    let seconds = all.start.elapsed().as_secs_f64();
    vec![
        ("items", tasks as f64),
        ("seconds", seconds),
        ("early", all.early.load(Relaxed) as f64),
        ("beyond_1s_ms", (seconds - 1.0) * 1e3),
        ("late_ms", (seconds - all.last.load(Relaxed) as f64 / 1e9) * 1e3),
        ("cpu_s", cpu_seconds() - cpu),
        ("rss_bytes_per_task", (peak_rss() - rss) / tasks as f64),
    ]
}

pub fn idle(runtime: &Runtime, sleepers: u64) -> Counters {
    let handles: Vec<_> =
        (0..sleepers).map(|_| runtime.spawn(async { tokio::time::sleep(Duration::from_millis(5500)).await })).collect();
    std::thread::sleep(Duration::from_millis(200));
    let before = cpu_seconds();
    std::thread::sleep(Duration::from_secs(5));
    let cpu = cpu_seconds() - before;
    for handle in handles {
        runtime.block_on(handle).expect("no panic");
    }
    vec![("items", 1.0), ("seconds", 5.0), ("cpu_ms", cpu * 1e3)]
}
