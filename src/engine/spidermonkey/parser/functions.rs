//! Functions, their parameters, and classes.

use std::collections::HashSet;

use super::super::RewriteError;
use super::super::ast::{Class, Function, MemberKind, Node, NodeId, Property, StatementList};
use super::super::tokens::{Kind, Sym, Text, Token};
use super::{Parser, Result, STRICT_FUNCTION_NAME, STRICT_OCTAL, STRICT_RESERVED};

const STRICT_PARAM_DUPE: &str = "Strict mode function may not have duplicate parameter names";
const STRICT_PARAM_NAME: &str = "Parameter name eval or arguments is not allowed in strict mode";

/// Where an error about a parameter is reported.
#[derive(Clone, Copy)]
pub(super) enum Blame {
    Token(Token),
    /// At the last token, since a node has no position of its own.
    Last,
}

/// Parameters of a function, and what is wrong with them should its body be strict.
pub(super) struct Params {
    pub list: Vec<NodeId>,
    /// Nothing but names.
    pub simple: bool,
    pub stricted: Option<Blame>,
    pub first_restricted: Option<Blame>,
    pub message: &'static str,
    /// The message is about a duplicate name.
    pub has_duplicate: bool,
    names: HashSet<Vec<u16>>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            simple: true,
            stricted: None,
            first_restricted: None,
            message: "",
            has_duplicate: false,
            names: HashSet::new(),
        }
    }
}

impl Params {
    fn set_message(&mut self, message: &'static str) {
        self.message = message;
        self.has_duplicate = message == STRICT_PARAM_DUPE;
    }
}

impl Parser {
    pub(super) fn blame(&self, blame: Blame, message: &str) -> RewriteError {
        match blame {
            Blame::Token(token) => self.token_error(&token, message),
            Blame::Last => self.last_error(message),
        }
    }

    /// Notes what a name would be accused of in strict code.
    fn validate_param(&self, params: &mut Params, blame: Blame, name: Text) {
        let word = self.lexer.word(name);
        let is_new = params.names.insert(self.lexer.units(name).to_vec());
        if self.context.strict {
            if word.is_restricted() {
                params.stricted = Some(blame);
                params.set_message(STRICT_PARAM_NAME);
            }
            if !is_new {
                params.stricted = Some(blame);
                params.set_message(STRICT_PARAM_DUPE);
            }
        } else if params.first_restricted.is_none() {
            if word.is_restricted() {
                params.first_restricted = Some(blame);
                params.set_message(STRICT_PARAM_NAME);
            } else if word.is_strict_reserved() {
                params.first_restricted = Some(blame);
                params.set_message(STRICT_RESERVED);
            } else if !is_new {
                params.stricted = Some(blame);
                params.set_message(STRICT_PARAM_DUPE);
            }
        }
    }

    /// Validates the names in a parameter that was read as an expression.
    pub(super) fn check_pattern_param(&self, params: &mut Params, param: NodeId) {
        match &self.nodes[param] {
            Node::Identifier(name) => self.validate_param(params, Blame::Last, *name),
            Node::Rest(inner) | Node::AssignmentPattern { left: inner, .. } => {
                self.check_pattern_param(params, *inner);
            }
            Node::ArrayPattern(elements) => {
                for element in elements.iter().flatten() {
                    self.check_pattern_param(params, *element);
                }
            }
            Node::ObjectPattern(properties) => {
                for property in properties {
                    if let Node::Property(Property { value, .. }) = self.nodes[*property] {
                        self.check_pattern_param(params, value);
                    }
                }
            }
            _ => {}
        }
    }

    /// Accuses the parameters, now that it is known whether the body is strict.
    pub(super) fn check_strict_params(&self, params: &Params) -> Result<()> {
        match params.first_restricted.or(params.stricted) {
            Some(blame) if self.context.strict => Err(self.blame(blame, params.message)),
            _ => Ok(()),
        }
    }

    pub(super) fn rest_parameter(&mut self, names: &mut Vec<Token>) -> Result<NodeId> {
        self.expect(Sym::Ellipsis)?;
        let argument = self.pattern(names, None)?;
        if self.is_punctuator(Sym::Assign) {
            return Err(self.last_error("Unexpected token ="));
        }
        if !self.is_punctuator(Sym::ParenClose) {
            return Err(self.last_error("Rest parameter must be last formal parameter"));
        }
        Ok(self.add(Node::Rest(argument)))
    }

