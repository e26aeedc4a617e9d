//! Content negotiation of show and list functions: the types they can provide, and which of them a
//! client prefers (`Mime` in `share/server/render.js`, `share/server/mimeparse.js`).

use std::collections::HashMap;

use boa_engine::JsValue;

/// The types registered with every query server.
const REGISTERED: [(&str, &[&str]); 14] = [
    ("all", &["*/*"]),
    ("text", &["text/plain; charset=utf-8", "txt"]),
    ("html", &["text/html; charset=utf-8"]),
    ("xhtml", &["application/xhtml+xml", "xhtml"]),
    ("xml", &["application/xml", "text/xml", "application/x-xml"]),
    ("js", &["text/javascript", "application/javascript", "application/x-javascript"]),
    ("css", &["text/css"]),
    ("ics", &["text/calendar"]),
    ("csv", &["text/csv"]),
    ("rss", &["application/rss+xml"]),
    ("atom", &["application/atom+xml"]),
    ("yaml", &["application/x-yaml", "text/yaml"]),
    ("multipart_form", &["multipart/form-data"]),
    ("url_encoded_form", &["application/x-www-form-urlencoded"]),
];
const JSON: (&str, &[&str]) = ("json", &["application/json", "text/x-json"]);

/// The registered types, and what the function that runs now provides.
pub(super) struct Mime {
    types: HashMap<String, Vec<String>>,
    keys: HashMap<String, String>,
    /// Whether `provides` was called.
    pub(super) used: bool,
    /// What was given to `provides`: keys and functions.
    pub(super) provided: Vec<(String, JsValue)>,
    /// The type of the response, once it is chosen.
    pub(super) content_type: Option<String>,
}

impl Default for Mime {
    fn default() -> Self {
        let mut mime = Self {
            types: HashMap::new(),
            keys: HashMap::new(),
            used: false,
            provided: Vec::new(),
            content_type: None,
        };
        for (key, types) in REGISTERED.into_iter().chain([JSON]) {
            mime.register(key, types.iter().map(|name| (*name).to_owned()).collect());
        }
        mime
    }
}

impl Mime {
    /// Names types by `key`; the last one who registers a type has it.
    pub(super) fn register(&mut self, key: &str, types: Vec<String>) {
        for name in &types {
            self.keys.insert(name.clone(), key.to_owned());
        }
        self.types.insert(key.to_owned(), types);
    }

    /// The types that a key names.
    pub(super) fn types_of(&self, key: &str) -> Option<&[String]> {
        self.types.get(key).map(Vec::as_slice)
    }

    /// The key that a type was registered with last.
    pub(super) fn key_of(&self, name: &str) -> Option<&str> {
        self.keys.get(name).map(String::as_str)
    }

    /// Forgets what the last function provided; registered types stay.
    pub(super) fn reset(&mut self) {
        self.used = false;
        self.provided.clear();
        self.content_type = None;
    }
}

/// A media type or range: type, subtype and parameters.
struct Range {
    kind: String,
    subtype: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Range {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';');
        let mut parameters: Vec<(String, String)> = Vec::new();
        for part in text.split(';') {
            let sides: Vec<&str> = part.split('=').collect();
            if let [name, value] = sides.as_slice() {
                let name = name.trim().to_owned();
                parameters.retain(|(other, _)| *other != name);
                parameters.push((name, value.trim().to_owned()));
            }
        }
        let full = match parts.next().unwrap_or_default().trim() {
            "*" => "*/*",
            full => full,
        };
        let mut halves = full.split('/');
        let kind = halves.next().unwrap_or_default().to_owned();
        let mut range = Self { kind, subtype: halves.next().map(str::to_owned), parameters };
        let quality = range.parameter("q").map(leading_number);
        if quality.is_none_or(|quality| quality.is_nan() || !(0.0..=1.0).contains(&quality)) {
            range.parameters.retain(|(name, _)| name != "q");
            range.parameters.push(("q".to_owned(), "1".to_owned()));
        }
        range
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// How well a type fits to the ranges of a header, and the quality of the range that fits best.
fn fitness(name: &str, ranges: &[Range]) -> (i32, f64) {
    let target = Range::parse(name);
    let any = |part: &str| part == "*";
    let any_sub = |part: &Option<String>| part.as_deref() == Some("*");
    let (mut best, mut quality) = (-1, 0.0);
    for range in ranges {
        let same = range.kind == target.kind;
        let same_sub = range.subtype == target.subtype;
        if !(same || any(&range.kind) || any(&target.kind))
            || !(same_sub || any_sub(&range.subtype) || any_sub(&target.subtype))
        {
            continue;
        }
        let shared = target.parameters.iter().filter(|(parameter, value)| {
            parameter != "q" && range.parameter(parameter) == Some(value.as_str())
        });
        let shared = i32::try_from(shared.count()).unwrap_or(i32::MAX);
        let fitness = i32::from(same) * 100 + i32::from(same_sub) * 10;
        let fitness = fitness.saturating_add(shared);
        if fitness > best {
            best = fitness;
            quality = leading_number(range.parameter("q").unwrap_or_default());
        }
    }
    (best, quality)
}

/// The best of `supported` types for an `Accept` header: an empty text when none fits, `None` when
/// there is none. Candidates are sorted as texts, as JavaScript sorts lists of lists.
pub(super) fn best_match(supported: &[String], header: &str) -> Option<String> {
    let ranges: Vec<Range> = header.split(',').map(Range::parse).collect();
    let mut weighted: Vec<(Vec<u16>, f64, &String)> = supported
        .iter()
        .enumerate()
        .map(|(position, name)| {
            let (fitness, quality) = fitness(name, &ranges);
            let shown = ryu_js::Buffer::new().format(quality).to_owned();
            let text = format!("{fitness},{shown},{position},{name}");
            (text.encode_utf16().collect(), quality, name)
        })
        .collect();
    weighted.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let (_, quality, name) = weighted.last()?;
    Some(if *quality == 0.0 || quality.is_nan() { String::new() } else { (*name).clone() })
}

/// JavaScript's `parseFloat`: the number that a text starts with.
fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    let is_part = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    (1..=end).rev().find_map(|end| text[..end].parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(supported: &[&str], header: &str) -> Option<String> {
        let supported: Vec<String> = supported.iter().map(|name| (*name).to_owned()).collect();
        best_match(&supported, header)
    }

    #[test]
    fn the_closest_type_wins() {
        let types = ["application/xbel+xml", "text/xml"];
        assert_eq!(best(&types, "text/*;q=0.5,*/*; q=0.1").as_deref(), Some("text/xml"));
        assert_eq!(best(&types, "application/xbel+xml;q=0").as_deref(), Some(""));
        assert_eq!(best(&types, "image/png").as_deref(), Some(""));
        assert_eq!(best(&[], "text/html"), None);
    }

    #[test]
    fn numbers_end_where_they_stop_making_sense() {
        assert!((leading_number(" 0.5x") - 0.5).abs() < f64::EPSILON);
        assert!((leading_number("1e") - 1.0).abs() < f64::EPSILON);
        assert!(leading_number("x").is_nan());
        assert!(leading_number("").is_nan());
    }
}
