//! Ahead of expiry, once for all tabs, and not while nobody looks.

use serde_json::{Value, json};

use crate::person::{BRIEF, LONG, Person, RENEWAL, SHORT, until};

/// Takes Web Locks away, as an old browser does, or plain `http` on another machine.
const NO_WEB_LOCKS: &str = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });";

/// As if nobody were looking, so that a token is left to run out.
const NOBODY_LOOKS: &str = "Object.defineProperty(Document.prototype, 'hidden', { value: true });";

/// Lets two lives pass in so many windows in which alice's account is open, and holds that each was renewed once, by one
/// of them, and that all have heard of it.
///
/// Lives go on while this looks, so nothing is compared with a number that would have to be read in time.
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
    let begun = person.generation().await;
    until("two more lives", async || person.generation().await >= begun + 2).await;
    for window in &windows {
        person.browser.switch_to(window).await;
        until("word of two lives", async || lives_heard_of(&person.heard().await) >= 2).await;
    }
    // A renewal may be under way. One that another tab had made already would be answered too, and stay one too many.
    until("a rotation for each renewal", async || {
        let asked = person.wire.count(RENEWAL);
        asked as u64 <= person.generation().await
    })
    .await;
    for window in &windows {
        person.browser.switch_to(window).await;
        person.browser.reload().await;
        person.assert_on_account_of("alice").await;
    }
    person.assert_policy_kept().await;
}

/// Of how many lives was told. Two tellings of one may differ by the second to which a reply to a renewal is rounded.
fn lives_heard_of(heard: &[Value]) -> usize {
    let mut ends: Vec<_> = heard
        .iter()
        .filter_map(|heard| heard["detail"]["expiresAt"].as_f64())
        .collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup_by(|later, earlier| *later - *earlier < 2_000.0);
    ends.len()
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
async fn two_tabs_that_want_to_renew_at_once_take_turns_and_the_second_finds_nothing_left_to_do() {
    let Some(person) = Person::arrive(BRIEF).await else {
        return;
    };
    person.before_scripts(NOBODY_LOOKS).await;
    person.log_in_as("alice").await;
    let first = person.browser.tab().await;
    let second = person.browser.driver().new_window().await.unwrap();
    person.browser.switch_to(&second).await;
    person.before_scripts(NOBODY_LOOKS).await;
    person.browser.open("/account").await;
    person.let_the_access_token_run_out().await;
    let asked = person.wire.count(RENEWAL);

    // A third has its turn while both come to want theirs.
    person
        .resolve(
            "await new Promise((held) => {
               const turn = new Promise((end) => (window.end_turn = end));
               navigator.locks.request('rescind-renewal', () => (held(), turn));
             });",
        )
        .await;
    for window in [&first, &second] {
        person.browser.switch_to(window).await;
        person.resolve("window.looked = module.renewal.look();").await;
    }
    until("two that wait", async || {
        let waiting = "return (await navigator.locks.query()).pending.length;";
        person.resolve(waiting).await == 2
    })
    .await;
    person.evaluate("window.end_turn()").await;
    for window in [&first, &second] {
        person.browser.switch_to(window).await;
        let state = person.resolve("return await window.looked;").await;
        assert_eq!(state["state"], "live");
    }
    assert_eq!(person.wire.count(RENEWAL) - asked, 1, "both have renewed");
}

#[tokio::test]
async fn a_tab_that_renews_tells_the_others() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.before_scripts(SLEEPING_TIMERS).await;
    person.log_in_as("alice").await;
    let sleeping = person.browser.tab().await;
    person.listen().await;
    person.open_account_in_another_window().await;
    until("a renewal", async || person.generation().await >= 1).await;
    person.browser.switch_to(&sleeping).await;
    until("word of it", async || lives_heard_of(&person.heard().await) >= 1).await;
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
    let Some(person) = Person::arrive(BRIEF).await else {
        return;
    };
    person.before_scripts(NO_WEB_LOCKS).await;
    // As if nobody were looking, so that the token is left to run out.
    person
        .before_scripts("Object.defineProperty(Document.prototype, 'hidden', { value: true });")
        .await;
    person.log_in_as("alice").await;
    person.let_the_access_token_run_out().await;
    let states = person
        .resolve("return await Promise.all(Array.from({ length: 5 }, () => module.renewal.look()));")
        .await;
    let states = states.as_array().unwrap();
    assert!(states.iter().all(|state| state["state"] == "live"), "{states:#?}");
    assert_eq!(person.wire.count(RENEWAL), 1);
}

#[tokio::test]
async fn a_tab_that_nobody_looks_at_renews_nothing_and_does_at_once_when_somebody_comes_back() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    let tab = person.browser.tab().await;
    let other = person.browser.new_tab().await;
    person.browser.open("about:blank").await;
    person.let_a_life_pass().await;
    assert_eq!(person.wire.count(RENEWAL), 0, "a hidden tab has renewed");

    person.browser.switch_to(&other).await;
    person.browser.driver().close_window().await.unwrap();
    person.browser.switch_to(&tab).await;
    until("a renewal", async || person.wire.count(RENEWAL) >= 1).await;
    until("its outcome", async || person.generation().await >= 1).await;
    person.assert_on_account_of("alice").await;
}

/// Timers that sleep with the laptop: what is set for longer than a moment never comes. Rejected: freezing the page by
/// the DevTools protocol, which hides what it freezes and leaves it hidden.
const SLEEPING_TIMERS: &str = "const awake = setTimeout;
    window.setTimeout = (call, delay, ...rest) => delay > 1000 ? (window.slept = true, 0) : awake(call, delay, ...rest);";

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

    // The lid is opened.
    person
        .evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        .await;
    until("word of a renewal", async || !person.heard().await.is_empty()).await;
    assert_eq!(person.wire.count(RENEWAL), 1);
    assert_eq!(person.state().await["state"], "live");
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn where_the_policy_renews_nothing_nothing_is_asked_for_and_the_page_leaves_at_the_end() {
    let Some(person) = Person::arrive_with(|program| {
        program
            .env("RESCIND_POLICY", "short_lived")
            .env("RESCIND_ACCESS_TTL", BRIEF)
    })
    .await
    else {
        return;
    };
    person.log_in_as("alice").await;
    until("the login", async || person.browser.path().await.starts_with("/login")).await;
    assert_eq!(person.wire.count(RENEWAL), 0);
}

#[tokio::test]
async fn what_a_script_is_told_holds_no_token_and_is_kept_by_nobody() {
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
