//! The twelve exercises. Everything here is run by the tests: each hint has to lead closer, and the answer has to solve.

use rescind_exercises::IN_CODE;
use rescind_lab::{Action::*, Answer};
use rescind_session::Preset;

use super::{
    exercise::{
        Exercise, Goal, Hint, Kind, Measure, Place, Setting, Solution, Statement,
        Try::{self, Chosen, Steps, Word},
    },
    goals,
};
use crate::learn::chapters::Chapter;

const fn hint(text: &'static str, leads: Try, read: Place) -> Hint {
    Hint {
        text,
        leads: Some(leads),
        read,
    }
}

/// A hint of an exercise in code. It is followed by the tests of that exercise, file by file.
const fn in_code(text: &'static str, read: Place) -> Hint {
    Hint {
        text,
        leads: None,
        read,
    }
}

const COPIED: Goal = Goal {
    what: "The thief has a copy of your access token",
    met: goals::copied,
    missing: "The thief has no copy yet: log in, and have it taken.",
};
const LOGGED_OUT: Goal = Goal {
    what: "You have logged out after the theft",
    met: goals::logged_out_after_the_theft,
    missing: "You have not logged out since the theft.",
};

impl Exercise {
    /// A chapter's.
    pub(crate) fn of(chapter: Chapter) -> &'static Self {
        match chapter {
            Chapter::Unissued => &UNISSUED,
            Chapter::Stored => &STORED,
            Chapter::ClientDelete => &CLIENT_DELETE,
            Chapter::ShortLived => &SHORT_LIVED,
            Chapter::Rotation => &ROTATION,
            Chapter::Blacklist => &BLACKLIST,
            Chapter::Sessions => &SESSIONS,
            Chapter::Races => &RACES,
            Chapter::Amnesia => &AMNESIA,
            Chapter::Nodes => &NODES,
            Chapter::Keys => &KEYS,
            Chapter::Xss => &XSS,
        }
    }
}

static UNISSUED: Exercise = Exercise {
    chapter: Chapter::Unissued,
    task: "Have a thief’s copy let in without one question to a store, let in again an hour or more later, and refused in \
           the end by the only thing that a server finds in the token itself. Log in once.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::ClientDelete),
        buttons: &[
            LogIn,
            Call,
            LogOut,
            CopyAccess,
            Replay,
            Wait30s,
            Wait5m,
            WaitBeforeExpiry,
            WaitAfterExpiry,
        ],
        goals: &[
            COPIED,
            Goal {
                what: "The copy is let in, and no store is asked",
                met: goals::let_in_unasked,
                missing: "Nobody has been let in with the copy: it has to be sent.",
            },
            Goal {
                what: "An hour or more later it is let in again",
                met: goals::let_in_for_an_hour,
                missing: "The copy has not been let in again an hour after the first time, under the one login.",
            },
            Goal {
                what: "In the end its age refuses it",
                met: goals::refused_by_its_age,
                missing: "Nothing has refused the copy yet: what in a token changes without anybody touching it?",
            },
        ],
    },
    hints: [
        hint(
            "Whoever has the token is taken for you. So it begins with a login, and with a copy.",
            Steps(&[LogIn, CopyAccess]),
            Place::Term("bearer"),
        ),
        hint(
            "Have the thief call the API, and read what was asked for it.",
            Steps(&[LogIn, CopyAccess, Replay]),
            Place::Term("stateless"),
        ),
        hint(
            "The signature does not grow old. Go to the last second of `exp`, and try there.",
            Steps(&[LogIn, CopyAccess, Replay, WaitBeforeExpiry, Replay]),
            Place::Term("exp"),
        ),
    ],
    solution: Solution {
        text: "The thief is let in from the theft to the end of `exp`, and half a minute later is not. Nothing that you do \
               is in these steps, because nothing that you do would change them.",
        steps: Steps(&[LogIn, CopyAccess, Replay, WaitBeforeExpiry, Replay, Wait30s, Replay]),
    },
};

