//! Documents from files and standard input, in any of the forms that CouchDB and its tools write.

use std::fs::File;
use std::io::{Read, Stdin};
use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use super::compressed::decompressed;
use super::listing::{Alone, alone, ends_in_a_document, is_backup_header, place_of};
use super::problem::{DocumentError, DocumentProblem};
use super::raw::RawDocument;
use super::splitter::{SplitError, Splitter};

/// How the values of the stream hold documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between values at the top: documents one after another, or the start of something else.
    Top,
    /// In an array of documents. The flag tells whether a wrapping object has to be closed.
    Array { wrapped: bool },
    /// In the `rows` of a view or of `_all_docs`, or in the `results` of `_changes`.
    Rows,
    /// Behind the last one.
    End,
}

/// The documents of one file, one after the other; memory is bounded by the largest.
///
/// Understood are: one document; documents one per line or one after the other, also with commas
/// between them; an array of documents; the output of `_all_docs`, of a view or of `_changes` with
/// `include_docs=true`, also single rows of it; the output of `_find`, the input of `_bulk_docs`;
/// and couchbackup's files. The content decides, not the name. The first error ends the documents.
pub struct DocumentFile<R> {
    splitter: Splitter<R>,
    source: Arc<str>,
    place: Place,
    maximum: usize,
    started: bool,
}

/// The largest document read, in bytes, unless told otherwise.
const MAXIMUM: usize = 100 << 20;

impl DocumentFile<File> {
    /// Opens a file, whose path then names it in errors.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DocumentError> {
        let source: Arc<str> = path.display().to_string().into();
        match File::open(path) {
            Ok(file) => Ok(Self::new(file, source)),
            Err(error) => Err(DocumentError::unreadable(source, error)),
        }
    }
}

impl DocumentFile<Box<dyn Read + Send>> {
    /// Opens a file that may be compressed with gzip or zstd; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be opened or decompressed.
    pub fn open_any(path: &Path) -> Result<Self, DocumentError> {
        let stdin = path.as_os_str() == "-";
        let source: Arc<str> =
            if stdin { "stdin".into() } else { path.display().to_string().into() };
        let input = if stdin {
            decompressed(std::io::stdin())
        } else {
            File::open(path).and_then(decompressed)
        };
        match input {
            Ok(input) => Ok(Self::new(input, source)),
            Err(error) => Err(DocumentError::unreadable(source, error)),
        }
    }
}

impl DocumentFile<Stdin> {
    /// Reads documents from standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self::new(std::io::stdin(), "stdin")
    }
}

impl<R: Read> DocumentFile<R> {
    /// Reads documents from `input`; `source` names it in errors.
    pub fn new(input: R, source: impl Into<Arc<str>>) -> Self {
        Self::with_maximum(input, source, MAXIMUM)
    }

    /// As [`DocumentFile::new`], refusing documents beyond `maximum` bytes.
    pub fn with_maximum(input: R, source: impl Into<Arc<str>>, maximum: usize) -> Self {
        Self {
            splitter: Splitter::new(input, maximum),
            source: source.into(),
            place: Place::Top,
            maximum,
            started: false,
        }
    }

    fn error(&self, line: usize, problem: DocumentProblem) -> DocumentError {
        DocumentError::new(Arc::clone(&self.source), line, problem)
    }

    /// An error of the splitter, in the value that starts on line `start`.
    fn broken(&mut self, error: SplitError, start: usize) -> DocumentError {
        let line = self.splitter.line();
        match error {
            SplitError::Io(error) => self.error(line, DocumentProblem::Unreadable(error)),
            SplitError::TooLarge => {
                self.error(start, DocumentProblem::TooLarge { maximum: self.maximum })
            }
            SplitError::Truncated => self.error(line, DocumentProblem::Truncated { start }),
            SplitError::OpenString => self.error(line, DocumentProblem::OpenString { start }),
            SplitError::Unexpected(0) => self.error(line, DocumentProblem::Nul),
            SplitError::Unexpected(byte) => {
                let found = char::from(byte).escape_default().to_string();
                self.error(line, DocumentProblem::Unexpected { found, start })
            }
        }
    }

    /// Runs a step of the splitter; an error is reported for the value that starts here.
    fn cut<T>(
        &mut self,
        step: impl FnOnce(&mut Splitter<R>) -> Result<T, SplitError>,
    ) -> Result<T, DocumentError> {
        match step(&mut self.splitter) {
            Ok(done) => Ok(done),
            Err(error) => {
                let start = self.splitter.line();
                Err(self.broken(error, start))
            }
        }
    }

