//! The real program, started as a person would start it, with faults.
//!
//! A [`Program`] is what to start: the binary, its settings and its data directory. [`Program::start`] turns it into a
//! [`Running`] one. After any end of that, the `Program` is returned with its data, to be started again:
//!
//! ```no_run
//! # async fn test() -> Result<(), rescind_testkit::ProgramError> {
//! use rescind_testkit::Program;
//! let program = Program::new("target/debug/rescind").env("RESCIND_POLICY", "blacklist").start().await?;
//! let stopped = program.kill_9().await;
//! let program = stopped.with_clock_offset("-1h").start().await?;
//! # Ok(()) }
//! ```
//!
//! A restarted program gets the same port: its public URL is the issuer of its tokens, and on another port it would
//! refuse the old ones for that reason alone.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::process::Process;
use crate::{ApiClient, Browser, CookieClient, JavaScript, Tool};

/// The program prints this on standard output, followed by its base URL, when it accepts connections.
const ANNOUNCEMENT: &str = "Rescind listens on ";
/// Far more than a start, a stop or a recovery takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Lets nodes that share a directory have different clocks.
static CLOCKS: AtomicU32 = AtomicU32::new(0);

/// The program before a start or after an end. Its data directory exists as long as any value that was made from it.
pub struct Program {
    executable: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    bind: String,
    clock_offset: Option<String>,
    clock: String,
    directory: Arc<TempDir>,
    earlier_logs: String,
}

/// Why a program failed. Each variant has the program's output so far.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The system could not start or query it.
    #[error("cannot run {}: {source}", executable.display())]
    Machine {
        /// The binary.
        executable: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("the program ended ({status}) instead of listening:\n{logs}")]
    EndedEarly {
        /// How.
        status: ExitStatus,
        /// What it wrote.
        logs: String,
    },
    /// It did not do the expected thing in time.
    #[error("the program did not {what} within {} s:\n{logs}", DEADLINE.as_secs())]
    TooSlow {
        /// What was awaited.
        what: &'static str,
        /// What it wrote.
        logs: String,
    },
    /// A shifted clock was asked for, and libfaketime is not installed.
    #[error("a shifted clock needs libfaketime: apt-get install faketime")]
    NoFaketime,
    /// The clock of a program that was started on the real one cannot be moved.
    #[error("the program was started on the real clock; start it with `with_clock_offset(\"+0\")`")]
    RealClock,
}

/// The same as `Display`: a failed `unwrap` prints this, and logs are read in lines.
impl fmt::Debug for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the environment: it may hold keys and client secrets.
        f.debug_struct("Program")
            .field("executable", &self.executable)
            .field("arguments", &self.arguments)
            .field("bind", &self.bind)
            .field("clock_offset", &self.clock_offset)
            .field("directory", &self.directory.path())
            .finish_non_exhaustive()
    }
}

impl Program {
    /// The program `executable`, in a new data directory, on a free port of 127.0.0.1, otherwise with its defaults.
    ///
    /// A test of the workspace passes `env!("CARGO_BIN_EXE_rescind")`.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    #[must_use]
    pub fn new(executable: impl Into<PathBuf>) -> Self {
        let directory = TempDir::with_prefix("rescind-").unwrap_or_else(|e| panic!("no temporary directory: {e}"));
        let made = DirBuilder::new().mode(0o700).create(directory.path().join("data"));
        made.unwrap_or_else(|e| panic!("no data directory: {e}"));
        Self {
            executable: executable.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            bind: "127.0.0.1:0".to_owned(),
            clock_offset: None,
            clock: new_clock(),
            directory: Arc::new(directory),
            earlier_logs: String::new(),
        }
    }

    /// Sets an environment variable. The test runner's own settings for the program are not passed on.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Shifts the wall clock that the program sees, from its next start: `-1h`, `+2d`, `+0`. The monotonic clocks stay
    /// real.
    ///
    /// Needs [`Tool::Faketime`]. A running program's clock is moved with [`Running::step_clock`].
    #[must_use]
    pub fn with_clock_offset(mut self, offset: &str) -> Self {
        self.clock_offset = Some(offset.to_owned());
        self
    }

    /// The directory of the database and the keys; also the working directory, so that no stray `.env` is read.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// All output of the program, also from before a restart.
    #[must_use]
    pub fn logs(&self) -> &str {
        &self.earlier_logs
    }

