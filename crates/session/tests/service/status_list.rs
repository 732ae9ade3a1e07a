//! Status lists: which bit is set, and who has which place.

use std::collections::BTreeSet;

use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    ConfigError, Device, IssuedTokens, Keys, Policy, SessionService, StatusIndex,
    ports::SessionStore,
    status_list::{FoundStatusList, MadeStatusList},
    token::{Algorithm, KeyRing, SessionId, SigningKey, StatusList, TokenParts, Uuid},
};

use crate::world::{World, config};

const BASE: &str = "https://rescind.example/oauth/status";

async fn world() -> World {
    World::with(config(Policy::blacklist()).status_list(Some(BASE.to_owned()))).await
}

/// The place and the address in an access token.
fn status(token: &str) -> (u64, String) {
    let claims = TokenParts::split_without_verifying(token).unwrap().claims;
    let list = &claims["status"]["status_list"];
    (list["idx"].as_u64().unwrap(), list["uri"].as_str().unwrap().to_owned())
}

async fn made(world: &World, uri: &str) -> Option<MadeStatusList> {
    let number = uri.strip_prefix(BASE).unwrap().trim_start_matches('/').parse().unwrap();
    match world.service.status_list(number, None).await.unwrap() {
        FoundStatusList::Made(made) => Some(made),
        FoundStatusList::None => None,
        FoundStatusList::Unchanged => panic!("there was no earlier one"),
    }
}

#[tokio::test]
async fn each_session_has_a_place_of_its_own_and_keeps_it() {
    let world = world().await;
    let mut places = BTreeSet::new();
    for _ in 0..50 {
        let issued = world.log_in().await;
        let (place, uri) = status(issued.access_token.expose_secret());
        assert!(place < u64::from(StatusList::PLACES) && places.insert((place, uri.clone())));
        let row = world.row(issued.claims.session_id).await;
        let index = row.status_index.unwrap();
        assert_eq!(
            (u64::from(index.place()), format!("{BASE}/{}", index.list())),
            (place, uri.clone())
        );
        let refresh = issued.refresh.unwrap();
        let renewed = world
            .service
            .refresh(refresh.token.expose_secret(), Device::default())
            .await
            .unwrap();
        assert_eq!(status(renewed.access_token.expose_secret()), (place, uri));
    }
}

#[tokio::test]
async fn the_list_names_its_address_and_its_times() {
    let world = world().await;
    let issued = world.log_in().await;
    let (_, uri) = status(issued.access_token.expose_secret());
    let made = made(&world, &uri).await.unwrap();
    let token = world.service.sign_status_list(&made, Vec::new()).unwrap();
    let claims = TokenParts::split_without_verifying(&token).unwrap().claims;
    let now = claims["iat"].as_i64().unwrap();
    assert_eq!(claims["sub"], uri);
    assert_eq!((&claims["ttl"], claims["exp"].as_i64()), (&10.into(), Some(now + 60)));
    assert_eq!(claims["status_list"]["bits"], 1);
}

#[tokio::test]
async fn a_list_that_no_token_names_does_not_exist() {
    let world = world().await;
    assert!(made(&world, &format!("{BASE}/0")).await.is_none());
    let issued = world.log_in().await;
    let (_, uri) = status(issued.access_token.expose_secret());
    let number: u64 = uri.rsplit('/').next().unwrap().parse().unwrap();
    for other in [number + 1, number + (1 << 15), u64::MAX] {
        assert!(made(&world, &format!("{BASE}/{other}")).await.is_none(), "{other}");
    }
}

#[tokio::test]
async fn only_the_bits_of_ended_sessions_are_set() {
    let world = world().await;
    let mut issued = Vec::new();
    for _ in 0..5 {
        issued.push(world.log_in().await);
    }
    let place = |issued: &IssuedTokens| status(issued.access_token.expose_secret());
    let (_, uri) = place(&issued[0]);
    let before = made(&world, &uri).await.unwrap();
    assert_eq!(before.list, StatusList::new());
    world.log_out(&issued[1]).await.unwrap();
    world.log_out(&issued[3]).await.unwrap();
    let mut expected = StatusList::new();
    for ended in [1, 3] {
        expected.invalidate(u32::try_from(place(&issued[ended]).0).unwrap());
    }
    let number = uri.rsplit('/').next().unwrap().parse().unwrap();
    let after = world.service.status_list(number, Some(&before)).await.unwrap();
    let FoundStatusList::Made(after) = after else {
        panic!("{after:?}")
    };
    assert_eq!(after.list, expected);
}

#[tokio::test]
async fn a_new_list_begins_when_most_places_are_taken() {
    let config = config(Policy::blacklist()).status_list(Some(BASE.to_owned()));
    let world = World::with(config.sessions_per_user(None)).await;
    let issued = world.log_in().await;
    let first = world.row(issued.claims.session_id).await.status_index.unwrap().list();
    let start = first * u64::from(StatusList::PLACES);
    let template = world.row(issued.claims.session_id).await;
    for place in (0..u64::from(StatusList::PLACES)).filter(|place| place % 16 != 0) {
        let row = rescind_session::Session {
            id: SessionId::from_uuid(Uuid::from_u128(place.into())),
            status_index: Some(StatusIndex::new(start + place)),
            ..template.clone()
        };
        let epoch = world.sessions.epoch(&row.user).await.unwrap();
        let _ = world.sessions.open(&row, epoch).await.unwrap();
    }
    let mut lists = BTreeSet::new();
    for _ in 0..20 {
        let issued = world.log_in().await;
        lists.insert(world.row(issued.claims.session_id).await.status_index.unwrap().list());
    }
    assert!(lists.contains(&(first + 1)), "{lists:?}");
}

#[tokio::test]
async fn lists_need_sessions_and_a_key_with_a_public_half() {
    let world = world().await;
    let ports = || world.service.ports().clone();
    let with = |policy: Policy, keys: Keys| {
        let config = config(policy).status_list(Some(BASE.to_owned()));
        SessionService::new(config, keys, ports(), StdRng::seed_from_u64(3)).err()
    };
    let mut rng = StdRng::seed_from_u64(4);
    let keys = Keys::generate(&mut rng).unwrap();
    let refused = with(Policy::short_lived(), keys);
    assert_eq!(refused, Some(ConfigError::StatusListWithoutSessions));
    let mut keys = Keys::generate(&mut rng).unwrap();
    keys.ring = KeyRing::new(SigningKey::generate(Algorithm::Hs256).unwrap());
    let refused = with(Policy::blacklist(), keys);
    assert_eq!(refused, Some(ConfigError::StatusListWithSharedSecret));
}

#[tokio::test]
async fn without_the_setting_tokens_name_no_list() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let parts = TokenParts::split_without_verifying(issued.access_token.expose_secret()).unwrap();
    assert!(parts.claims.get("status").is_none());
    assert_eq!(world.row(issued.claims.session_id).await.status_index, None);
}
