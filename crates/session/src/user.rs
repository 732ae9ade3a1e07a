//! Users, their names and their password hashes.

use jiff::Timestamp;
#[cfg(feature = "argon2")]
use precis_core::profile::PrecisFastInvocation;
#[cfg(feature = "argon2")]
use precis_profiles::UsernameCaseMapped;
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
}

impl User {
    /// A person.
    pub fn new(id: UserId, username: Username) -> Self {
        Self {
            id,
            username,
            kind: UserKind::Person,
        }
    }
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
    /// When they signed up.
    pub created_at: Timestamp,
}

/// A user in a list for administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// The user.
    pub user: User,
    /// When they signed up.
    pub created_at: Timestamp,
    /// Whether the account is disabled.
    pub is_disabled: bool,
}

/// A user, and the hash to check a password against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user to log in if the password matches.
    pub user: User,
    /// The hash that the password must match.
    pub password_hash: PasswordHash,
}

impl Credentials {
    /// A user, and the hash that the password must match.
    pub fn new(user: User, password_hash: impl Into<String>) -> Self {
        let password_hash = PasswordHash::new(password_hash);
        Self { user, password_hash }
    }
}

/// A name to log in with, in the one spelling that is stored and compared.
#[derive(Debug, Clone, derive_more::Display, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

/// The text is not a valid username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters, without spaces", Username::MAX_CHARS)]
pub struct InvalidUsername;

impl Username {
    /// The longest name, in characters: that of an e-mail address (RFC 3696, erratum 1690).
    pub const MAX_CHARS: usize = 320;

    /// Normalises a name as a user typed it, by the profile UsernameCaseMapped (RFC 8265, section 3.3): `Alice` is
    /// `alice`, and one character that can be written in two ways is one. Spaces around the name are dropped.
    ///
    /// Names may have letters of any script, and some letters look alike. An application where one user must not be
    /// taken for another has rules of its own: [`Config::username`](crate::Config::username).
    ///
    /// # Errors
    /// [`InvalidUsername`] if it is empty, too long, or has spaces, control characters or others that the profile
    /// refuses.
    #[cfg(feature = "argon2")]
    pub fn parse(name: &str) -> Result<Self, InvalidUsername> {
        let name = name.trim();
        // Before the work, which grows with the length.
        if name.chars().count() > Self::MAX_CHARS {
            return Err(InvalidUsername);
        }
        let name = UsernameCaseMapped::enforce(name).map_err(|_| InvalidUsername)?;
        Self::from_normalized(name)
    }

    /// A name that the application has normalised by its own rules. It must give one spelling to names that are the
    /// same.
    ///
    /// # Errors
    /// [`InvalidUsername`] if it is empty, too long, or has control characters.
    pub fn from_normalized(name: impl Into<String>) -> Result<Self, InvalidUsername> {
        let name = name.into();
        let length = name.chars().count();
        if (1..=Self::MAX_CHARS).contains(&length) && !name.chars().any(char::is_control) {
            Ok(Self(name))
        } else {
            Err(InvalidUsername)
        }
    }

    /// The name in its stored spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password hash in PHC string form. It prints as redacted: it allows offline guessing of the password.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// A hash from a store. Its format is validated when a password is checked against it.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(SecretString::from(phc.into()))
    }

    /// The PHC string, for storage.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}
