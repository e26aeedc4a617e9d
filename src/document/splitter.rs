//! Cuts a stream of JSON into its values, in memory bounded by the largest of them.

use std::io::Read;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// A window over a stream of JSON text. Bytes before the mark are forgotten.
pub(super) struct Splitter<R> {
    input: R,
    buffer: Vec<u8>,
    position: usize,
    /// Line of the first byte of the buffer, counted from 1.
    line: usize,
    end: bool,
    maximum: usize,
}

/// Why the stream cannot be cut.
#[derive(Debug)]
pub(super) enum SplitError {
    Io(std::io::Error),
    TooLarge,
    Truncated,
    Unexpected(u8),
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(input: R, maximum: usize) -> Self {
        Self { input, buffer: Vec::new(), position: 0, line: 1, end: false, maximum }
    }

    /// The line of the current position.
    pub(super) fn line(&self) -> usize {
        self.line + newlines(&self.buffer[..self.position])
    }

    /// Forgets what is behind; a rewind cannot go there any more.
    pub(super) fn mark(&mut self) {
        if self.position >= CHUNK || self.position == self.buffer.len() {
            self.line += newlines(&self.buffer[..self.position]);
            self.buffer.drain(..self.position);
            self.position = 0;
        }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn rewind(&mut self, position: usize) {
        self.position = position;
    }

    fn fill(&mut self) -> Result<bool, SplitError> {
        if self.end {
            return Ok(false);
        }
        if self.buffer.len() > self.maximum {
            return Err(SplitError::TooLarge);
        }
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + read.as_ref().copied().unwrap_or(0));
        let read = read.map_err(SplitError::Io)?;
        self.end = read == 0;
        Ok(read > 0)
    }

    /// The next byte that is no white space, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            while let Some(byte) = self.buffer.get(self.position) {
                match byte {
                    b' ' | b'\n' | b'\r' | b'\t' => self.position += 1,
                    // A byte order mark, as some editors leave it at the start.
                    0xEF if self.position == 0 && self.buffer.starts_with(&[0xEF, 0xBB, 0xBF]) => {
                        self.position += 3;
                    }
                    other => return Ok(Some(*other)),
                }
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Takes the next byte that is no white space when it is `wanted`.
    pub(super) fn take_if(&mut self, wanted: u8) -> Result<bool, SplitError> {
        let found = self.peek()? == Some(wanted);
        self.position += usize::from(found);
        Ok(found)
    }

    /// Takes the byte `wanted`, which must come next.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), SplitError> {
        match self.peek()? {
            Some(found) if found == wanted => {
                self.position += 1;
                Ok(())
            }
            Some(found) => Err(SplitError::Unexpected(found)),
            None => Err(SplitError::Truncated),
        }
    }

    /// Takes one whole value and gives its bytes. Only brackets and strings are looked at; whether
    /// it is JSON is for a parser to tell.
    pub(super) fn value(&mut self) -> Result<&[u8], SplitError> {
        let Some(first) = self.peek()? else { return Err(SplitError::Truncated) };
        let start = self.position;
        match first {
            b'{' | b'[' => self.nested()?,
            b'"' => self.string()?,
            b'}' | b']' | b',' | b':' => return Err(SplitError::Unexpected(first)),
            _ => self.scalar()?,
        }
        Ok(&self.buffer[start..self.position])
    }

    fn scalar(&mut self) -> Result<(), SplitError> {
        loop {
            while let Some(byte) = self.buffer.get(self.position) {
                if matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'}' | b']' | b':') {
                    return Ok(());
                }
                self.position += 1;
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// From the opening quote behind the closing one.
    fn string(&mut self) -> Result<(), SplitError> {
        self.position += 1;
        loop {
            match memchr::memchr2(b'"', b'\\', &self.buffer[self.position..]) {
                Some(at) if self.buffer[self.position + at] == b'"' => {
                    self.position += at + 1;
                    return Ok(());
                }
                Some(at) => {
                    self.position += at + 2;
                    // The escaped byte may not have been read yet.
                    while self.position > self.buffer.len() {
                        if !self.fill()? {
                            return Err(SplitError::Truncated);
                        }
                    }
                }
                None => {
                    self.position = self.buffer.len();
                    if !self.fill()? {
                        return Err(SplitError::Truncated);
                    }
                }
            }
        }
    }

    fn nested(&mut self) -> Result<(), SplitError> {
        let mut depth = 0_usize;
        loop {
            let Some(byte) = self.buffer.get(self.position).copied() else {
                if !self.fill()? {
                    return Err(SplitError::Truncated);
                }
                continue;
            };
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.position += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
