//! The picture of a comparison: a lane for each answer along one axis of time.
//!
//! Measurements become shapes, without any verdict in between. SVG with presentation attributes and classes only: the pages'
//! content policy forbids inline styles. It is drawn twice, for a wide page and for a narrow one, and the stylesheet shows
//! one of them.
//!
//! **The axis** is linear before the logout. The part after it may last a minute or a day, and both have to be visible in one
//! picture: if it is much longer than the part before, the axis is logarithmic from the logout on, and labelled so. Rejected:
//! one linear scale, on which two minutes beside twelve hours are invisible; and a break, which hides how long the long one is.

use std::time::Duration;

use rescind_lab::comparison::{Lane, Scenario};

use crate::{content::word, pages::times::length};

/// How many times longer the part after the logout must be for a logarithmic axis.
const MUCH_LONGER: u32 = 2;
/// The first step of the logarithmic part.
const FIRST_STEP: f64 = 60.0;
/// The possible labels beneath the axis.
const ROUND: [u64; 12] = [
    30, 60, 120, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 64_800, 86_400,
];
/// Tries with the same verdict are drawn no closer than this: more of them add no information.
const TRIES_APART: f64 = 22.0;
/// Marks closer than this cannot be distinguished.
const CLOSE: f64 = 5.0;
/// About the width of a letter above the lanes.
const LETTER: f64 = 7.6;

pub(crate) struct Timeline {
    pub(crate) layout: Layout,
    pub(crate) theft: Duration,
    pub(crate) logout: Duration,
    end: Duration,
    pub(crate) bottom: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) id: &'static str,
    pub(crate) width: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    row: f64,
    /// From the top of a row to the middle of its lane.
    middle: f64,
    /// A name's position, from the middle of its lane.
    pub(crate) name: (f64, f64),
}

impl Layout {
    /// Names before their lanes, costs behind them.
    pub(crate) const WIDE: Self = Self {
        id: "wide",
        width: 1120.0,
        left: 188.0,
        right: 944.0,
        top: 34.0,
        row: 66.0,
        middle: 40.0,
        name: (0.0, 5.0),
    };
    /// Names above their lanes; what does not fit is in the table.
    pub(crate) const NARROW: Self = Self {
        id: "narrow",
        width: 358.0,
        left: 6.0,
        right: 352.0,
        top: 52.0,
        row: 82.0,
        middle: 56.0,
        name: (6.0, -36.0),
    };

    fn row(&self, number: usize) -> f64 {
        self.top + self.row * float(number)
    }
}

impl Timeline {
    pub(crate) fn of(layout: Layout, scenario: &Scenario, lanes: &[Lane]) -> Self {
        let logout = scenario.logout;
        let ends = lanes.iter().flat_map(|lane| &lane.inside).map(|(_, to)| *to);
        Self {
            bottom: layout.row(lanes.len()),
            layout,
            theft: scenario.theft,
            logout,
            // Some room after the logout, even without events there.
            end: ends.fold(logout + logout / 3, Duration::max),
        }
    }

    pub(crate) fn is_wide(&self) -> bool {
        self.layout.id == Layout::WIDE.id
    }

    /// The middle of a lane.
    pub(crate) fn y(&self, lane: &usize) -> f64 {
        self.layout.row(*lane) + self.layout.middle
    }

    /// Whether the axis is logarithmic after the logout.
    pub(crate) fn stretched(&self) -> bool {
        self.end - self.logout > self.logout * MUCH_LONGER
    }

    pub(crate) fn x(&self, at: &Duration) -> f64 {
        let [at, logout, end] = [*at, self.logout, self.end].map(|time| time.as_secs_f64());
        let split = if self.stretched() { 0.45 } else { logout / end };
        let part = if at <= logout {
            split * at / logout
        } else {
            let (since, all) = (at.min(end) - logout, end - logout);
            let through = if self.stretched() {
                (since / FIRST_STEP).ln_1p() / (all / FIRST_STEP).ln_1p()
            } else {
                since / all
            };
            split + (1.0 - split) * through
        };
        // A whole pixel is precise enough, and short.
        (self.layout.left + (self.layout.right - self.layout.left) * part).round()
    }

