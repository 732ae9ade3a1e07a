//! The stage: a story at one of its steps, drawn alike on each page that tells one.
//!
//! You on the left, the server with its doors and stores in the middle, the thief on the right. Above them stands what
//! happened and what to do next, below them the time line, whose steps are links. It is plain data: the page that fills it
//! knows where its facts come from. The time line is a table, so that the stylesheet fits it to a wide and to a narrow page.

use std::{collections::BTreeMap, sync::LazyLock};

use askama::Template;
use jiff::Timestamp;

use super::VerdictColour;
use crate::{content::file, pages::times::Time};

static WORDS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| file!("stage.toml").data());

/// Words that the stage says alike on each page.
pub(crate) fn words(name: &str) -> &'static str {
    WORDS.get(name).map_or("", String::as_str)
}

/// How many steps are drawn: more of them cannot be told apart on a telephone.
const MOST: usize = 12;

#[derive(Clone, Default, Template)]
#[template(path = "trace/stage.html")]
pub(crate) struct Stage {
    /// Where a page has more than its stage: the beginning of the stage's ids. Its headings are then those of a part.
    pub(crate) within: &'static str,
    /// What happened, in one sentence.
    pub(crate) headline: String,
    pub(crate) alarm: Option<Alarm>,
    /// Why, and what to look at.
    pub(crate) lead: String,
    /// Why the last press had no effect.
    pub(crate) notice: Option<String>,
    /// The time, if the story has one of its own.
    pub(crate) clock: String,
    pub(crate) next: Next,
    /// What the reader should know before they press.
    pub(crate) warning: Option<String>,
    /// What was sent in this step: the class of its sender, and the message.
    pub(crate) message: Option<(&'static str, String)>,
    /// Who is between the two.
    pub(crate) server: &'static str,
    pub(crate) you: Actor,
    pub(crate) thief: Actor,
    /// What can be done to the time, and to the server.
    pub(crate) time: Vec<Button>,
    pub(crate) doors: Vec<Door>,
    pub(crate) stores: Vec<Kept>,
    pub(crate) story: Story,
}

/// A warning with the time of its cause.
#[derive(Clone)]
pub(crate) struct Alarm {
    pub(crate) at: Time,
    pub(crate) from: String,
    /// Whether the story has gone on since.
    pub(crate) brief: bool,
}

/// The one thing to do next.
#[derive(Clone, Default)]
pub(crate) enum Next {
    Press(Button),
    /// To the step that follows on an earlier one.
    #[default]
    Follow,
    /// From the last step to the first one.
    Again,
}

#[derive(Clone)]
pub(crate) struct Button {
    /// The address of its form.
    pub(crate) action: String,
    /// The name of the action in the form, where one address has several. The page then changes in place.
    pub(crate) value: Option<&'static str>,
    pub(crate) label: String,
    /// Why it cannot be pressed now.
    pub(crate) why_not: Option<String>,
    /// The steps before it, where they stand in the address.
    pub(crate) after: Option<String>,
}

impl Button {
    /// The only button of an address.
    pub(crate) fn of(action: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            value: None,
            label: label.into(),
            why_not: None,
            after: None,
        }
    }
}

/// You, or the thief.
#[derive(Clone, Default)]
pub(crate) struct Actor {
    pub(crate) state: String,
    pub(crate) chips: Vec<Chip>,
    pub(crate) may: Vec<Button>,
}

/// A token that a side holds, or held.
#[derive(Clone)]
pub(crate) struct Chip {
    pub(crate) name: &'static str,
    /// Its generation, if it is a refresh token.
    pub(crate) more: String,
    pub(crate) life: Life,
}

