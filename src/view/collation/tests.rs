use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Number, json};

use super::*;

/// Written by `tools/collation/samples.py`, which documents it.
const SAMPLES: &str = include_str!("samples.txt");

fn key(text: &str) -> Vec<u8> {
    sort_key(&Value::from(text), Collation::Icu)
}

#[test]
fn orders_every_character_like_icu() {
    let mut keys: Vec<(Vec<u8>, char)> = ('\0'..=char::MAX)
        .map(|character| (key(character.encode_utf8(&mut [0; 4])), character))
        .collect();
    keys.sort_unstable();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut before: Option<&[u8]> = None;
    for (key, character) in &keys {
        let same = before == Some(key);
        hash =
            (hash ^ (u64::from(*character) << 1 | u64::from(same))).wrapping_mul(0x100_0000_01B3);
        before = Some(key);
    }
    assert_eq!(SAMPLES.lines().next(), Some(format!("{hash:016x}").as_str()));
}

#[test]
fn orders_samples_like_icu() {
    let text = |line: &str| -> String {
        line.split(' ')
            .skip(1)
            .map(|code| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap())
            .collect()
    };
    let lines: Vec<&str> = SAMPLES.lines().skip(1).collect();
    assert!(lines.len() > 1000);
    for pair in lines.windows(2) {
        let expected = if pair[1].starts_with('<') { Ordering::Less } else { Ordering::Equal };
        let (one, other) = (text(pair[0]), text(pair[1]));
        assert_eq!(
            key(&one).cmp(&key(&other)),
            expected,
            "{} to {}",
            one.escape_unicode(),
            other.escape_unicode()
        );
    }
}

#[test]
fn marks_reorder_only_as_far_as_icu_does() {
    // The vowel sign and its parts, with a mark in between that does not block.
    assert_eq!(key("\u{F71}\u{334}\u{F74}"), key("\u{F75}\u{334}"));
    // Not normalized: two marks of different classes in both orders.
    assert_ne!(key("a\u{323}\u{301}"), key("a\u{301}\u{323}"));
    assert_eq!(key("가"), key("\u{1100}\u{1161}"));
}

#[test]
fn long_runs_of_common_weights() {
    for length in 0..200 {
        let plain = "a".repeat(length);
        let texts = [
            plain.clone(),
            format!("{plain}a"),
            format!("{plain}A"),
            format!("{plain}á"),
            format!("{plain}ab"),
            format!("{plain}Ab"),
            format!("{plain}áb"),
            format!("{plain}b"),
        ];
        for pair in texts.windows(2) {
            assert!(key(&pair[0]) < key(&pair[1]), "{pair:?}");
        }
        // The accent counts more than the case, wherever they are.
        assert!(key(&format!("A{plain}a")) < key(&format!("a{plain}á")));
        assert!(key(&format!("{plain}aá")) < key(&format!("{plain}áa")));
    }
}

#[test]
fn ends_are_lower_than_continuations() {
    #[rustfmt::skip]
    let values = [
        json!([]), json!([null]), json!([null, null]), json!([1]), json!([1, null]), json!([1, [[]]]),
        json!([""]), json!(["", ""]), json!(["\u{FFFE}"]), json!(["a"]), json!(["a", 1]), json!(["a", "\u{301}"]),
        json!(["A"]), json!(["á"]), json!(["aa"]), json!([[]]), json!([{}]), json!({}), json!({"": null}),
        json!({"a": 1}), json!({"a": 1, "b": 1}), json!({"a": 2}), json!({"a": {}}), json!({"b": 1, "a": 1}),
    ];
    for pair in values.windows(2) {
        assert_eq!(compare(&pair[0], &pair[1], Collation::Icu), Ordering::Less, "{pair:?}");
        assert!(
            sort_key(&pair[0], Collation::Icu) < sort_key(&pair[1], Collation::Icu),
            "{pair:?}"
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abAáß\u{301}\u{323} _0]{0,4}",
        "[\u{0}\u{1}\u{2}\u{FFFE}\u{FFFF}\u{AD}a]{0,3}",
        "[\u{F71}\u{F72}\u{F74}\u{FB2}\u{F80}\u{334}\u{301}เกあぁ가中]{0,5}",
        any::<String>(),
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..3).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL)
            .prop_map(|double| format!("{double:e}")),
        "-?[1-9][0-9]{0,40}",
        "-?[0-2]\\.[05]",
        any::<i32>().prop_map(|number| format!("{number}.0")),
    ]
    .prop_map(|text| Value::Number(Number::from_string_unchecked(text)))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Two values that often differ late only.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (value(), value()),
        (number(), number()),
        (value(), value(), value())
            .prop_map(|(prefix, one, other)| (json!([prefix, one]), json!([prefix, other]))),
        (text(), value(), value())
            .prop_map(|(name, one, other)| (json!({ &name: one }), json!({ name: other }))),
    ]
}

proptest! {
    #[test]
    fn sort_keys_and_comparison_agree((one, other) in pair()) {
        for collation in [Collation::Icu, Collation::Raw] {
            let (one_key, other_key) = (sort_key(&one, collation), sort_key(&other, collation));
            prop_assert_eq!(compare(&one, &other, collation), one_key.cmp(&other_key));
            prop_assert_eq!(compare(&other, &one, collation), other_key.cmp(&one_key));
            prop_assert_eq!(compare(&one, &one, collation), Ordering::Equal);
            if one_key != other_key {
                prop_assert!(!one_key.starts_with(&other_key) && !other_key.starts_with(&one_key));
            }
        }
    }

    #[test]
    fn comparison_is_transitive(mut values in prop::collection::vec(value(), 3)) {
        for collation in [Collation::Icu, Collation::Raw] {
            values.sort_by(|one, other| compare(one, other, collation));
            for (index, one) in values.iter().enumerate() {
                for other in &values[index..] {
                    prop_assert!(compare(one, other, collation).is_le());
                }
            }
        }
    }

    #[test]
    fn integers_and_doubles_compare_exactly(integer in any::<i64>(), double in prop::num::f64::NORMAL | prop::num::f64::ZERO, near in -3_i64..3) {
        // A double near the integer, or any one.
        for double in [integer.saturating_add(near) as f64, double] {
            // Saturates, far outside the range of the integers.
            let whole = double.trunc() as i128;
            let fraction = 0.0_f64.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal);
            let expected = i128::from(integer).cmp(&whole).then(fraction);
            prop_assert_eq!(number::compare(&integer.to_string(), &format!("{double:e}")), expected);
        }
    }
}
