//! Whether a function leaves nothing behind.
//!
//! CouchDB compiles reduce functions anew for every call, and map functions for every build, so that
//! nothing survives from one call to the next. Making a realm costs far more than most calls. A
//! function that cannot change anything that outlives a call may keep its realm: nobody can tell.
//!
//! The analysis understands plain functions over local variables. What it does not understand is
//! taken to leave something behind, which costs time but is always right.

mod bindings;

use std::collections::HashSet;
use std::ops::ControlFlow;

use boa_ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_ast::expression::literal::{ObjectMethodDefinition, PropertyDefinition};
use boa_ast::expression::operator::assign::{Assign, AssignTarget};
use boa_ast::expression::operator::unary::UnaryOp;
use boa_ast::expression::operator::update::UpdateTarget;
use boa_ast::expression::operator::{Unary, Update};
use boa_ast::expression::{
    Await, Call, Expression, Identifier, ImportCall, NewTarget, Optional, SuperCall,
    TaggedTemplate, This, Yield,
};
use boa_ast::function::{
    ArrowFunction, AsyncArrowFunction, AsyncFunctionDeclaration, AsyncFunctionExpression,
    AsyncGeneratorDeclaration, AsyncGeneratorExpression, ClassDeclaration, ClassExpression,
    FormalParameterList, FunctionBody, FunctionDeclaration, FunctionExpression,
    GeneratorDeclaration, GeneratorExpression,
};
use boa_ast::operations::{bound_names, lexically_declared_names, var_declared_names};
use boa_ast::property::PropertyName;
use boa_ast::statement::iteration::{
    ForInLoop, ForLoop, ForLoopInitializer, ForOfLoop, IterableLoopInitializer,
};
use boa_ast::statement::{Block, Catch, Switch, With};
use boa_ast::visitor::{VisitWith, Visitor};
use boa_interner::{Interner, Sym};

use self::bindings::Bindings;
use super::analysis::FunctionScript;

/// Global functions that change nothing and keep nothing.
const FUNCTIONS: &[&str] = &[
    "Array",
    "Boolean",
    "Date",
    "Number",
    "Object",
    "String",
    "decodeURIComponent",
    "emit",
    "encodeURIComponent",
    "isArray",
    "isFinite",
    "isNaN",
    "log",
    "parseFloat",
    "parseInt",
    "sum",
    "toJSON",
];

/// Global constructors of objects that belong to nobody else.
const CONSTRUCTORS: &[&str] = &[
    "Array",
    "Boolean",
    "Date",
    "Error",
    "Map",
    "Number",
    "Object",
    "RangeError",
    "RegExp",
    "Set",
    "String",
    "TypeError",
];

/// Global objects, each with the functions that may be called on it; none named means all.
const NAMESPACES: &[(&str, &[&str])] = &[
    ("Array", &["from", "isArray", "of"]),
    ("Date", &["UTC", "now", "parse"]),
    ("JSON", &["parse", "stringify"]),
    ("Math", &[]),
    ("Number", &[]),
    ("Object", &["entries", "keys", "values"]),
    ("String", &["fromCharCode", "fromCodePoint"]),
];

/// Methods that change the object they are called on.
const MUTATORS: &[&str] = &[
    "add",
    "clear",
    "compile",
    "copyWithin",
    "delete",
    "fill",
    "pop",
    "push",
    "reverse",
    "set",
    "shift",
    "sort",
    "splice",
    "unshift",
];

/// Members that lead to what others share, or call something on it.
const SHARED: &[&str] = &[
    "__defineGetter__",
    "__defineSetter__",
    "__proto__",
    "apply",
    "bind",
    "call",
    "caller",
    "constructor",
    "prototype",
];

/// Methods that give a new array.
const COPYING: &[&str] = &["concat", "filter", "map", "slice", "split"];

/// What a function does to objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    /// Perhaps it changes what outlives a call. Statements of a script other than the function may hold
    /// that, too.
    State,
    /// It changes objects, but none that a later call could see.
    Objects,
    /// It changes no object at all, be it its own, and does not look whether one could be changed.
    Nothing,
}

