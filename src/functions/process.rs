//! One query server process inside this one, as the server sees it (`couch_os_process`).

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::Failure;
use crate::engine::{Ending, Engine, EngineError, Limits, Peer, Profile, stored};
use crate::json::{self, Value};

/// A process and the design documents it knows.
#[derive(Debug)]
pub(super) struct Process {
    engine: Engine,
    known: HashMap<String, Value>,
}

/// What the process answered, in order, `log` lines apart.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) values: Vec<Value>,
    pub(super) log: Vec<String>,
    /// The error that the last line was answered with: its name and reason.
    pub(super) error: Option<(String, Value)>,
}

/// Keeps what is sent, and gives the lines that are to be read while a line is answered.
struct Recorder {
    sent: Rc<RefCell<Vec<String>>>,
    rows: VecDeque<String>,
}

impl Peer for Recorder {
    fn send(&mut self, line: &str) {
        self.sent.borrow_mut().push(line.to_owned());
    }

    fn receive(&mut self) -> Option<String> {
        self.rows.pop_front()
    }
}

impl Process {
    pub(super) fn new(profile: Profile, limits: Limits) -> Self {
        Self { engine: Engine::new(profile, limits), known: HashMap::new() }
    }

    /// Calls a function of a design document, which the process is told before if it does not know
    /// it. `rows` are the lines that a list function reads.
    pub(super) fn call_design(
        &mut self,
        design: &Value,
        path: &[&str],
        arguments: Vec<Value>,
        rows: VecDeque<String>,
    ) -> Answers {
        let id = design.get("_id").and_then(Value::as_str).unwrap_or_default();
        let mut lines = Vec::new();
        if self.known.get(id) != Some(design) {
            lines.push(line(["ddoc".into(), "new".into(), id.into(), design.clone()]));
            self.known.insert(id.to_owned(), design.clone());
        }
        lines.push(line(["ddoc".into(), id.into(), path.to_vec().into(), arguments.into()]));
        self.prompt(lines, rows)
    }

    /// Sends lines and collects the answers to the last of them.
    pub(super) fn prompt(&mut self, lines: Vec<String>, rows: VecDeque<String>) -> Answers {
        let outcome = self.engine.run(move |vm| {
            let sent = Rc::new(RefCell::new(Vec::new()));
            vm.talk_to(Some(Box::new(Recorder { sent: Rc::clone(&sent), rows })));
            let mut ended = None;
            for line in &lines {
                sent.borrow_mut().clear();
                ended = vm.answer_line(line).err();
                if ended.is_some() {
                    break;
                }
            }
            vm.talk_to(None);
            let sent = sent.take();
            (sent, ended)
        });
        let (sent, ended) = match outcome {
            Ok((sent, ended)) => (sent, ended.as_ref().map(exit)),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut answers = Answers::default();
        for line in sent {
            match stored(&line) {
                Value::Array(parts) if parts.first().is_some_and(|word| word == "log") => {
                    answers.log.extend(parts.get(1).and_then(Value::as_str).map(str::to_owned));
                }
                Value::Array(parts)
                    if parts.len() == 3 && matches!(parts[0].as_str(), Some("error" | "fatal")) =>
                {
                    let name = match &parts[1] {
                        Value::String(name) => name.clone(),
                        other => json::to_string(other),
                    };
                    answers.error = Some((name, parts[2].clone()));
                }
                answer => answers.values.push(answer),
            }
        }
        // Without an answer the server waits until its time is over.
        let silent = answers.values.is_empty() && answers.error.is_none();
        let dead = ended.or_else(|| silent.then_some(EngineError::Timeout));
        if let (None, Some(dead)) = (&answers.error, &dead) {
            answers.error = Some(dead.to_response());
        }
        if dead.is_some() || answers.error.is_some() {
            // The server stops a process that answered with an error.
            *self = Self::new(self.engine.profile(), self.engine.limits());
        }
        answers
    }
}

impl Answers {
    /// The failure of the request, if there is one.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.error.as_ref().map(|(error, reason)| Failure::thrown(error, reason))
    }
}

/// A line of the protocol.
pub(super) fn line<const PARTS: usize>(parts: [Value; PARTS]) -> String {
    json::to_string(&Value::Array(Vec::from(parts)))
}

fn exit(ending: &Ending) -> EngineError {
    EngineError::Exit { status: ending.status, cause: "the query server ended" }
}
