//! The functions for an application's forms and pages.

use actix_web::http::Method;

use crate::world::{Make, PASSWORD, World, call, from_own_page};

#[tokio::test]
async fn a_post_with_an_expired_token_is_renewed_and_can_be_repeated() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world.let_access_tokens_expire();
    browser.submit("/mine", &[]).await.is_problem(401, "token_expired");
    assert_eq!(browser.submit("/renew", &[]).await.body, "renewed, press again");
    assert_eq!(browser.submit("/mine", &[]).await.body, format!("{session} Cookie"));
}

#[tokio::test]
async fn a_renewal_without_a_session_is_a_401() {
    let world = World::new().await;
    let browser = world.browser();
    browser.submit("/renew", &[]).await.is_problem(401, "token_missing");
    let session = browser.log_in("alice").await;
    let jar = browser.jar.borrow().clone();
    world
        .service
        .end_session(&world.row(session).await.user, session)
        .await
        .unwrap();
    browser.submit("/renew", &[]).await.is_problem(401, "session_closed");
    assert_eq!(*browser.jar.borrow(), jar, "cookies stay");
}

#[tokio::test]
async fn a_visitor_is_anonymous_logged_in_or_stale() {
    let world = World::new().await;
    let browser = world.browser();
    assert_eq!(browser.visit("/page").await.body, "anonymous");
    assert_eq!(browser.visit("/seen").await.body, "nobody");
    let session = browser.log_in("alice").await;
    assert_eq!(browser.visit("/page").await.body, session.to_string());
    assert_eq!(browser.visit("/seen").await.body, session.to_string());
    world.let_access_tokens_expire();
    assert_eq!(browser.visit("/seen").await.body, "nobody");
    browser.visit("/page").await.leads_to("/refresh?next=%2Fpage");
    browser.jar.borrow_mut().remove(crate::world::ACCESS);
    browser.visit("/page").await.leads_to("/refresh?next=%2Fpage");
    browser.plant(crate::world::ACCESS, "unusable");
    browser.visit("/page").await.leads_to("/refresh?next=%2Fpage");
}

#[tokio::test]
async fn a_visitor_whose_session_was_ended_elsewhere_is_anonymous() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world
        .service
        .end_session(&world.row(session).await.user, session)
        .await
        .unwrap();
    assert_eq!(browser.visit("/page").await.body, "anonymous");
}

#[tokio::test]
async fn pages_that_take_a_visitor_are_not_cached() {
    let world = World::new().await;
    let browser = world.browser();
    assert_eq!(browser.visit("/page").await.header("cache-control"), Some("no-store"));
    browser.log_in("alice").await;
    for path in ["/page", "/mine"] {
        assert_eq!(
            browser.visit(path).await.header("cache-control"),
            Some("no-store"),
            "{path}"
        );
    }
    let own = browser.visit("/own-headers").await;
    assert_eq!(
        own.header("cache-control"),
        Some("private, max-age=5"),
        "a handler's own header is kept"
    );
}

#[tokio::test]
async fn a_bearer_token_leaves_a_visitor_anonymous() {
    let world = World::new().await;
    let tokens = world.login().await;
    assert_eq!(world.get("/page", &tokens.access).await.body, "anonymous");
}

