// SPDX-License-Identifier: MIT

//! Each node spawns all children but one and awaits that one in place. An async function that calls itself needs a box.

use crate::{fail, measure, on_pool, Counters};
use std::future::Future;
use std::pin::Pin;
use tokio::runtime::Runtime;

type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

fn fibonacci(n: u64) -> Boxed {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let forked = tokio::spawn(fibonacci(n - 1));
        let b = fibonacci(n - 2).await;
        forked.await.expect("no panic") + b
    })
}

pub fn fib(runtime: &Runtime, n: u64) -> Counters {
    let (mut expected, mut next) = (0, 1);
    for _ in 0..n {
        (expected, next) = (next, expected + next);
    }
    measure(2 * next - 1, expected, || on_pool(runtime, fibonacci(n)))
}

const CHILDREN: u64 = 10;

fn sum(first: u64, leaves: u64) -> Boxed {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / CHILDREN;
        let forked: [_; CHILDREN as usize - 1] = std::array::from_fn(|i| tokio::spawn(sum(first + i as u64 * part, part)));
        let mut total = sum(first + (CHILDREN - 1) * part, part).await;
        for child in forked {
            total += child.await.expect("no panic");
        }
        total
    })
}

pub fn skynet(runtime: &Runtime, leaves: u64) -> Counters {
    let nodes = (leaves * CHILDREN - 1) / (CHILDREN - 1);
    measure(nodes, leaves * (leaves - 1) / 2, || on_pool(runtime, sum(0, leaves)))
}

type Board = [i8; 16];

fn safe(board: &Board, row: usize, column: i8) -> bool {
    board[..row].iter().enumerate().all(|(other, &taken)| {
        let distance = (row - other) as i8;
        taken != column && taken != column - distance && taken != column + distance
    })
}

fn count(n: usize, row: usize, board: Board) -> Boxed {
    Box::pin(async move {
        if row == n {
            return 1;
        }
        let with_queen = |column| {
            let mut next = board;
            next[row] = column;
            next
        };
        let mut columns = (0..n as i8).filter(|&column| safe(&board, row, column));
        let first = match columns.next() {
            Some(column) => column,
            None => return 0,
        };
        let forked: Vec<_> = columns.map(|column| tokio::spawn(count(n, row + 1, with_queen(column)))).collect();
        let mut total = count(n, row + 1, with_queen(first)).await;
        for child in forked {
            total += child.await.expect("no panic");
        }
        total
    })
}

pub fn nqueens(runtime: &Runtime, n: u64) -> Counters {
    // Solutions, and boards with no queen attacked, from the empty one on.
    let (solutions, nodes) = match n {
        8 => (92, 2057),
        13 => (73712, 4674890),
        _ => fail("the board is 8 or 13 wide"),
    };
    let n = n as usize;
    measure(nodes, solutions, || on_pool(runtime, count(n, 0, [0; 16])))
}
