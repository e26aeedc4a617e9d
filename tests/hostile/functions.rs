//! Functions that loop, recurse and allocate without end, wherever user code can run.

use std::time::{Duration, Instant};

use couchctl::engine::{Engine, EngineError, Limits, MapOutcome, Peer, Profile, ReduceLimit};
use couchctl::json;

const LIMITS: Limits =
    Limits { call_time: Duration::from_millis(150), memory: 32 << 20, source: 1 << 20 };

/// Far more than the limit of a call, since tests run beside each other on slow machines.
const PATIENCE: Duration = Duration::from_mins(3);

const BOTH: &[Profile] = &[Profile::SpiderMonkey, Profile::QuickJs];
const SPIDERMONKEY: &[Profile] = &[Profile::SpiderMonkey];
const QUICKJS: &[Profile] = &[Profile::QuickJs];

type Outcome = Result<MapOutcome, EngineError>;

/// `l0:l1:l2:…`
fn numbered(before: &str, times: usize, behind: &str) -> String {
    (0..times).fold(String::new(), |text, number| text + before + &number.to_string() + behind)
}

fn map_with_lib(profile: Profile, source: &str, document: &str, lib: Option<&str>) -> Outcome {
    let mut engine = Engine::new(profile, LIMITS);
    let (source, document) = (source.to_owned(), document.to_owned());
    let lib = lib.map(|lib| json::parse_str(lib).expect("JSON"));
    let started = Instant::now();
    let outcome = engine.run(move |vm| {
        let functions = vm.compile_maps(&[&source], lib.as_ref()).map_err(|(_, error)| error)?;
        vm.map_document(&functions, &document).map_err(|failure| failure.error)
    });
    assert!(started.elapsed() < PATIENCE, "it took {:?}", started.elapsed());
    outcome.and_then(|outcome| outcome)
}

