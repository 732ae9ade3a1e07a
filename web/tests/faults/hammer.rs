//! Many concurrent clients, without a pause, while the stores fail.
//!
//! A store that lost entries may be wrong for a millisecond only, at the moment of its return. Checks before and after it
//! would miss that. So the revoked tokens are presented without a pause, at every node, and every answer is checked.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rescind_testkit::{ApiClient, Reply, Tokens};
use secrecy::ExposeSecret;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cluster::{Node, accepted},
    report::Times,
};

/// Revoked tokens, the newest first. More can be added while they are presented.
#[derive(Clone, Default)]
pub(crate) struct Dead(Arc<RwLock<Vec<Tokens>>>);

impl From<&[Tokens]> for Dead {
    fn from(tokens: &[Tokens]) -> Self {
        Self(Arc::new(RwLock::new(tokens.to_vec())))
    }
}

impl Dead {
    /// Adds one whose logout was answered, and keeps that many.
    pub(crate) fn add(&self, tokens: &Tokens, keep: usize) {
        let mut dead = self.0.write().unwrap_or_else(PoisonError::into_inner);
        dead.insert(0, tokens.clone());
        dead.truncate(keep);
    }

    /// The newest in every second turn.
    fn of_turn(&self, turn: usize) -> Option<Tokens> {
        let dead = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = if turn.is_multiple_of(2) {
            0
        } else {
            turn / 2 % dead.len().max(1)
        };
        dead.get(at).cloned()
    }
}

/// The clients, until [`rest`](Hammer::rest).
pub(crate) struct Hammer {
    rest: Arc<AtomicBool>,
    askers: JoinSet<Tally>,
}

/// Their answers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Revoked tokens: refused.
    pub(crate) refused: u64,
    /// Revoked tokens: 503.
    pub(crate) unknown: u64,
    /// Live tokens: accepted.
    pub(crate) served: u64,
    /// Live tokens: 503.
    pub(crate) unserved: u64,
    /// How long the answers 503 took.
    pub(crate) until_503: Times,
    /// How long all others took.
    pub(crate) until_answer: Times,
}

impl Tally {
    /// How often a revoked token was presented. None was accepted, or the test has failed.
    pub(crate) fn tries(&self) -> u64 {
        self.refused + self.unknown
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.served += other.served;
        self.unserved += other.unserved;
        self.until_503.extend(other.until_503);
        self.until_answer.extend(other.until_answer);
    }
}

impl Hammer {
    /// Starts `askers` clients at each node: each presents the revoked tokens in turn, and a live one between any two.
    pub(crate) fn at<'a>(
        nodes: impl IntoIterator<Item = &'a Node>,
        askers: usize,
        dead: impl Into<Dead>,
        live: &[Tokens],
    ) -> Self {
        let rest = Arc::new(AtomicBool::new(false));
        let (dead, live): (Dead, Arc<[_]>) = (dead.into(), live.into());
        let mut tasks = JoinSet::new();
        for node in nodes {
            for asker in 0..askers {
                let (dead, live, rest) = (dead.clone(), Arc::clone(&live), Arc::clone(&rest));
                tasks.spawn(ask(node.api.clone(), dead, live, asker * 7, rest));
            }
        }
        Self { rest, askers: tasks }
    }

    /// Lets them run for a while.
    pub(crate) async fn go_on(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Ends it.
    ///
    /// # Panics
    /// If a revoked token was accepted, a live one was refused, or a request was not answered; or if all were answered 503.
    pub(crate) async fn rest(self) -> Tally {
        let all = self.end().await;
        assert!(all.refused > 0 && all.served > 0, "no client was answered: {all:?}");
        all
    }

    /// The same, of many: all may be answered 503 for as long as one goes on.
    pub(crate) async fn end(self) -> Tally {
        self.rest.store(true, Ordering::SeqCst);
        let mut all = Tally::default();
        for tally in self.askers.join_all().await {
            all.add(tally);
        }
        all
    }
}

async fn ask(api: ApiClient, dead: Dead, live: Arc<[Tokens]>, begin: usize, rest: Arc<AtomicBool>) -> Tally {
    let mut tally = Tally::default();
    for turn in begin.. {
        if rest.load(Ordering::SeqCst) {
            break;
        }
        let live = live[turn % live.len()].clone();
        for (tokens, is_live) in [(dead.of_turn(turn), false), (Some(live), true)] {
            let Some(tokens) = tokens else { continue };
            let begun = Instant::now();
            let answer = accepted(me(&api, &tokens).await);
            let took = begun.elapsed();
            let (count, times) = match (is_live, answer) {
                (false, Some(false)) => (&mut tally.refused, &mut tally.until_answer),
                (false, None) => (&mut tally.unknown, &mut tally.until_503),
                (true, Some(true)) => (&mut tally.served, &mut tally.until_answer),
                (true, None) => (&mut tally.unserved, &mut tally.until_503),
                (false, Some(true)) => panic!("a token that was taken back was ACCEPTED, try {turn}"),
                (true, Some(false)) => panic!("a live token was refused as revoked, try {turn}"),
            };
            *count += 1;
            times.add(took);
        }
    }
    tally
}

/// Asks again if the connection was lost: a node that was paused has closed those that were silent for too long.
async fn me(api: &ApiClient, tokens: &Tokens) -> Reply {
    let request = || {
        let token = tokens.access().expose_secret();
        api.request("GET", "/api/me").bearer_auth(token)
    };
    match api.attempt(request()).await {
        Ok(reply) => reply,
        Err(_) => api.send(request()).await,
    }
}
