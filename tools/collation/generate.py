#!/usr/bin/env python3
"""Writes src/view/collation/root.bin: ICU's root collation in the form that table.rs reads.

    python3 tools/collation/generate.py [ICU major version, default 72]

The data is read out of an installed libicudata (its item coll/ucadata.icu, a compiled form of CLDR's
root collation); libicuuc reads the tries. The output depends on the version of ICU alone. ICU's data
is under the Unicode License (https://www.unicode.org/license.txt), and so is the output.

Only the order of weights matters, so the output has ranks instead of ICU's weights:

* A primary weight is the number of smaller primary weights. Nearly every rank has an owner, the
  character with this primary weight and common other weights, so that the list of owners in order
  describes most characters, among them all ideographs.
* Secondary and tertiary weights are numbered from the common weight, 0, upwards. A few kana have a
  tertiary weight below the common one. For the primary weights of these kana the lowest one counts as
  common: this changes nothing, since tertiary weights compare only where the primary ones are equal.

File: sections one after another. Numbers are LEB128; signed ones are zigzag-coded before.

1. lanes      count, then the first code point of each lane (blocks of ideographs)
2. owners     number of runs, then per run a byte lane << 4 | length. Length 15: a number with the
              length minus 15 follows. Lanes 0-11: the run goes on where the lane's last one ended.
              JUMP: a byte with the lane and then a signed distance from there precede. FREE: a signed
              distance from the end of the last run of any lane. NONE: ranks without an owner.
              UNASSIGNED, without length: ranks for all code points that have no mapping.
3. short      count, then the ranks of ASCII characters, as distances: those take one byte in sort keys
4. weights    count, then pairs of a secondary and a tertiary weight; the secondary weight times two,
              plus one where a primary weight belongs to it. Most frequent pairs first.
5. mappings   count, then per code point the distance from the last one and its collation elements:
              their number, then for each the index of its weights and, if there is one, the rank of
              its primary weight as distance from the last one.
6. contexts   count, then per code point the distance from the last one, a number of contexts times
              two, plus one if the context precedes instead of follows; per context the number of its
              characters, the characters, elements as in 5. Without context, what 2 and 5 say holds.
7. combining  number of runs of characters whose decomposition starts with a combining mark: distance
              from the last run's end, length, combining class of the first and the last character.
"""

import collections
import ctypes
import pathlib
import struct
import sys

FREE, NONE, UNASSIGNED, JUMP = 12, 13, 14, 15
COMMON = 0x0500
ESCAPE = 15
# Blocks in each of which ideographs of one radical and stroke count follow one another.
LANES = [0x3400, 0x4E00, 0xF900, 0x20000, 0x2A700, 0x2B740, 0x2B820, 0x2CEB0, 0x30000, 0x31350, 0x2A6DE, 0x9FA6]


