//! Renewal ahead of expiry, once for all tabs, and not while all are hidden.

use serde_json::{Value, json};

use crate::person::{BRIEF, LONG, Person, RENEWAL, SHORT, until};

/// Removes Web Locks, as in an old browser, or over plain `http` on another machine.
const NO_WEB_LOCKS: &str = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });";

/// Lets several lifetimes pass in this many windows with alice's account, and asserts that each was renewed once, by one of
/// them, in time, and that all were notified.
///
/// Lifetimes pass during the checks, and their number depends on the machine. So the number of renewals is compared with the
/// generations, and notifications are counted until there are enough.
async fn one_renewal_a_life(person: &Person, windows: usize) {
    person.log_in_as("alice").await;
    for _ in 1..windows {
        person.open_account_in_another_window().await;
    }
    let windows = person.browser.driver().windows().await.unwrap();
    for window in &windows {
        person.browser.switch_to(window).await;
        person.listen().await;
    }
    // Renewals during the opening of the windows are not counted.
    let begun = person.renewals().await;
    for window in &windows {
        person.browser.switch_to(window).await;
        // A machine that stalls for more than a quarter of a lifetime is too late. Then the next lifetime counts.
        until("word of a life that began before the last was over", async || {
            let lives = lives_heard_of(&person.heard().await);
            lives.windows(2).any(|lives| lives[1].begun < lives[0].end)
        })
        .await;
    }
    person.until_generation(begun.generation + 2).await;
    let now = person.renewals().await;
    let rotated = now.generation - begun.generation;
    assert_eq!(
        now.answered - begun.answered,
        rotated,
        "somebody came second, and asked all the same"
    );
    a_life_for_each_generation(person, begun.generation).await;
    for window in &windows {
        person.browser.switch_to(window).await;
        person.browser.reload().await;
        person.assert_on_account_of("alice").await;
    }
    person.assert_policy_kept().await;
}

/// The lifetime of an access token, in milliseconds of the server's clock.
struct Life {
    begun: f64,
    end: f64,
}

/// Waits until the current tab, which has listened since before that generation, was notified of one lifetime for each
/// generation after it. If a lifetime were renewed twice, there would always be more generations than lifetimes.
pub(crate) async fn a_life_for_each_generation(person: &Person, begun: u64) {
    until("a life for each generation", async || {
        let rotated = person.renewals().await.generation - begun;
        lives_heard_of(&person.heard().await).len() as u64 >= rotated
    })
    .await;
}

/// The lifetimes in the notifications. Two notifications of one lifetime may differ by the time of a renewal's reply, which is
/// less than the three seconds that the script waits, and by rounding to a second.
fn lives_heard_of(heard: &[Value]) -> Vec<Life> {
    let instant = |heard: &Value, name: &str| heard["detail"][name].as_f64();
    let mut lives: Vec<_> = heard
        .iter()
        .filter_map(|heard| {
            let (begun, end) = (instant(heard, "issuedAt")?, instant(heard, "expiresAt")?);
            Some(Life { begun, end })
        })
        .collect();
    lives.sort_by(|one, other| one.end.total_cmp(&other.end));
    lives.dedup_by(|later, earlier| later.end - earlier.end < 4_000.0);
    lives
}

#[tokio::test]
async fn of_two_tabs_one_renews_for_both_before_the_token_runs_out() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    one_renewal_a_life(&person, 2).await;
}

#[tokio::test]
async fn of_five_tabs_one_renews_for_all() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    one_renewal_a_life(&person, 5).await;
}

#[tokio::test]
async fn two_tabs_that_renew_at_once_take_turns_and_the_second_finds_it_done() {
    let Some((person, late)) = Person::arrive_late().await else {
        return;
    };
    person.open_page_without_login().await;
    let first = person.browser.tab().await;
    let second = person.browser.driver().new_window().await.unwrap();
    person.browser.switch_to(&second).await;
    person.open_page_without_login().await;
    person.come_back_with(&late).await;

    // A third tab has the turn while both queue for theirs.
    person.take_turn().await;
    for window in [&first, &second] {
        person.browser.switch_to(window).await;
        person.resolve("window.looked = module.renewal.look();").await;
    }
    until("two that wait", async || {
        let waiting = "return (await navigator.locks.query()).pending.length;";
        person.resolve(waiting).await == 2
    })
    .await;
    person.end_turn().await;
    for window in [&first, &second] {
        person.browser.switch_to(window).await;
        let state = person.resolve("return await window.looked;").await;
        assert_eq!(state["state"], "live");
    }
    assert_eq!(person.wire.answered(RENEWAL), 1, "both have renewed");
}

#[tokio::test]
async fn a_tab_that_renews_notifies_the_others() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.before_scripts(SLEEPING_TIMERS).await;
    person.log_in_as("alice").await;
    let sleeping = person.browser.tab().await;
    person.listen().await;
    person.open_account_in_another_window().await;
    person.until_generation(1).await;
    person.browser.switch_to(&sleeping).await;
    until("word of it", async || !lives_heard_of(&person.heard().await).is_empty()).await;
}