    /// Parameters in parentheses, added to what is known about the function already.
    fn parameters(&mut self, mut params: Params) -> Result<Params> {
        self.expect(Sym::ParenOpen)?;
        while !self.is_punctuator(Sym::ParenClose) && self.ahead.kind != Kind::End {
            let mut names = Vec::new();
            let param = if self.is_punctuator(Sym::Ellipsis) {
                self.rest_parameter(&mut names)?
            } else {
                self.pattern_with_default(&mut names, None)?
            };
            for token in names {
                self.validate_param(&mut params, Blame::Token(token), token.text);
            }
            params.simple &= self.is_identifier(param);
            params.list.push(param);
            if self.is_punctuator(Sym::ParenClose) {
                break;
            }
            self.expect(Sym::Comma)?;
        }
        self.expect(Sym::ParenClose)?;
        Ok(params)
    }

    /// Whether `async function` is ahead.
    pub(super) fn is_async_function(&mut self) -> Result<bool> {
        if !self.ahead.is_identifier(Sym::Async) {
            return Ok(false);
        }
        let (token, line_ends) = self.peek()?;
        Ok(!line_ends && token.is_keyword(Sym::Function))
    }

    pub(super) fn function_declaration(&mut self, may_be_anonymous: bool) -> Result<NodeId> {
        let (is_async, generator) = self.function_start()?;
        let named = !may_be_anonymous || !self.is_punctuator(Sym::ParenOpen);
        let mut params = Params::default();
        // The name belongs to the code around the function.
        let id = if named { Some(self.function_name(&mut params, false)?) } else { None };
        let outer = self.enter_function(is_async, generator);
        let (params, body) = self.function_rest(params)?;
        self.leave_function(outer);
        Ok(self.add(Node::Function(Box::new(Function {
            id,
            params,
            body,
            generator,
            is_async,
            declaration: true,
        }))))
    }

    pub(super) fn function_expression(&mut self) -> Result<NodeId> {
        let (is_async, generator) = self.function_start()?;
        let mut params = Params::default();
        // The name belongs to the function.
        let outer = self.enter_function(is_async, generator);
        let named = !self.is_punctuator(Sym::ParenOpen);
        let id = if named { Some(self.function_name(&mut params, !generator)?) } else { None };
        let (params, body) = self.function_rest(params)?;
        self.leave_function(outer);
        Ok(self.add(Node::Function(Box::new(Function {
            id,
            params,
            body,
            generator,
            is_async,
            declaration: false,
        }))))
    }

    /// What precedes a function's name; tells whether it is asynchronous, and whether it is a generator.
    fn function_start(&mut self) -> Result<(bool, bool)> {
        let is_async = self.ahead.is_identifier(Sym::Async);
        if is_async {
            self.next()?;
        }
        self.expect_keyword(Sym::Function)?;
        let generator = !is_async && self.eat(Sym::Star)?;
        Ok((is_async, generator))
    }

    fn function_name(&mut self, params: &mut Params, may_be_yield: bool) -> Result<Text> {
        let token = self.ahead;
        let is_yield = may_be_yield && !self.context.strict && self.is_keyword(Sym::Yield);
        let name = if is_yield { self.next()?.text } else { self.variable_name(None)? };
        if token.sym.is_restricted() {
            if self.context.strict {
                return Err(self.token_error(&token, STRICT_FUNCTION_NAME));
            }
            params.first_restricted = Some(Blame::Token(token));
            params.set_message(STRICT_FUNCTION_NAME);
        } else if !self.context.strict && token.sym.is_strict_reserved() {
            params.first_restricted = Some(Blame::Token(token));
            params.set_message(STRICT_RESERVED);
        }
        Ok(name)
    }

    fn enter_function(&mut self, is_async: bool, generator: bool) -> (bool, bool) {
        let outer = (self.context.is_await, self.context.allow_yield);
        self.context.is_await = is_async;
        self.context.allow_yield = !generator;
        outer
    }

    fn leave_function(&mut self, outer: (bool, bool)) {
        (self.context.is_await, self.context.allow_yield) = outer;
    }

    /// Parameters and body.
    fn function_rest(&mut self, params: Params) -> Result<(Vec<NodeId>, NodeId)> {
        let params = self.parameters(params)?;
        let strict = self.context.strict;
        let allow_strict_directive =
            std::mem::replace(&mut self.context.allow_strict_directive, params.simple);
        let body = self.function_body()?;
        self.check_strict_params(&params)?;
        self.context.strict = strict;
        self.context.allow_strict_directive = allow_strict_directive;
        Ok((params.list, body))
    }

