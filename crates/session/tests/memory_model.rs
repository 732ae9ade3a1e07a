//! [`MemorySessions`] answers every sequence of calls like a model that keeps two plain lists and searches them.
//!
//! The store has several indexes, so that no call reads more than it must. The model has none, so it cannot have a
//! stale one.

#![expect(clippy::unwrap_used, reason = "a store in memory that cannot answer fails the test")]

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, prelude::*};
use rescind_session::{
    Device, EndReason, Position, RefreshState, Revocation, Scope, Session, SessionState,
    memory::MemorySessions,
    ports::{Closed, Closing, Epoch, NewRevocation, Opened, Pruned, Rotated, Rotation, SessionStore, Tail},
    token::{ClientId, Salt, SessionId, TokenId, UserId},
};
use uuid::Uuid;

/// Few of each, so that calls collide.
const USERS: u8 = 3;
const SESSIONS: u8 = 8;
const TOKENS: u8 = 4;
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

fn user(n: u8) -> UserId {
    UserId::from(Uuid::from_u128(n.into()))
}

fn session(n: u8) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(n.into()))
}

/// All times are in one minute, so that they collide too.
fn second(n: u8) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n.into())
}

#[derive(Debug, Clone)]
enum Call {
    Open {
        session: u8,
        user: u8,
        at: u8,
        access: u8,
        end: u8,
        refreshes: bool,
        epoch: u64,
    },
    Rotate {
        session: u8,
        from: u32,
        at: u8,
        access: u8,
    },
    Close {
        session: u8,
        at: u8,
        cause: EndReason,
    },
    CloseAll {
        user: u8,
        except: Option<u8>,
        at: u8,
        cause: EndReason,
    },
    RevokeToken {
        token: u8,
        user: u8,
        at: u8,
        until: u8,
    },
    Prune {
        now: u8,
        before: u8,
        limit: u32,
    },
    ReadAfter {
        position: u64,
        limit: u32,
    },
}

fn a_cause() -> impl Strategy<Value = EndReason> {
    prop::sample::select(vec![EndReason::Logout, EndReason::Reuse, EndReason::Administrator])
}

fn a_call() -> impl Strategy<Value = Call> {
    let moment = || 0..60_u8;
    prop_oneof![
        4 => (0..SESSIONS, 0..USERS, moment(), moment(), moment(), prop::bool::weighted(0.8), 0..3_u64).prop_map(
            |(session, user, at, access, end, refreshes, epoch)| {
                Call::Open { session, user, at, access, end, refreshes, epoch }
            }
        ),
        3 => (0..SESSIONS, 0..3_u32, moment(), moment())
            .prop_map(|(session, from, at, access)| Call::Rotate { session, from, at, access }),
        3 => (0..SESSIONS, moment(), a_cause()).prop_map(|(session, at, cause)| Call::Close { session, at, cause }),
        1 => (0..USERS, prop::option::of(0..SESSIONS), moment(), a_cause())
            .prop_map(|(user, except, at, cause)| Call::CloseAll { user, except, at, cause }),
        2 => (0..TOKENS, 0..USERS, moment(), moment())
            .prop_map(|(token, user, at, until)| Call::RevokeToken { token, user, at, until }),
        1 => (moment(), moment(), 1..4_u32).prop_map(|(now, before, limit)| Call::Prune { now, before, limit }),
        2 => (0..12_u64, 1..5_u32).prop_map(|(position, limit)| Call::ReadAfter { position, limit }),
    ]
}

/// A call's answer, and the visible state after it.
#[derive(Debug, PartialEq)]
enum Answer {
    Opened(Option<Opened>),
    Rotated(Rotated),
    Closed(Closed),
    Revocations(Vec<Revocation>),
    Pruned(Pruned),
    Tail(Tail),
}

fn opening(id: u8, of: u8, at: u8, access: u8, end: u8, refreshes: bool) -> Session {
    Session {
        id: session(id),
        user: user(of),
        client_id: ClientId::first_party(),
        created_at: second(at),
        auth_time: second(at),
        last_seen_at: second(at),
        expires_at: second(end),
        access_until: second(access),
        refresh: refreshes.then(|| RefreshState {
            generation: 0.into(),
            salt: Salt::from_bytes([id; 32]),
            idle_until: second(end),
            grace_until: None,
        }),
        state: SessionState::Open,
        reuse_noticed_at: None,
        status_index: None,
        device: Device::default(),
    }
}

