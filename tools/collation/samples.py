#!/usr/bin/env python3
"""Writes src/view/collation/samples.txt: what ICU itself says about the order of strings.

    python3 tools/collation/samples.py [ICU major version, default 72]

The first line holds a hash of the order of all characters, each as a string of its own. Every other
line is a string in hexadecimal code points, after `<` or `=`: how the string before compares to it.
The comparison is the one that CouchDB makes: ucol_strcollIter over UTF-8, all attributes at their
defaults. The output depends on the version of ICU alone.
"""

import ctypes
import functools
import pathlib
import random
import sys

VERSION = sys.argv[1] if len(sys.argv) > 1 else "72"
COUNT = 2500
# Characters that take part in contractions, reordering marks, ignorable and special characters.
CONTEXTS = "Ll·\u0387\u0418\u0438\u0306\u0627\u0653\u0654\u0655\u09C7\u09BE\u0B47\u0B56\u0BC6\u0BBE\u0CC6\u0CC2\u0CD5"
TIBETAN = "\u0F40\u0F71\u0F72\u0F73\u0F74\u0F80\u0F81\u0FB2\u0FB3\u0F76\u0F79"
THAI = "\u0E40\u0E41\u0E44\u0E01\u0E02\u0E48\u0EC0\u0E81\uAAB5\uAA80\u1025\u102E"
MARKS = "\u0300\u0301\u0307\u0323\u0327\u0328\u031B\u0334\u0345\u3099\u309A\u05B0\u064B\u093C"
SPECIAL = "\u0000\u0009\u00AD\u034F\u200B\u200D\uFE0F\uFFFE\uFFFF\uFFFD\uE000\uFDD1\u0378\U0010FFFF"
ALPHABETS = [
    [chr(code) for code in range(0x20, 0x7F)],
    [chr(code) for code in range(0x250)],
    [chr(code) for code in (*range(0x370, 0x530), *range(0x1E00, 0x2000))],
    [chr(code) for code in range(0x590, 0x1000)],
    [chr(code) for code in (*range(0x2000, 0x2C00), *range(0x1F300, 0x1FB00))],
    [chr(code) for code in range(0x3040, 0x3100)] + list("\u3099ー"),
    [chr(code) for code in (*range(0x3400, 0xA000), *range(0xAC00, 0xD7A4), *range(0xF900, 0xFB00), *range(0x20000, 0x32400))],
    list(CONTEXTS + MARKS + "a"),
    list(TIBETAN + MARKS),
    list(THAI + MARKS),
    list(SPECIAL + "ab"),
]

i18n = ctypes.CDLL(f"libicui18n.so.{VERSION}")
common = ctypes.CDLL(f"libicuuc.so.{VERSION}")
open_collator = getattr(i18n, f"ucol_open_{VERSION}")
open_collator.restype = ctypes.c_void_p
error = ctypes.c_int(0)
collator = ctypes.c_void_p(open_collator(b"", ctypes.byref(error)))
compare_iterators = getattr(i18n, f"ucol_strcollIter_{VERSION}")
write_key = getattr(i18n, f"ucol_getSortKey_{VERSION}")
set_text = getattr(common, f"uiter_setUTF8_{VERSION}")
buffer = ctypes.create_string_buffer(4096)


def compare(one, other):
    iterators = []
    for text in (one, other):
        # More than the size of a UCharIterator.
        iterator = ctypes.create_string_buffer(512)
        data = text.encode()
        set_text(iterator, data, len(data))
        iterators.append((iterator, data))
    return compare_iterators(collator, iterators[0][0], iterators[1][0], ctypes.byref(error))


def sort_key(text):
    units = text.encode("utf-16-le")
    length = write_key(collator, units, len(units) // 2, buffer, len(buffer))
    return buffer.raw[:length]


def hash_of_characters():
    """FNV-1a over code points in order, each with a bit that tells whether it equals the one before."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    state, before = 0xCBF29CE484222325, None
    for key, code in sorted((sort_key(chr(code)), code) for code in codes):
        state = ((state ^ (code << 1 | (key == before))) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        before = key
    return state


def main():
    chance = random.Random(1)
    samples = {""}
    while len(samples) < COUNT:
        alphabet = chance.choice(ALPHABETS)
        text = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 5)))
        samples.add(text)
        # A neighbour, so that lower levels count.
        place = chance.randrange(len(text))
        samples.add(text[:place] + chance.choice([text[place].swapcase(), chance.choice(MARKS), ""]) + text[place + 1 :])
    ordered = sorted(sorted(samples), key=functools.cmp_to_key(compare))
    lines = [f"{hash_of_characters():016x}"]
    for before, text in zip([None, *ordered], ordered):
        relation = "=" if before is not None and compare(before, text) == 0 else "<"
        lines.append(" ".join([relation, *(f"{ord(character):04X}" for character in text)]))
    target = pathlib.Path(__file__).parents[2] / "src/view/collation/samples.txt"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
