// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"time"
)

// The sum of what n goroutines return. Go has no handle of one: where each result goes and one WaitGroup for all is the idiom, for
// spawn and for gather.
func sumOfAll(n int, task func(i int) int) int {
	results := make([]int, n)
	var spawned sync.WaitGroup
	spawned.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			results[i] = task(i)
			spawned.Done()
		}(i)
	}
	spawned.Wait()
	total := 0
	for _, result := range results {
		total += result
	}
	return total
}

func echoes(n int) []counter {
	echo := func(i int) int { return i }
	return measure(n, n*(n-1)/2, func() int { return sumOfAll(n, echo) })
}

func yield(tasks int) []counter {
	const yields = 1000
	giveWay := func(int) int {
		done := 0
		for ; done < yields; done++ {
			runtime.Gosched()
		}
		return done
	}
	return measure(tasks*yields, tasks*yields, func() int { return sumOfAll(tasks, giveWay) })
}

// Every thread of a Go program belongs to its runtime; one that is locked to its goroutine comes closest to one outside.
func submit(pauseMs int) []counter {
	const roundTrips = 500
	runtime.LockOSThread()
	result := make(chan int)
	roundTrip := func(i int) {
		go func() { result <- i }()
		if <-result != i {
			fail("wrong result")
		}
	}
	if pauseMs == 0 {
		for i := 0; i < roundTrips; i++ {
			roundTrip(i) // to warm up
		}
	}
	latency := make([]time.Duration, roundTrips)
	first := time.Now()
	for i := range latency {
		if pauseMs > 0 {
			time.Sleep(time.Duration(pauseMs) * time.Millisecond)
		}
		start := time.Now()
		roundTrip(i)
		latency[i] = time.Since(start)
	}
	return []counter{
		{"items", roundTrips},
		{"seconds", time.Since(first).Seconds()},
		{"p50_us", percentile(latency, 0.50)},
		{"p99_us", percentile(latency, 0.99)},
	}
}
