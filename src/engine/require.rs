//! `CommonJS` modules of a design document: `require` (`share/server/util.js`).

use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsError, JsResult, JsString, JsValue, NativeFunction, js_string,
};
use boa_gc::{Finalize, Trace};

use super::builtins::{define, global_of};
use super::render::{internal_error, not_callable};
use super::stringify::{self, Spelling};
use super::vm::host;
use super::{Profile, Vm, compile, source_text};
use boa_engine::object::builtins::JsArray;

/// Lines before `util.js` in `share/server/main.js`.
const UTIL: u32 = 7574;

/// What a `require` function needs: one per compiled function, and one per module it loads.
#[derive(Clone, Trace, Finalize)]
struct Requirer {
    /// The object that paths without a leading dot start at.
    root: JsObject,
    /// Modules by id; shared by all functions compiled with the same root object.
    cache: JsObject,
    /// The sandbox's global object, `this` inside a module.
    sandbox: JsObject,
    /// The requiring module's place, for relative paths.
    parent: Option<JsObject>,
    #[unsafe_ignore_trace]
    quickjs: bool,
    realm: Realm,
}

impl Vm {
    /// Gives the sandbox `realm` a `require` that looks modules up in `root`.
    pub(super) fn add_require(&mut self, realm: &Realm, root: &JsObject) {
        let context = &mut self.context;
        let sandbox = global_of(realm, context);
        let name = js_string!("_module_cache");
        let cache = root.get(name, context).ok().and_then(|cache| cache.as_object());
        let cache = cache.unwrap_or_else(|| {
            let cache = JsObject::with_object_proto(context.intrinsics());
            define(root, "_module_cache", cache.clone().into(), true, context);
            cache
        });
        let requirer = Requirer {
            root: root.clone(),
            cache,
            sandbox: sandbox.clone(),
            parent: None,
            quickjs: self.profile == Profile::QuickJs,
            realm: realm.clone(),
        };
        let require = require_function(requirer, context);
        define(&sandbox, "require", require.into(), true, context);
    }
}

fn require_function(requirer: Requirer, context: &mut Context) -> JsObject {
    let realm = context.realm().clone();
    FunctionObjectBuilder::new(
        &realm,
        NativeFunction::from_copy_closure_with_captures(
            |_, arguments, requirer: &Requirer, context| {
                let path = arguments.get_or_undefined(0).clone();
                if !path.is_string() {
                    let line = UTIL + 69;
                    return Err(if path.is_null_or_undefined() {
                        internal_error("name", Some("split"), &path, line, context)
                    } else {
                        not_callable("name.split", line, context)
                    });
                }
                let path = path.to_string(context)?;
                require(&path, requirer, context)
            },
            requirer,
        ),
    )
    .name(js_string!("require"))
    .length(1)
    .build()
    .into()
}

fn require(path: &JsString, requirer: &Requirer, context: &mut Context) -> JsResult<JsValue> {
    let module = resolve(path, requirer, context)?;
    let id = module.get(js_string!("id"), context)?.to_string(context)?;
    if !requirer.cache.has_own_property(id.clone(), context)? {
        // An empty placeholder stops circular requires; it stays when the module throws.
        let placeholder = JsObject::with_object_proto(context.intrinsics());
        requirer.cache.set(id.clone(), placeholder, true, context)?;
        if let Err(error) = load(&module, requirer, context) {
            if error.as_engine().is_some() {
                return Err(error);
            }
            let value = error.into_opaque(context)?;
            let text = if requirer.quickjs {
                value.to_string(context)?.to_std_string_lossy()
            } else {
                source_text::source_text(&value, 0, true, context)
            };
            let path = path.to_std_string_lossy();
            return Err(thrown_array(
                "compilation_error",
                &format!("Module require('{path}') raised error {text}"),
                context,
            ));
        }
        let exports = module.get(js_string!("exports"), context)?;
        requirer.cache.set(id.clone(), exports, true, context)?;
    }
    requirer.cache.get(id, context)
}

fn load(module: &JsObject, requirer: &Requirer, context: &mut Context) -> JsResult<()> {
    let current = module.get(js_string!("current"), context)?.to_string(context)?;
    let source =
        format!("(function (module, exports, require) {{ {}\n }});", current.to_std_string_lossy());
    if let Some(error) = compile::complexity_error(&source) {
        return Err(boa_engine::JsNativeError::syntax().with_message(error).into());
    }
    let realm = if requirer.quickjs {
        // Under QuickJS every module has a copy of the sandbox's globals.
        module_realm(requirer, context)?
    } else {
        requirer.realm.clone()
    };
    super::standard::install_for(&source, host(context).profile, &realm, context);
    let script = compile::parse(&source, &realm, context)
        .map_err(|error| syntax_error(error.engine_message(), error.line, context))?;
    let function = script.evaluate(context)?;
    let Some(function) = function.as_callable() else {
        return Err(boa_engine::JsNativeError::typ()
            .with_message("func.apply is not a function")
            .into());
    };
    let mut of_module = requirer.clone();
    of_module.parent = Some(module.clone());
    let require = require_function(of_module, context);
    let exports = module.get(js_string!("exports"), context)?;
    function.call(
        &requirer.sandbox.clone().into(),
        &[module.clone().into(), exports, require.into()],
        context,
    )?;
    Ok(())
}

/// A `SyntaxError` with the engine's text and the line it stands in.
fn syntax_error(message: &str, line: Option<u32>, context: &mut Context) -> JsError {
    let error: JsError =
        boa_engine::JsNativeError::syntax().with_message(message.to_owned()).into();
    match error.into_opaque(context) {
        Ok(value) => {
            if let (Some(error), Some(line)) = (value.as_object(), line) {
                define(&error, "lineNumber", JsValue::new(line), false, context);
            }
            JsError::from_opaque(value)
        }
        Err(error) => error,
    }
}

