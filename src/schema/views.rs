//! Map functions against schemas: members that no document has, and values that no member has.
//!
//! Only what is certain is told. A member is missing when every schema of the types that the function
//! selects closes its object and declares no such member; a comparison is in vain when every schema that
//! declares the member allows other values only. What the analysis does not understand is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use boa_ast::declaration::{Binding, Variable};
use boa_ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_ast::expression::literal::LiteralKind;
use boa_ast::expression::operator::assign::AssignTarget;
use boa_ast::expression::operator::binary::{BinaryOp, LogicalOp, RelationalOp};
use boa_ast::expression::operator::{Assign, Binary};
use boa_ast::expression::{Call, Expression, Identifier};
use boa_ast::function::{FormalParameter, FormalParameterList, FunctionBody};
use boa_ast::scope::Scope as JavaScriptScope;
use boa_ast::statement::Switch;
use boa_ast::visitor::{VisitWith, Visitor};
use boa_ast::{Spanned, Statement, StatementListItem};
use boa_interner::{Interner, Sym};

use super::route::Source;
use super::scope::{Scope, root};
use super::{Schemas, members, words};
use crate::json::{Map, Value};
use crate::project::did_you_mean;

/// Something that a map function does in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line of the function's source, counted from 1.
    pub line: usize,
    /// What, in words.
    pub message: String,
    /// What was probably meant.
    pub like: Option<String>,
}

/// What a schema says of the members of its documents.
#[derive(Debug, Default)]
struct Declared {
    /// The members, with the values they may have where those are listed.
    members: BTreeMap<String, Option<Vec<Value>>>,
    /// Whether a document can have no others.
    closed: bool,
}

/// What map functions can know of the documents of a database.
#[derive(Debug)]
pub struct Knowledge {
    types: BTreeMap<String, Declared>,
    discriminator: Option<String>,
    /// Whether documents without any of the schemas may be there.
    others: bool,
}

impl Knowledge {
    /// Reads it from the schemas of the database; `None` when one of them cannot be understood.
    #[must_use]
    pub fn of(schemas: &Schemas) -> Option<Self> {
        let mut types = BTreeMap::new();
        for (index, schema) in schemas.types.iter().enumerate() {
            let (value, scope) = root(schemas, index).ok()?;
            let mut declared = Declared::default();
            let mut seen = BTreeSet::new();
            let mut open = false;
            collect(value, &scope, &mut seen, &mut declared, &mut open)?;
            declared.closed &= !open;
            types.insert(schema.name.clone(), declared);
        }
        let routes = &schemas.routes;
        let discriminator = match &routes.discriminator {
            Source::Members(way) if way.len() == 1 => way.first().cloned(),
            _ => None,
        };
        let others = routes.default.is_some()
            || !routes.ignored_ids.is_empty()
            || !routes.ignored_types.is_empty();
        Some(Self { types, discriminator, others })
    }

    /// What the map function `source` does in vain.
    #[must_use]
    pub fn check(&self, source: &str) -> Vec<Warning> {
        let text = format!("({source}\n)");
        let mut interner = Interner::default();
        let mut parser = boa_parser::Parser::new(boa_parser::Source::from_bytes(&text));
        let Ok(script) = parser.parse_script(&JavaScriptScope::new_global(), &mut interner) else {
            return Vec::new();
        };
        let [StatementListItem::Statement(statement)] = script.statements().statements() else {
            return Vec::new();
        };
        let Statement::Expression(expression) = statement.as_ref() else { return Vec::new() };
        let Some((parameters, body)) = function(expression) else { return Vec::new() };
        let Some(document) = first_parameter(parameters) else { return Vec::new() };
        let mut reader =
            Reader { document, interner: &interner, reads: Vec::new(), compared: Vec::new() };
        if body.visit_with(&mut reader).is_break() {
            return Vec::new();
        }
        let selected = self.selected(body, document, &interner);
        self.warnings(&reader, selected.as_deref())
    }

