//! The texts of an exercise.

use rescind_exercises::{Exercise, in_code};

#[test]
fn an_exercise_is_found_only_by_its_chapter() {
    assert_eq!(Exercise::of_chapter(6), Some(&in_code()[0]));
    assert_eq!(Exercise::of_chapter(8), Some(&in_code()[1]));
    for number in [0, 3, 14, 255] {
        assert_eq!(Exercise::of_chapter(number), None);
    }
}

#[test]
fn a_word_is_recognised_regardless_of_case_and_space() {
    for exercise in in_code() {
        assert!(exercise.is_completed_by(&exercise.word));
        assert!(exercise.is_completed_by(&format!(" {}\r\n", exercise.word.to_uppercase())));
        for other in ["", " ", &exercise.title, &exercise.word[1..]] {
            assert!(!exercise.is_completed_by(other));
        }
    }
    assert!(!in_code()[0].is_completed_by(&in_code()[1].word));
}

#[test]
fn an_exercises_file_names_its_page_and_commands() {
    for exercise in in_code() {
        let number = exercise.chapter;
        for command in [&exercise.recipe, &exercise.reset, &exercise.command] {
            assert!(command.ends_with(&number.to_string()), "{command}");
        }
        assert!(exercise.file.ends_with(&format!("/yours/exercise_{number}.rs")));
        let stages = concat!(env!("CARGO_MANIFEST_DIR"), "/stages");
        let delivered = std::fs::read_to_string(format!("{stages}/exercise_{number}/delivered.rs")).unwrap();
        assert!(delivered.contains(&exercise.recipe) && delivered.contains(&exercise.command));
        assert!(delivered.contains(&exercise.reset));
        assert!(delivered.contains(&format!("http://127.0.0.1:8080{}.", exercise.page)));
        assert!(!delivered.contains(&exercise.word));
    }
}
