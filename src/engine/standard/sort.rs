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
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, js_string,
};

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
struct Element {
    value: JsValue,
    /// Where it stood: QuickJS compares this last.
    position: u64,
    /// What it is compared as when there is no comparator.
    text: Option<JsString>,
}

fn sort_spidermonkey(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
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

type Compare<'a> = dyn FnMut(&Element, &Element) -> JsResult<Ordering> + 'a;

/// SpiderMonkey 78 (`MergeSort` in `js/src/builtin/Sorting.js`): an insertion sort for fewer than
/// 24 elements, otherwise runs of four that are merged, where runs already in order are not touched.
fn merge_sort(mut from: Vec<Element>, compare: &mut Compare<'_>) -> JsResult<Vec<Element>> {
    const SHORT: usize = 24;
    const RUN: usize = 4;
    let length = from.len();
    if length < SHORT {
        insertion_sort(&mut from, compare)?;
        return Ok(from);
    }
    for run in from.chunks_mut(RUN) {
        insertion_sort(run, compare)?;
    }
    let mut width = RUN;
    while width < length {
        let mut merged = Vec::with_capacity(length);
        for pair in from.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, &mut merged, compare)?;
        }
        from = merged;
        width *= 2;
    }
    Ok(from)
}

fn insertion_sort(run: &mut [Element], compare: &mut Compare<'_>) -> JsResult<()> {
    for last in 1..run.len() {
        let mut place = last;
        while place > 0 && compare(&run[place - 1], &run[place])? == Ordering::Greater {
            run.swap(place - 1, place);
            place -= 1;
        }
    }
    Ok(())
}

fn merge(
    left: &[Element],
    right: &[Element],
    merged: &mut Vec<Element>,
    compare: &mut Compare<'_>,
) -> JsResult<()> {
    let (Some(last), Some(first)) = (left.last(), right.first()) else {
        merged.extend_from_slice(left);
        return Ok(());
    };
    if compare(last, first)? != Ordering::Greater {
        merged.extend_from_slice(left);
        merged.extend_from_slice(right);
        return Ok(());
    }
    let (mut left, mut right) = (left, right);
    while let ([next_left, rest_left @ ..], [next_right, rest_right @ ..]) = (left, right) {
        if compare(next_left, next_right)? == Ordering::Greater {
            merged.push(next_right.clone());
            right = rest_right;
        } else {
            merged.push(next_left.clone());
            left = rest_left;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    Ok(())
}

/// Sorts as QuickJS does: equal elements keep their order because positions are compared last.
fn order_quickjs(
    elements: &mut [Element],
    comparator: Option<&JsObject>,
    context: &mut Context,
) -> JsResult<()> {
    let Some(comparator) = comparator else { return sort_as_text(elements, context) };
    quick_sort(elements, &mut |left, right| {
        // The same value is not compared; two equal texts usually are.
        let same = !left.value.is_string() && JsValue::same_value(&left.value, &right.value);
        let order =
            if same { Ordering::Equal } else { compare(comparator, left, right, context)? };
        Ok(order.then(left.position.cmp(&right.position)))
    })
}

/// QuickJS (`rqsort` in `cutils.c`): a quick sort in three parts around the median of the elements
/// at the quarters, down to pieces of six, which insertion sorts.
fn quick_sort(all: &mut [Element], compare: &mut Compare<'_>) -> JsResult<()> {
    const SHORT: usize = 6;
    /// Deeper pieces are sorted by another algorithm.
    const DEPTH: usize = 50;
    let mut pieces = vec![(0, all.len(), 0)];
    while let Some((mut start, mut end, mut depth)) = pieces.pop() {
        while end - start > SHORT {
            depth += 1;
            if depth > DEPTH {
                heap_sort(&mut all[start..end], compare)?;
                start = end;
                break;
            }
            let (smaller, greater) = partition(&mut all[start..end], compare)?;
            let (middle_start, middle_end) = (start + smaller, end - greater);
            // The larger side waits.
            if smaller > greater {
                pieces.push((start, middle_start, depth));
                start = middle_end;
            } else {
                pieces.push((middle_end, end, depth));
                end = middle_start;
            }
        }
        insertion_sort(&mut all[start..end], compare)?;
    }
    Ok(())
}

/// Moves what is smaller than the pivot before it and what is greater behind it; tells how many
/// elements are smaller and greater.
fn partition(piece: &mut [Element], compare: &mut Compare<'_>) -> JsResult<(usize, usize)> {
    let length = piece.len();
    let quarter = length / 4;
    let pivot = median(piece, [quarter, 2 * quarter, 3 * quarter], compare)?;
    piece.swap(0, pivot);
    // Elements equal to the pivot gather at both ends.
    let (mut equal_before, mut equal_after) = (1, length);
    let (mut low, mut high) = (1, length);
    loop {
        while low < high {
            let order = compare(&piece[0], &piece[low])?;
            if order == Ordering::Less {
                break;
            }
            if order == Ordering::Equal {
                piece.swap(equal_before, low);
                equal_before += 1;
            }
            low += 1;
        }
        loop {
            high -= 1;
            if low >= high {
                break;
            }
            let order = compare(&piece[0], &piece[high])?;
            if order == Ordering::Greater {
                break;
            }
            if order == Ordering::Equal {
                equal_after -= 1;
                piece.swap(equal_after, high);
            }
        }
        if low >= high {
            break;
        }
        piece.swap(low, high);
        low += 1;
    }
    let smaller = low - equal_before;
    swap_ends(&mut piece[..low], equal_before.min(smaller));
    let greater = equal_after - low;
    swap_ends(&mut piece[low..], (length - equal_after).min(greater));
    Ok((smaller, greater))
}

/// Exchanges the first `count` elements with the last.
fn swap_ends(piece: &mut [Element], count: usize) {
    let (before, after) = piece.split_at_mut(piece.len() - count);
    before[..count].swap_with_slice(after);
}

fn median(
    piece: &[Element],
    [first, second, third]: [usize; 3],
    compare: &mut Compare<'_>,
) -> JsResult<usize> {
    let mut is = |left: usize, order: Ordering, right: usize| -> JsResult<bool> {
        Ok(compare(&piece[left], &piece[right])? == order)
    };
    if is(first, Ordering::Less, second)? {
        if is(second, Ordering::Less, third)? {
            return Ok(second);
        }
        return Ok(if is(first, Ordering::Less, third)? { third } else { first });
    }
    if is(second, Ordering::Greater, third)? {
        return Ok(second);
    }
    Ok(if is(first, Ordering::Less, third)? { first } else { third })
}

fn heap_sort(piece: &mut [Element], compare: &mut Compare<'_>) -> JsResult<()> {
    for root in (0..piece.len() / 2).rev() {
        sift_down(piece, root, compare)?;
    }
    for end in (1..piece.len()).rev() {
        piece.swap(0, end);
        sift_down(&mut piece[..end], 0, compare)?;
    }
    Ok(())
}

fn sift_down(heap: &mut [Element], mut root: usize, compare: &mut Compare<'_>) -> JsResult<()> {
    loop {
        let mut child = 2 * root + 1;
        if child >= heap.len() {
            return Ok(());
        }
        if child + 1 < heap.len()
            && compare(&heap[child], &heap[child + 1])? != Ordering::Greater
        {
            child += 1;
        }
        if compare(&heap[root], &heap[child])? == Ordering::Greater {
            return Ok(());
        }
        heap.swap(root, child);
        root = child;
    }
}
