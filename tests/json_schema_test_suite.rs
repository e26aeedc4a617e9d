//! The official JSON Schema Test Suite, through projects. It is no part of this repository: a run needs
//! its folder in `COUCHCTL_JSON_SCHEMA_TEST_SUITE`.

use std::fs;
use std::path::{Path, PathBuf};

use couchctl::engine::{Limits, Profile};
use couchctl::functions::Functions;
use couchctl::generate::vdu::{checker, declarative};
use couchctl::json::{Map, Value, parse, to_string};
use couchctl::mango::Selector;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::Schemas;

/// Cases that the `jsonschema` crate gives another answer to than the suite.
const KNOWN: [&str; 0] = [];

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            out.push(path);
        }
    }
}

/// The schema, compiled as that of a project's database.
fn load(root: &Path, config: &str, schema: &Value) -> Result<Schemas, String> {
    let folder = root.join("schemas/db");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(root.join("couchctl.toml"), config).expect("a file");
    fs::write(folder.join("value.schema.json"), to_string(schema)).expect("a file");
    let project = Project::open(root, &NoModules).expect("a project");
    Schemas::load(&project, &project.databases[0])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Which values the function generated from the schema lets pass; `None` where it does not check all.
fn generated(functions: &mut Functions, schemas: &Schemas, values: &[&Value]) -> Option<Vec<bool>> {
    let generated = match checker(schemas, 0) {
        Ok(generated) => generated,
        Err(error) => panic!("{error}: {}", schemas.types[0].text),
    };
    if !generated.unchecked.is_empty() {
        return None;
    }
    let filter = format!(
        "function (doc) {{ return ({})(doc.value) === undefined; }}",
        generated.source.trim()
    );
    let object = |members: [(&str, Value); 1]| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()
    };
    let filters = object([("f", filter.clone().into())]);
    let mut design = object([("_id", "_design/d".into())]);
    design.insert("filters".to_owned(), filters.into());
    let documents: Vec<Value> =
        values.iter().map(|value| object([("value", (*value).clone())]).into()).collect();
    let passes = functions.filter(&design.into(), "f", &documents, &Value::Null);
    Some(passes.unwrap_or_else(|failure| panic!("{failure:?}\n{filter}")))
}

/// Which values the selector generated from the schema takes; `None` where it cannot say the same.
fn selected(schemas: &Schemas, values: &[&Value]) -> Option<Vec<bool>> {
    let generated = declarative::checker(schemas, 0).ok()?;
    if !generated.differences.is_empty() {
        return None;
    }
    let selector = match Selector::parse(&generated.selector) {
        Ok(selector) => selector,
        Err(error) => panic!("{error}: {}", to_string(&generated.selector)),
    };
    let matches = |value: &&Value| selector.matches(&serde_json::json!({ "newDoc": value }));
    Some(values.iter().map(matches).collect())
}

/// The configuration that maps the suite's addresses to its files.
fn config(suite: &Path, remotes: &[PathBuf], formats: bool) -> String {
    let mut config = format!(
        "[databases.db.validation]\nignore_formats = {}\n[databases.db.validation.references]\n",
        !formats
    );
    for remote in remotes {
        let below = remote.strip_prefix(suite.join("remotes")).expect("below");
        config += &[
            "\"http://localhost:1234/",
            &below.to_string_lossy(),
            "\" = '",
            &remote.to_string_lossy(),
            "'\n",
        ]
        .concat();
    }
    config
}

/// The cases in which what was generated from the schema judges in another way than the schema.
fn differences<'a>(
    schemas: &'a Schemas,
    examples: &'a [Value],
    verdicts: &'a [bool],
) -> impl Iterator<Item = &'a str> {
    let differs = |(test, verdict): &(&Value, &bool)| {
        schemas.types[0].violations(&test["data"]).is_empty() != **verdict
    };
    let pairs = examples.iter().zip(verdicts).filter(differs);
    pairs.map(|(test, _)| test["description"].as_str().expect("text"))
}

