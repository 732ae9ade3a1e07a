//! A person who was logged out sees why; a person whose token was renewed sees that.

use rescind_testkit::{CookieClient, ExposeSecret, Running};

use crate::person::{DEMO_PASSWORD, program, start};

/// Lifetimes so short that a test can wait for them, and as short a grace.
async fn brief() -> Running {
    start(program().env("RESCIND_ACCESS_TTL", "5s")).await
}

/// Her account is the same in every browser.
const CAROL: (&str, &str) = ("carol", "long enough for anybody");

async fn log_in(running: &Running) -> CookieClient {
    let visitor = running.cookie_client();
    let _ = running.api_client().sign_up(CAROL.0, CAROL.1).await;
    visitor.log_in(CAROL.0, CAROL.1).await.expect_status(303);
    visitor
}

async fn let_the_access_token_run_out(running: &Running, visitor: &CookieClient) {
    let token = visitor.cookie("rescind_access").unwrap();
    running.api_client().until_expired(&token).await;
}

/// Opens a page, and follows its redirects.
async fn arrive_at(visitor: &CookieClient, path: &str) -> String {
    let mut reply = visitor.open(path).await;
    for _ in 0..6 {
        if reply.status != 303 {
            break;
        }
        reply = visitor.follow(&reply).await;
    }
    reply.expect_status(200).text
}

#[tokio::test]
async fn a_robbed_person_learns_that_a_copy_of_their_session_was_used() {
    let running = brief().await;
    let (visitor, api) = (log_in(&running).await, running.api_client());
    let stolen = visitor.cookie("rescind_refresh").unwrap();
    // The thief refreshes twice; then the owner presents the token that the thief has used.
    let thiefs = api.refresh(&stolen).await.tokens();
    api.refresh(thiefs.refresh()).await.expect_status(200);
    let_the_access_token_run_out(&running, &visitor).await;
    let page = arrive_at(&visitor, "/account").await;
    assert!(
        page.contains("A copy of your session was used, so the session was ended."),
        "{page}"
    );
    assert!(
        page.contains("rescind-testkit"),
        "the device that held it last is not named: {page}"
    );
    assert!(page.contains("<h1>Log in</h1>"), "{page}");
    let first = arrive_at(&visitor, "/").await;
    assert!(first.contains("A copy of your session was used"), "{first}");

    // A thief who has only the revoked access token learns that the session ended, and not who was robbed.
    let thief = running.cookie_client();
    let token = visitor.cookie("rescind_access").unwrap();
    thief.plant_cookie(&format!("rescind_access={}; Path=/", token.expose_secret()));
    for path in ["/login", "/"] {
        let page = arrive_at(&thief, path).await;
        assert!(page.contains("A copy of your session was used"), "{page}");
        for private in ["rescind-testkit", "127.0.0.1</"] {
            assert!(!page.contains(private), "{path} tells {private}: {page}");
        }
    }
    // Nor by logging in as another user. The owner who returns with only that token learns it, once.
    let owner = running.cookie_client();
    for (client, (name, password), told) in [(&thief, ("bob", DEMO_PASSWORD), false), (&owner, CAROL, true)] {
        client.plant_cookie(&format!("rescind_access={}; Path=/", token.expose_secret()));
        client.log_in(name, password).await.expect_status(303);
        for told in [told, false] {
            let page = arrive_at(client, "/account").await;
            assert!(page.contains("Your devices"), "{page}");
            assert_eq!(page.contains("If that was not you, it was"), told, "{name}: {page}");
        }
    }

    visitor.log_in(CAROL.0, CAROL.1).await.expect_status(303);
    let again = arrive_at(&visitor, "/").await;
    assert!(
        !again.contains("A copy of your session"),
        "it is told to the wrong session: {again}"
    );
}

#[tokio::test]
async fn a_logout_from_elsewhere_is_explained_to_its_browser_alone() {
    let running = start(program()).await;
    let (here, there) = (log_in(&running).await, log_in(&running).await);
    let session = running
        .api_client()
        .me(&here.cookie("rescind_access").unwrap())
        .await
        .expect_status(200)
        .body["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    there
        .post(&format!("/sessions/{session}/logout"), &[])
        .await
        .expect_status(303);
    let page = arrive_at(&here, "/account").await;
    assert!(page.contains("This device was logged out."), "{page}");

    let stranger = running.cookie_client();
    let token = here.cookie("rescind_access").unwrap();
    let forged = format!("{}AAAA", &token.expose_secret()[..token.expose_secret().len() - 4]);
    stranger.plant_cookie(&format!("rescind_access={forged}; Path=/"));
    let page = arrive_at(&stranger, "/login").await;
    assert!(!page.contains("was logged out"), "{page}");
}

#[tokio::test]
async fn a_renewal_on_the_way_to_the_account_is_made_visible() {
    let running = brief().await;
    let visitor = log_in(&running).await;
    let before = arrive_at(&visitor, "/account").await;
    assert!(!before.contains("renewed just now"), "{before}");
    let_the_access_token_run_out(&running, &visitor).await;
    let page = arrive_at(&visitor, "/account").await;
    assert!(
        page.contains("renewed just now") && page.contains("generation 1"),
        "{page}"
    );
}
