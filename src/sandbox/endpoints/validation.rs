//! What is checked before a document is saved: conflicts, who may write design documents, whether
//! these compile, and what validation functions say of others (`couch_db:prep_and_validate_update`).

use super::super::failure::Failure;
use super::super::security::User;
use super::super::state::Server;
use super::super::store::{Edit, Store};
use crate::design::{DesignDocument, Revision, SaveError, SourceFunction};
use crate::engine::EngineError;
use crate::json::{self, Map, Value};

/// Ancestors that the old document shows (`[query_server_config] revs_limit`).
const ANCESTORS: usize = 19;

/// Checks a write.
pub(in super::super) fn check(
    store: &Store,
    server: &Server,
    user: &User,
    document: &Map<String, Value>,
    edit: Edit,
) -> Result<(), Failure> {
    let (named, security) = {
        let contents = store.read();
        let named = match edit {
            Edit::Interactive => contents.database.check(document)?,
            Edit::Replicated => {
                contents.database.check_form(document)?;
                None
            }
        };
        (named, contents.security.clone())
    };
    let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
    if id.starts_with("_design/") {
        user.require_database_admin(&security)?;
        return check_design(store, server, document);
    }
    run_validators(store, user, document, named.as_ref(), &security)
}

fn is_deleted(document: &Map<String, Value>) -> bool {
    document.get("_deleted") == Some(&Value::Bool(true))
}

/// Checks a design document, compiling its views.
fn check_design(
    store: &Store,
    server: &Server,
    document: &Map<String, Value>,
) -> Result<(), Failure> {
    if is_deleted(document) {
        return Ok(());
    }
    // Attachments were checked where the parent's are known.
    let members = document.iter().filter(|(name, _)| *name != "_attachments");
    let members = members.map(|(name, member)| (name.clone(), member.clone())).collect();
    let Ok(design) = DesignDocument::from_value(Value::Object(members)) else { return Ok(()) };
    let language = design.language().to_owned();
    let partitioned = store.read().database.is_partitioned();
    Ok(design.validate_with(partitioned, |function| compile(server, &language, function))?)
}

fn compile(
    server: &Server,
    language: &str,
    function: &SourceFunction<'_>,
) -> Result<(), SaveError> {
    if server.engines.profile().for_language(language).is_none() {
        return Ok(());
    }
    let source = function.source.as_str().unwrap_or_default().to_owned();
    // Reduce functions are compiled in the same way as maps.
    let compiled = server.engines.run(language, move |vm| {
        vm.compile_maps(&[&source], None).map(drop).map_err(|(_, error)| error)
    });
    compiled.map_err(|error| match &error {
        EngineError::Compilation { reason, .. } => SaveError::compilation(function, reason),
        other => SaveError::compilation(function, &other.to_string()),
    })
}

fn run_validators(
    store: &Store,
    user: &User,
    document: &Map<String, Value>,
    named: Option<&Revision>,
    security: &Value,
) -> Result<(), Failure> {
    let designs = store.designs();
    let validators = designs.iter().filter(|design| {
        design.document.body.get("validate_doc_update").is_some_and(Value::is_string)
    });
    let mut arguments: Option<[Value; 4]> = None;
    for design in validators {
        if design.document.validate_doc_update() == Some("") {
            return Err(Failure::not_found(format!(
                "missing validate_doc_update function validate_doc_update on design doc {}",
                design.id
            )));
        }
        let arguments = arguments.get_or_insert_with(|| {
            let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
            let old = named.and_then(|named| {
                let text = store.read().database.read_with_history(id, named, ANCESTORS).ok()?;
                json::parse_str(&text).ok()
            });
            let new = new_document(document, named, old.as_ref());
            [new, old.unwrap_or(Value::Null), user.context(&store.name), security.clone()]
        });
        let [new, old, user, security] = arguments;
        store
            .processes
            .with(|functions| functions.validate(&design.value, new, old, user, security))?;
    }
    Ok(())
}

/// The new document as validation functions see it: with the revision it is written on top of, and
/// with stubs instead of attachments.
fn new_document(
    document: &Map<String, Value>,
    named: Option<&Revision>,
    old: Option<&Value>,
) -> Value {
    let mut new = Map::new();
    let mut put = |name: &str, value: Value| new.insert(name.to_owned(), value);
    let given = |name: &str| document.get(name).cloned();
    if let Some(id) = given("_id") {
        put("_id", id);
    }
    let revision = given("_revisions").and_then(|revisions| {
        let (start, first) = (revisions.get("start")?.as_u64()?, revisions.get("ids")?.get(0)?);
        Some(Value::String(format!("{start}-{}", first.as_str()?)))
    });
    let named_text = named.map(|named| Value::String(named.to_string()));
    if let Some(revision) = revision.or(named_text).or_else(|| given("_rev")) {
        put("_rev", revision.clone());
    }
    for (name, member) in document.iter().filter(|(name, _)| !name.starts_with('_')) {
        put(name, member.clone());
    }
    if is_deleted(document) {
        put("_deleted", Value::Bool(true));
    }
    let history = given("_revisions").or_else(|| {
        let text = given("_rev").and_then(|revision| revision.as_str().map(str::to_owned));
        let revision = named.cloned().or_else(|| text?.parse().ok())?;
        let ids = Value::Array(vec![revision.hash.into()]);
        Some(super::object([("start", revision.generation.into()), ("ids", ids)]))
    });
    if let Some(history) = history {
        put("_revisions", history);
    }
    if let Some(Value::Object(attachments)) = document.get("_attachments") {
        let kept = old.and_then(|old| old.get("_attachments"));
        let stubs = attachments.iter().filter_map(|(name, attachment)| {
            let stub = match attachment.get("data") {
                None => kept.and_then(|kept| kept.get(name)).unwrap_or(attachment).clone(),
                Some(data) => new_attachment(attachment, data),
            };
            attachment.is_object().then(|| (name.clone(), stub))
        });
        let stubs: Map<String, Value> = stubs.collect();
        if !stubs.is_empty() {
            put("_attachments", Value::Object(stubs));
        }
    }
    Value::Object(new)
}

/// An attachment that is not stored yet: its digest and generation are not known.
fn new_attachment(attachment: &Value, data: &Value) -> Value {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(data.as_str().unwrap_or_default())
        .unwrap_or_default();
    let content_type = attachment.get("content_type").and_then(Value::as_str);
    super::object([
        ("content_type", content_type.unwrap_or("application/octet-stream").into()),
        ("revpos", 0.into()),
        ("length", decoded.len().into()),
        ("stub", true.into()),
    ])
}
