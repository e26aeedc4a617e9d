//! Files of documents into a database.

use std::io::Read;

use super::database::Database;
use super::problem::{DocumentError, DocumentProblem};
use super::raw::RawDocument;
use super::reader::DocumentFile;

impl Database {
    /// Loads a document from a file; see [`Database::load`].
    ///
    /// # Errors
    /// When it is not JSON, has no `_id`, or CouchDB would refuse it: the error names file and line.
    pub fn load_raw(&mut self, document: &RawDocument) -> Result<(), DocumentError> {
        let members = document.members()?;
        // CouchDB would make up an id, another one each time; here that is surely an oversight.
        if !members.contains_key("_id") {
            return Err(document.error(DocumentProblem::NoId));
        }
        self.load(&members).map_err(|error| document.error(DocumentProblem::Refused(error)))
    }

    /// Loads all documents of a file, and tells how many there were.
    ///
    /// # Errors
    /// At the first document that cannot be read or loaded; those before it stay.
    pub fn load_file<R: Read>(&mut self, file: DocumentFile<R>) -> Result<usize, DocumentError> {
        let mut count = 0;
        for document in file {
            self.load_raw(&document?)?;
            count += 1;
        }
        Ok(count)
    }
}
