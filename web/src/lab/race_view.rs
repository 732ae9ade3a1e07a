//! A race, as it is told and drawn.
//!
//! List and drawing come from the same run; the sentences on the trade between a second tab and a thief come from six.

use std::time::Duration;

use rescind_lab::race::{FirstReply, Judged, Party, Race, RaceSetup, Second, Swap, Use, Verdict};

use crate::pages::times::to_the_second;

/// Something that is said: a try with what came of it, or an outcome, and whether that is good news for whoever is honest.
pub(super) struct Told {
    /// When, where it is a moment of the story.
    pub(super) at: Option<String>,
    pub(super) words: String,
    /// What came of it.
    pub(super) answer: Option<String>,
    pub(super) said: Said,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Well,
    Badly,
    Nothing,
}

impl Said {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Well => "accepted",
            Self::Badly => "refused",
            Self::Nothing => "",
        }
    }
}

fn name(setup: &RaceSetup, who: Party) -> &'static str {
    match (who, setup.second) {
        (Party::First, Second::Tab) => "tab 1",
        (Party::Second, Second::Tab) => "tab 2",
        (Party::First, Second::Thief) => "you",
        (Party::Second, Second::Thief) => "the thief",
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a verb ends in after a name: tab 1 presents, you present.
fn s(setup: &RaceSetup, who: Party) -> &'static str {
    if name(setup, who) == "you" { "" } else { "s" }
}

/// What a token is called: its generation, and a letter where a generation has several.
fn token(race: &Race, token: usize) -> String {
    let Some(link) = race.chain.get(token) else {
        return String::new();
    };
    let of_its_generation = |upto: usize| {
        let links = race.chain.iter().take(upto);
        links.filter(|other| other.generation == link.generation).count()
    };
    let letter = match of_its_generation(race.chain.len()) {
        1 => "",
        _ => ["a", "b", "c", "d"]
            .get(of_its_generation(token))
            .copied()
            .unwrap_or("…"),
    };
    format!("{}{letter}", link.generation)
}

/// What the run shows, in a sentence.
pub(super) fn finding(race: &Race) -> Told {
    let (words, said) = match (race.judged(), race.setup.second) {
        (Judged::Nobody, Second::Tab) => ("Both tabs stay logged in, with the same tokens.".to_owned(), Said::Well),
        (Judged::Nobody, Second::Thief) => (
            format!(
                "Nobody notices the thief: inside for {} until the story ends, and still inside.",
                to_the_second(race.second_inside())
            ),
            Said::Badly,
        ),
        (Judged::FalseAlarm(at), Second::Tab) => (
            format!(
                "A false alarm {} after the login: an honest tab is taken for a thief, and both are logged out.",
                to_the_second(at)
            ),
            Said::Badly,
        ),
        (Judged::FalseAlarm(at), Second::Thief) => (
            format!(
                "Your own second try is taken for theft, {} after the login, before the thief comes. You are logged out; \
                 the copy is worth nothing any more.",
                to_the_second(at)
            ),
            Said::Badly,
        ),
        (Judged::Thief(at), _) if race.second_inside().is_zero() => (
            format!(
                "The thief is noticed with the first try, {} after the login, and gets nothing. You have to log in again.",
                to_the_second(at)
            ),
            Said::Well,
        ),
        (Judged::Thief(at), _) => (
            format!(
                "The thief is noticed {} after the login, having been inside for {}. You have to log in again.",
                to_the_second(at),
                to_the_second(race.second_inside())
            ),
            Said::Badly,
        ),
    };
    Told {
        at: None,
        words,
        answer: None,
        said,
    }
}

/// Who presented what and got what, in order.
pub(super) fn told(race: &Race) -> Vec<Told> {
    let login = match race.setup.second {
        Second::Tab => "You log in; both tabs have refresh token 0",
        Second::Thief => "You log in and get refresh token 0; the thief copies it",
    };
    let mut all = vec![Told {
        at: Some("login".to_owned()),
        words: login.to_owned(),
        answer: None,
        said: Said::Nothing,
    }];
    all.extend(race.uses.iter().map(|tried| told_of(race, tried)));
    all
}

