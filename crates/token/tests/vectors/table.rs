//! The table in `docs/vectors.md`.

use std::{collections::BTreeMap, fs};

use crate::{Counts, rfc, wycheproof};

fn row(source: &str, counts: &Counts) -> String {
    let Counts {
        accepted,
        refused,
        deviations,
    } = counts;
    format!(
        "| {source} | {} | {accepted} | {refused} | {deviations} |",
        counts.cases()
    )
}

#[test]
fn the_table_in_the_docs_is_what_the_tests_count() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors.md");
    let docs = fs::read_to_string(path).unwrap();
    let signatures = |name, algorithm| wycheproof::signatures(&format!("wycheproof_{name}.json"), algorithm);
    let counted = BTreeMap::from([
        ("RFC 7515, appendix A and E", rfc::counts("RFC 7515")),
        ("RFC 7519", rfc::counts("RFC 7519")),
        ("RFC 7520, section 4 (the jose cookbook)", rfc::counts("RFC 7520")),
        ("RFC 7638", rfc::counts("RFC 7638")),
        ("RFC 8037", rfc::counts("RFC 8037")),
        ("Wycheproof, HMAC-SHA-256", wycheproof::hmac_sha256()),
        ("Wycheproof, Ed25519", signatures("ed25519", "EdDSA")),
        (
            "Wycheproof, ECDSA P-256 with SHA-256",
            signatures("ecdsa_secp256r1_sha256_p1363", "ES256"),
        ),
        (
            "Wycheproof, RSA PKCS#1 2048 with SHA-256",
            signatures("rsa_signature_2048_sha256", "RS256"),
        ),
        ("Wycheproof, JSON web signatures", wycheproof::json_web_signatures()),
    ]);
    for (source, counts) in &counted {
        let row = row(source, counts);
        assert!(docs.contains(&row), "docs/vectors.md lacks this row:\n{row}");
    }
}
