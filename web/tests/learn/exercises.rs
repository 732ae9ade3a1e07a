//! The exercises as a learner meets them: every hint is opened and followed, every answer solves, wrong attempts are refused.
//!
//! Addresses and answers are read from the pages. Only the wrong attempts are written here.

use std::collections::BTreeSet;

use rescind_testkit::{CookieClient, JavaScript, Reply, Tool, needs};

use crate::reader::{Page, chapters, open, program};

/// The action of each form of an exercise, by its button's label.
fn target(page: &Page, button: &str) -> Option<String> {
    let found = page.each("form.attempt button", |element| {
        let words: String = element.text().collect();
        let own = element
            .attr("formaction")
            .filter(|_| element.attr("formmethod").is_none());
        words.trim().starts_with(button).then(|| own.map(str::to_owned))
    });
    let own = found.into_iter().flatten().next()?;
    own.or_else(|| page.attributes("form.attempt", "action").pop())
}

/// The form's fields as drawn.
fn fields(page: &Page) -> Vec<(String, String)> {
    let named = |selector: &str, value: fn(scraper::ElementRef<'_>) -> Option<String>| {
        page.each(selector, |element| {
            Some((element.attr("name")?.to_owned(), value(element)?))
        })
    };
    let text = |element: scraper::ElementRef<'_>| Some(element.attr("value").unwrap_or_default().to_owned());
    let chosen = |element: scraper::ElementRef<'_>| {
        let options: Vec<_> = element.child_elements().collect();
        let selected = options.iter().find(|option| option.attr("selected").is_some());
        let selected = selected.or(options.first())?;
        selected.attr("value").map(str::to_owned)
    };
    let mut found = named("form.attempt input:not([type=radio])", text);
    found.extend(named("form.attempt input[checked]", text));
    found.extend(named("form.attempt select", chosen));
    found.into_iter().flatten().collect()
}

async fn send(reader: &CookieClient, to: &str, fields: &[(String, String)]) -> Reply {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    reader.post(to, &fields).await.expect_status(303)
}

/// Presses a button of the exercise with the form as drawn, and reads the resulting page.
async fn press(reader: &CookieClient, page: &Page, button: &str) -> Page {
    let to = target(page, button).unwrap_or_else(|| panic!("{}: no button {button}", page.address));
    let reply = send(reader, &to, &fields(page)).await;
    let location = reply.header("location").to_owned();
    assert!(location.ends_with("#exercise"), "{location}");
    Page::open(reader, &location).await
}

/// The check's result.
fn said(page: &Page) -> String {
    let [said] = page
        .words("#checked")
        .try_into()
        .unwrap_or_else(|found| panic!("{}: {found:?}", page.address));
    said
}

fn is_solved(page: &Page) -> bool {
    page.words("#exercise h2 .you") == ["solved"]
}

/// The addresses in the newest hint: what to try, if it can be tried, and where to read on.
fn leads(page: &Page) -> (Option<String>, String) {
    let links = page.attributes("ol.hints > li:last-child a", "href");
    match links.as_slice() {
        [attempt, read] => (Some(attempt.clone()), read.clone()),
        [read] => (None, read.clone()),
        other => panic!("{}: {other:?}", page.address),
    }
}

#[tokio::test]
async fn hints_open_one_by_one_and_each_leads_closer_to_the_goal() {
    let running = open(program()).await;
    for address in chapters(&running.cookie_client()).await {
        let reader = running.cookie_client();
        let mut page = Page::open(&reader, &address).await;
        assert!(page.words("ol.hints > li").is_empty(), "{address}: a hint is open");
        let mut told = BTreeSet::from([said(&press(&reader, &page, "Check").await)]);
        let mut texts = BTreeSet::new();
        for n in 1..=3 {
            let offered = page
                .words("form.attempt button")
                .into_iter()
                .filter(|words| words.starts_with("Open hint"));
            assert_eq!(
                offered.collect::<Vec<_>>(),
                [format!("Open hint {n} of 3")],
                "{address}"
            );
            page = press(&reader, &page, "Open hint").await;
            assert_eq!(page.words("ol.hints > li").len(), n, "{address}");
            let text = page.words("ol.hints > li:last-child > p:first-child").concat();
            assert!(texts.insert(text.replacen(&n.to_string(), "", 1)), "{address}: {text}");
            let (attempt, read) = leads(&page);
            assert_ne!(read, address, "a hint leads elsewhere");
            reader.open(&read).await.expect_status(200);
            let Some(attempt) = attempt else {
                // An exercise in code, whose last hint says it all.
                assert!(page.html.contains("just exercise") && n == 3, "{address}");
                continue;
            };
            let tried = Page::open(&reader, &attempt).await;
            assert!(tried.words("#checked").is_empty(), "{address}: it is judged unasked");
            assert!(tried.words("#exercise-refused").is_empty(), "{address}: {attempt}");
            let now = said(&press(&reader, &tried, "Check").await);
            assert!(now.starts_with("Not yet."), "{address}: hint {n} gives everything away");
            assert!(told.insert(now), "{address}: hint {n} leads nowhere");
        }
        assert_eq!(target(&page, "Open hint"), None, "{address}: a fourth hint");
        assert!(!is_solved(&page), "{address}");
        assert!(
            page.words("#answer").is_empty(),
            "{address}: the answer was not asked for"
        );
    }
}

