//! Laws of queries.

use proptest::prelude::*;

use super::*;
use crate::view::collation::compare;

fn place() -> impl Strategy<Value = (String, String)> {
    (0..6_u8, 0..30_u8).prop_map(|(key, id)| (key.to_string(), format!("d{id:02}")))
}

fn rows(most: usize) -> impl Strategy<Value = Vec<(String, usize, String, String)>> {
    let key = prop_oneof![
        (0..6_u8).prop_map(|key| key.to_string()),
        (0..3_u8, 0..3_u8).prop_map(|(one, other)| format!("[{one},\"{other}\"]")),
    ];
    let row = (0..30_usize, key, 0..5_u8)
        .prop_map(|(id, key, value)| (format!("d{id:02}"), id % 3, key, value.to_string()));
    prop::collection::vec(row, 0..most)
}

fn built(rows: &[(String, usize, String, String)], shards: usize) -> Index {
    let rows: Vec<Emitted<'_>> = rows
        .iter()
        .map(|(id, shard, key, value)| (id.as_str(), shard % shards, key.as_str(), value.as_str()))
        .collect();
    index(shards, &rows)
}

fn read(index: &Index, body: &str) -> Vec<(String, String, String)> {
    let answer = index.map(&query(body, false), &Context::default()).unwrap();
    answer
        .rows
        .iter()
        .map(|row| (row.row.id.to_string(), row.row.key.to_string(), row.row.value.to_string()))
        .collect()
}

proptest! {
    #[test]
    fn pages_make_up_the_whole(rows in rows(80), shards in 1..4_usize, size in 1..7_usize, descending: bool) {
        let index = built(&rows, shards);
        let whole = read(&index, &format!(r#"{{"descending":{descending}}}"#));
        prop_assert_eq!(whole.len(), rows.len());
        let mut pages = Vec::new();
        loop {
            let body = format!(r#"{{"descending":{descending},"limit":{size},"skip":{}}}"#, pages.len());
            let page = read(&index, &body);
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        prop_assert_eq!(pages, whole);
    }

    #[test]
    fn descending_is_the_reverse_but_for_equal_entries(rows in rows(80), shards in 1..4_usize) {
        let index = built(&rows, shards);
        let strip = |rows: Vec<(String, String, String)>| -> Vec<(String, String)> {
            rows.into_iter().map(|(id, key, _)| (id, key)).collect()
        };
        let mut up = strip(read(&index, "{}"));
        up.reverse();
        prop_assert_eq!(strip(read(&index, r#"{"descending":true}"#)), up);
    }

    #[test]
    fn shards_do_not_change_rows_or_reductions(rows in rows(80), start in 0..6_u8, level in 0..3_u8, descending: bool) {
        let (one, three) = (built(&rows, 1), built(&rows, 3));
        let range = format!(r#"{{"startkey":{start},"descending":{descending}}}"#);
        prop_assert_eq!(read(&one, &range), read(&three, &range));
        let groups = format!(r#"{{"startkey":{start},"descending":{descending},"group_level":{level}}}"#);
        for source in ["_sum", "_count", "_stats", "_first", "_last", "_top_2"] {
            prop_assert_eq!(reduce(&one, source, &groups), reduce(&three, source, &groups), "{}", source);
        }
    }

    #[test]
    fn ranges_hold_the_rows_between_their_ends(
        rows in rows(60),
        start in place(),
        end in place(),
        inclusive_end: bool,
        descending: bool,
    ) {
        let index = built(&rows, 2);
        let body = format!(
            r#"{{"startkey":{},"startkey_docid":"{}","endkey":{},"endkey_docid":"{}",
            "inclusive_end":{inclusive_end},"descending":{descending}}}"#,
            start.0, start.1, end.0, end.1
        );
        let order = |one: (&str, &str), other: &(String, String)| {
            let key = |text| parse_str(text).unwrap();
            compare(&key(one.0), &key(&other.0), Collation::Icu).then(one.1.cmp(&other.1))
        };
        let expected: Vec<_> = read(&index, &format!(r#"{{"descending":{descending}}}"#))
            .into_iter()
            .filter(|(id, key, _)| {
                let (from_start, to_end) = (order((key, id), &start), order((key, id), &end));
                let (after, before) =
                    if descending { (from_start.is_le(), to_end) } else { (from_start.is_ge(), to_end.reverse()) };
                after && (before.is_gt() || inclusive_end && before.is_eq())
            })
            .collect();
        match index.map(&query(&body, false), &Context::default()) {
            Ok(_) => prop_assert_eq!(read(&index, &body), expected),
            Err(_) => prop_assert!(expected.is_empty()),
        }
    }

    #[test]
    fn groups_add_up_their_rows(
        rows in rows(500),
        start in 0..6_u8,
        end in 0..8_u8,
        level in 0..3_u8,
        shards in 1..3_usize,
        descending: bool,
    ) {
        let (low, high) = (start.to_string(), format!("[{end}]"));
        let (from, to) = if descending { (high, low) } else { (low, high) };
        let range = format!(r#""startkey":{from},"endkey":{to},"descending":{descending}"#);
        let index = built(&rows, shards);
        let mut expected: Vec<(String, i64)> = Vec::new();
        for (_, key, value) in read(&index, &format!("{{{range}}}")) {
            let group = match (level, key.split_once(',')) {
                (0, _) => String::from("null"),
                (1, Some((first, _))) => format!("{first}]"),
                _ => key,
            };
            let value: i64 = value.parse().unwrap();
            match expected.last_mut() {
                Some((last, sum)) if *last == group => *sum += value,
                _ => expected.push((group, value)),
            }
        }
        let expected: Vec<_> = expected.into_iter().map(|(key, sum)| (key, sum.to_string())).collect();
        prop_assert_eq!(reduce(&index, "_sum", &format!(r#"{{{range},"group_level":{level}}}"#)), expected);
    }
}