fn map(profile: Profile, source: &str) -> Outcome {
    map_with_lib(profile, source, r#"{"_id":"a","n":1,"list":[3,1,2]}"#, None)
}

/// What each of the sources must end in.
fn all(profiles: &[Profile], sources: &[&str], expected: impl Fn(&Outcome) -> bool) {
    let mut wrong = Vec::new();
    for source in sources {
        for profile in profiles {
            let outcome = map(*profile, source);
            if !expected(&outcome) {
                wrong.push(format!("{profile:?}: {source}\n    {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn times_out(outcome: &Outcome) -> bool {
    *outcome == Err(EngineError::Timeout)
}

/// A limit ended it, or the function caught what the engine threw.
fn is_bounded(outcome: &Outcome) -> bool {
    match outcome {
        Ok(outcome) => outcome.rows.len() <= 1000,
        Err(error) => !matches!(error, EngineError::Internal(_)),
    }
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Err(EngineError::Compilation { .. }))
}

#[test]
fn the_engine_goes_on_after_each_kind_of_end() {
    let mut engine =
        Engine::new(Profile::SpiderMonkey, Limits { call_time: Duration::from_secs(1), ..LIMITS });
    let mut run = |source: &'static str| -> Outcome {
        let outcome = engine.run(move |vm| {
            let functions = vm.compile_maps(&[source], None).map_err(|(_, error)| error)?;
            vm.map_document(&functions, "{}").map_err(|failure| failure.error)
        });
        outcome.and_then(|outcome| outcome)
    };
    for (hostile, status) in [
        ("function (doc) { while (true); }", None),
        ("function (doc) { emit(1); for (var a = []; ; ) a.push([]); }", Some(1)),
        (
            "function (doc) { var p = new Proxy({}, {}); Object.setPrototypeOf(p, p); p.a; }",
            Some(139),
        ),
        ("function (doc) { (function again() { again(); })(); }", Some(139)),
        ("function (doc) { emit(1); log('x'); throw ['fatal', 'a', 'b']; }", None),
    ] {
        match (run(hostile), status) {
            (Err(EngineError::Exit { status, .. }), Some(expected)) => assert_eq!(status, expected),
            // Filling a stack takes its time where others work too.
            (Err(EngineError::Timeout), _) | (Err(EngineError::Thrown { .. }), None) => {}
            (outcome, _) => panic!("{hostile}: {outcome:?}"),
        }
        let after = run("function (doc) { emit(1); }").expect("it maps");
        assert_eq!((after.rows.len(), after.log.len()), (1, 0), "{hostile}");
    }
}

#[test]
fn loops_without_end() {
    all(
        BOTH,
        &[
            "function (doc) { while (true); }",
            "function (doc) { for (;;) { } }",
            "function (doc) { do { doc.n; } while (doc.n); }",
            "function (doc) { while (true) { try { throw 1; } catch (e) { } finally { continue; } } }",
            "function (doc) { emit(1); a: for (;;) { b: for (;;) { continue a; } } }",
            "function (doc) { for (var i = 0; i < 2; i--) { emit; } }",
            "function (doc) { (function* () { while (true); })().next(); }",
            "function (doc) { var endless = function* () { while (true) yield 1; }; for (var x of endless()); }",
            "(function () { while (true); })()",
            "while (true); function (doc) { }",
        ],
        times_out,
    );
}

#[test]
fn loops_inside_of_natives() {
    all(
        BOTH,
        &[
            "function (doc) { [1].forEach(function () { for (;;); }); }",
            "function (doc) { [3, 1, 2].sort(function () { for (;;); }); }",
            "function (doc) { 'abc'.replace(/b/, function () { for (;;); }); }",
            "function (doc) { [1, 2].reduce(function () { for (;;); }); }",
            "function (doc) { ({ get a() { for (;;); } }).a; }",
            "function (doc) { +{ valueOf: function () { for (;;); } }; }",
            "function (doc) { '' + { toString: function () { for (;;); } }; }",
            "function (doc) { JSON.stringify({ toJSON: function () { for (;;); } }); }",
            "function (doc) { JSON.stringify([1], function () { for (;;); }); }",
            "function (doc) { JSON.parse('[1]', function () { for (;;); }); }",
            "function (doc) { log({ toJSON: function () { for (;;); } }); }",
            "function (doc) { sum([{ valueOf: function () { for (;;); } }]); }",
            "function (doc) { Array.from({ length: 1 }, function () { for (;;); }); }",
            "function (doc) { new Map([[1, 2]]).forEach(function () { for (;;); }); }",
            "function (doc) { `${{ toString: function () { for (;;); } }}`; }",
            "function (doc) { Object.defineProperty({}, 'a', { get writable() { for (;;); } }); }",
            "function (doc) { emit({ get stack() { for (;;); }, name: 1, message: 2 }); emit(1, { get stack() { return 1; }, get name() { for (;;); }, message: 1 }); }",
        ],
        times_out,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { for (var x in new Proxy({}, { ownKeys: function () { for (;;); } })); }",
            "function (doc) { isArray(new Proxy([], { get: function () { for (;;); } })); sum(new Proxy([], { ownKeys: function () { for (;;); } })); }",
            "function (doc) { new Proxy(function () { }, { apply: function () { for (;;); } })(); }",
        ],
        times_out,
    );
}

/// CouchDB serialises what was emitted once all functions have returned.
#[test]
fn loops_while_rows_are_written() {
    all(
        BOTH,
        &[
            "function (doc) { emit({ toJSON: function () { for (;;); } }); }",
            "function (doc) { emit(1, { toJSON: function () { for (;;); } }); }",
            "function (doc) { emit({ get a() { for (;;); } }); }",
        ],
        times_out,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { emit(new Proxy({}, { ownKeys: function () { for (;;); } })); }",
            "function (doc) { emit(new Proxy([1], { get: function (target, name) { if (name === 'length') for (;;); return target[name]; } })); }",
        ],
        times_out,
    );
}

/// CouchDB looks at what was thrown, and prints it into its log.
#[test]
fn loops_while_an_exception_is_told() {
    all(
        BOTH,
        &[
            "function (doc) { throw { get name() { for (;;); } }; }",
            "function (doc) { throw { get 0() { for (;;); } }; }",
            "function (doc) { throw { toString: function () { for (;;); }, toSource: function () { for (;;); } }; }",
            "function (doc) { var e = new Error('x'); Object.defineProperty(e, 'message', { get: function () { for (;;); } }); e.toString = e.toSource = function () { for (;;); }; throw e; }",
            "function (doc) { throw { 0: 'fatal', get 1() { for (;;); } }; }",
            "function (doc) { throw ['fatal', { toJSON: function () { for (;;); } }, 1]; }",
            "function (doc) { throw { name: 'InternalError', get message() { for (;;); } }; }",
            "(function () { throw { toString: function () { for (;;); }, toSource: function () { for (;;); } }; })()",
        ],
        |outcome| times_out(outcome) || is_refused(outcome) || outcome.is_ok(),
    );
}

#[test]
fn regular_expressions_that_backtrack() {
    all(
        BOTH,
        &[
            "function (doc) { emit(/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')); }",
            "function (doc) { emit('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'.match(/(x+x+)+y/)); }",
            "function (doc) { emit('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace(/(a|a)*b|(a|aa)+$x/, '')); }",
            "function (doc) { emit('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.split(/(?:(?:a*)*)*b/)); }",
        ],
        |outcome| {
            matches!(outcome, Err(EngineError::Timeout | EngineError::Exit { status: 1, .. }))
        },
    );
}

#[test]
fn natives_that_work_for_very_long() {
    all(
        BOTH,
        &[
            "function (doc) { emit(new Array(4294967295).fill(0).length); }",
            "function (doc) { emit(Array.from({ length: 4294967295 }).length); }",
            "function (doc) { emit(new Array(4294967295).join('ab').length); }",
            "function (doc) { emit(Array.prototype.indexOf.call({ length: 9007199254740991 }, 1)); }",
            "function (doc) { emit(Array.prototype.slice.call({ length: 4294967295 }).length); }",
            "function (doc) { var a = []; a.length = 4294967295; emit(a.sort().length); }",
            "function (doc) { var a = []; a[4294967294] = 1; emit(a.reverse().length); }",
            "function (doc) { emit(new Array(4294967295)); }",
            "function (doc) { emit(JSON.stringify(new Array(4294967295)).length); }",
            "function (doc) { emit(new Array(4294967295).concat(new Array(4294967295)).length); }",
            "function (doc) { emit(Math.max.apply(null, new Array(4294967295))); }",
            "function (doc) { emit(String.fromCharCode.apply(null, { length: 4294967295 })); }",
            "function (doc) { emit(Array.prototype.push.apply([], { length: 4294967295 })); }",
        ],
        is_bounded,
    );
}

#[test]
fn huge_strings() {
    all(
        BOTH,
        &[
            "function (doc) { emit('x'.repeat(536870912).length); }",
            "function (doc) { emit('x'.repeat(1073741823)); }",
            "function (doc) { emit('x'.padStart(536870912).length); }",
            "function (doc) { emit('x'.padEnd(2147483647, 'ab').length); }",
            "function (doc) { var s = 'x'; while (true) s += s; }",
            "function (doc) { var s = 'x'; for (var i = 0; i < 40; i++) s = s.concat(s, s); emit(s); }",
            "function (doc) { var a = []; a.length = 1 << 28; emit(a.join('xxxxxxxx').length); }",
            "function (doc) { emit('x'.repeat(1 << 24).replace(/x/g, 'yyyyyyyyyyyyyyyy').length); }",
            "function (doc) { emit('x'.repeat(1 << 24).split('').length); }",
            "function (doc) { emit(escape('\\u1234'.repeat(1 << 22)).length); }",
            "function (doc) { var s = 'x'.repeat(1 << 20); for (var i = 0; i < 1000; i++) emit(s, s); }",
            "function (doc) { log('x'.repeat(1 << 26)); throw 'x'.repeat(1 << 26); }",
        ],
        is_bounded,
    );
    // What the servers' engines throw can be caught.
    all(
        BOTH,
        &[
            "function (doc) { try { 'x'.repeat(1073741824 * 2); emit(0); } catch (e) { emit(e.name); } }",
        ],
        |outcome| outcome.as_ref().is_ok_and(|outcome| outcome.rows[0].key.ends_with("Error\"")),
    );
}

#[test]
fn memory_without_end() {
    all(
        BOTH,
        &[
            "function (doc) { var a = []; while (true) a.push(a.slice()); }",
            "function (doc) { var a = []; for (;;) a.push(new Array(1000).fill(1)); }",
            "function (doc) { var o = {}; for (var i = 0; ; i++) o['k' + i] = { i: i }; }",
            "function (doc) { var m = new Map(); for (var i = 0; ; i++) m.set(i, [i]); }",
            "function (doc) { var a = [1]; for (var x of a) a.push(x, x); }",
            "function (doc) { var l = null; while (true) l = { next: l }; }",
            "function (doc) { for (;;) emit([doc, doc], {}); }",
            "function (doc) { for (;;) log('again and again'); }",
            "function (doc) { var f = function () { }; for (;;) f = f.bind(null, f); }",
            "function (doc) { var e = (function* () { for (;;) yield {}; })(); [...e]; }",
            "function (doc) { var a = []; for (;;) a.push(function () { return a; }); }",
            "function (doc) { var a = []; for (;;) a.push(new Date(), /x/g, Symbol('x')); }",
            // While rows are written.
            "function (doc) { emit({ toJSON: function () { var a = []; for (;;) a.push([]); } }); }",
            // While an exception is told.
            "function (doc) { throw { get name() { var a = []; for (;;) a.push([]); } }; }",
        ],
        |outcome| {
            matches!(outcome, Err(EngineError::Exit { status: 1, .. } | EngineError::Timeout))
        },
    );
    all(
        BOTH,
        &[
            // Shared arrays that print exponentially.
            "function (doc) { var a = [1]; for (var i = 0; i < 100; i++) a = [a, a]; emit(a); }",
            "function (doc) { var a = [1]; for (var i = 0; i < 100; i++) a = [a, a]; emit(JSON.stringify(a).length); }",
            "function (doc) { var a = [1]; for (var i = 0; i < 100; i++) a = [a, a]; emit(String(a)); }",
            "function (doc) { var a = [1]; for (var i = 0; i < 100; i++) a = [a, a]; emit(a.flat(Infinity)); }",
            "function (doc) { var a = [1]; for (var i = 0; i < 100; i++) a = [a, a]; throw a; }",
        ],
        is_bounded,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { emit(new Uint8Array(2147483647).length); }",
            "function (doc) { var a = []; for (;;) a.push(new Float64Array(1 << 20)); }",
            "function (doc) { emit(new ArrayBuffer(9007199254740991)); }",
            "function (doc) { emit(new Uint8Array(1 << 24)); }",
        ],
        is_bounded,
    );
    all(
        QUICKJS,
        &[
            "function (doc) { var n = 2n; for (;;) n = n * n; }",
            "function (doc) { emit(String(2n ** 100000000n).length); }",
            "function (doc) { emit(1n << 1000000000000n); }",
        ],
        is_bounded,
    );
}

#[test]
fn recursion_without_end() {
    all(
        BOTH,
        &[
            "function (doc) { (function again() { again(); })(); }",
            "function (doc) { var o = { toString: function () { return '' + o; } }; '' + o; }",
            "function (doc) { var o = { valueOf: function () { return +o; } }; +o; }",
            "function (doc) { var o = { get a() { return o.a; } }; o.a; }",
            "function (doc) { (function again() { [1].forEach(again); })(); }",
            "function (doc) { (function again() { [1, 2].sort(again); })(); }",
            "function (doc) { (function again() { return 'a'.replace(/a/, again); })(); }",
            "function (doc) { (function again() { again.apply(null, arguments); })(1, 2, 3); }",
            "function (doc) { (function again() { again.bind(null)(); })(); }",
            "function (doc) { (function again() { return Reflect.construct(again, []); })(); }",
            "function (doc) { class A { constructor() { new A(); } } new A(); }",
            "function (doc) { var o = { toJSON: function () { return JSON.stringify(o); } }; JSON.stringify(o); }",
            "function (doc) { var o = { toJSON: function () { return { o: { toJSON: o.toJSON } }; } }; emit(o); }",
            "function (doc) { (function again() { JSON.parse('[1]', again); })(); }",
            "function (doc) { var g = function* () { yield* g(); }; g().next(); }",
            "function (doc) { (function again() { try { again(); } finally { again(); } })(); }",
            "function (doc) { (function again() { try { again(); } catch (e) { again(); } })(); }",
        ],
        is_bounded,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { var p = new Proxy({}, { get: function (t, n) { return p[n]; } }); p.a; }",
            "function (doc) { var p = new Proxy({}, {}); Object.setPrototypeOf(p, p); p.a; }",
            "function (doc) { var p = new Proxy({}, { getPrototypeOf: function () { return p; } }); p instanceof Object; }",
            "function (doc) { var a = {}; var p = new Proxy(a, {}); Object.setPrototypeOf(a, p); p.a; a.b; 'c' in p; }",
        ],
        is_bounded,
    );
    all(
        QUICKJS,
        &[
            "function (doc) { (function again() { eval('again()'); })(); }",
            "function (doc) { (function again() { new Function('again', 'again()')(again); })(); }",
            "function (doc) { (async function again() { await again(); })(); }",
        ],
        is_bounded,
    );
}

