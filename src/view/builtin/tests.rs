use super::*;
use crate::view::collation::Collation;
use crate::view::reduce as steps;
use crate::view::row::document_rows;

fn rows(values: &[&str]) -> Vec<Row> {
    let emitted = values
        .iter()
        .enumerate()
        .map(|(at, value)| (at.to_string().into(), (*value).into()))
        .collect();
    document_rows(&"d".into(), emitted, Collation::Icu, false)
}

/// One reduce of all values, and the last step.
fn reduced(source: &str, values: &[&str]) -> Result<String, ViewFailure> {
    let mut reducer =
        BuiltinReducer::new(Builtin::recognise(source).unwrap().unwrap(), Collation::Icu);
    let rows = rows(values);
    let reduction = reducer.reduce(&rows.iter().collect::<Vec<_>>())?;
    Ok(match steps::rereduce(&mut reducer, &[&reduction])? {
        Reduction::Json(text) => text.to_string(),
        Reduction::Partial(partial) => partial.finish(),
        Reduction::Overflow(reason) => panic!("{reason}"),
    })
}

#[test]
fn names() {
    let name = |source| {
        Builtin::recognise(source).map_err(|error| error.reason.as_str().unwrap().to_owned())
    };
    assert_eq!(name("function (k, v) {}"), Ok(None));
    assert_eq!(name(" _sum"), Ok(None));
    assert_eq!(name("_sumxyz\n"), Ok(Some(Builtin::Sum)));
    assert_eq!(name("_count_distinct"), Ok(Some(Builtin::Count)));
    assert_eq!(name("_top_+05"), Ok(Some(Builtin::Top(5))));
    assert_eq!(name("_bottom_100"), Ok(Some(Builtin::Bottom(100))));
    assert_eq!(name("_top_0"), Err("rank value must be between 1 and 100".into()));
    assert_eq!(name("_top_101"), Err("rank value must be between 1 and 100".into()));
    assert_eq!(name("_top_x"), Err("invalid rank reducer".into()));
    assert_eq!(name("_foo"), Err("`_foo` is not a supported reduce function.".into()));
}

#[test]
fn sums() {
    let sum = |values: &[&str]| reduced("_sum", values);
    for (values, expected) in [
        (&["1", "2", "3"][..], "6"),
        (&["9007199254740992", "1"], "9007199254740993"),
        (&["1", "1.5"], "2.5"),
        (&["[1,2]", "[1,2,3]"], "[2,4,3]"),
        (&["1", "[1,2]"], "[2,2]"),
        (&["{\"b\":1,\"a\":2}"], "{\"b\":1,\"a\":2}"),
        (&["{\"b\":1}", "{\"a\":2,\"b\":[1,2]}"], "{\"a\":2,\"b\":[2,2]}"),
        (&["[]"], "[0]"),
        (
            &["{\"error\":\"builtin_reduce_error\",\"x\":1}", "7"],
            "{\"error\":\"builtin_reduce_error\",\"x\":1}",
        ),
    ] {
        assert_eq!(sum(values).as_deref(), Ok(expected), "{values:?}");
    }
    for (values, cause) in
        [(&["1", "null"][..], "null"), (&["[\"x\"]"], "[0]"), (&["{\"a\":1}", "5"], "5")]
    {
        let error = sum(values).unwrap();
        assert!(
            error.starts_with("{\"error\":\"builtin_reduce_error\",\"reason\":\"The _sum function"),
            "{error}"
        );
        assert!(error.ends_with(&format!("\"caused_by\":{cause}}}")), "{error}");
    }
    for (values, error) in [
        (&["1e308", "1e308"][..], "badarith: [{erlang,'+',[1.0e308,1.0e308]}]"),
        (&["5", "{\"a\":1}"], "case_clause: 5"),
        (&["{\"error\":\"x\"}"], "case_clause: {<<\"error\">>,<<\"x\">>}"),
    ] {
        assert_eq!(sum(values).unwrap_err().to_string(), error, "{values:?}");
    }
}