static STORED: Exercise = Exercise {
    chapter: Chapter::Stored,
    task: "Have the copy refused by the session’s row, while it is still genuine and in time. Before that, have it let in \
           by the same row.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::Stored),
        buttons: &[
            LogIn,
            Call,
            LogOut,
            CopyAccess,
            Replay,
            Wait30s,
            Wait5m,
            WaitBeforeExpiry,
            WaitAfterExpiry,
        ],
        goals: &[
            COPIED,
            Goal {
                what: "The copy is let in after a look at the row",
                met: goals::let_in_by_the_row,
                missing: "The row has not let the copy in: try it before anything is closed.",
            },
            LOGGED_OUT,
            Goal {
                what: "The row refuses the copy",
                met: goals::refused_by_the_row,
                missing: "The row has not refused the copy yet; a token that is too old is refused before anybody looks at the row.",
            },
        ],
    },
    hints: [
        hint(
            "A login opens the row. The copy names it, as your own token does.",
            Steps(&[LogIn, CopyAccess]),
            Place::Term("sid"),
        ),
        hint(
            "The row is open, so it lets the copy in: it does not know who asks.",
            Steps(&[LogIn, CopyAccess, Replay]),
            Place::Term("session"),
        ),
        hint(
            "One thing closes the row, and you can do it.",
            Steps(&[LogIn, CopyAccess, Replay, LogOut]),
            Place::Term("revocation"),
        ),
    ],
    solution: Solution {
        text: "Your logout closes the row. The copy still has its signature and its time, and the next look at the row refuses \
               it: 401 `token_revoked`.",
        steps: Steps(&[LogIn, CopyAccess, Replay, LogOut, Replay]),
    },
};

static CLIENT_DELETE: Exercise = Exercise {
    chapter: Chapter::ClientDelete,
    task: "Get the thief accepted after your logout, and once more eleven hours or more after it. Log in once.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::ClientDelete),
        buttons: &[
            LogIn,
            Call,
            LogOut,
            CopyAccess,
            Replay,
            Wait30s,
            Wait5m,
            WaitBeforeExpiry,
            WaitAfterExpiry,
        ],
        goals: &[
            COPIED,
            LOGGED_OUT,
            Goal {
                what: "The copy is let in after the logout",
                met: goals::let_in_after_logout,
                missing: "Nobody has been let in since the logout: your browser has forgotten its token, and who has not?",
            },
            Goal {
                what: "It is let in eleven hours after the logout",
                met: goals::let_in_long_after_logout,
                missing: "The copy has been let in after the logout, and not as late as eleven hours after it.",
            },
        ],
    },
    hints: [
        hint(
            "A logout takes nothing from anybody who has a copy already.",
            Steps(&[LogIn, CopyAccess]),
            Place::Term("bearer"),
        ),
        hint(
            "Now log out. Look at what the reply does: it drops cookies, in one browser.",
            Steps(&[LogIn, CopyAccess, LogOut]),
            Place::Term("cookie"),
        ),
        hint(
            "The thief’s copy is not in that browser.",
            Steps(&[LogIn, CopyAccess, LogOut, Replay]),
            Place::Term("replay"),
        ),
    ],
    solution: Solution {
        text: "The logout moved nothing. A second before `exp` the copy is as good as on the first day.",
        steps: Steps(&[LogIn, CopyAccess, LogOut, Replay, WaitBeforeExpiry, Replay]),
    },
};

static SHORT_LIVED: Exercise = Exercise {
    chapter: Chapter::ShortLived,
    task: "You work for an hour and call the API every five minutes; then somebody copies your access token, and you log out. \
           The copy may work for two minutes at most, and you may be thrown out three times at most. Can short lives alone do it? \
           If not, choose what can.",
    kind: Kind::Parameters {
        run: Measure::AnHour,
        settings: &[
            Setting {
                name: "my-answer",
                label: "The answer",
                options: &[
                    ("client-delete", "delete on the client"),
                    ("short-lived", "short lives alone"),
                    ("rotation", "short lives and a refresh token"),
                ],
            },
            Setting {
                name: "my-life",
                label: "An access token lives",
                options: &[
                    ("12h", "12 hours"),
                    ("1h", "1 hour"),
                    ("15m", "15 minutes"),
                    ("5m", "5 minutes"),
                    ("2m", "2 minutes"),
                    ("1m", "1 minute"),
                ],
            },
        ],
    },
    hints: [
        hint(
            "With lives of an hour you are left in peace. See how long the thief is.",
            Chosen(&[("my-answer", "short-lived"), ("my-life", "1h")]),
            Place::Term("exp"),
        ),
        hint(
            "Two minutes are short enough for the thief. Now see what they are for you: no length suits both.",
            Chosen(&[("my-answer", "short-lived"), ("my-life", "2m")]),
            Place::Term("access-token"),
        ),
        hint(
            "A second token, which the API never sees, can fetch new ones without you. Then the length is no longer your concern.",
            Chosen(&[("my-answer", "rotation"), ("my-life", "15m")]),
            Place::Chapter(Chapter::Rotation),
        ),
    ],
    solution: Solution {
        text: "Short lives alone cannot: up to five minutes you are thrown out at every call, and anything longer suits the thief. \
               With a refresh token the browser gets new access tokens by itself, and two minutes are long enough.",
        steps: Chosen(&[("my-answer", "rotation"), ("my-life", "2m")]),
    },
};

