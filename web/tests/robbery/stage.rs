//! The stage: one headline, one button, the same places at each step, on one screen; and each step can be shown again.

use rescind_testkit::{Browser, JavaScript, Running, Tool, needs};
use serde_json::Value;
use thirtyfour::{By, Key};

use crate::{
    screen::{Door, Screen},
    visitor::{BOTH_ACTS, Visitor, open, program},
};

async fn at_step(visitor: &Visitor, step: usize) -> Screen {
    visitor.page(&format!("/demo?step={step}")).await.1
}

#[tokio::test]
async fn each_step_has_its_own_headline_and_one_button() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let mut headlines = vec![visitor.screen().await.words("h1")];
    for step in BOTH_ACTS {
        let screen = visitor.press(step).await;
        assert_eq!(screen.all_words("#next").len(), 1, "{screen:?}");
        let others = screen.all_words(".scene button");
        assert!(others.len() <= 2, "{others:?}");
        headlines.push(screen.words("h1"));
    }
    let mut different = headlines.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), headlines.len(), "{headlines:#?}");
}

#[tokio::test]
async fn the_stage_counts_its_steps() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let count = async |screen: Screen| screen.words("#count");
    assert_eq!(count(visitor.page("/").await.1).await, "Step 1 of 4");
    assert_eq!(count(visitor.screen().await).await, "Step 1 of 4");
    let mut counted = vec![count(visitor.press("/demo/rob").await).await];
    for step in BOTH_ACTS {
        counted.push(count(visitor.press(step).await).await);
    }
    let expected = [
        "2 of 4", "3 of 4", "4 of 4", "1 of 6", "2 of 6", "3 of 6", "4 of 6", "5 of 6", "6 of 6",
    ];
    assert_eq!(counted, expected.map(|step| format!("Step {step}")));
}

#[tokio::test]
async fn a_step_of_the_time_line_shows_the_stage_as_it_was() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let robbed = visitor.screen().await;
    visitor.press("/demo/log-out").await;
    let left = visitor.screen().await;
    let end = visitor.press("/demo/thief/try").await;
    assert_eq!(
        end.attributes("#scrub a", "href"),
        ["/demo?step=1", "/demo?step=2", "/demo?step=3", "/demo"]
    );

    let earlier = at_step(&visitor, 1).await;
    assert!(earlier.words("h1").contains("Does a stolen token still work?"));
    assert!(!earlier.has(".chip"), "{earlier:?}");
    for (step, then) in [(2, robbed), (3, left)] {
        let earlier = at_step(&visitor, step).await;
        assert_eq!(earlier.words("h1"), then.words("h1"));
        for door in Door::BOTH {
            assert_eq!(earlier.verdict(door), then.verdict(door), "{step}");
        }
        assert_eq!(earlier.all_words(".chip s"), then.all_words(".chip s"), "{step}");
        assert_eq!(earlier.all_words(".kept div"), then.all_words(".kept div"), "{step}");
        // The buttons act on the newest step, so an earlier one has none.
        assert!(!earlier.has(".stage form"), "{earlier:?}");
        assert!(!earlier.has("[data-countdown]"), "that time is over: {earlier:?}");
        assert!(
            !earlier.has("#terminal"),
            "a command takes the newest token: {earlier:?}"
        );
        assert!(!earlier.has("#you .state"), "of then it is not known: {earlier:?}");
        // The time line is the same at each step.
        assert_eq!(
            earlier.all_words(".line-picture .band"),
            end.all_words(".line-picture .band")
        );
        assert_eq!(earlier.words("#count"), format!("Step {step} of 4"));
    }
    assert_eq!(at_step(&visitor, 3).await.attributes("#next", "href"), ["/demo"]);
    for beyond in ["4", "0", "99", "18446744073709551616", "-1", "x"] {
        let newest = visitor.page(&format!("/demo?step={beyond}")).await.1;
        assert_eq!(newest.words("h1"), end.words("h1"), "{beyond}");
    }
}

/// Of many tries only the newest are kept. They do not change the first steps.
#[tokio::test]
async fn the_first_step_stays_as_it_was_after_many_tries() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let robbed = visitor.screen().await;
    visitor.press("/demo/log-out").await;
    for _ in 0..24 {
        visitor.press("/demo/thief/try").await;
    }
    let earlier = at_step(&visitor, 2).await;
    assert_eq!(earlier.words("h1"), robbed.words("h1"));
    for door in Door::BOTH {
        assert_eq!(earlier.verdict(door), robbed.verdict(door));
    }
}

/// The generations are those of that step, too.
#[tokio::test]
async fn an_earlier_step_of_the_second_act_has_its_generations() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/thief/steal-refresh").await;
    visitor.press("/demo/thief/refresh").await;
    visitor.press("/demo/thief/refresh").await;
    visitor.press("/demo/refresh").await;
    for (step, yours, theirs) in [
        (3, "generation 0", "generation 0"),
        (4, "generation 0", "generation 1"),
        (5, "generation 0", "generation 2"),
    ] {
        let screen = at_step(&visitor, step).await;
        assert!(screen.words("#you .chips").contains(yours), "{step}: {screen:?}");
        assert!(screen.words("#thief .chips").contains(theirs), "{step}: {screen:?}");
        assert!(!screen.has("#notice"), "{step}: {screen:?}");
    }
    assert!(at_step(&visitor, 6).await.has("#notice"));
}

