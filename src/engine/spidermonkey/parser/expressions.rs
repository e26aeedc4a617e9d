//! Primary expressions: literals, arrays, objects, templates and what is in parentheses.

use super::super::ast::{MemberKind, Node, NodeId, Property};
use super::super::tokens::{Kind, Sym, Text, Token};
use super::super::{ErrorKind, RewriteError};
use super::{ASSERTION_LINE, Parser, Result, STRICT_OCTAL};

impl Parser {
    pub(super) fn primary(&mut self) -> Result<NodeId> {
        match self.ahead.kind {
            Kind::Identifier => {
                if self.context.is_await && self.ahead.sym == Sym::Await {
                    return Err(self.unexpected_ahead());
                }
                if self.is_async_function()? {
                    self.function_expression()
                } else {
                    let name = self.next()?.text;
                    Ok(self.add(Node::Identifier(name)))
                }
            }
            Kind::Number | Kind::String => {
                if self.context.strict && self.ahead.octal {
                    return Err(self.token_error(&self.ahead, STRICT_OCTAL));
                }
                self.is_no_target();
                let token = self.next()?;
                Ok(self.literal(&token))
            }
            Kind::Boolean => {
                self.is_no_target();
                let value = self.next()?.sym == Sym::True;
                Ok(self.add(Node::Boolean(value)))
            }
            Kind::Null => {
                self.is_no_target();
                self.next()?;
                Ok(self.add(Node::Null))
            }
            Kind::Template => self.template(),
            Kind::Punctuator => match self.ahead.sym {
                Sym::ParenOpen => {
                    self.context.is_binding_element = false;
                    self.inherit(Self::group)
                }
                Sym::BracketOpen => self.inherit(Self::array),
                Sym::BraceOpen => self.inherit(Self::object),
                Sym::Slash | Sym::SlashAssign => {
                    self.is_no_target();
                    let token = self.next_regex()?;
                    Ok(self.add(if token.has_value {
                        Node::Regex { pattern: token.text, flags: token.flags }
                    } else {
                        // There is no value, which is printed as such.
                        Node::Null
                    }))
                }
                _ => self.reject_next(),
            },
            Kind::Keyword => self.keyword_expression(),
            Kind::End | Kind::Regex => self.reject_next(),
        }
    }

    fn keyword_expression(&mut self) -> Result<NodeId> {
        let is_name = match self.ahead.sym {
            Sym::Yield => self.context.allow_yield,
            sym => sym == Sym::Let,
        };
        if !self.context.strict && is_name {
            let name = self.next()?.text;
            return Ok(self.add(Node::Identifier(name)));
        }
        self.is_no_target();
        match self.ahead.sym {
            Sym::Function => self.function_expression(),
            Sym::This => {
                self.next()?;
                Ok(self.add(Node::This))
            }
            Sym::Class => self.class(false),
            _ => self.reject_next(),
        }
    }

    fn literal(&mut self, token: &Token) -> NodeId {
        self.add(match token.kind {
            Kind::Number => Node::Number(token.number),
            _ => Node::String(token.text),
        })
    }

    pub(super) fn spread(&mut self) -> Result<NodeId> {
        self.expect(Sym::Ellipsis)?;
        let argument = self.inherit(Self::assignment)?;
        Ok(self.add(Node::Spread(argument)))
    }

    fn array(&mut self) -> Result<NodeId> {
        let mut elements = Vec::new();
        self.expect(Sym::BracketOpen)?;
        while !self.is_punctuator(Sym::BracketClose) {
            if self.eat(Sym::Comma)? {
                elements.push(None);
            } else if self.is_punctuator(Sym::Ellipsis) {
                let element = self.spread()?;
                if !self.is_punctuator(Sym::BracketClose) {
                    self.is_no_target();
                    self.expect(Sym::Comma)?;
                }
                elements.push(Some(element));
            } else {
                elements.push(Some(self.inherit(Self::assignment)?));
                if !self.is_punctuator(Sym::BracketClose) {
                    self.expect(Sym::Comma)?;
                }
            }
        }
        self.expect(Sym::BracketClose)?;
        Ok(self.add(Node::Array(elements)))
    }