#[derive(Clone)]
pub(crate) enum Life {
    /// Its end, what is left in percent, and all of it in seconds.
    Left(Time, i64, i64),
    /// Valid for as long as its session.
    Open,
    /// Dropped, expired or refused.
    Gone(&'static str),
}

impl Life {
    /// `ticks`: whether the time runs while the page is open.
    pub(crate) fn until(end: Timestamp, now: Timestamp, all: i64, ticks: bool) -> Self {
        let left = end.duration_since(now);
        if !left.is_positive() {
            return Self::Gone(words("expired"));
        }
        let percent = (left.as_secs() * 100).checked_div(all).unwrap_or(100);
        let mut time = Time::countdown(end, now);
        time.counts_down = ticks;
        Self::Left(time, percent.clamp(1, 100), all)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Door {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) asks: String,
    pub(crate) said: VerdictColour,
    /// The verdict in a word or two.
    pub(crate) word: String,
    /// Until when it stays like that.
    pub(crate) until: Option<Time>,
    pub(crate) status: String,
    pub(crate) why: String,
}

/// What a store holds of the story.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) name: &'static str,
    pub(crate) holds: String,
    /// Whether this step changed it.
    pub(crate) changed: bool,
}

/// The steps of a story so far.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<StoryStep>,
    /// The one that is shown, from 0.
    pub(crate) shown: usize,
    /// How many follow, if the reader does the next thing each time.
    pub(crate) to_come: usize,
    /// The names of the doors.
    pub(crate) rows: Vec<&'static str>,
    /// Whether the stolen token of the last step has expired.
    pub(crate) expired: bool,
}

#[derive(Clone)]
pub(crate) struct StoryStep {
    pub(crate) address: String,
    /// What happened, in a few words; and whether you did it.
    pub(crate) mark: String,
    pub(crate) yours: bool,
    /// The verdict of each door from then on; none before the theft.
    pub(crate) doors: Vec<Option<VerdictColour>>,
    /// The time at which the thief is no longer in, if that is before the next step or worth saying; else empty.
    pub(crate) ends: String,
}

impl StoryStep {
    /// What a door says from this step on, and when that ends.
    fn at(&self, row: usize) -> (Option<VerdictColour>, &str) {
        match self.doors.get(row).copied().flatten() {
            said @ Some(VerdictColour::ThiefIn) => (said, &self.ends),
            said => (said, ""),
        }
    }
}

/// A step in the row of links beneath the time line.
pub(crate) struct Link<'a> {
    number: usize,
    /// Unless it is to come.
    step: Option<&'a StoryStep>,
    shown: bool,
}

/// What a door says through some steps of the time line.
pub(crate) struct Band<'a> {
    /// None before the theft, and of what is to come.
    said: Option<VerdictColour>,
    /// Whether it follows on the step that is shown.
    later: bool,
    steps: usize,
    /// The minute and the second at which it ends, in place of the verdict.
    ends: Option<(&'a str, &'a str)>,
}

impl Story {
    pub(crate) fn number(&self) -> usize {
        self.shown + 1
    }

    pub(crate) fn all(&self) -> usize {
        self.steps.len() + self.to_come
    }

    fn address(&self, step: Option<usize>) -> Option<&str> {
        Some(self.steps.get(step?)?.address.as_str())
    }

    pub(crate) fn first(&self) -> Option<&str> {
        self.address(Some(0))
    }

    pub(crate) fn following(&self) -> Option<&str> {
        self.address(Some(self.shown + 1))
    }

    /// A step in words: its mark, and the verdict of each door from then on.
    fn told(&self, step: &StoryStep) -> String {
        let doors = self.rows.iter().zip(&step.doors);
        let doors = doors.filter_map(|(row, said)| Some(format!("{row}: {}", (*said)?.word())));
        let mark = Some(step.mark.clone()).filter(|mark| !mark.is_empty());
        mark.into_iter().chain(doors).collect::<Vec<_>>().join(". ")
    }

    /// Where one can go from here: the id of each link, its text, and its address.
    pub(crate) fn walk(&self) -> [(&'static str, &'static str, Option<&str>); 4] {
        let last = self.steps.len().saturating_sub(1);
        let (back, on) = (self.shown > 0, self.shown < last);
        [
            ("first", self.address(back.then_some(0))),
            ("previous", self.address(self.shown.checked_sub(1))),
            ("next", self.following()),
            ("last", self.address(on.then_some(last))),
        ]
        .map(|(id, to)| (id, words(id), to))
    }

