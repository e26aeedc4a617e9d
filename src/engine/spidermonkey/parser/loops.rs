//! Loops.

use super::super::ast::{Node, NodeId};
use super::super::tokens::Sym;
use super::{Parser, Result};

/// What precedes the first separator in the head of a `for` loop.
enum ForHead {
    Init(Option<NodeId>),
    /// The left side of an iteration with this keyword.
    Each(Sym, NodeId),
}

impl Parser {
    /// Body of a loop.
    fn loop_body(&mut self) -> Result<NodeId> {
        let in_iteration = std::mem::replace(&mut self.context.in_iteration, true);
        let body = self.statement()?;
        self.context.in_iteration = in_iteration;
        Ok(body)
    }

    pub(super) fn do_while_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let body = self.loop_body()?;
        self.expect_keyword(Sym::While)?;
        let test = self.condition()?;
        self.eat(Sym::Semicolon)?;
        Ok(self.add(Node::DoWhile { body, test }))
    }

    pub(super) fn while_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        let test = self.condition()?;
        let body = self.loop_body()?;
        Ok(self.add(Node::While { test, body }))
    }

    pub(super) fn for_statement(&mut self) -> Result<NodeId> {
        self.next()?;
        self.expect(Sym::ParenOpen)?;
        let head = if self.eat(Sym::Semicolon)? {
            ForHead::Init(None)
        } else if self.is_keyword(Sym::Var) {
            self.for_variables()?
        } else if self.is_keyword(Sym::Const) || self.is_keyword(Sym::Let) {
            self.for_lexical()?
        } else {
            self.for_expression()?
        };
        match head {
            ForHead::Each(keyword, left) => {
                let right =
                    if keyword == Sym::In { self.expression()? } else { self.assignment()? };
                let body = self.for_body()?;
                Ok(self.add(Node::ForEach { keyword, left, right, body }))
            }
            ForHead::Init(init) => {
                let has_test = !self.is_punctuator(Sym::Semicolon);
                let test = if has_test { Some(self.expression()?) } else { None };
                self.expect(Sym::Semicolon)?;
                let has_update = !self.is_punctuator(Sym::ParenClose);
                let update = if has_update { Some(self.expression()?) } else { None };
                let body = self.for_body()?;
                Ok(self.add(Node::For { init, test, update, body }))
            }
        }
    }

    fn for_body(&mut self) -> Result<NodeId> {
        self.expect(Sym::ParenClose)?;
        self.isolate(Self::loop_body)
    }

    /// Runs a rule in which `in` is no operator.
    fn without_in<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let allow_in = std::mem::replace(&mut self.context.allow_in, false);
        let result = rule(self)?;
        self.context.allow_in = allow_in;
        Ok(result)
    }

    /// The keyword ahead after which a `for` loop names what it iterates over.
    fn for_keyword_ahead(&self) -> Option<Sym> {
        if self.is_keyword(Sym::In) {
            Some(Sym::In)
        } else {
            self.ahead.is_identifier(Sym::Of).then_some(Sym::Of)
        }
    }

    /// Name and initializer of a declaration that is the only one.
    fn single(&self, declarations: &[NodeId]) -> Option<(NodeId, Option<NodeId>)> {
        match declarations {
            [only] => match self.nodes[*only] {
                Node::Variable { id, init } => Some((id, init)),
                _ => None,
            },
            _ => None,
        }
    }

    fn for_variables(&mut self) -> Result<ForHead> {
        self.next()?;
        let declarations = self.without_in(|parser| parser.variables(true))?;
        let keyword = match (self.for_keyword_ahead(), self.single(&declarations)) {
            (Some(Sym::In), Some((id, Some(_)))) => {
                let is_pattern =
                    matches!(self.nodes[id], Node::ArrayPattern(_) | Node::ObjectPattern(_));
                if is_pattern || self.context.strict {
                    return Err(self.scan_error(
                        "for-in loop variable declaration may not have an initializer",
                    ));
                }
                Some(Sym::In)
            }
            (keyword, Some((_, None))) => keyword,
            _ => None,
        };
        let left = self.add(Node::Variables { keyword: Sym::Var, declarations });
        if let Some(keyword) = keyword {
            self.next()?;
            return Ok(ForHead::Each(keyword, left));
        }
        self.expect(Sym::Semicolon)?;
        Ok(ForHead::Init(Some(left)))
    }

    fn for_lexical(&mut self) -> Result<ForHead> {
        let token = self.next()?;
        if !self.context.strict && self.ahead_reads(Sym::In) {
            let left = self.add(Node::Identifier(token.text));
            self.next()?;
            return Ok(ForHead::Each(Sym::In, left));
        }
        let declarations = self.without_in(|parser| parser.lexical_bindings(token.sym, true))?;
        let keyword = match self.single(&declarations) {
            Some((_, None)) => self.for_keyword_ahead(),
            _ => None,
        };
        let left = self.add(Node::Variables { keyword: token.sym, declarations });
        if let Some(keyword) = keyword {
            self.next()?;
            return Ok(ForHead::Each(keyword, left));
        }
        self.semicolon()?;
        Ok(ForHead::Init(Some(left)))
    }

    fn for_expression(&mut self) -> Result<ForHead> {
        let left = self.without_in(|parser| parser.inherit(Self::assignment))?;
        if let Some(keyword) = self.for_keyword_ahead() {
            let is_assignment = matches!(self.nodes[left], Node::Assignment { .. });
            if !self.context.is_assignment_target || is_assignment {
                return Err(self.scan_error(if keyword == Sym::In {
                    "Invalid left-hand side in for-in"
                } else {
                    "Invalid left-hand side in for-loop"
                }));
            }
            self.next()?;
            self.reinterpret(left);
            return Ok(ForHead::Each(keyword, left));
        }
        let mut init = left;
        if self.is_punctuator(Sym::Comma) {
            let mut members = vec![left];
            while self.eat(Sym::Comma)? {
                members.push(self.isolate(Self::assignment)?);
            }
            init = self.add(Node::Sequence(members));
        }
        self.expect(Sym::Semicolon)?;
        Ok(ForHead::Init(Some(init)))
    }
}
