//! Statements and declarations.

use std::collections::HashSet;

use super::super::ast::{Node, NodeId};
use super::super::tokens::{Kind, Sym, Text};
use super::{Parser, Result, STRICT_FUNCTION};

/// For declarations of modules, which no script may hold.
const MODULE_DECLARATION: &str = "Unexpected token";
const STRICT_VARIABLE: &str = "Variable name may not be eval or arguments in strict mode";

impl Parser {
    pub(super) fn statement_list_item(&mut self) -> Result<NodeId> {
        self.context.is_assignment_target = true;
        self.context.is_binding_element = true;
        if self.ahead.kind != Kind::Keyword {
            return self.statement();
        }
        match self.ahead.sym {
            Sym::Export | Sym::Import => Err(self.token_error(&self.ahead, MODULE_DECLARATION)),
            Sym::Const => self.lexical_declaration(),
            Sym::Function => self.nested(|parser| parser.function_declaration(true)),
            Sym::Class => self.nested(|parser| parser.class(true)),
            Sym::Let => {
                if self.let_declares()? {
                    self.lexical_declaration()
                } else {
                    self.statement()
                }
            }
            _ => self.statement(),
        }
    }

    pub(super) fn statement(&mut self) -> Result<NodeId> {
        self.nested(|parser| match parser.ahead.kind {
            Kind::Punctuator => match parser.ahead.sym {
                Sym::BraceOpen => parser.block(),
                Sym::Semicolon => {
                    parser.next()?;
                    Ok(parser.add(Node::Empty))
                }
                _ => parser.expression_statement(),
            },
            Kind::Identifier => {
                if parser.is_async_function()? {
                    parser.function_declaration(false)
                } else {
                    parser.labelled_statement()
                }
            }
            Kind::Keyword => parser.keyword_statement(),
            Kind::End => Err(parser.unexpected_ahead()),
            _ => parser.expression_statement(),
        })
    }

    fn keyword_statement(&mut self) -> Result<NodeId> {
        match self.ahead.sym {
            Sym::Break => self.break_statement(),
            Sym::Continue => self.continue_statement(),
            Sym::Debugger => {
                self.next()?;
                self.semicolon()?;
                Ok(self.add(Node::Debugger))
            }
            Sym::Do => self.do_while_statement(),
            Sym::For => self.for_statement(),
            Sym::Function => self.function_declaration(false),
            Sym::If => self.if_statement(),
            Sym::Return => self.return_statement(),
            Sym::Switch => self.switch_statement(),
            Sym::Throw => self.throw_statement(),
            Sym::Try => self.try_statement(),
            Sym::Var => self.variable_statement(),
            Sym::While => self.while_statement(),
            Sym::With => self.with_statement(),
            _ => self.expression_statement(),
        }
    }

    fn block(&mut self) -> Result<NodeId> {
        self.expect(Sym::BraceOpen)?;
        let mut body = Vec::new();
        while !self.is_punctuator(Sym::BraceClose) {
            body.push(self.statement_list_item()?);
        }
        self.next()?;
        Ok(self.add(Node::Block(body)))
    }

    fn expression_statement(&mut self) -> Result<NodeId> {
        let expression = self.expression()?;
        self.semicolon()?;
        Ok(self.add(Node::Expression(expression)))
    }

    /// An expression in parentheses, as conditions are written.
    pub(super) fn condition(&mut self) -> Result<NodeId> {
        self.expect(Sym::ParenOpen)?;
        let test = self.expression()?;
        self.expect(Sym::ParenClose)?;
        Ok(test)
    }

    /// Whether `let` ahead starts a declaration rather than being a name.
    fn let_declares(&mut self) -> Result<bool> {
        let (token, _) = self.peek()?;
        Ok(match token.kind {
            Kind::Identifier => true,
            Kind::Punctuator => matches!(token.sym, Sym::BracketOpen | Sym::BraceOpen),
            Kind::Keyword => matches!(token.sym, Sym::Let | Sym::Yield),
            _ => false,
        })
    }

    fn lexical_declaration(&mut self) -> Result<NodeId> {
        let keyword = self.next()?.sym;
        let declarations = self.lexical_bindings(keyword, false)?;
        self.semicolon()?;
        Ok(self.add(Node::Variables { keyword, declarations }))
    }

    pub(super) fn lexical_bindings(&mut self, keyword: Sym, in_for: bool) -> Result<Vec<NodeId>> {
        let mut list = vec![self.lexical_binding(keyword, in_for)?];
        while self.eat(Sym::Comma)? {
            list.push(self.lexical_binding(keyword, in_for)?);
        }
        Ok(list)
    }

