//! The texts of an exercise.

use rescind_exercises::{Exercise, IN_CODE, UnknownExercise, chapter_path, completion_word};

#[test]
fn an_exercise_is_found_only_by_its_number() {
    assert_eq!(Exercise::asked_for("6"), Ok(&IN_CODE[0]));
    assert_eq!(Exercise::asked_for("8"), Ok(&IN_CODE[1]));
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
    for exercise in &IN_CODE {
        assert!(exercise.is_completed_by(exercise.word()));
        assert!(exercise.is_completed_by(&format!(" {}\r\n", exercise.word().to_uppercase())));
        for other in ["", " ", exercise.title, &exercise.word()[1..]] {
            assert!(!exercise.is_completed_by(other));
        }
    }
    assert!(!IN_CODE[0].is_completed_by(IN_CODE[1].word()));
    assert_eq!(completion_word(6), Some(IN_CODE[0].word()));
    assert_eq!(completion_word(3), None);
}

#[test]
fn an_exercises_file_names_its_page_and_commands() {
    for exercise in &IN_CODE {
        assert!(chapter_path(exercise.chapter).is_some());
        for command in [exercise.recipe, exercise.reset, exercise.command] {
            assert!(command.ends_with(&exercise.chapter.to_string()), "{command}");
        }
        assert!(exercise.delivered.contains(exercise.recipe) && exercise.delivered.contains(exercise.command));
        assert!(
            exercise
                .delivered
                .contains(&format!("http://127.0.0.1:8080{}.", exercise.page()))
        );
        assert!(!exercise.delivered.contains(exercise.word()));
    }
}
