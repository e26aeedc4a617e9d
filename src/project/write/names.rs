//! Names of files: what may be one on every system, and what to call a design document otherwise.

use std::path::Path;

/// Whether a file can have this name on every system: no server may choose a path.
pub(super) fn is_safe(name: &str) -> bool {
    const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = RESERVED.iter().any(|reserved| {
        stem.strip_prefix(reserved).is_some_and(|rest| {
            rest.is_empty() || rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    !name.is_empty()
        && name.len() <= 200
        && !device
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' ', '~'])
        && !name.chars().any(|c| c.is_control() || is_unsafe(c))
}

fn is_unsafe(character: char) -> bool {
    matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{feff}')
}

/// Whether the names can stand side by side, also where the case of letters does not count.
pub(super) fn are_distinct<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().all(|name| seen.insert(name.to_lowercase()))
}

/// The name for a design document's file or folder, without an extension: its own where that may be one and is
/// free, otherwise with the characters in question percent-encoded.
pub(super) fn free_name(name: &str, folder: &Path, replaced: Option<&Path>) -> String {
    let taken = |candidate: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| Some(entry.path().as_path()) != replaced).any(|entry| {
            let other = entry.file_name().to_string_lossy().to_lowercase();
            let stem =
                Path::new(&other).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let candidate = candidate.to_lowercase();
            other == candidate || stem == Some(candidate)
        })
    };
    // `couchapp.json` would make the database's folder a couchapp.
    let plain =
        is_safe(name) && !name.starts_with('_') && !name.contains('%') && name != "couchapp";
    if plain && !taken(name) {
        return name.to_owned();
    }
    let mut encoded = encode(name, |character| !character.is_ascii_uppercase());
    // Names that differ only in the case of letters.
    if taken(&encoded) || encoded == "couchapp" {
        encoded = encode(name, |_| false);
    }
    if encoded.len() > 150 {
        let digest = crate::design::term::encode(&crate::json::Value::from(name));
        let digest = crc32fast::hash(&digest);
        let short: String = encoded.chars().take(120).collect();
        encoded = format!("{}~{digest:08x}", short.trim_end_matches('%'));
    }
    encoded
}

/// Percent-encodes what may not stand in a name, and of the rest what `keeps` refuses.
fn encode(name: &str, keeps: impl Fn(char) -> bool) -> String {
    use std::fmt::Write;

    let mut encoded = String::new();
    for (index, character) in name.chars().enumerate() {
        let plain = character.is_ascii_alphanumeric()
            || matches!(character, '-' | '+' | '$' | '(' | ')')
            || matches!(character, '_' | '.') && index > 0;
        let kept = plain && keeps(character);
        if kept {
            encoded.push(character);
        } else {
            for byte in character.to_string().bytes() {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    // A dot at the end, or the name of a device.
    if !is_safe(&encoded) {
        encoded.push('%');
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for name in ["by_date", "Å", "a.b", "a b", "console", "com10"] {
            assert!(is_safe(name), "{name}");
        }
        for name in [
            "", ".", "..", ".git", "a/b", "a\\b", "a:b", "nul", "NUL.js", "COM1", "a.", "a ",
            "a\n", "a~",
        ] {
            assert!(!is_safe(name), "{name}");
        }
        assert!(are_distinct(["a", "b"].into_iter()));
        assert!(!are_distinct(["a", "A"].into_iter()));
    }

    #[test]
    fn names_of_design_documents() {
        let folder = tempfile::tempdir().expect("a folder");
        let free = |name: &str| free_name(name, folder.path(), None);
        assert_eq!(free("app"), "app");
        assert_eq!(free("a/b:c"), "a%2Fb%3Ac");
        assert_eq!(free(".."), "%2E.%");
        assert_eq!(free("_x"), "%5Fx");
        assert_eq!(free("nul"), "nul%");
        assert!(free(&"x/".repeat(300)).len() < 200);
        std::fs::write(folder.path().join("app.json"), "{}").expect("a file");
        assert_eq!(free("App"), "%41pp");
        let replaced = folder.path().join("app.json");
        assert_eq!(free_name("app", folder.path(), Some(&replaced)), "app");
        for name in ["..", "a/../../b", "/etc", "C:\\x", "\0"] {
            assert!(is_safe(&free(name)), "{name}: {}", free(name));
        }
    }
}
