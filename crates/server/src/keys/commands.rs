//! What a person does with the keys: list, rotate, retire, adopt.
//!
//! **A rotation is one decision, made beforehand.** The new file is written, then the database records from when on it issues
//! tokens: after every node has read it, and every cached JWK set has been fetched again. A crash between the two leaves a file
//! that no node uses, and `rescind keys adopt` or deleting it finishes.
//!
//! **Files are deleted here, and never by a node**: one that deletes keys because of a time destroys them if its clock is
//! wrong, and several may share the directory. A node stops using a key when its last token has expired, so the file of such
//! a key is of no use to a thief. The next `rotate` or `retire` deletes it.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    Clock, SystemRandom,
    token::{Algorithm, RefreshKey, RefreshKeys},
};
use rescind_store::{KeyRecord, SqlStore};
use tokio::task::spawn_blocking;

use super::{
    KeyDirectory, KeySet, KeyState, add_unrecorded, delete, due,
    files::REFRESH,
    is_ended,
    reload::EVERY,
    schedule::{is_refresh, later, state, whole_seconds},
};
use crate::{
    failure::Failure,
    settings::{Settings, Tokens},
};

/// For nodes whose clocks differ, and that read the record slowly.
const MARGIN: Duration = Duration::from_secs(5);
/// A key of the database, or of the directory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListedKey {
    /// The `kid` of a signing key, the public name of a refresh key.
    pub id: String,
    /// Its algorithm; `refresh` if it makes refresh tokens.
    pub algorithm: String,
    /// What it is used for.
    pub state: KeyState,
    /// Its file on this machine.
    pub file: Option<PathBuf>,
}

impl ListedKey {
    /// Whether it makes refresh tokens, and signs nothing.
    pub fn is_refresh(&self) -> bool {
        self.algorithm == REFRESH
    }
}

/// Which key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewKey {
    /// One that signs access tokens.
    Signing,
    /// One that signs access tokens at once; all others are ended.
    InPlaceOfLeaked,
    /// One that makes refresh tokens.
    Refresh,
}

/// A key that was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rotated {
    /// Its file.
    pub file: PathBuf,
    /// Its algorithm, or `refresh`.
    pub algorithm: String,
    /// From when on it issues tokens.
    pub issues_from: Timestamp,
    /// When every running node has read this.
    pub read_by: Timestamp,
    /// When no cached JWK set has the old keys alone.
    pub cached_until: Timestamp,
}

/// The commands on the keys of a database.
#[derive(Clone)]
pub struct KeyCommands {
    pub(crate) directory: KeyDirectory,
    pub(crate) store: SqlStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) tokens: Tokens,
}

/// The keys while a command holds the directory.
struct Held {
    set: KeySet,
    records: Vec<KeyRecord>,
    fingerprint: Option<String>,
    now: Timestamp,
    _lock: std::fs::File,
}

impl KeyCommands {
    pub(crate) fn new(settings: &Settings, store: SqlStore, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        Ok(Self {
            directory: KeyDirectory::open(&settings.storage.keys)?,
            store,
            clock,
            algorithm: settings.storage.algorithm,
            tokens: settings.tokens.clone(),
        })
    }

    /// The keys that the database records and the directory has, those that issue last.
    pub async fn list(&self) -> Result<Vec<ListedKey>, Failure> {
        let (now, recorded) = (self.clock.now()?, self.store.recorded_ring().await?);
        let directory = self.directory.clone();
        let set = blocking(move || directory.load()).await?;
        let listed = recorded.keys.iter().map(|record| ListedKey {
            id: record.id.clone(),
            algorithm: record.algorithm.clone(),
            state: state(record, &recorded.keys, now),
            file: set.find(&record.id).map(|file| file.path.clone()),
        });
        // An ended key without a file is history.
        let mut listed: Vec<_> = listed
            .filter(|key| key.file.is_some() || !is_ended(&recorded.keys, &key.id))
            .collect();
        for file in &set.files {
            if listed.iter().all(|key| key.id != file.id) {
                listed.push(ListedKey {
                    id: file.id.clone(),
                    algorithm: file.algorithm().to_owned(),
                    state: KeyState::NotRecorded,
                    file: Some(file.path.clone()),
                });
            }
        }
        Ok(listed)
    }

    /// How long a new key waits until it may be used: until every node knows it, and everybody who reads the JWK set.
    /// A node trusts what it has read of refresh keys as long.
    fn wait(&self) -> Duration {
        self.tokens.jwks_max_age + EVERY + MARGIN
    }

    /// Makes a key. `after`: how long it waits at least. The file and its record are one task, which a caller that hangs up
    /// does not stop.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Refused`] while another new key waits.
    pub async fn rotate(&self, new: NewKey, after: Duration) -> Result<Rotated, Failure> {
        let commands = self.clone();
        let both = tokio::spawn(async move { commands.make_and_record(new, after).await });
        both.await
            .map_err(|error| Failure::other("the rotation of the keys has ended", error))?
    }

