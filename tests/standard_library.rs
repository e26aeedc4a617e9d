//! Where the standard libraries of CouchDB's engines differ from boa's, beyond the recorded snippets
//! of `engine_features.rs`.

mod support;

use couchctl::engine::{Engine, EngineError, Limits, MapOutcome, Profile};
use couchctl::json;
use support::conformance;

const DOCUMENT: &str = r#"{"_id":"d","list":[3,1,2],"a":null,"s":"x"}"#;

fn map(profile: Profile, source: &str, document: &str) -> Result<MapOutcome, EngineError> {
    let (source, document) = (source.to_owned(), document.to_owned());
    Engine::new(profile, Limits::default()).run(move |vm| {
        let functions = vm.compile_maps(&[&source], None).map_err(|(_, error)| error)?;
        vm.map_document(&functions, &document).map_err(|failure| failure.error)
    })?
}

/// The keys that a function body emits for the document.
#[track_caller]
fn keys(profile: Profile, body: &str) -> Vec<String> {
    let outcome = map(profile, &format!("function (doc) {{ {body} }}"), DOCUMENT)
        .unwrap_or_else(|error| panic!("{profile:?} {body}: {error}"));
    assert!(outcome.threw.is_empty(), "{profile:?} {body}: {:?}", outcome.log);
    outcome.rows.into_iter().map(|row| row.key).collect()
}

/// The text of the exception in the log line of a function body that throws.
#[track_caller]
fn exception(profile: Profile, body: &str) -> String {
    let outcome = map(profile, &format!("function (doc) {{ {body} }}"), DOCUMENT)
        .unwrap_or_else(|error| panic!("{profile:?} {body}: {error}"));
    let [line] = outcome.log.as_slice() else { panic!("{profile:?} {body}: {:?}", outcome.log) };
    let text = line.strip_prefix("function raised exception ").expect("an exception");
    text.strip_suffix(" with doc._id d").expect("a document id").to_owned()
}

/// SpiderMonkey's message, out of `(new TypeError("message", "<unknown>", 1))`.
#[track_caller]
fn message(body: &str) -> String {
    let text = exception(Profile::SpiderMonkey, body);
    let (_, rest) = text.split_once("(\"").expect("an error's source");
    let (message, _) = rest.rsplit_once("\", \"<unknown>\"").expect("an error's source");
    message.replace("\\\"", "\"")
}

#[test]
fn recorded_views_emit_the_same() {
    let cases = conformance("views.json");
    let names = [
        "date-parsing",
        "locale-functions",
        "frozen-sort-sorted",
        "doc-frozen-array-methods",
        "regexp-statics",
        "to-source",
    ];
    for name in names {
        let case = cases
            .as_array()
            .expect("cases")
            .iter()
            .find(|case| case["name"].as_str() == Some(name));
        let case = case.unwrap_or_else(|| panic!("no case {name}"));
        let source = case["design"]["views"]["v"]["map"].as_str().expect("a map");
        let request = &case["requests"][0];
        for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
            let recorded = match request.get("quickjs") {
                Some(quickjs) if profile == Profile::QuickJs => &quickjs["response"],
                _ => &request["response"],
            };
            let row = |id: &str, key: &str, value: &str| format!("{id} {key} {value}");
            let mut expected: Vec<String> = recorded["rows"]
                .as_array()
                .expect("rows")
                .iter()
                // boa is built without Intl.
                .filter(|found| {
                    profile == Profile::QuickJs || found["key"].as_str() != Some("intl")
                })
                .map(|found| {
                    let text = |name: &str| json::to_string(&found[name]);
                    row(found["id"].as_str().expect("id"), &text("key"), &text("value"))
                })
                .collect();
            let mut got = Vec::new();
            for document in case["docs"].as_array().expect("docs") {
                let id = document["_id"].as_str().expect("id");
                let outcome = map(profile, source, &json::to_string(document)).expect("a result");
                got.extend(
                    outcome
                        .rows
                        .iter()
                        .filter(|found| profile == Profile::QuickJs || found.key != "\"intl\"")
                        .map(|found| {
                            let plain = |text: &str| {
                                json::to_string(&json::parse_str(text).expect("row is JSON"))
                            };
                            row(id, &plain(&found.key), &plain(&found.value))
                        }),
                );
            }
            expected.sort();
            got.sort();
            assert_eq!(got, expected, "{name} {profile:?}");
        }
    }
}

#[test]
fn dates_keep_their_object_model() {
    let body = "class D extends Date { x() { return 1; } } var d = new D('2024/02/03');
        emit([d instanceof D, d instanceof Date, d.x(), d.toISOString(), Date.length, Date.name,
          typeof Date(), Date.prototype.constructor === Date, +new Date(d) === +d,
          +new Date(2024, 0, 1), new Date(undefined), +new Date(null),
          Object.getPrototypeOf(D) === Date, Date.UTC(1970, 0), +new Date('T00:00:01Z') || 0])";
    let common = "[true,true,1,\"2024-02-03T00:00:00.000Z\",7,\"Date\",\"string\",true,true,\
        1704067200000,null,0,true,0,";
    assert_eq!(keys(Profile::SpiderMonkey, body), [format!("{common}1000]")]);
    assert_eq!(keys(Profile::QuickJs, body), [format!("{common}0]")]);
}

