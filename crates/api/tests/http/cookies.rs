//! The cookies: their attributes, and contradictory ones.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::{Method, header},
};
use rescind_session::{EndReason, Policy, SessionState};

use crate::{
    faulty::Fault,
    world::{ACCESS, Make, PASSWORD, REFRESH, World, call, from_own_page, navigation},
};

async fn cookies_of_a_login(world: &World) -> Vec<Cookie<'static>> {
    let form = [("username", "alice"), ("password", PASSWORD)];
    let origin = world.rescind.settings().public_url.origin().ascii_serialization();
    world
        .send(
            call(Method::POST, "/login")
                .insert_header((header::ORIGIN, origin))
                .set_form(form),
        )
        .await
        .set_cookies()
}

const WEEK: Duration = Duration::days(7);

#[tokio::test]
async fn over_https_cookies_belong_to_this_host_only() {
    let world = World::new().await;
    let cookies = cookies_of_a_login(&world).await;
    assert_eq!(cookies.iter().map(Cookie::name).collect::<Vec<_>>(), [ACCESS, REFRESH]);
    for cookie in cookies {
        assert_eq!((cookie.secure(), cookie.http_only()), (Some(true), Some(true)));
        assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
        assert_eq!(cookie.same_site(), Some(SameSite::Lax));
        assert_eq!(cookie.max_age(), Some(WEEK), "both last as long as the refresh token");
    }
}

#[tokio::test]
async fn over_plain_http_cookies_have_no_prefix_and_no_secure() {
    let world = Make {
        public_url: "http://127.0.0.1:8080",
        ..Make::default()
    }
    .world()
    .await;
    let cookies = cookies_of_a_login(&world).await;
    assert_eq!(
        cookies.iter().map(Cookie::name).collect::<Vec<_>>(),
        ["rescind_8080_access", "rescind_8080_refresh"]
    );
    for cookie in cookies {
        assert_eq!((cookie.secure(), cookie.http_only()), (None, Some(true)));
        assert_eq!(
            (cookie.path(), cookie.domain(), cookie.max_age()),
            (Some("/"), None, Some(WEEK))
        );
    }
}

#[tokio::test]
async fn without_refresh_tokens_the_access_cookie_expires_with_its_token() {
    let world = World::under(Policy::stored()).await;
    let cookies = cookies_of_a_login(&world).await;
    assert_eq!(cookies[0].max_age(), Some(Duration::hours(12)));
    assert_eq!(
        (cookies[1].name(), cookies[1].value(), cookies[1].max_age()),
        (REFRESH, "", Some(Duration::ZERO))
    );
}

#[tokio::test]
async fn a_duplicate_cookie_is_refused() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let twice = || {
        navigation("/mine").append_header((
            header::COOKIE,
            format!("{ACCESS}={}; {ACCESS}=planted", browser.access()),
        ))
    };
    world.send(twice()).await.is_problem(400, "duplicate_cookies");
    world
        .send(twice().uri("/page"))
        .await
        .is_problem(400, "duplicate_cookies");
    world
        .send(twice().uri("/refresh"))
        .await
        .is_problem(400, "duplicate_cookies");
}

#[tokio::test]
async fn cookies_of_different_sessions_are_refused_everywhere_and_a_login_ends_both() {
    let world = World::new().await;
    let (browser, other) = (world.browser(), world.browser());
    let (one, two) = (browser.log_in("alice").await, other.log_in("bob").await);
    browser.plant(REFRESH, &other.refresh());
    for path in ["/mine", "/page", "/refresh", "/api/me"] {
        browser.visit(path).await.is_problem(400, "different_sessions");
    }
    for path in ["/refresh", "/api/refresh"] {
        let reply = browser.send(from_own_page(call(Method::POST, path))).await;
        reply.is_problem(400, "different_sessions");
        assert!(reply.set_cookies().is_empty(), "{path}");
    }
    world.let_access_tokens_expire();
    browser.visit("/page").await.is_problem(400, "different_sessions");
    for session in [one, two] {
        assert_eq!(world.row(session).await.state, SessionState::Open);
    }

    let three = browser.log_in("alice").await;
    for session in [one, two] {
        let state = world.row(session).await.state;
        assert!(
            matches!(
                state,
                SessionState::Closed {
                    cause: EndReason::Replaced,
                    ..
                }
            ),
            "{state:?}"
        );
    }
    assert_eq!(browser.visit("/page").await.body, three.to_string());
}

