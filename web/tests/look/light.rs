//! The cost of a page: bytes and requests; and that it does not violate its own content policy. The font is weighed apart:
//! all pages share it, and a browser fetches it once.

use rescind_testkit::{Browser, JavaScript};
use serde_json::Value;
use thirtyfour::By;

use crate::{person::arrive, tour::tour};

const MOST_BYTES: u64 = 60 * 1024;
const MOST_REQUESTS: u64 = 5;
/// Of the font, by itself.
const MOST_FONT_BYTES: u64 = 60 * 1024;

/// All resources of the page with their transfer sizes, cached or not. The browser counts neither the icon nor an open
/// stream, so they are added.
const WEIGH: &str = r"
    const done = arguments[arguments.length - 1];
    const fetched = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const icon = document.querySelector('link[rel=icon]').href;
    const streams = document.querySelectorAll('[data-live]').length;
    const fonts = fetched.filter(({ name }) => name.endsWith('.woff2'));
    const own = fetched.filter((one) => one.name !== icon && !fonts.includes(one));
    fetch(icon).then((reply) => reply.arrayBuffer()).then((icon) => done({
        requests: own.length + 1 + streams,
        bytes: own.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, icon.byteLength),
        names: own.map(({ name, encodedBodySize }) => `${name} ${encodedBodySize}`),
        fonts: fonts.map(({ encodedBodySize }) => encodedBodySize),
        fetchedFonts: fonts.filter(({ transferSize }) => transferSize > 0).length,
    }));
";

#[tokio::test]
async fn no_page_weighs_more_than_60_kb_or_takes_more_than_five_requests() {
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    let mut fetched_fonts = 0;
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        fetched_fonts += assert_is_light(browser, page).await;
    })
    .await;
    assert_eq!(fetched_fonts, 1, "the font is kept by the browser");
    // And the stage, with a full log.
    let done = "const done = arguments[arguments.length - 1];";
    let busy = "Promise.all(Array.from({ length: 60 }, () => fetch('/login'))).then(() => done());";
    browser.open("/").await;
    browser
        .driver()
        .execute_async(format!("{done} {busy}"), Vec::new())
        .await
        .unwrap();
    browser.open("/demo").await;
    let entries = browser.driver().find_all(By::Css("#log li")).await.unwrap();
    assert!(entries.len() >= 50, "the log has {} entries", entries.len());
    assert_is_light(&browser, "/demo with a full log").await;
}

/// Returns how many fonts the page had to fetch.
async fn assert_is_light(browser: &Browser, page: &str) -> u64 {
    // A font is fetched when a text needs it, and that may be after the page was loaded.
    let ready = "const done = arguments[arguments.length - 1]; document.fonts.ready.then(() => done());";
    browser.driver().execute_async(ready, Vec::new()).await.unwrap();
    let weighed = browser.driver().execute_async(WEIGH, Vec::new()).await.unwrap();
    let weighed: &Value = weighed.json();
    let number = |name: &str| weighed[name].as_u64().unwrap();
    assert!(number("bytes") > 5_000, "{page} was not weighed: {weighed:#}");
    assert!(number("bytes") <= MOST_BYTES, "{page}: {weighed:#}");
    assert!(number("requests") <= MOST_REQUESTS, "{page}: {weighed:#}");
    let fonts = weighed["fonts"].as_array().unwrap();
    assert!(fonts.len() <= 1, "{page}: {weighed:#}");
    let is_light = |font: &Value| font.as_u64().unwrap() <= MOST_FONT_BYTES;
    assert!(fonts.iter().all(is_light), "{page}: {weighed:#}");
    number("fetchedFonts")
}

#[tokio::test]
async fn no_page_does_what_its_content_security_policy_forbids() {
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        let said = browser.console().await;
        let offended: Vec<_> = said
            .iter()
            .filter(|entry| !entry.message.contains("Failed to load resource"))
            .collect();
        assert!(offended.is_empty(), "{page}: {offended:#?}");
    })
    .await;
    let inline = "document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))";
    browser.driver().execute(inline, Vec::new()).await.unwrap();
    let said = browser.console().await;
    assert!(
        said.iter()
            .any(|entry| entry.message.contains("Content Security Policy")),
        "the console would not have told: {said:#?}"
    );
}
