//! Queries of a built group.

use super::build::ViewGroup;
use super::definition::GroupDefinition;
use super::reducer::JavaScriptReducer;
use crate::engine::{Engine, ReduceLimit};
use crate::json::Value;
use crate::view::response::{self, Answer};
use crate::view::{
    Builtin, BuiltinReducer, Context, Parameters, Query, QueryError, Reducer, Update, ViewShape,
    with_partition,
};

/// A request to a view, as it comes over HTTP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The view's name.
    pub view: String,
    /// Names and values of the query string, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// The body of a POST.
    pub body: Option<Value>,
    /// Whether the path ends in `/queries`.
    pub queries: bool,
    /// The partition of a path below `_partition`.
    pub partition: Option<String>,
}

impl ViewGroup {
    /// Answers a request with the body of the server's response.
    ///
    /// # Errors
    /// With the server's answer to a request it refuses.
    pub fn respond(
        &self,
        engine: &mut Engine,
        request: &Request,
        context: &Context<'_>,
    ) -> Result<String, QueryError> {
        let (position, shape) = shape(self.definition(), self.is_partitioned(), &request.view)?;
        if request.queries {
            let body = request.body.as_ref().unwrap_or(&Value::Null);
            let queries = Parameters::queries(body, &request.parameters, &shape)?;
            let answers = queries
                .iter()
                .map(|query| self.answer(engine, position, query, context))
                .collect::<Result<Vec<_>, _>>()?;
            return Ok(response::results(&answers));
        }
        let query = Self::query(request, &shape)?;
        Ok(self.answer(engine, position, &query, context)?.body())
    }

    /// Checks a request as far as the server does before it touches the index: an error here comes
    /// before that of an index that cannot be built. Tells whether the index is to be brought up to
    /// date first.
    ///
    /// # Errors
    /// With the server's answer to a request it refuses.
    pub fn check(
        definition: &GroupDefinition,
        partitioned: bool,
        request: &Request,
    ) -> Result<Update, QueryError> {
        let partitioned = definition.partitioned.unwrap_or(partitioned);
        let (_, shape) = shape(definition, partitioned, &request.view)?;
        if request.queries {
            let body = request.body.as_ref().unwrap_or(&Value::Null);
            let queries = Parameters::queries(body, &request.parameters, &shape)?;
            // One that waits makes all of them wait.
            let updates = queries.iter().map(|query| query.update);
            let waits = updates.clone().any(|update| update == Update::True);
            let first = updates.into_iter().next().unwrap_or_default();
            return Ok(if waits { Update::True } else { first });
        }
        Self::query(request, &shape).map(|query| query.update)
    }

    /// Reads the parameters of a request with a single query.
    fn query(request: &Request, shape: &ViewShape) -> Result<Query, QueryError> {
        let pairs = match &request.partition {
            Some(partition) => with_partition(&request.parameters, partition)?,
            None => request.parameters.clone(),
        };
        let parameters = match &request.body {
            Some(body) => Parameters::from_body(body, &pairs)?,
            None => Parameters::from_url(&pairs)?,
        };
        parameters.validate(shape)
    }

    /// Answers one query of the view at `position` of the definition's views.
    ///
    /// # Errors
    /// With the server's answer to a query that fails.
    pub fn answer<'a>(
        &'a self,
        engine: &mut Engine,
        position: usize,
        query: &Query,
        context: &Context<'a>,
    ) -> Result<Answer<'a>, QueryError> {
        let view = &self.definition().views[position];
        let index = self.index_of(view.map);
        let (true, Some(source), Some(reductions)) =
            (query.reduce, &view.reduce, self.reductions(position))
        else {
            return Ok(Answer::Map(index.map(query, context)?));
        };
        let mut builtin;
        let mut javascript;
        let reducer: &mut dyn Reducer = match Builtin::recognise(source)? {
            Some(name) => {
                builtin = BuiltinReducer::new(name, index.collation());
                &mut builtin
            }
            None => {
                javascript = JavaScriptReducer::new(engine, source, ReduceLimit::default());
                &mut javascript
            }
        };
        Ok(Answer::Reduce(index.reduce(query, reductions, reducer, context)?))
    }
}

fn shape(
    definition: &GroupDefinition,
    partitioned: bool,
    view: &str,
) -> Result<(usize, ViewShape), QueryError> {
    let views = &definition.views;
    let position = views
        .iter()
        .position(|candidate| candidate.name == view)
        .ok_or_else(QueryError::missing_view)?;
    let reduces = views[position].reduce.is_some();
    Ok((position, ViewShape { reduces, partitioned, max_limit: None }))
}
