//! Public test vectors against the signature layer: the RFCs' examples, and Project Wycheproof.
//!
//! Each key is read as a JWK, with its algorithm, and each vector is verified with that key alone. A vector that its
//! source calls valid and that is refused here is a *deviation*: it has a reason. A vector that its source calls invalid is
//! always refused. `docs/vectors.md` has the counts, and a test compares them.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions that prepare it"
)]

mod rfc;
mod table;
mod wycheproof;

use std::fs;

use serde_json::Value;

/// What came of the cases of one source.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    accepted: usize,
    /// Refused, as the source says.
    refused: usize,
    /// Refused, though the source calls them valid.
    deviations: usize,
}

impl Counts {
    fn cases(&self) -> usize {
        self.accepted + self.refused + self.deviations
    }

    /// Compares a verdict with its source's. `deviation`: why a valid vector must be refused here.
    fn add(&mut self, what: &str, valid: bool, deviation: Option<&str>, accepted: bool) {
        match (valid, deviation) {
            (true, None) => {
                assert!(accepted, "{what}: valid, and refused without a reason");
                self.accepted += 1;
            }
            (true, Some(why)) => {
                assert!(!accepted, "{what}: accepted, but it should not be: {why}");
                self.deviations += 1;
            }
            (false, _) => {
                assert!(!accepted, "{what}: invalid, and accepted");
                self.refused += 1;
            }
        }
    }
}

fn read(file: &str) -> Value {
    let path = format!("{}/tests/vectors/data/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().unwrap().iter()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}
