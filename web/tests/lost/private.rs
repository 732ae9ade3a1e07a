//! Files that others can write to, key files that are not regular files, and the files after a refused start.
#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::{MARK, command, database, program, refused, settled, start};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn files_that_others_can_write_stop_the_start_and_are_named() {
    let (mut stopped, _) = settled().await;
    let data = stopped.data_dir();
    let elsewhere = tempfile::tempdir().unwrap();
    for (path, private, public) in [(data.clone(), 0o700, 0o707), (database(&data), 0o600, 0o666)] {
        set_mode(&path, public);
        let said = refused(program().env("RESCIND_DATA_DIR", &data)).await.stderr;
        for word in [path.to_str().unwrap(), "RESCIND_DATA_DIR", "chmod"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        set_mode(&path, private);
    }
    // The same for a file that DATABASE_URL names.
    let chosen = elsewhere.path().join("chosen.db");
    fs::copy(database(&data), &chosen).unwrap();
    set_mode(&chosen, 0o606);
    let url = format!("sqlite:{}", chosen.display());
    let said = refused(program().env("DATABASE_URL", &url)).await.stderr;
    assert!(said.contains("chosen.db") && said.contains("DATABASE_URL"), "{said}");
    set_mode(&chosen, 0o600);
    set_mode(elsewhere.path(), 0o777);
    let said = refused(program().env("DATABASE_URL", &url)).await.stderr;
    assert!(said.contains("DATABASE_URL"), "{said}");

    set_mode(&data, 0o755);
    set_mode(&database(&data), 0o640);
    let before = stopped.logs().len();
    let running = start(stopped).await;
    let logs = running.logs()[before..].to_owned();
    let warned = |path: &Path| {
        let named = |line: &&str| line.contains("WARN") && line.contains(&format!("{} ", path.display()));
        logs.lines().filter(named).count()
    };
    assert_eq!((warned(&data), warned(&database(&data))), (1, 1), "{logs}");
    stopped = running.terminate().await.unwrap().program;
    set_mode(&data, 0o700);
    set_mode(&database(&data), 0o600);
    let before = stopped.logs().len();
    let running = start(stopped).await;
    assert!(!running.logs()[before..].contains("chmod"), "{}", running.logs());
}

fn make_fifo(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(
        Command::new("mkfifo")
            .arg("-m600")
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_fifo_in_place_of_a_file_stops_the_start_and_is_named() {
    for name in ["access-0002.pem", "refresh-0001.key", MARK, ".lock", "../rescind.db"] {
        let (stopped, _) = settled().await;
        let path = stopped.data_dir().join("keys").join(name);
        let (directory, file) = (path.parent().unwrap(), Path::new(name).file_name().unwrap());
        if name == ".lock" {
            // This command needs it: there are no keys yet.
            fs::remove_dir_all(directory).unwrap();
            fs::create_dir(directory).unwrap();
            crate::remove(&stopped.data_dir(), &["rescind.db"]);
        }
        make_fifo(&path);
        let said = refused(stopped).await.stderr;
        assert!(said.contains(file.to_str().unwrap()), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_refused_start_or_command_leaves_no_key_directory_behind() {
    let (stopped, _) = settled().await;
    let missing = stopped.data_dir().join("other-keys");
    let said = refused(stopped.env("RESCIND_KEYS", &missing)).await.stderr;
    assert!(
        said.contains("RESCIND_KEYS") && said.contains("rescind keys adopt"),
        "{said}"
    );
    assert!(!missing.exists(), "keys were made that are not this database's");

    for words in [&["keys", "rotate"], &["restored", "--yes"]] {
        let empty = tempfile::tempdir().unwrap();
        let ended = command(empty.path(), words).await;
        assert!(!ended.status.success(), "{words:?}: {}", ended.stdout);
        assert!(
            !empty.path().join("keys").exists(),
            "{words:?} left a key directory behind"
        );
    }
}
