//! The helpers that show and list functions answer with: `start`, `send`, `getRow`, `provides`
//! and `registerType` (`share/server/render.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{Context, JsArgs, JsError, JsNativeError, JsResult, JsString, JsValue, js_string};

use super::builtins::define;
use super::json_global;
use super::stringify::{self, Spelling};
use super::vm::{host, with_host};
use super::{Profile, require};

/// `share/server/main.js` joins CouchDB's files; these are the lines before `render.js` and
/// `mimeparse.js` in it, which SpiderMonkey's messages name.
pub(super) const RENDER: u32 = 7135;
pub(super) const MIMEPARSE: u32 = 6977;

/// What a show or list function has sent.
#[derive(Default)]
pub(super) struct Rendering {
    /// Chunks that wait for the next answer.
    pub(super) chunks: Vec<JsValue>,
    /// What `start` was given; `None` for an empty object.
    pub(super) start: Option<JsValue>,
    new_header: bool,
    /// Whether the first row was asked for.
    pub(super) got_row: bool,
    last_row: bool,
}

/// `start(response)`: keeps status and headers for the next answer.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
pub(super) fn start(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let given = arguments.get_or_undefined(0);
    let mut rendering = host(context).rendering.borrow_mut();
    rendering.start = given.to_boolean().then(|| given.clone());
    rendering.new_header = true;
    Ok(JsValue::undefined())
}

/// `send(chunk)`: keeps a chunk for the next answer.
pub(super) fn send(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let chunk = arguments.get_or_undefined(0);
    if chunk.is_null_or_undefined() {
        let name = "toString";
        return Err(internal_error("chunk", Some(name), chunk, RENDER + 173, context));
    }
    let method = chunk.to_object(context)?.get(js_string!("toString"), context)?;
    let Some(method) = method.as_callable() else {
        return Err(not_callable("chunk.toString", RENDER + 173, context));
    };
    let text = method.call(chunk, &[], context)?;
    host(context).rendering.borrow_mut().chunks.push(text);
    Ok(JsValue::undefined())
}

/// `getRow()`: answers with what was sent so far and waits for the next row.
pub(super) fn get_row(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (first, last) = {
        let mut rendering = host(context).rendering.borrow_mut();
        (!std::mem::replace(&mut rendering.got_row, true), rendering.last_row)
    };
    if last {
        return Ok(JsValue::null());
    }
    if first {
        send_start(context)?;
    } else {
        send_chunks("chunks", context);
    }
    let line = with_host(context, |host, _| host.receive());
    let profile = host(context).profile;
    // A list function that waits for a row at the end of the input reads an empty line.
    let line = line.unwrap_or_default();
    if profile == Profile::QuickJs
        && !(line.is_empty()
            || line.starts_with("[\"list_row\"")
            || line.starts_with("[\"list_end\""))
    {
        return Err(end_process(UNEXPECTED_COMMAND, context));
    }
    let row = json_global::parse(&JsString::from(line), context)
        .map_err(|error| of_couchdb(error, RENDER + 196, context))?;
    if row.is_null() {
        return Err(internal_error("json", None, &row, RENDER + 197, context));
    }
    let row = row.to_object(context)?;
    let kind = row.get(0_u32, context)?;
    let is = |text: JsString| kind.as_string().is_some_and(|kind| kind == text);
    if is(js_string!("list_end")) {
        host(context).rendering.borrow_mut().last_row = true;
        return Ok(JsValue::null());
    }
    if !is(js_string!("list_row")) {
        let reason = format!("not a row '{}'", kind.to_string(context)?.to_std_string_lossy());
        return Err(require::thrown_list(["fatal", "list_error", &reason], context));
    }
    row.get(1_u32, context)
}

/// How CouchDB's QuickJS ends when something else than a row comes while a list function runs.
const UNEXPECTED_COMMAND: &str =
    "c_src/couchjs.c:300 unexpected command during list subcommand mode";

/// An error that no function can catch, and that ends the query server.
fn end_process(cause: &'static str, context: &Context) -> JsError {
    host(context).ended.set(Some(cause));
    boa_engine::error::RuntimeLimitError::Recursion.into()
}

/// `provides(key, function)`: offers to answer with one of the types of `key`.
pub(super) fn provides(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let key = key_text(arguments.get_or_undefined(0), context)?;
    let mut mime = host(context).mime.borrow_mut();
    mime.used = true;
    mime.provided.push((key, arguments.get_or_undefined(1).clone()));
    Ok(JsValue::undefined())
}

/// `registerType(key, type, …)`.
pub(super) fn register_type(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let key = key_text(arguments.get_or_undefined(0), context)?;
    let types = arguments.iter().skip(1).map(|name| key_text(name, context));
    let types = types.collect::<JsResult<Vec<String>>>()?;
    host(context).mime.borrow_mut().register(&key, types);
    Ok(JsValue::undefined())
}

fn key_text(value: &JsValue, context: &mut Context) -> JsResult<String> {
    Ok(value.to_string(context)?.to_std_string_lossy())
}

/// Forgets what the function before has sent.
pub(super) fn reset_list(context: &Context) {
    *host(context).rendering.borrow_mut() = Rendering::default();
}

fn send_start(context: &mut Context) -> JsResult<()> {
    let response = start_response(context);
    let content_type = host(context).mime.borrow().content_type.clone();
    apply_content_type(&response, content_type, context)?;
    let chunks = take_chunks(context);
    let answer = [js_string!("start").into(), chunks, response];
    let answer = JsArray::from_iter(answer, context);
    respond(&answer.into(), context);
    let mut rendering = host(context).rendering.borrow_mut();
    rendering.start = None;
    rendering.new_header = false;
    Ok(())
}

