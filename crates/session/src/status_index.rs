//! The places of sessions in status lists.

use std::ops::Range;

use rescind_token::StatusList;

use crate::revocation::LogId;

/// A session's place in a status list.
///
/// From the highest bit: zero, 31 bits of the log's identity, 15 bits of the list, and 17 bits of the place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusIndex(u64);

impl StatusIndex {
    /// An index from a store.
    pub fn new(index: u64) -> Self {
        Self(index)
    }

    /// The number to store. It fits into 63 bits.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number of its list.
    pub fn list(self) -> u64 {
        self.0 / u64::from(StatusList::PLACES)
    }

    /// The place in its list.
    pub fn place(self) -> u32 {
        u32::try_from(self.0 % u64::from(StatusList::PLACES)).unwrap_or_default()
    }

    /// All indexes of this list.
    pub(crate) fn range(list: u64) -> Range<Self> {
        let places = u64::from(StatusList::PLACES);
        Self(list.saturating_mul(places))..Self(list.saturating_add(1).saturating_mul(places))
    }

    /// All indexes under this identity.
    pub(crate) fn of_log(log: LogId) -> Range<Self> {
        let prefix = u64::from((log.as_uuid().as_u128() & 0x7fff_ffff) as u32);
        Self(prefix << 32)..Self((prefix + 1) << 32)
    }
}

/// Which status indexes sessions have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenIndexes {
    /// Those of the candidates that a session has.
    pub taken: Vec<StatusIndex>,
    /// The highest index of the range that a session has.
    pub highest: Option<StatusIndex>,
}
