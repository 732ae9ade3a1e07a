//! Converts rows to values and back. A row that this program does not write is [`StoreError::Corrupt`], never a panic
//! and never a guess: a session whose state cannot be read must not count as open.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::{
    Credentials, Device, EndReason, ListedUser, NewUser, PasswordHash, Position, RefreshState, Revocation, Scope,
    Session, SessionState, StatusIndex, User, UserKind, Username,
    ports::{Epoch, StoreError},
    token::{ClientId, Generation, Salt, SessionId, TokenId, UserId},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Select, Set};

use super::{
    entities::{HashColumn, SaltColumn, revocation, session, user},
    error::unreadable,
};

/// The one row that a condition on a unique key allows.
///
/// Not by `one`, which adds `LIMIT ?`: SQLite parses a statement with that each time (from 3.48 on its plan depends on the
/// value), which takes longer than to run it.
pub(super) async fn only<E: EntityTrait>(
    select: Select<E>,
    database: &impl ConnectionTrait,
) -> Result<Option<E::Model>, DbErr> {
    Ok(select.all(database).await?.into_iter().next())
}

/// An instant as it is stored: in milliseconds, the fraction cut off.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// `millis` later, at most at the end of the calendar; a fraction of a millisecond counts as one more.
pub(super) fn millis_later(millis: i64, by: Duration) -> i64 {
    let by = i64::try_from(by.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
    millis.saturating_add(by).min(Timestamp::MAX.as_millisecond())
}

pub(super) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(StoreError::corrupt)
}

pub(super) fn epoch(epoch: i64) -> Result<Epoch, StoreError> {
    u64::try_from(epoch).map(Epoch::new).map_err(StoreError::corrupt)
}

