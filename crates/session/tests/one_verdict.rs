//! Two scopes, one verdict. If two kinds of revocation are checked in two places, one of them will be forgotten.

use jiff::Timestamp;
use proptest::prelude::*;
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope,
    memory::MemoryBlacklist,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus},
    token::{SessionId, TokenId, UserId},
};
use uuid::Uuid;

/// Few numbers, so that tokens and sessions are often revoked, often by both scopes, and often have equal ids.
fn number() -> impl Strategy<Value = u128> {
    0_u128..6
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        number().prop_map(|number| Scope::Token(TokenId::from_uuid(Uuid::from_u128(number)))),
        number().prop_map(|number| Scope::Session(SessionId::from_uuid(Uuid::from_u128(number)))),
    ]
}

proptest! {
    #[test]
    fn a_token_is_refused_exactly_if_it_or_its_session_is_revoked(
        revoked in proptest::collection::vec(scope(), 0..6),
        token in number(),
        session in number(),
    ) {
        let (token, session) = (TokenId::from_uuid(Uuid::from_u128(token)), SessionId::from_uuid(Uuid::from_u128(session)));
        let entries: Vec<_> = (1..)
            .zip(&revoked)
            .map(|(position, scope)| Revocation {
                position: Position::new(position),
                scope: *scope,
                user: UserId::from(Uuid::nil()),
                at: Timestamp::UNIX_EPOCH,
                until: Timestamp::UNIX_EPOCH,
                cause: EndReason::Logout,
            })
            .collect();
        let expected = revoked.contains(&Scope::Token(token)) || revoked.contains(&Scope::Session(session));
        let blacklist = MemoryBlacklist::new();
        let claim = RebuildClaim { log: LogId::from_uuid(Uuid::nil()), nonce: Uuid::nil() };
        let verdict = futures::executor::block_on(async {
            assert_eq!(blacklist.claim(claim).await.unwrap(), ClaimOutcome::Granted);
            assert_eq!(blacklist.fill(claim, &entries).await.unwrap(), RebuildStep::Accepted);
            assert_eq!(blacklist.complete(claim).await.unwrap(), RebuildStep::Accepted);
            blacklist.check(token, session).await.unwrap()
        });
        prop_assert_eq!(verdict != RevocationStatus::NotRevoked, expected);
    }
}