/// Answers with the chunks, and the status and headers where `start` was called since.
pub(super) fn send_chunks(label: &str, context: &mut Context) {
    let mut answer = vec![JsString::from(label).into(), take_chunks(context)];
    if std::mem::take(&mut host(context).rendering.borrow_mut().new_header) {
        answer.push(start_response(context));
    }
    let answer = JsArray::from_iter(answer, context);
    respond(&answer.into(), context);
}

/// What `start` was given, or an empty object.
pub(super) fn start_response(context: &mut Context) -> JsValue {
    let given = host(context).rendering.borrow().start.clone();
    given.unwrap_or_else(|| JsObject::with_object_proto(context.intrinsics()).into())
}

fn take_chunks(context: &mut Context) -> JsValue {
    let chunks = std::mem::take(&mut host(context).rendering.borrow_mut().chunks);
    JsArray::from_iter(chunks, context).into()
}

/// The chunks sent so far as one text, as `Array.prototype.join("")` makes it.
pub(super) fn joined_chunks(context: &mut Context) -> JsResult<JsString> {
    let chunks = host(context).rendering.borrow().chunks.clone();
    let mut text = Vec::new();
    for chunk in chunks {
        if !chunk.is_null_or_undefined() {
            text.extend(chunk.to_string(context)?.iter());
        }
    }
    Ok(JsString::from(text.as_slice()))
}

/// Gives a response headers, and the content type where it has none.
pub(super) fn apply_content_type(
    response: &JsValue,
    content_type: Option<String>,
    context: &mut Context,
) -> JsResult<()> {
    // A property set on a text or number goes nowhere.
    let Some(response) = response.as_object() else { return Ok(()) };
    let name = js_string!("headers");
    let mut headers = response.get(name.clone(), context)?;
    if !headers.to_boolean() {
        headers = JsObject::with_object_proto(context.intrinsics()).into();
        response.set(name, headers.clone(), false, context)?;
    }
    if let Some(content_type) = content_type.filter(|content_type| !content_type.is_empty()) {
        let headers = headers.to_object(context)?;
        let name = js_string!("Content-Type");
        if !headers.get(name.clone(), context)?.to_boolean() {
            headers.set(name, JsString::from(content_type), false, context)?;
        }
    }
    Ok(())
}

/// Sends a value as a line. One that has no JSON is only logged: no answer comes then
/// (`respond` in `share/server/util.js`).
pub(super) fn respond(value: &JsValue, context: &mut Context) {
    let mut line = String::new();
    let error = match stringify::write(value, Spelling::JavaScript, &mut line, context) {
        Ok(true) => return host(context).send(&line),
        // QuickJS prints the text of anything.
        Ok(false) if host(context).profile == Profile::QuickJs => {
            return host(context).send("undefined");
        }
        Ok(false) => "Error: Unable to print non-string value.".to_owned(),
        Err(error) => error
            .into_opaque(context)
            .ok()
            .and_then(|error| error.to_string(context).ok())
            .map(|text| text.to_std_string_lossy())
            .unwrap_or_default(),
    };
    let shown = match value.as_symbol() {
        Some(symbol) => symbol.descriptive_string().to_std_string_lossy(),
        None => value.to_string(context).map(|text| text.to_std_string_lossy()).unwrap_or_default(),
    };
    for message in
        [format!("Error converting object to JSON: {error}"), format!("error on obj: {shown}")]
    {
        with_host(context, |host, context| host.log(message.into(), context));
    }
}

/// A `TypeError` of CouchDB's own code: `expression`, whose member `name` is read, is null or
/// undefined.
pub(super) fn internal_error(
    expression: &str,
    name: Option<&str>,
    value: &JsValue,
    line: u32,
    context: &mut Context,
) -> JsError {
    let kind = if value.is_null() { "null" } else { "undefined" };
    let spidermonkey = format!("{expression} is {kind}");
    let quickjs = match name {
        Some(name) => format!("cannot read property '{name}' of {kind}"),
        None => format!("cannot read property of {kind}"),
    };
    type_error(&spidermonkey, &quickjs, line, context)
}

/// A `TypeError` of CouchDB's own code: `expression` is called, but no function.
pub(super) fn not_callable(expression: &str, line: u32, context: &mut Context) -> JsError {
    type_error(&format!("{expression} is not a function"), "not a function", line, context)
}

fn type_error(spidermonkey: &str, quickjs: &str, line: u32, context: &mut Context) -> JsError {
    let (message, stack) = match host(context).profile {
        Profile::SpiderMonkey => (spidermonkey, format!("@./share/server/main.js:{line}:1\n")),
        Profile::QuickJs => (quickjs, "    at <anonymous> (<evalScript>)\n".to_owned()),
    };
    let error: JsError = JsNativeError::typ().with_message(message.to_owned()).into();
    let error = of_couchdb(error, line, context);
    if let Some(error) = error.as_opaque().and_then(JsValue::as_object) {
        define(&error, "stack", JsString::from(stack).into(), false, context);
    }
    error
}

/// Makes an error one that CouchDB's own code throws at a line of `main.js`.
fn of_couchdb(error: JsError, line: u32, context: &mut Context) -> JsError {
    match error.into_opaque(context) {
        Ok(value) => {
            if let Some(error) = value.as_object() {
                let file = js_string!("./share/server/main.js");
                define(&error, "fileName", file.into(), false, context);
                define(&error, "lineNumber", JsValue::new(line), false, context);
            }
            JsError::from_opaque(value)
        }
        Err(error) => error,
    }
}
