//! Runs every solution and every hint.
//!
//! Each exercise has four stages: as delivered, and after each of three hints, the last of which solves it. Otherwise a
//! learner would be the first to find an exercise without a fault, a useless hint, or a failing solution.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_exercises::{Answer, CaseResult, Exercise, Refreshing, Rows, in_code, play_chosen};
use rescind_session::{
    ports::{Rotated, Rotation, StoreError},
    token::{Generation, SessionId},
};

#[path = "run/blacklist.rs"]
mod blacklist;
#[path = "run/refresh.rs"]
mod refresh;
mod run;

use blacklist::try_blacklist;
use refresh::try_refresh;
use run::Report;

#[path = "../stages/exercise_6/delivered.rs"]
mod exercise_6_delivered;
#[path = "../stages/exercise_8/delivered.rs"]
mod exercise_8_delivered;

/// The build script made them from the patches.
macro_rules! patched {
    ($($stage:ident)*) => {
        $(mod $stage {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($stage), ".rs"));
        })*
    };
}
patched! { exercise_6_hint_1 exercise_6_hint_2 exercise_6_hint_3 exercise_8_hint_1 exercise_8_hint_2 exercise_8_hint_3 }

fn exercise_6() -> &'static Exercise {
    &in_code()[0]
}

fn exercise_8() -> &'static Exercise {
    &in_code()[1]
}

fn stages_of_6() -> [Report; 4] {
    [
        try_blacklist(|| Arc::new(exercise_6_delivered::HomeMade::default())),
        try_blacklist(|| Arc::new(exercise_6_hint_1::HomeMade::default())),
        try_blacklist(|| Arc::new(exercise_6_hint_2::HomeMade::default())),
        try_blacklist(|| Arc::new(exercise_6_hint_3::HomeMade::default())),
    ]
}

fn stages_of_8() -> [Report; 4] {
    [
        try_refresh(|| Arc::new(exercise_8_delivered::HomeMade)),
        try_refresh(|| Arc::new(exercise_8_hint_1::HomeMade)),
        try_refresh(|| Arc::new(exercise_8_hint_2::HomeMade)),
        try_refresh(|| Arc::new(exercise_8_hint_3::HomeMade)),
    ]
}

#[test]
fn the_delivered_blacklist_fails_and_each_hint_repairs_its_cases() {
    assert_each_hint_repairs_its_cases(exercise_6(), &stages_of_6());
}

#[test]
fn the_delivered_refresh_fails_and_each_hint_repairs_its_cases() {
    assert_each_hint_repairs_its_cases(exercise_8(), &stages_of_8());
}

/// At each stage exactly those cases fail that the remaining hints repair; in the end none fails.
fn assert_each_hint_repairs_its_cases(exercise: &Exercise, stages: &[Report; 4]) {
    for (stage, report) in stages.iter().enumerate() {
        let failing: BTreeSet<_> = report.failing().map(|outcome| outcome.case).collect();
        let to_repair: BTreeSet<_> = exercise.hints[stage..]
            .iter()
            .flat_map(|hint| hint.repairs.iter().map(String::as_str))
            .collect();
        assert_eq!(failing, to_repair, "stage {stage}:\n{report}");
    }
    for hint in &exercise.hints {
        let repairs_a_story = stages[0]
            .stories
            .iter()
            .any(|story| hint.repairs.iter().any(|case| case == story.case));
        assert!(repairs_a_story, "no story shows the effect of: {}", hint.text);
    }
}

/// Plays the stories of an exercise on lines that were chosen in a browser.
fn chosen(exercise: &Exercise, lines: [(&str, &str); 3]) -> Vec<CaseResult> {
    let lines = lines.map(|(place, line)| (place.to_owned(), line.to_owned()));
    rescind_conformance::run(play_chosen(exercise, &lines))
}