#[test]
fn values_nested_very_deeply() {
    all(
        BOTH,
        &[
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(a); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(JSON.stringify(a).length); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(String(a)); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(a.toLocaleString()); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(a.flat(Infinity).length); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; throw a; }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; throw ['fatal', a, a]; }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; log(a); }",
            "function (doc) { var o = {}; for (var i = 0; i < 100000; i++) o = { o: o }; emit(o); }",
            "function (doc) { var o = {}; for (var i = 0; i < 100000; i++) o = { o: o }; emit(JSON.stringify(o, null, 1)); }",
            "function (doc) { var o = {}; for (var i = 0; i < 100000; i++) o = { o: o }; throw o; }",
            "function (doc) { var o = {}; for (var i = 0; i < 100000; i++) o = Object.create(o); emit(o.a); }",
            "function (doc) { var f = function () { }; for (var i = 0; i < 100000; i++) f = f.bind(); emit(f()); }",
            "function (doc) { var f = function () { }; for (var i = 0; i < 100000; i++) f = f.bind(); emit(new f()); emit({} instanceof f); }",
            "function (doc) { var s = 'x'; for (var i = 0; i < 100000; i++) s = 'y' + s + 'z'; emit(s.length); }",
            "function (doc) { emit(JSON.parse('['.repeat(100000) + ']'.repeat(100000))); }",
            "function (doc) { emit(JSON.parse('['.repeat(1000000))); }",
            "function (doc) { emit(JSON.parse('['.repeat(4000) + ']'.repeat(4000), function (k, v) { return v; })); }",
            "function (doc) { emit(new RegExp('(?:'.repeat(100000) + ')'.repeat(100000)).test('')); }",
            "function (doc) { emit(new RegExp('('.repeat(100000)).test('')); }",
            "function (doc) { emit(new RegExp('a|'.repeat(100000)).test('b')); }",
            "function (doc) { emit(new RegExp('a{1000}'.repeat(10000)).test('b')); }",
            "function (doc) { emit(new RegExp('(?:(?:(?:(?:a{99}){99}){99}){99}){99}').test('a')); }",
            "function (doc) { var g = (function* () { })(); for (var i = 0; i < 100000; i++) g = (function* (h) { yield* h; })(g); emit(g.next().done); }",
            "function (doc) { var o = {}; for (var i = 0; i < 100000; i++) o = { __proto__: o, get a() { return super.a; } }; emit(o.a); }",
        ],
        is_bounded,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(uneval(a).length); }",
            "function (doc) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; emit(a.toSource().length); }",
            "function (doc) { var p = {}; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); emit(p.a); }",
            "function (doc) { var p = {}; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); emit(p); }",
            "function (doc) { var p = {}; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); p.a = 1; delete p.a; 'a' in p; Object.keys(p); Object.freeze(p); }",
            "function (doc) { var p = []; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); emit(isArray(p)); emit(p); throw p; }",
            "function (doc) { var p = function () { }; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); emit(p()); }",
            "function (doc) { var p = function () { }; for (var i = 0; i < 100000; i++) p = new Proxy(p, {}); new p(); p instanceof p; }",
        ],
        is_bounded,
    );
    all(
        QUICKJS,
        &[
            "function (doc) { emit(eval('['.repeat(100000))); }",
            "function (doc) { emit(eval('('.repeat(5000) + '1' + ')'.repeat(5000))); }",
            "function (doc) { emit(eval('-'.repeat(1) + '!'.repeat(1000000) + '1')); }",
            "function (doc) { emit(new Function('return ' + '{a:'.repeat(100000))()); }",
            "function (doc) { emit(eval('a' + '.a'.repeat(1000000))); }",
            "function (doc) { emit(eval('1' + '+1'.repeat(1000000))); }",
            "function (doc) { emit(eval('if(0);else '.repeat(100000) + '1')); }",
        ],
        is_bounded,
    );
}