class Icu:
    """The mappings of ICU's root collation."""

    def __init__(self, version):
        self.common = ctypes.CDLL(f"libicuuc.so.{version}")
        self.version = version
        data = self.item(f"icudt{version}l/coll/ucadata.icu".encode())
        header = struct.unpack_from("<H", data)[0]
        data = data[header:]
        index = struct.unpack_from("<20i", data)
        part = lambda number, kind: [
            value for (value,) in struct.iter_unpack("<" + kind, data[index[number] : index[number + 1]])
        ]
        self.jamo = index[4]
        self.elements64 = part(9, "Q")
        self.elements32 = part(11, "I")
        self.contexts = part(13, "H")
        trie = data[index[7] : index[8]]
        self.trie_bytes = ctypes.create_string_buffer(trie, len(trie))
        error = ctypes.c_int(0)
        open_trie = self.function("utrie2_openFromSerialized", ctypes.c_void_p)
        trie = open_trie(1, self.trie_bytes, len(trie), None, ctypes.byref(error))
        assert trie and error.value <= 0
        get = self.function("utrie2_get32", ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int)
        self.mappings = {}
        for code in range(0x110000):
            value = get(trie, code)
            if not (0xD800 <= code < 0xE000) and not self.is_unmapped(value) and not self.is_hangul(value):
                self.mappings[code] = self.expand(code, value)

    def function(self, name, result, *arguments):
        function = getattr(self.common, f"{name}_{self.version}")
        function.restype = result
        if arguments:
            function.argtypes = arguments
        return function

    def item(self, name):
        library = ctypes.CDLL(f"libicudata.so.{self.version}")
        base = ctypes.addressof(ctypes.c_char.in_dll(library, f"icudt{self.version}_dat"))
        toc = base + struct.unpack("<H", ctypes.string_at(base, 2))[0]
        (count,) = struct.unpack("<I", ctypes.string_at(toc, 4))
        entries = list(struct.iter_unpack("<II", ctypes.string_at(toc + 4, 8 * count)))
        for (offset, start), (_, end) in zip(entries, entries[1:]):
            if ctypes.string_at(toc + offset) == name:
                return ctypes.string_at(toc + start, end - start)
        raise SystemExit(f"{name} is not in libicudata")

    @staticmethod
    def is_unmapped(value):
        return value & 0xCF == 0xCF

    @staticmethod
    def is_hangul(value):
        return value & 0xCF == 0xCC

    def expand(self, code, value):
        """Collation elements as a list of 64-bit numbers, or ("prefix" or "suffix", default, contexts)."""
        element = lambda primary, rest: primary << 32 | rest & 0xFFFF3F3F
        common = COMMON << 16 | COMMON
        if value & 0xC0 != 0xC0:
            return [element(value & 0xFFFF0000, (value & 0xFF00) << 16 | (value & 0xFF) << 8)]
        tag, index, length = value & 15, value >> 13, value >> 8 & 31
        match tag:
            case 1:
                return [element(value & 0xFFFFFF00, common)]
            case 2:
                return [element(0, value & 0xFFFFFF00)]
            case 4:
                first = element(value & 0xFF000000, COMMON << 16 | (value & 0xFF0000) >> 8)
                return [first, element(0, (value & 0xFF00) << 16 | COMMON)]
            case 5:
                parts = self.elements32[index : index + length]
                return [element for part in parts for element in self.expand(code, part)]
            case 6:
                return [element(value >> 32, value & 0xFFFFFFFF) for value in self.elements64[index : index + length]]
            case 8 | 9:
                units = self.contexts
                default = self.expand(code, units[index] << 16 | units[index + 1])
                contexts = [(text, self.expand(code, value)) for text, value in self.strings(index + 2)]
                return ("prefix" if tag == 8 else "suffix", default, contexts)
            case 10:
                return self.expand(code, self.elements32[index])
            case 11:
                return self.expand(code, self.elements32[0])
            case 14:
                return [element(self.offset_primary(code, self.elements64[index]), common)]
            case 15:
                return None
        raise SystemExit(f"U+{code:04X}: unexpected kind {tag}")

    @staticmethod
    def offset_primary(code, data):
        base, start, step = data >> 32, (data & 0xFFFFFFFF) >> 8, data & 0x7F
        low, span = (4, 251) if data & 0x80 else (2, 254)
        offset = (code - start) * step + (base >> 8 & 0xFF) - 2
        third, offset = offset % 254 + 2, offset // 254
        offset += (base >> 16 & 0xFF) - low
        second, offset = offset % span + low, offset // span
        return (base & 0xFF000000) + (offset << 24) | second << 16 | third << 8

    def strings(self, position):
        """Strings and values of a serialized UCharsTrie."""
        units, found = self.contexts, []

        def value(position, lead):
            if lead < 0x4000:
                return lead, position
            if lead < 0x7FFF:
                return (lead - 0x4000) << 16 | units[position], position + 1
            return units[position] << 16 | units[position + 1], position + 2

        def node(position, text):
            lead, position = units[position], position + 1
            if lead >= 0x8000:
                found.append((text, value(position, lead & 0x7FFF)[0]))
                return
            if lead >= 0x40:
                if lead < 0x4040:
                    result = (lead >> 6) - 1
                elif lead < 0x7FC0:
                    result, position = ((lead & 0x7FC0) - 0x4040) << 10 | units[position], position + 1
                else:
                    result, position = units[position] << 16 | units[position + 1], position + 2
                found.append((text, result))
                lead &= 0x3F
            if lead >= 0x30:
                length = lead - 0x2F
                node(position + length, text + units[position : position + length])
            elif lead == 0:
                branch(position + 1, units[position] + 1, text)
            else:
                branch(position, lead + 1, text)

        def branch(position, length, text):
            while length > 5:
                delta, position = units[position + 1], position + 2
                if delta == 0xFFFF:
                    delta, position = units[position] << 16 | units[position + 1], position + 2
                elif delta >= 0xFC00:
                    delta, position = (delta - 0xFC00) << 16 | units[position], position + 1
                branch(position + delta, length >> 1, text)
                length -= length >> 1
            for _ in range(length - 1):
                unit, lead, position = units[position], units[position + 1], position + 2
                result, position = value(position, lead & 0x7FFF)
                if lead & 0x8000:
                    found.append((text + [unit], result))
                else:
                    node(position + result, text + [unit])
            node(position + 1, text + [units[position]])

        node(position, [])
        decode = lambda text: struct.pack(f"<{len(text)}H", *text).decode("utf-16-le")
        return sorted((decode(text), result) for text, result in found)

    def combining(self):
        """(code point, combining class of the first, of the last character of its decomposition)"""
        error = ctypes.c_int(0)
        instance = self.function("unorm2_getNFDInstance", ctypes.c_void_p)(ctypes.byref(error))
        decompose = self.function("unorm2_getDecomposition", ctypes.c_int)
        decompose.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
        class_of = self.function("unorm2_getCombiningClass", ctypes.c_uint8, ctypes.c_void_p, ctypes.c_int)
        buffer = ctypes.create_string_buffer(64)
        for code in range(0x110000):
            if 0xD800 <= code < 0xE000:
                continue
            length = decompose(instance, code, buffer, 32, ctypes.byref(error))
            text = buffer.raw[: 2 * length].decode("utf-16-le") if length >= 0 else chr(code)
            first = class_of(instance, ord(text[0]))
            if first:
                yield code, first, class_of(instance, ord(text[-1]))


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value):
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


