//! Comparing sources by what they say rather than how they are written.

use super::spidermonkey;
use crate::project::javascript_tokens;

/// Whether two sources of functions are the same program: they differ in white space, comments and the
/// like, and every engine runs both alike. `Function.prototype.toString` is what could tell them apart.
///
/// The syntax trees are compared. Syntax newer than ES2017, which only QuickJS takes, is compared token by
/// token instead, with line breaks at the same places: then `false` says less than that they differ.
#[must_use]
pub fn same_syntax(left: &str, right: &str) -> bool {
    left == right
        || spidermonkey::same_program(left, right).unwrap_or_else(|| same_tokens(left, right))
}

fn same_tokens(left: &str, right: &str) -> bool {
    // Line breaks count, since a semicolon may be inserted at one.
    let pieces = |source: &str| -> Vec<(String, bool)> {
        let mut end = 0;
        let tokens = javascript_tokens(source).into_iter();
        tokens
            .map(|token| {
                let between = source.get(end..token.start).unwrap_or_default();
                let breaks = end > 0 && between.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                end = token.end;
                (source.get(token.start..token.end).unwrap_or_default().to_owned(), breaks)
            })
            .collect()
    };
    let (left, right) = (pieces(left), pieces(right));
    !left.is_empty() && left == right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_is_no_difference() {
        for (left, right) in [
            (
                "function(doc){emit(doc._id,1)}",
                "function (doc) {\n  // ids\n  emit(doc._id, 1);\n}\n",
            ),
            ("function(doc){}", "(function (doc) { })"),
            ("function(d){};", "function (d) { ; }"),
            ("doc => emit('a')", "(doc) => emit(\"a\");"),
            (
                "function(d){if(d.a){emit(1)}else{emit(2)}}",
                "function (d) { if (d.a) { emit(1); } else { emit(2); } }",
            ),
            ("function(d){return (1+2)*3}", "function(d){return ((1+2)) * 3;}"),
            ("function(d){emit(d?.a)}", "function(d){ emit( d?.a ) } // modern"),
            ("exports.a = 1;", "/* a */ exports.a = 1"),
        ] {
            assert!(same_syntax(left, right), "{left} | {right}");
            assert!(same_syntax(right, left), "{right} | {left}");
        }
    }

    #[test]
    fn meaning_is_a_difference() {
        for (left, right) in [
            ("function(doc){emit(doc._id,1)}", "function(doc){emit(doc._id,2)}"),
            ("function(d){return 1+2*3}", "function(d){return (1+2)*3}"),
            ("function(d){return (1+2)**3}", "function(d){return 1+2**3}"),
            ("function(d){return\nd}", "function(d){return d}"),
            ("function(d){emit('// a')}", "function(d){emit('//a')}"),
            ("function(d){emit(/ /)}", "function(d){emit(/  /)}"),
            ("function(d){emit(`a ${d} b`)}", "function(d){emit(`a ${d}  b`)}"),
            ("function(d){var a}", "function(d){let a}"),
            ("function(d){a\n++b}", "function(d){a++\nb}"),
            ("function(d){if(a)b;else c}", "function(d){if(a)b;c}"),
            ("function(d){emit(d?.a\n)}", "function(d){emit(d?.a)}"),
            ("function(d){emit(d?.a)}", "function(d){emit(d?.b)}"),
            ("function(d){emit(a=>1)}", "function(d){emit(async a=>1)}"),
            ("function(d){emit({a})}", "function(d){emit({b})}"),
            ("function(d){x:for(;;)break x}", "function(d){x:for(;;)break}"),
            ("", "function(d){}"),
            ("{{{", "{{{{"),
            ("((((", "))))"),
        ] {
            assert!(!same_syntax(left, right), "{left} | {right}");
            assert!(!same_syntax(right, left), "{right} | {left}");
        }
    }

    #[test]
    fn long_chains_are_compared() {
        let chain = |space: &str| {
            let terms: Vec<String> = (0..50_000).map(|term| format!("{space}d.a{term}")).collect();
            format!("function(d){{return {}}}", terms.join("+"))
        };
        assert!(same_syntax(&chain(""), &chain(" ")));
    }
}
