//! Login and sign-up.

use std::num::NonZeroUsize;

use crate::world::{PASSWORD, World, config, forge, refresh_token};
use rescind_session::{DemoAccount, DemoAccounts, LoginError, Password, Policy, SignUpError, Username};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_indistinguishable() {
    let world = World::new().await;
    for (name, password) in [
        ("alice", "wrong password"),
        ("nobody", PASSWORD),
        ("not a name!", PASSWORD),
        ("", ""),
    ] {
        let verdict = world
            .service
            .log_in(
                name,
                &Password::new(password),
                rescind_session::token::ClientId::first_party(),
                Default::default(),
            )
            .await;
        assert!(
            matches!(verdict, Err(LoginError::InvalidCredentials)),
            "{name}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_username_ignores_case_and_is_taken_once() {
    let world = World::new().await;
    let again = world.service.sign_up("ALICE", &Password::new(PASSWORD)).await;
    assert!(matches!(again, Err(SignUpError::NameTaken)), "{again:?}");
    let issued = world
        .service
        .log_in(
            " Alice",
            &Password::new(PASSWORD),
            rescind_session::token::ClientId::first_party(),
            Default::default(),
        )
        .await
        .unwrap();
    assert_eq!(issued.claims.subject, world.user.id);
}

#[tokio::test]
async fn the_application_can_have_its_own_rule_for_names() {
    let config = config(Policy::blacklist()).username(|typed| Username::from_normalized(typed.trim_start_matches('@')));
    let world = World::with(config).await;
    let name = |typed| world.service.parse_username(typed).unwrap().to_string();
    assert_eq!(name("@Alice"), "Alice");
    let (password, client) = (Password::new(PASSWORD), rescind_session::token::ClientId::first_party());
    let login = world
        .service
        .log_in("@alice", &password, client, Default::default())
        .await;
    assert_eq!(login.unwrap().claims.subject, world.user.id);
}

#[tokio::test]
async fn a_sign_up_reports_all_errors_at_once() {
    let world = World::new().await;
    let refused = world.service.sign_up("no spaces", &Password::new("short")).await;
    assert!(
        matches!(
            refused,
            Err(SignUpError::Invalid {
                username: Some(_),
                password: Some(_)
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn with_the_demo_off_demo_accounts_are_refused_like_a_wrong_password() {
    let mut settings = config(Policy::blacklist());
    settings.demo_accounts = DemoAccounts::Refused;
    let world = World::with(settings).await;
    let password = Password::new(PASSWORD);
    assert_eq!(
        world.service.ensure_demo_account("mallory", &password).await.unwrap(),
        DemoAccount::Ready
    );
    assert_eq!(
        world.service.ensure_demo_account("mallory", &password).await.unwrap(),
        DemoAccount::Ready
    );
    let client = rescind_session::token::ClientId::first_party();
    let verdict = world
        .service
        .log_in("mallory", &password, client, Default::default())
        .await;
    assert!(matches!(verdict, Err(LoginError::InvalidCredentials)), "{verdict:?}");
}

#[tokio::test]
async fn a_demo_account_never_takes_over_a_persons_name() {
    let world = World::new().await;
    let password = Password::new("public knowledge");
    assert_eq!(
        world.service.ensure_demo_account("alice", &password).await.unwrap(),
        DemoAccount::TakenByPerson
    );
    assert!(world.try_log_in("public knowledge").await.is_err());
    world.log_in().await;
}

#[tokio::test]
async fn retiring_a_demo_account_ends_its_sessions() {
    let world = World::new().await;
    let password = Password::new(PASSWORD);
    let _ = world.service.ensure_demo_account("mallory", &password).await.unwrap();
    let client = rescind_session::token::ClientId::first_party();
    let issued = world
        .service
        .log_in("mallory", &password, client, Default::default())
        .await
        .unwrap();
    let persons = world.log_in().await;
    world.service.retire_demo_account("mallory").await.unwrap();
    world.service.retire_demo_account("alice").await.unwrap();
    world.assert_refused(&[issued]).await;
    world.me(&persons).await.unwrap();
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let world = World::new().await;
    let bob = world.service.sign_up("bob", &Password::new(PASSWORD)).await.unwrap();
    let mut hashes = Vec::new();
    for name in [&world.user.username, &bob.username] {
        let stored = world.service.ports().users.credentials(name).await.unwrap().unwrap();
        hashes.push(stored.password_hash.expose_secret().to_owned());
    }
    assert_ne!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn a_refresh_token_identifies_a_known_device_for_its_owner_only() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let bob = world.service.sign_up("bob", &Password::new(PASSWORD)).await.unwrap();
    let nobody = Username::parse("nobody").unwrap();
    let (alice, token, id) = (&world.user.username, refresh_token(&issued), issued.claims.session_id);
    let forged = forge(token);
    for (name, token, known) in [
        (alice, token, Some(id)),
        (alice, &forged, None),
        (alice, "", None),
        (&bob.username, token, None),
        (&nobody, token, None),
    ] {
        let device = world.service.known_device(name, token).await.unwrap();
        assert_eq!(device, known, "{name:?} {token}");
    }
    world.log_out(&issued).await.unwrap();
    assert_eq!(world.service.known_device(alice, token).await.unwrap(), Some(id));
}

#[tokio::test]
async fn sessions_are_limited_for_a_person_but_not_for_a_demo_account() {
    let mut settings = config(Policy::blacklist());
    settings.sessions_per_user = NonZeroUsize::new(2);
    let world = World::with(settings).await;
    let password = Password::new(PASSWORD);
    let _ = world.service.ensure_demo_account("demo", &password).await.unwrap();
    // All at the same time, so that the newest is not always the last in the list.
    for login in 1..=12 {
        let new = world.log_in().await;
        world.me(&new).await.unwrap();
        let open = world.service.sessions(&world.user.id).await.unwrap();
        assert_eq!(open.len(), login.min(2));
    }
    let client = rescind_session::token::ClientId::first_party;
    let log_in = || world.service.log_in("demo", &password, client(), Default::default());
    for login in 1..=4 {
        let demo = log_in().await.unwrap().claims.subject;
        assert_eq!(world.service.sessions(&demo).await.unwrap().len(), login);
    }
}