    pub(super) fn function_body(&mut self) -> Result<NodeId> {
        self.expect(Sym::BraceOpen)?;
        let mut body = self.directives()?;
        let labels = std::mem::take(&mut self.context.labels);
        let in_iteration = std::mem::replace(&mut self.context.in_iteration, false);
        let in_switch = std::mem::replace(&mut self.context.in_switch, false);
        let in_function_body = std::mem::replace(&mut self.context.in_function_body, true);
        while self.ahead.kind != Kind::End && !self.is_punctuator(Sym::BraceClose) {
            body.push(self.statement_list_item()?);
        }
        self.expect(Sym::BraceClose)?;
        self.context.labels = labels;
        self.context.in_iteration = in_iteration;
        self.context.in_switch = in_switch;
        self.context.in_function_body = in_function_body;
        Ok(self.add(Node::Block(body)))
    }

    pub(super) fn directives(&mut self) -> Result<StatementList> {
        let mut first_octal: Option<Token> = None;
        let mut body = Vec::new();
        while self.ahead.kind == Kind::String {
            let token = self.ahead;
            let expression = self.expression()?;
            let raw = Text { start: token.start + 1, end: token.end - 1 };
            let is_directive = matches!(self.nodes[expression], Node::String(_)) && !raw.is_empty();
            self.semicolon()?;
            body.push(self.add(Node::Expression(expression)));
            if !is_directive {
                break;
            }
            if self.lexer.units(raw).iter().copied().eq("use strict".encode_utf16()) {
                self.context.strict = true;
                if let Some(octal) = first_octal {
                    return Err(self.token_error(&octal, STRICT_OCTAL));
                }
                if !self.context.allow_strict_directive {
                    return Err(self.token_error(
                        &token,
                        "Illegal 'use strict' directive in function with non-simple parameter list",
                    ));
                }
            } else if token.octal {
                first_octal = first_octal.or(Some(token));
            }
        }
        Ok(body)
    }

    // Methods.

    /// Body of a method with the given parameters, as a function.
    fn method_body(&mut self, params: Params, generator: bool, is_async: bool) -> Result<NodeId> {
        self.is_no_target();
        let strict = self.context.strict;
        let allow_strict_directive =
            std::mem::replace(&mut self.context.allow_strict_directive, params.simple);
        let body = self.isolate(Self::function_body)?;
        self.check_strict_params(&params)?;
        self.context.strict = strict;
        self.context.allow_strict_directive = allow_strict_directive;
        Ok(self.add(Node::Function(Box::new(Function {
            id: None,
            params: params.list,
            body,
            generator,
            is_async,
            declaration: false,
        }))))
    }

    pub(super) fn method(&mut self) -> Result<NodeId> {
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let params = self.parameters(Params::default())?;
        let method = self.method_body(params, false, false)?;
        self.context.allow_yield = allow_yield;
        Ok(method)
    }

