//! Users, their names and their password hashes.

use std::fmt;

use jiff::Timestamp;
use rescind_token::UserId;
use secrecy::{ExposeSecret, SecretString};

/// A user who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of their tokens.
    pub id: UserId,
    /// The name they log in with.
    pub username: Username,
    /// A person's account, or one with a public password.
    pub kind: UserKind,
    /// When they signed up.
    pub created_at: Timestamp,
}

/// The kind of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A person's.
    Person,
    /// The demo's: its password is public, so it is refused wherever the demo is off.
    Demo,
}

/// A user to store.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// The hash of their password.
    pub password_hash: PasswordHash,
}

/// A user, and the hash to check a password against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user to log in if the password matches.
    pub user: User,
    /// The hash that the password must match.
    pub password_hash: PasswordHash,
}

/// A name to log in with: 1 to 64 letters, digits and `. _ - + @`, kept in lower case so that `Alice` is `alice`.
///
/// ASCII only, so that a lookalike cannot impersonate another name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

/// The text is not a valid username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 letters, digits or any of . _ - + @, and begin with a letter or a digit")]
pub struct InvalidUsername;

impl Username {
    /// Parses a name as a user typed it.
    ///
    /// # Errors
    /// [`InvalidUsername`] if it is empty, too long, or has other characters.
    pub fn parse(name: &str) -> Result<Self, InvalidUsername> {
        let name = name.trim();
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+@".contains(c));
        if begins_well && fits {
            Ok(Self(name.to_ascii_lowercase()))
        } else {
            Err(InvalidUsername)
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password hash in PHC string form. It prints as redacted: it allows offline guessing of the password.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// A hash from a store. Its format is validated when a password is checked against it.
    #[must_use]
    pub fn new(phc: impl Into<String>) -> Self {
        Self(SecretString::from(phc.into()))
    }

    /// The PHC string, for storage.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_ignore_case() {
        assert_eq!(Username::parse(" Alice "), Username::parse("alice"));
        assert_eq!(
            Username::parse("ann+x@example.com").unwrap().as_str(),
            "ann+x@example.com"
        );
    }

    #[test]
    fn invalid_usernames_are_refused() {
        for name in ["", " ", "@alice", "a b", "älice", "a\0", "a/b", &"a".repeat(65)] {
            assert_eq!(Username::parse(name), Err(InvalidUsername), "{name:?}");
        }
    }

    #[test]
    fn a_password_hash_prints_as_redacted() {
        let printed = format!("{:?}", PasswordHash::new("$argon2id$secret"));
        assert!(!printed.contains("secret"), "{printed}");
    }
}
