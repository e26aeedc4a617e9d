//! What names stand for.

use std::collections::HashSet;
use std::ops::ControlFlow;

use boa_ast::declaration::{Binding, VariableList};
use boa_ast::expression::Expression;
use boa_ast::expression::operator::assign::{Assign, AssignOp, AssignTarget};
use boa_ast::function::FormalParameterList;
use boa_ast::operations::bound_names;
use boa_ast::statement::Catch;
use boa_ast::statement::iteration::IterableLoopInitializer;
use boa_ast::visitor::{VisitWith, Visitor};
use boa_interner::Sym;

/// What the names of a script are bound to, whatever their scope.
#[derive(Default)]
pub(super) struct Bindings {
    /// Names that may stand for an object that somebody else has.
    pub(super) borrowed: HashSet<Sym>,
    /// Names that may stand for something else than a function written in the script.
    pub(super) values: HashSet<Sym>,
}

impl Bindings {
    fn anything(&mut self, names: Vec<Sym>) {
        self.borrowed.extend(names.iter().copied());
        self.values.extend(names);
    }

    pub(super) fn parameters(&mut self, parameters: &FormalParameterList) {
        self.anything(bound_names(parameters));
    }

    fn bind(&mut self, name: Sym, value: &Expression) {
        if !is_own(value) {
            self.borrowed.insert(name);
        }
        if !matches!(value, Expression::FunctionExpression(_) | Expression::ArrowFunction(_)) {
            self.values.insert(name);
        }
    }
}

/// Whether an expression gives a primitive or an object that nobody else has.
fn is_own(expression: &Expression) -> bool {
    match expression {
        Expression::Literal(_)
        | Expression::RegExpLiteral(_)
        | Expression::ArrayLiteral(_)
        | Expression::ObjectLiteral(_)
        | Expression::FunctionExpression(_)
        | Expression::ArrowFunction(_)
        | Expression::TemplateLiteral(_)
        | Expression::New(_)
        | Expression::Update(_) => true,
        Expression::Parenthesized(inner) => is_own(inner.expression()),
        Expression::Conditional(either) => is_own(either.if_true()) && is_own(either.if_false()),
        _ => false,
    }
}

impl<'ast> Visitor<'ast> for Bindings {
    type BreakTy = ();

    fn visit_variable_list(&mut self, list: &'ast VariableList) -> ControlFlow<()> {
        for variable in list.as_ref() {
            match (variable.binding(), variable.init()) {
                (Binding::Identifier(name), Some(value)) => self.bind(name.sym(), value),
                // Nothing is changed through `undefined`.
                (Binding::Identifier(name), None) => {
                    self.values.insert(name.sym());
                }
                (pattern @ Binding::Pattern(_), _) => self.anything(bound_names(pattern)),
            }
        }
        list.visit_with(self)
    }

    fn visit_assign(&mut self, assign: &'ast Assign) -> ControlFlow<()> {
        if let AssignTarget::Identifier(name) = assign.lhs() {
            match assign.op() {
                AssignOp::Assign => self.bind(name.sym(), assign.rhs()),
                _ => self.anything(vec![name.sym()]),
            }
        }
        assign.visit_with(self)
    }

    fn visit_iterable_loop_initializer(
        &mut self,
        initializer: &'ast IterableLoopInitializer,
    ) -> ControlFlow<()> {
        match initializer {
            IterableLoopInitializer::Identifier(name) => self.anything(vec![name.sym()]),
            IterableLoopInitializer::Var(variable) => self.anything(bound_names(variable)),
            IterableLoopInitializer::Let(binding) | IterableLoopInitializer::Const(binding) => {
                self.anything(bound_names(binding));
            }
            // Refused by the reader.
            IterableLoopInitializer::Access(_) | IterableLoopInitializer::Pattern(_) => {}
        }
        initializer.visit_with(self)
    }

    fn visit_catch(&mut self, catch: &'ast Catch) -> ControlFlow<()> {
        if let Some(parameter) = catch.parameter() {
            self.anything(bound_names(parameter));
        }
        catch.visit_with(self)
    }

    fn visit_formal_parameter_list(
        &mut self,
        parameters: &'ast FormalParameterList,
    ) -> ControlFlow<()> {
        self.parameters(parameters);
        parameters.visit_with(self)
    }
}
