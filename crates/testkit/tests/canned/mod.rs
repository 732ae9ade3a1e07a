//! A server with fixed answers that records the requests.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each request by the contents of its request line, and closes the connection.
pub(crate) struct Canned {
    pub(crate) base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// `answers` are pairs of a part of the request line and the raw answer, without its `Content-Length`.
    pub(crate) async fn start(answers: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut piece = [0; 4096];
                    while !is_whole(&request) {
                        match connection.read(&mut piece).await {
                            Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
                            _ => return,
                        }
                    }
                    let request = String::from_utf8(request).unwrap();
                    let line = request.lines().next().unwrap();
                    let (_, head, body) =
                        answers
                            .iter()
                            .find(|(part, ..)| line.contains(part))
                            .unwrap_or(&("", "404 Not Found", ""));
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
                    seen.lock().unwrap().push(request.to_lowercase());
                    let _ = connection.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { base_url, requests }
    }

    /// The requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
