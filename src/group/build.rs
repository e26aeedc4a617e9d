//! Building the indexes of a group.

use std::sync::Arc;

use super::definition::{GroupDefinition, MapSource};
use super::reducer::{JavaScriptReducer, ReduceCall, failure};
use crate::engine::{Engine, EngineError, ReduceLimit};
use crate::mango::Definition;
use crate::view::{
    Builtin, BuiltinReducer, DocumentRows, Index, QueryError, Reductions, ViewFailure,
};

/// A document as the map functions of a group see it.
#[derive(Debug, Clone)]
pub struct GroupDocument {
    /// Its id.
    pub id: Arc<str>,
    /// The shard it lives on.
    pub shard: usize,
    /// Its JSON text, with `_id`, `_rev` and the members that the group's options add.
    pub text: Arc<str>,
}

/// What a function logged for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The document's id; `None` for reduce functions.
    pub document: Option<Arc<str>>,
    /// The message.
    pub message: String,
}

/// A map function threw at a document: CouchDB drops its rows and only logs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrownAt {
    /// Which map function.
    pub map: usize,
    /// The document's id.
    pub document: Arc<str>,
    /// The log line.
    pub message: String,
}

/// Why the views of a group are unavailable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failure}")]
pub struct BuildFailure {
    /// What the server answers to every query.
    pub failure: ViewFailure,
    /// HTTP status of that answer.
    pub status: u16,
    /// The views whose function failed.
    pub views: Vec<String>,
    /// The document at which it failed, where it was one.
    pub document: Option<Arc<str>>,
}

impl BuildFailure {
    /// The server's answer to a query.
    #[must_use]
    pub fn to_query_error(&self) -> QueryError {
        QueryError { status: self.status, ..self.failure.clone().into() }
    }
}

/// Documents that an engine's thread asks for one by one.
pub trait Documents: IntoIterator<Item = GroupDocument> + Send + 'static {}

impl<T: IntoIterator<Item = GroupDocument> + Send + 'static> Documents for T {}

/// The built views of a design document.
#[derive(Debug, Clone)]
pub struct ViewGroup {
    definition: GroupDefinition,
    partitioned: bool,
    indexes: Vec<Index>,
    /// Stored reductions, beside [`GroupDefinition::views`].
    reductions: Vec<Option<Reductions>>,
    /// Everything logged, in order.
    pub log: Vec<LogLine>,
    /// The exceptions of map functions, in order.
    pub thrown: Vec<ThrownAt>,
    /// The calls of JavaScript reduce functions while the index was written, beside the views.
    pub reduce_calls: Vec<Vec<ReduceCall>>,
}

/// Which map function failed, at which document, and why.
type MapProblem = Box<(Option<usize>, Option<Arc<str>>, EngineError)>;

/// What one document gave: rows per map function.
#[derive(Debug)]
struct Mapped {
    id: Arc<str>,
    shard: usize,
    rows: Vec<Vec<(Box<str>, Box<str>)>>,
}

/// What documents gave, mapped by [`ViewGroup::map`] and not yet written to the indexes.
#[derive(Debug, Default)]
pub struct MappedDocuments(Vec<Mapped>);

impl MappedDocuments {
    /// Adds what further documents gave.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl ViewGroup {
    /// Builds the indexes of all views over `documents`, which come in the order of their update
    /// sequence. `partitioned` tells whether the database is.
    ///
    /// # Errors
    /// When the server would answer every query of the group with an error.
    pub fn build(
        engine: &mut Engine,
        definition: GroupDefinition,
        shards: usize,
        partitioned: bool,
        documents: impl Documents,
    ) -> Result<Self, BuildFailure> {
        let mut group = Self::empty(definition, shards, partitioned);
        let mapped = group.map(engine, documents)?;
        group.write(engine, mapped, Vec::new())?;
        Ok(group)
    }

