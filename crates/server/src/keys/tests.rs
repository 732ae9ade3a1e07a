//! Modes of files are a matter of Unix.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use rand::{SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use super::*;

fn refresh_key() -> RefreshKey {
    RefreshKey::generate(&mut StdRng::seed_from_u64(1))
}

fn made(directory: &TempDir, algorithm: Algorithm) -> KeySet {
    let keys = KeyDirectory::open(&directory.path().join("keys")).unwrap();
    keys.load_or_make(Some(algorithm), refresh_key).unwrap()
}

fn failure(result: Result<KeySet, KeysError>) -> String {
    match result {
        Ok(_) => panic!("these keys should have been refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn keys_of_every_algorithm_are_read_as_they_were_written() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256] {
        let directory = TempDir::new().unwrap();
        let first = made(&directory, algorithm);
        let second = made(&directory, algorithm);
        assert_eq!(first.files[0].algorithm(), algorithm.as_str());
        assert_eq!(first.files[0].id, second.files[0].id);
        assert_eq!(first.fingerprint().unwrap(), second.fingerprint().unwrap());
    }
}

#[test]
fn the_newest_key_signs_and_the_older_ones_still_verify() {
    let directory = TempDir::new().unwrap();
    let first = made(&directory, Algorithm::EdDsa);
    let keys = KeyDirectory::open(&directory.path().join("keys")).unwrap();
    let added = keys.add_access_key(Algorithm::Es256).unwrap();
    assert!(added.ends_with("access-0002.pem"), "{}", added.display());
    let second = keys.load().unwrap();
    let ring = second.keys([""; 2], |_| true).unwrap().ring;
    assert_eq!(ring.active().algorithm(), Algorithm::Es256);
    let kids: Vec<_> = ring.iter().map(|key| key.kid().to_owned()).collect();
    assert_eq!(kids, [ring.active().kid(), &first.files[0].id]);
    assert_ne!(first.fingerprint().unwrap(), second.fingerprint().unwrap());
}

#[test]
fn concurrent_first_starts_load_the_same_ring() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keys");
    let start = |seed: u64| {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut rng = StdRng::seed_from_u64(seed);
            let keys = KeyDirectory::open(&path).unwrap();
            keys.load_or_make(Some(Algorithm::Hs256), || RefreshKey::generate(&mut rng))
                .unwrap()
                .fingerprint()
                .unwrap()
        })
    };
    let starts: Vec<_> = (0..8).map(start).collect();
    let fingerprints: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    assert!(
        fingerprints.iter().all(|one| *one == fingerprints[0]),
        "{fingerprints:?}"
    );
    assert_eq!(
        fs::read_dir(&path).unwrap().count(),
        3,
        "one key of each kind, and the lock"
    );
}

#[test]
fn key_files_are_private_to_their_owner() {
    let directory = TempDir::new().unwrap();
    made(&directory, Algorithm::EdDsa);
    let keys = directory.path().join("keys");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&keys).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
}

#[test]
fn keys_that_others_can_read_or_add_are_refused_by_name() {
    let directory = TempDir::new().unwrap();
    made(&directory, Algorithm::EdDsa);
    let keys = directory.path().join("keys");
    for (name, mode) in [("access-0001.pem", 0o640), ("refresh-0001.key", 0o604)] {
        let file = keys.join(name);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let said = failure(KeyDirectory(keys.clone()).load());
        assert!(said.contains(name) && said.contains("RESCIND_KEYS"), "{said}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o770)).unwrap();
    let said = KeyDirectory::open(&keys).map(drop).unwrap_err().to_string();
    assert!(said.contains("write"), "{said}");
}

#[test]
fn a_misnamed_or_broken_key_file_is_an_error() {
    let directory = TempDir::new().unwrap();
    made(&directory, Algorithm::EdDsa);
    let keys = KeyDirectory(directory.path().join("keys"));
    for (name, contents) in [
        ("access-2.pem", ""),
        ("access-0002.pem", "garbage"),
        ("refresh-0002.key", "c2hvcnQ"),
    ] {
        let path = keys.0.join(name);
        write_new(&path, contents.as_bytes()).unwrap();
        let said = failure(keys.load());
        assert!(said.contains(name), "{said}");
        assert!(contents.is_empty() || !said.contains(contents), "{said}");
        fs::remove_file(&path).unwrap();
    }
    write_new(&keys.0.join("access-0001-other.hs256"), b"").unwrap();
    let said = failure(keys.load());
    assert!(
        said.contains("access-0001.pem") && said.contains("access-0001-other.hs256"),
        "{said}"
    );
}
