//! The exercises: a condition that the server checks, three hints that open one by one, an answer, and progress without an
//! account.
//!
//! | | |
//! | --- | --- |
//! | [`exercise`] | the data of an exercise (all twelve are in `content/exercises.toml`), and one check |
//! | [`attempt`] | what a learner tries, in the address |
//! | [`running`] | runs an attempt, in a sandbox or on its own key rings |
//! | [`goals`] | conditions on a sandbox's steps |
//! | [`progress`] | what was solved, in a cookie |
//! | [`page`] | what is drawn |
//!
//! **The server stores no attempt.** It is run from its beginning when it is first drawn or checked; the result belongs to
//! its address, and is [kept](crate::computed). Rejected: a sandbox that waits for its learner. It would have to be bounded and forgotten, an exercise could
//! be lost by waiting, and trying a hint would lose the learner's own steps. In the lab sandboxes do wait; a learner can have
//! their current one there judged.
//!
//! A wrong attempt is answered with the first thing that is missing, not only that it is wrong.

mod attempt;
mod exercise;
mod goals;
mod page;
mod progress;
mod running;

use actix_web::{HttpRequest, HttpResponse, web};
use rescind_api::{Problem, Rescind};

use super::chapters::Chapter;
use crate::{
    content::word,
    pages::{see_other, with_cookies},
};
use attempt::Attempt;
use exercise::Exercise;
use progress::{Deed, progress_of};

/// Adds the routes of the exercises' forms.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    for deed in Deed::ALL {
        let path = format!("{}/{{chapter}}/{}", super::COURSE, word(deed));
        let route = web::post().to(move |request, rescind, slug, body| done(deed, request, rescind, slug, body));
        cfg.service(web::resource(path).route(route));
    }
}

/// Does it, and leads back to the exercise with the same attempt.
async fn done(
    deed: Deed,
    request: HttpRequest,
    rescind: Rescind,
    slug: web::Path<String>,
    body: web::Bytes,
) -> actix_web::Result<HttpResponse> {
    let chapter = Chapter::of_slug(&slug).ok_or(Problem::NotFound)?;
    let exercise = Exercise::of(chapter);
    let mut attempt = Attempt::read(exercise, &body);
    let before = progress_of(&request);
    let mut progress = before;
    attempt.is_checked = deed == Deed::Check;
    match deed {
        Deed::Check => {
            let reached = running::run(exercise, &attempt, Some(&request)).await?;
            if reached.missing().is_none() {
                progress.note(chapter, deed);
            }
        }
        Deed::Hint | Deed::Answer => progress.note(chapter, deed),
    }
    let reply = see_other(&address_of(chapter, &attempt));
    if progress == before {
        return Ok(reply);
    }
    with_cookies(reply, &[progress.cookie(rescind.settings())])
}

fn address_of(chapter: Chapter, attempt: &Attempt) -> String {
    match attempt.query() {
        query if query.is_empty() => format!("{}#exercise", chapter.address()),
        query => format!("{}?{query}#exercise", chapter.address()),
    }
}

/// The exercise at the end of a chapter, for a request's sender: HTML that begins with an `h2`.
pub(super) async fn for_chapter(chapter: Chapter, request: &HttpRequest) -> actix_web::Result<String> {
    let exercise = Exercise::of(chapter);
    let attempt = Attempt::read(exercise, request.query_string().as_bytes());
    page::draw(exercise, attempt, request).await
}

/// Whether a request's sender has solved a chapter's exercise: for the marks of the contents.
pub(super) fn is_solved(chapter: Chapter, request: &HttpRequest) -> bool {
    progress_of(request).of(chapter).solved
}

#[cfg(test)]
mod tests {
    use super::{
        exercise::{Kind, Place},
        *,
    };