#[test]
fn sources_nested_very_deeply() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        let (open, close) = (open.repeat(times), close.repeat(times));
        format!("function (doc) {{ emit({open}{inner}{close}); }}")
    };
    let mut refused = Vec::new();
    for times in [2_000, 30_000] {
        refused.extend([
            nested("(", "1", ")", times),
            nested("[", "", "]", times),
            nested("{a:", "1", "}", times),
            nested("`${", "1", "}`", times),
            nested("f(", "", ")", times),
            nested("(function () { return ", "1", "; })()", times),
            nested("(() => ", "1", ")()", times),
            nested("/(", "", ")/", times),
            nested("a[", "0", "]", times),
        ]);
    }
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    all(BOTH, &refused, is_refused);
    let mut bounded = Vec::new();
    for times in [900, 50_000, 200_000] {
        bounded.extend([
            nested("!", "1", "", times),
            nested("- ", "1", "", times),
            nested("typeof ", "1", "", times),
            nested("1+", "1", "", times),
            nested("1?1:", "1", "", times),
            nested("a=", "1", "", times),
            nested("a=>", "1", "", times),
            nested("2**", "1", "", times),
            nested("1,", "1", "", times),
            nested("doc", ".a", "", times),
            nested("doc", "", ".a", times),
            nested("doc", "", "()", times),
            nested("new ", "doc", "", times),
            nested("a||", "1", "", times),
            nested("'x'+", "1", "", times),
            format!("function (doc) {{ {} }}", "{".repeat(900) + &"}".repeat(900)),
            format!("function (doc) {{ {}; }}", "if (1) ".repeat(times)),
            format!("function (doc) {{ {}; }}", "if (1) ; else ".repeat(times)),
            format!("function (doc) {{ {}; }}", "for (;0;) ".repeat(times)),
            format!("function (doc) {{ {}; }}", "while (0) ".repeat(times)),
            format!("function (doc) {{ {}; }}", numbered("l", times.min(60_000), ":")),
            format!("function (doc) {{ {} }}", "emit(1);".repeat(times.min(1_000))),
            format!("function (doc) {{ var a = [{}]; }}", "1,".repeat(times)),
            format!("function (doc) {{ switch (1) {{ {} }} }}", "case 1:".repeat(times)),
            format!("function ({}) {{ }}", numbered("a", times, ",") + "z"),
            format!("function (doc) {{ f({}1); }}", "1,".repeat(times)),
            format!("function (doc) {{ {} }}", "try { } finally { } ".repeat(times.min(50_000))),
        ]);
    }
    let bounded: Vec<&str> = bounded.iter().map(String::as_str).collect();
    all(BOTH, &bounded, is_bounded);
    all(
        BOTH,
        &[nested("(", "1", ")", 300).as_str(), nested("[", "", "]", 300).as_str()],
        Result::is_ok,
    );
}

