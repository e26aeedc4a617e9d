//! Strings.
//!
//! The default collation is ICU's root collator as `CouchDB` calls it: `ucol_strcollIter` with all
//! attributes at their defaults. Three levels count; punctuation is not ignored; text is not
//! normalized. The data has canonical equivalents spelled out, so composed and decomposed letters are
//! equal, but combining marks in another order than the canonical one are compared as they stand.
//!
//! The keys agree with ICU's own sort keys. Its comparison of two strings, which `CouchDB` uses, skips
//! what they have in common, and then misses some combining marks that contract across other, recent
//! ones (U+0F71 U+0D3C U+0F72); there it contradicts its sort keys, and these keys too.

use std::cmp::Ordering;
use std::str::Chars;

use super::root::{Context, Element, Entry, Root};

/// Between levels. Lower than all bytes of weights, and higher than the end mark of the string.
const LEVEL: u8 = 0x01;
/// A run of common weights that is longer than [`RUN_LENGTH`] starts with this byte.
const LONG_RUN: u8 = 0x02;
const RUN_LENGTH: usize = 0x3D;
/// Shorter runs. The longer, the lower, since another weight is higher than the common one.
const RUN_ENDS: u8 = 0x40;
/// Weights follow, from 1 upwards, in one byte or after [`LONG_WEIGHT`].
const WEIGHT: u16 = 0x3F;
const LONG_WEIGHT: u8 = 0xFF;

/// Appends the sort key of `text` under ICU's root collator, without an end mark.
///
/// The key has the primary weights of all characters, then the secondary, then the tertiary ones.
/// Common weights at the end of a level are left out, and so are levels without others. That keeps the
/// order, since common weights are the lowest: where two strings agree on the levels above, a shorter
/// list of weights goes on with higher ones in the other string, or with the end.
pub(super) fn write_icu(text: &str, out: &mut Vec<u8>) {
    let root = Root::get();
    let mut key = Key { out, seconds: Level::default(), thirds: Level::default() };
    let mut text = Text { pending: Vec::new(), rest: text.chars(), before: None };
    while let Some(character) = text.next() {
        let entry = root.entry(character);
        key.push_entry(root, entry, character, &mut text);
        text.before = Some(character);
    }
    key.finish();
}

/// Compares two texts under ICU's root collator.
pub(super) fn compare_icu(one: &str, other: &str) -> Ordering {
    let (mut one_key, mut other_key) = (Vec::new(), Vec::new());
    write_icu(one, &mut one_key);
    write_icu(other, &mut other_key);
    one_key.cmp(&other_key)
}

/// Appends bytes in the order of `text`'s UTF-8 bytes. The end mark is 0x00, so that byte and the
/// one that escapes it take two.
pub(super) fn write_bytes(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if byte <= 1 {
            out.push(1);
            out.push(byte + 1);
        } else {
            out.push(byte);
        }
    }
}

/// A sort key in the making.
struct Key<'a> {
    out: &'a mut Vec<u8>,
    seconds: Level,
    thirds: Level,
}

impl Key<'_> {
    fn push(&mut self, element: Element) {
        self.out.extend_from_slice(element.primary());
        self.seconds.push(element.second);
        self.thirds.push(element.third.into());
    }

    fn push_entry(&mut self, root: &Root, entry: Entry, character: char, text: &mut Text<'_>) {
        match entry {
            Entry::Element(element) => self.push(element),
            Entry::Elements(start, count) => {
                for element in root.elements(start, count) {
                    self.push(*element);
                }
            }
            Entry::Context(index) => {
                let context = root.context(index);
                let entry = if context.precedes {
                    text.preceding(context)
                } else {
                    text.following(context, root)
                };
                self.push_entry(root, entry, character, text);
            }
            Entry::Unmapped => match hangul(character) {
                Some(letters) => {
                    for letter in letters.into_iter().flatten() {
                        self.push_entry(root, root.entry(letter), letter, text);
                    }
                }
                None => self.push(root.unassigned(character)),
            },
        }
    }

    fn finish(self) {
        let Self {
            out,
            seconds: Level { bytes: seconds, .. },
            thirds: Level { bytes: thirds, .. },
        } = self;
        if !(seconds.is_empty() && thirds.is_empty()) {
            out.push(LEVEL);
            out.extend(seconds);
        }
        if !thirds.is_empty() {
            out.push(LEVEL);
            out.extend(thirds);
        }
    }
}

