//! However a stream arrives, it gives the same documents.

use std::io::Read;

use proptest::prelude::*;

use super::{Pieces, given};
use crate::document::DocumentFile;
use crate::document::splitter::Splitter;

/// A document's text, compact or with line breaks.
fn document() -> impl Strategy<Value = String> {
    let text = "[a-z{}\\[\\]:, éß😀]{0,12}";
    let string = (text, any::<bool>()).prop_map(|(text, quoted)| {
        if quoted { format!("\"{text}\\\"\\\\\\u0041\"") } else { format!("\"{text}\"") }
    });
    let scalar = prop_oneof![Just("null".to_owned()), Just("-1.5e3".to_owned()), string.clone()];
    let value = scalar.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((string.clone(), inner), 0..3).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, member)| format!("{name}:{member}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    (value, any::<bool>()).prop_map(|(value, pretty)| {
        if pretty {
            format!("{{\n  \"_id\": \"x\",\r\n  \"v\": {value}\n}}")
        } else {
            format!("{{\"_id\":\"x\",\"v\":{value}}}")
        }
    })
}

/// Documents in one of the forms.
fn file(documents: &[String], form: usize) -> String {
    let row =
        |document: &String| format!("{{\"id\":\"x\",\"key\":1,\"value\":{{}},\"doc\":{document}}}");
    let rows: Vec<String> = documents.iter().map(row).collect();
    match form {
        0 => documents.join("\n"),
        1 => format!("\u{feff}{}\r\n", documents.join("\r\n\r\n")),
        2 => documents.concat(),
        3 => format!("[{}]", documents.join(",\n")),
        4 => format!("{{\"docs\":[{}],\"bookmark\":\"nil\"}}", documents.join(",")),
        5 => {
            format!("{{\"total_rows\":9,\"offset\":0,\"rows\":[\r\n{}\r\n]}}\n", rows.join(",\r\n"))
        }
        6 => rows.join("\n"),
        7 => documents.join("\n\u{feff}"),
        _ => format!("[{}]\n", documents.join("]\n[")),
    }
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        documents in prop::collection::vec(document(), 0..6),
        form in 0_usize..9,
        sizes in prop::collection::vec(1_usize..40, 1..5),
    ) {
        let file = file(&documents, form);
        let whole = given(file.as_bytes());
        let texts: Vec<&str> =
            whole.iter().filter_map(|given| given.split_once(' ')).map(|(_, text)| text).collect();
        prop_assert_eq!(texts, documents.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(given(Pieces::new(file.as_bytes(), &sizes)), whole);
    }

    #[test]
    fn garbage_never_panics(input: Vec<u8>, sizes in prop::collection::vec(1_usize..9, 1..4)) {
        prop_assert_eq!(given(Pieces::new(&input, &sizes)), given(input.as_slice()));
    }

    #[test]
    fn almost_json_never_panics(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "1", "null", "\"_id\"", "\"a\"",
                "\"docs\":[", "\"rows\":[{", "\"doc\":{", "{\"id\":\"x\",", "\u{feff}", "é", "\0",
                "{\"_id\":\"a\"}", "{\"name\":\"@cloudant/couchbackup\"}", "\"total_rows\":1,",
            ]),
            0..30,
        ),
        sizes in prop::collection::vec(1_usize..9, 1..4),
    ) {
        let input = tokens.concat();
        let whole = given(input.as_bytes());
        prop_assert_eq!(given(Pieces::new(input.as_bytes(), &sizes)), whole);
    }
}

/// A stream without end in sight, which nobody could hold.
struct Endless {
    line: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = buffer.len().min(self.left);
        for byte in &mut buffer[..size] {
            *byte = self.line[self.at];
            self.at = (self.at + 1) % self.line.len();
        }
        self.left -= size;
        Ok(size)
    }
}

fn endless(line: &str, count: usize) -> Endless {
    Endless { line: line.as_bytes().to_vec(), at: 0, left: line.len() * count }
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let line = format!("{{\"_id\":\"{}\"}}\n", "x".repeat(87));
    let mut splitter = Splitter::new(endless(&line, 200_000), 1 << 20);
    let mut count = 0;
    while splitter.peek().expect("readable").is_some() {
        splitter.mark();
        assert_eq!(splitter.value().expect("a value").len(), line.len() - 1);
        count += 1;
    }
    assert_eq!((count, splitter.line()), (200_000, 200_001));
    assert!(
        splitter.capacity() <= 1 << 20,
        "{} bytes kept of {}",
        splitter.capacity(),
        line.len() * count
    );
}

#[test]
fn an_unreadable_stream_ends_with_its_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let mut documents = DocumentFile::new(b"{\"_id\":\"a\"}\n".chain(Broken), "test");
    assert!(documents.next().expect("an item").is_ok());
    let error = documents.next().expect("an item").expect_err("broken");
    assert_eq!(error.to_string(), "test:2: cannot be read: the disk is gone");
    assert!(documents.next().is_none());
}