#[test]
fn sources_of_odd_text() {
    all(
        BOTH,
        &[
            "",
            "\0",
            "\u{feff}",
            "function (doc) { emit('\0'); }\0",
            "function (doc) { emit('\u{2028}'); }",
            "function (doc) { emit('",
            "function (doc) { emit(`${",
            "/*",
            "<!-- x",
            "function",
            "function (",
            "}",
            "\\u0066unction (doc) { }",
            "function (doc) { emit(/[/); }",
            "'use strict'",
            "\u{202e}function (doc) { }",
            "function (doc) { emit(\u{10ffff}); }",
            "return; function (doc) { }",
            "import x from 'x'; function (doc) { }",
            "throw 1",
            "null",
        ],
        is_bounded,
    );
    all(BOTH, &["function (doc) { emit(doc._id, '\u{feff}x'); }"], Result::is_ok);
    let long = format!("function (doc) {{ /*{}*/ }}", "x".repeat(LIMITS.source));
    all(BOTH, &[&long], is_refused);
}

#[test]
fn helpers_given_what_they_do_not_expect() {
    all(
        BOTH,
        &[
            "function (doc) { emit(Symbol('x'), Symbol('y')); }",
            "function (doc) { emit({ [Symbol('x')]: 1, [Symbol.toPrimitive]: 1 }); }",
            "function (doc) { log(Symbol('x')); log(); log(null); log(function () { }); }",
            "function (doc) { sum(Symbol('x')); }",
            "function (doc) { sum([Symbol('x')]); }",
            "function (doc) { sum({ __proto__: null }); sum('abc'); sum(1); sum(); }",
            "function (doc) { toJSON(Symbol('x')); toJSON(); toJSON.call(1, 2, 3, 4); }",
            "function (doc) { isArray(); isArray(Symbol('x')); require(); }",
            "function (doc) { require(Symbol('x')); }",
            "function (doc) { require({ toString: function () { throw 1; } }); }",
            "function (doc) { require(''); }",
            "function (doc) { require('../../../..'); }",
            "function (doc) { require('views/lib/__proto__/constructor'); }",
            "function (doc) { require('_module_cache'); }",
            "function (doc) { index(); }",
            "function (doc) { index('a', Symbol('x')); }",
            "function (doc) { emit = null; emit(1); }",
            "function (doc) { JSON = null; Object = null; Array = null; emit([1], {}); }",
            "function (doc) { Object.prototype.toJSON = function () { return 1; }; emit([doc], {}); }",
            "function (doc) { Array.prototype.push = null; emit([1]); }",
            "function (doc) { Object.defineProperty(Object.prototype, '0', { get: function () { throw 1; } }); emit([, 1]); throw {}; }",
            "function (doc) { Object.setPrototypeOf(Object.prototype, null); emit({}); }",
            "function (doc) { throw undefined; }",
            "function (doc) { throw null; }",
            "function (doc) { throw Symbol('x'); }",
            "function (doc) { throw function () { }; }",
            "function (doc) { throw { toString: null, valueOf: null }; }",
            "function (doc) { throw Object.create(null); }",
            "function (doc) { var e = new Error(); e.name = Symbol('x'); e.message = Symbol('y'); throw e; }",
            "function (doc) { var e = new Error(); e.stack = e; throw e; }",
            "function (doc) { var a = []; a[0] = a; throw a; }",
            "function (doc) { throw ['error', {}, undefined]; }",
            "function (doc) { throw ['fatal']; }",
            "function (doc) { throw ['fatal', Symbol('x'), function () { }]; }",
            "function (doc) { throw 'fatal_error'; }",
            "function (doc) { throw { error: 'x'.repeat(10000), reason: [] }; }",
            "function (doc) { this.length = 0; this[0] = null; delete this[0]; emit(1); }",
            "function (doc) { arguments.length = 9; arguments.callee; emit(arguments); }",
            "function (doc) { emit(globalThis); }",
            "function (doc) { emit(doc, doc); emit(doc.constructor, doc.__proto__); }",
            "function (doc) { emit(new Date(NaN)); emit(new Date(8.64e15 + 1)); }",
            "function (doc) { emit(-0, NaN); emit(Infinity, 5e-324); emit(1.7976931348623157e308); }",
            "function (doc) { emit('\\ud800', '\\udc00'); emit({ '\\ud800': 1 }); }",
            "function (doc) { emit(new String('a'), new Number(1)); emit(Object(Symbol())); }",
        ],
        is_bounded,
    );
    all(
        SPIDERMONKEY,
        &[
            "function (doc) { var r = Proxy.revocable({}, {}); r.revoke(); emit(r.proxy); }",
            "function (doc) { var r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy; }",
            "function (doc) { var r = Proxy.revocable([], {}); r.revoke(); isArray(r.proxy); }",
            "function (doc) { var r = Proxy.revocable([], {}); r.revoke(); log(r.proxy); }",
            "function (doc) { emit(new Proxy({}, { ownKeys: function () { return [1]; } })); }",
            "function (doc) { emit(new Proxy([], { get: function () { return 1e308; } })); }",
            "function (doc) { throw new Proxy({}, { get: function () { throw 1; } }); }",
            "function (doc) { throw new Proxy(new Error('x'), { get: function () { throw null; } }); }",
            "function (doc) { emit(BigInt(1)); }",
            "function (doc) { emit(new Uint8Array(3), new DataView(new ArrayBuffer(1))); }",
            "function (doc) { uneval(new Proxy({}, { ownKeys: function () { throw 1; } })); }",
            "function (doc) { uneval(globalThis); }",
            "function (doc) { Promise.resolve(1).then(function () { for (;;); }); }",
        ],
        is_bounded,
    );
}