fn module_realm(requirer: &Requirer, context: &mut Context) -> JsResult<Realm> {
    let realm = context.create_realm()?;
    super::json_global::install(&realm, context);
    super::builtins::apply_profile(Profile::QuickJs, &realm, context);
    let global = global_of(&realm, context);
    for key in requirer.sandbox.own_property_keys(context)? {
        let enumerable = requirer
            .sandbox
            .borrow()
            .properties()
            .get(&key)
            .is_some_and(|property| property.expect_enumerable());
        if enumerable {
            let value = requirer.sandbox.get(key.clone(), context)?;
            global.set(key, value, false, context)?;
        }
    }
    Ok(realm)
}

/// Follows `path` to a module: an object with `current`, `parent`, `id` and `exports`.
fn resolve(path: &JsString, requirer: &Requirer, context: &mut Context) -> JsResult<JsObject> {
    let mut place = parent_of(requirer.parent.as_ref(), context)?;
    let mut at_start = true;
    let text = path.to_std_string_lossy();
    for segment in text.split('/') {
        match segment {
            ".." => {
                let Some(current) = place else {
                    return Err(nowhere("parent", UTIL + 29, context));
                };
                let parent = parent_of(Some(&current), context)?;
                let grand = parent_of(parent.as_ref(), context)?;
                let (Some(parent), Some(grand)) = (parent, grand) else {
                    return Err(no_parent(&current, context)?);
                };
                let id = current.get(js_string!("id"), context)?.to_string(context)?;
                let id = id.to_std_string_lossy();
                let id = id.rsplit_once('/').map_or("", |(head, _)| head);
                let container = parent.get(js_string!("current"), context)?;
                place = Some(step(Some(id), container, Some(grand), context));
            }
            "." => {
                let Some(current) = &place else {
                    return Err(nowhere("parent", UTIL + 38, context));
                };
                if parent_of(Some(current), context)?.is_none() {
                    return Err(no_parent(current, context)?);
                }
            }
            name => {
                if at_start {
                    place = Some(step(None, requirer.root.clone().into(), None, context));
                }
                let Some(holder) = place else {
                    return Err(nowhere("current", UTIL + 49, context));
                };
                let container = holder.get(js_string!("current"), context)?;
                if container.is_null_or_undefined() {
                    let line = UTIL + 49;
                    return Err(internal_error("mod.current", None, &container, line, context));
                }
                let member = container.to_object(context)?.get(JsString::from(name), context)?;
                if member.is_undefined() {
                    let text = json_text(&container, context)?;
                    return Err(thrown_array(
                        "invalid_require_path",
                        &format!("Object has no property \"{name}\". {text}"),
                        context,
                    ));
                }
                let id = holder.get(js_string!("id"), context)?;
                let id = if id.to_boolean() {
                    format!("{}/{name}", id.to_string(context)?.to_std_string_lossy())
                } else {
                    name.to_owned()
                };
                place = Some(step(Some(&id), member, Some(holder), context));
            }
        }
        at_start = false;
    }
    let Some(found) = place else { return Err(nowhere("current", UTIL + 15, context)) };
    let current = found.get(js_string!("current"), context)?;
    if !current.is_string() {
        let kind = current.type_of();
        return Err(thrown_array(
            "invalid_require_path",
            &format!("Must require a JavaScript string, not: {kind}"),
            context,
        ));
    }
    let exports = JsObject::with_object_proto(context.intrinsics());
    define(&found, "exports", exports.into(), true, context);
    Ok(found)
}

fn parent_of(place: Option<&JsObject>, context: &mut Context) -> JsResult<Option<JsObject>> {
    match place {
        Some(place) => Ok(place.get(js_string!("parent"), context)?.as_object()),
        None => Ok(None),
    }
}

fn step(
    id: Option<&str>,
    current: JsValue,
    parent: Option<JsObject>,
    context: &mut Context,
) -> JsObject {
    let module = JsObject::with_object_proto(context.intrinsics());
    define(&module, "current", current, true, context);
    if let Some(parent) = parent {
        define(&module, "parent", parent.into(), true, context);
    }
    if let Some(id) = id {
        define(&module, "id", JsString::from(id).into(), true, context);
    }
    module
}

fn json_text(value: &JsValue, context: &mut Context) -> JsResult<String> {
    let mut text = String::new();
    if !stringify::write(value, Spelling::JavaScript, &mut text, context)? {
        text.push_str("undefined");
    }
    Ok(text)
}

/// A relative path in the function itself, which stands nowhere.
fn nowhere(member: &str, line: u32, context: &mut Context) -> JsError {
    internal_error("mod", Some(member), &JsValue::undefined(), line, context)
}

fn no_parent(place: &JsObject, context: &mut Context) -> JsResult<JsError> {
    let current = place.get(js_string!("current"), context)?;
    let text = json_text(&current, context)?;
    let reason = format!("Object has no parent {text}");
    Ok(thrown_array("invalid_require_path", &reason, context))
}

fn thrown_array(key: &str, reason: &str, context: &mut Context) -> JsError {
    thrown_list(["error", key, reason], context)
}

/// A list of texts as CouchDB's own code throws it.
pub(super) fn thrown_list(parts: [&str; 3], context: &mut Context) -> JsError {
    let parts = parts.map(|part| JsValue::from(JsString::from(part)));
    JsError::from_opaque(JsArray::from_iter(parts, context).into())
}
