//! The names of the keys.
//!
//! All of them contain the namespace in braces. A cluster chooses the slot by the text in braces, so the keys of one
//! check are in one slot, and so are those that a script finds in the index.

use rescind_session::Scope;

use super::error::RedisConnectError;

/// The usual namespace.
pub(super) const NAMESPACE: &str = "rescind";

/// The names of the keys under one namespace.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The mark: for which log, in which life of the server, and up to which entry the copy is complete.
    pub(super) mark: String,
    /// The claim of the node that fills the copy.
    pub(super) claim: String,
    /// The index of entries by their `until`, for pruning by our clock.
    pub(super) until: String,
    /// The newest instant of the high-water mark; with a log's name appended, the position in that log.
    pub(super) high_water: String,
    /// The table of holders, with its name and its head.
    pub(super) holders: String,
    /// The newest entries, for holders.
    pub(super) newest: String,
    /// Which holder has applied something, for revokers.
    pub(super) applied: String,
    token: String,
    session: String,
}

impl Keys {
    pub(super) fn under(namespace: &str) -> Result<Self, RedisConnectError> {
        let is_plain = |character: char| character.is_ascii_graphic() && !"{}".contains(character);
        if namespace.is_empty() || !namespace.chars().all(is_plain) {
            return Err(RedisConnectError::Namespace(namespace.to_owned()));
        }
        let key = |name: &str| format!("{{{namespace}}}:{name}");
        Ok(Self {
            // Earlier versions use `whole` and `claim`, with another meaning.
            mark: key("mark"),
            claim: key("filling"),
            until: key("until"),
            high_water: key("high-water"),
            holders: key("holders"),
            newest: key("newest"),
            applied: key("applied"),
            token: key("jti:"),
            session: key("sid:"),
        })
    }

    /// The key of an entry.
    pub(super) fn entry(&self, scope: Scope) -> String {
        match scope {
            Scope::Token(token) => format!("{}{}", self.token, token.as_uuid()),
            Scope::Session(session) => format!("{}{}", self.session, session.as_uuid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_would_split_the_slot_is_refused() {
        for namespace in ["", "a{b", "a}b", "a b", "a\r\nb", "ä"] {
            assert!(Keys::under(namespace).is_err(), "{namespace:?}");
        }
        assert_eq!(Keys::under("shop:eu").unwrap().mark, "{shop:eu}:mark");
    }
}