    fn step(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        if !self.started {
            self.started = true;
            self.recognize()?;
        }
        loop {
            self.splitter.mark();
            let found = match self.place {
                Place::End => return Ok(None),
                Place::Top => self.top()?,
                Place::Array { wrapped } => {
                    if self.closes()? {
                        self.leave(wrapped)?;
                        None
                    } else {
                        self.document()?
                    }
                }
                Place::Rows => {
                    if self.closes()? {
                        self.leave(true)?;
                        None
                    } else {
                        self.row()?
                    }
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Refuses what is no UTF-8 text from its first bytes on.
    fn recognize(&mut self) -> Result<(), DocumentError> {
        let first = self.cut(|splitter| splitter.ahead(4).map(<[u8]>::to_vec))?;
        let kind = match first.as_slice() {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, b'{' | b'[', ..] | [b'{' | b'[', 0, ..] => {
                "UTF-16"
            }
            [0x1F, 0x8B, ..] => "gzip",
            [0x28, 0xB5, 0x2F, 0xFD] => "zstd",
            _ => return Ok(()),
        };
        Err(self.error(1, DocumentProblem::Binary(kind)))
    }

    fn top(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        match self.cut(Splitter::peek)? {
            None => {
                self.place = Place::End;
                Ok(None)
            }
            Some(b'[') => {
                self.cut(|splitter| splitter.take_if(b'['))?;
                self.place = Place::Array { wrapped: false };
                Ok(None)
            }
            // Lines cut out of a longer listing end in a comma.
            Some(b',') => self.cut(|splitter| splitter.take_if(b',')).map(|_| None),
            Some(0xEF) if self.cut(Splitter::take_byte_order_mark)? => Ok(None),
            Some(b'{') => {
                self.splitter.mark();
                if let Some(place) = self.cut(|splitter| Ok(place_of(splitter)))? {
                    self.place = place;
                    return Ok(None);
                }
                self.document().map(|found| found.filter(|found| !is_backup_header(&found.text)))
            }
            Some(_) => self.document(),
        }
    }

    /// Takes the comma between elements and looks whether the array ends.
    fn closes(&mut self) -> Result<bool, DocumentError> {
        self.cut(|splitter| {
            splitter.take_if(b',')?;
            splitter.take_if(b']')
        })
    }

    /// Goes behind the object around the documents.
    fn leave(&mut self, wrapped: bool) -> Result<(), DocumentError> {
        self.place = Place::Top;
        if !wrapped {
            return Ok(());
        }
        self.cut(|splitter| {
            while splitter.take_if(b',')? {
                splitter.mark();
                splitter.value()?;
                splitter.expect(b':')?;
                splitter.value()?;
            }
            splitter.expect(b'}')
        })
    }

    /// Takes the object that comes next.
    fn object(&mut self) -> Result<RawDocument, DocumentError> {
        let first = self.cut(Splitter::peek)?;
        let line = self.splitter.line();
        match first {
            Some(b'{') => {}
            Some(0) => return Err(self.error(line, DocumentProblem::Nul)),
            Some(_) => return Err(self.error(line, DocumentProblem::NotAnObject)),
            None => return Err(self.error(line, DocumentProblem::Truncated { start: line })),
        }
        self.splitter.mark();
        let bytes = match self.splitter.value() {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.broken(error, line)),
        };
        let lines_before = |end: usize| line + memchr_iter(b'\n', &bytes[..end]).count();
        match std::str::from_utf8(bytes) {
            Ok(text) => match memchr(0, bytes) {
                None => Ok(RawDocument {
                    text: text.to_owned(),
                    line,
                    source: Arc::clone(&self.source),
                }),
                Some(at) => {
                    let line = lines_before(at);
                    Err(self.error(line, DocumentProblem::Nul))
                }
            },
            Err(error) => {
                let line = lines_before(error.valid_up_to());
                Err(self.error(line, DocumentProblem::NotUtf8))
            }
        }
    }

    /// Takes a document, or the row of a listing that stands alone.
    fn document(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        let mut found = self.object()?;
        match alone(&found.text) {
            Alone::Document => Ok(Some(found)),
            Alone::Row(place) => {
                found.line += memchr_iter(b'\n', &found.text.as_bytes()[..place.start]).count();
                found.text.truncate(place.end);
                found.text.drain(..place.start);
                Ok(Some(found))
            }
            Alone::EmptyRow => Ok(None),
        }
    }

    /// Takes a row and gives its `doc`; rows of deleted or missing documents may have none.
    fn row(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        let first = self.cut(Splitter::peek)?;
        let start = self.splitter.line();
        match first {
            Some(b'{') => {}
            Some(_) => return Err(self.error(start, DocumentProblem::NotAnObject)),
            None => return Err(self.error(start, DocumentProblem::Truncated { start })),
        }
        let (mut document, mut excused) = (None, false);
        match self.members_of_row(start, &mut document, &mut excused) {
            Ok(()) if document.is_none() && !excused => {
                Err(self.error(start, DocumentProblem::NoDocument))
            }
            Ok(()) => Ok(document),
            Err(error) => Err(error),
        }
    }

    fn members_of_row(
        &mut self,
        start: usize,
        document: &mut Option<RawDocument>,
        excused: &mut bool,
    ) -> Result<(), DocumentError> {
        let mut more = self.cut(|splitter| {
            splitter.expect(b'{')?;
            Ok(!splitter.take_if(b'}')?)
        })?;
        while more {
            self.splitter.mark();
            let is_document = match ends_in_a_document(&mut self.splitter, excused) {
                Ok(is_document) => is_document,
                Err(error) => return Err(self.broken(error, start)),
            };
            if is_document {
                *document = Some(self.object()?);
            }
            let next = |splitter: &mut Splitter<R>| {
                Ok(splitter.take_if(b',')? || splitter.expect(b'}').map(|()| false)?)
            };
            more = match next(&mut self.splitter) {
                Ok(more) => more,
                Err(error) => return Err(self.broken(error, start)),
            };
        }
        Ok(())
    }
}

impl<R: Read> Iterator for DocumentFile<R> {
    type Item = Result<RawDocument, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            // The stream cannot be trusted any more.
            self.place = Place::End;
        }
        step.transpose()
    }
}
