//! Refresh and logout by redirects and forms, without a script.

use std::time::Duration;

use actix_web::http::{Method, header};
use rescind_api::browser::local_path;
use rescind_session::{Policy, SessionState};

use crate::{
    faulty::Fault,
    world::{ACCESS, Make, World, call, from_own_page, navigation},
};

#[tokio::test]
async fn a_page_with_an_expired_token_is_shown_after_a_refresh() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let before = (browser.access(), browser.refresh());
    world.let_access_tokens_expire();
    browser
        .visit("/page?tab=1")
        .await
        .leads_to("/refresh?next=%2Fpage%3Ftab%3D1");
    browser
        .visit("/refresh?next=%2Fpage%3Ftab%3D1")
        .await
        .leads_to("/refresh?next=%2Fpage%3Ftab%3D1&renewed=1");
    assert!(browser.access() != before.0 && browser.refresh() != before.1);
    browser
        .visit("/refresh?next=%2Fpage%3Ftab%3D1&renewed=1")
        .await
        .leads_to("/page?tab=1");
    assert_eq!(browser.visit("/page?tab=1").await.body, session.to_string());
    assert_eq!(world.row(session).await.generation().get(), 1, "one rotation in all");
}

#[tokio::test]
async fn a_browser_that_rejects_cookies_ends_at_the_login_without_a_loop() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world.let_access_tokens_expire();
    let mut path = "/page".to_owned();
    let mut way = Vec::new();
    while !path.starts_with("/login") {
        let reply = browser.send_but_forget(navigation(&path)).await;
        path = reply.header("location").unwrap().to_owned();
        way.push(path.clone());
        assert!(way.len() < 10, "{way:#?}");
    }
    assert_eq!(
        way,
        [
            "/refresh?next=%2Fpage",
            "/refresh?next=%2Fpage&renewed=1",
            "/login?next=%2Fpage"
        ]
    );
    assert_eq!(world.row(session).await.state, SessionState::Open);
}

#[tokio::test]
async fn two_tabs_at_once_both_come_out_logged_in() {
    let world = World::new().await;
    let (winner, loser) = (world.browser(), world.browser());
    let session = winner.log_in("alice").await;
    *loser.jar.borrow_mut() = winner.jar.borrow().clone();
    world.let_access_tokens_expire();
    let (one, other) = futures::join!(winner.visit("/refresh?next=/page"), loser.visit("/refresh?next=/page"));
    assert_eq!(world.sessions.lost_rotations(), 1, "both had read before either wrote");
    for (tab, reply) in [(&winner, one), (&loser, other)] {
        reply.leads_to("/refresh?next=%2Fpage&renewed=1");
        assert_eq!(tab.visit("/page").await.body, session.to_string());
    }
    assert_eq!(winner.refresh(), loser.refresh(), "one chain, not two");
}

#[tokio::test]
async fn with_a_valid_access_token_get_refresh_only_redirects() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let reply = browser.visit("/refresh?next=/page").await;
    reply.leads_to("/page");
    assert!(reply.set_cookies().is_empty());
    assert_eq!(world.row(session).await.generation().get(), 0);
}

#[tokio::test]
async fn get_refresh_rotates_only_for_a_navigation() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world.let_access_tokens_expire();
    let not_visits = [
        navigation("/refresh?next=/page").insert_header(("sec-purpose", "prefetch")),
        navigation("/refresh?next=/page").insert_header(("sec-purpose", "prefetch;prerender")),
        navigation("/refresh?next=/page").insert_header(("purpose", "prefetch")),
        navigation("/refresh?next=/page").insert_header(("x-moz", "prefetch")),
        call(Method::GET, "/refresh?next=/page").insert_header(("sec-fetch-dest", "iframe")),
        call(Method::GET, "/refresh?next=/page").insert_header(("sec-fetch-dest", "image")),
        call(Method::GET, "/refresh?next=/page").insert_header(("sec-fetch-dest", "empty")),
    ];
    for request in not_visits {
        let reply = browser.send(request).await;
        reply.is_problem(403, "not_a_navigation");
        assert!(reply.set_cookies().is_empty());
    }
    assert_eq!(world.row(session).await.generation().get(), 0);
    // A browser too old to send the header.
    browser
        .send(call(Method::GET, "/refresh?next=/page"))
        .await
        .leads_to("/refresh?next=%2Fpage&renewed=1");
}

#[tokio::test]
async fn a_refresh_that_fails_leads_to_the_login_and_drops_no_cookies() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let jar = browser.jar.borrow().clone();
    world
        .service
        .end_session(&world.row(session).await.user, session)
        .await
        .unwrap();
    world.let_access_tokens_expire();
    for reply in [
        browser.visit("/refresh?next=/page").await,
        browser.submit("/refresh", &[("next", "/page")]).await,
    ] {
        reply.leads_to("/login?next=%2Fpage");
        assert!(reply.set_cookies().is_empty());
    }
    browser.plant(crate::world::REFRESH, "rrt_nonsense");
    browser.visit("/refresh").await.leads_to("/login?next=%2F");
    *browser.jar.borrow_mut() = jar;
    browser.log_in("alice").await;
    browser.visit("/page").await.is(200);
}

