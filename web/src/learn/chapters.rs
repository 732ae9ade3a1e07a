//! The thirteen chapters. Each is a file of `content/chapters`: prose, with front matter that has its title, its question, its
//! excerpts and its experiment. A rule (`---`) separates the short text from what goes deeper.
//!
//! The first seven follow the sections of the article that the project started from, in our own words. The next five cover
//! what it leaves open and production needs, and the last one what the standards have added since.

use std::{ops::Deref, sync::LazyLock};

use serde::{Deserialize, Deserializer, de::Error};

use super::{excerpt, experiment::script::Script};
use crate::{
    choices::Control,
    content::{self, File, file},
};

macro_rules! chapters {
    ($($slug:literal),+ $(,)?) => { [$(($slug, file!("chapters/", $slug, ".md"))),+] };
}

/// In reading order, by their names in addresses.
const FILES: [(&str, File); 13] = chapters![
    "unissued",
    "stored",
    "client-delete",
    "short-lived",
    "rotation",
    "blacklist",
    "sessions",
    "races",
    "amnesia",
    "nodes",
    "keys",
    "xss",
    "elsewhere",
];

static TEXTS: LazyLock<Vec<Text>> = LazyLock::new(|| {
    let read = |file: File| {
        let (front, prose) = file.text::<Text>();
        let (short, deeper) = prose.split_once("<hr />\n").unwrap_or((&prose, ""));
        Text {
            short: short.to_owned(),
            deeper: deeper.to_owned(),
            ..front
        }
    };
    FILES.iter().map(|(_, file)| read(*file)).collect()
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) title: String,
    /// The question that it answers, shown in the contents.
    pub(crate) question: String,
    /// How long it takes, with its exercise.
    pub(crate) minutes: usize,
    pub(crate) part: Part,
    /// What the reader predicts first.
    pub(crate) predict: Predict,
    /// Our own opinion of the answer, if the chapter is about one that a reader may choose.
    pub(crate) verdict: Option<String>,
    /// The experiment under its prose, and what to look for.
    #[serde(rename = "try")]
    pub(crate) to_try: String,
    /// Links to the lab.
    pub(super) lab: InTheLab,
    /// The source that implements it.
    pub(super) source: excerpt::Source,
    /// The sections of the specifications.
    pub(crate) read: Vec<content::Source>,
    pub(crate) controls: Vec<Control>,
    pub(super) story: Script,
    /// Whether a comparison of all answers follows the story.
    #[serde(default)]
    pub(super) compares_all: bool,
    /// What everybody reads, as HTML.
    #[serde(skip)]
    pub(super) short: String,
    /// The rest, as HTML.
    #[serde(skip)]
    pub(super) deeper: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Predict {
    pub(crate) question: String,
    pub(crate) options: Vec<String>,
    /// The number of the right option, from 1.
    pub(crate) right: usize,
    pub(crate) because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InTheLab {
    /// A control's name in braces stands for its value.
    pub(super) address: String,
    /// Read after a verb: "see".
    pub(crate) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// The sections of the article.
    FiveAnswers,
    /// What it leaves open.
    Production,
    /// What the standards have added since.
    Elsewhere,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::FiveAnswers, Self::Production, Self::Elsewhere];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::FiveAnswers => "Five answers to one question",
            Self::Production => "What production adds",
            Self::Elsewhere => "What came since",
        }
    }

    pub(crate) fn chapters(self) -> impl Iterator<Item = Chapter> {
        Chapter::all().filter(move |chapter| chapter.part == self)
    }
}

/// A chapter, by its place. Derefs to its [`Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Chapter(usize);

impl Chapter {
    pub(crate) const COUNT: usize = FILES.len();

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    pub(crate) fn of_slug(slug: &str) -> Option<Self> {
        FILES.iter().position(|(found, _)| *found == slug).map(Self)
    }

    pub(crate) fn slug(self) -> &'static str {
        FILES[self.0].0
    }

    pub(crate) fn address(self) -> String {
        format!("/learn/{}", self.slug())
    }

    /// From 1.
    pub(crate) fn number(self) -> usize {
        self.0 + 1
    }

    /// Whether a term of the glossary is used in it.
    pub(crate) fn uses(self, anchor: &str) -> bool {
        let link = format!("\"/glossary#{anchor}\"");
        [&self.short, &self.deeper].iter().any(|text| text.contains(&link))
    }

    pub(crate) fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    pub(crate) fn next(self) -> Option<Self> {
        (self.number() < Self::COUNT).then_some(Self(self.number()))
    }

    pub(crate) fn text(self) -> &'static Text {
        &TEXTS[self.0]
    }
}

impl Deref for Chapter {
    type Target = Text;

    fn deref(&self) -> &Text {
        self.text()
    }
}

impl<'de> Deserialize<'de> for Chapter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of_slug(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no such chapter"))
    }
}
