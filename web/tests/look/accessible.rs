//! axe-core finds no fault: rules of WCAG 2.2 A and AA, and what its authors call best practice.

use std::fs;

use rescind_testkit::{Browser, ColourScheme, JavaScript, RedisServer, Tool, needs};

use crate::{
    person::{arrive, program, start},
    tour::tour,
};

const RUN: &str = r"
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const told = ({ id, help, nodes }) => nodes.map(
        ({ html, failureSummary }) => `${id}: ${help}\n  ${html.slice(0, 300)}\n  ${failureSummary}`);
    axe.run({ runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })
        .then(({ violations, passes }) => done({ violations: violations.flatMap(told), passed: passes.length }))
        .catch((error) => done({ violations: [String(error)], passed: 0 }));
";

/// The faults that axe finds on the open page.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.driver().execute(axe, Vec::new()).await.unwrap();
    let found = browser.driver().execute_async(RUN, Vec::new()).await.unwrap();
    let found = found.json();
    assert!(found["passed"].as_u64().unwrap() > 10, "axe looked at nothing: {found}");
    found["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| told.as_str().unwrap().to_owned())
        .collect()
}

async fn no_fault_is_found(scheme: ColourScheme) {
    let Some(axe) = needs(Tool::Axe) else { return };
    let axe = fs::read_to_string(axe).unwrap();
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    browser.set_colour_scheme(scheme).await;
    let mut found = Vec::new();
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        let here = violations(browser, &axe).await;
        found.extend(here.into_iter().map(|told| format!("{page}: {told}")));
    })
    .await;
    assert!(found.is_empty(), "{}", found.join("\n\n"));

    // axe does find a fault that is there.
    browser.open("/").await;
    let spoil = "document.querySelector('main').append(new Image())";
    browser.driver().execute(spoil, Vec::new()).await.unwrap();
    let spoilt = violations(&browser, &axe).await.join("\n");
    assert!(spoilt.contains("image-alt"), "{spoilt}");
}

#[tokio::test]
async fn axe_finds_no_fault_on_any_page_in_the_light_theme() {
    no_fault_is_found(ColourScheme::Light).await;
}

#[tokio::test]
async fn axe_finds_no_fault_on_any_page_in_the_dark_theme() {
    no_fault_is_found(ColourScheme::Dark).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_fault_on_the_pages_of_a_store_that_does_not_answer() {
    let (Some(axe), Some(_)) = (needs(Tool::Axe), needs(Tool::Redis)) else {
        return;
    };
    let axe = fs::read_to_string(axe).unwrap();
    let redis = RedisServer::start().await;
    let asks_redis = program().env("REDIS_URL", redis.url());
    // So short that the error page comes at once.
    let running = start(asks_redis.env("RESCIND_STORE_TIMEOUT", "2s")).await;
    let Some(_) = needs(Tool::Chromium) else { return };
    let browser = running.browser(JavaScript::On).await;
    browser.open("/").await;
    browser.press("Log in as alice, and be robbed").await;
    redis.pause();
    for scheme in [ColourScheme::Light, ColourScheme::Dark] {
        browser.set_colour_scheme(scheme).await;
        browser.open("/account").await;
        browser.wait_for_text("Not just now").await;
        assert_eq!(violations(&browser, &axe).await, [""; 0], "the page with the error");
        browser.open("/demo").await;
        browser.press("Let the thief try again").await;
        browser.wait_for_text("A store does not answer").await;
        assert_eq!(violations(&browser, &axe).await, [""; 0], "the demo");
    }
    redis.resume();
}
