//! Patterns: those that are written as such and those that were read as expressions first.

use super::super::ast::{MemberKind, Node, NodeId, Property};
use super::super::tokens::{Kind, Sym, Text, Token};
use super::{Parser, Result, STRICT_RESERVED};

impl Parser {
    /// Turns an expression into the pattern that it spells. What spells none stays, for others to notice.
    pub(super) fn reinterpret(&mut self, id: NodeId) {
        match std::mem::replace(&mut self.nodes[id], Node::Empty) {
            Node::Spread(argument) => {
                self.nodes[id] = Node::Rest(argument);
                self.reinterpret(argument);
            }
            Node::Array(elements) => {
                for element in elements.iter().flatten() {
                    self.reinterpret(*element);
                }
                self.nodes[id] = Node::ArrayPattern(elements);
            }
            Node::Object(properties) => {
                for property in &properties {
                    if let Node::Property(Property { value, .. }) = self.nodes[*property] {
                        self.reinterpret(value);
                    }
                }
                self.nodes[id] = Node::ObjectPattern(properties);
            }
            Node::Assignment { left, right, .. } => {
                self.nodes[id] = Node::AssignmentPattern { left, right };
                self.reinterpret(left);
            }
            other => self.nodes[id] = other,
        }
    }

    pub(super) fn reinterpret_all(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.reinterpret(*id);
        }
    }

    /// A pattern; `keyword` is what declares it, and the tokens of its names are collected.
    pub(super) fn pattern(
        &mut self,
        names: &mut Vec<Token>,
        keyword: Option<Sym>,
    ) -> Result<NodeId> {
        if self.is_punctuator(Sym::BracketOpen) {
            return self.nested(|parser| parser.array_pattern(names, keyword));
        }
        if self.is_punctuator(Sym::BraceOpen) {
            return self.nested(|parser| parser.object_pattern(names, keyword));
        }
        if self.is_keyword(Sym::Let) && matches!(keyword, Some(Sym::Const | Sym::Let)) {
            return Err(
                self.token_error(&self.ahead, "let is disallowed as a lexically bound name")
            );
        }
        names.push(self.ahead);
        let name = self.variable_name(keyword)?;
        Ok(self.add(Node::Identifier(name)))
    }

    pub(super) fn pattern_with_default(
        &mut self,
        names: &mut Vec<Token>,
        keyword: Option<Sym>,
    ) -> Result<NodeId> {
        let left = self.pattern(names, keyword)?;
        if !self.eat(Sym::Assign)? {
            return Ok(left);
        }
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let right = self.isolate(Self::assignment)?;
        self.context.allow_yield = allow_yield;
        Ok(self.add(Node::AssignmentPattern { left, right }))
    }

    fn array_pattern(&mut self, names: &mut Vec<Token>, keyword: Option<Sym>) -> Result<NodeId> {
        self.expect(Sym::BracketOpen)?;
        let mut elements = Vec::new();
        while !self.is_punctuator(Sym::BracketClose) {
            if self.eat(Sym::Comma)? {
                elements.push(None);
                continue;
            }
            if self.eat(Sym::Ellipsis)? {
                let argument = self.pattern(names, keyword)?;
                elements.push(Some(self.add(Node::Rest(argument))));
                break;
            }
            elements.push(Some(self.pattern_with_default(names, keyword)?));
            if !self.is_punctuator(Sym::BracketClose) {
                self.expect(Sym::Comma)?;
            }
        }
        self.expect(Sym::BracketClose)?;
        Ok(self.add(Node::ArrayPattern(elements)))
    }

    fn object_pattern(&mut self, names: &mut Vec<Token>, keyword: Option<Sym>) -> Result<NodeId> {
        let mut properties = Vec::new();
        self.expect(Sym::BraceOpen)?;
        while !self.is_punctuator(Sym::BraceClose) {
            properties.push(self.property_pattern(names, keyword)?);
            if !self.is_punctuator(Sym::BraceClose) {
                self.expect(Sym::Comma)?;
            }
        }
        self.expect(Sym::BraceClose)?;
        Ok(self.add(Node::ObjectPattern(properties)))
    }

    fn property_pattern(&mut self, names: &mut Vec<Token>, keyword: Option<Sym>) -> Result<NodeId> {
        let mut computed = false;
        let mut shorthand = false;
        let (key, value) = if self.ahead.kind == Kind::Identifier {
            let token = self.ahead;
            let name = self.variable_name(None)?;
            let key = self.add(Node::Identifier(name));
            let left = self.add(Node::Identifier(name));
            let value = if self.is_punctuator(Sym::Assign) {
                names.push(token);
                shorthand = true;
                self.next()?;
                let right = self.assignment()?;
                self.add(Node::AssignmentPattern { left, right })
            } else if self.is_punctuator(Sym::Colon) {
                self.next()?;
                self.pattern_with_default(names, keyword)?
            } else {
                names.push(token);
                shorthand = true;
                left
            };
            (key, value)
        } else {
            computed = self.is_punctuator(Sym::BracketOpen);
            let key = self.property_key()?;
            self.expect(Sym::Colon)?;
            (key, self.pattern_with_default(names, keyword)?)
        };
        Ok(self.add(Node::Property(Property {
            kind: MemberKind::Plain,
            key,
            computed,
            value,
            method: false,
            shorthand,
            is_static: false,
        })))
    }

    /// A name that is being declared.
    pub(super) fn variable_name(&mut self, keyword: Option<Sym>) -> Result<Text> {
        let token = self.next()?;
        let strict = self.context.strict;
        if token.is_keyword(Sym::Yield) {
            if strict {
                return Err(self.token_error(&token, STRICT_RESERVED));
            }
            if !self.context.allow_yield {
                return Err(self.unexpected(&token));
            }
        } else if token.kind != Kind::Identifier {
            if strict && token.kind == Kind::Keyword && token.sym.is_strict_reserved() {
                return Err(self.token_error(&token, STRICT_RESERVED));
            }
            // Only the value counts, so that the string `'let'` passes, too.
            let is_let = match token.kind {
                Kind::String | Kind::Template => self.text_is(token.text, Sym::Let),
                _ => token.sym == Sym::Let,
            };
            if strict || !is_let || keyword != Some(Sym::Var) {
                return Err(self.unexpected(&token));
            }
        } else if self.context.is_await && token.sym == Sym::Await {
            return Err(self.unexpected(&token));
        }
        Ok(token.text)
    }
}
