//! The outcome of suites as JUnit XML, which CI systems show.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::suite::{Failure, Level, RunOutcome, Verdict};

/// The report; broken laws are cases of their suite, named by their code.
#[must_use]
pub fn report(outcome: &RunOutcome) -> String {
    let mut report = Report::new("couchctl");
    report.set_time(outcome.duration);
    for suite in &outcome.suites {
        let name = format!("{}/{}", suite.database, suite.design);
        let mut tests = TestSuite::new(name.clone());
        tests.set_time(suite.duration);
        for case in &suite.cases {
            let status = match &case.verdict {
                Verdict::Passed | Verdict::Updated => TestCaseStatus::success(),
                Verdict::Skipped(reason) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(reason.clone());
                    status
                }
                Verdict::Failed(failures) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    if let Some(first) = failures.first() {
                        status.set_message(first.message.clone());
                    }
                    status
                        .set_description(failures.iter().map(text).collect::<Vec<_>>().join("\n"));
                    status
                }
            };
            let mut test = TestCase::new(case.name.clone(), status);
            test.set_classname(name.clone());
            test.set_time(case.duration);
            test.extra.insert("file".into(), suite.file.display().to_string().into());
            test.extra.insert("line".into(), case.line.to_string().into());
            if !case.log.is_empty() {
                test.set_system_out(case.log.join("\n"));
            }
            tests.add_test_case(test);
        }
        for finding in suite.findings.iter().filter(|finding| finding.level == Level::Error) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(finding.message.clone());
            status.set_description(finding.details.join("\n"));
            let title = match finding.view.as_str() {
                "" => finding.code.to_owned(),
                view => format!("{view}: {}", finding.code),
            };
            let mut test = TestCase::new(title, status);
            test.set_classname(name.clone());
            tests.add_test_case(test);
        }
        report.add_test_suite(tests);
    }
    // Only a failing writer could fail, and this one writes to memory.
    report.to_string().unwrap_or_default()
}

fn text(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for line in failure.diff.iter().flatten() {
        text.push('\n');
        text.push(line.sign);
        text.push(' ');
        text.push_str(&line.text);
    }
    text
}
