//! Code that is put together in a browser: for each place that matters, a learner chooses one of several lines.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    EndReason, Judgement, Revocation, Scope, SessionState, judge,
    memory::MemoryBlacklist,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, Rotated, Rotation, StoreError},
    token::{Generation, SessionId, TokenId},
};
use tokio::sync::Mutex;

use super::{
    Outcome, Story, blacklist,
    refreshing::{self, Answer, Refreshing},
    rows::{GRACE, Rows, Where},
};

/// A chosen line, by its name.
pub type Line = &'static str;

/// The places, and the lines that can be chosen for each.
const BLACKLIST: [(&str, &[Line]); 3] = [
    ("my-insert", &["first", "last", "later"]),
    ("my-check", &["token", "session", "both"]),
    ("my-prune", &["made", "over", "never"]),
];
const REFRESH: [(&str, &[Line]); 3] = [
    ("my-rotate", &["read", "blind", "compare"]),
    ("my-lost", &["close", "refuse", "again"]),
    ("my-repeat", &["renew", "answer", "refuse"]),
];

/// Plays the stories of a chapter's exercise on the chosen lines; `None` if that exercise is not done in code.
///
/// # Errors
/// A place for which no line was chosen.
pub async fn play_chosen(
    chapter: u8,
    chosen: impl Fn(&str) -> Option<String>,
) -> Option<Result<Vec<Outcome>, &'static str>> {
    let lines = |places: [(&'static str, &'static [Line]); 3]| {
        let [first, second, third] = places.map(|(place, lines)| {
            let line = lines.iter().find(|line| chosen(place).as_deref() == Some(**line));
            line.copied().ok_or(place)
        });
        Ok([first?, second?, third?])
    };
    let stories = match chapter {
        6 => lines(BLACKLIST).map(|lines| blacklist::stories(|| Arc::new(ChosenBlacklist::of(lines)))),
        8 => lines(REFRESH).map(|lines| refreshing::stories(|| Arc::new(ChosenRefresh(lines)))),
        _ => return None,
    };
    Some(match stories {
        Ok(stories) => Ok(play(stories).await),
        Err(place) => Err(place),
    })
}

async fn play(stories: Vec<Story>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for Story { case, told } in stories {
        let failure = told.await.err();
        outcomes.push(Outcome { case, failure });
    }
    outcomes
}

/// The delivered blacklist of exercise 6, with the chosen lines.
struct ChosenBlacklist {
    lines: [Line; 3],
    entries: Mutex<HashMap<Scope, Revocation>>,
    /// Knows whether the copy is whole. Holds no entries.
    mark: MemoryBlacklist,
}

impl ChosenBlacklist {
    fn of(lines: [Line; 3]) -> Self {
        Self {
            lines,
            entries: Mutex::default(),
            mark: MemoryBlacklist::default(),
        }
    }
}

#[async_trait]
impl Blacklist for ChosenBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let mut entries = self.entries.lock().await;
        for revocation in revocations {
            let kept = entries.entry(revocation.scope).or_insert_with(|| revocation.clone());
            match self.lines[0] {
                "last" => *kept = revocation.clone(),
                "later" => kept.until = kept.until.max(revocation.until),
                _ => {}
            }
        }
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        let (token_scope, session_scope) = (Scope::Token(token), Scope::Session(session));
        let asked: &[Scope] = match self.lines[1] {
            "token" => &[token_scope],
            "session" => &[session_scope],
            _ => &[session_scope, token_scope],
        };
        let entries = self.entries.lock().await;
        match asked.iter().find(|scope| entries.contains_key(scope)) {
            Some(scope) => Ok(RevocationStatus::Revoked(*scope)),
            None => self.mark.check(token, session).await,
        }
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let is_over = |entry: &&Revocation| match self.lines[2] {
            "made" => entry.at <= now,
            "over" => entry.until <= now,
            _ => false,
        };
        let mut entries = self.entries.lock().await;
        let passed = entries.values().filter(is_over).map(|entry| entry.scope);
        let passed: Vec<_> = passed.take(limit as usize).collect();
        entries.retain(|scope, _| !passed.contains(scope));
        Ok(passed.len() as u64)
    }

    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        self.mark.claim(claim).await
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        self.insert(revocations).await?;
        self.mark.fill(claim, &[]).await
    }

    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        self.mark.complete(claim).await
    }
}

/// The delivered refresh of exercise 8, with the chosen lines.
struct ChosenRefresh([Line; 3]);

#[async_trait]
impl Refreshing for ChosenRefresh {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        if self.0[0] == "read" {
            let row = rows.select(rotation.session).await?;
            let is_current =
                |row: &rescind_session::Session| row.state == SessionState::Open && row.generation() == rotation.from;
            if !row.as_ref().is_some_and(is_current) {
                return Ok(Rotated::Lost);
            }
        }
        let only = match self.0[0] {
            "compare" => Where::Generation(rotation.from),
            _ => Where::Session,
        };
        let changed = rows.update(only, rotation).await?;
        // After its look, the delivered file does not count.
        Ok(if changed == 0 && self.0[0] != "read" {
            Rotated::Lost
        } else {
            Rotated::Won
        })
    }

    async fn refresh(
        &self,
        rows: &Rows,
        session: SessionId,
        presented: Generation,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let Some(row) = rows.select(session).await? else {
            return Ok(Answer::LoggedOut);
        };
        let cause = match (judge(&row, presented, now), self.0[1], self.0[2]) {
            (Judgement::Rotate { to }, lost, _) => {
                match (self.rotate(rows, &Rows::rotation(&row, to, now)).await?, lost) {
                    (Rotated::Won, _) => return Ok(Answer::Successor(to)),
                    (Rotated::Lost, "again") => return self.refresh(rows, session, presented, now).await,
                    (Rotated::Lost, "refuse") => return Ok(Answer::LoggedOut),
                    (Rotated::Lost, _) => EndReason::Reuse,
                }
            }
            (Judgement::Repeat { .. }, _, "refuse") => EndReason::Reuse,
            (Judgement::Repeat { current }, _, repeat) => {
                if repeat == "renew" {
                    rows.set_grace(session, now + GRACE).await?;
                }
                return Ok(Answer::Successor(current));
            }
            (Judgement::Reused(cause), ..) => cause,
            (Judgement::Closed { .. } | Judgement::Expired, ..) => return Ok(Answer::LoggedOut),
        };
        rows.close(session, cause, now).await?;
        Ok(Answer::LoggedOut)
    }
}
