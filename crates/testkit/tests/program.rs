//! Starting and ending programs, tested with scripts in place of the real one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its fixtures included")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rescind_testkit::{Program, ProgramError, Tool, needs};
use tempfile::TempDir;

/// Announces itself like the real program, on the given port or an invented one, then waits for the end.
const LISTENS: &str = r#"
port=${RESCIND_BIND##*:}; [ "$port" != 0 ] || port=45678
sleep 600 & helper=$!
trap 'echo "saying goodbye"; kill $helper; exit 7' TERM
echo "starting with ${GREETING:-nothing}" >&2
echo "Rescind listens on http://127.0.0.1:$port"
wait
"#;

fn script(body: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{body}")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (directory, path)
}

#[tokio::test]
async fn a_program_is_started_and_terminated_with_its_exit_status() {
    let (_keep, path) = script(LISTENS);
    let program = Program::new(path).env("GREETING", "a greeting").start().await.unwrap();
    assert_eq!(program.base_url(), "http://127.0.0.1:45678");
    let ended = program.terminate().await.unwrap();
    assert_eq!(ended.status.code(), Some(7));
    assert_eq!(ended.stderr, "starting with a greeting\n");
    assert!(ended.stdout.ends_with("saying goodbye\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_restart_keeps_data_port_and_logs() {
    let (_keep, path) = script(&format!("echo once >> lives; wc -l < lives\n{LISTENS}"));
    let program = Program::new(path).start().await.unwrap();
    let base_url = program.base_url().to_owned();
    let program = program.kill_9().await.start().await.unwrap();
    let program = program.restart().await.unwrap();
    assert_eq!(program.base_url(), base_url);
    assert_eq!(
        std::fs::read_to_string(program.data_dir().join("lives")).unwrap(),
        "once\nonce\nonce\n"
    );
    let logs = program.logs();
    assert_eq!(logs.matches("Rescind listens on").count(), 3, "{logs}");
    assert_eq!(
        logs.matches("saying goodbye").count(),
        1,
        "a kill is no SIGTERM: {logs}"
    );
}

#[tokio::test]
async fn a_second_node_shares_the_data_but_not_the_port() {
    let (_keep, path) = script(LISTENS);
    let first = Program::new(path).env("GREETING", "hello").start().await.unwrap();
    std::fs::write(first.data_dir().join("shared"), "").unwrap();
    let second = first.second_node().start().await.unwrap();
    assert!(second.data_dir().join("shared").exists());
    drop(first);
    assert!(
        second.data_dir().join("shared").exists(),
        "the data exists as long as it is used"
    );
}

#[tokio::test]
async fn a_program_that_ends_instead_of_listening_is_an_error_with_its_logs() {
    let (_keep, path) = script("echo 'RESCIND_POLICY: no such policy' >&2; exit 2");
    let error = Program::new(&path).start().await.unwrap_err();
    assert!(
        matches!(&error, ProgramError::EndedEarly { status, .. } if status.code() == Some(2)),
        "{error}"
    );
    assert!(
        format!("{error:?}").contains("\nRESCIND_POLICY: no such policy\n"),
        "{error:?}"
    );
    let ended = Program::new(path).run_to_exit().await.unwrap();
    assert_eq!(
        (ended.status.code(), ended.stderr.as_str()),
        (Some(2), "RESCIND_POLICY: no such policy\n")
    );
}

#[tokio::test]
async fn a_program_sees_its_own_settings_and_its_own_directory() {
    let (_keep, path) = script("pwd; echo $RESCIND_DATA_DIR; env | grep -c '^RESCIND_TEST' ; echo $1");
    let program = Program::new(path).arg("one argument");
    let directory = program.data_dir().canonicalize().unwrap();
    let ended = program.run_to_exit().await.unwrap();
    let directory = directory.display();
    assert_eq!(ended.stdout, format!("{directory}\n{directory}\n0\none argument\n"));
}

#[tokio::test]
async fn a_dropped_program_ends_with_all_its_children() {
    let (_keep, path) = script(&format!("sleep 600 & echo $! > helper\n{LISTENS}"));
    let program = Program::new(path).start().await.unwrap();
    let helper = std::fs::read_to_string(program.data_dir().join("helper")).unwrap();
    let stat = format!("/proc/{}/stat", helper.trim());
    assert!(is_alive(&stat));
    drop(program);
    let gone = async {
        while is_alive(&stat) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone)
        .await
        .unwrap();
}

/// A killed process stays as a zombie until its parent reaps it, and that counts as ended.
fn is_alive(stat: &str) -> bool {
    std::fs::read_to_string(stat).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Prints the time when it starts and on SIGTERM; one process, so that a cached clock would be noticed.
const TELLS_TIME: &str = r#"exec perl -e '
$| = 1; $SIG{TERM} = sub { print time, "\n"; exit };
print time, "\n", "Rescind listens on http://127.0.0.1:1\n"; sleep 600 while 1'
"#;

#[tokio::test]
async fn a_shifted_clock_moves_the_wall_clock_and_can_step_at_run_time() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let (_keep, path) = script(TELLS_TIME);
    let program = Program::new(path).with_clock_offset("-1h").start().await.unwrap();
    program.step_clock("+2h").unwrap();
    let ended = program.terminate().await.unwrap();
    let told: Vec<i64> = ended.stdout.lines().filter_map(|line| line.parse().ok()).collect();
    let now = unix_now();
    let [started, stopped] = told[..] else {
        panic!("{}", ended.stdout)
    };
    assert!(
        (now - 3660..=now - 3600).contains(&started),
        "started {} s behind",
        now - started
    );
    assert!(
        (now + 7140..=now + 7200).contains(&stopped),
        "stopped {} s ahead",
        stopped - now
    );
}

#[tokio::test]
async fn nodes_that_share_data_have_separate_clocks() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let (_keep, path) = script(TELLS_TIME);
    let behind = Program::new(path).with_clock_offset("-1h").start().await.unwrap();
    let ahead = behind
        .second_node()
        .env("RESCIND_BIND", "127.0.0.1:1")
        .with_clock_offset("+1h")
        .start()
        .await
        .unwrap();
    behind.step_clock("-2h").unwrap();
    for (node, hours) in [(behind, [-1, -2]), (ahead, [1, 1])] {
        let ended = node.terminate().await.unwrap();
        let now = unix_now();
        let told = ended.stdout.lines().filter_map(|line| line.parse::<i64>().ok());
        let off: Vec<i64> = told.map(|told| (told - now + 60).div_euclid(3600)).collect();
        assert_eq!(off, hours, "hours off at the start and at the end, a minute forgiven");
    }
}

#[tokio::test]
async fn a_paused_program_stops_with_all_its_children_until_resumed() {
    let (_keep, path) = script(&format!("sleep 600 & echo $! > helper\n{LISTENS}"));
    let program = Program::new(path).start().await.unwrap();
    let helper = std::fs::read_to_string(program.data_dir().join("helper")).unwrap();
    let stat = |id: &str| std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap();
    let leader = program.process_id().unwrap().to_string();
    program.pause().unwrap();
    // The signal is sent to all at once, and each stops when its processor handles it.
    let stands_still = async {
        while ![&leader, &helper].into_iter().all(|id| stat(id).contains(") T ")) {
            tokio::task::yield_now().await;
        }
    };
    let within = std::time::Duration::from_secs(10);
    tokio::time::timeout(within, stands_still)
        .await
        .unwrap_or_else(|_| panic!("{}{}", stat(&leader), stat(&helper)));
    program.resume().unwrap();
    let ended = program.terminate().await.unwrap();
    assert!(ended.stdout.ends_with("saying goodbye\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn stepping_a_clock_that_was_not_shifted_at_start_is_an_error() {
    let (_keep, path) = script(LISTENS);
    let program = Program::new(path).start().await.unwrap();
    assert!(matches!(program.step_clock("-1h"), Err(ProgramError::RealClock)));
}

fn unix_now() -> i64 {
    let output = std::process::Command::new("date").arg("+%s").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
