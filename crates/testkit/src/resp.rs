//! The part of Redis's protocol (RESP 2) that one command needs.
//!
//! A client library would do, but then the testkit would depend on the library that it tests; and a reader of forty
//! lines is smaller than one.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to a Redis server.
#[derive(Debug)]
pub(crate) struct Resp(BufReader<TcpStream>);

impl Resp {
    pub(crate) async fn connect(port: u16) -> io::Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?)))
    }

    /// Sends a command and reads its answer: the elements of a list on separate lines, an empty text for nil.
    ///
    /// # Errors
    /// Those of the connection, and an error reply of the server, as [`io::ErrorKind::Other`].
    pub(crate) async fn ask(&mut self, command: &[&str]) -> io::Result<String> {
        let mut request = format!("*{}\r\n", command.len());
        for word in command {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(request.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<String> {
        let mut whole = Vec::new();
        let mut awaited = 1_usize;
        while awaited > 0 {
            awaited -= 1;
            let line = line(&mut self.0).await?;
            let (kind, rest) = line.split_at_checked(1).ok_or_else(garbled)?;
            match kind {
                "+" | ":" => whole.push(rest.to_owned()),
                "-" => return Err(io::Error::other(rest.to_owned())),
                "$" if rest != "-1" => whole.push(self.text(rest.parse().map_err(|_| garbled())?).await?),
                // Depth first, so a list within a list simply lends its elements.
                "*" if rest != "-1" => awaited += rest.parse::<usize>().map_err(|_| garbled())?,
                "$" | "*" => whole.push(String::new()),
                _ => return Err(garbled()),
            }
        }
        Ok(whole.join("\n"))
    }

    async fn text(&mut self, length: usize) -> io::Result<String> {
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).await?;
        text.truncate(length);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn garbled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not Redis's protocol")
}
