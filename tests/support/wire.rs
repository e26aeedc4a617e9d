//! A server over loopback that answers as a script says, on its own or in front of a real one, and
//! remembers what it was asked.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its number, from 0.
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    /// All bytes up to the body.
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Whether it changes something.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answer with these bytes, and close.
    Bytes(Vec<u8>),
    /// Close without an answer.
    Reset,
    /// Answer half of what was announced.
    Half,
    /// Never answer.
    Stall,
    /// Ask the real server, and pass its answer on.
    Pass,
    /// Ask the real server, and do this instead of passing its answer on.
    PassThen(Box<Reply>),
}

impl Reply {
    fn answer(status: u16, kind: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        Self::Bytes(text.into_bytes())
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::answer(status, "application/json", body)
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::answer(status, "text/plain", body)
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page = format!("<html>\n<head><title>{title}</title></head><body></body></html>");
        Self::answer(status, "text/html", &page)
    }

    /// Adds a header line to an answer.
    pub(crate) fn header(self, line: &str) -> Self {
        let Self::Bytes(bytes) = self else { return self };
        let text = String::from_utf8(bytes).expect("text");
        let (status, rest) = text.split_once("\r\n").expect("a status line");
        Self::Bytes(format!("{status}\r\n{line}\r\n{rest}").into_bytes())
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server.
pub(crate) struct Wire {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
}

impl Wire {
    /// Starts a server of its own.
    pub(crate) fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::before(String::new(), script)
    }

    /// Starts a server in front of the one at `upstream` (`host:port`).
    pub(crate) fn before(
        upstream: String,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let stop: Arc<AtomicBool> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let number = Arc::new(AtomicUsize::new(0));
        let (seen, stopping) = (Arc::clone(&asked), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (seen, script, number) =
                    (Arc::clone(&seen), Arc::clone(&script), Arc::clone(&number));
                let upstream = upstream.clone();
                std::thread::spawn(move || serve(stream, &upstream, &seen, &*script, &number));
            }
        });
        Self { address, asked, stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    upstream: &str,
    seen: &Mutex<Vec<Asked>>,
    script: &Script,
    number: &AtomicUsize,
) {
    let Some((head, body)) = read_message(&mut stream) else { return };
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let asked = Asked {
        number: number.fetch_add(1, Ordering::Relaxed),
        method: method.to_owned(),
        target: target.to_owned(),
        head: head.clone(),
        body,
    };
    seen.lock().expect("no panic").push(asked.clone());
    let mut reply = script(&asked);
    if let Reply::PassThen(then) = reply {
        pass(upstream, &asked);
        reply = *then;
    }
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Reset => {
            let _ = stream.shutdown(Shutdown::Both);
        }
        Reply::Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"rows\":[");
        }
        Reply::Stall => std::thread::sleep(Duration::from_secs(20)),
        Reply::Pass => {
            let _ = stream.write_all(&pass(upstream, &asked));
        }
        Reply::PassThen(_) => panic!("one reply inside another"),
    }
}

/// Head and body of a message with a `Content-Length`.
fn read_message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
    while bytes.len() < end + length {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
    Some((head, bytes.split_off(end)))
}

/// The whole answer of the real server.
fn pass(upstream: &str, asked: &Asked) -> Vec<u8> {
    let mut stream = TcpStream::connect(upstream).expect("the real server");
    let mut request = String::new();
    for (index, line) in asked.head.trim_end().lines().enumerate() {
        let name = line.split(':').next().unwrap_or_default();
        if index > 0
            && ["connection", "accept-encoding"].iter().any(|skip| name.eq_ignore_ascii_case(skip))
        {
            continue;
        }
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str("Connection: close\r\n\r\n");
    let mut answer = Vec::new();
    let sent = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.write_all(&asked.body))
        .and_then(|()| stream.read_to_end(&mut answer));
    // A server that resets the connection instead of closing it has answered by then.
    drop(sent);
    answer
}
