//! Show, list, update and rewrite functions: how they are called, and what is answered
//! (`Render` in `share/server/render.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsResult, JsString, JsValue, js_string};

use super::builtins::define;
use super::globals::enumerable_keys;
use super::render::{self, MIMEPARSE, RENDER, internal_error, not_callable, respond};
use super::vm::{Thrown, host};
use super::{Vm, mime, require};

/// A function of a design document with what it is called with.
pub(super) struct Call<'a> {
    /// The function.
    pub(super) function: &'a JsObject,
    /// The design document, `this` inside the function.
    pub(super) design: &'a JsValue,
    /// The arguments.
    pub(super) arguments: Vec<JsValue>,
}

impl Call<'_> {
    fn argument(&self, position: usize) -> JsValue {
        self.arguments.get(position).cloned().unwrap_or_default()
    }
}

impl Vm {
    fn run(&mut self, call: &Call<'_>) -> Result<JsValue, Thrown> {
        self.call(call.function, call.design, &call.arguments)
    }

    /// Runs a step of CouchDB's own code that may run code of the function.
    fn step<T>(&mut self, step: impl FnOnce(&mut Context) -> JsResult<T>) -> Result<T, Thrown> {
        self.watched(|vm| step(&mut vm.context).map_err(|error| vm.thrown(error)))
    }

    /// Answers what a show function returns: `["resp", response]`.
    pub(super) fn show(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        render::reset_list(&self.context);
        self.host.mime.borrow_mut().reset();
        let shown = self.run(call).and_then(|returned| {
            let response = self.step(|context| whole_response(&returned, context))?;
            if self.host.mime.borrow().used {
                self.append_provided(call, &response)?;
            }
            self.answer("resp", &[], &response, "show")
        });
        match shown {
            Err(Thrown::Value(_))
                if call.argument(0).is_null() && is_document_path(call, self)? =>
            {
                Err(self.error_list("not_found", "document not found"))
            }
            other => other.or_else(|thrown| self.render_error(thrown, "render_error")),
        }
    }

    /// Adds what the function for the chosen type returns to a show function's response.
    fn append_provided(&mut self, call: &Call<'_>, response: &JsValue) -> Result<(), Thrown> {
        let provided = self.run_provided(&call.argument(1), call.design)?;
        self.step(|context| {
            let provided = wrapped(&or_object(&provided, context), context);
            let sent = render::joined_chunks(context)?;
            let mut body = or_empty(get(response, "body", context)?);
            body = body.add(&sent.into(), context)?;
            body = body.add(&or_empty(get(&provided, "body", context)?), context)?;
            set(response, "body", body, context)?;
            let content_type = host(context).mime.borrow().content_type.clone();
            render::apply_content_type(response, content_type, context)?;
            render::reset_list(context);
            Ok(())
        })
    }

    /// Answers what an update function returns: `["up", document, response]`.
    pub(super) fn update(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        let answered = self.updated(call);
        answered.or_else(|thrown| self.render_error(thrown, "render_error"))
    }

    fn updated(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        let request = call.argument(1);
        if request.is_null_or_undefined() {
            let line = RENDER + 280;
            let error =
                internal_error("args[1]", Some("method"), &request, line, &mut self.context);
            return Err(self.thrown(error));
        }
        let method = self.member(&request, "method")?;
        if method.as_string().is_some_and(|method| method == js_string!("GET")) {
            let reason = "Update functions do not allow GET";
            return Err(self.error_list("method_not_allowed", reason));
        }
        let returned = self.run(call)?;
        let (document, response) = self.step(|context| {
            if returned.is_null_or_undefined() {
                return Err(internal_error("result", None, &returned, RENDER + 284, context));
            }
            let returned = returned.to_object(context)?;
            Ok((returned.get(0_u32, context)?, returned.get(1_u32, context)?))
        })?;
        self.answer("up", &[document], &response, "update")
    }

    /// Answers `label`, what comes `before`, and the response, if it is one.
    fn answer(
        &mut self,
        label: &str,
        before: &[JsValue],
        response: &JsValue,
        kind: &str,
    ) -> Result<(), Thrown> {
        if !(response.is_string() || self.step(|context| Ok(is_plain_object(response, context)))?) {
            let reason = format!("undefined response from {kind} function");
            return Err(self.error_list("render_error", &reason));
        }
        self.step(|context| {
            let response = wrapped(response, context);
            let label = [JsString::from(label).into()];
            let answer = label.into_iter().chain(before.iter().cloned()).chain([response]);
            let answer = JsArray::from_iter(answer.collect::<Vec<JsValue>>(), context);
            respond(&answer.into(), context);
            Ok(())
        })
    }