    fn object(&mut self) -> Result<NodeId> {
        self.expect(Sym::BraceOpen)?;
        let mut properties = Vec::new();
        let mut has_proto = false;
        while !self.is_punctuator(Sym::BraceClose) {
            properties.push(self.object_property(&mut has_proto)?);
            if !self.is_punctuator(Sym::BraceClose) {
                self.expect(Sym::Comma)?;
            }
        }
        self.expect(Sym::BraceClose)?;
        Ok(self.add(Node::Object(properties)))
    }

    pub(super) fn property_key(&mut self) -> Result<NodeId> {
        let token = self.next()?;
        match token.kind {
            Kind::String | Kind::Number => {
                if self.context.strict && token.octal {
                    return Err(self.token_error(&token, STRICT_OCTAL));
                }
                Ok(self.literal(&token))
            }
            Kind::Identifier | Kind::Boolean | Kind::Null | Kind::Keyword => {
                Ok(self.add(Node::Identifier(token.text)))
            }
            Kind::Punctuator if token.sym == Sym::BracketOpen => {
                let key = self.isolate(Self::assignment)?;
                self.expect(Sym::BracketClose)?;
                Ok(key)
            }
            _ => Err(self.unexpected(&token)),
        }
    }

    /// Whether a key spells this word, as a name or as a string.
    pub(super) fn is_key(&self, key: NodeId, sym: Sym) -> bool {
        match self.nodes[key] {
            Node::Identifier(text) | Node::String(text) => self.text_is(text, sym),
            _ => false,
        }
    }

    /// Whether the token ahead can start a property's name.
    pub(super) fn key_is_ahead(&self) -> bool {
        match self.ahead.kind {
            Kind::Identifier
            | Kind::String
            | Kind::Boolean
            | Kind::Null
            | Kind::Number
            | Kind::Keyword => true,
            Kind::Punctuator => self.ahead.sym == Sym::BracketOpen,
            _ => false,
        }
    }

    fn object_property(&mut self, has_proto: &mut bool) -> Result<NodeId> {
        let token = self.ahead;
        let is_name = token.kind == Kind::Identifier;
        let mut kind = MemberKind::Plain;
        let mut computed = false;
        let mut method = false;
        let mut shorthand = false;
        let mut is_async = false;
        let mut key = None;
        if is_name {
            self.next()?;
            computed = self.is_punctuator(Sym::BracketOpen);
            is_async = !self.line_ends
                && token.sym == Sym::Async
                && ![Sym::Colon, Sym::ParenOpen, Sym::Star, Sym::Comma]
                    .into_iter()
                    .any(|sym| self.is_punctuator(sym));
            key = Some(if is_async {
                self.property_key()?
            } else {
                self.add(Node::Identifier(token.text))
            });
        } else if !self.eat(Sym::Star)? {
            computed = self.is_punctuator(Sym::BracketOpen);
            key = Some(self.property_key()?);
        }

        let key_follows = self.key_is_ahead();
        let is_accessor = |sym| is_name && !is_async && token.sym == sym && key_follows;
        let (key, value) = if is_accessor(Sym::Get) {
            kind = MemberKind::Getter;
            computed = self.is_punctuator(Sym::BracketOpen);
            let key = self.property_key()?;
            // Stays behind the getter.
            self.context.allow_yield = false;
            (key, self.getter()?)
        } else if is_accessor(Sym::Set) {
            kind = MemberKind::Setter;
            computed = self.is_punctuator(Sym::BracketOpen);
            (self.property_key()?, self.setter()?)
        } else if token.is_punctuator(Sym::Star) && key_follows {
            method = true;
            computed = self.is_punctuator(Sym::BracketOpen);
            (self.property_key()?, self.generator_method()?)
        } else {
            let Some(key) = key else {
                return Err(self.unexpected_ahead());
            };
            let value = if self.is_punctuator(Sym::Colon) && !is_async {
                if !computed && self.is_key(key, Sym::Proto) {
                    if *has_proto {
                        return Err(self.scan_error(
                            "Duplicate __proto__ fields are not allowed in object literals",
                        ));
                    }
                    *has_proto = true;
                }
                self.next()?;
                self.inherit(Self::assignment)?
            } else if self.is_punctuator(Sym::ParenOpen) {
                method = true;
                if is_async { self.async_method()? } else { self.method()? }
            } else if is_name {
                shorthand = true;
                self.shorthand_value(token.text)?
            } else {
                return self.reject_next();
            };
            (key, value)
        };
        Ok(self.add(Node::Property(Property {
            kind,
            key,
            computed,
            value,
            method,
            shorthand,
            is_static: false,
        })))
    }

