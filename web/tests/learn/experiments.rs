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

/// A step of a story, as its own page shows it.
struct Step {
    /// On the time line.
    mark: String,
    /// The headline, and the sentence beneath.
    told: String,
    /// The classes of the two doors: the thief's and yours.
    doors: [String; 2],
    /// The reply to the thief, if there was a request of theirs in this step.
    got: Option<String>,
}

struct Story {
    page: Page,
    finding: String,
    /// The class of the finding.
    said: String,
    /// In their order. Empty in the story about a changed token.
    steps: Vec<Step>,
}

impl Story {
    /// Plays it, and walks from its last step to its first one.
    async fn play(reader: &CookieClient, address: &str, query: &str) -> Self {
        let page = Page::open(reader, &format!("{address}?{query}")).await;
        let [finding] = page.words("#finding").try_into().unwrap();
        let [class] = page.attributes("#finding", "class").try_into().unwrap();
        let mut steps = Vec::new();
        let mut to = page
            .words("#try .stage")
            .len()
            .checked_sub(1)
            .map(|_| page.address.clone());
        while let Some(step) = to {
            let at = Page::open(reader, &step).await;
            assert_eq!(at.words("#finding"), [finding.as_str()], "{step}");
            steps.push(Step::of(&at));
            to = at.attributes("#try-walk-previous", "href").pop();
        }
        steps.reverse();
        Self {
            finding,
            said: class.trim_start_matches("finding ").to_owned(),
            steps,
            page,
        }
    }

    fn after_the_logout(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().skip_while(|step| step.mark != "you log out")
    }
}

impl Step {
    fn of(page: &Page) -> Self {
        let doors = ["thief", "you"].map(|who| {
            let [class] = page
                .attributes(&format!("#try-door-{who}"), "class")
                .try_into()
                .unwrap();
            let class = class.trim_start_matches("door ").to_owned();
            // The colour says what the status says.
            let status = page.words(&format!("#try-door-{who} .status code")).concat();
            let known: &[&str] = match (who, status.split(' ').next()) {
                ("thief", Some("200")) => &["thief-in"],
                ("thief", Some("401" | "503")) => &["kept-out"],
                ("you", Some("200" | "303")) => &["you"],
                ("you", Some("401" | "503")) => &["refused"],
                _ => &["unknown"],
            };
            assert_eq!(known, [&*class], "{}: {who}, {status}", page.address);
            class
        });
        Self {
            mark: page.attributes("#try-scrub [aria-current]", "title").concat(),
            told: page.words("#try-told").concat(),
            doors,
            got: page.words("#try .message.from-thief").pop().map(|message| {
                let (_, reply) = message.split_once(", ").unwrap();
                reply.to_owned()
            }),
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
        "stored" | "blacklist" => choices.is("asked", "nothing"),
        "elsewhere" => !choices.is("asked", "blacklist"),
        "rotation" => choices.is("then", "logout") || choices.is("loot", "refresh"),
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
        ("xss", _) if choices.is("kept", "cookie") => {
            let by_script = story.steps.iter().skip(1).filter(|step| step.told.contains("cript"));
            let by_script: Vec<_> = by_script.map(|step| step.doors[0].as_str()).collect();
            assert_eq!(by_script, ["thief-in", "kept-out"]);
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
            assert!(!story.page.words("#try").concat().contains("eyJ"), "{chapter} {query}");
            assert!(!story.page.words("#try").concat().contains("rrt_"), "{chapter} {query}");
            let after: Vec<_> = story.after_the_logout().collect();
            // A failing blacklist may refuse a valid token, and never accepts a revoked one.
            if matches!(chapter.as_str(), "/learn/amnesia" | "/learn/nodes") {
                assert!(!after.is_empty(), "{query}");
            }
            // The doors and the time line agree with the finding.
            if !after.is_empty() {
                let is_in = after.iter().any(|step| step.doors[0] == "thief-in");
                assert_eq!(is_in, works, "{chapter} {query}: {}", story.finding);
                drawn += 1;
            }
            if chapter == "/learn/keys" {
                assert!(story.page.words("#try .played li").len() > 3, "{query}");
            }
            assert!(story.steps.len() > 3, "{chapter} {query}");
            assert_eq!(story.steps[0].mark, "", "{chapter} {query}: the beginning");
            the_bands_are_within_the_picture(&story.page);
            stories += 1;
        }
    }
    assert!(stories > 70, "{stories}");
    assert!(drawn > 40, "{drawn}");
}

/// The bands of each door fill the columns of the time line: one a step, and one for what the last state lasts.
fn the_bands_are_within_the_picture(page: &Page) {
    let columns = page.words("#try .scrub li").len() + 1;
    assert_eq!(page.words("#try .line-picture tr:first-child > *").len(), columns + 1);
    let rows = page.words("#try .line-picture th[scope=row]").len();
    let bands = page.attributes("#try .line-picture td[colspan]", "colspan");
    let filled: usize = bands.iter().map(|band| band.parse::<usize>().unwrap()).sum();
    assert!(rows > 0, "{}", page.address);
    assert_eq!(filled, rows * columns, "{}: {bands:?}", page.address);
}

/// One stage: the same parts as in the lab, in the same order.
#[tokio::test]
async fn experiments_and_exercises_have_the_stage_of_the_lab() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let parts = |page: &Page, within: &str| {
        let parts = [
            ".stage > div",
            ".stage > section",
            ".scene > section",
            ".door",
            ".kept > div",
            ".scrub",
        ];
        let parts = parts.map(|part| format!("{within} {part}")).join(", ");
        page.each(&parts, |part| {
            part.value().classes().next().unwrap_or_default().to_owned()
        })
    };
    let lab = parts(&Page::open(&reader, "/lab/blacklist").await, "main");
    assert!(lab.len() > 9, "{lab:?}");
    let mut exercises = 0;
    for chapter in chapters(&reader).await {
        let page = Page::open(&reader, &format!("{chapter}?play=1")).await;
        assert_eq!(parts(&page, "#try"), lab, "{chapter}");
        if !page.words("#exercise .stage").is_empty() {
            assert_eq!(parts(&page, "#exercise"), lab, "{chapter}");
            exercises += 1;
        }
    }
    assert_eq!(exercises, 6);
}

