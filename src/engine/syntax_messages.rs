//! The texts of syntax errors, in the words of CouchDB's engines: `SpiderMonkey` 78
//! (`js/src/frontend`, for modules; functions pass through Esprima first) and the `QuickJS` of
//! CouchDB 3.5.0.

use boa_parser::Error;
use boa_parser::lexer::Error as LexError;

use super::Profile;

/// What is wrong, as far as both engines tell it apart.
enum Problem<'a> {
    /// An expression was to come.
    Expression(&'a str),
    /// A statement did not end.
    Semicolon(&'a str),
    /// Texts of each engine.
    Known(&'static str, &'static str),
}

use Problem::Known;

/// The engine's text for an error in `text`; `None` where it is not known.
pub(super) fn message(
    error: &Error,
    at: Option<usize>,
    text: &str,
    profile: Profile,
) -> Option<String> {
    let rest = at.and_then(|at| text.get(at..)).unwrap_or_default();
    let problem = match error {
        Error::Expected { expected, context, .. } => expected_token(context, expected, rest)?,
        Error::Unexpected { message, .. } => unexpected(message, rest)?,
        Error::AbruptEnd => Problem::Expression(""),
        Error::Lex { err: LexError::Syntax(message, _) } => {
            lexical(message, text, rest, profile).or_else(|| general(message))?
        }
        other => {
            let shown = other.to_string();
            let message = shown.split(" at line ").next().unwrap_or_default();
            lexical(message, text, rest, profile).or_else(|| general(message))?
        }
    };
    Some(match (profile, problem) {
        (Profile::SpiderMonkey, Known(text, _)) | (Profile::QuickJs, Known(_, text)) => text.into(),
        (Profile::SpiderMonkey, Problem::Expression(rest)) => {
            format!("expected expression, got {}", described(rest))
        }
        (Profile::QuickJs, Problem::Expression(rest)) => {
            format!("unexpected token in expression: '{}'", token(rest))
        }
        (Profile::SpiderMonkey, Problem::Semicolon(rest)) => {
            format!("unexpected token: {}", described(rest))
        }
        (Profile::QuickJs, Problem::Semicolon(_)) => "expecting ';'".into(),
    })
}

fn expected_token<'a>(context: &str, expected: &[String], rest: &'a str) -> Option<Problem<'a>> {
    let expects = |token: &str| expected.iter().any(|expected| expected == token);
    Some(match context {
        _ if expects(";") => Problem::Semicolon(rest),
        "CoverParenthesizedExpressionAndArrowParameterList" => {
            Known("missing ) in parenthetical", "expecting ')'")
        }
        "object literal" => Known("missing } after property list", "expecting '}'"),
        "method definition" => Known("missing : after property id", "expecting '}'"),
        "identifier parsing" => Known("missing variable name", "variable name expected"),
        "argument list" => Known("missing ) after argument list", "expecting ','"),
        "parameter list" => Known("missing ) after formal parameters", "expecting ','"),
        "conditional expression" => Known("missing : in conditional expression", "expecting ':'"),
        "switch case block" => Known("invalid switch statement", "invalid switch statement"),
        "try statement" => {
            Known("missing catch or finally after try", "expecting catch or finally")
        }
        "if statement" | "while statement" | "do while statement" if expects("(") => {
            Known("missing ( before condition", "expecting '('")
        }
        "if statement" | "while statement" | "do while statement" if expects(")") => {
            Known("missing ) after condition", "expecting ')'")
        }
        "for statement" if expects("(") => Known("missing ( after for", "expecting '('"),
        "for statement" => Known("missing ) after for-loop control", "expecting ')'"),
        "do while statement" if expects("while") => {
            Known("missing while after do-loop body", "expecting 'while'")
        }
        _ => return None,
    })
}

