//! A wall clock that is wrong, in both directions, before a start and while the program runs.

use std::{fs, path::Path};

use jiff::{SignedDuration, Timestamp};
use rescind_testkit::{Ended, Program, Reply, Tokens, Tool, needs};

use crate::stage::{DEMO_PASSWORD, Stage, program, until};

/// With pruning ten times a second, which logs what it removed.
pub(crate) fn pruning(program: Program) -> Program {
    program
        .env("FAILPOINTS", "prune-often=return")
        .env("RUST_LOG", "info,rescind_session=debug")
}

/// Starts with a clock that is ahead, waits until the revocations have been pruned by it, and stops.
pub(crate) async fn pruned_by_a_fast_clock(stopped: Program, ahead: &str) -> Program {
    let stage = Stage::unready(pruning(stopped).with_clock_offset(ahead)).await;
    let pruned = |line: &str| line.contains(r#""message":"pruned""#) && !line.contains(r#""revocations":0"#);
    until(async || stage.running.logs().lines().any(pruned)).await;
    stage.running.kill_9().await
}

/// Waits until the node is ready, or not for the reason of its clock.
async fn until_ready(stage: &Stage, ready: bool) {
    until(async || {
        let reply = stage.api.get("/health/ready", None).await;
        match ready {
            true => reply.status == 200,
            false => reply.status == 503 && reply.body["reason"] == "clock",
        }
    })
    .await;
}

fn issued(me: &Reply) -> Timestamp {
    me.body["issued_at"].as_str().unwrap().parse().unwrap()
}

/// A login now, and how far its token is from the right time.
#[expect(clippy::disallowed_methods, reason = "the clock of the test is the right one")]
async fn log_in_at(stage: &Stage) -> (Tokens, SignedDuration) {
    let tokens = stage.log_in().await;
    let me = stage.api.me(tokens.access()).await.expect_status(200);
    (tokens, issued(&me).duration_since(Timestamp::now()))
}

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

#[tokio::test]
async fn a_start_with_a_fast_clock_that_prunes_revives_no_token() {
    let Some(_) = needs(Tool::Faketime) else { return };
    for policy in ["blacklist", "stored"] {
        let hour = program().env("RESCIND_ACCESS_TTL", "1h").env("RESCIND_POLICY", policy);
        let stage = Stage::with(hour).await;
        let tokens = stage.log_in().await;
        stage.api.log_out(tokens.access()).await.expect_status(204);
        let stopped = pruned_by_a_fast_clock(stage.running.kill_9().await, "+3h").await;

        let stage = Stage::unready(stopped.with_clock_offset("+0")).await;
        let me = stage.api.me(tokens.access()).await;
        assert_eq!(me.status, 401, "{policy}: the token counts again: {me:?}");
        let refused = stage.api.get("/api/sessions", Some(tokens.access())).await;
        assert_eq!(refused.status, 401, "{policy}: {refused:?}");
        // Three hours were pruned, so the time is three hours ahead, and the program reports it.
        until_ready(&stage, false).await;
        stage.assert_alive(&stage.log_in().await).await;
    }
}

#[tokio::test]
async fn a_clock_that_steps_makes_the_node_unready_and_requests_go_on() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let stage = Stage::with(program().with_clock_offset("+0")).await;
    let tokens = stage.log_in().await;
    let said = |words: &str| stage.running.logs().matches(words).count();
    stage.running.step_clock("+10s").unwrap();
    until(async || said("which requests use") == 1).await;
    until_ready(&stage, true).await;
    for (nth, step) in (1..).zip(["+40s", "-40s", "+3d", "-3d"]) {
        stage.running.step_clock(step).unwrap();
        until_ready(&stage, false).await;
        stage.assert_alive(&tokens).await;
        let (new, off) = log_in_at(&stage).await;
        assert!(off.abs() < MINUTE, "{step}: {off:#}");
        stage.api.log_out(new.access()).await.expect_status(204);
        stage.assert_dead(&new).await;
        // Behind, the database has seen a later time than this machine's clock: if that is right, a restart does not help.
        let way_back = match step.starts_with('-') {
            true => "run `rescind restored`",
            false => "then restart this node",
        };
        until(async || said("; not ready: ") == nth && said(way_back) > 0).await;
        stage.running.step_clock("+0").unwrap();
        until_ready(&stage, true).await;
        until(async || said("agrees with the counted time again") == nth).await;
    }
}

