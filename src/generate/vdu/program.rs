//! A whole generated function, put together.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use jsonschema::Draft;

use super::emit::Body;
use super::text::{At, Code, is_identifier, string};
use super::{GenerateError, Generated, MARK, MAXIMUM, Unchecked, helpers, pattern, unchecked};
use crate::engine::KEYWORDS;
use crate::json::Value;
use crate::schema::scope::{Scope, root};
use crate::schema::{Schemas, Source, members, words};

/// A function that is needed and not written yet.
struct Pending<'a> {
    name: String,
    schema: &'a Value,
    scope: Scope<'a>,
}

/// The parts of a generated function.
pub(super) struct Program<'a> {
    pub(super) schemas: &'a Schemas,
    names: HashMap<*const Value, String>,
    used: HashSet<String>,
    pending: VecDeque<Pending<'a>>,
    functions: Vec<String>,
    helpers: BTreeSet<&'static str>,
    pub(super) unchecked: Vec<Unchecked>,
    pub(super) formats: bool,
}

/// The names of the main function's own variables, and words that name no function.
const TAKEN: [&str; 14] = [
    "newDoc",
    "oldDoc",
    "userCtx",
    "secObj",
    "invalid",
    "handwritten",
    "type",
    "error",
    "value",
    "at",
    "keys",
    "check",
    "arguments",
    "eval",
];

impl<'a> Program<'a> {
    fn new(schemas: &'a Schemas) -> Self {
        Self {
            schemas,
            names: HashMap::new(),
            used: TAKEN.iter().map(|name| (*name).to_owned()).collect(),
            pending: VecDeque::new(),
            functions: Vec::new(),
            helpers: BTreeSet::new(),
            unchecked: Vec::new(),
            formats: schemas.formats,
        }
    }

    /// Asks for a helper.
    pub(super) fn need(&mut self, helper: &'static str) {
        self.helpers.insert(helper);
    }

    /// The name of the function that checks a schema, called like this where nothing else is.
    pub(super) fn function(&mut self, schema: &'a Value, scope: &Scope<'a>, hint: &str) -> String {
        let key = std::ptr::from_ref(schema);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        if scope.draft == Draft::Unknown {
            let reason = "its dialect may give keywords another meaning";
            self.not_checked(scope, "$schema", reason);
        }
        let name = self.unused(hint);
        self.names.insert(key, name.clone());
        self.pending.push_back(Pending { name: name.clone(), schema, scope: scope.clone() });
        name
    }

    fn unused(&mut self, hint: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut base: String = hint.chars().map(plain).collect();
        if !is_identifier(&base) || helpers::is_helper(&base) || is_reserved(&base) {
            base = format!("{base}_");
        }
        if !is_identifier(&base) {
            base = format!("_{base}");
        }
        let mut name = base.clone();
        let mut number = 2;
        while !self.used.insert(name.clone()) {
            name = format!("{base}{number}");
            number += 1;
        }
        name
    }

    /// Tells that a keyword is not checked.
    pub(super) fn not_checked(&mut self, scope: &Scope<'_>, keyword: &str, reason: &str) {
        let unchecked = unchecked(self.schemas, scope, keyword, reason);
        if !self.unchecked.contains(&unchecked) {
            self.unchecked.push(unchecked);
        }
    }

    /// Writes all functions that are needed.
    fn write_pending(&mut self) -> Result<(), GenerateError> {
        while let Some(Pending { name, schema, scope }) = self.pending.pop_front() {
            let mut body = Body::new();
            self.emit(&mut body, schema, "value", &At::argument(), &scope)?;
            let mut code = Code::indented(0);
            code.open(&format!("function {name}(value, at)"));
            let declared = body.declarations();
            let mut text = code.text();
            text.push_str(&declared);
            text.push_str(&body.code.text());
            text.push('}');
            self.functions.push(text);
            let size: usize = self.functions.iter().map(String::len).sum();
            if size > MAXIMUM {
                return Err(GenerateError::TooLarge(size));
            }
        }
        Ok(())
    }