fn unexpected<'a>(message: &str, rest: &'a str) -> Option<Problem<'a>> {
    Some(match message {
        "primary expression" => Problem::Expression(rest),
        "expected comma or end of array" => Known("missing ] after element list", "expecting ']'"),
        "function declaration" => Known("function statement requires a name", "expecting ','"),
        "generator declaration" => {
            Known("function statement requires a name", "function name expected")
        }
        "statement" if rest.starts_with("return") => {
            Known("return not in function", "return not in a function")
        }
        "throw statement" => Known(
            "no line break is allowed between 'throw' and its expression",
            "line terminator not allowed after throw",
        ),
        _ => return None,
    })
}

fn general(message: &str) -> Option<Problem<'static>> {
    Some(match message {
        "Expected initializer for const declaration" => {
            Known("missing = in const declaration", "missing initializer for const variable")
        }
        "illegal break statement" => Known(
            "unlabeled break must be inside loop or switch",
            "break must be inside loop or switch",
        ),
        "illegal continue statement" => {
            Known("continue must be inside loop", "continue must be inside loop")
        }
        "Expecting Token '.' as part of spread" => {
            Known("missing name after . operator", "expecting field name")
        }
        "with statement not allowed in strict mode" => {
            Known("strict mode code may not contain 'with' statements", "invalid keyword: with")
        }
        _ if message.starts_with("Invalid left-hand side in assignment") => {
            Known("invalid assignment left-hand side", "invalid assignment left-hand side")
        }
        _ => return None,
    })
}

fn lexical<'a>(message: &str, text: &str, rest: &'a str, profile: Profile) -> Option<Problem<'a>> {
    Some(match message {
        "unterminated string literal" => {
            // The quote that is never closed is the last one of its line that opens a string.
            let double = text.matches('"').count() % 2 == 1;
            let quoted = if double {
                "\"\" string literal contains an unescaped line break"
            } else {
                "'' string literal contains an unescaped line break"
            };
            Known(quoted, "unexpected end of string")
        }
        "unterminated template literal" => {
            Known("`` literal not terminated before end of script", "unexpected end of string")
        }
        "new lines are not allowed in regular expressions" => {
            Known("unterminated regular expression literal", "unexpected line terminator in regexp")
        }
        _ if message.starts_with("a numeric literal must not be followed") => {
            Known("identifier starts immediately after numeric literal", "invalid number literal")
        }
        "expected hexadecimal digit after number base prefix" => {
            Known("missing hexadecimal digits after '0x'", "invalid number literal")
        }
        _ if message.starts_with("unexpected '") && profile == Profile::SpiderMonkey => {
            Known("illegal character", "")
        }
        _ if message.starts_with("unexpected '") => Problem::Expression(rest),
        _ => return None,
    })
}

/// The first token of a text, as far as errors name one.
fn token(rest: &str) -> &str {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let end = match rest.chars().next() {
        None => 0,
        Some(first) if is_word(first) => {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        }
        Some(quote @ ('"' | '\'')) => {
            rest[1..].find(quote).map_or(rest.len(), |closing| closing + 2)
        }
        Some(first) => {
            let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
            operator.map_or(first.len_utf8(), |operator| operator.len())
        }
    };
    &rest[..end]
}

/// Operators of more than one character, longer ones first.
const OPERATORS: [&str; 24] = [
    ">>>=", "===", "!==", ">>>", "<<=", ">>=", "**=", "==", "!=", "<=", ">=", "&&", "||", "??",
    "++", "--", "+=", "-=", "*=", "/=", "%=", "=>", "<<", ">>",
];

/// A token as SpiderMonkey names it.
fn described(rest: &str) -> String {
    let token = token(rest);
    match token.chars().next() {
        None => "end of script".into(),
        Some('"' | '\'') => "string literal".into(),
        Some(first) if first.is_ascii_digit() => "numeric literal".into(),
        Some(first) if first.is_alphabetic() || matches!(first, '_' | '$') => {
            if KEYWORDS.contains(&token) {
                format!("keyword '{token}'")
            } else {
                "identifier".into()
            }
        }
        Some(_) => format!("'{token}'"),
    }
}

/// The reserved words of ECMAScript 5.1 (section 7.6.1), but for those of strict mode.
pub(crate) const KEYWORDS: [&str; 36] = [
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "new",
    "null",
    "return",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
];
