//! The texts of an exercise.

use std::path::Path;

use rescind_exercises::{Exercise, UnknownExercise, chapter_path, completion_word, in_code};

#[test]
fn an_exercise_is_found_only_by_its_number() {
    assert_eq!(Exercise::asked_for("6"), Ok(&in_code()[0]));
    assert_eq!(Exercise::asked_for("8"), Ok(&in_code()[1]));
    for number in ["0", "14", "-6", "256", "six", "", "6; rm"] {
        assert_eq!(
            Exercise::asked_for(number),
            Err(UnknownExercise::NoSuchNumber(number.to_owned()))
        );
    }
}

#[test]
fn the_error_for_a_browser_exercise_names_its_page() {
    let told = Exercise::asked_for("3").unwrap_err().to_string();
    assert!(told.contains("in the browser"), "{told}");
    assert!(told.contains("/learn/client-delete"), "{told}");
}

#[test]
fn a_word_is_recognised_regardless_of_case_and_space() {
    for exercise in in_code() {
        assert!(exercise.is_completed_by(exercise.word()));
        assert!(exercise.is_completed_by(&format!(" {}\r\n", exercise.word().to_uppercase())));
        for other in ["", " ", &exercise.title, &exercise.word()[1..]] {
            assert!(!exercise.is_completed_by(other));
        }
    }
    assert!(!in_code()[0].is_completed_by(in_code()[1].word()));
    assert_eq!(completion_word(6), Some(in_code()[0].word()));
    assert_eq!(completion_word(3), None);
}

#[test]
fn an_exercises_file_names_its_page_and_commands() {
    for exercise in in_code() {
        assert!(chapter_path(exercise.chapter).is_some());
        for command in [&exercise.recipe, &exercise.reset, &exercise.command] {
            assert!(command.ends_with(&exercise.chapter.to_string()), "{command}");
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let delivered = std::fs::read_to_string(root.join(&exercise.delivered)).unwrap();
        assert!(delivered.contains(&exercise.recipe) && delivered.contains(&exercise.command));
        assert!(delivered.contains(&format!("http://127.0.0.1:8080{}.", exercise.page())));
        assert!(!delivered.contains(exercise.word()));
    }
}

#[test]
fn chapters_are_counted_from_one_and_there_are_thirteen() {
    assert_eq!(chapter_path(0), None);
    assert_eq!(chapter_path(1).as_deref(), Some("/learn/unissued"));
    assert_eq!(chapter_path(12).as_deref(), Some("/learn/xss"));
    assert_eq!(chapter_path(13).as_deref(), Some("/learn/elsewhere"));
    assert_eq!(chapter_path(14), None);
}
