//! The comparison: predict, look, set it yourself.

use rescind_testkit::{Browser, JavaScript, Program, Reply, Running, Tool, needs};
use scraper::{ElementRef, Html, Selector};

const MOST_BYTES: usize = 100 * 1024;
pub(crate) const ANSWERS: [&str; 8] = [
    "stored",
    "client-delete",
    "short-lived",
    "rotation",
    "blacklist",
    "pushed-event",
    "status-list",
    "sessions",
];

pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_STORE_TIMEOUT", "5s")
}

pub(crate) async fn start(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef) -> String {
    element
        .text()
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
}

async fn open(running: &Running, path: &str) -> Reply {
    running.cookie_client().open(path).await
}

async fn page(running: &Running, path: &str) -> Html {
    let reply = open(running, path).await.expect_status(200);
    assert!(reply.text.len() < MOST_BYTES, "{path} weighs {}", reply.text.len());
    Html::parse_document(&reply.text)
}

#[tokio::test]
async fn the_question_comes_before_the_answer() {
    let running = start(program()).await;
    let page = page(&running, "/lab").await;
    assert_eq!(all(&page, "input[name=guess]").len(), ANSWERS.len() + 1);
    assert!(all(&page, "#answers").is_empty(), "it gives the result away");
}

#[tokio::test]
async fn every_answer_has_a_lane_in_both_drawings_a_row_and_a_page_of_its_own() {
    let running = start(program()).await;
    let page = page(&running, "/lab?show=1").await;
    let drawings = all(&page, "svg.timeline-picture");
    assert_eq!(drawings.len(), 2);
    for drawing in drawings {
        for part in ["title", "desc"] {
            let part = Selector::parse(part).unwrap();
            assert_eq!(drawing.select(&part).count(), 1);
        }
        assert_eq!(
            drawing.select(&Selector::parse(".name").unwrap()).count(),
            ANSWERS.len()
        );
    }
    let rows = all(&page, "#answers tbody tr");
    let slugs: Vec<_> = rows.iter().map(|row| row.attr("data-answer").unwrap()).collect();
    assert_eq!(slugs, ANSWERS);
    let links = all(&page, "#answers th a");
    let links: Vec<_> = links.iter().map(|link| link.attr("href").unwrap()).collect();
    assert_eq!(links, ANSWERS.map(|slug| format!("/lab/{slug}")));
}

#[tokio::test]
async fn the_same_address_shows_the_same_result_to_everybody() {
    let running = start(program()).await;
    let address = "/lab?show=1&short=3m&long=1h&theft=2m&logout=7m&loot=both&grace=0s";
    let body = |page: &Html| all(page, "main").first().map(|main| main.html());
    let (one, other) = (page(&running, address).await, page(&running, address).await);
    assert_eq!(body(&one), body(&other));
}

#[tokio::test]
async fn every_story_can_be_opened_by_its_link() {
    let running = start(program()).await;
    let first = page(&running, "/lab").await;
    let stories = all(&first, ".stories a");
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/content/comparison.toml")).unwrap();
    let file: toml::Table = toml::from_str(&file).unwrap();
    let written = file["story"].as_array().unwrap();
    assert!(stories.len() >= 6 && stories.len() == written.len());
    for (story, written) in stories.into_iter().zip(written) {
        let address = story.attr("href").unwrap();
        assert_eq!(
            address,
            format!("/lab?story={}&show=1", written["slug"].as_str().unwrap())
        );
        let told = page(&running, address).await;
        assert_eq!(all(&told, "#answers tbody tr").len(), ANSWERS.len(), "{}", text(story));
        assert!(all(&told, ".judged").is_empty(), "a prediction that was not made");
        // Each of its settings is one that can be set.
        for (name, value) in written.get("set").iter().flat_map(|set| set.as_table().unwrap()) {
            let field = all(&told, &format!("input#{name}, select#{name} option[selected]"));
            assert_eq!(field[0].attr("value"), value.as_str(), "{address}: {name}");
        }
    }
}

#[tokio::test]
async fn a_prediction_can_be_that_none_of_them_refuses() {
    let running = start(program()).await;
    let bare = page(&running, "/lab").await;
    assert!(all(&bare, "#answers, .judged, input[checked]").is_empty());
    for (guess, right) in [("guess=none", 5), ("guess=stored&guess=sessions", 7)] {
        let judged = page(&running, &format!("/lab?{guess}")).await;
        assert_eq!(all(&judged, ".judged li").len(), ANSWERS.len(), "{guess}");
        let told = text(all(&judged, ".judged p")[0]);
        assert!(told.contains(&format!("{right} of the 8")), "{guess}: {told}");
    }
}