fn told_of(race: &Race, tried: &Use) -> Told {
    let setup = &race.setup;
    let verb = s(setup, tried.who);
    let words_of = format!(
        "{} present{verb} token {}",
        capital(name(setup, tried.who)),
        token(race, tried.presented)
    );
    let (answer, said) = match tried.verdict {
        Verdict::Given {
            token: got,
            again,
            arrived: true,
        } => {
            let got = token(race, got);
            let answer = if again {
                format!("gets token {got}, the same as was given before")
            } else {
                format!("gets token {got}")
            };
            (answer, Said::Well)
        }
        Verdict::Given { token: got, .. } => {
            let got = token(race, got);
            (format!("is given token {got}, but the reply is lost"), Said::Nothing)
        }
        Verdict::Reused => (
            "refused: the token was exchanged before, so somebody has a copy. The session is closed".to_owned(),
            Said::Badly,
        ),
        Verdict::Closed => ("refused: the session is closed".to_owned(), Said::Badly),
    };
    Told {
        at: Some(to_the_second(tried.at)),
        words: words_of,
        answer: Some(answer),
        said,
    }
}

/// One grace: what comes of a second tab, and of a thief in its place.
pub(super) struct Row {
    pub(super) grace: Duration,
    pub(super) chosen: bool,
    pub(super) tab: Told,
    pub(super) thief: Told,
    /// Whether nobody was suspected.
    spares: bool,
}

impl Row {
    pub(super) fn of(chosen: bool, tab: &Race, thief: &Race) -> Self {
        let said = |words: String, said| Told {
            at: None,
            words,
            answer: None,
            said,
        };
        let tab_words = match tab.closed_at() {
            None => said("both stay logged in".to_owned(), Said::Well),
            Some(at) => said(format!("both logged out after {}", to_the_second(at)), Said::Badly),
        };
        let thief_words = match thief.judged() {
            Judged::Nobody => said(
                format!(
                    "not noticed; inside for {}, and still",
                    to_the_second(thief.second_inside())
                ),
                Said::Badly,
            ),
            Judged::Thief(at) if thief.second_inside().is_zero() => {
                said(format!("noticed after {}; never inside", to_the_second(at)), Said::Well)
            }
            Judged::Thief(at) => said(
                format!(
                    "noticed after {}; inside for {}",
                    to_the_second(at),
                    to_the_second(thief.second_inside())
                ),
                Said::Badly,
            ),
            Judged::FalseAlarm(at) => said(
                format!("you are logged out after {}, before the thief comes", to_the_second(at)),
                Said::Badly,
            ),
        };
        Self {
            grace: tab.setup.grace,
            chosen,
            tab: tab_words,
            thief: thief_words,
            spares: tab.judged() == Judged::Nobody,
        }
    }

    pub(super) fn name(&self) -> String {
        grace_words(self.grace)
    }
}

fn grace_words(grace: Duration) -> String {
    if grace.is_zero() {
        "none".to_owned()
    } else {
        to_the_second(grace)
    }
}

/// The trade between the two, as the runs came out.
pub(super) fn trade(race: &Race, rows: &[Row]) -> Vec<String> {
    let setup = &race.setup;
    let spares: Vec<_> = rows.iter().filter(|row| row.spares).map(Row::name).collect();
    let mishap = match (setup.apart.is_zero(), setup.reply) {
        (true, FirstReply::Arrives) => "two tabs at once".to_owned(),
        (true, FirstReply::Lost) => "two tabs at once and a lost reply".to_owned(),
        (false, FirstReply::Arrives) => format!("two tabs {} apart", to_the_second(setup.apart)),
        (false, FirstReply::Lost) => format!("a lost reply and two tabs {} apart", to_the_second(setup.apart)),
    };
    let mut said = Vec::new();
    if setup.swap == Swap::ReadThenWrite {
        let children = race.children_of(0);
        if children > 1 {
            said.push(format!(
                "Token 0 was exchanged for {children} different tokens, and the row remembers the last that was written. \
                 Whoever holds another one holds a token that was dead when it arrived, and learns of it at the next \
                 refresh."
            ));
        }
        said.push(match spares.is_empty() {
            true => format!(
                "No grace forgives {mishap} here. What was answered the first time is written nowhere, so there is \
                 nothing to give again: the one who comes second gets another token, or is taken for a thief."
            ),
            false => format!("Here a grace of {} happens to do.", spares.join(" or ")),
        });
        return said;
    }
    said.push(match spares.as_slice() {
        [] => format!("None of the three graces forgives {mishap}: an honest person is logged out."),
        spares => format!(
            "A grace of {} forgives {mishap}. A thief who comes in the place of the second tab is forgiven the same: the \
             server sees the same requests.",
            spares.join(" or ")
        ),
    });
    let shuts: Vec<_> = rows.iter().filter(|row| !row.spares).map(Row::name).collect();
    if !shuts.is_empty() && !spares.is_empty() {
        let shuts = shuts.join(" or ");
        let with = match shuts.as_str() {
            "none" => "Without a grace".to_owned(),
            shuts => format!("With a grace of {shuts}").replace("of none", "of nothing"),
        };
        said.push(format!(
            "{with} a copy is noticed, and for the same reason an honest person is taken for a thief."
        ));
    }
    said.push(
        "So the grace is a price: for that long after each rotation a copy is not noticed. What is given in the grace expires \
         with what the first one got, so a thief who asks as punctually as you do stays within it; one who comes later, or \
         whom you come after, ends the session."
            .to_owned(),
    );
    said
}

