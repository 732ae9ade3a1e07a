//! Errors as the client sees them: RFC 9457 `application/problem+json`, with a stable `code`.
//!
//! Errors become replies in this file only, except at the [OAuth endpoints](crate::oauth), whose standard has another form. A client branches on `code`, a person reads `detail`, and both are fixed
//! texts: they contain no text of a store, a parser or a user. The real cause goes to the log, under the id that the
//! reply has as its `instance`.
//!
//! `type` is left out, which means `about:blank` (RFC 9457, section 4.2.1): the code names the kind of problem, and an
//! address that serves no document would add nothing.

use std::{error::Error, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use rescind_session::{
    AuthenticateError, ChangePasswordError, EndSessionError, HashingError, LoginError, LogoutError, NotReady,
    OpenSessionError, ReauthenticateError, RebuildProgress, RefreshError, SignUpError, Unavailable,
};
use serde::Serialize;
use uuid::Uuid;

use crate::hidden::Hidden;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What it must be, worded to follow the name: "must be …".
    pub detail: String,
}

impl FieldError {
    /// A fault of this field, worded to follow its name.
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { field, detail }
    }
}

/// Every error that a client can get. `openapi/operations.json` lists which call answers which.
#[derive(Debug, Clone, strum::Display, strum::IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(strum::EnumIter))]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// 401: the call needs an access token, and none was sent.
    TokenMissing,
    /// 401: the access token is not one of ours.
    TokenInvalid,
    /// 401: the access token has expired. A refresh token buys the next.
    TokenExpired,
    /// 401: the access token was revoked. Only a new login helps.
    TokenRevoked,
    /// 400: the `Authorization` header is present, but cannot be read (RFC 6750, section 3.1: `invalid_request`).
    AuthorizationUnreadable,
    /// 401: the refresh token was never issued here.
    RefreshInvalid,
    /// 401: the session was idle for too long, or is too old.
    RefreshExpired,
    /// 401: the refresh token had been exchanged before, so somebody has a copy. The session is now closed.
    RefreshReused,
    /// 401: the session was closed.
    SessionClosed,
    /// 401: the name or the password is wrong; the reply does not say which.
    InvalidCredentials,
    /// 401: the credentials of the OAuth client are wrong.
    InvalidClient,
    /// 409: the name is taken.
    UsernameTaken,
    /// 422: the request can be read, but its contents are not valid.
    InvalidInput(Vec<FieldError>),
    /// 429: too many logins failed from that address, or too many are running for that name, or the address has signed
    /// up too often.
    RateLimited {
        /// When the next attempt is allowed.
        retry_after: Duration,
    },
    /// 503: a store failed, or the time is not known. It is unknown whether the operation was done; repeating it is
    /// harmless.
    StoreUnavailable(Hidden),
    /// 503: the service is not ready: [`StoreUnavailable`](Self::StoreUnavailable) with one word for the missing part.
    /// If the time is not known, or the key that issues tokens is not here, calls other than `/health/ready` answer this too.
    #[strum(serialize = "store_unavailable")]
    NotReady {
        /// `database`, `blacklist`, `blacklist_rebuilding`, `blacklist_behind`, `clock`, `keys`, `lock` or
        /// `maintenance`.
        reason: &'static str,
        /// How far this node has rebuilt the blacklist.
        rebuilt: Option<RebuildProgress>,
        /// The cause, for the log.
        cause: Hidden,
    },
    /// 503: the session is closed, but some nodes may still accept its tokens. Repeat until it is done.
    RevocationPending(Hidden),
    /// 503: too much slow work at once, such as password checks.
    Overloaded,
    /// 409: the policy in force keeps no sessions to list or end.
    PolicyKeepsNoSession,
    /// 409: the policy in force has no refresh tokens.
    PolicyHasNoRefresh,
    /// 403: a page of another origin began the write, or may have begun it.
    CrossOrigin,
    /// 403: the password of a demo account is public and cannot be changed.
    DemoAccount,
    /// 403: the refresh page was requested by a prefetch, a frame or a subresource, not by a navigation.
    NotANavigation,
    /// 403: the token lacks a role.
    InsufficientRole,
    /// 403: the token lacks this scope (RFC 6750, section 3.1).
    InsufficientScope(String),
    /// 401: the user proved who they are too long ago (RFC 9470). Asking for the password again helps.
    InsufficientUserAuthentication {
        /// The longest time that is accepted, in whole seconds on the wire.
        max_age: Duration,
    },
    /// 400: the two credentials of the request are of different sessions.
    DifferentSessions,
    /// 400: the browser sent one of the cookies twice, and only one can be ours.
    DuplicateCookies,
    /// 400: a credential of the logout is unreadable or not ours. The sessions of the others were ended.
    CredentialUnreadable {
        /// How many sessions were ended: those of the other credentials.
        ended: usize,
    },
    /// 404: it does not exist, or belongs to another user.
    NotFound,
    /// 405: method not allowed; see the `Allow` header.
    MethodNotAllowed,
    /// 408: the body took too long to arrive.
    RequestTimeout,
    /// 413: the body is larger than any valid one.
    PayloadTooLarge,
    /// 415: the call does not accept this media type.
    UnsupportedMediaType,
    /// 400: the request cannot be read.
    BadRequest,
    /// 500: the application's claims make the access token too large for a cookie. No token was issued.
    ClaimsTooLarge(Hidden),
    /// 500: a fault of the server.
    Internal(Hidden),
}