#[tokio::test]
async fn a_name_that_only_decodes_to_ours_is_not_ours() {
    let world = World::new().await;
    let stranger = world.browser();
    stranger.log_in("bob").await;
    let planted = format!("%5F%5FHost-rescind_access={}", stranger.access());
    world
        .send(navigation("/mine").insert_header((header::COOKIE, planted)))
        .await
        .is_problem(401, "token_missing");
}

#[tokio::test]
async fn malformed_foreign_cookies_have_no_effect() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let header_value = format!("=; novalue; a=%ff%; {ACCESS}={};;", browser.access());
    world
        .send(navigation("/mine").insert_header((header::COOKIE, header_value)))
        .await
        .is(200);
}

#[tokio::test]
async fn a_login_ends_the_session_that_the_browser_held() {
    let world = World::new().await;
    let browser = world.browser();
    let old = browser.log_in("alice").await;
    let old_access = browser.access();
    let new = browser.log_in("bob").await;
    assert!(matches!(
        world.row(old).await.state,
        SessionState::Closed {
            cause: EndReason::Replaced,
            ..
        }
    ));
    world.me(&old_access).await.is_problem(401, "token_revoked");
    assert_eq!(browser.visit("/page").await.body, new.to_string());
}

#[tokio::test]
async fn a_failed_login_ends_no_session() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let reply = browser
        .submit("/login", &[("username", "bob"), ("password", "wrong horse")])
        .await;
    reply.is_problem(401, "invalid_credentials");
    assert_eq!(browser.visit("/page").await.body, session.to_string());
}

#[tokio::test]
async fn if_the_old_session_cannot_end_the_login_fails_and_cookies_stay() {
    let world = World::new().await;
    let browser = world.browser();
    let old = browser.log_in("alice").await;
    // The session is closed in the log, but the blacklist fails: for the old session, and then for the new one.
    world.blacklist.now(Fault::FailsToClose);
    let reply = browser
        .submit("/login", &[("username", "bob"), ("password", PASSWORD)])
        .await;
    reply.is_problem(503, "revocation_pending");
    assert!(reply.set_cookies().is_empty());
    world.blacklist.now(Fault::None);

    let bobs = world.login_as("bob").await.session;
    let open = world.service.sessions(&world.row(bobs).await.user).await.unwrap();
    assert_eq!(open.len(), 1, "the refused login left no session open: {open:?}");
    assert!(matches!(world.row(old).await.state, SessionState::Closed { .. }));
    // A repeat is harmless, and completes it.
    browser.log_in("bob").await;
}

#[tokio::test]
async fn a_late_reply_to_the_last_user_has_no_valid_tokens() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let late = browser
        .send_but_forget(from_own_page(call(Method::POST, "/refresh")).set_form([("next", "/page")]))
        .await;
    late.leads_to("/page");
    browser.log_in("bob").await;
    browser.keep(&late);
    let page = browser.visit("/page").await;
    assert_eq!(page.body, "anonymous", "alice's new tokens are of a session that ended");
}

#[tokio::test]
async fn the_json_logout_over_cookies_ends_the_session_and_drops_them() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let access = browser.access();
    browser
        .send(from_own_page(call(Method::POST, "/api/logout")))
        .await
        .is(204);
    assert!(browser.holds_no_token());
    world.me(&access).await.is_problem(401, "token_revoked");
}

/// Without it Chromium shows the private page again on "back"; see the browser tests of the demo.
#[tokio::test]
async fn a_logout_sets_a_cookie_that_invalidates_the_page_cache() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let reply = browser.submit("/logout", &[]).await;
    let left = reply
        .set_cookies()
        .into_iter()
        .find(|cookie| cookie.name() == "__Host-rescind_left")
        .unwrap();
    assert_eq!(
        (left.http_only(), left.secure(), left.path()),
        (Some(true), Some(true), Some("/"))
    );
    let first = browser.cookie(left.name());
    world.clock.advance(std::time::Duration::from_secs(1));
    browser.log_in("alice").await;
    browser.submit("/logout", &[]).await;
    assert_ne!(
        browser.cookie(left.name()),
        first,
        "the second logout must change the cookie too"
    );
}

#[tokio::test]
async fn ending_a_session_from_the_list_drops_only_its_own_cookies() {
    let world = World::new().await;
    let browser = world.browser();
    let own = browser.log_in("alice").await;
    let other = world.login().await.session;
    let end = |id| from_own_page(call(Method::DELETE, &format!("/api/sessions/{id}")));
    browser.send(end(other)).await.is(204);
    browser.visit("/mine").await.is(200);
    browser.send(end(own)).await.is(204);
    assert!(browser.holds_no_token());
    browser.log_in("alice").await;
    browser
        .send(from_own_page(call(Method::POST, "/api/logout-everywhere")))
        .await
        .is(204);
    assert!(browser.holds_no_token());
}

