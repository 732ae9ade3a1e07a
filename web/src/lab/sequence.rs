//! Everything that was said, as a sequence diagram that grows with each step, and the same as a list.
//!
//! First the messages, as plain data; from them come both the drawing and the list, so that neither can say what the other
//! does not. The drawing keeps to the latest steps, since a page must stay a page; the earlier ones are folded, a line each,
//! and each leads to where it was the latest.
//!
//! It differs from the demo's [`diagram`](crate::demo) in what it draws: not one request of one asker, but a story of two,
//! with what happened to them from outside.

use rescind_lab::{
    Answer, Decided, Exchange, Outcome, Step, Who,
    meter::{Operation, Store},
};
use serde::Deserialize;

use super::{
    telling::{Context, class, moment, reply},
    words::of_action,
};
use crate::pages::arrow;

/// Where the lanes are, from left to right.
const LANES: [i32; 5] = [80, 290, 480, 660, 860];
const FIRST: i32 = 64;
const HEADER: i32 = 34;
const MESSAGE: i32 = 32;
/// The most letters that fit between two neighbours, and beside a lane with nothing on its other side.
const FITS: usize = 32;
const FITS_BESIDE: usize = 46;
/// How many messages are drawn at most, but for a single step that has more.
const MOST_DRAWN: usize = 16;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Lane {
    Browser,
    Server,
    Blacklist,
    Database,
    Thief,
}

impl Lane {
    const ALL: [Self; 5] = [
        Self::Browser,
        Self::Server,
        Self::Blacklist,
        Self::Database,
        Self::Thief,
    ];

    fn x(self) -> i32 {
        match self {
            Self::Browser => LANES[0],
            Self::Server => LANES[1],
            Self::Blacklist => LANES[2],
            Self::Database => LANES[3],
            Self::Thief => LANES[4],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Browser => "Your browser",
            Self::Server => "The server",
            Self::Blacklist => "The blacklist",
            Self::Database => "The database",
            Self::Thief => "The thief",
        }
    }

    fn of(store: Store) -> Self {
        match store {
            Store::Blacklist => Self::Blacklist,
            Store::Sessions | Store::Users => Self::Database,
        }
    }
}

/// One thing that is said. From a lane to itself: a thought, or something that happens to it.
struct Message {
    from: Lane,
    to: Lane,
    says: String,
    class: &'static str,
}

impl Message {
    fn new(from: Lane, to: Lane, says: impl Into<String>) -> Self {
        Self {
            from,
            to,
            says: says.into(),
            class: "",
        }
    }

    fn told(&self) -> String {
        let (from, to, says) = (self.from.name(), self.to.name(), &self.says);
        if self.from == self.to {
            return format!("{from}: {says}");
        }
        format!(
            "{from} to {}: {says}",
            to.replacen('T', "t", 1).replacen("Your", "your", 1)
        )
    }
}

fn messages(step: &Step, answer: Answer) -> Vec<Message> {
    let mut messages: Vec<_> = step.exchanges.iter().flat_map(exchange).collect();
    messages.extend(from_outside(step, answer));
    let filled = step.upkeep.iter().any(|call| call.operation == Operation::Fill);
    if filled {
        let says = "what was revoked, from the log";
        messages.push(Message::new(Lane::Database, Lane::Blacklist, says));
    }
    messages
}

fn exchange(exchange: &Exchange) -> Vec<Message> {
    let asks = match exchange.who {
        Who::You => Lane::Browser,
        Who::Thief => Lane::Thief,
    };
    let request = format!("{} {}", exchange.request.method, exchange.request.path);
    let mut messages = vec![Message::new(asks, Lane::Server, request)];
    if exchange.reply.is_none() {
        messages.push(Message::new(Lane::Server, Lane::Server, "does not run"));
        return messages;
    }
    if exchange.signature_checks() > 0 {
        let says = match exchange.decided {
            Decided::Expiry if exchange.outcome == Outcome::Refused => "signature good, expired",
            Decided::Signature if exchange.outcome == Outcome::Refused => "the signature is not good",
            _ => "signature good, not expired",
        };
        messages.push(Message::new(Lane::Server, Lane::Server, says));
    }
    for call in &exchange.calls {
        let lane = Lane::of(call.store);
        let says = format!("{} → {}", call.operation.words(), call.answer.words());
        messages.push(Message::new(Lane::Server, lane, says));
    }
    let lost = if exchange.arrived { "" } else { ", lost on its way" };
    messages.push(Message {
        class: class(exchange.outcome),
        ..Message::new(Lane::Server, asks, format!("{}{lost}", reply(exchange)))
    });
    messages
}

/// What happens without a request.
fn from_outside(step: &Step, answer: Answer) -> Option<Message> {
    let words = of_action(step.action, answer);
    Some(Message::new(words.from?, words.to?, words.says.as_str()))
}

