//! What a design document says about its views.

use crate::json::{self, Map, Value};
use crate::view::collation::Collation;

/// The views of a design document, as far as building them depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDefinition {
    /// `language`; `javascript` unless given.
    pub language: String,
    /// `views.lib`, the modules that map functions can `require`.
    pub lib: Option<Value>,
    /// `options.local_seq`: documents show their update sequence.
    pub local_seq: bool,
    /// `options.include_design`: design documents are mapped too.
    pub include_design: bool,
    /// `options.partitioned`, where given.
    pub partitioned: Option<bool>,
    /// The distinct map functions, in the order in which CouchDB numbers them.
    pub maps: Vec<MapDefinition>,
    /// The views, in the document's order.
    pub views: Vec<ViewDefinition>,
}

/// One map function, which several views may share.
#[derive(Debug, Clone, PartialEq)]
pub struct MapDefinition {
    /// What maps a document to rows.
    pub source: MapSource,
    /// The order of its rows (`views.X.options.collation`).
    pub collation: Collation,
    options: String,
}

/// A map function's source.
#[derive(Debug, Clone, PartialEq)]
pub enum MapSource {
    /// A function's source text.
    Function(String),
    /// The definition of a Mango index (`language: query`).
    Mango(Value),
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewDefinition {
    /// Its name.
    pub name: String,
    /// Which of [`GroupDefinition::maps`] it shows.
    pub map: usize,
    /// The source of its reduce function, or the name of a built-in one.
    pub reduce: Option<String>,
}

impl GroupDefinition {
    /// Reads the body of a design document. What is not of the right type is left out: the server
    /// would have refused to save it.
    #[must_use]
    pub fn new(design: &Map<String, Value>) -> Self {
        let text = |name: &str| design.get(name).and_then(Value::as_str);
        let options = design.get("options");
        let flag =
            |name: &str| options.and_then(|options| options.get(name)).and_then(Value::as_bool);
        let members = design.get("views").and_then(Value::as_object);
        let mut maps: Vec<MapDefinition> = Vec::new();
        let mut views = Vec::new();
        for (name, view) in members.into_iter().flatten() {
            let source = match view.get("map") {
                Some(Value::String(source)) => MapSource::Function(source.clone()),
                Some(definition @ Value::Object(_)) => MapSource::Mango(definition.clone()),
                _ => continue,
            };
            let options = view.get("options").and_then(Value::as_object);
            let raw = options.and_then(|options| options.get("collation")).and_then(Value::as_str);
            let definition = MapDefinition {
                source,
                collation: if raw == Some("raw") { Collation::Raw } else { Collation::Icu },
                options: options
                    .map(|options| json::to_string(&Value::Object(options.clone())))
                    .unwrap_or_default(),
            };
            let map = maps.iter().position(|known| *known == definition).unwrap_or_else(|| {
                maps.push(definition);
                maps.len() - 1
            });
            let reduce = view.get("reduce").and_then(Value::as_str).map(str::to_owned);
            views.push(ViewDefinition { name: name.clone(), map, reduce });
        }
        let mut definition = Self {
            language: text("language").unwrap_or("javascript").to_owned(),
            lib: members.and_then(|views| views.get("lib")).filter(|lib| is_library(lib)).cloned(),
            local_seq: flag("local_seq").unwrap_or(false),
            include_design: flag("include_design").unwrap_or(false),
            partitioned: flag("partitioned"),
            maps,
            views,
        };
        definition.number_maps();
        definition
    }

    /// CouchDB numbers map functions by source, then options (`couch_mrview_util:ddoc_to_mrst`).
    fn number_maps(&mut self) {
        let key = |map: &MapDefinition| match &map.source {
            MapSource::Function(source) => (source.clone(), map.options.clone()),
            MapSource::Mango(definition) => (json::to_string(definition), map.options.clone()),
        };
        let mut order: Vec<usize> = (0..self.maps.len()).collect();
        order.sort_by_key(|index| key(&self.maps[*index]));
        for view in &mut self.views {
            view.map = order.iter().position(|index| *index == view.map).unwrap_or(view.map);
        }
        self.maps = order.into_iter().map(|index| self.maps[index].clone()).collect();
    }

    /// The view of this name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&ViewDefinition> {
        self.views.iter().find(|view| view.name == name)
    }

    /// The names of the views that show a map function.
    #[must_use]
    pub fn views_of(&self, map: usize) -> Vec<String> {
        self.views.iter().filter(|view| view.map == map).map(|view| view.name.clone()).collect()
    }
}

/// CouchDB hands `views.lib` to the engine only when it holds something.
fn is_library(lib: &Value) -> bool {
    lib.as_object().is_some_and(|members| !members.is_empty())
}
