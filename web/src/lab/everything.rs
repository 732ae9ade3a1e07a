//! The state after a step: the browser, the loot, the rows, the log, the blacklist, and the clocks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind_lab::{Answer, Heard, Picture};
use rescind_session::{Revocation, Scope, SessionState};

use super::words::SENTENCES;
use crate::{
    content::{Facts, of, say, word, yes},
    pages::times::to_the_second,
    trace::moment,
};

/// A list on the page shows the newest.
const MOST_ROWS: usize = 8;

pub(crate) struct Everything {
    pub(crate) cookies: Vec<Vec<String>>,
    pub(crate) loot: Vec<(&'static str, String)>,
    pub(crate) sessions: Rows,
    /// Whether the rows are those of plain sessions.
    pub(crate) plain: bool,
    pub(crate) log: Rows,
    pub(crate) blacklist: Rows,
    /// What the service elsewhere knows, if there is one.
    pub(crate) heard: Option<String>,
    /// The blacklist's state; `None` if none is checked.
    pub(crate) blacklist_is: Option<String>,
    pub(crate) server_time: String,
    pub(crate) wall_clock: String,
    pub(crate) clocks_differ: bool,
    pub(crate) loses_next_reply: bool,
}

pub(crate) struct Rows {
    pub(crate) rows: Vec<Vec<String>>,
    /// The number of older rows that are not shown.
    pub(crate) older: usize,
}

impl Rows {
    fn newest(mut rows: Vec<Vec<String>>) -> Self {
        let older = rows.len().saturating_sub(MOST_ROWS);
        Self {
            rows: rows.split_off(older),
            older,
        }
    }
}

impl Everything {
    /// `started`: the clocks' first time.
    pub(crate) fn of(picture: &Picture, answer: Answer, started: Timestamp, asks_blacklist: bool) -> Self {
        let at = |instant: Timestamp| since(started, instant);
        let revocation = |entry: &Revocation| {
            vec![
                scope(entry.scope),
                of(&SENTENCES.causes, entry.cause).to_owned(),
                at(entry.at),
                at(entry.until),
            ]
        };
        let sessions = picture.sessions.iter().map(|session| {
            let state = match session.state {
                SessionState::Open => "open".to_owned(),
                SessionState::Closed { at: closed, cause: why } => {
                    format!("closed at {}: {}", at(closed), of(&SENTENCES.causes, why))
                }
            };
            let generation = session
                .refresh
                .as_ref()
                .map_or_else(|| "none".to_owned(), |refresh| refresh.generation.get().to_string());
            vec![
                short(&session.id.to_string()),
                state,
                generation,
                at(session.access_until),
            ]
        });
        let plain = picture.plain.iter().map(|row| {
            let values: Vec<_> = row
                .values
                .iter()
                .map(|(name, value)| format!("{name} = {}", short(value.trim_matches('"'))))
                .collect();
            vec![short(&row.key), values.join(", "), at(row.until)]
        });
        let is_plain = answer == Answer::Sessions;
        Self {
            cookies: picture
                .cookies
                .iter()
                .map(|cookie| {
                    let until = cookie.until.map_or_else(|| "the browser is closed".to_owned(), moment);
                    vec![cookie.name.clone(), short(&cookie.value), until]
                })
                .collect(),
            loot: [
                (
                    if is_plain { "Session cookie" } else { "Access token" },
                    &picture.loot.access,
                ),
                ("Refresh token", &picture.loot.refresh),
            ]
            .into_iter()
            .filter_map(|(name, token)| Some((name, short(token.as_deref()?))))
            .collect(),
            sessions: Rows::newest(if is_plain { plain.collect() } else { sessions.collect() }),
            plain: is_plain,
            log: Rows::newest(picture.log.iter().map(revocation).collect()),
            blacklist: Rows::newest(picture.blacklist.iter().map(revocation).collect()),
            heard: heard(Some(picture), answer),
            blacklist_is: asks_blacklist.then(|| blacklist_is(picture)),
            server_time: picture.server_time.map_or_else(|| "it does not run".to_owned(), at),
            wall_clock: at(picture.wall_clock),
            clocks_differ: picture
                .server_time
                .is_some_and(|server| server.duration_since(picture.wall_clock).abs() > SignedDuration::from_secs(1)),
            loses_next_reply: picture.loses_next_reply,
        }
    }
}

/// What the service elsewhere knows, to be read after "It". `picture`: `None` before the first step.
pub(super) fn heard(picture: Option<&Picture>, answer: Answer) -> Option<String> {
    answer.news()?;
    let ended = picture
        .and_then(|picture| picture.heard.as_ref())
        .map(|heard| heard.ended);
    let facts = Facts::default()
        .with("answer", answer.slug())
        .with("ended", ended.unwrap_or_default().to_string())
        .with("due", picture.map_or("no", due));
    Some(say(&SENTENCES.heard, &facts))
}

/// Whether the service elsewhere is going to learn of an ended session: `later`, if no issuer runs to say so.
pub(super) fn due(picture: &Picture) -> &'static str {
    match &picture.heard {
        Some(Heard { due: Some(_), .. }) if picture.server_time.is_none() => "later",
        Some(Heard { due: Some(_), .. }) => "yes",
        _ => "no",
    }
}

fn blacklist_is(picture: &Picture) -> String {
    let facts = Facts::default().with("mood", word(picture.mood));
    say(
        &SENTENCES.blacklist,
        &facts.with("whole", yes(picture.blacklist_is_whole)),
    )
}

/// The beginning and the end of a long text.
fn short(text: &str) -> String {
    const KEPT: usize = 8;
    let count = text.chars().count();
    if count <= 3 * KEPT {
        return text.to_owned();
    }
    let begin: String = text.chars().take(KEPT).collect();
    let end: String = text.chars().skip(count - KEPT).collect();
    format!("{begin}…{end}")
}

fn since(started: Timestamp, instant: Timestamp) -> String {
    let passed = instant.duration_since(started);
    match Duration::try_from(passed) {
        Ok(passed) => moment(passed),
        Err(_) => format!("t − {}", to_the_second(passed.unsigned_abs())),
    }
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Token(token) => format!("token {}", short(&token.to_string())),
        Scope::Session(session) => format!("session {}", short(&session.to_string())),
    }
}
