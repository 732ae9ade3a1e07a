//! The mark of a copy, as the scripts in Redis read and write it.

use rescind_session::{
    LogId, Position,
    life::{Life, LogPosition},
};

/// The history of the data (`master_replid`), the second part of a life's name.
pub(crate) fn history(life: &Life) -> &str {
    life.as_str().rsplit_once('/').map_or("", |(_, history)| history)
}

/// A copy's mark: in that life of its server it holds every entry of that log up to that position, as far as the log
/// still has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    /// The log.
    pub(crate) log: LogId,
    /// The life.
    pub(crate) life: Life,
    /// The position.
    pub(crate) place: LogPosition,
}

/// How a sync begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SyncFrom {
    /// The copy is complete up to that position.
    Mark(LogPosition),
    /// What the copy lacks is unknown: it is filled from the start.
    Start,
}

impl Mark {
    /// How a sync of that log begins on a server in that life. `previous`: the history that its data is a prefix of,
    /// where it was promoted or restarted (`master_replid2`). A mark of any other life does not count: a migrating slot
    /// brings its keys in any order.
    pub(crate) fn sync_from(mark: Option<&Self>, log: LogId, life: &Life, previous: Option<&str>) -> SyncFrom {
        match mark {
            Some(mark) if mark.log == log && (mark.life == *life || previous == Some(history(&mark.life))) => {
                SyncFrom::Mark(mark.place)
            }
            _ => SyncFrom::Start,
        }
    }

    /// Whether the copy takes a page that begins after `start`. Otherwise there would be a gap below the page, or the mark
    /// is one of another log or life.
    pub(crate) fn takes(mark: Option<&Self>, log: LogId, life: &Life, start: Position) -> bool {
        mark.is_some_and(|mark| mark.log == log && mark.life == *life && mark.place.position >= start)
    }

    /// Whether the copy is complete for that log in that life.
    pub(crate) fn is_of(mark: Option<&Self>, log: LogId, life: &Life) -> bool {
        Self::takes(mark, log, life, Position::START)
    }
}

#[test]
fn a_sync_continues_from_a_mark_of_this_or_the_previous_life() {
    let log = |id| LogId::from_uuid(uuid::Uuid::from_u128(id));
    let (old, new) = (Life::new("a/1"), Life::new("b/2"));
    let mark = Mark {
        log: log(1),
        life: old.clone(),
        place: LogPosition {
            position: Position::new(7),
            entry: None,
        },
    };
    let from = |log, life: &Life, previous| Mark::sync_from(Some(&mark), log, life, previous);
    assert_eq!(from(log(1), &old, None), SyncFrom::Mark(mark.place));
    assert_eq!(from(log(1), &new, Some("1")), SyncFrom::Mark(mark.place));
    assert_eq!(from(log(1), &new, Some("3")), SyncFrom::Start);
    assert_eq!(from(log(1), &new, None), SyncFrom::Start);
    assert_eq!(from(log(2), &old, None), SyncFrom::Start);
    assert_eq!(Mark::sync_from(None, log(1), &old, Some("1")), SyncFrom::Start);
}
