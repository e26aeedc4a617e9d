//! What the system databases do to documents before they are saved (`couch_users_db:save_doc`,
//! `couch_replicator_docs`, and their built-in validation).

use super::super::auth::hash_password;
use super::super::failure::Failure;
use super::super::state::Call;
use super::super::store::Store;
use crate::json::{Map, Value};

/// Checks and completes a document for a system database.
pub(super) fn before_save(
    call: &Call,
    store: &Store,
    document: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
    let is_deleted = document.get("_deleted") == Some(&Value::Bool(true));
    if id.starts_with('_') || is_deleted {
        return Ok(());
    }
    match store.name.as_str() {
        "_users" => {
            check_user(document).map_err(Failure::forbidden)?;
            hash_password(document);
        }
        "_replicator" => {
            super::replicate::check_document(document)?;
            if let Some(name) = &call.user.name
                && !document.contains_key("owner")
            {
                document.insert("owner".into(), name.clone().into());
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a document of `_users` must be.
fn check_user(user: &Map<String, Value>) -> Result<(), &'static str> {
    let text = |name: &str| user.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "user" {
        return Err("doc.type must be user");
    }
    if text("name").is_empty() {
        return Err("doc.name is required");
    }
    match user.get("roles") {
        None | Some(Value::Null) => return Err("doc.roles must exist"),
        Some(Value::Array(roles)) if roles.iter().all(Value::is_string) => {}
        Some(Value::Array(_)) => return Err("doc.roles can only contain strings"),
        Some(_) => return Err("doc.roles must be an array"),
    }
    if text("_id").strip_prefix("org.couchdb.user:") != Some(text("name")) {
        return Err("Doc ID must be of the form org.couchdb.user:name");
    }
    if user.contains_key("password_scheme") && text("password_scheme") == "pbkdf2" {
        if !user.get("iterations").is_some_and(Value::is_number) {
            return Err("iterations must be a number.");
        }
        if !user.get("derived_key").is_some_and(Value::is_string) {
            return Err("derived_key must be a string.");
        }
    }
    let mut roles = user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if roles.any(|role| role.starts_with('_') && role != "_metrics") {
        return Err("No system roles (starting with underscore) in users db.");
    }
    if text("name").starts_with('_') {
        return Err("Username may not start with underscore.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let check = |text: &str| match crate::json::parse_str(text) {
            Ok(Value::Object(members)) => check_user(&members),
            other => panic!("{other:?}"),
        };
        let user = r#"{"_id":"org.couchdb.user:a","type":"user","name":"a","roles":["r"]}"#;
        assert_eq!(check(user), Ok(()));
        assert_eq!(check(r#"{"_id":"a"}"#), Err("doc.type must be user"));
        assert_eq!(check(&user.replace("\"r\"", "5")), Err("doc.roles can only contain strings"));
        let system = Err("No system roles (starting with underscore) in users db.");
        assert_eq!(check(&user.replace("\"r\"", "\"_admin\"")), system);
        let other = user.replace(":a", ":b");
        assert_eq!(check(&other), Err("Doc ID must be of the form org.couchdb.user:name"));
    }
}