#[test]
fn odd_dates_neither_overflow_nor_panic() {
    let body = "['Jan 1 99999999999999', '+999999-01-01', '1/1/2147483648', '1 Jan 999999999 1:1',
          '2024-01-01T00:00+99:99', 'Jan 1 2024 99999999999:00', '(((', ')', '\\ud800', '-', '+1',
          'Jan 1 2024 GMT+99999999999', '0000-00-00', '-271821-04-20T00:00:00Z']
        .forEach(function (text) { emit(Date.parse(text)); });
        [8.64e15, -8.64e15, 8.64e15 + 1].forEach(function (time) {
          emit(new Date(time).toLocaleString()); });";
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        assert_eq!(keys(profile, body).len(), 17);
    }
}

#[test]
fn comparators_that_answer_with_booleans_sort_as_in_each_engine() {
    let body = "var r = []; for (var i = 0; i < 40; i++) r.push((i * 7919) % 101);
        emit(r.sort(function (a, b) { return a > b; }));";
    assert_eq!(
        keys(Profile::SpiderMonkey, body),
        [
            "[0,2,3,6,9,12,15,18,21,22,25,28,31,34,37,40,41,43,44,47,50,53,56,59,62,63,66,69,72,75,78,\
          81,82,84,85,88,91,94,97,100]"
        ]
    );
    // QuickJS takes equal answers for "keep the order", which loses elements on the way. Recorded
    // from its Python package.
    assert_eq!(
        keys(Profile::QuickJs, body),
        [
            "[0,22,2,3,25,41,82,44,63,85,66,6,47,88,9,28,69,31,50,91,72,12,15,18,53,21,34,37,75,40,43,\
          94,56,78,59,81,97,100,62,84]"
        ]
    );
}

#[test]
fn sorting_handles_holes_and_array_likes() {
    let body = "var a = [3, , undefined, 1]; a.sort(); emit([a.length, 2 in a, 3 in a, a]);
        emit(Array.prototype.sort.call({ length: 3, 0: 'c', 1: 'a', 2: 'b' }));
        var big = []; for (var i = 0; i < 5000; i++) big.push({ k: (i * 7919) % 97, i: i });
        big.sort(function (x, y) { return x.k - y.k; });
        emit(big.every(function (e, i) { var p = big[i - 1];
          return !p || p.k < e.k || (p.k === e.k && p.i < e.i); }));";
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        assert_eq!(
            keys(profile, body),
            [
                "[4,true,false,[1,3,null,null]]",
                "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\",\"length\":3}",
                "true"
            ]
        );
    }
}

#[test]
fn arrays_in_each_other_end() {
    let body =
        "var a = [1], b = [a]; a.push(b); emit([String(a), a.toLocaleString(), a.join('-')]);
        emit([].concat([1, [2, [null, 3]], undefined]).join());";
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        assert_eq!(keys(profile, body), ["[\"1,\",\"1,\",\"1-\"]", "\"1,2,,3,\""]);
    }
    let deep = "function (doc) { var a = []; for (var i = 0; i < 1e5; i++) a = [a]; String(a); }";
    assert!(matches!(map(Profile::SpiderMonkey, deep, DOCUMENT), Err(EngineError::Exit { .. })));
}

#[test]
fn expressions_show_their_source() {
    let body = "emit([new RegExp('/').source, new RegExp('\\\\/').source, new RegExp('[/]').source,
          /\\[\\/]/.source, String(new RegExp('\\n')), 'a-b'.split(/-/), RegExp(/x/g).flags]);
        var r = /x/; class R extends RegExp { }
        emit([RegExp(r) === r, new R('a') instanceof R, RegExp.length, r.constructor === RegExp]);";
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        assert_eq!(
            keys(profile, body),
            [r#"["\\/","\\/","[/]","\\[\\/]","/\\n/",["a","b"],"g"]"#, "[true,true,2,true]",]
        );
    }
}

