//! Which members of a document a map function can read.
//!
//! Building a document costs more than a simple map function itself. CouchDB's documents are frozen,
//! so a function that names every member it reads cannot tell a document with only those members
//! from the whole one. What the analysis does not understand gets the whole document.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use boa_ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_ast::expression::literal::LiteralKind;
use boa_ast::expression::{Call, Expression, Identifier, This};
use boa_ast::function::FormalParameterList;
use boa_ast::statement::With;
use boa_ast::visitor::{VisitWith, Visitor};
use boa_interner::{Interner, Sym};

use super::analysis::FunctionScript;

/// The members of a document that must be built for a function to behave as with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Projection {
    /// Only these, sorted: few enough that looking at each is quicker than a search.
    Members(Vec<String>),
    /// The whole document: the function may look at any member.
    Whole,
}

impl Projection {
    /// What a function reads that reads nothing.
    pub(super) fn nothing() -> Self {
        Self::Members(Vec::new())
    }

    /// What the function of a script reads of its first parameter.
    pub(super) fn of(script: &FunctionScript<'_>) -> Self {
        let Some(document) = first_parameter(script.parameters) else { return Self::Whole };
        let symbols = |names: [&str; 6]| names.map(|name| script.interner.get(name));
        let [emit, require, hidden @ ..] =
            symbols(["emit", "require", "arguments", "eval", "globalThis", "Function"]);
        let inherits =
            ["constructor", "__proto__", "prototype", "getPrototypeOf", "setPrototypeOf"]
                .map(|name| script.interner.get(name));
        let mut reader = Reader {
            document,
            emit,
            require,
            hidden,
            inherits,
            interner: script.interner,
            members: BTreeSet::new(),
            emits_document: false,
            requires: false,
        };
        let understood =
            script.before.iter().all(|item| item.visit_with(&mut reader).is_continue())
                && script.body.visit_with(&mut reader).is_continue();
        if !understood || (reader.requires && reader.emits_document) {
            return Self::Whole;
        }
        Self::Members(reader.members.into_iter().collect())
    }

    /// What two functions read together.
    pub(super) fn union(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Members(mut some), Self::Members(more)) => {
                some.extend(more.iter().cloned());
                some.sort();
                some.dedup();
                Self::Members(some)
            }
            _ => Self::Whole,
        }
    }

    /// Whether `member` may be read.
    pub(super) fn reads(&self, member: &str) -> bool {
        match self {
            Self::Members(members) => members.iter().any(|name| name == member),
            Self::Whole => true,
        }
    }
}

fn first_parameter(parameters: &FormalParameterList) -> Option<Sym> {
    if !parameters.is_simple() || parameters.has_duplicates() {
        return None;
    }
    match parameters.as_ref().first()?.variable().binding() {
        boa_ast::declaration::Binding::Identifier(identifier) => Some(identifier.sym()),
        boa_ast::declaration::Binding::Pattern(_) => None,
    }
}

/// Visits a function's body; breaks where the document may get away.
struct Reader<'a> {
    document: Sym,
    emit: Option<Sym>,
    require: Option<Sym>,
    /// Names through which the document or `emit` could be reached unseen.
    hidden: [Option<Sym>; 4],
    /// Members through which a function could change what all objects inherit, and with that what
    /// serialising an emitted document means.
    inherits: [Option<Sym>; 5],
    interner: &'a Interner,
    members: BTreeSet<String>,
    emits_document: bool,
    requires: bool,
}

impl Reader<'_> {
    fn is(expression: &Expression, name: Sym) -> bool {
        matches!(expression, Expression::Identifier(identifier) if identifier.sym() == name)
    }

    fn read(&mut self, member: Sym) -> ControlFlow<()> {
        if self.inherits.contains(&Some(member)) {
            return ControlFlow::Break(());
        }
        self.members.insert(self.interner.resolve_expect(member).to_string());
        ControlFlow::Continue(())
    }
}

impl<'ast> Visitor<'ast> for Reader<'_> {
    type BreakTy = ();

    fn visit_property_access(&mut self, access: &'ast PropertyAccess) -> ControlFlow<()> {
        let PropertyAccess::Simple(simple) = access else { return access.visit_with(self) };
        match simple.field() {
            PropertyAccessField::Const(member) if Self::is(simple.target(), self.document) => {
                self.read(member.sym())
            }
            PropertyAccessField::Expr(field) if Self::is(simple.target(), self.document) => {
                match field.as_ref() {
                    Expression::Literal(literal) => match literal.kind() {
                        LiteralKind::String(member) => self.read(*member),
                        _ => ControlFlow::Break(()),
                    },
                    _ => ControlFlow::Break(()),
                }
            }
            // The name behind the dot is no variable; but some reach what all documents inherit.
            PropertyAccessField::Const(member) if self.inherits.contains(&Some(member.sym())) => {
                ControlFlow::Break(())
            }
            PropertyAccessField::Const(_) => self.visit_expression(simple.target()),
            PropertyAccessField::Expr(field) => {
                self.visit_expression(simple.target())?;
                self.visit_expression(field)
            }
        }
    }

    fn visit_call(&mut self, call: &'ast Call) -> ControlFlow<()> {
        let emits = self.emit.is_some_and(|emit| Self::is(call.function(), emit));
        match call.function() {
            _ if emits => {}
            // A method called on the document has it as `this`.
            Expression::PropertyAccess(PropertyAccess::Simple(access))
                if Self::is(access.target(), self.document) =>
            {
                return ControlFlow::Break(());
            }
            function => self.visit_expression(function)?,
        }
        for argument in call.args() {
            if emits && Self::is(argument, self.document) {
                self.emits_document = true;
            } else {
                self.visit_expression(argument)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn visit_identifier(&mut self, identifier: &'ast Identifier) -> ControlFlow<()> {
        self.visit_sym(identifier.sym_ref())
    }

    fn visit_sym(&mut self, name: &'ast Sym) -> ControlFlow<()> {
        let name = Some(*name);
        if name == Some(self.document) || name == self.emit || self.hidden.contains(&name) {
            return ControlFlow::Break(());
        }
        self.requires |= name == self.require;
        ControlFlow::Continue(())
    }

    fn visit_this(&mut self, _: &'ast This) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn visit_with(&mut self, _: &'ast With) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}
