//! Files that are compressed with gzip or zstd, told by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// Zstandard windows beyond this would need as much memory; `zstd` itself refuses them unless told.
const WINDOW: u64 = 128 << 20;

/// What `input` holds, decompressed where it is compressed.
///
/// # Errors
/// When it cannot be read, or is broken at its beginning.
pub(super) fn decompressed(input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    let mut input = input;
    // A pipe may give its first bytes one by one.
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let (gzip, zstd) = (is(GZIP), is(ZSTD));
    let input = io::Cursor::new(head).chain(input);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, input)))
    } else if zstd {
        Box::new(Frames { input: BufReader::with_capacity(64 << 10, input), open: None })
    } else {
        Box::new(input)
    })
}

/// The frames of a Zstandard stream, one after the other.
struct Frames<R: Read> {
    input: BufReader<R>,
    open: Option<FrameDecoder>,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.open {
                while decoder.can_collect() == 0 && !decoder.is_finished() {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    decoder.decode_blocks(&mut self.input, one).map_err(broken)?;
                }
                let read = decoder.read(out)?;
                if read > 0 || out.is_empty() {
                    return Ok(read);
                }
                self.open = None;
            }
            if self.input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW);
            match decoder.init(&mut self.input) {
                Ok(()) => self.open = Some(decoder),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.input.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

fn broken(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
