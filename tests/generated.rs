//! The functions and selectors generated from schemas against the schemas themselves, on documents made from the
//! schemas and then spoilt, in both engine profiles.
//!
//! `COUCHCTL_GENERATED` is the number of documents for each schema; 300 unless it is set.

#[path = "support/maker.rs"]
mod maker;

use std::fs;
use std::path::Path;

use couchctl::engine::{Limits, Profile};
use couchctl::functions::Functions;
use couchctl::generate::vdu::{self, declarative};
use couchctl::json::{Map, Value, to_string};
use couchctl::mango::Selector;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::{Outcome, Schemas};
use rand::SeedableRng;
use rand::rngs::StdRng;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

fn says(functions: &mut Functions, design: &Value, document: &Value) -> Result<(), String> {
    let nothing = Value::Object(Map::new());
    functions.validate(design, document, &Value::Null, &nothing, &nothing).map_err(|failure| {
        assert_eq!(failure.error, "forbidden", "{failure:?}: {}", to_string(document));
        failure.reason.as_str().unwrap_or_default().to_owned()
    })
}

fn compare(schemas: &Schemas, count: usize, seed: u64) -> (usize, usize) {
    let generated = vdu::generate(schemas, None).expect("a function");
    assert_eq!(generated.unchecked, [], "all of it is checked");
    let mut design = Map::new();
    design.insert("_id".to_owned(), "_design/schemas".into());
    design.insert("validate_doc_update".to_owned(), generated.source.trim().into());
    let design = Value::Object(design);
    let profiles = [Profile::SpiderMonkey, Profile::QuickJs];
    let mut engines = profiles.map(|profile| Functions::new(profile, Limits::default()));
    let mut random = StdRng::seed_from_u64(seed);
    let (mut valid, mut invalid) = (0, 0);
    for schema in &schemas.types {
        let mut made = 0;
        while made < count {
            let Some(members) = maker::document(&schema.value, &mut random) else { continue };
            made += 1;
            let document = Value::Object(members.clone());
            let outcome = schemas.check(&members);
            for functions in &mut engines {
                let said = says(functions, &design, &document);
                match (&outcome, &said) {
                    (Outcome::Valid | Outcome::Ignored, Ok(())) => valid += 1,
                    (Outcome::Invalid { violations, .. }, Err(message)) => {
                        // It tells one of the things that are wrong, at the same place.
                        let places: Vec<&str> =
                            violations.iter().map(|found| found.pointer.as_str()).collect();
                        let told =
                            places.iter().any(|place| message.starts_with(&format!("`{place}`: ")));
                        assert!(
                            told || places.contains(&""),
                            "{message}, not one of {places:?}: {}",
                            to_string(&document)
                        );
                        invalid += 1;
                    }
                    _ => panic!("{outcome:?}, but {said:?}: {}", to_string(&document)),
                }
            }
        }
    }
    (valid, invalid)
}

/// Numbers without a fraction as integers: `1.0` is one by JSON Schema, and none for a selector.
fn with_integers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let text = number.as_str();
            if let Some(integer) = text.strip_suffix(".0") {
                *value = couchctl::json::number(integer);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(with_integers),
        Value::Object(members) => members.values_mut().for_each(with_integers),
        _ => {}
    }
}

/// Compares the selector with the schemas, and tells how many documents they took, and how many not.
fn compare_selector(schemas: &Schemas, count: usize, seed: u64) -> (usize, usize) {
    let generated = declarative::generate(schemas).expect("a selector");
    let selector = Selector::parse(&generated.selector).expect("a selector of CouchDB");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut valid, mut invalid) = (0, 0);
    for schema in &schemas.types {
        let mut made = 0;
        while made < count {
            let Some(members) = maker::document(&schema.value, &mut random) else { continue };
            made += 1;
            let mut document = Value::Object(members);
            with_integers(&mut document);
            let Value::Object(members) = document.clone() else { unreachable!("it is an object") };
            let expected = !matches!(schemas.check(&members), Outcome::Invalid { .. });
            let update = serde_json::json!({ "newDoc": document, "oldDoc": null });
            assert_eq!(selector.matches(&update), expected, "{}", to_string(&update));
            *(if expected { &mut valid } else { &mut invalid }) += 1;
        }
    }
    (valid, invalid)
}

#[test]
fn the_functions_of_cloudai_agree_with_its_schemas() {
    let count = std::env::var("COUCHCTL_GENERATED").ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(300);
    let project = Project::open(Path::new(env!("CARGO_MANIFEST_DIR")), &NoModules);
    let project = project.expect("the project of this repository");
    for key in ["cloudai", "cloudai_planner"] {
        let database = project.database(key).expect("a database");
        let schemas = Schemas::load(&project, database).expect("schemas");
        let (valid, invalid) = compare(&schemas, count, 7);
        println!("{key}: {valid} valid, {invalid} invalid");
        let few = schemas.types.len() * count / 5;
        assert!(valid > few && invalid > few, "{key}: {valid} valid, {invalid} invalid");
    }
}

#[test]
fn the_selectors_of_cloudai_agree_with_its_schemas() {
    let count = std::env::var("COUCHCTL_GENERATED").ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(300);
    // The others have sets, or members of any name, which a selector cannot say.
    let folder = tempfile::tempdir().expect("a folder");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.path().join("couchctl.toml"), "").expect("a file");
    fs::create_dir_all(folder.path().join("schemas/cloudai")).expect("a folder");
    for name in ["assignment", "plan", "reservation"] {
        let file = format!("schemas/cloudai/{name}.schema.json");
        fs::copy(here.join(&file), folder.path().join(&file)).expect("copied");
    }
    let project = Project::open(folder.path(), &NoModules).expect("a project");
    let schemas = Schemas::load(&project, &project.databases[0]).expect("schemas");
    let (valid, invalid) = compare_selector(&schemas, count, 11);
    println!("{valid} valid, {invalid} invalid");
    let few = schemas.types.len() * count / 10;
    assert!(valid > few && invalid > few, "{valid} valid, {invalid} invalid");
}
