//! Tokens and the fixed words and punctuators that they may stand for.

/// A range of UTF-16 code units in the lexer's buffer, which holds the source followed by the decoded values that
/// do not occur in it literally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub start: u32,
    pub end: u32,
}

impl Text {
    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

macro_rules! symbols {
    (words: $($word:ident = $word_text:literal),* ; punctuators: $($punct:ident = $punct_text:literal),* $(,)?) => {
        /// What a token says, for the tokens that the grammar asks about by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Sym {
            /// Any other word, or a token without fixed text.
            Other,
            $($word,)*
            $($punct,)*
        }

        impl Sym {
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    Sym::Other => "",
                    $(Sym::$word => $word_text,)*
                    $(Sym::$punct => $punct_text,)*
                }
            }

            /// The symbol of a whole word.
            pub(super) fn of_word(word: &str) -> Sym {
                match word {
                    $($word_text => Sym::$word,)*
                    _ => Sym::Other,
                }
            }
        }
    };
}

symbols! {
    words:
    If = "if", In = "in", Do = "do", Var = "var", For = "for", New = "new", Try = "try", Let = "let",
    This = "this", Else = "else", Case = "case", Void = "void", With = "with", Enum = "enum",
    While = "while", Break = "break", Catch = "catch", Throw = "throw", Const = "const", Yield = "yield",
    Class = "class", Super = "super", Return = "return", Typeof = "typeof", Delete = "delete",
    Switch = "switch", Export = "export", Import = "import", Default = "default", Finally = "finally",
    Extends = "extends", Function = "function", Continue = "continue", Debugger = "debugger",
    Instanceof = "instanceof", Null = "null", True = "true", False = "false", Async = "async",
    Await = "await", Of = "of", Get = "get", Set = "set", Static = "static", Target = "target",
    Eval = "eval", Arguments = "arguments", Constructor = "constructor", Prototype = "prototype",
    Proto = "__proto__", Implements = "implements", Interface = "interface", Package = "package",
    Private = "private", Protected = "protected", Public = "public";
    punctuators:
    ParenOpen = "(", ParenClose = ")", BraceOpen = "{", BraceClose = "}", BracketOpen = "[",
    BracketClose = "]", Dot = ".", Ellipsis = "...", Semicolon = ";", Comma = ",", Colon = ":",
    Question = "?", Tilde = "~", Less = "<", Greater = ">", Assign = "=", Not = "!", Plus = "+",
    Minus = "-", Star = "*", Percent = "%", And = "&", Or = "|", Xor = "^", Slash = "/",
    ShiftRightZeroAssign = ">>>=", StrictEqual = "===", StrictNotEqual = "!==", ShiftRightZero = ">>>",
    ShiftLeftAssign = "<<=", ShiftRightAssign = ">>=", PowerAssign = "**=", AndAnd = "&&", OrOr = "||",
    Equal = "==", NotEqual = "!=", PlusAssign = "+=", MinusAssign = "-=", StarAssign = "*=",
    SlashAssign = "/=", Increment = "++", Decrement = "--", ShiftLeft = "<<", ShiftRight = ">>",
    AndAssign = "&=", OrAssign = "|=", XorAssign = "^=", PercentAssign = "%=", LessEqual = "<=",
    GreaterEqual = ">=", Arrow = "=>", Power = "**",
}

impl Sym {
    pub(super) fn is_keyword(self) -> bool {
        self as u8 >= Sym::If as u8 && self as u8 <= Sym::Instanceof as u8
    }

    /// Words that are reserved even though no version of the grammar at hand gives them a meaning in scripts.
    pub(super) fn is_future_reserved(self) -> bool {
        matches!(self, Sym::Enum | Sym::Export | Sym::Import | Sym::Super)
    }

    pub(super) fn is_strict_reserved(self) -> bool {
        matches!(
            self,
            Sym::Implements
                | Sym::Interface
                | Sym::Package
                | Sym::Private
                | Sym::Protected
                | Sym::Public
                | Sym::Static
                | Sym::Yield
                | Sym::Let
        )
    }

    pub(super) fn is_restricted(self) -> bool {
        matches!(self, Sym::Eval | Sym::Arguments)
    }

    pub(super) fn is_assignment(self) -> bool {
        matches!(
            self,
            Sym::Assign
                | Sym::StarAssign
                | Sym::PowerAssign
                | Sym::SlashAssign
                | Sym::PercentAssign
                | Sym::PlusAssign
                | Sym::MinusAssign
                | Sym::ShiftLeftAssign
                | Sym::ShiftRightAssign
                | Sym::ShiftRightZeroAssign
                | Sym::AndAssign
                | Sym::XorAssign
                | Sym::OrAssign
        )
    }
}

/// Kinds of tokens as Esprima tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    End,
    Identifier,
    Keyword,
    Null,
    Number,
    Punctuator,
    String,
    Regex,
    Template,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each belongs to one kind of token")]
pub(super) struct Token {
    pub kind: Kind,
    /// Set for words and punctuators only.
    pub sym: Sym,
    /// The name, the decoded string, the raw template chunk or the regular expression's pattern.
    pub text: Text,
    /// The regular expression's flags.
    pub flags: Text,
    pub number: f64,
    /// A legacy octal number, or a string with a legacy octal escape.
    pub octal: bool,
    /// For regular expressions: the engine makes a value of it.
    pub has_value: bool,
    /// For templates: the chunk starts with the backtick.
    pub head: bool,
    /// For templates: the chunk ends with the backtick.
    pub tail: bool,
    pub start: u32,
    pub end: u32,
    pub line: u32,
}

impl Token {
    pub(super) fn is_punctuator(&self, sym: Sym) -> bool {
        self.kind == Kind::Punctuator && self.sym == sym
    }

    pub(super) fn is_keyword(&self, sym: Sym) -> bool {
        self.kind == Kind::Keyword && self.sym == sym
    }

    pub(super) fn is_identifier(&self, sym: Sym) -> bool {
        self.kind == Kind::Identifier && self.sym == sym
    }
}
