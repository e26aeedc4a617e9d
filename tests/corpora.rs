//! Schemas, views and documents of other projects. They are no part of this repository: a run needs a
//! folder in `COUCHCTL_CORPORA` with the trees of their repositories, `kazoo` (2600hz/kazoo), `cht-core`
//! (medic/cht-core) and `WMCore` (dmwm/WMCore).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn corpus(name: &str) -> PathBuf {
    let folder = std::env::var_os("COUCHCTL_CORPORA").expect("the folder of the corpora");
    let folder = PathBuf::from(folder).join(name);
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    folder
}

/// All files below a folder whose paths hold this.
fn files(folder: &Path, part: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = path.to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if text.contains(part) && text.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn copy(from: &Path, root: &Path, path: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::copy(from, path).expect("copied");
}

fn couchctl(root: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("couchctl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Kazoo's schemas load, all of them; a function and declarations come out; and its views look for nothing
/// that the schemas exclude, but in one place: `cdrs.json` closes its object and leaves out the members
/// `pvt_…` that kazoo itself adds.
#[test]
#[ignore = "needs the folder of the corpora in COUCHCTL_CORPORA"]
fn kazoo() {
    let kazoo = corpus("kazoo");
    let root = tempfile::tempdir().expect("a folder");
    let mut count = 0;
    for path in files(&kazoo, "/crossbar/priv/couchdb/schemas/", ".json") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        copy(&path, root.path(), &format!("schemas/kazoo/all/{name}.schema.json"));
        // Kazoo's types are in the singular.
        if !name.contains('.') {
            let one = name.strip_suffix('s').unwrap_or(&name);
            let reference = format!("{{ \"$ref\": \"all/{name}\" }}");
            write(root.path(), &format!("schemas/kazoo/{one}.schema.json"), &reference);
        }
        count += 1;
    }
    write(root.path(), "schemas/kazoo/anything.schema.json", "{}");
    let config = "[databases.kazoo]\ndiscriminator = \"pvt_type\"\n[databases.kazoo.validation]\ndefault = \"anything\"\n";
    write(root.path(), "couchctl.toml", config);
    let mut ids = BTreeSet::new();
    for path in files(&kazoo, "/priv/couchdb/views/", ".json") {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        let id = text.split("\"_id\"").nth(1).and_then(|rest| rest.split('"').nth(1));
        // Two databases of kazoo have design documents of the same name.
        let database = if ids.insert(id.map(str::to_owned)) { "kazoo" } else { "kazoo-more" };
        copy(&path, root.path(), &format!("views/{database}/{name}"));
    }
    let (code, out, warnings) = couchctl(root.path(), &["check"]);
    println!("{count} schemas: {out}{warnings}");
    assert_eq!(code, Some(0), "{warnings}");
    assert!(count > 700, "{count} schemas");
    let unexpected: Vec<&str> = warnings
        .lines()
        .filter(|line| !line.contains("cdr.json") || !line.contains("pvt_deleted"))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    let (code, out, error) = couchctl(root.path(), &["generate", "vdu", "--database", "kazoo"]);
    assert_eq!(code, Some(0), "{error}");
    println!("{out}{} things are not checked on the server", error.lines().count());
    let (code, _, error) = couchctl(root.path(), &["generate", "types", "--database", "kazoo"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(couchctl(root.path(), &["check"]).0, Some(0));
}

/// What is JSON in these repositories is read as documents, in whatever form; and no view is blamed by schemas of
/// the types that the views name, with all members that they read. Neither repository has schemas of its own.
#[test]
#[ignore = "needs the folder of the corpora in COUCHCTL_CORPORA"]
fn documents_and_views_without_schemas() {
    for (name, views) in [("cht-core", "/ddocs/"), ("WMCore", "/src/couchapps/")] {
        let corpus = corpus(name);
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), "couchctl.toml", "[databases.all.validation]\ndefault = \"anything\"\n");
        write(root.path(), "schemas/all/anything.schema.json", "{}");
        let (mut read, mut refused) = (0, Vec::new());
        for path in files(&corpus, "", ".json") {
            let shown = path.strip_prefix(&corpus).expect("below").display().to_string();
            let path = path.to_string_lossy();
            let (code, _, error) =
                couchctl(root.path(), &["validate", "--type", "anything", &path]);
            match code {
                Some(0) => read += 1,
                _ => {
                    refused.push(format!("{shown}: {}", error.lines().next().unwrap_or("invalid")));
                }
            }
        }
        println!("{name}: {read} files read, {} refused:\n{}", refused.len(), refused.join("\n"));
        assert!(read > 20, "{name}: {read} files");
        let mut types = BTreeSet::new();
        let mut members = BTreeSet::from(["type".to_owned()]);
        let maps = files(&corpus, views, "map.js");
        for path in &maps {
            let text = fs::read_to_string(path).unwrap_or_default();
            for part in text.split(".type ===").chain(text.split(".type ==")).skip(1) {
                let quoted = part.trim_start().trim_start_matches(['=', ' ']);
                let name = quoted
                    .strip_prefix(['\'', '"'])
                    .and_then(|rest| rest.split(['\'', '"']).next());
                types.extend(name.filter(|name| name.len() < 40).map(str::to_owned));
            }
            for part in text.replace("[\"", ".").replace("['", ".").split("doc.").skip(1) {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$');
                members.insert(part[..end.unwrap_or(part.len())].to_owned());
            }
            let below =
                path.strip_prefix(&corpus).expect("below").to_string_lossy().replace('/', "_");
            copy(
                path,
                root.path(),
                &format!("views/all/views/{}/map.js", below.trim_end_matches("_map.js")),
            );
        }
        // Closed schemas of all members that any of the maps reads: whatever is warned of is a false alarm.
        let known: Vec<String> = members.iter().map(|name| format!("\"{name}\": true")).collect();
        let schema = format!(
            "{{ \"properties\": {{ {} }}, \"additionalProperties\": false }}",
            known.join(", ")
        );
        for name in &types {
            write(root.path(), &format!("schemas/all/{name}.schema.json"), &schema);
        }
        let (_, out, warnings) = couchctl(root.path(), &["check"]);
        let warnings: Vec<&str> =
            warnings.lines().filter(|line| line.starts_with("warning:")).collect();
        println!("{name}: {} maps, {} types: {out}", maps.len(), types.len());
        assert!(warnings.is_empty(), "{warnings:#?}");
    }
}