#[tokio::test]
async fn every_answer_is_shown_on_request_and_solves_its_exercise() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let addresses = chapters(&reader).await;
    for (n, address) in addresses.iter().enumerate() {
        let page = Page::open(&reader, address).await;
        let shown = press(&reader, &page, "Show the answer").await;
        assert_eq!(shown.words("#answer").len(), 1, "{address}");
        assert_eq!(target(&shown, "Show the answer"), None, "{address}");
        assert!(!is_solved(&shown), "{address}: to look is not to solve");
        assert_eq!(shown.words("#exercise h2 .tag"), ["answer seen"], "{address}");

        let [attempt] = shown.attributes("#answer a", "href").try_into().unwrap();
        let done = Page::open(&reader, &attempt).await;
        assert!(!is_solved(&done), "{address}: looked at, and not checked");
        let solved = press(&reader, &done, "Check").await;
        assert!(said(&solved).starts_with("Solved."), "{address}: {}", said(&solved));
        assert!(is_solved(&solved), "{address}");
        // It is still solved on the next visit.
        assert!(is_solved(&Page::open(&reader, address).await), "{address}");
        let contents = Page::open(&reader, "/learn").await;
        assert_eq!(contents.words(".contents .solved").len(), n + 1, "{address}");
    }
    let contents = Page::open(&reader, "/learn").await;
    assert_eq!(contents.attributes("main a.button", "href"), ["/learn/summary"]);
    // Another learner has solved no exercise.
    let other = running.cookie_client();
    assert!(Page::open(&other, "/learn").await.words(".contents .solved").is_empty());
}

/// The second way of two exercises: a file in an editor, whose run ends with a word.
#[tokio::test]
async fn two_exercises_can_be_done_in_code_too() {
    let running = open(program()).await;
    let addresses = chapters(&running.cookie_client()).await;
    let mut in_code = 0;
    for (number, address) in (1_u8..).zip(&addresses) {
        let reader = running.cookie_client();
        let page = Page::open(&reader, address).await;
        let exercise = rescind_exercises::Exercise::of_chapter(number);
        assert_eq!(
            page.html.contains(&format!("just exercise {number}")),
            exercise.is_some(),
            "{address}"
        );
        let Some(exercise) = exercise else { continue };
        // The terminal leads to the page, and the page to the terminal.
        assert_eq!(exercise.page, *address);
        let word = exercise.word.as_str();
        in_code += 1;
        let to = target(&page, "Check").unwrap();
        let shown = press(&reader, &page, "Show the answer").await;
        assert!(!shown.html.contains(word), "{address}: the word is the run's to tell");
        let send = async |typed: &str| {
            let reply = send(&reader, &to, &[("word".to_owned(), typed.to_owned())]).await;
            Page::open(&reader, reply.header("location")).await
        };
        let wrong = send("marble ferry").await;
        assert!(said(&wrong).contains("not the word") && !is_solved(&wrong), "{address}");
        let right = send(&format!(" {word}\n")).await;
        assert!(said(&right).starts_with("Solved.") && is_solved(&right), "{address}");
    }
    assert_eq!(in_code, 2);
}

#[tokio::test]
async fn a_place_without_a_line_is_named() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for lines in [
        "my-insert=later&my-check=both",
        "my-insert=later&my-check=both&my-prune=sometimes",
    ] {
        let page = Page::open(&reader, &format!("/learn/blacklist?{lines}&checked=1")).await;
        let said = said(&page);
        assert!(
            said.contains("no line yet for: prune removes an entry"),
            "{lines}: {said}"
        );
    }
}

