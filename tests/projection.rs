//! A map function that names the members it reads gets a document with only those, and an emitted
//! document is written from its own text. Nobody may notice: the same function that lets its document
//! get away, and so gets the whole of it, answers the same, in a query server too.

use std::sync::mpsc::{Sender, channel};

use couchctl::engine::{Engine, Limits, Peer, Profile, Vm};
use proptest::prelude::*;
use proptest::sample::select;

/// Names of members, as they stand in a document and behind a dot.
const MEMBERS: [&str; 8] = ["a", "b", "type", "_id", "length", "toString", "constructor", "é"];

fn member() -> impl Strategy<Value = String> {
    select(&MEMBERS[..]).prop_map(str::to_owned)
}

/// Expressions, most of which read the document, some in ways that no analysis follows.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => member().prop_map(|name| format!("doc.{name}")),
        3 => member().prop_map(|name| format!("doc['{name}']")),
        1 => member().prop_map(|name| format!("doc[\"\\u0061\" + '{name}']")),
        2 => Just("doc".to_owned()),
        1 => Just("doc['1']".to_owned()),
        1 => Just("doc[1]".to_owned()),
        1 => Just("doc[x]".to_owned()),
        1 => Just("x".to_owned()),
        1 => Just("this".to_owned()),
        1 => Just("arguments[0]".to_owned()),
        1 => Just("arguments.length".to_owned()),
        1 => Just("JSON.stringify(doc)".to_owned()),
        1 => Just("toJSON(doc)".to_owned()),
        1 => Just("Object.keys(doc)".to_owned()),
        1 => Just("isArray(doc)".to_owned()),
        1 => Just("String(doc)".to_owned()),
        1 => Just("doc.hasOwnProperty('a')".to_owned()),
        1 => Just("doc.a.b".to_owned()),
        1 => Just("doc.b[0]".to_owned()),
        1 => Just("1".to_owned()),
        1 => Just("'a'".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), member()).prop_map(|(a, name)| format!("{{ '{name}': {a} }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} === {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} ? {b} : null)")),
            inner.clone().prop_map(|a| format!("typeof {a}")),
            inner.clone().prop_map(|a| format!("('a' in Object({a}))")),
            inner.clone().prop_map(|a| format!("(delete ({a}).b)")),
            inner.clone().prop_map(|a| format!("(function () {{ return {a}; }})()")),
            inner.clone().prop_map(|a| format!("(function (doc) {{ return {a}; }})({{ a: 9 }})")),
            inner
                .clone()
                .prop_map(|a| format!("(function () {{ var doc = {{ a: 8 }}; return {a}; }})()")),
            inner.clone().prop_map(|a| format!("(() => {a})()")),
            (inner.clone(), member()).prop_map(|(a, name)| format!("(({a}) || {{}}).{name}")),
            (inner, member()).prop_map(|(a, name)| format!("(doc.{name} = {a})")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    let e = expression;
    prop_oneof![
        5 => (e(), e()).prop_map(|(key, value)| format!("emit({key}, {value});")),
        3 => e().prop_map(|key| format!("emit({key}, doc);")),
        1 => Just("emit(doc);".to_owned()),
        2 => (e(), e()).prop_map(|(test, key)| format!("if ({test}) {{ emit({key}, null); }}")),
        1 => e().prop_map(|value| format!("var x = {value};")),
        1 => Just("var x = doc;".to_owned()),
        1 => Just("var x = emit; x(doc.a, 1);".to_owned()),
        1 => Just("for (var x in doc) emit(x, doc[x]);".to_owned()),
        1 => Just("for (var x in doc.b) emit(x, doc.b[x]);".to_owned()),
        1 => Just("with (doc) { emit(a, 'with'); }".to_owned()),
        1 => Just("var { a, b: [x] = [] } = doc; emit(a, x);".to_owned()),
        1 => Just("var { a } = { a: doc.a }; emit(a);".to_owned()),
        1 => Just("emit(...[doc.a, doc]);".to_owned()),
        1 => Just("[doc].forEach(function (each) { emit(each.a, each); });".to_owned()),
        1 => Just("(doc.b || []).forEach(function (each) { emit(each, doc); });".to_owned()),
        1 => Just("doc = { a: 7 }; emit(doc.a, doc);".to_owned()),
        1 => Just("var doc = doc || {}; emit(doc.a);".to_owned()),
        1 => Just("Object.prototype.a = 'inherited'; emit(doc.a, doc);".to_owned()),
        1 => Just("Object.prototype.toJSON = function () { return 1; }; emit(doc.a, doc);".to_owned()),
        1 => Just("emit(doc.__proto__ === Object.prototype, doc.constructor === Object);".to_owned()),
        1 => Just("try { doc.a = 5; doc.c = 6; } catch (e) { emit('caught'); }".to_owned()),
        1 => Just("log(doc.a);".to_owned()),
        1 => Just("log(doc);".to_owned()),
        1 => Just("emit(sum(doc.b), `${doc.a}`);".to_owned()),
        1 => Just("throw doc.a;".to_owned()),
        1 => Just("function doc() { } emit(typeof doc);".to_owned()),
        1 => Just("doc: for (;;) { emit(doc.a); break doc; }".to_owned()),
        1 => Just("({ doc: 1, get emit() { return doc.b; } }).emit; emit({ doc }, { doc: doc.a });".to_owned()),
        1 => Just("var x = { emit: function (y) { return y; } }; emit(x.emit(doc));".to_owned()),
        1 => Just("emit.call(null, doc.a, doc);".to_owned()),
        1 => Just("new Date(doc); emit(new Array(doc).length);".to_owned()),
    ]
}

