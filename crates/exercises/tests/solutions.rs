//! Runs every solution and every hint.
//!
//! Each exercise has four stages: as delivered, after each of two hints, and solved. Otherwise a learner would be the
//! first to find an exercise without a fault, a useless hint, or a failing solution.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_exercises::{
    Exercise,
    checks::{Answer, Outcome, Refreshing, Report, Rows, play_chosen, try_blacklist, try_refreshing},
    in_code,
};
use rescind_session::{
    ports::{Rotated, Rotation, StoreError},
    token::{Generation, SessionId},
};

#[path = "../stages/blacklist.rs"]
mod blacklist_delivered;
#[path = "stages/blacklist/hint_1.rs"]
mod blacklist_hint_1;
#[path = "stages/blacklist/hint_2.rs"]
mod blacklist_hint_2;
#[path = "stages/blacklist/solved.rs"]
mod blacklist_solved;
#[path = "../stages/rotation.rs"]
mod rotation_delivered;
#[path = "stages/rotation/hint_1.rs"]
mod rotation_hint_1;
#[path = "stages/rotation/hint_2.rs"]
mod rotation_hint_2;
#[path = "stages/rotation/solved.rs"]
mod rotation_solved;

fn exercise_6() -> &'static Exercise {
    &in_code()[0]
}

fn exercise_8() -> &'static Exercise {
    &in_code()[1]
}

#[test]
fn the_delivered_blacklist_fails_and_each_hint_repairs_its_cases() {
    assert_each_hint_repairs_its_cases(
        exercise_6(),
        &[
            try_blacklist(|| Arc::new(blacklist_delivered::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_hint_1::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_hint_2::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default())),
        ],
    );
}

#[test]
fn the_delivered_refresh_fails_and_each_hint_repairs_its_cases() {
    assert_each_hint_repairs_its_cases(
        exercise_8(),
        &[
            try_refreshing(|| Arc::new(rotation_delivered::HomeMade)),
            try_refreshing(|| Arc::new(rotation_hint_1::HomeMade)),
            try_refreshing(|| Arc::new(rotation_hint_2::HomeMade)),
            try_refreshing(|| Arc::new(rotation_solved::HomeMade)),
        ],
    );
}

/// At each stage exactly those cases fail that the remaining hints repair; in the end none fails.
fn assert_each_hint_repairs_its_cases(exercise: &Exercise, stages: &[Report; 4]) {
    for (stage, report) in stages.iter().enumerate() {
        let failing: BTreeSet<_> = report.failing().collect();
        let to_mend: BTreeSet<_> = exercise.hints[stage..]
            .iter()
            .flat_map(|hint| hint.mends.iter().map(String::as_str))
            .collect();
        assert_eq!(failing, to_mend, "stage {stage}:\n{}", report.told_of(exercise));
    }
    for hint in &exercise.hints {
        let mends_a_story = stages[0]
            .stories
            .iter()
            .any(|story| hint.mends.iter().any(|case| case == story.case));
        assert!(mends_a_story, "no story shows the effect of: {}", hint.text);
    }
}

/// Plays the stories of a chapter on lines that were chosen in a browser.
fn chosen(chapter: u8, lines: [(&str, &str); 3]) -> Option<Result<Vec<Outcome>, &'static str>> {
    let line = |place: &str| {
        let found = lines.iter().find(|(name, _)| *name == place);
        found.map(|(_, line)| (*line).to_owned())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(play_chosen(chapter, line))
}

#[test]
fn chosen_lines_fail_and_pass_like_the_files_of_the_stages() {
    let blacklist = |insert, check, prune| {
        let lines = [("my-insert", insert), ("my-check", check), ("my-prune", prune)];
        chosen(6, lines).unwrap().unwrap()
    };
    for (lines, file) in [
        (
            blacklist("first", "token", "made"),
            try_blacklist(|| Arc::new(blacklist_delivered::HomeMade::default())),
        ),
        (
            blacklist("first", "both", "over"),
            try_blacklist(|| Arc::new(blacklist_hint_2::HomeMade::default())),
        ),
        (
            blacklist("later", "both", "over"),
            try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default())),
        ),
    ] {
        assert_eq!(lines, file.stories);
    }
    let refresh = |rotate, lost, repeat| {
        let lines = [("my-rotate", rotate), ("my-lost", lost), ("my-repeat", repeat)];
        chosen(8, lines).unwrap().unwrap()
    };
    for (lines, file) in [
        (
            refresh("read", "close", "renew"),
            try_refreshing(|| Arc::new(rotation_delivered::HomeMade)),
        ),
        (
            refresh("compare", "again", "renew"),
            try_refreshing(|| Arc::new(rotation_hint_2::HomeMade)),
        ),
        (
            refresh("compare", "again", "answer"),
            try_refreshing(|| Arc::new(rotation_solved::HomeMade)),
        ),
    ] {
        assert_eq!(lines, file.stories);
    }
    // Only one choice of lines passes each exercise.
    let passes = |outcomes: &Vec<Outcome>| outcomes.iter().all(|outcome| outcome.failure.is_none());
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

#[test]
fn a_place_without_a_line_is_named_and_other_chapters_have_none() {
    let two = [("my-insert", "later"), ("my-check", "both"), ("my-prune", "sometimes")];
    assert_eq!(chosen(6, two), Some(Err("my-prune")));
    assert_eq!(chosen(8, two), Some(Err("my-rotate")));
    assert_eq!(chosen(3, two), None);
}

