//! What a run ends with.

use std::process::ExitCode;

/// The exit codes of every command; scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything is fine.
    Success,
    /// The command did its work and found something: a failed case, an invalid document, a lint
    /// error, or a difference where the caller asked to be told by the code.
    Findings,
    /// The command line or the project is wrong; nothing was run.
    Usage,
    /// The server could not be reached, or refused.
    Server,
    /// Interrupted by Ctrl-C.
    Interrupted,
    /// What `couchjs` ends with in place of `couchctl query-server`: CouchDB reads it.
    Process(u8),
}

impl Exit {
    /// The code that the program ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Server => 3,
            Self::Interrupted => 130,
            Self::Process(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
