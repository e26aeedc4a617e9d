//! Expressions made of other expressions, and arrow functions.

use super::super::ast::{Node, NodeId};
use super::super::tokens::{Kind, Sym};
use super::functions::{Blame, Params};
use super::{Parser, Result, STRICT_RESERVED};

const INVALID_TARGET: &str = "Invalid left-hand side in assignment";

impl Parser {
    pub(super) fn arguments(&mut self) -> Result<Vec<NodeId>> {
        self.argument_list(false)
    }

    /// Arguments of a call, or of what may turn out to be an asynchronous arrow function.
    fn argument_list(&mut self, forgive_initializers: bool) -> Result<Vec<NodeId>> {
        self.expect(Sym::ParenOpen)?;
        let mut arguments = Vec::new();
        while !self.is_punctuator(Sym::ParenClose) {
            arguments.push(if self.is_punctuator(Sym::Ellipsis) {
                self.spread()?
            } else {
                self.isolate(|parser| {
                    let argument = parser.assignment()?;
                    if forgive_initializers {
                        parser.context.cover_initializer = None;
                    }
                    Ok(argument)
                })?
            });
            if self.is_punctuator(Sym::ParenClose) {
                break;
            }
            self.expect(Sym::Comma)?;
        }
        self.expect(Sym::ParenClose)?;
        Ok(arguments)
    }

    /// A name behind a dot, which may be a reserved word.
    fn member_name(&mut self) -> Result<NodeId> {
        let token = self.next()?;
        match token.kind {
            Kind::Identifier | Kind::Keyword | Kind::Boolean | Kind::Null => {
                Ok(self.add(Node::Identifier(token.text)))
            }
            _ => Err(self.unexpected(&token)),
        }
    }

    fn new_expression(&mut self) -> Result<NodeId> {
        self.next()?;
        if self.eat(Sym::Dot)? {
            if !self.context.in_function_body || !self.ahead.is_identifier(Sym::Target) {
                return Err(self.unexpected_ahead());
            }
            self.next()?;
            return Ok(self.add(Node::MetaProperty));
        }
        let callee = self.isolate(|parser| parser.nested(Self::callee))?;
        let arguments =
            if self.is_punctuator(Sym::ParenOpen) { self.arguments()? } else { Vec::new() };
        self.is_no_target();
        Ok(self.add(Node::New { callee, arguments }))
    }

    fn new_or_primary(&mut self) -> Result<NodeId> {
        if self.is_keyword(Sym::New) { self.new_expression() } else { self.primary() }
    }

    /// `super`, which must be followed by a member access, or by a call if those are allowed.
    fn super_object(&mut self, calls: bool) -> Result<NodeId> {
        self.next()?;
        let follows = self.is_punctuator(Sym::BracketOpen)
            || self.is_punctuator(Sym::Dot)
            || (calls && self.is_punctuator(Sym::ParenOpen));
        if follows { Ok(self.add(Node::Super)) } else { Err(self.unexpected_ahead()) }
    }

    /// The member access or tagged template that follows, if one does.
    fn suffix(&mut self, object: NodeId) -> Result<Option<NodeId>> {
        if self.is_punctuator(Sym::Dot) {
            self.context.is_binding_element = false;
            self.context.is_assignment_target = true;
            self.next()?;
            let property = self.member_name()?;
            Ok(Some(self.add(Node::Member { object, property, computed: false })))
        } else if self.is_punctuator(Sym::BracketOpen) {
            self.context.is_binding_element = false;
            self.context.is_assignment_target = true;
            self.next()?;
            let property = self.isolate(Self::expression)?;
            self.expect(Sym::BracketClose)?;
            Ok(Some(self.add(Node::Member { object, property, computed: true })))
        } else if self.ahead.kind == Kind::Template && self.ahead.head {
            let quasi = self.template()?;
            Ok(Some(self.add(Node::TaggedTemplate { tag: object, quasi })))
        } else {
            Ok(None)
        }
    }

    /// What `new` calls.
    fn callee(&mut self) -> Result<NodeId> {
        let mut expression = if self.is_keyword(Sym::Super) && self.context.in_function_body {
            self.super_object(false)?
        } else {
            self.inherit(Self::new_or_primary)?
        };
        while let Some(next) = self.suffix(expression)? {
            expression = next;
        }
        Ok(expression)
    }

