//! When each key issues tokens, and how long it verifies: computed from what the database has recorded, and the time.
//!
//! | a key | state |
//! | --- | --- |
//! | its instant has not come | waits: it verifies and is published |
//! | its instant is the latest that has come | issues tokens |
//! | another key's instant has come since | accepted, until its longest token has expired |
//! | after that, or ended by a command | gone: it does not verify |
//!
//! Nothing is stored but the instants, so that every node computes the same at the same time, and no node has to do anything
//! at the right moment. The longest lifetime is recorded before a node issues the first token of it: the setting may have
//! become shorter since.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use rescind_session::KeySchedule;
use rescind_store::KeyRecord;

use super::{KeySet, KeysError, files::REFRESH};

/// What a key is used for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It verifies and is published, and issues tokens from then on.
    Waits(Timestamp),
    /// It issues tokens since then.
    Issues(Timestamp),
    /// Another key issues; its tokens are accepted until then.
    Accepted(Timestamp),
    /// It is not used since then.
    Gone(Timestamp),
    /// The database does not know it.
    NotRecorded,
}

pub(super) fn is_refresh(record: &KeyRecord) -> bool {
    record.algorithm == REFRESH
}

pub(crate) fn is_ended(records: &[KeyRecord], id: &str) -> bool {
    let ended = |record: &KeyRecord| record.id == id && record.ended_at.is_some();
    records.iter().any(ended)
}

impl KeySet {
    /// Without the keys that were ended: a file of one may be left, or come back.
    pub(crate) fn without_ended(mut self, records: &[KeyRecord]) -> Self {
        self.files.retain(|file| !is_ended(records, &file.id));
        self
    }
}

/// The key of that kind which issues tokens at a time. Before the first one is due, the first one does.
pub(crate) fn due(records: &[KeyRecord], refresh: bool, at: Timestamp) -> Option<&KeyRecord> {
    let of_kind = records
        .iter()
        .filter(|record| record.ended_at.is_none() && is_refresh(record) == refresh);
    let mut of_kind: Vec<_> = of_kind.collect();
    of_kind.sort_by_key(|record| (record.issues_from, &record.id));
    let due = of_kind.iter().rfind(|record| record.issues_from <= at);
    due.or(of_kind.first()).copied()
}

/// When the next key replaced this one, even if that key was ended later.
fn superseded(record: &KeyRecord, records: &[KeyRecord]) -> Option<Timestamp> {
    let later = records.iter().filter(|other| {
        is_refresh(other) == is_refresh(record)
            && other.issues_from > record.issues_from
            && other.ended_at.is_none_or(|ended| ended > other.issues_from)
    });
    later.map(|other| other.issues_from).min()
}

pub(super) fn state(record: &KeyRecord, records: &[KeyRecord], now: Timestamp) -> KeyState {
    if let Some(ended) = record.ended_at {
        return KeyState::Gone(ended);
    }
    if due(records, is_refresh(record), now).is_some_and(|due| due.id == record.id) {
        return KeyState::Issues(record.issues_from);
    }
    if record.issues_from > now {
        return KeyState::Waits(record.issues_from);
    }
    let end = superseded(record, records).unwrap_or(record.issues_from);
    let until = later(end, record.longest_token);
    if now < until {
        KeyState::Accepted(until)
    } else {
        KeyState::Gone(until)
    }
}

/// Adds the keys of a directory that have no record: the newest of a kind issues tokens after `wait`, or at once if there is
/// no other; the others are accepted for one lifetime.
pub(crate) fn add_unrecorded(
    records: &mut Vec<KeyRecord>,
    set: &KeySet,
    now: Timestamp,
    wait: impl Fn(bool) -> Duration,
    longest_token: impl Fn(bool) -> Duration,
) {
    for refresh in [false, true] {
        let has_other = due(records, refresh, now).is_some();
        let of_kind = set.files.iter().filter(|file| file.is_refresh() == refresh);
        for (n, file) in of_kind.enumerate() {
            if records.iter().any(|record| record.id == file.id) {
                continue;
            }
            let mut record = KeyRecord {
                id: file.id.clone(),
                algorithm: file.algorithm().to_owned(),
                issues_from: Timestamp::UNIX_EPOCH,
                longest_token: longest_token(refresh),
                ended_at: None,
            };
            if n > 0 {
                let end = superseded(&record, records).unwrap_or(record.issues_from);
                record.longest_token += Duration::try_from(now.duration_since(end)).unwrap_or_default();
            } else {
                record.issues_from = if has_other { later(now, wait(refresh)) } else { now };
            }
            records.push(record);
        }
    }
}

/// What a node does with its keys, as far as it can be foreseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    verifying: BTreeSet<String>,
    /// From when on which signing key and which refresh key issue tokens. The first instant has come.
    issuing: Vec<(Timestamp, [String; 2])>,
}

impl Plan {
    pub(crate) fn at(now: Timestamp, records: &[KeyRecord]) -> Self {
        let mut plan = Self {
            verifying: BTreeSet::new(),
            issuing: Vec::new(),
        };
        let (mut since, mut changes) = (Timestamp::UNIX_EPOCH, BTreeSet::new());
        for record in records {
            match state(record, records, now) {
                KeyState::Waits(from) => _ = changes.insert(from),
                KeyState::Issues(from) => since = since.max(from),
                KeyState::Accepted(_) => {}
                KeyState::Gone(_) | KeyState::NotRecorded => continue,
            }
            plan.verifying.insert(record.id.clone());
        }
        changes.insert(since);
        let id = |record: Option<&KeyRecord>| record.map_or_else(String::new, |record| record.id.clone());
        let issuing = |at| [false, true].map(|refresh| id(due(records, refresh, at)));
        plan.issuing = changes.into_iter().map(|at| (at, issuing(at))).collect();
        plan
    }

    /// The keys in use whose recorded tokens are shorter than these.
    pub(super) fn with_shorter_tokens(&self, records: &[KeyRecord], refresh: bool, longest: Duration) -> Vec<String> {
        let of_kind = records.iter().filter(|record| is_refresh(record) == refresh);
        let shorter = of_kind.filter(|record| record.longest_token < longest && self.verifying.contains(&record.id));
        shorter.map(|record| record.id.clone()).collect()
    }

    /// The same with the keys of a directory. Fails if the directory has no key of a kind.
    pub(crate) fn with(&self, set: &KeySet) -> Result<KeySchedule, KeysError> {
        let keys = |ids: &[String; 2]| set.keys(ids.each_ref().map(String::as_str), |id| self.verifying.contains(id));
        let first = self
            .issuing
            .first()
            .map_or_else(Default::default, |(_, ids)| ids.clone());
        let mut schedule = KeySchedule::from(keys(&first)?);
        for (from, ids) in &self.issuing {
            let are_here = ids.iter().all(|id| set.find(id).is_some());
            schedule = schedule.then_from(*from, if are_here { Some(keys(ids)?) } else { None });
        }
        Ok(schedule)
    }
}

/// `time` plus `by`, at most the end of the calendar.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The next whole second: an instant that is printed must be the one that counts.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second() + i64::from(time.subsec_nanosecond() > 0)).unwrap_or(Timestamp::MAX)
}
