// SPDX-License-Identifier: MIT

// Each node starts all children but the last as goroutines and calls the last one.
package main

import "sync"

func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	var forked sync.WaitGroup
	var a int
	forked.Add(1)
	go func() {
		a = fibonacci(n - 1)
		forked.Done()
	}()
	b := fibonacci(n - 2)
	forked.Wait()
	return a + b
}

func fib(n int) []counter {
	expected, next := 0, 1
	for i := 0; i < n; i++ {
		expected, next = next, expected+next
	}
	calls := 2*next - 1
	return measure(calls, expected, func() int { return fibonacci(n) })
}

const children = 10

func sum(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	var forked sync.WaitGroup
	var parts [children]int
	part := leaves / children
	forked.Add(children - 1)
	for i := 0; i < children-1; i++ {
		go func(i int) {
			parts[i] = sum(first+i*part, part)
			forked.Done()
		}(i)
	}
	parts[children-1] = sum(first+(children-1)*part, part)
	forked.Wait()
	total := 0
	for _, part := range parts {
		total += part
	}
	return total
}

func skynet(leaves int) []counter {
	return measure((leaves*children-1)/(children-1), leaves*(leaves-1)/2, func() int { return sum(0, leaves) })
}

type board [16]int8

// By board size: solutions, and boards with no queen attacked, from the empty one on.
var queens = map[int][2]int{8: {92, 2057}, 13: {73712, 4674890}}

func safe(b *board, row, column int) bool {
	for other := 0; other < row; other++ {
		distance := row - other
		taken := int(b[other])
		if taken == column || taken == column-distance || taken == column+distance {
			return false
		}
	}
	return true
}

func count(n, row int, b board) int32 {
	if row == n {
		return 1
	}
	var columns [16]int8
	found := 0
	for column := 0; column < n; column++ {
		if safe(&b, row, column) {
			columns[found] = int8(column)
			found++
		}
	}
	if found == 0 {
		return 0
	}
	var forked sync.WaitGroup
	var parts [16]int32
	forked.Add(found - 1)
	for i := 0; i < found-1; i++ {
		next := b
		next[row] = columns[i]
		go func(i int) {
			parts[i] = count(n, row+1, next)
			forked.Done()
		}(i)
	}
	b[row] = columns[found-1]
	parts[found-1] = count(n, row+1, b)
	forked.Wait()
	total := int32(0)
	for _, part := range parts[:found] {
		total += part
	}
	return total
}

func nqueens(n int) []counter {
	known, found := queens[n]
	if !found {
		fail("the board is 8 or 13 wide")
	}
	return measure(known[1], known[0], func() int { return int(count(n, 0, board{})) })
}
