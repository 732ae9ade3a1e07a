//! One answer, step by step, as a learner goes through it.

use std::collections::BTreeSet;

use rescind_testkit::{Browser, CookieClient, JavaScript, Program, Reply, Running, Tool, needs};
use scraper::{ElementRef, Html, Selector};
use thirtyfour::{By, Key};

use crate::compare::ANSWERS;

const MOST_BYTES: usize = 100 * 1024;

async fn open() -> Running {
    let program = Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_STORE_TIMEOUT", "10s");
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// A learner at one answer.
struct Learner {
    client: CookieClient,
    answer: &'static str,
}

impl Learner {
    fn at(running: &Running, answer: &'static str) -> Self {
        Self {
            client: running.cookie_client(),
            answer,
        }
    }

    fn address(&self) -> String {
        format!("/lab/{}", self.answer)
    }

    async fn send(&self, action: &str) -> Reply {
        let address = format!("{}/do", self.address());
        self.client.post(&address, &[("action", action)]).await
    }

    async fn press(&self, action: &str) -> Page {
        let reply = self.send(action).await.expect_status(303);
        assert_eq!(reply.header("location"), self.address(), "{action}");
        self.look("").await
    }

    async fn press_all(&self, actions: &[&str]) -> Page {
        for action in actions {
            self.send(action).await.expect_status(303);
        }
        self.look("").await
    }

    async fn look(&self, query: &str) -> Page {
        let address = format!("{}{query}", self.address());
        Page(self.client.open(&address).await.expect_status(200).text)
    }
}

/// What a learner sees.
struct Page(String);

impl Page {
    fn each<T>(&self, selector: &str, read: impl FnMut(ElementRef<'_>) -> T) -> Vec<T> {
        let selector = Selector::parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
        Html::parse_document(&self.0).select(&selector).map(read).collect()
    }

    fn all(&self, selector: &str) -> Vec<String> {
        self.each(selector, |element| {
            let text: String = element.text().collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }

    fn words(&self, selector: &str) -> String {
        self.all(selector).join(" | ")
    }

    fn headline(&self) -> String {
        self.words("#told .headline")
    }

    /// The answer that you, or the thief, got.
    fn said(&self, who: &str) -> String {
        self.words(if who == "You" { "#door-you" } else { "#door-thief" })
    }

    /// Why a button is disabled; `None`, if it is not.
    fn reason(&self, action: &str) -> Option<String> {
        let button = format!("#do-{action}[aria-disabled=true]");
        let described = self.each(&button, |button| button.attr("aria-describedby").map(str::to_owned));
        let id = described.into_iter().next()??;
        Some(self.words(&format!("#{id}")))
    }
}

#[tokio::test]
async fn a_learner_is_robbed_logs_out_and_sees_whether_the_copy_still_works() {
    let running = open().await;
    for answer in ANSWERS {
        let learner = Learner::at(&running, answer);
        let start = learner.look("").await;
        assert!(start.headline().contains("No step was taken"), "{answer}");
        assert_eq!(start.words("#count"), "Step 1 of 5", "{answer}");
        assert!(start.said("You").contains("Not asked yet"), "{answer}");
        assert!(start.reason("replay").unwrap().contains("copy one first"), "{answer}");
        assert!(
            learner.press("log-in").await.headline().contains("You are logged in"),
            "{answer}"
        );
        let call = learner.press("call").await;
        assert!(
            call.said("You").contains("Accepted") && call.said("You").contains("200"),
            "{answer}"
        );
        learner.press("copy-access").await;
        assert!(
            learner.press("replay").await.headline().contains("The thief is in"),
            "{answer}"
        );
        assert!(
            learner.press("log-out").await.headline().contains("You are logged out"),
            "{answer}"
        );

        let replayed = learner.press("replay").await;
        let refuses = ["stored", "blacklist", "sessions"].contains(&answer);
        let (headline, said) = (replayed.headline(), replayed.said("The thief"));
        if refuses {
            assert!(
                headline.contains("The thief is refused") && said.contains("Kept out"),
                "{answer}: {headline}"
            );
        } else {
            assert!(
                headline.contains("The thief is in: ") && headline.contains(why_in(answer)),
                "{answer}: {headline}"
            );
            assert!(
                replayed.words("#told").contains("You logged out a moment ago"),
                "{answer}"
            );
        }
        let both = learner.press("ask-both").await;
        assert!(both.said("You").contains("Refused"), "{answer}");
        assert_eq!(both.said("The thief").contains("Thief is in"), !refuses, "{answer}");
        assert_eq!(both.all(".wire").len(), 2, "{answer}");
    }
}

/// Why a copy is let in after the logout.
fn why_in(answer: &str) -> &'static str {
    match answer {
        "pushed-event" => "no event has ended the session",
        "status-list" => "the list does not mark the session",
        _ => "no store was asked",
    }
}

#[tokio::test]
async fn a_service_elsewhere_refuses_the_copy_once_it_has_learnt_of_the_logout() {
    let running = open().await;
    for (answer, message, waits) in [
        ("pushed-event", "POST /events", "waits for an event"),
        ("status-list", "GET /oauth/status/", "has not read the list"),
    ] {
        let learner = Learner::at(&running, answer);
        let kept = learner.look("").await.words(".kept");
        assert!(kept.contains("knows of no ended session"), "{kept}");
        assert!(!kept.contains("Blacklist"), "{kept}");
        let issued = learner.press("log-in").await;
        assert_eq!(issued.words("#server-name"), "Server and another service");
        assert!(issued.said("You").contains("the issuer"), "{}", issued.said("You"));
        assert!(issued.words("#story figure").contains("The other service"), "{answer}");
        assert!(!issued.words("#story figure").contains("blacklist"), "{answer}");
        let steps = ["copy-access", "log-out", "replay"];
        let before = learner.press_all(&steps).await;
        assert!(before.said("The thief").contains("Thief is in"), "{answer}");
        assert!(before.said("The thief").contains("another service"), "{answer}");
        assert!(before.words(".kept").contains(waits), "{}", before.words(".kept"));
        assert_eq!(before.words("#next"), "+ 30 s", "{answer}");
        let told = learner.press("wait-30s").await;
        assert!(
            told.words("#stage").contains(message),
            "{answer}: {}",
            told.words("#stage")
        );
        assert!(told.words("#wire").contains(message), "{answer}");
        assert!(told.words("#told").contains("Meanwhile the"), "{answer}");
        assert!(told.words(".kept").contains("knows of one ended session"), "{answer}");
        let after = learner.press("ask-both").await;
        assert!(after.said("The thief").contains("Kept out"), "{answer}");
        assert!(after.words("#told").contains("its own memory"), "{answer}");
        let again = learner.press_all(&["log-in", "call"]).await;
        assert!(again.said("You").contains("Accepted"), "{answer}: you are in again");
        let killed = learner
            .press_all(&["copy-access", "log-out", "kill-server", "replay"])
            .await;
        assert!(
            killed.words("#told").contains("the issuer does not run"),
            "{answer}: {}",
            killed.words("#told")
        );
        assert!(!killed.words(".kept").contains("on its way"), "{answer}");
        let set = learner.press_all(&["clock-back", "replay"]).await;
        assert!(
            set.words("#told").contains("clock was set"),
            "{answer}: {}",
            set.words("#told")
        );
    }
}

/// The large button leads through the story to its end, and not round in a circle.
#[tokio::test]
async fn the_next_button_alone_ends_at_a_new_beginning() {
    let running = open().await;
    for answer in ANSWERS {
        let learner = Learner::at(&running, answer);
        let mut pressed = Vec::new();
        let next = async || {
            let page = learner.look("").await;
            let value = page.each("#next", |button| button.attr("value").map(str::to_owned));
            (page, value.into_iter().flatten().next())
        };
        while let (_, Some(action)) = next().await {
            learner.press(&action).await;
            pressed.push(action);
            assert!(pressed.len() < 12, "{answer}: {pressed:?}");
        }
        assert!(next().await.0.words("form.next").contains("Begin again"), "{answer}");
        assert_eq!(pressed[..4], ["log-in", "copy-access", "log-out", "replay"], "{answer}");
        // Of the next session there is no copy yet.
        learner.press("log-in").await;
        assert_eq!(next().await.1.as_deref(), Some("copy-access"), "{answer}");
    }
}

#[tokio::test]
async fn a_copy_is_refused_once_it_expires_and_the_clock_shows_when() {
    let running = open().await;
    let learner = Learner::at(&running, "short-lived");
    let before = learner
        .press_all(&["log-in", "copy-access", "log-out", "wait-before-expiry", "replay"])
        .await;
    assert!(before.headline().contains("The thief is in"), "{}", before.headline());
    assert!(
        before.words("#now-name").contains("t + 4 min 59 s"),
        "{}",
        before.words("#now-name")
    );
    let after = learner.press_all(&["wait-30s", "replay"]).await;
    assert!(
        after.headline().contains("the token has expired"),
        "{}",
        after.headline()
    );
    assert!(after.words("#now-name").contains("t + 5 min 29 s"));
}

#[tokio::test]
async fn steps_are_walked_back_and_forward_and_buttons_act_on_the_newest() {
    let running = open().await;
    let learner = Learner::at(&running, "rotation");
    learner.press_all(&["log-in", "copy-access", "log-out", "replay"]).await;
    let link = |page: &Page, id: &str| {
        let found = page.each(&format!("#walk-{id}"), |link| link.attr("href").unwrap().to_owned());
        found.into_iter().next()
    };
    let newest = learner.look("").await;
    assert_eq!((link(&newest, "next"), link(&newest, "last")), (None, None));
    let back = learner.look("?step=1").await;
    assert!(back.headline().contains("You are logged in"));
    assert!(back.words("#warning").contains("The buttons are at the newest"));
    assert_eq!(link(&back, "next").unwrap(), "/lab/rotation?step=2");
    assert_eq!(back.all(".story > li").len(), 1, "only what had happened by then");
    let start = learner.look("?step=0").await;
    assert!(start.headline().contains("No step was taken yet"));
    assert_eq!((link(&start, "first"), link(&start, "previous")), (None, None));
    for nonsense in ["?step=99", "?step=-1", "?step=x", "?step="] {
        assert!(
            learner.look(nonsense).await.headline().contains("The thief is in"),
            "{nonsense}"
        );
    }
    let later = learner.press("wait-30s").await;
    assert_eq!(
        (later.words("#now-name").as_str(), later.words("#count").as_str()),
        ("t + 30 s", "Step 6 of 6")
    );
}

#[tokio::test]
async fn an_impossible_action_is_refused_with_its_reason() {
    let running = open().await;
    let learner = Learner::at(&running, "client-delete");
    for (action, why) in [
        ("replay", "copy one first"),
        ("refresh", "no refresh tokens under this answer"),
        ("blacklist-stops", "no blacklist is asked"),
        ("start-server", "the server runs"),
        ("drop-tables", "no such button"),
    ] {
        let page = Page(learner.send(action).await.expect_status(409).text);
        assert!(
            page.words("#refused").contains(why),
            "{action}: {}",
            page.words("#refused")
        );
        assert!(page.headline().contains("No step was taken yet"), "{action}");
        assert!(page.0.len() < MOST_BYTES);
    }
}

#[tokio::test]
async fn a_broken_store_changes_what_you_and_the_thief_get() {
    let running = open().await;
    let learner = Learner::at(&running, "blacklist");
    let broken = learner.press_all(&["log-in", "copy-access", "blacklist-stops"]).await;
    assert!(
        broken.words("form.next button").contains("Ask for both"),
        "the way to see it is beside it"
    );
    let both = learner.press("ask-both").await;
    let told = both.words("#told");
    assert!(told.contains("the server cannot tell, so it says no"), "{told}");
    assert!(
        both.said("You").contains("503") && both.said("The thief").contains("503"),
        "{told}"
    );
    let pending = learner.press("log-out").await;
    assert!(
        pending.words("#stage").contains("revocation_pending"),
        "{}",
        pending.words("#told")
    );
    let mended = learner.press_all(&["blacklist-well", "log-out", "ask-both"]).await;
    assert!(
        mended.said("The thief").contains("token_revoked"),
        "{}",
        mended.words("#told")
    );

    learner.send("blacklist-forgets").await.expect_status(303);
    let forgot = learner.press("replay").await;
    assert!(forgot.headline().contains("cannot tell"), "{}", forgot.headline());
    assert!(forgot.words("#told").contains("filled again from the log"));
    assert!(
        learner
            .press("replay")
            .await
            .said("The thief")
            .contains("token_revoked")
    );

    let down = learner.press_all(&["kill-server", "ask-both"]).await;
    for who in ["You", "The thief"] {
        let said = down.said(who);
        assert!(said.contains("No answer") && !said.contains("decided"), "{said}");
    }
    let back = learner.press_all(&["start-server", "clock-back", "ask-both"]).await;
    assert!(
        back.said("The thief").contains("token_revoked"),
        "{}",
        back.words("#told")
    );
    assert!(back.words(".stores").contains("set back, and not believed"));
}

/// What a step is told as follows from what happened in it.
#[tokio::test]
async fn each_case_of_a_logout_and_of_a_refresh_has_its_own_words() {
    let running = open().await;
    for answer in ANSWERS {
        let learner = Learner::at(&running, answer);
        for before in [&[][..], &["log-in", "log-out"]] {
            learner.press_all(before).await;
            let told = learner.press("log-out").await.words("#stage");
            assert!(told.contains("not logged in"), "{answer}, after {before:?}: {told}");
            for untrue in [
                "The session is closed",
                "row is closed",
                "row is deleted",
                "has deleted",
            ] {
                assert!(!told.contains(untrue), "{answer}, after {before:?}: {told}");
            }
        }
    }
    for answer in ["rotation", "blacklist"] {
        let learner = Learner::at(&running, answer);
        learner.press_all(&["log-in", "copy-refresh", "log-out"]).await;
        let told = learner.press("thief-refresh").await.words("#stage");
        assert!(
            told.contains("session_closed") && !told.contains("holders"),
            "{answer}: {told}"
        );
        assert!(told.contains("Your logout closed the session"), "{answer}: {told}");

        let learner = Learner::at(&running, answer);
        let steps = ["log-in", "copy-refresh", "refresh", "wait-30s", "thief-refresh"];
        let told = learner.press_all(&steps).await.words("#stage");
        assert!(
            told.contains("refresh_reused") && told.contains("The session has ended"),
            "{answer}: {told}"
        );
        // What the access tokens can still do is another matter under each answer.
        assert_eq!(
            told.contains("its access tokens do not work any more"),
            answer == "blacklist",
            "{told}"
        );
        let told = learner.press("log-out").await.words("#stage");
        assert!(!told.contains("listed on the blacklist"), "{answer}: {told}");
        assert!(
            told.contains("had ended before") || told.contains("nothing to log out"),
            "{answer}: {told}"
        );
    }
}

/// A refresh that the grace forgives adds no generation, and both may hold the same one then.
#[tokio::test]
async fn a_forgiven_refresh_is_not_told_as_the_next_generation() {
    let running = open().await;
    for answer in ["rotation", "blacklist"] {
        for (steps, both) in [
            (&["copy-refresh", "refresh", "thief-refresh"][..], true),
            (&["copy-refresh", "thief-refresh", "refresh"], true),
            (&["lose-reply", "refresh", "refresh"], false),
            (&["copy-refresh", "lose-reply", "refresh", "thief-refresh"], false),
        ] {
            let learner = Learner::at(&running, answer);
            learner.press("log-in").await;
            let told = learner.press_all(steps).await.words("#told");
            assert!(
                told.contains("another copy of the newest refresh token"),
                "{steps:?}: {told}"
            );
            assert!(told.contains("its grace is not over"), "{steps:?}: {told}");
            assert_eq!(
                told.contains("now hold the same refresh token"),
                both,
                "{steps:?}: {told}"
            );
            for untrue in ["You hold a used token", "one generation further", "has the newest"] {
                assert!(!told.contains(untrue), "{steps:?}: {told}");
            }
        }
        let learner = Learner::at(&running, answer);
        let next = learner.press_all(&["log-in", "copy-refresh", "thief-refresh"]).await;
        assert!(next.words("#told").contains("You hold a used token"), "{answer}");
    }
}

/// A reuse ends the session, and what becomes of its access tokens depends on who is asked about them.
#[tokio::test]
async fn the_end_by_reuse_says_what_an_access_token_is_still_good_for() {
    let running = open().await;
    for (answer, says, thief, meaning) in [
        (
            "rotation",
            "Access tokens work until they expire",
            "Thief is in",
            "The session has ended, and that did not reach the copy",
        ),
        (
            "blacklist",
            "its access tokens do not work any more",
            "Kept out",
            "One look into memory",
        ),
        (
            "pushed-event",
            "until it has learnt of that",
            "Thief is in",
            "the event has not arrived",
        ),
        (
            "status-list",
            "until it has learnt of that",
            "Thief is in",
            "has not read the list since",
        ),
    ] {
        let learner = Learner::at(&running, answer);
        let steps = [
            "log-in",
            "copy-access",
            "copy-refresh",
            "thief-refresh",
            "wait-30s",
            "refresh",
        ];
        let told = learner.press_all(&steps).await.words("#told");
        assert!(told.contains(says) && !told.contains("logged both"), "{answer}: {told}");
        let replayed = learner.press("replay").await;
        assert!(replayed.said("The thief").contains(thief), "{answer}");
        let told = replayed.words("#told");
        assert!(told.contains(meaning) && !told.contains("original"), "{answer}: {told}");
    }
    // Your own access token outlives the session too, where the thief was the one who was noticed.
    let learner = Learner::at(&running, "rotation");
    let steps = ["log-in", "copy-refresh", "refresh", "wait-30s", "thief-refresh", "call"];
    let told = learner.press_all(&steps).await.words("#told");
    assert!(
        told.contains("You are in") && told.contains("works until it expires"),
        "{told}"
    );
}

#[tokio::test]
async fn a_reply_that_got_lost_is_told_as_what_it_was() {
    let running = open().await;
    let learner = Learner::at(&running, "rotation");
    let steps = [
        "log-in",
        "copy-refresh",
        "thief-refresh",
        "wait-30s",
        "lose-reply",
        "refresh",
    ];
    let told = learner.press_all(&steps).await.words("#told");
    assert!(
        told.contains("refused to refresh") && !told.contains("used up"),
        "{told}"
    );
}

#[tokio::test]
async fn a_door_that_was_never_asked_says_so_after_a_logout() {
    let running = open().await;
    let learner = Learner::at(&running, "rotation");
    assert!(learner.press("log-out").await.said("You").contains("Not asked yet"));
    let again = learner.press_all(&["log-in", "log-out"]).await;
    assert!(again.said("You").contains("Not asked again"), "{}", again.said("You"));
}

/// The list may have entries and still be incomplete.
#[tokio::test]
async fn an_incomplete_blacklist_is_not_called_empty() {
    let running = open().await;
    let learner = Learner::at(&running, "blacklist");
    let steps = [
        "log-in",
        "blacklist-stops",
        "log-out",
        "blacklist-well",
        "kill-server",
        "start-server",
        "blacklist-forgets",
        "log-out",
        "log-in",
        "call",
    ];
    let told = learner.press_all(&steps).await.words("#told");
    assert!(told.contains("has lost entries") && !told.contains("empty"), "{told}");
}

#[tokio::test]
async fn the_verdict_of_a_step_has_the_right_colours() {
    let running = open().await;
    let learner = Learner::at(&running, "rotation");
    let yours = learner.press_all(&["log-in", "copy-access", "call"]).await;
    assert!(!yours.all("#door-you.you .verdict svg").is_empty());
    let inside = learner.press_all(&["log-out", "replay"]).await;
    assert!(!inside.all("#door-thief.thief-in .verdict svg").is_empty() && !inside.all(".wire.thief-in").is_empty());
    assert!(!inside.all(".sequence .arrow.thief-in").is_empty());
    let learner = Learner::at(&running, "stored");
    let out = learner.press_all(&["log-in", "copy-access", "log-out", "replay"]).await;
    assert!(!out.all("#door-thief.kept-out .verdict svg").is_empty() && out.all(".door.thief-in").is_empty());
}

#[tokio::test]
async fn a_lost_reply_is_shown_and_looks_like_a_theft_after_the_grace() {
    let running = open().await;
    let learner = Learner::at(&running, "rotation");
    let lost = learner.press_all(&["log-in", "lose-reply", "refresh"]).await;
    assert!(lost.headline().contains("its reply got lost"), "{}", lost.headline());
    let reused = learner.press_all(&["wait-30s", "refresh"]).await;
    assert!(
        reused.said("You").contains("refresh_reused"),
        "{}",
        reused.words("#told")
    );
}

#[tokio::test]
async fn cookies_are_explained_attribute_by_attribute_and_tokens_in_their_three_parts() {
    let running = open().await;
    let page = Learner::at(&running, "blacklist").press("log-in").await;
    let explained = page.words(".wire dl");
    for attribute in [
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
        "Max-Age=",
        "__Host- (in its name)",
    ] {
        assert!(explained.contains(attribute), "{attribute}: {explained}");
    }
    let parts = [".raw .header", ".raw .claims", ".raw .signature"].map(|part| page.all(part));
    assert!(parts.iter().all(|part| part.len() == parts[0].len()), "{parts:?}");
    let token = parts.map(|part| part[0].clone()).join(".");
    assert!(page.words(".raw").contains(&token), "a token is split without loss");
    let stores = page.words(".stores");
    assert!(stores.contains("open") && stores.contains("it is complete"), "{stores}");
}

#[tokio::test]
async fn visitors_cannot_see_or_guess_each_others_sandbox() {
    let running = open().await;
    let (one, other) = (Learner::at(&running, "blacklist"), Learner::at(&running, "blacklist"));
    assert!(one.client.cookie("rescind_lab").is_none());
    one.look("").await;
    assert!(
        one.client.cookie("rescind_lab").is_none(),
        "whoever only looks is given no number"
    );
    let page = one.press("log-in").await;
    assert!(other.look("").await.headline().contains("No step was taken yet"));
    other.press_all(&["wait-30s", "log-in"]).await;
    assert_eq!(one.look("").await.words("#count"), "Step 2 of 5");

    let guess = running.cookie_client();
    guess.plant_cookie("rescind_lab=AAAAAAAAAAAAAAAAAAAAAA");
    let guessed = Page(guess.open("/lab/blacklist").await.expect_status(200).text);
    assert!(guessed.headline().contains("No step was taken yet"));
    let reply = guess
        .post("/lab/blacklist/do", &[("action", "log-in")])
        .await
        .expect_status(303);
    let given = reply.header("set-cookie");
    assert!(
        given.contains("_lab=") && !given.contains("AAAAAAAAAAAAAAAAAAAAAA"),
        "a number of its own"
    );
    assert!(given.contains("HttpOnly") && given.contains("SameSite=Lax"), "{given}");

    // The program refuses a sandbox's token.
    let token: String = page.all(".wire dl, .raw").join(" ");
    let start = token.find("eyJ").unwrap();
    let token: String = token[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c))
        .collect();
    assert_eq!(token.split('.').count(), 3);
    let api = running.api_client();
    api.me(&token.into()).await.expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_new_sandbox_takes_lifetimes_and_reports_wrong_ones_beside_the_field() {
    let running = open().await;
    let learner = Learner::at(&running, "blacklist");
    learner.press("log-in").await;
    let begin = async |access: &str, grace: &str| {
        let fields = [("access", access), ("grace", grace)];
        learner.client.post("/lab/blacklist/restart", &fields).await
    };
    for (access, grace, field) in [
        ("soon", "10s", "access"),
        ("0s", "0s", "access"),
        ("8days", "10s", "access"),
        ("1500ms", "1s", "access"),
        ("1m", "2m", "grace"),
        ("1m", "<b>", "grace"),
    ] {
        let page = Page(begin(access, grace).await.expect_status(422).text);
        assert!(!page.words(&format!("#{field}-error")).is_empty(), "{access} {grace}");
        assert!(page.headline().contains("You are logged in"), "the old sandbox stays");
    }
    begin("30s", "0s").await.expect_status(303);
    let page = learner.look("").await;
    assert!(page.headline().contains("No step was taken yet"));
    assert!(
        page.words("#about").contains("Access tokens live 30 s"),
        "{}",
        page.words("#about")
    );
    learner
        .press_all(&["log-in", "copy-access", "wait-30s", "replay"])
        .await;
    assert!(learner.look("").await.headline().contains("has expired"));
}

#[tokio::test]
async fn sixty_steps_fit_on_a_light_page_and_the_sixty_first_is_refused() {
    let running = open().await;
    for answer in ["blacklist", "sessions"] {
        let learner = Learner::at(&running, answer);
        learner.press_all(&["log-in", "copy-access"]).await;
        for n in 2..60 {
            let action = ["ask-both", "log-in", "log-out", "call", "replay"][n % 5];
            learner.send(action).await.expect_status(303);
        }
        for query in ["", "?step=59", "?step=1"] {
            let page = learner.look(query).await;
            assert!(page.0.len() < MOST_BYTES, "{answer}{query}: {} bytes", page.0.len());
            let ids = page.each("[id]", |element| element.attr("id").unwrap().to_owned());
            assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
            assert!(page.all("[style], [onclick], style").is_empty());
        }
        assert_eq!(learner.look("").await.all(".story > li").len(), 60);
        let full = Page(learner.send("call").await.expect_status(409).text);
        assert!(
            full.words("#refused").contains("sixty steps"),
            "{}",
            full.words("#refused")
        );
    }
}

#[tokio::test]
async fn the_cost_is_measured_beside_plain_sessions() {
    let running = open().await;
    let figures = |page: &Page, what: &str| {
        let row = page
            .all("#costs th[scope=row]")
            .iter()
            .position(|row| row == what)
            .unwrap();
        page.all("#costs td")[2 * row..2 * row + 2].join(" ")
    };
    for (answer, database, blacklist) in [
        ("stored", "1 1", "0 0"),
        ("rotation", "0 1", "0 0"),
        ("blacklist", "0 1", "1 0"),
        ("sessions", "1 0", "0 1"),
    ] {
        let learner = Learner::at(&running, answer);
        let page = learner.press_all(&["log-in", "call", "call"]).await;
        assert_eq!(figures(&page, "Accepted calls of the API"), "2 2", "{answer}");
        assert_eq!(
            figures(&page, "Database reads to let it in, each"),
            database,
            "{answer}"
        );
        assert_eq!(figures(&page, "Blacklist reads, each"), blacklist, "{answer}");
    }
}

#[tokio::test]
async fn the_lab_is_not_in_the_demos_log_and_unknown_answers_are_404() {
    let running = open().await;
    let learner = Learner::at(&running, "stored");
    learner.client.open("/demo").await.expect_status(200);
    learner.press_all(&["log-in", "call"]).await;
    let demo = learner.client.open("/demo").await.expect_status(200).text;
    assert!(!demo.contains("/lab/stored"), "the log tells of the lab");
    for address in ["/lab/nothing", "/lab/%00", "/lab/Stored"] {
        learner.client.open(address).await.expect_status(404);
    }
    learner
        .client
        .post("/lab/nothing/do", &[("action", "log-in")])
        .await
        .expect_status(404);
}

/// With scripts: no reload, the focus stays, and a live region describes the step.
#[tokio::test]
async fn with_scripts_steps_are_made_in_place_and_by_keyboard_alone() {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let running = open().await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/lab/blacklist").await;
    let driver = browser.driver();
    driver
        .execute("window.still = true; document.querySelector('#next').focus();", vec![])
        .await
        .unwrap();
    enter(&browser).await;
    browser.wait_for_text("You are logged in.").await;
    assert_eq!(focus(&browser).await, "next", "the focus stays where it was");
    for (action, told) in [
        ("copy-access", "The thief has a copy of your access token."),
        ("replay", "The thief is in: the blacklist was asked, and has no entry."),
        ("log-out", "You are logged out."),
        ("replay", "The thief is refused: the session is on the blacklist."),
    ] {
        let focus = format!("document.querySelector('button[value={action}]').focus()");
        driver.execute(&focus, vec![]).await.unwrap();
        enter(&browser).await;
        browser.wait_for_text(told).await;
    }
    let live = driver.find(By::Css("#told[role=status]")).await.unwrap();
    assert!(live.text().await.unwrap().contains("The thief is refused"));
    // A disabled button can be reached, and shows the reason.
    driver
        .execute("document.querySelector('#do-refresh').focus()", vec![])
        .await
        .unwrap();
    enter(&browser).await;
    browser.wait_for_text("cannot be pressed now").await;
    // Walking.
    driver
        .execute("document.querySelector('#walk-previous').focus()", vec![])
        .await
        .unwrap();
    enter(&browser).await;
    browser.wait_for_text("You look at an earlier step").await;
    assert_eq!(focus(&browser).await, "walk-previous");
    let still = driver.execute("return window.still === true", vec![]).await.unwrap();
    assert_eq!(still.json().as_bool(), Some(true), "the page was never loaded anew");
    let console = browser.console().await;
    let wrong: Vec<_> = console
        .iter()
        .filter(|entry| !format!("{entry:?}").contains("409"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn enter(browser: &Browser) {
    browser
        .driver()
        .action_chain()
        .send_keys(Key::Enter)
        .perform()
        .await
        .unwrap();
}

async fn focus(browser: &Browser) -> String {
    let id = browser
        .driver()
        .execute("return document.activeElement.id", vec![])
        .await
        .unwrap();
    id.json().as_str().unwrap().to_owned()
}

/// Every answer, in a browser without scripts, with its buttons and links alone.
#[tokio::test]
async fn without_scripts_each_answer_can_be_walked_through_in_a_browser() {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let running = open().await;
    let browser = running.browser(JavaScript::Off).await;
    for answer in ANSWERS {
        browser.open(&format!("/lab/{answer}")).await;
        for button in ["Log in", "Copy what you send", "Replay the copy"] {
            browser.press(button).await;
        }
        browser.wait_for_text("The thief is in").await;
        browser.press("Log out").await;
        browser.press("Replay the copy").await;
        let refuses = ["stored", "blacklist", "sessions"].contains(&answer);
        let told = if refuses {
            "The thief is refused"
        } else {
            why_in(answer)
        };
        browser.wait_for_text(told).await;
        browser.follow("Previous").await;
        browser.wait_for_text("You look at an earlier step").await;
        browser.follow("Last").await;
        browser.wait_for_text(told).await;
    }
}
