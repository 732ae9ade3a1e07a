//! What each answer is, when to choose it, and when plain server sessions are the better answer.

use rescind_lab::Answer;
use rescind_session::Preset;

/// What is to be said of an answer.
pub(crate) struct Choosing {
    /// What it is, in a sentence.
    pub(crate) what: &'static str,
    /// When to choose it.
    pub(crate) choose: &'static str,
    /// What it does not do.
    pub(crate) price: &'static str,
    /// When plain server sessions are the better answer.
    pub(crate) sessions: &'static str,
    /// The words to look up: anchor and name.
    pub(crate) terms: &'static [(&'static str, &'static str)],
}

impl Choosing {
    pub(crate) fn of(answer: Answer) -> Self {
        match answer {
            Answer::Tokens(Preset::Stored) => Self {
                what: "Every session has a row in the database, and every request looks it up.",
                choose: "You have tokens already, for services that insist on them, and one database that all of your \
                         requests reach anyway. A logout counts at once, and everywhere.",
                price: "The signature is checked, and then the database is asked all the same: you pay for both, and the \
                        promise of tokens, that a service can decide by itself, is gone.",
                sessions: "Nearly always. With a read of the database on each request a random number in a cookie does the \
                           same, is a fraction as long, and tells nobody anything. Keep the tokens only if somebody else \
                           has to be able to read them.",
                terms: &[
                    ("access-token", "access token"),
                    ("session", "session"),
                    ("introspection", "introspection"),
                ],
            },
            Answer::Tokens(Preset::ClientDelete) => Self {
                what: "Logging out deletes the token in your browser. No server is told.",
                choose: "Nothing behind it is worth stealing, or its tokens live so shortly that nobody would wait for a \
                         logout.",
                price: "A copy works until it expires, as a rule for hours. A logout is a promise that the server cannot \
                        keep, and nobody notices that it does not.",
                sessions: "Wherever “Log out” has to mean it. One row and one read by key is what that costs, and a read \
                           by key is the cheapest question that a database knows.",
                terms: &[("stateless", "stateless"), ("replay", "replay"), ("exp", "exp")],
            },
            Answer::Tokens(Preset::ShortLived) => Self {
                what: "Tokens expire after minutes. There is no way to get the next one but to log in again.",
                choose: "Machines that can always fetch another one; a bank’s page on which five idle minutes are enough.",
                price: "Whoever steals a token is inside for the rest of its life, and its owner is thrown out as often. The \
                        one dial turns both.",
                sessions: "For people. A session that lives for as long as they are active, and dies when they say so, is \
                           what they expect, and a row can do both.",
                terms: &[("exp", "exp"), ("leeway", "leeway"), ("access-token", "access token")],
            },
            Answer::Tokens(Preset::Rotation) => Self {
                what: "A short access token, and a refresh token that is exchanged for a new one each time. Logging out \
                       closes the chain.",
                choose: "Many services check tokens by themselves, and a few minutes of grace after a logout are acceptable. \
                         That a refresh token was stolen is noticed, as soon as both have used it.",
                price: "The access token that is out there lives on until it expires. You also run a database after all, for \
                        the refresh tokens, and the rules for two tabs at once.",
                sessions: "One service, one database. Rotation buys you requests without a read, and is paid for in moving \
                           parts: measure first whether anybody would notice those reads.",
                terms: &[("rotation", "rotation"), ("reuse", "reuse"), ("grace", "grace")],
            },
            Answer::Tokens(Preset::Blacklist) => Self {
                what: "Rotation, and a blacklist in memory that every request asks. It lists only who is out, and only for \
                       as long as their tokens would have lived.",
                choose: "Many services or nodes, logouts that count at once, and a list in memory or in a Redis that all of \
                         them reach faster than the database.",
                price: "A logout that counts at once needs somebody to ask, and who cannot be asked lets nobody in. The list \
                        can forget; then it has to know that, and be filled again from the log.",
                sessions: "If all of your requests end at one database, it can be asked for a row as well as a Redis for an \
                           entry: as many reads, one store less, and no tokens. Take the blacklist for the reads that never \
                           reach the database, or for services that must not.",
                terms: &[
                    ("blacklist", "blacklist"),
                    ("fail-closed", "fail closed"),
                    ("revocation-log", "revocation log"),
                ],
            },
            Answer::Sessions => Self {
                what: "A random number in a cookie, and a row that is looked up on every request. No token at all.",
                choose: "One service, or several on one database, and people with browsers. This is the default that the \
                         others have to beat: logging out deletes a row, and that is all there is to understand.",
                price: "A read of the database on each request, and every service that wants to know who you are has to \
                        reach it, or to ask one that does.",
                sessions: "It is the better answer until you can name the read that it costs too much, or the service that \
                           cannot ask. Then look at the blacklist, whose figures stand beside it here.",
                terms: &[
                    ("plain-session", "plain session"),
                    ("cookie", "cookie"),
                    ("host-prefix", "__Host-"),
                ],
            },
        }
    }
}
