use super::*;
use crate::json::parse_str;
use crate::view::Grouping;

const MAP: ViewShape = ViewShape { reduces: false, partitioned: false, max_limit: None };
const REDUCE: ViewShape = ViewShape { reduces: true, partitioned: false, max_limit: None };

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn get(given: &[(&str, &str)], view: &ViewShape) -> Result<Query, QueryError> {
    Parameters::from_url(&pairs(given))?.validate(view)
}

fn post(body: &str, given: &[(&str, &str)], view: &ViewShape) -> Result<Query, QueryError> {
    Parameters::from_body(&parse_str(body).unwrap(), &pairs(given))?.validate(view)
}

fn reason(result: Result<Query, QueryError>) -> String {
    result.unwrap_err().reason.as_str().unwrap().to_owned()
}

#[test]
fn defaults() {
    let query = get(&[("unknown", "x")], &REDUCE).unwrap();
    assert!(query.reduce && query.sorted && query.inclusive_end && !query.descending);
    assert_eq!((query.limit, query.skip, query.grouping), (NO_LIMIT, 0, Grouping::Level(0)));
}

#[test]
fn unreadable_values_are_quoted_as_erlang_prints_them() {
    for (name, value, expected) in [
        ("reduce", "", "Invalid boolean parameter: []"),
        ("reduce", "\"false\"", "Invalid boolean parameter: \"\\\"false\\\"\""),
        ("limit", "1.5", "Invalid value for integer: \"1.5\""),
        ("skip", "-1", "Invalid value for positive integer: \"-1\""),
        ("key", "01", "invalid UTF-8 JSON"),
        ("keys", "1", "`keys` must be an array of strings."),
        ("stale", "maybe", "Invalid value for `stale`."),
        ("update", "FALSE", "Invalid value for `update`."),
        ("partition", "_x", "Partition must not start with an underscore"),
    ] {
        assert_eq!(reason(get(&[(name, value)], &MAP)), expected, "{name}={value}");
    }
    assert_eq!(reason(post(r#"{"limit":"2"}"#, &[], &MAP)), "Invalid value for integer: <<\"2\">>");
    assert_eq!(post(r#"{"reduce":1}"#, &[], &MAP).unwrap_err().status, 500);
    assert_eq!(get(&[("limit", "+05")], &MAP).unwrap().limit, 5);
}

#[test]
fn one_key_in_a_list_is_a_range() {
    let query = get(&[("keys", "[\"a\"]")], &REDUCE).unwrap();
    assert_eq!((query.keys, query.end_key), (None, Some("a".into())));
    let query = post(r#"{"keys":["a"]}"#, &[("endkey", "\"b\"")], &MAP).unwrap();
    assert_eq!((query.keys, query.end_key), (None, Some("b".into())));
    assert_eq!(get(&[("keys", "[]")], &MAP).unwrap().keys, Some(Vec::new()));
}

#[test]
fn the_query_string_wins_over_the_body() {
    let query = post(r#"{"key":"y","limit":9}"#, &[("key", "\"x\"")], &MAP).unwrap();
    assert_eq!((query.start_key, query.limit), (Some("x".into()), 9));
}

#[test]
fn mistakes_between_parameters() {
    let incompatible = "`keys` is incompatible with `key`, `start_key` and `end_key`";
    let multiple = "Multi-key fetches for reduce views must use `group=true`";
    for (given, view, expected) in [
        (&[("group", "true")][..], &MAP, "Invalid use of grouping on a map view."),
        (&[("reduce", "true")], &MAP, "Reduce is invalid for map-only views."),
        (
            &[("reduce", "false"), ("group_level", "1")],
            &REDUCE,
            "Invalid use of grouping on a map view.",
        ),
        (&[("keys", "[1,2]"), ("endkey", "3")], &MAP, incompatible),
        (&[("keys", "[1,2]"), ("group_level", "1")], &REDUCE, multiple),
        (&[("keys", "[1,2]")], &REDUCE, multiple),
        (&[("include_docs", "true")], &REDUCE, "`include_docs` is invalid for reduce"),
        (&[("conflicts", "false")], &REDUCE, "`conflicts` is invalid for reduce views."),
        (&[("partition", "p")], &MAP, "`partition` parameter is not supported in this design doc"),
        (
            &[("group", "false"), ("group_level", "1")],
            &REDUCE,
            "Can't specify group=false and group_level>0 at the same time",
        ),
    ] {
        assert_eq!(reason(get(given, view)), expected, "{given:?}");
    }
    let level = get(&[("group", "true"), ("group_level", "2")], &REDUCE).unwrap();
    assert_eq!(level.grouping, Grouping::Level(2));
    let capped = ViewShape { max_limit: Some(10), ..MAP };
    assert_eq!(get(&[], &capped).unwrap().limit, 10);
    assert_eq!(reason(get(&[("limit", "11")], &capped)), "Limit is too large, must not exceed 10");
}

#[test]
fn partitions() {
    let view = ViewShape { partitioned: true, ..MAP };
    assert_eq!(
        reason(get(&[], &view)),
        "`partition` parameter is mandatory for queries to this view."
    );
    let given = with_partition(&pairs(&[("limit", "1")]), "p").unwrap();
    assert_eq!(
        Parameters::from_url(&given).unwrap().validate(&view).unwrap().partition.as_deref(),
        Some("p")
    );
    assert!(with_partition(&pairs(&[("partition", "q")]), "p").is_err());
}

#[test]
fn several_queries() {
    let body = parse_str(r#"{"queries":[{"key":1},{"limit":2,"reduce":false}]}"#).unwrap();
    let queries =
        Parameters::queries(&body, &pairs(&[("limit", "7"), ("group", "true")]), &REDUCE).unwrap();
    assert_eq!(queries.iter().map(|query| query.limit).collect::<Vec<_>>(), [7, 2]);
    assert_eq!(queries[0].grouping, Grouping::Level(0));
    for (body, reason) in [
        ("{}", "POST body must include `queries` parameter."),
        (r#"{"queries":{}}"#, "`queries` member must be an array."),
        ("[]", "Request body must be a JSON object"),
    ] {
        let error = Parameters::queries(&parse_str(body).unwrap(), &[], &MAP).unwrap_err();
        assert_eq!(error.reason, reason);
    }
    let plain = Parameters::from_body(&body, &[]).unwrap_err();
    assert_eq!(plain.reason, "The `queries` parameter is no longer supported at this endpoint");
}
