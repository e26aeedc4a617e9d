//! ICU's root collation as data: what `root.bin` holds, in memory.
//!
//! The file is written by `tools/collation/generate.py`, which documents its format, from ICU 72.1,
//! the version that `CouchDB` 3.5.0 reports. A collator of another version moves a few hundred
//! characters. The data is derived from the Unicode Consortium's, under the Unicode License v3.

use std::sync::LazyLock;

static ROOT: LazyLock<Root> = LazyLock::new(|| Root::read(include_bytes!("root.bin")));

const PAGE: usize = 64;
/// Code points without a mapping sort by number, at ranks of their own.
const CODE_POINTS: u32 = 0x11_0000;
/// Leading bytes for two-byte primary weights. As many as fit: 25,600 weights cover all alphabets.
const TWO_BYTE_LEADS: u32 = 100;

// Kinds of runs of owners.
const FREE: u8 = 12;
const NONE: u8 = 13;
const UNASSIGNED: u8 = 14;
const JUMP: u8 = 15;
const ESCAPE: u32 = 15;

/// What a character maps to.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// Nothing: a Hangul syllable or an unassigned character.
    Unmapped,
    Element(Element),
    /// Any number of elements; see [`Root::elements`].
    Elements(u16, u8),
    /// It depends on the characters around; see [`Root::context`].
    Context(u16),
}

/// A collation element. It has a primary weight or a secondary one.
#[derive(Clone, Copy, Default)]
pub(super) struct Element {
    primary: [u8; 3],
    primary_length: u8,
    /// Tertiary weight; 0 is the common one.
    pub(super) third: u8,
    /// Secondary weight; 0 is the common one.
    pub(super) second: u16,
}

/// Mappings of a character together with characters after or before it.
pub(super) struct Context {
    /// What the character maps to otherwise.
    pub(super) otherwise: Entry,
    pub(super) precedes: bool,
    pub(super) cases: Vec<(Vec<char>, Entry)>,
}

/// Canonical combining classes of the first and the last character of a decomposition.
#[derive(Clone, Copy)]
pub(super) struct Combining {
    pub(super) first: u8,
    pub(super) last: u8,
}

pub(super) struct Root {
    /// For 64 code points each, where their entries start.
    pages: Vec<u32>,
    entries: Vec<Entry>,
    elements: Vec<Element>,
    contexts: Vec<Context>,
    combining: Vec<(u32, u32, Combining)>,
    primaries: Primaries,
    unassigned: u32,
}

impl Element {
    /// The bytes of the primary weight; none for most combining marks.
    pub(super) fn primary(&self) -> &[u8] {
        &self.primary[..usize::from(self.primary_length)]
    }
}

impl Root {
    /// The data, decoded on first use.
    pub(super) fn get() -> &'static Self {
        &ROOT
    }

    pub(super) fn entry(&self, character: char) -> Entry {
        let code = character as usize;
        self.entries[self.pages[code / PAGE] as usize + code % PAGE]
    }

    pub(super) fn elements(&self, start: u16, count: u8) -> &[Element] {
        &self.elements[usize::from(start)..][..usize::from(count)]
    }

    pub(super) fn context(&self, index: u16) -> &Context {
        &self.contexts[usize::from(index)]
    }

    /// The element of a character without mapping.
    pub(super) fn unassigned(&self, character: char) -> Element {
        self.primaries.element(self.unassigned + character as u32)
    }

    /// `None` for a character that starts with a character of combining class 0.
    pub(super) fn combining(&self, character: char) -> Option<Combining> {
        let code = character as u32;
        let after = self.combining.partition_point(|(start, ..)| *start <= code);
        let (start, length, combining) = self.combining.get(after.checked_sub(1)?)?;
        (code - start < *length).then_some(*combining)
    }

    fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        let (owners, unassigned, ranks) = read_owners(&mut reader);
        let primaries = Primaries::new(&read_ascending(&mut reader), ranks);
        let mut root = Self {
            // The first page stands for all characters without a mapping.
            pages: vec![0; CODE_POINTS as usize / PAGE],
            entries: vec![Entry::Unmapped; PAGE],
            elements: Vec::new(),
            contexts: Vec::new(),
            combining: Vec::new(),
            primaries,
            unassigned,
        };
        for (start, length, first_rank) in owners {
            for offset in 0..length {
                let element = root.primaries.element(first_rank + offset);
                root.set(start + offset, Entry::Element(element));
            }
        }
        let weights = (0..reader.number()).map(|_| (reader.number(), reader.number())).collect();
        let mut decoder = Decoder { reader, weights, last_rank: 0 };
        let mut code = 0;
        for _ in 0..decoder.reader.number() {
            code += decoder.reader.number();
            let entry = decoder.mapping(&mut root);
            root.set(code, entry);
        }
        root.read_contexts(&mut decoder);
        let mut end = 0;
        for _ in 0..decoder.reader.number() {
            let start = end + decoder.reader.number();
            let length = decoder.reader.number();
            let combining = Combining { first: decoder.reader.byte(), last: decoder.reader.byte() };
            root.combining.push((start, length, combining));
            end = start + length;
        }
        debug_assert!(decoder.reader.0.is_empty(), "root.bin is longer than it says");
        root
    }

    fn read_contexts(&mut self, decoder: &mut Decoder<'_>) {
        let mut code = 0;
        for _ in 0..decoder.reader.number() {
            code += decoder.reader.number();
            let head = decoder.reader.number();
            let cases = (0..head >> 1)
                .map(|_| {
                    let length = decoder.reader.number();
                    let characters = (0..length)
                        .filter_map(|_| char::from_u32(decoder.reader.number()))
                        .collect();
                    (characters, decoder.mapping(self))
                })
                .collect();
            let otherwise =
                char::from_u32(code).map_or(Entry::Unmapped, |character| self.entry(character));
            self.contexts.push(Context { otherwise, precedes: head & 1 == 1, cases });
            self.set(code, Entry::Context(small(self.contexts.len() - 1)));
        }
    }

    fn set(&mut self, code: u32, entry: Entry) {
        let code = code as usize;
        let page = &mut self.pages[code / PAGE];
        if *page == 0 {
            *page = small(self.entries.len());
            self.entries.resize(self.entries.len() + PAGE, Entry::Unmapped);
        }
        self.entries[*page as usize + code % PAGE] = entry;
    }
}

