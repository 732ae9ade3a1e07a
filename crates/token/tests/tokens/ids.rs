//! Ids, generations and salts.

use jiff::Timestamp;
use rescind_token::{ClientId, Generation, InvalidUserId, Salt, SessionId, TokenId, UserId};

use crate::forge::{at, rng};

#[test]
fn users_and_sessions_are_ordered_by_time() {
    let mut rng = rng();
    let users: Vec<_> = (0..100).map(|second| UserId::generate(at(second), &mut rng)).collect();
    let sessions: Vec<_> = (0..100).map(|second| SessionId::new(at(second), &mut rng)).collect();
    assert!(users.is_sorted() && sessions.is_sorted());
    assert_eq!(users[0].as_str().parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    assert_ne!(
        UserId::generate(Timestamp::MIN, &mut rng),
        UserId::generate(Timestamp::MIN, &mut rng)
    );
}

#[test]
fn token_ids_are_random() {
    let mut rng = rng();
    let (one, other) = (TokenId::random(&mut rng), TokenId::random(&mut rng));
    assert_ne!(one, other);
    assert_eq!(one.as_uuid().get_version_num(), 4);
}

#[test]
fn ids_read_back_as_they_are_written() {
    let id = SessionId::new(at(1), &mut rng());
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<SessionId>(&format!("\"{id}\"")).unwrap(), id);
    assert_eq!(SessionId::from_uuid(id.as_uuid()), id);
    assert_eq!(ClientId::first_party().as_str(), "rescind");
    assert_eq!(ClientId::new("till").to_string(), "till");
    assert_eq!("till".parse(), Ok(ClientId::new("till")));
    assert_eq!(Generation::from(258).to_string(), "258");
}

#[test]
fn a_user_id_is_any_short_text_without_control_characters() {
    for id in ["42", "alice@example.com", "Zoë", "a b", "auth0|6", &"x".repeat(255)] {
        let user = UserId::new(id).unwrap();
        assert_eq!((user.as_str(), user.to_string()), (id, id.to_owned()));
        assert_eq!(serde_json::to_value(&user).unwrap(), id);
    }
    assert_eq!(UserId::from(-42).as_str(), "-42");
    assert_eq!(UserId::from(-42).as_i64(), Some(-42));
    for other in ["042", "+42", "4.2", "alice", "9223372036854775808"] {
        assert_eq!(UserId::new(other).unwrap().as_i64(), None, "{other}");
    }
    assert_ne!(UserId::new("alice"), UserId::new("Alice"));
    for id in ["", "a\nb", "a\0", "\u{85}", &"x".repeat(256), &"é".repeat(128)] {
        assert_eq!(UserId::new(id), Err(InvalidUserId), "{id:?}");
        assert!(serde_json::from_value::<UserId>(id.into()).is_err(), "{id:?}");
    }
}

#[test]
fn generations_never_wrap_round() {
    assert_eq!(Generation::FIRST.get(), 0);
    assert_eq!(Generation::FIRST.next(), Some(Generation::from(1)));
    assert_eq!(Generation::from(u32::MAX).next(), None);
}

#[test]
fn salts_are_random_and_print_as_redacted() {
    let mut rng = rng();
    let (one, other) = (Salt::random(&mut rng), Salt::random(&mut rng));
    assert_ne!(one, other);
    assert_eq!(Salt::from_bytes(*one.as_bytes()), one);
    assert_eq!(format!("{one:?}"), "Salt([redacted])");
}