def element_lists(mappings):
    for mapping in mappings.values():
        if isinstance(mapping, tuple):
            _, default, contexts = mapping
            assert not isinstance(default, tuple)
            yield from (elements for _, elements in contexts)
            mapping = default
        if mapping is not None:
            yield mapping


def primary_runs(owners):
    """Runs of (first code point or None, length) in rank order."""
    runs = []
    for owner in owners:
        if runs and (runs[-1][0] is None) == (owner is None) and (owner is None or sum(runs[-1]) == owner):
            runs[-1][1] += 1
        else:
            runs.append([owner, 1])
    return runs


def lane_of(code):
    if 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x33480:
        return max((lane for lane in range(len(LANES)) if LANES[lane] <= code), key=lambda lane: LANES[lane])
    return None


def main():
    icu = Icu(sys.argv[1] if len(sys.argv) > 1 else "72")
    mappings = icu.mappings
    lists = list(element_lists(mappings))
    for element in (element for elements in lists for element in elements):
        primary, second, third = element >> 32, element >> 16 & 0xFFFF, element & 0xFFFF
        # What the sort keys of string.rs rely on.
        assert not primary or (second and third)
        assert primary or not second or (second > COMMON and third >= COMMON)
        assert second or not third

    seconds = sorted({element >> 16 & 0xFFFF for elements in lists for element in elements} - {0, COMMON})
    thirds = sorted({element & 0xFFFF for elements in lists for element in elements} - {0})
    lowered = {element >> 32 for elements in lists for element in elements if 0 < element & 0xFFFF < COMMON}

    def weights(element):
        primary, second, third = element >> 32, element >> 16 & 0xFFFF, element & 0xFFFF
        second = 0 if second == COMMON else seconds.index(second) + 1
        third = 0 if third == COMMON and primary not in lowered else thirds.index(third)
        return second << 1 | (primary != 0), third

    default = lambda mapping: mapping[1] if isinstance(mapping, tuple) else mapping
    owner_of = {}
    for code, mapping in mappings.items():
        elements = default(mapping)
        if elements and len(elements) == 1 and elements[0] and weights(elements[0]) == (1, 0):
            owner_of.setdefault(elements[0] >> 32, code)
    primaries = sorted({element >> 32 for elements in lists for element in elements} - {0})
    # Unmapped code points come after all others except U+FFFD and U+FFFF.
    unassigned = next(rank for rank, primary in enumerate(primaries) if primary >= 0xFF000000)
    rank_of = {primary: rank + (0x110000 if rank >= unassigned else 0) for rank, primary in enumerate(primaries)}

    out = bytearray(number(len(LANES)))
    for lane in LANES:
        out += number(lane)

    body, count, end, ends = bytearray(), 0, 0, list(LANES)
    for part in (primaries[:unassigned], None, primaries[unassigned:]):
        if part is None:
            body.append(UNASSIGNED << 4)
            count += 1
            continue
        for start, length in primary_runs([owner_of.get(primary) for primary in part]):
            count += 1
            lane = None if start is None else lane_of(start)
            head = NONE if start is None else FREE if lane is None else lane
            if lane is not None and ends[lane] != start:
                head = JUMP
            body.append(head << 4 | min(length, ESCAPE))
            if head == JUMP:
                body += number(lane) + signed(start - ends[lane])
            elif head == FREE:
                body += signed(start - end)
            if length >= ESCAPE:
                body += number(length - ESCAPE)
            if start is not None:
                end = start + length
            if lane is not None:
                ends[lane] = end
    out += number(count) + body
    sizes = {"owners": len(out)}

    short = sorted({rank_of[mappings[code][0] >> 32] for code in range(128) if len(mappings[code]) == 1 and mappings[code][0] >> 32})
    out += number(len(short))
    last = 0
    for rank in short:
        out += number(rank - last)
        last = rank

    visible = [[element for element in elements if element] for elements in lists]
    pairs = collections.Counter(weights(element) for elements in visible for element in elements)
    pairs = [pair for pair, _ in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))]
    index_of = {pair: index for index, pair in enumerate(pairs)}
    out += number(len(pairs))
    for second, third in pairs:
        out += number(second) + number(third)
    sizes["weights"] = len(out)

    last_rank = 0

    def encoded(elements):
        nonlocal last_rank
        elements = [element for element in elements if element]
        text = bytearray(number(len(elements)))
        for element in elements:
            text += number(index_of[weights(element)])
            if element >> 32:
                rank = rank_of[element >> 32]
                text += signed(rank - last_rank)
                last_rank = rank
        return text

    owners = set(owner_of.values())
    others = [code for code in sorted(mappings) if code not in owners and default(mappings[code]) is not None]
    out += number(len(others))
    last = 0
    for code in others:
        out += number(code - last) + encoded(default(mappings[code]))
        last = code
    sizes["mappings"] = len(out)

    starters = [code for code in sorted(mappings) if isinstance(mappings[code], tuple)]
    out += number(len(starters))
    last = 0
    for code in starters:
        kind, _, contexts = mappings[code]
        out += number(code - last) + number(len(contexts) << 1 | (kind == "prefix"))
        last = code
        for text, elements in contexts:
            assert kind == "suffix" or len(text) == 1
            out += number(len(text)) + b"".join(number(ord(character)) for character in text) + encoded(elements)
    sizes["contexts"] = len(out)

    runs = []
    for code, first, final in icu.combining():
        if runs and runs[-1][2:] == [first, final] and runs[-1][0] + runs[-1][1] == code:
            runs[-1][1] += 1
        else:
            runs.append([code, 1, first, final])
    out += number(len(runs))
    last = 0
    for start, length, first, final in runs:
        out += number(start - last) + number(length) + bytes([first, final])
        last = start + length
    sizes["combining"] = len(out)

    target = pathlib.Path(__file__).parents[2] / "src/view/collation/root.bin"
    target.write_bytes(out)
    print(len(primaries), "primaries,", len(others), "mappings;", "ends of sections:", sizes)


if __name__ == "__main__":
    main()