    /// The group before anything was indexed.
    #[must_use]
    pub fn empty(definition: GroupDefinition, shards: usize, partitioned: bool) -> Self {
        let partitioned = definition.partitioned.unwrap_or(partitioned);
        let indexes: Vec<Index> = definition
            .maps
            .iter()
            .map(|map| Index::new(shards, map.collation, partitioned))
            .collect();
        // Where there is nothing to reduce, it does not matter what reduces it.
        let nothing = |index: &Index| {
            index.reductions(&mut BuiltinReducer::new(Builtin::Count, index.collation())).ok()
        };
        let reductions = definition
            .views
            .iter()
            .map(|view| view.reduce.as_ref().and_then(|_| nothing(&indexes[view.map])))
            .collect();
        Self {
            indexes,
            reductions,
            log: Vec::new(),
            thrown: Vec::new(),
            reduce_calls: vec![Vec::new(); definition.views.len()],
            partitioned,
            definition,
        }
    }

    /// Whether no index has a row: then documents without rows have nothing to be taken out, either.
    fn is_empty(&self) -> bool {
        self.indexes.iter().all(|index| index.total_rows() == 0)
    }

    /// Writes the rows of mapped documents into the indexes, instead of those they had, and takes
    /// those of `removed` documents (with their shards) out. Then reduces anew.
    ///
    /// # Errors
    /// When a reduce function fails in a way that the server answers every query of the group with.
    pub fn write(
        &mut self,
        engine: &mut Engine,
        mapped: MappedDocuments,
        removed: Vec<(Arc<str>, usize)>,
    ) -> Result<(), BuildFailure> {
        let is_first = self.is_empty();
        let mut rows: Vec<Vec<DocumentRows>> = vec![Vec::new(); self.indexes.len()];
        for mapped in mapped.0 {
            for (map, emitted) in mapped.rows.into_iter().enumerate() {
                if !emitted.is_empty() || !is_first {
                    let (id, shard) = (Arc::clone(&mapped.id), mapped.shard);
                    rows[map].push(DocumentRows { id, shard, emitted });
                }
            }
        }
        if !is_first {
            for (id, shard) in removed {
                for rows in &mut rows {
                    let (id, emitted) = (Arc::clone(&id), Vec::new());
                    rows.push(DocumentRows { id, shard, emitted });
                }
            }
        }
        for (index, rows) in self.indexes.iter_mut().zip(rows) {
            index.update(rows);
        }
        self.reduce_all(engine)
    }

    /// Runs the map functions over documents, without touching the indexes. What the functions log
    /// and throw is added to what is known of that. Documents are asked for one by one, on the
    /// engine's thread, and none is kept.
    ///
    /// # Errors
    /// When the server would answer every query of the group with an error.
    pub fn map(
        &mut self,
        engine: &mut Engine,
        documents: impl Documents,
    ) -> Result<MappedDocuments, BuildFailure> {
        self.map_documents(engine, documents).map(MappedDocuments)
    }

    fn map_documents(
        &mut self,
        engine: &mut Engine,
        documents: impl Documents,
    ) -> Result<Vec<Mapped>, BuildFailure> {
        let language = self.definition.language.as_str();
        if language == "query" {
            return Ok(self.map_mango(documents));
        }
        let Some(profile) = engine.profile().for_language(language) else {
            return Err(Self::unavailable(ViewFailure::new(
                "unknown_query_language",
                language.to_owned(),
            )));
        };
        let sources: Vec<String> = self
            .definition
            .maps
            .iter()
            .map(|map| match &map.source {
                MapSource::Function(source) => source.clone(),
                MapSource::Mango(_) => String::new(),
            })
            .collect();
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let lib = self.definition.lib.clone();
        let is_first = self.is_empty();
        let job = move |vm: &mut crate::engine::Vm| {
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            let functions = vm
                .compile_maps(&sources, lib.as_ref())
                .map_err(|(map, error)| Box::new((Some(map), None, error)))?;
            let mut mapped = Vec::new();
            let (mut log, mut thrown) = (Vec::new(), Vec::new());
            for document in documents {
                let id = Arc::clone(&document.id);
                let outcome = vm
                    .map_document(&functions, &document.text)
                    .map_err(|error| Box::new((error.map, Some(Arc::clone(&id)), error.error)))?;
                let mut rows = vec![Vec::new(); sources.len()];
                for row in outcome.rows {
                    rows[row.function].push((row.key.into(), row.value.into()));
                }
                for (map, message) in outcome.threw {
                    thrown.push(ThrownAt { map, document: Arc::clone(&id), message });
                }
                log.extend(outcome.log.into_iter().map(|message| (Arc::clone(&id), message)));
                if !is_first || rows.iter().any(|rows| !rows.is_empty()) {
                    mapped.push(Mapped { id, shard: document.shard, rows });
                }
            }
            Ok((mapped, log, thrown))
        };
        let outcome: Result<_, MapProblem> = if profile == engine.profile() {
            engine.run(job)
        } else {
            // The language pins an engine other than the server's own.
            Engine::new(profile, engine.limits()).run(job)
        }
        .unwrap_or_else(|error| Err(Box::new((None, None, error))));
        let (mapped, log, thrown) = outcome.map_err(|problem| {
            let (map, document, error) = *problem;
            BuildFailure {
                status: if error == EngineError::MissingFunction { 404 } else { 500 },
                failure: failure(&error),
                views: map.map(|map| self.definition.views_of(map)).unwrap_or_default(),
                document,
            }
        })?;
        self.log.extend(
            log.into_iter()
                .map(|(document, message)| LogLine { document: Some(document), message }),
        );
        self.thrown.extend(thrown);
        Ok(mapped)
    }

