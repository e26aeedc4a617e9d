//! `couchctl init`

use std::path::{Path, PathBuf};

use clap::Args;

use super::Terminal;
use crate::exit::Exit;

/// Write a small project whose tests pass.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Where to write it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The database it is for
    #[arg(long, default_value = "app")]
    database: String,
}

const FILES: [(&str, &str); 7] = [
    (
        "couchctl.toml",
        "[databases.{db}]\ndiscriminator = \"type\"\ncreate = true\n\n[environments.local]\nurl = \"http://127.0.0.1:5984\"\n",
    ),
    (
        "views/{db}/notes/by_author/map.js",
        "/** @param {{namespace}.Document} doc */\nmodule.exports = function (doc) {\n  if (doc.type === 'note') {\n    emit(doc.author, null);\n  }\n};\n",
    ),
    ("views/{db}/notes/by_author/reduce", "_count\n"),
    (
        "jsconfig.json",
        "{\n  \"compilerOptions\": { \"checkJs\": true, \"noEmit\": true, \"strict\": true, \"lib\": [\"es5\"], \"types\": [] },\n  \"include\": [\"types\", \"views\"]\n}\n",
    ),
    (
        "schemas/{db}/note.schema.json",
        "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"type\": \"object\",\n  \"required\": [\"type\", \"author\", \"text\"],\n  \"properties\": {\n    \"type\": { \"const\": \"note\" },\n    \"author\": { \"type\": \"string\" },\n    \"text\": { \"type\": \"string\" }\n  }\n}\n",
    ),
    (
        "tests/{db}/notes.test.yaml",
        "docs:\n  - fixtures/notes.ndjson\ntests:\n  - name: notes by their author\n    view: by_author\n    query: { reduce: false, key: ann }\n    expect:\n      rows:\n        - { id: \"note:1\", key: ann }\n        - { id: \"note:3\", key: ann }\n  - name: how many notes each author wrote\n    view: by_author\n    query: { group: true }\n    expect:\n      rows:\n        - { key: ann, value: 2 }\n        - { key: bob, value: 1 }\n",
    ),
    (
        "tests/{db}/fixtures/notes.ndjson",
        "{\"_id\":\"note:1\",\"type\":\"note\",\"author\":\"ann\",\"text\":\"first\"}\n{\"_id\":\"note:2\",\"type\":\"note\",\"author\":\"bob\",\"text\":\"second\"}\n{\"_id\":\"note:3\",\"type\":\"note\",\"author\":\"ann\",\"text\":\"third\"}\n",
    ),
];

pub(super) fn run(
    arguments: &InitArguments,
    project: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let folder = project.unwrap_or(&arguments.folder);
    let database = &arguments.database;
    // CouchDB's own rule for names of databases.
    let valid = database.starts_with(|first: char| first.is_ascii_lowercase())
        && database
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_$()+-".contains(c));
    if !valid {
        terminal.error(
            &format!("`{database}` is no name for a database"),
            Some("lower-case letters, digits and _$()+- only, a letter first"),
        );
        return Exit::Usage;
    }
    // As `couchctl generate types` calls it.
    let namespace =
        database.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$', "_");
    let files: Vec<(PathBuf, &str)> = FILES
        .iter()
        .map(|(path, text)| (folder.join(path.replace("{db}", database)), *text))
        .collect();
    let views = folder.join("views");
    let taken = files.iter().map(|(path, _)| path).chain([&views]).find(|path| path.exists());
    if let Some(path) = taken {
        terminal.error(
            &format!("{} exists already; nothing was written", path.display()),
            Some("choose an empty folder"),
        );
        return Exit::Usage;
    }
    for (path, text) in files {
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            std::fs::write(&path, text.replace("{db}", database).replace("{namespace}", &namespace))
        });
        if let Err(error) = written {
            terminal.error(&format!("{} cannot be written: {error}", path.display()), None);
            return Exit::Usage;
        }
        terminal.data(&format!("wrote {}\n", path.display()));
    }
    terminal.message("next: `couchctl test`");
    Exit::Success
}
