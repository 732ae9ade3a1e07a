//! The wire between the browser and the program: it counts requests, and injects network faults.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The program handles it; the answer never arrives.
    Silence,
    /// The program handles it; the connection ends instead of an answer.
    Cut,
    /// The program does not get it. This answer is sent instead: status line and headers, then the body.
    Instead(&'static str, &'static str),
}

/// A TCP proxy on a port of 127.0.0.1. Clones are the same wire.
#[derive(Clone)]
pub(crate) struct Wire {
    url: String,
    carried: Arc<Mutex<Vec<String>>>,
    answered: Arc<Mutex<Vec<String>>>,
    faults: Arc<Mutex<Vec<Ordered>>>,
}

struct Ordered {
    request: &'static str,
    fault: Fault,
    times: usize,
}

impl Wire {
    /// Takes a port. No request is answered before [`carry_to`](Self::carry_to).
    pub(crate) async fn bind() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            carried: Arc::default(),
            answered: Arc::default(),
            faults: Arc::default(),
        };
        (wire, listener)
    }

    /// Carries every connection to the program at this base URL, for as long as the test runs.
    pub(crate) fn carry_to(&self, listener: TcpListener, base_url: &str) {
        let program = base_url.strip_prefix("http://").unwrap().to_owned();
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let (wire, program) = (wire.clone(), program.clone());
                tokio::spawn(async move { wire.carry(browser, &program).await });
            }
        });
    }

    /// The browser's side.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Injects this fault into the next requests that begin like `request`, this many times.
    pub(crate) fn fail(&self, request: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().push(Ordered { request, fault, times });
    }

    /// How many of the faults have not happened yet.
    pub(crate) fn faults_to_come(&self) -> usize {
        let faults = self.faults.lock().unwrap();
        faults.iter().map(|ordered| ordered.times).sum()
    }

    /// How many requests that begin like `request` were sent.
    pub(crate) fn count(&self, request: &str) -> usize {
        beginning_like(request, &self.carried)
    }

    /// How many of them got the program's own answer, without lost or abandoned ones.
    pub(crate) fn answered(&self, request: &str) -> usize {
        beginning_like(request, &self.answered)
    }

    /// An error means that one side has hung up; then the other is closed too.
    async fn carry(&self, mut browser: TcpStream, program: &str) -> Option<()> {
        let mut program = TcpStream::connect(program).await.ok()?;
        let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let (mut fault, mut unanswered) = (None, None);
        loop {
            tokio::select! {
                read = browser.read(&mut up) => {
                    let sent = up.get(..read.ok()?).filter(|sent| !sent.is_empty())?;
                    if let Some(line) = request_line(sent) {
                        fault = self.judge(line);
                        unanswered = Some(line.to_owned());
                    }
                    match fault {
                        // Once, even if the body of the request arrives separately from its head.
                        Some(Fault::Instead(head, body)) => {
                            if unanswered.take().is_some() {
                                let length = body.len();
                                let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
                                browser.write_all(answer.as_bytes()).await.ok()?;
                            }
                        }
                        _ => program.write_all(sent).await.ok()?,
                    }
                }
                read = program.read(&mut down) => {
                    let answer = down.get(..read.ok()?).filter(|answer| !answer.is_empty())?;
                    match fault {
                        None => {
                            browser.write_all(answer).await.ok()?;
                            self.answered.lock().unwrap().extend(unanswered.take());
                        }
                        Some(Fault::Cut) => return None,
                        Some(_) => {}
                    }
                }
            }
        }
    }

    fn judge(&self, line: &str) -> Option<Fault> {
        self.carried.lock().unwrap().push(line.to_owned());
        let mut faults = self.faults.lock().unwrap();
        let ordered = faults
            .iter_mut()
            .find(|ordered| ordered.times > 0 && line.starts_with(ordered.request))?;
        ordered.times -= 1;
        Some(ordered.fault)
    }
}

fn beginning_like(request: &str, lines: &Mutex<Vec<String>>) -> usize {
    let lines = lines.lock().unwrap();
    lines.iter().filter(|line| line.starts_with(request)).count()
}

/// The first line of a request, if one begins here. Browsers write head and body apart; a body is not mistaken for one.
fn request_line(sent: &[u8]) -> Option<&str> {
    let end = sent.iter().position(|byte| *byte == b'\r')?;
    std::str::from_utf8(sent.get(..end)?)
        .ok()
        .filter(|line| line.ends_with(" HTTP/1.1"))
}
