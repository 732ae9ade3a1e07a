//! Users in memory.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Mutex,
};

use async_trait::async_trait;
use rescind_token::UserId;

use super::whole;
use crate::{
    ports::{Inserted, PasswordSet, StoreError, UserStore},
    user::{Credentials, NewUser, PasswordHash, User, Username},
};

/// Users, until the process ends.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    by_id: HashMap<UserId, Credentials>,
    ids: HashMap<Username, UserId>,
}

impl MemoryUsers {
    /// A store without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl UserStore for MemoryUsers {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let users = whole(self.users.lock())?;
        Ok(users.by_id.get(id).map(|found| found.user.clone()))
    }

    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let users = whole(self.users.lock())?;
        Ok(users.ids.get(username).and_then(|id| users.by_id.get(id)).cloned())
    }

    async fn insert(&self, new: &NewUser) -> Result<Inserted, StoreError> {
        let mut users = whole(self.users.lock())?;
        let NewUser {
            user, password_hash, ..
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
}
