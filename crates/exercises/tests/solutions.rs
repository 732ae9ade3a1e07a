//! Every solution and every hint, run.
//!
//! Each exercise is held at four stages: as delivered, after each of two hints, and solved. An exercise with nothing to
//! mend, a hint that leads nowhere, a solution that fails: each of these would be found by a learner otherwise.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_exercises::{
    Exercise, IN_CODE,
    checks::{Answer, Refreshing, Report, Rows, try_blacklist, try_refreshing},
};
use rescind_session::{
    ports::{Rotated, Rotation, StoreError},
    token::{Generation, SessionId},
};

#[path = "../stages/blacklist/delivered.rs"]
mod blacklist_delivered;
#[path = "stages/blacklist/hint_1.rs"]
mod blacklist_hint_1;
#[path = "stages/blacklist/hint_2.rs"]
mod blacklist_hint_2;
#[path = "../stages/blacklist/solved.rs"]
mod blacklist_solved;
#[path = "../stages/rotation/delivered.rs"]
mod rotation_delivered;
#[path = "stages/rotation/hint_1.rs"]
mod rotation_hint_1;
#[path = "stages/rotation/hint_2.rs"]
mod rotation_hint_2;
#[path = "../stages/rotation/solved.rs"]
mod rotation_solved;

const BLACKLIST: &Exercise = &IN_CODE[0];
const ROTATION: &Exercise = &IN_CODE[1];

#[test]
fn the_blacklist_as_delivered_fails_and_each_hint_mends_what_it_says() {
    each_hint_mends_what_it_says(
        BLACKLIST,
        &[
            try_blacklist(|| Arc::new(blacklist_delivered::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_hint_1::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_hint_2::HomeMade::default())),
            try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default())),
        ],
    );
}

#[test]
fn the_refresh_as_delivered_fails_and_each_hint_mends_what_it_says() {
    each_hint_mends_what_it_says(
        ROTATION,
        &[
            try_refreshing(|| Arc::new(rotation_delivered::HomeMade)),
            try_refreshing(|| Arc::new(rotation_hint_1::HomeMade)),
            try_refreshing(|| Arc::new(rotation_hint_2::HomeMade)),
            try_refreshing(|| Arc::new(rotation_solved::HomeMade)),
        ],
    );
}

/// At each stage exactly that fails which the hints yet to come will mend; in the end nothing does.
fn each_hint_mends_what_it_says(exercise: &Exercise, stages: &[Report; 4]) {
    for (stage, report) in stages.iter().enumerate() {
        let failing: BTreeSet<_> = report.failing().collect();
        let to_mend: BTreeSet<_> = exercise.hints[stage..]
            .iter()
            .flat_map(|hint| hint.mends)
            .copied()
            .collect();
        assert_eq!(failing, to_mend, "stage {stage}:\n{}", report.told_of(exercise));
    }
    for hint in &exercise.hints {
        let mends_a_story = stages[0].stories.iter().any(|story| hint.mends.contains(&story.case));
        assert!(mends_a_story, "nobody would see what comes of: {}", hint.text);
    }
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

    /// All of it: the table at the end of the wire must be a store that is right in everything but what is to be mended.
    mod rotation {
        use super::*;

        async fn empty() -> (Arc<SessionsOf>, ()) {
            (Arc::new(SessionsOf::new(Arc::new(rotation_solved::HomeMade))), ())
        }

        rescind_conformance::session_store_conformance!(empty);
    }
}

/// A case that is new in the suite is one that the learner's file must pass.
#[test]
fn no_case_of_the_suite_is_left_out() {
    let reports = [
        (
            BLACKLIST,
            try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default())),
        ),
        (ROTATION, try_refreshing(|| Arc::new(rotation_solved::HomeMade))),
    ];
    for (exercise, report) in reports {
        let suite = read(exercise.suite);
        let cases: BTreeSet<_> = suite
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        let tried: BTreeSet<_> = report.suite.iter().map(|outcome| outcome.case).collect();
        assert_eq!(tried, cases, "{}", exercise.suite);
    }
}

/// What code a hint names is there to be found, before or after.
#[test]
fn hints_and_tasks_name_nothing_that_is_not_there() {
    for exercise in &IN_CODE {
        let texts = exercise.hints.iter().map(|hint| hint.text).chain([exercise.task]);
        for name in texts.flat_map(|text| text.split('`').skip(1).step_by(2)) {
            let is_there = [exercise.delivered, exercise.solved]
                .iter()
                .any(|file| file.contains(name));
            assert!(is_there, "{name} is not in {}", exercise.file);
        }
    }
}

/// The report is read by somebody who has no idea yet what a conformance suite is.
#[test]
fn a_learner_is_told_what_fails_in_sentences_and_what_to_do_next() {
    let broken = try_blacklist(|| Arc::new(blacklist_delivered::HomeMade::default()));
    let told = broken.told_of(BLACKLIST).to_string();
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
    assert!(!told.contains(BLACKLIST.word()), "the word is for those who are done");
    assert!(
        told.lines().all(|line| line.chars().count() <= 120),
        "a wall of text:\n{told}"
    );

    let mended = try_blacklist(|| Arc::new(blacklist_solved::HomeMade::default()));
    let told = mended.told_of(BLACKLIST).to_string();
    assert!(
        told.contains("21 of 21 cases hold") && told.contains(BLACKLIST.word()),
        "{told}"
    );
    assert!(!told.contains("FAILS"), "{told}");
}

/// Whoever mends the symptom alone goes too far: the other side of the trade is tried as well.
#[test]
fn a_refresh_that_logs_nobody_out_and_one_without_a_grace_do_not_pass() {
    let stories = |report: &Report| report.failing().collect::<Vec<_>>();
    let lenient = try_refreshing(|| Arc::new(Lenient));
    assert!(stories(&lenient).contains(&"a_copy_that_comes_after_the_grace_is_noticed"));
    let strict = try_refreshing(|| Arc::new(Strict));
    assert!(stories(&strict).contains(&"a_lost_reply_logs_nobody_out"));
    assert!(stories(&strict).contains(&"two_tabs_at_once_both_stay_logged_in"));
}

/// Answers whatever is presented.
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

/// Half an answer is nobody's to commit. Whoever is done may: what fails as delivered is tried on the copies in `stages/`.
#[test]
fn the_files_to_mend_are_as_delivered_or_mended() {
    for exercise in &IN_CODE {
        if read(exercise.file) == exercise.delivered {
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