#[tokio::test]
async fn home_is_the_first_step_and_says_whose_login_ends() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let (_, home) = visitor.page("/").await;
    for part in [
        "#you",
        "#thief",
        "section.door#door-blacklist",
        "section.door#door-signature",
        ".kept",
        "#scrub",
    ] {
        assert!(home.has(part), "no {part}: {home:?}");
    }
    assert_eq!(home.words("#you .state"), "Not logged in.");
    let forms = home.attributes("main form", "action");
    assert_eq!(forms, ["/demo/rob"]);
    assert!(
        home.attributes("main a", "href")
            .iter()
            .all(|link| link.starts_with("/demo"))
    );
    visitor
        .client
        .log_in("bob", crate::visitor::DEMO_PASSWORD)
        .await
        .expect_status(303);
    let (_, home) = visitor.page("/").await;
    assert!(home.words("main").contains("This ends bob’s login"), "{home:?}");
    assert_eq!(home.words("#you .state"), "Logged in as bob.");
}

/// Home would deny what has happened, and begin another act than its button says.
#[tokio::test]
async fn home_leads_back_to_a_robbery_and_each_act_has_its_own_button() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/log-out").await;
    visitor.press("/demo/thief/try").await;
    let (_, home) = visitor.page("/").await;
    assert!(!home.words("main").contains("Holds nothing of yours"), "{home:?}");
    assert_eq!(home.attributes("main a.button", "href"), ["/demo"], "{home:?}");
    assert!(!home.has("main form[action^='/demo']"), "{home:?}");
    // A page that stayed open still has the button of the first act.
    let again = visitor.press("/demo/rob").await;
    assert_eq!(again.words("#count"), "Step 2 of 4");
    let second = visitor.press("/demo/rob/second").await;
    assert_eq!(second.words("#count"), "Step 1 of 6");
    visitor.press("/demo/forget").await;
    assert!(visitor.page("/").await.1.has("form[action='/demo/rob']"));
}

async fn look(browser: &Browser, script: &str) -> Value {
    browser
        .driver()
        .execute(script, Vec::new())
        .await
        .unwrap()
        .json()
        .clone()
}

/// The bottom of the stage with its row of tabs, the width of the page, and how far apart the doors' tops are.
const MEASURE: &str = "
    const bottom = (css) => document.querySelector(css)?.getBoundingClientRect().bottom ?? 0;
    const [one, other] = [...document.querySelectorAll('.door')].map((door) => door.getBoundingClientRect());
    return [
        Math.ceil(Math.max(bottom('.stage'), bottom('.tabs summary')) + scrollY),
        document.documentElement.scrollWidth,
        Math.abs(one.top - other.top) + (other.left >= one.right ? 0 : 1000),
    ];
";

/// Goes through both acts, and measures each step at both widths.
async fn fits(running: &Running, javascript: JavaScript) {
    let browser = running.browser(javascript).await;
    browser.open("/").await;
    let mut wrong = Vec::new();
    let mut pressed = 0;
    loop {
        for (width, height) in [(1280, 800), (390, 844)] {
            browser.set_viewport(width, height).await;
            let [bottom, wide, apart] = serde_json::from_value::<[u32; 3]>(look(&browser, MEASURE).await).unwrap();
            let name = look(&browser, "return document.querySelector('h1').textContent").await;
            if (width == 1280 && bottom > height) || wide > width || apart > 1 {
                wrong.push(format!(
                    "{name} at {width}: ends at {bottom}, is {wide} wide, doors {apart} apart"
                ));
            }
        }
        if pressed > BOTH_ACTS.len() {
            break;
        }
        let label = look(&browser, "return document.querySelector('#next').textContent").await;
        browser.press(label.as_str().unwrap()).await;
        pressed += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn each_step_fits_one_screen_and_both_doors_stand_side_by_side() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    fits(&running, JavaScript::On).await;
}

#[tokio::test]
async fn each_step_fits_one_screen_without_scripts() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    fits(&running, JavaScript::Off).await;
}

#[tokio::test]
async fn the_arrow_keys_walk_along_the_time_line() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/").await;
    browser.press("Log in as alice, and be robbed").await;
    browser.press("Log out").await;
    look(&browser, "window.mark = 'not loaded again'").await;
    for (key, then) in [
        (Key::Left, "Step 2 of 4"),
        (Key::Left, "Step 1 of 4"),
        (Key::Right, "Step 2 of 4"),
    ] {
        browser.driver().action_chain().send_keys(key).perform().await.unwrap();
        browser.wait_for_text(then).await;
    }
    assert_eq!(look(&browser, "return window.mark").await, "not loaded again");
    assert_eq!(browser.path().await, "/demo?step=2");
    browser
        .driver()
        .find(By::Id("next"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    browser.wait_for_text("Step 3 of 4").await;
}
