//! An app's upload client, as plain as it may be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use noctule_core::upload::{TransferOutcome, UploadRequest};

/// No answer takes longer here.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is longer than this of an answer is cut, as the library allows.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Sends `request` to `address` and takes the answer, whatever it is.
#[must_use]
pub fn post(address: SocketAddr, request: &UploadRequest) -> TransferOutcome {
    match try_post(address, request) {
        Ok(outcome) => outcome,
        Err(error) => TransferOutcome::NoAnswer { reason: error.to_string() },
    }
}

fn try_post(address: SocketAddr, request: &UploadRequest) -> std::io::Result<TransferOutcome> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("POST {} HTTP/1.1\r\nhost: collector\r\n", request.path);
    for (name, value) in &request.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    // The empty line ends the head, and so does the end of the connection.
    while reader.read_line(&mut head)? > 2 {}
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.to_ascii_lowercase().strip_prefix(name)?.trim().parse().ok())
    };
    let length: Option<u64> = header("content-length:");
    let mut body = Vec::new();
    reader.take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
    if length.is_some_and(|length| length != body.len() as u64) {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(TransferOutcome::Answer { status, body, retry_after_s: header("retry-after:") })
}