static ROTATION: Exercise = Exercise {
    chapter: Chapter::Rotation,
    task: "Have a stolen refresh token noticed: the thief exchanges it, a spent one comes back and is known as such, and the \
           thief, who has a good one, is out as well.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::Rotation),
        buttons: &[
            LogIn,
            Call,
            Refresh,
            LogOut,
            CopyAccess,
            CopyRefresh,
            Replay,
            ThiefRefreshes,
            Wait30s,
            Wait5m,
            WaitAfterExpiry,
        ],
        goals: &[
            Goal {
                what: "The thief has a copy of your refresh token",
                met: goals::copied_the_refresh_token,
                missing: "The thief has no refresh token yet: log in, and have it copied.",
            },
            Goal {
                what: "The thief has exchanged a refresh token",
                met: goals::thief_refreshed,
                missing: "The thief has not exchanged the refresh token, and until then there is nothing to notice.",
            },
            Goal {
                what: "A spent token comes back, and is known",
                met: goals::theft_was_noticed,
                missing: "No spent token has come back as a theft: within the grace it is taken for a second tab.",
            },
            Goal {
                what: "The thief is out too",
                met: goals::thief_is_out_too,
                missing: "The thief still has a refresh token that nobody has refused: have it tried.",
            },
        ],
    },
    hints: [
        hint(
            "Of the two tokens, take the one that can be exchanged.",
            Steps(&[LogIn, CopyRefresh]),
            Place::Term("refresh-token"),
        ),
        hint(
            "Two browsers have the same token now. Let the thief be the first.",
            Steps(&[LogIn, CopyRefresh, ThiefRefreshes]),
            Place::Term("generation"),
        ),
        hint(
            "Now your browser comes with the token that the thief has spent. Wait until the grace of ten seconds is over.",
            Steps(&[LogIn, CopyRefresh, ThiefRefreshes, Wait30s, Refresh]),
            Place::Term("grace"),
        ),
    ],
    solution: Solution {
        text: "A generation that comes twice was copied. The server cannot tell who is who, so it closes the session for \
               both, and the thief’s good token is refused with it.",
        steps: Steps(&[LogIn, CopyRefresh, ThiefRefreshes, Wait30s, Refresh, ThiefRefreshes]),
    },
};

static BLACKLIST: Exercise = Exercise {
    chapter: Chapter::Blacklist,
    task: IN_CODE[0].task,
    kind: Kind::Code(&IN_CODE[0]),
    hints: [
        in_code(IN_CODE[0].hints[0].text, Place::Term("session")),
        in_code(IN_CODE[0].hints[1].text, Place::Term("until")),
        in_code(IN_CODE[0].hints[2].text, Place::Term("revocation")),
    ],
    solution: Solution {
        text: "One way to mend it. There are others, and the suite is content with each of them.",
        steps: Word,
    },
};

const SIX: &[(&str, &str)] = &[
    ("client-delete", "delete on the client"),
    ("short-lived", "short lives"),
    ("stored", "stored tokens"),
    ("rotation", "rotation"),
    ("blacklist", "the blacklist"),
    ("sessions", "plain sessions"),
];

static SESSIONS: Exercise = Exercise {
    chapter: Chapter::Sessions,
    task: "Choose for two services; under both, a copy has to be refused right after the logout. The first is an API, which \
           may not read the database on a request. The second is a site with one database, which may not ask \
           a blacklist, and whose browsers may carry 200 bytes of cookies at most.",
    kind: Kind::Parameters {
        run: Measure::TwoServices,
        settings: &[
            Setting {
                name: "my-api",
                label: "The API",
                options: SIX,
            },
            Setting {
                name: "my-site",
                label: "The site",
                options: SIX,
            },
        ],
    },
    hints: [
        hint(
            "Three of the six hold at once: they ask something on every request. Begin with the simplest, for both.",
            Chosen(&[("my-api", "stored"), ("my-site", "stored")]),
            Place::Chapter(Chapter::Stored),
        ),
        hint(
            "One of the three asks something other than the database. It suits the API; does it suit the site?",
            Chosen(&[("my-api", "blacklist"), ("my-site", "blacklist")]),
            Place::Chapter(Chapter::Blacklist),
        ),
        hint(
            "The site reads its row anyway. Then see what the token that it sends along is still for, and what it weighs.",
            Chosen(&[("my-api", "blacklist"), ("my-site", "stored")]),
            Place::Term("plain-session"),
        ),
    ],
    solution: Solution {
        text: "For the API the blacklist: it reads memory and no row. For the site plain sessions: the row is read \
               anyway, and a random number says which. That is no defeat, and it is how the first part of this course ends.",
        steps: Chosen(&[("my-api", "blacklist"), ("my-site", "sessions")]),
    },
};

