//! What is to be tried under a chapter's prose: a short story, played while the page is drawn, on the code that serves it.
//!
//! | | |
//! | --- | --- |
//! | [`controls`] | what the reader may set, two or three lists of choices each |
//! | [`scripts`] | what happens in each chapter's story |
//! | [`playing`] | a sandbox of the lab in which it happens, and what is written down of it |
//! | [`tampering`] | the one story that is about a token and nobody's deeds |
//! | [`six`] | all answers in one story, in numbers |
//! | [`in_the_lab`] | where there is more of it |
//!
//! The form asks with GET, so that the address of a result can be passed on. A story begins at a fixed instant and draws its
//! randomness from a fixed seed: the same address shows the same story, to everybody. Its sandbox lives as long as the
//! request; the tokens in it open nothing else.
//!
//! Rejected: a sandbox that waits for the reader between two steps. The lab has those; a chapter is to be read.

mod controls;
mod in_the_lab;
mod playing;
mod scripts;
mod six;
mod tampering;

use askama::Template;
use rescind_lab::SandboxError;

use super::chapters::Chapter;
pub(crate) use controls::{Choices, Control};
use in_the_lab::InTheLab;
pub(in crate::learn) use playing::Play;
pub(crate) use playing::{Moment, Said, Spans};
use six::Measured;

/// A story that was played.
pub(super) struct Story {
    pub(super) finding: Finding,
    pub(super) spans: Option<Spans>,
    pub(super) moments: Vec<Moment>,
}

/// What a story shows, in a sentence.
pub(super) struct Finding {
    pub(super) said: Said,
    pub(super) words: String,
}

/// The experiment of a chapter, as it is drawn.
#[derive(Template)]
#[template(path = "learn/experiment.html")]
pub(super) struct Experiment {
    chapter: Chapter,
    controls: &'static [Control],
    choices: Choices,
    story: Story,
    /// All answers in numbers, where the chapter compares them.
    six: Option<Vec<Measured>>,
    in_the_lab: InTheLab,
}

impl Experiment {
    /// Plays a chapter's story, as the query of the address sets it.
    ///
    /// # Errors
    /// A sandbox cannot be set up.
    pub(super) async fn play(chapter: Chapter, query: &str) -> Result<Self, SandboxError> {
        let controls = controls::of(chapter);
        let choices = Choices::read(controls, query);
        let story = scripts::play(chapter, &choices).await?;
        let six = match chapter {
            Chapter::Sessions => six::measured()
                .await
                .inspect_err(|error| tracing::error!(%error, "the six answers could not be compared"))
                .ok(),
            _ => None,
        };
        Ok(Self {
            six,
            in_the_lab: InTheLab::of(chapter, &choices),
            chapter,
            controls,
            choices,
            story,
        })
    }
}
