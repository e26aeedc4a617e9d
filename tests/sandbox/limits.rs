//! A sandbox under clients that are many, slow, greedy or confused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use couchctl::json::{self, Value};
use couchctl::sandbox::{Options, Sandbox, SandboxError};

use crate::http::{Answer, request};
use crate::serve::{MAP, Serving, project};

fn started(options: Options) -> Sandbox {
    Sandbox::start(options).expect("a sandbox")
}

fn send(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
    request(sandbox.address(), method, path, &headers, body.as_bytes())
}

fn value(answer: &Answer) -> Value {
    json::parse_str(&answer.text()).expect("JSON")
}

#[test]
fn a_thousand_connections_at_once() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let mut streams: Vec<TcpStream> =
        (0..1000).map(|_| TcpStream::connect(sandbox.address()).expect("a connection")).collect();
    for stream in &mut streams {
        let request = b"GET /db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("a request");
    }
    for stream in &mut streams {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn bodies_too_large_are_refused_at_once() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let mut stream = TcpStream::connect(sandbox.address()).expect("a connection");
    let head = "PUT /db/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("a request");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("the request entity is too large"), "{answer}");
}

#[test]
fn what_is_packed_small_may_still_be_too_large() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..70 {
        encoder.write_all(&zeros).expect("memory");
    }
    let packed = encoder.finish().expect("memory");
    let headers = [("Content-Encoding".to_owned(), "gzip".to_owned())];
    let answer = request(sandbox.address(), "PUT", "/db/x", &headers, &packed);
    assert_eq!(answer.status, 413, "{}", answer.text());
}

#[test]
fn slow_and_confused_clients_keep_nobody_waiting() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let mut idle = Vec::new();
    for start in [
        // Bodies that do not come.
        "PUT /db/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        "PUT /db/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        // Heads that do not end.
        "GET /db HTTP/1.1\r\nHost:",
        // Feeds that nobody reads.
        "GET /db/_changes?feed=continuous&heartbeat=10 HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        for _ in 0..5 {
            let mut stream = TcpStream::connect(sandbox.address()).expect("a connection");
            stream.write_all(start.as_bytes()).expect("a request");
            idle.push(stream);
        }
    }
    for nonsense in [&b"\x00\x01\x02\r\n\r\n"[..], b"GET\r\n\r\n", b"{}", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(sandbox.address()).expect("a connection");
        stream.write_all(nonsense).expect("a request");
    }
    let since = Instant::now();
    for number in 0..50 {
        let answer = send(&sandbox, "PUT", &format!("/db/d{number}"), "{}");
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    drop(idle);
}

