//! Expressions and patterns.

use super::super::RewriteError;
use super::super::ast::{Node, NodeId};
use super::super::tokens::{Sym, Text};
use super::{Allow, Precedence, Printer, UNKNOWN_NODE_LINE};

/// Precedence of a binary operator; none for the one that escodegen does not know.
fn precedence(operator: Sym) -> Option<Precedence> {
    Some(match operator {
        Sym::OrOr => Precedence::LOGICAL_OR,
        Sym::AndAnd => Precedence::LOGICAL_AND,
        Sym::Or => Precedence::BITWISE_OR,
        Sym::Xor => Precedence::BITWISE_XOR,
        Sym::And => Precedence::BITWISE_AND,
        Sym::Equal | Sym::NotEqual | Sym::StrictEqual | Sym::StrictNotEqual => Precedence::EQUALITY,
        Sym::Less
        | Sym::Greater
        | Sym::LessEqual
        | Sym::GreaterEqual
        | Sym::In
        | Sym::Instanceof => Precedence::RELATIONAL,
        Sym::ShiftLeft | Sym::ShiftRight | Sym::ShiftRightZero => Precedence::SHIFT,
        Sym::Plus | Sym::Minus => Precedence::ADDITIVE,
        Sym::Star | Sym::Percent | Sym::Slash => Precedence::MULTIPLICATIVE,
        _ => return None,
    })
}

/// An expression that waits for its leftmost operand to be printed.
struct Pending {
    id: NodeId,
    allow: Allow,
    parenthesized: bool,
    /// Where its text starts.
    start: usize,
}

