//! JSON text to frozen JavaScript values.
//!
//! CouchDB parses a document in its outer realm and freezes it deeply before the first map function
//! sees it (`share/server/views.js`, `util.js`).

use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsResult, JsString, JsValue, js_string};
use rustc_hash::FxHashMap;

use super::builtins;
use super::projection::Projection;
use crate::json::{JsonError, Kind, MAX_DEPTH, Scanner, number_to_double};

/// How many member names are remembered; a database of documents keyed by data must not grow it.
const NAMES: usize = 4096;

/// Rows may be nested as deep as they can be written, deeper than documents; more would overflow the
/// stack.
const ROW_DEPTH: usize = 5 * MAX_DEPTH + 10;

/// Builds JavaScript values from JSON.
pub(super) struct Documents {
    names: FxHashMap<Box<str>, PropertyKey>,
    prototype: JsObject,
    prevent_extensions: JsObject,
    /// Keeps the shape of empty objects alive: shapes are held weakly.
    _root: JsObject,
}

/// Whether built objects can be changed by the functions that get them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freeze {
    /// Documents given to map functions that may try to change them.
    Deep,
    /// Everything else: reduce values, design documents, request objects.
    No,
}

impl Documents {
    pub(super) fn new(context: &mut Context) -> Self {
        let prototype = context.intrinsics().constructors().object().prototype();
        let object = context.intrinsics().constructors().object().constructor();
        let prevent_extensions = builtins::method(&object, "preventExtensions", context);
        let root = JsObject::new(context.root_shape(), prototype.clone(), OrdinaryObject).upcast();
        Self { names: FxHashMap::default(), prototype, prevent_extensions, _root: root }
    }

    fn key(&mut self, name: &str) -> PropertyKey {
        if let Some(key) = self.names.get(name) {
            return key.clone();
        }
        let key = PropertyKey::from(JsString::from(name));
        if self.names.len() < NAMES {
            self.names.insert(name.into(), key.clone());
        }
        key
    }

    fn empty_object(&self, context: &Context) -> JsObject {
        JsObject::new(context.root_shape(), self.prototype.clone(), OrdinaryObject).upcast()
    }

    /// Builds the value of `text`, which must be JSON.
    pub(super) fn value(
        &mut self,
        text: &str,
        freeze: Freeze,
        context: &mut Context,
    ) -> Result<JsValue, JsonError> {
        let depth = if freeze == Freeze::Deep { MAX_DEPTH } else { ROW_DEPTH };
        self.whole(text, freeze, depth, context)
    }

    fn whole(
        &mut self,
        text: &str,
        freeze: Freeze,
        depth: usize,
        context: &mut Context,
    ) -> Result<JsValue, JsonError> {
        let mut scanner = Scanner::new(text);
        let value = self.read(&mut scanner, freeze, depth, context)?;
        scanner.end()?;
        Ok(value)
    }

    /// Builds the document of `text` with only the members that `projection` names.
    pub(super) fn document(
        &mut self,
        text: &str,
        projection: &Projection,
        freeze: Freeze,
        context: &mut Context,
    ) -> Result<JsValue, JsonError> {
        if *projection == Projection::Whole {
            return self.whole(text, freeze, MAX_DEPTH, context);
        }
        let mut scanner = Scanner::new(text);
        if scanner.kind()? != Kind::Object {
            return self.whole(text, freeze, MAX_DEPTH, context);
        }
        let object = self.empty_object(context);
        let mut more = scanner.enter()?;
        while more {
            let name = scanner.name()?.unescape();
            if projection.reads(&name) {
                let value = self.read(&mut scanner, freeze, MAX_DEPTH - 1, context)?;
                let key = self.key(&name);
                insert(&object, key, value, freeze);
            } else {
                scanner.skip()?;
            }
            more = scanner.more(b'}')?;
        }
        scanner.end()?;
        if freeze == Freeze::Deep {
            self.freeze(&object, context);
        }
        Ok(object.into())
    }

    fn freeze(&self, object: &JsObject, context: &mut Context) {
        // The properties are frozen already; `Object.preventExtensions` cannot fail on an ordinary
        // object.
        let _ =
            self.prevent_extensions.call(&JsValue::undefined(), &[object.clone().into()], context);
    }

    /// What `Object.freeze` makes of an array, which takes far longer to do so.
    fn frozen_array(&self, items: Vec<JsValue>, context: &mut Context) -> JsObject {
        let length = items.len();
        let array: JsObject = JsArray::from_iter([], context).into();
        for (index, item) in (0_u32..).zip(items) {
            insert(&array, PropertyKey::from(index), item, Freeze::Deep);
        }
        array.insert_property(
            js_string!("length"),
            PropertyDescriptor::builder()
                .value(length)
                .writable(false)
                .enumerable(false)
                .configurable(false),
        );
        self.freeze(&array, context);
        array
    }

    /// Reads a value of up to `depth` levels of arrays and objects.
    fn read(
        &mut self,
        scanner: &mut Scanner<'_>,
        freeze: Freeze,
        depth: usize,
        context: &mut Context,
    ) -> Result<JsValue, JsonError> {
        let kind = scanner.kind()?;
        if depth == 0 && matches!(kind, Kind::Array | Kind::Object) {
            return Err(scanner.too_deep());
        }
        Ok(match kind {
            Kind::Null => {
                scanner.null()?;
                JsValue::null()
            }
            Kind::Bool => JsValue::new(scanner.boolean()?),
            Kind::Number => number(scanner.number()?),
            Kind::String => JsValue::new(JsString::from(scanner.string()?.unescape().as_ref())),
            Kind::Array => {
                let mut items = Vec::new();
                let mut more = scanner.enter()?;
                while more {
                    items.push(self.read(scanner, freeze, depth - 1, context)?);
                    more = scanner.more(b']')?;
                }
                match freeze {
                    Freeze::No => JsArray::from_iter(items, context).into(),
                    Freeze::Deep => self.frozen_array(items, context).into(),
                }
            }
            Kind::Object => {
                let object = self.empty_object(context);
                let mut more = scanner.enter()?;
                while more {
                    let name = scanner.name()?.unescape();
                    let key = self.key(&name);
                    let value = self.read(scanner, freeze, depth - 1, context)?;
                    insert(&object, key, value, freeze);
                    more = scanner.more(b'}')?;
                }
                if freeze == Freeze::Deep {
                    self.freeze(&object, context);
                }
                object.into()
            }
        })
    }
}

fn insert(object: &JsObject, key: PropertyKey, value: JsValue, freeze: Freeze) {
    let changeable = freeze == Freeze::No;
    object.insert_property(
        key,
        PropertyDescriptor::builder()
            .value(value)
            .writable(changeable)
            .enumerable(true)
            .configurable(changeable),
    );
}

/// The JavaScript number of a JSON number.
pub(super) fn number(text: &str) -> JsValue {
    match text.parse::<i32>() {
        // `-0` is a double; everything else that fits is an integer.
        Ok(integer) if text != "-0" => JsValue::new(integer),
        _ => JsValue::new(number_to_double(text)),
    }
}

impl super::Vm {
    /// A JavaScript value of the outer realm for `value`.
    pub(super) fn javascript_value(
        &mut self,
        value: &crate::json::Value,
        freeze: Freeze,
    ) -> JsResult<JsValue> {
        let text = crate::json::to_string(value);
        self.documents.value(&text, freeze, &mut self.context).map_err(|error| {
            boa_engine::JsNativeError::error().with_message(error.to_string()).into()
        })
    }
}