#[cfg(target_os = "linux")]
#[test]
fn large_answers_that_nobody_reads_are_bounded() {
    // In a process of its own, whose memory is nobody else's.
    let folder = project(MAP);
    let serving = Serving::start(folder.path(), &["--no-test", "--no-fixtures"]);
    let address = serving.address();
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(1 << 20));
    for number in 0..32 {
        let path = format!("/shop/d{number}");
        assert_eq!(request(address, "PUT", &path, &[], text.as_bytes()).status, 201);
    }
    let all = "/shop/_all_docs?include_docs=true";
    let query = format!("GET {all} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // Each wants 32 MiB, which makes more than 3 GiB; 16 of them fit.
    let mut slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(query.as_bytes()).expect("a request");
            stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a time-out");
            stream
        })
        .collect();
    let statuses: Vec<String> = slow
        .iter_mut()
        .map(|stream| {
            let mut start = [0; 12];
            stream.read_exact(&mut start).expect("an answer");
            String::from_utf8_lossy(&start).into_owned()
        })
        .collect();
    let count = |wanted: &str| statuses.iter().filter(|status| status.ends_with(wanted)).count();
    assert_eq!(count("200") + count("503"), 100, "{statuses:?}");
    assert!(count("200") > 0 && count("503") > 50, "{statuses:?}");
    let used = serving.resident();
    assert!(used < 2 << 30, "{used} bytes");
    // Others are served meanwhile, and these too once the slow ones are gone.
    assert_eq!(request(address, "GET", "/shop/_all_docs?limit=1", &[], b"").status, 200);
    drop(slow);
    let deadline = Instant::now() + Duration::from_mins(1);
    while request(address, "GET", all, &[], b"").status != 200 {
        assert!(Instant::now() < deadline, "what was held is not given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn targets_are_taken_as_people_write_them() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    assert_eq!(send(&sandbox, "PUT", "/db/a", "{\"text\": \"{}\"}").status, 201);
    let answer = send(&sandbox, "GET", "/db/_all_docs?key=\"a\"&include_docs=true", "");
    assert_eq!(value(&answer)["rows"][0]["doc"]["text"], "{}");
    // Several requests on one connection, with bodies between them.
    let mut stream = TcpStream::connect(sandbox.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    let get = "GET /db/_all_docs?keys=[\"a\",\"{b}\"] HTTP/1.1\r\nHost: x\r\n\r\n";
    let body = "{\"keys\": [\"a\", \"{c}\"]}";
    let post = format!(
        "POST /db/_all_docs?key=\"\" HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n",
        body.len()
    );
    for (pieces, wanted) in
        [(vec![get], "{b}"), (vec![&post[..9], &post[9..], body], "{c}"), (vec![get], "{b}")]
    {
        for piece in pieces {
            stream.write_all(piece.as_bytes()).expect("a request");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.contains("]}") {
            let count = stream.read(&mut buffer).expect("an answer");
            assert!(count > 0, "the connection ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let expected = format!("{{\"key\":\"{wanted}\",\"error\":\"not_found\"}}");
        assert!(seen.contains(&expected), "{seen}");
    }
}

#[test]
fn odd_requests_are_answered() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for (method, path, body, status) in [
        ("PUT", "/db/x", deep.as_str(), 400),
        ("POST", "/db/_bulk_docs", "{\"docs\":[{\"_id\":\"a\",\"_revisions\":5}]}", 400),
        (
            "POST",
            "/db/_bulk_docs",
            "{\"docs\":[{\"_id\":\"a\",\"_rev\":\"18446744073709551616-x\"}]}",
            400,
        ),
        ("GET", "/db/_changes?since=%FF", "", 400),
        ("GET", "/db/_all_docs?startkey=%FF", "", 400),
        ("GET", "/db/_all_docs?limit=99999999999999999999", "", 400),
        ("GET", "/db/_all_docs?skip=99999999999999999999", "", 200),
        ("GET", "/db/x/../../y", "", 404),
        ("POST", "/db/_revs_diff", "{\"a\":5}", 500),
        ("POST", "/db/_bulk_get", "{\"docs\":[5,{},{\"id\":7}]}", 200),
        ("POST", "/_session", "[]", 400),
        ("PURGE", "/db", "", 405),
        ("COPY", "/db/none", "", 400),
        ("PUT", "/db/_local/x/y", "{}", 400),
        ("GET", "/db/_partition/a/_all_docs", "", 400),
    ] {
        let answer = send(&sandbox, method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
    assert_eq!(send(&sandbox, "GET", "/_up", "").status, 200);
}

#[test]
fn it_is_not_open_to_others_without_an_admin() {
    let bind = "0.0.0.0:0".parse().expect("an address");
    let refused = Sandbox::start(Options { bind, ..Options::default() });
    assert!(matches!(refused, Err(SandboxError::Unprotected(_))), "{refused:?}");
}

#[test]
fn its_port_is_free_when_it_ended() {
    let sandbox = started(Options::default());
    let bind = sandbox.address();
    drop(sandbox);
    let again = started(Options { bind, ..Options::default() });
    assert_eq!(again.address(), bind);
    let taken = Sandbox::start(Options { bind, ..Options::default() });
    assert!(matches!(taken, Err(SandboxError::Bind { .. })), "{taken:?}");
}

#[test]
fn a_slow_build_blocks_nothing_and_ends_with_the_sandbox() {
    let index_delay = Duration::from_hours(1);
    let sandbox = started(Options { index_delay, ..Options::default() });
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    assert_eq!(send(&sandbox, "PUT", "/db/a", "{}").status, 201);
    let design = r#"{"views":{"v":{"map":"function (doc) { emit(1); }"}}}"#;
    assert_eq!(send(&sandbox, "PUT", "/db/_design/d", design).status, 201);
    let mut waiting = TcpStream::connect(sandbox.address()).expect("a connection");
    let query = b"GET /db/_design/d/_view/v HTTP/1.1\r\nHost: x\r\n\r\n";
    waiting.write_all(query).expect("a request");
    std::thread::sleep(Duration::from_millis(200));
    let info = value(&send(&sandbox, "GET", "/db/_design/d/_info", ""));
    assert_eq!(info["view_index"]["updater_running"], true);
    assert_eq!(info["view_index"]["waiting_clients"], 1);
    let tasks = value(&send(&sandbox, "GET", "/_active_tasks", ""));
    assert_eq!(tasks[0]["design_document"], "_design/d");
    let stale = value(&send(&sandbox, "GET", "/db/_design/d/_view/v?update=false", ""));
    assert_eq!(stale["total_rows"], 0);
    assert_eq!(send(&sandbox, "PUT", "/db/b", "{}").status, 201);
    let since = Instant::now();
    drop(sandbox);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn indexes_are_built_in_the_background_when_asked_for() {
    let sandbox = started(Options { autobuild: true, ..Options::default() });
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let design = r#"{"views":{"v":{"map":"function (doc) { emit(doc._id); }"}}}"#;
    assert_eq!(send(&sandbox, "PUT", "/db/_design/d", design).status, 201);
    for number in 0..10 {
        assert_eq!(send(&sandbox, "PUT", &format!("/db/d{number}"), "{}").status, 201);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = value(&send(&sandbox, "GET", "/db/_design/d/_view/v?update=false", ""));
        if answer["total_rows"] == 10 {
            break;
        }
        assert!(Instant::now() < deadline, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn feeds_tell_of_changes_as_they_come() {
    let sandbox = started(Options::default());
    assert_eq!(send(&sandbox, "PUT", "/db", "").status, 201);
    let mut stream = TcpStream::connect(sandbox.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let query = b"GET /db/_changes?feed=continuous&since=now HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(query).expect("a request");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(send(&sandbox, "PUT", "/db/a", "{}").status, 201);
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains("\"id\":\"a\"") {
        let count = stream.read(&mut buffer).expect("a change");
        assert!(count > 0, "the feed ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    let longpoll = std::thread::spawn({
        let address = sandbox.address();
        move || request(address, "GET", "/db/_changes?feed=longpoll&since=now", &[], b"")
    });
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(send(&sandbox, "PUT", "/db/b", "{}").status, 201);
    let answer = value(&longpoll.join().expect("an answer"));
    assert_eq!(answer["results"][0]["id"], "b");
    // A database that goes ends its feeds.
    assert_eq!(send(&sandbox, "DELETE", "/db", "").status, 200);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("last_seq"), "{rest}");
}