impl Printer<'_> {
    /// An expression where something of at least that precedence is wanted.
    pub(super) fn expression(&mut self, id: NodeId, wanted: Precedence, allow: Allow) {
        if self.is_over() {
            return;
        }
        // Chains like `a + b + c` or `a.b.c` nest to the left without end, so that recursion is no option.
        let mut pending = Vec::new();
        let (mut id, mut wanted, mut allow) = (id, wanted, allow);
        while let Some((operand, parenthesized, allow_here, next)) =
            self.leftmost_operand(id, wanted, allow)
        {
            if parenthesized {
                self.out.push('(');
            }
            pending.push(Pending { id, allow: allow_here, parenthesized, start: self.out.len() });
            (wanted, allow) = next;
            id = operand;
        }
        self.simple_expression(id, wanted, allow);
        while let Some(Pending { id, allow, parenthesized, start }) = pending.pop() {
            self.behind_operand(id, allow, start);
            if parenthesized {
                self.out.push(')');
            }
        }
    }

    /// For expressions that start with an operand: it, whether the expression needs parentheses, what is allowed in
    /// it, and what is wanted and allowed of the operand.
    fn leftmost_operand(
        &self,
        id: NodeId,
        wanted: Precedence,
        allow: Allow,
    ) -> Option<(NodeId, bool, Allow, (Precedence, Allow))> {
        let without_call = Allow { call: allow.call, ..Allow::ALL };
        match self.node(id) {
            Node::Binary { operator, left, .. } => {
                let own = precedence(*operator);
                let loose = own.is_some_and(|own| own < wanted);
                let allow = allow.with_in(loose);
                let parenthesized = if *operator == Sym::In && !allow.r#in { true } else { loose };
                Some((*left, parenthesized, allow, (own.unwrap_or(Precedence::ANY), allow)))
            }
            Node::Member { object, .. } => {
                let parenthesized = Precedence::MEMBER < wanted;
                Some((*object, parenthesized, allow, (Precedence::CALL, without_call)))
            }
            Node::Call { callee, .. } => {
                let parenthesized = !allow.call || Precedence::CALL < wanted;
                Some((*callee, parenthesized, allow, (Precedence::CALL, Allow::ALL)))
            }
            Node::TaggedTemplate { tag, .. } => {
                let parenthesized = Precedence::TAGGED_TEMPLATE < wanted;
                Some((*tag, parenthesized, allow, (Precedence::CALL, without_call)))
            }
            _ => None,
        }
    }

    /// The rest of an expression behind its leftmost operand.
    fn behind_operand(&mut self, id: NodeId, allow: Allow, start: usize) {
        match self.node(id) {
            Node::Binary { operator, right, .. } => {
                let wanted = precedence(*operator).map_or(Precedence::ANY, Precedence::next);
                self.spaced(|printer| printer.push(operator.as_str()));
                self.spaced(|printer| printer.expression(*right, wanted, allow));
            }
            Node::Member { object, property, computed } => {
                if *computed {
                    self.push("[");
                    // Calls are fine again inside of the brackets, unless the whole stands in a callee.
                    let allow = if allow.call { Allow::ALL } else { Allow::NO_CALL };
                    self.expression(*property, Precedence::SEQUENCE, allow);
                    self.push("]");
                } else {
                    // The dot of a member access must not become part of a number.
                    let is_number = matches!(self.node(*object), Node::Number(_));
                    if is_number && self.out[start..].bytes().all(|byte| byte.is_ascii_digit()) {
                        self.push(".");
                    }
                    self.push(".");
                    self.name(*property);
                }
            }
            Node::Call { arguments, .. } => self.arguments(arguments),
            Node::TaggedTemplate { quasi, .. } => {
                self.expression(*quasi, Precedence::PRIMARY, Allow::NOTHING);
            }
            _ => {}
        }
    }

    /// An expression that does not start with an operand.
    fn simple_expression(&mut self, id: NodeId, wanted: Precedence, allow: Allow) {
        match self.node(id) {
            Node::Identifier(name) => self.text(*name),
            Node::This => self.push("this"),
            Node::Super => self.push("super"),
            Node::Null => self.push("null"),
            Node::Boolean(value) => self.push(if *value { "true" } else { "false" }),
            Node::Number(value) => self.number(*value),
            Node::String(text) => self.string(*text),
            Node::Regex { pattern, flags } => {
                self.push("/");
                self.text(*pattern);
                self.push("/");
                self.text(*flags);
            }
            Node::Template { quasis, expressions } => self.template(quasis, expressions),
            Node::Array(elements) => self.array(elements, false),
            Node::ArrayPattern(elements) => self.array(elements, true),
            Node::Object(properties) => self.object(properties),
            Node::ObjectPattern(properties) => self.object_pattern(properties),
            Node::Property(property) => self.property(property),
            Node::Function(function) => self.function(function),
            Node::ArrowFunction { params, body, is_async } => {
                self.parenthesized(Precedence::CONDITIONAL < wanted, |printer| {
                    printer.arrow_function(params, *body, *is_async);
                });
            }
            Node::Class(class) => self.class(class),
            Node::Unary { operator, argument } => {
                self.parenthesized(Precedence::UNARY < wanted, |printer| {
                    printer.unary(*operator, *argument);
                });
            }
            Node::Update { operator, argument, prefix } => {
                self.update(*operator, *argument, *prefix, wanted);
            }
            Node::Assignment { operator, left, right } => {
                self.assignment(*left, operator.as_str(), *right, wanted, allow);
            }
            Node::AssignmentPattern { left, right } => {
                self.assignment(*left, "=", *right, wanted, allow);
            }
            Node::Conditional { test, consequent, alternate } => {
                let loose = Precedence::CONDITIONAL < wanted;
                let allow = allow.with_in(loose);
                self.parenthesized(loose, |printer| {
                    printer.expression(*test, Precedence::LOGICAL_OR, allow);
                    printer.push(" ? ");
                    printer.expression(*consequent, Precedence::ASSIGNMENT, allow);
                    printer.push(" : ");
                    printer.expression(*alternate, Precedence::ASSIGNMENT, allow);
                });
            }
            Node::New { callee, arguments } => {
                self.parenthesized(Precedence::NEW < wanted, |printer| {
                    printer.push("new");
                    printer.spaced(|printer| {
                        printer.expression(*callee, Precedence::NEW, Allow::NO_CALL);
                    });
                    printer.arguments(arguments);
                });
            }
            // The names are nodes there, and this is how they read as text.
            Node::MetaProperty => self.push("[object Object].[object Object]"),
            Node::Sequence(members) => {
                let loose = Precedence::SEQUENCE < wanted;
                let allow = allow.with_in(loose);
                self.parenthesized(loose, |printer| {
                    printer.separated(members, |printer, member| {
                        printer.expression(member, Precedence::ASSIGNMENT, allow);
                    });
                });
            }
            Node::Yield { argument, delegate } => {
                self.parenthesized(Precedence::ASSIGNMENT < wanted, |printer| {
                    printer.push(if *delegate { "yield*" } else { "yield" });
                    if let Some(argument) = argument {
                        printer.operand(*argument);
                    }
                });
            }
            Node::Await(argument) => {
                self.parenthesized(Precedence::ASSIGNMENT < wanted, |printer| {
                    printer.push("await");
                    printer.operand(*argument);
                });
            }
            Node::Spread(argument) => {
                self.push("...");
                self.expression(*argument, Precedence::ASSIGNMENT, Allow::ALL);
            }
            Node::Rest(argument) => {
                self.push("...");
                self.expression(*argument, Precedence::ANY, Allow::NOTHING);
            }
            Node::ArrowParameters { .. } => {
                let error =
                    RewriteError::type_error("this[d] is not a function", UNKNOWN_NODE_LINE);
                self.failure.get_or_insert(error);
            }
            // Those with a leftmost operand are handled elsewhere, and statements are no expressions.
            _ => {}
        }
    }

    pub(super) fn name(&mut self, id: NodeId) {
        if let Node::Identifier(name) = self.node(id) {
            self.text(*name);
        }
    }

    /// Operand of `yield` and `await`.
    fn operand(&mut self, id: NodeId) {
        self.spaced(|printer| printer.expression(id, Precedence::ASSIGNMENT, Allow::ALL));
    }

    fn separated(&mut self, ids: &[NodeId], mut print: impl FnMut(&mut Self, NodeId)) {
        for (i, id) in ids.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            print(self, *id);
        }
    }

    /// A list in parentheses: arguments or parameters.
    pub(super) fn arguments(&mut self, arguments: &[NodeId]) {
        self.push("(");
        self.separated(arguments, |printer, argument| {
            printer.expression(argument, Precedence::ASSIGNMENT, Allow::ALL);
        });
        self.push(")");
    }

    fn template(&mut self, quasis: &[Text], expressions: &[NodeId]) {
        self.push("`");
        for (i, quasi) in quasis.iter().enumerate() {
            self.text(*quasi);
            if let Some(expression) = expressions.get(i) {
                self.push("${ ");
                self.expression(*expression, Precedence::SEQUENCE, Allow::ALL);
                self.push(" }");
            }
        }
        self.push("`");
    }

    fn unary(&mut self, operator: Sym, argument: NodeId) {
        self.push(operator.as_str());
        let start = self.out.len();
        if operator.as_str().len() > 2 {
            self.spaced(|printer| printer.expression(argument, Precedence::UNARY, Allow::ALL));
        } else {
            self.expression(argument, Precedence::UNARY, Allow::ALL);
            // Two signs must not become one operator.
            if matches!(operator, Sym::Plus | Sym::Minus)
                && self.out[start..].starts_with(operator.as_str())
            {
                self.out.insert(start, ' ');
            }
        }
    }

    fn update(&mut self, operator: Sym, argument: NodeId, prefix: bool, wanted: Precedence) {
        let own = if prefix { Precedence::UNARY } else { Precedence::POSTFIX };
        self.parenthesized(own < wanted, |printer| {
            if prefix {
                printer.push(operator.as_str());
            }
            printer.expression(argument, own, Allow::ALL);
            if !prefix {
                printer.push(operator.as_str());
            }
        });
    }

    fn assignment(
        &mut self,
        left: NodeId,
        operator: &str,
        right: NodeId,
        wanted: Precedence,
        allow: Allow,
    ) {
        let loose = Precedence::ASSIGNMENT < wanted;
        let allow = allow.with_in(loose);
        self.parenthesized(loose, |printer| {
            printer.expression(left, Precedence::CALL, allow);
            printer.push(" ");
            printer.push(operator);
            printer.push(" ");
            printer.expression(right, Precedence::ASSIGNMENT, allow);
        });
    }

    fn array(&mut self, elements: &[Option<NodeId>], is_pattern: bool) {
        if elements.is_empty() {
            return self.push("[]");
        }
        let multiline = elements.len() > 1 && !is_pattern;
        self.push(if multiline { "[\n" } else { "[" });
        self.indented(|printer| {
            for (i, element) in elements.iter().enumerate() {
                if multiline {
                    printer.push_indent();
                }
                let is_last = i + 1 == elements.len();
                match element {
                    Some(element) => {
                        printer.expression(*element, Precedence::ASSIGNMENT, Allow::ALL);
                    }
                    None if is_last => printer.push(","),
                    None => {}
                }
                if !is_last {
                    printer.push(if multiline { ",\n" } else { ", " });
                }
            }
        });
        if multiline {
            self.end_line();
            self.push_indent();
        }
        self.push("]");
    }

    /// Members of an object, each on its line.
    fn property_lines(&mut self, properties: &[NodeId]) {
        for (i, property) in properties.iter().enumerate() {
            self.push(if i == 0 { "" } else { ",\n" });
            self.push_indent();
            self.expression(*property, Precedence::SEQUENCE, Allow::ALL);
        }
    }

    fn object(&mut self, properties: &[NodeId]) {
        if properties.is_empty() {
            return self.push("{}");
        }
        self.push("{");
        let start = self.out.len();
        self.push("\n");
        let mut text_start = start;
        self.indented(|printer| {
            text_start += 1 + printer.indent * super::INDENT.len();
            printer.property_lines(properties);
        });
        // A single property stays on the line of the braces unless it takes several itself.
        let has_line_end = |text: &str| text.contains('\n') || text.contains('\r');
        if properties.len() == 1 && !has_line_end(&self.out[text_start..]) {
            self.out.replace_range(start..text_start, " ");
            self.push(" }");
        } else {
            self.end_line();
            self.push_indent();
            self.push("}");
        }
    }

    fn object_pattern(&mut self, properties: &[NodeId]) {
        let property = |id: &NodeId| match self.node(*id) {
            Node::Property(property) => Some(property),
            _ => None,
        };
        let multiline = match properties {
            [] => return self.push("{}"),
            [only] => property(only)
                .is_some_and(|only| !matches!(self.node(only.value), Node::Identifier(_))),
            all => all.iter().filter_map(property).any(|property| !property.shorthand),
        };
        if multiline {
            self.push("{\n");
            self.indented(|printer| printer.property_lines(properties));
            self.end_line();
            self.push_indent();
        } else {
            self.push("{");
            self.indented(|printer| {
                printer.separated(properties, |printer, property| {
                    printer.expression(property, Precedence::SEQUENCE, Allow::ALL);
                });
            });
        }
        self.push("}");
    }
}
