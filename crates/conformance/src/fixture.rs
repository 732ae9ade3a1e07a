//! Fixtures of the cases: ids, times, a first session, and short forms of store calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    Device, EndReason, Position, RefreshState, Revocation, Scope, Session, SessionState,
    ports::{Closed, Closing, NewRevocation, Opened, Rotated, Rotation, SessionStore, StoreError, Tail},
    token::{ClientId, Generation, Salt, SessionId, TokenId, UserId},
};
use uuid::Uuid;

/// The time at which the cases begin. A store that keeps only seconds loses its milliseconds.
pub(crate) const NOON: Timestamp = Timestamp::constant(1_767_268_800, 123_000_000);

/// The margin that the cases close with.
pub(crate) const MARGIN: Duration = Duration::from_secs(310);

/// That many seconds after [`NOON`], or before it.
pub(crate) fn noon_plus(seconds: i64) -> Timestamp {
    NOON + SignedDuration::from_secs(seconds)
}

/// The smallest step of time that a store keeps.
pub(crate) const A_MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// A new number, in no order: this exposes a store that sorts by id instead of time.
fn number() -> Uuid {
    static GIVEN: AtomicU64 = AtomicU64::new(1);
    let given = GIVEN.fetch_add(1, Ordering::Relaxed);
    // An odd factor maps different numbers to different ones.
    Uuid::from_u128(u128::from(given).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// An id is any text of up to 255 bytes. Every second one is as long as that and differs from others only at its end, which
/// exposes a store that cuts ids or keeps only some letters.
pub(crate) fn new_user() -> UserId {
    let number = number();
    if number.as_u128().is_multiple_of(2) {
        return UserId::from(number);
    }
    let end = format!(" 'ß\u{308}\u{1f642} {number}");
    match UserId::new("x".repeat(UserId::MAX_BYTES - end.len()) + &end) {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn new_session() -> SessionId {
    SessionId::from_uuid(number())
}

pub(crate) fn new_token() -> TokenId {
    TokenId::from_uuid(number())
}

/// A token and a session with the same number as id.
pub(crate) fn namesakes() -> (TokenId, SessionId) {
    let number = number();
    (TokenId::from_uuid(number), SessionId::from_uuid(number))
}

/// A session of that user, opened at noon, with its first refresh token and an access token for five minutes.
pub(crate) fn session_of(user: &UserId) -> Session {
    Session {
        id: new_session(),
        user: user.clone(),
        client_id: ClientId::first_party(),
        created_at: NOON,
        auth_time: NOON,
        last_seen_at: NOON,
        expires_at: noon_plus(24 * 3600),
        access_until: noon_plus(300),
        refresh: Some(RefreshState {
            generation: Generation::FIRST,
            salt: Salt::from_bytes([7; 32]),
            idle_until: noon_plus(3600),
            grace_until: None,
        }),
        state: SessionState::Open,
        reuse_noticed_at: None,
        status_index: None,
        device: Device::new(Some("Mozilla/5.0 (X11; Linux x86_64)"), Some([192, 0, 2, 1].into())),
    }
}

/// Opens a session of a user who has no other.
pub(crate) async fn opened(store: &dyn SessionStore) -> Session {
    let session = session_of(&new_user());
    open(store, &session).await;
    session
}

/// Opens a session with the current epoch.
pub(crate) async fn open(store: &dyn SessionStore, session: &Session) {
    let epoch = store.epoch(&session.user).await.answer();
    assert_eq!(
        store.open(session, epoch).await.answer(),
        Opened::Opened,
        "opened with the current epoch"
    );
}

/// The row of a session that must exist.
pub(crate) async fn row(store: &dyn SessionStore, id: SessionId) -> Session {
    match store.find(id).await.answer() {
        Some(session) => session,
        None => panic!("the session {id} is missing"),
    }
}

/// The rotation of `session` to its next generation, one minute after it was last seen.
pub(crate) fn rotation_of(session: &Session) -> Rotation {
    let from = session.generation();
    let at = session.last_seen_at + SignedDuration::from_mins(1);
    Rotation {
        session: session.id,
        from,
        to: Generation::from(from.get() + 1),
        at,
        access_until: at + SignedDuration::from_mins(5),
        idle_until: at + SignedDuration::from_hours(1),
        grace_until: at + SignedDuration::from_secs(10),
        device: session.device.clone(),
    }
}

/// The row after a rotation that won.
pub(crate) fn after_rotation(before: &Session, rotation: &Rotation) -> Session {
    Session {
        last_seen_at: rotation.at,
        access_until: before.access_until.max(rotation.access_until),
        refresh: before.refresh.clone().map(|refresh| RefreshState {
            generation: rotation.to,
            idle_until: rotation.idle_until,
            grace_until: Some(rotation.grace_until),
            ..refresh
        }),
        device: rotation.device.clone(),
        ..before.clone()
    }
}

/// Rotates; must win.
pub(crate) async fn rotate(store: &dyn SessionStore, rotation: &Rotation) {
    assert_eq!(
        store.rotate(rotation).await.answer(),
        Rotated::Won,
        "the only rotation there is"
    );
}

/// A closing for that cause, a minute after noon.
pub(crate) fn closing(cause: EndReason) -> Closing {
    Closing {
        cause,
        at: noon_plus(60),
        margin: MARGIN,
    }
}

/// The state of a session after the closing that closed it.
pub(crate) fn state_after(closing: &Closing) -> SessionState {
    SessionState::Closed {
        at: closing.at,
        cause: closing.cause,
    }
}

/// Closes an open session, and returns its revocation.
pub(crate) async fn close(store: &dyn SessionStore, id: SessionId, closing: &Closing) -> Revocation {
    match store.close(id, closing).await.answer() {
        Closed::Now(revocation) => revocation,
        other => panic!("an open session was not closed: {other:?}"),
    }
}

/// Closes every session of a user, and returns their revocations.
pub(crate) async fn log_out_everywhere(store: &dyn SessionStore, user: &UserId) -> Vec<Revocation> {
    store
        .close_all(user, None, &closing(EndReason::LogoutEverywhere))
        .await
        .answer()
}

/// The same as a contender of a race.
pub(crate) fn logging_out_everywhere(
    store: &Arc<dyn SessionStore>,
    user: &UserId,
) -> impl Future<Output = Vec<Revocation>> + Send + use<> {
    let (store, user) = (Arc::clone(store), user.clone());
    async move { log_out_everywhere(&*store, &user).await }
}

/// Opens and closes a session, and returns its revocation.
pub(crate) async fn closed(store: &dyn SessionStore, session: &Session) -> Revocation {
    open(store, session).await;
    close(store, session.id, &closing(EndReason::Logout)).await
}

/// A token to be revoked a minute after noon, kept until ten past.
pub(crate) fn a_token() -> NewRevocation {
    NewRevocation {
        scope: Scope::Token(new_token()),
        user: new_user(),
        at: noon_plus(60),
        until: noon_plus(600),
        cause: EndReason::TokenRevoked,
    }
}

/// The entries after a position from which a reader can continue.
pub(crate) async fn after(store: &dyn SessionStore, position: Position, limit: u32) -> Vec<Revocation> {
    match store.revocations_after(position, limit).await.answer() {
        Tail::Entries(entries) => {
            assert!(
                entries.len() <= limit as usize,
                "{} entries for a limit of {limit}",
                entries.len()
            );
            entries
        }
        Tail::StartOver => panic!("a reader at {position:?} must start over"),
    }
}

/// Everything that the log keeps.
pub(crate) async fn whole_log(store: &dyn SessionStore) -> Vec<Revocation> {
    after(store, Position::START, 10_000).await
}

/// Unwraps a store's answer: a store must not fail in a case.
pub(crate) trait Answer<T> {
    fn answer(self) -> T;
}

impl<T> Answer<T> for Result<T, StoreError> {
    #[track_caller]
    fn answer(self) -> T {
        match self {
            Ok(answer) => answer,
            Err(error) => panic!("the store could not answer: {error:?}"),
        }
    }
}