    /// Starts the program and waits until it listens.
    ///
    /// # Errors
    /// [`ProgramError`], with the logs, if it ends or stays silent instead.
    pub async fn start(mut self) -> Result<Running, ProgramError> {
        let mut process = self.spawn()?;
        let Ok(line) = timeout(DEADLINE, process.line(|line| line.starts_with(ANNOUNCEMENT))).await else {
            return Err(ProgramError::TooSlow {
                what: "listen",
                logs: process.output().both,
            });
        };
        let Some(base_url) = line.as_deref().and_then(|line| line.split_whitespace().last()) else {
            let status = self.ended(&mut process, "end after it had closed its output").await?;
            return Err(ProgramError::EndedEarly {
                status,
                logs: process.output().both,
            });
        };
        let base_url = base_url.trim_end_matches('/').to_owned();
        if let Some((_, address)) = base_url.split_once("://") {
            self.bind = address.to_owned();
        }
        Ok(Running {
            program: self,
            process,
            base_url,
        })
    }

    /// Runs the program until it ends by itself: a subcommand, or a configuration that it must refuse.
    ///
    /// # Errors
    /// [`ProgramError::TooSlow`] if it goes on running; it is killed then.
    pub async fn run_to_exit(self) -> Result<Ended, ProgramError> {
        let mut process = self.spawn()?;
        let status = self.ended(&mut process, "end").await?;
        Ok(self.end(&process, status))
    }

    fn spawn(&self) -> Result<Process, ProgramError> {
        let mut command = Command::new(&self.executable);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RESCIND_") || matches!(&*text, "DATABASE_URL" | "REDIS_URL" | "RUST_LOG") {
                command.env_remove(&name);
            }
        }
        if let Some(offset) = &self.clock_offset {
            let library = Tool::Faketime.find().ok_or(ProgramError::NoFaketime)?;
            self.write_clock(offset)?;
            command
                .env("LD_PRELOAD", library)
                // A file and not `FAKETIME`, read on each call, so that the clock can step while the program runs.
                .env("FAKETIME_TIMESTAMP_FILE", self.clock_file())
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("NO_FAKE_STAT", "1");
        }
        command
            .args(&self.arguments)
            .current_dir(self.data_dir())
            .env("RESCIND_BIND", &self.bind)
            .env("RESCIND_DATA_DIR", self.data_dir())
            .envs(&self.environment);
        Process::spawn(command).map_err(|source| self.machine(source))
    }

    async fn ended(&self, process: &mut Process, what: &'static str) -> Result<ExitStatus, ProgramError> {
        match timeout(DEADLINE, process.ended()).await {
            Ok(status) => status.map_err(|source| self.machine(source)),
            Err(_) => Err(ProgramError::TooSlow {
                what,
                logs: process.output().both,
            }),
        }
    }

    fn end(mut self, process: &Process, status: ExitStatus) -> Ended {
        let output = process.output();
        self.earlier_logs.push_str(&output.both);
        Ended {
            status,
            stdout: output.stdout,
            stderr: output.stderr,
            program: self,
        }
    }

    fn clock_file(&self) -> PathBuf {
        self.directory.path().join(&self.clock)
    }

    /// By renaming: the program must never read half a file.
    fn write_clock(&self, offset: &str) -> Result<(), ProgramError> {
        let draft = self.clock_file().with_extension("draft");
        std::fs::write(&draft, format!("{offset}\n"))
            .and_then(|()| std::fs::rename(&draft, self.clock_file()))
            .map_err(|source| self.machine(source))
    }

    fn machine(&self, source: io::Error) -> ProgramError {
        ProgramError::Machine {
            executable: self.executable.clone(),
            source,
        }
    }
}

fn new_clock() -> String {
    format!("clock-{}", CLOCKS.fetch_add(1, Ordering::Relaxed))
}

/// The program while it listens. Dropping it kills it, with all of its children.
#[derive(Debug)]
pub struct Running {
    program: Program,
    process: Process,
    base_url: String,
}

impl Running {
    /// Where it listens, without a slash at the end: `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// All output of the program on both streams, also from before a restart.
    #[must_use]
    pub fn logs(&self) -> String {
        format!("{}{}", self.program.earlier_logs, self.process.output().both)
    }

