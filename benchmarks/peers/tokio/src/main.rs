// SPDX-License-Identifier: MIT

//! Tokio's multi-threaded runtime. Every workload runs as a task of the pool, as Tokio's users are told to: what block_on runs
//! itself is outside, and each task it spawns takes the way through the shared queue.
//! usage: tokio_peer WORKLOAD SIZE THREADS

mod fork_join;
mod tasks;
mod timers;

use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

pub type Counters = Vec<(&'static str, f64)>;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (workload, size, threads) = match arguments.as_slice() {
        [_, workload, size, threads] => (workload.as_str(), size.parse::<u64>(), threads.parse::<usize>()),
        _ => usage(),
    };
    let (size, threads) = match (size, threads) {
        (Ok(size), Ok(threads)) if threads > 0 => (size, threads),
        _ => usage(),
    };
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_time().build().expect("a runtime");
    let counters = match workload {
        "fib" => fork_join::fib(&runtime, size),
        "skynet" => fork_join::skynet(&runtime, size),
        "nqueens" => fork_join::nqueens(&runtime, size),
        "spawn" | "gather" => tasks::echoes(&runtime, size),
        "yield" => tasks::give_way(&runtime, size),
        "submit" => tasks::submit(&runtime, size),
        "sleep" => timers::sleep(&runtime, size),
        "sleepers" => timers::sleepers(&runtime, size),
        "arm_cancel" => timers::arm_cancel(&runtime, size, threads as u64),
        "loaded_sleep" => timers::loaded_sleep(&runtime, size, threads),
        "idle" => timers::idle(&runtime, size),
        _ => usage(),
    };
    for (name, value) in counters {
        print!("{}={} ", name, value);
    }
    println!("peak_rss_bytes={}", peak_rss());
}

fn usage() -> ! {
    eprintln!("usage: tokio_peer WORKLOAD SIZE THREADS");
    std::process::exit(2)
}

pub fn fail(message: &str) -> ! {
    eprintln!("{}", message);
    std::process::exit(1)
}

pub fn on_pool<Output: Send + 'static>(
    runtime: &Runtime,
    task: impl std::future::Future<Output = Output> + Send + 'static,
) -> Output {
    runtime.block_on(runtime.spawn(task)).expect("no panic")
}

pub fn measure(items: u64, expected: u64, solve: impl Fn() -> u64) -> Counters {
    solve(); // to warm up
    let start = Instant::now();
    let result = solve();
    let time = start.elapsed();
    if result != expected {
        fail(&format!("wrong result: {}", result));
    }
    vec![("items", items as f64), ("seconds", time.as_secs_f64())]
}

/// Of seconds, not of Durations: lateness can be negative. In microseconds.
pub fn percentile(seconds: &mut [f64], fraction: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[(fraction * (seconds.len() - 1) as f64) as usize] * 1e6
}

pub fn cpu_seconds() -> f64 {
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Not getrusage's: a process inherits that from whoever started it. 0 where there is no /proc.
pub fn peak_rss() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}
