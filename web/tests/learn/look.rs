//! The course in a real Chromium: accessibility, widths, and a learner's path.

use std::fs;

use rescind_testkit::{Browser, ColourScheme, JavaScript, Running, Tool, needs};
use thirtyfour::{
    By, Key,
    common::print::{PrintPage, PrintParameters},
    extensions::query::ElementWaitable,
};

use crate::reader::{chapters, open, pages, program};

const WIDTHS: [u32; 4] = [390, 768, 1280, 1600];

/// Rules of WCAG 2.2 A and AA, and what axe's authors call best practice.
const AXE: &str = r"
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const told = ({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`);
    axe.run({ runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })
        .then(({ violations, passes }) => done({ found: violations.flatMap(told), passed: passes.length }))
        .catch((error) => done({ found: [String(error)], passed: 0 }));
";

async fn axe_finds_no_fault(scheme: ColourScheme) {
    let (Some(_), Some(axe)) = (needs(Tool::Chromium), needs(Tool::Axe)) else {
        return;
    };
    let axe = fs::read_to_string(axe).unwrap();
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.set_colour_scheme(scheme).await;
    let mut found = Vec::new();
    for page in drawn(&running).await {
        browser.open(&page).await;
        browser.driver().execute(axe.as_str(), Vec::new()).await.unwrap();
        let told = browser.driver().execute_async(AXE, Vec::new()).await.unwrap();
        let told = told.json();
        assert!(told["passed"].as_u64().unwrap() > 10, "axe looked at nothing: {told}");
        let violations = told["found"].as_array().unwrap();
        found.extend(violations.iter().map(|told| format!("{page}: {told}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// Each page of the course, the chapters also played, and an attempt at an exercise.
async fn drawn(running: &Running) -> Vec<String> {
    let reader = running.cookie_client();
    let mut pages = pages(&reader).await;
    pages.extend(chapters(&reader).await.iter().map(|page| format!("{page}?play=1")));
    let attempt = "/learn/nodes?steps=log-in.copy-access.blacklist-stops.log-out.kill-server.replay#exercise";
    pages.push(attempt.to_owned());
    pages
}

#[tokio::test]
async fn axe_finds_no_fault_in_the_light_theme() {
    axe_finds_no_fault(ColourScheme::Light).await;
}

#[tokio::test]
async fn axe_finds_no_fault_in_the_dark_theme() {
    axe_finds_no_fault(ColourScheme::Dark).await;
}

#[tokio::test]
async fn only_source_scrolls_sideways_and_pages_obey_their_content_policy() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    let mut wrong = Vec::new();
    for page in drawn(&running).await {
        browser.open(&page).await;
        for width in WIDTHS {
            browser.set_viewport(width, 900).await;
            let (content, _) = browser.content_size().await;
            if content > width {
                wrong.push(format!("{page} is {content} wide at {width}"));
            }
        }
        let said = browser.console().await;
        wrong.extend(said.iter().map(|entry| format!("{page}: {}", entry.message)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_hand_out_prints_on_two_pages_of_either_paper() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::Off).await;
    browser.open("/learn/hand-out").await;
    // A4, and the letter of North America, in centimetres.
    for (width, height) in [(21.0, 29.7), (21.6, 27.9)] {
        let paper = PrintParameters {
            page: PrintPage { width, height },
            ..PrintParameters::default()
        };
        let printed = browser.driver().print_page(paper).await.unwrap();
        let objects = |name: &[u8]| printed.windows(name.len()).filter(|bytes| *bytes == name).count();
        assert_eq!(
            objects(b"/Type /Page") - objects(b"/Type /Pages"),
            2,
            "{width} x {height}"
        );
    }
}

#[tokio::test]
async fn a_learner_reads_a_chapter_plays_with_it_and_goes_on() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    for javascript in [JavaScript::On, JavaScript::Off] {
        let browser = running.browser(javascript).await;
        browser.open("/learn").await;
        browser.follow("Chapter 2: Keep every token in a database").await;
        browser.press("401, because the row is closed").await;
        browser.wait_for_text("That is right.").await;
        browser
            .wait_for_text("After your logout the copy is refused at once.")
            .await;
        let choices = browser.driver().find(By::Id("try-asked")).await.unwrap();
        choices.send_keys("nothing").await.unwrap();
        match javascript {
            JavaScript::On => browser.press_in_place("Play it").await,
            JavaScript::Off => browser.press("Play it").await,
        }
        browser
            .wait_for_text("After your logout the copy works for another 11 h 59 min.")
            .await;
        assert!(browser.path().await.starts_with("/learn/stored?asked=nothing"));
        browser.follow("Chapter 3 Delete it on the client").await;
        browser.wait_for_text("chapter 3 of 13").await;
    }
}

#[tokio::test]
async fn a_learner_who_is_stuck_in_every_chapter_is_helped_through_the_course() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/learn").await;
    browser.follow("Begin with chapter 1").await;
    for chapter in 1..=13 {
        browser.wait_for_text(&format!("chapter {chapter} of 13")).await;
        browser.press("Play it without a prediction").await;
        browser.wait_for_text("Played in a sandbox").await;
        browser.press("Check").await;
        browser.wait_for_text("Not yet.").await;
        for hint in 1..=3 {
            browser.press(&format!("Open hint {hint} of 3")).await;
            browser.wait_for_text(&format!("Hint {hint}.")).await;
        }
        browser.press("Show the answer").await;
        browser.wait_for_text("answer seen").await;
        let next = browser.driver().find(By::Css("a[rel=next]")).await.unwrap();
        let next = next.attr("href").await.unwrap().unwrap();
        browser.open(&next).await;
    }
    assert_eq!(browser.path().await, "/learn/summary");
    browser.open("/learn").await;
    let contents = browser.text().await;
    assert!(
        !contents.contains("solved"),
        "an answer that was shown is none that was found"
    );
}

#[tokio::test]
async fn the_experiment_begins_on_the_first_screen() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.set_viewport(1280, 800).await;
    for page in chapters(&running.cookie_client()).await {
        browser.open(&page).await;
        let button = browser.driver().find(By::Css("#try button")).await.unwrap();
        let place = button.rect().await.unwrap();
        assert!(place.y + place.height <= 800.0, "{page}: it begins at {}", place.y);
        // And with a prediction, its outcome is on the same screen.
        let options = browser.driver().find_all(By::Css("#predict button")).await.unwrap();
        assert!((2..=4).contains(&options.len()), "{page}");
        let title = options.first().unwrap().text().await.unwrap();
        browser.press(&title).await;
        let outcome = browser.driver().find(By::Css("#try .controls")).await.unwrap();
        let top = outcome.rect().await.unwrap().y;
        assert!(top <= 800.0, "{page}: after a prediction it begins at {top}");
        // From its heading to the end of its time line it fits one screen.
        let end = browser.driver().find(By::Css("#try .scrub")).await.unwrap();
        let end = end.rect().await.unwrap();
        let begin = browser.driver().find(By::Id("try")).await.unwrap();
        let height = end.y + end.height - begin.rect().await.unwrap().y;
        assert!(height <= 800.0, "{page}: it is {height} high");
    }
}

#[tokio::test]
async fn the_arrow_keys_walk_the_stage_that_has_the_focus() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/learn/unissued?life=1h").await;
    let driver = browser.driver();
    let press = async || driver.action_chain().send_keys(Key::Left).perform().await.unwrap();
    // Where no stage has the focus, the first one.
    for step in (5..10).rev() {
        press().await;
        browser.wait_for_text(&format!("Step {step} of 10")).await;
    }
    let last = count(&browser, "try-count").await;
    browser.press_in_place("Log in").await;
    browser.wait_for_text("Step 2 of 2").await;
    let link = driver.find(By::Id("exercise-walk-previous")).await.unwrap();
    link.focus().await.unwrap();
    press().await;
    browser.wait_for_text("You look at an earlier step.").await;
    assert_eq!(count(&browser, "exercise-count").await, "Step 1 of 2");
    assert_eq!(count(&browser, "try-count").await, last);
    assert_eq!(browser.path().await, "/learn/unissued?steps=log-in&my-step=0");
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:?}");
}

async fn count(browser: &Browser, id: &str) -> String {
    browser.driver().find(By::Id(id)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_glossary_word_shows_its_card_on_focus_and_only_then() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    for javascript in [JavaScript::On, JavaScript::Off] {
        let browser = running.browser(javascript).await;
        for width in [390, 1280] {
            browser.set_viewport(width, 900).await;
            browser.open("/learn/unissued").await;
            let card = browser.driver().find(By::Css(".short .card")).await.unwrap();
            assert!(!card.is_displayed().await.unwrap());
            let word = browser.driver().find(By::Css(".short .term a")).await.unwrap();
            word.send_keys("").await.unwrap();
            card.wait_until().displayed().await.unwrap();
            // It leaves the line of its word free.
            let (line, below) = (word.rect().await.unwrap(), card.rect().await.unwrap());
            assert!(below.y >= line.y + line.height / 2.0, "{line:?} {below:?}");
            if let JavaScript::On = javascript {
                word.send_keys(Key::Escape + "").await.unwrap();
                card.wait_until().not_displayed().await.unwrap();
                word.send_keys(Key::Tab + "").await.unwrap();
                word.send_keys("").await.unwrap();
                card.wait_until().displayed().await.unwrap();
            }
            let (content, _) = browser.content_size().await;
            assert!(content <= width, "it is {content} wide");
        }
    }
}