    /// What is declared by `let`, `const` or `var`.
    fn declared(&mut self, keyword: Sym) -> Result<NodeId> {
        let id = self.pattern(&mut Vec::new(), Some(keyword))?;
        if self.context.strict && self.identifier_word(id).is_restricted() {
            return Err(self.scan_error(STRICT_VARIABLE));
        }
        Ok(id)
    }

    fn lexical_binding(&mut self, keyword: Sym, in_for: bool) -> Result<NodeId> {
        let id = self.declared(keyword)?;
        let mut init = None;
        if keyword == Sym::Const {
            if self.eat(Sym::Assign)? {
                init = Some(self.isolate(Self::assignment)?);
            } else if !self.is_keyword(Sym::In) && !self.ahead.is_identifier(Sym::Of) {
                return Err(self.last_error("Missing initializer in const declaration"));
            }
        } else if self.is_punctuator(Sym::Assign) || (!in_for && !self.is_identifier(id)) {
            self.expect(Sym::Assign)?;
            init = Some(self.isolate(Self::assignment)?);
        }
        Ok(self.add(Node::Variable { id, init }))
    }

    pub(super) fn variables(&mut self, in_for: bool) -> Result<Vec<NodeId>> {
        let mut list = vec![self.variable(in_for)?];
        while self.eat(Sym::Comma)? {
            list.push(self.variable(in_for)?);
        }
        Ok(list)
    }

    fn variable(&mut self, in_for: bool) -> Result<NodeId> {
        let id = self.declared(Sym::Var)?;
        let mut init = None;
        if self.eat(Sym::Assign)? {
            init = Some(self.isolate(Self::assignment)?);
        } else if !self.is_identifier(id) && !in_for {
            self.expect(Sym::Assign)?;
        }
        Ok(self.add(Node::Variable { id, init }))
    }

