//! The map engine: any source over any document, in both profiles, within the limits.
//!
//! An input is a source, then a line `---`, then the document's JSON.

#![no_main]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use couchctl::engine::{Engine, EngineError, GuardedAllocator, Limits, Profile};
use couchctl::json;
use couchctl_fuzz::{items, plant, recorded};
use libfuzzer_sys::{Corpus, fuzz_target};

#[global_allocator]
static ALLOCATOR: GuardedAllocator<std::alloc::System> = GuardedAllocator(std::alloc::System);

const SEPARATOR: &str = "\n---\n";

const LIMITS: Limits =
    Limits { call_time: Duration::from_millis(200), memory: 64 << 20, source: 16 << 10 };

/// Compiling, each call and writing the rows are timed apart, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine gives back the memory of its functions only as a whole.
const RUNS: usize = 200;

thread_local! {
    static ENGINES: RefCell<(usize, [Engine; 2])> = RefCell::new((0, engines()));
}

fn engines() -> [Engine; 2] {
    [Profile::SpiderMonkey, Profile::QuickJs].map(|profile| Engine::new(profile, LIMITS))
}

fn seeds() -> Vec<String> {
    let mut seeds = Vec::new();
    let features = recorded("engine_features.json");
    let document = json::to_string(&features["document"]);
    for snippet in items(&features["snippets"]) {
        if let Some(source) = snippet["source"].as_str() {
            seeds.push(format!("{source}{SEPARATOR}{document}"));
        }
    }
    let views = recorded("views.json");
    for case in items(&views) {
        let document = items(&case["docs"]).first().map(json::to_string).unwrap_or_default();
        let views = case["design"]["views"].as_object();
        for view in views.into_iter().flat_map(|views| views.values()) {
            if let Some(source) = view["map"].as_str() {
                seeds.push(format!("{source}{SEPARATOR}{document}"));
            }
        }
    }
    seeds
}

fn run(engine: &mut Engine, source: &str, document: &str) {
    let (source, document) = (source.to_owned(), document.to_owned());
    let started = Instant::now();
    let outcome = engine.run(move |vm| {
        let functions = vm.compile_maps(&[&source], None).map_err(|(_, error)| error)?;
        let outcome = vm.map_document(&functions, &document).map_err(|failure| failure.error)?;
        for row in &outcome.rows {
            json::parse_str(&row.key).expect("a key is JSON");
            json::parse_str(&row.value).expect("a value is JSON");
        }
        Ok(outcome)
    });
    assert!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
    if let Err(EngineError::Internal(message)) = outcome.and_then(|outcome| outcome) {
        panic!("{message}");
    }
}

fuzz_target!(
    init: plant(seeds),
    |input: &str| -> Corpus {
        let Some((source, document)) = input.split_once(SEPARATOR) else {
            return Corpus::Reject;
        };
        if json::parse_str(document).is_err() {
            return Corpus::Reject;
        }
        ENGINES.with_borrow_mut(|(used, all)| {
            *used += 1;
            if *used % RUNS == 0 {
                *all = engines();
            }
            for engine in all {
                run(engine, source, document);
            }
        });
        Corpus::Keep
    }
);
