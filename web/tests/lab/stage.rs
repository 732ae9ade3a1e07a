//! The stage in the lab: the same as the demo's, on one screen before each click.

use rescind_testkit::{JavaScript, Program, Running, Tool, needs};
use scraper::{Html, Selector};
use serde_json::Value;
use thirtyfour::{By, Key};

const ANSWERS: [&str; 8] = [
    "sessions",
    "stored",
    "client-delete",
    "short-lived",
    "rotation",
    "blacklist",
    "pushed-event",
    "status-list",
];

async fn open() -> Running {
    let program = Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_STORE_TIMEOUT", "10s");
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// Both pages are made of the same parts, in the same order.
#[tokio::test]
async fn the_lab_has_the_same_stage_as_the_demo() {
    let running = open().await;
    let client = running.cookie_client();
    let parts = async |address: &str| {
        let page = client.open(address).await.expect_status(200).text;
        let parts = ".stage > div, .stage > section, .stage > .scene > section, .door, .kept > div, .scrub";
        let parts = Selector::parse(parts).unwrap();
        let page = Html::parse_document(&page);
        let class = |part: scraper::ElementRef<'_>| part.value().classes().next().unwrap_or_default().to_owned();
        page.select(&parts).map(class).collect::<Vec<_>>()
    };
    let demo = parts("/demo").await;
    assert!(demo.len() > 9, "{demo:?}");
    for answer in ANSWERS {
        assert_eq!(parts(&format!("/lab/{answer}")).await, demo, "{answer}");
    }
    assert_eq!(parts("/lab/race").await, demo);
}

/// A pointer sees the reason in a tooltip, whoever presses is told it, and the keyboard sees it on focus, until Escape.
#[tokio::test]
async fn a_disabled_button_shows_its_reason_while_it_has_the_focus() {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let running = open().await;
    for javascript in [JavaScript::Off, JavaScript::On] {
        let browser = running.browser(javascript).await;
        browser.open("/lab/blacklist").await;
        let button = browser.driver().find(By::Id("do-replay")).await.unwrap();
        let reason = browser.driver().find(By::Id("why-replay")).await.unwrap();
        assert!(!reason.is_displayed().await.unwrap());
        button.send_keys("").await.unwrap();
        assert!(reason.is_displayed().await.unwrap());
        assert!(reason.text().await.unwrap().contains("copy one first"));
        if let JavaScript::On = javascript {
            button.send_keys(Key::Escape + "").await.unwrap();
            assert!(!reason.is_displayed().await.unwrap());
        }
    }
}

const MEASURE: &str = "
    const bottom = (css) => document.querySelector(css).getBoundingClientRect().bottom;
    const [one, other] = [...document.querySelectorAll('.door')].map((door) => door.getBoundingClientRect());
    return [
        Math.ceil(Math.max(bottom('.stage'), bottom('.tabs summary')) + scrollY),
        document.documentElement.scrollWidth,
        Math.abs(one.top - other.top) + (other.left >= one.right ? 0 : 1000),
    ];
";

#[tokio::test]
async fn each_step_of_the_usual_story_fits_one_screen() {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let running = open().await;
    let browser = running.browser(JavaScript::Off).await;
    let look = async |script: &str| -> Value {
        let seen = browser.driver().execute(script, Vec::new()).await.unwrap();
        seen.json().clone()
    };
    let mut wrong = Vec::new();
    for answer in ANSWERS {
        browser.set_viewport(1280, 800).await;
        browser.open(&format!("/lab/{answer}")).await;
        for step in 0..=5 {
            for (width, height) in [(1280, 800), (390, 844)] {
                browser.set_viewport(width, height).await;
                let [bottom, wide, apart] = serde_json::from_value::<[u32; 3]>(look(MEASURE).await).unwrap();
                if (width == 1280 && bottom > height) || wide > width || apart > 1 {
                    wrong.push(format!(
                        "{answer}, step {step} at {width}: ends at {bottom}, is {wide} wide, doors {apart} apart"
                    ));
                }
            }
            let label = look("return document.querySelector('#next').textContent").await;
            browser.press(label.as_str().unwrap()).await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