#[tokio::test]
async fn each_step_of_a_story_has_an_address_and_its_own_verdict() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (asked, after) in [("row", "kept-out"), ("nothing", "thief-in")] {
        let story = Story::play(&reader, "/learn/stored", &format!("asked={asked}&life=1h")).await;
        let doors = |mark: &str| {
            let steps = story.steps.iter().filter(|step| step.mark == mark);
            steps.map(|step| step.doors[0].as_str()).collect::<Vec<_>>()
        };
        assert_eq!(doors("you log in"), ["unknown"]);
        assert_eq!(doors("you log out"), ["unknown"], "no question was asked since");
        assert_eq!(doors("thief tries")[..2], ["thief-in", after], "{asked}");
        assert_eq!(doors("+ 30 s")[0], "unknown");

        // The address names the step, and another one is the last.
        let [last] = story.page.words("#try-count").try_into().unwrap();
        let (_, of) = last.split_once(" of ").unwrap();
        for (step, number) in [("0", "1"), ("3", "4"), ("999", of), ("-1", of), ("%00", of)] {
            let page = Page::open(&reader, &format!("/learn/stored?asked={asked}&life=1h&step={step}")).await;
            assert_eq!(page.words("#try-count"), [format!("Step {number} of {of}")], "{step}");
            // The big link leads on, and from the end to the beginning.
            let next = page.attributes("#try-next", "href").concat();
            let next = Page::open(&reader, &next).await.words("#try-count").concat();
            let following = match step.parse::<usize>() {
                Ok(step) if step < 9 => step + 2,
                _ => 1,
            };
            assert_eq!(next, format!("Step {following} of {of}"), "{step}");
        }
    }
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
        ("1h", "never had to log in again"),
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
        let page = Page::open(&reader, &format!("/learn/keys?change={change}")).await;
        let checks = page.words("#try .played .what");
        let stopped: Vec<_> = checks.iter().filter(|check| check.starts_with("Refused:")).collect();
        assert_eq!(stopped, [&format!("Refused: {refused}")], "{change}");
        let door = page.words("#try .door").concat();
        assert!(door.contains("Kept out"), "{change}");
        // The token is refused before or by its signature, and the door and the headline do not contradict the list.
        let headline = page.words("#try .headline").concat();
        assert!(headline.contains("the token is not genuine"), "{change}: {headline}");
        assert!(door.contains("decided by the token itself"), "{change}: {door}");
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

/// The colour follows from what the thief can do: no new tokens, and an access token that works on.
#[tokio::test]
async fn a_noticed_reuse_ends_the_session_and_not_the_access_token() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let story = Story::play(&reader, "/learn/rotation", "loot=refresh&then=work").await;
    assert_eq!(story.said, "thief-in");
    assert!(
        story.finding.contains("works for another 4 min 30 s"),
        "{}",
        story.finding
    );
    let noticed = story
        .steps
        .iter()
        .skip_while(|step| !step.told.contains("had been used before"));
    assert!(noticed.into_iter().any(|step| step.doors[0] == "thief-in"));
    for untrue in ["logs both", "log both", "thief is out", "logs it out"] {
        assert!(!story.page.html.contains(untrue), "{untrue}");
    }
}

/// A finding names only what the choices let happen.
#[tokio::test]
async fn a_finding_names_nothing_that_did_not_happen() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (address, query, untrue) in [
        ("/learn/races", "grace=0s&second=thief&later=0s", "late"),
        ("/learn/nodes", "blacklist=stopped&server=runs", "next server"),
        ("/learn/nodes", "blacklist=well&server=runs", "next server"),
    ] {
        let finding = Story::play(&reader, address, query).await.finding;
        assert!(!finding.is_empty() && !finding.contains(untrue), "{query}: {finding}");
    }
}

/// The four faults differ in what the thief gets, and the finding says it.
#[tokio::test]
async fn each_fault_of_the_blacklist_has_its_own_finding_from_the_trace() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut findings = Vec::new();
    for fault in ["forgets", "stops", "slow", "restart"] {
        let story = Story::play(&reader, "/learn/amnesia", &format!("fault={fault}")).await;
        let mut got: Vec<_> = story.after_the_logout().filter_map(|step| step.got.clone()).collect();
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
