use crate::engine::analysis::Analysis;

fn is_stateless(text: &str) -> bool {
    Analysis::of(text).is_stateless
}

#[test]
fn plain_functions_leave_nothing_behind() {
    for text in [
        "(function (doc) { if (doc.type === 'task') emit(doc.status, null); });",
        "(function (keys, values, rereduce) { return rereduce ? sum(values) : values.length; });",
        "(function (keys, values) { var out = { n: 0 }; for (var i = 0; i < values.length; i++) { out.n += values[i].n; } return out; });",
        "(function (doc) { for (var name in doc.tags) { emit([name, doc.tags[name]], 1); } });",
        "(function (doc) { let list = []; doc.parts.forEach(part => list.push(part.id)); emit(list.sort().join('-'), Math.max(1, doc.n)); });",
        "(function (doc) { var counts = {}; doc.words.split(' ').forEach(function (word) { counts[word] = (counts[word] || 0) + 1; }); emit(doc._id, counts); });",
        "(doc => { try { emit(new Date(doc.at).getTime(), JSON.stringify(doc.x)); } catch (error) { log(error.message); } });",
        "0,function (doc) { function helper(n) { return n * Math.PI; } emit(helper(doc.n), doc.tags.slice().sort()); }",
        "(function (doc) { switch (doc.kind) { case 1: let a = 2; a++; emit(a); break; default: emit(undefined); } });",
    ] {
        assert!(is_stateless(text), "{text}");
    }
}

#[test]
fn what_may_leave_something_behind_is_found() {
    for text in [
        "(function (doc) { count = 1; });",
        "(function (doc) { { let count; } count = 1; });",
        "(function (doc) { (function () { var count; })(); count++; });",
        "(function (doc) { var i; for (x in doc) { i = x; } });",
        "(function (doc) { [a, b] = doc.pair; });",
        "(function (doc) { this.n = 1; });",
        "(function (doc) { arguments.callee.n = 1; });",
        "(function (doc) { Array.prototype.last = 1; });",
        "(function (doc) { Math.n = 1; });",
        "(function (doc) { var m = Math; m.n = 1; });",
        "(function (doc) { var f = [].map; f.n = 1; });",
        "(function (doc) { [].constructor.n = 1; });",
        "(function (doc) { var p = doc[doc.k]; p.n = 1; });",
        "(function (doc) { doc[doc.k].push(1); });",
        "(function (doc) { var push = [].push; });",
        "(function (doc) { Object.assign(doc.x, {}); });",
        "(function (doc) { Object.defineProperty(doc, 'x', {}); });",
        "(function (doc) { delete doc.x.y; });",
        "(function (doc) { var f = doc.f; f(); });",
        "(function (doc) { doc['f'](); });",
        "(function (doc) { require('views/lib/a').n; });",
        "(function (doc) { return RegExp.$1; });",
        "(function (doc) { eval('n = 1'); });",
        "(function (doc) { globalThis.n = 1; });",
        "(function (doc) { with (doc) { n = 1; } });",
        "(function (doc) { class A {} });",
        "(function (doc) { [1].forEach(emit); });",
        "(function (doc) { ({ __proto__: doc.x }); });",
        "(function (doc) { unknown(doc); });",
        "var n = 0; (function (doc) { n++; });",
        "(function () { var n = 0; return function (doc) { emit(n++); }; })();",
        "(function named(doc) { named.n = 1; });",
    ] {
        assert!(!is_stateless(text), "{text}");
    }
}

#[test]
fn what_changes_an_object_is_told_apart() {
    for (text, changes_nothing) in [
        ("(function (doc) { var n = 0; n += doc.n; n++; emit([doc.a, { b: n }], doc); });", true),
        (
            "(function (doc) { doc.tags.forEach(function (tag) { emit(tag.toUpperCase()); }); });",
            true,
        ),
        (
            "(function (doc) { for (var name in doc.tags) emit(name, new Date(doc.at).getTime()); });",
            true,
        ),
        ("(function (doc) { var list = []; list.push(doc.a); emit(list); });", false),
        ("(function (doc) { var object = {}; object.a = doc.a; emit(object); });", false),
        ("(function (doc) { emit(doc.tags.slice().sort()); });", false),
        ("(function (doc) { var list = [1]; delete list[0]; });", false),
        ("(function (doc) { var object = { n: 1 }; object.n++; });", false),
        ("(function (doc) { emit(Object.isFrozen(doc)); });", false),
        ("(function (doc) { emit(Object.getOwnPropertyDescriptor(doc, 'a')); });", false),
        ("(function (doc) { 'use strict'; try { doc.a = 1; } catch (e) { emit(1); } });", false),
        ("(function (doc) { new Object(doc).a = 1; });", false),
        ("(function (doc) { [doc.a, doc.b] = [1, 2]; });", false),
        ("(function (doc) { for (doc.a of [1]) { } });", false),
    ] {
        assert_eq!(Analysis::of(text).changes_nothing, changes_nothing, "{text}");
    }
}
