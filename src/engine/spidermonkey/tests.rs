//! What goes in and what comes out, as the bundle of `CouchDB` 3.5.0 answers.

use super::{ErrorKind, RewriteError, rewrite, rewrite_with_flags};

fn assert_output(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(rewrite(source).as_deref(), Ok(*expected), "{source}");
    }
}

fn assert_errors(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        let error = rewrite(source).map_err(|error| error.message);
        assert_eq!(error, Err((*expected).to_owned()), "{source}");
    }
}

#[test]
fn the_last_anonymous_function_becomes_an_expression() {
    assert_output(&[
        (
            "function(doc) { emit(doc._id, null) } // all",
            "(function (doc) {\n    emit(doc._id, null);\n});",
        ),
        ("\u{feff}function(doc){};", "(function (doc) {\n});\n;"),
        ("function*(doc){}", "(function* (doc) {\n});"),
        ("doc=>{}", "doc => {\n};"),
        ("function map(doc){}", "function map(doc) {\n}"),
        // Only the last declaration is looked at.
        ("function(doc){} function helper(){}", "function (doc) {\n}\nfunction helper() {\n}"),
        ("function(){}(1)", "(function () {\n});\n1;"),
        // Others stay declarations, which the engine refuses.
        ("{function(){}}", "{\n    function () {\n    }\n}"),
    ]);
    assert_errors(&[
        ("async function(doc){}", "Line 1: Unexpected token ("),
        ("if (1) function(){}", "Line 1: Unexpected token ("),
    ]);
}

#[test]
fn programs_without_statements_trip_the_search() {
    for source in ["", " ", "// nothing here", "<!-- old browsers"] {
        let error = RewriteError {
            kind: ErrorKind::Type,
            message: "decl is undefined".to_owned(),
            line: 33,
            column: 0,
        };
        assert_eq!(error.constructor(), "TypeError");
        assert_eq!(rewrite(source), Err(error), "{source}");
    }
}

#[test]
fn some_programs_are_printed_as_others() {
    assert_output(&[
        ("(a + b) ** 2", "a + b ** 2;"),
        ("(2 * a) ** 2", "2 * a ** 2;"),
        ("(a ** b) ** 2", "a ** b ** 2;"),
        ("-(a ** 2)", "-a ** 2;"),
        ("(x ? y : z) ** (a, b)", "x ? y : z ** a, b;"),
        ("for (x of (a, b));", "for (x of a, b);"),
        (
            "function f() { return new.target }",
            "function f() {\n    return [object Object].[object Object];\n}",
        ),
        ("var { a: x = 1 } = doc", "var {\n    x = 1: x = 1\n} = doc;"),
        ("async(a += 1) => b", "async (a = 1) => b;"),
        ("a\\u{20}b", "a b;"),
    ]);
}

#[test]
fn literals_are_normalized() {
    assert_output(&[
        ("\"it's\"", "'it\\'s';"),
        ("'é \\u65e5 😀 \\ud800'", "'é 日 \\uD83D\\uDE00 \\uD800';"),
        ("'\\0\\x001\\v\\x7f\\t\\\n'", "'\\0\\x001\\x0B\\x7F\\t';"),
        ("0x1F + 017 + 0b11 + 08.5", "31 + 15 + 3 + 8.5;"),
        ("[1e21, 1e400, .5]", "[\n    1e+21,\n    1e+400,\n    0.5\n];"),
        ("1..a + 1.5.b", "1..a + 1.5.b;"),
        ("`a\\u{61}${b}\r\n`", "`a\\u{61}${ b }\r\n`;"),
        ("/[/]\\u{61}/giu", "/[/]\\u{61}/giu;"),
        // The engine has no value for these.
        ("/a/d", "null;"),
        ("/a/gg", "null;"),
        ("/\\p{Nonsense}/u", "null;"),
    ]);
    assert_eq!(rewrite_with_flags("/a/d", "dgimsuy").as_deref(), Ok("/a/d;"));
}

#[test]
fn layout_follows_from_the_tree() {
    assert_output(&[
        ("x = {}; y = {a}; z = {a, b: 1}", "x = {};\ny = { a };\nz = {\n    a,\n    b: 1\n};"),
        (
            "x = {a: {b: [1, 2]}}",
            "x = {\n    a: {\n        b: [\n            1,\n            2\n        ]\n    }\n};",
        ),
        ("var {a, b} = c, {d = 1} = e", "var {a, b} = c, {\n        d = 1\n    } = e;"),
        ("if (a) b; else if (c); else {d}", "if (a)\n    b;\nelse if (c);\nelse {\n    d;\n}"),
        ("do; while (a)", "do ;\nwhile (a);"),
        ("for (x = (a in b);;);", "for (x = (a in b);;);"),
        ("new (a().b)(1).c", "new (a()).b(1).c;"),
        ("a - -b + (c - (d - e))", "a - -b + (c - (d - e));"),
        ("x => ({}).a; y => ({})", "x => ({}.a);\ny => ({});"),
        ("/a/ in b; a < !--b", "/a/ in b;\na < !--b;"),
        ("async (a, ...b) => await a", "async (a, ...b) => await a;"),
    ]);
}

