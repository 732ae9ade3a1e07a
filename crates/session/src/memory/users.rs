//! Users in memory.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    ops::Bound,
    sync::Mutex,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::UserId;

use super::whole;
use crate::{
    ports::{Inserted, PasswordSet, StoreError, UserChanged, UserStore},
    user::{Credentials, ListedUser, NewUser, PasswordHash, User, UserKind, Username},
};

/// Users, until the process ends.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    by_id: HashMap<UserId, Credentials>,
    ids: BTreeMap<Username, UserId>,
    created: HashMap<UserId, Timestamp>,
    disabled: HashSet<UserId>,
}

impl MemoryUsers {
    /// A store without users.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl UserStore for MemoryUsers {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let users = whole(self.users.lock())?;
        let found = users.by_id.get(id).filter(|_| !users.disabled.contains(id));
        Ok(found.map(|found| found.user.clone()))
    }

    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let users = whole(self.users.lock())?;
        Ok(users.ids.get(username).and_then(|id| users.by_id.get(id)).cloned())
    }

    async fn insert(&self, new: &NewUser) -> Result<Inserted, StoreError> {
        let mut users = whole(self.users.lock())?;
        let NewUser {
            user,
            password_hash,
            created_at,
        } = new;
        if users.ids.contains_key(&user.username) {
            return Ok(Inserted::NameTaken);
        }
        match users.by_id.entry(user.id.clone()) {
            // Overwriting it would give an existing account to the new user.
            Entry::Occupied(_) => return Err(StoreError::corrupt("a user of that id exists")),
            Entry::Vacant(place) => place.insert(Credentials {
                user: user.clone(),
                password_hash: password_hash.clone(),
            }),
        };
        users.ids.insert(user.username.clone(), user.id.clone());
        users.created.insert(user.id.clone(), *created_at);
        Ok(Inserted::Created)
    }

    async fn set_password(&self, id: &UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        let mut users = whole(self.users.lock())?;
        let Some(found) = users.by_id.get_mut(id) else {
            return Ok(PasswordSet::NoSuchUser);
        };
        found.password_hash = password_hash;
        Ok(PasswordSet::Set)
    }

    async fn replace_hash(&self, id: &UserId, old: &PasswordHash, new: PasswordHash) -> Result<(), StoreError> {
        let mut users = whole(self.users.lock())?;
        if let Some(found) = users.by_id.get_mut(id)
            && found.password_hash.expose_secret() == old.expose_secret()
        {
            found.password_hash = new;
        }
        Ok(())
    }

    async fn list(&self, after: Option<&Username>, limit: u32) -> Result<Vec<ListedUser>, StoreError> {
        let users = whole(self.users.lock())?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = users.ids.range((from, Bound::Unbounded)).map(|(_, id)| id);
        let listed = ids.filter_map(|id| {
            Some(ListedUser {
                user: users.by_id.get(id)?.user.clone(),
                created_at: *users.created.get(id)?,
                is_disabled: users.disabled.contains(id),
            })
        });
        Ok(listed.take(limit as usize).collect())
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<UserChanged, StoreError> {
        let mut users = whole(self.users.lock())?;
        let found = users.by_id.get(id).map(|found| found.user.kind);
        if found != Some(UserKind::Person) {
            return Ok(UserChanged::NoSuchUser);
        }
        match disabled {
            true => users.disabled.insert(id.clone()),
            false => users.disabled.remove(id),
        };
        Ok(UserChanged::Changed)
    }

    async fn delete(&self, id: &UserId) -> Result<(), StoreError> {
        let mut users = whole(self.users.lock())?;
        users.ids.retain(|_, of| of != id);
        users.by_id.remove(id);
        users.created.remove(id);
        users.disabled.remove(id);
        Ok(())
    }
}
