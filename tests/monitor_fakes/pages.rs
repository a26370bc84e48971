//! Small HTTP exporters.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// A server that gives every connection to `answer`; gives its address. It ends with the test's process.
pub(crate) fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream);
        }
    });
    address
}

/// Reads a request, up to its empty line.
pub(crate) fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Answers a request and closes.
pub(crate) fn reply(mut stream: TcpStream, status: &str, body: &str) {
    request(&mut stream);
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _gone = stream.write_all(head.as_bytes());
    let _gone = stream.write_all(body.as_bytes());
}

/// A page that is always the same.
pub(crate) fn answer(body: &'static str) -> String {
    serve(move |stream| reply(stream, "200 OK", body))
}

/// A page that is made anew each time; `make` is told how often it was asked for.
pub(crate) fn changing(make: impl Fn(u32) -> String + Send + 'static) -> String {
    let times = std::sync::atomic::AtomicU32::new(0);
    serve(move |stream| {
        let before = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(stream, "200 OK", &make(before + 1));
    })
}

/// A page without end, until the reader has gone.
pub(crate) fn flood(mut stream: TcpStream) {
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    let block = b"rubbish_without_any_line_end_".repeat(4096);
    while stream.write_all(&block).is_ok() {}
}