#[test]
fn what_is_newer_than_esprima_is_refused() {
    assert_errors(&[
        ("a?.b", "Line 1: Unexpected token ."),
        ("a ?? b", "Line 1: Unexpected token ?"),
        ("a ||= b", "Line 1: Unexpected token ="),
        ("({...a})", "Line 1: Unexpected token ..."),
        ("try {} catch {}", "Line 1: Unexpected token {"),
        ("10n", "Line 1: Unexpected token ILLEGAL"),
        ("class A { a = 1 }", "Line 1: Unexpected token ="),
        ("for await (a of b);", "Line 1: Unexpected identifier"),
        ("'\u{2028}'", "Line 1: Unexpected token ILLEGAL"),
        ("#!/bin/js", "Line 1: Unexpected token ILLEGAL"),
        ("export default 1", "Line 1: Unexpected token"),
        ("x = import('a')", "Line 1: Unexpected reserved word"),
        ("(-a) ** b", "Line 1: Unexpected token **"),
        ("({async})", "Line 1: Unexpected token }"),
        ("/(/", "Line 1: Invalid regular expression"),
        ("\n/a", "Line 2: Invalid regular expression: missing /"),
    ]);
}

#[test]
fn early_errors_are_those_of_esprima() {
    assert_errors(&[
        ("function (doc) {", "Line 1: Unexpected end of input"),
        ("(doc) -> emit doc._id", "Line 1: Unexpected token >"),
        ("a 'b'", "Line 1: Unexpected string"),
        ("if `$&$$`", "Line 1: Unexpected quasi %0$"),
        ("return 1", "Line 1: Illegal return statement"),
        ("a: a: b", "Line 1: Label 'a' has already been declared"),
        ("1 = a", "Line 1: Invalid left-hand side in assignment"),
        ("({a = 1})", "Line 1: Unexpected token ="),
        ("const a", "Line 1: Missing initializer in const declaration"),
        ("'use strict'; 017", "Line 1: Octal literals are not allowed in strict mode."),
        ("(a, a) => 1", "Line 1: Strict mode function may not have duplicate parameter names"),
        ("`${}`", "ASSERT: Template literal must start with a template head"),
        ("`\\", "ch is undefined"),
        ("1 + (a,)", "this[d] is not a function"),
    ]);
    assert_output(&[
        // What escapes it.
        ("'use strict'; let a; let a", "'use strict';\nlet a;\nlet a;"),
        ("'use\\x20strict'; 017", "'use strict';\n15;"),
        ("`a` = 1", "`a` = 1;"),
    ]);
    let error = rewrite("\n  var 1").unwrap_err();
    assert_eq!((error.line, error.column, error.constructor()), (2, 7, "Error"));
}

#[test]
fn hostile_sources_are_refused() {
    let test = || {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("({a:", "})"),
            ("{", "}"),
            ("if(a)", ""),
            ("a=>", ""),
            ("!", ""),
            ("a**", ""),
            ("new ", ""),
            ("`${", "}`"),
            ("class A{m(){", "}}"),
            ("x=class extends ", "{}"),
            ("var [", "]=1"),
            ("function(){", "}"),
        ] {
            let source = format!("{}a{}", open.repeat(50_000), close.repeat(50_000));
            let error = rewrite(&source).unwrap_err();
            assert!(
                matches!(error.kind, ErrorKind::TooComplex | ErrorKind::Syntax),
                "{open} {error:?}"
            );
        }
        // Each level of such a pattern is printed twice.
        let source = format!("{}b{}", "({a:".repeat(100), "}=1)".repeat(100));
        assert_eq!(rewrite(&source).unwrap_err().kind, ErrorKind::TooComplex);
        // Nesting to the left has no limit.
        for (first, next) in [("a", "+a"), ("a", ".a"), ("a", "()"), ("a", ",a"), ("", "a;")] {
            assert!(rewrite(&format!("{first}{}", next.repeat(50_000))).is_ok(), "{next}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(test);
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}
