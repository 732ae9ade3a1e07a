//! **A counterexample. Do not copy it.** Rotation as it is often written: read the row, compare, write the row.
//!
//! A refresh token is a random string; the row of a session holds the one that counts. Whoever refreshes reads the row,
//! finds that the token is the one, makes up the next, and writes it. Each step is right, and nothing holds them together:
//! of N callers all can read before any has written. Then all of them find that the token is the one, N children are
//! minted, and the last write wins. The others hold tokens that were good for nothing from their first moment on. When one
//! of them is used, minutes later, it is a token that was replaced: that looks like theft, and everybody is logged out.
//!
//! A grace does not mend it. The row can say which token came before, and for how long that is forgiven; but what was
//! answered the first time is nowhere, so a repeat is given yet another child, and the child before it dies.
//!
//! Rescind writes by a compare-and-swap, of which exactly one caller wins, and computes its tokens from the session and the
//! generation. So whoever loses the swap reads the row again, and computes the same successor as the winner got.
//!
//! It lives in the lab alone, in a run of [`Race`](crate::race::Race) that somebody asked for; no service is built on it.

use std::{
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, rngs::StdRng};

use super::held::{Answer, Held, Tokens};

/// What is kept of a session.
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
    /// Access tokens and when they expire, so that the run can ask whether one counts.
    access: Mutex<Vec<(String, Duration)>>,
    rng: Mutex<StdRng>,
}

impl Naive {
    /// Somebody logs in at the beginning of time.
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

    /// Read, compare, write. Between reading and writing is where the others are.
    pub(super) async fn refresh(&self, presented: &str, now: Duration, held: Option<&Held>) -> Answer {
        let row = lock(&self.row).clone();
        if let Some(held) = held {
            held.has_read().await;
        }
        if !row.open {
            return Answer::Closed;
        }
        let forgiven = row.previous.as_deref() == Some(presented) && now < row.previous_until;
        if row.current != presented && !forgiven {
            lock(&self.row).open = false;
            return Answer::Reused;
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
        Answer::Given(self.tokens(next, now))
    }

    /// Whether a call with this access token would be answered.
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