static RACES: Exercise = Exercise {
    chapter: Chapter::Races,
    task: IN_CODE[1].task,
    kind: Kind::Code(&IN_CODE[1]),
    hints: [
        in_code(IN_CODE[1].hints[0].text, Place::Term("compare-and-swap")),
        in_code(IN_CODE[1].hints[1].text, Place::Term("rotation")),
        in_code(IN_CODE[1].hints[2].text, Place::Term("grace")),
    ],
    solution: Solution {
        text: "One way to mend it. There are others, and the suite is content with each of them.",
        steps: Word,
    },
};

static AMNESIA: Exercise = Exercise {
    chapter: Chapter::Amnesia,
    task: "You log out, and the blacklist fails. Make the server answer 503 to the thief, and then 401, without logging in again.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::Blacklist),
        buttons: &[
            LogIn,
            Call,
            LogOut,
            CopyAccess,
            Replay,
            Wait30s,
            BlacklistForgets,
            BlacklistSlow,
            BlacklistStops,
            BlacklistWell,
            KillServer,
            StartServer,
        ],
        goals: &[
            COPIED,
            LOGGED_OUT,
            Goal {
                what: "After that the blacklist is in doubt",
                met: goals::blacklist_is_in_doubt,
                missing: "Nothing is wrong with the blacklist since your logout.",
            },
            Goal {
                what: "The thief is told 503",
                met: goals::thief_was_told_503,
                missing: "The thief was not told 503 yet: nobody has asked while the blacklist was in doubt.",
            },
            Goal {
                what: "The thief is told 401, by the blacklist",
                met: goals::thief_was_told_401,
                missing: "The thief was told 503, and not yet 401: once the blacklist is whole again, the copy has to be tried.",
            },
        ],
    },
    hints: [
        hint(
            "First there has to be something that can be forgotten.",
            Steps(&[LogIn, CopyAccess, LogOut]),
            Place::Term("revocation-log"),
        ),
        hint(
            "Now make the blacklist forget. No call has failed, and no alarm rings.",
            Steps(&[LogIn, CopyAccess, LogOut, BlacklistForgets]),
            Place::Term("mark"),
        ),
        hint(
            "Ask at once. The list is empty, and it says so: that is no yes.",
            Steps(&[LogIn, CopyAccess, LogOut, BlacklistForgets, Replay]),
            Place::Term("fail-closed"),
        ),
    ],
    solution: Solution {
        text: "Who asks first finds the blacklist not whole: 503. That has it filled from the revocation log, and the next \
               answer is 401. In between nobody was let in.",
        steps: Steps(&[LogIn, CopyAccess, LogOut, BlacklistForgets, Replay, Replay]),
    },
};

static NODES: Exercise = Exercise {
    chapter: Chapter::Nodes,
    task: "Log out while the blacklist does not answer, and have the server die before it can tell the blacklist. Then have \
           another server refuse the copy, because of the blacklist, and without a second logout.",
    kind: Kind::Sandbox {
        answer: Answer::Tokens(Preset::Blacklist),
        buttons: &[
            LogIn,
            Call,
            LogOut,
            CopyAccess,
            Replay,
            Wait30s,
            BlacklistForgets,
            BlacklistStops,
            BlacklistWell,
            KillServer,
            StartServer,
        ],
        goals: &[
            COPIED,
            Goal {
                what: "You have logged out while the blacklist did not answer",
                met: goals::logged_out_half_way,
                missing: "There is no logout of which the blacklist has not heard.",
            },
            Goal {
                what: "The server died before it could tell",
                met: goals::server_died_of_it,
                missing: "The server that knows of the logout still runs, or had the time to tell the blacklist.",
            },
            Goal {
                what: "Another server refuses the copy, by the blacklist",
                met: goals::another_server_refuses,
                missing: "No other server has refused the copy by the blacklist: both have to be there, and somebody has to try.",
            },
        ],
    },
    hints: [
        hint(
            "First the theft, while all is well.",
            Steps(&[LogIn, CopyAccess]),
            Place::Term("node"),
        ),
        hint(
            "Stop the blacklist, and log out. The logout is written in the database; see what you are told.",
            Steps(&[LogIn, CopyAccess, BlacklistStops, LogOut]),
            Place::Term("revocation-log"),
        ),
        hint(
            "Kill the server now. What it knew it has written down.",
            Steps(&[LogIn, CopyAccess, BlacklistStops, LogOut, KillServer]),
            Place::Term("transaction"),
        ),
    ],
    solution: Solution {
        text: "A server that starts reads the log and carries over what the blacklist lacks, before it answers anybody. So it \
               knows of a logout that nobody told it of.",
        steps: Steps(&[
            LogIn,
            CopyAccess,
            BlacklistStops,
            LogOut,
            KillServer,
            BlacklistWell,
            StartServer,
            Replay,
        ]),
    },
};

