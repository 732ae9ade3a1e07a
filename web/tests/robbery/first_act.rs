//! The first act: you are robbed of an access token, you log out, and the thief tries both doors again.

use std::process::Command;

use rescind_testkit::{CookieClient, ExposeSecret, SecretString, Tool, needs};

use crate::{
    screen::{Door, Screen},
    visitor::{DEMO_PASSWORD, Visitor, open, program},
};

#[tokio::test]
async fn one_click_leads_to_the_robbed_screen_and_two_more_to_both_verdicts() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let (_, home) = visitor.page("/").await;
    assert!(
        home.words("h1")
            .contains("You log out. Does a stolen token still work?"),
        "{home:?}"
    );
    assert!(
        home.words("form[action='/demo/rob'] button")
            .contains("Log in as alice, and be robbed")
    );

    let robbed = visitor.press("/demo/rob").await;
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
    for side in ["#you", "#thief", "#timeline", "#log"] {
        assert!(!robbed.words(side).is_empty(), "nothing to read in {side}: {robbed:?}");
    }
    for door in Door::BOTH {
        robbed.assert_accepted(door);
    }
    let (stolen, expiry) = (visitor.access(), visitor.expiry().await);

    assert!(robbed.has("form[action='/demo/log-out'] button"), "{robbed:?}");
    let logged_out = visitor.press("/demo/log-out").await;
    assert!(
        logged_out.has("form[action='/demo/thief/try'] button"),
        "{logged_out:?}"
    );
    let tried = visitor.press("/demo/thief/try").await;
    tried.assert_refused(Door::Blacklist, "token_revoked");
    visitor.assert_still_inside_until(expiry).await;
    visitor.api.me(&stolen).await.expect_problem(401, "token_revoked");
}

#[tokio::test]
async fn the_logout_of_the_screen_is_the_ordinary_one() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let (access, refresh) = (visitor.access(), visitor.refresh());
    visitor.press("/demo/log-out").await;
    for cookie in ["rescind_access", "rescind_refresh"] {
        assert!(visitor.client.cookie(cookie).is_none(), "{cookie} was kept");
    }
    visitor.api.me(&access).await.expect_problem(401, "token_revoked");
    visitor
        .api
        .refresh(&refresh)
        .await
        .expect_problem(401, "session_closed");
}

/// Alice's note in a door's answer.
fn note(body: &serde_json::Value) -> String {
    let note = body["note"].as_str().unwrap_or_default();
    assert!(!note.is_empty(), "no note in {body}");
    note.to_owned()
}

#[tokio::test]
async fn after_the_logout_only_the_second_door_shows_alices_note() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let stolen = visitor.access();
    let ask = |door: Door| visitor.api.get(door.path(), Some(&stolen));
    let told = note(&ask(Door::Blacklist).await.expect_status(200).body);
    let screen = visitor.screen().await;
    for door in Door::BOTH {
        assert_eq!(note(&ask(door).await.expect_status(200).body), told);
        assert!(screen.door(door).contains(&told), "{door:?}: {}", screen.door(door));
    }

    visitor.press("/demo/log-out").await;
    let screen = visitor.press("/demo/thief/try").await;
    let refused = ask(Door::Blacklist).await.expect_problem(401, "token_revoked");
    assert!(!refused.text.contains(&told));
    assert!(!screen.door(Door::Blacklist).contains(&told), "{screen:?}");
    assert_eq!(note(&ask(Door::SignatureOnly).await.expect_status(200).body), told);
    assert!(screen.door(Door::SignatureOnly).contains(&told), "{screen:?}");
}

#[tokio::test]
async fn the_second_door_refuses_everything_but_a_genuine_live_token() {
    let running = open(program().env("RESCIND_ACCESS_TTL", "3s")).await;
    let api = running.api_client();
    let tokens = api.log_in("alice", DEMO_PASSWORD).await.tokens();
    let door = Door::SignatureOnly.path();
    let forged = format!("{}A", tokens.access().expose_secret()).into();
    api.get(door, Some(&forged)).await.expect_problem(401, "token_invalid");
    api.get(door, Some(tokens.refresh()))
        .await
        .expect_problem(401, "token_invalid");
    api.get(door, None).await.expect_problem(401, "token_missing");
    api.until_expired(tokens.access()).await;
    api.get(door, Some(tokens.access()))
        .await
        .expect_problem(401, "token_expired");
}

