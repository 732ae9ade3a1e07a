//! The experiment under a chapter's prose: a short story, played on the code that serves the page, and then kept.
//!
//! | | |
//! | --- | --- |
//! | [`script`] | the story's steps, from the chapter's file |
//! | [`playing`] | the lab's sandbox in which it happens, and its steps, for the stage |
//! | [`tampering`] | the one story about a changed token instead of actions |
//!
//! The form uses GET, so that the address of a result can be shared. A story begins at a fixed instant and draws its
//! randomness from a fixed seed: an address shows the same story to every reader. Its sandbox exists only while it is
//! played; its tokens are useless elsewhere.
//!
//! Rejected: a sandbox that waits for the reader between two steps. The lab has those; a chapter is to be read.

mod playing;
pub(in crate::learn) mod script;
mod tampering;

use std::sync::{Arc, LazyLock};

use askama::Template;
use rescind_lab::comparison::Scenario;
use url::form_urlencoded;

use super::chapters::Chapter;
use crate::{
    choices::Choices,
    computed::Computed,
    lab::{Compared, compared},
    trace::stage::{Next, Stage},
};
use playing::PlayedExperiment;
pub(in crate::learn) use playing::{Play, Played};

#[derive(Template)]
#[template(path = "learn/experiment.html")]
pub(super) struct Experiment {
    chapter: Chapter,
    choices: Choices,
    story: Arc<PlayedExperiment>,
    /// The story, unless it is about a changed token.
    stage: Stage,
    /// All answers in numbers, if the chapter compares them.
    six: Option<Arc<Compared>>,
    in_the_lab: String,
}

static PLAYED: LazyLock<Computed<(Chapter, Choices), PlayedExperiment>> = LazyLock::new(|| Computed::keeping(256));

impl Experiment {
    /// Plays a chapter's story with the query's settings.
    ///
    /// # Errors
    /// 503 if too many are being played; 500 if a sandbox cannot be set up.
    pub(super) async fn play(chapter: Chapter, query: &str) -> actix_web::Result<Self> {
        let choices = Choices::read(&chapter.text().controls, query);
        let key = (chapter, choices.clone());
        let of = choices.clone();
        let play = move || async move { chapter.text().story.play(&of).await };
        let story = PLAYED.of(&key, play).await?;
        let six = if chapter.compares_all {
            // The lab's own story: robbed after six minutes, logged out after eight.
            Some(compared(Scenario::default()).await?)
        } else {
            None
        };
        let step = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "step");
        let step = step.and_then(|(_, step)| step.parse().ok());
        let address = format!("{}?{}", chapter.address(), choices.query());
        let mut stage = story.played.staged(step, "try-", |step| {
            let step = step.map_or_else(String::new, |step| format!("&step={step}"));
            format!("{address}{step}#try")
        });
        // A story has no buttons.
        stage.warning = None;
        if stage.story.following().is_none() {
            stage.next = Next::Again;
        }
        Ok(Self {
            six,
            stage,
            in_the_lab: choices.facts().fill(&chapter.lab.address),
            chapter,
            choices,
            story,
        })
    }
}
