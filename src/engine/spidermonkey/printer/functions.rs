//! Functions, classes, and the properties of objects that may be functions.

use super::super::ast::{Class, Function, MemberKind, Node, NodeId, Property};
use super::{Allow, Precedence, Printer};

impl Printer<'_> {
    pub(super) fn function(&mut self, function: &Function) {
        if function.is_async {
            self.push("async ");
        }
        self.push(if function.generator { "function* " } else { "function " });
        if let Some(id) = function.id {
            self.text(id);
        }
        self.function_rest(function);
    }

    /// Parameters and body.
    fn function_rest(&mut self, function: &Function) {
        self.arguments(&function.params);
        self.body(function.body);
    }

    pub(super) fn arrow_function(&mut self, params: &[NodeId], body: NodeId, is_async: bool) {
        if is_async {
            self.push("async ");
        }
        match params {
            [param] if matches!(self.node(*param), Node::Identifier(_)) => self.name(*param),
            _ => self.arguments(params),
        }
        self.push(" =>");
        if matches!(self.node(body), Node::Block(_)) {
            return self.body(body);
        }
        self.push(" ");
        let start = self.out.len();
        self.expression(body, Precedence::ASSIGNMENT, Allow::ALL);
        if self.out[start..].starts_with('{') {
            self.enclose(start);
        }
    }

    pub(super) fn class(&mut self, class: &Class) {
        self.push("class");
        if let Some(id) = class.id {
            self.spaced(|printer| printer.text(id));
        }
        if let Some(superclass) = class.superclass {
            self.spaced(|printer| printer.push("extends"));
            self.spaced(|printer| {
                printer.expression(superclass, Precedence::ASSIGNMENT, Allow::ALL);
            });
        }
        self.push(" {\n");
        self.indented(|printer| {
            for (i, member) in class.members.iter().enumerate() {
                if i > 0 {
                    printer.push("\n");
                }
                printer.push_indent();
                printer.class_member(*member);
            }
        });
        self.end_line();
        self.push_indent();
        self.push("}");
    }

    fn class_member(&mut self, id: NodeId) {
        let Node::Property(member) = self.node(id) else {
            return;
        };
        let prefix = if member.is_static { "static " } else { "" };
        self.push(prefix);
        match member.kind {
            MemberKind::Plain => self.method(member),
            MemberKind::Getter | MemberKind::Setter => {
                self.push(if member.kind == MemberKind::Getter { "get" } else { "set" });
                self.spaced(|printer| printer.property_key(member));
                self.method_rest(member);
            }
        }
    }

    fn method(&mut self, member: &Property) {
        if let Node::Function(function) = self.node(member.value) {
            if function.is_async {
                self.push("async ");
            } else if function.generator {
                self.push("*");
            }
        }
        self.property_key(member);
        self.method_rest(member);
    }

    fn method_rest(&mut self, member: &Property) {
        if let Node::Function(function) = self.node(member.value) {
            self.function_rest(function);
        }
    }

    /// The key, or all of a pattern with a default, even where the key is another name.
    fn property_key(&mut self, property: &Property) {
        if property.computed {
            self.push("[");
        }
        let key = match self.node(property.value) {
            Node::AssignmentPattern { .. } => property.value,
            _ => property.key,
        };
        self.expression(key, Precedence::SEQUENCE, Allow::ALL);
        if property.computed {
            self.push("]");
        }
    }

    pub(super) fn property(&mut self, property: &Property) {
        match property.kind {
            MemberKind::Getter | MemberKind::Setter => {
                self.push(if property.kind == MemberKind::Getter { "get " } else { "set " });
                self.property_key(property);
                self.method_rest(property);
            }
            MemberKind::Plain if property.shorthand => self.property_key(property),
            MemberKind::Plain if property.method => self.method(property),
            MemberKind::Plain => {
                self.property_key(property);
                self.push(": ");
                self.expression(property.value, Precedence::ASSIGNMENT, Allow::ALL);
            }
        }
    }
}