#[tokio::test]
async fn the_losers_late_failure_does_not_log_the_winner_out() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.let_access_tokens_expire();
    let old = browser.jar.borrow().clone();
    browser.submit("/refresh", &[]).await.leads_to("/");
    browser.submit("/refresh", &[]).await.leads_to("/");
    let winners = browser.jar.borrow().clone();
    // Generation 0 after two rotations is not within the grace.
    *browser.jar.borrow_mut() = old;
    let late = browser.send_but_forget(navigation("/refresh?next=/page")).await;
    late.leads_to("/login?next=%2Fpage");
    *browser.jar.borrow_mut() = winners.clone();
    browser.keep(&late);
    assert_eq!(*browser.jar.borrow(), winners);
}

#[tokio::test]
async fn a_refresh_that_ends_after_the_logout_yields_only_revoked_tokens() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.let_access_tokens_expire();
    let under_way = browser.send_but_forget(navigation("/refresh?next=/page")).await;
    browser.submit("/logout", &[]).await.leads_to("/");
    browser.keep(&under_way);
    assert!(!browser.access().is_empty(), "the late reply did set cookies");
    assert_eq!(browser.visit("/page").await.body, "anonymous");
    world.let_access_tokens_expire();
    browser
        .visit("/refresh?next=/page")
        .await
        .leads_to("/login?next=%2Fpage");
}

#[tokio::test]
async fn next_is_a_local_path_or_the_front_page() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "/logout",
        "/%72efresh",
        "",
    ] {
        browser.visit(&format!("/refresh?next={next}")).await.leads_to("/");
        browser.submit("/refresh", &[("next", next)]).await.leads_to("/");
    }
    browser.visit("/refresh").await.leads_to("/");
    browser
        .visit("/refresh?next=/a&next=/b")
        .await
        .is_problem(400, "bad_request");
}

#[tokio::test]
async fn a_script_refreshes_ahead_of_expiry() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    browser
        .send(from_own_page(call(Method::POST, "/refresh")))
        .await
        .leads_to("/");
    assert_eq!(world.row(session).await.generation().get(), 1);
}

#[tokio::test]
async fn logout_works_with_an_expired_access_token_or_only_a_refresh_token() {
    let world = World::new().await;
    for without_access in [false, true] {
        let browser = world.browser();
        let session = browser.log_in("alice").await;
        world.let_access_tokens_expire();
        if without_access {
            browser.jar.borrow_mut().remove(ACCESS);
        }
        browser.submit("/logout", &[]).await.leads_to("/");
        assert!(browser.holds_no_token());
        assert!(matches!(world.row(session).await.state, SessionState::Closed { .. }));
    }
}

#[tokio::test]
async fn logout_without_genuine_tokens_makes_no_promise() {
    let world = World::new().await;
    let browser = world.browser();
    browser.submit("/logout", &[]).await.leads_to("/");
    assert_eq!(browser.visit("/notice").await.body, "nothing");
    browser.plant(ACCESS, "nonsense");
    browser
        .submit("/logout", &[])
        .await
        .is_problem(400, "credential_unreadable");
    assert_eq!(browser.visit("/notice").await.body, "nothing");
}

#[tokio::test]
async fn logout_returns_how_long_a_stolen_token_stays_valid() {
    for policy in [Policy::client_delete(), Policy::short_lived(), Policy::rotation()] {
        let dies = if policy.access_ttl.as_secs() > 600 {
            "2026-01-02T00:00:00Z"
        } else {
            "2026-01-01T12:05:00Z"
        };
        let world = World::under(policy).await;
        let browser = world.browser();
        browser.log_in("alice").await;
        let stolen = browser.access();
        browser.submit("/logout", &[]).await.leads_to("/");
        assert_eq!(browser.visit("/notice").await.body, format!("LoggedOut(At({dies}))"));
        world.me(&stolen).await.is(200);
    }
    let world = World::under(Policy::stored()).await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let stolen = browser.access();
    browser.submit("/logout", &[]).await.leads_to("/");
    assert_eq!(browser.visit("/notice").await.body, "LoggedOut(Now)");
    assert_eq!(browser.visit("/notice").await.body, "nothing", "it is shown once");
    world.me(&stolen).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_notice_is_valid_for_a_minute_for_its_reader_and_cannot_be_forged() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    browser.submit("/logout", &[]).await.leads_to("/");
    let name = "__Host-rescind_notice";
    let sealed = browser.cookie(name);
    let made_up = sealed.rsplit_once('.').unwrap().0;
    for forged in [
        made_up,
        &sealed.replace("now", "99"),
        "logged-out.now.0.nobody.AAAA",
        "",
    ] {
        browser.plant(name, forged);
        assert_eq!(browser.visit("/notice").await.body, "nothing", "{forged}");
    }
    browser.plant(name, &sealed);
    let session = browser.log_in("alice").await;
    let for_session = format!("/notice?of={session}");
    assert_eq!(
        browser.visit(&for_session).await.body,
        "nothing",
        "it is for no other session"
    );
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(browser.visit("/notice").await.body, "LoggedOut(Now)");
    browser.plant(name, &sealed);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.visit("/notice").await.body, "nothing", "it has expired");
}

