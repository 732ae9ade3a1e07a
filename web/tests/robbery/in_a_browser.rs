//! Both acts as a person sees them, in Chromium: with scripts, and without.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use rescind_testkit::{Browser, JavaScript, Program, Running, Tool, needs};
use thirtyfour::{By, Key};
use tokio::time::{interval, timeout};

use crate::{
    screen::{Door, span_in, without_tokens},
    visitor::{assert_left, expiry, open, program},
};

/// A person at the first page.
struct Person {
    browser: Browser,
    running: Running,
}

impl Person {
    async fn arrive(javascript: JavaScript) -> Option<Self> {
        Self::arrive_at(program(), javascript).await
    }

    async fn arrive_at(program: Program, javascript: JavaScript) -> Option<Self> {
        needs(Tool::Chromium)?;
        let running = open(program).await;
        let browser = running.browser(javascript).await;
        browser.open("/").await;
        Some(Self { browser, running })
    }

    /// The text of this part of the page.
    async fn reads(&self, css: &str) -> String {
        let element = self.browser.driver().find(By::Css(css)).await;
        let element = element.unwrap_or_else(|e| panic!("nothing at {css}: {e}"));
        without_tokens(&element.text().await.unwrap())
    }

    async fn verdict(&self, door: Door) -> String {
        self.reads(&format!("{} .verdict", door.selector())).await
    }

    async fn assert_accepted(&self, door: Door) {
        let verdict = self.verdict(door).await;
        assert!(
            verdict.contains("200") && !verdict.contains("401"),
            "at {door:?}: {verdict}"
        );
    }

    async fn assert_refused(&self, door: Door) {
        let verdict = self.verdict(door).await;
        assert!(
            verdict.contains("401") && verdict.contains("token_revoked"),
            "at {door:?}: {verdict}"
        );
    }

    /// The program's current time.
    async fn now(&self) -> Timestamp {
        let live = self.running.api_client().get("/health/live", None).await;
        rfc2822::parse(live.header("date")).unwrap().timestamp()
    }

    async fn assert_console_is_empty(&self) {
        let said = self.browser.console().await;
        assert!(said.is_empty(), "{said:#?}");
    }
}

async fn the_first_act(javascript: JavaScript) {
    let Some(person) = Person::arrive(javascript).await else {
        return;
    };
    let browser = &person.browser;
    assert!(
        browser
            .text()
            .await
            .contains("You log out. Does a stolen token still work?")
    );

    browser.press("Log in as alice, and be robbed").await;
    assert_eq!(browser.path().await, "/demo");
    for door in Door::BOTH {
        person.assert_accepted(door).await;
    }
    let note = person
        .running
        .api_client()
        .me(&browser.cookie("rescind_access").await.unwrap())
        .await;
    let note = note.expect_status(200).body["note"].as_str().unwrap().to_owned();
    for door in Door::BOTH {
        assert!(person.reads(door.selector()).await.contains(&note), "{door:?}");
    }
    let expires = expiry(
        &person.running.api_client(),
        &browser.cookie("rescind_access").await.unwrap(),
    )
    .await;

    browser.press(LOG_OUT).await;
    let tried = person.now().await;
    browser.press(TRY_AGAIN).await;
    assert_eq!(browser.path().await, "/demo");
    person.assert_refused(Door::Blacklist).await;
    person.assert_accepted(Door::SignatureOnly).await;
    let verdict = person.verdict(Door::SignatureOnly).await;
    assert_left(&verdict, (tried, person.now().await), expires);
    assert!(!person.reads(Door::Blacklist.selector()).await.contains(&note));
    assert!(person.reads(Door::SignatureOnly.selector()).await.contains(&note));
    assert!(browser.cookie("rescind_access").await.is_none());

    if javascript == JavaScript::On {
        the_time_left_runs_down(&person).await;
    }
    person.assert_console_is_empty().await;
}

/// The seconds are counted down on the page that is open.
async fn the_time_left_runs_down(person: &Person) {
    let first = span_in(&person.verdict(Door::SignatureOnly).await).unwrap();
    let mut again = interval(Duration::from_millis(200));
    let runs_down = async {
        while span_in(&person.verdict(Door::SignatureOnly).await).unwrap() >= first {
            again.tick().await;
        }
    };
    let ran_down = timeout(Duration::from_secs(60), runs_down).await;
    assert!(ran_down.is_ok(), "it still says {first:?}");
}

