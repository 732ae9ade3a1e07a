//! Where the lab has more of what a chapter plays.

use url::form_urlencoded;

use super::controls::Choices;
use crate::learn::chapters::Chapter;

/// A place of the lab.
pub(crate) struct InTheLab {
    pub(crate) address: String,
    /// To be read after a verb: "see".
    pub(crate) name: &'static str,
}

impl InTheLab {
    /// The place for a chapter, set as its own experiment is where the two have the same controls.
    pub(super) fn of(chapter: Chapter, choices: &Choices) -> Self {
        let at = |address: &str, name| Self {
            address: address.to_owned(),
            name,
        };
        let side_by_side = |query: &[(&str, &str)]| Self {
            address: format!(
                "/lab?{}",
                form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(query)
                    .finish()
            ),
            name: "all six answers side by side",
        };
        match chapter {
            Chapter::Unissued | Chapter::Keys => at("/inspector", "a token of your own in the inspector"),
            Chapter::Stored => at("/lab/stored", "this answer step by step"),
            Chapter::ClientDelete => side_by_side(&[("long", choices.of("life"))]),
            Chapter::ShortLived => side_by_side(&[("short", choices.of("life"))]),
            Chapter::Rotation => side_by_side(&[("loot", choices.of("loot"))]),
            Chapter::Sessions => side_by_side(&[("loot", "both")]),
            Chapter::Races => at("/lab/race", "two tabs with every switch"),
            Chapter::Blacklist | Chapter::Xss => at("/lab/blacklist", "this answer step by step"),
            Chapter::Amnesia | Chapter::Nodes => at("/lab/blacklist", "the blacklist with every fault"),
        }
    }
}