    pub(super) fn left_hand_side(&mut self) -> Result<NodeId> {
        let start = self.ahead;
        let maybe_async = start.is_identifier(Sym::Async);
        let allow_in = std::mem::replace(&mut self.context.allow_in, true);
        let mut expression = if self.is_keyword(Sym::Super) && self.context.in_function_body {
            self.super_object(true)?
        } else {
            self.inherit(Self::new_or_primary)?
        };
        loop {
            if self.is_punctuator(Sym::ParenOpen) {
                let maybe_arrow = maybe_async && start.line == self.ahead.line;
                self.is_no_target();
                let arguments = self.argument_list(maybe_arrow)?;
                expression = if maybe_arrow && self.is_punctuator(Sym::Arrow) {
                    self.reinterpret_all(&arguments);
                    self.add(Node::ArrowParameters { params: arguments, is_async: true })
                } else {
                    self.add(Node::Call { callee: expression, arguments })
                };
            } else if let Some(next) = self.suffix(expression)? {
                expression = next;
            } else {
                break;
            }
        }
        self.context.allow_in = allow_in;
        Ok(expression)
    }

    fn is_restricted_target(&self, target: NodeId) -> bool {
        self.context.strict && self.identifier_word(target).is_restricted()
    }

    fn update(&mut self) -> Result<NodeId> {
        if self.is_punctuator(Sym::Increment) || self.is_punctuator(Sym::Decrement) {
            let operator = self.next()?.sym;
            let argument = self.inherit(Self::unary)?;
            if self.is_restricted_target(argument) {
                return Err(self.scan_error(
                    "Prefix increment/decrement may not have eval or arguments operand in strict mode",
                ));
            }
            if !self.context.is_assignment_target {
                return Err(self.scan_error(INVALID_TARGET));
            }
            self.is_no_target();
            return Ok(self.add(Node::Update { operator, argument, prefix: true }));
        }
        let argument = self.inherit(|parser| parser.nested(Self::left_hand_side))?;
        let follows = self.is_punctuator(Sym::Increment) || self.is_punctuator(Sym::Decrement);
        if self.line_ends || !follows {
            return Ok(argument);
        }
        if self.is_restricted_target(argument) {
            return Err(self.scan_error(
                "Postfix increment/decrement may not have eval or arguments operand in strict mode",
            ));
        }
        if !self.context.is_assignment_target {
            return Err(self.scan_error(INVALID_TARGET));
        }
        self.is_no_target();
        let operator = self.next()?.sym;
        Ok(self.add(Node::Update { operator, argument, prefix: false }))
    }

    fn unary(&mut self) -> Result<NodeId> {
        self.nested(|parser| {
            let operator = parser.ahead.sym;
            let is_operator = match parser.ahead.kind {
                Kind::Punctuator => {
                    matches!(operator, Sym::Plus | Sym::Minus | Sym::Tilde | Sym::Not)
                }
                Kind::Keyword => matches!(operator, Sym::Delete | Sym::Void | Sym::Typeof),
                _ => false,
            };
            if is_operator {
                parser.next()?;
                let argument = parser.inherit(Self::unary)?;
                if parser.context.strict
                    && operator == Sym::Delete
                    && parser.is_identifier(argument)
                {
                    return Err(
                        parser.scan_error("Delete of an unqualified identifier in strict mode.")
                    );
                }
                parser.is_no_target();
                Ok(parser.add(Node::Unary { operator, argument }))
            } else if parser.context.is_await && parser.ahead.is_identifier(Sym::Await) {
                parser.next()?;
                let argument = parser.unary()?;
                Ok(parser.add(Node::Await(argument)))
            } else {
                parser.update()
            }
        })
    }

    fn exponentiation(&mut self) -> Result<NodeId> {
        let left = self.inherit(Self::unary)?;
        // Parentheses around the left operand leave no trace, so that a unary one is refused there, too.
        if matches!(self.nodes[left], Node::Unary { .. }) || !self.is_punctuator(Sym::Power) {
            return Ok(left);
        }
        self.next()?;
        self.is_no_target();
        let right = self.isolate(|parser| parser.nested(Self::exponentiation))?;
        Ok(self.add(Node::Binary { operator: Sym::Power, left, right }))
    }