fn rotation(id: u8, from: u32, at: u8, access: u8) -> Rotation {
    Rotation {
        session: session(id),
        from: from.into(),
        to: (from + 1).into(),
        at: second(at),
        access_until: second(access),
        idle_until: second(at) + SignedDuration::from_secs(20),
        grace_until: second(at) + SignedDuration::from_secs(1),
        device: Device::new(Some(&format!("seen at {at}")), None),
    }
}

fn closing(at: u8, cause: EndReason) -> Closing {
    Closing {
        cause,
        at: second(at),
        margin: MARGIN.unsigned_abs(),
    }
}

fn revocation(token: u8, of: u8, at: u8, until: u8) -> NewRevocation {
    NewRevocation {
        scope: Scope::Token(TokenId::from_uuid(Uuid::from_u128(token.into()))),
        user: user(of),
        at: second(at),
        until: second(until),
        cause: EndReason::TokenRevoked,
    }
}

#[derive(Default)]
struct Model {
    rows: Vec<Session>,
    log: Vec<Revocation>,
    epochs: [u64; USERS as usize],
    last: u64,
}

impl Model {
    fn answer(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Open {
                session: id,
                user,
                at,
                access,
                end,
                refreshes,
                epoch,
            } => {
                let row = opening(id, user, at, access, end, refreshes);
                Answer::Opened(if self.epochs[usize::from(user)] != epoch {
                    Some(Opened::Superseded)
                } else if self.row(row.id).is_some() {
                    None
                } else {
                    self.rows.push(row);
                    Some(Opened::Opened)
                })
            }
            Call::Rotate {
                session: id,
                from,
                at,
                access,
            } => {
                let rotation = rotation(id, from, at, access);
                let Some(row) = self.row(rotation.session) else {
                    return Answer::Rotated(Rotated::Lost);
                };
                let open = row.state == SessionState::Open;
                match &mut row.refresh {
                    Some(refresh) if open && refresh.generation == rotation.from => {
                        refresh.generation = rotation.to;
                        refresh.idle_until = rotation.idle_until;
                        refresh.grace_until = Some(rotation.grace_until);
                    }
                    _ => return Answer::Rotated(Rotated::Lost),
                }
                row.last_seen_at = rotation.at;
                row.access_until = row.access_until.max(rotation.access_until);
                row.device = rotation.device;
                Answer::Rotated(Rotated::Won)
            }
            Call::Close { session: id, at, cause } => Answer::Closed(self.close(session(id), &closing(at, cause))),
            Call::CloseAll {
                user: of,
                except,
                at,
                cause,
            } => {
                self.epochs[usize::from(of)] += 1;
                let except = except.map(session);
                let mut rows = self.rows.clone();
                rows.sort_by_key(|row| (row.created_at, row.id));
                for row in rows {
                    if row.user == user(of) && Some(row.id) != except && row.state == SessionState::Open {
                        let _ = self.close(row.id, &closing(at, cause));
                    }
                }
                let ours = |entry: &&Revocation| {
                    entry.user == user(of) && matches!(entry.scope, Scope::Session(id) if Some(id) != except)
                };
                Answer::Revocations(self.log.iter().filter(ours).cloned().collect())
            }
            Call::RevokeToken { token, user, at, until } => {
                let token = revocation(token, user, at, until);
                let scope = token.scope;
                let kept = self.entry(scope).cloned();
                let entry = kept
                    .unwrap_or_else(|| self.append(scope, &token.user, token.at, token.until, EndReason::TokenRevoked));
                Answer::Revocations(vec![entry])
            }
            Call::Prune { now, before, limit } => {
                let limit = limit as usize;
                let mut past: Vec<_> = self
                    .rows
                    .iter()
                    .filter(|row| row.expires_at < second(before))
                    .cloned()
                    .collect();
                past.sort_by_key(|row| (row.expires_at, row.id));
                past.truncate(limit);
                self.rows.retain(|row| !past.contains(row));
                let mut gone: Vec<_> = self
                    .log
                    .iter()
                    .filter(|entry| entry.until <= second(now))
                    .cloned()
                    .collect();
                gone.sort_by_key(|entry| (entry.until, entry.position));
                gone.truncate(limit);
                self.log.retain(|entry| !gone.contains(entry));
                Answer::Pruned(Pruned {
                    sessions: past.len() as u64,
                    revocations: gone.len() as u64,
                })
            }
            Call::ReadAfter { position, limit } => Answer::Tail(self.after(position, limit)),
        }
    }

    /// A pruned session leaves its revocation, and no other session ever has its id.
    fn would_repeat_an_id(&mut self, call: &Call) -> bool {
        let Call::Open { session: id, .. } = *call else {
            return false;
        };
        self.row(session(id)).is_none() && self.entry(Scope::Session(session(id))).is_some()
    }

    fn row(&mut self, id: SessionId) -> Option<&mut Session> {
        self.rows.iter_mut().find(|row| row.id == id)
    }

    fn entry(&self, scope: Scope) -> Option<&Revocation> {
        self.log.iter().find(|entry| entry.scope == scope)
    }

    fn append(&mut self, scope: Scope, user: &UserId, at: Timestamp, until: Timestamp, cause: EndReason) -> Revocation {
        self.last += 1;
        let entry = Revocation {
            position: Position::new(self.last),
            scope,
            user: user.clone(),
            at,
            until,
            cause,
        };
        self.log.push(entry.clone());
        entry
    }

    fn close(&mut self, id: SessionId, closing: &Closing) -> Closed {
        let Some(row) = self.row(id) else {
            return Closed::NoSuchSession;
        };
        if closing.cause == EndReason::Reuse && row.reuse_noticed_at.is_none() {
            row.reuse_noticed_at = Some(closing.at);
        }
        if row.state != SessionState::Open {
            return Closed::Already(self.entry(Scope::Session(id)).cloned());
        }
        row.state = SessionState::Closed {
            at: closing.at,
            cause: closing.cause,
        };
        let (user, until) = (row.user.clone(), row.access_until + MARGIN);
        Closed::Now(self.append(Scope::Session(id), &user, closing.at, until, closing.cause))
    }

    fn after(&self, position: u64, limit: u32) -> Tail {
        let first = self.log.iter().map(|entry| entry.position.get()).min();
        let floor = first.map_or(self.last, |first| first - 1);
        if position > self.last || (0 < position && position < floor) {
            return Tail::StartOver;
        }
        let following = self.log.iter().filter(|entry| entry.position.get() > position);
        Tail::Entries(following.take(limit as usize).cloned().collect())
    }
}

