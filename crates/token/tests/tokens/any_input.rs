//! The verifier returns without a panic for all input, from a stranger or signed by a key holder.

use proptest::prelude::*;
use serde_json::Value;

use crate::forge::Forge;

proptest! {
    #[test]
    fn random_text_is_refused_without_a_panic(text in ".*") {
        let forge = Forge::new();
        prop_assert!(forge.verify(&text).is_err());
    }

    #[test]
    fn signed_json_with_a_changed_value_is_refused_without_a_panic(
        name in "typ|alg|kid|iss|aud|sub|client_id|iat|exp|jti|sid|nbf",
        value in json_value(),
    ) {
        let forge = Forge::new();
        // One claim or parameter replaced; only the very same value may pass.
        let mut header = forge.header();
        let mut claims = forge.claims();
        let target = if header.get(&name).is_some() { &mut header } else { &mut claims };
        let unchanged = target.get(&name) == Some(&value);
        target[&name] = value;
        let passes = forge.verify(&forge.sign(&header, &claims)).is_ok();
        // A `client_id` is any text, a `sub` nearly any, and an `nbf` in the past has no effect.
        prop_assert!(unchanged || !passes || ["client_id", "sub"].contains(&name.as_str()) || name == "nbf" || name == "iat");
    }

    #[test]
    fn a_token_with_any_one_character_changed_is_refused(position: prop::sample::Index, letter in "[A-Za-z0-9_.=-]") {
        let forge = Forge::new();
        let token = forge.sign(&forge.header(), &forge.claims());
        let position = position.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(position..=position, &letter);
        prop_assume!(changed != token);
        prop_assert!(forge.verify(&changed).is_err());
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
