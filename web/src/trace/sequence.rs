//! Messages as a sequence diagram, and the same as a list.
//!
//! Both are made from one list of messages as plain data, so they cannot differ. The drawing is SVG from the server, with
//! presentation attributes and classes only: the pages' content policy forbids inline styles.

use askama::Template;
use rescind_lab::{Asked, Decided, Exchange, Outcome, Who, meter::Store};
use serde::Deserialize;

use super::{Said, milliseconds, outcome, reply};

const FIRST: i32 = 64;
const HEADER: i32 = 34;
const MESSAGE: i32 = 32;
/// The most letters that fit between two neighbours, beside an outermost lane, and over the lanes of the stores.
const FITS: usize = 32;
const FITS_BESIDE: usize = 46;
const FITS_OVER: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lane {
    Browser,
    Server,
    Blacklist,
    /// Another service, drawn in the place of a blacklist that it does not ask.
    Service,
    Database,
    Thief,
}

impl Lane {
    pub(crate) const ALL: [Self; 6] = [
        Self::Browser,
        Self::Server,
        Self::Blacklist,
        Self::Service,
        Self::Database,
        Self::Thief,
    ];

    /// Its position from the left, and its name.
    fn drawn(self) -> (i32, &'static str) {
        match self {
            Self::Browser => (80, "Your browser"),
            Self::Server => (290, "The server"),
            Self::Blacklist => (480, "The blacklist"),
            Self::Service => (480, "The other service"),
            Self::Database => (660, "The database"),
            Self::Thief => (860, "The thief"),
        }
    }

    fn x(self) -> i32 {
        self.drawn().0
    }

    fn name(self) -> &'static str {
        self.drawn().1
    }

    fn of(store: Store) -> Self {
        match store {
            Store::Blacklist => Self::Blacklist,
            Store::Sessions | Store::Users => Self::Database,
        }
    }
}

/// One message. From a lane to itself: a thought, or an event there.
pub(crate) struct Message {
    from: Lane,
    to: Lane,
    says: String,
    class: String,
}

impl Message {
    pub(crate) fn new(from: Lane, to: Lane, says: impl Into<String>) -> Self {
        Self {
            from,
            to,
            says: says.into(),
            class: String::new(),
        }
    }

    fn told(&self, lanes: &[LaneDrawn]) -> String {
        let named = |lane: Lane| {
            let place = lanes.iter().find(|drawn| drawn.x == lane.x());
            match place.and_then(|drawn| drawn.place.as_ref()) {
                Some(place) => format!("{} ({place})", lane.name()),
                None => lane.name().to_owned(),
            }
        };
        let (from, to, says) = (named(self.from), named(self.to), &self.says);
        if self.from == self.to {
            return format!("{from}: {says}");
        }
        let to = to.replacen('T', "t", 1).replacen("Your", "your", 1);
        format!("{from} to {to}: {says}")
    }
}

/// The messages of an exchange, in order. `watched`: the server has more than the lab's three calls, and its stores' times are
/// worth showing.
pub(crate) fn messages(exchange: &Exchange, watched: bool) -> Vec<Message> {
    let asks = match exchange.who {
        Who::You | Who::Browser => Lane::Browser,
        Who::Thief => Lane::Thief,
        Who::Issuer => Lane::Server,
        Who::Service => Lane::Service,
    };
    let answers = if exchange.elsewhere {
        Lane::Service
    } else {
        Lane::Server
    };
    let request = format!("{} {}", exchange.request.method, exchange.request.path);
    let mut messages = vec![Message::new(asks, answers, request)];
    if exchange.reply.is_none() {
        messages.push(Message::new(Lane::Server, Lane::Server, "does not run"));
        return messages;
    }
    if let Some(thought) = thought(exchange, watched) {
        messages.push(Message::new(answers, answers, thought));
    }
    for call in &exchange.calls {
        let lane = Lane::of(call.store);
        let mut says = format!("{} → {}", call.operation.words(), call.answer.words());
        if watched {
            says = format!("{says}, {}", milliseconds(call.took));
        }
        messages.push(Message::new(Lane::Server, lane, says));
    }
    let told = if watched { outcome(exchange) } else { reply(exchange) };
    let lost = if exchange.arrived { "" } else { ", lost on its way" };
    let said = Said::of(exchange);
    messages.push(Message {
        class: said.class(),
        ..Message::new(answers, asks, format!("{}{told}{lost}", said.sign()))
    });
    messages
}

/// What the server finds out before it calls a store.
fn thought(exchange: &Exchange, watched: bool) -> Option<&'static str> {
    let refused = exchange.outcome == Outcome::Refused;
    let to_refresh = exchange.asked == Asked::Private && exchange.leads_to() == Some("/refresh");
    match exchange.decided {
        Decided::Origin if watched && refused => Some("another site's page sent it"),
        Decided::TokenThere if watched => Some("no token that counts"),
        Decided::LoginLimit if watched && refused => Some("too many tries"),
        _ if exchange.signature_checks() == 0 => None,
        Decided::Expiry if refused || to_refresh => Some("signature good, expired"),
        Decided::Signature if refused => Some("the signature is not good"),
        Decided::Signature => Some("signature good"),
        _ => Some("signature good, not expired"),
    }
}

