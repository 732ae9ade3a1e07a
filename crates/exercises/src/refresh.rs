//! A refresh, and the stories of exercise 8 about it.

use std::{ops::Deref, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    Device, EndReason, RefreshState, Session, SessionState,
    decorate::{self, Around, Call},
    ports::{Epoch, Rotated, Rotation, SessionStore, StoreError},
    token::{ClientId, Generation, Salt, SessionId, UserId},
};
use uuid::Uuid;

use crate::{
    rows::{Moment, Rows},
    stories::{Held, NOON, Story, tell},
};

/// Written by the learner: the exchange of a refresh token, given a table of sessions.
#[async_trait]
pub trait Refreshing: Send + Sync {
    /// [`SessionStore::rotate`] on that table: exchanges a generation for the next, only if the session is open and
    /// still has generation `from`. Of N callers exactly one wins.
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// Exchanges a genuine refresh token of generation `presented`.
    async fn refresh(
        &self,
        rows: &Rows,
        session: SessionId,
        presented: Generation,
        now: Timestamp,
    ) -> Result<Answer, StoreError>;
}

/// A client's reply to a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The token of this generation, and an access token. The token is computed from the row, so every client with the
    /// same generation gets the same token.
    Successor(Generation),
    /// No token: log in again.
    LoggedOut,
}

/// A [`SessionStore`] with the learner's `rotate`; otherwise the store in memory.
pub struct SessionsOf {
    pub refreshing: Arc<dyn Refreshing>,
    /// Without sessions at first.
    pub rows: Rows,
}

impl Around<dyn SessionStore> for SessionsOf {
    fn inner(&self) -> impl Deref<Target = dyn SessionStore> + Send + Sync {
        self.rows.table() as &dyn SessionStore
    }

    async fn around<T: decorate::Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let Call::Rotate(rotation) = call else {
            return next.await;
        };
        let rotated = self.refreshing.rotate(&self.rows, rotation).await?;
        T::from_other(rotated).ok_or_else(|| StoreError::corrupt("a rotation is not answered like this"))
    }
}

/// The stories of exercise 8: `make` creates a refresh for each.
pub fn refresh_stories(make: impl Fn() -> Arc<dyn Refreshing>) -> Vec<Story> {
    tell! {
        World::with(make());
        two_who_rotate_at_once_are_not_both_told_that_they_did
        a_copy_two_generations_old_buys_nothing_however_slow_it_comes
        a_logout_beside_a_refresh_wins
        two_tabs_at_once_both_stay_logged_in
        a_lost_reply_logs_nobody_out
        the_grace_ends_ten_seconds_after_the_first_exchange
        a_copy_that_comes_after_the_grace_is_noticed
    }
}

/// Alice's session, opened at noon, with its first refresh token: generation 0.
struct World {
    refreshing: Arc<dyn Refreshing>,
    rows: Rows,
    session: SessionId,
}

/// Seconds since noon.
fn second(second: i64) -> Timestamp {
    NOON + SignedDuration::from_secs(second)
}

fn successor(generation: u32) -> Answer {
    Answer::Successor(Generation::from(generation))
}

impl World {
    async fn with(refreshing: Arc<dyn Refreshing>) -> Result<Self, StoreError> {
        let session = Session {
            id: SessionId::from_uuid(Uuid::from_u128(10)),
            user: UserId::from(Uuid::from_u128(3)),
            client_id: ClientId::first_party(),
            created_at: NOON,
            auth_time: NOON,
            last_seen_at: NOON,
            expires_at: second(24 * 3600),
            access_until: second(300),
            refresh: Some(RefreshState {
                generation: Generation::FIRST,
                salt: Salt::from_bytes([7; 32]),
                idle_until: second(3600),
                grace_until: None,
            }),
            state: SessionState::Open,
            reuse_noticed_at: None,
            status_index: None,
            device: Device::default(),
        };
        let rows = Rows::default();
        let _ = rows.table().open(&session, Epoch::FIRST).await?;
        Ok(Self {
            refreshing,
            rows,
            session: session.id,
        })
    }

