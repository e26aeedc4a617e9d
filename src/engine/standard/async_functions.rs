//! Asynchronous functions under QuickJS: CouchDB builds it without promises, and what is left of an
//! asynchronous function is an object that cannot be called. The source is rewritten to say that.

use std::ops::ControlFlow;

use boa_ast::LinearSpan;
use boa_ast::function::{
    AsyncArrowFunction, AsyncFunctionDeclaration, AsyncFunctionExpression,
    AsyncGeneratorDeclaration, AsyncGeneratorExpression,
};
use boa_ast::scope::Scope;
use boa_ast::visitor::{VisitWith, Visitor};
use boa_interner::Interner;

/// `source`, which must be a valid script, with objects in place of its asynchronous functions;
/// `None` where it has none. Methods of that kind are left alone.
pub(in crate::engine) fn without_async(source: &str) -> Option<String> {
    if !source.contains("async") {
        return None;
    }
    let mut interner = Interner::default();
    let mut parser = boa_parser::Parser::new(boa_parser::Source::from_bytes(source));
    let script = parser.parse_script(&Scope::new_global(), &mut interner).ok()?;
    let mut finder = Finder::default();
    // The visitor never breaks.
    let _ = script.visit_with(&mut finder);
    if finder.found.is_empty() {
        return None;
    }
    let units: Vec<u16> = source.encode_utf16().collect();
    let mut rewritten = String::with_capacity(source.len());
    let mut end = 0;
    for (span, declared) in finder.found {
        let (start, stop) = (span.start().pos(), span.end().pos());
        let function = String::from_utf16_lossy(units.get(start..stop)?);
        rewritten.push_str(&String::from_utf16_lossy(units.get(end..start)?));
        match declared.then(|| declared_name(&function)).flatten() {
            Some(name) => rewritten.extend(["var ", name, " = ({});"]),
            None => rewritten.push_str("({})"),
        }
        // Later lines keep their numbers.
        rewritten.extend(function.matches('\n'));
        end = stop;
    }
    rewritten.push_str(&String::from_utf16_lossy(units.get(end..)?));
    Some(rewritten)
}

/// The name in `async function name(`.
fn declared_name(function: &str) -> Option<&str> {
    let (_, rest) = function.split_once("function")?;
    let (name, _) = rest.split_once('(')?;
    Some(name.trim_start_matches(['*', ' ', '\t', '\n', '\r']).trim_end())
}

/// Finds the outermost asynchronous functions, and whether each is a declaration.
#[derive(Default)]
struct Finder {
    found: Vec<(LinearSpan, bool)>,
}

impl<'ast> Visitor<'ast> for Finder {
    type BreakTy = ();

    fn visit_async_function_declaration(
        &mut self,
        node: &'ast AsyncFunctionDeclaration,
    ) -> ControlFlow<()> {
        self.found.push((node.linear_span(), true));
        ControlFlow::Continue(())
    }

    fn visit_async_generator_declaration(
        &mut self,
        node: &'ast AsyncGeneratorDeclaration,
    ) -> ControlFlow<()> {
        self.found.push((node.linear_span(), true));
        ControlFlow::Continue(())
    }

    fn visit_async_function_expression(
        &mut self,
        node: &'ast AsyncFunctionExpression,
    ) -> ControlFlow<()> {
        self.found.push((node.linear_span(), false));
        ControlFlow::Continue(())
    }

    fn visit_async_generator_expression(
        &mut self,
        node: &'ast AsyncGeneratorExpression,
    ) -> ControlFlow<()> {
        self.found.push((node.linear_span(), false));
        ControlFlow::Continue(())
    }

    fn visit_async_arrow_function(&mut self, node: &'ast AsyncArrowFunction) -> ControlFlow<()> {
        self.found.push((node.linear_span(), false));
        ControlFlow::Continue(())
    }
}
