//! The numbers of `/lab`, against a simulation that is written from the definitions and shares no code with the program.
//!
//! The simulation goes second by second, and computes each party's actions and whether the thief is inside.
//! It has no JSON Web Tokens, HTTP or stores: a token is the second at which it expires and the session that it is
//! of; a policy is the row of the design's table, as `match`es.
//!
//! The definitions, in whole seconds since the login at 0:
//!
//! 1. You are busy: you call at 0, at the instant at which your access token (or plain session) expires, at the theft, and just
//!    before you log out. An expired access token is refreshed, where there are refresh tokens. If you turn out to be logged
//!    out, that is counted (at the second of the logout it is not: you were leaving), and you log in again at once.
//! 2. At the theft the thief copies, after your own actions of that instant, what your browser holds.
//! 3. A stolen refresh token is exchanged at once, and what it gave whenever the thief's newest access token expires, after
//!    your own actions of that instant. The thief is inside at a second if, after all actions of that instant, any access token
//!    that they hold is accepted.
//! 4. You log out, after your call. A token that expires at a second is refused at that second.
//! 5. Another service learns of ended sessions before anybody acts at that instant: by an event 2 s after the first of them,
//!    or from a list that it reads at each multiple of 10 s.

use std::fmt;

use rescind_testkit::CookieClient;
use scraper::{Html, Selector};

use crate::compare::{program, start};

type Second = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Stored,
    ClientDelete,
    ShortLived,
    Rotation,
    Blacklist,
    PushedEvent,
    StatusList,
    PlainSessions,
}

use Lane::{Blacklist, ClientDelete, PlainSessions, PushedEvent, Rotation, ShortLived, StatusList, Stored};

const LANES: [Lane; 8] = [
    Stored,
    ClientDelete,
    ShortLived,
    Rotation,
    Blacklist,
    PushedEvent,
    StatusList,
    PlainSessions,
];

impl Lane {
    fn slug(self) -> &'static str {
        match self {
            Stored => "stored",
            ClientDelete => "client-delete",
            ShortLived => "short-lived",
            Rotation => "rotation",
            Blacklist => "blacklist",
            PushedEvent => "pushed-event",
            StatusList => "status-list",
            PlainSessions => "sessions",
        }
    }

    fn has_refresh_tokens(self) -> bool {
        matches!(self, Rotation | Blacklist | PushedEvent | StatusList)
    }

    /// Whether the end of a session is looked up on every request.
    fn asks(self) -> bool {
        matches!(self, Stored | Blacklist | PlainSessions)
    }

    /// When another service learns of a session that ends now, if one is asked.
    fn hears(self, now: Second) -> Option<Second> {
        match self {
            PushedEvent => Some(now + 2),
            StatusList => Some((now / 10 + 1) * 10),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stolen {
    Access,
    Refresh,
    Both,
}

/// The query of `/lab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Story {
    short: Second,
    long: Second,
    grace: Second,
    stolen: Stolen,
    theft: Second,
    logout: Second,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loot = match self.stolen {
            Stolen::Access => "access",
            Stolen::Refresh => "refresh",
            Stolen::Both => "both",
        };
        write!(
            f,
            "/lab?show=1&short={}s&long={}s&grace={}s&loot={loot}&theft={}s&logout={}s",
            self.short, self.long, self.grace, self.theft, self.logout
        )
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    inside: u64,
    dies: u64,
    thrown_out: u64,
    database_reads: u64,
    blacklist_reads: u64,
}

/// An access token, or the cookie of a plain session.
#[derive(Debug, Clone, Copy)]
struct AccessToken {
    session: usize,
    expires: Second,
}

#[derive(Debug, Clone, Copy)]
struct RefreshToken {
    session: usize,
    generation: u32,
}

#[derive(Debug)]
struct Session {
    open: bool,
    /// Whether another service knows that it has ended.
    heard: bool,
    generation: u32,
    /// When this generation was first given.
    since: Second,
    /// No access token of the session is valid longer.
    access_until: Second,
}

/// What a browser or a thief holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    access: Option<AccessToken>,
    refresh: Option<RefreshToken>,
}

struct Server {
    lane: Lane,
    life: Second,
    grace: Second,
    sessions: Vec<Session>,
    /// When another service hears next.
    due: Option<Second>,
}

