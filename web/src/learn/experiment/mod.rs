//! The experiment under a chapter's prose: a short story, played while the page is drawn, on the code that serves it.
//!
//! | | |
//! | --- | --- |
//! | [`script`] | the story's steps, from the chapter's file |
//! | [`playing`] | the lab's sandbox in which it happens, and its recording |
//! | [`tampering`] | the one story about a changed token instead of actions |
//!
//! The form uses GET, so that the address of a result can be shared. A story begins at a fixed instant and draws its
//! randomness from a fixed seed: an address shows the same story to every reader. Its sandbox exists only for the request;
//! its tokens are useless elsewhere.
//!
//! Rejected: a sandbox that waits for the reader between two steps. The lab has those; a chapter is to be read.

mod playing;
pub(in crate::learn) mod script;
mod tampering;

use askama::Template;
use rescind_lab::{SandboxError, comparison::Scenario};

use super::chapters::Chapter;
use crate::{
    choices::Choices,
    lab::{Compared, compared},
};
pub(in crate::learn) use playing::Play;
pub(crate) use playing::{Spans, Story};

#[derive(Template)]
#[template(path = "learn/experiment.html")]
pub(super) struct Experiment {
    chapter: Chapter,
    choices: Choices,
    story: Story,
    /// All answers in numbers, if the chapter compares them.
    six: Option<Compared>,
    in_the_lab: String,
}

impl Experiment {
    /// Plays a chapter's story with the query's settings.
    ///
    /// # Errors
    /// A sandbox cannot be set up.
    pub(super) async fn play(chapter: Chapter, query: &str) -> Result<Self, SandboxError> {
        let choices = Choices::read(&chapter.text().controls, query);
        let story = chapter.text().story.play(&choices).await?;
        let six = if chapter.compares_all {
            // The lab's own story: robbed after six minutes, logged out after eight.
            compared(Scenario::default()).await.ok()
        } else {
            None
        };
        Ok(Self {
            six,
            in_the_lab: choices.facts().fill(&chapter.lab.address),
            chapter,
            choices,
            story,
        })
    }
}