/// A chapter, a plausible wrong attempt, and a part of the expected reply.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// One for each chapter, in their order.
const WRONG: [Wrong; 13] = [
    // Another login, and so another token.
    (
        "unissued",
        &[(
            "steps",
            "log-in.copy-access.replay.wait-before-expiry.log-in.copy-access.replay",
        )],
        "under the one login",
    ),
    // Refused, but because it is old.
    (
        "stored",
        &[("steps", "log-in.copy-access.replay.log-out.wait-after-expiry.replay")],
        "too old",
    ),
    (
        "client-delete",
        &[("steps", "log-in.copy-access.replay.log-out")],
        "Who still has it",
    ),
    (
        "short-lived",
        &[("my-answer", "short-lived"), ("my-life", "5m")],
        "5 min",
    ),
    // Within the grace.
    (
        "rotation",
        &[("steps", "log-in.copy-refresh.thief-refresh.refresh")],
        "grace",
    ),
    (
        "blacklist",
        &[("my-insert", "last"), ("my-check", "both"), ("my-prune", "over")],
        "the first revocation is forgotten 10 minutes early",
    ),
    (
        "sessions",
        &[("my-api", "sessions"), ("my-site", "sessions")],
        "database",
    ),
    (
        "races",
        &[("my-rotate", "read"), ("my-lost", "again"), ("my-repeat", "answer")],
        "both were told that they had won",
    ),
    (
        "amnesia",
        &[("steps", "log-in.copy-access.blacklist-forgets.replay.log-out.replay")],
        "since your logout",
    ),
    // The server was not stopped.
    (
        "nodes",
        &[(
            "steps",
            "log-in.copy-access.blacklist-stops.log-out.blacklist-well.replay",
        )],
        "still runs",
    ),
    ("keys", &[("my-order", "at-once"), ("my-keep", "6m")], "refuses"),
    (
        "xss",
        &[
            ("my-1", "yes"),
            ("my-2", "yes"),
            ("my-3", "no"),
            ("my-4", "yes"),
            ("my-5", "no"),
        ],
        "shows such a cookie to no script",
    ),
    ("elsewhere", &[("my-1", "yes"), ("my-2", "yes")], "by itself"),
];

#[tokio::test]
async fn a_wrong_attempt_is_refused_with_what_is_missing() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let addresses = chapters(&reader).await;
    for ((slug, wrong, missing), address) in WRONG.into_iter().zip(addresses) {
        assert!(address.ends_with(slug), "{address}");
        let page = Page::open(&reader, &address).await;
        let to = target(&page, "Check").unwrap();
        let fields: Vec<_> = wrong
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let reply = send(&reader, &to, &fields).await;
        assert_eq!(reply.header("set-cookie"), "", "{address}: nothing was reached");
        let page = Page::open(&reader, reply.header("location")).await;
        let said = said(&page);
        assert!(
            said.starts_with("Not yet.") && said.contains(missing),
            "{address}: {said}"
        );
        assert!(!is_solved(&page), "{address}");
    }
}

/// The list does not deny what has happened: it says that it happened too early, and what comes first.
#[tokio::test]
async fn a_goal_that_is_reached_too_early_names_the_one_that_comes_first() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (chapter, steps, early, first) in [
        (
            "stored",
            "log-in.copy-access.log-out.replay",
            &["You have logged out after the theft", "The row refuses the copy"][..],
            "The copy is let in after a look at the row",
        ),
        (
            "rotation",
            "log-in.copy-refresh.refresh.wait-30s.thief-refresh",
            &["A spent token comes back, and is known"],
            "The thief has exchanged a refresh token",
        ),
    ] {
        let page = Page::open(&reader, &format!("/learn/{chapter}?steps={steps}&checked=1")).await;
        let listed = page.words(".conditions li");
        let expected = early.iter().map(|goal| format!("Too early: {goal}. First: “{first}”"));
        let found: Vec<_> = listed
            .iter()
            .filter(|goal| goal.starts_with("Too early"))
            .cloned()
            .collect();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{chapter}: {listed:?}");
        assert!(listed.contains(&format!("Not met: {first}")), "{chapter}: {listed:?}");
        assert!(
            said(&page).contains(&format!("“{first}” has to come first.")),
            "{}",
            said(&page)
        );
    }
}

