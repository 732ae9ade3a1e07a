//! The twelve chapters: what each is called, which question it answers, what it shows.
//!
//! The first seven follow the article that this grew from, section by section, in words of our own. The other five are what
//! it leaves open and production does not.
//!
//! A chapter is a variant, so that nothing can be said of one that does not exist: its prose is the template at the
//! variant, and a chapter without experiment or source does not compile.

use askama::Template;
use serde::Deserialize;

use super::excerpt::{Excerpt, Item, excerpt, holds};

/// A chapter. Rendered, it is its prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Template, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Chapter {
    #[template(path = "learn/chapters/unissued.html")]
    Unissued,
    #[template(path = "learn/chapters/stored.html")]
    Stored,
    #[template(path = "learn/chapters/client-delete.html")]
    ClientDelete,
    #[template(path = "learn/chapters/short-lived.html")]
    ShortLived,
    #[template(path = "learn/chapters/rotation.html")]
    Rotation,
    #[template(path = "learn/chapters/blacklist.html")]
    Blacklist,
    #[template(path = "learn/chapters/sessions.html")]
    Sessions,
    #[template(path = "learn/chapters/races.html")]
    Races,
    #[template(path = "learn/chapters/amnesia.html")]
    Amnesia,
    #[template(path = "learn/chapters/nodes.html")]
    Nodes,
    #[template(path = "learn/chapters/keys.html")]
    Keys,
    #[template(path = "learn/chapters/xss.html")]
    Xss,
}

/// The two parts of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The article's sections.
    FiveAnswers,
    /// What it leaves open.
    Production,
}

impl Part {
    pub(crate) const BOTH: [Self; 2] = [Self::FiveAnswers, Self::Production];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::FiveAnswers => "Five answers to one question",
            Self::Production => "What production adds",
        }
    }

    pub(crate) fn chapters(self) -> impl Iterator<Item = Chapter> {
        Chapter::ALL.into_iter().filter(move |chapter| chapter.part() == self)
    }
}

impl Chapter {
    /// In the order in which they are to be read.
    pub(crate) const ALL: [Self; 12] = [
        Self::Unissued,
        Self::Stored,
        Self::ClientDelete,
        Self::ShortLived,
        Self::Rotation,
        Self::Blacklist,
        Self::Sessions,
        Self::Races,
        Self::Amnesia,
        Self::Nodes,
        Self::Keys,
        Self::Xss,
    ];

