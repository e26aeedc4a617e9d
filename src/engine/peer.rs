//! Who a query server talks to.

/// The other side of CouchDB's query server protocol: it takes lines of answers and log messages,
/// and gives rows to list functions.
pub trait Peer {
    /// Takes a line, given without its line feed.
    fn send(&mut self, line: &str);

    /// Gives the next line without its line feed; `None` when there will be no more.
    fn receive(&mut self) -> Option<String>;
}
