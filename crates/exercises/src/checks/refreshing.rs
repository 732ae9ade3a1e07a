//! Checks of a refresh.

use std::{ops::Deref, pin::pin, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
#[cfg(feature = "checks")]
use rescind_conformance::rotating;
use rescind_session::{
    Device, EndReason, RefreshState, Session, SessionState,
    decorate::{self, Around, Call},
    ports::{Epoch, Rotated, Rotation, SessionStore, StoreError},
    token::{ClientId, Generation, Salt, SessionId, UserId},
};
use uuid::Uuid;

#[cfg(feature = "checks")]
use super::report::Report;
use super::{
    NOON, Story, Told,
    rows::{Gate, Moment, Rows},
    tell_unless,
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

/// The stories: `make` creates one for each.
pub(super) fn stories(make: impl Fn() -> Arc<dyn Refreshing>) -> Vec<Story> {
    stories! {
        World::with(make());
        a_refresh_gives_the_next_generation
        two_who_rotate_at_once_are_not_both_told_that_they_did
        a_copy_two_generations_old_buys_nothing_however_slow_it_comes
        a_logout_beside_a_refresh_wins
        two_tabs_at_once_both_stay_logged_in
        a_lost_reply_logs_nobody_out
        the_grace_ends_ten_seconds_after_the_first_exchange
        a_copy_that_comes_after_the_grace_is_noticed
    }
}

/// Checks a refresh: `make` creates one for each case.
///
/// Of the suite, only the cases of [`rotating`] run: the rest of the port is the store in memory.
#[cfg(feature = "checks")]
pub fn try_refreshing(make: impl Fn() -> Arc<dyn Refreshing>) -> Report {
    let mut report = Report::of(stories(&make));
    macro_rules! suite {
        (rotating: $($case:ident)*;) => { $({
            let store: Arc<dyn SessionStore> = Arc::new(SessionsOf::new(make()));
            report.suite(stringify!($case), rotating::$case(store));
        })* };
    }
    rescind_conformance::rotating_cases! { suite }
    report
}

/// Alice's session, opened at noon, with its first refresh token: generation 0.
struct World {
    refreshing: Arc<dyn Refreshing>,
    rows: Rows,
    session: SessionId,
}

fn seconds(seconds: i64) -> Timestamp {
    NOON + SignedDuration::from_secs(seconds)
}

impl World {
    async fn with(refreshing: Arc<dyn Refreshing>) -> Result<Self, String> {
        let session = Session {
            id: SessionId::from_uuid(Uuid::from_u128(10)),
            user: UserId::from(Uuid::from_u128(3)),
            client_id: ClientId::first_party(),
            created_at: NOON,
            auth_time: NOON,
            last_seen_at: NOON,
            expires_at: seconds(24 * 3600),
            access_until: seconds(300),
            refresh: Some(RefreshState {
                generation: Generation::FIRST,
                salt: Salt::from_bytes([7; 32]),
                idle_until: seconds(3600),
                grace_until: None,
            }),
            state: SessionState::Open,
            reuse_noticed_at: None,
            status_index: None,
            device: Device::default(),
        };
        let rows = Rows::default();
        let _ = answer(rows.table().open(&session, Epoch::FIRST).await)?;
        Ok(Self {
            refreshing,
            rows,
            session: session.id,
        })
    }

    async fn refresh(&self, presented: u32, at: i64) -> Result<Answer, String> {
        self.refresh_over(&self.rows, presented, at).await
    }

    async fn refresh_over(&self, rows: &Rows, presented: u32, at: i64) -> Result<Answer, String> {
        let presented = Generation::from(presented);
        answer(
            self.refreshing
                .refresh(rows, self.session, presented, seconds(at))
                .await,
        )
    }

    async fn rotate_over(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, String> {
        answer(self.refreshing.rotate(rows, rotation).await)
    }

    async fn row(&self) -> Result<Session, String> {
        answer(self.rows.table().find(self.session).await)?.ok_or_else(|| "The session's row has vanished.".into())
    }

    async fn is_open(&self) -> Result<bool, String> {
        Ok(self.row().await?.state == SessionState::Open)
    }

    async fn was_closed_for(&self, cause: EndReason) -> Result<bool, String> {
        let state = self.row().await?.state;
        Ok(matches!(state, SessionState::Closed { cause: noted, .. } if noted == cause))
    }
}

/// Runs `slow` to the gate, or to its end if it never reaches the gate; then `meanwhile` overtakes it.
async fn overtaken<T, U>(
    gate: &Gate,
    slow: impl Future<Output = Result<T, String>>,
    meanwhile: impl Future<Output = Result<U, String>>,
) -> Result<(T, U), String> {
    let mut slow = pin!(slow);
    let early = tokio::select! {
        done = &mut slow => Some(done?),
        () = gate.reached() => None,
    };
    let between = meanwhile.await?;
    gate.open();
    let late = match early {
        Some(done) => done,
        None => slow.await?,
    };
    Ok((late, between))
}

fn answer<T>(answer: Result<T, StoreError>) -> Result<T, String> {
    answer.map_err(|error| format!("The refresh was answered with an error: {error}."))
}

fn successor(generation: u32) -> Answer {
    Answer::Successor(Generation::from(generation))
}

async fn a_refresh_gives_the_next_generation(world: &World) -> Told {
    for presented in 0..3 {
        let answer = world.refresh(presented, 60 * i64::from(presented)).await?;
        tell_unless(
            answer == successor(presented + 1),
            "Alice refreshed with the newest token there is, and did not get the next one.",
        )?;
    }
    Ok(())
}

async fn two_who_rotate_at_once_are_not_both_told_that_they_did(world: &World) -> Told {
    let rotation = Rows::rotation(&world.row().await?, Generation::from(1), NOON);
    let (held, gate) = world.rows.held_at(Moment::BeforeWriting);
    let outcomes = overtaken(
        &gate,
        world.rotate_over(&held, &rotation),
        world.rotate_over(&world.rows, &rotation),
    )
    .await?;
    let both = outcomes == (Rotated::Won, Rotated::Won);
    tell_unless(
        !both,
        "Two rotated generation 0 at once, and both were told that they had won. Where successors are drawn at random \
         these are two chains, and one of them looks like theft at its next use.",
    )?;
    tell_unless(
        outcomes != (Rotated::Lost, Rotated::Lost),
        "Two rotated generation 0 at once, and neither won.",
    )
}

async fn a_copy_two_generations_old_buys_nothing_however_slow_it_comes(world: &World) -> Told {
    let (thief, gate) = world.rows.held_at(Moment::BeforeWriting);
    let alice = async {
        world.refresh(0, 1).await?;
        world.refresh(1, 2).await
    };
    let (loot, _) = overtaken(&gate, world.refresh_over(&thief, 0, 1), alice).await?;
    tell_unless(
        loot == Answer::LoggedOut,
        "A thief presented generation 0. His request was slow, and alice was at generation 2 when it was written: it set \
         the row back to generation 1, and bought him a token.",
    )?;
    tell_unless(
        world.was_closed_for(EndReason::Reuse).await?,
        "A thief's copy was two generations old when it was judged, and nobody noticed the theft.",
    )
}

async fn a_logout_beside_a_refresh_wins(world: &World) -> Told {
    let (slow, gate) = world.rows.held_at(Moment::BeforeWriting);
    let logout = async { answer(world.rows.close(world.session, EndReason::Logout, seconds(1)).await) };
    let (bought, ()) = overtaken(&gate, world.refresh_over(&slow, 0, 1), logout).await?;
    tell_unless(
        bought == Answer::LoggedOut,
        "Alice logged out while one of her tabs was refreshing. The update changed no row, and the tab was given tokens all \
         the same.",
    )
}

async fn two_tabs_at_once_both_stay_logged_in(world: &World) -> Told {
    let (slow, gate) = world.rows.held_at(Moment::AfterReading);
    let answers = overtaken(&gate, world.refresh_over(&slow, 0, 1), world.refresh(0, 1)).await?;
    tell_unless(
        world.is_open().await?,
        "Two of alice's tabs refreshed at once. The one that lost the race was taken for a thief, and both were logged out.",
    )?;
    tell_unless(
        answers == (successor(1), successor(1)),
        "Two of alice's tabs refreshed at once, and they did not both get the same next token.",
    )
}

async fn a_lost_reply_logs_nobody_out(world: &World) -> Told {
    world.refresh(0, 0).await?;
    // The reply was lost: alice has only generation 0.
    tell_unless(
        world.refresh(0, 5).await? == successor(1) && world.is_open().await?,
        "The reply to a refresh was lost. Alice tried again 5 seconds later, and was logged out: there is no grace.",
    )?;
    tell_unless(
        world.refresh(1, 6).await? == successor(2),
        "The reply to a refresh was lost and asked for again; the token that alice got then buys nothing.",
    )
}

async fn the_grace_ends_ten_seconds_after_the_first_exchange(world: &World) -> Told {
    world.refresh(0, 0).await?;
    for at in [8, 16, 24, 32, 40, 48, 56, 64] {
        let bought = world.refresh(0, at).await?;
        let may_still = at < 10;
        tell_unless(
            may_still || bought == Answer::LoggedOut,
            "Generation 0 was exchanged at 12:00:00, and then presented every 8 seconds. At 12:00:16 it was still answered, \
             though the grace is 10 seconds: each use renews it, and a copied token never dies.",
        )?;
        if !may_still {
            break;
        }
    }
    Ok(())
}

async fn a_copy_that_comes_after_the_grace_is_noticed(world: &World) -> Told {
    world.refresh(0, 0).await?;
    tell_unless(
        world.refresh(0, 11).await? == Answer::LoggedOut,
        "A token was presented 11 seconds after it had been exchanged, and bought another one.",
    )?;
    tell_unless(
        world.was_closed_for(EndReason::Reuse).await?,
        "A token was presented 11 seconds after it had been exchanged. Somebody has a copy, and the session goes on.",
    )
}

/// A [`SessionStore`] with the learner's `rotate`; otherwise the store in memory.
pub struct SessionsOf {
    refreshing: Arc<dyn Refreshing>,
    rows: Rows,
}

impl SessionsOf {
    /// A store without sessions.
    #[must_use]
    pub fn new(refreshing: Arc<dyn Refreshing>) -> Self {
        Self {
            refreshing,
            rows: Rows::default(),
        }
    }
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
