//! One boa context and what all functions that run in it share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use boa_engine::context::{ContextBuilder, HostHooks};
use boa_engine::error::{EngineError as BoaError, RuntimeLimitError};
use boa_engine::job::{Job, JobExecutor};
use boa_engine::module::IdleModuleLoader;
use boa_engine::object::{IntegrityLevel, JsObject};
use boa_engine::realm::Realm;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, js_string};

use super::compile::Compiled;
use super::documents::Documents;
use super::globals::Sandbox;
use super::sources::Sources;
use super::worker::Progress;
use super::{EngineError, Limits, Profile, builtins, json_global, memory, stringify};
use crate::json::Value;

/// The JavaScript virtual machine of one engine thread.
///
/// Documents, design documents and CouchDB's helpers live in its outer realm; every compiled
/// function has a realm of its own, the sandbox.
pub struct Vm {
    pub(super) context: Context,
    pub(super) profile: Profile,
    pub(super) limits: Limits,
    pub(super) documents: Documents,
    /// `JSON` of the outer realm, which all sandboxes share under SpiderMonkey.
    pub(super) json: JsObject,
    /// Functions that leave nothing behind, by what they are for and their source.
    pub(super) reusable: HashMap<(Sandbox, Box<str>), Compiled>,
    progress: Arc<Progress>,
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vm").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What the native helpers of the sandboxes write to.
#[derive(Default)]
pub(super) struct Host {
    /// Keys and values given to `emit`, of all functions since the last document.
    pub(super) rows: RefCell<Vec<(JsValue, JsValue)>>,
    /// What `index` was given.
    pub(super) fields: RefCell<Vec<JsValue>>,
    /// Messages given to `log`, and exceptions that were only logged.
    pub(super) log: RefCell<Vec<String>>,
    /// The document that map functions run over now; it makes error messages more precise.
    pub(super) document: RefCell<Option<JsValue>>,
    pub(super) sources: RefCell<Sources>,
    /// Which engine the natives behave as.
    pub(super) profile: Profile,
    /// Whether a promise callback is due: SpiderMonkey's couchjs would crash now.
    promise: Rc<Cell<bool>>,
}

/// The host state of a context.
pub(super) fn host(context: &Context) -> &Host {
    context.get_data::<Host>().expect("the context was built with its host state")
}

/// Where promise callbacks go: nowhere, but it is remembered that there was one.
struct Jobs(Rc<Cell<bool>>);

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, _job: Job, _context: &mut Context) {
        self.0.set(true);
    }

    fn run_jobs(self: Rc<Self>, _context: &mut Context) -> JsResult<()> {
        Ok(())
    }
}

struct Hooks(Profile);

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _realm: Realm,
        _parameters: &[JsString],
        _body: &JsString,
        direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        // couchjs runs SpiderMonkey without `--eval`; QuickJS evaluates.
        match self.0 {
            Profile::SpiderMonkey => Err(JsNativeError::eval()
                .with_message(if direct {
                    "call to eval() blocked by CSP"
                } else {
                    "call to Function() blocked by CSP"
                })
                .into()),
            Profile::QuickJs => Ok(()),
        }
    }

    fn local_timezone_offset_seconds(&self, _unix_time_seconds: i64) -> i32 {
        // Servers run in UTC, and a test must not depend on the laptop it runs on.
        0
    }

    fn max_buffer_size(&self, _context: &mut Context) -> u64 {
        1 << 28
    }
}

/// What came out of a call that did not return.
pub(super) enum Thrown {
    /// JavaScript threw this value.
    Value(JsValue),
    /// A limit or the engine ended the call.
    Fatal(EngineError),
}

impl Vm {
    pub(super) fn new(profile: Profile, limits: Limits, progress: Arc<Progress>) -> Self {
        let host = Host { profile, ..Host::default() };
        let mut context = ContextBuilder::new()
            .host_hooks(Rc::new(Hooks(profile)))
            .job_executor(Rc::new(Jobs(Rc::clone(&host.promise))))
            .module_loader(Rc::new(IdleModuleLoader))
            .build()
            .expect("a context without options always builds");
        context.insert_data(host);
        let runtime = context.runtime_limits_mut();
        // couchjs overflows its native stack somewhere beyond 10,000 frames.
        runtime.set_recursion_limit(10_000);
        runtime.set_stack_size_limit(4 << 20);
        // Ends, in the end, a thread that was given up because of an endless loop.
        runtime.set_loop_iteration_limit(2_000_000_000);
        let documents = Documents::new(&mut context);
        let json = context.intrinsics().objects().json();
        let realm = context.realm().clone();
        json_global::install(&realm, &mut context);
        builtins::apply_profile(profile, &realm, &mut context);
        // CouchDB freezes the JSON object of its outer realm.
        let _ = json.set_integrity_level(IntegrityLevel::Frozen, &mut context);
        Self { context, profile, limits, documents, json, reusable: HashMap::new(), progress }
    }