async fn answer(store: &MemorySessions, call: &Call) -> Answer {
    match *call {
        Call::Open {
            session,
            user,
            at,
            access,
            end,
            refreshes,
            epoch,
        } => {
            let session = opening(session, user, at, access, end, refreshes);
            Answer::Opened(store.open(&session, Epoch::new(epoch)).await.ok())
        }
        Call::Rotate {
            session,
            from,
            at,
            access,
        } => Answer::Rotated(store.rotate(&rotation(session, from, at, access)).await.unwrap()),
        Call::Close { session: id, at, cause } => {
            Answer::Closed(store.close(session(id), &closing(at, cause)).await.unwrap())
        }
        Call::CloseAll {
            user: of,
            except,
            at,
            cause,
        } => {
            let closed = store
                .close_all(&user(of), except.map(session), &closing(at, cause))
                .await;
            Answer::Revocations(closed.unwrap())
        }
        Call::RevokeToken { token, user, at, until } => {
            Answer::Revocations(vec![store.revoke(&revocation(token, user, at, until)).await.unwrap()])
        }
        Call::Prune { now, before, limit } => {
            Answer::Pruned(store.prune(second(now), second(before), limit).await.unwrap())
        }
        Call::ReadAfter { position, limit } => {
            Answer::Tail(store.revocations_after(Position::new(position), limit).await.unwrap())
        }
    }
}

/// Everything that reads can show.
async fn assert_same(store: &MemorySessions, model: &mut Model) {
    for n in 0..SESSIONS {
        assert_eq!(
            store.find(session(n)).await.unwrap().as_ref(),
            model.row(session(n)).as_deref()
        );
    }
    for n in 0..USERS {
        assert_eq!(store.epoch(&user(n)).await.unwrap().get(), model.epochs[usize::from(n)]);
        let ours = |row: &&Session| row.user == user(n) && row.state == SessionState::Open;
        let mut open: Vec<_> = model.rows.iter().filter(ours).cloned().collect();
        open.sort_by_key(|row| (row.created_at, row.id));
        assert_eq!(store.list_open(&user(n)).await.unwrap(), open);
    }
    for position in 0..=model.last + 1 {
        let tail = store.revocations_after(Position::new(position), 1000).await.unwrap();
        assert_eq!(tail, model.after(position, 1000), "after {position}");
    }
}

proptest! {
    #[test]
    fn any_sequence_of_calls_is_answered_as_by_the_model(calls in vec(a_call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, mut model) = (MemorySessions::new(), Model::default());
            for call in &calls {
                if model.would_repeat_an_id(call) {
                    continue;
                }
                assert_eq!(answer(&store, call).await, model.answer(call), "{call:?}");
            }
            assert_same(&store, &mut model).await;
        });
    }
}
