use super::{Emitter, local, method};
use crate::{Function, Param, Shape, Type};

impl Emitter<'_> {
    /// What reads the replies and refusals: made once, for a function made at each call is half a microsecond.
    fn readers(&mut self) {
        for function in &self.contract.functions {
            let name = method(&function.name);
            let reply = match &function.shape {
                Shape::Constructor { .. } | Shape::Cast => continue,
                Shape::Call { result } => self.decode_value(result),
                Shape::StreamOut { head, item, .. } => {
                    if let Some(head) = head {
                        let head = self.reader(head);
                        self.line(&format!("const {name}$head = {head};"));
                    }
                    self.item_reader(item)
                }
            };
            self.line(&format!("const {name}$reply = {reply};"));
            if self.answer(function).1.is_some() {
                let refusal = self.decode_refusal(function);
                self.line(&format!("const {name}$refusal = {refusal};"));
            }
        }
        self.line("");
    }

    /// The class, after what its methods need.
    pub(super) fn client(&mut self) {
        self.readers();
        let class = self.class();
        self.docs("", &self.contract.docs.clone());
        self.line(&format!("export class {class} extends $.Client {{"));
        self.line("  /** What `service` needs to know of this contract. */");
        self.line(&format!("  static readonly dispatch: $.Dispatch<{class}Service> = $dispatch;"));
        self.line("");
        self.spawn();
        self.line("  /** A client of the process registered under this name at each call. Checks that there is one now, with all of the contract. */");
        let promise = self.global("Promise");
        self.line(&format!(
            "  static async named(name: string, options: $.CallOptions = {{}}): {promise}<{class}> {{"
        ));
        self.line(&format!(
            "    return new {class}(await $.Client.findNamed(name, $dispatch.contract), options);"
        ));
        self.line("  }");
        self.line("");
        self.line("  /** A client of this process, without a check. */");
        self.line(&format!("  static fromPid(pid: $.Pid, options: $.CallOptions = {{}}): {class} {{"));
        self.line(&format!("    return $.shared({class}, {{ tag: \"process\", val: pid }}, options);"));
        self.line("  }");
        self.line("");
        self.line("  /** A client of the calling process: a reference to it, to be given away. */");
        self.line(&format!("  static this(): {class} {{"));
        self.line(&format!("    return {class}.fromPid($.self());"));
        self.line("  }");
        self.line("");
        if self.contract.referable && !self.contract.functions.is_empty() {
            self.line("  /**");
            self.line("   * A callback: a reference to be given to a call, for which these functions answer as long as that call takes. What they throw");
            self.line("   * is what the call rejects with.");
            self.line("   */");
            self.line(&format!(
                "  static callback(handlers: $.CallbackHandlers<{class}Service>): {class} {{"
            ));
            self.line(&format!("    return $.callback({class}, handlers, $dispatch);"));
            self.line("  }");
            self.line("");
        }
        self.line("  /** The same client with another deadline for its calls, in milliseconds; 5,000 by default. */");
        self.line(&format!("  withDeadline(deadlineMs: number): {class} {{"));
        self.line(&format!("    return new {class}(this._target, {{ ...this._options, deadlineMs }});"));
        self.line("  }");
        for function in &self.contract.functions {
            self.line("");
            self.method(function);
        }
        self.line("}");
    }

    fn spawn(&mut self) {
        let class = self.class();
        let constructor = self.contract.constructor.as_ref();
        let mut params = vec!["component: string".to_owned()];
        params.extend(constructor.iter().flat_map(|function| self.params(function, false)));
        params.push("options: $.SpawnOptions = {}".into());
        let (write, body) = constructor
            .as_ref()
            .map_or_else(|| (String::new(), "$.NO_BYTES".into()), |function| self.body(function));
        let key = constructor.map_or_else(|| "undefined".into(), |function| function.key.to_string());
        let refusal = constructor.map_or_else(|| NOTHING.into(), |function| self.decode_refusal(function));
        self.line("  /** Starts the service and waits until its constructor is done. */");
        self.line(&format!(
            "  static async spawn({}): {}<{class}> {{",
            params.join(", "),
            self.global("Promise")
        ));
        self.out.push_str(&write);
        self.line(&format!(
            "    const started = await $.Client.start(component, $dispatch.contract, {key}, {body}, options, {refusal});"
        ));
        self.line(&format!("    return $.shared({class}, started.target, started.options);"));
        self.line("  }");
        self.line("");
        let last = params.len() - 1;
        params[last] = "options: $.ChildOptions = {}".into();
        self.line("  /** The service as the child of a supervisor, which starts it with these arguments each time. */");
        self.line(&format!("  static child({}): $.ChildSpec {{", params.join(", ")));
        self.out.push_str(&write);
        self.line(&format!("    return $.childOf(component, $dispatch.contract, {key}, {body}, options);"));
        self.line("  }");
        self.line("");
    }

    fn method(&mut self, function: &Function) {
        self.docs("  ", &function.docs);
        let name = method(&function.name);
        let mut params = self.params(function, false);
        let (write, body) = self.body(function);
        let (value, error) = self.answer(function);
        // As the binding takes it.
        let key = function.key.cast_signed();
        let refusal = error.map(|_| format!("{name}$refusal"));
        let and_refusal = refusal.iter().map(|refusal| format!(", {refusal}")).collect::<String>();
        let promise = |value: &str| format!("{}<{value}>", self.global("Promise"));
        let input = function.stream.as_ref().map(|stream| {
            let item = match self.is_byte(&stream.item) {
                true => "$.writeBytes".into(),
                false => {
                    format!(
                        "(w: $.Writer, v: {}) => {}",
                        self.ty(&stream.item),
                        self.encode(&stream.item, "v")
                    )
                }
            };
            (local(&stream.name), item)
        });
        let (returns, calls) = match (&function.shape, &input) {
            (Shape::Constructor { .. }, _) => return,
            (Shape::Cast, _) => ("void".to_owned(), format!("this._cast({key}, {body})")),
            (Shape::Call { .. }, None) => {
                let call = format!("return this._call({key}, {body}, options, {name}$reply{and_refusal})");
                (promise(&value), call)
            }
            (Shape::Call { .. }, Some((stream, item))) => {
                let call = format!(
                    "return this._streamIn({key}, {body}, {stream}, {item}, options, {name}$reply{and_refusal})"
                );
                (promise(&value), call)
            }
            (Shape::StreamOut { head, .. }, input) => {
                let items = format!("{}<{value}>", self.global("AsyncIterable"));
                let input = input.as_ref().map_or_else(
                    || "undefined".into(),
                    |(stream, item)| format!("{{ items: {stream}, encode: {item} }}"),
                );
                let refusal = refusal.unwrap_or_else(|| "undefined".into());
                let (method, own, returns) = match head {
                    None => ("_streamOut", String::new(), items),
                    Some(head) => {
                        let returns = promise(&format!("[{}, {items}]", self.ty(head)));
                        ("_streamOutAfter", format!("{name}$head, "), returns)
                    }
                };
                let rest = format!("{name}$reply, {refusal}, {input}");
                let rest = rest.trim_end_matches(", undefined");
                (returns, format!("return this.{method}({key}, {body}, options, {own}{rest})"))
            }
        };
        if !matches!(function.shape, Shape::Cast) {
            params.push("options?: $.CallOptions".into());
        }
        self.line(&format!("  {name}({}): {returns} {{", params.join(", ")));
        self.out.push_str(&write);
        self.line(&format!("    {calls};"));
        self.line("  }");
    }

    /// What reads the value of a reply, the tag of a result apart.
    fn decode_value(&self, result: &Type) -> String {
        match self.contract.resolved(result) {
            Type::Result(None, _) => NOTHING.into(),
            Type::Result(Some(ok), _) => self.reader(ok),
            _ => self.reader(result),
        }
    }

    /// What reads the contract's error.
    fn decode_refusal(&self, function: &Function) -> String {
        self.error_type(function).map_or_else(|| NOTHING.into(), |ty| self.reader(ty))
    }

    /// What reads a value of this type.
    pub(super) fn reader(&self, ty: &Type) -> String {
        format!("(r: $.Reader): {} => {}", self.ty(ty), self.decode(ty))
    }

    /// The arguments of a call on the wire: the lines that write them, and the bytes.
    fn body(&self, function: &Function) -> (String, String) {
        if function.params.is_empty() {
            return (String::new(), "$.NO_BYTES".into());
        }
        let write = |param: &Param| format!("    {};\n", self.encode(&param.ty, &local(&param.name)));
        let writes: String = function.params.iter().map(write).collect();
        (format!("    const w = $.writing();\n{writes}"), "$.written(w)".into())
    }
}

/// Reads no value: there is none.
const NOTHING: &str = "() => undefined";
