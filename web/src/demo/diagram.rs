//! One request as a sequence diagram, and the same in words.
//!
//! First the steps, as plain data: who says what to whom. From them come both the drawing and the list beneath it, so that
//! neither can say what the other does not. The drawing is SVG by the server, with presentation attributes and classes
//! only: the pages' content policy forbids inline styles.

use rescind_lab::{Decided, meter::Store};

use super::{
    asked::Asked,
    log::{Actor, Entry, Node, milliseconds},
};
use crate::{pages::arrow, stores::Stores};

/// Where the lanes are, from left to right.
const LANES: [i32; 4] = [90, 300, 510, 720];
const FIRST_STEP: i32 = 80;
const BETWEEN_STEPS: i32 = 44;
/// The most letters that fit between two lanes.
const FITS: usize = 31;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Asks,
    Server,
    Blacklist,
    Database,
}

impl Lane {
    const ALL: [Self; 4] = [Self::Asks, Self::Server, Self::Blacklist, Self::Database];

    fn x(self) -> i32 {
        match self {
            Self::Asks => LANES[0],
            Self::Server => LANES[1],
            Self::Blacklist => LANES[2],
            Self::Database => LANES[3],
        }
    }

    fn name(self, who: Actor) -> &'static str {
        match (self, who) {
            (Self::Asks, Actor::You) => "You",
            (Self::Asks, Actor::Browser) => "Your browser",
            (Self::Asks, Actor::Thief) => "The thief",
            (Self::Server, _) => "The server",
            (Self::Blacklist, _) => "The blacklist",
            (Self::Database, _) => "The database",
        }
    }

    /// Which one of its kind: the node, the product. It stands beneath the name.
    fn place(self, entry: &Entry, stores: &Stores) -> Option<String> {
        match self {
            Self::Asks => None,
            Self::Server => entry.node(stores).map(|node| format!("node {node}")),
            Self::Blacklist => Some(stores.place_of(Store::Blacklist).to_owned()),
            Self::Database => Some(stores.place_of(Store::Sessions).to_owned()),
        }
    }

    fn of(store: Store) -> Self {
        match store {
            Store::Blacklist => Self::Blacklist,
            Store::Sessions | Store::Users => Self::Database,
        }
    }
}

/// One thing that is said.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    from: Lane,
    to: Lane,
    says: String,
}

/// What is said in a request, in order. A step from a lane to itself is a thought.
fn steps(entry: &Entry) -> Vec<Step> {
    let step = |from, to, says: String| Step { from, to, says };
    let mut steps = vec![step(
        Lane::Asks,
        Lane::Server,
        format!("{} {}", entry.method, entry.path),
    )];
    if entry.node != Node::This {
        let thought = "what it asks, it knows alone";
        steps.push(step(Lane::Server, Lane::Server, thought.to_owned()));
    } else if let Some(thought) = thought(entry) {
        steps.push(step(Lane::Server, Lane::Server, thought.to_owned()));
    }
    for call in &entry.calls {
        let lane = Lane::of(call.store);
        steps.push(step(Lane::Server, lane, call.operation.words().to_owned()));
        let answer = format!("{}, {}", call.answer.words(), milliseconds(call.took));
        steps.push(step(lane, Lane::Server, answer));
    }
    steps.push(step(Lane::Server, Lane::Asks, entry.outcome()));
    steps
}

/// What the server finds out by itself, before it asks anybody.
fn thought(entry: &Entry) -> Option<&'static str> {
    let looks_at_a_token = matches!(
        entry.asked,
        Asked::AskingDoor | Asked::SignatureDoor | Asked::Private | Asked::PrivateForm
    );
    match (entry.decided, entry.is_refused()) {
        (Decided::Origin, true) => Some("another site's page sent it"),
        (Decided::TokenThere, _) => Some("no token that counts"),
        (Decided::Signature, true) => Some("the signature is not ours"),
        (Decided::Expiry, true) => Some("genuine, and its time is over"),
        (Decided::Expiry, false) if entry.asked == Asked::Private && entry.status == 303 => {
            Some("genuine, and its time is over")
        }
        (Decided::LoginLimit, true) => Some("too many tries"),
        (Decided::Address | Decided::Input, true) => None,
        _ if looks_at_a_token => Some("signature good, not expired"),
        _ => None,
    }
}

