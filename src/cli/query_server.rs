//! `couchctl query-server`.

use clap::Args;

use super::{ProfileArgument, Terminal};
use crate::exit::Exit;
use crate::query_server;

/// Answer CouchDB's query server protocol on standard input and output
///
/// CouchDB runs it in place of couchjs when COUCHDB_QUERY_SERVER_JAVASCRIPT names this command.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "the comment is the command's help")]
pub(super) struct QueryServerArguments {
    /// The JavaScript engine to behave as
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
}

/// Serves until the input ends, or a function ends the process.
pub(super) fn run(arguments: &QueryServerArguments, terminal: &mut Terminal) -> Exit {
    let (input, output) = (std::io::stdin(), std::io::stdout());
    let ending = query_server::serve(arguments.profile.into(), input, output);
    if let Some(message) = &ending.message {
        terminal.message(&crate::report::terminal::escape(message));
    }
    Exit::Process(ending.status)
}
