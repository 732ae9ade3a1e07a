//! The application's own claims in an access token.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// The claims that this crate sets, or that a standard gives a meaning which it checks.
const RESERVED: [&str; 12] = [
    "iss",
    "aud",
    "sub",
    "client_id",
    "iat",
    "exp",
    "nbf",
    "jti",
    "sid",
    "auth_time",
    "cnf",
    "status",
];

/// The application's own claims: a JSON object without the names that are reserved.
///
/// ```
/// use rescind_token::ExtraClaims;
///
/// let claims = ExtraClaims::new()
///     .with_roles(["admin", "editor"])
///     .with_scope(["read", "write"])?
///     .with("tenant", 7)?;
/// assert!(claims.has_role("admin") && claims.has_scope("write"));
/// assert_eq!(claims.get::<u32>("tenant"), Some(7));
/// assert!(claims.with("sub", "somebody else").is_err());
/// # Ok::<(), rescind_token::InvalidClaim>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ExtraClaims(Map<String, Value>);

/// A claim that the application cannot set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClaim {
    /// The name belongs to the token itself.
    #[error("the claim {0:?} is reserved")]
    Reserved(String),
    /// A scope has a character that RFC 6749, section 3.3, does not allow in one, such as a space, or none at all.
    #[error("the scope {0:?} must be printable ASCII characters without space, quote and backslash")]
    Scope(String),
    /// The value cannot be written as JSON.
    #[error("the claim {0:?} cannot be written as JSON")]
    NotJson(String),
}

impl ExtraClaims {
    /// No claims.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim, or replaces it.
    ///
    /// # Errors
    /// [`InvalidClaim`] if the name is reserved, or the value cannot be written as JSON.
    pub fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Result<Self, InvalidClaim> {
        let name = name.into();
        if RESERVED.contains(&name.as_str()) {
            return Err(InvalidClaim::Reserved(name));
        }
        match serde_json::to_value(value) {
            Ok(value) => {
                self.0.insert(name, value);
                Ok(self)
            }
            Err(_) => Err(InvalidClaim::NotJson(name)),
        }
    }

    /// Sets `roles` (RFC 9068, section 2.2.3.1), an array of names.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let roles = roles.into_iter().map(|role| Value::String(role.into()));
        self.0.insert("roles".to_owned(), roles.collect());
        self
    }

    /// Sets `scope` (RFC 9068, section 2.2.3): the scopes, separated by spaces.
    ///
    /// # Errors
    /// [`InvalidClaim::Scope`]: a name with a space would be two scopes.
    pub fn with_scope(mut self, scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidClaim> {
        let scopes: Vec<_> = scopes.into_iter().map(|name| name.as_ref().to_owned()).collect();
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if let Some(invalid) = scopes
            .iter()
            .find(|name| name.is_empty() || !name.bytes().all(is_allowed))
        {
            return Err(InvalidClaim::Scope(invalid.clone()));
        }
        self.0.insert("scope".to_owned(), scopes.join(" ").into());
        Ok(self)
    }

    /// Sets `status`: the token's place in a [status list](crate::StatusList) and the list's address.
    #[must_use]
    pub fn with_status(mut self, place: u32, uri: &str) -> Self {
        let status = json!({"status_list": {"idx": place, "uri": uri}});
        self.0.insert("status".to_owned(), status);
        self
    }

    /// Whether `roles` has this name.
    pub fn has_role(&self, role: &str) -> bool {
        let roles = self.0.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|found| found.as_str() == Some(role)))
    }

    /// Whether `scope` has this name.
    pub fn has_scope(&self, name: &str) -> bool {
        let scope = self.0.get("scope").and_then(Value::as_str);
        scope.is_some_and(|scope| !name.is_empty() && scope.split(' ').any(|found| found == name))
    }

    /// A claim as a type of the application; `None` if it is absent or of another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|value| T::deserialize(value).ok())
    }

    /// All claims.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The members of a token that are not its own claims. They were signed, so reserved names are not refused again.
    pub(crate) fn of_token(members: Map<String, Value>) -> Self {
        Self(members)
    }
}