/// A wrong line fails only the stories that are about it.
#[tokio::test]
async fn a_wrong_check_fails_no_story_of_the_other_lines() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (check, about) in [
        ("session", "a revoked token is refused and its session goes on"),
        ("token", "a logout refuses every token of the session"),
    ] {
        let address = format!("/learn/blacklist?my-insert=later&my-check={check}&my-prune=over&checked=1");
        let listed = Page::open(&reader, &address).await.words(".conditions li");
        let failing: Vec<_> = listed.iter().filter(|goal| goal.starts_with("Not met")).collect();
        assert_eq!(failing, [&format!("Not met: {about}")], "{check}");
    }
}

#[tokio::test]
async fn a_stolen_key_is_good_for_as_long_as_it_is_kept() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (kept, good) in [("6m", "another 6 min"), ("30d", "another 30 days")] {
        let address = format!("/learn/keys?my-order=known&my-keep={kept}&checked=1");
        let page = Page::open(&reader, &address).await;
        let exercise = page.words("#exercise").concat();
        assert!(exercise.contains(good), "{kept}: {exercise}");
    }
}

#[tokio::test]
async fn steps_are_added_and_removed_with_links_and_forms_alone() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let address = "/learn/stored";
    let begun = Page::open(&reader, &format!("{address}?steps=log-in&action=copy-access")).await;
    assert_eq!(fields(&begun), [("steps".to_owned(), "log-in.copy-access".to_owned())]);
    assert_eq!(begun.words("#exercise .scrub a").len(), 3);
    let back = Page::open(&reader, &format!("{address}?steps=log-in.copy-access&undo=1")).await;
    assert_eq!(fields(&back), [("steps".to_owned(), "log-in".to_owned())]);
    // What the exercise does not offer is left out, and so are too many steps.
    let long = ["call"; 99].join(".");
    for (query, steps) in [
        ("steps=log-in.kill-server.nonsense.call&action=replay", "log-in.call"),
        ("undo=1", ""),
        ("%ff=%&steps=..&my-life=1h", ""),
        (
            &*format!("steps=log-in.{long}"),
            &*format!("log-in.{}", ["call"; 19].join(".")),
        ),
    ] {
        let page = Page::open(&reader, &format!("{address}?{query}")).await;
        assert_eq!(fields(&page), [("steps".to_owned(), steps.to_owned())], "{query}");
    }
    let chosen = Page::open(&reader, "/learn/short-lived?my-life=1y&my-answer=rotation&steps=call").await;
    assert_eq!(chosen.attributes("#exercise option[selected]", "value"), ["rotation"]);
    // An impossible step shows the reason, and is left out.
    let stuck = Page::open(&reader, &format!("{address}?steps=log-in&action=replay")).await;
    assert_eq!(fields(&stuck), [("steps".to_owned(), "log-in".to_owned())]);
    let [why] = stuck.words("#exercise-refused").try_into().unwrap();
    assert!(why.contains("copy one first"), "{why}");
    for query in [
        "steps=..",
        "steps=%00&action=%ff",
        "action=nothing&undo=1",
        "steps=log-in.log-in&checked=&checked",
    ] {
        Page::open(&reader, &format!("{address}?{query}")).await;
    }
}

/// The stage of an attempt: the buttons are at its last step, and each step has its verdict.
#[tokio::test]
async fn the_stage_of_an_attempt_shows_each_step_and_has_the_buttons() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let attempt = "/learn/stored?steps=log-in.copy-access.replay.log-out.replay";
    let mut page = Page::open(&reader, attempt).await;
    assert_eq!(page.words("#exercise .may button").len(), 9);
    let (mut verdicts, mut steps) = (Vec::new(), 0);
    loop {
        verdicts.extend(page.attributes("#exercise-door-thief", "class"));
        // The attempt stays whole.
        assert_eq!(fields(&page)[0].1, "log-in.copy-access.replay.log-out.replay");
        let Some(previous) = page.attributes("#exercise-walk-previous", "href").pop() else {
            break;
        };
        assert!(previous.ends_with("#exercise"), "{previous}");
        page = Page::open(&reader, &previous).await;
        steps += 1;
        assert_eq!(
            page.words("#exercise .may button"),
            [""; 0],
            "they act on the last step"
        );
    }
    assert_eq!(steps, 5);
    let expected = ["kept-out", "unknown", "thief-in", "unknown", "unknown", "unknown"];
    assert_eq!(verdicts, expected.map(|verdict| format!("door {verdict}")));
    // What cannot be pressed says why. What can be pressed leads on.
    let begun = Page::open(&reader, "/learn/stored").await;
    assert_eq!(begun.attributes("#do-replay", "aria-disabled"), ["true"]);
    assert!(begun.words("#why-replay").concat().contains("copy one first"));
    for form in begun.each("#exercise .may form", |form| {
        (form.attr("method"), form.attr("action")) == (Some("get"), Some("/learn/stored#exercise"))
    }) {
        assert!(form);
    }
    let pressed = Page::open(&reader, "/learn/stored?steps=&action=log-in").await;
    assert!(pressed.words("#exercise-told").concat().contains("You are logged in."));
    assert!(pressed.attributes("#do-copy-access", "aria-disabled").is_empty());
}

