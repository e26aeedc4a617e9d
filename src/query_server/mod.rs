//! CouchDB's query server protocol on an input and an output: what `couchjs` is to CouchDB.
//!
//! Each line is a command, answered by lines of JSON; CouchDB's documentation describes them
//! ("Query Server Protocol"). The [`engine`](crate::engine) knows the commands; this module reads
//! and writes the lines.

use std::cell::RefCell;
use std::io::{BufRead, Write};
use std::rc::Rc;
use std::time::Duration;

use crate::engine::{Ending, Engine, Limits, Peer, Profile};

/// How CouchDB's QuickJS ends when the last line has no line feed.
const NO_LINE_FEED: &str = "c_src/couchjs.c:469 linein() didn't end in newline";

/// Answers the lines of `input` on `output`, one flushed line at a time, until the input or the
/// process ends. Nothing limits how long a function runs: CouchDB kills a process that does not
/// answer in time.
pub fn serve(
    profile: Profile,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Ending {
    let limits = Limits { call_time: Duration::MAX, ..Limits::default() };
    let mut engine = Engine::new(profile, limits);
    let ending = engine.run(move |vm| {
        let lines = Rc::new(RefCell::new(Lines { input, output, open: true, complete: true }));
        vm.talk_to(Some(Box::new(Conversation(Rc::clone(&lines)))));
        let ending = loop {
            let Some(line) = lines.borrow_mut().read() else { break Ending::DONE };
            if profile == Profile::QuickJs && !lines.borrow().complete {
                break Ending { status: 1, message: Some(NO_LINE_FEED.into()) };
            }
            if let Err(ending) = vm.answer_line(&line) {
                break ending;
            }
        };
        vm.talk_to(None);
        ending
    });
    ending.unwrap_or_else(Ending::from)
}

/// The two ends of the conversation.
struct Lines<I, O> {
    input: I,
    output: O,
    /// Whether anybody reads the output.
    open: bool,
    /// Whether the last line that was read ended in a line feed.
    complete: bool,
}

impl<I: BufRead, O: Write> Lines<I, O> {
    /// The next line; `None` at the end, and when nobody reads answers any more.
    fn read(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line).ok().filter(|_| self.open)?;
        if read == 0 {
            return None;
        }
        self.complete = line.last() == Some(&b'\n');
        if self.complete {
            line.pop();
        }
        Some(String::from_utf8(line).unwrap_or_else(|error| {
            // Not UTF-8: couchjs reads U+FFFD.
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }))
    }

    fn write(&mut self, line: &str) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let written = self.output.write_all(&bytes).and_then(|()| self.output.flush());
        self.open &= written.is_ok();
    }
}

struct Conversation<I, O>(Rc<RefCell<Lines<I, O>>>);

impl<I: BufRead, O: Write> Peer for Conversation<I, O> {
    fn send(&mut self, line: &str) {
        self.0.borrow_mut().write(line);
    }

    fn receive(&mut self) -> Option<String> {
        self.0.borrow_mut().read()
    }
}
