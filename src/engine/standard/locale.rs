//! Functions of strings that look at a locale. SpiderMonkey asks ICU, and a server without a locale
//! (`LANG=C.UTF-8`) gets ICU's `en-US-POSIX`, where ASCII is ordered by code. QuickJS has no locales.

use std::cell::RefCell;
use std::cmp::Ordering;

use boa_engine::object::FunctionObjectBuilder;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string,
};
use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, Strength};
use icu_collator::preferences::{CollationCaseFirst, CollationNumericOrdering};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

use crate::engine::Profile;
use crate::engine::builtins::{define, is_array, method, native};

/// The locale that the server runs in.
const SERVER: &str = "en-US-posix";

thread_local! {
    /// The collator used last, and what it was made for: sorting asks for the same one again.
    static COLLATOR: RefCell<Option<(Wanted, CollatorBorrowed<'static>)>> =
        const { RefCell::new(None) };
}

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    if profile == Profile::QuickJs {
        return;
    }
    let prototype = realm.intrinsics().constructors().string().prototype();
    let compare = native(realm, "localeCompare", 1, locale_compare);
    define(&prototype, "localeCompare", compare.into(), false, context);
    for (name, convert) in
        [("toLocaleUpperCase", upper as fn(&str, &str) -> String), ("toLocaleLowerCase", lower)]
    {
        let original = method(&prototype, name, context);
        let code = NativeFunction::from_copy_closure_with_captures(
            move |this, arguments, original: &boa_engine::object::JsObject, context| {
                let tag = locale_tag(arguments.get_or_undefined(0), context)?;
                let language = tag.as_deref().map_or("", language);
                if !this.is_null_or_undefined() && matches!(language, "tr" | "az" | "lt") {
                    let text = this.to_string(context)?;
                    // Lone surrogates have no case; such texts are left to boa.
                    let prepared = text.to_std_string().ok().map(|text| convert(&text, language));
                    if let Some(prepared) = prepared {
                        return original.call(&JsString::from(prepared).into(), &[], context);
                    }
                }
                original.call(this, &[], context)
            },
            original,
        );
        let function = FunctionObjectBuilder::new(realm, code).name(JsString::from(name)).build();
        define(&prototype, name, function.into(), false, context);
    }
}

/// What `localeCompare` was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Wanted {
    /// A language tag; the server's locale without one.
    tag: Option<String>,
    numeric: Option<bool>,
    sensitivity: Option<String>,
    case_first: Option<String>,
    ignore_punctuation: bool,
}

fn locale_compare(
    this: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    if this.is_null_or_undefined() {
        return Err(JsNativeError::typ()
            .with_message("String.prototype.localeCompare called on null or undefined")
            .into());
    }
    let left = this.to_string(context)?;
    let right = arguments.get_or_undefined(0).to_string(context)?;
    let wanted = Wanted::read(arguments, context)?;
    let order = COLLATOR.with_borrow_mut(|kept| -> JsResult<Ordering> {
        let fits = kept.as_ref().is_some_and(|(made_for, _)| *made_for == wanted);
        if !fits {
            *kept = Some((wanted.clone(), wanted.collator()?));
        }
        Ok(kept.as_ref().map_or(Ordering::Equal, |(_, collator)| {
            collator.compare_utf16(&left.to_vec(), &right.to_vec())
        }))
    })?;
    Ok(JsValue::new(order as i32))
}

impl Wanted {
    fn read(arguments: &[JsValue], context: &mut Context) -> JsResult<Self> {
        let tag = locale_tag(arguments.get_or_undefined(1), context)?;
        let Some(options) = arguments.get_or_undefined(2).as_object() else {
            return Ok(Self { tag, ..Self::default() });
        };
        let mut text = |name: JsString| -> JsResult<Option<String>> {
            let value = options.get(name, context)?;
            if value.is_undefined() {
                return Ok(None);
            }
            Ok(Some(value.to_string(context)?.to_std_string_lossy()))
        };
        let sensitivity = text(js_string!("sensitivity"))?;
        let case_first = text(js_string!("caseFirst"))?;
        let numeric = options.get(js_string!("numeric"), context)?;
        let ignore_punctuation =
            options.get(js_string!("ignorePunctuation"), context)?.to_boolean();
        Ok(Self {
            tag,
            numeric: (!numeric.is_undefined()).then(|| numeric.to_boolean()),
            sensitivity,
            case_first,
            ignore_punctuation,
        })
    }