static KEYS: Exercise = Exercise {
    chapter: Chapter::Keys,
    task: "Somebody may have copied the signing key. Replace it on two nodes, the second of which hears of everything a minute late. \
           Tokens live for five minutes. No token that is good and in time may be refused, and fifteen minutes after the old \
           key last signed, whoever stole it may get nothing accepted.",
    kind: Kind::Parameters {
        run: Measure::NewKey,
        settings: &[
            Setting {
                name: "my-order",
                label: "The new key signs",
                options: &[
                    ("at-once", "as soon as it is there"),
                    ("known", "two minutes after it is there to verify"),
                ],
            },
            Setting {
                name: "my-keep",
                label: "After its last signature the old key verifies",
                options: &[
                    ("0s", "not any more"),
                    ("1m", "for a minute"),
                    ("6m", "for six minutes"),
                    ("30d", "for thirty days"),
                ],
            },
        ],
    },
    hints: [
        hint(
            "A node that has not heard of the new key refuses what it signs. Who should know it before it signs?",
            Chosen(&[("my-order", "known"), ("my-keep", "0s")]),
            Place::Term("kid"),
        ),
        hint(
            "What the old key has signed is in people’s browsers. A minute helps some of them.",
            Chosen(&[("my-order", "known"), ("my-keep", "1m")]),
            Place::Term("key-ring"),
        ),
        hint(
            "Now keep it for so long that nobody is thrown out. And look at the thief: how long is long enough?",
            Chosen(&[("my-order", "known"), ("my-keep", "30d")]),
            Place::Term("exp"),
        ),
    ],
    solution: Solution {
        text: "First all nodes know the new key, then it signs, and the old one stays until the last token that it signed is \
               dead. Then it goes: a key that verifies for a month lets whoever stole it in for a month.",
        steps: Chosen(&[("my-order", "known"), ("my-keep", "6m")]),
    },
};

static XSS: Exercise = Exercise {
    chapter: Chapter::Xss,
    task: "A stranger’s script runs in your page. Say of each statement whether it is so.",
    kind: Kind::Statements(&[
        Statement {
            name: "my-1",
            says: "It can read a token that lies in localStorage, and send it away.",
            is_so: true,
            because: "whatever a script of the page may read, this one may read too.",
        },
        Statement {
            name: "my-2",
            says: "It can read a token that lies in an HttpOnly cookie.",
            is_so: false,
            because: "the browser shows such a cookie to no script.",
        },
        Statement {
            name: "my-3",
            says: "With an HttpOnly cookie it can do nothing in your name.",
            is_so: false,
            because: "it asks the browser to call the API, and the browser adds the cookie.",
        },
        Statement {
            name: "my-4",
            says: "What it does through your browser ends with your logout, under a policy that asks on every request.",
            is_so: true,
            because: "it has no copy to go on with, and the session that it rode on is closed.",
        },
        Statement {
            name: "my-5",
            says: "SameSite keeps its requests from carrying your cookie.",
            is_so: false,
            because: "SameSite looks at which site asks, and the script is in your own page.",
        },
    ]),
    hints: [
        hint(
            "Two places, one question: may a script read there?",
            Chosen(&[("my-1", "yes"), ("my-2", "no")]),
            Place::Term("httponly"),
        ),
        hint(
            "Not to have a token is one thing, and not to be able to use it another.",
            Chosen(&[("my-1", "yes"), ("my-2", "no"), ("my-3", "no")]),
            Place::Term("xss"),
        ),
        hint(
            "What cannot be carried away can be taken back.",
            Chosen(&[("my-1", "yes"), ("my-2", "no"), ("my-3", "no"), ("my-4", "yes")]),
            Place::Term("samesite"),
        ),
    ],
    solution: Solution {
        text: "HttpOnly turns a theft into an abuse that lasts as long as you are logged in. That is worth much, and it is no defence \
               against the script itself.",
        steps: Chosen(&[
            ("my-1", "yes"),
            ("my-2", "no"),
            ("my-3", "no"),
            ("my-4", "yes"),
            ("my-5", "no"),
        ]),
    },
};