    /// The directory that holds the database and the keys.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.program.data_dir()
    }

    /// The process id.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// A client of this program's JSON API.
    #[must_use]
    pub fn api_client(&self) -> ApiClient {
        ApiClient::new(&self.base_url)
    }

    /// A visitor of this program's pages without a browser.
    #[must_use]
    pub fn cookie_client(&self) -> CookieClient {
        CookieClient::new(&self.base_url)
    }

    /// A visitor of this program's pages in Chromium. Call [`needs`](crate::needs) before.
    pub async fn browser(&self, javascript: JavaScript) -> Browser {
        Browser::start(&self.base_url, javascript).await
    }

    /// Waits until the program is ready to serve: `/health/ready` answers 200.
    ///
    /// # Errors
    /// [`ProgramError::TooSlow`], with the logs.
    pub async fn ready(&self) -> Result<(), ProgramError> {
        let client = self.api_client();
        // There is no event for readiness, so it is polled.
        let mut tick = interval(Duration::from_millis(50));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let answered_200 = async {
            loop {
                tick.tick().await;
                let answer = client.attempt(client.request("GET", "/health/ready")).await;
                if answer.is_ok_and(|reply| reply.status == 200) {
                    return;
                }
            }
        };
        timeout(DEADLINE, answered_200)
            .await
            .map_err(|_| ProgramError::TooSlow {
                what: "become ready",
                logs: self.logs(),
            })
    }

    /// Moves the wall clock of the running program to `offset` from the real one.
    ///
    /// # Errors
    /// [`ProgramError::RealClock`] if it was not started [`with_clock_offset`](Program::with_clock_offset).
    pub fn step_clock(&self, offset: &str) -> Result<(), ProgramError> {
        if self.program.clock_offset.is_none() {
            return Err(ProgramError::RealClock);
        }
        self.program.write_clock(offset)
    }

    /// The same program on the same data, with the same settings, but with a port and a clock of its own: a second
    /// node, or one that must be refused. Set the differences before its start:
    ///
    /// ```no_run
    /// # async fn test(a: rescind_testkit::Running, cable: rescind_testkit::TcpRelay) -> Result<(), rescind_testkit::ProgramError> {
    /// let url = format!("redis://127.0.0.1:{}", cable.port());
    /// let b = a.second_node().env("REDIS_URL", url).with_clock_offset("+1h").start().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn second_node(&self) -> Program {
        Program {
            executable: self.program.executable.clone(),
            arguments: self.program.arguments.clone(),
            environment: self.program.environment.clone(),
            bind: "127.0.0.1:0".to_owned(),
            clock_offset: self.program.clock_offset.clone(),
            clock: new_clock(),
            directory: Arc::clone(&self.program.directory),
            earlier_logs: String::new(),
        }
    }

    /// Stops it (SIGSTOP): connections stay open, the kernel still accepts new ones, and there are no replies. When
    /// this returns, it has stopped.
    ///
    /// # Errors
    /// [`ProgramError::Machine`] if it cannot be reached.
    pub fn pause(&self) -> Result<(), ProgramError> {
        self.process.pause().map_err(|source| self.program.machine(source))
    }

    /// Resumes it (SIGCONT); it answers the requests that it got meanwhile.
    ///
    /// # Errors
    /// [`ProgramError::Machine`] if it cannot be reached.
    pub fn resume(&self) -> Result<(), ProgramError> {
        self.process.resume().map_err(|source| self.program.machine(source))
    }

    /// Kills it without a warning, like a power cut.
    pub async fn kill_9(mut self) -> Program {
        let _ = self.process.kill();
        match self.process.ended().await {
            Ok(status) => self.program.end(&self.process, status).program,
            Err(error) => panic!("the killed program cannot be awaited: {error}"),
        }
    }

    /// Sends it SIGTERM and waits for its end.
    ///
    /// # Errors
    /// [`ProgramError::TooSlow`], with the logs, if it does not.
    pub async fn terminate(self) -> Result<Ended, ProgramError> {
        self.process
            .terminate()
            .map_err(|source| self.program.machine(source))?;
        self.ended().await
    }

    /// Waits until it has ended, by itself or after a signal.
    ///
    /// # Errors
    /// [`ProgramError::TooSlow`], with the logs, if it goes on running.
    pub async fn ended(mut self) -> Result<Ended, ProgramError> {
        let status = self.program.ended(&mut self.process, "end").await?;
        Ok(self.program.end(&self.process, status))
    }

    /// [Terminates](Self::terminate) it and starts it again on its data and its port.
    ///
    /// # Errors
    /// Those of the two steps.
    pub async fn restart(self) -> Result<Self, ProgramError> {
        self.terminate().await?.program.start().await
    }
}

/// The end of a program.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output since the last start.
    pub stdout: String,
    /// Its standard error since the last start.
    pub stderr: String,
    /// The program, ready for another start on the same data.
    pub program: Program,
}
