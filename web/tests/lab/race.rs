//! The race: the switches, the runs' sentences, and the trade-off.

use rescind_testkit::{ColourScheme, JavaScript, Running, Tool, needs};
use scraper::{Html, Selector};

use crate::compare::{program, start};

const MOST_BYTES: usize = 100 * 1024;

/// The words of each element that `selector` finds.
fn words(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap())
        .map(|element| {
            let text: String = element.text().collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

async fn run(running: &Running, query: &str) -> Html {
    let reply = running.cookie_client().open(&format!("/lab/race?{query}")).await;
    let reply = reply.expect_status(200);
    assert!(reply.text.len() < MOST_BYTES, "{} bytes", reply.text.len());
    Html::parse_document(&reply.text)
}

fn finding(page: &Html) -> String {
    words(page, "#finding").concat()
}

#[tokio::test]
async fn two_tabs_at_once_stay_logged_in_and_the_list_says_who_got_what() {
    let running = start(program()).await;
    let page = run(&running, "").await;
    assert_eq!(finding(&page), "Both tabs stay logged in, with the same tokens.");
    assert_eq!(
        words(&page, ".played li"),
        [
            "login You log in; both tabs have refresh token 0",
            "5 min Accepted: Tab 1 presents token 0 gets token 1",
            "5 min Accepted: Tab 2 presents token 0 gets token 1, the same as was given before",
            "10 min Accepted: Tab 1 presents token 1 gets token 2",
            "10 min Accepted: Tab 2 presents token 1 gets token 2, the same as was given before",
        ]
    );
    assert!(words(&page, "main").concat().contains("turned 1 down"));
    assert_eq!(words(&page, "svg.chain title").len(), 1);
    assert!(words(&page, "svg.chain desc").concat().starts_with("One chain"));
}

#[tokio::test]
async fn the_counterexample_is_labelled_and_splits_the_chain() {
    let running = start(program()).await;
    let page = run(&running, "swap=off").await;
    assert!(words(&page, ".notice").concat().contains("Do not copy it"));
    assert!(finding(&page).starts_with("A false alarm 10 min after the login"));
    assert!(
        words(&page, "svg.chain desc")
            .concat()
            .contains("a token has 2 successors")
    );
    assert!(words(&run(&running, "swap=on").await, ".notice").is_empty());
}

#[tokio::test]
async fn the_table_has_the_three_graces_and_marks_the_chosen_one() {
    let running = start(program()).await;
    let page = run(&running, "apart=20&thief=yes&grace=30").await;
    assert_eq!(
        finding(&page),
        "The thief is not noticed, and is inside for 5 min until the story ends."
    );
    assert_eq!(
        words(&page, "#graces tbody tr"),
        [
            "none both logged out after 5 min 20 s noticed after 5 min 20 s, not inside",
            "10 s both logged out after 5 min 20 s noticed after 5 min 20 s, not inside",
            "30 s chosen both stay logged in not noticed, inside for 5 min until the end",
        ]
    );
    let said = words(&page, "main > p").concat();
    assert!(said.contains("A grace of 30 s forgives two tabs 20 s apart."), "{said}");
}

#[tokio::test]
async fn a_lost_reply_is_timed_to_the_second() {
    let running = start(program()).await;
    let page = run(&running, "lost=yes&apart=5").await;
    let told = words(&page, ".played li");
    assert_eq!(
        told[1],
        "5 min Tab 1 presents token 0 is given token 1, but the reply is lost"
    );
    let moments = words(&page, ".played .when");
    assert_eq!(
        moments,
        ["login", "5 min", "5 min 3 s", "5 min 5 s", "10 min 3 s", "10 min 8 s"]
    );
    let without = run(&running, "lost=yes&apart=5&grace=0").await;
    assert!(finding(&without).starts_with("A false alarm 5 min 3 s after the login"));
}

#[tokio::test]
async fn every_setting_has_a_page_which_keeps_it() {
    let running = start(program()).await;
    for swap in ["on", "off"] {
        for (grace, apart) in [("0", "60"), ("10", "5"), ("30", "20"), ("10", "0")] {
            for lost in ["no", "yes"] {
                for thief in ["no", "yes"] {
                    let query = format!("swap={swap}&grace={grace}&apart={apart}&lost={lost}&thief={thief}");
                    let page = run(&running, &query).await;
                    let chosen: Vec<_> = page
                        .select(&Selector::parse("#try option[selected]").unwrap())
                        .filter_map(|option| option.attr("value"))
                        .collect();
                    assert_eq!(chosen, [swap, grace, apart, lost, thief]);
                    assert_eq!(words(&page, "#finding").len(), 1, "{query}");
                    assert_eq!(words(&page, "#graces .tag"), ["chosen"], "{query}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_option_is_reported_beside_the_switch() {
    let running = start(program()).await;
    for query in ["grace=7", "swap=%00", "apart=-1&lost=perhaps", "thief=%ff"] {
        let reply = running.cookie_client().open(&format!("/lab/race?{query}")).await;
        let page = Html::parse_document(&reply.expect_status(422).text);
        let told = words(&page, ".field.wrong .error");
        assert_eq!(told.len(), query.split('&').count(), "{query}");
        assert!(words(&page, "#finding").is_empty(), "{query}");
    }
    // Unknown parameters are ignored.
    run(&running, "%&=&a=b").await;
}

#[tokio::test]
async fn with_the_demo_off_there_is_no_race() {
    let running = start(program().env("RESCIND_DEMO", "off")).await;
    running.cookie_client().open("/lab/race").await.expect_status(404);
}

/// Rules of WCAG 2.2 A and AA, and what axe's authors call best practice.
const AXE: &str = r"
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run({ runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })
        .then(({ violations }) => done(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))))
        .catch((error) => done([String(error)]));
";

#[tokio::test]
async fn axe_finds_no_fault_in_either_theme() {
    let (Some(_), Some(axe)) = (needs(Tool::Chromium), needs(Tool::Axe)) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let running = start(program()).await;
    let browser = running.browser(JavaScript::On).await;
    for scheme in [ColourScheme::Light, ColourScheme::Dark] {
        browser.set_colour_scheme(scheme).await;
        for path in [
            "/lab/race",
            "/lab/race?swap=off&lost=yes&thief=yes&apart=5",
            "/lab/race?grace=7",
        ] {
            browser.open(path).await;
            browser.driver().execute(axe.as_str(), Vec::new()).await.unwrap();
            let found = browser.driver().execute_async(AXE, Vec::new()).await.unwrap();
            let found: Vec<String> = found.convert().unwrap();
            assert!(found.is_empty(), "{path}, {scheme:?}: {found:#?}");
            // Chromium itself logs a refused form.
            let said: Vec<_> = browser.console().await.into_iter().map(|entry| entry.message).collect();
            assert!(said.iter().all(|said| said.contains("422")), "{path}: {said:?}");
        }
    }
}

#[tokio::test]
async fn it_fits_every_width_and_can_be_set_without_scripts() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = start(program()).await;
    for scheme in [ColourScheme::Light, ColourScheme::Dark] {
        let browser = running.browser(JavaScript::Off).await;
        browser.set_colour_scheme(scheme).await;
        browser.open("/lab/race").await;
        let lost = browser.driver().find(thirtyfour::By::Id("race-lost")).await.unwrap();
        lost.send_keys("is lost").await.unwrap();
        let grace = browser.driver().find(thirtyfour::By::Id("race-grace")).await.unwrap();
        grace.send_keys("none").await.unwrap();
        browser.press("Run it").await;
        browser.wait_for_text("A false alarm 5 min after the login").await;
        for path in [
            "/lab/race",
            "/lab/race?swap=off&lost=yes&thief=yes&apart=5",
            "/lab/race?grace=7",
        ] {
            browser.open(path).await;
            for width in [390, 768, 1280, 1600] {
                browser.set_viewport(width, 900).await;
                let (content, _) = browser.content_size().await;
                assert!(content <= width, "{path} is {content} wide at {width}");
            }
        }
    }
}