    fn warnings(&self, reader: &Reader<'_>, selected: Option<&[String]>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let discriminator = self.discriminator.as_deref();
        for (name, value, line) in &reader.compared {
            if Some(name.as_str()) != discriminator || self.types.contains_key(value) || self.others
            {
                continue;
            }
            // A type that is like no other may just have no schema yet.
            let names = self.types.keys().map(String::as_str);
            if let Some(like) = did_you_mean(value, names) {
                warnings.push(Warning {
                    line: *line,
                    message: format!("there is no type {}", words::shown_text(value)),
                    like: Some(like.to_owned()),
                });
            }
        }
        // Of types that there are not, nothing is known.
        let types: Option<Vec<&Declared>> = match selected {
            Some(names) => names.iter().map(|name| self.types.get(name)).collect(),
            None if self.others => None,
            None => Some(self.types.values().collect()),
        };
        let Some(types) = types.filter(|types| !types.is_empty()) else { return warnings };
        let whose = match selected {
            Some([only]) => format!("a document of the type `{only}`"),
            _ => "a document".to_owned(),
        };
        let mut told = BTreeSet::new();
        for (name, line) in &reader.reads {
            let is_known = Some(name.as_str()) == discriminator
                || name.starts_with('_') && members::is_known(name)
                || INHERITED.contains(&name.as_str())
                || types
                    .iter()
                    .any(|declared| !declared.closed || declared.members.contains_key(name));
            if is_known || !told.insert(name) {
                continue;
            }
            let names =
                types.iter().flat_map(|declared| declared.members.keys().map(String::as_str));
            warnings.push(Warning {
                line: *line,
                message: format!("{whose} never has the member `{name}`"),
                like: did_you_mean(name, names).map(str::to_owned),
            });
        }
        for (name, value, line) in &reader.compared {
            let declaring: Vec<&Option<Vec<Value>>> =
                types.iter().filter_map(|declared| declared.members.get(name)).collect();
            let is_open = types
                .iter()
                .any(|declared| !declared.closed && !declared.members.contains_key(name));
            let options: Option<Vec<&Value>> = declaring
                .iter()
                .map(|options| options.as_ref())
                .collect::<Option<Vec<_>>>()
                .map(|lists| lists.into_iter().flatten().collect());
            let Some(options) = options.filter(|options| !options.is_empty() && !is_open) else {
                continue;
            };
            let allows = options.iter().any(|option| option.as_str() == Some(value.as_str()));
            if allows || Some(name.as_str()) == discriminator {
                continue;
            }
            let names = options.iter().filter_map(|option| option.as_str());
            warnings.push(Warning {
                line: *line,
                message: format!("`{name}` is never {}", words::shown_text(value)),
                like: did_you_mean(value, names).map(str::to_owned),
            });
        }
        warnings.sort_by_key(|warning| warning.line);
        warnings
    }

    /// The types that the whole of a function is about, where it says so at its beginning.
    fn selected(
        &self,
        body: &FunctionBody,
        document: Sym,
        interner: &Interner,
    ) -> Option<Vec<String>> {
        let discriminator = self.discriminator.as_deref()?;
        let is_type = |expression: &Expression| {
            member_of(expression, document, interner).is_some_and(|name| name == discriminator)
        };
        let mut statements = body.statements().iter();
        let StatementListItem::Statement(first) = statements.next()? else { return None };
        let Statement::If(condition) = first.as_ref() else { return None };
        if condition.else_node().is_some() {
            return None;
        }
        let is_all = statements.next().is_none();
        if ends(condition.body()) {
            // `if (doc.type !== 'task') { return; }`
            return refused(condition.cond(), &is_type, interner).map(|name| vec![name]);
        }
        if is_all { chosen(condition.cond(), &is_type, interner) } else { None }
    }
}

/// Collects what a schema declares, through references and compositions. `open` is set where a pattern
/// lets other members through.
fn collect<'a>(
    schema: &'a Value,
    scope: &Scope<'a>,
    seen: &mut BTreeSet<*const Value>,
    declared: &mut Declared,
    open: &mut bool,
) -> Option<()> {
    let Value::Object(schema_members) = schema else { return Some(()) };
    if !seen.insert(std::ptr::from_ref(schema)) {
        return Some(());
    }
    let properties = schema_members.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let options = options(property);
        declared.members.entry(name.clone()).and_modify(|known| *known = None).or_insert(options);
    }
    let needed = schema_members.get("required").and_then(Value::as_array);
    for name in needed.into_iter().flatten().filter_map(Value::as_str) {
        declared.members.entry(name.to_owned()).or_insert(None);
    }
    *open |= schema_members.contains_key("patternProperties");
    declared.closed |= ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(|keyword| schema_members.get(*keyword) == Some(&Value::Bool(false)));
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        if let Some(reference) = schema_members.get(keyword).and_then(Value::as_str) {
            let (target, scope) = scope.target(reference).ok()?;
            collect(target, &scope, seen, declared, open)?;
        }
    }
    for part in members::in_place(schema_members) {
        let mut inner = Declared::default();
        collect(part, &scope.child("", part), seen, &mut inner, open)?;
        // Where a member is declared in several places, its values are not certain.
        for (name, _) in inner.members {
            declared.members.insert(name, None);
        }
        declared.closed |= inner.closed;
    }
    Some(())
}

