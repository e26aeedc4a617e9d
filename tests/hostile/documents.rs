//! Files of documents that are broken, or larger than memory should hold.

use std::io::Read;

use couchctl::document::DocumentFile;
use couchctl::json;

/// A text again and again, then nothing: a file that never exists as a whole.
struct Repeated {
    text: Vec<u8>,
    times: usize,
    at: usize,
}

impl Repeated {
    fn new(text: &str, times: usize) -> Self {
        Self { text: text.as_bytes().to_vec(), times, at: 0 }
    }
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut written = 0;
        while written < buffer.len() && self.times > 0 {
            let rest = &self.text[self.at..];
            let length = rest.len().min(buffer.len() - written);
            buffer[written..written + length].copy_from_slice(&rest[..length]);
            written += length;
            self.at += length;
            if self.at == self.text.len() {
                self.at = 0;
                self.times -= 1;
            }
        }
        Ok(written)
    }
}

fn count(lines: usize) {
    let line = "{\"_id\":\"a\",\"type\":\"task\",\"tags\":[\"a\",\"b\"],\"n\":1}\n";
    let mut seen = 0;
    for document in DocumentFile::new(Repeated::new(line, lines), "stream") {
        assert_eq!(document.expect("a document").text.len(), line.len() - 1);
        seen += 1;
    }
    assert_eq!(seen, lines);
}

#[test]
fn many_lines() {
    count(100_000);
}

#[test]
#[ignore = "takes a minute: cargo test --release --test hostile -- --ignored"]
fn ten_million_lines() {
    count(10_000_000);
}

#[test]
#[ignore = "takes a minute: cargo test --release --test hostile -- --ignored"]
fn a_document_of_a_hundred_megabytes() {
    for (megabytes, fits) in [(99, true), (101, false), (1000, false)] {
        let input = "{\"_id\":\"a\",\"s\":\""
            .as_bytes()
            .chain(Repeated::new("x", megabytes << 20))
            .chain("\"}".as_bytes());
        let read = DocumentFile::new(input, "stream").next().expect("something");
        assert_eq!(read.is_ok(), fits, "{megabytes}");
    }
}

#[test]
fn a_document_larger_than_allowed() {
    let input = "{\"_id\":\"".as_bytes().chain(Repeated::new("x", 1 << 30));
    let error = DocumentFile::with_maximum(input, "stream", 1 << 16)
        .next()
        .expect("something")
        .expect_err("it is too large");
    assert!(error.to_string().starts_with("stream:1"), "{error}");
}

#[test]
fn text_that_is_no_document() {
    for (text, line) in [
        (&b"{\"_id\":\"a\""[..], 1),
        (b"{\"_id\":\"a\"}\n{\"_id\":", 2),
        (b"{\"_id\":\"a\"}\n{\"_id\":\"b", 2),
        (b"{\"_id\":\"a\"}\n[1,2", 2),
        (b"{\"_id\":\"\xff\"}", 1),
        (b"{\"_id\":\"a\",\n\"b\":\"\xc3\"}", 2),
        (b"{\"_id\":\"a\"}\n\0", 2),
        (b"{\"_id\":\"a\0b\"}", 1),
        (b"\xff\xfe{\0", 1),
        (b"\x1f\x8b\x08\0", 1),
        (b"<html>", 1),
        (b"{\"_id\":\"a\"} trailing", 1),
        (b"]", 1),
        (b"{{{", 1),
        (b"{\"rows\":[{\"id\":\"a\"", 1),
        (b"1", 1),
        (b"\"text\"", 1),
    ] {
        let error = DocumentFile::new(text, "file.json")
            .find_map(Result::err)
            .unwrap_or_else(|| panic!("{} is read", text.escape_ascii()));
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("file.json:{line}")),
            "{}: {message}",
            text.escape_ascii()
        );
        assert!(message.len() < 300, "{message}");
    }
    for text in [&b""[..], b"\xef\xbb\xbf", b"\xef\xbb\xbf{\"_id\":\"a\"}", b"\n\n\n", b"[]"] {
        assert!(DocumentFile::new(text, "file.json").all(|document| document.is_ok()));
    }
}

#[test]
fn brackets_without_end() {
    // The threads of tests have a quarter of the stack that programs have.
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(|| {
        for open in ["[", "{\"a\":", "[{\"a\":"] {
            let text = format!("{{\"_id\":\"a\",\"b\":{}", open.repeat(1_000_000));
            let error = DocumentFile::new(text.as_bytes(), "file.json").find_map(Result::err);
            assert!(error.is_some(), "{open}");
            let error = json::parse_str(&text).expect_err("it is nested too deeply");
            assert!(error.message.contains("nested deeper"), "{error}");
        }
    });
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn duplicate_members_are_the_last_of_them() {
    let value = json::parse_str(r#"{"a":1,"b":2,"\u0061":3}"#).expect("JSON");
    assert_eq!(json::to_string(&value), r#"{"b":2,"a":3}"#);
}