/// What the function of a script changes.
pub(super) fn changes(script: &FunctionScript<'_>) -> Changes {
    let FunctionScript { before, parameters, body, interner } = *script;
    if !before.is_empty() {
        return Changes::State;
    }
    let mut bindings = Bindings::default();
    bindings.parameters(parameters);
    let _ = parameters.visit_with(&mut bindings);
    let _ = body.visit_with(&mut bindings);
    let mut reader = Reader { interner, bindings, scopes: Vec::new(), changes: false };
    match reader.function(None, parameters, body) {
        ControlFlow::Break(()) => Changes::State,
        ControlFlow::Continue(()) if reader.changes => Changes::Objects,
        ControlFlow::Continue(()) => Changes::Nothing,
    }
}

/// Visits a function; breaks at what might leave something behind.
struct Reader<'a> {
    interner: &'a Interner,
    bindings: Bindings,
    /// The names of the scopes around what is visited.
    scopes: Vec<HashSet<Sym>>,
    /// Whether a member of anything is set, changed or removed.
    changes: bool,
}

const FINE: ControlFlow<()> = ControlFlow::Continue(());
const STATE: ControlFlow<()> = ControlFlow::Break(());

impl Reader<'_> {
    fn is_local(&self, name: Sym) -> bool {
        self.scopes.iter().any(|scope| scope.contains(&name))
    }

    fn is_one_of(&self, name: Sym, names: &[&str]) -> bool {
        let name = self.interner.resolve_expect(name).utf8();
        name.is_some_and(|name| names.contains(&name))
    }

    /// The name of a global that an expression is.
    fn global(&self, expression: &Expression) -> Option<Sym> {
        match expression {
            Expression::Identifier(name) if !self.is_local(name.sym()) => Some(name.sym()),
            _ => None,
        }
    }

    fn within(
        &mut self,
        names: impl IntoIterator<Item = Sym>,
        visit: impl FnOnce(&mut Self) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.scopes.push(names.into_iter().collect());
        let result = visit(self);
        self.scopes.pop();
        result
    }

    fn function(
        &mut self,
        name: Option<Sym>,
        parameters: &FormalParameterList,
        body: &FunctionBody,
    ) -> ControlFlow<()> {
        let mut names: HashSet<Sym> = name.into_iter().collect();
        names.extend(bound_names(parameters));
        names.extend(var_declared_names(body));
        names.extend(lexically_declared_names(body));
        self.within(names, |reader| {
            parameters.visit_with(reader)?;
            body.visit_with(reader)
        })
    }

    /// A member is set, changed or removed: only on an object that nobody else has.
    fn change(&mut self, access: &PropertyAccess) -> ControlFlow<()> {
        self.changes = true;
        let PropertyAccess::Simple(access) = access else { return STATE };
        let Expression::Identifier(name) = access.target() else { return STATE };
        if !self.is_local(name.sym()) || self.bindings.borrowed.contains(name.sym_ref()) {
            return STATE;
        }
        match access.field() {
            PropertyAccessField::Const(member) if self.is_one_of(member.sym(), SHARED) => STATE,
            PropertyAccessField::Const(_) => FINE,
            PropertyAccessField::Expr(field) => self.visit_expression(field),
        }
    }

    fn set(&mut self, name: Sym) -> ControlFlow<()> {
        if self.is_local(name) { FINE } else { STATE }
    }

    /// The function of a call that is a member of something.
    fn method(&mut self, access: &PropertyAccess) -> ControlFlow<()> {
        let PropertyAccess::Simple(access) = access else { return STATE };
        let PropertyAccessField::Const(member) = access.field() else { return STATE };
        let member = member.sym();
        if let Some(namespace) = self.global(access.target()) {
            let is_harmless = NAMESPACES.iter().any(|(name, members)| {
                self.is_one_of(namespace, &[name])
                    && (members.is_empty() || self.is_one_of(member, members))
            });
            return if is_harmless { FINE } else { STATE };
        }
        if self.is_one_of(member, SHARED) {
            return STATE;
        }
        if self.is_one_of(member, MUTATORS) {
            self.changes = true;
            return match access.target() {
                Expression::Identifier(name)
                    if !self.bindings.borrowed.contains(name.sym_ref()) =>
                {
                    FINE
                }
                target => self.copy(target),
            };
        }
        self.visit_expression(access.target())
    }

    /// A receiver that is changed at once: a new array.
    fn copy(&mut self, receiver: &Expression) -> ControlFlow<()> {
        match receiver {
            Expression::ArrayLiteral(_) | Expression::New(_) => self.visit_expression(receiver),
            Expression::Call(call) => match call.function() {
                Expression::PropertyAccess(PropertyAccess::Simple(access))
                    if matches!(access.field(), PropertyAccessField::Const(member)
                        if self.is_one_of(member.sym(), COPYING)) =>
                {
                    self.visit_expression(receiver)
                }
                _ => STATE,
            },
            _ => STATE,
        }
    }
}