/// A position as it is stored. One that no database could hold lies beyond the end of every log.
pub(super) fn kept_position(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

pub(super) fn position(position: i64) -> Result<Position, StoreError> {
    u64::try_from(position).map(Position::new).map_err(StoreError::corrupt)
}

pub(super) fn status_index(index: i64) -> Result<StatusIndex, StoreError> {
    u64::try_from(index).map(StatusIndex::new).map_err(StoreError::corrupt)
}

/// An index as it is stored. It has 63 bits.
pub(super) fn kept(index: StatusIndex) -> i64 {
    i64::try_from(index.get()).unwrap_or(i64::MAX)
}

fn user_id(id: String) -> Result<UserId, StoreError> {
    UserId::try_from(id).map_err(StoreError::corrupt)
}

fn cause(name: &str) -> Result<EndReason, StoreError> {
    EndReason::from_name(name).ok_or_else(|| unreadable("an unknown cause"))
}

// Users

pub(super) const PERSON: &str = "person";
/// A person's account that is disabled.
pub(super) const DISABLED: &str = "disabled";
const DEMO: &str = "demo";

pub(super) fn new_user_row(new: &NewUser) -> user::ActiveModel {
    let user = &new.user;
    let kind = match user.kind {
        UserKind::Person => PERSON,
        UserKind::Demo => DEMO,
    };
    user::ActiveModel {
        id: Set(user.id.as_str().to_owned()),
        username: Set(user.username.as_str().to_owned()),
        kind: Set(kind.to_owned()),
        password_hash: Set(hash_column(&new.password_hash)),
        created_at: Set(millis(new.created_at)),
    }
}

pub(super) fn hash_column(password_hash: &PasswordHash) -> HashColumn {
    HashColumn(password_hash.expose_secret().to_owned())
}

pub(super) fn listed_user(row: user::Model) -> Result<ListedUser, StoreError> {
    let (is_disabled, created_at) = (row.kind == DISABLED, moment(row.created_at)?);
    let user = Credentials::try_from(row)?.user;
    Ok(ListedUser {
        user,
        created_at,
        is_disabled,
    })
}

impl TryFrom<user::Model> for Credentials {
    type Error = StoreError;

    fn try_from(row: user::Model) -> Result<Self, StoreError> {
        let username = Username::from_normalized(row.username).map_err(StoreError::corrupt)?;
        let kind = match row.kind.as_str() {
            PERSON | DISABLED => UserKind::Person,
            DEMO => UserKind::Demo,
            _ => return Err(unreadable("an unknown kind of user")),
        };
        let user = User {
            id: user_id(row.id)?,
            username,
            kind,
        };
        moment(row.created_at)?;
        Ok(Self {
            user,
            password_hash: PasswordHash::new(row.password_hash.0),
        })
    }
}

// Sessions

pub(super) fn new_session_row(session: &Session) -> session::ActiveModel {
    let refresh = session.refresh.as_ref();
    let (closed_at, closed_cause) = match session.state {
        SessionState::Open => (None, None),
        SessionState::Closed { at, cause } => (Some(millis(at)), Some(cause.name().to_owned())),
    };
    session::ActiveModel {
        id: Set(session.id.as_uuid()),
        user_id: Set(session.user.as_str().to_owned()),
        client_id: Set(session.client_id.as_str().to_owned()),
        created_at: Set(millis(session.created_at)),
        last_seen_at: Set(millis(session.last_seen_at)),
        expires_at: Set(millis(session.expires_at)),
        access_until: Set(millis(session.access_until)),
        generation: Set(refresh.map(|refresh| refresh.generation.get().into())),
        salt: Set(refresh.map(|refresh| SaltColumn(refresh.salt.as_bytes().to_vec()))),
        idle_until: Set(refresh.map(|refresh| millis(refresh.idle_until))),
        grace_until: Set(refresh.and_then(|refresh| refresh.grace_until).map(millis)),
        closed_at: Set(closed_at),
        closed_cause: Set(closed_cause),
        reuse_noticed_at: Set(session.reuse_noticed_at.map(millis)),
        user_agent: Set(session.device.user_agent.clone()),
        address: Set(kept_address(&session.device)),
        auth_time: Set(millis(session.auth_time)),
        status_index: Set(session.status_index.map(kept)),
    }
}

pub(super) fn kept_address(device: &Device) -> Option<String> {
    device.address.map(|address| address.to_string())
}

impl TryFrom<session::Model> for Session {
    type Error = StoreError;

    fn try_from(row: session::Model) -> Result<Self, StoreError> {
        let refresh = match (row.generation, row.salt, row.idle_until) {
            (None, None, None) => None,
            (Some(generation), Some(salt), Some(idle_until)) => Some(RefreshState {
                generation: Generation::from(u32::try_from(generation).map_err(StoreError::corrupt)?),
                salt: Salt::from_bytes(
                    salt.0
                        .try_into()
                        .map_err(|_| unreadable("a salt that is not 32 bytes long"))?,
                ),
                idle_until: moment(idle_until)?,
                grace_until: row.grace_until.map(moment).transpose()?,
            }),
            _ => return Err(unreadable("a session with half of a refresh token")),
        };
        let state = match (row.closed_at, row.closed_cause) {
            (None, None) => SessionState::Open,
            (Some(at), Some(name)) => SessionState::Closed {
                at: moment(at)?,
                cause: cause(&name)?,
            },
            _ => return Err(unreadable("a session that is closed by half")),
        };
        let address = row
            .address
            .map(|address| address.parse())
            .transpose()
            .map_err(StoreError::corrupt)?;
        Ok(Self {
            id: SessionId::from_uuid(row.id),
            user: user_id(row.user_id)?,
            client_id: ClientId::new(row.client_id),
            created_at: moment(row.created_at)?,
            auth_time: moment(row.auth_time)?,
            last_seen_at: moment(row.last_seen_at)?,
            expires_at: moment(row.expires_at)?,
            access_until: moment(row.access_until)?,
            refresh,
            state,
            reuse_noticed_at: row.reuse_noticed_at.map(moment).transpose()?,
            status_index: row.status_index.map(status_index).transpose()?,
            device: Device {
                user_agent: row.user_agent,
                address,
            },
        })
    }
}

// Revocations

pub(super) const TOKEN: &str = "token";
pub(super) const SESSION: &str = "session";

impl TryFrom<revocation::Model> for Revocation {
    type Error = StoreError;

    fn try_from(row: revocation::Model) -> Result<Self, StoreError> {
        let scope = match row.scope_kind.as_str() {
            TOKEN => Scope::Token(TokenId::from_uuid(row.scope_id)),
            SESSION => Scope::Session(SessionId::from_uuid(row.scope_id)),
            _ => return Err(unreadable("an unknown scope of a revocation")),
        };
        Ok(Self {
            position: position(row.position)?,
            scope,
            user: user_id(row.user_id)?,
            at: moment(row.at)?,
            until: moment(row.until)?,
            cause: cause(&row.cause)?,
        })
    }
}

/// Every row, or an error for the first that cannot be read.
pub(super) fn read_all<Row, Meaning>(rows: Vec<Row>) -> Result<Vec<Meaning>, StoreError>
where
    Meaning: TryFrom<Row, Error = StoreError>,
{
    rows.into_iter().map(Meaning::try_from).collect()
}
