//! Whether two sources are the same program: their syntax trees are equal, whatever the white space, the comments,
//! the kind of quotes and the optional parentheses and semicolons.

use std::mem::{Discriminant, discriminant};

use super::ast::{Node, NodeId, StatementList};
use super::parser::Parser;
use super::tokens::{Sym, Text};
use super::{KNOWN_FLAGS, MAX_SOURCE, release_function};

/// Whether both sources have the same syntax tree; `None` when Esprima does not accept both.
pub(in crate::engine) fn same_program(left: &str, right: &str) -> Option<bool> {
    let (left, left_program) = parse(left)?;
    let (right, right_program) = parse(right)?;
    // A list of what to compare rather than recursion, since trees may be as deep as sources are long.
    let mut pending = vec![(statements(&left, &left_program), statements(&right, &right_program))];
    while let Some((left_nodes, right_nodes)) = pending.pop() {
        if left_nodes.len() != right_nodes.len() {
            return Some(false);
        }
        for pair in left_nodes.into_iter().zip(right_nodes) {
            let (left_node, right_node) = match pair {
                (Some(left), Some(right)) => (left, right),
                (None, None) => continue,
                _ => return Some(false),
            };
            let (left_shape, right_shape) = (shape(&left, left_node), shape(&right, right_node));
            if left_shape.own != right_shape.own {
                return Some(false);
            }
            pending.push((left_shape.children, right_shape.children));
        }
    }
    Some(true)
}

fn parse(source: &str) -> Option<(Parser, StatementList)> {
    if source.len() > MAX_SOURCE {
        return None;
    }
    let mut parser = Parser::new(source, KNOWN_FLAGS).ok()?;
    let mut program = parser.parse_script().ok()?;
    release_function(&mut parser.nodes, &mut program).ok()?;
    Some((parser, program))
}

/// A node without its position: what is its own, and its children in order.
struct Shape {
    own: Own,
    children: Vec<Option<NodeId>>,
}

#[derive(PartialEq)]
struct Own {
    kind: Discriminant<Node>,
    /// Names and literals.
    texts: Vec<Option<Vec<u16>>>,
    operator: Sym,
    number: u64,
    flags: Vec<bool>,
}

/// A list of statements. An empty one is no more than a spare semicolon.
fn statements(parser: &Parser, list: &[NodeId]) -> Vec<Option<NodeId>> {
    let is_full = |id: &&NodeId| !matches!(parser.nodes[**id], Node::Empty);
    list.iter().filter(is_full).copied().map(Some).collect()
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
fn shape(parser: &Parser, id: NodeId) -> Shape {
    let node = &parser.nodes[id];
    let text = |text: Text| {
        parser.buffer().get(text.start as usize..text.end as usize).map(<[u16]>::to_vec)
    };
    let name = |name: &Option<Text>| name.and_then(text);
    let all = |list: &[NodeId]| list.iter().copied().map(Some).collect::<Vec<_>>();
    let mut own = Own {
        kind: discriminant(node),
        texts: Vec::new(),
        operator: Sym::Other,
        number: 0,
        flags: Vec::new(),
    };
    let children = match node {
        Node::Identifier(value) | Node::String(value) => {
            own.texts.push(text(*value));
            Vec::new()
        }
        Node::Boolean(value) => {
            own.flags.push(*value);
            Vec::new()
        }
        Node::Number(number) => {
            own.number = number.to_bits();
            Vec::new()
        }
        Node::Regex { pattern, flags } => {
            own.texts.extend([text(*pattern), text(*flags)]);
            Vec::new()
        }
        Node::Template { quasis, expressions } => {
            own.texts.extend(quasis.iter().map(|quasi| text(*quasi)));
            all(expressions)
        }
        Node::Array(items) | Node::ArrayPattern(items) => items.clone(),
        Node::Object(list) | Node::ObjectPattern(list) | Node::Sequence(list) => all(list),
        Node::Property(property) => {
            own.number = property.kind as u64;
            let flags =
                [property.computed, property.method, property.shorthand, property.is_static];
            own.flags.extend(flags);
            all(&[property.key, property.value])
        }
        Node::Function(function) => {
            own.texts.push(name(&function.id));
            own.flags.extend([function.generator, function.is_async, function.declaration]);
            with(Some(function.body), all(&function.params))
        }
        Node::ArrowFunction { params, body, is_async } => {
            own.flags.push(*is_async);
            with(Some(*body), all(params))
        }
        // Those are part of a tree only where an operator got between, as in `1 + (a,)`.
        Node::ArrowParameters { params, is_async } => {
            own.flags.push(*is_async);
            all(params)
        }
        Node::Class(class) => {
            own.texts.push(name(&class.id));
            with(class.superclass, all(&class.members))
        }
        Node::Unary { operator, argument } => {
            own.operator = *operator;
            all(&[*argument])
        }
        Node::Update { operator, argument, prefix } => {
            own.operator = *operator;
            own.flags.push(*prefix);
            all(&[*argument])
        }
        Node::Binary { operator, left, right } | Node::Assignment { operator, left, right } => {
            own.operator = *operator;
            all(&[*left, *right])
        }
        Node::Call { callee: first, arguments: rest }
        | Node::New { callee: first, arguments: rest }
        | Node::Switch { discriminant: first, cases: rest } => with(Some(*first), all(rest)),
        Node::Member { object, property, computed } => {
            own.flags.push(*computed);
            all(&[*object, *property])
        }
        Node::Yield { argument, delegate } => {
            own.flags.push(*delegate);
            vec![*argument]
        }
        Node::Await(argument)
        | Node::Spread(argument)
        | Node::Rest(argument)
        | Node::Expression(argument)
        | Node::Throw(argument) => all(&[*argument]),
        Node::TaggedTemplate { tag: first, quasi: second }
        | Node::AssignmentPattern { left: first, right: second }
        | Node::DoWhile { body: first, test: second }
        | Node::While { test: first, body: second }
        | Node::Catch { param: first, body: second }
        | Node::With { object: first, body: second } => all(&[*first, *second]),
        Node::Conditional { test, consequent, alternate } => all(&[*test, *consequent, *alternate]),
        Node::Block(list) => statements(parser, list),
        Node::Break(label) | Node::Continue(label) => {
            own.texts.push(name(label));
            Vec::new()
        }
        Node::For { init, test, update, body } => vec![*init, *test, *update, Some(*body)],
        Node::ForEach { keyword, left, right, body } => {
            own.operator = *keyword;
            all(&[*left, *right, *body])
        }
        Node::If { test, consequent, alternate } => {
            vec![Some(*test), Some(*consequent), *alternate]
        }
        Node::Labelled { label, body } => {
            own.texts.push(text(*label));
            all(&[*body])
        }
        Node::Return(argument) => vec![*argument],
        Node::Case { test, consequent } => with(*test, statements(parser, consequent)),
        Node::Try { block, handler, finalizer } => vec![Some(*block), *handler, *finalizer],
        Node::Variables { keyword, declarations } => {
            own.operator = *keyword;
            all(declarations)
        }
        Node::Variable { id, init } => vec![Some(*id), *init],
        Node::This
        | Node::Super
        | Node::Null
        | Node::MetaProperty
        | Node::Debugger
        | Node::Empty => Vec::new(),
    };
    Shape { own, children }
}

fn with(first: Option<NodeId>, rest: Vec<Option<NodeId>>) -> Vec<Option<NodeId>> {
    std::iter::once(first).chain(rest).collect()
}