#[tokio::test]
async fn the_json_refresh_over_cookies_returns_cookies_and_no_token_in_the_body() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let before = browser.refresh();
    let reply = browser.send(from_own_page(call(Method::POST, "/api/refresh"))).await;
    reply.is(200);
    assert_ne!(browser.refresh(), before);
    assert_eq!(
        reply.json(),
        serde_json::json!({ "expires_in": 300, "refresh_expires_in": 604_800, "session_id": session })
    );
    world.refresh("").await.is_problem(401, "refresh_invalid");
    world
        .send(call(Method::POST, "/api/refresh"))
        .await
        .is_problem(422, "invalid_input");
}

#[tokio::test]
async fn a_refresh_with_a_token_in_the_body_leaves_the_cookies_alone() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let other = world.login_as("bob").await;
    let body = serde_json::json!({ "refresh_token": other.refresh });
    let reply = browser
        .send(from_own_page(call(Method::POST, "/api/refresh")).set_json(body))
        .await;
    assert!(reply.status.is_success() && reply.set_cookies().is_empty());
    assert_eq!(browser.visit("/page").await.body, session.to_string());
}

#[tokio::test]
async fn cookies_stay_on_every_503() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    for (fault, code) in [
        (Fault::Fails, "store_unavailable"),
        (Fault::FailsToClose, "store_unavailable"),
    ] {
        world.sessions.now(fault);
        for path in ["/logout", "/api/logout"] {
            let reply = browser.send(from_own_page(call(Method::POST, path))).await;
            reply.is_problem(503, code);
            assert!(reply.set_cookies().is_empty(), "{path}");
        }
    }
    world.sessions.now(Fault::None);
    world.blacklist.now(Fault::FailsToClose);
    let reply = browser.submit("/logout", &[]).await;
    reply.is_problem(503, "revocation_pending");
    assert!(reply.set_cookies().is_empty());
    world.blacklist.now(Fault::None);
    browser.submit("/logout", &[]).await.leads_to("/");
    assert!(browser.holds_no_token(), "the repeat completed the logout");
}

/// A handler may fail after it: the old session has ended, and the browser must get the tokens of the new one.
#[tokio::test]
async fn an_error_after_a_login_or_a_renewal_still_sets_the_cookies() {
    let world = World::new().await;
    let browser = world.browser();
    let old = browser.log_in("alice").await;
    let form = [("username", "bob"), ("password", PASSWORD)];
    browser.submit("/login?fails", &form).await.is_problem(404, "not_found");
    let session = browser.visit("/page").await.body;
    assert_ne!(session, old.to_string());
    world.let_access_tokens_expire();
    browser.submit("/renew?fails", &[]).await.is_problem(404, "not_found");
    // Longer than the grace: the previous refresh token would count as stolen.
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(browser.visit("/page").await.body, session);
    world.let_access_tokens_expire();
    assert_eq!(browser.submit("/renew", &[]).await.body, "renewed, press again");
}

#[tokio::test]
async fn a_login_whose_client_hangs_up_leaves_no_session_open() {
    let world = World::new().await;
    let browser = world.browser();
    let old = browser.log_in("alice").await;
    let alice = world.row(old).await.user;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let replaced = async {
        loop {
            let open = world.service.sessions(&alice).await.unwrap();
            if open.len() == 1 && open[0].id != old {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = browser.submit("/login?hangs", &form) => panic!("the handler hangs after the login"),
        () = replaced => {}
    }
    let ended = async {
        while !world.service.sessions(&alice).await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), ended).await;
    assert!(waited.is_ok(), "a session whose tokens were lost is still open");
}

#[tokio::test]
async fn two_prefixes_on_one_host_are_two_logins() {
    let (one, other) = (
        Make {
            public_url: "http://127.0.0.1:8080",
            ..Make::default()
        },
        Make {
            public_url: "http://127.0.0.1:8081",
            ..Make::default()
        },
    );
    let (one, other) = (one.world().await, other.world().await);
    // One jar: cookies ignore ports.
    let browser = one.browser();
    for world in [&one, &other] {
        for cookie in cookies_of_a_login(world).await {
            browser.plant(cookie.name(), cookie.value());
        }
    }
    let both: Vec<_> = browser.jar.borrow().keys().cloned().collect();
    let names = ["8080_access", "8080_refresh", "8081_access", "8081_refresh"];
    assert_eq!(both, names.map(|name| format!("rescind_{name}")));
    browser.visit("/mine").await.is(200);
}
