//! `Number.prototype`: large integers in other bases, and SpiderMonkey's locale format.

use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::realm::Realm;
use boa_engine::{Context, JsArgs, JsResult, JsString, JsValue, NativeFunction, js_string};
use num_bigint::BigUint;

use crate::engine::Profile;
use crate::engine::builtins::{define, method};

/// 2^53: from here on not every integer has a double of its own.
const SPARSE: f64 = 9_007_199_254_740_992.0;

/// Writes a large double in a base.
type Digits = fn(f64, u32) -> String;

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().number().prototype();
    let digits: Digits = match profile {
        Profile::SpiderMonkey => |number, radix| exact(number).0.to_str_radix(radix),
        Profile::QuickJs => shortest,
    };
    let original = method(&prototype, "toString", context);
    let code = NativeFunction::from_copy_closure_with_captures(
        move |this, arguments, original: &JsObject, context| {
            to_string(this, arguments, digits, original, context)
        },
        original,
    );
    let function =
        FunctionObjectBuilder::new(realm, code).name(js_string!("toString")).length(1).build();
    define(&prototype, "toString", function.into(), false, context);
    if profile == Profile::SpiderMonkey {
        let original = method(&prototype, "toLocaleString", context);
        let code = NativeFunction::from_copy_closure_with_captures(to_locale_string, original);
        let function =
            FunctionObjectBuilder::new(realm, code).name(js_string!("toLocaleString")).build();
        define(&prototype, "toLocaleString", function.into(), false, context);
    }
}

/// The number that a method was called on.
fn number(this: &JsValue) -> Option<f64> {
    this.as_number().or_else(|| {
        let object = this.as_object()?;
        object.downcast_ref::<f64>().map(|number| *number)
    })
}

fn to_string(
    this: &JsValue,
    arguments: &[JsValue],
    digits: Digits,
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let radix = arguments.get_or_undefined(0);
    let large = number(this).filter(|number| number.is_finite() && number.abs() >= SPARSE);
    let (Some(number), false) = (large, radix.is_undefined()) else {
        return original.call(this, arguments, context);
    };
    let radix = JsValue::new(radix.to_number(context)?.trunc());
    match radix.to_u32(context)? {
        base @ (2..=9 | 11..=36) if radix.as_number() == Some(f64::from(base)) => {
            let sign = if number < 0.0 { "-" } else { "" };
            Ok(JsString::from(format!("{sign}{}", digits(number.abs(), base))).into())
        }
        _ => original.call(this, &[radix], context),
    }
}

/// A double of 2^53 or more as an integer, and the distance to the next one.
fn exact(number: f64) -> (BigUint, BigUint) {
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff).saturating_sub(1075);
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    (BigUint::from(mantissa) << exponent, BigUint::from(1_u8) << exponent)
}

/// As few digits as tell the double from its neighbours, then zeros.
fn shortest(number: f64, radix: u32) -> String {
    let (integer, distance) = exact(number);
    let count = integer.to_str_radix(radix).len();
    let mut scale = BigUint::from(radix).pow(u32::try_from(count).unwrap_or(u32::MAX) - 1);
    loop {
        let half = &scale / 2_u8;
        let rounded: BigUint = (&integer + half) / &scale * &scale;
        let error = if rounded > integer { &rounded - &integer } else { &integer - &rounded };
        if error * 2_u8 <= distance {
            return rounded.to_str_radix(radix);
        }
        scale /= radix;
    }
}

/// The format of ICU's `en-US-POSIX`: no grouping, at most three decimals.
fn to_locale_string(
    this: &JsValue,
    arguments: &[JsValue],
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    match number(this) {
        Some(number) if number.is_finite() => Ok(JsString::from(posix(number)).into()),
        Some(number) if number.is_infinite() => {
            Ok(JsString::from(if number > 0.0 { "INF" } else { "-INF" }).into())
        }
        // NaN, or no number at all, which throws.
        _ => original.call(this, arguments, context),
    }
}

fn posix(number: f64) -> String {
    const DECIMALS: i32 = 3;
    // The shortest digits that tell the double, as `d.ddde±x`, are what ICU rounds.
    let shortest = format!("{:e}", number.abs());
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = digits.replace('.', "");
    let integer = BigUint::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
    // The number in thousandths, rounded half away from zero.
    let shift = exponent - i32::try_from(digits.len()).unwrap_or_default() + 1 + DECIMALS;
    let scale = BigUint::from(10_u8).pow(shift.unsigned_abs());
    let thousandths = if shift >= 0 { integer * scale } else { (integer + &scale / 2_u8) / scale };
    let text = format!("{:0>4}", thousandths.to_str_radix(10));
    let (whole, decimals) = text.split_at(text.len() - 3);
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    let sign = if number.is_sign_negative() { "-" } else { "" };
    format!("{sign}{whole}{point}{decimals}")
}
