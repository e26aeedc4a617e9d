//! Schemas and where their references lead.

use jsonschema::{Draft, uri};
use referencing::Resolver;

use super::GenerateError;
use crate::json::Value;
use crate::schema::Schemas;

/// A schema with what its references are resolved against.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) resolver: Resolver<'a>,
    pub(super) draft: Draft,
    /// The type that is being compiled.
    pub(super) index: usize,
    /// The JSON Pointer to the schema, through references, from that type's schema.
    pub(super) pointer: String,
}

impl<'a> Scope<'a> {
    /// The scope of a subschema.
    pub(super) fn child(&self, keyword: &str, schema: &Value) -> Self {
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
    pub(super) fn target(&self, reference: &str) -> Result<(&'a Value, Self), GenerateError> {
        let resolved = self.resolver.lookup(reference).map_err(|error| {
            GenerateError::Reference(format!("the reference `{reference}`: {error}"))
        })?;
        let (schema, resolver, draft) = resolved.into_inner();
        let pointer = format!("{}/$ref", self.pointer);
        Ok((schema, Self { resolver, draft, index: self.index, pointer }))
    }
}

/// The scope of a type's schema, and the schema in the registry.
pub(super) fn root<'a>(
    schemas: &'a Schemas,
    index: usize,
) -> Result<(&'a Value, Scope<'a>), GenerateError> {
    let refused = |error: String| GenerateError::Reference(error);
    let address =
        uri::from_str(&schemas.types[index].address).map_err(|error| refused(error.to_string()))?;
    let resolver = schemas.registry.resolver(address);
    let resolved = resolver.lookup("#").map_err(|error| refused(error.to_string()))?;
    let (schema, resolver, draft) = resolved.into_inner();
    // The schema may name itself, and its references are relative to that.
    let named = resolver.in_subresource(draft.create_resource_ref(schema));
    let resolver = named.map_err(|error| refused(error.to_string()))?;
    Ok((schema, Scope { resolver, draft, index, pointer: String::new() }))
}
