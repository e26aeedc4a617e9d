//! The console blocks of the README and the manual, run as they stand there.
//!
//! Each page has an empty folder of its own, and its blocks run in order. `<!-- file: PATH -->` before
//! a block, or around text, writes that file; `<!-- project: repository -->` runs the next block in
//! this repository. In a console block `? N` after a command is its exit code, and a line `...` stands
//! for any lines. Times are not compared.

use std::io::Read;
use std::path::Path;
use std::process::Command;

enum Step {
    Write { path: String, content: String },
    Run { line: usize, command: String, in_repository: bool, status: i32, output: Vec<String> },
}

/// What a page says to do, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut file, mut in_repository) = (None, false);
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut until = |end: &str| -> Vec<String> {
            lines.by_ref().map(|(_, line)| line.to_owned()).take_while(|line| line != end).collect()
        };
        if line == "<!-- project: repository -->" {
            in_repository = true;
        } else if let Some(path) = line.strip_prefix("<!-- file: ") {
            match path.strip_suffix(" -->") {
                Some(path) => file = Some(path.to_owned()),
                None => {
                    let content = until("-->").join("\n") + "\n";
                    steps.push(Step::Write { path: path.to_owned(), content });
                }
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let block = until("```");
            if let Some(path) = file.take() {
                steps.push(Step::Write { path, content: block.join("\n") + "\n" });
            } else if language == "console" {
                commands(&block, number + 2, in_repository, &mut steps);
                in_repository = false;
            }
        }
    }
    assert!(file.is_none(), "a file without its block");
    steps
}

fn commands(block: &[String], first: usize, in_repository: bool, steps: &mut Vec<Step>) {
    for (offset, text) in block.iter().enumerate() {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step::Run {
                line: first + offset,
                command: command.to_owned(),
                in_repository,
                status: 0,
                output: Vec::new(),
            });
            continue;
        }
        let Some(Step::Run { status, output, .. }) = steps.last_mut() else {
            panic!("line {}: output without a command", first + offset);
        };
        match text.strip_prefix("? ").filter(|_| output.is_empty()) {
            Some(code) => *status = code.parse().expect("an exit code"),
            None => output.push(without_time(text)),
        }
    }
}

/// A line without the seconds at its end.
fn without_time(line: &str) -> String {
    match line.rsplit_once(" (") {
        Some((text, time)) if time.ends_with(" s)") => format!("{text} (time)"),
        _ => line.trim_end().to_owned(),
    }
}

/// Whether lines are as expected, where `...` stands for any.
fn matches(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((any, rest)) if any == "..." => {
            (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        Some((line, rest)) => actual.first() == Some(line) && matches(rest, &actual[1..]),
    }
}

fn without_blank_end(mut lines: Vec<String>) -> Vec<String> {
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn check(page: &Path) -> usize {
    let text = std::fs::read_to_string(page).expect("the page");
    let folder = tempfile::tempdir().expect("a folder");
    let mut ran = 0;
    for step in steps(&text) {
        match step {
            Step::Write { path, content } => {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(path, content).expect("a file");
            }
            Step::Run { line, command, in_repository, status, output } => {
                let place = format!("{}:{line}: {command}", page.display());
                // Options with quoted values are the only quoting there is.
                let command = command.replace("cargo run --release --", "couchctl");
                let words: Vec<String> =
                    command.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect();
                assert_eq!(words[0], "couchctl", "{place}");
                // One pipe for both, as a terminal shows them.
                let (mut printed, output_end) = std::io::pipe().expect("a pipe");
                let mut running = Command::new(env!("CARGO_BIN_EXE_couchctl"));
                running
                    .args(&words[1..])
                    .current_dir(if in_repository {
                        Path::new(env!("CARGO_MANIFEST_DIR"))
                    } else {
                        folder.path()
                    })
                    .env_remove("CI")
                    .env("COLUMNS", "100")
                    .env("NO_COLOR", "1")
                    .stdout(output_end.try_clone().expect("a pipe"))
                    .stderr(output_end);
                let mut child = running.spawn().expect("couchctl runs");
                drop(running);
                let mut bytes = Vec::new();
                printed.read_to_end(&mut bytes).expect("what it prints");
                let code = child.wait().expect("couchctl ends").code();
                let printed: Vec<String> =
                    String::from_utf8_lossy(&bytes).lines().map(without_time).collect();
                let (expected, actual) = (without_blank_end(output), without_blank_end(printed));
                assert!(
                    matches(&expected, &actual),
                    "{place}\nexpected:\n{}\n\nprinted:\n{}",
                    expected.join("\n"),
                    actual.join("\n")
                );
                assert_eq!(code, Some(status), "{place}");
                ran += 1;
            }
        }
    }
    ran
}

#[test]
fn the_readme_shows_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(check(&root.join("README.md")) > 0, "it shows no command");
}

#[test]
fn the_manual_shows_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src");
    let mut ran = 0;
    for page in std::fs::read_dir(root).expect("the manual") {
        let page = page.expect("a page").path();
        if page.extension().is_some_and(|extension| extension == "md") {
            ran += check(&page);
        }
    }
    assert!(ran > 0, "it shows no command");
}