    /// How tightly the binary operator ahead binds; 0 if it is none.
    fn precedence_ahead(&self) -> u8 {
        match (self.ahead.kind, self.ahead.sym) {
            (Kind::Keyword, Sym::Instanceof) => 7,
            (Kind::Keyword, Sym::In) if self.context.allow_in => 7,
            (Kind::Punctuator, sym) => match sym {
                Sym::OrOr => 1,
                Sym::AndAnd => 2,
                Sym::Or => 3,
                Sym::Xor => 4,
                Sym::And => 5,
                Sym::Equal | Sym::NotEqual | Sym::StrictEqual | Sym::StrictNotEqual => 6,
                Sym::Less | Sym::Greater | Sym::LessEqual | Sym::GreaterEqual => 7,
                Sym::ShiftLeft | Sym::ShiftRight | Sym::ShiftRightZero => 8,
                Sym::Plus | Sym::Minus => 9,
                Sym::Star | Sym::Slash | Sym::Percent => 11,
                _ => 0,
            },
            _ => 0,
        }
    }

    fn binary(&mut self) -> Result<NodeId> {
        let mut right = self.inherit(Self::exponentiation)?;
        // Left operands that wait for the end of their right ones.
        let mut waiting: Vec<(NodeId, Sym, u8)> = Vec::new();
        loop {
            let precedence = self.precedence_ahead();
            while let Some((left, operator, _)) =
                waiting.pop_if(|(.., waiting)| precedence <= *waiting)
            {
                right = self.add(Node::Binary { operator, left, right });
            }
            if precedence == 0 {
                return Ok(right);
            }
            waiting.push((right, self.next()?.sym, precedence));
            self.is_no_target();
            right = self.isolate(Self::exponentiation)?;
        }
    }

    fn conditional(&mut self) -> Result<NodeId> {
        let test = self.inherit(Self::binary)?;
        if !self.eat(Sym::Question)? {
            return Ok(test);
        }
        let allow_in = std::mem::replace(&mut self.context.allow_in, true);
        let consequent = self.isolate(Self::assignment)?;
        self.context.allow_in = allow_in;
        self.expect(Sym::Colon)?;
        let alternate = self.isolate(Self::assignment)?;
        self.is_no_target();
        Ok(self.add(Node::Conditional { test, consequent, alternate }))
    }

    pub(super) fn assignment(&mut self) -> Result<NodeId> {
        self.nested(|parser| {
            if !parser.context.allow_yield && parser.is_keyword(Sym::Yield) {
                return parser.yield_expression();
            }
            let start = parser.ahead;
            let mut expression = parser.conditional()?;
            if start.is_identifier(Sym::Async)
                && start.line == parser.ahead.line
                && (parser.ahead.kind == Kind::Identifier || parser.is_keyword(Sym::Yield))
            {
                // Whatever stood between is forgotten.
                let param = parser.primary()?;
                parser.reinterpret(param);
                expression =
                    parser.add(Node::ArrowParameters { params: vec![param], is_async: true });
            }
            let is_list = matches!(parser.nodes[expression], Node::ArrowParameters { .. });
            if is_list || parser.is_punctuator(Sym::Arrow) {
                return parser.arrow_function(expression);
            }
            if parser.ahead.kind != Kind::Punctuator || !parser.ahead.sym.is_assignment() {
                return Ok(expression);
            }

            if !parser.context.is_assignment_target {
                return Err(parser.scan_error(INVALID_TARGET));
            }
            if parser.context.strict {
                let word = parser.identifier_word(expression);
                if word.is_restricted() {
                    return Err(parser.token_error(
                        &start,
                        "Assignment to eval or arguments is not allowed in strict mode",
                    ));
                }
                if word.is_strict_reserved() {
                    return Err(parser.token_error(&start, STRICT_RESERVED));
                }
            }
            if parser.is_punctuator(Sym::Assign) {
                parser.reinterpret(expression);
            } else {
                parser.is_no_target();
            }
            let operator = parser.next()?.sym;
            let right = parser.isolate(Self::assignment)?;
            parser.context.cover_initializer = None;
            Ok(parser.add(Node::Assignment { operator, left: expression, right }))
        })
    }