#[test]
fn stats() {
    let stats = |values: &[&str]| reduced("_stats", values);
    assert_eq!(
        stats(&["1", "2.5"]).unwrap(),
        "{\"sum\":3.5,\"count\":2,\"min\":1,\"max\":2.5,\"sumsqr\":7.25}"
    );
    assert_eq!(
        stats(&["{\"sum\":10,\"count\":4,\"min\":1,\"max\":5,\"sumsqr\":30,\"x\":0}", "[]"])
            .unwrap_err()
            .to_string(),
        "invalid_value: The _stats function requires that map values be numbers or arrays of numbers, not '[]'"
    );
    assert!(stats(&["[1,2]", "[3,4]"]).unwrap().starts_with("[{\"sum\":4,"));
    for (values, error) in [
        (&["\"x\""][..], "invalid_value: non-numeric _stats input: <<120>>"),
        (&["[1,2]", "[1]"], "function_clause: [{lists,zipwith,3}]"),
        (
            &["{\"sum\":\"10\"}"],
            "invalid_value: non-numeric _stats input received for sum: <<49,48>>",
        ),
        (
            &["{\"sum\":1}"],
            "invalid_value: user _stats input missing required field count ([{<<\"sum\">>,1}])",
        ),
    ] {
        assert_eq!(stats(values).unwrap_err().to_string(), error, "{values:?}");
    }
}

#[test]
fn picks() {
    let values = ["5", "\"b\"", "5.0", "null", "4", "[1]"];
    assert_eq!(reduced("_first", &values).unwrap(), "5");
    assert_eq!(reduced("_last", &values).unwrap(), "[1]");
    assert_eq!(reduced("_top_3", &values).unwrap(), "[[1],\"b\",5]");
    assert_eq!(reduced("_bottom_3", &values).unwrap(), "[null,4,5]");
}

#[test]
fn distinct_keys() {
    let count = |number: usize| reduced("_approx_count_distinct", &vec!["null"; number]).unwrap();
    assert_eq!([count(1), count(5), count(100)], ["1", "5", "99"]);
    // The error of this estimate is the algorithm's, and CouchDB's.
    let many: usize = count(5000).parse().unwrap();
    assert!((4700..5300).contains(&many), "{many}");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Values every function takes, with sums that do not depend on the order of additions.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i16>().prop_map(|number| number.to_string()),
            (0..64_i32).prop_map(|number| { format!("{number}.5") })
        ]
    }

    proptest! {
        #[test]
        fn splitting_does_not_change_the_result(
            values in prop::collection::vec(value(), 1..60),
            cuts in prop::collection::vec(1_usize..20, 1..10),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let rows = rows(&values);
            for source in ["_sum", "_count", "_stats", "_approx_count_distinct", "_first", "_last", "_top_3", "_bottom_2"] {
                let builtin = Builtin::recognise(source).unwrap().unwrap();
                let mut reducer = BuiltinReducer::new(builtin, Collation::Icu);
                let mut parts = Vec::new();
                let mut rest: Vec<&Row> = rows.iter().collect();
                for cut in cuts.iter().cycle() {
                    let tail = rest.split_off((*cut).min(rest.len()));
                    if !rest.is_empty() {
                        parts.push(reducer.reduce(&rest).unwrap());
                    }
                    if tail.is_empty() {
                        break;
                    }
                    rest = tail;
                }
                let whole = reducer.reduce(&rows.iter().collect::<Vec<_>>()).unwrap();
                let whole = steps::rereduce(&mut reducer, &[&whole]).unwrap();
                let joined = steps::rereduce(&mut reducer, &parts.iter().collect::<Vec<_>>()).unwrap();
                prop_assert_eq!(&joined, &whole, "{}", source);
            }
        }
    }
}
