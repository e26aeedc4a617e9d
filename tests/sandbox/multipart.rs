//! Documents with their attachments behind them, as replication asks for them and sends them.

use couchctl::json::{self, Value};
use couchctl::sandbox::{Options, Sandbox};

use crate::http::{Answer, request};

fn get(sandbox: &Sandbox, path: &str, accept: &str) -> Answer {
    request(sandbox.address(), "GET", path, &[("Accept".into(), accept.into())], b"")
}

fn put(sandbox: &Sandbox, path: &str, body: &str) -> String {
    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
    let answer = request(sandbox.address(), "PUT", path, &headers, body.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let value = json::parse_str(&answer.text()).expect("JSON");
    value["rev"].as_str().unwrap_or_default().to_owned()
}

/// A database with a document of two attachments, one of which is stored compressed; its revisions.
fn filled() -> (Sandbox, String, String) {
    let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
    put(&sandbox, "/db", "");
    let first = put(
        &sandbox,
        "/db/doc",
        r#"{"_attachments":{"a.bin":{"content_type":"application/octet-stream","data":"AAH/"}}}"#,
    );
    let second = format!(
        r#"{{"_rev":"{first}","_attachments":{{"a.bin":{{"stub":true}},"b.txt":{{"content_type":"text/plain","data":"aGVsbG8="}}}}}}"#
    );
    let second = put(&sandbox, "/db/doc", &second);
    (sandbox, first, second)
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> &str {
    content_type.split('"').nth(1).expect("a boundary")
}

#[test]
fn a_document_comes_with_its_attachments() {
    let (sandbox, ..) = filled();
    let answer = get(&sandbox, "/db/doc?attachments=true", "multipart/related, application/json");
    let kind = answer.header("Content-Type").expect("a type").to_owned();
    assert!(kind.starts_with("multipart/related; boundary="), "{kind}");
    let text = answer.text();
    let parts: Vec<&str> = text.split(&format!("--{}", boundary(&kind))).collect();
    let [nothing, document, first, second, end] = parts.as_slice() else {
        panic!("not three parts: {text}")
    };
    assert_eq!((*nothing, *end), ("", "--"));
    let document = document.split("\r\n\r\n").nth(1).expect("a body");
    let document = json::parse_str(document).expect("JSON");
    assert_eq!(document["_attachments"]["a.bin"]["follows"], true);
    assert_eq!(document["_attachments"]["b.txt"]["encoding"], "gzip");
    // In the order that the document names them.
    let names = ["a.bin", "b.txt"].map(|name| document["_attachments"][name]["revpos"].clone());
    assert_eq!(names, [Value::from(1), Value::from(2)]);
    assert!([first, second].iter().any(|part| part.contains("filename=\"a.bin\"")), "{text}");
    assert!([first, second].iter().any(|part| part.contains("\r\nContent-Encoding: gzip\r\n")));
    // Who takes JSON only gets JSON, and so does everybody when there is nothing to follow.
    let answer = get(&sandbox, "/db/doc?attachments=true", "application/json");
    let document = json::parse_str(&answer.text()).expect("JSON");
    assert_eq!(document["_attachments"]["b.txt"]["data"], "aGVsbG8=");
    put(&sandbox, "/db/plain", "{}");
    let answer = get(&sandbox, "/db/plain?attachments=true", "*/*");
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
}

#[test]
fn attachments_that_are_known_stay_stubs() {
    let (sandbox, first, _) = filled();
    let path = format!("/db/doc?atts_since=[%22{first}%22]");
    let answer = get(&sandbox, &path, "application/json");
    let document = json::parse_str(&answer.text()).expect("JSON");
    assert_eq!(document["_attachments"]["a.bin"]["stub"], true);
    assert_eq!(document["_attachments"]["b.txt"]["data"], "aGVsbG8=");
    let related = get(&sandbox, &path, "multipart/related").text();
    assert!(!related.contains("filename=\"a.bin\""), "{related}");
    assert!(related.contains("filename=\"b.txt\""), "{related}");
}

#[test]
fn revisions_come_as_parts() {
    let (sandbox, _, second) = filled();
    let path = format!("/db/doc?revs=true&open_revs=[%22{second}%22,%221-none%22]");
    let answer = get(&sandbox, &path, "multipart/mixed");
    let kind = answer.header("Content-Type").expect("a type").to_owned();
    assert!(kind.starts_with("multipart/mixed; boundary="), "{kind}");
    let text = answer.text();
    let parts: Vec<&str> = text.split(&format!("--{}", boundary(&kind))).collect();
    assert_eq!(parts.len(), 4, "{text}");
    assert!(parts[1].starts_with("\r\nContent-Type: multipart/related; boundary="), "{text}");
    let missing =
        "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n{\"missing\":\"1-none\"}\r\n";
    assert_eq!(parts[2], missing);
    let listed = get(&sandbox, &path, "application/json");
    let listed = json::parse_str(&listed.text()).expect("JSON");
    assert_eq!(listed[1]["missing"], "1-none");
    assert_eq!(listed[0]["ok"]["_attachments"]["a.bin"]["stub"], true);
}

#[test]
fn what_is_sent_in_parts_is_stored_as_it_was() {
    let (sandbox, _, second) = filled();
    let path = format!("/db/doc?revs=true&attachments=true&rev={second}");
    let sent = get(&sandbox, &path, "multipart/related");
    put(&sandbox, "/copy", "");
    let kind = sent.header("Content-Type").expect("a type").to_owned();
    let headers = [("Content-Type".to_owned(), kind)];
    let answer =
        request(sandbox.address(), "PUT", "/copy/doc?new_edits=false", &headers, &sent.body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let read = |database: &str| {
        let path = path.replacen("db", database, 1);
        get(&sandbox, &path, "application/json").text()
    };
    assert_eq!(read("copy"), read("db"));
    // A later revision repeats an attachment that is there.
    let (generation, hash) = second.split_once('-').expect("a revision");
    let later = format!(
        r#"{{"_revisions":{{"start":3,"ids":["fff","{hash}"]}},"_attachments":{{"b.txt":{{"stub":true,"revpos":{generation},"content_type":"text/plain","length":5}}}}}}"#
    );
    assert_eq!(put(&sandbox, "/copy/doc?new_edits=false", &later), "3-fff");
    assert_eq!(get(&sandbox, "/copy/doc/b.txt", "*/*").text(), "hello");
}
