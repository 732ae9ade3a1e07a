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

/// What each step of the stage says: the time, what happened, what both hold, and the verdicts on both.
async fn steps(running: &Running, query: &str) -> Vec<[String; 4]> {
    let mut steps = Vec::new();
    let mut next = Some(format!("{query}&step=1"));
    while let Some(query) = next {
        let page = run(running, &query).await;
        let link = page.select(&Selector::parse("#walk-next").unwrap()).next();
        next = link.map(|link| link.attr("href").unwrap().split_once('?').unwrap().1.to_owned());
        let found = ["#now-name", ".headline", ".chip", ".door .verdict"].map(|css| words(&page, css).join("; "));
        steps.push(found);
        let all = words(&page, "#count").concat();
        assert!(all.starts_with(&format!("Step {} of ", steps.len())), "{all}");
    }
    steps
}

#[tokio::test]
async fn two_tabs_at_once_stay_logged_in_and_each_step_says_who_got_what() {
    let running = start(program()).await;
    let page = run(&running, "").await;
    assert_eq!(finding(&page), "Both tabs stay logged in, with the same tokens.");
    let holds =
        |first, second| format!("refresh token tab 1, generation {first}; refresh token tab 2, generation {second}");
    let step = |at: &str, headline: &str, holds: String, verdicts: &str| {
        [at.to_owned(), headline.to_owned(), holds, verdicts.to_owned()]
    };
    let played = steps(&running, "swap=on").await;
    assert_eq!(
        played,
        [
            step(
                "t + 0 s",
                "You log in. Both tabs have refresh token 0.",
                holds(0, 0),
                "Not asked yet; Not asked yet"
            ),
            step(
                "t + 5 min",
                "The server gives tab 1 token 1.",
                holds(1, 0),
                "Accepted; Not asked yet"
            ),
            step(
                "t + 5 min",
                "The server gives tab 2 the same token 1.",
                holds(1, 1),
                "Accepted; Accepted"
            ),
            step(
                "t + 10 min",
                "The server gives tab 1 token 2.",
                holds(2, 1),
                "Accepted; Accepted"
            ),
            step(
                "t + 10 min",
                "The server gives tab 2 the same token 2.",
                holds(2, 2),
                "Accepted; Accepted"
            ),
        ]
    );
    // Without a step the address shows the last.
    assert_eq!(words(&page, ".headline"), [played[4][1].as_str()]);
    assert_eq!(words(&page, ".message"), ["Tab 2 presents token 1"]);
    assert!(words(&page, "main").concat().contains("turned 1 down"));
    // The links of the time line say the verdicts as well.
    let links = words(&page, "#scrub a");
    assert_eq!(links[1], "Step 2: Tab 1, 5 min. Tab 1: Accepted");
    assert_eq!(links[2], "Step 3: Tab 2, 5 min. Tab 1: Accepted. Tab 2: Accepted");
}

#[tokio::test]
async fn the_counterexample_is_labelled_and_splits_the_chain() {
    let running = start(program()).await;
    let page = run(&running, "swap=off").await;
    assert!(words(&page, "#warning").concat().contains("Do not copy it"));
    assert!(finding(&page).starts_with("A false alarm 10 min after the login"));
    assert!(words(&run(&running, "swap=on").await, "#warning").is_empty());
    let split = run(&running, "swap=off&step=3").await;
    assert_eq!(
        words(&split, ".chip"),
        [
            "refresh token tab 1, generation 1a",
            "refresh token tab 2, generation 1b"
        ]
    );
    assert_eq!(words(&split, ".kept dd"), ["session open, generation 1b"]);
    assert!(words(&split, ".lead").concat().contains("several successors"));
    let closed = run(&running, "swap=off&step=4").await;
    assert_eq!(
        words(&closed, ".headline"),
        ["The server refuses tab 1 and closes the session."]
    );
    assert_eq!(words(&closed, ".door .verdict"), ["Refused", "Not asked again"]);
    assert_eq!(words(&closed, ".changed dd"), ["session closed"]);
}

/// The other tab is you, whatever the server takes it for.
#[tokio::test]
async fn a_second_tab_is_nowhere_drawn_as_a_thief() {
    let running = start(program()).await;
    for query in ["swap=on", "swap=off", "grace=0", "apart=20", "lost=yes&grace=0&apart=5"] {
        for step in 1..=6 {
            let page = run(&running, &format!("{query}&step={step}")).await;
            assert!(words(&page, "#thief").concat().contains("There is no thief"), "{query}");
            assert!(words(&page, "#thief .chip").is_empty(), "{query}");
            assert_eq!(words(&page, "#you .chip").len(), 2, "{query}");
            assert_eq!(words(&page, ".door h3").len(), 2, "{query}");
            for of_a_thief in [".thief-in", ".kept-out", ".from-thief"] {
                assert!(
                    words(&page, &format!(".stage {of_a_thief}")).is_empty(),
                    "{query}, step {step}"
                );
            }
        }
    }
}