/// Reads runs of characters with consecutive ranks: first character, length, first rank. Also the
/// rank where characters without mapping start, and the number of ranks.
fn read_owners(reader: &mut Reader<'_>) -> (Vec<(u32, u32, u32)>, u32, u32) {
    let mut lanes: Vec<u32> = (0..reader.number()).map(|_| reader.number()).collect();
    let mut owners = Vec::new();
    let (mut rank, mut unassigned, mut end) = (0, 0, 0_u32);
    for _ in 0..reader.number() {
        let head = reader.byte();
        let (mut start, mut lane) = (None, None);
        match head >> 4 {
            UNASSIGNED => {
                unassigned = rank;
                rank += CODE_POINTS;
                continue;
            }
            NONE => {}
            FREE => start = Some(end.wrapping_add_signed(reader.signed())),
            JUMP => {
                let jumping = reader.number() as usize;
                lane = Some(jumping);
                start = Some(lanes[jumping].wrapping_add_signed(reader.signed()));
            }
            ordinary => {
                lane = Some(usize::from(ordinary));
                start = Some(lanes[usize::from(ordinary)]);
            }
        }
        let mut length = u32::from(head & 15);
        if length == ESCAPE {
            length += reader.number();
        }
        if let Some(start) = start {
            owners.push((start, length, rank));
            end = start + length;
        }
        if let Some(lane) = lane {
            lanes[lane] = end;
        }
        rank += length;
    }
    (owners, unassigned, rank)
}

fn read_ascending(reader: &mut Reader<'_>) -> Vec<u32> {
    let mut last = 0;
    let count = reader.number();
    (0..count)
        .map(|_| {
            last += reader.number();
            last
        })
        .collect()
}

/// Reads lists of collation elements.
struct Decoder<'a> {
    reader: Reader<'a>,
    weights: Vec<(u32, u32)>,
    last_rank: u32,
}

impl Decoder<'_> {
    fn mapping(&mut self, root: &mut Root) -> Entry {
        let start = root.elements.len();
        let count = self.reader.number() as usize;
        for _ in 0..count {
            let (second, third) = self.weights[self.reader.number() as usize];
            let mut element = Element::default();
            if second & 1 == 1 {
                self.last_rank = self.last_rank.wrapping_add_signed(self.reader.signed());
                element = root.primaries.element(self.last_rank);
            }
            (element.second, element.third) = (small(second >> 1), small(third));
            root.elements.push(element);
        }
        if let [element] = root.elements[start..] {
            root.elements.pop();
            return Entry::Element(element);
        }
        Entry::Elements(small(start), small(count))
    }
}

/// The bytes of primary weights in sort keys. No weight is a prefix of another one. The weights of
/// ASCII characters take one byte; those between two of them two bytes, or three where there are more
/// than 256 of them; those after the letter z two bytes as far as the leading bytes suffice.
struct Primaries {
    /// First rank, first leading byte, number of bytes after it.
    segments: Vec<(u32, u32, u8)>,
}

impl Primaries {
    /// Lower bytes have a meaning of their own in sort keys.
    const FIRST: u32 = 2;

    fn new(short: &[u32], ranks: u32) -> Self {
        let mut primaries = Self { segments: Vec::new() };
        let (mut start, mut lead) = (0, Self::FIRST);
        for &rank in short {
            let between = if rank - start <= 256 { 1 } else { 2 };
            primaries.segment(&mut start, &mut lead, rank, between);
            primaries.segment(&mut start, &mut lead, rank + 1, 0);
        }
        let end = ranks.min(start + TWO_BYTE_LEADS * 256);
        primaries.segment(&mut start, &mut lead, end, 1);
        primaries.segment(&mut start, &mut lead, ranks, 2);
        debug_assert!(lead <= 0x100, "out of leading bytes: {lead:#x}");
        primaries
    }

    fn segment(&mut self, start: &mut u32, lead: &mut u32, end: u32, trailing: u8) {
        if end > *start {
            self.segments.push((*start, *lead, trailing));
            *lead += (end - *start).div_ceil(1 << (8 * trailing));
            *start = end;
        }
    }

    /// The element with this primary weight and common other ones.
    fn element(&self, rank: u32) -> Element {
        let after = self.segments.partition_point(|(start, ..)| *start <= rank);
        let (start, lead, trailing) = self.segments[after.saturating_sub(1)];
        let number = (lead << (8 * trailing)) + (rank - start);
        let [first, second, third, _] = (number << (24 - 8 * trailing)).to_be_bytes();
        Element {
            primary: [first, second, third],
            primary_length: trailing + 1,
            ..Element::default()
        }
    }
}

/// Narrows a number; the file has none that does not fit.
fn small<N, T: TryFrom<N> + Default>(number: N) -> T {
    let narrow = T::try_from(number);
    debug_assert!(narrow.is_ok(), "a number of root.bin is too large");
    narrow.unwrap_or_default()
}

/// Reads the numbers of the file.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> u32 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn signed(&mut self) -> i32 {
        let number = self.number();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }
}