    /// Runs a list function: `["start", chunks, response]`, then `["chunks", chunks]` for each row it
    /// gets, then `["end", chunks]`.
    pub(super) fn list(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        self.host.mime.borrow_mut().reset();
        render::reset_list(&self.context);
        let listed = self.run(call).and_then(|returned| {
            let mut tail = returned;
            if self.host.mime.borrow().used {
                tail = self.run_provided(&call.argument(1), call.design)?;
            }
            self.step(|context| {
                if !host(context).rendering.borrow().got_row {
                    render::get_row(&JsValue::undefined(), &[], context)?;
                }
                if !tail.is_undefined() {
                    host(context).rendering.borrow_mut().chunks.push(tail);
                }
                render::send_chunks("end", context);
                Ok(())
            })
        });
        listed.or_else(|thrown| self.render_error(thrown, "render_error"))
    }

    /// Answers what a rewrite function returns: `["ok", rewrite]` or `["no_dispatch_rule"]`.
    pub(super) fn rewrite(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        let result = match self.run(call) {
            Ok(result) => result,
            Err(thrown) => return self.render_error(thrown, "rewrite_error"),
        };
        let request = call.argument(0);
        self.step(|context| {
            if !result.to_boolean() {
                let answer = JsArray::from_iter([js_string!("no_dispatch_rule").into()], context);
                respond(&answer.into(), context);
                return Ok(());
            }
            let mut rewrite = result;
            if rewrite.is_string() {
                let object = JsObject::with_object_proto(context.intrinsics());
                define(&object, "path", rewrite, true, context);
                let method = get(&request, "method", context)?;
                define(&object, "method", method, true, context);
                rewrite = object.into();
            }
            let answer = JsArray::from_iter([js_string!("ok").into(), rewrite], context);
            respond(&answer.into(), context);
            Ok(())
        })
    }

    /// Chooses among the types a function provides and runs the function for it.
    fn run_provided(&mut self, request: &JsValue, design: &JsValue) -> Result<JsValue, Thrown> {
        let function = self.step(|context| provided_function(request, context))?;
        match function.as_callable() {
            Some(function) => self.call(&function, design, &[]),
            None => {
                let error = not_callable("bestFun.call", RENDER + 109, &mut self.context);
                Err(self.thrown(error))
            }
        }
    }

    /// What is thrown on where a function of this kind threw: lists and objects that name an error
    /// as they are, everything else as text.
    fn render_error(&mut self, thrown: Thrown, key: &str) -> Result<(), Thrown> {
        let Thrown::Value(value) = thrown else { return Err(thrown) };
        let error = self.member(&value, "error")?;
        if error.to_boolean() && self.member(&value, "reason")?.to_boolean() {
            return Err(Thrown::Value(value));
        }
        let first = self.member(&value, "0")?;
        let named = |name: &str| first.as_string().is_some_and(|first| first == name);
        if named("error") || named("fatal") {
            return Err(Thrown::Value(value));
        }
        let text = self.error_text(&value)?;
        let stack = self.member(&value, "stack")?;
        let stack = self.step(|context| stack_text(&stack, context))?;
        let message = format!("function raised error: {text} \nstacktrace: {stack}");
        self.log(&message);
        Err(self.error_list(key, &message))
    }
}

