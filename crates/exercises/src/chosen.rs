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

use crate::{
    blacklist::blacklist_stories,
    exercise::Exercise,
    refresh::{Answer, Refreshing, refresh_stories},
    rows::{Rows, Where},
    stories::CaseResult,
};

/// By the name of its place, the name of each chosen line.
#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Lines {
    fn at(&self, place: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == place);
        found.map_or("", |(_, line)| line)
    }
}

/// Plays the stories of an exercise on the chosen lines: pairs of a place and the name of its line.
pub async fn play_chosen(exercise: &Exercise, chosen: &[(String, String)]) -> Vec<CaseResult> {
    let lines = || Lines(chosen.to_vec());
    let stories = match exercise.chapter {
        6 => blacklist_stories(|| {
            Arc::new(ChosenBlacklist {
                lines: lines(),
                ..Default::default()
            })
        }),
        _ => refresh_stories(|| Arc::new(ChosenRefresh(lines()))),
    };
    let mut outcomes = Vec::new();
    for story in stories {
        outcomes.push(story.play(exercise).await);
    }
    outcomes
}

/// The delivered blacklist of exercise 6, with the chosen lines.
#[derive(Default)]
struct ChosenBlacklist {
    lines: Lines,
    entries: Mutex<HashMap<Scope, Revocation>>,
    /// Knows whether the copy is complete. Holds no entries.
    mark: MemoryBlacklist,
}

#[async_trait]
impl Blacklist for ChosenBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let mut entries = self.entries.lock().await;
        for revocation in revocations {
            let kept = entries.entry(revocation.scope).or_insert_with(|| revocation.clone());
            match self.lines.at("my-insert") {
                "last" => *kept = revocation.clone(),
                "later" => kept.until = kept.until.max(revocation.until),
                _ => {}
            }
        }
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        let (token_scope, session_scope) = (Scope::Token(token), Scope::Session(session));
        let asked: &[Scope] = match self.lines.at("my-check") {
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
        let is_over = |entry: &&Revocation| match self.lines.at("my-prune") {
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

    /// It is in the memory of this process.
    fn is_shared(&self) -> bool {
        false
    }
}

/// The delivered refresh of exercise 8, with the chosen lines.
struct ChosenRefresh(Lines);

#[async_trait]
impl Refreshing for ChosenRefresh {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let line = self.0.at("my-rotate");
        if line == "read" {
            let row = rows.select(rotation.session).await?;
            if !row.is_some_and(|row| row.state == SessionState::Open && row.generation() == rotation.from) {
                return Ok(Rotated::Lost);
            }
        }
        let only = match line {
            "compare" => Where::Generation(rotation.from),
            _ => Where::Session,
        };
        // After its look, the delivered file does not count.
        Ok(match rows.update(only, rotation).await? {
            0 if line != "read" => Rotated::Lost,
            _ => Rotated::Won,
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
        let cause = match judge(&row, presented, now) {
            Judgement::Rotate { to } => match self.rotate(rows, &Rows::rotation(&row, to, now)).await? {
                Rotated::Won => return Ok(Answer::Successor(to)),
                Rotated::Lost => match self.0.at("my-lost") {
                    "again" => return self.refresh(rows, session, presented, now).await,
                    "refuse" => return Ok(Answer::LoggedOut),
                    _ => EndReason::Reuse,
                },
            },
            Judgement::Repeat { .. } if self.0.at("my-repeat") == "refuse" => EndReason::Reuse,
            Judgement::Repeat { current } => {
                if self.0.at("my-repeat") == "renew" {
                    let again = Rows::rotation(&row, current, now);
                    rows.update(Where::Generation(current), &again).await?;
                }
                return Ok(Answer::Successor(current));
            }
            Judgement::Reused(cause) => cause,
            Judgement::Closed { .. } | Judgement::Expired => return Ok(Answer::LoggedOut),
        };
        rows.close(session, cause, now).await?;
        Ok(Answer::LoggedOut)
    }
}
