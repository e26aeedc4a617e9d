//! The source of the function that a file holds.
//!
//! CouchDB wants a bare function expression; linters and unit tests want a module. A file may be
//! either. Of `module.exports = function (doc) {…};`, `exports.map = …` and
//! `export default function (doc) {…}` the function's own text is pushed, from its first token to
//! its last: neither the prefix, the comments around it nor the semicolon behind it. A named
//! function gets parentheses, since CouchDB takes `function name(…) {…}` for a statement without a
//! value. A `'use strict'` before the prefix is dropped.
//!
//! Any other text is a bare function and kept byte for byte.

use super::javascript::{Kind, Token, tokens};

/// The text to push, and where it starts in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extracted {
    pub(super) text: String,
    pub(super) offset: usize,
}

/// Why a module does not hold one function, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOneFunction {
    pub(super) message: &'static str,
    pub(super) offset: usize,
}

/// Takes the function out of a module; `None` when the text is no module.
pub(super) fn function_of_module(source: &str) -> Result<Option<Extracted>, NotOneFunction> {
    let all = tokens(source);
    let Some((at, length)) = find_prefix(source, &all) else { return Ok(None) };
    let fail = |message, token: Option<&Token>| {
        Err(NotOneFunction { message, offset: token.map_or(source.len(), |token| token.start) })
    };
    let before = &all[..at];
    if let Some(token) = before.first()
        && !is_strict_directive(source, before)
    {
        return fail("code outside of the function would be lost", Some(token));
    }
    let rest = &all[at + length..];
    let Some(first) = rest.first() else { return fail("a function is missing here", None) };
    let Some(function) = Function::of(source, rest) else {
        return fail("a function must stand here", Some(first));
    };
    let end = function.length;
    if let Some(extra) = rest[end..].iter().find(|token| text(source, token) != ";") {
        return fail("code outside of the function would be lost", Some(extra));
    }
    let own = &source[first.start..rest[end - 1].end];
    let text = if function.named { format!("({own})") } else { own.to_owned() };
    Ok(Some(Extracted { text, offset: first.start }))
}

fn text<'a>(source: &'a str, token: &Token) -> &'a str {
    &source[token.start..token.end]
}

/// Where the prefix of an export stands outside of all brackets, and of how many tokens it is.
fn find_prefix(source: &str, all: &[Token]) -> Option<(usize, usize)> {
    const PREFIXES: [&[&str]; 3] = [
        &["export", "default"],
        &["module", ".", "exports", "="],
        &["exports", "=", "module", ".", "exports", "="],
    ];
    let mut depth = 0_usize;
    for (at, token) in all.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 => {
                let rest = &all[at..];
                let starts = |prefix: &&&[&str]| {
                    rest.len() >= prefix.len()
                        && rest
                            .iter()
                            .zip(prefix.iter())
                            .all(|(token, wanted)| text(source, token) == *wanted)
                };
                let length = PREFIXES.iter().find(starts).map(|prefix| prefix.len());
                // `exports.map = …`, but not `exports.map == …`
                let named = || {
                    let [_, dot, name, equals, ..] = rest else { return None };
                    (text(source, token) == "exports"
                        && text(source, dot) == "."
                        && name.kind == Kind::Word
                        && text(source, equals) == "=")
                        .then_some(4)
                };
                let preceded = at > 0 && matches!(text(source, &all[at - 1]), "." | "=");
                if let Some(length) = length.or_else(named).filter(|_| !preceded) {
                    return Some((at, length));
                }
            }
            _ => {}
        }
    }
    None
}

fn is_strict_directive(source: &str, before: &[Token]) -> bool {
    let texts: Vec<&str> = before.iter().map(|token| text(source, token)).collect();
    matches!(
        texts.as_slice(),
        ["'use strict'" | "\"use strict\""] | ["'use strict'" | "\"use strict\"", ";"]
    )
}

/// A function at the start of some tokens.
struct Function {
    /// How many tokens it has.
    length: usize,
    named: bool,
}