/// How long a client waits before it retries a failed store.
const SOON: Duration = Duration::from_secs(1);

impl Problem {
    /// Whether the refresh failed for good, so that only a login helps.
    pub fn is_failed_refresh(&self) -> bool {
        matches!(
            self,
            Self::RefreshInvalid | Self::RefreshExpired | Self::RefreshReused | Self::SessionClosed
        )
    }

    /// The stable name of the problem, for programs.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// What happened and what to do, for people.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::TokenMissing => "This needs an access token. Log in first.",
            Self::TokenInvalid => "The access token is not valid. Log in again.",
            Self::TokenExpired => "The access token has expired. Refresh it.",
            Self::TokenRevoked => "The access token was revoked. Log in again.",
            Self::AuthorizationUnreadable => "Send one Authorization header, with the word Bearer and one token.",
            Self::RefreshInvalid => "The refresh token is not valid. Log in again.",
            Self::RefreshExpired => "The session has expired. Log in again.",
            Self::RefreshReused => {
                "The refresh token had been used before, so somebody may have a copy of it. The session was ended; log in again."
            }
            Self::SessionClosed => "The session was ended. Log in again.",
            Self::InvalidCredentials => "The username or the password is wrong.",
            Self::InvalidClient => "The id or the secret of the client is wrong.",
            Self::UsernameTaken => "The username is taken. Choose another.",
            Self::InvalidInput(_) => "A field of the request is invalid.",
            Self::RateLimited { .. } => "Too many attempts. Wait, then try again.",
            Self::StoreUnavailable(_) => "A store could not be read or written. Try again; repeating is harmless.",
            Self::NotReady { .. } => {
                "This node cannot serve now; `reason` says what is missing. Ask again soon, or another node."
            }
            Self::RevocationPending(_) => {
                "The session is ended, but its tokens may not be refused everywhere yet. Try again to be sure."
            }
            Self::Overloaded => "The server has too much to do at once. Try again.",
            Self::PolicyKeepsNoSession => "The policy of this service keeps no sessions that could be listed or ended.",
            Self::PolicyHasNoRefresh => "The policy of this service has no refresh tokens.",
            Self::CrossOrigin => "Only pages of this site may send this request.",
            Self::DemoAccount => "The password of a demo account is public and cannot be changed.",
            Self::NotANavigation => "This address is for navigation only, not for prefetching.",
            Self::InsufficientRole => "You do not have the role that this needs.",
            Self::InsufficientScope(_) => "The access token does not have the scope that this needs.",
            Self::InsufficientUserAuthentication { .. } => "This needs a recent login. Give the password again.",
            Self::DifferentSessions => {
                "The tokens sent are of different sessions, and nothing was done. In a browser, logging in again ends both."
            }
            Self::DuplicateCookies => {
                "The browser sent a login cookie twice. Delete this site's cookies in the browser, then log in again."
            }
            Self::CredentialUnreadable { .. } => {
                "A token of the request cannot be read or was not issued here, so its session may still be open. The \
                 sessions of all others are ended."
            }
            Self::NotFound => "Not found.",
            Self::MethodNotAllowed => "Method not allowed; see the Allow header.",
            Self::RequestTimeout => "The request's body took too long to arrive.",
            Self::PayloadTooLarge => "The request's body is too large.",
            Self::UnsupportedMediaType => "The Content-Type of the body is not supported.",
            Self::BadRequest => "The request cannot be read.",
            Self::ClaimsTooLarge(_) => "The claims of this user do not fit into a token. It was logged.",
            Self::Internal(_) => "Internal server error. It was logged.",
        }
    }

    /// How long to wait before trying again, where that helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::StoreUnavailable(_) | Self::NotReady { .. } | Self::RevocationPending(_) | Self::Overloaded => {
                Some(SOON)
            }
            _ => None,
        }
    }

    /// The faults of the fields.
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::InvalidInput(errors) => errors,
            _ => &[],
        }
    }

    /// The cause, for the log.
    pub fn hidden(&self) -> Option<&Hidden> {
        match self {
            Self::StoreUnavailable(cause)
            | Self::NotReady { cause, .. }
            | Self::RevocationPending(cause)
            | Self::ClaimsTooLarge(cause)
            | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The problem of a reply, for a middleware that draws it in another form, such as a page. A bare 404 or 405 of the
    /// framework counts as well.
    #[must_use]
    pub fn of<B>(response: &HttpResponse<B>) -> Option<Self> {
        let told = response.extensions().get::<Self>().cloned();
        told.or_else(|| match response.status() {
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::MethodNotAllowed),
            _ => None,
        })
    }

    /// 500, with a cause for the log.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(Hidden::new(cause))
    }

    /// 503, with a cause for the log: a database of the application did not answer.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::StoreUnavailable(Hidden::new(cause))
    }

    /// The challenge of a 401, of a missing scope, and of a bearer request that cannot be read (RFC 6750, section 3).
    pub(crate) fn challenge(&self, realm: &str) -> Option<String> {
        if matches!(self, Self::InvalidClient) {
            return Some(format!(r#"Basic realm="{realm}", charset="UTF-8""#));
        }
        let bearer = format!(r#"Bearer realm="{realm}""#);
        let error = match self {
            Self::TokenInvalid | Self::TokenExpired | Self::TokenRevoked => "invalid_token",
            Self::AuthorizationUnreadable => "invalid_request",
            Self::InsufficientScope(_) | Self::InsufficientUserAuthentication { .. } => self.code(),
            // "If the request lacks any authentication information, the resource server SHOULD NOT include an error code."
            // The other 401s do not concern an access token, but RFC 9110, section 15.5.2 wants a challenge for every
            // 401.
            _ if self.status_code() == StatusCode::UNAUTHORIZED => return Some(bearer),
            _ => return None,
        };
        let more = match self {
            // The characters of a scope (RFC 6749, section 3.3).
            Self::InsufficientScope(scope) => {
                let scope = scope.replace(|c: char| !c.is_ascii_graphic() || "\"\\".contains(c), "");
                format!(r#", scope="{scope}""#)
            }
            Self::InsufficientUserAuthentication { max_age } => format!(r#", max_age="{}""#, max_age.as_secs()),
            _ => String::new(),
        };
        Some(format!(
            r#"{bearer}, error="{error}", error_description="{}"{more}"#,
            self.detail()
        ))
    }

    /// Logs the cause, if it is the server's.
    pub(crate) fn log(&self) {
        if let Some(cause) = self.hidden() {
            tracing::error!(
                code = self.code(),
                error = %cause,
                "could not serve a request"
            );
        }
    }

    /// The body, with the id of the request's log entries.
    pub(crate) fn body(&self, request: Option<Uuid>) -> String {
        let (reason, rebuilt) = match self {
            Self::NotReady { reason, rebuilt, .. } => (Some(*reason), *rebuilt),
            _ => (None, None),
        };
        let body = Body {
            title: self.status_code().canonical_reason().unwrap_or_default(),
            status: self.status_code().as_u16(),
            code: self.code(),
            detail: self.detail(),
            reason,
            rebuilt: rebuilt.map(|progress| Rebuilt {
                entries: progress.entries,
                of_at_most: progress.of_at_most,
            }),
            ended: match self {
                Self::CredentialUnreadable { ended } => Some(*ended),
                _ => None,
            },
            instance: request.map(|id| id.urn().to_string()),
            errors: self.field_errors(),
        };
        // Strings and numbers always serialize; and a reply without a body would still have its status.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub(crate) struct Body<'a> {
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    rebuilt: Option<Rebuilt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    ended: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    instance: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<FieldError>))]
    errors: &'a [FieldError],
}

/// How far this node has rebuilt the blacklist.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Rebuilt {
    entries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    of_at_most: Option<u64>,
}

pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.hidden().map(Hidden::error)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::AuthorizationUnreadable
            | Self::DifferentSessions
            | Self::DuplicateCookies
            | Self::CredentialUnreadable { .. }
            | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::TokenRevoked
            | Self::RefreshInvalid
            | Self::RefreshExpired
            | Self::RefreshReused
            | Self::SessionClosed
            | Self::InvalidCredentials
            | Self::InvalidClient
            | Self::InsufficientUserAuthentication { .. } => StatusCode::UNAUTHORIZED,
            Self::CrossOrigin
            | Self::DemoAccount
            | Self::NotANavigation
            | Self::InsufficientRole
            | Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UsernameTaken | Self::PolicyKeepsNoSession | Self::PolicyHasNoRefresh => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidInput(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ClaimsTooLarge(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::StoreUnavailable(_) | Self::NotReady { .. } | Self::RevocationPending(_) | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.log();
        let mut reply = HttpResponseBuilder::new(self.status_code());
        reply
            .insert_header((header::CONTENT_TYPE, PROBLEM_JSON))
            .insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.challenge("rescind") {
            reply.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(wait) = self.retry_after() {
            reply.insert_header((header::RETRY_AFTER, whole_seconds(wait)));
        }
        let mut reply = reply.body(self.body(None));
        reply.extensions_mut().insert(self.clone());
        reply
    }
}

/// Rounded up, so that a client that waits this long has waited long enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let rest = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(rest).max(1)
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        let not_ready = |reason, error| Self::NotReady {
            reason,
            rebuilt: None,
            cause: Hidden::new(error),
        };
        match error {
            Unavailable::Clock(_) => not_ready("clock", error),
            Unavailable::Keys(_) => not_ready("keys", error),
            Unavailable::ClaimsTooLarge { .. } => Self::ClaimsTooLarge(Hidden::new(error)),
            Unavailable::Store(rescind_session::ports::StoreError::Unsupported(_)) => Self::internal(error),
            _ => Self::StoreUnavailable(Hidden::new(error)),
        }
    }
}