    async fn refresh(&self, presented: u32, at: i64) -> Result<Answer, StoreError> {
        self.refresh_over(&self.rows, presented, at).await
    }

    async fn refresh_over(&self, rows: &Rows, presented: u32, at: i64) -> Result<Answer, StoreError> {
        let presented = Generation::from(presented);
        self.refreshing.refresh(rows, self.session, presented, second(at)).await
    }

    /// Alice's or the thief's first token is presented over a connection that is overtaken.
    async fn overtaken<T>(
        &self,
        at: Moment,
        meanwhile: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(Answer, T), StoreError> {
        let slow = |held: Rows| async move { self.refresh_over(&held, 0, 1).await };
        let (slow, meanwhile) = self.rows.overtaken(at, slow, meanwhile).await;
        Ok((slow?, meanwhile?))
    }

    /// Why the session was closed, if it was.
    async fn ended_for(&self) -> Result<Option<EndReason>, StoreError> {
        let row = self.rows.table().find(self.session).await?;
        Ok(row.and_then(|row| match row.state {
            SessionState::Open => None,
            SessionState::Closed { cause, .. } => Some(cause),
        }))
    }
}

async fn two_who_rotate_at_once_are_not_both_told_that_they_did(world: &World) -> Held {
    let Some(row) = world.rows.table().find(world.session).await? else {
        return Ok(vec![false]);
    };
    let rotation = &Rows::rotation(&row, Generation::from(1), NOON);
    let rotate = |rows: Rows| async move { world.refreshing.rotate(&rows, rotation).await };
    let meanwhile = rotate(world.rows.clone());
    let outcomes = world.rows.overtaken(Moment::BeforeWriting, rotate, meanwhile).await;
    let outcomes = (outcomes.0?, outcomes.1?);
    Ok(vec![
        outcomes != (Rotated::Won, Rotated::Won),
        outcomes != (Rotated::Lost, Rotated::Lost),
    ])
}

async fn a_copy_two_generations_old_buys_nothing_however_slow_it_comes(world: &World) -> Held {
    let alice = async {
        world.refresh(0, 1).await?;
        world.refresh(1, 2).await
    };
    let (thief, _) = world.overtaken(Moment::BeforeWriting, alice).await?;
    Ok(vec![
        thief == Answer::LoggedOut,
        world.ended_for().await? == Some(EndReason::Reuse),
    ])
}

async fn a_logout_beside_a_refresh_wins(world: &World) -> Held {
    let logout = world.rows.close(world.session, EndReason::Logout, second(1));
    let (tab, ()) = world.overtaken(Moment::BeforeWriting, logout).await?;
    Ok(vec![tab == Answer::LoggedOut])
}

async fn two_tabs_at_once_both_stay_logged_in(world: &World) -> Held {
    let answers = world.overtaken(Moment::AfterReading, world.refresh(0, 1)).await?;
    Ok(vec![
        world.ended_for().await?.is_none(),
        answers == (successor(1), successor(1)),
    ])
}

async fn a_lost_reply_logs_nobody_out(world: &World) -> Held {
    world.refresh(0, 0).await?;
    // The reply was lost: alice has only generation 0.
    Ok(vec![
        world.refresh(0, 5).await? == successor(1) && world.ended_for().await?.is_none(),
        world.refresh(1, 6).await? == successor(2),
    ])
}

async fn the_grace_ends_ten_seconds_after_the_first_exchange(world: &World) -> Held {
    world.refresh(0, 0).await?;
    world.refresh(0, 8).await?;
    Ok(vec![world.refresh(0, 16).await? == Answer::LoggedOut])
}

async fn a_copy_that_comes_after_the_grace_is_noticed(world: &World) -> Held {
    world.refresh(0, 0).await?;
    Ok(vec![
        world.refresh(0, 11).await? == Answer::LoggedOut,
        world.ended_for().await? == Some(EndReason::Reuse),
    ])
}
