//! Under the other policies the screen stays true: it shows the doors' actual answers, not expected ones.

use crate::{
    screen::Door,
    visitor::{Visitor, open, program},
};

/// Robbed and logged out under a policy, and the thief has tried again.
async fn after_the_logout(policy: &str) -> (Visitor, jiff::Timestamp, rescind_testkit::Running) {
    let running = open(program().env("RESCIND_POLICY", policy)).await;
    let visitor = Visitor::be_robbed(&running).await;
    let screen = visitor.screen().await;
    for door in Door::BOTH {
        screen.assert_accepted(door);
    }
    let expiry = visitor.expiry().await;
    visitor.press("/demo/log-out").await;
    visitor.press("/demo/thief/try").await;
    (visitor, expiry, running)
}

#[tokio::test]
async fn without_checks_both_doors_stay_open_and_the_screen_shows_for_how_long() {
    for policy in ["rotation", "client_delete", "short_lived"] {
        let (visitor, expiry, _running) = after_the_logout(policy).await;
        let screen = visitor.screen().await;
        for door in Door::BOTH {
            screen.assert_accepted(door);
            assert_eq!(screen.open_until(door), expiry, "under {policy}");
            assert!(
                screen.verdict(door).contains("still inside"),
                "under {policy}: {}",
                screen.verdict(door)
            );
        }
        let words = screen.words("main");
        assert!(!words.contains("token_revoked"), "under {policy}: {screen:?}");
        assert!(
            !screen.door(Door::Blacklist).contains("asks the blacklist"),
            "under {policy} it asks nothing: {screen:?}"
        );
    }
}

#[tokio::test]
async fn where_the_row_is_checked_the_first_door_shuts_and_is_named_after_it() {
    let (visitor, _, _running) = after_the_logout("stored").await;
    let screen = visitor.screen().await;
    screen.assert_refused(Door::Blacklist, "token_revoked");
    screen.assert_accepted(Door::SignatureOnly);
    assert!(
        !screen.door(Door::Blacklist).contains("blacklist"),
        "under stored there is none to ask: {screen:?}"
    );
}

#[tokio::test]
async fn an_expired_login_offers_no_logout() {
    let expiring = program().env("RESCIND_POLICY", "stored");
    let running = open(expiring.env("RESCIND_ACCESS_TTL", "2s")).await;
    let visitor = Visitor::be_robbed(&running).await;
    let stolen = visitor.access();
    visitor.api.until_expired(&stolen).await;
    let screen = visitor.screen().await;
    let told = screen.words(".head");
    assert!(
        told.contains("Your login has expired") && !told.contains("log out."),
        "{told}"
    );
    assert!(!screen.words("#you").contains("Logged out"), "{screen:?}");
    assert_eq!(screen.words("#count"), "Step 2 of 2");
    let bands = screen.all_words(".line-picture");
    assert!(bands[0].contains("expiry"), "{bands:?}");
}

/// Only what a store holds is said of it, and only a change is marked.
#[tokio::test]
async fn the_stores_are_those_of_the_policy() {
    for (policy, keeps, changed) in [
        ("client_delete", "keeps no row", 0),
        ("short_lived", "keeps no row", 0),
        ("stored", "each request looks it up", 1),
        ("rotation", "Only a refresh looks it up", 1),
        ("blacklist", "the blacklist lists", 1),
    ] {
        let running = open(program().env("RESCIND_POLICY", policy)).await;
        let visitor = Visitor::be_robbed(&running).await;
        let screen = visitor.screen().await;
        assert!(screen.words("#stores").contains(keeps), "{policy}: {screen:?}");
        assert_eq!(screen.all_words(".kept .changed").len(), changed, "{policy}");
    }
}

/// A promise names the place where it holds: the second door lets a copy in after each logout.
#[tokio::test]
async fn the_pages_say_where_a_logout_counts() {
    for policy in ["blacklist", "stored"] {
        let running = open(program().env("RESCIND_POLICY", policy)).await;
        let visitor = Visitor::be_robbed(&running).await;
        for (path, part) in [("/", "footer"), ("/account", "main > .hint")] {
            let (_, page) = visitor.page(path).await;
            let promise = page.words(part);
            assert!(promise.contains("is refused where"), "{policy}, {path}: {promise}");
            for absolute in ["every copy", "at once", "wherever"] {
                assert!(!promise.contains(absolute), "{policy}, {path}: {promise}");
            }
        }
    }
}

#[tokio::test]
async fn where_there_is_no_refresh_token_there_is_no_second_act() {
    for policy in ["stored", "client_delete", "short_lived"] {
        let running = open(program().env("RESCIND_POLICY", policy)).await;
        let visitor = Visitor::be_robbed(&running).await;
        let screen = visitor.screen().await;
        let offered: Vec<String> = screen
            .ways_out()
            .into_iter()
            .filter(|way| way.contains("refresh"))
            .collect();
        assert!(offered.is_empty(), "under {policy}: {offered:?}");
        // Sending the form all the same has no effect.
        let asked = visitor.client.post("/demo/thief/steal-refresh", &[]).await;
        assert!(asked.status < 500, "under {policy}: {asked:?}");
        visitor.screen().await.assert_accepted(Door::Blacklist);
    }
}
