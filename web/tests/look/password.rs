//! Changing the password takes the old one, and logs the other devices out.

use rescind_testkit::{ExposeSecret, JavaScript, Tool, needs};

use crate::person::{DEMO_PASSWORD, PASSWORD, arrive, program, sign_up, start};

const NEW: &str = "another one, as long";

#[tokio::test]
async fn changing_the_password_ends_the_other_devices_and_keeps_this_one() {
    let Some((running, browser)) = arrive(JavaScript::Off).await else {
        return;
    };
    sign_up(&browser, "carol").await;
    let api = running.api_client();
    let elsewhere = api.log_in("carol", PASSWORD).await.tokens();
    browser.open("/account").await;
    browser.follow("Change it").await;

    for (old, new, told) in [
        ("not the old one", NEW, "Old password is not the one in force"),
        (PASSWORD, "2 short", "New password must be 15 to 256 characters long"),
    ] {
        browser.fill("Old password", old).await;
        browser.fill("New password", new).await;
        browser.press("Change it").await;
        browser.wait_for_text(told).await;
        let source = browser.driver().source().await.unwrap();
        assert!(
            !source.contains(old) && !source.contains(new),
            "a password came back in a page"
        );
    }
    api.me(elsewhere.access()).await.expect_status(200);

    browser.fill("Old password", PASSWORD).await;
    browser.fill("New password", NEW).await;
    browser.press("Change it").await;
    browser
        .wait_for_text("Your password is changed. Every other device is logged out.")
        .await;
    api.me(elsewhere.access()).await.expect_problem(401, "token_revoked");
    browser.open("/account").await;
    browser.wait_for_text("Your devices").await;
    api.log_in("carol", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    api.log_in("carol", NEW).await.expect_status(200);
}

#[tokio::test]
async fn a_demo_accounts_password_cannot_be_changed() {
    let running = start(program()).await;
    let visitor = running.cookie_client();
    visitor.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
    let page = visitor.open("/password").await.expect_status(200);
    assert!(page.text.contains("Its password is public"), "{}", page.text);
    assert!(
        !page.text.contains("old_password"),
        "there is no form to be disappointed by"
    );
    let fields = [("old_password", DEMO_PASSWORD), ("new_password", NEW)];
    let page = visitor.post("/password", &fields).await.expect_status(403);
    assert!(page.text.contains("Its password is public"), "{}", page.text);
    running
        .api_client()
        .log_in("alice", DEMO_PASSWORD)
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_form_sent_too_late_changes_no_data_and_keeps_no_password() {
    let running = start(program().env("RESCIND_ACCESS_TTL", "5s")).await;
    let (visitor, api) = (running.cookie_client(), running.api_client());
    let account = [("username", "carol"), ("password", PASSWORD)];
    visitor.post("/signup", &account).await.expect_status(303);
    let fields = [("old_password", PASSWORD), ("new_password", NEW)];
    let token = visitor.cookie("rescind_access").unwrap();
    api.until_expired(&token).await;
    let late = visitor.post("/password", &fields).await.expect_status(200);
    assert!(late.text.contains("The password is not changed yet."), "{}", late.text);
    assert!(
        !late.text.contains(PASSWORD) && !late.text.contains(NEW),
        "a password is in a page"
    );
    api.log_in("carol", PASSWORD).await.expect_status(200);
    // The page set new cookies, so the same form works now.
    let done = visitor.post("/password", &fields).await;
    assert_eq!((done.status, done.header("location")), (303, "/account"));
    let says = "Your password is changed.";
    assert!(visitor.follow(&done).await.text.contains(says));
    assert!(!visitor.open("/account").await.text.contains(says), "it is said once");
}

#[tokio::test]
async fn guesses_at_the_old_password_are_stopped_by_the_login_limit() {
    // Each costs two: both passwords are compared with the stored one.
    let running = start(program().env("RESCIND_LOGIN_LIMIT", "6/hour")).await;
    let visitor = running.cookie_client();
    let account = [("username", "carol"), ("password", PASSWORD)];
    visitor.post("/signup", &account).await.expect_status(303);
    for _ in 0..3 {
        let wrong = [("old_password", "a guess"), ("new_password", NEW)];
        visitor.post("/password", &wrong).await.expect_status(422);
    }
    let right = [("old_password", PASSWORD), ("new_password", NEW)];
    let stopped = visitor.post("/password", &right).await.expect_status(429);
    assert!(
        stopped.text.contains("Too many") && stopped.text.contains("Try again in"),
        "{}",
        stopped.text
    );
    assert!(!stopped.header("retry-after").is_empty());
}

#[tokio::test]
async fn changing_a_password_requires_a_login() {
    let running = start(program()).await;
    let visitor = running.cookie_client();
    let page = visitor.open("/password").await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fpassword"));
    let sent = visitor
        .post("/password", &[("old_password", PASSWORD), ("new_password", NEW)])
        .await;
    assert_eq!((sent.status, sent.header("location")), (303, "/login?next=%2Fpassword"));
}

#[tokio::test]
async fn another_device_is_logged_out_after_the_password_was_given_again() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let program = program().env("RESCIND_ACCESS_TTL", "30m").with_clock_offset("+0");
    let running = start(program).await;
    let (own, api) = (running.cookie_client(), running.api_client());
    let account = [("username", "carol"), ("password", PASSWORD)];
    own.post("/signup", &account).await.expect_status(303);
    let other = api.log_in("carol", PASSWORD).await.tokens();
    let cookies = ["access", "refresh"].map(|name| (name, own.cookie(&format!("rescind_{name}")).unwrap()));

    // Six minutes later.
    let running = start(running.kill_9().await.with_clock_offset("+6m")).await;
    let (own, api) = (running.cookie_client(), running.api_client());
    for (name, token) in &cookies {
        own.plant_cookie(&format!("rescind_{name}={}; Path=/", token.expose_secret()));
    }
    let path = format!("/sessions/{}/logout", other.session_id);
    let asked = own.post(&path, &[]).await.expect_status(401);
    assert!(asked.text.contains("Your password, please"), "{}", asked.text);
    assert!(asked.text.contains(&format!(r#"action="{path}""#)), "{}", asked.text);
    let challenge = asked.header("www-authenticate");
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    let wrong = own
        .post(&path, &[("password", "not the password")])
        .await
        .expect_status(401);
    assert!(wrong.text.contains("Your password, please") && !wrong.text.contains("not the password"));
    api.me(other.access()).await.expect_status(200);

    let done = own.post(&path, &[("password", PASSWORD)]).await;
    assert_eq!((done.status, done.header("location")), (303, "/account"));
    api.me(other.access()).await.expect_problem(401, "token_revoked");
    let page = own.open("/account").await.expect_status(200);
    assert!(page.text.contains("That device is logged out."), "{}", page.text);
    // The login is fresh now.
    let another = api.log_in("carol", PASSWORD).await.tokens();
    let done = own.post(&format!("/sessions/{}/logout", another.session_id), &[]).await;
    assert_eq!((done.status, done.header("location")), (303, "/account"));
}

/// A thief is logged out with the rest.
#[tokio::test]
async fn logging_out_everywhere_asks_for_no_password() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let running = start(program().env("RESCIND_ACCESS_TTL", "30m").with_clock_offset("+0")).await;
    let own = running.cookie_client();
    let account = [("username", "carol"), ("password", PASSWORD)];
    own.post("/signup", &account).await.expect_status(303);
    let token = own.cookie("rescind_access").unwrap();
    let running = start(running.kill_9().await.with_clock_offset("+6m")).await;
    let own = running.cookie_client();
    own.plant_cookie(&format!("rescind_access={}; Path=/", token.expose_secret()));
    own.post("/logout-everywhere", &[]).await.expect_status(303);
    running
        .api_client()
        .me(&token)
        .await
        .expect_problem(401, "token_revoked");
}
