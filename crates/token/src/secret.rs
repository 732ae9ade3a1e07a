//! Token types that don't print themselves, and the secret of an OAuth client, which must not either.
//!
//! A token in a log is a session that any reader of the log can use. So a token is never a bare `String`: `Debug`
//! prints `[redacted]`, there is no `Display`, no `Serialize` and no `==`, and the memory is wiped when it is dropped.
//! Code that needs the text calls [`expose_secret`](AccessToken::expose_secret), which a reviewer can search for.

use secrecy::{ExposeSecret, SecretString};

macro_rules! secret_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, derive_more::Debug)]
        #[debug("{}([redacted])", stringify!($name))]
        pub struct $name(SecretString);

        impl $name {
            /// The text itself, only for a reply, a cookie or a request.
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

secret_newtype! {
    /// A signed JWT, presented on every request.
    AccessToken
}

secret_newtype! {
    /// An opaque string that buys the next access token, once.
    RefreshToken
}

secret_newtype! {
    /// The secret by which an OAuth client authenticates.
    ClientSecret
}
