//! Exercise 8: a refresh that loses races.
//!
//! One browser with one tab is served well. What the others say:
//!
//! - "A copy of an old token was presented. The theft should have been noticed; instead it bought a new one."
//! - "I logged out, and one of my tabs was given tokens all the same."
//! - "I opened two tabs in the morning, and was logged out of both."
//! - "I watched somebody present one used token for over a minute, and be answered. The grace is ten seconds."
//!
//! Look at `rotate`, then at `refresh`. What the table can do is written in `crates/exercises/src/checks/rows.rs`, what a
//! rotation owes in `crates/session/src/ports.rs`, at `SessionStore::rotate`. `judge` is the real one, and right.
//!
//!     just exercise 8            or: cargo test -p rescind-exercises --test exercise_8
//!     just exercise-reset 8      begins again
//!
//! The first tells what fails. Chapter 8 has three hints: `cargo run`, then http://127.0.0.1:8080/learn/races.

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_exercises::checks::{Answer, Refreshing, Rows, Where};
use rescind_session::{
    Judgement, judge,
    ports::{Rotated, Rotation, StoreError},
    token::{Generation, SessionId},
};

pub(crate) struct HomeMade;

#[async_trait]
impl Refreshing for HomeMade {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        match rows.update(Where::Generation(rotation.from), rotation).await? {
            0 => Ok(Rotated::Lost),
            _ => Ok(Rotated::Won),
        }
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
        match judge(&row, presented, now) {
            // The newest token there is: exchange it.
            Judgement::Rotate { to } => match self.rotate(rows, &Rows::rotation(&row, to, now)).await? {
                Rotated::Won => Ok(Answer::Successor(to)),
                // Somebody was faster. What they wrote decides, and they have won, so this comes to an end.
                Rotated::Lost => self.refresh(rows, session, presented, now).await,
            },
            // The token before it, within the grace: a second tab, or a reply that was lost.
            Judgement::Repeat { current } => Ok(Answer::Successor(current)),
            // An older one: somebody has a copy.
            Judgement::Reused(cause) => {
                rows.close(session, cause, now).await?;
                Ok(Answer::LoggedOut)
            }
            Judgement::Closed { .. } | Judgement::Expired => Ok(Answer::LoggedOut),
        }
    }
}
