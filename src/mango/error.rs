//! Mistakes in selectors and index definitions, with the answers of CouchDB's `mango_error`.

/// Why a selector or definition is refused. The server answers with status 400, [`Self::name`] as
/// `error` and the text as `reason`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MangoError {
    /// A condition stands where no field was named.
    #[error("One or more conditions is missing a field name.")]
    MissingFieldName,
    /// An operator with an argument of the wrong kind.
    #[error("Bad argument for operator {operator}: {argument}")]
    BadArgument {
        /// The operator.
        operator: String,
        /// The argument, printed as an Erlang term.
        argument: String,
    },
    /// An operator CouchDB knows of but does not have.
    #[error("Unsupported operator: {0}")]
    NotSupported(String),
    /// A name that starts with `$` but is no operator.
    #[error("Invalid operator: {0}")]
    InvalidOperator(String),
    /// A condition that cannot stand below a field.
    #[error("Invalid field normalization on selector: {0}")]
    BadField(String),
    /// A field name with an empty part.
    #[error("Invalid field name: {0}")]
    InvalidFieldName(String),
    /// A definition of an index that is not what it should be; CouchDB only logs it.
    #[error("the definition of a Mango index needs {0}")]
    Definition(&'static str),
}

impl MangoError {
    /// The short name of the error.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MissingFieldName => "invalid_selector",
            Self::BadArgument { .. } => "bad_arg",
            Self::NotSupported(_) => "not_supported",
            Self::InvalidOperator(_) => "invalid_operator",
            Self::BadField(_) => "bad_field",
            Self::InvalidFieldName(_) => "invalid_field_name",
            Self::Definition(_) => "invalid_definition",
        }
    }
}
