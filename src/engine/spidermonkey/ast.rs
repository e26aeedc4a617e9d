//! The syntax tree.
//!
//! Nodes live in one list and refer to each other by index: the parser reinterprets expressions as patterns in place,
//! and dropping a long chain of nodes must not recurse.

use std::ops::{Index, IndexMut};

use super::tokens::{Sym, Text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

pub(super) type StatementList = Vec<NodeId>;

#[derive(Debug)]
pub(super) struct Function {
    pub id: Option<Text>,
    pub params: Vec<NodeId>,
    pub body: NodeId,
    pub generator: bool,
    pub is_async: bool,
    pub declaration: bool,
}

#[derive(Debug)]
pub(super) struct Class {
    pub id: Option<Text>,
    pub superclass: Option<NodeId>,
    pub members: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    Plain,
    Getter,
    Setter,
}

/// A property of an object or a pattern, or a member of a class.
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
#[derive(Debug)]
pub(super) struct Property {
    pub kind: MemberKind,
    pub key: NodeId,
    pub computed: bool,
    pub value: NodeId,
    pub method: bool,
    pub shorthand: bool,
    pub is_static: bool,
}

#[derive(Debug)]
pub(super) enum Node {
    Identifier(Text),
    This,
    Super,
    Null,
    Boolean(bool),
    Number(f64),
    String(Text),
    Regex {
        pattern: Text,
        flags: Text,
    },
    Template {
        quasis: Vec<Text>,
        expressions: Vec<NodeId>,
    },
    TaggedTemplate {
        tag: NodeId,
        quasi: NodeId,
    },
    Array(Vec<Option<NodeId>>),
    ArrayPattern(Vec<Option<NodeId>>),
    Object(Vec<NodeId>),
    ObjectPattern(Vec<NodeId>),
    Property(Property),
    Function(Box<Function>),
    ArrowFunction {
        params: Vec<NodeId>,
        body: NodeId,
        is_async: bool,
    },
    Class(Box<Class>),
    Unary {
        operator: Sym,
        argument: NodeId,
    },
    Update {
        operator: Sym,
        argument: NodeId,
        prefix: bool,
    },
    Binary {
        operator: Sym,
        left: NodeId,
        right: NodeId,
    },
    Assignment {
        operator: Sym,
        left: NodeId,
        right: NodeId,
    },
    AssignmentPattern {
        left: NodeId,
        right: NodeId,
    },
    Conditional {
        test: NodeId,
        consequent: NodeId,
        alternate: NodeId,
    },
    Call {
        callee: NodeId,
        arguments: Vec<NodeId>,
    },
    New {
        callee: NodeId,
        arguments: Vec<NodeId>,
    },
    Member {
        object: NodeId,
        property: NodeId,
        computed: bool,
    },
    /// `new.target`, the only one of its kind.
    MetaProperty,
    Sequence(Vec<NodeId>),
    Yield {
        argument: Option<NodeId>,
        delegate: bool,
    },
    Await(NodeId),
    Spread(NodeId),
    Rest(NodeId),
    /// Parameters whose arrow has not been read yet. Part of a finished tree only if an operator got between, as in
    /// `1 + (a,)`.
    ArrowParameters {
        params: Vec<NodeId>,
        is_async: bool,
    },

    Block(StatementList),
    Break(Option<Text>),
    Continue(Option<Text>),
    Debugger,
    DoWhile {
        body: NodeId,
        test: NodeId,
    },
    Empty,
    Expression(NodeId),
    For {
        init: Option<NodeId>,
        test: Option<NodeId>,
        update: Option<NodeId>,
        body: NodeId,
    },
    /// `for … in` and `for … of`.
    ForEach {
        keyword: Sym,
        left: NodeId,
        right: NodeId,
        body: NodeId,
    },
    If {
        test: NodeId,
        consequent: NodeId,
        alternate: Option<NodeId>,
    },
    Labelled {
        label: Text,
        body: NodeId,
    },
    Return(Option<NodeId>),
    Switch {
        discriminant: NodeId,
        cases: Vec<NodeId>,
    },
    Case {
        test: Option<NodeId>,
        consequent: StatementList,
    },
    Throw(NodeId),
    Try {
        block: NodeId,
        handler: Option<NodeId>,
        finalizer: Option<NodeId>,
    },
    Catch {
        param: NodeId,
        body: NodeId,
    },
    Variables {
        keyword: Sym,
        declarations: Vec<NodeId>,
    },
    Variable {
        id: NodeId,
        init: Option<NodeId>,
    },
    While {
        test: NodeId,
        body: NodeId,
    },
    With {
        object: NodeId,
        body: NodeId,
    },
}

#[derive(Debug, Default)]
pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        // A node takes at least one character of a source whose length fits in 30 bits, or follows one that does.
        let id = NodeId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(node);
        id
    }
}

impl Index<NodeId> for Nodes {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.0[id.0 as usize]
    }
}

impl IndexMut<NodeId> for Nodes {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.0[id.0 as usize]
    }
}
