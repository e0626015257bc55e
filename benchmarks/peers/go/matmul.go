// SPDX-License-Identifier: MIT

// The recursion, the leaves and the layout of benchmarks/matmul/problem.hpp; Go's compiler does not vectorise the leaves.
package main

import "sync"

const (
	leaf = 32
	line = 16 // elements in a cache line: each row is one longer than it needs to be
)

type product struct {
	a, b, c  []uint32
	n, pitch int
}

func (p product) part(row, column, inner int) product {
	half := p.n / 2
	return product{p.a[(row*p.pitch+inner)*half:], p.b[(inner*p.pitch+column)*half:], p.c[(row*p.pitch+column)*half:], half, p.pitch}
}

func multiplyLeaf(p product) {
	for i := 0; i < leaf; i++ {
		row := p.c[i*p.pitch : i*p.pitch+leaf]
		for k := 0; k < leaf; k++ {
			factor := p.a[i*p.pitch+k]
			other := p.b[k*p.pitch : k*p.pitch+leaf]
			for j := range row {
				row[j] += factor * other[j]
			}
		}
	}
}

func multiply(p product) {
	if p.n == leaf {
		multiplyLeaf(p)
		return
	}
	for inner := 0; inner < 2; inner++ {
		var forked sync.WaitGroup
		forked.Add(3)
		for _, quarter := range [3][2]int{{0, 0}, {0, 1}, {1, 0}} {
			go func(row, column int) {
				multiply(p.part(row, column, inner))
				forked.Done()
			}(quarter[0], quarter[1])
		}
		multiply(p.part(1, 1, inner))
		forked.Wait()
	}
}

func random(seed uint64) func() uint32 {
	return func() uint32 {
		seed = seed * 48271 % 2147483647
		return uint32(seed)
	}
}

func timesVector(m []uint32, n, pitch int, vector []uint32) []uint32 {
	result := make([]uint32, n)
	for i := range result {
		for j, value := range vector {
			result[i] += m[i*pitch+j] * value
		}
	}
	return result
}

func matmul(n int) []counter {
	if n < leaf || n&(n-1) != 0 {
		fail("the matrices' size is a power of two, from 32 on")
	}
	pitch := n + line
	a, b, c := make([]uint32, n*pitch), make([]uint32, n*pitch), make([]uint32, n*pitch)
	next := random(1)
	for i := range a {
		a[i], b[i] = next(), next()
	}
	result := measure(n*n*n, 0, func() int {
		multiply(product{a, b, c, n, pitch})
		return 0
	})
	// Freivalds' check, for two products accumulated: measure has called twice.
	vector := make([]uint32, n)
	for i := range vector {
		vector[i] = next()
	}
	expected := timesVector(a, n, pitch, timesVector(b, n, pitch, vector))
	for i, value := range timesVector(c, n, pitch, vector) {
		if value != 2*expected[i] {
			fail("wrong result")
		}
	}
	return result
}