    /// Times after the logout, as many as fit: position and label.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        const APART: f64 = 62.0;
        let mut ticks = vec![(self.layout.left, "0".to_owned())];
        let mut last = self.x(&self.logout) - APART / 2.0;
        for after in ROUND.into_iter().map(Duration::from_secs) {
            let x = self.x(&(self.logout + after));
            let is_there = self.logout + after <= self.end;
            if is_there && x - last >= APART && x <= self.layout.right - APART / 4.0 {
                last = x;
                ticks.push((x, format!("+{}", length(after))));
            }
        }
        ticks
    }

    /// Where a text stands beside the logout, and which end that is: up to the edge, if there is too little room.
    pub(crate) fn beside_logout(&self, text: &str) -> (f64, &'static str) {
        let start = self.x(&self.logout) + 6.0;
        if start + width(text) > self.layout.right {
            (self.layout.right, "end")
        } else {
            (start, "start")
        }
    }

    /// The same before the theft: behind it, if that is early.
    pub(crate) fn before_theft(&self, text: &str) -> (f64, &'static str) {
        let theft = self.x(&self.theft);
        if theft - self.layout.left < width(text) {
            (theft - 4.0, "start")
        } else {
            (theft - 6.0, "end")
        }
    }

    /// Whether two texts fit before the theft.
    pub(crate) fn fit(&self, one: &str, other: &str) -> bool {
        self.x(&self.theft) - self.layout.left > width(one) + width(other) + 2.0 * LETTER
    }

    /// The times in which the thief has access: position, width and class.
    pub(crate) fn bands(&self, lane: &Lane) -> Vec<(f64, f64, &'static str)> {
        let parts = lane.inside.iter().flat_map(|(from, to)| {
            [
                (*from, (*to).min(self.logout), "before thief-in"),
                ((*from).max(self.logout), *to, "after thief-in"),
            ]
        });
        let parts = parts.filter(|(from, to, _)| from < to);
        let drawn = parts.map(|(from, to, class)| {
            let x = self.x(&from);
            (x, (self.x(&to) - x).max(2.0), class)
        });
        drawn.collect()
    }

    /// Where the marks of a kind stand. Two in the same place are drawn once.
    pub(crate) fn places(&self, lane: &Lane, kind: &str) -> Vec<f64> {
        let marks = lane.marks.iter().map(|mark| (self.x(&mark.at), word(mark.what)));
        let tries = self.tries(lane).into_iter();
        let tries = tries.map(|(x, is_in)| (x, if is_in { "try-in" } else { "try-out" }.to_owned()));
        let meant = marks.chain(tries).filter(|(_, of)| of == kind);
        let mut places: Vec<_> = meant.map(|(x, _)| x).collect();
        places.dedup_by(|x, last| *x <= *last + CLOSE);
        places
    }

    /// The drawn tries, and whether they got in. If the verdict changes from one second to the next, only the later one is drawn:
    /// two in the same place cannot be read.
    fn tries(&self, lane: &Lane) -> Vec<(f64, bool)> {
        let mut drawn: Vec<(f64, bool)> = Vec::new();
        for replay in &lane.replays {
            let x = self.x(&replay.at);
            match drawn.last_mut() {
                Some((last, accepted)) if *accepted == replay.accepted && x - *last < TRIES_APART => {}
                Some(last) if last.1 != replay.accepted && x - last.0 < 2.0 * CLOSE => *last = (x, replay.accepted),
                _ => drawn.push((x, replay.accepted)),
            }
        }
        drawn
    }
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// About the width of a text.
fn width(text: &str) -> f64 {
    LETTER * float(text.chars().count())
}
