//! Answers as the bytes CouchDB sends (`couch_mrview_http:view_cb/2`).

use super::answer::{MapAnswer, ReduceAnswer, ReduceValue};
use crate::json;

/// An answer that can stand in a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// To a query of rows.
    Map(MapAnswer<'a>),
    /// To a query that reduces.
    Reduce(ReduceAnswer<'a>),
}

impl Answer<'_> {
    /// The body of the response to one query.
    #[must_use]
    pub fn body(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out.push('\n');
        out
    }

    /// Appends the object of the answer, without the line feed at the end of a body.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Map(answer) => map(answer, out),
            Self::Reduce(answer) => reduce(answer, out),
        }
    }
}

/// The body of the response to several queries.
#[must_use]
pub fn results(answers: &[Answer<'_>]) -> String {
    let mut out = String::from("{\"results\":[");
    for (index, answer) in answers.iter().enumerate() {
        out.push_str(if index == 0 { "\r\n" } else { ",\r\n" });
        answer.write(&mut out);
    }
    out.push_str("\r\n]}\n");
    out
}

fn map(answer: &MapAnswer<'_>, out: &mut String) {
    out.push('{');
    if let Some((total, offset)) = answer.totals {
        for part in
            ["\"total_rows\":", &total.to_string(), ",\"offset\":", &offset.to_string(), ","]
        {
            out.push_str(part);
        }
    }
    rows(answer.update_seq, &answer.rows, out, |row, out| {
        out.push_str("{\"id\":");
        json::write_string(&row.row.id, out);
        out.push_str(",\"key\":");
        out.push_str(&row.row.key);
        out.push_str(",\"value\":");
        out.push_str(&row.row.value);
        if let Some(document) = &row.document {
            out.push_str(",\"doc\":");
            out.push_str(document);
        }
    });
}

fn reduce(answer: &ReduceAnswer<'_>, out: &mut String) {
    out.push('{');
    rows(answer.update_seq, &answer.rows, out, |row, out| match &row.value {
        ReduceValue::Json(value) => {
            out.push_str("{\"key\":");
            out.push_str(&row.key);
            out.push_str(",\"value\":");
            out.push_str(value);
        }
        ReduceValue::Overflow(reason) => {
            out.push_str("{\"key\":null,\"error\":\"reduce_overflow_error\",\"reason\":");
            json::write_string(reason, out);
        }
    });
}

/// Writes the sequence number, the rows and the end of an answer. `write` leaves rows open.
fn rows<R>(
    update_seq: Option<&str>,
    rows: &[R],
    out: &mut String,
    write: impl Fn(&R, &mut String),
) {
    if let Some(update_seq) = update_seq {
        // CouchDB does not escape it: it has nothing to escape.
        for part in ["\"update_seq\":\"", update_seq, "\","] {
            out.push_str(part);
        }
    }
    out.push_str("\"rows\":[\r\n");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push_str(",\r\n");
        }
        write(row, out);
        out.push('}');
    }
    out.push_str("\r\n]}");
}
