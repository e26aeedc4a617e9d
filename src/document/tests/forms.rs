//! Every form that documents come in, and what is said about files that are broken.

use super::given;
use crate::document::{DocumentFile, DocumentProblem};

fn texts(input: &str) -> Vec<String> {
    DocumentFile::new(input.as_bytes(), "test")
        .map(|document| document.map_or_else(|error| error.to_string(), |found| found.text))
        .collect()
}

const A: &str = r#"{"_id":"a","n":[1,"]}\"{"]}"#;
const B: &str = r#"{"_id":"b"}"#;

#[test]
fn every_form_gives_the_same_documents() {
    for input in [
        format!("{A}\n{B}\n"),
        format!("\u{feff}{A}\r\n\r\n{B}"),
        format!("{A}\n\u{feff}{B}"),
        format!("{A}{B}"),
        format!("{A} {B}"),
        format!("{A},\n{B},\n"),
        format!("[{A},\n{B}]"),
        format!("[\n{A}\n,{B},]\n"),
        format!("{{\"docs\":[{A},{B}]}}"),
        format!("{{\"docs\":[{A}]}}\n{{\"docs\":[]}}\n{{\"docs\":[{B}]}}"),
        format!("{{\"new_edits\":false,\"docs\":[{A},{B}],\"x\":{{}}}}"),
        format!("{{\"docs\":[{A},{B}],\r\n\"bookmark\": \"nil\",\"warning\":\"no index\"}}"),
        format!(
            "{{\"results\":[{{\"seq\":1,\"id\":\"a\",\"doc\":{A}}},{{\"id\":\"x\",\"deleted\":true}},{{\"doc\":{B}}}],\"last_seq\":3,\"pending\":0}}"
        ),
        format!(
            "{{\"seq\":1,\"id\":\"a\",\"changes\":[],\"doc\":{A}}}\n\n{{\"id\":\"b\",\"doc\":{B}}}\n"
        ),
        format!(
            "{{\"id\":\"a\",\"key\":1,\"value\":null,\"doc\":{A}}},\n{{\"id\":\"x\",\"key\":1,\"doc\":null}},\n{{\"id\":\"b\",\"doc\":{B}}}\n"
        ),
        format!(
            "{{\"name\":\"@cloudant/couchbackup\",\"version\":\"2\",\"mode\":\"full\"}}\n[{A}]\n[]\n[{B}]\n"
        ),
        format!("[{A}]\n[{B}]"),
    ] {
        assert_eq!(texts(&input), [A, B], "{input}");
    }
}

#[test]
fn listings_in_couchdbs_own_layout() {
    let input = format!(
        "{{\"total_rows\":4,\"offset\":0,\"rows\":[\r\n\
         {{\"id\":\"a\",\"key\":\"a\",\"value\":{{\"rev\":\"1-x\"}},\"doc\":{A}}},\r\n\
         {{\"id\":\"g\",\"key\":\"g\",\"value\":{{\"rev\":\"1-x\",\"deleted\":true}},\"doc\":null}},\r\n\
         {{\"key\":\"nothing\",\"error\":\"not_found\"}},\r\n\
         {{\"id\":\"b\",\"key\":[{{\"doc\":1}}],\"value\":1,\"doc\":{B}}}\r\n]}}\n"
    );
    assert_eq!(given(input.as_bytes()), [format!("2 {A}"), format!("5 {B}")]);
}

#[test]
fn pretty_printed_documents_keep_their_text_and_line() {
    let pretty = "{\n  \"_id\": \"a\",\n  \"o\": {\n    \"x\": [\n      {}\n    ]\n  }\n}";
    assert_eq!(texts(&format!("{pretty}\n{pretty}")), [pretty, pretty]);
    let lines = given(format!("\n{pretty}\n\n{pretty}\n").as_bytes());
    assert!(lines[0].starts_with("2 ") && lines[1].starts_with("11 "), "{lines:?}");
}