/// The chain: a circle a token, beneath it who got it and who was refused with it.
pub(super) struct Drawing {
    pub(super) height: i32,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// The same in a sentence.
    pub(super) description: String,
}

pub(super) struct Node {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) name: String,
    /// Whether it is good for something when the story ends.
    pub(super) current: bool,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) y: i32,
    pub(super) class: &'static str,
    pub(super) words: String,
}

pub(super) struct Edge {
    /// Along, down or up, and along again: past what stands beneath the circles.
    pub(super) path: String,
}

impl Drawing {
    pub(super) const WIDTH: i32 = 400;
    pub(super) const RADIUS: i32 = 18;
    const LEFT: i32 = 62;
    const COLUMN: i32 = 136;
    const TOP: i32 = 24;
    const LINE: i32 = 16;

    pub(super) fn of(race: &Race) -> Self {
        let lines: Vec<_> = (0..race.chain.len()).map(|token| beneath(race, token)).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or_default();
        let row_height = 2 * Self::RADIUS + Self::LINE * i32::try_from(most).unwrap_or_default() + 24;
        let place = |token: usize| {
            let generation = race.chain.get(token).map_or(0, |link| link.generation);
            let before = race.chain.iter().take(token);
            let row = before.filter(|other| other.generation == generation).count();
            (
                Self::LEFT + Self::COLUMN * i32::try_from(generation).unwrap_or_default(),
                Self::TOP + row_height * i32::try_from(row).unwrap_or_default(),
            )
        };
        let last = race.chain.len() - 1;
        let nodes: Vec<_> = lines
            .into_iter()
            .enumerate()
            .map(|(n, lines)| {
                let (x, y) = place(n);
                Node {
                    x,
                    y,
                    name: token(race, n),
                    current: race.open && n == last,
                    lines: (1..)
                        .zip(lines)
                        .map(|(at, (class, words))| Line {
                            y: y + Self::RADIUS + Self::LINE * at,
                            class,
                            words,
                        })
                        .collect(),
                }
            })
            .collect();
        let edges = race
            .chain
            .iter()
            .enumerate()
            .filter_map(|(n, link)| {
                let ((from_x, from_y), (to_x, to_y)) = (place(link.parent?), place(n));
                let (from_x, bend, to_x) = (from_x + Self::RADIUS, from_x + Self::COLUMN / 2, to_x - Self::RADIUS);
                Some(Edge {
                    path: format!("M{from_x} {from_y}H{bend}V{to_y}H{to_x}"),
                })
            })
            .collect();
        let widest = (0..=last)
            .map(|token| race.children_of(token))
            .max()
            .unwrap_or_default();
        Self {
            height: nodes.iter().map(|node| node.y).max().unwrap_or_default() + row_height - Self::TOP / 2,
            nodes,
            edges,
            description: match widest {
                0 | 1 => "One chain: each token has at most one successor.".to_owned(),
                n => format!("The chain splits: a token has {n} successors."),
            },
        }
    }
}

/// Who got a token, and who was refused with it.
fn beneath(race: &Race, token: usize) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if token == 0 {
        lines.push(("", "login".to_owned()));
    }
    for tried in &race.uses {
        let who = name(&race.setup, tried.who);
        match tried.verdict {
            Verdict::Given {
                token: got, arrived, ..
            } if got == token => {
                lines.push((
                    "",
                    if arrived {
                        who.to_owned()
                    } else {
                        format!("{who}: lost")
                    },
                ));
            }
            Verdict::Reused if tried.presented == token => lines.push(("refused", format!("✕ {who}: reuse"))),
            Verdict::Closed if tried.presented == token => lines.push(("refused", format!("✕ {who}: closed"))),
            _ => {}
        }
    }
    lines
}