#[tokio::test]
async fn a_lane_where_nothing_was_stolen_does_not_apply() {
    let running = start(program()).await;
    let page = page(&running, "/lab?story=refresh-token&show=1&guess=rotation").await;
    let idle: Vec<_> = all(&page, "#answers tr[data-answer]")
        .into_iter()
        .filter(|row| text(*row).contains("does not apply"))
        .map(|row| row.attr("data-answer").unwrap())
        .collect();
    assert_eq!(idle, ["stored", "client-delete", "short-lived", "sessions"]);
    assert_eq!(
        all(&page, "#answers td.kept-out").len(),
        4,
        "only these lanes show anything"
    );
    let told = text(all(&page, "#finding")[0]);
    assert!(
        told.contains("four of the answers") && told.contains("four have no such token"),
        "{told}"
    );
    assert_eq!(all(&page, ".judged li").len(), 4);
    for drawing in all(&page, "svg.timeline-picture") {
        let kept = Selector::parse(".verdict-of.kept-out").unwrap();
        assert_eq!(drawing.select(&kept).count(), 4);
    }
    assert!(
        all(&page, ".answers li")
            .into_iter()
            .filter(|lane| text(*lane).contains("It does not apply"))
            .count()
            == 4
    );
}

/// The seventh chapter's point: an answer refuses right after the logout only if it checks a store.
#[tokio::test]
async fn exactly_the_answers_that_check_a_store_refuse_after_the_logout() {
    let running = start(program()).await;
    let page = page(&running, "/lab?show=1").await;
    let mut asking = 0;
    for row in all(&page, "#answers tbody tr") {
        let cell = |name: &str| {
            row.select(&Selector::parse(&format!("[data-col={name}]")).unwrap())
                .next()
                .unwrap()
        };
        let asks = ["database-reads", "blacklist-reads"]
            .iter()
            .any(|reads| text(cell(reads)) != "0");
        assert_eq!(cell("dies").attr("data-seconds") == Some("0"), asks, "{}", text(row));
        asking += usize::from(asks);
    }
    assert_eq!(asking, 3);
}

#[tokio::test]
async fn the_drawing_has_a_window_after_the_logout_only_where_the_thief_is_in() {
    let running = start(program()).await;
    let page = page(&running, "/lab?show=1").await;
    for drawing in all(&page, "svg.timeline-picture") {
        let find = |css: &str| drawing.select(&Selector::parse(css).unwrap()).collect::<Vec<_>>();
        let number = |element: ElementRef, name: &str| element.attr(name).unwrap().parse::<f64>().unwrap();
        let width: f64 = drawing
            .attr("viewbox")
            .or(drawing.attr("viewBox"))
            .unwrap()
            .split(' ')
            .nth(2)
            .unwrap()
            .parse()
            .unwrap();
        for band in find("rect.before, rect.after") {
            assert!(number(band, "x") >= 0.0 && number(band, "x") + number(band, "width") <= width);
        }
        assert!(
            find("text.tick")
                .into_iter()
                .filter(|tick| tick.attr("text-anchor").is_some())
                .all(|tick| number(tick, "x") <= width)
        );
        assert!(number(find("line.logout")[0], "x1") > number(find("line.theft")[0], "x1"));
        let groups = find("g");
        let open: Vec<_> = groups
            .into_iter()
            .filter(|group| group.select(&Selector::parse("rect.after").unwrap()).next().is_some())
            .map(|group| text(group.select(&Selector::parse(".name").unwrap()).next().unwrap()))
            .collect();
        assert_eq!(
            open,
            [
                "Delete on the client",
                "Short-lived tokens",
                "Rotation",
                "Pushed event",
                "Status list"
            ]
        );
    }
}

#[tokio::test]
async fn the_axis_is_logarithmic_only_where_a_linear_one_would_hide_a_part() {
    let running = start(program()).await;
    for (query, is) in [("", true), ("&long=5m", false)] {
        let page = page(&running, &format!("/lab?show=1{query}")).await;
        let told = all(&page, ".timelines figcaption")
            .into_iter()
            .map(text)
            .collect::<String>();
        assert_eq!(told.contains("the axis is logarithmic"), is, "{query}");
    }
}

