//! `String.prototype.repeat`: boa's joins as many pieces as it repeats, which for long results takes
//! many times their size, and its errors have other texts than the engines'.

use boa_engine::realm::Realm;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, js_string};

use crate::engine::Profile;
use crate::engine::builtins::{define, native};

/// The longest string of SpiderMonkey 78, in UTF-16 units; QuickJS's is one longer.
const LONGEST: f64 = 1_073_741_822.0;

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().string().prototype();
    let code = match profile {
        Profile::SpiderMonkey => |this: &JsValue, arguments: &[JsValue], context: &mut Context| {
            let too_many = "repeat count must be less than infinity and not overflow maximum \
                            string size";
            repeat(this, arguments, ["repeat count must be non-negative", too_many], context)
        },
        Profile::QuickJs => |this: &JsValue, arguments: &[JsValue], context: &mut Context| {
            repeat(this, arguments, ["invalid repeat count"; 2], context)
        },
    };
    define(&prototype, "repeat", native(realm, "repeat", 1, code).into(), false, context);
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths are far below 2^53, and the count is bounded before it is cast"
)]
fn repeat(
    this: &JsValue,
    arguments: &[JsValue],
    [negative, too_many]: [&'static str; 2],
    context: &mut Context,
) -> JsResult<JsValue> {
    if this.is_null_or_undefined() {
        return Err(JsNativeError::typ()
            .with_message("String.prototype.repeat called on null or undefined")
            .into());
    }
    let text = this.to_string(context)?;
    let count = arguments.get_or_undefined(0).to_number(context)?.trunc();
    if count < 0.0 {
        return Err(JsNativeError::range().with_message(negative).into());
    }
    if count.is_infinite() || count * text.len() as f64 > LONGEST {
        return Err(JsNativeError::range().with_message(too_many).into());
    }
    // NaN becomes 0; a count for an empty text does not matter.
    let mut count = if text.is_empty() { 0 } else { count as u64 };
    let (mut result, mut doubled) = (js_string!(), text);
    while count > 0 {
        if count % 2 == 1 {
            result = JsString::concat(result.as_str(), doubled.as_str());
        }
        count /= 2;
        if count > 0 {
            doubled = JsString::concat(doubled.as_str(), doubled.as_str());
        }
    }
    Ok(result.into())
}
