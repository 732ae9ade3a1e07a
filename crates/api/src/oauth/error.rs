//! Errors of the OAuth endpoints (RFC 6749, section 5.2).

use std::time::Duration;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    body::BoxBody,
    http::{Method, StatusCode, header},
};
use serde_json::json;

use crate::{
    problem::{Problem, whole_seconds},
    security_headers::Own,
};

/// An error in the form of RFC 6749: `error` for programs, `error_description` for people. Both are fixed texts.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    retry_after: Option<Duration>,
    allow: &'static [Method],
}

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: &'static str) -> Self {
        Self {
            status,
            error,
            description,
            retry_after: None,
            allow: &[],
        }
    }

    /// 400.
    pub(super) fn bad(error: &'static str, description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    pub(super) fn invalid_request(description: &'static str) -> Self {
        Self::bad("invalid_request", description)
    }

    pub(super) fn invalid_client() -> Self {
        Problem::InvalidClient.into()
    }

    pub(crate) fn method_not_allowed(allow: &'static [Method]) -> Self {
        Self {
            allow,
            ..Problem::MethodNotAllowed.into()
        }
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        problem.log();
        Self::from_problem(&problem)
    }
}

impl OAuthError {
    /// The same, and not logged.
    pub(crate) fn from_problem(problem: &Problem) -> Self {
        let status = problem.status_code();
        let (status, error) = match problem {
            Problem::InvalidClient => (status, "invalid_client"),
            problem if problem.is_failed_refresh() => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Problem::PolicyHasNoRefresh => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => (status, "temporarily_unavailable"),
            _ if status.is_server_error() => (status, "server_error"),
            _ => (status, "invalid_request"),
        };
        Self {
            retry_after: problem.retry_after(),
            ..Self::new(status, error, problem.detail())
        }
    }

    /// Its status, and its two texts.
    #[cfg(feature = "openapi")]
    pub(crate) fn describe(&self) -> (StatusCode, &'static str, &'static str) {
        (self.status, self.error, self.description)
    }
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut reply = HttpResponseBuilder::new(self.status);
        reply.extensions_mut().insert(Own);
        reply.insert_header((header::CACHE_CONTROL, "no-store"));
        reply.insert_header((header::PRAGMA, "no-cache"));
        if self.status == StatusCode::UNAUTHORIZED {
            reply.insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="oauth", charset="UTF-8""#));
        }
        if let Some(wait) = self.retry_after {
            reply.insert_header((header::RETRY_AFTER, whole_seconds(wait)));
        }
        if !self.allow.is_empty() {
            let methods: Vec<_> = self.allow.iter().map(Method::as_str).collect();
            reply.insert_header((header::ALLOW, methods.join(", ")));
        }
        reply.json(json!({ "error": self.error, "error_description": self.description }))
    }
}
