//! **A counterexample. Do not copy it.** Rotation as often written: read the row, compare, write the row.
//!
//! A refresh token is a random string; the session's row holds the current one. A refresh reads the row, compares the
//! token, draws the next one, and writes it. Each step is right, but they are not atomic: all of N callers can read
//! before any has written. Then all N tokens match, N children are minted, and the last write wins. The other callers
//! hold tokens that were never valid. When one of these is used minutes later, it looks like a replaced token, so like
//! theft, and everyone is logged out.
//!
//! A grace does not repair it. The row can hold the previous token and the end of its grace, but not the first answer.
//! So a repeat gets yet another child, which replaces the child before it.
//!
//! Rescind writes by a compare-and-swap, which exactly one caller wins, and computes its tokens from the session and
//! the generation. So the loser reads the row again and computes the winner's successor.
//!
//! It is used only in the lab, for a run of [`Race`](crate::race::Race); no service is built on it.

use std::{
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, rngs::StdRng};

use super::held::{Held, RefreshReply, Tokens};

/// The row of a session.
#[derive(Clone)]
struct Row {
    current: String,
    previous: Option<String>,
    previous_until: Duration,
    open: bool,
}

/// One session, kept by reading and then writing.
pub(super) struct Naive {
    grace: Duration,
    access_ttl: Duration,
    row: Mutex<Row>,
    /// Access tokens and their expiry, so that the run can check them.
    access: Mutex<Vec<(String, Duration)>>,
    rng: Mutex<StdRng>,
}

impl Naive {
    /// A login at time zero.
    pub(super) fn log_in(grace: Duration, access_ttl: Duration, mut rng: StdRng) -> (Self, Tokens) {
        let refresh = random(&mut rng);
        let naive = Self {
            grace,
            access_ttl,
            row: Mutex::new(Row {
                current: refresh.clone(),
                previous: None,
                previous_until: Duration::ZERO,
                open: true,
            }),
            access: Mutex::default(),
            rng: Mutex::new(rng),
        };
        let tokens = naive.tokens(refresh, Duration::ZERO);
        (naive, tokens)
    }

    /// Read, compare, write. Other callers run between reading and writing.
    pub(super) async fn refresh(&self, presented: &str, now: Duration, held: Option<&Held>) -> RefreshReply {
        let row = lock(&self.row).clone();
        if let Some(held) = held {
            held.has_read().await;
        }
        if !row.open {
            return RefreshReply::Closed;
        }
        let forgiven = row.previous.as_deref() == Some(presented) && now < row.previous_until;
        if row.current != presented && !forgiven {
            lock(&self.row).open = false;
            return RefreshReply::Reused;
        }
        let next = random(&mut lock(&self.rng));
        if let Some(held) = held {
            held.may_write().await;
        }
        *lock(&self.row) = Row {
            current: next.clone(),
            previous: Some(presented.to_owned()),
            previous_until: if forgiven { row.previous_until } else { now + self.grace },
            open: true,
        };
        if let Some(held) = held {
            held.has_written();
        }
        RefreshReply::Given(self.tokens(next, now))
    }

    /// Whether a call with this access token would be accepted.
    pub(super) fn accepts(&self, access: &str, now: Duration) -> bool {
        lock(&self.row).open
            && lock(&self.access)
                .iter()
                .any(|(token, expires)| token == access && now < *expires)
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.row).open
    }

    fn tokens(&self, refresh: String, now: Duration) -> Tokens {
        let access = random(&mut lock(&self.rng));
        lock(&self.access).push((access.clone(), now + self.access_ttl));
        Tokens { access, refresh }
    }
}

/// 128 random bits.
fn random(rng: &mut StdRng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut token, byte| {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}