    /// The terminal leads to the page, and the page to the terminal.
    #[test]
    fn an_exercise_in_code_is_at_the_end_of_the_chapter_that_its_run_names() {
        for (chapter, number) in Chapter::all().zip(1_u8..) {
            assert_eq!(rescind_exercises::chapter_path(number), Some(chapter.address()));
            let in_code = match Exercise::of(chapter).kind {
                Kind::Code(code) => Some(code.title),
                _ => None,
            };
            let asked = rescind_exercises::Exercise::of_chapter(number).map(|code| code.title);
            assert_eq!(in_code, asked, "{chapter:?}");
        }
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused() {
        assert!(exercise::read(exercise::TEXT).is_ok());
        for known in [
            "chapter = \"unissued",
            "answer = \"stored",
            "[\"log-in",
            "met = \"copied",
            "run = \"an-hour",
            "steps = \"word",
            "code = 6",
        ] {
            let text = exercise::TEXT.replacen(known, &format!("{known}0"), 1);
            assert_ne!(text, exercise::TEXT, "{known}");
            assert!(exercise::read(&text).is_err(), "{known}");
        }
    }

    /// They are not escaped, except between backticks.
    #[test]
    fn no_text_contains_html_markup() {
        for exercise in Chapter::all().map(Exercise::of) {
            let hints = exercise.hints.iter().map(|hint| &hint.text);
            for text in hints.chain([&exercise.task, &exercise.solution.text]) {
                assert!(!text.is_empty(), "{:?}", exercise.chapter);
                assert!(!text.contains(['<', '>', '&', '"']), "{text}");
                assert_eq!(text.matches('`').count() % 2, 0, "{text}");
            }
        }
    }

    /// What an attempt lacks; `None`, if it solves.
    async fn missing(exercise: &'static Exercise, attempt: &Attempt) -> Option<String> {
        let reached = running::run(exercise, attempt, None).await.unwrap();
        assert_eq!(reached.stuck, None, "{:?}", exercise.chapter);
        reached.missing().map(str::to_owned)
    }

    #[actix_web::test]
    async fn every_hint_leads_closer_and_every_answer_solves() {
        for chapter in Chapter::all() {
            let exercise = Exercise::of(chapter);
            assert_eq!(exercise.chapter, chapter);
            let mut told = vec![missing(exercise, &Attempt::default()).await];
            for hint in &exercise.hints {
                match &hint.leads {
                    Some(leads) => told.push(missing(exercise, &leads.attempt(exercise)).await),
                    None => assert!(matches!(exercise.kind, Kind::Code(_)), "{chapter:?}"),
                }
            }
            for (n, missing) in told.iter().enumerate() {
                assert!(missing.is_some(), "{chapter:?}: hint {n} gives everything away");
                assert!(
                    !told[..n].contains(missing),
                    "{chapter:?}: hint {n} leads nowhere: {missing:?}"
                );
            }
            let solved = missing(exercise, &exercise.solution.steps.attempt(exercise)).await;
            assert_eq!(solved, None, "{chapter:?}");
        }
    }

    /// A bookmarked address keeps its meaning.
    #[test]
    fn a_written_attempt_is_parsed_unchanged() {
        for chapter in Chapter::all() {
            let exercise = Exercise::of(chapter);
            let attempt = exercise.solution.steps.attempt(exercise);
            assert_eq!(
                Attempt::read(exercise, attempt.query().as_bytes()),
                attempt,
                "{chapter:?}"
            );
            assert!(!attempt.is_empty(), "{chapter:?}");
        }
    }

    fn exercise_of(slug: &str) -> &'static Exercise {
        Exercise::of(Chapter::of_slug(slug).unwrap())
    }

    #[test]
    fn values_that_an_exercise_does_not_offer_are_left_out() {
        let exercise = exercise_of("stored");
        let long = ["call"; 99].join(".");
        for (query, steps) in [
            (
                "steps=log-in.kill-server.nonsense.call&add=replay",
                "log-in.call.replay",
            ),
            ("steps=log-in.call&undo=1", "log-in"),
            ("undo=1", ""),
            ("%ff=%&steps=..&my-life=1h", ""),
            (&format!("steps={long}"), &["call"; attempt::MOST_STEPS].join(".")),
        ] {
            assert_eq!(
                Attempt::read(exercise, query.as_bytes()).written_steps(),
                steps,
                "{query}"
            );
        }
        let chosen = Attempt::read(exercise_of("short-lived"), b"my-life=1y&my-answer=rotation&steps=call");
        assert_eq!((chosen.of("my-life"), chosen.of("my-answer")), (None, Some("rotation")));
        assert_eq!(chosen.written_steps(), "");
    }

    #[test]
    fn hints_are_distinct_and_each_has_a_place_to_read_on() {
        for chapter in Chapter::all() {
            let exercise = Exercise::of(chapter);
            for (n, hint) in exercise.hints.iter().enumerate() {
                assert!(
                    exercise.hints[..n].iter().all(|other| other.text != hint.text),
                    "{chapter:?}"
                );
                assert!(
                    !matches!(hint.read, Place::Chapter(other) if other == chapter),
                    "{chapter:?}"
                );
            }
        }
    }
}