/// The sandbox in the lab is the learner's own, and judged by the same conditions.
#[tokio::test]
async fn what_was_done_in_the_lab_can_be_checked_in_the_course() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let address = "/learn/stored";
    let page = Page::open(&reader, address).await;
    let button = "Check what you did in the lab";
    assert_eq!(target(&page, button), None, "nothing was done there");
    let [lab] = page
        .attributes("#exercise > .hint a", "href")
        .try_into()
        .unwrap_or_else(|found| panic!("{found:?}"));
    let press_in_the_lab = async |action: &str| {
        reader
            .post(&format!("{lab}/do"), &[("action", action)])
            .await
            .expect_status(303);
    };
    let check = async |page: &Page| {
        let mut fields = fields(page);
        fields.push(("from".to_owned(), "lab".to_owned()));
        let reply = send(&reader, &target(page, button).unwrap(), &fields).await;
        Page::open(&reader, reply.header("location")).await
    };
    for action in ["log-in", "copy-access", "replay", "log-out"] {
        press_in_the_lab(action).await;
    }
    let page = Page::open(&reader, address).await;
    let checked = check(&page).await;
    assert!(
        said(&checked).starts_with("Not yet. The row has not refused"),
        "{}",
        said(&checked)
    );
    press_in_the_lab("replay").await;
    let solved = check(&page).await;
    assert!(
        said(&solved).starts_with("Solved.") && is_solved(&solved),
        "{}",
        said(&solved)
    );

    // Another answer's sandbox is not judged, nor another learner's.
    assert_eq!(target(&Page::open(&reader, "/learn/amnesia").await, button), None);
    let other = running.cookie_client();
    let reply = send(
        &other,
        &format!("{address}/check"),
        &[("from".to_owned(), "lab".to_owned())],
    )
    .await;
    let page = Page::open(&other, reply.header("location")).await;
    assert!(said(&page).starts_with("Not yet."), "{}", said(&page));
    assert_eq!(
        page.words("form.attempt > .error"),
        ["You have no sandbox under this answer in the lab."]
    );
}

#[tokio::test]
async fn a_learner_solves_an_exercise_in_a_browser_with_and_without_scripts() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = open(program()).await;
    for javascript in [JavaScript::On, JavaScript::Off] {
        let browser = running.browser(javascript).await;
        browser.set_viewport(390, 900).await;
        browser.open("/learn/stored").await;
        // With scripts the stage changes in place.
        let press = async |button: &str, told: &str| {
            match javascript {
                JavaScript::On => browser.press_in_place(button).await,
                JavaScript::Off => browser.press(button).await,
            }
            browser.wait_for_text(told).await;
        };
        press("Log in", "You are logged in.").await;
        press("Copy what you send", "The thief has a copy of your access token.").await;
        press("Log out", "You are logged out.").await;
        browser.press("Check").await;
        browser.wait_for_text("The row has not let the copy in").await;
        browser.press("Open hint 1 of 3").await;
        browser.wait_for_text("A login opens the row.").await;
        browser.press("Take the last step back").await;
        press("Replay the copy", "The thief is in").await;
        press("Log out", "You are logged out.").await;
        press("Replay the copy", "The thief is refused").await;
        browser.press("Check").await;
        browser.wait_for_text("Solved.").await;
        let (content, _) = browser.content_size().await;
        assert!(content <= 390, "it is {content} wide");
        browser.open("/learn").await;
        browser.wait_for_text("solved").await;
        let said = browser.console().await;
        assert!(said.is_empty(), "{said:?}");
    }
}

