//! The stage: a story at one of its steps, drawn alike on each page that tells one.
//!
//! You on the left, the server with its doors and stores in the middle, the thief on the right. Above them stands what
//! happened and what to do next, below them the time line, whose steps are links. It is plain data: the page that fills it
//! knows where its facts come from. The time line is drawn twice, for a wide page and for a narrow one, and the stylesheet
//! shows one of them.

use std::{collections::BTreeMap, sync::LazyLock};

use askama::Template;
use jiff::Timestamp;

use super::{
    Said,
    timeline::{Label, Room, letters, round},
};
use crate::{content::file, pages::times::Time};

static WORDS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| file!("stage.toml").data());

/// Words that the stage says alike on each page.
pub(crate) fn words(name: &str) -> &'static str {
    WORDS.get(name).map_or("", String::as_str)
}

/// How many steps are drawn: more of them cannot be told apart on a telephone.
const MOST: usize = 12;
/// About the width of a letter on the time line.
const LETTER: f64 = 7.2;

#[derive(Clone, Template)]
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
#[derive(Clone)]
pub(crate) enum Next {
    Press(Button),
    /// To the step that follows on an earlier one.
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

#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) asks: String,
    pub(crate) said: Said,
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
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
    /// The one that is shown, from 0.
    pub(crate) shown: usize,
    /// How many follow, if the reader does the next thing each time.
    pub(crate) to_come: usize,
    /// The names of the doors.
    pub(crate) rows: Vec<&'static str>,
    /// How long the last state of each door lasts, at its end.
    pub(crate) ends: Vec<String>,
    /// Whether that end has passed.
    pub(crate) expired: bool,
}

#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) address: String,
    /// What happened, in a few words; and whether you did it.
    pub(crate) mark: String,
    pub(crate) yours: bool,
    /// The verdict of each door from then on; none before the theft.
    pub(crate) doors: Vec<Option<Said>>,
}

/// A step in the row of links beneath the time line.
pub(crate) struct Link<'a> {
    number: usize,
    /// Unless it is to come.
    step: Option<&'a Step>,
    shown: bool,
}

/// The time line in one of its sizes.
pub(crate) struct Line {
    id: &'static str,
    width: f64,
    left: f64,
    height: f64,
    bottom: f64,
    rows: Vec<Row>,
    marks: Vec<(f64, &'static str, Option<Label>)>,
}

struct Row {
    name: &'static str,
    name_at: (f64, f64),
    y: f64,
    bands: Vec<Band>,
}

struct Band {
    x: f64,
    width: f64,
    said: Said,
    later: bool,
    text: String,
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
    fn told(&self, step: &Step) -> String {
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
    fn window(&self) -> (usize, &[Step], usize) {
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

    pub(crate) fn lines(&self) -> [Line; 2] {
        [Room::Wide, Room::Narrow].map(|room| self.line(room))
    }

    fn line(&self, room: Room) -> Line {
        let (first, steps, to_come) = self.window();
        let is_wide = room == Room::Wide;
        let (width, left, top, height) = if is_wide {
            (1120.0, 72.0, 22.0, 34.0)
        } else {
            (358.0, 0.0, 22.0, 40.0)
        };
        let columns = steps.len() + to_come + 1;
        let x = |column: usize| {
            let part =
                f64::from(u32::try_from(column).unwrap_or(u32::MAX)) / f64::from(u32::try_from(columns).unwrap_or(1));
            round(left + (width - left) * part)
        };
        let is_last = first + steps.len() == self.steps.len();
        // At its end the last state lasts until the token expires, and that is the rest of the line.
        let end = if is_last && to_come == 0 { columns } else { steps.len() };
        // What has ended does not reach to the present.
        let passed = round((x(steps.len().saturating_sub(1)) + x(steps.len())) / 2.0);
        let ends = |row: usize| self.ends.get(row).filter(|ends| is_last && !ends.is_empty());
        let mut y = top;
        let mut rows = Vec::new();
        for (row, name) in self.rows.iter().enumerate() {
            let name_at = if is_wide { (0.0, y + 18.0) } else { (left, y + 12.0) };
            let middle = if is_wide { y + 13.0 } else { y + 26.0 };
            let mut bands: Vec<Band> = Vec::new();
            for (column, step) in steps.iter().enumerate() {
                let Some(said) = step.doors.get(row).copied().flatten() else {
                    continue;
                };
                let until = match column + 1 {
                    next if next < steps.len() => x(next),
                    _ if self.expired && ends(row).is_some() => passed,
                    _ => x(end),
                };
                let later = first + column > self.shown;
                match bands.last_mut() {
                    Some(band) if band.said == said && band.later == later => band.width = round(until - band.x),
                    _ => bands.push(Band {
                        x: x(column),
                        width: round(until - x(column)),
                        said,
                        later,
                        text: String::new(),
                    }),
                }
            }
            let last = bands.len();
            for (band, number) in bands.iter_mut().zip(1..) {
                let ends = ends(row).filter(|_| number == last).cloned();
                let texts = [ends, Some(band.said.in_a_band().to_owned())];
                let fits = |text: &String| LETTER * letters(text) + 12.0 < band.width;
                band.text = texts.into_iter().flatten().find(fits).unwrap_or_default();
            }
            rows.push(Row {
                name,
                name_at,
                y: middle,
                bands,
            });
            y += height;
        }
        let mut free = 0.0;
        let mut mark = |at: f64, text: &str, class: &'static str, shown: bool| {
            let long = LETTER * letters(text);
            let label = Label {
                x: at,
                y: 12.0,
                anchor: if at + long > width { "end" } else { "start" },
                text: text.to_owned(),
            };
            let start = if label.anchor == "end" { at - long } else { at };
            let fits = shown || is_wide;
            let label = (fits && !text.is_empty() && start >= free).then(|| {
                free = start + long + 8.0;
                label
            });
            (at, class, label)
        };
        let marks = steps.iter().enumerate().filter(|(_, step)| !step.mark.is_empty());
        let marks = marks.map(|(column, step)| {
            let shown = first + column == self.shown;
            let class = match (step.yours, shown) {
                (true, true) => "mark shown you",
                (true, false) => "mark you",
                (false, true) => "mark shown",
                (false, false) => "mark",
            };
            mark(x(column), &step.mark, class, shown)
        });
        let mut marks: Vec<_> = marks.collect();
        if (end == columns || self.expired) && (0..self.rows.len()).any(|row| ends(row).is_some()) {
            let at = if self.expired { passed } else { width };
            marks.push(mark(at, words("expiry"), "mark", true));
        }
        Line {
            id: if is_wide { "wide" } else { "narrow" },
            width,
            left,
            height: y + 4.0,
            bottom: y,
            rows,
            marks,
        }
    }
}

impl Stage {
    /// The level of its headline.
    fn level(&self) -> u8 {
        if self.within.is_empty() { 1 } else { 3 }
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
