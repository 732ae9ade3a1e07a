//! Every chapter's story, with every combination of its controls, against the expected outcome.

use std::time::Duration;

use rescind_testkit::CookieClient;

use crate::reader::{Page, chapters, open, program};

/// The choices, by the names of the controls.
struct Choices(Vec<(String, String)>);

impl Choices {
    fn is(&self, name: &str, value: &str) -> bool {
        self.of(name) == value
    }

    fn of(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        &found.unwrap_or_else(|| panic!("no control {name}")).1
    }

    fn seconds(&self, name: &str) -> u64 {
        let text = self.of(name);
        let (number, unit) = text.split_at(text.len() - 1);
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            _ => 3_600,
        };
        number.parse::<u64>().unwrap() * unit
    }

    fn query(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

/// A moment of a story: its words, the answer, and the class of its icon.
struct Moment {
    words: String,
    answer: String,
    said: &'static str,
}

struct Story {
    page: Page,
    finding: String,
    /// The class of the finding.
    said: String,
    moments: Vec<Moment>,
}

impl Story {
    async fn play(reader: &CookieClient, address: &str, query: &str) -> Self {
        let page = Page::open(reader, &format!("{address}?{query}")).await;
        let [finding] = page.words("#finding").try_into().unwrap();
        let [class] = page.attributes("#finding", "class").try_into().unwrap();
        let what = page.words("#try .played .what");
        let whole = page.words("#try .played li");
        let marks = page.each("#try .played li", |item| {
            let classes = item.descendent_elements().filter_map(|element| element.attr("class"));
            let classes: Vec<_> = classes.flat_map(str::split_whitespace).collect();
            let known = ["thief-in", "kept-out", "you", "passed", "refused", "unknown"];
            known.into_iter().find(|known| classes.contains(known)).unwrap_or("")
        });
        let moments = what
            .into_iter()
            .zip(whole)
            .zip(marks)
            .map(|((words, answer), said)| Moment {
                words: words
                    .trim_start_matches("Accepted: ")
                    .trim_start_matches("Refused: ")
                    .trim_start_matches("Unanswered: ")
                    .to_owned(),
                answer,
                said,
            });
        Self {
            finding,
            said: class.trim_start_matches("finding ").to_owned(),
            moments: moments.collect(),
            page,
        }
    }
}

/// Every combination of a chapter's controls.
fn all_choices(page: &Page) -> Vec<Choices> {
    let controls = page.each("#try select", |select| {
        let options = select.child_elements().filter_map(|option| option.attr("value"));
        let options: Vec<_> = options.map(str::to_owned).collect();
        (select.attr("name").unwrap().to_owned(), options)
    });
    let mut all = vec![Vec::new()];
    for (name, options) in controls {
        let with = |chosen: &Vec<(String, String)>| {
            let mut next = Vec::new();
            for value in &options {
                let mut chosen = chosen.clone();
                chosen.push((name.clone(), value.clone()));
                next.push(chosen);
            }
            next
        };
        all = all.iter().flat_map(with).collect();
    }
    all.into_iter().map(Choices).collect()
}

/// Whether the finding has to report that the copy works, computed from the definitions and not from the sandbox.
fn works(chapter: &str, choices: &Choices) -> bool {
    match chapter.trim_start_matches("/learn/") {
        "unissued" | "client-delete" | "short-lived" => true,
        "stored" | "blacklist" | "elsewhere" => choices.is("asked", "nothing"),
        "rotation" => choices.is("then", "logout"),
        "sessions" | "amnesia" | "nodes" => false,
        "races" => choices.is("second", "retry") && choices.seconds("later") < choices.seconds("grace"),
        "keys" => choices.is("change", "nothing"),
        "xss" => choices.is("kept", "storage") && choices.is("asked", "nothing"),
        other => panic!("{other}: what is to come of it?"),
    }
}

/// Red if the thief is in at the end, green if not; where nobody stole anything it is about you, or about a check.
fn expected_colour(chapter: &str, choices: &Choices, works: bool, story: &Story) -> &'static str {
    match (chapter.trim_start_matches("/learn/"), works) {
        ("races", true) => "you",
        ("races", false) if choices.is("second", "retry") => "refused",
        ("keys", true) => "passed",
        ("xss", _) if choices.is("kept", "cookie") => {
            let by_script: Vec<_> = story
                .moments
                .iter()
                .filter(|moment| moment.words.contains("script"))
                .collect();
            assert_eq!((by_script[0].said, by_script[1].said), ("thief-in", "kept-out"));
            "kept-out"
        }
        (_, true) => "thief-in",
        (_, false) => "kept-out",
    }
}

#[tokio::test]
async fn every_story_ends_as_the_chapter_says_with_any_settings() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let (mut stories, mut drawn) = (0, 0);
    for chapter in chapters(&reader).await {
        for choices in all_choices(&Page::open(&reader, &format!("{chapter}?play=1")).await) {
            let query = choices.query();
            let story = Story::play(&reader, &chapter, &query).await;
            let works = works(&chapter, &choices);
            let expected = expected_colour(&chapter, &choices, works, &story);
            assert_eq!(story.said, expected, "{chapter} {query}: {}", story.finding);
            assert!(story.moments.len() > 3, "{chapter} {query}");
            for moment in &story.moments {
                let told = format!("{} {}", moment.words, moment.answer);
                assert!(!told.contains("eyJ") && !told.contains("rrt_"), "{chapter} {query}");
            }
            // A failing blacklist may refuse a valid token, and never accepts a revoked one.
            if matches!(chapter.as_str(), "/learn/amnesia" | "/learn/nodes") {
                let mut moments = story.moments.iter();
                assert!(moments.any(|moment| moment.words == "You log out"), "{query}");
                assert!(moments.all(|moment| moment.said != "thief-in"), "{chapter} {query}");
            }
            drawn += usize::from(is_within_the_picture(&story, works));
            stories += 1;
        }
    }
    assert!(stories > 70, "{stories}");
    assert!(drawn > 40, "{drawn}");
}

