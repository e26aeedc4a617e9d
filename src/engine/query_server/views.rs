//! Commands that run map, search index and reduce functions (`views.js`, `dreyfus.js`, `nouveau.js`).

use std::borrow::Cow;

use boa_engine::object::builtins::JsArray;
use boa_engine::{JsValue, js_string};

use super::{QueryServer, units};
use crate::engine::documents::Freeze;
use crate::engine::globals::enumerable_keys;
use crate::engine::stringify::{self, Spelling};
use crate::engine::vm::Thrown;
use crate::engine::{Profile, ReduceLimit, Vm};

impl Vm {
    /// Calls every added function with a frozen document; `take` gives what one of them left behind.
    /// What a function that threw left is dropped.
    fn call_added(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        mut take: impl FnMut(&mut Self) -> Vec<JsValue>,
        mut failed: impl FnMut(&mut Self, Thrown, Option<&str>) -> Result<(), Thrown>,
    ) -> Result<JsValue, Thrown> {
        let document = match arguments.first() {
            Some(text) => self.argument(text, Freeze::Deep).map_err(|error| self.thrown(error))?,
            None => JsValue::undefined(),
        };
        *self.host.document.borrow_mut() = Some(document.clone());
        self.host.is_projected.set(false);
        let mut results = Vec::new();
        if let Some(functions) = &server.functions {
            let this = JsValue::from(functions.clone());
            let keys = enumerable_keys(functions, &mut self.context);
            for key in keys.map_err(|error| self.thrown(error))? {
                take(self);
                let function = functions.get(key, &mut self.context);
                let function = function.map_err(|error| self.thrown(error))?;
                let called = match function.as_callable() {
                    Some(function) => self.call(&function, &this, std::slice::from_ref(&document)),
                    None => Err(self.type_error()),
                };
                let left = take(self);
                let left = match called {
                    Ok(_) => left,
                    Err(thrown) => {
                        let id = if document.to_boolean() {
                            let id = self.member(&document, "_id")?;
                            Some(self.text(&id)?)
                        } else {
                            None
                        };
                        failed(self, thrown, id.as_deref())?;
                        Vec::new()
                    }
                };
                results.push(JsArray::from_iter(left, &mut self.context).into());
            }
        }
        Ok(JsArray::from_iter(results, &mut self.context).into())
    }

    pub(super) fn map_line(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
    ) -> Result<(), Thrown> {
        let take = |vm: &mut Self| {
            let rows = std::mem::take(&mut *vm.host.rows.borrow_mut());
            let pair = |(key, value)| JsArray::from_iter([key, value], &mut vm.context).into();
            rows.into_iter().map(pair).collect()
        };
        let failed =
            |vm: &mut Self, thrown, id: Option<&str>| vm.view_exception(thrown, id).map(|_| ());
        let rows = self.call_added(server, arguments, take, failed)?;
        self.print(&rows)
    }

    pub(super) fn index_line(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        nouveau: bool,
    ) -> Result<(), Thrown> {
        let take = |vm: &mut Self| {
            let host = &vm.host;
            let fields = if nouveau { &host.nouveau_fields } else { &host.fields };
            std::mem::take(&mut *fields.borrow_mut())
        };
        let failed = |vm: &mut Self, thrown, id: Option<&str>| {
            let value = match thrown {
                Thrown::Value(value) => value,
                fatal @ Thrown::Fatal(_) => return Err(fatal),
            };
            vm.throw_fatal(&value)?;
            // Nouveau's handler calls a method that QuickJS does not have.
            if nouveau && vm.profile == Profile::QuickJs {
                return Err(vm.type_error());
            }
            vm.log_exception(&value, id).map(|_| ())
        };
        let fields = self.call_added(server, arguments, take, failed)?;
        self.print(&fields)
    }

    /// Sends a value as a line; what cannot be written is thrown.
    fn print(&mut self, value: &JsValue) -> Result<(), Thrown> {
        let mut line = String::new();
        self.watched(|vm| {
            stringify::write(value, Spelling::JavaScript, &mut line, &mut vm.context)
                .map_err(|error| vm.thrown(error))
        })?;
        self.host.send(&line);
        Ok(())
    }

    pub(super) fn reduce_line(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        rereduce: bool,
        line: &str,
    ) -> Result<(), Thrown> {
        let sources = self.nth(arguments, 0)?;
        let rows = self.nth(arguments, 1)?;
        let (keys, values) = if rereduce {
            (JsValue::null(), rows)
        } else {
            if rows.is_null_or_undefined() {
                return Err(self.type_error());
            }
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for row in self.list_of(&rows)? {
                keys.push(self.member(&row, "0")?);
                values.push(self.member(&row, "1")?);
            }
            let context = &mut self.context;
            let keys = JsArray::from_iter(keys, context).into();
            (keys, JsArray::from_iter(values, context).into())
        };
        if sources.is_null_or_undefined() {
            return Err(self.type_error());
        }
        let has_length = !self.member(&sources, "length")?.is_undefined();
        let sources = self.list_of(&sources)?;
        let mut code = 0;
        for source in &sources {
            let length = self.member(source, "length")?;
            code += length.to_u32(&mut self.context).map_err(|error| self.thrown(error))? as usize;
        }
        let functions = self.compile_reduces(sources)?;
        let (mut results, _) = self.call_reduces(&functions, &keys, &values, rereduce)?;
        if !has_length {
            // An array is made of a length that is not there.
            results.push(JsValue::undefined());
        }
        let results = JsArray::from_iter(results, &mut self.context).into();
        let mut reductions = String::new();
        self.watched(|vm| {
            stringify::write(&results, Spelling::JavaScript, &mut reductions, &mut vm.context)
                .map_err(|error| vm.thrown(error))
        })?;
        let (input, output) = (units(line).saturating_sub(code), units(&reductions));
        let (limit, only_log) = self.reduce_limit(&server.config)?;
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        if limit.enabled && output > limit.threshold && output as f64 * limit.ratio > input as f64 {
            let message = format!(
                "Reduce output must shrink more rapidly: input size: {input} output size: {output}"
            );
            if !only_log {
                return Err(self.error_list("reduce_overflow_error", &message));
            }
            self.log(&format!("reduce_overflow_error: {message}"));
        }
        self.host.send(&format!("[true,{reductions}]"));
        Ok(())
    }

    /// What `reset` said about reductions that do not shrink, and whether they are only logged.
    fn reduce_limit(&mut self, config: &JsValue) -> Result<(ReduceLimit, bool), Thrown> {
        let mut limit = ReduceLimit { enabled: false, ..ReduceLimit::default() };
        if !config.to_boolean() {
            return Ok((limit, false));
        }
        let given = self.member(config, "reduce_limit")?;
        limit.enabled = given.to_boolean();
        // Sent since 3.5.1.
        if let Some(threshold) = self.member(config, "reduce_limit_threshold")?.as_number() {
            limit.threshold = threshold as usize;
        }
        if let Some(ratio) = self.member(config, "reduce_limit_ratio")?.as_number() {
            limit.ratio = ratio;
        }
        Ok((limit, given.as_string().is_some_and(|given| given == js_string!("log"))))
    }
}
