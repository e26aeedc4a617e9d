//! Cuts a stream of JSON into its values, in memory bounded by the largest of them.

use std::io::Read;

use memchr::memchr_iter;

use crate::json::plain_run;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// A window over a stream of JSON text. What lies before the mark may be forgotten.
pub(super) struct Splitter<R> {
    input: R,
    buffer: Vec<u8>,
    /// How much of the buffer holds bytes of the stream.
    filled: usize,
    position: usize,
    mark: usize,
    /// `line` is the line, from 1, of the byte at `counted`.
    counted: usize,
    line: usize,
    end: bool,
    maximum: usize,
}

/// Why the stream cannot be cut.
#[derive(Debug)]
pub(super) enum SplitError {
    Io(std::io::Error),
    TooLarge,
    /// The stream ended in a value.
    Truncated,
    /// A string that its line does not close: JSON has no line breaks in strings.
    OpenString,
    /// A byte that cannot stand here.
    Unexpected(u8),
}

/// Bytes that matter outside strings.
const OUTSIDE: [bool; 256] = table(b"\"{}[]");

const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(input: R, maximum: usize) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            filled: 0,
            position: 0,
            mark: 0,
            counted: 0,
            line: 1,
            end: false,
            maximum,
        }
    }

    /// How much memory the window takes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The line of the current position.
    pub(super) fn line(&mut self) -> usize {
        if self.position >= self.counted {
            self.line += newlines(&self.buffer[self.counted..self.position]);
        } else {
            self.line -= newlines(&self.buffer[self.position..self.counted]);
        }
        self.counted = self.position;
        self.line
    }

    /// Allows everything before the current position to be forgotten.
    pub(super) fn mark(&mut self) {
        self.mark = self.position;
    }

    /// Goes back to the mark.
    pub(super) fn rewind(&mut self) {
        self.position = self.mark;
    }

    /// What follows the mark, up to `length` bytes; less only at the end of the stream.
    pub(super) fn ahead(&mut self, length: usize) -> Result<&[u8], SplitError> {
        while self.filled - self.mark < length && self.fill()? {}
        let end = self.filled.min(self.mark + length);
        Ok(&self.buffer[self.mark..end])
    }

    /// Reads more; `false` at the end of the stream.
    fn fill(&mut self) -> Result<bool, SplitError> {
        if self.end {
            return Ok(false);
        }
        if self.filled - self.mark > self.maximum {
            return Err(SplitError::TooLarge);
        }
        if self.filled == self.buffer.len() {
            self.make_room();
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(SplitError::Io)?,
            }
        };
        self.filled += read;
        self.end = read == 0;
        Ok(read > 0)
    }

    fn make_room(&mut self) {
        if self.counted < self.mark {
            self.line += newlines(&self.buffer[self.counted..self.mark]);
            self.counted = self.mark;
        }
        self.buffer.copy_within(self.mark..self.filled, 0);
        self.filled -= self.mark;
        self.position -= self.mark;
        self.counted -= self.mark;
        self.mark = 0;
        // Room for a whole read, whatever is kept; doubling, so that growing stays cheap.
        if self.buffer.len() - self.filled < CHUNK.min(self.buffer.len().max(1)) {
            let length = (self.buffer.len() * 2).max(CHUNK);
            self.buffer.resize(length, 0);
        }
    }

    /// The next byte, even if it is white space, without taking it.
    fn byte(&mut self) -> Result<Option<u8>, SplitError> {
        while self.position == self.filled {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.position]))
    }

    /// The next byte that is no white space, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, SplitError> {
        while let Some(byte) = self.byte()? {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(Some(byte));
            }
            self.position += 1;
        }
        Ok(None)
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

    /// Takes a byte order mark, which files of Windows editors start with.
    pub(super) fn take_byte_order_mark(&mut self) -> Result<bool, SplitError> {
        self.mark();
        let found = self.ahead(3)? == [0xEF, 0xBB, 0xBF];
        self.position += if found { 3 } else { 0 };
        Ok(found)
    }

    /// Takes one whole value and gives its bytes. Only brackets and strings are looked at; whether
    /// it is JSON is for a parser to tell.
    pub(super) fn value(&mut self) -> Result<&[u8], SplitError> {
        let Some(first) = self.peek()? else { return Err(SplitError::Truncated) };
        // Reading on may move the buffer, but not the distance from the mark.
        let start = self.position - self.mark;
        match first {
            b'{' | b'[' | b'"' => self.structure()?,
            b'}' | b']' | b',' | b':' => return Err(SplitError::Unexpected(first)),
            _ => self.scalar()?,
        }
        let start = self.mark + start;
        if self.position - start > self.maximum {
            return Err(SplitError::TooLarge);
        }
        Ok(&self.buffer[start..self.position])
    }

    fn scalar(&mut self) -> Result<(), SplitError> {
        while let Some(byte) = self.byte()? {
            if matches!(
                byte,
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b'{' | b'}' | b'[' | b']' | b':'
            ) {
                break;
            }
            self.position += 1;
        }
        Ok(())
    }

    /// From the first byte of a string, an array or an object behind its last.
    fn structure(&mut self) -> Result<(), SplitError> {
        let mut depth = 0_usize;
        let mut inside = false;
        loop {
            let window = &self.buffer[..self.filled];
            let next = if inside {
                in_string(window, self.position)
            } else {
                outside(window, self.position)
            };
            let Some(at) = next else {
                self.position = self.filled;
                if !self.fill()? {
                    return Err(SplitError::Truncated);
                }
                continue;
            };
            self.position = at;
            match (inside, window[at]) {
                (false, b'"') => inside = true,
                (true, b'"') => inside = false,
                (true, b'\\') => {
                    self.position += 1;
                    // The escaped byte may not have been read yet.
                    if self.byte()?.is_none() {
                        return Err(SplitError::Truncated);
                    }
                    // A line break is no escape; the string ends there, wrongly.
                    if self.buffer[self.position] == b'\n' {
                        return Err(SplitError::OpenString);
                    }
                }
                (true, _) => return Err(SplitError::OpenString),
                (false, open @ (b'{' | b'[')) => {
                    // A new value after a complete one: a closing bracket is missing before it.
                    if depth > 0 && !may_open(&window[self.mark..at]) {
                        return Err(SplitError::Unexpected(open));
                    }
                    depth += 1;
                }
                (false, _) => depth -= 1,
            }
            self.position += 1;
            if depth == 0 && !inside {
                return Ok(());
            }
        }
    }
}

/// Where the next byte that matters outside strings is.
fn outside(window: &[u8], from: usize) -> Option<usize> {
    window[from..].iter().position(|byte| OUTSIDE[usize::from(*byte)]).map(|at| from + at)
}

/// Where a string may end.
fn in_string(window: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += plain_run(&window[at..]);
        if matches!(window.get(at)?, b'"' | b'\\' | b'\n') {
            return Some(at);
        }
        // Other control characters are for a parser to refuse.
        at += 1;
    }
}

/// Whether an array or an object may open behind `before`.
fn may_open(before: &[u8]) -> bool {
    let last = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    matches!(last, Some(b'[' | b',' | b':'))
}

fn newlines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}