/// A step of a story, before it is drawn.
pub(crate) struct Step {
    /// Its number, its name, and its time; `None` for a single exchange.
    pub(crate) named: Option<(usize, String)>,
    pub(crate) messages: Vec<Message>,
}

#[derive(Template)]
#[template(path = "trace/sequence.html")]
pub(crate) struct Sequence {
    pub(crate) title: String,
    pub(crate) lanes: Vec<LaneDrawn>,
    pub(crate) steps: Vec<StepDrawn>,
    height: i32,
}

pub(crate) struct LaneDrawn {
    x: i32,
    name: &'static str,
    place: Option<String>,
}

pub(crate) struct StepDrawn {
    /// The text above its arrows.
    heading: Option<String>,
    pub(crate) sentences: Vec<String>,
    y: i32,
    height: i32,
    newest: bool,
    arrows: Vec<Arrow>,
}

/// A line from one lane to another, or a label on one.
struct Arrow {
    class: String,
    from: i32,
    to: i32,
    y: i32,
    /// The outline of the head; none for a thought.
    head: Option<String>,
    /// The label's position, and whether that is its start or its middle.
    label_at: i32,
    anchor: &'static str,
    label: String,
}

impl Sequence {
    /// The last of the steps is the newest. `elsewhere`: whether another service is asked, and no blacklist.
    pub(crate) fn of(
        title: String,
        steps: Vec<Step>,
        elsewhere: bool,
        places: impl Fn(Lane) -> Option<String>,
    ) -> Self {
        let lane = |lane: Lane| LaneDrawn {
            x: lane.x(),
            name: lane.name(),
            place: places(lane),
        };
        let unused = if elsewhere { Lane::Blacklist } else { Lane::Service };
        let lanes = Lane::ALL.into_iter().filter(|drawn| *drawn != unused);
        let lanes: Vec<_> = lanes.map(lane).collect();
        let count = steps.len();
        let mut y = FIRST;
        let mut drawn = Vec::new();
        for (n, step) in (1..).zip(steps) {
            let step = StepDrawn::at(y, step, n == count, &lanes);
            y += step.height;
            drawn.push(step);
        }
        Self {
            title,
            lanes,
            steps: drawn,
            height: y + 8,
        }
    }
}

impl StepDrawn {
    fn at(y: i32, step: Step, newest: bool, lanes: &[LaneDrawn]) -> Self {
        let header = if step.named.is_some() { HEADER } else { 0 };
        let height = header + MESSAGE * i32::try_from(step.messages.len()).unwrap_or_default();
        let arrows = step
            .messages
            .iter()
            .zip(1..)
            .map(|(message, n)| Arrow::of(message, y + header + MESSAGE * n - 12))
            .collect();
        Self {
            sentences: step.messages.iter().map(|message| message.told(lanes)).collect(),
            // A single step is not highlighted.
            newest: newest && step.named.is_some(),
            heading: step.named.map(|(number, name)| format!("{number}. {name}")),
            y,
            height,
            arrows,
        }
    }
}

impl Arrow {
    fn of(message: &Message, y: i32) -> Self {
        let (from, to) = (message.from.x(), message.to.x());
        let (label_at, anchor, fits) = match (message.from, message.to) {
            (lane, other) if lane == other => (from + 10, "start", FITS_BESIDE),
            // A question and its answer are long, and the lanes behind are free on this line.
            (Lane::Server, Lane::Blacklist | Lane::Database) => (from + 10, "start", FITS_OVER),
            (Lane::Server | Lane::Service, Lane::Thief) | (Lane::Thief, Lane::Server | Lane::Service) => {
                (i32::midpoint(Lane::Database.x(), Lane::Thief.x()), "middle", FITS)
            }
            (Lane::Browser, Lane::Thief) => (i32::midpoint(Lane::Browser.x(), Lane::Server.x()), "middle", FITS),
            _ => (i32::midpoint(from, to), "middle", FITS),
        };
        Self {
            class: message.class.clone(),
            from,
            to,
            y,
            head: head(from, to, y),
            label_at,
            anchor,
            label: shortened(&message.says, fits),
        }
    }
}

/// The outline of an arrow's head, as SVG path data; `None` for a thought, from a lane to itself.
fn head(from: i32, to: i32, y: i32) -> Option<String> {
    let back = if to > from { -9 } else { 9 };
    (from != to).then(|| format!("M{to} {y}l{back} -5v10z"))
}

/// As much of a label as fits; the list beneath a drawing has it in full.
fn shortened(text: &str, fits: usize) -> String {
    if text.chars().count() <= fits {
        return text.to_owned();
    }
    text.chars().take(fits.saturating_sub(1)).chain(['…']).collect()
}
