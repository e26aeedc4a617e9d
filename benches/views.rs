//! Benchmarks of what a view costs: mapping, reducing, sorting, querying.
//!
//! `benches/compare/` runs other engines over the same documents.

use std::hint::black_box;
use std::sync::Arc;

use couchctl::engine::{Engine, Limits, Profile, ReduceLimit};
use couchctl::group::{GroupDefinition, GroupDocument, Request, ViewGroup};
use couchctl::json;
use couchctl::view::Context;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const SIMPLE: &str = "function (doc) { if (doc.type === 'task') emit(doc.status, doc); }";
const FIELDS: &str =
    "function (doc) { if (doc.type === 'task') { emit([doc.status, doc.priority], null); } }";
const COMPOUND: &str = include_str!("compare/compound.js");
const REDUCE: &str = "function (keys, values, rereduce) { return sum(values); }";

/// The documents of `benches/compare/documents.js`, about 300 bytes each.
fn documents(count: usize) -> Vec<String> {
    const STATUS: [&str; 6] =
        ["pending", "scheduled", "running", "completed", "failed", "cancelled"];
    (0..count)
        .map(|n| {
            format!(
                r#"{{"_id":"task:{n:08}","_rev":"1-967a00dff5e02add41819138abb3284d","type":"{}","status":"{}","priority":{},"cpu_req":{}.5,"mem_mb":{},"tenant":"tenant-{}","tags":["a{}","b","c"],"created":"2024-0{}-1{}T08:00:00Z","labels":{{"zone":"eu-{}","team":"core"}},"command":["run","--job","{n}"]}}"#,
                if n % 10 == 0 { "worker" } else { "task" },
                STATUS[n % 6],
                n % 11,
                n % 8,
                256 * (1 + n % 64),
                n % 100,
                n % 5,
                1 + n % 9,
                n % 10,
                n % 3,
            )
        })
        .collect()
}

fn map(criterion: &mut Criterion) {
    let texts = Arc::new(documents(10_000));
    let mut group = criterion.benchmark_group("map");
    group.throughput(Throughput::Elements(texts.len() as u64));
    for (name, source) in [("simple", SIMPLE), ("fields", FIELDS), ("compound", COMPOUND)] {
        let mut engine = Engine::new(Profile::SpiderMonkey, Limits::default());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let texts = Arc::clone(&texts);
                engine
                    .run(move |vm| {
                        let functions = vm.compile_maps(&[source], None).expect("it compiles");
                        let rows = texts.iter().map(|text| {
                            vm.map_document(&functions, text).expect("it maps").rows.len()
                        });
                        rows.sum::<usize>()
                    })
                    .expect("the engine runs")
            });
        });
    }
    group.finish();
}

fn reduce(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..1000).map(|n| format!("[{n},\"doc{n}\"]")).collect();
    let values: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let mut engine = Engine::new(Profile::SpiderMonkey, Limits::default());
    let mut group = criterion.benchmark_group("reduce");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("javascript", |bencher| {
        bencher.iter_batched(
            || (keys.clone(), values.clone()),
            |(keys, values)| {
                engine.run(move |vm| {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    vm.reduce(&[REDUCE], &keys, &values, ReduceLimit::default())
                })
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn group(engine: &mut Engine, count: usize) -> ViewGroup {
    let design = json::parse_str(&format!(
        r#"{{"views":{{"v":{{"map":{},"reduce":"_count"}}}}}}"#,
        serde_json::to_string(FIELDS).expect("a string")
    ))
    .expect("JSON");
    let definition = GroupDefinition::new(design.as_object().expect("an object"));
    let documents: Vec<_> = documents(count)
        .into_iter()
        .enumerate()
        .map(|(n, text)| GroupDocument {
            id: format!("task:{n:08}").into(),
            shard: 0,
            text: text.into(),
        })
        .collect();
    ViewGroup::build(engine, definition, 1, false, documents).expect("it builds")
}

fn index(criterion: &mut Criterion) {
    let mut engine = Engine::new(Profile::SpiderMonkey, Limits::default());
    let mut benches = criterion.benchmark_group("index");
    benches.sample_size(10);
    benches.throughput(Throughput::Elements(10_000));
    benches.bench_function("build", |bencher| {
        bencher.iter(|| black_box(group(&mut engine, 10_000)));
    });
    let built = group(&mut engine, 10_000);
    for (name, parameters) in [
        (
            "range",
            vec![
                ("startkey", "[\"pending\"]"),
                ("endkey", "[\"pending\",{}]"),
                ("reduce", "false"),
            ],
        ),
        ("limit", vec![("limit", "10"), ("skip", "5000"), ("reduce", "false")]),
        ("group", vec![("group", "true")]),
    ] {
        let request = Request {
            view: "v".into(),
            parameters: parameters.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            ..Request::default()
        };
        benches.bench_function(name, |bencher| {
            bencher.iter(|| built.respond(&mut engine, &request, &Context::default()));
        });
    }
    benches.finish();
}

criterion_group!(benches, map, reduce, index);
criterion_main!(benches);