#[tokio::test]
async fn a_clock_three_days_behind_that_is_corrected_asks_for_a_restart() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let stage = Stage::with(program().with_clock_offset("-3d")).await;
    stage.log_in().await;
    stage.running.step_clock("+0").unwrap();
    until_ready(&stage, false).await;
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::with(stopped.with_clock_offset("+0")).await;
    let (_, off) = log_in_at(&stage).await;
    assert!(off.abs() < MINUTE, "{off:#}");
}

#[tokio::test]
async fn after_a_login_a_year_ahead_restored_brings_the_time_back() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let stage = Stage::with(program().with_clock_offset("+365d")).await;
    let ahead = stage.log_in().await;
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::unready(stopped.with_clock_offset("+0")).await;
    until_ready(&stage, false).await;
    let (_, off) = log_in_at(&stage).await;
    assert!(off > SignedDuration::from_hours(24 * 364), "{off:#}");
    until(async || stage.running.logs().contains("run `rescind restored`")).await;

    let stopped = stage.running.terminate().await.unwrap().program;
    let data = stopped.data_dir();
    let restored = command(&data, &["restored", "--yes"]).await;
    assert!(restored.status.success(), "{}", restored.stderr);
    let stage = Stage::with(stopped).await;
    let (_, off) = log_in_at(&stage).await;
    assert!(off.abs() < MINUTE, "{off:#}");
    assert_eq!(stage.api.me(ahead.access()).await.status, 401);
    assert_eq!(stage.api.refresh(ahead.refresh()).await.status, 401);
}

/// Runs a command of the program on a data directory.
pub(crate) async fn command(data: &Path, words: &[&str]) -> Ended {
    let program = Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_DATA_DIR", data);
    let program = words.iter().fold(program, |program, word| program.arg(word));
    program.run_to_exit().await.unwrap()
}

#[tokio::test]
async fn a_clock_that_libraries_cannot_write_is_refused_in_one_sentence() {
    let Some(_) = needs(Tool::Faketime) else { return };
    for (offset, year) in [("-60y", "196"), ("+7990y", "999")] {
        for words in [&[][..], &["migrate", "up"], &["keys", "rotate"]] {
            let program = words.iter().fold(program(), |program, word| program.arg(word));
            let refused = program.with_clock_offset(offset).run_to_exit().await.unwrap();
            assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
            let said = format!("rescind: this machine's clock says {year}");
            assert!(refused.stderr.contains(&said), "{}", refused.stderr);
            assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
        }
    }
    // At run time the HTTP server would stop updating its connections' time. Ending is better than not answering.
    let stage = Stage::with(program().with_clock_offset("+0")).await;
    stage.running.step_clock("-60y").unwrap();
    let ended = stage.running.ended().await.unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("this machine's clock says 196"),
        "{}",
        ended.stderr
    );
    // With the right clock no effect is left.
    let stage = Stage::with(ended.program.with_clock_offset("+0")).await;
    stage.log_in().await;
}

#[tokio::test]
async fn a_copy_that_lay_untouched_for_40_days_starts_with_a_warning() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let fixed = || program().env("RESCIND_PUBLIC_URL", "http://127.0.0.1");
    let stage = Stage::with(fixed()).await;
    let (ended, open) = (stage.log_in().await, stage.log_in().await);
    stage.api.log_out(ended.access()).await.expect_status(204);
    let stopped = stage.running.terminate().await.unwrap().program;
    let clone = fixed().with_clock_offset("+40d");
    copy(&stopped.data_dir(), &clone.data_dir());

    let stage = Stage::with(clone).await;
    let logs = stage.running.logs();
    let warning = logs
        .lines()
        .find(|line| line.contains("more than RESCIND_SESSION_MAX ahead"));
    let warning = warning.unwrap_or_else(|| panic!("no warning: {logs}"));
    assert!(
        warning.contains(r#""newest":"#) && warning.contains(r#""now":"#),
        "{warning}"
    );
    for tokens in [&ended, &open] {
        assert_eq!(stage.api.me(tokens.access()).await.status, 401);
        assert_eq!(stage.api.refresh(tokens.refresh()).await.status, 401);
    }
    let new = stage.api.log_in("alice", DEMO_PASSWORD).await.tokens();
    stage.assert_alive(&new).await;
    // A start soon after does not warn.
    let stage = Stage::with(
        stage
            .running
            .terminate()
            .await
            .unwrap()
            .program
            .with_clock_offset("+41d"),
    )
    .await;
    let warnings = stage
        .running
        .logs()
        .matches("more than RESCIND_SESSION_MAX ahead")
        .count();
    assert_eq!(warnings, 1);
}

/// Copies a directory of files and directories.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
            fs::set_permissions(&to, fs::metadata(entry.path()).unwrap().permissions()).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