#[test]
fn chosen_lines_fail_and_pass_like_the_files_of_the_stages() {
    let blacklist = |insert, check, prune| {
        let lines = [("my-insert", insert), ("my-check", check), ("my-prune", prune)];
        chosen(exercise_6(), lines)
    };
    let lines = [
        blacklist("first", "token", "made"),
        blacklist("first", "both", "made"),
        blacklist("first", "both", "over"),
        blacklist("later", "both", "over"),
    ];
    assert_eq!(lines, stages_of_6().map(|file| file.stories));
    let refresh = |rotate, lost, repeat| {
        let lines = [("my-rotate", rotate), ("my-lost", lost), ("my-repeat", repeat)];
        chosen(exercise_8(), lines)
    };
    let lines = [
        refresh("read", "close", "renew"),
        refresh("compare", "close", "renew"),
        refresh("compare", "again", "renew"),
        refresh("compare", "again", "answer"),
    ];
    assert_eq!(lines, stages_of_8().map(|file| file.stories));
    // Only one choice of lines passes each exercise.
    let passes = |outcomes: &Vec<CaseResult>| outcomes.iter().all(|outcome| outcome.failure.is_none());
    let mut passing = 0;
    for insert in ["first", "last", "later"] {
        for check in ["token", "session", "both"] {
            for prune in ["made", "over", "never"] {
                passing += usize::from(passes(&blacklist(insert, check, prune)));
            }
        }
    }
    for rotate in ["read", "blind", "compare"] {
        for lost in ["close", "refuse", "again"] {
            for repeat in ["renew", "answer", "refuse"] {
                passing += usize::from(passes(&refresh(rotate, lost, repeat)));
            }
        }
    }
    assert_eq!(passing, 2);
}

/// What fails is told in a sentence. None is left over from a story that was renamed.
#[test]
fn every_story_has_its_sentences() {
    for (exercise, [delivered, ..]) in [(exercise_6(), stages_of_6()), (exercise_8(), stages_of_8())] {
        let cases: BTreeSet<_> = delivered.stories.iter().map(|story| story.case).collect();
        let told: BTreeSet<_> = exercise.stories.keys().map(String::as_str).collect();
        assert_eq!(told, cases);
        let is_empty = |story: &CaseResult| story.failure.as_deref().is_some_and(str::is_empty);
        assert!(!delivered.stories.iter().any(is_empty), "{delivered}");
        let mut lines = exercise
            .stories
            .values()
            .flatten()
            .flat_map(|sentence| sentence.lines());
        assert!(lines.all(|line| line.chars().count() <= 110), "the report cuts a line");
    }
}

mod solved {
    use std::sync::Arc;

    use rescind_exercises::{Rows, SessionsOf};

    use super::{exercise_6_hint_3, exercise_8_hint_3};

    mod blacklist {
        use super::*;

        async fn empty() -> (Arc<exercise_6_hint_3::HomeMade>, ()) {
            (Arc::default(), ())
        }

        rescind_conformance::blacklist_conformance!(empty);
    }

    /// The complete suite: apart from the fault, the remote table must be a correct store.
    mod rotation {
        use super::*;

        async fn empty() -> (Arc<SessionsOf>, ()) {
            let store = SessionsOf {
                refreshing: Arc::new(exercise_8_hint_3::HomeMade),
                rows: Rows::default(),
            };
            (Arc::new(store), ())
        }

        rescind_conformance::session_store_conformance!(empty);
    }
}

/// The learner's file must also pass cases that are added to the suite.
#[test]
fn every_case_of_the_suite_is_run() {
    for (exercise, [.., report]) in [(exercise_6(), stages_of_6()), (exercise_8(), stages_of_8())] {
        let suite = read(&exercise.suite);
        let cases: BTreeSet<_> = suite
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        let tried: BTreeSet<_> = report.suite.iter().map(|outcome| outcome.case).collect();
        assert_eq!(tried, cases, "{}", exercise.suite);
    }
}

