//! Just enough JavaScript to find where a function in a file starts and ends.

/// A piece of JavaScript, by byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// A string, a template or a regular expression: something with an inside that is no code.
    Quoted,
    /// A bracket that opens.
    Open(char),
    /// A bracket that closes.
    Close(char),
    /// Any other character; `=>` is one piece.
    Other,
}

/// Splits JavaScript into pieces, leaving out white space and comments. An unfinished string,
/// comment or regular expression ends with the text: the engine will tell what is wrong with it.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    Scanner {
        source,
        at: 0,
        tokens: Vec::new(),
        brackets: Vec::new(),
        expression_after_close: false,
    }
    .run()
}

/// An open bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// A bracket of the code; whether a `/` behind its closing one starts a regular expression.
    Code { then_expression: bool },
    /// The `${` of a template.
    Template,
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
    brackets: Vec<Bracket>,
    /// Whether a `/` behind the bracket closed last starts a regular expression.
    expression_after_close: bool,
}

impl Scanner<'_> {
    fn run(mut self) -> Vec<Token> {
        if self.source.starts_with("#!") {
            self.skip_line();
        }
        while let Some(first) = self.peek() {
            let start = self.at;
            let kind = match first {
                _ if first.is_whitespace() || first == '\u{feff}' => {
                    self.at += first.len_utf8();
                    continue;
                }
                '/' if self.rest().starts_with("//") => {
                    self.skip_line();
                    continue;
                }
                '/' if self.rest().starts_with("/*") => {
                    self.at =
                        self.rest().find("*/").map_or(self.source.len(), |end| start + end + 2);
                    continue;
                }
                '/' if self.regular_expression_may_start() => {
                    self.regular_expression();
                    Kind::Quoted
                }
                '\'' | '"' => {
                    self.string(first);
                    Kind::Quoted
                }
                '`' => {
                    self.at += 1;
                    self.template(start);
                    continue;
                }
                '(' | '[' | '{' => {
                    let then_expression = first == '{' || first == '(' && self.after_condition();
                    self.brackets.push(Bracket::Code { then_expression });
                    self.at += 1;
                    Kind::Open(first)
                }
                ')' | ']' | '}' => {
                    self.at += 1;
                    match self.brackets.pop() {
                        Some(Bracket::Template) => {
                            self.push(Kind::Close(first), start);
                            self.template(self.at);
                            continue;
                        }
                        Some(Bracket::Code { then_expression }) => {
                            self.expression_after_close = then_expression;
                        }
                        None => self.expression_after_close = true,
                    }
                    Kind::Close(first)
                }
                _ if is_word(first) => {
                    while self.peek().is_some_and(is_word) {
                        self.bump();
                    }
                    Kind::Word
                }
                _ => {
                    self.at += if self.rest().starts_with("=>") { 2 } else { first.len_utf8() };
                    Kind::Other
                }
            };
            self.push(kind, start);
        }
        self.tokens
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, start, end: self.at });
    }

    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_line(&mut self) {
        let length = self.rest().find(['\n', '\r', '\u{2028}', '\u{2029}']);
        self.at = length.map_or(self.source.len(), |length| self.at + length);
    }

    /// Whether a `/` here starts a regular expression rather than divides, told by what precedes it.
    fn regular_expression_may_start(&self) -> bool {
        const BEFORE_AN_EXPRESSION: [&str; 14] = [
            "await",
            "case",
            "delete",
            "do",
            "else",
            "in",
            "instanceof",
            "new",
            "of",
            "return",
            "throw",
            "typeof",
            "void",
            "yield",
        ];
        match self.tokens.last().map(|token| (token.kind, token.start, token.end)) {
            None | Some((Kind::Open(_) | Kind::Other, ..)) => true,
            Some((Kind::Quoted, ..)) => false,
            Some((Kind::Word, start, end)) => {
                BEFORE_AN_EXPRESSION.contains(&&self.source[start..end])
            }
            Some((Kind::Close(_), ..)) => self.expression_after_close,
        }
    }

    /// Whether an opening parenthesis here is that of `if (…)` and its like.
    fn after_condition(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            token.kind == Kind::Word
                && ["if", "while", "for", "with"].contains(&&self.source[token.start..token.end])
        })
    }

    fn regular_expression(&mut self) {
        let mut in_class = false;
        self.at += 1;
        while let Some(next) = self.peek() {
            match next {
                '\n' | '\r' => return,
                '\\' => self.bump(),
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    self.at += 1;
                    while self.peek().is_some_and(is_word) {
                        self.bump();
                    }
                    return;
                }
                _ => {}
            }
            self.bump();
        }
    }

    fn string(&mut self, quote: char) {
        self.at += 1;
        while let Some(next) = self.peek() {
            self.bump();
            match next {
                '\\' => self.bump(),
                '\n' => return,
                _ if next == quote => return,
                _ => {}
            }
        }
    }

    /// The text of a template that starts at `start`, up to its end or to the code inside `${…}`,
    /// which is read like any other code.
    fn template(&mut self, start: usize) {
        while let Some(next) = self.peek() {
            match next {
                '\\' => {
                    self.bump();
                    self.bump();
                }
                '$' if self.rest().starts_with("${") => {
                    self.push(Kind::Quoted, start);
                    self.at += 2;
                    self.brackets.push(Bracket::Template);
                    self.push(Kind::Open('{'), self.at - 2);
                    return;
                }
                _ => {
                    self.bump();
                    if next == '`' {
                        break;
                    }
                }
            }
        }
        self.push(Kind::Quoted, start);
    }
}

/// Whether a character can be part of an identifier, a keyword or a number.
fn is_word(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '_' | '$' | '\\' | '\u{200c}' | '\u{200d}' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| &source[token.start..token.end]).collect()
    }

    #[test]
    fn comments_and_white_space_are_left_out() {
        assert_eq!(texts("#!/usr/bin/env node\na/* b */ // c\n\u{feff}d/*"), ["a", "d"]);
    }

    #[test]
    fn divisions_and_regular_expressions() {
        assert_eq!(texts("a / b / c"), ["a", "/", "b", "/", "c"]);
        assert_eq!(texts("return /[/]'/g.x"), ["return", "/[/]'/g", ".", "x"]);
        assert_eq!(texts("(a) / b / c"), ["(", "a", ")", "/", "b", "/", "c"]);
        assert_eq!(texts("if (a) /'/.test(b)")[4..6], ["/'/", "."]);
        assert_eq!(texts("x = /\\//"), ["x", "=", "/\\//"]);
        assert_eq!(texts("=> /a}/"), ["=>", "/a}/"]);
    }

    #[test]
    fn strings_and_templates() {
        assert_eq!(texts(r#"'a\'b' "//""#), [r"'a\'b'", "\"//\""]);
        assert_eq!(
            texts("`a ${ `b}` + {x: '}'} } c` d"),
            ["`a ", "${", "`b}`", "+", "{", "x", ":", "'}'", "}", "}", " c`", "d"]
        );
        assert_eq!(texts("`a\\`${"), ["`a\\`", "${"]);
    }

    #[test]
    fn many_templates_take_no_time() {
        assert_eq!(tokens(&"`${".repeat(100_000)).len(), 200_000);
    }
}