    /// Calls `function` under the watch of the time limit.
    pub(super) fn call(
        &mut self,
        function: &JsObject,
        this: &JsValue,
        arguments: &[JsValue],
    ) -> Result<JsValue, Thrown> {
        self.progress.enter();
        memory::count_this_thread(true);
        let result = function.call(this, arguments, &mut self.context);
        memory::count_this_thread(false);
        self.progress.leave();
        if host(&self.context).promise.replace(false) {
            return Err(self.promise_used());
        }
        result.map_err(|error| self.thrown(error))
    }

    /// What becomes of a function that uses promises: SpiderMonkey's couchjs crashes, QuickJS is
    /// built without promises and cannot call asynchronous functions.
    fn promise_used(&mut self) -> Thrown {
        match self.profile {
            Profile::SpiderMonkey => Thrown::Fatal(EngineError::PROMISE),
            Profile::QuickJs => {
                self.thrown(JsNativeError::typ().with_message("not a function").into())
            }
        }
    }

    /// Runs `step` under the watch of the time limit.
    pub(super) fn watched<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> T {
        self.progress.enter();
        let result = step(self);
        self.progress.leave();
        result
    }

    /// Tells what JavaScript threw from what ended it.
    pub(super) fn thrown(&mut self, error: JsError) -> Thrown {
        thrown(error, &mut self.context)
    }

    /// Takes the messages logged since the last call.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut host(&self.context).log.borrow_mut())
    }

    /// The failure that an uncaught value becomes (`share/server/loop.js`, `handleError`).
    pub(super) fn uncaught(&mut self, thrown: Thrown) -> EngineError {
        let value = match thrown {
            Thrown::Fatal(error) => return error,
            Thrown::Value(value) => value,
        };
        match self.describe_uncaught(&value) {
            Ok(error) | Err(Thrown::Fatal(error)) => error,
            // The error handler itself fails on null, undefined and hostile getters.
            Err(Thrown::Value(_)) => type_error(),
        }
    }

    fn describe_uncaught(&mut self, value: &JsValue) -> Result<EngineError, Thrown> {
        if value.is_null_or_undefined() {
            return Ok(type_error());
        }
        let first = self.member(value, "0")?;
        if let Some(first) = first.as_string()
            && matches!(first.to_std_string_lossy().as_str(), "error" | "fatal")
        {
            let error = self.member(value, "1")?;
            let reason = self.member(value, "2")?;
            return self.thrown_response(&error, &reason);
        }
        let error = self.member(value, "error")?;
        let reason = self.member(value, "reason")?;
        if error.to_boolean() && reason.to_boolean() {
            return self.thrown_response(&error, &reason);
        }
        let name = self.member(value, "name")?;
        if name.to_boolean() {
            let message = self.member(value, "message")?;
            if name.as_string().is_some_and(|name| name == js_string!("InternalError")) {
                return self.thrown_response(&name, &message);
            }
            return self.thrown_response(&name, value);
        }
        let text = self.error_text(value);
        Ok(EngineError::Thrown { error: "unnamed_error".into(), reason: text.into() })
    }

    fn thrown_response(
        &mut self,
        error: &JsValue,
        reason: &JsValue,
    ) -> Result<EngineError, Thrown> {
        let error = match self.json_value(error)? {
            Value::String(text) => text,
            other => crate::json::to_string(&other),
        };
        let reason = self.json_value(reason)?;
        Ok(EngineError::Thrown { error, reason })
    }

    fn member(&mut self, value: &JsValue, name: &str) -> Result<JsValue, Thrown> {
        let object = value.to_object(&mut self.context).map_err(|error| self.thrown(error))?;
        object.get(js_string!(name), &mut self.context).map_err(|error| self.thrown(error))
    }

    /// The value that `JSON.stringify` gives, parsed; null where it gives nothing.
    pub(super) fn json_value(&mut self, value: &JsValue) -> Result<Value, Thrown> {
        let mut text = String::new();
        let written =
            stringify::write(value, stringify::Spelling::Stored, &mut text, &mut self.context)
                .map_err(|error| self.thrown(error))?;
        if !written {
            return Ok(Value::Null);
        }
        Ok(crate::json::parse_str(&text).unwrap_or(Value::Null))
    }
}

/// What CouchDB answers when its own error handler throws a `TypeError`.
fn type_error() -> EngineError {
    EngineError::Thrown {
        error: "TypeError".into(),
        reason: Value::Object(crate::json::Map::new()),
    }
}

/// Tells what JavaScript threw from what ended it.
pub(super) fn thrown(error: JsError, context: &mut Context) -> Thrown {
    match error.as_engine() {
        Some(BoaError::RuntimeLimit(RuntimeLimitError::LoopIteration)) => {
            return Thrown::Fatal(EngineError::Timeout);
        }
        Some(BoaError::RuntimeLimit(_)) => return Thrown::Fatal(EngineError::RECURSION),
        Some(other) => return Thrown::Fatal(EngineError::Internal(other.to_string())),
        None => {}
    }
    match error.into_opaque(context) {
        Ok(value) => Thrown::Value(value),
        Err(error) => Thrown::Fatal(EngineError::Internal(error.to_string())),
    }
}