impl Server {
    fn log_in(&mut self, now: Second) -> Held {
        let expires = now + self.life;
        self.sessions.push(Session {
            open: true,
            heard: false,
            generation: 0,
            since: now,
            access_until: expires,
        });
        let session = self.sessions.len() - 1;
        Held {
            access: Some(AccessToken { session, expires }),
            refresh: self
                .lane
                .has_refresh_tokens()
                .then_some(RefreshToken { session, generation: 0 }),
        }
    }

    fn accepts(&self, token: AccessToken, now: Second) -> bool {
        let session = &self.sessions[token.session];
        now < token.expires && (!self.lane.asks() || session.open) && !session.heard
    }

    fn close(&mut self, session: usize, now: Second) {
        if std::mem::take(&mut self.sessions[session].open) {
            self.due = self.due.or(self.lane.hears(now));
        }
    }

    fn hear(&mut self, now: Second) {
        if self.due == Some(now) {
            self.due = None;
            for session in &mut self.sessions {
                session.heard = !session.open;
            }
        }
    }

    fn refresh(&mut self, token: RefreshToken, now: Second) -> Option<Held> {
        let life = self.life;
        let session = &mut self.sessions[token.session];
        if !session.open {
            return None;
        }
        let expires = if token.generation == session.generation {
            session.generation += 1;
            session.since = now;
            session.access_until = session.access_until.max(now + life);
            now + life
        } else if token.generation + 1 == session.generation && now < session.since + self.grace {
            session.access_until.min(now + life)
        } else {
            self.close(token.session, now);
            return None;
        };
        Some(Held {
            access: Some(AccessToken {
                session: token.session,
                expires,
            }),
            refresh: Some(RefreshToken {
                session: token.session,
                generation: session.generation,
            }),
        })
    }
}

/// Plays a story under one answer, second by second, until the thief has no usable token.
fn simulate(story: Story, lane: Lane) -> Numbers {
    let life = match lane {
        Stored | ClientDelete | PlainSessions => story.long,
        ShortLived | Rotation | Blacklist | PushedEvent | StatusList => story.short,
    };
    let mut server = Server {
        lane,
        life,
        grace: story.grace,
        sessions: Vec::new(),
        due: None,
    };
    let mut you = server.log_in(0);
    let mut thief = Held::default();
    // Every access token that the thief ever held; the newest is also in `thief`.
    let mut loot: Vec<AccessToken> = Vec::new();
    let (mut inside, mut dies, mut thrown_out) = (0, 0, 0);

    // Within a life after the logout all that is out there has expired; the second life is for mistakes.
    for now in 0..=story.logout + 2 * life {
        server.hear(now);
        // You.
        let has_expired = you.access.is_some_and(|access| access.expires == now);
        let calls = now <= story.logout && (now == 0 || has_expired || now == story.theft || now == story.logout);
        if calls && !you.access.is_some_and(|access| server.accepts(access, now)) {
            // A refresh is for an access token that has expired, or that is refused: the browser asks for the next one.
            let renewed = you.refresh.and_then(|refresh| server.refresh(refresh, now));
            you = renewed.unwrap_or_else(|| {
                thrown_out += u64::from(now < story.logout);
                server.log_in(now)
            });
        }
        if now == story.logout {
            if let Some(access) = you.access {
                // Without stored sessions there is none to close, and none is checked.
                server.close(access.session, now);
            }
            you = Held::default();
        }

        // The thief.
        if now == story.theft {
            if story.stolen != Stolen::Refresh {
                thief.access = you.access;
                loot.extend(you.access);
            }
            if story.stolen != Stolen::Access {
                thief.refresh = you.refresh;
            }
        }
        let tries = now == story.theft || thief.access.is_some_and(|access| access.expires == now);
        if let (true, Some(refresh)) = (tries, thief.refresh) {
            match server.refresh(refresh, now) {
                Some(got) => {
                    thief = got;
                    loot.extend(got.access);
                }
                // Refused once, it is never accepted again.
                None => thief.refresh = None,
            }
        }

        if now >= story.theft && loot.iter().any(|access| server.accepts(*access, now)) {
            inside += 1;
            dies += u64::from(now >= story.logout);
        }
    }
    Numbers {
        inside,
        dies,
        thrown_out,
        database_reads: u64::from(matches!(lane, Stored | PlainSessions)),
        blacklist_reads: u64::from(lane == Blacklist),
    }
}

// Worked out by hand.

const MIN: Second = 60;
const HOUR: Second = 60 * MIN;