    /// Its name in addresses.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Unissued => "unissued",
            Self::Stored => "stored",
            Self::ClientDelete => "client-delete",
            Self::ShortLived => "short-lived",
            Self::Rotation => "rotation",
            Self::Blacklist => "blacklist",
            Self::Sessions => "sessions",
            Self::Races => "races",
            Self::Amnesia => "amnesia",
            Self::Nodes => "nodes",
            Self::Keys => "keys",
            Self::Xss => "xss",
        }
    }

    pub(crate) fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chapter| chapter.slug() == slug)
    }

    pub(crate) fn address(self) -> String {
        format!("/learn/{}", self.slug())
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Unissued => "Why a token cannot be un-issued",
            Self::Stored => "Keep every token in a database",
            Self::ClientDelete => "Delete it on the client",
            Self::ShortLived => "Let it expire soon",
            Self::Rotation => "Rotate a refresh token",
            Self::Blacklist => "A blacklist, and how to keep it small",
            Self::Sessions => "Are plain sessions simpler?",
            Self::Races => "Two tabs at once",
            Self::Amnesia => "When the blacklist forgets",
            Self::Nodes => "Many nodes, one truth",
            Self::Keys => "Keys, and changing them",
            Self::Xss => "What a script in your page changes",
        }
    }

    /// The question that it answers, for the contents.
    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Unissued => "What can a server find out by looking at a token, and what never?",
            Self::Stored => "If each token is looked up on every request, what is it still for?",
            Self::ClientDelete => "After the browser has forgotten the token, who still has it?",
            Self::ShortLived => "How short must a life be, and who pays for it?",
            Self::Rotation => "How does one stay logged in for a month with tokens of five minutes?",
            Self::Blacklist => "How is a token refused that is genuine and in time?",
            Self::Sessions => "If something is asked on every request anyway, why not a plain session?",
            Self::Races => "How is a second tab told from a thief?",
            Self::Amnesia => "What does an empty list say of a token that was taken back?",
            Self::Nodes => "How does the node that was not asked learn of a logout?",
            Self::Keys => "What can whoever holds a key do, and how is a key replaced?",
            Self::Xss => "What is left of all this when a stranger’s script runs in your page?",
        }
    }

    pub(crate) fn part(self) -> Part {
        match self {
            Self::Unissued
            | Self::Stored
            | Self::ClientDelete
            | Self::ShortLived
            | Self::Rotation
            | Self::Blacklist
            | Self::Sessions => Part::FiveAnswers,
            Self::Races | Self::Amnesia | Self::Nodes | Self::Keys | Self::Xss => Part::Production,
        }
    }

    /// Its place in the course, from 1.
    pub(crate) fn number(self) -> usize {
        Self::ALL.iter().take_while(|chapter| **chapter != self).count() + 1
    }

    pub(crate) fn previous(self) -> Option<Self> {
        Self::ALL.get(self.number().checked_sub(2)?).copied()
    }

    pub(crate) fn next(self) -> Option<Self> {
        Self::ALL.get(self.number()).copied()
    }

    /// The source that does what the chapter says.
    pub(super) fn excerpt(self) -> Excerpt {
        match self {
            Self::Unissued => {
                excerpt!("session/src/authenticate.rs": "impl SessionService" / "fn verify_signature_only(")
            }
            Self::Stored => excerpt!("session/src/authenticate.rs": "impl SessionService" / "fn policy_refuses("),
            Self::ClientDelete => excerpt!("api/src/cookies.rs":
                "impl CookieNames" / "fn all_dropped(",
                "impl CookieNames" / "fn dropped(",
                "impl CookieNames" / "fn cookie(",
            ),
            Self::ShortLived => excerpt!("session/src/service.rs": "impl SessionService" / "fn mint("),
            Self::Rotation => excerpt!("token/src/refresh.rs":
                "impl RefreshKey" / "fn tag(",
                "impl RefreshKeys" / "fn issue(",
            ),
            Self::Blacklist => excerpt!("session/src/memory/blacklist.rs":
                "impl Entries" / "fn check(",
                "impl Entries" / "fn prune(",
            ),
            Self::Sessions => excerpt!("lab/src/plain.rs":
                "impl SessionStore for PlainSessions" / "fn load(",
                "impl SessionStore for PlainSessions" / "fn delete(",
            ),
            Self::Races => excerpt!("session/src/memory/sessions.rs": "impl Store" / "fn rotate("),
            Self::Amnesia => excerpt!("store/src/redis/mod.rs": "impl RedisBlacklist" / "fn standing("),
            Self::Nodes => excerpt!("session/src/upkeep.rs": "impl SessionService" / "fn walk("),
            Self::Keys => excerpt!("token/src/key_ring.rs":
                "impl KeyRing" / "fn with_retired(",
                "impl KeyRing" / "fn verifying_keys(",
                "impl KeyRing" / "fn find(",
            ),
            Self::Xss => excerpt!("api/src/security_headers.rs": "" / "const HEADERS"),
        }
    }

    /// What it says of its source.
    pub(crate) fn of_the_source(self) -> &'static str {
        match self {
            Self::Unissued => {
                "The whole check of a service that has nothing but the key. Look for where it asks somebody: it does not."
            }
            Self::Stored => {
                "The one question of each policy, after the signature was checked. Under `stored` it is the middle arm: the \
                 row, open or not."
            }
            Self::ClientDelete => {
                "The cookies of a logout: the same names, empty, with no time left, where a session of theirs is ended. The third one \
                 is for the back button."
            }
            Self::ShortLived => {
                "Every access token is signed here. Its life is the policy’s, rounded down to whole seconds, and never \
                 longer than the session’s."
            }
            Self::Rotation => {
                "A refresh token is computed from its session, its generation and the row’s salt; so none has to be stored."
            }
            Self::Blacklist => {
                "The blacklist in the process. A check compares no times: an entry that is here refuses. Pruning looks only \
                 at what it removes."
            }
            Self::Sessions => {
                "The sixth answer, as the lab runs it: the library `actix-session`, and these two methods of its store. A request \
                 looks the row up; a logout deletes it."
            }
            Self::Races => {
                "Compare, then swap, in the store that is easiest to read. In SQL it is one `UPDATE` that asks for the same \
                 three things."
            }
            Self::Amnesia => {
                "The verdict from one answer of Redis, in the order of the chapter: an entry, the mark, and otherwise doubt."
            }
            Self::Nodes => {
                "Every node walks the tail of the log like this. If the log was pruned beyond its place, it starts over."
            }
            Self::Keys => "One key signs; all verify; a token’s `kid` finds at most one of them.",
            Self::Xss => {
                "What every reply forbids the browser. Pages have a policy of their own, which allows this site’s script."
            }
        }
    }

    /// What to try under its prose, and what to look for.
    pub(crate) fn to_try(self) -> &'static str {
        match self {
            Self::Unissued => {
                "The server asks nobody here. Choose a longer life, and see what your logout changes for the copy."
            }
            Self::Stored => "The same theft, with and without the question. Look at what each request of yours costs.",
            Self::ClientDelete => {
                "Move the theft and the logout. The instant at which the copy dies stays where it is."
            }
            Self::ShortLived => {
                "You call the API every five minutes. Find a life that suits both you and the thief least."
            }
            Self::Rotation => {
                "The thief copies a token; see which copy is worth having, and what gives the thief away."
            }
            Self::Blacklist => {
                "You refresh once, so two access tokens are alive when you log out. The thief has the older."
            }
            Self::Sessions => {
                "The same story under each of the three answers that refuse at once. Compare what a request costs."
            }
            Self::Races => {
                "One refresh token comes twice. Who sent it the second time, the server cannot know; see how it treats them."
            }
            Self::Amnesia => {
                "You log out, and then the blacklist fails in a way of your choice. Watch for a single 200."
            }
            Self::Nodes => {
                "Let a logout come half-way: the database has it, and the blacklist does not. Then kill the server, and see who \
                 finishes it."
            }
            Self::Keys => "Change a genuine token, and see at which question the check stops.",
            Self::Xss => "A script runs in your page. See what it gets, and what your logout still changes.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_chapter_has_a_place_a_name_and_neighbours() {
        let slugs: BTreeSet<_> = Chapter::ALL.iter().map(|chapter| chapter.slug()).collect();
        assert_eq!(slugs.len(), Chapter::ALL.len());
        for (n, chapter) in Chapter::ALL.into_iter().enumerate() {
            assert_eq!(chapter.number(), n + 1);
            assert_eq!(Chapter::of_slug(chapter.slug()), Some(chapter));
            assert_eq!(
                chapter.next().and_then(Chapter::previous),
                chapter.next().map(|_| chapter)
            );
        }
        assert_eq!(Chapter::Unissued.previous(), None);
        assert_eq!(Chapter::Xss.next(), None);
        let by_parts: Vec<_> = Part::BOTH.into_iter().flat_map(Part::chapters).collect();
        assert_eq!(by_parts, Chapter::ALL);
    }

    /// Shorter explains nothing, longer is not read.
    #[test]
    fn a_chapter_is_three_to_five_hundred_words_long() {
        for chapter in Chapter::ALL {
            let prose = chapter.render().unwrap();
            let text = scraper::Html::parse_fragment(&prose);
            let words = text.root_element().text().flat_map(str::split_whitespace).count();
            assert!((300..=500).contains(&words), "{chapter:?} has {words} words");
        }
    }

    /// Its heading is the page's, and what it says is no list of standards without a number to look up.
    #[test]
    fn a_chapter_begins_with_prose_and_names_the_section_of_each_standard() {
        for chapter in Chapter::ALL {
            let prose = chapter.render().unwrap();
            assert!(prose.trim_start().starts_with("<p>"), "{chapter:?}");
            assert!(!prose.contains("<h1") && prose.contains("<h2>"), "{chapter:?}");
        }
    }
}
