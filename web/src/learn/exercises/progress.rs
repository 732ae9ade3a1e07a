//! The learner's progress, in a cookie: no account, no data on the server.
//!
//! It lists the solved chapters, the answers shown, the open hints, what was predicted and what was decided, as
//! `2.3h1.5ah3.6p2d1`: 2 is solved, 3 has one hint open, 5 has three and its answer was shown, and in 6 the second option was
//! predicted and the first one decided on. It is not signed. A learner who forges it gains only a green word; no other part of the
//! program reads it. Rejected: a row for each visitor, which would have to be kept, deleted, and disclosed to people.

use std::fmt;

use actix_web::{HttpRequest, cookie::Cookie, web::Data};
use rescind_api::Settings;

use crate::{
    content::word,
    learn::chapters::Chapter,
    pages::{
        Site,
        theme::{keeps, kept},
    },
};

/// The purpose of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Check,
    Hint,
    Answer,
}

impl Deed {
    pub(super) const ALL: [Self; 3] = [Self::Check, Self::Hint, Self::Answer];

    pub(super) fn address(self, chapter: Chapter) -> String {
        format!("{}/{}", chapter.address(), word(self))
    }
}

const COOKIE: &str = "course";
const MOST_HINTS: u8 = 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress([Of; Chapter::COUNT]);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Of {
    pub(super) hints: u8,
    pub(super) shown: bool,
    pub(crate) solved: bool,
    /// The number of an option, from 1; 0 if there is none. The same below.
    pub(crate) predicted: u8,
    pub(crate) decided: u8,
}

/// Reads a request's cookie; empty if it cannot be parsed.
pub(crate) fn progress_of(request: &HttpRequest) -> Progress {
    let Some(site) = request.app_data::<Data<Site>>() else {
        return Progress::default();
    };
    let kept = kept(request, site.rescind.settings(), COOKIE);
    kept.map(|text| Progress::read(&text)).unwrap_or_default()
}

impl Progress {
    fn read(text: &str) -> Self {
        let mut progress = Self::default();
        for item in text.split('.') {
            let digits = item.bytes().take_while(u8::is_ascii_digit).count();
            let (number, marks) = item.split_at(digits);
            let Some(of) = number.parse().ok().and_then(|number| progress.numbered(number)) else {
                continue;
            };
            let mut marks = marks.chars();
            while let Some(mark) = marks.next() {
                let mut digit = || {
                    let digit = marks.next().and_then(|digit| digit.to_digit(10));
                    digit.and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default()
                };
                match mark {
                    's' => of.solved = true,
                    'a' => of.shown = true,
                    'h' => of.hints = digit().min(MOST_HINTS),
                    'p' => of.predicted = digit(),
                    'd' => of.decided = digit(),
                    _ => break,
                }
            }
            // The shortest possible form.
            of.solved |= digits == item.len();
        }
        progress
    }

    /// What is noted of a chapter, to be changed.
    pub(crate) fn at(&mut self, chapter: Chapter) -> Option<&mut Of> {
        self.numbered(chapter.number())
    }

    fn numbered(&mut self, number: usize) -> Option<&mut Of> {
        self.0.get_mut(number.checked_sub(1)?)
    }

    pub(crate) fn of(&self, chapter: Chapter) -> Of {
        self.0.get(chapter.number() - 1).copied().unwrap_or_default()
    }

    pub(super) fn note(&mut self, chapter: Chapter, deed: Deed) {
        let Some(of) = self.at(chapter) else { return };
        match deed {
            Deed::Check => of.solved = true,
            // Only the next one.
            Deed::Hint => of.hints = of.hints.saturating_add(1).min(MOST_HINTS),
            Deed::Answer => of.shown = true,
        }
    }

    pub(crate) fn cookie(self, settings: &Settings) -> Cookie<'static> {
        keeps(settings, COOKIE, &self.to_string(), super::super::COURSE)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only_solved = Of {
            solved: true,
            ..Of::default()
        };
        let noted = self.0.iter().zip(1..).filter(|(of, _)| **of != Of::default());
        for (n, (of, number)) in noted.enumerate() {
            let between = if n > 0 { "." } else { "" };
            write!(f, "{between}{number}")?;
            let is_told = of.solved && *of != only_solved;
            f.write_str(if is_told { "s" } else { "" })?;
            f.write_str(if of.shown { "a" } else { "" })?;
            for (mark, number) in [('h', of.hints), ('p', of.predicted), ('d', of.decided)] {
                if number > 0 {
                    write!(f, "{mark}{number}")?;
                }
            }
        }
        Ok(())
    }
}
