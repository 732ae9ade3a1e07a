//! The state after a step: the browser, the loot, the rows, the log, the blacklist, and the clocks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind_lab::{Answer, Heard, Snapshot};
use rescind_session::{Revocation, Scope, Session, SessionState};

use super::words::SENTENCES;
use crate::{
    content::{Facts, of, say, word, yes},
    pages::times::to_the_second,
    trace::moment,
};

/// A list on the page shows the newest.
const MOST_ROWS: usize = 8;

/// A snapshot, for a template.
pub(crate) struct Everything {
    pub(crate) snapshot: Snapshot,
    pub(crate) answer: Answer,
    /// The clocks' first time.
    pub(crate) started: Timestamp,
    pub(crate) asks_blacklist: bool,
}

/// The newest rows, and how many are older.
pub(crate) fn newest<T>(rows: &[T]) -> (usize, &[T]) {
    let older = rows.len().saturating_sub(MOST_ROWS);
    (older, rows.get(older..).unwrap_or_default())
}

impl Everything {
    pub(crate) fn is_plain(&self) -> bool {
        self.answer == Answer::Sessions
    }

    pub(crate) fn at(&self, instant: &Timestamp) -> String {
        let passed = instant.duration_since(self.started);
        match Duration::try_from(passed) {
            Ok(passed) => moment(passed),
            Err(_) => format!("t − {}", to_the_second(passed.unsigned_abs())),
        }
    }

    pub(crate) fn state(&self, session: &Session) -> String {
        match session.state {
            SessionState::Open => "open".to_owned(),
            SessionState::Closed { at, cause } => {
                format!("closed at {}: {}", self.at(&at), of(&SENTENCES.causes, cause))
            }
        }
    }

    pub(crate) fn cause(&self, entry: &Revocation) -> &'static str {
        of(&SENTENCES.causes, entry.cause)
    }

    pub(crate) fn heard(&self) -> Option<String> {
        heard(Some(&self.snapshot), self.answer)
    }

    pub(crate) fn blacklist(&self) -> String {
        let facts = Facts::default().with("fault", word(self.snapshot.fault));
        let facts = facts.with("complete", yes(self.snapshot.blacklist_is_complete));
        say(&SENTENCES.blacklist, &facts)
    }

    pub(crate) fn clocks_differ(&self) -> bool {
        let apart = |server: Timestamp| server.duration_since(self.snapshot.wall_clock).abs();
        let server = self.snapshot.server_time;
        server.is_some_and(|server| apart(server) > SignedDuration::from_secs(1))
    }
}

/// What the service elsewhere knows, to be read after "It". `snapshot`: `None` before the first step.
pub(super) fn heard(snapshot: Option<&Snapshot>, answer: Answer) -> Option<String> {
    answer.news()?;
    let ended = snapshot
        .and_then(|snapshot| snapshot.heard.as_ref())
        .map(|heard| heard.ended);
    let facts = Facts::default()
        .with("answer", answer.slug())
        .with("ended", ended.unwrap_or_default().to_string())
        .with("due", snapshot.map_or("no", due));
    Some(say(&SENTENCES.heard, &facts))
}

/// Whether the service elsewhere is going to learn of an ended session: `later`, if no issuer runs to say so.
pub(super) fn due(snapshot: &Snapshot) -> &'static str {
    match &snapshot.heard {
        Some(Heard { due: Some(_), .. }) if snapshot.server_time.is_none() => "later",
        Some(Heard { due: Some(_), .. }) => "yes",
        _ => "no",
    }
}

/// The beginning and the end of a long text.
pub(crate) fn short(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    const KEPT: usize = 8;
    let count = text.chars().count();
    if count <= 3 * KEPT {
        return text.to_owned();
    }
    let begin: String = text.chars().take(KEPT).collect();
    let end: String = text.chars().skip(count - KEPT).collect();
    format!("{begin}…{end}")
}

pub(crate) fn scope(scope: &Scope) -> String {
    match scope {
        Scope::Token(token) => format!("token {}", short(token.to_string())),
        Scope::Session(session) => format!("session {}", short(session.to_string())),
    }
}
