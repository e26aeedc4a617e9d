//! The project reader: any tree of files, read as a project.
//!
//! An input is a list of files: a line `--- PATH`, or `--- PATH -> TARGET` for a symbolic link, then
//! the content up to the next such line.

#![no_main]

use std::cell::RefCell;
use std::fs;
use std::path::{Component, Path};
use std::time::Duration;

use couchctl::engine::{Engine, EngineError, Limits, Profile};
use couchctl::group::GroupDefinition;
use couchctl::json::{self, Value};
use couchctl::project::suite::Suite;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl_fuzz::{items, plant, recorded};
use libfuzzer_sys::{Corpus, fuzz_target};

const MARK: &str = "--- ";

/// A machine gives back the memory of its modules only as a whole.
const MODULES: usize = 200;

/// An engine, and how many modules it has loaded.
struct Loader(RefCell<(usize, Engine)>);

fn engine() -> Engine {
    let limits = Limits { call_time: Duration::from_millis(200), ..Limits::default() };
    Engine::new(Profile::QuickJs, limits)
}

impl ModuleLoader for Loader {
    fn load(&self, _path: &Path, source: &str) -> Result<Value, ModuleError> {
        let (used, engine) = &mut *self.0.borrow_mut();
        *used += 1;
        if *used % MODULES == 0 {
            *engine = self::engine();
        }
        let source = source.to_owned();
        let loaded = engine.run(move |vm| vm.load_module(&source));
        match loaded.and_then(|loaded| loaded) {
            Ok(value) => Ok(value),
            Err(EngineError::Internal(message)) => panic!("{message}"),
            Err(error) => Err(ModuleError { message: error.to_string(), line: None }),
        }
    }
}

thread_local! {
    static LOADER: Loader = Loader(RefCell::new((0, engine())));
}

/// Only paths that stay below the folder.
fn is_inside(path: &Path) -> bool {
    path.as_os_str().len() < 200
        && path.components().count() > 0
        && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn write(folder: &Path, name: &str, content: &str) {
    let (name, target) = match name.split_once(" -> ") {
        Some((name, target)) => (name, Some(target)),
        None => (name, None),
    };
    if !is_inside(Path::new(name)) || name.contains('\0') {
        return;
    }
    let path = folder.join(name);
    // What is in the way of another file stays.
    let Some(parent) = path.parent() else { return };
    if fs::create_dir_all(parent).is_err() {
        return;
    }
    let _ = match target {
        // A link may lead anywhere below its folder, or back up to it.
        Some(".") => std::os::unix::fs::symlink(".", &path),
        Some(target) if is_inside(Path::new(target)) && !target.contains('\0') => {
            std::os::unix::fs::symlink(target, &path)
        }
        Some(_) => Ok(()),
        None => fs::write(&path, content),
    };
}

/// Whether the configuration sends the reader out of the folder; that is its user's own choice.
fn leaves(config: &str) -> bool {
    config.contains("folder")
        && (config.contains("..") || config.contains('/') || config.contains('\\'))
}

fn tree(files: &[(&str, &str)]) -> String {
    files.iter().map(|(path, content)| format!("{MARK}{path}\n{content}\n")).collect()
}

fn seeds() -> Vec<String> {
    let mut seeds = Vec::new();
    let (signatures, saves) = (recorded("signatures.json"), recorded("save_design.json"));
    let designs = items(&signatures["designs"]).iter().map(|design| &design["design"]);
    for design in designs.chain(items(&saves).iter().map(|save| &save["body"])) {
        let text = json::to_string(design);
        seeds.push(tree(&[("views/db/d.json", &text)]));
        if seeds.len() % 4 == 0 {
            seeds.push(tree(&[("views/db/d.js", &format!("module.exports = {text};"))]));
        }
        for (name, view) in design["views"].as_object().into_iter().flatten() {
            let member = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
            let (map, reduce) = (member("map"), member("reduce"));
            let own = format!("views/db/d/{name}/");
            let tool = format!("views/db/d/views/{name}/");
            seeds
                .push(tree(&[(&format!("{own}map.js"), &map), (&format!("{own}reduce"), &reduce)]));
            seeds.push(tree(&[
                ("couchctl.toml", "[databases.db]\ndiscriminator = \"type\"\n"),
                ("views/db/d/.couchapprc", "{}"),
                ("views/db/d/_id", "_design/d"),
                (&format!("{tool}map.js"), &format!("// !code lib/a.js\n// !json lib.b\n{map}")),
                ("views/db/d/lib/a.js", "exports.a = 1;"),
                ("views/db/d/lib/b.json", "{\"b\":[1,2]}"),
                ("views/db/d/_attachments/a.txt", "text"),
                ("views/db/d/lib/c -> .", ""),
            ]));
        }
    }
    seeds.push(tree(&[
        ("couchctl.toml", "[databases.db]\nlayout = \"compile\"\ntrim = false\n"),
        ("views/db/d/views/v/map.js", "module.exports = function (doc) { emit(doc._id); };"),
        ("schemas/db/note.schema.json", "{\"type\":\"object\"}"),
        (
            "tests/db/d.test.yaml",
            "docs: [{ _id: a }]\ntests:\n  - { name: n, view: v, expect: { rows: [] } }\n",
        ),
    ]));
    seeds
}

fuzz_target!(
    init: plant(seeds),
    |input: &str| -> Corpus {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(input) = input.strip_prefix(MARK) else { return Corpus::Reject };
        for file in input.split(&format!("\n{MARK}")).take(40) {
            let (name, content) = file.split_once('\n').unwrap_or((file, ""));
            if name == "couchctl.toml" && leaves(content) {
                return Corpus::Reject;
            }
            write(folder.path(), name, content);
        }
        // Without one of these the reader would look for a project further up.
        if !folder.path().join("views").is_dir() && !folder.path().join("couchctl.toml").is_file() {
            return Corpus::Reject;
        }
        let opened = LOADER.with(|loader| Project::open(folder.path(), loader));
        let project = match opened {
            Ok(project) => project,
            Err(error) => {
                for problem in &error.problems {
                    assert!(!problem.to_string().is_empty());
                    let _ = problem.hint();
                }
                return Corpus::Keep;
            }
        };
        for database in &project.databases {
            for design in &database.designs {
                let _ = design.validate(database.config.partitioned);
                assert!(!design.signature().is_empty());
                let _ = GroupDefinition::new(&design.body);
                json::parse_str(&json::to_string(&design.to_value())).expect("it is JSON");
            }
            for suite in &database.suites {
                let _ = Suite::read(suite);
            }
        }
        Corpus::Keep
    }
);