/// The values that a schema lists.
fn options(schema: &Value) -> Option<Vec<Value>> {
    let members: &Map<String, Value> = schema.as_object()?;
    match (members.get("const"), members.get("enum")) {
        (Some(constant), _) => Some(vec![constant.clone()]),
        (None, Some(Value::Array(options))) => Some(options.clone()),
        _ => None,
    }
}

/// What every object of JavaScript has.
const INHERITED: [&str; 7] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

fn function(expression: &Expression) -> Option<(&FormalParameterList, &FunctionBody)> {
    match expression {
        Expression::Parenthesized(inner) => function(inner.expression()),
        Expression::FunctionExpression(function) => Some((function.parameters(), function.body())),
        Expression::ArrowFunction(function) => Some((function.parameters(), function.body())),
        _ => None,
    }
}

fn first_parameter(parameters: &FormalParameterList) -> Option<Sym> {
    if !parameters.is_simple() {
        return None;
    }
    match parameters.as_ref().first()?.variable().binding() {
        Binding::Identifier(identifier) => Some(identifier.sym()),
        Binding::Pattern(_) => None,
    }
}

/// The member of the document that an expression reads.
fn member_of(expression: &Expression, document: Sym, interner: &Interner) -> Option<String> {
    match expression {
        Expression::Parenthesized(inner) => member_of(inner.expression(), document, interner),
        Expression::PropertyAccess(access) => accessed(access, document, interner),
        _ => None,
    }
}

fn accessed(access: &PropertyAccess, document: Sym, interner: &Interner) -> Option<String> {
    let PropertyAccess::Simple(simple) = access else { return None };
    let Expression::Identifier(identifier) = simple.target() else { return None };
    if identifier.sym() != document {
        return None;
    }
    match simple.field() {
        PropertyAccessField::Const(name) => Some(interner.resolve_expect(name.sym()).to_string()),
        PropertyAccessField::Expr(field) => text_of(field, interner),
    }
}

/// The text of a string literal.
fn text_of(expression: &Expression, interner: &Interner) -> Option<String> {
    let Expression::Literal(literal) = expression else { return None };
    match literal.kind() {
        LiteralKind::String(text) => Some(interner.resolve_expect(*text).to_string()),
        _ => None,
    }
}

/// A comparison of an expression with a text, and whether it is for equality.
fn comparison<'a>(
    binary: &'a Binary,
    interner: &Interner,
) -> Option<(&'a Expression, String, bool)> {
    let BinaryOp::Relational(operator) = binary.op() else { return None };
    let is_equality = match operator {
        RelationalOp::Equal | RelationalOp::StrictEqual => true,
        RelationalOp::NotEqual | RelationalOp::StrictNotEqual => false,
        _ => return None,
    };
    match (text_of(binary.lhs(), interner), text_of(binary.rhs(), interner)) {
        (None, Some(text)) => Some((binary.lhs(), text, is_equality)),
        (Some(text), None) => Some((binary.rhs(), text, is_equality)),
        _ => None,
    }
}

/// The types that a condition can only hold for.
fn chosen(
    condition: &Expression,
    is_type: &dyn Fn(&Expression) -> bool,
    interner: &Interner,
) -> Option<Vec<String>> {
    match condition {
        Expression::Parenthesized(inner) => chosen(inner.expression(), is_type, interner),
        Expression::Binary(binary) => match binary.op() {
            BinaryOp::Logical(LogicalOp::And) => chosen(binary.lhs(), is_type, interner)
                .or_else(|| chosen(binary.rhs(), is_type, interner)),
            BinaryOp::Logical(LogicalOp::Or) => {
                let mut names = chosen(binary.lhs(), is_type, interner)?;
                names.extend(chosen(binary.rhs(), is_type, interner)?);
                Some(names)
            }
            _ => match comparison(binary, interner)? {
                (compared, text, true) if is_type(compared) => Some(vec![text]),
                _ => None,
            },
        },
        _ => None,
    }
}