#[test]
fn documents_that_look_like_listings() {
    for document in [
        r#"{"_id":"a","docs":[{"x":1}]}"#,
        r#"{"docs":[1,2],"_id":"a"}"#,
        r#"{"docs":[{"x":1}],"_id":"a"}"#,
        r#"{"rows":[],"_id":"a"}"#,
        r#"{"results":5}"#,
        r#"{"total_rows":5,"_id":"a"}"#,
        r#"{"total_rows":5}"#,
        r#"{"id":"a","doc":{"x":1},"_id":"b"}"#,
        r#"{"id":"a","doc":5}"#,
        r#"{"name":"@cloudant/couchbackup","_id":"a"}"#,
        "{}",
        "{ }",
    ] {
        assert_eq!(texts(document), [document]);
        assert_eq!(texts(&format!("{document}\n{B}")), [document, B]);
    }
    assert!(texts("").is_empty());
    assert!(texts("\u{feff}\n \n").is_empty());
    assert!(texts("[]").is_empty());
    assert!(texts(r#"{"docs":[]}"#).is_empty());
}

#[test]
fn errors_name_the_line() {
    for (input, error) in [
        (
            "{\"_id\":\"a\"}\n{\"_id\":",
            "test:2: ends in the middle of the JSON value that starts on line 2",
        ),
        ("\n{\"_id\":\n\n", "test:4: ends in the middle of the JSON value that starts on line 2"),
        ("\n\n5", "test:3: expected a document, which is a JSON object"),
        ("[{},\n\"x\"]", "test:2: expected a document, which is a JSON object"),
        ("[{}", "test:1: ends in the middle of the JSON value that starts on line 1"),
        ("{}\n}", "test:2: expected a document, which is a JSON object"),
        (
            "{\"a\":\"x\n{\"b\":1}",
            "test:1: a string is not closed on its line, in the JSON value that starts on line 1",
        ),
        (
            "{\"a\":{\"b\":1}\n{\"b\":1}",
            "test:2: unexpected `{` in the JSON value that starts on line 1",
        ),
        ("{}\n{\"a\":\"\0\"}", "test:2: holds a NUL byte"),
        ("{\"docs\":[{}]", "test:1: ends in the middle of the JSON value that starts on line 1"),
        ("{\"rows\":[\n{\"id\":\"a\",\"value\":1}]}", "test:2: the row holds no document"),
        ("{\"rows\":[\n{\"key\":null,\"value\":1}]}", "test:2: the row holds no document"),
        ("{\"rows\":[\n{}]}", "test:2: the row holds no document"),
        ("{\"rows\":[{\"doc\":{}}\n!", "test:2: expected a document, which is a JSON object"),
    ] {
        assert_eq!(texts(input).last().map(String::as_str), Some(error), "{input}");
    }
}

#[test]
fn what_is_no_json_is_named() {
    let first = |bytes: &[u8]| {
        let error = DocumentFile::new(bytes, "test").find_map(Result::err).expect("an error");
        (error.to_string(), error.hint())
    };
    let (error, hint) = first(b"\xFF\xFE{\0");
    assert_eq!(
        (error.as_str(), hint),
        ("test:1: holds UTF-16, not JSON text", Some("convert the file to UTF-8"))
    );
    assert_eq!(first(b"{\0\"\0").0, "test:1: holds UTF-16, not JSON text");
    assert_eq!(first(b"\x1F\x8B\x08").0, "test:1: holds gzip, not JSON text");
    assert_eq!(first(b"\x28\xB5\x2F\xFD").1, Some("decompress it first"));
    assert_eq!(first(b"{}\n{\"a\":\n\"\xC3\"}").0, "test:3: is not valid UTF-8");
    assert_eq!(first(b"\0").0, "test:1: holds a NUL byte");
    assert!(first(b"{\"rows\":[{\"id\":\"a\"}]}").1.expect("a hint").contains("include_docs=true"));
}

#[test]
fn documents_beyond_the_limit() {
    let large = format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(2000));
    let read = |maximum| DocumentFile::with_maximum(large.as_bytes(), "test", maximum).last();
    assert!(read(2008).expect("an item").is_ok());
    let error = read(2007).expect("an item").expect_err("too large");
    assert_eq!(error.to_string(), "test:2: a document is larger than 2007 bytes");
    // The limit holds also where nothing ever closes.
    let open = "{\"a\":".repeat(200_000);
    let error = DocumentFile::with_maximum(open.as_bytes(), "test", 1000).next();
    let error = error.expect("an item").expect_err("too large");
    assert!(matches!(error.kind, DocumentProblem::TooLarge { maximum: 1000 }));
}

#[test]
fn files_are_opened_by_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docs.ndjson");
    std::fs::write(&path, format!("{A}\n")).expect("written");
    let found =
        DocumentFile::open(&path).expect("opened").next().expect("an item").expect("a document");
    assert_eq!((found.text.as_str(), found.line), (A, 1));
    assert!(found.source.ends_with("docs.ndjson"));
    assert_eq!(found.id().expect("an id").as_ref(), "a");
    let error = DocumentFile::open(&folder.path().join("none")).err().expect("an error");
    assert!(error.to_string().contains("none:1: cannot be read"), "{error}");
}