    fn collator(&self) -> JsResult<CollatorBorrowed<'static>> {
        let tag = self.tag.as_deref().unwrap_or(SERVER);
        let locale = Locale::try_from_str(tag).map_err(|_| invalid_tag(tag))?;
        let mut preferences = CollatorPreferences::from(&locale);
        if let Some(numeric) = self.numeric {
            preferences.numeric_ordering = Some(if numeric {
                CollationNumericOrdering::True
            } else {
                CollationNumericOrdering::False
            });
        }
        preferences.case_first = match self.case_first.as_deref() {
            Some("upper") => Some(CollationCaseFirst::Upper),
            Some("lower") => Some(CollationCaseFirst::Lower),
            Some("false") => Some(CollationCaseFirst::False),
            Some(other) => return Err(invalid_option(other, "caseFirst")),
            None => preferences.case_first,
        };
        let mut options = CollatorOptions::default();
        options.strength = Some(match self.sensitivity.as_deref() {
            Some("base") => Strength::Primary,
            Some("case") => {
                options.case_level = Some(CaseLevel::On);
                Strength::Primary
            }
            Some("accent") => Strength::Secondary,
            Some("variant") | None => Strength::Tertiary,
            Some(other) => return Err(invalid_option(other, "sensitivity")),
        });
        if self.ignore_punctuation {
            options.alternate_handling = Some(AlternateHandling::Shifted);
        }
        Collator::try_new(preferences, options).map_err(|_| invalid_tag(tag))
    }
}

fn invalid_tag(tag: &str) -> boa_engine::JsError {
    JsNativeError::range().with_message(format!("invalid language tag: {tag:?}")).into()
}

fn invalid_option(value: &str, name: &str) -> boa_engine::JsError {
    JsNativeError::range().with_message(format!("invalid value {value:?} for option {name}")).into()
}

/// The first language tag of a `locales` argument.
fn locale_tag(locales: &JsValue, context: &mut Context) -> JsResult<Option<String>> {
    if locales.is_undefined() {
        return Ok(None);
    }
    let mut first = locales.clone();
    if let Some(list) = locales.as_object()
        && is_array(locales, context)?
    {
        first = list.get(0_u32, context)?;
        if first.is_undefined() {
            return Ok(None);
        }
    }
    if !first.is_string() && !first.is_object() {
        return Err(JsNativeError::typ()
            .with_message(format!("{} is not a well-formed language tag", first.display()))
            .into());
    }
    let tag = first.to_string(context)?.to_std_string_lossy();
    // ICU's crate takes underscores too, which JavaScript does not.
    if tag.contains('_') || Locale::try_from_str(&tag).is_err() {
        return Err(invalid_tag(&tag));
    }
    Ok(Some(tag))
}

fn language(tag: &str) -> &str {
    match tag.split('-').next().unwrap_or_default() {
        language if language.eq_ignore_ascii_case("tr") => "tr",
        language if language.eq_ignore_ascii_case("az") => "az",
        language if language.eq_ignore_ascii_case("lt") => "lt",
        _ => "",
    }
}

const DOT_ABOVE: char = '\u{307}';

/// The text with what is special to a language in upper case already (Unicode's `SpecialCasing`).
fn upper(text: &str, language: &str) -> String {
    if language != "lt" {
        return text.replace('i', "İ");
    }
    // Lithuanian writes a dot under accents only in lower case.
    let mut prepared = String::with_capacity(text.len());
    for character in text.chars() {
        let dotted = prepared.ends_with(['i', 'j', 'į']);
        if !(dotted && character == DOT_ABOVE) {
            prepared.push(character);
        }
    }
    prepared
}

/// The text with what is special to a language in lower case already.
fn lower(text: &str, language: &str) -> String {
    if language != "lt" {
        return text.replace("I\u{307}", "i").replace('İ', "i").replace('I', "ı");
    }
    let mut prepared = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let above =
            matches!(characters.peek(), Some('\u{300}'..='\u{304}' | '\u{306}'..='\u{30c}'));
        match character {
            'Ì' => prepared.push_str("i\u{307}\u{300}"),
            'Í' => prepared.push_str("i\u{307}\u{301}"),
            'Ĩ' => prepared.push_str("i\u{307}\u{303}"),
            'I' | 'J' | 'Į' if above => {
                prepared.extend(character.to_lowercase());
                prepared.push(DOT_ABOVE);
            }
            other => prepared.push(other),
        }
    }
    prepared
}