/// Code that a hint names exists in the delivered file, or in a patch.
#[test]
fn hints_and_tasks_name_only_existing_code() {
    for exercise in in_code() {
        let stages = format!("crates/exercises/stages/exercise_{}", exercise.chapter);
        let files = ["delivered.rs", "hint_1.patch", "hint_2.patch", "hint_3.patch"];
        let files = files.map(|file| read(&format!("{stages}/{file}")));
        let texts = exercise.hints.iter().map(|hint| &hint.text).chain([&exercise.task]);
        for name in texts.flat_map(|text| text.split('`').skip(1).step_by(2)) {
            let is_there = files.iter().any(|file| file.contains(name));
            assert!(is_there, "{name} is not in {stages}");
        }
    }
}

/// The reader of the report may not know what a conformance suite is.
#[test]
fn the_report_states_failures_in_sentences_and_the_next_step() {
    let [broken, .., repaired] = stages_of_6();
    let told = broken.to_string();
    for part in [
        "Exercise 6: A blacklist that lets people back in",
        "crates/exercises/yours/exercise_6.rs",
        "  holds  a revoked token is refused and its session goes on",
        "  FAILS  a logout refuses every token of the session",
        "a revocation is forgotten 5 minutes early",
        "of 21 cases hold",
        "/learn/blacklist",
        "Then again: just exercise 6",
    ] {
        assert!(told.contains(part), "no “{part}” in:\n{told}");
    }
    assert!(!told.contains(&exercise_6().word), "the word is for those who are done");
    assert!(
        told.lines().all(|line| line.chars().count() <= 120),
        "a wall of text:\n{told}"
    );

    let told = repaired.to_string();
    assert!(
        told.contains("21 of 21 cases hold") && told.contains(&exercise_6().word),
        "{told}"
    );
    assert!(!told.contains("FAILS"), "{told}");
}

/// A repair of only the symptom goes too far: the other side of the trade-off is checked too.
#[test]
fn a_refresh_with_endless_or_without_grace_does_not_pass() {
    let stories = |report: &Report| report.failing().map(|outcome| outcome.case).collect::<Vec<_>>();
    let lenient = try_refresh(|| Arc::new(Lenient));
    assert!(stories(&lenient).contains(&"a_copy_that_comes_after_the_grace_is_noticed"));
    let strict = try_refresh(|| Arc::new(Strict));
    assert!(stories(&strict).contains(&"a_lost_reply_logs_nobody_out"));
    assert!(stories(&strict).contains(&"two_tabs_at_once_both_stay_logged_in"));
}

/// Answers every token.
struct Lenient;

#[async_trait]
impl Refreshing for Lenient {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        exercise_8_hint_3::HomeMade.rotate(rows, rotation).await
    }

    async fn refresh(&self, rows: &Rows, id: SessionId, _: Generation, now: Timestamp) -> Result<Answer, StoreError> {
        let row = rows.select(id).await?.unwrap();
        let to = row.generation().next().unwrap();
        let _ = self.rotate(rows, &Rows::rotation(&row, to, now)).await?;
        Ok(Answer::Successor(to))
    }
}

/// Answers each token once.
struct Strict;

#[async_trait]
impl Refreshing for Strict {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        exercise_8_hint_3::HomeMade.rotate(rows, rotation).await
    }

    async fn refresh(
        &self,
        rows: &Rows,
        id: SessionId,
        presented: Generation,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let row = rows.select(id).await?.unwrap();
        let to = presented.next().unwrap();
        let rotation = Rotation {
            from: presented,
            ..Rows::rotation(&row, to, now)
        };
        match self.rotate(rows, &rotation).await? {
            Rotated::Won => Ok(Answer::Successor(to)),
            Rotated::Lost => {
                rows.close(id, rescind_session::EndReason::Reuse, now).await?;
                Ok(Answer::LoggedOut)
            }
        }
    }
}

fn read(path: &str) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    fs::read_to_string(root.join(path)).unwrap()
}