/// Runs a command as if pasted into a terminal, and returns its output.
fn run(command: &SecretString) -> String {
    let output = Command::new("sh")
        .arg("-c")
        .arg(command.expose_secret())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

// More than one thread: the program's output is collected while this one waits for curl.
#[tokio::test(flavor = "multi_thread")]
async fn the_curl_commands_on_the_screen_do_what_they_say() {
    let Some(_) = needs(Tool::Curl) else { return };
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let told = note(&visitor.api.me(&visitor.access()).await.body);
    let before = visitor.screen().await;
    for door in Door::BOTH {
        assert!(run(&before.command(door)).contains(&told), "{door:?}");
    }
    visitor.press("/demo/log-out").await;
    let after = visitor.press("/demo/thief/try").await;
    for door in Door::BOTH {
        let (then, now) = (before.command(door), after.command(door));
        assert_eq!(
            then.expose_secret(),
            now.expose_secret(),
            "it is the same token, at the same door"
        );
    }
    let refused = run(&after.command(Door::Blacklist));
    assert!(
        refused.contains("token_revoked") && !refused.contains(&told),
        "{refused}"
    );
    assert!(run(&after.command(Door::SignatureOnly)).contains(&told));
}

/// Waits until the copied token has expired, as somebody does who reads for longer than it lives.
async fn read_slowly(visitor: &Visitor, stolen: &SecretString) {
    let mut again = tokio::time::interval(std::time::Duration::from_millis(100));
    while visitor.api.get(Door::SignatureOnly.path(), Some(stolen)).await.status == 200 {
        again.tick().await;
    }
}

#[tokio::test]
async fn a_slow_reader_sees_the_same_two_doors() {
    let running = open(program().env("RESCIND_ACCESS_TTL", "4s")).await;
    let visitor = Visitor::be_robbed(&running).await;
    let stolen = visitor.access();
    read_slowly(&visitor, &stolen).await;
    let slow = visitor.screen().await;
    assert!(slow.has("form[action='/demo/log-out'] button"), "{slow:?}");
    let screen = visitor.press("/demo/log-out").await;
    assert!(
        screen
            .words(".lead")
            .contains("copy has expired since. Press the button: it plays"),
        "{screen:?}"
    );
    // The thief was in until the expiry, not until the logout.
    let bands = screen.all_words(".band.thief-in");
    assert!(
        bands.len() == 2 && bands.iter().all(|band| band.contains("until")),
        "{bands:?}"
    );
    let screen = visitor.press("/demo/thief/try").await;
    screen.assert_refused(Door::Blacklist, "token_revoked");
    screen.assert_accepted(Door::SignatureOnly);
    assert!(
        screen.verdict(Door::SignatureOnly).contains("still inside"),
        "{screen:?}"
    );
    for told in [".lead", "#timeline"] {
        assert!(screen.words(told).contains("played again"), "{screen:?}");
    }
    assert!(
        screen.words("h1").contains("One door still lets the thief in"),
        "{screen:?}"
    );
    // And once it has expired, the door says that it was in.
    let mut again = tokio::time::interval(std::time::Duration::from_millis(100));
    while visitor
        .screen()
        .await
        .verdict(Door::SignatureOnly)
        .contains("still inside")
    {
        again.tick().await;
    }
    let later = visitor.screen().await;
    assert!(
        later.verdict(Door::SignatureOnly).contains("The thief was in"),
        "{later:?}"
    );
    assert!(
        later
            .words("h1")
            .contains("One door let the thief in until the token expired"),
        "{later:?}"
    );
    // The old copy has not come back, and the browser is still logged out.
    visitor.api.me(&stolen).await.expect_problem(401, "token_expired");
    assert_eq!(visitor.name().await, None);
}

#[tokio::test]
async fn a_slow_reader_sees_the_second_act_to_its_end() {
    let running = open(program().env("RESCIND_ACCESS_TTL", "4s").env("RESCIND_GRACE", "1s")).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/thief/steal-refresh").await;
    visitor.press("/demo/thief/refresh").await;
    visitor.press("/demo/thief/refresh").await;
    visitor.press("/demo/refresh").await;
    let screen = visitor.screen().await;
    visitor.until_the_copy_expires().await;
    assert!(screen.words("h1").contains("The copy was noticed"), "{screen:?}");
    let tried = visitor.press("/demo/thief/try").await;
    tried.assert_refused(Door::Blacklist, "token_revoked");
    tried.assert_accepted(Door::SignatureOnly);
}

#[tokio::test]
async fn a_logout_ends_the_robbed_session_once_and_another_sessions_does_not() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    // Seen in the visitor's own log, but of a login elsewhere.
    let other = visitor.api.log_in("alice", DEMO_PASSWORD).await.tokens();
    let logout = visitor.client.request("POST", "/api/logout");
    let logout = logout.bearer_auth(other.access().expose_secret());
    visitor.client.send(logout).await.expect_status(204);
    let moments = async || visitor.screen().await.all_words("#timeline li");
    assert!(
        visitor
            .screen()
            .await
            .words("#log li")
            .starts_with("You POST /api/logout")
    );
    let robbed = moments().await;
    assert_eq!(robbed.len(), 3, "logged in, copied, tried: {robbed:#?}");
    for _ in 0..2 {
        visitor.press("/demo/log-out").await;
        let ended = moments().await;
        assert_eq!(ended.len(), 4, "{ended:#?}");
        assert!(ended[3].contains("You logged out"), "{ended:#?}");
    }
}

