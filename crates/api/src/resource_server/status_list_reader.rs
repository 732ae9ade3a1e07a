//! The reader of an issuer's status lists (Token Status List, draft-ietf-oauth-status-list).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use rescind_session::{
    Scope, VerifiedToken,
    ports::{RevocationStatus, StoreError},
    token::{AccessClaims, StatusList, StatusListToken, VerifyError},
};
use serde::Deserialize;

use super::{Document, ResourceServer};

/// Answers from the status lists that it was given, for [`RevocationCheck::StatusLists`](super::RevocationCheck::StatusLists).
/// It fetches nothing: give it each list with [`take`](Self::take), and again after the time that this returns.
///
/// ```no_run
/// # use rescind_api::{ResourceServer, StatusListReader, session::token::AccessClaims};
/// # async fn fetch(_: &str) -> String { String::new() }
/// # async fn first(server: &ResourceServer, reader: &StatusListReader, token: &str) -> Option<()> {
/// // The address stands in the tokens, also in one that is answered 503 because its list is not here.
/// let claims = server.verify_signature_only(token).await.ok()?;
/// let uri = StatusListReader::uri(&claims)?;
/// let list = fetch(&uri).await; // by your HTTP client: `Accept: application/statuslist+jwt`
/// let again_after = reader.take(server, &uri, &list).await.ok()?.ok()?;
/// # Some(()) }
/// ```
///
/// A list needs `exp` and `ttl`, one bit for each place, and at most 131,072 places. A reader is for one issuer.
///
/// **Not immediate**: a revoked token is accepted until the list was taken again. A token whose list is not here, or has
/// expired, is not accepted (503); one that names no list is neither. Revocations of a single token are in no list.
///
/// Clones share the lists.
#[derive(Clone, Default)]
pub struct StatusListReader {
    lists: Arc<Mutex<HashMap<String, Held>>>,
}

struct Held {
    list: StatusList,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// `status` in a token (section 6.1).
#[derive(Deserialize)]
struct Status {
    status_list: Place,
}

#[derive(Deserialize)]
struct Place {
    idx: u32,
    uri: String,
}

impl StatusListReader {
    /// A reader without a list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The address of the list that a token names, if it names one.
    #[must_use]
    pub fn uri(claims: &AccessClaims) -> Option<String> {
        Some(claims.extra.get::<Status>("status")?.status_list.uri)
    }

    /// Takes the list that was fetched from this address, and returns after what time to fetch it again. It is verified by the
    /// keys of this server. An older one than is held changes nothing.
    ///
    /// # Errors
    /// The outer one if the keys or the time are not known; the inner one if the list is refused. The list that is held stays.
    pub async fn take(
        &self,
        server: &ResourceServer,
        uri: &str,
        list: &str,
    ) -> Result<Result<Duration, VerifyError>, StoreError> {
        let now = server.settings.clock.now().map_err(StoreError::unavailable)?;
        let document = server.keys.current().await?;
        let verifier = &server.settings.verifier;
        let verify = |document: &Document| verifier.verify_status_list(&document.keys, list, uri, now);
        let mut token = verify(&document);
        if let Err(VerifyError::UnknownKey) = token {
            // The key may be new.
            let newer = server.keys.newer_than(&document).await;
            token = newer.map_or(token, |newer| verify(&newer));
        }
        Ok(token.and_then(|token| self.hold(uri, &token, now)))
    }

    fn hold(&self, uri: &str, token: &StatusListToken, now: Timestamp) -> Result<Duration, VerifyError> {
        let bits = decompress_to_vec_zlib_with_limit(&token.compressed, StatusList::LONGEST).ok();
        let list = bits.and_then(StatusList::from_bytes);
        let mut list = list.ok_or(VerifyError::MalformedClaim("status_list"))?;
        let mut lists = self.lists();
        lists.retain(|_, held| now < held.expires_at);
        let held = lists.get(uri).filter(|held| held.issued_at >= token.issued_at);
        let ttl = Duration::from_secs(token.ttl.into());
        if let Some(held) = held {
            if held.issued_at > token.issued_at {
                return Ok(ttl);
            }
            // Of one second: which is the later is not known, so what either says is revoked.
            let both = held.list.as_bytes().iter().zip(list.as_bytes());
            list = StatusList::from_bytes(both.map(|(one, other)| one | other).collect()).unwrap_or(list);
        }
        let (issued_at, expires_at) = (token.issued_at, token.expires_at);
        let held = Held {
            list,
            issued_at,
            expires_at,
        };
        lists.insert(uri.to_owned(), held);
        Ok(ttl)
    }

    pub(super) fn status(&self, token: &VerifiedToken<'_>, now: Timestamp) -> RevocationStatus {
        let Some(Status { status_list: place }) = token.claims.extra.get("status") else {
            return RevocationStatus::Incomplete;
        };
        let lists = self.lists();
        let held = lists.get(&place.uri).filter(|held| now < held.expires_at);
        match held.and_then(|held| held.list.is_invalid(place.idx)) {
            Some(true) => RevocationStatus::Revoked(Scope::Session(token.claims.session_id)),
            Some(false) => RevocationStatus::NotRevoked,
            None => RevocationStatus::Incomplete,
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