async fn the_second_act(javascript: JavaScript) {
    let Some(person) = Person::arrive(javascript).await else {
        return;
    };
    let browser = &person.browser;
    browser.press("Log in as alice, and be robbed").await;
    browser.press(STEAL_REFRESH).await;
    assert!(person.reads("#thief").await.contains("generation 0"));
    browser.press(THIEF_REFRESHES).await;
    browser.press(THIEF_REFRESHES_AGAIN).await;
    assert!(person.reads("#thief").await.contains("generation 2"));
    assert!(person.reads("#you").await.contains("generation 0"));

    browser.press(YOU_REFRESH).await;
    browser.wait_for_text("copy of your session was used").await;
    browser.open("/demo").await;
    let notice = person.reads("#notice").await;
    assert!(notice.contains("127.0.0.1") && notice.contains("ended"), "{notice}");
    // The newest token was not tried yet.
    browser.press("Let the thief try").await;
    person.assert_refused(Door::Blacklist).await;
    browser.open("/account").await;
    assert!(browser.path().await.starts_with("/login"), "{}", browser.path().await);
    person.assert_console_is_empty().await;
}

#[tokio::test]
async fn by_keyboard_the_focus_goes_on_to_the_next_step() {
    let Some(person) = Person::arrive(JavaScript::On).await else {
        return;
    };
    let driver = person.browser.driver();
    driver.find(By::Id("next")).await.unwrap().focus().await.unwrap();
    for told in [
        "You have been robbed",
        "Does the stolen token still work?",
        "One door still",
    ] {
        driver
            .active_element()
            .await
            .unwrap()
            .send_keys(Key::Enter)
            .await
            .unwrap();
        person.browser.wait_for_text(told).await;
        let goes_on = async {
            let mut again = interval(Duration::from_millis(50));
            while driver.active_element().await.unwrap().id().await.unwrap().as_deref() != Some("next") {
                again.tick().await;
            }
        };
        let went_on = timeout(Duration::from_secs(20), goes_on).await;
        assert!(went_on.is_ok(), "the focus is lost after: {told}");
    }
}

#[tokio::test]
async fn a_drag_follows_the_pointer_to_the_first_step_and_back() {
    let Some(person) = Person::arrive(JavaScript::On).await else {
        return;
    };
    let browser = &person.browser;
    browser.set_viewport(1280, 800).await;
    for button in ["Log in as alice, and be robbed", LOG_OUT, TRY_AGAIN] {
        browser.press(button).await;
    }
    let drag = async |from: usize, to: usize| {
        let steps = browser.driver().find_all(By::Css(".scrub a")).await.unwrap();
        let y = steps[from].rect().await.unwrap().y as i64 + 8;
        let at: Vec<_> = futures::future::join_all(steps.iter().map(|step| step.rect())).await;
        let x = |step: usize| at[step].as_ref().unwrap().x as i64 + 10;
        let chain = browser.driver().action_chain().move_to(x(from), y).click_and_hold();
        chain.perform().await.unwrap();
        let towards: Vec<_> = if from > to {
            (to..from).rev().collect()
        } else {
            (from + 1..=to).collect()
        };
        for step in towards {
            browser
                .driver()
                .action_chain()
                .move_to(x(step), y)
                .perform()
                .await
                .unwrap();
            browser.wait_for_text(&format!("Step {} of 4", step + 1)).await;
        }
        browser.driver().action_chain().release().perform().await.unwrap();
    };
    drag(3, 0).await;
    drag(0, 3).await;
}

/// The story must not change while somebody reads.
#[tokio::test]
async fn on_the_stage_the_browser_refreshes_nothing_by_itself() {
    let short = program().env("RESCIND_ACCESS_TTL", "5s");
    let Some(person) = Person::arrive_at(short, JavaScript::On).await else {
        return;
    };
    person.browser.press("Log in as alice, and be robbed").await;
    person.browser.press(STEAL_REFRESH).await;
    person.browser.wait_for_text("Your access token has expired.").await;
    // Also when the reader comes back to the page.
    person.browser.open("/demo").await;
    for side in ["#you", "#thief"] {
        let reads = person.reads(side).await;
        assert!(reads.contains("generation 0"), "{side}: {reads}");
    }
    person.browser.press(THIEF_REFRESHES).await;
    assert!(person.reads("#thief").await.contains("generation 1"));
    // Elsewhere the login goes on.
    person.browser.open("/account").await;
    person.browser.wait_for_text("Your devices").await;
}

const LOG_OUT: &str = "Log out";
const TRY_AGAIN: &str = "Let the thief try again";
const STEAL_REFRESH: &str = "Let the thief take the refresh token too";
const THIEF_REFRESHES: &str = "The thief refreshes";
const THIEF_REFRESHES_AGAIN: &str = "The thief refreshes again";
const YOU_REFRESH: &str = "You refresh";

#[tokio::test]
async fn the_first_act_without_javascript() {
    the_first_act(JavaScript::Off).await;
}

#[tokio::test]
async fn the_first_act_with_javascript() {
    the_first_act(JavaScript::On).await;
}

#[tokio::test]
async fn the_second_act_without_javascript() {
    the_second_act(JavaScript::Off).await;
}

#[tokio::test]
async fn the_second_act_with_javascript() {
    the_second_act(JavaScript::On).await;
}
