//! A static file server: GET, with a range that begins somewhere, of one folder.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// Serves `folder` until the process ends; gives its address.
pub(crate) fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away in the middle is its own affair.
            let _ = answer(stream, &folder);
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let mut from = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        let range = line.strip_prefix("range: bytes=").and_then(|range| range.split('-').next());
        from = range.and_then(|range| range.parse().ok()).or(from);
    }
    let head = |status: &str, length: usize, more: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n")
    };
    let found = std::fs::read(folder.join(path));
    let (head, body) = match (&found, from) {
        (Err(_), _) => (head("404 Not Found", 0, ""), &[][..]),
        (Ok(all), Some(from)) if from < all.len() => {
            let range = format!("content-range: bytes {from}-{}/{}\r\n", all.len() - 1, all.len());
            (head("206 Partial Content", all.len() - from, &range), &all[from..])
        }
        (Ok(_), Some(_)) => (head("416 Range Not Satisfiable", 0, ""), &[][..]),
        (Ok(all), None) => (head("200 OK", all.len(), ""), &all[..]),
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
