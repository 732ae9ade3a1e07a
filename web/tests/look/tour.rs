//! Every page, in every state that looks different.

use std::time::Duration;

use rescind_testkit::{Browser, Running, cookie_name};
use tokio::time::{interval, timeout};

use crate::person::sign_up;

/// The check at each stop: it gets the browser, and a name for the open page.
pub(crate) trait Stop: AsyncFnMut(&Browser, &str) {}
impl<F: AsyncFnMut(&Browser, &str)> Stop for F {}

/// Takes a browser to every page.
pub(crate) async fn tour(running: &Running, browser: &Browser, mut stop: impl Stop) {
    strangers_pages(browser, &mut stop).await;
    private_pages(running, browser, &mut stop).await;
    demo(browser, &mut stop).await;
    lab(browser, &mut stop).await;
    inspector(browser, &mut stop).await;
    course(browser, &mut stop).await;
}

async fn strangers_pages(browser: &Browser, stop: &mut impl Stop) {
    for path in ["/", "/login", "/signup", "/no/such/page", "/demo"] {
        browser.open(path).await;
        stop(browser, path).await;
    }
    browser.open("/login").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", "not hers").await;
    browser.press("Log in").await;
    stop(browser, "a refused login").await;
    browser.open("/signup").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", "2 short").await;
    browser.press("Sign up").await;
    stop(browser, "a refused signup").await;
}

async fn private_pages(running: &Running, browser: &Browser, stop: &mut impl Stop) {
    sign_up(browser, "carol").await;
    let elsewhere = running.api_client();
    let tokens = elsewhere.log_in("carol", crate::person::PASSWORD).await.tokens();
    browser.open("/account").await;
    stop(browser, "/account").await;
    let details = "document.querySelector('details').open = true";
    browser.driver().execute(details, Vec::new()).await.unwrap();
    stop(browser, "/account with the token open").await;
    // Without its access token the browser has to renew, as after its expiry.
    let access = cookie_name(running.base_url(), "rescind_access");
    browser.driver().delete_cookie(access).await.unwrap();
    browser.press("Log out everywhere").await;
    browser.wait_for_text("Renewed: press again").await;
    stop(browser, "a button pressed too late").await;
    browser.open("/account").await;
    stop(browser, "/account, renewed").await;
    browser.open("/password").await;
    stop(browser, "/password").await;
    browser.fill("Old password", "not hers").await;
    browser.fill("New password", "long enough as well").await;
    browser.press("Change it").await;
    stop(browser, "a refused password").await;
    elsewhere.log_out_everywhere(tokens.access()).await.expect_status(204);
    browser.open("/login").await;
    stop(browser, "/login after the session was ended").await;
}

async fn demo(browser: &Browser, stop: &mut impl Stop) {
    browser.open("/").await;
    send(browser, "/demo/rob").await;
    stop(browser, "/demo, robbed").await;
    browser.open("/password").await;
    stop(browser, "/password of a demo account").await;
    browser.open("/account").await;
    send(browser, "/logout").await;
    stop(browser, "/ after a logout").await;
    browser.open("/demo").await;
    send(browser, "/demo/thief/try").await;
    stop(browser, "/demo, logged out").await;
    browser.open("/").await;
    stop(browser, "/ after a robbery").await;
    browser.open("/demo").await;
    send(browser, "/demo/rob/second").await;
    for step in [
        "/demo/thief/steal-refresh",
        "/demo/thief/refresh",
        "/demo/thief/refresh",
    ] {
        send(browser, step).await;
    }
    stop(browser, "/demo, the refresh token stolen").await;
    send(browser, "/demo/refresh").await;
    browser.wait_for_text("A copy of your session was used").await;
    stop(browser, "/demo, the reuse noticed").await;
    browser.open("/login").await;
    stop(browser, "/login, robbed").await;
    browser.open("/demo/keys").await;
    stop(browser, "/demo/keys").await;
    send(browser, "/demo/keys/rotate").await;
    browser.open("/demo/keys").await;
    stop(browser, "/demo/keys, a key waits").await;
}

/// Buttons of the lab, and the page's text afterwards.
const LAB_STEPS: [(&str, &str); 5] = [
    ("log-in", "Step 2 of"),
    ("copy-access", "Step 3 of"),
    ("blacklist-stops", "Step 4 of"),
    ("log-out", "Step 5 of"),
    ("replay", "Step 6 of"),
];

async fn lab(browser: &Browser, stop: &mut impl Stop) {
    for path in [
        "/lab",
        "/lab?guess=stored&guess=rotation",
        "/lab?story=working-day&loot=both&show=1",
        "/lab?short=soon&theft=20m",
        "/lab/race",
        "/lab/blacklist",
        "/lab/sessions",
    ] {
        browser.open(path).await;
        stop(browser, path).await;
    }
    browser.open("/lab/blacklist").await;
    for (button, then) in LAB_STEPS {
        // With scripts the page stays, and changes in place.
        let press = format!("document.querySelector('button[value=\"{button}\"]').click()");
        browser.driver().execute(press, Vec::new()).await.unwrap();
        browser.wait_for_text(then).await;
    }
    // Loaded again, to be weighed without the steps that led to it.
    browser.open("/lab/blacklist").await;
    stop(browser, "/lab/blacklist, after a few steps").await;
}

async fn inspector(browser: &Browser, stop: &mut impl Stop) {
    sign_up(browser, "dora").await;
    browser.open("/inspector").await;
    stop(browser, "/inspector").await;
    browser.press("Inspect").await;
    browser.wait_for_text("Verified").await;
    stop(browser, "/inspector, one's own token").await;
}

/// One chapter of each part: they are drawn alike. The tests of the course visit all.
async fn course(browser: &Browser, stop: &mut impl Stop) {
    for path in [
        "/learn",
        "/learn/rotation",
        "/learn/rotation?play=1",
        "/learn/blacklist",
        "/learn/keys?play=1",
        "/learn/summary",
        "/glossary",
    ] {
        browser.open(path).await;
        stop(browser, path).await;
    }
}

/// Sends the form with this `action`, and waits for the resulting page.
async fn send(browser: &Browser, action: &str) {
    let script = format!("window.left = true; document.querySelector('form[action=\"{action}\"]').requestSubmit()");
    if let Err(error) = browser.driver().execute(script, Vec::new()).await {
        panic!("no form for {action}: {error}\n{}", browser.text().await);
    }
    let mut again = interval(Duration::from_millis(20));
    let arrived = async {
        loop {
            again.tick().await;
            let there = "return !window.left && document.readyState === 'complete'";
            // During the navigation there is no page to query.
            if let Ok(there) = browser.driver().execute(there, Vec::new()).await
                && there.json() == &serde_json::Value::Bool(true)
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(60), arrived).await.unwrap();
}
