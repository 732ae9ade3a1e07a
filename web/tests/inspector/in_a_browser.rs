//! The page as a person uses it, without scripts, checked by axe.

use std::fs;

use rescind_testkit::{Browser, ColourScheme, JavaScript, Tool, needs};
use serde_json::Value;

use crate::{PASSWORD, open, program};

const RUN: &str = r"
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run({ runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })
        .then(({ violations, passes }) => done({
            violations: violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)),
            passed: passes.length,
        }));
";

async fn assert_accessible(browser: &Browser, axe: &str, what: &str) {
    for scheme in [ColourScheme::Light, ColourScheme::Dark] {
        browser.set_colour_scheme(scheme).await;
        for width in [390, 1280] {
            browser.set_viewport(width, 900).await;
            let (content, _) = browser.content_size().await;
            assert!(content <= width, "{what} is {content} wide at {width}");
            browser.driver().execute(axe, Vec::new()).await.unwrap();
            let found = browser.driver().execute_async(RUN, Vec::new()).await.unwrap();
            let found: &Value = found.json();
            assert!(found["passed"].as_u64().unwrap() > 10, "{found}");
            assert_eq!(found["violations"], Value::Array(Vec::new()), "{what}");
        }
    }
}

#[tokio::test]
async fn a_token_is_inspected_and_tampered_with_and_every_page_of_it_is_accessible() {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let Some(axe) = needs(Tool::Axe) else { return };
    let axe = fs::read_to_string(axe).unwrap();
    let running = open(program()).await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/inspector").await;
    browser.fill("Token", "hello").await;
    browser.press("Inspect").await;
    assert_accessible(&browser, &axe, "a refusal").await;
    browser.fill("Token", "eyJhbGciOiJub25lIn0.eyJuYW1lIjoiYm9iIn0.").await;
    browser.press("Inspect").await;
    browser.wait_for_text("was not checked").await;
    assert_accessible(&browser, &axe, "a stranger's token").await;
    browser.open("/login").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Log in").await;
    browser.follow("Inspector").await;
    assert_accessible(&browser, &axe, "the form").await;
    browser.press("Inspect").await;
    browser.wait_for_text("Accepted: 15 checks passed").await;
    assert_accessible(&browser, &axe, "one's own token").await;
    browser.press("Live a day longer").await;
    browser.wait_for_text("Refused by check 8 of 15").await;
    assert_accessible(&browser, &axe, "a tampered token").await;
    let said = browser.console().await;
    let offended = said.iter().filter(|entry| !entry.message.contains("422"));
    assert_eq!(offended.count(), 0, "{said:#?}");
}