/// What is not looked into.
macro_rules! refused {
    ($($visit:ident: $node:ty),* $(,)?) => {
        $(fn $visit(&mut self, _: &'ast $node) -> ControlFlow<()> {
            STATE
        })*
    };
}

/// The names that the head of a `for` loop declares.
fn declared_by(initializer: &IterableLoopInitializer) -> Vec<Sym> {
    match initializer {
        IterableLoopInitializer::Var(variable) => bound_names(variable),
        IterableLoopInitializer::Let(binding) | IterableLoopInitializer::Const(binding) => {
            bound_names(binding)
        }
        _ => Vec::new(),
    }
}

impl<'ast> Visitor<'ast> for Reader<'_> {
    type BreakTy = ();

    fn visit_identifier(&mut self, identifier: &'ast Identifier) -> ControlFlow<()> {
        let name = identifier.sym();
        if self.is_local(name) || self.is_one_of(name, &["undefined", "NaN", "Infinity"]) {
            FINE
        } else {
            STATE
        }
    }

    fn visit_property_access(&mut self, access: &'ast PropertyAccess) -> ControlFlow<()> {
        let PropertyAccess::Simple(simple) = access else { return STATE };
        match simple.field() {
            PropertyAccessField::Const(member) => {
                let member = member.sym();
                if self.is_one_of(member, SHARED) || self.is_one_of(member, MUTATORS) {
                    return STATE;
                }
                if let Some(namespace) = self.global(simple.target()) {
                    let text = self.interner.resolve_expect(member).to_string();
                    let is_constant = !text.contains(|letter: char| letter.is_ascii_lowercase())
                        && self.is_one_of(namespace, &["Math", "Number"]);
                    return if is_constant { FINE } else { STATE };
                }
                self.visit_expression(simple.target())
            }
            PropertyAccessField::Expr(field) => {
                self.visit_expression(simple.target())?;
                self.visit_expression(field)
            }
        }
    }

    fn visit_call(&mut self, call: &'ast Call) -> ControlFlow<()> {
        match call.function() {
            Expression::Identifier(name) if self.is_local(name.sym()) => {
                if self.bindings.values.contains(name.sym_ref()) {
                    return STATE;
                }
            }
            Expression::Identifier(name) => {
                if !self.is_one_of(name.sym(), FUNCTIONS) {
                    return STATE;
                }
            }
            Expression::PropertyAccess(access) => self.method(access)?,
            function => self.visit_expression(function)?,
        }
        call.args().iter().try_for_each(|argument| self.visit_expression(argument))
    }

    fn visit_new(&mut self, new: &'ast boa_ast::expression::New) -> ControlFlow<()> {
        let constructor = self.global(new.constructor());
        if !constructor.is_some_and(|name| self.is_one_of(name, CONSTRUCTORS)) {
            return STATE;
        }
        new.arguments().iter().try_for_each(|argument| self.visit_expression(argument))
    }

    fn visit_assign(&mut self, assign: &'ast Assign) -> ControlFlow<()> {
        match assign.lhs() {
            AssignTarget::Identifier(name) => self.set(name.sym())?,
            AssignTarget::Access(access) => self.change(access)?,
            AssignTarget::Pattern(_) => return STATE,
        }
        self.visit_expression(assign.rhs())
    }

    fn visit_update(&mut self, update: &'ast Update) -> ControlFlow<()> {
        match update.target() {
            UpdateTarget::Identifier(name) => self.set(name.sym()),
            UpdateTarget::PropertyAccess(access) => self.change(access),
        }
    }

    fn visit_unary(&mut self, unary: &'ast Unary) -> ControlFlow<()> {
        match (unary.op(), unary.target()) {
            (UnaryOp::Delete, Expression::PropertyAccess(access)) => self.change(access),
            (UnaryOp::Delete, _) => STATE,
            (_, target) => self.visit_expression(target),
        }
    }

    fn visit_iterable_loop_initializer(
        &mut self,
        initializer: &'ast IterableLoopInitializer,
    ) -> ControlFlow<()> {
        match initializer {
            IterableLoopInitializer::Identifier(name) => self.set(name.sym()),
            IterableLoopInitializer::Access(_) | IterableLoopInitializer::Pattern(_) => STATE,
            declared => declared.visit_with(self),
        }
    }

    fn visit_property_name(&mut self, name: &'ast PropertyName) -> ControlFlow<()> {
        match name {
            PropertyName::Literal(name) if self.is_one_of(name.sym(), SHARED) => STATE,
            PropertyName::Literal(_) => FINE,
            PropertyName::Computed(name) => self.visit_expression(name),
        }
    }

    fn visit_property_definition(&mut self, member: &'ast PropertyDefinition) -> ControlFlow<()> {
        match member {
            PropertyDefinition::CoverInitializedName(..) => STATE,
            member => member.visit_with(self),
        }
    }

    fn visit_function_expression(&mut self, inner: &'ast FunctionExpression) -> ControlFlow<()> {
        let name = inner.name().map(Identifier::sym);
        self.function(name, inner.parameters(), inner.body())
    }

    fn visit_arrow_function(&mut self, inner: &'ast ArrowFunction) -> ControlFlow<()> {
        self.function(None, inner.parameters(), inner.body())
    }

    fn visit_function_declaration(&mut self, inner: &'ast FunctionDeclaration) -> ControlFlow<()> {
        self.function(Some(inner.name().sym()), inner.parameters(), inner.body())
    }

    fn visit_block(&mut self, block: &'ast Block) -> ControlFlow<()> {
        let names = lexically_declared_names(block.statement_list());
        self.within(names, |reader| block.visit_with(reader))
    }

    fn visit_switch(&mut self, switch: &'ast Switch) -> ControlFlow<()> {
        let names = switch.cases().iter().flat_map(|case| lexically_declared_names(case.body()));
        let names: Vec<Sym> =
            names.chain(switch.default().into_iter().flat_map(lexically_declared_names)).collect();
        self.within(names, |reader| switch.visit_with(reader))
    }

    fn visit_for_loop(&mut self, each: &'ast ForLoop) -> ControlFlow<()> {
        let names = match each.init() {
            Some(ForLoopInitializer::Lexical(lexical)) => bound_names(lexical.declaration()),
            _ => Vec::new(),
        };
        self.within(names, |reader| each.visit_with(reader))
    }

    fn visit_for_in_loop(&mut self, each: &'ast ForInLoop) -> ControlFlow<()> {
        let names = declared_by(each.initializer());
        self.within(names, |reader| each.visit_with(reader))
    }

    fn visit_for_of_loop(&mut self, each: &'ast ForOfLoop) -> ControlFlow<()> {
        let names = declared_by(each.initializer());
        self.within(names, |reader| each.visit_with(reader))
    }

    fn visit_catch(&mut self, catch: &'ast Catch) -> ControlFlow<()> {
        let names = catch.parameter().map(bound_names).unwrap_or_default();
        self.within(names, |reader| catch.visit_with(reader))
    }

    refused! {
        visit_this: This,
        visit_with: With,
        visit_optional: Optional,
        visit_tagged_template: TaggedTemplate,
        visit_object_method_definition: ObjectMethodDefinition,
        visit_class_expression: ClassExpression,
        visit_class_declaration: ClassDeclaration,
        visit_generator_expression: GeneratorExpression,
        visit_generator_declaration: GeneratorDeclaration,
        visit_async_function_expression: AsyncFunctionExpression,
        visit_async_function_declaration: AsyncFunctionDeclaration,
        visit_async_arrow_function: AsyncArrowFunction,
        visit_async_generator_expression: AsyncGeneratorExpression,
        visit_async_generator_declaration: AsyncGeneratorDeclaration,
        visit_super_call: SuperCall,
        visit_import_call: ImportCall,
        visit_new_target: NewTarget,
        visit_await: Await,
        visit_yield: Yield,
    }
}

#[cfg(test)]
mod tests;
