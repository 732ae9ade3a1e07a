//! The learner's progress, in a cookie: no account, no data on the server.
//!
//! It lists the solved chapters, the answers shown, and the open hints, as `2.3h1.5h3a`: 2 is solved, 3 has one hint open, 5
//! has three and its answer was shown. It is not signed. A learner who forges it gains only a green word; no other part of the
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
pub(super) struct Of {
    pub(super) hints: u8,
    pub(super) shown: bool,
    pub(super) solved: bool,
}

/// Reads a request's cookie; empty if it cannot be parsed.
pub(crate) fn progress_of(request: &HttpRequest) -> Progress {
    let Some(site) = request.app_data::<Data<Site>>() else {
        return Progress::default();
    };
    let kept = kept(request, site.rescind().settings(), COOKIE);
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
                match mark {
                    's' => of.solved = true,
                    'a' => of.shown = true,
                    'h' => {
                        let hints = marks.next().and_then(|digit| digit.to_digit(10));
                        let hints = hints.and_then(|hints| u8::try_from(hints).ok()).unwrap_or_default();
                        of.hints = hints.min(MOST_HINTS);
                    }
                    _ => break,
                }
            }
            // The shortest possible form.
            of.solved |= digits == item.len();
        }
        progress
    }

    fn numbered(&mut self, number: usize) -> Option<&mut Of> {
        self.0.get_mut(number.checked_sub(1)?)
    }

    pub(super) fn of(&self, chapter: Chapter) -> Of {
        self.0.get(chapter.number() - 1).copied().unwrap_or_default()
    }

    pub(super) fn note(&mut self, chapter: Chapter, deed: Deed) {
        let Some(of) = self.numbered(chapter.number()) else {
            return;
        };
        match deed {
            Deed::Check => of.solved = true,
            // Only the next one.
            Deed::Hint => of.hints = of.hints.saturating_add(1).min(MOST_HINTS),
            Deed::Answer => of.shown = true,
        }
    }

    pub(super) fn cookie(self, settings: &Settings) -> Cookie<'static> {
        keeps(settings, COOKIE, &self.to_string(), super::super::COURSE)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (n, of) in self.0.iter().enumerate() {
            if *of == Of::default() {
                continue;
            }
            if !first {
                f.write_str(".")?;
            }
            first = false;
            write!(f, "{}", n + 1)?;
            if of.solved && (of.hints > 0 || of.shown) {
                f.write_str("s")?;
            }
            if of.hints > 0 {
                write!(f, "h{}", of.hints)?;
            }
            if of.shown {
                f.write_str("a")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chapter(slug: &str) -> Chapter {
        Chapter::of_slug(slug).unwrap()
    }

    #[test]
    fn a_written_cookie_is_parsed_unchanged() {
        let mut progress = Progress::default();
        assert_eq!(progress.to_string(), "");
        progress.note(chapter("stored"), Deed::Check);
        progress.note(chapter("client-delete"), Deed::Hint);
        for _ in 0..9 {
            progress.note(chapter("xss"), Deed::Hint);
        }
        progress.note(chapter("xss"), Deed::Answer);
        progress.note(chapter("keys"), Deed::Answer);
        progress.note(chapter("keys"), Deed::Check);
        assert_eq!(progress.to_string(), "2.3h1.11sa.12h3a");
        assert_eq!(Progress::read(&progress.to_string()), progress);
    }

    #[test]
    fn the_valid_parts_of_a_forged_cookie_are_read() {
        let told = |text: &str| Progress::read(text).to_string();
        assert_eq!(told("1.2.12.13.0"), "1.2.12");
        assert_eq!(told("4h9.5h.6hx.7q.8ah2"), "4h3.8h2a");
        for nonsense in [
            "",
            ".",
            "x",
            "é.é",
            "99999999999999999999999",
            "-1",
            "\"><script>",
            "h3",
            "1 ",
        ] {
            assert_eq!(told(nonsense), "", "{nonsense:?}");
        }
        assert_eq!(told(&"1.".repeat(10_000)), "1");
    }
}