/// Secondary or tertiary weights.
#[derive(Default)]
struct Level {
    /// Common weights since the last other one.
    common: usize,
    bytes: Vec<u8>,
}

impl Level {
    #[inline]
    fn push(&mut self, weight: u16) {
        if weight == 0 {
            self.common += 1;
        } else {
            self.push_uncommon(weight);
        }
    }

    fn push_uncommon(&mut self, weight: u16) {
        while self.common > RUN_LENGTH {
            self.bytes.push(LONG_RUN);
            self.common -= RUN_LENGTH;
        }
        if let Some(run) = u8::try_from(self.common).ok().filter(|run| *run > 0) {
            self.bytes.push(RUN_ENDS - run);
            self.common = 0;
        }
        match u8::try_from(WEIGHT + weight) {
            Ok(byte) if byte < LONG_WEIGHT => self.bytes.push(byte),
            _ => {
                self.bytes.push(LONG_WEIGHT);
                self.bytes.extend((WEIGHT + weight).to_be_bytes());
            }
        }
    }
}

/// The characters to come.
struct Text<'a> {
    /// Combining marks that a match passed over, last one first.
    pending: Vec<char>,
    rest: Chars<'a>,
    before: Option<char>,
}

impl Text<'_> {
    fn next(&mut self) -> Option<char> {
        self.pending.pop().or_else(|| self.rest.next())
    }

    fn ahead(&self) -> impl Iterator<Item = char> {
        self.pending.iter().rev().copied().chain(self.rest.clone())
    }

    fn preceding(&self, context: &Context) -> Entry {
        let case = context.cases.iter().find(|(before, _)| before.first() == self.before.as_ref());
        case.map_or(context.otherwise, |(_, entry)| *entry)
    }

    /// Takes the longest match of the following characters with a case of `context`.
    fn following(&mut self, context: &Context, root: &Root) -> Entry {
        let comes = |after: &[char]| {
            let mut ahead = self.ahead();
            after.iter().all(|character| ahead.next() == Some(*character))
        };
        let longest = context
            .cases
            .iter()
            .filter(|(after, _)| comes(after))
            .max_by_key(|(after, _)| after.len());
        let (matched, entry) =
            longest.map_or((&[][..], context.otherwise), |(after, entry)| (after, *entry));
        for _ in matched {
            self.next();
        }
        self.past_marks(context, matched, root).unwrap_or(entry)
    }

    /// Extends a match by combining marks among those that follow (UTS #10, S2.1.1 to S2.1.3). The
    /// marks in between stay and come next.
    fn past_marks(&mut self, context: &Context, matched: &[char], root: &Root) -> Option<Entry> {
        let extends = |(after, _): &&(Vec<char>, Entry)| {
            after.len() > matched.len() && after.starts_with(matched)
        };
        context.cases.iter().find(extends)?;
        let mut matched = matched.to_vec();
        let mut passed: Vec<char> = Vec::new();
        let mut class = 0;
        // The entry of the match, how many marks it reaches over and how many of them stay.
        let mut longest = None;
        for (index, mark) in self.ahead().enumerate() {
            let Some(combining) = root.combining(mark) else {
                break;
            };
            matched.push(mark);
            let case = context.cases.iter().find(|(after, _)| *after == matched);
            if let Some((_, entry)) = case.filter(|_| index > 0 && class < combining.first) {
                longest = Some((*entry, index + 1, passed.len()));
            } else {
                matched.pop();
                passed.push(mark);
                class = combining.last;
            }
        }
        let (entry, reach, stay) = longest?;
        for _ in 0..reach {
            self.next();
        }
        self.pending.extend(passed[..stay].iter().rev());
        Some(entry)
    }
}

/// The letters of a Hangul syllable, which sorts like them (the Unicode Standard, 3.12).
fn hangul(character: char) -> Option<[Option<char>; 3]> {
    const SYLLABLES: u32 = 0xAC00;
    const FINALS: u32 = 28;
    const VOWELS: u32 = 21;
    let index =
        (character as u32).checked_sub(SYLLABLES).filter(|index| *index < 19 * VOWELS * FINALS)?;
    let (rest, last) = (index / FINALS, index % FINALS);
    let letter = |first: u32, index: u32| char::from_u32(first + index);
    Some([
        letter(0x1100, rest / VOWELS),
        letter(0x1161, rest % VOWELS),
        letter(0x11A7, last).filter(|_| last > 0),
    ])
}