#[test]
fn modules_that_require_each_other() {
    let source = "function (doc) { emit(require('views/lib/a')); }";
    for profile in BOTH {
        let chain: serde_json::Map<String, json::Value> = (0..3000)
            .map(|n| (format!("m{n}"), format!("exports.n = require('./m{}');", n + 1).into()))
            .chain([("a".into(), "exports.n = require('./m0');".into())])
            .collect();
        for lib in [
            r#"{"a":"exports.b = require('./b');","b":"exports.a = require('./a');"}"#,
            r#"{"a":"exports.a = require('./a');"}"#,
            r#"{"a":"while (true);"}"#,
            r#"{"a":"throw { toString: function () { for (;;); } };"}"#,
            r#"{"a":"throw { get name() { for (;;); } };"}"#,
            r#"{"a":"module.id = { toString: function () { for (;;); } };"}"#,
            r#"{"a":"Object.defineProperty(module, 'exports', { get: function () { for (;;); } });"}"#,
            r#"{"a":"module.exports = require;"}"#,
            r#"{"a":"} while (true); {"}"#,
            r#"{"a":{"b":{"c":1}}}"#,
            r#"{"a":"require('./a/../a/../a');"}"#,
            &json::to_string(&chain.clone().into()),
        ] {
            let outcome = map_with_lib(*profile, source, "{}", Some(lib));
            assert!(is_bounded(&outcome), "{profile:?} {lib:.100} {outcome:?}");
        }
    }
}

