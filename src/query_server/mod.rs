//! CouchDB's query server protocol on an input and an output: what `couchjs` is to CouchDB.
//!
//! Each line is a command, answered by lines of JSON; CouchDB's documentation describes them
//! ("Query Server Protocol"). The [`engine`](crate::engine) knows the commands; this module reads
//! and writes the lines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{Ending, Engine, Limits, Peer, Profile, Vm};
use crate::json::Scanner;

/// How CouchDB's QuickJS ends when the last line has no line feed.
const NO_LINE_FEED: &str = "c_src/couchjs.c:469 linein() didn't end in newline";

/// So many realms of functions are made before the machine is replaced by a fresh one, with the next
/// `reset`: about 100 MB.
const REALMS: usize = 400;

/// How many bytes are read and written at a time.
const BUFFER: usize = 64 << 10;

/// Answers the lines of `input` on `output` until the input or the process ends. Whoever waits for an
/// answer before the next command gets it at once. Nothing limits how long a function runs: CouchDB kills a process that does not
/// answer in time.
pub fn serve(
    profile: Profile,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Ending {
    let limits = Limits { call_time: Duration::MAX, ..Limits::default() };
    let output = Arc::new(Mutex::new(BufWriter::with_capacity(BUFFER, output)));
    // Answers stay when the machine that gave them has to be given up.
    let ended = |ending: Ending| {
        let _ = output.lock().unwrap_or_else(PoisonError::into_inner).flush();
        ending
    };
    let input = BufReader::with_capacity(BUFFER, input);
    let mut talk = Talk {
        lines: Lines { input, output: Arc::clone(&output), open: true, complete: true },
        designs: HashMap::new(),
        next: None,
    };
    loop {
        let job = move |vm: &mut Vm| talk.go_on(vm, profile);
        match Engine::new(profile, limits).run(job) {
            Ok(Ok(more)) => talk = more,
            Ok(Err(ending)) => return ended(ending),
            Err(error) => return ended(error.into()),
        }
    }
}

/// A conversation, which outlives the machine that answers.
struct Talk<I, O: Write> {
    lines: Lines<I, O>,
    /// The lines that told of design documents, by id: CouchDB tells of each once only.
    designs: HashMap<String, String>,
    /// A line that is to be answered first.
    next: Option<String>,
}

impl<I: Read + 'static, O: Write + 'static> Talk<I, O> {
    /// Answers until the process ends, or a fresh machine has to go on.
    fn go_on(self, vm: &mut Vm, profile: Profile) -> Result<Self, Ending> {
        let Self { lines, mut designs, mut next } = self;
        for line in designs.values() {
            // Answered with `true` the first time.
            vm.answer_line(line)?;
        }
        let lines = Rc::new(RefCell::new(lines));
        vm.talk_to(Some(Box::new(Conversation(Rc::clone(&lines)))));
        let mut line = String::new();
        let ended = loop {
            match next.take() {
                Some(first) => line = first,
                None if lines.borrow_mut().read(&mut line) => {}
                None => break Some(Ending::DONE),
            }
            if profile == Profile::QuickJs && !lines.borrow().complete {
                break Some(Ending { status: 1, message: Some(NO_LINE_FEED.into()) });
            }
            if line.starts_with("[\"reset\"") && vm.realms() > REALMS {
                next = Some(line);
                break None;
            }
            if let Err(ending) = vm.answer_line(&line) {
                break Some(ending);
            }
            if let Some(id) = told_design(&line) {
                designs.insert(id, std::mem::take(&mut line));
            }
        };
        vm.talk_to(None);
        match (ended, Rc::try_unwrap(lines)) {
            (None, Ok(lines)) => Ok(Self { lines: lines.into_inner(), designs, next }),
            (ended, _) => Err(ended.unwrap_or(Ending::DONE)),
        }
    }
}

/// The id of the design document that a line tells of.
fn told_design(line: &str) -> Option<String> {
    let mut scanner = Scanner::new(line.strip_prefix("[\"ddoc\",\"new\",")?);
    scanner.space();
    Some(scanner.string().ok()?.unescape().into_owned())
}

/// The two ends of the conversation.
struct Lines<I, O: Write> {
    input: BufReader<I>,
    output: Arc<Mutex<BufWriter<O>>>,
    /// Whether anybody reads the output.
    open: bool,
    /// Whether the last line that was read ended in a line feed.
    complete: bool,
}

impl<I: Read, O: Write> Lines<I, O> {
    /// Reads the next line into `line`; `false` at the end, and when nobody reads answers any more.
    fn read(&mut self, line: &mut String) -> bool {
        let mut bytes = std::mem::take(line).into_bytes();
        bytes.clear();
        let read = self.input.read_until(b'\n', &mut bytes);
        if !self.open || !read.is_ok_and(|read| read > 0) {
            return false;
        }
        self.complete = bytes.last() == Some(&b'\n');
        if self.complete {
            bytes.pop();
        }
        *line = String::from_utf8(bytes).unwrap_or_else(|error| {
            // Not UTF-8: couchjs reads U+FFFD.
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        true
    }

    fn write(&mut self, line: &str) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = output.write_all(line.as_bytes()).and_then(|()| output.write_all(b"\n"));
        // With another command at hand, nobody waits for this answer.
        if written.is_ok() && memchr::memchr(b'\n', self.input.buffer()).is_none() {
            written = output.flush();
        }
        self.open &= written.is_ok();
    }
}

struct Conversation<I, O: Write>(Rc<RefCell<Lines<I, O>>>);

impl<I: Read, O: Write> Peer for Conversation<I, O> {
    fn send(&mut self, line: &str) {
        self.0.borrow_mut().write(line);
    }

    fn receive(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.borrow_mut().read(&mut line).then_some(line)
    }
}
