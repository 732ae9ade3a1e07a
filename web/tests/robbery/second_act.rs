//! The second act: the thief copies the refresh token too, both use it, and the session ends under both.

use crate::{
    screen::{Door, Screen},
    visitor::{BOTH_ACTS, Visitor, open, program},
};

/// The generation on a side of the screen.
#[track_caller]
fn generation(screen: &Screen, side: &str) -> u32 {
    let words = screen.words(side);
    let told = words.split("generation ").nth(1).and_then(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    told.unwrap_or_else(|| panic!("no generation in {side}: {screen:?}"))
}

/// When the thief last refreshed, as the log has it.
fn last_refresh_of_the_thief(screen: &Screen) -> String {
    let times = screen.attributes("#log li time", "datetime");
    let entries = screen.all_words("#log li").into_iter().zip(times);
    let mut refreshes = entries.filter(|(entry, _)| entry.starts_with("Thief POST /api/refresh"));
    refreshes.next().unwrap().1
}

#[tokio::test]
async fn both_use_the_copied_refresh_token_and_the_session_ends_under_both() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let (first_access, session) = (visitor.access(), session(&visitor).await);
    let copied = visitor.press("/demo/thief/steal-refresh").await;
    assert_eq!(
        (generation(&copied, "#you"), generation(&copied, "#thief")),
        (0, 0),
        "{copied:?}"
    );

    let used = visitor.press("/demo/thief/refresh").await;
    assert_eq!(
        (generation(&used, "#you"), generation(&used, "#thief")),
        (0, 1),
        "{used:?}"
    );
    let used = visitor.press("/demo/thief/refresh").await;
    assert_eq!(
        (generation(&used, "#you"), generation(&used, "#thief")),
        (0, 2),
        "{used:?}"
    );
    // The thief goes on with their own token, which is accepted like yours, as the doors show.
    for door in Door::BOTH {
        visitor.press("/demo/thief/try").await.assert_accepted(door);
    }

    // Your refresh token is two generations old now: there is a copy, and the server cannot tell who is who.
    let used_at = last_refresh_of_the_thief(&visitor.screen().await);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let noticed = visitor.client.post("/demo/refresh", &[]).await.expect_status(303);
    let shown = visitor.client.follow(&noticed).await.expect_status(200);
    assert!(shown.text.contains("A copy of your session was used"), "{shown:?}");
    let screen = visitor.screen().await;
    let notice = screen.words("#notice");
    assert!(notice.contains("copy of your session was used"), "{notice}");
    assert!(notice.contains("127.0.0.1") && notice.contains("ended"), "{notice}");
    assert_eq!(screen.attributes("#notice time", "datetime"), [used_at], "{notice}");
    assert!(
        !notice.contains("“thief”"),
        "the server cannot tell who it is: {notice}"
    );

    assert_eq!(visitor.name().await, None);
    let asked = visitor.client.open("/account").await.expect_status(303);
    assert!(asked.header("location").starts_with("/login"), "{asked:?}");
    let (_, login) = visitor.page(asked.header("location")).await;
    let told = login.words("main");
    assert!(
        told.contains("A copy of your session was used") && told.contains("127.0.0.1"),
        "{told}"
    );
    visitor.api.me(&first_access).await.expect_problem(401, "token_revoked");
    let tried = visitor.press("/demo/thief/try").await;
    tried.assert_refused(Door::Blacklist, "token_revoked");
    tried.assert_accepted(Door::SignatureOnly);
    let refused = visitor.press("/demo/thief/refresh").await;
    assert!(refused.words("#thief").contains("session_closed"), "{refused:?}");
    assert_ended(&visitor, &session).await;
}

#[tokio::test]
async fn a_token_that_the_thief_bought_and_did_not_try_is_not_called_the_stolen_one() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    for step in [
        "/demo/thief/steal-refresh",
        "/demo/thief/refresh",
        "/demo/thief/refresh",
        "/demo/log-out",
    ] {
        visitor.press(step).await;
    }
    let untried = visitor.screen().await;
    let told = untried.words("#told");
    assert!(
        told.contains("newest access token") && !told.contains("same token"),
        "{told}"
    );
    assert_eq!(untried.words("#next"), "Let the thief try");
    assert!(
        !untried.words("main").contains("Let the thief try again"),
        "{untried:?}"
    );
    let tried = visitor.press("/demo/thief/try").await;
    tried.assert_refused(Door::Blacklist, "token_revoked");
}