    pub(super) fn async_method(&mut self) -> Result<NodeId> {
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, false);
        let is_await = std::mem::replace(&mut self.context.is_await, true);
        let params = self.parameters(Params::default())?;
        let method = self.method_body(params, false, true)?;
        self.context.allow_yield = allow_yield;
        self.context.is_await = is_await;
        Ok(method)
    }

    pub(super) fn generator_method(&mut self) -> Result<NodeId> {
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let params = self.parameters(Params::default())?;
        self.context.allow_yield = false;
        let method = self.method_body(params, true, false)?;
        self.context.allow_yield = allow_yield;
        Ok(method)
    }

    pub(super) fn getter(&mut self) -> Result<NodeId> {
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let params = self.parameters(Params::default())?;
        if !params.list.is_empty() {
            return Err(self.scan_error("Getter must not have any formal parameters"));
        }
        let method = self.method_body(params, false, false)?;
        self.context.allow_yield = allow_yield;
        Ok(method)
    }

    pub(super) fn setter(&mut self) -> Result<NodeId> {
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let params = self.parameters(Params::default())?;
        match params.list[..] {
            [param] if matches!(self.nodes[param], Node::Rest(_)) => {
                return Err(
                    self.scan_error("Setter function argument must not be a rest parameter")
                );
            }
            [_] => {}
            _ => return Err(self.scan_error("Setter must have exactly one formal parameter")),
        }
        let method = self.method_body(params, false, false)?;
        self.context.allow_yield = allow_yield;
        Ok(method)
    }

    // Classes.

    pub(super) fn class(&mut self, declaration: bool) -> Result<NodeId> {
        let strict = std::mem::replace(&mut self.context.strict, true);
        self.expect_keyword(Sym::Class)?;
        let named = declaration || self.ahead.kind == Kind::Identifier;
        let id = if named { Some(self.variable_name(None)?) } else { None };
        let superclass = if self.is_keyword(Sym::Extends) {
            self.next()?;
            Some(self.isolate(|parser| parser.nested(Self::left_hand_side))?)
        } else {
            None
        };
        let mut members = Vec::new();
        let mut has_constructor = false;
        self.expect(Sym::BraceOpen)?;
        while !self.is_punctuator(Sym::BraceClose) {
            if !self.eat(Sym::Semicolon)? {
                members.push(self.class_member(&mut has_constructor)?);
            }
        }
        self.expect(Sym::BraceClose)?;
        self.context.strict = strict;
        Ok(self.add(Node::Class(Box::new(Class { id, superclass, members }))))
    }

    fn class_member(&mut self, has_constructor: &mut bool) -> Result<NodeId> {
        let mut token = self.ahead;
        let mut key = None;
        let mut computed = false;
        let mut is_static = false;
        let mut is_async = false;
        if !self.eat(Sym::Star)? {
            computed = self.is_punctuator(Sym::BracketOpen);
            let first = self.property_key()?;
            key = Some(first);
            let is_word = self.identifier_word(first) == Sym::Static;
            if is_word && (self.key_is_ahead() || self.is_punctuator(Sym::Star)) {
                token = self.ahead;
                is_static = true;
                computed = self.is_punctuator(Sym::BracketOpen);
                // The key is still `static` for a generator whose own name is missing.
                if !self.eat(Sym::Star)? {
                    key = Some(self.property_key()?);
                }
            }
            let ends = [Sym::Colon, Sym::ParenOpen, Sym::Star];
            if token.is_identifier(Sym::Async)
                && !self.line_ends
                && !ends.into_iter().any(|sym| self.ahead_reads(sym))
            {
                is_async = true;
                token = self.ahead;
                key = Some(self.property_key()?);
                if token.is_identifier(Sym::Constructor) {
                    return Err(
                        self.token_error(&token, "Class constructor may not be an async method")
                    );
                }
            }
        }

        let key_follows = self.key_is_ahead();
        let mut member = None;
        if token.is_identifier(Sym::Get) && key_follows {
            computed = self.is_punctuator(Sym::BracketOpen);
            let key = self.property_key()?;
            // Stays behind the getter.
            self.context.allow_yield = false;
            member = Some((MemberKind::Getter, key, self.getter()?));
        } else if token.is_identifier(Sym::Set) && key_follows {
            computed = self.is_punctuator(Sym::BracketOpen);
            let key = self.property_key()?;
            member = Some((MemberKind::Setter, key, self.setter()?));
        } else if token.is_punctuator(Sym::Star) && key_follows {
            computed = self.is_punctuator(Sym::BracketOpen);
            let key = self.property_key()?;
            member = Some((MemberKind::Plain, key, self.generator_method()?));
        } else if let Some(key) = key
            && self.is_punctuator(Sym::ParenOpen)
        {
            let value = if is_async { self.async_method()? } else { self.method()? };
            member = Some((MemberKind::Plain, key, value));
        }
        let Some((kind, key, value)) = member else {
            return Err(self.unexpected_ahead());
        };

        if !computed && is_static && self.is_key(key, Sym::Prototype) {
            return Err(
                self.token_error(&token, "Classes may not have static property named prototype")
            );
        }
        if !computed && !is_static && self.is_key(key, Sym::Constructor) {
            let is_generator =
                matches!(&self.nodes[value], Node::Function(function) if function.generator);
            if kind != MemberKind::Plain || is_generator {
                return Err(self.token_error(&token, "Class constructor may not be an accessor"));
            }
            if *has_constructor {
                return Err(self.token_error(&token, "A class may only have one constructor"));
            }
            *has_constructor = true;
        }
        Ok(self.add(Node::Property(Property {
            kind,
            key,
            computed,
            value,
            method: true,
            shorthand: false,
            is_static,
        })))
    }
}
