//! Statements and what they consist of.

use super::super::ast::{Node, NodeId};
use super::super::tokens::{Sym, Text};
use super::super::unicode::{is_printed_line_terminator, is_printed_space};
use super::{Allow, Precedence, Printer};

impl Printer<'_> {
    /// A statement; `in` needs parentheses in the head of a `for` loop only.
    pub(super) fn statement(&mut self, id: NodeId, allow_in: bool) {
        if self.is_over() {
            return;
        }
        match self.node(id) {
            Node::Block(body) => self.block(body),
            Node::Break(label) => self.jump("break", *label),
            Node::Continue(label) => self.jump("continue", *label),
            Node::Debugger => self.push("debugger;"),
            Node::DoWhile { body, test } => {
                self.push("do");
                self.keyword_body(*body);
                self.behind_body(*body);
                self.head("while", *test, false);
                self.push(";");
            }
            Node::Empty => self.push(";"),
            Node::Expression(expression) => self.expression_statement(*expression),
            Node::For { init, test, update, body } => {
                self.indented(|printer| printer.for_head(*init, *test, *update));
                self.body(*body);
            }
            Node::ForEach { keyword, left, right, body } => {
                self.push("for (");
                self.indented(|printer| {
                    printer.for_each_head(*left, *keyword, *right);
                });
                self.body(*body);
            }
            Node::If { test, consequent, alternate } => {
                self.if_statement(*test, *consequent, *alternate);
            }
            Node::Labelled { label, body } => {
                self.text(*label);
                self.push(":");
                self.body(*body);
            }
            Node::Return(argument) => {
                self.push("return");
                if let Some(argument) = argument {
                    self.spaced(|printer| {
                        printer.expression(*argument, Precedence::SEQUENCE, Allow::ALL);
                    });
                }
                self.push(";");
            }
            Node::Switch { discriminant, cases } => {
                self.head("switch", *discriminant, true);
                self.push(" {\n");
                for case in cases {
                    self.push_indent();
                    self.statement(*case, true);
                    self.end_line();
                }
                self.push_indent();
                self.push("}");
            }
            Node::Case { test, consequent } => {
                self.indented(|printer| printer.case(*test, consequent));
            }
            Node::Throw(argument) => {
                self.push("throw");
                self.spaced(|printer| {
                    printer.expression(*argument, Precedence::SEQUENCE, Allow::ALL);
                });
                self.push(";");
            }
            Node::Try { block, handler, finalizer } => {
                self.try_statement(*block, *handler, *finalizer);
            }
            Node::Catch { param, body } => {
                self.head("catch", *param, true);
                self.body(*body);
            }
            Node::Variables { keyword, declarations } => {
                self.variables(*keyword, declarations, allow_in);
            }
            Node::Variable { id, init } => self.variable(*id, *init, allow_in),
            Node::While { test, body } => {
                self.head("while", *test, true);
                self.body(*body);
            }
            Node::With { object, body } => {
                self.head("with", *object, true);
                self.body(*body);
            }
            // Declarations of functions and classes.
            _ => self.expression(id, Precedence::ANY, Allow::ALL),
        }
    }

    pub(super) fn block(&mut self, body: &[NodeId]) {
        self.push("{\n");
        self.indented(|printer| printer.lines(body));
        if !body.is_empty() {
            self.end_line();
        }
        self.push_indent();
        self.push("}");
    }

    fn jump(&mut self, keyword: &str, label: Option<Text>) {
        self.push(keyword);
        if let Some(label) = label {
            self.push(" ");
            self.text(label);
        }
        self.push(";");
    }

    /// A keyword with an expression in parentheses.
    fn head(&mut self, keyword: &str, expression: NodeId, indented: bool) {
        self.push(keyword);
        self.push(" (");
        self.indent += usize::from(indented);
        self.expression(expression, Precedence::SEQUENCE, Allow::ALL);
        self.indent -= usize::from(indented);
        self.push(")");
    }

    /// A statement that belongs to another one, on the same line if it is a block.
    pub(super) fn body(&mut self, id: NodeId) {
        match self.node(id) {
            Node::Block(body) => {
                self.push(" ");
                self.block(body);
            }
            Node::Empty => self.push(";"),
            _ => self.indented(|printer| {
                printer.new_line();
                printer.statement(id, true);
            }),
        }
    }

    /// A body right behind a keyword.
    fn keyword_body(&mut self, id: NodeId) {
        if matches!(self.node(id), Node::Empty) {
            self.push(" ");
        }
        self.body(id);
    }

    /// What separates a body from the keyword that follows it.
    fn behind_body(&mut self, body: NodeId) {
        if self.ends_line() {
            self.push_indent();
        } else if matches!(self.node(body), Node::Block(_)) {
            self.push(" ");
        } else {
            self.new_line();
        }
    }

    fn expression_statement(&mut self, expression: NodeId) {
        let start = self.out.len();
        self.expression(expression, Precedence::SEQUENCE, Allow::ALL);
        if starts_declaration(&self.out[start..]) {
            self.enclose(start);
        }
        self.push(";");
    }

    fn for_head(&mut self, init: Option<NodeId>, test: Option<NodeId>, update: Option<NodeId>) {
        self.push("for (");
        match init {
            Some(init) if matches!(self.node(init), Node::Variables { .. }) => {
                self.statement(init, false);
            }
            Some(init) => {
                self.expression(init, Precedence::SEQUENCE, Allow::NO_IN);
                self.push(";");
            }
            None => self.push(";"),
        }
        if let Some(test) = test {
            self.push(" ");
            self.expression(test, Precedence::SEQUENCE, Allow::ALL);
        }
        self.push(";");
        if let Some(update) = update {
            self.push(" ");
            self.expression(update, Precedence::SEQUENCE, Allow::ALL);
        }
        self.push(")");
    }

    fn for_each_head(&mut self, left: NodeId, keyword: Sym, right: NodeId) {
        if let Node::Variables { keyword, declarations } = self.node(left) {
            self.push(keyword.as_str());
            self.push(" ");
            // Printed one step deeper; there is exactly one.
            self.indented(|printer| {
                for declaration in declarations {
                    printer.statement(*declaration, false);
                }
            });
        } else {
            self.expression(left, Precedence::CALL, Allow::ALL);
        }
        self.spaced(|printer| printer.push(keyword.as_str()));
        // A sequence gets no parentheses, although `for … of` takes none without.
        self.spaced(|printer| printer.expression(right, Precedence::SEQUENCE, Allow::ALL));
        self.push(")");
    }

    fn if_statement(&mut self, test: NodeId, consequent: NodeId, alternate: Option<NodeId>) {
        self.head("if", test, true);
        self.body(consequent);
        let Some(alternate) = alternate else {
            return;
        };
        self.behind_body(consequent);
        self.push("else");
        match self.node(alternate) {
            Node::If { .. } => {
                self.push(" ");
                self.statement(alternate, true);
            }
            _ => self.keyword_body(alternate),
        }
    }

    fn case(&mut self, test: Option<NodeId>, consequent: &[NodeId]) {
        if let Some(test) = test {
            self.push("case");
            self.spaced(|printer| printer.expression(test, Precedence::SEQUENCE, Allow::ALL));
            self.push(":");
        } else {
            self.push("default:");
        }
        let mut rest = consequent;
        if let [first, others @ ..] = consequent
            && matches!(self.node(*first), Node::Block(_))
        {
            self.body(*first);
            rest = others;
        }
        if !rest.is_empty() {
            self.end_line();
            self.lines(rest);
        }
    }

    fn try_statement(&mut self, block: NodeId, handler: Option<NodeId>, finalizer: Option<NodeId>) {
        self.push("try");
        self.body(block);
        self.behind_body(block);
        if let Some(handler) = handler {
            self.statement(handler, true);
            if let Node::Catch { body, .. } = self.node(handler)
                && finalizer.is_some()
            {
                self.behind_body(*body);
            }
        }
        if let Some(finalizer) = finalizer {
            self.push("finally");
            self.body(finalizer);
        }
    }

    fn variables(&mut self, keyword: Sym, declarations: &[NodeId], allow_in: bool) {
        self.push(keyword.as_str());
        // Several ones are printed one step deeper.
        let deeper = usize::from(declarations.len() > 1);
        self.indent += deeper;
        for (i, declaration) in declarations.iter().enumerate() {
            self.push(if i == 0 { " " } else { ", " });
            self.statement(*declaration, allow_in);
        }
        self.indent -= deeper;
        self.push(";");
    }

    fn variable(&mut self, id: NodeId, init: Option<NodeId>, allow_in: bool) {
        let allow = if allow_in { Allow::ALL } else { Allow::NO_IN };
        self.expression(id, Precedence::ASSIGNMENT, allow);
        if let Some(init) = init {
            self.push(" = ");
            self.expression(init, Precedence::ASSIGNMENT, allow);
        }
    }
}

/// Whether the text of an expression would be read as a block, a function or a class.
fn starts_declaration(text: &str) -> bool {
    let is_space = |c: char| is_printed_space(c) || is_printed_line_terminator(c);
    let is_function = |text: &str| {
        text.strip_prefix("function")
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| matches!(c, '(' | '*') || is_space(c))
    };
    let is_class = || {
        text.strip_prefix("class")
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| c == '{' || is_space(c))
    };
    let is_async_function = || {
        text.strip_prefix("async").is_some_and(|rest| {
            rest.starts_with(is_printed_space)
                && is_function(rest.trim_start_matches(is_printed_space))
        })
    };
    text.starts_with('{') || is_function(text) || is_class() || is_async_function()
}
