//! Races: contenders that start at the same time.
//!
//! Each contender has its own thread. Rejected: tasks. A store that never waits, such as one in memory, completes a
//! task before the next one on the same worker begins, and nothing races.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    runtime::Handle,
    task::{JoinHandle, spawn_blocking},
};

/// Starts `count` contenders together, and returns each result.
pub(crate) async fn at_once<Doing>(count: usize, contender: impl Fn(usize) -> Doing) -> Vec<Doing::Output>
where
    Doing: Future<Output: Send + 'static> + Send + 'static,
{
    let line = Line::of(count);
    let started: Vec<_> = (0..count).map(|nth| start(&line, 0, contender(nth))).collect();
    let mut answers = Vec::with_capacity(count);
    for contender in started {
        answers.push(answer(contender).await);
    }
    answers
}

/// Starts two contenders together. Which one is delayed a little changes with the round: without that a machine prefers
/// one of them, and a race that always ends the same way proves only half.
pub(crate) async fn race<One, Other>(round: usize, one: One, other: Other) -> (One::Output, Other::Output)
where
    One: Future<Output: Send + 'static> + Send + 'static,
    Other: Future<Output: Send + 'static> + Send + 'static,
{
    let line = Line::of(2);
    let held_up = round / 2 % 5;
    let (first, second) = if round.is_multiple_of(2) {
        (held_up, 0)
    } else {
        (0, held_up)
    };
    let (one, other) = (start(&line, first, one), start(&line, second, other));
    (answer(one).await, answer(other).await)
}

/// Where contenders wait for each other. Rejected: [`std::sync::Barrier`], which wakes one after another, so that the
/// first has finished when the last begins.
struct Line {
    missing: AtomicUsize,
}

impl Line {
    fn of(contenders: usize) -> Arc<Self> {
        Arc::new(Self {
            missing: AtomicUsize::new(contenders),
        })
    }

    fn wait(&self) {
        self.missing.fetch_sub(1, Ordering::SeqCst);
        while self.missing.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
    }
}

fn start<Doing>(line: &Arc<Line>, held_up: usize, doing: Doing) -> JoinHandle<Doing::Output>
where
    Doing: Future<Output: Send + 'static> + Send + 'static,
{
    let (line, runtime) = (Arc::clone(line), Handle::current());
    spawn_blocking(move || {
        line.wait();
        for _ in 0..held_up {
            thread::yield_now();
        }
        runtime.block_on(doing)
    })
}

async fn answer<Answer>(contender: JoinHandle<Answer>) -> Answer {
    match contender.await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => panic!("a contender did not finish: {error}"),
        },
    }
}
