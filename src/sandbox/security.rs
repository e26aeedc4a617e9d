//! Who may do what: users, and the security objects of databases (`couch_db:check_is_admin`,
//! `check_is_member`).

use super::failure::Failure;
use crate::json::{Map, Value};

/// Who makes a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct User {
    /// `None` for somebody who has not logged in.
    pub(super) name: Option<String>,
    pub(super) roles: Vec<String>,
    /// The handler that recognised the user.
    pub(super) authenticated: Option<&'static str>,
}

impl User {
    pub(super) fn is_server_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "_admin")
    }

    /// Refuses whoever is no server admin.
    pub(super) fn require_server_admin(&self) -> Result<(), Failure> {
        if self.is_server_admin() {
            return Ok(());
        }
        Err(Failure::unauthorized("You are not a server admin."))
    }

    /// `userCtx` as functions see it.
    pub(super) fn context(&self, database: &str) -> Value {
        let mut context = Map::new();
        context.insert("db".into(), database.into());
        context.insert("name".into(), self.name.clone().into());
        context.insert("roles".into(), self.roles.clone().into());
        Value::Object(context)
    }

    /// Whether a security object's `admins` or `members` name the user or a role.
    fn is_named(&self, group: Option<&Value>) -> bool {
        let listed = |member: &str| group.and_then(|group| group.get(member)?.as_array());
        let has = |list: Option<&Vec<Value>>, text: &str| {
            list.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(text)))
        };
        self.name.as_deref().is_some_and(|name| has(listed("names"), name))
            || self.roles.iter().any(|role| has(listed("roles"), role))
    }

    pub(super) fn is_database_admin(&self, security: &Value) -> bool {
        self.is_server_admin() || self.is_named(security.get("admins"))
    }

    /// Refuses whoever may not write design documents.
    pub(super) fn require_database_admin(&self, security: &Value) -> Result<(), Failure> {
        if self.is_database_admin(security) {
            return Ok(());
        }
        let reason = "You are not a db or server admin.";
        Err(match self.name {
            None => Failure::unauthorized(reason),
            Some(_) => Failure::forbidden(reason),
        })
    }

    /// Refuses whoever may not read the database.
    pub(super) fn require_member(&self, security: &Value) -> Result<(), Failure> {
        let members = security.get("members");
        let is_public = ["names", "roles"].iter().all(|list| {
            members.and_then(|members| members.get(*list)?.as_array()).is_none_or(Vec::is_empty)
        });
        if is_public || self.is_database_admin(security) || self.is_named(members) {
            return Ok(());
        }
        Err(match self.name {
            None => Failure::unauthorized("You are not authorized to access this db."),
            Some(_) => Failure::forbidden("You are not allowed to access this db."),
        })
    }
}

/// The security object of a new database: for admins only (`[couchdb] default_security`).
pub(super) fn default_security() -> Value {
    let admins = || {
        let mut group = Map::new();
        group.insert("roles".into(), vec!["_admin"].into());
        Value::Object(group)
    };
    let mut security = Map::new();
    security.insert("members".into(), admins());
    security.insert("admins".into(), admins());
    Value::Object(security)
}

/// Whether a security object has the form that the server insists on
/// (`couch_db:validate_security_object`).
pub(super) fn is_valid_security(security: &Value) -> bool {
    let texts = |list: Option<&Value>| match list {
        None => true,
        Some(list) => list.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
    };
    security.is_object()
        && ["admins", "members"].iter().all(|group| match security.get(*group) {
            None => true,
            Some(group) => {
                group.is_object() && texts(group.get("names")) && texts(group.get("roles"))
            }
        })
}