const STORY: Story = Story {
    short: 5 * MIN,
    long: 12 * HOUR,
    grace: 10,
    stolen: Stolen::Access,
    theft: 2 * MIN,
    logout: 10 * MIN,
};

/// `inside`, `dies` and `thrown_out` of each lane, in order.
fn of_all(story: Story) -> [(u64, u64, u64); 8] {
    LANES.map(|lane| {
        let numbers = simulate(story, lane);
        (numbers.inside, numbers.dies, numbers.thrown_out)
    })
}

#[test]
fn by_hand_an_access_token_stolen_early_lives_until_the_logout_or_until_it_expires() {
    let expected = [
        // Stolen at 2 min, closed at 10.
        (8 * MIN, 0, 0),
        // It lives on until 12 h.
        (12 * HOUR - 2 * MIN, 12 * HOUR - 10 * MIN, 0),
        // It expires at 5 min, and you are thrown out. What you get then expires at 10 min, when you want to log out.
        (3 * MIN, 0, 1),
        (3 * MIN, 0, 0),
        (3 * MIN, 0, 0),
        (3 * MIN, 0, 0),
        (3 * MIN, 0, 0),
        (8 * MIN, 0, 0),
    ];
    assert_eq!(of_all(STORY), expected);
}

#[test]
fn by_hand_an_access_token_stolen_late_outlives_an_unchecked_logout() {
    let story = Story {
        theft: 9 * MIN,
        logout: 9 * MIN + 30,
        ..STORY
    };
    // What was given at 5 min expires at 10.
    let expected = [
        (30, 0, 0),
        (12 * HOUR - 9 * MIN, 12 * HOUR - 9 * MIN - 30, 0),
        (60, 30, 1),
        (60, 30, 0),
        (30, 0, 0),
        // The event arrives after 2 s. The list is read at each ten seconds, so at the logout too, just before it.
        (32, 2, 0),
        (40, 10, 0),
        (30, 0, 0),
    ];
    assert_eq!(of_all(story), expected);
}

#[test]
fn by_hand_a_stolen_refresh_token_is_noticed_when_you_come_after_the_grace() {
    let story = Story {
        stolen: Stolen::Refresh,
        ..STORY
    };
    // The thief exchanges generation 0 at 2 min; you bring it at 5 min, and all is closed: you log in again. What the thief got
    // expires at 7 min, and is asked about under the blacklist alone. Another service hears of it a little later.
    let expected = [
        (0, 0, 0),
        (0, 0, 0),
        (0, 0, 1),
        (5 * MIN, 0, 1),
        (3 * MIN, 0, 1),
        (3 * MIN + 2, 0, 1),
        (3 * MIN + 10, 0, 1),
        (0, 0, 0),
    ];
    assert_eq!(of_all(story), expected);
}

#[test]
fn by_hand_a_thief_within_the_grace_stays_until_the_logout() {
    let story = Story {
        stolen: Stolen::Both,
        theft: 5 * MIN - 5,
        logout: 9 * MIN,
        ..STORY
    };
    // Generation 1 is the thief's at 4:55, with an access token until 9:55. You come at 5:00, within the grace, and are given
    // the same, until 9:55 as well. At 9:00 you log out.
    let stay = 9 * MIN - (5 * MIN - 5);
    let [_, _, _, rotation, blacklist, ..] = of_all(story);
    assert_eq!(rotation, (5 * MIN, 55, 0));
    assert_eq!(blacklist, (stay, 0, 0));
    let without = Story { grace: 0, ..story };
    let [_, _, _, rotation, blacklist, ..] = of_all(without);
    assert_eq!(rotation, (5 * MIN, 55, 1));
    assert_eq!(blacklist, (5, 0, 1));
}

#[test]
fn by_hand_an_expired_plain_session_or_stored_token_ends_its_copy_too() {
    let story = Story {
        short: 30,
        long: MIN,
        theft: 30,
        logout: 90,
        ..STORY
    };
    let expected = [
        (30, 0, 1),
        (30, 0, 1),
        // Thrown out at 30, before the theft, and at 60.
        (30, 0, 2),
        (30, 0, 0),
        (30, 0, 0),
        (30, 0, 0),
        (30, 0, 0),
        (30, 0, 1),
    ];
    assert_eq!(of_all(story), expected);
}

// The program.

/// Numbers from a seed (splitmix64): the same in every run, so that a disagreement can be reproduced.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.throw(of.len() as u64)).unwrap()]
    }
}

