// SPDX-License-Identifier: MIT

// Goroutines. GOMAXPROCS is the number of workers.
// usage: go_peer WORKLOAD SIZE THREADS      or --version
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type counter struct {
	name  string
	value float64
}

var workloads = map[string]func(size int) []counter{
	"fib":          fib,
	"skynet":       skynet,
	"nqueens":      nqueens,
	"matmul":       matmul,
	"spawn":        echoes,
	"gather":       echoes,
	"yield":        yield,
	"submit":       submit,
	"sleep":        sleep,
	"sleepers":     sleepers,
	"arm_cancel":   armCancel,
	"loaded_sleep": loadedSleep,
	"idle":         idle,
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(strings.Replace(runtime.Version(), "go", "Go ", 1))
		return
	}
	if len(os.Args) != 4 || workloads[os.Args[1]] == nil {
		usage()
	}
	size, sizeError := strconv.Atoi(os.Args[2])
	threads, threadsError := strconv.Atoi(os.Args[3])
	if sizeError != nil || threadsError != nil || size < 0 || threads < 1 {
		usage()
	}
	runtime.GOMAXPROCS(threads)
	for _, c := range workloads[os.Args[1]](size) {
		fmt.Printf("%s=%.9g ", c.name, c.value)
	}
	fmt.Printf("peak_rss_bytes=%.0f\n", peakRSS())
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: go_peer WORKLOAD SIZE THREADS")
	os.Exit(2)
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func measure(items, expected int, solve func() int) []counter {
	solve() // to warm up
	start := time.Now()
	result := solve()
	seconds := time.Since(start).Seconds()
	if result != expected {
		fail(fmt.Sprintf("wrong result: %d", result))
	}
	return []counter{{"items", float64(items)}, {"seconds", seconds}}
}

func percentile(durations []time.Duration, fraction float64) float64 {
	sort.Slice(durations, func(i, j int) bool { return durations[i] < durations[j] })
	return float64(durations[int(fraction*float64(len(durations)-1))].Nanoseconds()) / 1e3
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// Not Getrusage's: a process inherits that from whoever started it. 0 where there is no /proc.
func peakRSS() float64 {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib * 1024
		}
	}
	return 0
}