#[test]
fn spidermonkey_keeps_its_last_match() {
    let body = "emit(['aXbX'.replace(/(x)/i, '-'), RegExp.$1, RegExp.lastMatch, RegExp.leftContext,
          RegExp[\"$'\"], RegExp.lastParen, RegExp.input, RegExp.$2]);
        'foo bar'.match(/o+/g); /(z)/.test('q'); emit([RegExp['$&'], RegExp.$1]);";
    assert_eq!(
        keys(Profile::SpiderMonkey, body),
        [r#"["a-bX","X","X","a","bX","X","aXbX",""]"#, r#"["oo",""]"#]
    );
}

#[test]
fn numbers_in_the_servers_locale() {
    let body = "emit([1.0005, 1e21, -0.0004, 0, 1e-7, 999.9995, NaN].map(function (n) {
        return n.toLocaleString(); }));";
    assert_eq!(
        keys(Profile::SpiderMonkey, body),
        [r#"["1.001","1000000000000000000000","-0","0","0","1000","NaN"]"#]
    );
    assert_eq!(
        keys(Profile::QuickJs, body),
        [r#"["1.0005","1e+21","-0.0004","0","1e-7","999.9995","NaN"]"#]
    );
}

#[test]
fn texts_compare_and_change_case_by_locale() {
    let body = "function sorted(list, tag, options) { return list.sort(function (a, b) {
          return a.localeCompare(b, tag, options); }); }
        emit(sorted(['a', 'B', 'ä', 'Z'], 'en'));
        emit(sorted(['10', '9', '2'], undefined, { numeric: true }));
        emit('a'.localeCompare('A', [], { sensitivity: 'base' }));
        try { 'a'.localeCompare('b', 'en_US'); } catch (e) { emit(e.message); }
        emit(['iı'.toLocaleUpperCase('tr'), 'Iİ'.toLocaleLowerCase('az'), 'Ì'.toLocaleLowerCase('lt')]);";
    assert_eq!(
        keys(Profile::SpiderMonkey, body),
        [
            r#"["a","ä","B","Z"]"#,
            r#"["2","9","10"]"#,
            // The locale of the server orders ASCII by code, whatever the sensitivity.
            "1",
            r#""invalid language tag: \"en_US\"""#,
            "[\"İI\",\"ıi\",\"i\u{307}\u{300}\"]",
        ]
    );
}

#[test]
fn errors_name_the_expression_that_failed() {
    let cases = [
        ("emit(doc.x.y);", "doc.x is undefined", "cannot read property 'y' of undefined"),
        ("emit(doc.a.b);", "doc.a is null", "cannot read property 'b' of null"),
        ("emit(doc.a.trim(), 1);", "doc.a is null", "cannot read property 'trim' of null"),
        ("doc.title.trim();", "doc.title is undefined", "cannot read property 'trim' of undefined"),
        (
            "doc.list[7].name;",
            "doc.list[7] is undefined",
            "cannot read property 'name' of undefined",
        ),
        ("doc.x.y = 5;", "doc.x is undefined", "cannot set property 'y' of undefined"),
        ("var o = {}; o.b.c.d();", "o.b is undefined", "cannot read property 'c' of undefined"),
        ("doc.nope();", "doc.nope is not a function", "not a function"),
        ("doc.list.sum(1)(2);", "doc.list.sum is not a function", "not a function"),
        ("new doc.X();", "doc.X is not a constructor", "not a function"),
        ("helper(doc);", "helper is not defined", "'helper' is not defined"),
        ("'use strict'; doc.n = 1;", "\"n\" is read-only", "'n' is read-only"),
        (
            "JSON.parse('{a');",
            "JSON.parse: expected property name or '}' at line 1 column 2 of the JSON data",
            "expecting property name",
        ),
        ("decodeURIComponent('%');", "malformed URI sequence", "expecting hex digit"),
        ("throw new Error('not mine');", "not mine", "not mine"),
    ];
    for (body, spidermonkey, quickjs) in cases {
        assert_eq!(message(body), spidermonkey, "{body}");
        let text = exception(Profile::QuickJs, body);
        assert_eq!(text.split_once(": ").expect("a name").1, quickjs, "{body}");
    }
}

#[test]
fn caught_errors_become_text_in_the_engines_words() {
    let source = "function (doc) { try { doc.x.y; } catch (e) { log('bad: ' + e); log(e); } }";
    let outcome = map(Profile::SpiderMonkey, source, DOCUMENT).expect("a result");
    assert_eq!(
        outcome.log,
        [
            "bad: TypeError: doc.x is undefined",
            r#"{"error":"TypeError","message":"doc.x is undefined"}"#,
        ]
    );
}

#[test]
fn hostile_lengths_end_in_time() {
    let limits = Limits { call_time: std::time::Duration::from_millis(300), ..Limits::default() };
    for body in [
        "[].sort.call({ length: Math.pow(2, 53) - 1 });",
        "[].join.call({ length: Math.pow(2, 53) - 1 });",
        "[].toLocaleString.call({ length: Math.pow(2, 53) - 1 });",
    ] {
        for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
            let source = format!("function (doc) {{ {body} }}");
            let answer = Engine::new(profile, limits).run(move |vm| {
                let functions = vm.compile_maps(&[&source], None).map_err(|(_, error)| error)?;
                vm.map_document(&functions, DOCUMENT).map_err(|failure| failure.error)
            });
            let answer = answer.and_then(|answer| answer);
            assert!(matches!(answer, Err(EngineError::Timeout)), "{body}: {answer:?}");
        }
    }
    let body = "emit('ab'.repeat(3) + 'x'.repeat(0) + ''.repeat(1e9) + 'x'.repeat(NaN));
        try { 'x'.repeat(Math.pow(2, 30)); } catch (e) { emit(e.name); }";
    assert_eq!(keys(Profile::SpiderMonkey, body), ["\"ababab\"", "\"RangeError\""]);
}
