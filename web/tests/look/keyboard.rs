//! With a keyboard alone: Tab reaches every control, in reading order, and the focus is visible.

use rescind_testkit::{Browser, JavaScript};
use serde_json::Value;
use thirtyfour::Key;

use crate::{person::arrive, tour::tour};

/// Begins at the top, and returns how many controls can be reached.
const BEGIN: &str = r#"
    const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
    // In a group of radio buttons Tab reaches only one: the chosen one, or else the first. The arrows reach the others.
    const reached = (name) => document.querySelector(`input[type=radio][name="${name}"]:checked`)
        ?? document.querySelector(`input[type=radio][name="${name}"]`);
    const isPassedOver = (element) => element.type === 'hidden' || element.disabled
        || (element.type === 'radio' && element !== reached(element.name));
    window.reachable = () => [...document.querySelectorAll(controls)]
        .filter((element) => !isPassedOver(element) && !element.hidden && element.checkVisibility());
    window.last = undefined;
    document.body.tabIndex = -1;
    document.body.focus();
    return reachable().length;
"#;

/// The focused element, and whether its focus is visible. The next place is relative to the last one, wherever that is now:
/// the demo's log grows meanwhile. Rejected: numbers on the elements, which are lost when they are drawn again.
const WHERE: &str = r"
    const { activeElement: here } = document;
    const { outlineStyle, outlineWidth } = getComputedStyle(here);
    const { top, bottom, left, right } = here.getBoundingClientRect();
    const onScreen = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
    const all = reachable();
    const next = all.indexOf(window.last) + 1;
    window.last = here;
    return {
        at: all.indexOf(here),
        next,
        ahead: all.length - 1 - next,
        seen: onScreen && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
        what: here.outerHTML.slice(0, 120),
    };
";

#[tokio::test]
async fn tab_reaches_everything_in_the_order_of_reading_and_shows_where_it_is() {
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        let driver = browser.driver();
        let reachable = driver.execute(BEGIN, Vec::new()).await.unwrap();
        assert!(reachable.json().as_u64().unwrap() > 4, "{page} has nothing to reach");
        loop {
            driver.action_chain().send_keys(Key::Tab).perform().await.unwrap();
            let here = driver.execute(WHERE, Vec::new()).await.unwrap();
            let here: &Value = here.json();
            assert_eq!(here["at"], here["next"], "{page}: {here:#}");
            assert_eq!(here["seen"], true, "{page}: one cannot see where one is: {here:#}");
            if here["ahead"] == 0 {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_tab_skips_to_the_content() {
    let Some((_running, browser)) = arrive(JavaScript::Off).await else {
        return;
    };
    browser.open("/").await;
    let driver = browser.driver();
    driver.action_chain().send_keys(Key::Tab).perform().await.unwrap();
    driver.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    driver.action_chain().send_keys(Key::Tab).perform().await.unwrap();
    let here = driver.active_element().await.unwrap();
    assert_eq!(here.text().await.unwrap(), "Log in as alice, and be robbed");
}