    async fn make_and_record(&self, new: NewKey, after: Duration) -> Result<Rotated, Failure> {
        let mut held = self.hold().await?;
        held.require_own(&self.directory)?;
        held.end_gone();
        let (refresh, now) = (new == NewKey::Refresh, held.now);
        if new != NewKey::InPlaceOfLeaked {
            held.refuse_if_waiting(refresh)?;
        }
        if refresh {
            held.refuse_a_fifth()?;
        }
        let algorithm = self.algorithm.or_else(|| {
            let last = due(&held.records, false, Timestamp::MAX)?;
            last.algorithm.parse().ok()
        });
        if self.tokens.status_list && !refresh && algorithm.is_some_and(Algorithm::is_symmetric) {
            let why = "RESCIND_STATUS_LIST is on, and nobody else can verify a list that a shared secret signs";
            return Err(Failure::Refused(why.into()));
        }
        let refresh_key = RefreshKey::generate(&mut SystemRandom::new()?);
        let directory = self.directory.clone();
        let (file, set) = blocking(move || {
            let path = if refresh {
                directory.add_refresh_key(&refresh_key)?
            } else {
                directory.add_access_key(algorithm.unwrap_or(Algorithm::EdDsa))?
            };
            Ok((path, directory.load()?))
        })
        .await?;
        let made = set.files.iter().find(|made| made.path == file);
        let made = made.ok_or_else(|| Failure::Refused("the new key file has disappeared".into()))?;
        let (id, algorithm) = (made.id.clone(), made.algorithm().to_owned());
        held.set = set;
        let issues_from = match new {
            NewKey::InPlaceOfLeaked => now,
            _ => whole_seconds(later(now, self.wait().max(after))),
        };
        if new == NewKey::InPlaceOfLeaked {
            held.end(now, |record| !is_refresh(record));
        }
        held.records.push(KeyRecord {
            id,
            algorithm: algorithm.clone(),
            issues_from,
            longest_token: Duration::ZERO,
            ended_at: None,
        });
        if let Err(failure) = self.record(&held).await {
            if matches!(failure, Failure::Refused(_)) {
                delete(&file)?;
            }
            return Err(failure);
        }
        let read_by = whole_seconds(later(now, EVERY));
        Ok(Rotated {
            file,
            algorithm,
            issues_from,
            read_by,
            cached_until: later(read_by, self.tokens.jwks_max_age),
        })
    }

    /// Ends a key, and all keys whose last token has expired, and deletes their files. Returns their ids. `now`: also if its
    /// tokens are still accepted.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the key is in use.
    pub async fn retire(&self, id: Option<&str>, now: bool) -> Result<Vec<String>, Failure> {
        let mut held = self.hold().await?;
        held.require_own(&self.directory)?;
        let ended = |held: &Held| -> Vec<String> {
            let ended = held.records.iter().filter(|record| record.ended_at.is_some());
            ended.map(|record| record.id.clone()).collect()
        };
        let before = ended(&held);
        if let Some(id) = id {
            held.refuse_in_use(id, now)?;
            let at = held.now;
            held.end(at, |record| record.id == id);
        }
        held.end_gone();
        self.record(&held).await?;
        Ok(ended(&held).into_iter().filter(|id| !before.contains(id)).collect())
    }

    /// Takes the files as they are. `alone`: no node runs that would have to read a new refresh key first.
    pub(crate) async fn adopt(&self, alone: bool) -> Result<(), Failure> {
        let mut held = self.hold().await?;
        let (set, now) = (held.set.clone(), held.now);
        let lacks = |refresh| due(&held.records, refresh, now).is_some_and(|key| set.find(&key.id).is_none());
        if !alone && (lacks(false) || lacks(true)) {
            let why = "nodes run, and this directory lacks a key that they use: they would accept nothing any more. Check \
                       RESCIND_KEYS, or stop them first";
            return Err(Failure::Refused(why.into()));
        }
        held.records
            .retain(|record| record.ended_at.is_some() || set.find(&record.id).is_some());
        let wait = |refresh| {
            if refresh && alone { Duration::ZERO } else { self.wait() }
        };
        add_unrecorded(&mut held.records, &set, now, wait, |refresh| {
            self.tokens.longest_token(refresh)
        });
        held.fingerprint = None;
        self.record(&held).await
    }

    async fn hold(&self) -> Result<Held, Failure> {
        let directory = self.directory.clone();
        let (lock, set) = blocking(move || Ok((directory.lock()?, directory.load()?))).await?;
        let recorded = self.store.recorded_ring().await?;
        Ok(Held {
            set,
            records: recorded.keys,
            fingerprint: recorded.fingerprint,
            now: self.clock.now()?,
            _lock: lock,
        })
    }

