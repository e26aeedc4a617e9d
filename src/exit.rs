//! What a run ends with.

use std::process::ExitCode;

/// The exit codes of every command; scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything is fine.
    Success = 0,
    /// The command did its work and found something: a failed case, an invalid document, a lint
    /// error, or a difference where the caller asked to be told by the code.
    Findings = 1,
    /// The command line or the project is wrong; nothing was run.
    Usage = 2,
    /// The server could not be reached, or refused.
    Server = 3,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
