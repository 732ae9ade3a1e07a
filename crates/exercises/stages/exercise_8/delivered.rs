// Exercise 8: a refresh that loses races.
//
// One browser with one tab is served well. What the others say:
//
// - "A copy of an old token was presented. The theft should have been noticed; instead it bought a new one."
// - "I logged out, and one of my tabs was given tokens all the same."
// - "I opened two tabs in the morning, and was logged out of both."
// - "I watched somebody present one used token for over a minute, and be answered. The grace is ten seconds."
//
// Look at `rotate`, then at `refresh`. What the table can do is written in `crates/exercises/src/rows.rs`, what a
// rotation owes in `crates/session/src/ports.rs`, at `SessionStore::rotate`. `judge` is the real one, and right.
//
//     just exercise 8            or: cargo test -p rescind-exercises --test exercise_8
//     just exercise-reset 8      starts again with the delivered file
//
// The first command lists what fails. Three hints are in chapter 8: `cargo run`, then http://127.0.0.1:8080/learn/races.

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_exercises::{Answer, Refreshing, Rows, Where};
use rescind_session::{
    EndReason, Judgement, SessionState, judge,
    ports::{Rotated, Rotation, StoreError},
    token::{Generation, SessionId},
};

pub(crate) struct HomeMade;

#[async_trait]
impl Refreshing for HomeMade {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let Some(row) = rows.select(rotation.session).await? else {
            return Ok(Rotated::Lost);
        };
        if row.state != SessionState::Open || row.generation() != rotation.from {
            return Ok(Rotated::Lost);
        }
        rows.update(Where::Session, rotation).await?;
        Ok(Rotated::Won)
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
                // Somebody else has used this token: it must be a thief.
                Rotated::Lost => {
                    rows.close(session, EndReason::Reuse, now).await?;
                    Ok(Answer::LoggedOut)
                }
            },
            // The token before it, within the grace: a second tab, or a reply that was lost.
            Judgement::Repeat { current } => {
                let again = Rows::rotation(&row, current, now);
                rows.update(Where::Generation(current), &again).await?;
                Ok(Answer::Successor(current))
            }
            // An older one: somebody has a copy.
            Judgement::Reused(cause) => {
                rows.close(session, cause, now).await?;
                Ok(Answer::LoggedOut)
            }
            Judgement::Closed { .. } | Judgement::Expired => Ok(Answer::LoggedOut),
        }
    }
}