#[tokio::test]
async fn json_calls_work_over_cookies_too() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let me = browser.visit("/api/me").await;
    assert_eq!(me.is(200).json()["session_id"], session.to_string());
    assert_eq!(
        browser
            .visit("/api/sessions")
            .await
            .is(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    browser
        .send(from_own_page(call(Method::POST, "/api/logout-everywhere")))
        .await
        .is(204);
}

async fn change(browser: &crate::world::Browser<'_>, old: &str, new: &str) -> crate::world::Reply {
    browser.submit("/password", &[("old", old), ("new", new)]).await
}

#[tokio::test]
async fn a_new_password_ends_every_session_except_the_callers() {
    let world = World::new().await;
    let (here, elsewhere) = (world.browser(), world.login().await);
    here.log_in("alice").await;
    for (old, new, field) in [
        ("wrong horse", "battery staples", "old_password"),
        (PASSWORD, "short", "new_password"),
    ] {
        let refused = change(&here, old, new).await;
        refused.is_problem(422, "invalid_input");
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    world.me(&elsewhere.access).await.is(200);

    change(&here, PASSWORD, "battery staples").await.is(204);
    here.visit("/mine").await.is(200);
    world.me(&elsewhere.access).await.is_problem(401, "token_revoked");
    world
        .try_login("alice", PASSWORD)
        .await
        .is_problem(401, "invalid_credentials");
    world.try_login("alice", "battery staples").await.is(200);
}

#[tokio::test]
async fn concurrent_guesses_of_the_old_password_count_against_the_limit() {
    let world = Make {
        login_limit: "3/hour".parse().unwrap(),
        ..Make::default()
    }
    .world()
    .await;
    let browser = world.browser();
    browser.log_in("alice").await;
    // The last one is right, but one too many.
    let guesses = ["a", "b", "c", "d", "e", "f", "g", PASSWORD];
    let sent = guesses.iter().map(|guess| change(&browser, guess, "battery staples"));
    let replies = futures::future::join_all(sent).await;
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    // A wrong guess costs one more unit: it is also compared with the new password, as for a repeated change.
    assert!(
        refused >= 5,
        "of eight guesses at most three are checked, not {}",
        8 - refused
    );
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
    world.clock.advance(std::time::Duration::from_secs(3600));
    world.try_login("alice", PASSWORD).await.is(200);
}

#[tokio::test]
async fn the_login_page_can_show_how_the_browsers_session_ended() {
    let world = World::new().await;
    let browser = world.browser();
    assert_eq!(browser.visit("/why").await.body, "nothing", "it has no cookies");
    browser.log_in("alice").await;
    let stolen = browser.refresh();
    assert_eq!(browser.visit("/why").await.body, "nothing", "the session is open");

    // The thief renews, twice; the owner's own token is then an old one.
    let first = world.refresh(&stolen).await.tokens();
    world.refresh(&first.refresh).await.is(200);
    world.let_access_tokens_expire();
    browser.visit("/page").await.leads_to("/refresh?next=%2Fpage");
    browser
        .visit("/refresh?next=%2Fpage")
        .await
        .leads_to("/login?next=%2Fpage");
    assert_eq!(browser.visit("/why").await.body, "reuse at 192.0.2.1");

    browser.jar.borrow_mut().remove(crate::world::REFRESH);
    assert_eq!(
        browser.visit("/why").await.body,
        "reuse",
        "an access token alone, which may be a thief's, learns no address"
    );
    let mut forged = browser.access();
    forged.replace_range(forged.len() - 4.., "AAAA");
    browser.plant(crate::world::ACCESS, &forged);
    assert_eq!(
        browser.visit("/why").await.body,
        "nothing",
        "a forged token gets no answer"
    );
}

#[tokio::test]
async fn after_reuse_only_the_owner_is_notified_at_the_next_login() {
    for (was_copied, who, told) in [(true, "alice", true), (true, "bob", false), (false, "alice", false)] {
        let world = World::new().await;
        let browser = world.browser();
        let ended = browser.log_in("alice").await;
        let token = browser.refresh();
        if was_copied {
            let first = world.refresh(&token).await.tokens();
            world.refresh(&first.refresh).await.is(200);
            world.refresh(&token).await.is_problem(401, "refresh_reused");
        } else {
            world
                .service
                .end_all_sessions(&world.row(ended).await.user, rescind_session::EndReason::Administrator)
                .await
                .unwrap();
        }
        let session = browser.log_in(who).await;
        let notice = browser.visit(&format!("/notice?of={session}")).await.body;
        assert_eq!(notice.starts_with("CopyWasUsed"), told, "{who}: {notice}");
    }
}
