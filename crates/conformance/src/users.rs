//! Cases of [`UserStore`].

use std::sync::Arc;

use rescind_session::{
    ListedUser, NewUser, PasswordHash, User, UserKind, Username,
    ports::{Inserted, PasswordSet, UserChanged, UserStore},
};

use crate::{
    fixture::{Answer, NOON, new_user},
    race::at_once,
};

type Store = Arc<dyn UserStore>;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";

fn named(name: &str) -> NewUser {
    let Ok(username) = Username::from_normalized(name) else {
        panic!("{name} is not a valid name")
    };
    NewUser {
        user: User {
            id: new_user(),
            username,
            kind: UserKind::Person,
        },
        password_hash: PasswordHash::new(HASH),
        created_at: NOON,
    }
}

async fn insert(store: &Store, new: &NewUser) {
    assert_eq!(store.insert(new).await.answer(), Inserted::Created, "the name was free");
}

async fn alice_and_bob(store: &Store) -> (NewUser, NewUser) {
    let (alice, bob) = (named("alice"), named("bob"));
    insert(store, &alice).await;
    insert(store, &bob).await;
    (alice, bob)
}

/// The user with that name, and the password hash.
async fn credentials(store: &Store, username: &Username) -> Option<(User, String)> {
    let found = store.credentials(username).await.answer()?;
    Some((found.user, found.password_hash.expose_secret().to_owned()))
}

/// Every field is kept, the time to the millisecond. A name may have 320 characters of any script.
pub async fn a_new_user_is_found_by_id_and_by_name(store: Store) {
    let long = "\u{10348}".repeat(Username::MAX_CHARS);
    let users = ["alice.o'x+y@example.com", "μάρια", &long, "bob"].map(named);
    for new in &users {
        insert(&store, new).await;
    }
    for NewUser { user, .. } in users {
        assert_eq!(store.find(&user.id).await.answer().as_ref(), Some(&user));
        let found = credentials(&store, &user.username).await;
        assert_eq!(found, Some((user, HASH.to_owned())));
    }
}

/// An unknown id or name returns `None`.
pub async fn an_unknown_user_is_none(store: Store) {
    insert(&store, &named("alice")).await;
    assert_eq!(store.find(&new_user()).await.answer(), None);
    assert_eq!(credentials(&store, &named("bob").user.username).await, None);
}

/// A demo account stays one: its public password must be refused when the demo is off.
pub async fn the_kind_of_an_account_is_kept(store: Store) {
    for (name, kind) in [("person", UserKind::Person), ("demo", UserKind::Demo)] {
        let mut new = named(name);
        new.user.kind = kind;
        insert(&store, &new).await;
        let by_id = store.find(&new.user.id).await.answer();
        assert_eq!(by_id.map(|user| user.kind), Some(kind));
        let by_name = credentials(&store, &new.user.username).await;
        assert_eq!(by_name.map(|(user, _)| user.kind), Some(kind));
    }
}

/// The first user keeps the name and the password.
pub async fn a_taken_name_is_refused_and_nothing_is_written(store: Store) {
    let first = named("alice");
    insert(&store, &first).await;
    let second = NewUser {
        password_hash: PasswordHash::new("another"),
        ..named("alice")
    };
    assert_eq!(store.insert(&second).await.answer(), Inserted::NameTaken);
    assert_eq!(store.find(&second.user.id).await.answer(), None);
    assert_eq!(
        credentials(&store, &first.user.username).await,
        Some((first.user, HASH.to_owned()))
    );
}

/// Ids do not repeat; if one did, the second user must not get the account. How the store refuses it is its own choice.
pub async fn a_taken_id_is_never_overwritten(store: Store) {
    let first = named("alice");
    insert(&store, &first).await;
    let mut second = named("mallory");
    second.user.id = first.user.id.clone();
    assert!(
        !matches!(store.insert(&second).await, Ok(Inserted::Created)),
        "an id was used twice"
    );
    assert_eq!(store.find(&first.user.id).await.answer().as_ref(), Some(&first.user));
    assert_eq!(credentials(&store, &second.user.username).await, None);
}

/// Checking a name and taking it is one step.
pub async fn fifty_inserts_of_one_name_create_exactly_one_user(store: Store) {
    for round in 0..20 {
        let all: Vec<_> = (0..50).map(|_| named(&format!("alice{round}"))).collect();
        let outcomes = at_once(all.len(), |nth| {
            let (store, new) = (Arc::clone(&store), all[nth].clone());
            async move { store.insert(&new).await.answer() }
        })
        .await;
        let created: Vec<_> = all
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| *outcome == Inserted::Created)
            .collect();
        assert_eq!(created.len(), 1, "one name was created {} times", created.len());
        let winner = &created[0].0.user;
        let found = credentials(&store, &winner.username).await.map(|(user, _)| user);
        assert_eq!(found.as_ref(), Some(winner));
        for loser in all.iter().filter(|new| new.user.id != winner.id) {
            let found = store.find(&loser.user.id).await.answer();
            assert_eq!(found, None, "a refused user was written");
        }
    }
}

