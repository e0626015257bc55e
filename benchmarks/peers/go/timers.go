// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func sleep(ms int) []counter {
	const naps = 500
	lateness := make([]time.Duration, naps)
	duration := time.Duration(ms) * time.Millisecond
	early := 0
	start := time.Now()
	for i := range lateness {
		deadline := time.Now().Add(duration)
		time.Sleep(duration)
		lateness[i] = time.Since(deadline)
		if lateness[i] < 0 {
			early++
		}
	}
	return []counter{
		{"items", naps},
		{"seconds", time.Since(start).Seconds()},
		{"early", float64(early)},
		{"p50_us", percentile(lateness, 0.50)},
		{"p99_us", percentile(lateness, 0.99)},
	}
}

// Two goroutines per worker compute until the last nap is over, for 50 to 150 µs each time: were it always the same, every sleep
// would end at the same place of a round, and its lateness would say where. By the clock, so that no peer's compiler makes it
// shorter.
func loadedSleep(ms int) []counter {
	computing := 2 * runtime.GOMAXPROCS(0)
	var stop atomic.Bool
	var ended sync.WaitGroup
	ended.Add(computing)
	for i := 0; i < computing; i++ {
		go func() {
			for turn := 0; !stop.Load(); turn++ {
				slice := time.Duration(50+turn*37%101) * time.Microsecond
				for start := time.Now(); time.Since(start) < slice; {
				}
				runtime.Gosched()
			}
			ended.Done()
		}()
	}
	counters := sleep(ms)
	stop.Store(true)
	ended.Wait()
	return counters
}

// How many of them Stop says it has stopped.
func armCancel(timers int) []counter {
	workers := runtime.GOMAXPROCS(0)
	armAndCancel := func(i int) int {
		stopped := 0
		for armed := timers * i / workers; armed < timers*(i+1)/workers; armed++ {
			if time.AfterFunc(30*time.Second, func() { fail("a timer fired") }).Stop() {
				stopped++
			}
		}
		return stopped
	}
	return measure(timers, timers, func() int { return sumOfAll(workers, armAndCancel) })
}

func sleepers(tasks int) []counter {
	rss, cpu := peakRSS(), cpuSeconds()
	start := time.Now()
	var last, early int64 // nanoseconds after start
	var spawned sync.WaitGroup
	spawned.Add(tasks)
	next := random(1)
	for i := 0; i < tasks; i++ {
		go func(duration time.Duration) {
			deadline := int64(time.Since(start) + duration)
			for seen := atomic.LoadInt64(&last); seen < deadline; seen = atomic.LoadInt64(&last) {
				if atomic.CompareAndSwapInt64(&last, seen, deadline) {
					break
				}
			}
			time.Sleep(duration)
			if int64(time.Since(start)) < deadline {
				atomic.AddInt64(&early, 1)
			}
			spawned.Done()
		}(time.Duration(1+next()%1000) * time.Millisecond)
	}
	spawned.Wait()
	elapsed := time.Since(start)
	return []counter{
		{"items", float64(tasks)},
		{"seconds", elapsed.Seconds()},
		{"early", float64(early)},
		{"beyond_1s_ms", (elapsed - time.Second).Seconds() * 1e3},
		{"late_ms", (elapsed - time.Duration(last)).Seconds() * 1e3},
		{"cpu_s", cpuSeconds() - cpu},
		{"rss_bytes_per_task", (peakRSS() - rss) / float64(tasks)},
	}
}

func idle(sleepers int) []counter {
	var ended sync.WaitGroup
	ended.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		go func() {
			time.Sleep(5500 * time.Millisecond)
			ended.Done()
		}()
	}
	time.Sleep(200 * time.Millisecond)
	before := cpuSeconds()
	time.Sleep(5 * time.Second)
	cpu := cpuSeconds() - before
	ended.Wait()
	return []counter{{"items", 1}, {"seconds", 5}, {"cpu_ms", cpu * 1e3}}
}