    /// The functions and helpers, indented as part of another function.
    fn parts(&self) -> String {
        let functions = self.functions.iter().map(String::as_str);
        let mut text = String::new();
        for source in functions.chain(helpers::sources(&self.helpers)) {
            text.push('\n');
            for line in source.lines() {
                text.push_str(if line.is_empty() { "" } else { "  " });
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// Schemas as they are compiled: with CouchDB's own members let through (see [`members`]).
pub(super) fn opened(schemas: &Schemas) -> Vec<Option<Value>> {
    schemas.types.iter().map(|schema| members::opened(&schema.value, &schema.members)).collect()
}

/// A JavaScript function of a value that gives what is wrong with it, or `undefined`: what a generated
/// function does for documents of the type of this index.
///
/// # Errors
/// When the schema is too large, or a reference leads nowhere.
pub fn checker(schemas: &Schemas, index: usize) -> Result<Generated, GenerateError> {
    let mut program = Program::new(schemas);
    let (schema, scope) = root(schemas, index)?;
    let name = program.function(schema, &scope, &schemas.types[index].name);
    program.write_pending()?;
    let parts = program.parts();
    let source = format!("function (value) {{\n  return {name}(value, '');\n{parts}}}\n");
    Ok(Generated { source, unchecked: program.unchecked })
}

/// The validation function of a database, from its schemas; a function written by hand is called after
/// them.
///
/// # Errors
/// When the schemas are too large, or a reference leads nowhere.
pub fn generate(schemas: &Schemas, handwritten: Option<&str>) -> Result<Generated, GenerateError> {
    let opened = opened(schemas);
    let mut program = Program::new(schemas);
    let mut cases = Vec::new();
    for (index, schema) in schemas.types.iter().enumerate() {
        let (registered, scope) = root(schemas, index)?;
        let compiled = opened[index].as_ref().unwrap_or(registered);
        let name = program.function(compiled, &scope, &schema.name);
        // References to the whole schema mean what is compiled.
        program.names.insert(std::ptr::from_ref(registered), name.clone());
        cases.push((index, name));
    }
    program.write_pending()?;
    program.need("document");
    let mut code = Code::indented(0);
    code.open("function (newDoc, oldDoc, userCtx, secObj)");
    code.line(&format!("{MARK} from schemas/{}; changes here are lost.", schemas.key));
    code.line("var error = invalid(newDoc);");
    code.open("if (error)");
    code.line("throw { forbidden: error };");
    code.close();
    if handwritten.is_some() {
        code.line("handwritten.call(this, newDoc, oldDoc, userCtx, secObj);");
    }
    code.line("");
    code.open("function invalid(newDoc)");
    program.route(&cases, &mut code);
    code.close();
    let mut source = code.text();
    if let Some(handwritten) = handwritten {
        let function = handwritten.trim().trim_end_matches(';');
        let call = format!("    ({function}).apply(this, arguments);\n");
        source.push_str("\n  function handwritten() {\n");
        source.push_str(&call);
        source.push_str("  }\n");
    }
    source.push_str(&program.parts());
    source.push_str("}\n");
    if source.len() > MAXIMUM {
        return Err(GenerateError::TooLarge(source.len()));
    }
    Ok(Generated { source, unchecked: program.unchecked })
}

impl Program<'_> {
    /// The way from a document to the function of its type.
    fn route(&mut self, cases: &[(usize, String)], code: &mut Code) {
        let routes = &self.schemas.routes;
        code.line("// Design documents and what is left of deleted ones have no schema.");
        code.open("if (newDoc._deleted || newDoc._id.indexOf('_design/') === 0)");
        code.line("return undefined;");
        code.close();
        for pattern in &routes.ignored_ids {
            code.open(&format!("if ({}.test(newDoc._id))", pattern::glob(pattern.as_str())));
            code.line("return undefined;");
            code.close();
        }
        match &routes.discriminator {
            Source::Members(way) => match way.as_slice() {
                [name] if !super::text::is_inherited(name) => {
                    code.line(&format!("var type = {};", super::text::member("newDoc", name)));
                }
                way => {
                    self.need("read");
                    let names: Vec<String> = way.iter().map(|name| string(name)).collect();
                    code.line(&format!("var type = read(newDoc, [{}]);", names.join(", ")));
                }
            },
            Source::IdPrefix(separator) => {
                let separator = string(separator);
                code.line(&format!("var end = newDoc._id.indexOf({separator});"));
                code.line("var type = end === -1 ? undefined : newDoc._id.slice(0, end);");
            }
        }
        for pattern in &routes.ignored_types {
            let expression = pattern::glob(pattern.as_str());
            code.open(&format!("if (typeof type === 'string' && {expression}.test(type))"));
            code.line("return undefined;");
            code.close();
        }
        code.open("switch (type)");
        for (index, name) in cases.iter().filter(|(index, _)| Some(*index) != routes.default) {
            code.line(&format!("case {}:", string(&self.schemas.types[*index].name)));
            code.line(&format!("  return {};", self.call(*index, name)));
        }
        code.line("default:");
        let default = cases.iter().find(|(index, _)| Some(*index) == routes.default);
        match default {
            Some((index, name)) => code.line(&format!("  return {};", self.call(*index, name))),
            None => {
                self.need("wrong");
                self.need("say");
                let (at, expected) =
                    (string(&routes.pointer()), string("the name of a type with a schema"));
                code.line("  return type === undefined");
                code.line(&format!("    ? say({at}, {expected}, 'none')"));
                code.line(&format!("    : wrong({at}, {expected}, type);"));
            }
        }
        code.close();
    }

    fn call(&self, index: usize, name: &str) -> String {
        let shown: Vec<String> =
            self.schemas.types[index].members.iter().map(|member| string(member)).collect();
        format!("{name}(document(newDoc, [{}]), '')", shown.join(", "))
    }

    /// What a keyword expects, as a string literal.
    pub(super) fn expected(keyword: &str, value: &Value) -> String {
        string(&words::expectation(keyword, value).unwrap_or_else(|| keyword.to_owned()))
    }
}

/// Words of JavaScript that cannot name a function, or name something already.
fn is_reserved(name: &str) -> bool {
    const LATER: [&str; 11] = [
        "await",
        "implements",
        "interface",
        "let",
        "package",
        "private",
        "protected",
        "public",
        "static",
        "undefined",
        "yield",
    ];
    const GLOBALS: [&str; 15] = [
        "Array", "JSON", "Number", "Object", "RegExp", "String", "emit", "index", "isArray", "log",
        "require", "send", "start", "sum", "toJSON",
    ];
    KEYWORDS.contains(&name) || LATER.contains(&name) || GLOBALS.contains(&name)
}
