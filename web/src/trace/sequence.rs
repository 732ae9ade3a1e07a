//! Messages as a sequence diagram, and the same as a list.
//!
//! Both are made from one list of messages as plain data, so they cannot differ. The drawing is SVG from the server, with
//! presentation attributes and classes only: the pages' content policy forbids inline styles.

use askama::Template;
use rescind_lab::{Asked, Exchange, Outcome, Who, meter::Store};
use serde::Deserialize;

use super::{Shown, VerdictColour, WORDS, milliseconds, names, outcome, reply};
use crate::content::{Facts, of, say, word, yes};

const FIRST: usize = 64;
const HEADER: usize = 34;
const MESSAGE: usize = 32;
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
    /// Its position from the left.
    fn x(self) -> i32 {
        match self {
            Self::Browser => 80,
            Self::Server => 290,
            Self::Blacklist | Self::Service => 480,
            Self::Database => 660,
            Self::Thief => 860,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Browser => &names(Who::Browser).name,
            Self::Server => "The server",
            Self::Blacklist => "The blacklist",
            Self::Service => &names(Who::Service).name,
            Self::Database => "The database",
            Self::Thief => &names(Who::Thief).name,
        }
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

    /// The position of its label, whether that is its start or its middle, and as much of it as fits: the list beneath a
    /// drawing has it in full.
    fn label(&self) -> (i32, &'static str, String) {
        let (from, to) = (self.from.x(), self.to.x());
        let (at, anchor, fits) = match (self.from, self.to) {
            (lane, other) if lane == other => (from + 10, "start", FITS_BESIDE),
            // A question and its answer are long, and the lanes behind are free on this line.
            (Lane::Server, Lane::Blacklist | Lane::Database) => (from + 10, "start", FITS_OVER),
            (Lane::Server | Lane::Service, Lane::Thief) | (Lane::Thief, Lane::Server | Lane::Service) => {
                (i32::midpoint(Lane::Database.x(), Lane::Thief.x()), "middle", FITS)
            }
            (Lane::Browser, Lane::Thief) => (i32::midpoint(Lane::Browser.x(), Lane::Server.x()), "middle", FITS),
            _ => (i32::midpoint(from, to), "middle", FITS),
        };
        let says = if self.says.chars().count() > fits {
            self.says.chars().take(fits - 1).chain(['…']).collect()
        } else {
            self.says.clone()
        };
        (at, anchor, says)
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
    let mut messages = vec![Message::new(asks, answers, Shown(exchange).asked())];
    if exchange.reply.is_none() {
        messages.push(Message::new(Lane::Server, Lane::Server, "does not run"));
        return messages;
    }
    let thought = thought(exchange, watched);
    if !thought.is_empty() {
        messages.push(Message::new(answers, answers, thought));
    }
    for call in &exchange.calls {
        let lane = Lane::of(call.store);
        let mut says = format!(
            "{} → {}",
            of(&WORDS.operation, call.operation),
            of(&WORDS.reply, call.answer)
        );
        if watched {
            says = format!("{says}, {}", milliseconds(call.took));
        }
        messages.push(Message::new(Lane::Server, lane, says));
    }
    let replied = if watched { outcome(exchange) } else { reply(exchange) };
    let lost = if exchange.arrived { "" } else { ", lost on its way" };
    let said = VerdictColour::of(exchange);
    messages.push(Message {
        class: said.class(),
        ..Message::new(answers, asks, format!("{}{replied}{lost}", said.sign()))
    });
    messages
}

/// What the server finds out before it calls a store; empty if that is nothing.
fn thought(exchange: &Exchange, watched: bool) -> String {
    let to_refresh = exchange.asked == Asked::Private && exchange.leads_to() == Some("/refresh");
    let facts = Facts::default()
        .with("decided", word(exchange.decided))
        .with("watched", yes(watched))
        .with("refused", yes(exchange.outcome == Outcome::Refused))
        .with("to_refresh", yes(to_refresh))
        .with("signature", yes(exchange.signature_checks() > 0));
    say(&WORDS.thought, &facts)
}

/// A step of a story.
pub(crate) struct DiagramStep {
    /// Its number, its name, and its time; `None` for a single exchange.
    pub(crate) named: Option<(usize, String)>,
    pub(crate) messages: Vec<Message>,
}

impl DiagramStep {
    /// The line of a message, from the beginning of its step.
    fn y(&self, message: &usize) -> usize {
        self.header() + MESSAGE * message + 20
    }

    fn header(&self) -> usize {
        if self.named.is_some() { HEADER } else { 0 }
    }

    fn height(&self) -> usize {
        self.header() + MESSAGE * self.messages.len()
    }
}

/// The last of the steps is the newest.
#[derive(Template)]
#[template(path = "trace/sequence.html")]
pub(crate) struct Sequence {
    pub(crate) title: String,
    /// Each lane, and where that is, if the drawing says so.
    lanes: [(Lane, Option<String>); 5],
    pub(crate) steps: Vec<DiagramStep>,
}

impl Sequence {
    /// `elsewhere`: whether another service is asked, and no blacklist.
    pub(crate) fn of(
        title: String,
        steps: Vec<DiagramStep>,
        elsewhere: bool,
        places: impl Fn(Lane) -> Option<String>,
    ) -> Self {
        let third = if elsewhere { Lane::Service } else { Lane::Blacklist };
        let lanes = [Lane::Browser, Lane::Server, third, Lane::Database, Lane::Thief];
        Self {
            title,
            lanes: lanes.map(|lane| (lane, places(lane))),
            steps,
        }
    }

    /// The beginning of a step.
    fn y(&self, step: &usize) -> usize {
        FIRST + self.steps.iter().take(*step).map(DiagramStep::height).sum::<usize>()
    }

    fn height(&self) -> usize {
        self.y(&self.steps.len()) + 8
    }

    /// The messages of a step, as sentences.
    pub(crate) fn told(&self, step: &DiagramStep) -> Vec<String> {
        let named = |lane: Lane| {
            let found = self.lanes.iter().find(|(other, _)| *other == lane);
            match found.and_then(|(_, place)| place.as_ref()) {
                Some(place) => format!("{} ({place})", lane.name()),
                None => lane.name().to_owned(),
            }
        };
        let told = |message: &Message| {
            let (from, to, says) = (named(message.from), named(message.to), &message.says);
            if message.from == message.to {
                return format!("{from}: {says}");
            }
            let to = to.replacen('T', "t", 1).replacen("Your", "your", 1);
            format!("{from} to {to}: {says}")
        };
        step.messages.iter().map(told).collect()
    }
}
