//! What the kernel reports about processes, in `/proc`.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

/// How long the kernel may take to stop a process, and a server to end: far more than either needs.
const OBEDIENCE: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(2);

/// State and parent from `/proc/…/stat`; the name before them may contain any character, also a bracket.
fn status(process: &OsStr) -> Option<(char, i32)> {
    let stat = fs::read_to_string(PathBuf::from("/proc").join(process).join("stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The children of `parent` that it has not reaped yet.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let child = name.to_str()?.parse().ok()?;
            (status(&name)?.1 == parent).then_some(child)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Waits until it has stopped, or is gone.
pub(crate) fn await_stop(process: Pid) {
    await_state(process, |state| matches!(state, None | Some('T' | 'Z')));
}

/// Waits until it is gone. A zombie counts as gone, even if no parent reaps it.
pub(crate) fn await_end(process: Pid) {
    await_state(process, |state| matches!(state, None | Some('Z' | 'X')));
}

fn await_state(process: Pid, wanted: impl Fn(Option<char>) -> bool) {
    let name = process.as_raw_nonzero().to_string();
    let _ = patiently(|| wanted(status(OsStr::new(&name)).map(|(state, _)| state)));
}

/// Whether `done` became true in time. Blocks: the waits are short, and a destructor also has to wait.
pub(crate) fn patiently(mut done: impl FnMut() -> bool) -> bool {
    let tries = OBEDIENCE.as_millis() / STEP.as_millis();
    (0..tries).any(|_| {
        let is_done = done();
        if !is_done {
            thread::sleep(STEP);
        }
        is_done
    })
}