    fn map_mango(&self, documents: impl Documents) -> Vec<Mapped> {
        // CouchDB only logs a definition it does not understand; such an index has no rows.
        let indexes: Vec<Option<Definition>> = self
            .definition
            .maps
            .iter()
            .map(|map| match &map.source {
                MapSource::Mango(definition) => Definition::parse(definition).ok(),
                MapSource::Function(_) => None,
            })
            .collect();
        documents
            .into_iter()
            .filter(|document| !document.id.starts_with("_design/"))
            .map(|document| {
                let value = crate::json::parse_str(&document.text).unwrap_or_default();
                let rows = indexes
                    .iter()
                    .map(|index| {
                        let key = index.as_ref().and_then(|index| index.key(&value));
                        key.map(|key| (crate::json::to_string(&key).into(), "null".into()))
                            .into_iter()
                            .collect()
                    })
                    .collect();
                Mapped { id: document.id, shard: document.shard, rows }
            })
            .collect()
    }

    fn reduce_all(&mut self, engine: &mut Engine) -> Result<(), BuildFailure> {
        for (position, view) in self.definition.views.iter().enumerate() {
            let Some(source) = &view.reduce else { continue };
            let index = &self.indexes[view.map];
            let reductions = match Builtin::recognise(source) {
                Ok(Some(builtin)) => {
                    index.reductions(&mut BuiltinReducer::new(builtin, index.collation()))
                }
                Ok(None) => {
                    let mut reducer =
                        JavaScriptReducer::new(engine, source, ReduceLimit::default());
                    let reductions = index.reductions(&mut reducer);
                    self.reduce_calls[position] = reducer.calls;
                    let lines = reducer.log.into_iter();
                    self.log.extend(lines.map(|message| LogLine { document: None, message }));
                    reductions
                }
                Err(error) => Err(ViewFailure::new(error.error, error.reason.to_string())),
            };
            match reductions {
                Ok(reductions) => self.reductions[position] = Some(reductions),
                Err(failure) => {
                    let views = vec![view.name.clone()];
                    return Err(BuildFailure { failure, status: 500, views, document: None });
                }
            }
        }
        Ok(())
    }

    fn unavailable(failure: ViewFailure) -> BuildFailure {
        BuildFailure { failure, status: 500, views: Vec::new(), document: None }
    }

    /// What the group was built from.
    #[must_use]
    pub fn definition(&self) -> &GroupDefinition {
        &self.definition
    }

    /// Whether its rows are kept by partition.
    #[must_use]
    pub fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// The index of a map function.
    #[must_use]
    pub fn index_of(&self, map: usize) -> &Index {
        &self.indexes[map]
    }

    /// The stored reductions of the view at `position` of [`GroupDefinition::views`].
    #[must_use]
    pub fn reductions(&self, position: usize) -> Option<&Reductions> {
        self.reductions.get(position).and_then(Option::as_ref)
    }
}