#[tokio::test]
async fn progress_is_a_cookie_for_the_course_alone_and_a_forged_one_is_harmless() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let page = Page::open(&reader, "/learn/xss").await;
    let reply = send(&reader, &target(&page, "Open hint").unwrap(), &[]).await;
    let cookie = reply.header("set-cookie");
    for part in [
        "_course=12h1;",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/learn",
        "Max-Age=31536000",
    ] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }

    // Only the valid parts are kept.
    let somebody = running.cookie_client();
    somebody.plant_cookie("rescind_course=2.4h9.5h.6hx.7q.8ah2.9p3.10sd2.11d9; Path=/learn");
    let reply = send(&somebody, &target(&page, "Open hint").unwrap(), &[]).await;
    let kept = reply.header("set-cookie");
    assert!(kept.contains("_course=2.4h3.8ah2.9p3.10sd2.11d9.12h1;"), "{kept}");

    for (forged, solved) in [
        ("1.2.3.4.5.6.7.8.9.10.11.12.13.14.99", 13),
        ("0.-1.999999999999999999999", 0),
        ("1s2s3s.xx.%00.7", 2),
        ("\"><script>alert(1)</script>", 0),
        ("", 0),
    ] {
        let somebody = running.cookie_client();
        somebody.plant_cookie(&format!("rescind_course={forged}; Path=/learn"));
        let contents = Page::open(&somebody, "/learn").await;
        assert_eq!(contents.words(".contents .solved").len(), solved, "{forged}");
        assert!(!contents.html.contains("alert(1)"), "{forged}");
        // It grants no access, and a wrong attempt stays wrong.
        assert_eq!(somebody.open("/account").await.status, 303, "{forged}");
        let page = Page::open(&somebody, "/learn/stored").await;
        let checked = press(&somebody, &page, "Check").await;
        assert!(said(&checked).starts_with("Not yet."), "{forged}");
        // The next cookie can be parsed.
        press(&somebody, &page, "Show the answer").await;
        assert_eq!(
            Page::open(&somebody, "/learn/stored").await.words("#answer").len(),
            1,
            "{forged}"
        );
    }
}

#[tokio::test]
async fn forms_of_unknown_chapters_and_of_other_sites_are_refused() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for deed in ["check", "hint", "answer"] {
        assert_eq!(
            reader.post(&format!("/learn/nowhere/{deed}"), &[]).await.status,
            404,
            "{deed}"
        );
        assert_eq!(
            reader.open(&format!("/learn/stored/{deed}")).await.status,
            405,
            "{deed}"
        );
    }
    assert_eq!(reader.post("/learn/stored/other", &[]).await.status, 404);
    let stranger = reader.with_provenance(rescind_testkit::Provenance::OtherOrigin(
        "https://evil.example".to_owned(),
    ));
    let reply = stranger.post("/learn/stored/answer", &[]).await;
    assert_eq!((reply.status, reply.header("set-cookie")), (403, ""));
}

/// With all parts of an exercise open, each address in it exists.
#[tokio::test]
async fn every_address_in_tasks_hints_and_answers_exists() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut seen = 0;
    for address in chapters(&reader).await {
        let mut page = Page::open(&reader, &address).await;
        for button in ["Open hint", "Open hint", "Open hint", "Show the answer"] {
            page = press(&reader, &page, button).await;
        }
        let mut addresses = page.attributes("#exercise a", "href");
        addresses.extend(page.attributes("#exercise [formmethod=get]", "formaction"));
        for to in addresses {
            seen += 1;
            let (path, anchor) = to.split_once('#').unwrap_or((&to, ""));
            let found = Page::open(&reader, path).await;
            let ids = found.attributes("[id]", "id");
            assert!(
                anchor.is_empty() || ids.iter().any(|id| id == anchor),
                "{address}: {to}"
            );
        }
        // No page exceeds the size limit.
        assert!(page.html.len() < 100 * 1024, "{address}: {}", page.html.len());
        let ids = page.attributes("[id]", "id");
        assert_eq!(
            ids.len(),
            ids.iter().collect::<BTreeSet<_>>().len(),
            "{address}: {ids:?}"
        );
    }
    assert!(seen > 100, "{seen}");
}