/// What a button does, in the diagram and in the list.
fn deed(step: &Step, answer: Answer) -> &'static str {
    &of_action(step.action, answer).deed
}

/// A drawing, and what it says.
pub(crate) struct Sequence {
    pub(crate) height: i32,
    pub(crate) lanes: Vec<(i32, &'static str)>,
    pub(crate) drawn: Vec<StepDrawn>,
    /// Steps before those: told, and not drawn.
    pub(crate) folded: Vec<StepTold>,
}

/// A step as it stands in a list.
pub(crate) struct StepTold {
    pub(crate) number: usize,
    pub(crate) at: String,
    pub(crate) deed: &'static str,
    pub(crate) came_of_it: String,
}

/// A step in the drawing.
pub(crate) struct StepDrawn {
    pub(crate) told: StepTold,
    /// Its messages, a sentence each.
    pub(crate) sentences: Vec<String>,
    pub(crate) y: i32,
    pub(crate) height: i32,
    pub(crate) newest: bool,
    pub(crate) arrows: Vec<Arrow>,
}

/// A line from one lane to another, or a label on one.
pub(crate) struct Arrow {
    pub(crate) class: &'static str,
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) y: i32,
    /// The outline of the head; none for a thought.
    pub(crate) head: Option<String>,
    /// Where the label is, and whether that is its start or its middle.
    pub(crate) label_at: i32,
    pub(crate) anchor: &'static str,
    pub(crate) label: String,
}

impl Sequence {
    /// Of these steps, the last of which is the one that is looked at.
    pub(crate) fn of(context: &Context) -> Self {
        let (answer, steps) = (context.answer, context.steps);
        let mut first = steps.len();
        let mut count = 0;
        while let Some(step) = first.checked_sub(1).and_then(|before| steps.get(before)) {
            count += messages(step, answer).len() + 1;
            if count > MOST_DRAWN && first < steps.len() {
                break;
            }
            first -= 1;
        }
        let (folded, shown) = steps.split_at(first.min(steps.len()));
        let mut y = FIRST;
        let mut drawn = Vec::new();
        for step in shown {
            let step = StepDrawn::at(y, step, answer, step.number == steps.len());
            y += step.height;
            drawn.push(step);
        }
        Self {
            height: y + 8,
            lanes: Lane::ALL.into_iter().map(|lane| (lane.x(), lane.name())).collect(),
            drawn,
            folded: folded.iter().map(|step| StepTold::of(step, answer)).collect(),
        }
    }
}

impl StepTold {
    fn of(step: &Step, answer: Answer) -> Self {
        let outcomes: Vec<_> = step
            .exchanges
            .iter()
            .map(|exchange| {
                let sign = match exchange.outcome {
                    Outcome::Accepted => "✓",
                    Outcome::Refused | Outcome::CannotTell => "✕",
                    Outcome::NoServer => "?",
                };
                format!("{sign} {}", reply(exchange))
            })
            .collect();
        Self {
            number: step.number,
            at: moment(step.at),
            deed: deed(step, answer),
            came_of_it: outcomes.join(", "),
        }
    }
}

impl StepDrawn {
    fn at(y: i32, step: &Step, answer: Answer, newest: bool) -> Self {
        let messages = messages(step, answer);
        let height = HEADER + MESSAGE * i32::try_from(messages.len()).unwrap_or_default();
        let arrows = messages
            .iter()
            .zip(1..)
            .map(|(message, n)| Arrow::of(message, y + HEADER + MESSAGE * n - 12))
            .collect();
        Self {
            told: StepTold::of(step, answer),
            sentences: messages.iter().map(Message::told).collect(),
            y,
            height,
            newest,
            arrows,
        }
    }
}

impl Arrow {
    fn of(message: &Message, y: i32) -> Self {
        /// How long a head is.
        const HEAD: i32 = 9;
        let (from, to) = (message.from.x(), message.to.x());
        let (label_at, anchor, fits) = match (message.from, message.to) {
            (lane, other) if lane == other => (from + 10, "start", FITS_BESIDE),
            // A question and its answer are long, and the lanes behind are free on this line.
            (Lane::Server, Lane::Blacklist | Lane::Database) => (from + 10, "start", FITS_BESIDE),
            (Lane::Server, Lane::Thief) | (Lane::Thief, Lane::Server) => {
                (i32::midpoint(Lane::Database.x(), Lane::Thief.x()), "middle", FITS)
            }
            (Lane::Browser, Lane::Thief) => (i32::midpoint(Lane::Browser.x(), Lane::Server.x()), "middle", FITS),
            _ => (i32::midpoint(from, to), "middle", FITS),
        };
        Self {
            class: message.class,
            from,
            to,
            y,
            head: arrow::head(from, to, y, HEAD),
            label_at,
            anchor,
            label: arrow::shortened(&message.says, fits),
        }
    }
}