/// The drawing of the two spans, if any: within the picture, and after the logout only a copy that still works.
fn is_within_the_picture(story: &Story, works: bool) -> bool {
    const WIDTH: u64 = 1_000;
    let rects = story.page.each(".spans rect", |rect| {
        let number = |name| rect.attr(name).unwrap().parse::<u64>().unwrap();
        (
            rect.attr("class").unwrap().to_owned(),
            number("x") + number("width"),
            number("width"),
        )
    });
    for (class, end, _) in &rects {
        assert!(*end <= WIDTH, "{class} ends at {end}");
    }
    let after = rects
        .iter()
        .any(|(class, _, width)| class.starts_with("after") && *width > 0);
    let told = story.page.words(".spans figcaption .inside");
    let is_drawn = !rects.is_empty();
    assert_eq!(after, is_drawn && works, "{}", story.finding);
    assert_eq!(!told.is_empty(), is_drawn && works, "{}", story.finding);
    is_drawn
}

#[tokio::test]
async fn the_window_after_a_logout_is_the_tokens_remaining_lifetime() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for choices in all_choices(&Page::open(&reader, "/learn/client-delete?play=1").await) {
        let left = choices.seconds("life") - choices.seconds("theft") - choices.seconds("logout");
        let told = format!("for another {}.", words(Duration::from_secs(left)));
        let story = Story::play(&reader, "/learn/client-delete", &choices.query()).await;
        assert!(
            story.finding.ends_with(&told),
            "{}: {} and not {told}",
            choices.query(),
            story.finding
        );
    }
}

/// As a page says it: "11 h 54 min", "14 min", "9 min 30 s".
fn words(length: Duration) -> String {
    let seconds = length.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let units = match (hours, minutes) {
        (0, ..10) => [(minutes, "min"), (seconds, "s")],
        (0, _) => [(minutes, "min"), (0, "s")],
        _ => [(hours, "h"), (minutes, "min")],
    };
    let told = units.iter().filter(|(number, _)| *number > 0);
    let told: Vec<_> = told.map(|(number, unit)| format!("{number} {unit}")).collect();
    told.join(" ")
}

#[tokio::test]
async fn twenty_minutes_of_work_take_as_many_logins_as_the_lifetime_implies() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (life, times) in [
        ("1m", "4 times"),
        ("5m", "4 times"),
        ("15m", "again once"),
        ("1h", "not logged out once"),
    ] {
        let story = Story::play(&reader, "/learn/short-lived", &format!("life={life}&work=20m")).await;
        assert!(story.finding.contains(times), "{life}: {}", story.finding);
    }
}

#[tokio::test]
async fn a_changed_token_is_refused_at_the_check_that_the_change_breaks() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (change, refused) in [
        ("sub", "Has that key signed it?"),
        ("exp", "Has that key signed it?"),
        ("none", "Is its algorithm that key’s?"),
        ("kid", "Does it name a key of ours?"),
    ] {
        let story = Story::play(&reader, "/learn/keys", &format!("change={change}")).await;
        let stopped = story.moments.iter().find(|moment| moment.said == "refused");
        assert_eq!(stopped.unwrap().words, refused, "{change}");
    }
}

/// One fact, two pages: a thief who comes within the grace each time.
#[tokio::test]
async fn the_chapter_and_the_race_agree_on_a_thief_in_the_grace() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let fact = "A thief who comes within the grace each time is not noticed. A thief who comes later once is.";
    let chapter = Page::open(&reader, "/learn/races").await;
    let race = Page::open(&reader, "/lab/race?thief=yes").await;
    for page in [&chapter, &race] {
        assert!(page.words("main").concat().contains(fact), "{}", page.address);
    }
    assert!(race.words("#finding").concat().contains("not noticed"));
    let late = Story::play(&reader, "/learn/races", "second=thief&grace=10s&later=0s").await;
    assert!(late.finding.contains("comes late"), "{}", late.finding);
}

/// The four faults differ in what the thief gets, and the finding says it.
#[tokio::test]
async fn each_fault_of_the_blacklist_has_its_own_finding_from_the_trace() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut findings = Vec::new();
    for fault in ["forgets", "stops", "slow", "restart"] {
        let story = Story::play(&reader, "/learn/amnesia", &format!("fault={fault}")).await;
        let after = story.moments.iter().skip_while(|moment| moment.words != "You log out");
        let mut got: Vec<_> = after
            .filter(|moment| moment.said == "kept-out" || moment.said == "unknown")
            .map(|moment| moment.answer.split([',', ':']).next().unwrap_or_default().to_owned())
            .collect();
        got.dedup();
        assert!(
            story.finding.contains(&got.join(", then ")),
            "{fault}: {got:?}, but {}",
            story.finding
        );
        findings.push(story.finding);
    }
    findings.sort();
    findings.dedup();
    assert_eq!(findings.len(), 4, "{findings:#?}");
}
