//! Values printed as Erlang terms, as they stand in CouchDB's error messages.

use crate::json::{Value, is_integer};

/// The column at which pretty printing starts a new line.
const WIDTH: usize = 80;

/// Prints like `~w`: strings as lists of bytes.
pub(super) fn plain(value: &Value) -> String {
    let mut out = String::new();
    write(value, false, &mut out);
    out
}

/// Prints like `~p`, starting at the given column. Lists that do not fit get a line per element.
pub(crate) fn pretty(value: &Value, column: usize) -> String {
    let mut line = String::new();
    write(value, true, &mut line);
    let elements: Vec<String> = match value {
        _ if column + line.len() <= WIDTH => return line,
        Value::Array(items) => items.iter().map(|item| pretty(item, column + 1)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| pair(name, member, true));
            return format!("{{{}}}", lines(&members.collect::<Vec<_>>(), column + 1));
        }
        _ => return line,
    };
    lines(&elements, column)
}

/// Prints the members of an object like `~p` of a list of pairs.
pub(crate) fn pretty_members(members: &crate::json::Map<String, Value>, column: usize) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, member)| pair(name, member, true)).collect();
    let line = format!("[{}]", members.join(","));
    if column + line.len() <= WIDTH { line } else { lines(&members, column) }
}

fn lines(elements: &[String], column: usize) -> String {
    format!("[{}]", elements.join(&format!(",\n{}", " ".repeat(column + 1))))
}

/// Prints a string parameter of a URL like `~p` prints a list of bytes.
pub(super) fn text(text: &str) -> String {
    if text.is_empty() {
        return String::from("[]");
    }
    quoted(text).unwrap_or_else(|| bytes("[", text, "]"))
}

fn pair(name: &str, member: &Value, pretty: bool) -> String {
    let mut out = String::from("{");
    string(name, pretty, &mut out);
    out.push(',');
    write(member, pretty, &mut out);
    out.push('}');
    out
}

fn write(value: &Value, pretty: bool, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) if is_integer(number.as_str()) => out.push_str(number.as_str()),
        Value::Number(number) => out.push_str(&float(number.as_str().parse().unwrap_or(0.0))),
        Value::String(text) => string(text, pretty, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, pretty, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, member)| pair(name, member, pretty)).collect();
            out.push_str("{[");
            out.push_str(&members.join(","));
            out.push_str("]}");
        }
    }
}

fn string(text: &str, pretty: bool, out: &mut String) {
    match quoted(text).filter(|_| pretty && !text.is_empty()) {
        Some(quoted) => {
            out.push_str("<<");
            out.push_str(&quoted);
            out.push_str(">>");
        }
        None => out.push_str(&bytes("<<", text, ">>")),
    }
}

fn bytes(open: &str, text: &str, close: &str) -> String {
    let numbers: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    format!("{open}{}{close}", numbers.join(","))
}

/// The text between quotes, when Erlang counts all of its bytes as printable Latin-1.
fn quoted(text: &str) -> Option<String> {
    let mut out = String::from("\"");
    for character in text.chars() {
        let mut buffer = [0; 4];
        let printable = |byte: &u8| matches!(byte, 8..=13 | 27 | 32..=126 | 160..=255);
        if !character.encode_utf8(&mut buffer).as_bytes().iter().all(printable) {
            return None;
        }
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            other => out.push(other),
        }
    }
    out.push('"');
    Some(out)
}

/// A float as `io_lib` prints it: the shortest digits, with an exponent where that is shorter.
pub(super) fn float(value: f64) -> String {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let place = exponent.parse::<i64>().unwrap_or(0) + 1;
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let zeros = |number: i64| "0".repeat(usize::try_from(number).unwrap_or(0));
    let exponent = (place - 1).to_string();
    let cost = i64::try_from(exponent.len()).unwrap_or(0) + if count == 1 { 3 } else { 2 };
    let scientific = || {
        let rest = if count == 1 { "0" } else { &digits[1..] };
        format!("{}.{rest}e{exponent}", &digits[..1])
    };
    let body = match place {
        _ if value == 0.0 => String::from("0.0"),
        0 => format!("0.{digits}"),
        place if place < 0 && 2 - place <= cost => format!("0.{}{digits}", zeros(-place)),
        place if place >= count && place - count + 2 <= cost => {
            format!("{digits}{}.0", zeros(place - count))
        }
        place if place < 0 || place >= count => scientific(),
        place => {
            let split = usize::try_from(place).unwrap_or(0);
            format!("{}.{}", &digits[..split], &digits[split..])
        }
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    #[test]
    fn terms() {
        let value = parse_str(r#"{"a":[1,2.5,null,"x\n"],"b":{}}"#).unwrap();
        assert_eq!(plain(&value), r"{[{<<97>>,[1,2.5,null,<<120,10>>]},{<<98>>,{[]}}]}");
        assert_eq!(pretty(&value, 0), r#"{[{<<"a">>,[1,2.5,null,<<"x\n">>]},{<<"b">>,{[]}}]}"#);
        assert_eq!(text("a\"b"), "\"a\\\"b\"");
        assert_eq!(text(""), "[]");
        assert_eq!(text("\u{1}"), "[1]");
    }

    #[test]
    fn floats() {
        for (value, text) in [
            (1.0, "1.0"),
            (1e200, "1.0e200"),
            (1e5, "1.0e5"),
            (12345.0, "12345.0"),
            (0.001, "0.001"),
            (-0.5, "-0.5"),
            (1e-10, "1.0e-10"),
            (123.456, "123.456"),
            (0.0, "0.0"),
            (1e308, "1.0e308"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}
