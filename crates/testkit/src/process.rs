//! A child process with its output collected, and no processes left behind.
//!
//! Each one leads a process group of its own: a browser starts a dozen helpers, and killing only the leader would leave
//! them running. When the owner is dropped, the rest of the group is killed.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::kernel::await_stop;

/// How long the pipes of an ended process may stay open in one of its children.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything a process has written so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Both, in the order of arrival.
    pub(crate) both: String,
    closed: u8,
}

impl Output {
    fn is_complete(&self) -> bool {
        self.closed == 2
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: watch::Receiver<Output>,
}

impl Process {
    /// Starts `command`, whose standard streams are taken over. Needs a tokio runtime.
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (sender, output) = watch::channel(Output::default());
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            tokio::spawn(collect(stdout, Stream::Stdout, sender.clone()));
            tokio::spawn(collect(stderr, Stream::Stderr, sender));
        }
        Ok(Self { child, output })
    }

    pub(crate) fn output(&self) -> Output {
        self.output.borrow().clone()
    }

    /// The process id, until the end of the process has been awaited.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The first line on standard output that `found` accepts, or `None` once the output has ended without one.
    pub(crate) async fn line(&self, found: impl Fn(&str) -> bool) -> Option<String> {
        let search = |output: &Output| output.stdout.lines().find(|line| found(line)).map(str::to_owned);
        let mut output = self.output.clone();
        let output = output
            .wait_for(|output| search(output).is_some() || output.is_complete())
            .await
            .ok()?;
        search(&output)
    }

    /// Waits for the end, and for the last line of output.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        let _ = timeout(LAST_WORDS, self.output.wait_for(Output::is_complete)).await;
        Ok(status)
    }

    /// Asks the process, not its group, to end (SIGTERM).
    pub(crate) fn terminate(&self) -> io::Result<()> {
        Ok(self.pid().map_or(Ok(()), |pid| kill_process(pid, Signal::TERM))?)
    }

    /// Stops the whole group (SIGSTOP), and returns when its leader has stopped.
    pub(crate) fn pause(&self) -> io::Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        kill_process_group(pid, Signal::STOP)?;
        await_stop(pid);
        Ok(())
    }

    /// Resumes it (SIGCONT).
    pub(crate) fn resume(&self) -> io::Result<()> {
        Ok(self.pid().map_or(Ok(()), |pid| kill_process_group(pid, Signal::CONT))?)
    }

    /// Kills the whole group (SIGKILL).
    pub(crate) fn kill(&self) -> io::Result<()> {
        Ok(self.pid().map_or(Ok(()), |pid| kill_process_group(pid, Signal::KILL))?)
    }

    /// `None` once the end was awaited: from then on the number may belong to another process.
    fn pid(&self) -> Option<Pid> {
        self.child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

async fn collect(stream: impl AsyncRead + Unpin, which: Stream, output: watch::Sender<Output>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    // Bytes, not `lines()`: output that is not UTF-8 must be shown, not cut off.
    while matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        output.send_modify(|output| {
            output.both.push_str(&text);
            match which {
                Stream::Stdout => output.stdout.push_str(&text),
                Stream::Stderr => output.stderr.push_str(&text),
            }
        });
        line.clear();
    }
    output.send_modify(|output| output.closed += 1);
}