/// Values with off-by-one risks: at, just before and just after each other.
fn corners() -> Vec<Story> {
    let mut corners = vec![STORY];
    for stolen in [Stolen::Access, Stolen::Refresh, Stolen::Both] {
        for (theft, logout) in [
            (0, 1),
            (0, 5 * MIN),
            (5 * MIN - 1, 5 * MIN),
            (5 * MIN, 5 * MIN + 1),
            (5 * MIN - 10, 10 * MIN),
            (5 * MIN - 9, 10 * MIN - 9),
            (10 * MIN - 1, 10 * MIN + 1),
            (2 * MIN, 7 * MIN),
        ] {
            corners.push(Story {
                stolen,
                theft,
                logout,
                ..STORY
            });
        }
        corners.push(Story {
            grace: 0,
            stolen,
            theft: 5 * MIN - 1,
            logout: 15 * MIN,
            ..STORY
        });
        corners.push(Story {
            short: 30,
            long: 30,
            grace: 30,
            stolen,
            theft: 45,
            logout: 3 * MIN,
        });
    }
    corners
}

/// A valid story for `/lab`: lifetimes from 30 s on, at most sixty short ones before the logout.
fn any(dice: &mut Dice) -> Story {
    let short = match dice.throw(2) {
        0 => dice.one_of(&[30, 60, 5 * MIN, 15 * MIN]),
        _ => 30 + dice.throw(15 * MIN),
    };
    let long = match dice.throw(3) {
        0 => short,
        1 => short + dice.throw(10 * MIN),
        _ => short + dice.throw(12 * HOUR),
    };
    let logout = match dice.throw(3) {
        // A whole number of lives.
        0 => short * (1 + dice.throw(8)),
        _ => 1 + dice.throw(8 * short),
    };
    let theft = match dice.throw(4) {
        // Within a grace of a refresh.
        0 => (short * (1 + dice.throw(4)))
            .saturating_sub(dice.throw(31))
            .min(logout - 1),
        1 => logout - 1,
        _ => dice.throw(logout),
    };
    Story {
        short,
        long,
        grace: dice.one_of(&[0, 1, 10, 29, 30]),
        stolen: dice.one_of(&[Stolen::Access, Stolen::Refresh, Stolen::Both]),
        theft,
        logout,
    }
}

/// The table of `/lab`.
async fn shown(learner: &CookieClient, story: Story) -> Vec<(Lane, Numbers)> {
    let reply = learner.open(&story.to_string()).await.expect_status(200);
    let page = Html::parse_document(&reply.text);
    let cell = |lane: Lane, column: &str| {
        let selector = format!("#answers tr[data-answer={}] td[data-col={column}]", lane.slug());
        let parsed = Selector::parse(&selector).unwrap();
        let mut found = page.select(&parsed);
        let cell = found.next().unwrap_or_else(|| panic!("{story}: no {selector}"));
        let told = cell.attr("data-seconds").or(cell.attr("data-count"));
        let told = told.map_or_else(|| cell.text().collect(), str::to_owned);
        let told = told.trim();
        told.parse()
            .unwrap_or_else(|e| panic!("{story}: {column} of {}: {told:?}: {e}", lane.slug()))
    };
    LANES
        .into_iter()
        .map(|lane| {
            let numbers = Numbers {
                inside: cell(lane, "inside"),
                dies: cell(lane, "dies"),
                thrown_out: cell(lane, "logged-out-by-itself"),
                database_reads: cell(lane, "database-reads"),
                blacklist_reads: cell(lane, "blacklist-reads"),
            };
            (lane, numbers)
        })
        .collect()
}

#[tokio::test]
async fn the_table_agrees_with_a_simulation_that_shares_no_code_with_it() {
    let many = std::env::var("RESCIND_TEST_FULL").as_deref() == Ok("1");
    let rounds = if many { 500 } else { 60 };
    let mut dice = Dice(5);
    let mut stories = corners();
    assert!(stories.len() < rounds);
    while stories.len() < rounds {
        stories.push(any(&mut dice));
    }
    let running = start(program()).await;
    let learner = running.cookie_client();
    for (n, story) in stories.into_iter().enumerate() {
        for (lane, told) in shown(&learner, story).await {
            let expected = simulate(story, lane);
            assert!(
                told == expected,
                "story {n}, under {}:\n  {story}\n  the page says {told:?}\n  by definition {expected:?}",
                lane.slug()
            );
        }
    }
}
