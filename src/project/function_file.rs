//! Files that hold one function.

/// The source of the function in a file, as it is stored: a bare function as it stands, otherwise
/// what stands behind `module.exports =`, `exports.name =` or `export default`, without the
/// semicolon at its end. Comments in front of such an assignment are not part of the function.
#[must_use]
pub fn function_source(text: &str) -> Option<&str> {
    let code = skip_comments(text);
    let rest = if let Some(rest) = code.strip_prefix("export default") {
        rest.starts_with(|next: char| next.is_whitespace() || next == '(').then_some(rest)?
    } else {
        let member = code.strip_prefix("module.exports").or_else(|| {
            let rest = code.strip_prefix("exports.")?;
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))?;
            Some(&rest[end..])
        })?;
        member.trim_start().strip_prefix('=').filter(|rest| !rest.starts_with(['=', '>']))?
    };
    Some(rest.trim().trim_end_matches(';').trim_end())
}

fn skip_comments(text: &str) -> &str {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        rest = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else if let Some(rest) = ["'use strict';", "\"use strict\";"]
            .iter()
            .find_map(|directive| rest.strip_prefix(directive))
        {
            rest
        } else {
            return rest;
        }
        .trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::function_source;

    #[test]
    fn assignments_are_taken_off() {
        for text in [
            "module.exports = function (doc) {};\n",
            "// a view\n/* of tasks */\n'use strict';\nmodule.exports = function (doc) {}",
            "exports.map = function (doc) {};",
            "export default function (doc) {}\n",
        ] {
            assert_eq!(function_source(text), Some("function (doc) {}"), "{text}");
        }
        for text in
            ["function (doc) {}", "doc => 1", "module.exportsx = 1", "module.exports == 1", ""]
        {
            assert_eq!(function_source(text), None, "{text}");
        }
    }
}