#[tokio::test]
async fn without_web_locks_the_tabs_stay_logged_in_all_the_same() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.before_scripts(NO_WEB_LOCKS).await;
    person.log_in_as("alice").await;
    assert_eq!(person.evaluate("return typeof navigator.locks").await, "undefined");
    person.listen().await;
    let first = person.browser.tab().await;
    let second = person.browser.driver().new_window().await.unwrap();
    person.browser.switch_to(&second).await;
    person.before_scripts(NO_WEB_LOCKS).await;
    person.browser.open("/account").await;
    assert_eq!(person.evaluate("return typeof navigator.locks").await, "undefined");

    until("two renewals", async || {
        person.state().await["generation"].as_u64() >= Some(2)
    })
    .await;
    for window in [first, second] {
        person.browser.switch_to(&window).await;
        person.browser.reload().await;
        person.assert_on_account_of("alice").await;
    }
}

#[tokio::test]
async fn without_web_locks_one_tab_has_one_renewal_under_way_at_a_time() {
    let Some((person, late)) = Person::arrive_late().await else {
        return;
    };
    person.before_scripts(NO_WEB_LOCKS).await;
    person.open_page_without_login().await;
    person.come_back_with(&late).await;
    let states = person
        .resolve("return await Promise.all(Array.from({ length: 5 }, () => module.renewal.look()));")
        .await;
    let states = states.as_array().unwrap();
    assert!(states.iter().all(|state| state["state"] == "live"), "{states:#?}");
    assert_eq!(person.wire.count(RENEWAL), 1);
}

#[tokio::test]
async fn a_hidden_tab_renews_only_when_it_is_shown_again() {
    let Some(person) = Person::arrive(BRIEF).await else {
        return;
    };
    person.log_in_as("alice").await;
    let tab = person.browser.tab().await;
    let other = person.browser.new_tab().await;
    person.browser.open("about:blank").await;
    // A renewal begun while the tab was visible ends in this lifetime; a further one would be in the next.
    person.let_a_life_pass().await;
    let asked = person.wire.count(RENEWAL);
    person.let_a_life_pass().await;
    assert_eq!(person.wire.count(RENEWAL), asked, "a hidden tab has renewed");

    person.browser.switch_to(&other).await;
    person.browser.driver().close_window().await.unwrap();
    person.browser.switch_to(&tab).await;
    until("a renewal", async || person.wire.count(RENEWAL) > asked).await;
    until("its outcome", async || person.state().await["state"] == "live").await;
    person.assert_on_account_of("alice").await;
}

/// Timers that sleep with the laptop: they never fire. Rejected: freezing the page by the DevTools protocol, which hides the
/// page and leaves it hidden.
const SLEEPING_TIMERS: &str = "window.awake = setTimeout;
    window.setTimeout = () => (window.slept = true, 0);";

/// The lid is opened. Short timers fire; timers for the end of a lifetime keep sleeping, so that the result stays visible.
const AWAKE: &str = "window.setTimeout = (call, delay, ...rest) => delay > 1000 ? 0 : awake(call, delay, ...rest);
    document.dispatchEvent(new Event('visibilitychange'));";

#[tokio::test]
async fn a_laptop_that_slept_finds_its_page_logged_in() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.before_scripts(SLEEPING_TIMERS).await;
    person.log_in_as("alice").await;
    person.listen().await;
    person.let_the_access_token_run_out().await;
    assert_eq!(person.wire.count(RENEWAL), 0, "it did not sleep");
    assert_eq!(person.evaluate("return window.slept").await, true);

    person.evaluate(AWAKE).await;
    until("word of a renewal", async || !person.heard().await.is_empty()).await;
    let heard = person.heard().await;
    assert_eq!(heard[0]["detail"]["state"], "live", "{heard:#?}");
    assert_eq!(person.wire.answered(RENEWAL), 1);
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn without_renewal_no_request_is_sent_and_the_page_leaves_at_the_end() {
    let Some(person) = Person::arrive_with(|program| {
        program
            .env("RESCIND_POLICY", "short_lived")
            .env("RESCIND_ACCESS_TTL", SHORT)
    })
    .await
    else {
        return;
    };
    person.browser.open("/login").await;
    person.browser.press("Log in as alice").await;
    // Not "on the account": on a slow machine the page has left before the check.
    until("the login", async || {
        person.browser.path().await == "/login?next=%2Faccount"
    })
    .await;
    let accounts = person.wire.count("GET /account ");
    assert!(
        accounts >= 2,
        "it was over before the page was there, which proves nothing"
    );
    assert_eq!(person.wire.count(RENEWAL), 0);
}

#[tokio::test]
async fn the_session_state_holds_no_token_and_is_not_stored() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    let client = person.cookie_client();
    let anonymous = client.open("/session").await.expect_status(200);
    assert_eq!(anonymous.header("cache-control"), "no-store");
    assert_eq!(anonymous.body["state"], "ended");
    let state = person.state().await;
    assert_eq!((&state["state"], &state["generation"]), (&json!("live"), &json!(0)));
    let told = state.to_string();
    for name in ["rescind_access", "rescind_refresh"] {
        let token = person.browser.cookie(name).await.unwrap();
        let secret = rescind_testkit::ExposeSecret::expose_secret(&token)
            .rsplit(['.', '_'])
            .next()
            .unwrap()
            .to_owned();
        assert!(!told.contains(&secret), "{name} is in {told}");
    }
}
