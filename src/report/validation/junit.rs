//! JUnit XML, which CI systems show.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::schema::Summary;
use crate::schema::stream::InvalidDocument;

/// The report: a failed case for each invalid document, and one that passed for all the others.
#[must_use]
pub fn report(summary: &Summary) -> String {
    let mut report = Report::new("couchctl validate");
    report.set_time(summary.duration);
    let mut suite = TestSuite::new(summary.database.clone());
    suite.set_time(summary.duration);
    for document in &summary.documents {
        suite.add_test_case(case(document, &summary.database));
    }
    if summary.omitted() > 0 {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(format!("{} more invalid documents", summary.omitted()));
        suite.add_test_case(TestCase::new("more invalid documents", status));
    }
    let name = format!("{} valid documents", summary.counts.valid);
    suite.add_test_case(TestCase::new(name, TestCaseStatus::success()));
    report.add_test_suite(suite);
    // Only a failing writer could fail, and this one writes to memory.
    report.to_string().unwrap_or_default()
}

fn case(document: &InvalidDocument, database: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let messages: Vec<String> =
        document.violations.iter().map(|(_, violation)| violation.shown()).collect();
    if let Some(first) = messages.first() {
        status.set_message(first.clone());
    }
    status.set_description(messages.join("\n"));
    let name = match &document.id {
        Some(id) => id.clone(),
        None => format!("{}:{}", document.source, document.line),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(match &document.schema {
        Some(schema) => format!("{database}/{schema}"),
        None => database.to_owned(),
    });
    case.extra.insert("file".into(), document.source.to_string().into());
    case.extra.insert("line".into(), document.line.to_string().into());
    case
}
