//! The rules for the files of `content/` that the pages depend on.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

use rescind_lab::{Action, Answer, Asked, Decided, Who, meter};
use rescind_session::EndReason;
use serde::{Deserialize, de::DeserializeOwned};
use toml::{Table, Value};

#[derive(Deserialize)]
struct Glossary {
    term: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    anchor: String,
    name: String,
    says: String,
}

#[derive(Deserialize)]
struct Members {
    parameter: Vec<Member>,
    claim: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    full: String,
    says: String,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn content<T: DeserializeOwned>(name: &str) -> T {
    toml::from_str(&fs::read_to_string(folder("content").join(name)).unwrap()).unwrap()
}

fn terms() -> Vec<Term> {
    content::<Glossary>("glossary.toml").term
}

#[test]
fn terms_are_in_alphabetical_order_and_each_has_its_own_anchor() {
    let terms = terms();
    let names: Vec<_> = terms
        .iter()
        .map(|term| term.name.trim_start_matches('_').to_lowercase())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    let anchors: BTreeSet<_> = terms.iter().map(|term| term.anchor.as_str()).collect();
    assert_eq!(anchors.len(), terms.len());
}

#[test]
fn a_term_is_explained_in_one_to_four_sentences() {
    for term in terms() {
        let sentences = term
            .says
            .split(['.', ';'])
            .filter(|part| !part.trim().is_empty())
            .count();
        assert!((1..=5).contains(&sentences), "{}: {sentences}", term.name);
        assert!(term.says.ends_with('.'), "{}", term.name);
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_link_into_the_glossary_has_its_anchor() {
    let mut found = Vec::new();
    for name in ["templates", "content"] {
        files(&folder(name), &mut found);
    }
    let anchors: BTreeSet<_> = terms().into_iter().map(|term| term.anchor).collect();
    let mut links = 0;
    for file in found {
        let html = fs::read_to_string(&file).unwrap();
        for link in html.split("/glossary#").skip(1) {
            let anchor = link.split(['"', '\'', ')']).next().unwrap();
            // The glossary makes its links from the terms.
            if !anchor.starts_with("{{") {
                assert!(anchors.contains(anchor), "{} leads to {anchor}", file.display());
                links += 1;
            }
        }
    }
    assert!(links > 40, "{links} links: are they written as they are read?");
}

/// They become HTML unescaped, except between backticks.
#[test]
fn no_text_of_exercises_and_terms_contains_markup() {
    let mut texts: Vec<_> = terms().into_iter().map(|term| term.says).collect();
    let exercises: Value = content("exercises.toml");
    let mut add = |text: &Value| texts.extend(text.as_str().map(str::to_owned));
    for exercise in list(&exercises, "exercise") {
        exercise.get("task").into_iter().for_each(&mut add);
        add(&exercise["solution"]["text"]);
        let hints = list(exercise, "hints").iter();
        hints.filter_map(|hint| hint.get("text")).for_each(&mut add);
    }
    assert!(texts.len() > 100);
    for text in texts {
        assert!(!text.is_empty() && !text.contains(['<', '>', '&', '"']), "{text}");
        assert_eq!(text.matches('`').count() % 2, 0, "{text}");
    }
}

#[test]
fn each_prediction_has_a_right_option_and_each_chapter_its_minutes() {
    for (chapter, front) in chapters() {
        let predict = &front["predict"];
        let options = list(predict, "options");
        let right = predict["right"].as_integer().unwrap();
        assert!((2..=4).contains(&options.len()), "{chapter}");
        assert!(
            (1..=4).contains(&right) && right <= options.len().try_into().unwrap(),
            "{chapter}"
        );
        let words = predict["question"].as_str().unwrap().split(' ').count();
        assert!(
            words <= 45,
            "{chapter}: twenty seconds are enough, and not for {words} words"
        );
        assert!((5..=10).contains(&front["minutes"].as_integer().unwrap()), "{chapter}");
    }
}

#[test]
fn every_term_of_the_design_is_in_the_glossary() {
    let terms = terms();
    for name in [
        "access token",
        "refresh token",
        "session",
        "generation",
        "rotation",
        "reuse",
        "grace",
        "revocation",
        "blacklist",
        "policy",
    ] {
        assert!(terms.iter().any(|term| term.name == name), "{name}");
    }
}

#[test]
fn no_member_is_explained_twice_or_left_empty() {
    let Members { parameter, claim } = content("members.toml");
    for table in [&parameter, &claim] {
        let names: BTreeSet<_> = table.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names.len(), table.len());
        for member in table {
            assert!(member.says.ends_with('.') && !member.full.is_empty(), "{}", member.name);
        }
    }
}

/// A name that only the code or only a file has would leave a gap in a page.
#[test]
fn the_files_have_exactly_the_names_of_the_code() {
    fn debug<T: Debug>(all: &[T]) -> BTreeSet<String> {
        all.iter().map(|name| format!("{name:?}")).collect()
    }
    let keys = |table: &Value| -> BTreeSet<_> { table.as_table().unwrap().keys().cloned().collect() };
    let (robbery, exchange): (Value, Value) = (content("robbery.toml"), content("exchange.toml"));
    assert_eq!(keys(&robbery["asked"]), debug(Asked::ALL));
    assert_eq!(keys(&robbery["causes"]), debug(&EndReason::ALL));
    assert_eq!(keys(&exchange["decided"]), debug(Decided::ALL));
    assert_eq!(keys(&exchange["operation"]), debug(meter::Operation::ALL));
    assert_eq!(keys(&exchange["reply"]), debug(meter::StoreReply::ALL));
    let who = debug(Who::ALL).iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(keys(&content("who.toml")), who);

    let (answers, actions): (Value, Value) = (content("answers.toml"), content("actions.toml"));
    assert_eq!(keys(&answers), Answer::ALL.iter().map(ToString::to_string).collect());
    let mut slugs: BTreeSet<_> = Action::ALL.iter().map(ToString::to_string).collect();
    // Under plain sessions.
    slugs.insert("copy-session".to_owned());
    assert_eq!(keys(&actions), slugs);
    for (name, words) in answers.as_table().unwrap().iter().chain(actions.as_table().unwrap()) {
        let mut texts = words.as_table().unwrap().values();
        assert!(texts.all(|text| text.as_str() != Some("")), "{name}");
        assert!(
            words
                .get("terms")
                .is_none_or(|terms| !terms.as_array().unwrap().is_empty()),
            "{name}"
        );
    }

    // Each button of the robbery is pressed somewhere, and each that is pressed is there.
    let mut pressed: BTreeSet<_> = list(&robbery, "next")
        .iter()
        .map(|next| &next["then"]["button"])
        .map(text)
        .collect();
    for side in ["you_may", "thief_may"] {
        let buttons = list(&robbery, side).iter().flat_map(|case| list(case, "then"));
        pressed.extend(buttons.map(text));
    }
    assert_eq!(keys(&robbery["buttons"]), pressed);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Name and front matter of every chapter.
fn chapters() -> Vec<(String, Table)> {
    let mut found = Vec::new();
    files(&folder("content/chapters"), &mut found);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let (front, _) = text.strip_prefix("+++\n").unwrap().split_once("\n+++\n").unwrap();
        (path.display().to_string(), toml::from_str(front).unwrap())
    };
    found.into_iter().map(read).collect()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[test]
fn each_control_offers_its_default() {
    let chapters = chapters();
    assert_eq!(chapters.len(), 13);
    for (chapter, front) in chapters {
        let controls = front["controls"].as_array().unwrap();
        assert!((1..=3).contains(&controls.len()), "{chapter}");
        for control in controls {
            let options = list(control, "options");
            assert!(
                options.iter().any(|option| option[0] == control["usual"]),
                "{chapter}: {control:?}"
            );
            assert!(options.len() > 1, "{chapter}: {control:?}");
        }
    }
}

/// `src/learn/experiment/script.rs` lists the facts.
#[test]
fn a_story_names_only_facts_that_exist() {
    const FACTS: [&str; 6] = ["you", "thief", "tries", "copy", "again", "token"];
    for (chapter, front) in chapters() {
        let controls = front["controls"].as_array().unwrap();
        let is_known =
            |name: &str| FACTS.contains(&name) || controls.iter().any(|control| control["name"].as_str() == Some(name));
        let story = &front["story"];
        for case in ["answers", "steps", "findings"]
            .iter()
            .flat_map(|cases| list(story, cases))
        {
            let asked = case.get("when").and_then(Value::as_table);
            for name in asked.into_iter().flat_map(Table::keys) {
                assert!(is_known(name), "{chapter}: {name}");
            }
        }
    }
}