fn function() -> impl Strategy<Value = (String, String)> {
    let body = prop::collection::vec(statement(), 1..4).prop_map(|all| all.join(" "));
    (body, select(&["function (doc)", "(doc) =>", "function (doc, x)"][..])).prop_map(
        |(body, head)| {
            // A document that is stored somewhere may be read in any way, and is frozen for a function that
            // changes something. At the end, since messages tell lines.
            let whole = format!("{head} {{ {body} [doc]; ({{}}).changed = 1; }}");
            (format!("{head} {{ {body} }}"), whole)
        },
    )
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON", |number| number.is_finite())
            .prop_map(|n| format!("{n:e}")),
        select(
            &[
                "0",
                "-0",
                "-0.0",
                "1.0",
                "1e2",
                "1E+2",
                "1e-7",
                "123456789012345678901234567890",
                "0.1000",
                "5e-324",
                "1.7976931348623157e308",
                "9007199254740993",
                "1e21",
                "-1.50e1",
                "2.5e-310",
                "4294967296",
            ][..]
        )
        .prop_map(str::to_owned),
    ]
}

/// Strings as JSON text, with escapes that need not be there.
fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-z ]{0,4}",
        1 => select(
            &[
                "\\u0061", "\\n", "\\/", "/", "\\\\", "\\\"", "\\u0000", "\\u001f", "é", "\\u00E9",
                "\\ud83d\\ude00", "😀", "\\u2028", "\u{7f}", "\\b\\f\\t\\r", "0", "1",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => member().prop_map(|name| format!("\"{name}\"")),
        1 => select(&["\"\\u0061\"", "\"0\"", "\"1\"", "\"10\"", "\"01\"", "\"-1\"", "\"\"", "\"__proto__\"", "\"4294967295\"", "\"toJSON\""][..])
            .prop_map(str::to_owned),
        1 => string(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(&["null", "true", "false"][..]).prop_map(str::to_owned),
        number(),
        string(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            prop::collection::vec((name(), inner), 0..4).prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{name} :{value}")).collect();
    format!("{{{}}}", members.join(",\n"))
}

fn document() -> impl Strategy<Value = String> {
    prop::collection::vec((name(), value()), 0..7).prop_map(|members| object(&members))
}

/// Sends on what a query server answers.
struct Answers(Sender<String>);

impl Peer for Answers {
    fn send(&mut self, line: &str) {
        self.0.send(line.to_owned()).expect("somebody listens");
    }

    fn receive(&mut self) -> Option<String> {
        None
    }
}

/// What a query server answers to a function and a document.
fn lines(vm: &mut Vm, source: &str, document: &str) -> Vec<String> {
    let (sender, answers) = channel();
    vm.talk_to(Some(Box::new(Answers(sender))));
    let source = serde_json::to_string(source).expect("JSON");
    for line in [
        r#"["reset"]"#.to_owned(),
        format!(r#"["add_fun",{source}]"#),
        format!(r#"["map_doc",{document}]"#),
    ] {
        // A process that ends answers no more.
        if vm.answer_line(&line).is_err() {
            break;
        }
    }
    vm.talk_to(None);
    answers.iter().collect()
}

/// Rows, log and exceptions of a function, or the failure, and what a query server answers.
fn answer(profile: Profile, source: &str, document: &str) -> Result<String, String> {
    thread_local! {
        static ENGINES: std::cell::RefCell<[(usize, Engine); 2]> = std::cell::RefCell::new(
            [Profile::SpiderMonkey, Profile::QuickJs]
                .map(|profile| (0, Engine::new(profile, Limits::default()))),
        );
    }
    let (source, document) = (source.to_owned(), document.to_owned());
    ENGINES.with_borrow_mut(|engines| {
        let (used, engine) = &mut engines[usize::from(profile == Profile::QuickJs)];
        *used += 1;
        // A machine gives back the memory of its functions only as a whole.
        if *used % 200 == 0 {
            *engine = Engine::new(profile, Limits::default());
        }
        let answer = engine.run(move |vm| {
            // The source is part of the message.
            let Ok(functions) = vm.compile_maps(&[&source], None) else {
                return Err("it does not compile".to_owned());
            };
            let lines = lines(vm, &source, &document);
            match vm.map_document(&functions, &document) {
                Ok(outcome) => Ok(format!("{outcome:?} {lines:?}")),
                Err(failure) => Err(format!("{failure:?} {lines:?}")),
            }
        });
        answer.map_err(|error| error.to_string()).and_then(|answer| answer)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_part_of_the_document_answers_as_the_whole((part, whole) in function(), document in document()) {
        for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
            prop_assert_eq!(
                answer(profile, &part, &document),
                answer(profile, &whole, &document),
                "{:?}", profile
            );
        }
    }

    #[test]
    fn an_emitted_document_is_written_as_the_value_it_is(document in document()) {
        let [text, built] = [
            "function (doc) { emit(null, doc); }",
            "function (doc) { emit(null, doc); [doc]; }",
        ]
        .map(|source| answer(Profile::SpiderMonkey, source, &document));
        prop_assert_eq!(text, built);
    }
}
