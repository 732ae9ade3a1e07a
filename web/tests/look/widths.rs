//! From a phone to a very wide screen: no page scrolls sideways, and no line of text is too long to read.

use rescind_testkit::{Browser, JavaScript};

use crate::{person::arrive, tour::tour};

const WIDTHS: [u32; 4] = [390, 768, 1280, 1600];

/// Lines of running text, as wrapped on the screen, with more than 75 characters. Columns, text to be copied, and cards
/// and reasons that are not shown are no running text.
const LONG_LINES: &str = r"
    const lines = new Map();
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const block = text.parentElement.closest('p, li, dd, dt, div, section, button');
        if (text.parentElement.closest('table, code, pre, svg, summary, button, .unseen, .log, .card, .why-not')) continue;
        for (let at = 0; at < text.length; at++) {
            const letter = document.createRange();
            letter.setStart(text, at);
            letter.setEnd(text, at + 1);
            const { bottom, width } = letter.getBoundingClientRect();
            if (width === 0) continue;
            if (!lines.has(block)) lines.set(block, new Map());
            const line = lines.get(block);
            line.set(Math.round(bottom / 4), (line.get(Math.round(bottom / 4)) ?? '') + text.data[at]);
        }
    }
    return [...lines.values()].flatMap((block) => [...block.values()]).filter((line) => line.length > 75);
";

#[tokio::test]
async fn no_page_scrolls_sideways_at_any_width() {
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    let mut wide = Vec::new();
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        for width in WIDTHS {
            browser.set_viewport(width, 900).await;
            let (content, _) = browser.content_size().await;
            if content > width {
                wide.push(format!("{page} is {content} wide at {width}"));
            }
        }
    })
    .await;
    assert!(wide.is_empty(), "{wide:#?}");
}

#[tokio::test]
async fn no_line_of_text_is_too_long_to_read_on_a_wide_screen() {
    let Some((running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    let mut long = Vec::new();
    browser.set_viewport(1600, 900).await;
    tour(&running, &browser, async |browser: &Browser, page: &str| {
        let found = browser.driver().execute(LONG_LINES, Vec::new()).await.unwrap();
        let found: Vec<String> = found.convert().unwrap();
        long.extend(found.into_iter().map(|line| format!("{page}: {line}")));
    })
    .await;
    assert!(long.is_empty(), "{long:#?}");
}