#[tokio::test]
async fn a_get_refresh_from_another_site_rotates_only_when_repeated_here() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let from = |site: &str, path: &str| {
        call(Method::GET, path)
            .insert_header(("sec-fetch-dest", "document"))
            .insert_header(("sec-fetch-site", site.to_owned()))
    };
    let live = browser.send(from("cross-site", "/refresh?next=/page")).await;
    live.leads_to("/page");
    world.let_access_tokens_expire();
    let again = "/refresh?next=%2Fpage%3Fa%3D%3Cb%3E&amp;repeated=1";
    for site in ["cross-site", "same-site", "SAME-ORIGIN", ""] {
        for path in ["/refresh?next=/page?a=<b>".to_owned(), again.replace("&amp;", "&")] {
            let reply = browser.send(from(site, &path.replace(['<', '>'], "%3C"))).await;
            reply.is(200);
            assert!(
                reply.set_cookies().is_empty() && !reply.body.contains("<b>"),
                "{}",
                reply.body
            );
            assert!(reply.body.contains("<a href=\"/refresh?next=%2Fpage"), "{}", reply.body);
            let by_itself = reply.body.contains("http-equiv=\"refresh\"");
            assert_eq!(by_itself, !path.contains("repeated"), "the page must not loop");
            let policy = reply.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
        }
    }
    let two = from("same-origin", "/refresh?next=/page").append_header(("sec-fetch-site", "cross-site"));
    browser.send(two).await.is(200);
    assert_eq!(world.row(session).await.generation().get(), 0, "nothing was rotated");
    browser
        .send(from("same-origin", "/refresh?next=/page&repeated=1"))
        .await
        .leads_to("/refresh?next=%2Fpage&renewed=1");
    assert_eq!(world.row(session).await.generation().get(), 1);
}

#[tokio::test]
async fn a_logout_is_a_post() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let reply = browser.visit("/logout").await;
    reply.is_problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("POST"));
    browser.visit("/page").await.is(200);
}

#[tokio::test]
async fn a_failed_store_gives_no_redirect_and_keeps_the_cookies() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.let_access_tokens_expire();
    world.sessions.now(Fault::Fails);
    for reply in [
        browser.visit("/refresh?next=/page").await,
        browser.submit("/refresh", &[]).await,
    ] {
        reply.is_problem(503, "store_unavailable");
        assert!(reply.set_cookies().is_empty());
    }
    world.sessions.now(Fault::None);
    browser
        .visit("/refresh?next=/page")
        .await
        .leads_to("/refresh?next=%2Fpage&renewed=1");
}

#[tokio::test]
async fn a_policy_without_refresh_tokens_leads_to_the_login() {
    let world = World::under(Policy::short_lived()).await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.let_access_tokens_expire();
    assert_eq!(browser.visit("/page").await.body, "anonymous");
    browser
        .visit("/refresh?next=/page")
        .await
        .leads_to("/login?next=%2Fpage");
    browser.plant(crate::world::REFRESH, "rrt_left_over");
    assert_eq!(
        browser.visit("/page").await.body,
        "anonymous",
        "there is no refresh to redirect to"
    );
    browser.submit("/refresh", &[]).await.leads_to("/login?next=%2F");
}

#[tokio::test]
async fn over_plain_http_refresh_works_the_same() {
    let world = Make {
        public_url: "http://127.0.0.1:8080",
        ..Make::default()
    }
    .world()
    .await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world.let_access_tokens_expire();
    for path in ["/refresh?next=/page", "/refresh?next=/page&renewed=1"] {
        browser.visit(path).await.is(303);
    }
    let page = browser
        .send(navigation("/page").insert_header((header::ACCEPT, "text/html")))
        .await;
    assert_eq!(page.body, session.to_string());
}

#[test]
fn a_local_path_has_at_most_2048_bytes() {
    let of_length = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert_eq!(local_path(&of_length(2048)), Some(of_length(2048)));
    assert_eq!(local_path(&of_length(2049)), None);
}
