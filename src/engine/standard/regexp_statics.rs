//! `RegExp.$1`, `RegExp.lastMatch` and their kind, which SpiderMonkey still has.
//!
//! Keeping the last match costs each match something, so a function gets them only when its source
//! names one.

use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsData, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string,
};
use boa_gc::{Finalize, Gc, GcRefCell, Trace};

use crate::engine::builtins::{define, method};

/// The last match of a realm.
#[derive(Debug, Default, Clone, Trace, Finalize, JsData)]
struct Last {
    /// What `RegExp.input` shows; it can be assigned.
    input: JsString,
    /// What was searched.
    subject: JsString,
    start: usize,
    /// The whole match, then the groups; a group that did not take part is empty.
    parts: Vec<JsString>,
}

/// Which part of the last match a property shows.
#[derive(Debug, Clone, Copy)]
enum Part {
    Group(usize),
    LastGroup,
    Input,
    Before,
    After,
}

const PROPERTIES: [(&str, Part); 19] = [
    ("input", Part::Input),
    ("lastMatch", Part::Group(0)),
    ("lastParen", Part::LastGroup),
    ("leftContext", Part::Before),
    ("rightContext", Part::After),
    ("$1", Part::Group(1)),
    ("$2", Part::Group(2)),
    ("$3", Part::Group(3)),
    ("$4", Part::Group(4)),
    ("$5", Part::Group(5)),
    ("$6", Part::Group(6)),
    ("$7", Part::Group(7)),
    ("$8", Part::Group(8)),
    ("$9", Part::Group(9)),
    ("$_", Part::Input),
    ("$&", Part::Group(0)),
    ("$+", Part::LastGroup),
    ("$`", Part::Before),
    ("$'", Part::After),
];

/// Whether `source` may read one of the properties.
pub(super) fn needed(source: &str) -> bool {
    source.contains("RegExp")
        && [".$", "[", "lastMatch", "lastParen", "leftContext", "rightContext", "input"]
            .iter()
            .any(|name| source.contains(name))
}

/// Makes `exec`, through which all matching goes, keep its last match, and `RegExp` show it.
pub(super) fn install(realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().regexp().prototype();
    let constructor = method(&prototype, "constructor", context);
    if constructor.has_own_property(js_string!("$1"), context).unwrap_or(true) {
        return;
    }
    let last = Gc::new(GcRefCell::new(Last::default()));
    let exec = method(&prototype, "exec", context);
    let code = NativeFunction::from_copy_closure_with_captures(exec_and_keep, (exec, last.clone()));
    let exec = FunctionObjectBuilder::new(realm, code).name(js_string!("exec")).length(1).build();
    define(&prototype, "exec", exec.into(), false, context);
    for (name, part) in PROPERTIES {
        let getter = NativeFunction::from_copy_closure_with_captures(
            move |_, _, last: &Gc<GcRefCell<Last>>, _| Ok(last.borrow().part(part).into()),
            last.clone(),
        );
        let mut property = PropertyDescriptor::builder()
            .get(FunctionObjectBuilder::new(realm, getter).name(js_string!("get")).build())
            .enumerable(true)
            .configurable(false);
        if matches!(part, Part::Input) {
            let setter = NativeFunction::from_copy_closure_with_captures(
                |_, arguments, last: &Gc<GcRefCell<Last>>, context| {
                    let input = arguments.get_or_undefined(0).to_string(context)?;
                    last.borrow_mut().input = input;
                    Ok(JsValue::undefined())
                },
                last.clone(),
            );
            property = property
                .set(FunctionObjectBuilder::new(realm, setter).name(js_string!("set")).build());
        }
        // The constructor is extensible and has no such property.
        let _ = constructor.define_property_or_throw(JsString::from(name), property, context);
    }
}

fn exec_and_keep(
    this: &JsValue,
    arguments: &[JsValue],
    (exec, last): &(JsObject, Gc<GcRefCell<Last>>),
    context: &mut Context,
) -> JsResult<JsValue> {
    let input = arguments.get_or_undefined(0).to_string(context)?;
    let found = exec.call(this, &[input.clone().into()], context)?;
    let Some(found_object) = found.as_object() else {
        return Ok(found);
    };
    let count = found_object.get(js_string!("length"), context)?.to_length(context)?;
    let mut parts = Vec::new();
    for index in 0..count {
        let part = found_object.get(index, context)?;
        parts.push(part.as_string().unwrap_or_default());
    }
    let start = found_object.get(js_string!("index"), context)?.to_length(context)?;
    let start = usize::try_from(start)
        .map_err(|_| JsNativeError::range().with_message("invalid regular expression match"))?;
    *last.borrow_mut() = Last { input: input.clone(), subject: input, start, parts };
    Ok(found)
}

impl Last {
    fn part(&self, part: Part) -> JsString {
        let matched = self.parts.first().map_or(0, JsString::len);
        let slice = |from: usize, to: usize| self.subject.get(from..to).unwrap_or_default();
        match part {
            Part::Group(number) => self.parts.get(number).cloned().unwrap_or_default(),
            Part::LastGroup if self.parts.len() < 2 => JsString::default(),
            Part::LastGroup => self.parts.last().cloned().unwrap_or_default(),
            Part::Input => self.input.clone(),
            Part::Before => slice(0, self.start),
            Part::After => slice(self.start + matched, self.subject.len()),
        }
    }
}
