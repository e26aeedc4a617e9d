//! `Array.prototype.sort`: the engines' own algorithms.
//!
//! Many functions sort with a comparator that answers with a boolean, which no algorithm has to
//! cope with; so the order in which the engines compare decides what comes out. SpiderMonkey 78 and
//! QuickJS also differ in whether they write elements that need not move, which a frozen array shows.

use std::cmp::Ordering;

use boa_engine::error::RuntimeLimitError;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, js_string};

use super::sort_orders::{merge_sort, quick_sort};
use crate::engine::Profile;
use crate::engine::builtins::{define, native};

/// A walk over more elements ends as an endless loop does: on a server it takes longer than a
/// function may run.
const LONGEST: u64 = 1 << 27;

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().array().prototype();
    let code = match profile {
        Profile::SpiderMonkey => sort_spidermonkey,
        Profile::QuickJs => sort_quickjs,
    };
    define(&prototype, "sort", native(realm, "sort", 1, code).into(), false, context);
    if profile == Profile::QuickJs {
        let to_sorted = native(realm, "toSorted", 1, to_sorted);
        define(&prototype, "toSorted", to_sorted.into(), false, context);
    }
}

/// An element with what the comparison needs.
#[derive(Clone)]
pub(super) struct Element {
    value: JsValue,
    /// Where it stood: QuickJS compares this last.
    position: u64,
    /// What it is compared as when there is no comparator.
    text: Option<JsString>,
}

fn sort_spidermonkey(
    this: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let comparator = comparator(arguments)?;
    let object = this.to_object(context)?;
    let length = length_of(&object, context)?;
    if length < 2 {
        return Ok(object.into());
    }
    let (mut elements, undefined) = elements(&object, length, context)?;
    match comparator {
        Some(comparator) => {
            elements = merge_sort(elements, &mut |left, right| {
                compare(&comparator, left, right, context)
            })?;
        }
        None => sort_as_text(&mut elements, context)?,
    }
    let mut next = 0;
    for element in elements {
        object.set(key(next), element.value, true, context)?;
        next += 1;
    }
    write_tail(&object, next, undefined, length, context)?;
    Ok(object.into())
}

fn sort_quickjs(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let comparator = comparator(arguments)?;
    let object = this.to_object(context)?;
    let length = length_of(&object, context)?;
    let (mut elements, undefined) = elements(&object, length, context)?;
    order_quickjs(&mut elements, comparator.as_ref(), context)?;
    let mut next = 0;
    for element in elements {
        // What already stands at its place is not written.
        if element.position != next {
            object.set(key(next), element.value, true, context)?;
        }
        next += 1;
    }
    write_tail(&object, next, undefined, length, context)?;
    Ok(object.into())
}

fn to_sorted(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let comparator = comparator(arguments)?;
    let object = this.to_object(context)?;
    let length = length_of(&object, context)?;
    if length > u64::from(u32::MAX) {
        return Err(JsNativeError::range().with_message("invalid array length").into());
    }
    let (mut elements, _) = elements(&object, length, context)?;
    order_quickjs(&mut elements, comparator.as_ref(), context)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // Holes have become undefined, which stand last.
    let mut sorted: Vec<JsValue> = elements.into_iter().map(|element| element.value).collect();
    sorted.resize(length, JsValue::undefined());
    Ok(JsArray::from_iter(sorted, context).into())
}

fn comparator(arguments: &[JsValue]) -> JsResult<Option<JsObject>> {
    let comparator = arguments.get_or_undefined(0);
    match comparator.as_callable() {
        None if !comparator.is_undefined() => Err(JsNativeError::typ()
            .with_message("The comparison function must be either a function or undefined")
            .into()),
        comparator => Ok(comparator),
    }
}

fn length_of(object: &JsObject, context: &mut Context) -> JsResult<u64> {
    object.get(js_string!("length"), context)?.to_length(context)
}

fn key(index: u64) -> PropertyKey {
    PropertyKey::from(index)
}

/// The elements that are not undefined, and how many are undefined; holes are left out.
fn elements(
    object: &JsObject,
    length: u64,
    context: &mut Context,
) -> JsResult<(Vec<Element>, u64)> {
    let mut elements = Vec::new();
    let mut undefined = 0;
    for index in 0..length {
        bounded(index)?;
        let value = object.get(key(index), context)?;
        if !value.is_undefined() {
            elements.push(Element { value, position: index, text: None });
        } else if object.has_property(key(index), context)? {
            undefined += 1;
        }
    }
    Ok((elements, undefined))
}

/// Writes the undefined elements, which stand last, and makes the rest holes.
fn write_tail(
    object: &JsObject,
    from: u64,
    undefined: u64,
    length: u64,
    context: &mut Context,
) -> JsResult<()> {
    for index in from..length {
        bounded(index)?;
        if index < from + undefined {
            object.set(key(index), JsValue::undefined(), true, context)?;
        } else {
            object.delete_property_or_throw(key(index), context)?;
        }
    }
    Ok(())
}

fn bounded(index: u64) -> JsResult<()> {
    if index < LONGEST { Ok(()) } else { Err(RuntimeLimitError::LoopIteration.into()) }
}

fn compare(
    comparator: &JsObject,
    left: &Element,
    right: &Element,
    context: &mut Context,
) -> JsResult<Ordering> {
    let arguments = [left.value.clone(), right.value.clone()];
    let answer = comparator.call(&JsValue::undefined(), &arguments, context)?.to_number(context)?;
    Ok(answer.partial_cmp(&0.0).unwrap_or(Ordering::Equal))
}

fn to_texts(elements: &mut [Element], context: &mut Context) -> JsResult<()> {
    for element in elements {
        element.text = Some(element.value.to_string(context)?);
    }
    Ok(())
}

/// Without a comparator the order of the texts is total, so any stable algorithm will do.
fn sort_as_text(elements: &mut [Element], context: &mut Context) -> JsResult<()> {
    to_texts(elements, context)?;
    elements.sort_by(|left, right| left.text.cmp(&right.text));
    Ok(())
}

/// Sorts as QuickJS does: equal elements keep their order because positions are compared last.
fn order_quickjs(
    elements: &mut [Element],
    comparator: Option<&JsObject>,
    context: &mut Context,
) -> JsResult<()> {
    let Some(comparator) = comparator else {
        return sort_as_text(elements, context);
    };
    quick_sort(elements, &mut |left, right| {
        // The same value is not compared; two equal texts usually are.
        let same = !left.value.is_string() && JsValue::same_value(&left.value, &right.value);
        let order = if same { Ordering::Equal } else { compare(comparator, left, right, context)? };
        Ok(order.then(left.position.cmp(&right.position)))
    })
}