    fn shorthand_value(&mut self, name: Text) -> Result<NodeId> {
        let left = self.add(Node::Identifier(name));
        if !self.is_punctuator(Sym::Assign) {
            return Ok(left);
        }
        self.context.cover_initializer = Some(self.ahead);
        self.next()?;
        let right = self.isolate(Self::assignment)?;
        Ok(self.add(Node::AssignmentPattern { left, right }))
    }

    pub(super) fn template(&mut self) -> Result<NodeId> {
        if !self.ahead.head {
            return Err(RewriteError {
                kind: ErrorKind::Assertion,
                message: "ASSERT: Template literal must start with a template head".to_owned(),
                line: ASSERTION_LINE,
                column: 0,
            });
        }
        let mut chunk = self.next()?;
        let mut quasis = vec![chunk.text];
        let mut expressions = Vec::new();
        while !chunk.tail {
            expressions.push(self.expression()?);
            if self.ahead.kind != Kind::Template {
                return Err(self.last_error("Unexpected token ILLEGAL"));
            }
            chunk = self.next()?;
            quasis.push(chunk.text);
        }
        Ok(self.add(Node::Template { quasis, expressions }))
    }

    fn arrow_parameters(&mut self, params: Vec<NodeId>, is_async: bool) -> NodeId {
        self.add(Node::ArrowParameters { params, is_async })
    }

    /// Consumes what should have been an arrow, if it is none.
    fn expect_arrow_ahead(&mut self) -> Result<()> {
        if self.is_punctuator(Sym::Arrow) { Ok(()) } else { self.expect(Sym::Arrow) }
    }

    /// An expression in parentheses or the parameters of an arrow function.
    fn group(&mut self) -> Result<NodeId> {
        self.expect(Sym::ParenOpen)?;
        if self.eat(Sym::ParenClose)? {
            self.expect_arrow_ahead()?;
            return Ok(self.arrow_parameters(Vec::new(), false));
        }
        if self.is_punctuator(Sym::Ellipsis) {
            let rest = self.rest_parameter(&mut Vec::new())?;
            self.expect(Sym::ParenClose)?;
            self.expect_arrow_ahead()?;
            return Ok(self.arrow_parameters(vec![rest], false));
        }

        self.context.is_binding_element = true;
        let first = self.inherit(Self::assignment)?;
        let mut members = vec![first];
        let mut is_sequence = false;
        if self.is_punctuator(Sym::Comma) {
            self.context.is_assignment_target = false;
            is_sequence = true;
            while self.eat(Sym::Comma)? {
                if self.eat(Sym::ParenClose)? {
                    self.reinterpret_all(&members);
                    return Ok(self.arrow_parameters(members, false));
                }
                if self.is_punctuator(Sym::Ellipsis) {
                    if !self.context.is_binding_element {
                        return Err(self.unexpected_ahead());
                    }
                    members.push(self.rest_parameter(&mut Vec::new())?);
                    self.expect(Sym::ParenClose)?;
                    self.expect_arrow_ahead()?;
                    self.context.is_binding_element = false;
                    self.reinterpret_all(&members);
                    return Ok(self.arrow_parameters(members, false));
                }
                members.push(self.inherit(Self::assignment)?);
            }
        }
        self.expect(Sym::ParenClose)?;
        let result = if self.is_punctuator(Sym::Arrow) {
            let is_yield = !is_sequence && self.identifier_word(first) == Sym::Yield;
            if !is_yield {
                if !self.context.is_binding_element {
                    return Err(self.unexpected_ahead());
                }
                self.reinterpret_all(&members);
            }
            self.arrow_parameters(members, false)
        } else if is_sequence {
            self.add(Node::Sequence(members))
        } else {
            first
        };
        self.context.is_binding_element = false;
        Ok(result)
    }
}