/// The sentence beneath the stage tells no more than the stage.
#[tokio::test]
async fn at_an_earlier_step_the_finding_is_not_known_yet() {
    let running = start(program()).await;
    for query in ["", "swap=off", "thief=yes", "grace=0&lost=yes"] {
        let last = run(&running, query).await;
        let count = words(&last, "#count").concat();
        let steps: usize = count.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(
            finding(&run(&running, &format!("{query}&step={steps}")).await),
            finding(&last)
        );
        for step in 1..steps {
            let page = run(&running, &format!("{query}&step={step}")).await;
            assert_eq!(finding(&page), "Not known yet. Go on to the last step.", "{query}");
            assert_eq!(words(&page, "#finding.unknown").len(), 1, "{query}");
        }
    }
}

/// The stage and the sentence beneath it are about one run.
#[tokio::test]
async fn the_last_verdict_on_a_thief_is_what_the_finding_says() {
    let running = start(program()).await;
    for swap in ["on", "off"] {
        for (grace, apart) in [
            ("0", "0"),
            ("0", "60"),
            ("10", "0"),
            ("10", "5"),
            ("30", "20"),
            ("10", "20"),
        ] {
            for lost in ["no", "yes"] {
                let query = format!("swap={swap}&grace={grace}&apart={apart}&lost={lost}&thief=yes");
                let found = finding(&run(&running, &query).await);
                let verdicts: Vec<_> = steps(&running, &query)
                    .await
                    .into_iter()
                    .map(|[.., verdicts]| verdicts)
                    .collect();
                let was_in = verdicts.iter().any(|verdicts| verdicts.contains("Thief is in"));
                let is_in = verdicts.last().unwrap().contains("Thief is in");
                assert_eq!(was_in, found.contains("inside"), "{query}: {found} {verdicts:?}");
                assert_eq!(is_in, found.contains("is not noticed"), "{query}: {found} {verdicts:?}");
            }
        }
    }
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
async fn the_sentences_below_the_table_are_about_this_run() {
    let running = start(program()).await;
    let below = async |query: &str| words(&run(&running, query).await, "main > p").concat();
    assert!(below("grace=30&apart=0&thief=yes").await.contains("At once means"));
    assert!(!below("grace=30&apart=60&thief=yes").await.contains("At once means"));
    // Without a grace it is you who are logged out, before the thief comes.
    let lost = below("grace=10&apart=20&lost=yes&thief=yes").await;
    assert!(lost.contains("With a grace of 10 s a copy is noticed"), "{lost}");
}

#[tokio::test]
async fn a_lost_reply_is_timed_to_the_second() {
    let running = start(program()).await;
    let played = steps(&running, "lost=yes&apart=5").await;
    assert_eq!(played[1][1], "The server gives tab 1 token 1, but the reply is lost.");
    assert_eq!(played[1][3], "Reply lost; Not asked yet");
    let moments: Vec<_> = played.iter().map(|[at, ..]| at.as_str()).collect();
    assert_eq!(
        moments,
        [
            "t + 0 s",
            "t + 5 min",
            "t + 5 min 3 s",
            "t + 5 min 5 s",
            "t + 10 min 3 s",
            "t + 10 min 8 s"
        ]
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
            "/lab/race?thief=yes&step=3",
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
        browser.follow("See it step by step").await;
        browser.wait_for_text("Both tabs have refresh token 0").await;
        browser.follow("Go on to the next step").await;
        browser.wait_for_text("but the reply is lost").await;
        for path in [
            "/lab/race",
            "/lab/race?swap=off&lost=yes&thief=yes&apart=5",
            "/lab/race?swap=off&lost=yes&thief=yes&apart=5&step=4",
            "/lab/race?grace=7",
        ] {
            browser.open(path).await;
            browser.set_viewport(1280, 800).await;
            let bottom = "return document.querySelector('.stage')?.getBoundingClientRect().bottom ?? 0";
            let bottom = browser.driver().execute(bottom, Vec::new()).await.unwrap();
            assert!(
                bottom.json().as_f64().unwrap() <= 800.0,
                "{path} ends at {:?}",
                bottom.json()
            );
            for width in [390, 768, 1280, 1600] {
                browser.set_viewport(width, 900).await;
                let (content, _) = browser.content_size().await;
                assert!(content <= width, "{path} is {content} wide at {width}");
            }
        }
    }
}
