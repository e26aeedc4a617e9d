//! What can be said of a function before it runs.

use boa_ast::expression::Expression;
use boa_ast::expression::operator::binary::BinaryOp;
use boa_ast::function::{FormalParameterList, FunctionBody};
use boa_ast::scope::Scope;
use boa_ast::{Statement, StatementListItem};
use boa_interner::Interner;

use super::projection::Projection;
use super::stateless::{Changes, changes};

/// A script whose last statement is a function without a name.
pub(super) struct FunctionScript<'a> {
    /// The statements before the function.
    pub(super) before: &'a [StatementListItem],
    pub(super) parameters: &'a FormalParameterList,
    pub(super) body: &'a FunctionBody,
    pub(super) interner: &'a Interner,
}

/// What is known of a function.
#[derive(Debug, Clone)]
pub(super) struct Analysis {
    /// The members it reads of its first argument.
    pub(super) projection: Projection,
    /// Whether a later call can tell that there was an earlier one.
    pub(super) is_stateless: bool,
    /// Whether it changes no object at all.
    pub(super) changes_nothing: bool,
}

impl Analysis {
    /// Of a function that is not understood.
    const NOTHING: Self =
        Self { projection: Projection::Whole, is_stateless: false, changes_nothing: false };

    /// Reads `text`, a script as it is evaluated.
    pub(super) fn of(text: &str) -> Self {
        let mut interner = Interner::default();
        let mut parser = boa_parser::Parser::new(boa_parser::Source::from_bytes(text));
        let Ok(script) = parser.parse_script(&Scope::new_global(), &mut interner) else {
            return Self::NOTHING;
        };
        let Some((StatementListItem::Statement(last), before)) =
            script.statements().statements().split_last()
        else {
            return Self::NOTHING;
        };
        let Statement::Expression(expression) = last.as_ref() else { return Self::NOTHING };
        let Some((parameters, body)) = function(expression) else { return Self::NOTHING };
        let script = FunctionScript { before, parameters, body, interner: &interner };
        let changes = changes(&script);
        Self {
            projection: Projection::of(&script),
            is_stateless: changes != Changes::State,
            changes_nothing: changes == Changes::Nothing,
        }
    }
}

fn function(expression: &Expression) -> Option<(&FormalParameterList, &FunctionBody)> {
    match expression {
        Expression::Parenthesized(inner) => function(inner.expression()),
        // `0,function …`: how an anonymous function is made an expression.
        Expression::Binary(binary)
            if matches!(binary.op(), BinaryOp::Comma)
                && matches!(binary.lhs(), Expression::Literal(_)) =>
        {
            function(binary.rhs())
        }
        Expression::FunctionExpression(function) if function.name().is_none() => {
            Some((function.parameters(), function.body()))
        }
        Expression::ArrowFunction(function) => Some((function.parameters(), function.body())),
        _ => None,
    }
}
