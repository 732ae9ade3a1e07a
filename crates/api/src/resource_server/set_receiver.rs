//! The receiver of an issuer's security events (RFC 8935), which answers from memory whether a token was revoked.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, Route,
    http::header::{self, HeaderValue},
    web,
};
use jiff::Timestamp;
use rescind_session::{
    RevocationReader, Scope, Unavailable, VerifiedToken,
    memory::MemoryBlacklist,
    ports::{Blacklist, RevocationStatus, StoreError},
    token::{ExposeSecret, RevokedSubject, SecretString, SecurityEvent, SecurityEventToken, VerifyError},
};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{
    event_stream::{Coverage, EventStream},
    issuer_keys::IssuerKeys,
};
use crate::{bearer::bearer, body, problem::Problem};

const EVENT: &str = "application/secevent+jwt";
/// How many expired entries are removed with each event.
const PRUNED_AT_ONCE: u32 = 100;

/// Receives the revocations of an issuer, for [`RevocationCheck::SecurityEvents`](super::RevocationCheck::SecurityEvents).
/// **Fast, not immediate**: a revoked token is accepted until its event has arrived, usually for some milliseconds.
///
/// Whether an event is missing is always known: each names its place in the issuer's log, and there is one at least every
/// ten seconds.
/// - Before the first event, and after 30 s without one, no token is accepted (503).
/// - A token that was issued before the first event, or before a gap, may have been revoked without this receiver's
///   knowledge. It is refused (401 `token_revoked`), so that its owner gets a new one by a refresh.
///
/// In both cases another check can answer instead: [`otherwise`](Self::otherwise). Clones share what was received. The
/// state is in memory: each process needs an address of its own, and none of them may be behind a load balancer.
#[derive(Clone)]
pub struct SetReceiver {
    audience: Arc<str>,
    bearer: Option<SecretString>,
    otherwise: Option<Arc<dyn RevocationReader>>,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    blacklist: MemoryBlacklist,
    stream: Mutex<Option<EventStream>>,
}

impl SetReceiver {
    /// A receiver of events for this audience: as set at the issuer, by default the address to which it sends them.
    pub fn new(audience: &str) -> Self {
        Self {
            audience: audience.into(),
            bearer: None,
            otherwise: None,
            received: Arc::default(),
        }
    }

    /// Accepts only deliveries with this bearer token. Events are signed, so they need none to be trusted; it keeps
    /// strangers from causing the work.
    #[must_use]
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Asks this reader about tokens for which the events do not suffice, for example by introspection.
    #[must_use]
    pub fn otherwise(mut self, reader: Arc<dyn RevocationReader>) -> Self {
        self.otherwise = Some(reader);
        self
    }

    pub(super) fn route_with(&self, keys: Arc<IssuerKeys>) -> Route {
        let receiver = self.clone();
        web::post().to(move |request: HttpRequest, payload: web::Payload| {
            let (receiver, keys) = (receiver.clone(), Arc::clone(&keys));
            async move { receiver.receive(&keys, &request, payload).await }
        })
    }

    /// 202, or 400 with the error of RFC 8935 section 2.4. Every other status means that the event counts as not delivered.
    async fn receive(
        &self,
        keys: &Arc<IssuerKeys>,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, Problem> {
        if !self.admits(request) {
            // Not 400: the issuer may skip an event that is refused with it.
            let challenge = HeaderValue::from_static("Bearer");
            return Ok(HttpResponse::Unauthorized()
                .insert_header((header::WWW_AUTHENTICATE, challenge))
                .finish());
        }
        let body = body::read(request, payload.into_inner()).await?;
        let is_event = request.content_type().eq_ignore_ascii_case(EVENT);
        let Some(event) = str::from_utf8(&body).ok().filter(|_| is_event) else {
            return Ok(refusal("invalid_request", "the body must be application/secevent+jwt"));
        };
        let verified = keys.verify_event(event, &self.audience).await;
        match verified.map_err(Unavailable::from)? {
            Ok((event, now)) => {
                self.apply(&event, now).await.map_err(Unavailable::from)?;
                Ok(HttpResponse::Accepted().finish())
            }
            Err(error) => {
                tracing::warn!(%error, "a security event was refused");
                Ok(refusal(error_code(&error), &error.to_string()))
            }
        }
    }

    fn admits(&self, request: &HttpRequest) -> bool {
        let Some(expected) = &self.bearer else { return true };
        bearer(request.headers()).is_ok_and(|sent| {
            sent.is_some_and(|sent| {
                let (sent, expected) = (sent.expose_secret().as_bytes(), expected.expose_secret().as_bytes());
                sent.ct_eq(expected).into()
            })
        })
    }

    // ANCHOR: apply
    async fn apply(&self, event: &SecurityEventToken, now: Timestamp) -> Result<(), StoreError> {
        let Received { blacklist, stream } = &*self.received;
        let follows = match &event.event {
            SecurityEvent::SessionRevoked(revoked) => {
                let scope = match revoked.subject {
                    RevokedSubject::Session(session, _) => Scope::Session(session),
                    RevokedSubject::Token(token) => Scope::Token(token),
                };
                // Before the stream: a request that finds it complete finds the entry.
                blacklist.add(scope, revoked.until)?;
                event.log.position.saturating_sub(1)
            }
            SecurityEvent::Verification => event.log.position,
            _ => return Ok(()),
        };
        {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            *stream = EventStream::after(*stream, &event.log, follows, event.issued_at, now);
        }
        blacklist.prune(now, PRUNED_AT_ONCE).await.map(drop)
    }
    // ANCHOR_END: apply

    pub(super) async fn status(
        &self,
        token: &VerifiedToken<'_>,
        now: Timestamp,
    ) -> Result<RevocationStatus, StoreError> {
        let Received { blacklist, stream } = &*self.received;
        // Before the entries: an event that arrives in between adds its entry first.
        let stream = *stream.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = token.claims;
        let found = blacklist.check(claims.token_id, claims.session_id).await?;
        if let RevocationStatus::Revoked(_) = found {
            return Ok(found);
        }
        match (EventStream::coverage(stream, claims.issued_at, now), &self.otherwise) {
            (Coverage::Complete, _) => Ok(RevocationStatus::NotRevoked),
            (_, Some(reader)) => reader.status(token).await,
            (Coverage::BeforeGap, None) => Ok(RevocationStatus::Revoked(Scope::Token(claims.token_id))),
            (Coverage::Silent, None) => Ok(RevocationStatus::Incomplete),
        }
    }
}

fn refusal(code: &str, description: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"err": code, "description": description}))
}

fn error_code(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::WrongIssuer => "invalid_issuer",
        VerifyError::WrongAudience => "invalid_audience",
        VerifyError::MissingKeyId
        | VerifyError::UnknownKey
        | VerifyError::WrongAlgorithm
        | VerifyError::BadSignature => "invalid_key",
        _ => "invalid_request",
    }
}