mod solved {
    use std::sync::Arc;

    use rescind_exercises::checks::SessionsOf;

    use super::{blacklist_solved, rotation_solved};

    mod blacklist {
        use super::*;

        async fn empty() -> (Arc<blacklist_solved::HomeMade>, ()) {
            (Arc::default(), ())
        }

        rescind_conformance::blacklist_conformance!(empty);
    }

    /// The complete suite: apart from the fault, the remote table must be a correct store.
    mod rotation {
        use super::*;

        async fn empty() -> (Arc<SessionsOf>, ()) {
            (Arc::new(SessionsOf::new(Arc::new(rotation_solved::HomeMade))), ())
        }

        rescind_conformance::session_store_conformance!(empty);
    }
}

/// The learner's file must also pass cases that are added to the suite.
#[test]
fn every_case_of_the_suite_is_run() {
    let reports = [
        (
            exercise_6(),
            try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default())),
        ),
        (exercise_8(), try_refreshing(|| Arc::new(rotation_solved::HomeMade))),
    ];
    for (exercise, report) in reports {
        let suite = read(&exercise.suite);
        let cases: BTreeSet<_> = suite
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        let tried: BTreeSet<_> = report.suite.iter().map(|outcome| outcome.case).collect();
        assert_eq!(tried, cases, "{}", exercise.suite);
    }
}

/// Code that a hint names exists in the delivered or the solved file.
#[test]
fn hints_and_tasks_name_only_existing_code() {
    for (exercise, solved) in in_code().iter().zip(["blacklist", "rotation"]) {
        let solved = read(&format!("crates/exercises/tests/stages/{solved}/solved.rs"));
        let files = [read(&exercise.delivered), solved];
        let texts = exercise.hints.iter().map(|hint| &hint.text).chain([&exercise.task]);
        for name in texts.flat_map(|text| text.split('`').skip(1).step_by(2)) {
            let is_there = files.iter().any(|file| file.contains(name));
            assert!(is_there, "{name} is not in {}", exercise.file);
        }
    }
}

/// The reader of the report may not know what a conformance suite is.
#[test]
fn the_report_states_failures_in_sentences_and_the_next_step() {
    let broken = try_blacklist(|| Arc::new(blacklist_delivered::HomeMade::default()));
    let told = broken.told_of(exercise_6()).to_string();
    for part in [
        "Exercise 6: A blacklist that lets people back in",
        "crates/exercises/mend/blacklist.rs",
        "  holds  a revoked token is refused and its session goes on",
        "  FAILS  a logout refuses every token of the session",
        "a revocation is forgotten 5 minutes early",
        "of 21 cases hold",
        "/learn/blacklist",
        "Then again: just exercise 6",
    ] {
        assert!(told.contains(part), "no “{part}” in:\n{told}");
    }
    assert!(
        !told.contains(exercise_6().word()),
        "the word is for those who are done"
    );
    assert!(
        told.lines().all(|line| line.chars().count() <= 120),
        "a wall of text:\n{told}"
    );

    let mended = try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default()));
    let told = mended.told_of(exercise_6()).to_string();
    assert!(
        told.contains("21 of 21 cases hold") && told.contains(exercise_6().word()),
        "{told}"
    );
    assert!(!told.contains("FAILS"), "{told}");
}

/// A repair of only the symptom goes too far: the other side of the trade-off is checked too.
#[test]
fn a_refresh_with_endless_or_without_grace_does_not_pass() {
    let stories = |report: &Report| report.failing().collect::<Vec<_>>();
    let lenient = try_refreshing(|| Arc::new(Lenient));
    assert!(stories(&lenient).contains(&"a_copy_that_comes_after_the_grace_is_noticed"));
    let strict = try_refreshing(|| Arc::new(Strict));
    assert!(stories(&strict).contains(&"a_lost_reply_logs_nobody_out"));
    assert!(stories(&strict).contains(&"two_tabs_at_once_both_stay_logged_in"));
}

/// Answers every token.
struct Lenient;

#[async_trait]
impl Refreshing for Lenient {
    async fn rotate(&self, rows: &Rows, rotation: &Rotation) -> Result<Rotated, StoreError> {
        rotation_solved::HomeMade.rotate(rows, rotation).await
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
        rotation_solved::HomeMade.rotate(rows, rotation).await
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

/// A half answer must not be committed; a solution may. The delivered file is tested through its copy in `stages/`.
#[test]
fn the_files_in_mend_are_as_delivered_or_solved() {
    for exercise in in_code() {
        if read(&exercise.file) == read(&exercise.delivered) {
            continue;
        }
        let mut words = exercise.command.split(' ').skip(1);
        let tried = Command::new(env!("CARGO"))
            .current_dir(root())
            .args([words.next().unwrap(), "--quiet"])
            .args(words)
            .output()
            .unwrap();
        assert!(
            tried.status.success(),
            "{} is neither as delivered nor mended; `{}` puts it back\n{}{}",
            exercise.file,
            exercise.reset,
            String::from_utf8_lossy(&tried.stdout),
            String::from_utf8_lossy(&tried.stderr),
        );
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
