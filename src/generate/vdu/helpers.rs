//! The helpers of generated functions; only those that a function needs are part of it.

use std::collections::BTreeSet;

/// The helpers, each with those it needs itself and its source.
const HELPERS: [(&str, &[&str], &str); 22] = [
    (
        "has",
        &[],
        "function has(value, name) {
  return Object.prototype.hasOwnProperty.call(value, name);
}",
    ),
    (
        "read",
        &["has"],
        "function read(value, names) {
  for (var i = 0; i < names.length; i += 1) {
    if (value === null || typeof value !== 'object' || !has(value, names[i])) {
      return undefined;
    }
    value = value[names[i]];
  }
  return value;
}",
    ),
    (
        "document",
        &[],
        "function document(newDoc, shown) {
  var doc = {};
  Object.keys(newDoc).forEach(function (name) {
    // CouchDB's own members are shown only to schemas that speak of them.
    if (name.charAt(0) !== '_' || shown.indexOf(name) !== -1) {
      doc[name] = newDoc[name];
    }
  });
  return doc;
}",
    ),
    (
        "isObject",
        &[],
        "function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}",
    ),
    (
        "isInteger",
        &[],
        "function isInteger(value) {
  return typeof value === 'number' && value % 1 === 0;
}",
    ),
    (
        "isMultiple",
        &[],
        "function isMultiple(value, divisor, decimals) {
  // Moves the decimal point in the text of the number: 0.3 is not a multiple of 0.1 for computers.
  var parts = String(value).split('e');
  return Number(parts[0] + 'e' + (Number(parts[1] || 0) + decimals)) % divisor === 0;
}",
    ),
    (
        "length",
        &[],
        "function length(text) {
  // Characters: JavaScript counts some of them twice.
  var pairs = text.match(/[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]/g);
  return text.length - (pairs ? pairs.length : 0);
}",
    ),
    (
        "equal",
        &["has"],
        "function equal(left, right) {
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') {
    return left === right;
  }
  if (Array.isArray(left) !== Array.isArray(right)) {
    return false;
  }
  var names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every(function (name) {
    return has(right, name) && equal(left[name], right[name]);
  });
}",
    ),
    (
        "unique",
        &["equal", "has"],
        "function unique(items) {
  var seen = {};
  var objects = [];
  return items.every(function (item) {
    if (item !== null && typeof item === 'object') {
      var isNew = objects.every(function (other) { return !equal(item, other); });
      objects.push(item);
      return isNew;
    }
    var key = typeof item + ' ' + item;
    if (has(seen, key)) {
      return false;
    }
    seen[key] = true;
    return true;
  });
}",
    ),
    (
        "fitting",
        &[],
        "function fitting(items, check) {
  return items.filter(function (item) { return !check(item, ''); }).length;
}",
    ),
    (
        "token",
        &[],
        "function token(name) {
  return name.replace(/~/g, '~0').replace(/\\//g, '~1');
}",
    ),
    (
        "say",
        &[],
        "function say(at, expected, found) {
  return (at ? '`' + at + '`: ' : '') + 'expected ' + expected + (found ? ', found ' + found : '');
}",
    ),
    (
        "wrong",
        &["say"],
        "function wrong(at, expected, value) {
  var found = JSON.stringify(value);
  return say(at, expected, found.length > 60 ? found.slice(0, 60) + '…' : found);
}",
    ),
    (
        "missing",
        &["say", "token"],
        "function missing(at, name) {
  return say(at + '/' + token(name), 'the member `' + name + '`', 'none');
}",
    ),
    (
        "unknown",
        &["say", "token"],
        "function unknown(value, at, names, patterns) {
  var extra = Object.keys(value).filter(function (name) {
    return names.indexOf(name) === -1 && !(patterns || []).some(function (pattern) {
      return pattern.test(name);
    });
  });
  return extra.length > 0 ? say(at + '/' + token(extra[0]), 'no member `' + extra[0] + '`') : undefined;
}",
    ),
    (
        "count",
        &[],
        "function count(number, what) {
  return number + ' ' + what + (number === 1 ? '' : 's');
}",
    ),
    (
        "isDate",
        &[],
        "function isDate(text) {
  var parts = /^(\\d{4})-(\\d{2})-(\\d{2})$/.exec(text);
  if (!parts) {
    return false;
  }
  var year = Number(parts[1]);
  var month = Number(parts[2]);
  var day = Number(parts[3]);
  var february = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  var days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}",
    ),
    (
        "isTime",
        &[],
        "function isTime(text) {
  var parts = /^(\\d{2}):(\\d{2}):(\\d{2})(?:\\.\\d+)?(?:[Zz]|([+\\-])(\\d{2}):(\\d{2}))$/.exec(text);
  if (!parts) {
    return false;
  }
  var hour = Number(parts[1]);
  var minute = Number(parts[2]);
  var offsetHour = Number(parts[5] || 0);
  var offsetMinute = Number(parts[6] || 0);
  if (hour > 23 || minute > 59 || Number(parts[3]) > 60 || offsetHour > 23 || offsetMinute > 59) {
    return false;
  }
  // A leap second is the last one of a day in UTC.
  var offset = (offsetHour * 60 + offsetMinute) * (parts[4] === '-' ? -1 : 1);
  return Number(parts[3]) < 60 || (hour * 60 + minute - offset + 1440) % 1440 === 1439;
}",
    ),
    (
        "isDateTime",
        &["isDate", "isTime"],
        "function isDateTime(text) {
  var parts = /^([^Tt]*)[Tt]([\\s\\S]*)$/.exec(text);
  return parts !== null && isDate(parts[1]) && isTime(parts[2]);
}",
    ),
    (
        "isAddress",
        &[],
        "function isAddress(text) {
  return /^(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(?:\\.(?!$)|$)){4}$/.test(text);
}",
    ),
    (
        "isUuid",
        &[],
        "function isUuid(text) {
  return /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text);
}",
    ),
    (
        "isPointer",
        &[],
        "function isPointer(text) {
  return /^(?:\\/(?:[^~\\/]|~[01])*)*$/.test(text);
}",
    ),
];

/// The helper that checks a format, where there is one.
pub(super) fn of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "isDate",
        "time" => "isTime",
        "date-time" => "isDateTime",
        "ipv4" => "isAddress",
        "uuid" => "isUuid",
        "json-pointer" => "isPointer",
        _ => return None,
    })
}

/// Whether a name is that of a helper.
pub(super) fn is_helper(name: &str) -> bool {
    HELPERS.iter().any(|(helper, _, _)| *helper == name)
}

/// The sources of helpers and of all those they need, in the order of the table.
pub(super) fn sources(wanted: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<&str> = wanted.iter().copied().collect();
    while let Some(name) = open.pop() {
        if needed.insert(name) {
            let helper = HELPERS.iter().find(|(helper, _, _)| *helper == name);
            open.extend(helper.into_iter().flat_map(|(_, others, _)| others.iter().copied()));
        }
    }
    let needed = HELPERS.iter().filter(|(name, _, _)| needed.contains(name));
    needed.map(|(_, _, source)| *source).collect()
}
