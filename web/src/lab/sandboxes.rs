//! The sandboxes of all visitors to the lab: one for each answer, under a cookie with a random number.
//!
//! The number names only these sandboxes, and a number that was not issued is unknown: see
//! [`visitors`](crate::demo::visitors), which the demo shares. A visitor gets it with the first button, not by looking.
//!
//! A GET computes nothing: beside each sandbox is [another](Pair), in which the same buttons are pressed, for the comparison
//! of costs; and a visitor who has pressed nothing is shown a sandbox that all of them share.
//!
//! **Memory bound.** Each sandbox reports its size, and all together may hold [`MOST_KIB`]. Beyond that, the visitor seen
//! longest ago is forgotten, with all their keys and tokens. Rejected: to count visitors alone. A
//! visitor who pressed sixty buttons everywhere takes ten times as much as one who only logged in, so a safe number of
//! visitors would be small.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use actix_web::{HttpRequest, cookie::Cookie};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{Action, Answer, Error, Refused, Sandbox, Setup};
use rescind_session::Preset;
use tokio::sync::{Mutex as Turns, MutexGuard, OnceCell};

use crate::demo::visitors::{Ticket, Visitors};

/// How much all sandboxes may hold together.
const MOST_KIB: u64 = 128 * 1024;
/// The least that a visitor counts for. So there are never more than two hundred.
const LEAST_KIB: u32 = 655;
const COOKIE: &str = "lab";

pub(crate) struct Sandboxes {
    visitors: Visitors<Bench>,
    untouched: [OnceCell<Pair>; Answer::ALL.len()],
    rng: Mutex<StdRng>,
}

/// A sandbox, and one beside it under another answer: plain sessions, and beside those the blacklist.
pub(crate) struct Pair {
    pub(crate) own: Sandbox,
    pub(crate) beside: Sandbox,
}

impl Pair {
    /// Presses a button in both. A button that is not possible beside is left out there.
    ///
    /// # Errors
    /// [`Refused`]; then it had no effect.
    pub(crate) async fn press(&mut self, action: Action) -> Result<(), Refused> {
        self.own.press(action).await?;
        let _ = self.beside.press(action).await;
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.own.bytes() + self.beside.bytes()
    }
}

#[expect(clippy::expect_used, reason = "all of them are there")]
fn index(answer: Answer) -> usize {
    let place = Answer::ALL.iter().position(|other| *other == answer);
    place.expect("each answer has a place")
}

/// One visitor's sandboxes: a place for each answer.
#[derive(Default)]
pub(crate) struct Bench([Place; Answer::ALL.len()]);

#[derive(Default)]
struct Place {
    pair: Turns<Option<Pair>>,
    kib: AtomicU32,
}

impl Bench {
    fn place(&self, answer: Answer) -> &Place {
        &self.0[index(answer)]
    }

    fn kib(&self) -> u32 {
        let kib = |place: &Place| place.kib.load(Ordering::Relaxed);
        self.0.iter().map(kib).fold(0, u32::saturating_add).max(LEAST_KIB)
    }

    /// Waits for the lock on a sandbox, for a longer look.
    pub(crate) async fn wait(&self, answer: Answer) -> MutexGuard<'_, Option<Pair>> {
        self.place(answer).pair.lock().await
    }

    /// Looks at a sandbox under its lock; `None` if it was never begun.
    pub(crate) async fn look<T>(&self, answer: Answer, look: impl FnOnce(&Sandbox) -> T) -> Option<T> {
        self.wait(answer).await.as_ref().map(|pair| look(&pair.own))
    }
}

/// A locked pair. Its growth is counted when it is unlocked.
pub(crate) struct Turn<'a> {
    sandboxes: &'a Sandboxes,
    known: &'a Known,
    kib: &'a AtomicU32,
    /// The sandbox and the one beside it, if they were begun.
    pub(crate) pair: MutexGuard<'a, Option<Pair>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let bytes = self.pair.as_ref().map_or(0, Pair::bytes);
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        self.kib.store(kib, Ordering::Relaxed);
        self.sandboxes.visitors.changed(self.known.ticket, &self.known.bench);
    }
}

/// A visitor who has sandboxes.
pub(crate) struct Known {
    ticket: Ticket,
    bench: Arc<Bench>,
    /// The cookie that the reply has to set, for a new visitor.
    pub(crate) cookie: Option<Cookie<'static>>,
}

impl Sandboxes {
    pub(crate) fn new(settings: &rescind_api::Settings, rng: StdRng) -> Self {
        Self {
            visitors: Visitors::weighing(MOST_KIB, Bench::kib, COOKIE, settings),
            untouched: Default::default(),
            rng: Mutex::new(rng),
        }
    }

    /// The sandboxes of a request's sender, if any.
    pub(crate) fn of(&self, request: &HttpRequest) -> Option<Arc<Bench>> {
        self.visitors.of(request.headers())
    }

    /// The same; adds an unknown sender.
    pub(crate) fn known(&self, request: &HttpRequest) -> Known {
        if let Some((ticket, bench)) = self.visitors.ticket_of(request.headers()) {
            return Known {
                ticket,
                bench,
                cookie: None,
            };
        }
        let ticket = Ticket::random(&self.rng);
        let (bench, cookie) = self.visitors.welcome(ticket, Bench::default());
        Known {
            ticket,
            bench,
            cookie: Some(cookie),
        }
    }

    /// Locks a sandbox.
    pub(crate) async fn turn<'a>(&'a self, known: &'a Known, answer: Answer) -> Turn<'a> {
        let place = known.bench.place(answer);
        Turn {
            sandboxes: self,
            known,
            kib: &place.kib,
            pair: place.pair.lock().await,
        }
    }

    /// Begins a sandbox, in place of the old one.
    ///
    /// # Errors
    /// [`Error`], if the lifetimes contradict each other; then the old one stays.
    pub(crate) async fn begin(&self, known: &Known, setup: Setup) -> Result<(), Error> {
        let answer = setup.answer;
        let fresh = self.fresh(setup).await?;
        *self.turn(known, answer).await.pair = Some(fresh);
        Ok(())
    }

    /// A pair without a visitor.
    ///
    /// # Errors
    /// [`Error`], if the lifetimes contradict each other.
    pub(crate) async fn fresh(&self, setup: Setup) -> Result<Pair, Error> {
        let other = match setup.answer {
            Answer::Sessions => Answer::Tokens(Preset::Blacklist),
            _ => Answer::Sessions,
        };
        let beside = Setup::new(other, setup.started);
        let rng = || self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork();
        Ok(Pair {
            own: Sandbox::open(setup, rng()).await?,
            beside: Sandbox::open(beside, rng()).await?,
        })
    }

    /// The pair of all visitors who have pressed no button under an answer.
    ///
    /// # Errors
    /// [`Error`]
    pub(crate) async fn untouched(&self, answer: Answer, now: Timestamp) -> Result<&Pair, Error> {
        let cell = &self.untouched[index(answer)];
        cell.get_or_try_init(|| self.fresh(Setup::new(answer, now))).await
    }
}