/// The next step is always visible.
#[tokio::test]
async fn the_next_button_alone_leads_through_both_acts() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    for expected in BOTH_ACTS {
        let screen = visitor.screen().await;
        assert_eq!(screen.attributes("form.next", "action"), [expected], "{screen:?}");
        visitor.press(expected).await;
    }
    let end = visitor.screen().await;
    assert!(
        end.words("#notice").contains("copy of your session was used"),
        "{end:?}"
    );
    end.assert_refused(Door::Blacklist, "token_revoked");
    end.assert_accepted(Door::SignatureOnly);
}

#[tokio::test]
async fn within_the_grace_both_get_one_successor_and_the_next_refresh_reveals_it() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/thief/steal-refresh").await;
    let used = visitor.press("/demo/thief/refresh").await;
    assert_eq!((generation(&used, "#you"), generation(&used, "#thief")), (0, 1));
    // Ten seconds are forgiven, or two tabs would log each other out.
    let forgiven = visitor.press("/demo/refresh").await;
    assert_eq!(
        (generation(&forgiven, "#you"), generation(&forgiven, "#thief")),
        (1, 1),
        "{forgiven:?}"
    );
    assert_eq!(forgiven.attributes("form.next", "action"), ["/demo/thief/refresh"]);
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
    assert!(
        !forgiven.words("#notice").contains("copy of your session"),
        "{forgiven:?}"
    );

    // From here, one of them only has to be two generations ahead.
    visitor.press("/demo/refresh").await;
    let ahead = visitor.press("/demo/refresh").await;
    assert_eq!(
        (generation(&ahead, "#you"), generation(&ahead, "#thief")),
        (3, 1),
        "{ahead:?}"
    );
    assert_eq!(ahead.attributes("form.next", "action"), ["/demo/thief/refresh"]);
    let noticed = visitor.press("/demo/thief/refresh").await;
    assert!(noticed.words("#thief").contains("refresh_reused"), "{noticed:?}");
    assert!(
        noticed.words("#notice").contains("copy of your session was used"),
        "{noticed:?}"
    );
    assert_eq!(visitor.name().await, None);
}

#[tokio::test]
async fn a_refresh_of_yours_makes_the_thiefs_copy_old_and_its_use_is_noticed() {
    let running = open(program().env("RESCIND_ACCESS_TTL", "4s").env("RESCIND_GRACE", "0s")).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/thief/steal-refresh").await;
    let ahead = visitor.press("/demo/refresh").await;
    assert!(
        ahead.words("h1").contains("The thief’s copy is old now") && ahead.words("#thief").contains("an older copy"),
        "{ahead:?}"
    );
    let noticed = visitor.press("/demo/thief/refresh").await;
    assert!(noticed.words("h1").contains("The copy was noticed"), "{noticed:?}");
    visitor.until_the_copy_expires().await;
    let late = visitor.screen().await;
    assert!(
        late.words("#stage").contains("it plays the theft and the end again"),
        "{late:?}"
    );
    // The thief has bought no token, also when it is played again.
    let tried = visitor.press("/demo/thief/try").await;
    tried.assert_refused(Door::Blacklist, "token_revoked");
    tried.assert_accepted(Door::SignatureOnly);
    assert_eq!(generation(&tried, "#thief"), 0, "{tried:?}");
}

#[tokio::test]
async fn without_your_own_session_there_is_no_refresh_token_to_steal() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/log-out").await;
    visitor.press("/demo/thief/steal-refresh").await;
    let screen = visitor.press("/demo/thief/refresh").await;
    assert!(!screen.words("#thief").contains("generation"), "{screen:?}");
}

/// The id of the visitor's session.
async fn session(visitor: &Visitor) -> String {
    let me = visitor.api.me(&visitor.access()).await.expect_status(200);
    me.body["session_id"].as_str().unwrap().to_owned()
}

/// Seen from another device of alice, that session is gone.
async fn assert_ended(visitor: &Visitor, session: &str) {
    let elsewhere = visitor
        .api
        .log_in("alice", crate::visitor::DEMO_PASSWORD)
        .await
        .tokens();
    let open = visitor.api.sessions(elsewhere.access()).await.expect_status(200);
    assert!(!open.text.contains(session), "{open:?}");
}
