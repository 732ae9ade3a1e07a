//! The examples of RFC 7515, 7519, 7520, 7638 and 8037.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rescind_token::{VerifyingKey, VerifyingKeys, verify_signature_only};

use crate::{Counts, list, read, text};

/// The cases of one RFC. What is accepted has the payload that the RFC shows.
pub(crate) fn counts(source: &str) -> Counts {
    let mut counts = Counts::default();
    let vectors = read("rfc.json");
    for case in list(&vectors, "cases").filter(|case| text(case, "source") == source) {
        let what = format!("{source}, {}: {}", text(case, "section"), text(case, "name"));
        let keys: VerifyingKeys = VerifyingKey::from_jwk(&case["key"].to_string()).into_iter().collect();
        let payload = verify_signature_only(&keys, text(case, "jws")).ok();
        if let Some(payload) = &payload {
            assert_eq!(URL_SAFE_NO_PAD.encode(payload), text(case, "payload"), "{what}");
        }
        let valid = case["valid"].as_bool().unwrap();
        counts.add(&what, valid, case["deviation"].as_str(), payload.is_some());
    }
    for case in list(&vectors, "thumbprints").filter(|case| text(case, "source") == source) {
        let key = VerifyingKey::from_jwk(&case["key"].to_string()).unwrap();
        counts.add(source, true, None, key.kid() == text(case, "thumbprint"));
    }
    counts
}

#[test]
fn the_examples_of_the_rfcs_get_the_right_verdict() {
    for source in ["RFC 7515", "RFC 7519", "RFC 7520", "RFC 7638", "RFC 8037"] {
        assert!(counts(source).accepted > 0, "{source}");
    }
}