#[tokio::test]
async fn moments_are_bounded_and_the_beginning_is_kept() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    for _ in 0..30 {
        visitor.press("/demo/thief/try").await;
    }
    let moments = visitor.screen().await.all_words("#timeline li");
    assert_eq!(moments.len(), 24);
    assert!(
        moments[0].contains("You logged in") && moments[1].contains("The thief copied"),
        "{moments:#?}"
    );
}

/// Red: a thief is in. Green: a thief is kept out. Grey with "?": not asked since. A status has no colour.
#[tokio::test]
async fn the_doors_and_the_log_have_the_right_colours() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let colour = |screen: &Screen, door: Door, class: &str, says: &str| {
        assert!(screen.has(&format!("{}.{class}", door.selector())), "{door:?}: {class}");
        let verdict = screen.verdict(door);
        assert!(verdict.contains(says), "{door:?}: {verdict}");
        assert!(screen.has(&format!("{} .verdict svg.icon", door.selector())));
    };
    let robbed = visitor.screen().await;
    for door in Door::BOTH {
        colour(&robbed, door, "thief-in", "Thief is in");
    }
    assert!(robbed.has("#log li.thief .said.thief-in") && robbed.has("#log li.you .said.you"));
    assert!(
        !robbed.has("#log .tag") && robbed.has("#log code.status"),
        "a status has no colour"
    );

    let left = visitor.press("/demo/log-out").await;
    for door in Door::BOTH {
        colour(&left, door, "unknown", "Not asked again");
        assert!(!left.verdict(door).contains("200"), "an old verdict: {left:?}");
        assert!(!left.door(door).contains("flower pot"), "an old note: {left:?}");
    }
    let tried = visitor.press("/demo/thief/try").await;
    colour(&tried, Door::Blacklist, "kept-out", "Kept out");
    colour(&tried, Door::SignatureOnly, "thief-in", "still inside");
    assert!(tried.has("#log .said.kept-out") && tried.has("#log .said.thief-in"));
    assert!(tried.has(".sequence .arrow.kept-out"), "{tried:?}");
}

#[tokio::test]
async fn being_robbed_as_another_user_logs_the_earlier_session_out() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    visitor.client.log_in("bob", DEMO_PASSWORD).await.expect_status(303);
    let bobs = visitor.access();
    visitor.press("/demo/rob").await;
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
    visitor.api.me(&bobs).await.expect_problem(401, "token_revoked");
}

#[tokio::test]
async fn failed_logins_do_not_prevent_a_robbery() {
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "2/min")).await;
    let visitor = Visitor::arrive(&running).await;
    for _ in 0..4 {
        visitor.client.log_in("alice", "not her password").await;
    }
    visitor.api.log_in("alice", DEMO_PASSWORD).await.expect_status(429);
    visitor.press("/demo/rob").await.assert_accepted(Door::Blacklist);
}

#[tokio::test]
async fn forgetting_throws_the_loot_and_the_log_away() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let forgotten = visitor.press("/demo/forget").await;
    assert_no_robbery(&forgotten);
    assert!(!forgotten.words("#log").contains("/demo/rob"), "{forgotten:?}");
    assert_no_robbery(&visitor.press("/demo/thief/try").await);
}

/// The screen has no verdict to show, and offers the robbery.
#[track_caller]
pub(crate) fn assert_no_robbery(screen: &Screen) {
    for door in Door::BOTH {
        let verdict = screen.verdict(door);
        assert!(!verdict.contains("200") && !verdict.contains("401"), "{verdict}");
    }
    assert!(screen.has("form[action='/demo/rob'] button"), "{screen:?}");
    assert!(!screen.words("main").contains("eyJ"), "a token is shown: {screen:?}");
}

#[tokio::test]
async fn a_visitor_who_was_not_robbed_is_offered_to_be() {
    let running = open(program()).await;
    let stranger: CookieClient = running.cookie_client();
    let screen = Screen::of(&stranger.open("/demo").await.expect_status(200).text);
    assert_no_robbery(&screen);
}
