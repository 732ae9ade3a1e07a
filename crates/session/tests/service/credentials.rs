//! Logout with several credentials, and with credentials from another policy.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Device, EndReason, IssuedTokens, Keys, LogoutCredential, LogoutError, ManualClock, Password, Policy,
    SessionService, SessionState,
    token::{Algorithm, ClientId, KeyRing, SigningKey},
};
use secrecy::ExposeSecret;

use crate::{
    faulty::{Fault, FaultySessions},
    world::{PASSWORD, World, config, forge, noon, refresh_keys, refresh_token, service, with_access},
};

fn both<'a>(access: &'a str, refresh: &'a str) -> LogoutCredential<'a> {
    LogoutCredential {
        access: Some(access),
        refresh: Some(refresh),
    }
}

/// A login under `blacklist`, and a service under `client_delete` on the same stores.
async fn changed_to_client_delete() -> (SessionService, IssuedTokens, Arc<FaultySessions>) {
    let (first, _, sessions, _) = service(config(Policy::blacklist()), Arc::new(ManualClock::at(noon())));
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap();
    let start = |policy, seed| {
        let keys = Keys {
            ring: KeyRing::new(SigningKey::from_pkcs8_pem(key.expose_secret()).unwrap()),
            refresh: refresh_keys(2),
        };
        let (ports, rng) = (first.ports().clone(), StdRng::seed_from_u64(seed));
        SessionService::new(config(policy), keys, ports, rng).unwrap()
    };
    let before = start(Policy::blacklist(), 1);
    let password = Password::new(PASSWORD);
    before.sign_up("alice", &password).await.unwrap();
    let login = before.log_in("alice", &password, ClientId::first_party(), Device::default());
    let issued = login.await.unwrap();
    (start(Policy::client_delete(), 2), issued, sessions)
}

#[tokio::test]
async fn a_refresh_token_closes_its_row_also_under_a_policy_without_rows() {
    for access in ["genuine", "forged", "none"] {
        let (service, issued, _) = changed_to_client_delete().await;
        let (token, forged) = (
            issued.access_token.expose_secret(),
            forge(issued.access_token.expose_secret()),
        );
        let presented = LogoutCredential {
            access: match access {
                "genuine" => Some(token),
                "forged" => Some(&forged),
                _ => None,
            },
            refresh: Some(refresh_token(&issued)),
        };
        service.log_out(presented).await.unwrap();
        let row = service.session(issued.claims.session_id).await.unwrap().unwrap();
        assert!(matches!(row.state, SessionState::Closed { .. }), "{access}: {row:?}");
    }
}

#[tokio::test]
async fn an_access_token_alone_uses_no_store_under_a_policy_without_rows() {
    let (service, issued, sessions) = changed_to_client_delete().await;
    for method in ["find", "close", "revoke"] {
        sessions.faults.set(method, Fault::Fails);
    }
    service.log_out(with_access(&issued)).await.unwrap();
}

#[tokio::test]
async fn a_pair_with_one_genuine_token_ends_its_session_and_is_counted() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await, world.log_in().await];
    let tokens = grants.each_ref().map(|issued| issued.access_token.expose_secret());
    let forged = forge(tokens[2]);
    let presented = [
        both(tokens[0], "nonsense"),
        both(tokens[1], refresh_token(&grants[1])),
        both(&forged, refresh_token(&grants[2])),
    ];
    let done = world.service.log_out_all(&presented, EndReason::Logout).await.unwrap();
    assert_eq!((done.ended.len(), done.unrecognised), (3, 2));
    world.assert_refused(&grants).await;
    let nothing = world
        .service
        .log_out_all(&[both("a", "b")], EndReason::Logout)
        .await
        .unwrap();
    assert_eq!((nothing.ended.len(), nothing.unrecognised), (0, 1));
    let refused = world.service.log_out(both("a", "b")).await;
    assert!(matches!(refused, Err(LogoutError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_session_is_found_by_its_id_and_by_each_genuine_refresh_token() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let id = first.claims.session_id;
    world.log_out(&second).await.unwrap();
    let row = world.row(id).await;
    assert_eq!(world.service.session(id).await.unwrap(), Some(row.clone()));
    for issued in [&first, &second] {
        let found = world.service.session_of(refresh_token(issued)).await.unwrap();
        assert_eq!(found, Some(row.clone()));
        let forged = forge(refresh_token(issued));
        assert_eq!(world.service.session_of(&forged).await.unwrap(), None);
    }
}
