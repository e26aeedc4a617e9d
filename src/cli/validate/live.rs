//! Documents of a server.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Run, ValidateArguments};
use crate::cli::Terminal;
use crate::cli::server::Connected;
use crate::document::{DocumentError, RawDocument};
use crate::exit::Exit;
use crate::json::{self, Value};
use crate::project::Project;
use crate::schema::stream::Counts;
use crate::server::{Position, RemoteDatabase, ServerError};

/// How far a run came, as `--resume` notes it.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    version: u32,
    server: String,
    database: String,
    position: Position,
    valid: u64,
    invalid: u64,
    ignored: u64,
}

const VERSION: u32 = 1;

pub(super) fn run(
    arguments: &ValidateArguments,
    project: &Project,
    mut run: Run<'_>,
    terminal: &mut Terminal,
) -> Exit {
    let connected = match arguments.server.connect(project) {
        Ok(connected) => connected,
        Err(error) => return terminal.connect_error(&error),
    };
    let database = connected.server.database(&run.schemas.database);
    let mut start = Checkpoint {
        version: VERSION,
        server: connected.server.url().to_owned(),
        database: run.schemas.database.clone(),
        position: match &arguments.since {
            Some(since) => Position::Sequence(Value::String(since.clone())),
            None => Position::Id(None),
        },
        valid: 0,
        invalid: 0,
        ignored: 0,
    };
    if let Some(path) = arguments.resume.as_deref().filter(|path| path.is_file()) {
        match read(path, &start) {
            Ok(found) => start = found,
            Err(message) => {
                terminal.error(
                    &format!("{}: {message}", path.display()),
                    Some("name another file, or delete this one to start again"),
                );
                return Exit::Usage;
            }
        }
    }
    // Asked for before anything is checked, so that a later run with --since misses nothing.
    let sequence = match connected.run(database.info()) {
        None => return Exit::Interrupted,
        Some(Err(error)) => return terminal.server_error(&error),
        Some(Ok(info)) => info.update_seq,
    };
    let source = Source {
        connected: &connected,
        database: &database,
        page: usize::from(arguments.page),
        stopped: Mutex::default(),
    };
    let ids = match arguments.sample.map(|count| source.ask(database.sample(count))) {
        None => None,
        Some(Some(ids)) => Some(ids),
        Some(None) => return source.failed(terminal).unwrap_or(Exit::Interrupted),
    };
    run.seen = Counts { valid: start.valid, invalid: start.invalid, ignored: start.ignored };
    let mut saved = Ok(());
    let checked = match ids {
        Some(ids) => run.check(source.chosen(&ids), &mut |_| true),
        None => source.each_page(start.position.clone(), |documents, next| {
            let documents = documents.into_iter().map(|document| Ok(source.raw(&document)));
            run.check(documents, &mut |_| true)?;
            // Now exactly the documents before the next page are counted.
            if let Some(path) = &arguments.resume {
                saved = write(path, &start, next, run.seen);
            }
            Ok(saved.is_ok())
        }),
    };
    run.bar.finish_and_clear();
    if let Err(error) = saved {
        terminal.error(&format!("the file of --resume cannot be written: {error}"), None);
        return Exit::Usage;
    }
    if let Err(error) = checked {
        terminal.error(&error.to_string(), error.hint());
        return Exit::Usage;
    }
    if let Some(exit) = source.failed(terminal) {
        if let Some(path) = &arguments.resume {
            terminal.message(&format!("run it again with --resume {} to go on", path.display()));
        }
        return exit;
    }
    if let Some(path) = &arguments.resume {
        // It is done, and the next run starts again.
        let _ = std::fs::remove_file(path);
    }
    let exit = run.report(arguments.format, terminal);
    if arguments.sample.is_none() {
        let shown = sequence.as_str().map_or_else(|| sequence.to_string(), str::to_owned);
        let shown = crate::report::terminal::escape(&shown);
        terminal.message(&format!("for what changes from now on: --since '{shown}'"));
    }
    exit
}

fn read(path: &Path, start: &Checkpoint) -> Result<Checkpoint, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let found: Checkpoint = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if found.version != VERSION {
        return Err("is of another version".to_owned());
    }
    if found.database != start.database || found.server != start.server {
        return Err(format!("is about `{}` on {}", found.database, found.server));
    }
    Ok(found)
}

/// Writes a checkpoint beside the file first: whoever pulls the plug leaves one or the other.
fn write(
    path: &Path,
    start: &Checkpoint,
    position: Position,
    counts: Counts,
) -> std::io::Result<()> {
    let checkpoint = Checkpoint {
        version: VERSION,
        server: start.server.clone(),
        database: start.database.clone(),
        position,
        valid: counts.valid,
        invalid: counts.invalid,
        ignored: counts.ignored,
    };
    let beside = path.with_extension("part");
    std::fs::write(&beside, serde_json::to_string(&checkpoint)?)?;
    std::fs::rename(beside, path)
}

/// Why there are no more documents than were given.
enum Stopped {
    Interrupted,
    Failed(ServerError),
}

/// The documents of a database, and why there are no more.
struct Source<'a> {
    connected: &'a Connected,
    database: &'a RemoteDatabase,
    /// How many documents are asked for at a time.
    page: usize,
    stopped: Mutex<Option<Stopped>>,
}

impl Source<'_> {
    /// Waits for an answer; `None` ends the documents.
    fn ask<T>(&self, answer: impl Future<Output = Result<T, ServerError>>) -> Option<T> {
        let stopped = match self.connected.run(answer) {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => Stopped::Failed(error),
            None => Stopped::Interrupted,
        };
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
        None
    }

    /// Reports why there were no more documents, if they ended early.
    fn failed(&self, terminal: &mut Terminal) -> Option<Exit> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        stopped.map(|stopped| match stopped {
            Stopped::Interrupted => Exit::Interrupted,
            Stopped::Failed(error) => terminal.server_error(&error),
        })
    }

    /// Gives the documents from a position on to `each`, page by page, with where the next page starts,
    /// until it says no. The next page is on its way meanwhile.
    fn each_page(
        &self,
        position: Position,
        mut each: impl FnMut(Vec<Value>, Position) -> Result<bool, DocumentError>,
    ) -> Result<(), DocumentError> {
        let (to_us, pages) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut from = position;
                while let Some(page) = self.ask(self.database.page(&from, self.page)) {
                    from = page.next.clone();
                    let is_last = page.is_last;
                    // Nobody takes it any more when a run ends early.
                    if to_us.send(page).is_err() || is_last {
                        break;
                    }
                }
            });
            for page in pages {
                if !each(page.documents, page.next)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The documents of these ids.
    fn chosen(
        &self,
        ids: &[String],
    ) -> impl Iterator<Item = Result<RawDocument, DocumentError>> + Send {
        let pages =
            ids.chunks(self.page).map_while(|ids| self.ask(self.database.documents_of(ids)));
        pages.flatten().map(|document| Ok(self.raw(&document)))
    }

    fn raw(&self, document: &Value) -> RawDocument {
        RawDocument {
            text: json::to_string(document),
            line: 1,
            source: self.database.name().into(),
        }
    }
}