impl Function {
    fn of(source: &str, tokens: &[Token]) -> Option<Self> {
        let word = |at: usize| tokens.get(at).map(|token| text(source, token));
        let mut at = usize::from(word(0) == Some("async") && word(1) != Some("=>"));
        if word(at) == Some("function") {
            at += 1 + usize::from(word(at + 1) == Some("*"));
            let named = tokens.get(at).is_some_and(|token| token.kind == Kind::Word);
            at += usize::from(named);
            let parameters = group(tokens, at, '(')?;
            let body = group(tokens, at + parameters, '{')?;
            return Some(Self { length: at + parameters + body, named });
        }
        let parameters = match tokens.get(at)?.kind {
            Kind::Open('(') => group(tokens, at, '(')?,
            Kind::Word => 1,
            _ => return None,
        };
        at += parameters;
        if word(at) == Some("=>") {
            at += 1;
            let body = match tokens.get(at)?.kind {
                Kind::Open('{') => group(tokens, at, '{')?,
                _ => expression(source, &tokens[at..]),
            };
            return Some(Self { length: at + body, named: false });
        }
        // `(function (doc) {…})`, parentheses included.
        let inside = tokens.get(1..parameters.checked_sub(1)?)?;
        let inner = Self::of(source, inside)?;
        (inner.length == inside.len()).then_some(Self { length: parameters, named: false })
    }
}

/// How many tokens the group has that opens with `bracket` at `at`.
fn group(tokens: &[Token], at: usize, bracket: char) -> Option<usize> {
    let tokens = tokens.get(at..)?;
    if tokens.first()?.kind != Kind::Open(bracket) {
        return None;
    }
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

/// How many tokens the expression has that is the body of an arrow function: up to a semicolon.
fn expression(source: &str, tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            Kind::Other if depth == 0 && text(source, token) == ";" => return index,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(source: &str) -> String {
        function_of_module(source).expect(source).expect(source).text
    }

    fn fails(source: &str) -> (&'static str, usize) {
        let error = function_of_module(source).expect_err(source);
        (error.message, error.offset)
    }

    #[test]
    fn functions_of_modules() {
        let body = "function (doc) { emit('};', /\\}/, `${{}}`); /* } */ }";
        for prefix in [
            "module.exports = ",
            "module.exports=",
            "export default ",
            "exports.map = ",
            "exports = module.exports = ",
            "// a comment\n/* global emit */\n'use strict';\nmodule.exports = /* the map */ ",
            "#!/usr/bin/env node\n\"use strict\"\nmodule . exports =\n  ",
        ] {
            for suffix in ["", ";", ";\n// the end\n", "\n\n"] {
                let source = format!("{prefix}{body}{suffix}");
                assert_eq!(function(&source), body, "{source}");
            }
        }
        assert_eq!(
            function("module.exports = doc => emit(doc._id, { a: 1 });\n"),
            "doc => emit(doc._id, { a: 1 })"
        );
        assert_eq!(function("export default (doc) => { emit(1); }"), "(doc) => { emit(1); }");
        assert_eq!(function("module.exports = async (a) => { };"), "async (a) => { }");
        assert_eq!(function("module.exports = (function (doc) { });"), "(function (doc) { })");
        assert_eq!(function("export default function* (a) { }"), "function* (a) { }");
    }

    #[test]
    fn a_named_function_gets_parentheses() {
        assert_eq!(function("module.exports = function map(doc) { };"), "(function map(doc) { })");
        assert_eq!(function("export default function map (doc) { }"), "(function map (doc) { })");
    }

    #[test]
    fn other_texts_are_bare() {
        for bare in [
            "",
            "function (doc) { emit(1); }",
            "// module.exports = \nfunction (doc) { }",
            "function (doc) { module.exports = 5; }",
            "(doc) => emit('module.exports = 1')",
            "_count",
            "x.module.exports = 1",
            "not javascript {{{ `",
        ] {
            assert_eq!(function_of_module(bare), Ok(None), "{bare}");
        }
    }

    #[test]
    fn modules_that_hold_something_else() {
        let lost = "code outside of the function would be lost";
        let missing = "a function must stand here";
        assert_eq!(fails("var a = 1;\nmodule.exports = function () { a; }"), (lost, 0));
        assert_eq!(fails("module.exports = function () { }\nvar a = 1;"), (lost, 33));
        assert_eq!(fails("module.exports = function () { }.bind(1)"), (lost, 32));
        assert_eq!(fails("module.exports = { map: function () { } }"), (missing, 17));
        assert_eq!(fails("function map() { }\nmodule.exports = map;"), (lost, 0));
        assert_eq!(fails("module.exports = map;"), (missing, 17));
        assert_eq!(fails("module.exports = function () {"), (missing, 17));
        assert_eq!(fails("module.exports = (1 + 2)"), (missing, 17));
        assert_eq!(fails("module.exports = ()"), (missing, 17));
        assert_eq!(fails("module.exports ="), ("a function is missing here", 16));
        assert_eq!(fails("exports.map = function () { };\nexports.reduce = '_count';"), (lost, 31));
    }
}
