//! Schemas and where their references lead.

use jsonschema::{Draft, uri};
use referencing::Resolver;

use super::Schemas;
use crate::json::Value;

/// A reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReferenceError(String);

/// A schema with what its references are resolved against.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) resolver: Resolver<'a>,
    pub(crate) draft: Draft,
    /// The type that is being compiled.
    pub(crate) index: usize,
    /// The JSON Pointer to the schema, through references, from that type's schema.
    pub(crate) pointer: String,
}

impl<'a> Scope<'a> {
    /// The scope of a subschema.
    pub(crate) fn child(&self, keyword: &str, schema: &Value) -> Self {
        let resource = self.draft.create_resource_ref(schema);
        let resolver = self.resolver.in_subresource(resource);
        Self {
            resolver: resolver.unwrap_or_else(|_| self.resolver.clone()),
            draft: self.draft,
            index: self.index,
            pointer: format!("{}/{keyword}", self.pointer),
        }
    }

    /// What a reference leads to.
    pub(crate) fn target(&self, reference: &str) -> Result<(&'a Value, Self), ReferenceError> {
        let target = self
            .resolver
            .lookup(reference)
            .map_err(|error| ReferenceError(format!("the reference `{reference}`: {error}")))?;
        let (schema, resolver, draft) = target.into_inner();
        let pointer = format!("{}/$ref", self.pointer);
        Ok((schema, Self { resolver, draft, index: self.index, pointer }))
    }
}

/// The scope of a type's schema, and the schema in the registry.
pub(crate) fn root(schemas: &Schemas, index: usize) -> Result<(&Value, Scope<'_>), ReferenceError> {
    let refused = |error: String| ReferenceError(error);
    let address =
        uri::from_str(&schemas.types[index].address).map_err(|error| refused(error.to_string()))?;
    let resolver = schemas.registry.resolver(address);
    let whole = resolver.lookup("#").map_err(|error| refused(error.to_string()))?;
    let (schema, resolver, draft) = whole.into_inner();
    // The schema may name itself, and its references are relative to that.
    let named = resolver.in_subresource(draft.create_resource_ref(schema));
    let resolver = named.map_err(|error| refused(error.to_string()))?;
    Ok((schema, Scope { resolver, draft, index, pointer: String::new() }))
}