#[tokio::test]
async fn the_longest_stories_that_may_be_asked_for_are_light_enough() {
    let running = start(program()).await;
    for (short, long, logout) in [("24m", "24h", "24h"), ("30s", "30s", "30m"), ("30s", "24h", "30m")] {
        let path = format!("/lab?short={short}&long={long}&theft=1s&logout={logout}&loot=both&grace=30s&guess=none");
        page(&running, &path).await;
    }
}

#[tokio::test]
async fn a_prediction_that_contradicts_itself_is_not_scored() {
    let running = start(program()).await;
    let reply = open(&running, "/lab?guess=none&guess=stored").await.expect_status(422);
    let contradicts = Html::parse_document(&reply.text);
    assert!(text(all(&contradicts, "#guess-error")[0]).contains("contradict each other"));
    assert_eq!(all(&contradicts, "input[name=guess][checked]").len(), 2);
    assert!(all(&contradicts, "#answers, .times .error").is_empty());
}

/// The sentence and the table beside it say the same number.
#[tokio::test]
async fn how_often_you_were_thrown_out_is_said_as_a_number() {
    let running = start(program()).await;
    let page = page(&running, "/lab?short=3m&theft=6m&logout=8m&show=1").await;
    let row = all(&page, "tr[data-answer=short-lived] [data-col=logged-out-by-itself]")[0];
    let told = all(&page, ".answers li")
        .into_iter()
        .map(text)
        .find(|told| told.starts_with("Short"));
    let expected = format!(
        "you were thrown out {} times on the way.",
        row.attr("data-count").unwrap()
    );
    assert!(told.as_ref().is_some_and(|told| told.ends_with(&expected)), "{told:?}");
}

#[tokio::test]
async fn a_wrong_value_is_reported_beside_its_field_and_the_input_is_kept() {
    let running = start(program()).await;
    let reply = open(&running, "/lab?short=soon&theft=20m&logout=10m&guess=stored").await;
    let page = Html::parse_document(&reply.expect_status(422).text);
    assert!(all(&page, "#answers").is_empty());
    for (field, typed, error) in [
        ("short", "soon", "must be a time"),
        ("theft", "20m", "before the logout"),
    ] {
        let input = all(&page, &format!("input[name={field}]"));
        assert_eq!(input[0].attr("value"), Some(typed));
        assert_eq!(input[0].attr("aria-invalid"), Some("true"));
        let told = all(&page, &format!("#{field}-error"));
        assert!(text(told[0]).contains(error), "{}", text(told[0]));
    }
    assert_eq!(
        all(&page, "input[value=stored][checked]").len(),
        1,
        "the prediction is lost"
    );
}

#[tokio::test]
async fn with_the_demo_off_there_is_no_lab() {
    // Every page and button of it; where the demo is on, each is there.
    for (demo, there) in [("on", true), ("off", false)] {
        let running = start(program().env("RESCIND_DEMO", demo)).await;
        let learner = running.cookie_client();
        for path in ["/lab", "/lab/blacklist", "/lab/sessions", "/lab/race"] {
            let page = learner.open(path).await;
            assert_eq!(page.status == 200, there, "{path}: {page:?}");
            assert!(there || page.status == 404, "{path}: {page:?}");
        }
        let pressed = learner.post("/lab/blacklist/do", &[("action", "log-in")]).await;
        assert_eq!(pressed.status == 404, !there, "{pressed:?}");
    }
}

/// As a learner would, and wrong at first.
async fn a_prediction_is_judged(javascript: JavaScript) {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = start(program()).await;
    let browser: Browser = running.browser(javascript).await;
    browser.open("/").await;
    browser.follow("Lab").await;
    let tick = |slug: &str| format!("input[value={slug}]");
    for slug in ["stored", "rotation"] {
        let driver = browser.driver();
        driver
            .find(thirtyfour::By::Css(tick(slug)))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }
    browser.press("Play it under all of them").await;
    browser.wait_for_text("Your prediction").await;
    let said = browser.text().await;
    assert!(said.contains("Right: under “Stored tokens” it is refused"), "{said}");
    assert!(said.contains("Not so: under “Rotation” it is accepted"), "{said}");
    assert!(said.contains("Not so: under “Blacklist” it is refused"), "{said}");
    assert!(said.contains("5 of the 8 are as you expected"), "{said}");
}

#[tokio::test]
async fn a_wrong_prediction_is_marked_and_explained() {
    a_prediction_is_judged(JavaScript::On).await;
}

#[tokio::test]
async fn a_wrong_prediction_is_marked_without_scripts_too() {
    a_prediction_is_judged(JavaScript::Off).await;
}