/// A drawing, and what it says.
pub(crate) struct Diagram {
    pub(crate) title: String,
    pub(crate) who: Actor,
    /// The same as the drawing, a sentence a step.
    pub(crate) told: Vec<String>,
    pub(crate) height: i32,
    pub(crate) lanes: Vec<LaneDrawn>,
    pub(crate) arrows: Vec<Arrow>,
}

pub(crate) struct LaneDrawn {
    pub(crate) x: i32,
    pub(crate) name: &'static str,
    pub(crate) place: Option<String>,
}

/// A line from one lane to another, or a label on one.
pub(crate) struct Arrow {
    pub(crate) class: &'static str,
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) y: i32,
    /// The outline of the head; none for a thought.
    pub(crate) head: Option<String>,
    pub(crate) middle: i32,
    pub(crate) label: String,
}

impl Diagram {
    pub(crate) fn of(entry: &Entry, stores: &Stores) -> Self {
        let named = |lane: Lane| match lane.place(entry, stores) {
            Some(place) => format!("{} ({place})", lane.name(entry.who)),
            None => lane.name(entry.who).to_owned(),
        };
        let steps = steps(entry);
        let last = steps.len().saturating_sub(1);
        let arrows: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(n, step)| {
                let class = if n == last { verdict(entry) } else { "" };
                Arrow::of(
                    step,
                    FIRST_STEP + BETWEEN_STEPS * i32::try_from(n).unwrap_or_default(),
                    class,
                )
            })
            .collect();
        Self {
            title: format!("{} {}: {}", entry.method, entry.path, entry.outcome()),
            who: entry.who,
            told: steps.iter().map(|step| step.told(named)).collect(),
            height: arrows.last().map_or(FIRST_STEP, |arrow| arrow.y) + BETWEEN_STEPS / 2,
            lanes: Lane::ALL
                .into_iter()
                .map(|lane| LaneDrawn {
                    x: lane.x(),
                    name: lane.name(entry.who),
                    place: lane.place(entry, stores),
                })
                .collect(),
            arrows,
        }
    }
}

fn verdict(entry: &Entry) -> &'static str {
    if entry.is_refused() { "refused" } else { "accepted" }
}

impl Step {
    fn told(&self, named: impl Fn(Lane) -> String) -> String {
        let (from, to) = (named(self.from), named(self.to));
        if self.from == self.to {
            format!("{from}, by itself: {}", self.says)
        } else {
            format!("{from} to {}: {}", inside(&to), self.says)
        }
    }
}

/// A name within a sentence.
fn inside(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

impl Arrow {
    fn of(step: &Step, y: i32, class: &'static str) -> Self {
        const HEAD: i32 = 8;
        let (from, to) = (step.from.x(), step.to.x());
        Self {
            class,
            from,
            to,
            y,
            head: arrow::head(from, to, y, HEAD),
            // Beside the asking lane and the server's there is most room, since nobody talks past the server.
            middle: match (step.from, step.to) {
                (from, to) if from == to => from.x(),
                (Lane::Server, Lane::Database) | (Lane::Database, Lane::Server) => {
                    (Lane::Blacklist.x() + Lane::Database.x()) / 2
                }
                (from, to) => (from.x() + to.x()) / 2,
            },
            label: arrow::shortened(&step.says, FITS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::log::tests::{entry, stores};

    #[test]
    fn a_refused_token_is_drawn_from_the_question_over_the_blacklist_to_the_refusal() {
        let told = Diagram::of(&entry(1), &stores()).told;
        assert_eq!(
            told,
            [
                "The thief to the server (node a): GET /api/me",
                "The server (node a), by itself: signature good, not expired",
                "The server (node a) to the blacklist (Redis): token or session on it?",
                "The blacklist (Redis) to the server (node a): on it, less than 0.1 ms",
                "The server (node a) to the thief: 401 token_revoked",
            ]
        );
    }

    #[test]
    fn the_drawing_says_what_the_list_says_and_stays_within_its_frame() {
        let mut long = entry(1);
        long.path = format!("/{}", "x".repeat(500));
        let diagram = Diagram::of(&long, &stores());
        assert_eq!(diagram.arrows.len(), diagram.told.len());
        assert!(diagram.arrows.iter().all(|arrow| arrow.label.chars().count() <= FITS));
        assert!(diagram.arrows.iter().all(|arrow| arrow.y < diagram.height));
        assert!(diagram.told[0].ends_with(&long.path), "the list says it in full");
    }
}