/// The type that is left when a condition does not hold.
fn refused(
    condition: &Expression,
    is_type: &dyn Fn(&Expression) -> bool,
    interner: &Interner,
) -> Option<String> {
    match condition {
        Expression::Parenthesized(inner) => refused(inner.expression(), is_type, interner),
        Expression::Binary(binary) => match binary.op() {
            BinaryOp::Logical(LogicalOp::Or) => refused(binary.lhs(), is_type, interner)
                .or_else(|| refused(binary.rhs(), is_type, interner)),
            _ => match comparison(binary, interner)? {
                (compared, text, false) if is_type(compared) => Some(text),
                _ => None,
            },
        },
        _ => None,
    }
}

/// Whether a statement is a `return` and nothing else.
fn ends(statement: &Statement) -> bool {
    match statement {
        Statement::Return(_) => true,
        Statement::Block(block) => match block.statement_list().statements() {
            [StatementListItem::Statement(only)] => ends(only),
            _ => false,
        },
        _ => false,
    }
}

/// Visits a function's body; breaks where its first parameter may stand for something else.
struct Reader<'a> {
    document: Sym,
    interner: &'a Interner,
    /// Members that are read, with their lines.
    reads: Vec<(String, usize)>,
    /// Members that are compared with a text, with their lines.
    compared: Vec<(String, String, usize)>,
}

impl Reader<'_> {
    fn is_document(&self, binding: &Binding) -> bool {
        match binding {
            Binding::Identifier(identifier) => identifier.sym() == self.document,
            // A pattern is rare, and may name it.
            Binding::Pattern(_) => true,
        }
    }
}

fn line(node: &impl Spanned) -> usize {
    node.span().start().line_number() as usize
}

impl<'ast> Visitor<'ast> for Reader<'_> {
    type BreakTy = ();

    fn visit_variable(&mut self, variable: &'ast Variable) -> ControlFlow<()> {
        if self.is_document(variable.binding()) {
            return ControlFlow::Break(());
        }
        variable.visit_with(self)
    }

    fn visit_formal_parameter(&mut self, parameter: &'ast FormalParameter) -> ControlFlow<()> {
        if self.is_document(parameter.variable().binding()) {
            return ControlFlow::Break(());
        }
        parameter.visit_with(self)
    }

    fn visit_assign(&mut self, assign: &'ast Assign) -> ControlFlow<()> {
        match assign.lhs() {
            AssignTarget::Identifier(identifier) if identifier.sym() == self.document => {
                return ControlFlow::Break(());
            }
            // What is written is not read.
            AssignTarget::Access(access)
                if accessed(access, self.document, self.interner).is_some() => {}
            AssignTarget::Access(access) => self.visit_property_access(access)?,
            AssignTarget::Identifier(_) => {}
            AssignTarget::Pattern(_) => return ControlFlow::Break(()),
        }
        self.visit_expression(assign.rhs())
    }

    fn visit_property_access(&mut self, access: &'ast PropertyAccess) -> ControlFlow<()> {
        if let Some(name) = accessed(access, self.document, self.interner) {
            self.reads.push((name, line(access)));
            return ControlFlow::Continue(());
        }
        access.visit_with(self)
    }

    fn visit_binary(&mut self, binary: &'ast Binary) -> ControlFlow<()> {
        if let Some((compared, text, _)) = comparison(binary, self.interner)
            && let Some(name) = member_of(compared, self.document, self.interner)
        {
            self.compared.push((name, text, line(binary)));
        }
        binary.visit_with(self)
    }

    fn visit_switch(&mut self, switch: &'ast Switch) -> ControlFlow<()> {
        if let Some(name) = member_of(switch.val(), self.document, self.interner) {
            for case in switch.cases() {
                if let Some(condition) = case.condition()
                    && let Some(text) = text_of(condition, self.interner)
                {
                    self.compared.push((name.clone(), text, line(condition)));
                }
            }
        }
        switch.visit_with(self)
    }

    fn visit_call(&mut self, call: &'ast Call) -> ControlFlow<()> {
        // Whoever gets the whole document may give it other members.
        let is_document = |argument: &Expression| matches!(argument, Expression::Identifier(name) if name.sym() == self.document);
        let emits = matches!(call.function(), Expression::Identifier(name)
            if self.interner.resolve_expect(name.sym()).to_string() == "emit");
        if !emits && call.args().iter().any(is_document) {
            return ControlFlow::Break(());
        }
        call.visit_with(self)
    }

    fn visit_identifier(&mut self, _: &'ast Identifier) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