#[test]
fn documents_nested_very_deeply() {
    for profile in BOTH {
        for depth in [999, 10_000, 1_000_000] {
            let array = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            let object = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            for document in [&array, &object] {
                for source in [
                    "function (doc) { emit(doc.a, doc); }",
                    "function (doc) { emit(1, doc); }",
                    "function (doc) { emit(JSON.stringify(doc).length); }",
                    "function (doc) { emit(null); }",
                ] {
                    let outcome = map_with_lib(*profile, source, document, None);
                    match outcome {
                        Ok(outcome) => assert_eq!(outcome.rows.len(), 1),
                        Err(error) => {
                            assert!(depth > 1000, "{depth}: {error:.200}");
                            assert!(error.to_string().len() < 1000);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn reduces_without_end() {
    let reduce = |source: &'static str| {
        let mut engine = Engine::new(Profile::SpiderMonkey, LIMITS);
        let outcome = engine.run(move |vm| {
            vm.reduce(&[source], &["[1,\"a\"]".into()], &["1"], ReduceLimit::default())
        });
        outcome.and_then(|outcome| outcome)
    };
    for source in [
        "function (keys, values) { while (true); }",
        "function (keys, values) { return { toJSON: function () { for (;;); } }; }",
        "function (keys, values) { throw { get name() { for (;;); } }; }",
        "function (keys, values) { throw { toSource: function () { for (;;); }, get 0() { for (;;); } }; }",
        "function (keys, values) { values.forEach(function () { for (;;); }); }",
    ] {
        assert_eq!(reduce(source), Err(EngineError::Timeout), "{source}");
    }
    for source in [
        "function (keys, values) { var a = []; for (;;) a.push([]); }",
        "function (keys, values) { return { toJSON: function () { var a = []; for (;;) a.push([]); } }; }",
        "function (keys, values) { (function again() { again(); })(); }",
        "function (keys, values) { var a = []; for (var i = 0; i < 100000; i++) a = [a]; return a; }",
    ] {
        let outcome = reduce(source);
        let ended = matches!(outcome, Err(EngineError::Exit { .. } | EngineError::Timeout));
        assert!(ended, "{source}: {outcome:?}");
    }
    let huge = reduce("function (keys, values) { return 'x'.repeat(1 << 20); }").expect("it runs");
    assert!(huge.overflow.is_some());
}

/// Takes every answer and says nothing.
struct Deaf;

impl Peer for Deaf {
    fn send(&mut self, _line: &str) {}

    fn receive(&mut self) -> Option<String> {
        None
    }
}

/// Every command of a query server, in one line each after the design document's.
#[test]
fn commands_of_a_query_server_without_end() {
    let endless = "{ toString: function () { for (;;); }, toSource: function () { for (;;); }, \
                   toJSON: function () { for (;;); }, get name() { for (;;); } }";
    let function = |body: &str| format!("function (a, b, c, d) {{ {body} }}");
    let looping =
        ["while (true);".to_owned(), format!("throw {endless};"), format!("return {endless};")];
    for profile in BOTH {
        for (kind, path) in [
            ("validate_doc_update", r#"["validate_doc_update"]"#),
            ("filters", r#"["filters","f"]"#),
            ("shows", r#"["shows","f"]"#),
            ("lists", r#"["lists","f"]"#),
            ("updates", r#"["updates","f"]"#),
        ] {
            for body in &looping {
                let source = function(body);
                let member = match kind {
                    "validate_doc_update" => json::Value::from(source),
                    _ => json::Value::Object(
                        [("f".to_owned(), json::Value::from(source))].into_iter().collect(),
                    ),
                };
                let design: json::Map<_, _> = [(kind.to_owned(), member)].into_iter().collect();
                let new = format!(
                    r#"["ddoc","new","_design/d",{}]"#,
                    json::to_string(&json::Value::Object(design))
                );
                let call = format!(r#"["ddoc","_design/d",{path},[[{{}}],{{}},{{}},{{}}]]"#);
                let started = Instant::now();
                let mut engine = Engine::new(*profile, LIMITS);
                let ended = engine.run(move |vm| {
                    vm.talk_to(Some(Box::new(Deaf)));
                    vm.answer_line(&new).and_then(|()| vm.answer_line(&call))
                });
                assert!(started.elapsed() < PATIENCE, "{profile:?} {kind} {body}");
                let is_loop = body.starts_with("while");
                assert!(
                    ended == Err(EngineError::Timeout) || (ended.is_ok() && !is_loop),
                    "{profile:?} {kind} {body}: {ended:?}"
                );
            }
        }
    }
}

#[test]
fn modules_of_a_project_without_end() {
    let load = |source: String| {
        let mut engine = Engine::new(Profile::QuickJs, LIMITS);
        let started = Instant::now();
        let outcome = engine.run(move |vm| vm.load_module(&source)).and_then(|outcome| outcome);
        assert!(started.elapsed() < PATIENCE);
        outcome
    };
    for source in [
        "while (true);",
        "module.exports = { get views() { for (;;); } };",
        "module.exports = { f: Object.assign(function () { }, { toString: function () { for (;;); } }) };",
        "throw { get name() { for (;;); } };",
        "throw { toString: function () { for (;;); } };",
        "Object.defineProperty(module, 'exports', { get: function () { for (;;); } });",
        "} while (true); {",
    ] {
        let outcome = load(source.to_owned());
        assert!(
            matches!(
                outcome,
                Err(EngineError::Timeout
                    | EngineError::Compilation { .. }
                    | EngineError::Thrown { .. })
            ),
            "{source}: {outcome:?}"
        );
    }
    for source in [
        "var a = []; for (;;) a.push([]);".to_owned(),
        "var a = {}; a.a = a; module.exports = a;".to_owned(),
        "var a = []; for (var i = 0; i < 100000; i++) a = [a]; module.exports = a;".to_owned(),
        "var a = [1]; for (var i = 0; i < 90; i++) a = [a, a]; module.exports = a;".to_owned(),
        "module.exports = new Array(4294967295);".to_owned(),
        "module.exports = { get views() { var a = []; for (;;) a.push([]); } };".to_owned(),
        format!("module.exports = {}{};", "[".repeat(100_000), "]".repeat(100_000)),
        format!("module.exports = {}1;", "!".repeat(200_000)),
        format!("module.exports = '{}';", "x".repeat(LIMITS.source)),
        "module.exports = 1n;".to_owned(),
        "module.exports = Symbol('x');".to_owned(),
    ] {
        let outcome = load(source.clone());
        assert!(
            !matches!(outcome, Ok(_) | Err(EngineError::Internal(_))),
            "{source:.100}: {outcome:?}"
        );
    }
}
