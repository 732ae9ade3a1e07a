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
    token::{AccessClaims, StatusList, VerifyError},
};
use serde::Deserialize;

use super::ResourceServer;

/// Answers from the status lists that it was given, for [`RevocationCheck::StatusLists`](super::RevocationCheck::StatusLists).
/// It fetches nothing: give it each list with [`take`](Self::take), and again after the time that this returns.
///
/// **Not immediate**: a revoked token is accepted until the list was taken again. A token whose list is not here, or has
/// expired, is not accepted (503); one that names no list is neither. Revocations of a single token are in no list.
///
/// Clones share the lists.
#[derive(Clone, Default)]
pub struct StatusListReader {
    lists: Arc<Mutex<HashMap<String, (StatusList, Timestamp)>>>,
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
    #[must_use]
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
        let read = || {
            let token = verifier.verify_status_list(&document.keys, list, uri, now)?;
            let bits = decompress_to_vec_zlib_with_limit(&token.compressed, StatusList::LONGEST).ok();
            let list = bits.and_then(StatusList::from_bytes);
            let list = list.ok_or(VerifyError::MalformedClaim("status_list"))?;
            let mut lists = self.lists();
            if lists.get(uri).is_none_or(|(_, expires)| *expires <= token.expires_at) {
                lists.insert(uri.to_owned(), (list, token.expires_at));
            }
            Ok(Duration::from_secs(token.ttl.into()))
        };
        Ok(read())
    }

    pub(super) fn status(&self, token: &VerifiedToken<'_>, now: Timestamp) -> RevocationStatus {
        let Some(Status { status_list: place }) = token.claims.extra.get("status") else {
            return RevocationStatus::Incomplete;
        };
        let lists = self.lists();
        let list = lists.get(&place.uri).filter(|(_, expires)| now < *expires);
        match list.and_then(|(list, _)| list.is_invalid(place.idx)) {
            Some(true) => RevocationStatus::Revoked(Scope::Session(token.claims.session_id)),
            Some(false) => RevocationStatus::NotRevoked,
            None => RevocationStatus::Incomplete,
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<String, (StatusList, Timestamp)>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
