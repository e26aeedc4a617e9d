//! The text of the expression that stands before a place in a source: what a failed call called, or
//! what a failed member access read from.

use std::ops::Range;

/// A chain like `doc.list[0].name` that ends before a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    /// The first name.
    pub(super) root: String,
    /// The members after it.
    pub(super) members: Vec<Member>,
}

/// One step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Member {
    /// `.name`, or a quoted name in brackets.
    Name(String),
    /// A number in brackets.
    Index(u32),
    /// A variable in brackets.
    Computed(String),
}

impl Chain {
    /// The chain without its last member, which was called.
    pub(super) fn receiver(&self) -> Option<(Self, &Member)> {
        let (last, members) = self.members.split_last()?;
        Some((Self { root: self.root.clone(), members: members.to_vec() }, last))
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.root)?;
        for member in &self.members {
            match member {
                Member::Name(name) if is_name(name) => write!(formatter, ".{name}")?,
                Member::Name(name) => write!(formatter, "[{name:?}]")?,
                Member::Index(index) => write!(formatter, "[{index}]")?,
                Member::Computed(name) => write!(formatter, "[{name}]")?,
            }
        }
        Ok(())
    }
}

/// Where a name first stands by itself, neither as a part of a longer one nor as a member.
pub(super) fn find_name(text: &str, name: &str) -> Option<usize> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let found = text.match_indices(name).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|before| is_part(before) || before == '.')
            && !after.is_some_and(is_part)
    });
    found.map(|(at, _)| at)
}

/// Whether a source sets a variable to null, or to a row, which is null after the last one.
pub(super) fn is_set_to_null(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let set = text[at + name.len()..].trim_start().strip_prefix('=').map(str::trim_start);
        set.is_some_and(|value| value.starts_with("null") || value.starts_with("getRow()"))
    })
}

/// The byte offset of a place given as line and column from 1, the column in UTF-16 units.
pub(super) fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let start = match line {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let mut units = usize::try_from(column).ok()?.checked_sub(1)?;
    let rest = &text[start..];
    for (at, character) in rest.char_indices() {
        if units == 0 {
            return Some(start + at);
        }
        units = units.checked_sub(character.len_utf16())?;
    }
    (units == 0).then_some(text.len())
}

/// What stands at a place where a call or a member access failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The callee, if it is a plain chain.
    Call(Option<Chain>),
    /// What a member was read from, if it is a plain chain, and the member.
    Access(Option<Chain>, Option<Member>),
    /// What is assigned to; the place is the same when the assigned value failed.
    Assignment(Chain),
}

/// Reads the text around `at`: boa points at the opening bracket of a call and at the member of an
/// access, or at the whole assignment. `None` when it points elsewhere, which it does where it has no
/// place for an expression.
pub(super) fn failed(text: &str, at: usize) -> Option<Failed> {
    let before = text[..at].trim_end();
    if text[at..].starts_with('(') {
        return Some(Failed::Call(chain_before(before)));
    }
    if let Some(object) = before.strip_suffix('.') {
        let name = leading_name(&text[at..]);
        let object = object.strip_suffix('?').unwrap_or(object);
        return Some(Failed::Access(chain_before(object), name.map(Member::Name)));
    }
    if let Some(chain) = before.strip_suffix('[').and_then(chain_before) {
        let key = text[at..].split(']').next().and_then(bracketed);
        return Some(Failed::Access(Some(chain), key));
    }
    let (target, _) = text[at..].split_once('=')?;
    let target = target.trim_end_matches(['+', '-', '*', '/', '%', '&', '|', '^', '<', '>', '?']);
    let plain = |character| is_part(character) || matches!(character, '.' | '[' | ']' | '"' | '\'');
    let target = target.trim_end();
    let chain = chain_before(target).filter(|_| target.chars().all(plain))?;
    Some(Failed::Assignment(chain))
}

/// All calls of a chain's last member in `text`, in order: `doc.name.trim(`.
pub(super) fn method_calls(text: &str) -> impl Iterator<Item = Chain> {
    text.match_indices('(').filter_map(|(at, _)| {
        chain_before(text[..at].trim_end()).filter(|chain| !chain.members.is_empty())
    })
}

/// What `new` constructs in `text`, where that is a plain chain.
pub(super) fn constructed(text: &str) -> impl Iterator<Item = Chain> {
    text.match_indices("new ").filter_map(|(at, word)| {
        let operand = &text[at + word.len()..];
        chain_before(&operand[..operand.find('(')?])
    })
}

/// The name of the first parameter of the first function in `text`.
pub(super) fn first_parameter(text: &str) -> Option<&str> {
    let parameters = match (text.find("function"), text.find("=>")) {
        (Some(function), arrow) if arrow.is_none_or(|arrow| function < arrow) => {
            let rest = &text[function..];
            &rest[rest.find('(')? + 1..]
        }
        (_, Some(arrow)) => {
            let before = text[..arrow].trim_end();
            let name = before.strip_suffix(')').unwrap_or(before);
            &name[name.rfind(['(', '\n', ';']).map_or(0, |at| at + 1)..]
        }
        _ => return None,
    };
    let name = parameters.trim_start();
    let range = name_range(name);
    (!range.is_empty()).then(|| &name[range])
}

fn chain_before(text: &str) -> Option<Chain> {
    let mut rest = text.trim_end();
    let mut members = Vec::new();
    loop {
        if let Some(inside) = rest.strip_suffix(']') {
            let open = inside.rfind('[')?;
            members.push(bracketed(&inside[open + 1..])?);
            rest = inside[..open].trim_end();
            continue;
        }
        let start = rest
            .rfind(|character| !is_part(character))
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        let name = &rest[start..];
        if !is_name(name) {
            return None;
        }
        let before = rest[..start].trim_end();
        if let Some(object) = before.strip_suffix('.') {
            members.push(Member::Name(name.to_owned()));
            rest = object.strip_suffix('?').unwrap_or(object).trim_end();
            continue;
        }
        members.reverse();
        return (!KEYWORDS.contains(&name)).then(|| Chain { root: name.to_owned(), members });
    }
}

/// Words before an operand or a bracket that are not part of what fails.
const KEYWORDS: [&str; 14] = [
    "return", "typeof", "function", "if", "while", "for", "switch", "catch", "new", "in", "of",
    "case", "void", "super",
];

/// What stands in brackets: a name in quotes, a number or a variable.
fn bracketed(text: &str) -> Option<Member> {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(name) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return (!name.contains([quote, '\\'])).then(|| Member::Name(name.to_owned()));
        }
    }
    if let Ok(index) = text.parse() {
        return Some(Member::Index(index));
    }
    is_name(text).then(|| Member::Computed(text.to_owned()))
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| is_part(first) && !first.is_numeric())
        && text.chars().all(is_part)
}

fn name_range(text: &str) -> Range<usize> {
    0..text.find(|character| !is_part(character)).unwrap_or(text.len())
}

fn leading_name(text: &str) -> Option<String> {
    let name = &text[name_range(text)];
    is_name(name).then(|| name.to_owned())
}
