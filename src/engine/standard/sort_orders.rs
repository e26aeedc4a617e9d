//! The sorting algorithms of the engines, comparison by comparison: with a comparator that is not
//! consistent, only the same comparisons give the same order.

use std::cmp::Ordering;

use boa_engine::JsResult;

use super::sort::Element;

/// Compares two elements, which may throw.
pub(super) type Compare<'a> = dyn FnMut(&Element, &Element) -> JsResult<Ordering> + 'a;

/// SpiderMonkey 78 (`MergeSort` in `js/src/builtin/Sorting.js`): an insertion sort for fewer than
/// 24 elements, otherwise runs of four that are merged, where runs already in order are not touched.
pub(super) fn merge_sort(
    mut from: Vec<Element>,
    compare: &mut Compare<'_>,
) -> JsResult<Vec<Element>> {
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

/// QuickJS (`rqsort` in `cutils.c`): a quick sort in three parts around the median of the elements
/// at the quarters, down to pieces of six, which insertion sorts.
pub(super) fn quick_sort(all: &mut [Element], compare: &mut Compare<'_>) -> JsResult<()> {
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
        if child + 1 < heap.len() && compare(&heap[child], &heap[child + 1])? != Ordering::Greater {
            child += 1;
        }
        if compare(&heap[root], &heap[child])? == Ordering::Greater {
            return Ok(());
        }
        heap.swap(root, child);
        root = child;
    }
}
