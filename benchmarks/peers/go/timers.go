// SPDX-License-Identifier: MIT

package main

import (
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
