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

use rescind_lab::comparison::{Lane, Scenario, What};

use crate::pages::times::length;

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
/// Half of a mark's width.
const HALF: f64 = 4.0;
/// About the width of a letter above the lanes.
const LETTER: f64 = 7.6;

pub(crate) struct Timeline {
    pub(crate) id: &'static str,
    pub(crate) layout: Layout,
    pub(crate) height: f64,
    pub(crate) rows: Vec<Row>,
    /// Times beneath the axis: position and label.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The login's label, if there is room.
    pub(crate) login: Option<&'static str>,
    /// The positions and labels of the two moments that concern all lanes.
    pub(crate) theft: (f64, Label),
    pub(crate) logout: (f64, Label),
    /// Whether the axis is logarithmic after the logout.
    pub(crate) stretched: bool,
    /// Whether costs are shown behind the lanes.
    pub(crate) is_wide: bool,
    pub(crate) bottom: f64,
}

/// A text, its position, and which end that is.
pub(crate) struct Label {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) anchor: &'static str,
    pub(crate) text: String,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) name_x: f64,
    pub(crate) name_y: f64,
    /// The middle of the lane.
    pub(crate) y: f64,
    pub(crate) bands: Vec<Band>,
    /// The label beside the logout, with its class.
    pub(crate) verdict: (&'static str, Label),
    /// A request's cost, if there is room beside the lane.
    pub(crate) costs: Option<[String; 2]>,
    /// Each kind of mark: its class, and one path for all. Later ones are drawn on top.
    pub(crate) marks: Vec<(&'static str, String)>,
}

/// A time in which the thief has access.
pub(crate) struct Band {
    pub(crate) x: f64,
    pub(crate) width: f64,
    pub(crate) class: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Names before their lanes, costs behind them.
    Wide,
    /// Names above their lanes; what does not fit is in the table.
    Narrow,
}

pub(crate) struct Layout {
    pub(crate) width: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    row: f64,
    /// From the top of a row to the middle of its lane.
    middle: f64,
}

impl Room {
    fn layout(self) -> Layout {
        match self {
            Self::Wide => Layout {
                width: 1120.0,
                left: 188.0,
                right: 944.0,
                top: 34.0,
                row: 66.0,
                middle: 40.0,
            },
            Self::Narrow => Layout {
                width: 358.0,
                left: 6.0,
                right: 352.0,
                top: 52.0,
                row: 82.0,
                middle: 56.0,
            },
        }
    }
}

struct Axis {
    left: f64,
    right: f64,
    logout: f64,
    end: f64,
    stretched: bool,
}

impl Axis {
    fn of(scenario: &Scenario, lanes: &[Lane], layout: &Layout) -> Self {
        let logout = scenario.logout;
        let last = lanes
            .iter()
            .flat_map(|lane| &lane.inside)
            .map(|(_, to)| *to)
            .max()
            .unwrap_or(logout);
        // Some room after the logout, even without events there.
        let end = last.max(logout + logout / 3);
        Self {
            left: layout.left,
            right: layout.right,
            logout: logout.as_secs_f64(),
            end: end.as_secs_f64(),
            stretched: end - logout > logout * MUCH_LONGER,
        }
    }

    /// The logout's position, as a fraction of the width.
    fn split(&self) -> f64 {
        if self.stretched { 0.45 } else { self.logout / self.end }
    }

    fn x(&self, at: Duration) -> f64 {
        let (at, split) = (at.as_secs_f64().min(self.end), self.split());
        let part = if at <= self.logout {
            split * at / self.logout
        } else {
            let (since, all) = (at - self.logout, self.end - self.logout);
            let through = if self.stretched {
                (since / FIRST_STEP).ln_1p() / (all / FIRST_STEP).ln_1p()
            } else {
                since / all
            };
            split + (1.0 - split) * through
        };
        round(self.left + (self.right - self.left) * part)
    }

    /// Times after the logout, as many as fit.
    fn ticks(&self, logout: Duration) -> Vec<(f64, String)> {
        const APART: f64 = 62.0;
        let mut ticks = vec![(self.x(Duration::ZERO), "0".to_owned())];
        let mut last = self.x(logout) - APART / 2.0;
        for after in ROUND.into_iter().map(Duration::from_secs) {
            let x = self.x(logout + after);
            let is_there = (logout + after).as_secs_f64() <= self.end;
            if is_there && x - last >= APART && x <= self.right - APART / 4.0 {
                last = x;
                ticks.push((x, format!("+{}", length(after))));
            }
        }
        ticks
    }
}

impl Label {
    /// Beside a line; or up to the edge, if there is too little room.
    fn beside(line: f64, y: f64, text: String, right: f64) -> Self {
        let (x, anchor) = if line + 6.0 + LETTER * letters(&text) > right {
            (right, "end")
        } else {
            (line + 6.0, "start")
        };
        Self { x, y, anchor, text }
    }
}

pub(super) fn letters(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

/// To tenths of a pixel, which is precise enough and short.
pub(super) fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

pub(crate) fn draw(scenario: &Scenario, lanes: &[Lane], room: Room) -> Timeline {
    let layout = room.layout();
    let axis = Axis::of(scenario, lanes, &layout);
    let mut bottom = layout.top;
    let mut rows = Vec::new();
    for lane in lanes {
        rows.push(row(scenario, lane, &axis, &layout, room, bottom));
        bottom += layout.row;
    }
    let (theft, logout) = (axis.x(scenario.theft), axis.x(scenario.logout));
    let theft_text = format!("theft, {}", length(scenario.theft));
    let is_early = theft - layout.left < LETTER * letters(&theft_text);
    let logout_text = format!("you log out, {}", length(scenario.logout));
    let login = "you log in";
    let says_login = theft - layout.left > LETTER * (letters(&theft_text) + letters(login) + 2.0);
    let theft_label = Label {
        x: if is_early { theft - 4.0 } else { theft - 6.0 },
        // On a narrow page the two may meet, so they do not share a line.
        y: layout.top - 18.0,
        anchor: if is_early { "start" } else { "end" },
        text: theft_text,
    };
    Timeline {
        id: match room {
            Room::Wide => "wide",
            Room::Narrow => "narrow",
        },
        height: bottom + 26.0,
        rows,
        ticks: axis.ticks(scenario.logout),
        login: says_login.then_some(login),
        theft: (theft, theft_label),
        logout: (logout, Label::beside(logout, 16.0, logout_text, layout.right)),
        stretched: axis.stretched,
        is_wide: room == Room::Wide,
        layout,
        bottom,
    }
}

fn row(scenario: &Scenario, lane: &Lane, axis: &Axis, layout: &Layout, room: Room, top: f64) -> Row {
    let y = top + layout.middle;
    let path = |what: What, shape: &dyn Fn(f64) -> String| {
        let marks = lane.marks.iter().filter(|mark| mark.what == what);
        apart(marks.map(|mark| axis.x(mark.at)), shape)
    };
    let tries = tries(lane, axis);
    let tried = |accepted: bool, shape: &dyn Fn(f64) -> String| {
        apart(tries.iter().filter(|(_, is)| *is == accepted).map(|(x, _)| *x), shape)
    };
    let mut marks = vec![
        ("refresh you", path(What::Refresh, &|x| format!("M{x} {}v18", y - 9.0))),
        (
            "thrown-out",
            path(What::ThrownOut, &|x| format!("M{} {}h10l-5 8z", x - 5.0, y + 12.0)),
        ),
        ("expiry", path(What::Expiry, &|x| format!("M{x} {}v7m-4 0h8", y + 12.0))),
        (
            "try-in thief-in",
            tried(true, &|x| {
                format!("M{} {y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0", x - 3.5)
            }),
        ),
        (
            "try-out kept-out",
            tried(false, &|x| format!("M{} {}l8 8m0 -8l-8 8", x - HALF, y - HALF)),
        ),
        (
            "thief-refresh thief-in",
            path(What::ThiefRefreshes, &|x| format!("M{x} {}l6 6l-6 6l-6 -6z", y - 6.0)),
        ),
    ];
    marks.retain(|(_, path)| !path.is_empty());
    let (name_x, name_y) = match room {
        Room::Wide => (0.0, y + 5.0),
        Room::Narrow => (layout.left, top + 20.0),
    };
    Row {
        name: lane.answer.name(),
        name_x,
        name_y,
        y,
        bands: bands(scenario, lane, axis),
        verdict: verdict(scenario, lane, axis, room, y),
        costs: (room == Room::Wide).then(|| costs(lane)),
        marks,
    }
}

/// One path for all marks of a kind. Two in the same place are drawn once.
fn apart(places: impl Iterator<Item = f64>, shape: &dyn Fn(f64) -> String) -> String {
    let mut path = String::new();
    let mut last = f64::MIN;
    for x in places {
        if x > last + CLOSE {
            last = x;
            path.push_str(&shape(x));
        }
    }
    path
}

/// The drawn tries, and whether they got in. If the verdict changes from one second to the next, only the later one is drawn:
/// two in the same place cannot be read.
fn tries(lane: &Lane, axis: &Axis) -> Vec<(f64, bool)> {
    let mut drawn: Vec<(f64, bool)> = Vec::new();
    for replay in &lane.replays {
        let x = axis.x(replay.at);
        match drawn.last_mut() {
            Some((last, accepted)) if *accepted == replay.accepted && x - *last < TRIES_APART => {}
            Some(last) if last.1 != replay.accepted && x - last.0 < 2.0 * CLOSE => *last = (x, replay.accepted),
            _ => drawn.push((x, replay.accepted)),
        }
    }
    drawn
}

fn bands(scenario: &Scenario, lane: &Lane, axis: &Axis) -> Vec<Band> {
    let mut bands = Vec::new();
    let mut band = |from: Duration, to: Duration, class| {
        if from < to {
            let (x, end) = (axis.x(from), axis.x(to));
            bands.push(Band {
                x,
                width: round((end - x).max(2.0)),
                class,
            });
        }
    };
    for (from, to) in &lane.inside {
        band(*from, (*to).min(scenario.logout), "before thief-in");
        band((*from).max(scenario.logout), *to, "after thief-in");
    }
    bands
}

fn verdict(scenario: &Scenario, lane: &Lane, axis: &Axis, room: Room, y: f64) -> (&'static str, Label) {
    let after = lane.seconds_inside_after(scenario.logout);
    let was_inside = lane.inside.iter().any(|(_, to)| *to >= scenario.logout);
    let (class, text) = match (after, was_inside, lane.inside.is_empty()) {
        _ if lane.nothing_stolen() => ("", "does not apply".to_owned()),
        (0, _, true) => ("kept-out", "✓ never inside".to_owned()),
        (0, true, false) => ("kept-out", "✓ out at the logout".to_owned()),
        (0, false, false) => {
            let inside = length(Duration::from_secs(lane.seconds_inside()));
            ("kept-out", format!("✓ out after {inside}"))
        }
        (after, ..) => {
            let longer = match room {
                Room::Wide => "longer inside",
                Room::Narrow => "more",
            };
            ("thief-in", format!("! {} {longer}", length(Duration::from_secs(after))))
        }
    };
    let line = axis.x(scenario.logout);
    (class, Label::beside(line, y - 16.0, text, axis.right))
}

fn costs(lane: &Lane) -> [String; 2] {
    let costs = &lane.costs;
    let reads = |count: u32| f64::from(count) / f64::from(costs.calls.max(1));
    let asked = match (reads(costs.database_reads), reads(costs.blacklist_reads)) {
        (0.0, 0.0) => "asks no store".to_owned(),
        (1.0, 0.0) => "asks the database".to_owned(),
        (0.0, 1.0) => "asks the blacklist".to_owned(),
        (database, blacklist) => format!("{database} × database, {blacklist} × blacklist"),
    };
    [asked, format!("{} bytes a user", costs.bytes_before)]
}