    /// The drawn steps: those around the one that is shown, the number of the first, and how many are to come.
    fn window(&self) -> (usize, &[StoryStep], usize) {
        let most = MOST.min(self.steps.len());
        let first = (self.shown + 1).saturating_sub(most);
        let steps = self.steps.get(first..first + most).unwrap_or_default();
        let is_end = first + most == self.steps.len();
        (first, steps, if is_end { self.to_come.min(MOST - most) } else { 0 })
    }

    pub(crate) fn links(&self) -> Vec<Link<'_>> {
        let (first, steps, to_come) = self.window();
        let steps = steps.iter().map(Some).chain(std::iter::repeat_n(None, to_come));
        let link = |(step, number)| Link {
            number,
            step,
            shown: number == self.number(),
        };
        steps.zip(first + 1..).map(link).collect()
    }

    /// The name of each door, and its verdicts. Behind the steps is room for what the last state lasts.
    pub(crate) fn bands(&self) -> Vec<(&'static str, Vec<Band<'_>>)> {
        let (first, steps, to_come) = self.window();
        let row = |(row, name): (usize, &&'static str)| {
            let verdicts = steps.iter().map(|step| step.at(row)).zip(first..);
            let mut said: Vec<_> = verdicts.map(|((said, ends), n)| (said, n > self.shown, ends)).collect();
            let last = said.last().copied().unwrap_or_default();
            let is_over = self.expired && !last.2.is_empty();
            let lasts = self.is_at_its_end() && to_come == 0 && !is_over;
            said.resize(said.len() + to_come, Default::default());
            said.push(if lasts { last } else { Default::default() });
            // What ended before the next step is a band of its own.
            let are_one = |one: &(_, _, &str), next: &(_, _, &str)| {
                (one.0, one.1) == (next.0, next.1) && (one.2.is_empty() || one.2 == next.2)
            };
            let bands = said.chunk_by(are_one).map(|steps| {
                let (said, later, ends) = steps[steps.len() - 1];
                Band {
                    said,
                    later,
                    steps: steps.len(),
                    ends: ends.rsplit_once(':'),
                }
            });
            (*name, bands.collect())
        };
        self.rows.iter().enumerate().map(row).collect()
    }

    fn is_at_its_end(&self) -> bool {
        let (first, steps, _) = self.window();
        first + steps.len() == self.steps.len()
    }

    /// Whether the expiry is drawn: behind the last step.
    pub(crate) fn expires(&self) -> bool {
        let (_, steps, to_come) = self.window();
        let ends = |step: &StoryStep| (0..self.rows.len()).any(|row| !step.at(row).1.is_empty());
        to_come == 0 && self.is_at_its_end() && steps.last().is_some_and(ends)
    }
}

impl Stage {
    /// The level of its headline.
    fn level(&self) -> u8 {
        if self.within.is_empty() { 1 } else { 3 }
    }

    /// Whether it has a button for this address.
    pub(crate) fn offers(&self, address: &str) -> bool {
        let next = match &self.next {
            Next::Press(button) => Some(button),
            Next::Follow | Next::Again => None,
        };
        let mut buttons = self.you.may.iter().chain(next);
        buttons.any(|button| button.action == address)
    }

    /// The ids of what names a part: of two stages on a page, each part begins with the name of its own.
    fn named(&self, id: &str) -> String {
        let within = self.within;
        if within.is_empty() {
            id.to_owned()
        } else {
            format!("{within}name {within}{id}")
        }
    }

    /// The drawing in words.
    fn described(&self) -> String {
        let told = self.doors.iter().map(|door| format!("{}: {}.", door.name, door.word));
        let steps = format!("Step {} of {}.", self.story.number(), self.story.all());
        std::iter::once(steps).chain(told).collect::<Vec<_>>().join(" ")
    }
}