    fn variable_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let declarations = self.variables(false)?;
        self.semicolon()?;
        Ok(self.add(Node::Variables { keyword: Sym::Var, declarations }))
    }

    fn if_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let test = self.condition()?;
        let consequent = self.if_clause()?;
        let alternate = if self.is_keyword(Sym::Else) {
            self.next()?;
            Some(self.if_clause()?)
        } else {
            None
        };
        Ok(self.add(Node::If { test, consequent, alternate }))
    }

    fn if_clause(&mut self) -> Result<NodeId> {
        if self.context.strict && self.is_keyword(Sym::Function) {
            return Err(self.scan_error(STRICT_FUNCTION));
        }
        self.statement()
    }

    /// The label that a jump names on the same line.
    fn jump_label(&mut self) -> Result<Option<Text>> {
        self.next()?;
        let mut label = None;
        if self.ahead.kind == Kind::Identifier && !self.line_ends {
            let name = self.variable_name(None)?;
            if !self.context.labels.contains(self.lexer.units(name)) {
                let name = String::from_utf16_lossy(self.lexer.units(name));
                return Err(self.last_error(&format!("Undefined label '{name}'")));
            }
            label = Some(name);
        }
        self.semicolon()?;
        Ok(label)
    }

    fn continue_statement(&mut self) -> Result<NodeId> {
        let label = self.jump_label()?;
        if label.is_none() && !self.context.in_iteration {
            return Err(self.last_error("Illegal continue statement"));
        }
        Ok(self.add(Node::Continue(label)))
    }

    fn break_statement(&mut self) -> Result<NodeId> {
        let label = self.jump_label()?;
        if label.is_none() && !self.context.in_iteration && !self.context.in_switch {
            return Err(self.last_error("Illegal break statement"));
        }
        Ok(self.add(Node::Break(label)))
    }

    fn return_statement(&mut self) -> Result<NodeId> {
        if !self.context.in_function_body {
            return Err(self.scan_error("Illegal return statement"));
        }
        self.next()?;
        let ends = self.is_punctuator(Sym::Semicolon)
            || self.is_punctuator(Sym::BraceClose)
            || self.line_ends
            || self.ahead.kind == Kind::End;
        // Strings and templates are taken as the operand even from the next line.
        let has_argument = !ends || matches!(self.ahead.kind, Kind::String | Kind::Template);
        let argument = if has_argument { Some(self.expression()?) } else { None };
        self.semicolon()?;
        Ok(self.add(Node::Return(argument)))
    }

    fn with_statement(&mut self) -> Result<NodeId> {
        if self.context.strict {
            return Err(self.scan_error("Strict mode code may not include a with statement"));
        }
        self.next()?;
        let object = self.condition()?;
        let body = self.statement()?;
        Ok(self.add(Node::With { object, body }))
    }

    fn switch_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let discriminant = self.condition()?;
        let in_switch = std::mem::replace(&mut self.context.in_switch, true);
        let mut cases = Vec::new();
        let mut has_default = false;
        self.expect(Sym::BraceOpen)?;
        while !self.is_punctuator(Sym::BraceClose) {
            let (test, consequent) = self.switch_case()?;
            if test.is_none() {
                if has_default {
                    return Err(self.last_error("More than one default clause in switch statement"));
                }
                has_default = true;
            }
            cases.push(self.add(Node::Case { test, consequent }));
        }
        self.next()?;
        self.context.in_switch = in_switch;
        Ok(self.add(Node::Switch { discriminant, cases }))
    }

    fn switch_case(&mut self) -> Result<(Option<NodeId>, Vec<NodeId>)> {
        let test = if self.is_keyword(Sym::Default) {
            self.next()?;
            None
        } else {
            self.expect_keyword(Sym::Case)?;
            Some(self.expression()?)
        };
        self.expect(Sym::Colon)?;
        let mut consequent = Vec::new();
        while !(self.is_punctuator(Sym::BraceClose)
            || self.is_keyword(Sym::Default)
            || self.is_keyword(Sym::Case))
        {
            consequent.push(self.statement_list_item()?);
        }
        Ok((test, consequent))
    }

    /// A statement with a label, or an expression that starts with a name.
    fn labelled_statement(&mut self) -> Result<NodeId> {
        let expression = self.expression()?;
        let Node::Identifier(label) = self.nodes[expression] else {
            self.semicolon()?;
            return Ok(self.add(Node::Expression(expression)));
        };
        if !self.eat(Sym::Colon)? {
            self.semicolon()?;
            return Ok(self.add(Node::Expression(expression)));
        }
        let name = self.lexer.units(label).to_vec();
        if self.context.labels.contains(&name) {
            let name = String::from_utf16_lossy(&name);
            return Err(self.last_error(&format!("Label '{name}' has already been declared")));
        }
        self.context.labels.insert(name.clone());
        let body = if self.is_keyword(Sym::Class) {
            return Err(self.unexpected_ahead());
        } else if self.is_keyword(Sym::Function) {
            let token = self.ahead;
            let declaration = self.function_declaration(false)?;
            let is_generator =
                matches!(&self.nodes[declaration], Node::Function(function) if function.generator);
            if self.context.strict {
                return Err(self.token_error(&token, STRICT_FUNCTION));
            }
            if is_generator {
                return Err(self.token_error(
                    &token,
                    "Generator declarations are not allowed in legacy contexts",
                ));
            }
            declaration
        } else {
            self.statement()?
        };
        self.context.labels.remove(&name);
        Ok(self.add(Node::Labelled { label, body }))
    }

    fn throw_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        if self.line_ends {
            return Err(self.last_error("Illegal newline after throw"));
        }
        let argument = self.expression()?;
        self.semicolon()?;
        Ok(self.add(Node::Throw(argument)))
    }

    fn try_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let block = self.block()?;
        let handler = if self.is_keyword(Sym::Catch) { Some(self.catch_clause()?) } else { None };
        let finalizer = if self.is_keyword(Sym::Finally) {
            self.next()?;
            Some(self.block()?)
        } else {
            None
        };
        if handler.is_none() && finalizer.is_none() {
            return Err(self.last_error("Missing catch or finally after try"));
        }
        Ok(self.add(Node::Try { block, handler, finalizer }))
    }

    fn catch_clause(&mut self) -> Result<NodeId> {
        self.next()?;
        self.expect(Sym::ParenOpen)?;
        if self.is_punctuator(Sym::ParenClose) {
            return Err(self.unexpected_ahead());
        }
        let mut tokens = Vec::new();
        let param = self.pattern(&mut tokens, None)?;
        let mut names = HashSet::new();
        for token in &tokens {
            let name = self.lexer.units(token.text);
            if !names.insert(name) {
                let name = String::from_utf16_lossy(name);
                return Err(self.scan_error(&format!("Duplicate binding {name}")));
            }
        }
        if self.context.strict && self.identifier_word(param).is_restricted() {
            return Err(
                self.scan_error("Catch variable may not be eval or arguments in strict mode")
            );
        }
        self.expect(Sym::ParenClose)?;
        let body = self.block()?;
        Ok(self.add(Node::Catch { param, body }))
    }
}
