//! A store's server process, private to a test, which ends with it.
//!
//! [`Process`](crate::process::Process) is not enough for a server, for three reasons.
//! - **It may outlive the runtime that started it.** Each `#[tokio::test]` has a runtime of its own, and a server that
//!   tests share belongs to none of them. So this is a plain child, with its output in a file and not in pipes that a
//!   task would have to read.
//! - **A static is never dropped.** A server that a test process shares has to end with that process, in every case.
//!   The kernel's own means (`PR_SET_PDEATHSIG`) follows the *thread* that started the child, and a test is a thread:
//!   the server would end with the first test. So a watchdog, a line of shell, reads a pipe without writers. When the
//!   last holder of the other end is gone, the test process has ended, and the watchdog ends the server and removes its
//!   directory. It is a member of the server's process group, so that the group's number can't be reused while there is
//!   a watchdog that would kill by it.
//! - **The group is not the family.** Postgres gives every backend a session of its own, so killing or stopping the
//!   group would leave backends running. The family is found in `/proc`, while its head is stopped and can't have more
//!   children.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::kernel::{await_end, await_stop, children, patiently};

/// `$1`: the server, `$2`: the signal that ends it, `$3`: its directory. `kill 0` is the own group.
///
/// It ignores SIGHUP: when the parent of a stopped process ends, the kernel sends that to the whole group, also to the
/// watchdog, just when it is needed.
const WATCHDOG: &str = r#"
trap '' HUP
cat
kill -CONT "$1"; kill -"$2" "$1"
tries=0
while kill -0 "$1" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf -- "$3"
kill -KILL 0
"#;

/// How a server is ended when its data is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It leaves nothing behind that needs cleaning up.
    Kill,
    /// SIGQUIT: it ends fast, and releases what the kernel would keep (shared memory of System V).
    Quit,
}

/// A running server. Dropping it ends it, with all of its children.
#[derive(Debug)]
pub(crate) struct Daemon {
    server: Child,
    /// Holds the pipe whose end the watchdog waits for.
    watchdog: Option<Child>,
    farewell: Farewell,
}

impl Daemon {
    /// Starts `command`, whose output goes to `log`. If this process ends, so does the server, and `directory` is
    /// removed.
    pub(crate) fn spawn(mut command: Command, log: &Path, directory: &Path, farewell: Farewell) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let server = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let mut daemon = Self {
            server,
            watchdog: None,
            farewell,
        };
        // A server that has ended already has no group to join, and needs none.
        let watchdog = daemon.watchdog_command(directory).spawn();
        if daemon.is_running()? {
            daemon.watchdog = Some(watchdog?);
        } else if let Ok(mut watchdog) = watchdog {
            watchdog.kill()?;
            watchdog.wait()?;
        }
        Ok(daemon)
    }

    fn watchdog_command(&self, directory: &Path) -> Command {
        let farewell = match self.farewell {
            Farewell::Kill => "KILL",
            Farewell::Quit => "QUIT",
        };
        let id = self.id();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WATCHDOG, "watchdog", &id.to_string(), farewell])
            .arg(directory)
            .stdin(Stdio::piped())
            // Never the streams of the test: a reader of those would wait for the watchdog.
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Ok(group) = i32::try_from(id) {
            command.process_group(group);
        }
        command
    }

    /// The process id of the server.
    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Whether the server has not ended.
    pub(crate) fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.server.try_wait()?.is_none())
    }

    /// Sends the server itself a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        send(self.living_head()?, signal)
    }

    /// Stops the whole family (SIGSTOP), and returns when it has stopped.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        let head = self.living_head()?;
        send(head, Signal::STOP)?;
        await_stop(head);
        let children = children(head);
        for child in &children {
            send(*child, Signal::STOP)?;
        }
        children.into_iter().for_each(await_stop);
        Ok(())
    }

    /// Resumes it (SIGCONT).
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        let head = self.living_head()?;
        for member in children(head).into_iter().chain([head]) {
            send(member, Signal::CONT)?;
        }
        Ok(())
    }

    /// Kills the whole family (SIGKILL), and returns when it is gone.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let family = match self.head()? {
            Some(head) => {
                send(head, Signal::STOP)?;
                await_stop(head);
                let mut family = children(head);
                // While the head is stopped, it can't reap its children, so their numbers are not reused.
                for child in &family {
                    send(*child, Signal::KILL)?;
                }
                send(head, Signal::KILL)?;
                self.server.wait()?;
                family.push(head);
                family
            }
            None => Vec::new(),
        };
        if let Some(mut watchdog) = self.watchdog.take() {
            // It has not been awaited, so the group is still the server's: the rest of the group ends too.
            if let Some(group) = pid(self.server.id()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            watchdog.wait()?;
        }
        family.into_iter().for_each(await_end);
        Ok(())
    }

    fn living_head(&mut self) -> io::Result<Pid> {
        self.head()?.ok_or_else(|| io::Error::other("it has ended by itself"))
    }

    /// The server, while its number is still its own.
    fn head(&mut self) -> io::Result<Option<Pid>> {
        Ok(if self.is_running()? {
            pid(self.server.id())
        } else {
            None
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.farewell == Farewell::Quit {
            let _ = self.resume();
            let _ = self.signal(Signal::QUIT);
            let _ = patiently(|| !self.is_running().unwrap_or(false));
        }
        let _ = self.kill();
    }
}

/// It is no error if the process is gone meanwhile.
fn send(member: Pid, signal: Signal) -> io::Result<()> {
    match kill_process(member, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}