impl From<NotReady> for Problem {
    fn from(error: NotReady) -> Self {
        Self::NotReady {
            reason: error.reason(),
            rebuilt: match error {
                NotReady::BlacklistRebuilding(progress) => progress,
                _ => None,
            },
            cause: Hidden::new(error),
        }
    }
}

impl From<HashingError> for Problem {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Overloaded => Self::Overloaded,
            other => Self::internal(other),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Invalid(_) => Self::TokenInvalid,
            AuthenticateError::Expired(_) => Self::TokenExpired,
            AuthenticateError::Revoked(_) => Self::TokenRevoked,
            AuthenticateError::Unavailable(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::InvalidCredentials => Self::InvalidCredentials,
            LoginError::Hashing(error) => error.into(),
            LoginError::Unavailable(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<ReauthenticateError> for Problem {
    fn from(error: ReauthenticateError) -> Self {
        match error {
            ReauthenticateError::InvalidCredentials => Self::InvalidCredentials,
            ReauthenticateError::Closed => Self::SessionClosed,
            ReauthenticateError::PolicyKeepsNoSession => Self::PolicyKeepsNoSession,
            ReauthenticateError::Hashing(error) => error.into(),
            ReauthenticateError::Unavailable(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<OpenSessionError> for Problem {
    fn from(error: OpenSessionError) -> Self {
        match error {
            // The credentials that were checked may have been changed meanwhile.
            OpenSessionError::Superseded => Self::InvalidCredentials,
            OpenSessionError::Unavailable(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            // A stranger must not learn which tokens of other clients are genuine.
            RefreshError::Invalid | RefreshError::OtherClient => Self::RefreshInvalid,
            RefreshError::Expired => Self::RefreshExpired,
            RefreshError::Closed => Self::SessionClosed,
            RefreshError::Reused => Self::RefreshReused,
            RefreshError::PolicyHasNoRefresh => Self::PolicyHasNoRefresh,
            RefreshError::Unavailable(error) => error.into(),
            RefreshError::RevocationPending(error) => Self::RevocationPending(Hidden::new(error)),
            other => Self::internal(other),
        }
    }
}

impl From<LogoutError> for Problem {
    fn from(error: LogoutError) -> Self {
        match error {
            LogoutError::Missing => Self::TokenMissing,
            LogoutError::Invalid(_) => Self::TokenInvalid,
            LogoutError::RefreshInvalid => Self::RefreshInvalid,
            LogoutError::DifferentSessions => Self::DifferentSessions,
            LogoutError::Unavailable(error) => error.into(),
            LogoutError::RevocationPending(error) => Self::RevocationPending(Hidden::new(error)),
            other => Self::internal(other),
        }
    }
}

impl From<EndSessionError> for Problem {
    fn from(error: EndSessionError) -> Self {
        match error {
            EndSessionError::NotFound => Self::NotFound,
            EndSessionError::PolicyKeepsNoSession => Self::PolicyKeepsNoSession,
            EndSessionError::Unavailable(error) => error.into(),
            EndSessionError::RevocationPending(error) => Self::RevocationPending(Hidden::new(error)),
            other => Self::internal(other),
        }
    }
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        let field = |field, detail: String| Self::InvalidInput(vec![FieldError::new(field, detail)]);
        match error {
            // Not a 401: the caller is logged in, and logging in again would not help.
            ChangePasswordError::WrongPassword => field("old_password", "is not the one in force".to_owned()),
            ChangePasswordError::DemoAccount => Self::DemoAccount,
            ChangePasswordError::Invalid(error) => field("new_password", error.to_string()),
            ChangePasswordError::Hashing(error) => error.into(),
            ChangePasswordError::Unavailable(error) => error.into(),
            ChangePasswordError::RevocationPending(error) => Self::RevocationPending(Hidden::new(error)),
            other => Self::internal(other),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Invalid { username, password } => {
                let username = username.map(|error| FieldError::new("username", error.to_string()));
                let password = password.map(|error| FieldError::new("password", error.to_string()));
                Self::InvalidInput(username.into_iter().chain(password).collect())
            }
            SignUpError::NameTaken => Self::UsernameTaken,
            SignUpError::Hashing(error) => error.into(),
            SignUpError::Unavailable(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