/// And no other user's.
pub async fn a_new_password_replaces_the_old_one(store: Store) {
    let (alice, bob) = alice_and_bob(&store).await;
    let outcome = store
        .set_password(&alice.user.id, PasswordHash::new("changed"))
        .await
        .answer();
    assert_eq!(outcome, PasswordSet::Set);
    let changed = credentials(&store, &alice.user.username).await;
    assert_eq!(changed, Some((alice.user, "changed".to_owned())));
    let untouched = credentials(&store, &bob.user.username).await;
    assert_eq!(untouched, Some((bob.user, HASH.to_owned())));
}

/// It creates no user.
pub async fn setting_the_password_of_an_unknown_user_is_no_such_user(store: Store) {
    let nobody = new_user();
    let outcome = store.set_password(&nobody, PasswordHash::new("changed")).await.answer();
    assert_eq!(outcome, PasswordSet::NoSuchUser);
    assert_eq!(store.find(&nobody).await.answer(), None);
}

/// Only the stored hash is replaced: a password that was changed meanwhile stays.
pub async fn a_hash_is_replaced_only_while_it_is_the_stored_one(store: Store) {
    let (alice, bob) = alice_and_bob(&store).await;
    let replace = async |old: &str, new: &str| {
        let (old, new) = (PasswordHash::new(old), PasswordHash::new(new));
        store.replace_hash(&alice.user.id, &old, new).await.answer();
        credentials(&store, &alice.user.username).await.map(|(_, hash)| hash)
    };
    assert_eq!(replace(HASH, "stronger").await.as_deref(), Some("stronger"));
    assert_eq!(replace(HASH, "too late").await.as_deref(), Some("stronger"));
    let untouched = credentials(&store, &bob.user.username).await;
    assert_eq!(untouched, Some((bob.user, HASH.to_owned())));
}

/// Logins and refreshes go by `find`. An administrator finds the user by name, to enable or delete the account.
pub async fn a_disabled_user_is_not_found_and_keeps_name_and_password(store: Store) {
    let (alice, bob) = alice_and_bob(&store).await;
    for _ in 0..2 {
        let disabled = store.set_disabled(&alice.user.id, true).await.answer();
        assert_eq!(disabled, UserChanged::Changed, "a repeat is harmless");
        assert_eq!(store.find(&alice.user.id).await.answer(), None);
        assert!(store.login_credentials(&alice.user.username).await.answer().is_none());
    }
    assert_eq!(store.find(&bob.user.id).await.answer(), Some(bob.user));
    let found = credentials(&store, &alice.user.username).await;
    assert_eq!(found, Some((alice.user.clone(), HASH.to_owned())));
    assert_eq!(store.insert(&named("alice")).await.answer(), Inserted::NameTaken);
    let enabled = store.set_disabled(&alice.user.id, false).await.answer();
    assert_eq!(enabled, UserChanged::Changed);
    let found = store.login_credentials(&alice.user.username).await.answer();
    assert_eq!(found.map(|found| found.user).as_ref(), Some(&alice.user));
    assert_eq!(store.find(&alice.user.id).await.answer(), Some(alice.user));
}

/// Nor is an unknown user.
pub async fn a_demo_account_is_not_disabled(store: Store) {
    let mut demo = named("demo");
    demo.user.kind = UserKind::Demo;
    insert(&store, &demo).await;
    for (id, disabled) in [(&demo.user.id, true), (&demo.user.id, false), (&new_user(), true)] {
        let outcome = store.set_disabled(id, disabled).await.answer();
        assert_eq!(outcome, UserChanged::NoSuchUser);
    }
    assert_eq!(store.find(&demo.user.id).await.answer(), Some(demo.user));
}

/// And no other user. A repeat is harmless.
pub async fn a_deleted_user_is_gone_and_the_name_is_free(store: Store) {
    let (alice, bob) = alice_and_bob(&store).await;
    for _ in 0..2 {
        store.delete(&alice.user.id).await.answer();
        assert_eq!(store.find(&alice.user.id).await.answer(), None);
        assert_eq!(credentials(&store, &alice.user.username).await, None);
    }
    let another = named("alice");
    insert(&store, &another).await;
    store.delete(&alice.user.id).await.answer();
    assert_eq!(store.find(&another.user.id).await.answer(), Some(another.user));
    assert_eq!(store.find(&bob.user.id).await.answer(), Some(bob.user));
}

/// The disabled ones too.
pub async fn users_are_listed_by_name_in_parts(store: Store) {
    assert_eq!(store.list(None, 10).await.answer(), []);
    let users = ["carol", "alice", "dave", "bob"].map(named);
    for user in &users {
        insert(&store, user).await;
    }
    let [carol, alice, dave, bob] = users.map(|new| new.user);
    let _ = store.set_disabled(&bob.id, true).await.answer();
    let listed = |user: &User| ListedUser {
        user: user.clone(),
        created_at: NOON,
        is_disabled: user.id == bob.id,
    };
    let first = store.list(None, 3).await.answer();
    assert_eq!(first, [&alice, &bob, &carol].map(listed));
    let rest = store.list(Some(&carol.username), 3).await.answer();
    assert_eq!(rest, [listed(&dave)]);
}