    /// The rest of an arrow function behind its parameters. Anything else before the arrow is returned as it is, and
    /// the arrow will fit nowhere.
    fn arrow_function(&mut self, expression: NodeId) -> Result<NodeId> {
        self.is_no_target();
        let Some((params, is_async)) = self.arrow_parameters_of(expression)? else {
            return Ok(expression);
        };
        if self.line_ends {
            return Err(self.unexpected_ahead());
        }
        self.context.cover_initializer = None;
        let strict = self.context.strict;
        let allow_strict_directive =
            std::mem::replace(&mut self.context.allow_strict_directive, params.simple);
        let allow_yield = std::mem::replace(&mut self.context.allow_yield, true);
        let is_await = std::mem::replace(&mut self.context.is_await, is_async);
        self.expect(Sym::Arrow)?;
        let body = if self.is_punctuator(Sym::BraceOpen) {
            let allow_in = std::mem::replace(&mut self.context.allow_in, true);
            let body = self.function_body()?;
            self.context.allow_in = allow_in;
            body
        } else {
            self.isolate(Self::assignment)?
        };
        self.check_strict_params(&params)?;
        self.context.strict = strict;
        self.context.allow_strict_directive = allow_strict_directive;
        self.context.allow_yield = allow_yield;
        self.context.is_await = is_await;
        Ok(self.add(Node::ArrowFunction { params: params.list, body, is_async }))
    }

    /// Checks what stands before an arrow as parameters; nothing if it cannot be any.
    fn arrow_parameters_of(&mut self, expression: NodeId) -> Result<Option<(Params, bool)>> {
        let (list, is_async) = match &mut self.nodes[expression] {
            Node::Identifier(_) => (vec![expression], false),
            Node::ArrowParameters { params, is_async } => (std::mem::take(params), *is_async),
            _ => return Ok(None),
        };
        let mut params = Params::default();
        for param in &list {
            if let Node::AssignmentPattern { right, .. } = self.nodes[*param] {
                if let Node::Yield { argument, .. } = self.nodes[right] {
                    if argument.is_some() {
                        return Err(self.unexpected_ahead());
                    }
                    let name = self.lexer.yield_name();
                    self.nodes[right] = Node::Identifier(name);
                }
            } else if is_async && self.identifier_word(*param) == Sym::Await {
                return Err(self.unexpected_ahead());
            }
            self.check_pattern_param(&mut params, *param);
            params.simple &= self.is_identifier(*param);
        }
        if self.context.strict || !self.context.allow_yield {
            let is_yield = |param: &NodeId| matches!(self.nodes[*param], Node::Yield { .. });
            if list.iter().any(is_yield) {
                return Err(self.unexpected_ahead());
            }
        }
        if params.has_duplicate {
            // Reported at once, although the body may not be strict.
            let blame = if self.context.strict { params.stricted } else { params.first_restricted };
            return Err(self.blame(blame.unwrap_or(Blame::Last), params.message));
        }
        params.list = list;
        Ok(Some((params, is_async)))
    }

    fn yield_expression(&mut self) -> Result<NodeId> {
        self.next()?;
        let mut argument = None;
        let mut delegate = false;
        if !self.line_ends {
            let allow_yield = std::mem::replace(&mut self.context.allow_yield, false);
            delegate = self.eat(Sym::Star)?;
            if delegate || self.expression_is_ahead() {
                argument = Some(self.assignment()?);
            }
            self.context.allow_yield = allow_yield;
        }
        Ok(self.add(Node::Yield { argument, delegate }))
    }

    /// Whether the token ahead starts the operand of `yield`, in the eyes of Esprima.
    fn expression_is_ahead(&self) -> bool {
        let sym = self.ahead.sym;
        match self.ahead.kind {
            Kind::Punctuator => matches!(
                sym,
                Sym::BracketOpen
                    | Sym::ParenOpen
                    | Sym::BraceOpen
                    | Sym::Plus
                    | Sym::Minus
                    | Sym::Not
                    | Sym::Tilde
                    | Sym::Increment
                    | Sym::Decrement
                    | Sym::Slash
                    | Sym::SlashAssign
            ),
            Kind::Keyword => matches!(
                sym,
                Sym::Class
                    | Sym::Delete
                    | Sym::Function
                    | Sym::Let
                    | Sym::New
                    | Sym::Super
                    | Sym::This
                    | Sym::Typeof
                    | Sym::Void
                    | Sym::Yield
            ),
            _ => true,
        }
    }

    pub(super) fn expression(&mut self) -> Result<NodeId> {
        let first = self.isolate(Self::assignment)?;
        if !self.is_punctuator(Sym::Comma) {
            return Ok(first);
        }
        let mut members = vec![first];
        while self.eat(Sym::Comma)? {
            members.push(self.isolate(Self::assignment)?);
        }
        Ok(self.add(Node::Sequence(members)))
    }
}
