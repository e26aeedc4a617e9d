//! The sources that are being run, by the names that stack traces show.

use std::collections::VecDeque;
use std::rc::Rc;

/// So many sources are kept: reduce functions are compiled again for each call.
const KEPT: usize = 256;

/// The sources compiled last.
#[derive(Debug, Default)]
pub(super) struct Sources {
    kept: VecDeque<(String, Rc<str>)>,
    count: u64,
}

impl Sources {
    /// Keeps a source; the name it gets is to be the path that boa is told.
    pub(super) fn add(&mut self, text: &str) -> String {
        self.count += 1;
        let name = format!("<unknown>#{}", self.count);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((name.clone(), text.into()));
        name
    }

    /// The text of a source.
    pub(super) fn get(&self, name: &str) -> Option<Rc<str>> {
        self.kept.iter().rev().find(|(kept, _)| kept == name).map(|(_, text)| Rc::clone(text))
    }
}