    /// Records the keys, then deletes the files of those that were ended.
    async fn record(&self, held: &Held) -> Result<(), Failure> {
        let in_use = held.set.clone().without_ended(&held.records);
        let before = held.fingerprint.as_deref();
        if !self
            .store
            .record_ring(before, &in_use.fingerprint()?, &held.records)
            .await?
        {
            let why =
                "the keys of the database were changed meanwhile: list them, and repeat this if it is still needed";
            return Err(Failure::Refused(why.into()));
        }
        for file in held.set.files.iter().filter(|file| is_ended(&held.records, &file.id)) {
            delete(&file.path)?;
        }
        Ok(())
    }
}

impl Held {
    /// The keys must be the database's: changing foreign ones would adopt them unseen.
    fn require_own(&self, directory: &KeyDirectory) -> Result<(), Failure> {
        let own = self.set.clone().without_ended(&self.records).fingerprint()?;
        if self.fingerprint.as_ref() == Some(&own) {
            Ok(())
        } else {
            Err(Failure::ForeignKeys(directory.0.clone()))
        }
    }

    fn end(&mut self, at: Timestamp, is_meant: impl Fn(&KeyRecord) -> bool) {
        for record in &mut self.records {
            if record.ended_at.is_none() && is_meant(record) {
                record.ended_at = Some(at);
            }
        }
    }

    /// Ends the keys whose last token has expired.
    fn end_gone(&mut self) {
        let records = self.records.clone();
        for record in &mut self.records {
            if let KeyState::Gone(since) = state(record, &records, self.now) {
                record.ended_at = Some(since);
            }
        }
    }

    fn refuse_if_waiting(&self, refresh: bool) -> Result<(), Failure> {
        let waiting = due(&self.records, refresh, Timestamp::MAX).filter(|last| last.issues_from > self.now);
        let Some(last) = waiting.filter(|_| due(&self.records, refresh, self.now) != waiting) else {
            return Ok(());
        };
        Err(Failure::Refused(format!(
            "the key {} waits already, and issues tokens from {} on: rotate again after that, or end it by \
             `rescind keys retire {0}`",
            last.id, last.issues_from
        )))
    }

    fn refuse_a_fifth(&self) -> Result<(), Failure> {
        let live = |record: &&KeyRecord| is_refresh(record) && record.ended_at.is_none();
        let states = self.records.iter().filter(live);
        let states: Vec<_> = states.map(|record| state(record, &self.records, self.now)).collect();
        if states.len() < RefreshKeys::MOST {
            return Ok(());
        }
        let first = states.iter().filter_map(|state| match state {
            KeyState::Accepted(until) => Some(until.to_string()),
            _ => None,
        });
        let until = first.min().unwrap_or_default();
        Err(Failure::Refused(format!(
            "there are {} refresh keys, and each is tried for every refresh; tokens of the oldest are accepted until {until}: \
             repeat this then",
            states.len()
        )))
    }

    fn refuse_in_use(&self, id: &str, now: bool) -> Result<(), Failure> {
        let record = self.records.iter().find(|record| record.id == id);
        let record =
            record.ok_or_else(|| Failure::Refused(format!("there is no key {id}: see `rescind keys list`")))?;
        let why = match state(record, &self.records, self.now) {
            KeyState::Issues(_) => {
                "it issues tokens: make another one first by `rescind keys rotate`, with --now if this one has leaked"
                    .to_owned()
            }
            KeyState::Waits(from) if from <= later(self.now, EVERY + MARGIN) => {
                format!("nodes begin to issue tokens with it at {from}: too late to end it everywhere before that")
            }
            KeyState::Accepted(until) if !now => format!(
                "tokens of it are accepted until {until}: repeat this then, or add --now to refuse them from now on"
            ),
            _ => return Ok(()),
        };
        Err(Failure::Refused(format!("{id} cannot be retired: {why}")))
    }
}

impl fmt::Display for ListedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresh = self.is_refresh();
        let state = match self.state {
            KeyState::Waits(from) if refresh => format!("accepted only, issues from {}", whole_seconds(from)),
            KeyState::Waits(from) => format!("publishes only, signs from {}", whole_seconds(from)),
            KeyState::Issues(_) => if refresh { "issues" } else { "signs" }.to_owned(),
            KeyState::Accepted(until) if refresh => format!("accepted until {}", whole_seconds(until)),
            KeyState::Accepted(until) => format!("verifies until {}", whole_seconds(until)),
            KeyState::Gone(since) => format!("gone since {}", whole_seconds(since)),
            KeyState::NotRecorded => "not used: not a key of this database".to_owned(),
        };
        let file = self.file.as_ref().and_then(|file| file.file_name());
        let file = file.map_or("no file here".into(), |name| name.to_string_lossy());
        write!(f, "{:<43}  {:<9}  {state:<46}  {file}", self.id, self.algorithm)
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, super::KeysError> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(run).await;
    Ok(done.map_err(|error| Failure::other("the keys cannot be read", error))??)
}