#[test]
#[ignore = "needs the folder of the suite in COUCHCTL_JSON_SCHEMA_TEST_SUITE"]
fn the_official_suite() {
    let suite = std::env::var_os("COUCHCTL_JSON_SCHEMA_TEST_SUITE").expect("the suite's folder");
    let suite = PathBuf::from(suite);
    let root = tempfile::tempdir().expect("a folder");
    let mut remotes = Vec::new();
    files(&suite.join("remotes"), &mut remotes);
    let (mut passed, mut wrong) = (0, Vec::new());
    let (mut agreed, mut left_out) = (0, 0);
    let (mut selections, mut not_said) = (0, 0);
    let profiles = [Profile::SpiderMonkey, Profile::QuickJs];
    let mut engines = profiles.map(|profile| Functions::new(profile, Limits::default()));
    for (draft, dialect, optional) in [
        ("draft4", "http://json-schema.org/draft-04/schema#", true),
        ("draft6", "http://json-schema.org/draft-06/schema#", true),
        ("draft7", "http://json-schema.org/draft-07/schema#", true),
        ("draft2019-09", "https://json-schema.org/draft/2019-09/schema", true),
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema", true),
    ] {
        for formats in [false, true] {
            if formats && !optional {
                continue;
            }
            let config = config(&suite, &remotes, formats);
            let mut tests = Vec::new();
            let folder = suite.join("tests").join(draft);
            if formats {
                files(&folder.join("optional/format"), &mut tests);
            } else {
                files(&folder, &mut tests);
                tests.retain(|path| !path.to_string_lossy().contains("/optional/"));
            }
            tests.sort();
            for path in tests {
                let groups = parse(&fs::read(&path).expect("a file")).expect("JSON");
                for group in groups.as_array().expect("groups") {
                    let mut schema = group["schema"].clone();
                    if let Value::Object(members) = &mut schema
                        && !members.contains_key("$schema")
                    {
                        members.insert("$schema".to_owned(), dialect.into());
                    }
                    let place = format!(
                        "{draft}/{}: {}",
                        path.file_stem().expect("a name").to_string_lossy(),
                        group["description"].as_str().expect("text")
                    );
                    let schemas = match load(root.path(), &config, &schema) {
                        Ok(schemas) => schemas,
                        Err(problems) => {
                            wrong.push(format!("{place}: {problems}"));
                            continue;
                        }
                    };
                    let examples = group["tests"].as_array().expect("tests");
                    let values: Vec<&Value> = examples.iter().map(|test| &test["data"]).collect();
                    match selected(&schemas, &values) {
                        None => not_said += values.len(),
                        Some(verdicts) => {
                            selections += values.len();
                            let differs = differences(&schemas, examples, &verdicts);
                            wrong.extend(differs.map(|case| format!("selector: {place}: {case}")));
                        }
                    }
                    for functions in &mut engines {
                        let Some(verdicts) = generated(functions, &schemas, &values) else {
                            left_out += values.len();
                            continue;
                        };
                        agreed += values.len();
                        let differs = differences(&schemas, examples, &verdicts);
                        wrong.extend(differs.map(|case| format!("generated: {place}: {case}")));
                    }
                    for test in examples {
                        let valid = schemas.types[0].violations(&test["data"]).is_empty();
                        let case =
                            format!("{place}: {}", test["description"].as_str().expect("text"));
                        if valid == (test["valid"] == Value::Bool(true)) {
                            passed += 1;
                        } else if !KNOWN.contains(&case.as_str()) {
                            wrong.push(case);
                        }
                    }
                }
            }
        }
    }
    println!("{passed} passed; generated functions: {agreed} agreed, {left_out} left out");
    println!("generated selectors: {selections} agreed, {not_said} cannot be said");
    assert!(wrong.is_empty(), "{passed} passed, {} not:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed > 5000, "only {passed} cases");
    assert!(selections > 3000, "the generated selectors agree in {selections}, not {not_said}");
    assert!(agreed > 5000, "the generated functions agree in {agreed}, and leave out {left_out}");
}