/// A stack trace, without the numbers that tell sources apart.
fn stack_text(stack: &JsValue, context: &mut Context) -> JsResult<String> {
    let stack = stack.to_string(context)?.to_std_string_lossy();
    let mut text = String::with_capacity(stack.len());
    let mut rest = stack.as_str();
    while let Some(at) = rest.find("<unknown>#") {
        let end = at + "<unknown>".len();
        text.push_str(&rest[..end]);
        rest = rest[end + 1..].trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    text.push_str(rest);
    Ok(text)
}

/// Whether a show function was called for a document (`isDocRequestPath`).
fn is_document_path(call: &Call<'_>, vm: &mut Vm) -> Result<bool, Thrown> {
    let path = vm.member(&call.argument(1), "path")?;
    let length = vm.member(&path, "length")?;
    Ok(length.as_number().is_some_and(|length| length > 5.0))
}

fn get(value: &JsValue, name: &str, context: &mut Context) -> JsResult<JsValue> {
    value.to_object(context)?.get(JsString::from(name), context)
}

/// Sets a member as sloppy code does: on what is no object nothing happens.
fn set(value: &JsValue, name: &str, member: JsValue, context: &mut Context) -> JsResult<()> {
    if let Some(object) = value.as_object() {
        object.set(JsString::from(name), member, false, context)?;
    }
    Ok(())
}

fn or_empty(value: JsValue) -> JsValue {
    if value.to_boolean() { value } else { js_string!().into() }
}

fn or_object(value: &JsValue, context: &mut Context) -> JsValue {
    if value.to_boolean() {
        value.clone()
    } else {
        JsObject::with_object_proto(context.intrinsics()).into()
    }
}

/// A text is a body.
fn wrapped(response: &JsValue, context: &mut Context) -> JsValue {
    if !response.is_string() {
        return response.clone();
    }
    let object = JsObject::with_object_proto(context.intrinsics());
    define(&object, "body", response.clone(), true, context);
    object.into()
}

/// What a show function returned, with what it sent before.
fn whole_response(returned: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let response = wrapped(&or_object(returned, context), context);
    if host(context).rendering.borrow().chunks.is_empty() {
        return Ok(response);
    }
    let headers = or_object(&get(&response, "headers", context)?, context);
    set(&response, "headers", headers.clone(), context)?;
    let started = render::start_response(context).to_object(context)?;
    for name in enumerable_keys(&started, context)? {
        let value = started.get(name.clone(), context)?;
        if let Some(headers) = headers.as_object() {
            headers.set(name, value, false, context)?;
        }
    }
    let sent = JsValue::from(render::joined_chunks(context)?);
    let body = or_empty(get(&response, "body", context)?);
    let body = sent.add(&body, context)?;
    set(&response, "body", body, context)?;
    render::reset_list(context);
    Ok(response)
}

/// Whether `typeof` says `object` of something that is neither null nor an array of the outer realm:
/// arrays that a function makes are not recognised.
fn is_plain_object(value: &JsValue, context: &mut Context) -> bool {
    let JsVariant::Object(object) = value.variant() else { return false };
    if object.is_callable() {
        return false;
    }
    let array = context.intrinsics().constructors().array().prototype();
    let mut prototype = object.prototype();
    while let Some(current) = prototype {
        if JsObject::equals(&current, &array) {
            return false;
        }
        prototype = current.prototype();
    }
    true
}

/// Chooses by `?format=`, by the `Accept` header, or else the first one (`runProvides`).
fn provided_function(request: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let headers = get(request, "headers", context)?;
    let accept = get(&headers, "Accept", context)?;
    let query = get(request, "query", context)?;
    let format = if query.to_boolean() { get(&query, "format", context)? } else { query };
    let key = if format.to_boolean() {
        let key = format.to_string(context)?.to_std_string_lossy();
        choose(&key, RENDER + 82, context)?;
        key
    } else if accept.to_boolean() {
        let header = accept.to_string(context)?.to_std_string_lossy();
        accepted(&header, context)?
    } else {
        let first = host(context).mime.borrow().provided.first().map(|(key, _)| key.clone());
        let key = first.unwrap_or_default();
        choose(&key, RENDER + 96, context)?;
        key
    };
    let mime = host(context).mime.borrow();
    let found = mime.provided.iter().find(|(provided, _)| !key.is_empty() && *provided == key);
    if let Some((_, function)) = found.filter(|(_, function)| function.to_boolean()) {
        return Ok(function.clone());
    }
    let mut types = Vec::with_capacity(mime.provided.len());
    let mut unknown = false;
    for (provided, _) in &mime.provided {
        match mime.types_of(provided) {
            Some([]) => types.push(provided.clone()),
            Some(names) => types.push(names.join(", ")),
            None => unknown = true,
        }
    }
    drop(mime);
    if unknown {
        let (expression, name) = ("mimesByKey[mf[0]]", Some("join"));
        let line = RENDER + 112;
        return Err(internal_error(expression, name, &JsValue::undefined(), line, context));
    }
    let asked =
        if accept.to_boolean() { accept.to_string(context)?.to_std_string_lossy() } else { key };
    let reason = format!("Content-Type {asked} not supported, try one of: {}", types.join(", "));
    Err(require::thrown_list(["error", "not_acceptable", &reason], context))
}

/// Takes the first type of a key as that of the response.
fn choose(key: &str, line: u32, context: &mut Context) -> JsResult<()> {
    let first = host(context).mime.borrow().types_of(key).map(|types| types.first().cloned());
    let Some(first) = first else {
        let expression = "mimesByKey[bestKey]";
        return Err(internal_error(expression, None, &JsValue::undefined(), line, context));
    };
    host(context).mime.borrow_mut().content_type = first;
    Ok(())
}

/// The key of the type that an `Accept` header likes best.
fn accepted(header: &str, context: &mut Context) -> JsResult<String> {
    let best = {
        let mut mime = host(context).mime.borrow_mut();
        mime.provided.reverse();
        let keys = mime.provided.iter().filter_map(|(key, _)| mime.types_of(key));
        let supported: Vec<String> = keys.flatten().cloned().collect();
        mime::best_match(&supported, header)
    };
    let Some(best) = best else {
        let (expression, line) = ("weighted[(weighted.length - 1)]", MIMEPARSE + 154);
        return Err(internal_error(expression, None, &JsValue::undefined(), line, context));
    };
    let mut mime = host(context).mime.borrow_mut();
    let key = mime.key_of(&best).unwrap_or_default().to_owned();
    mime.content_type = Some(best);
    Ok(key)
}
