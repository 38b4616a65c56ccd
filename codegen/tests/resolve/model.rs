//! Contracts and values as plain trees with names, and what a value becomes in another version: written without a thought of bytes.

use std::collections::HashMap;
use std::fmt::Write as _;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ty {
    Bool,
    /// So many bits, signed or not.
    Int(u32, bool),
    F32,
    F64,
    Char,
    Text,
    Pid,
    List(Box<Ty>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Tuple(Vec<Ty>),
    Record(Vec<(String, Ty)>),
    Variant(Vec<(String, Option<Ty>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i128),
    Float(f64),
    Char(char),
    Text(String),
    Pid(u64, u64),
    List(Vec<Value>),
    Option(Option<Box<Value>>),
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    Tuple(Vec<Value>),
    Record(Vec<(String, Value)>),
    Case(String, Option<Box<Value>>),
    Flags(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// What it is, whatever it is called.
    pub identity: String,
    pub name: String,
    pub ty: Ty,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Nothing,
    /// Of `init` it is a result without a value.
    Value(Ty),
    Stream {
        head: Option<Ty>,
        item: Ty,
        refusal: Option<Option<Ty>>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Func {
    pub name: String,
    pub params: Vec<Param>,
    /// A stream before the first parameter.
    pub stream: Option<Ty>,
    pub answer: Answer,
    /// Whether the newer version brought it.
    pub is_later: bool,
}

impl Func {
    pub fn reply(&self) -> Option<Ty> {
        match &self.answer {
            Answer::Nothing => None,
            Answer::Value(ty) => Some(ty.clone()),
            Answer::Stream { head, refusal: None, .. } => head.clone(),
            Answer::Stream { head, refusal: Some(error), .. } => {
                Some(Ty::Result(head.clone().map(Box::new), error.clone().map(Box::new)))
            }
        }
    }

    pub fn item(&self) -> Option<&Ty> {
        match &self.answer {
            Answer::Stream { item, .. } => Some(item),
            _ => None,
        }
    }
}

/// The body of an interface with these functions. Equal types have one name; with `aliases`, lists and options have names, too.
pub fn wit(functions: &[Func], prefix: &str, aliases: bool) -> String {
    let mut printer = Printer { prefix, aliases, names: HashMap::new(), text: String::new() };
    let mut body = String::new();
    for func in functions {
        let mut params: Vec<String> =
            func.params.iter().map(|param| format!("{}: {}", param.name, printer.ty(&param.ty))).collect();
        if let Some(item) = &func.stream {
            params.insert(0, format!("s: stream<{}>", printer.ty(item)));
        }
        let answer = match &func.answer {
            Answer::Nothing => String::new(),
            Answer::Value(Ty::Result(None, error)) if func.name == "init" => {
                let error = error.as_ref().map(|error| format!("<_, {}>", printer.ty(error)));
                format!(" -> result{}", error.unwrap_or_default())
            }
            Answer::Value(ty) => format!(" -> {}", printer.ty(ty)),
            Answer::Stream { head, item, refusal } => {
                let stream = format!("stream<{}>", printer.ty(item));
                let stream = match head {
                    None => stream,
                    Some(head) => format!("tuple<{}, {stream}>", printer.ty(head)),
                };
                match refusal {
                    None => format!(" -> {stream}"),
                    Some(None) => format!(" -> result<{stream}>"),
                    Some(Some(error)) => format!(" -> result<{stream}, {}>", printer.ty(error)),
                }
            }
        };
        let since = if func.is_later { "@since(version = 1.1.0) " } else { "" };
        writeln!(body, "{since}{}: func({}){answer};", func.name, params.join(", "))
            .expect("a string takes it");
    }
    printer.text + &body
}

struct Printer<'a> {
    prefix: &'a str,
    aliases: bool,
    names: HashMap<Ty, String>,
    text: String,
}

impl Printer<'_> {
    fn ty(&mut self, ty: &Ty) -> String {
        if let Some(name) = self.names.get(ty) {
            return name.clone();
        }
        let spelt = self.spell(ty);
        let word = match ty {
            Ty::Record(_) => "record",
            Ty::Variant(_) => "variant",
            Ty::Enum(_) => "enum",
            Ty::Flags(_) => "flags",
            Ty::List(_) | Ty::Option(_) if self.aliases => "type",
            _ => return spelt,
        };
        let name = format!("{}{}", self.prefix, self.names.len());
        let (equal, end) = if word == "type" { (" =", ";") } else { ("", "") };
        writeln!(self.text, "{word} {name}{equal} {spelt}{end}").expect("a string takes it");
        self.names.insert(ty.clone(), name.clone());
        name
    }

    fn spell(&mut self, ty: &Ty) -> String {
        let mut optional = |ty: &Option<Box<Ty>>| ty.as_ref().map_or("_".to_owned(), |ty| self.ty(ty));
        match ty {
            Ty::Bool => "bool".into(),
            Ty::Int(bits, signed) => format!("{}{bits}", if *signed { "s" } else { "u" }),
            Ty::F32 => "f32".into(),
            Ty::F64 => "f64".into(),
            Ty::Char => "char".into(),
            Ty::Text => "string".into(),
            Ty::Pid => "pid".into(),
            Ty::List(of) => format!("list<{}>", self.ty(of)),
            Ty::Option(of) => format!("option<{}>", self.ty(of)),
            Ty::Result(None, None) => "result".into(),
            Ty::Result(ok, None) => format!("result<{}>", optional(ok)),
            Ty::Result(ok, error) => format!("result<{}, {}>", optional(ok), optional(error)),
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|ty| self.ty(ty)).collect();
                format!("tuple<{}>", parts.join(", "))
            }
            Ty::Record(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, ty)| format!("{name}: {}", self.ty(ty))).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Ty::Variant(cases) => {
                let case = |(name, ty): &(String, Option<Ty>)| {
                    let payload = ty.as_ref().map(|ty| format!("({})", self.ty(ty)));
                    format!("{name}{}", payload.unwrap_or_default())
                };
                format!("{{ {} }}", cases.iter().map(case).collect::<Vec<_>>().join(", "))
            }
            Ty::Enum(names) | Ty::Flags(names) => format!("{{ {} }}", names.join(", ")),
        }
    }
}

/// A value as WAVE.
pub fn wave(value: &Value, ty: &Ty) -> String {
    let payload = |word: &str, value: &Option<Box<Value>>, ty: Option<&Ty>| match (value, ty) {
        (Some(value), Some(ty)) => format!("{word}({})", wave(value, ty)),
        _ => word.to_owned(),
    };
    let joined = |parts: Vec<String>| parts.join(", ");
    match (value, ty) {
        (Value::Float(value), _) if value.is_nan() => "nan".into(),
        (Value::Float(value), Ty::F32) => format!("{:?}", *value as f32),
        (Value::Float(value), _) => format!("{value:?}"),
        (Value::Bool(value), _) => value.to_string(),
        (Value::Int(value), _) => value.to_string(),
        (Value::Char(value), _) => format!("'{value}'"),
        (Value::Text(value), _) => format!("\"{value}\""),
        (Value::Pid(node, id), _) => format!("{{node: {node}, id: {id}}}"),
        (Value::List(items), Ty::List(of)) => {
            format!("[{}]", joined(items.iter().map(|item| wave(item, of)).collect()))
        }
        (Value::Option(None), _) => "none".into(),
        (Value::Option(some), Ty::Option(of)) => payload("some", some, Some(of)),
        (Value::Result(Ok(value)), Ty::Result(ok, _)) => payload("ok", value, ok.as_deref()),
        (Value::Result(Err(value)), Ty::Result(_, error)) => payload("err", value, error.as_deref()),
        (Value::Tuple(parts), Ty::Tuple(types)) => {
            format!("({})", joined(parts.iter().zip(types).map(|(part, ty)| wave(part, ty)).collect()))
        }
        (Value::Record(values), Ty::Record(fields)) => {
            let field = |((name, value), (_, ty)): (&(String, Value), &(String, Ty))| {
                format!("{name}: {}", wave(value, ty))
            };
            format!("{{{}}}", joined(values.iter().zip(fields).map(field).collect()))
        }
        (Value::Case(name, value), Ty::Variant(cases)) => {
            let (_, ty) = cases.iter().find(|(case, _)| case == name).expect("a case");
            payload(name, value, ty.as_ref())
        }
        (Value::Case(name, _), _) => name.clone(),
        (Value::Flags(names), _) => format!("{{{}}}", names.join(", ")),
        _ => panic!("{value:?} is no {ty:?}"),
    }
}

/// What stands for a value that nobody sent.
pub fn absent(ty: &Ty) -> Value {
    match ty {
        Ty::Option(_) => Value::Option(None),
        Ty::List(_) => Value::List(Vec::new()),
        Ty::Flags(_) => Value::Flags(Vec::new()),
        _ => panic!("{ty:?} cannot be absent"),
    }
}

/// The value in the other version. What has no form there is told by what an error has to name, and gives any value.
pub fn convert(value: &Value, from: &Ty, to: &Ty, faults: &mut Vec<String>) -> Value {
    let mut optional = |value: &Option<Box<Value>>, from: Option<&Ty>, to: Option<&Ty>| {
        let value = value.as_ref()?;
        Some(Box::new(convert(value, from.expect("its type"), to.expect("its type"), faults)))
    };
    match (value, from, to) {
        (Value::Int(value), _, Ty::Int(bits, signed)) => {
            let (least, most) = match signed {
                false => (0, (1 << bits) - 1),
                true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            };
            if *value < least || *value > most {
                faults.push(value.to_string());
            }
            Value::Int(*value)
        }
        (Value::Float(value), _, Ty::F32) => {
            if value.is_finite() && (*value as f32).is_infinite() {
                faults.push(format!("{value:?}"));
            }
            Value::Float(f64::from(*value as f32))
        }
        (Value::List(items), Ty::List(from), Ty::List(to)) => {
            Value::List(items.iter().map(|item| convert(item, from, to, faults)).collect())
        }
        (Value::Option(value), Ty::Option(from), Ty::Option(to)) => {
            Value::Option(optional(value, Some(from), Some(to)))
        }
        (Value::Result(Ok(value)), Ty::Result(from, _), Ty::Result(to, _)) => {
            Value::Result(Ok(optional(value, from.as_deref(), to.as_deref())))
        }
        (Value::Result(Err(value)), Ty::Result(_, from), Ty::Result(_, to)) => {
            Value::Result(Err(optional(value, from.as_deref(), to.as_deref())))
        }
        (Value::Tuple(parts), Ty::Tuple(from), Ty::Tuple(to)) => {
            let types = from.iter().zip(to);
            Value::Tuple(
                parts.iter().zip(types).map(|(part, (from, to))| convert(part, from, to, faults)).collect(),
            )
        }
        (Value::Record(values), Ty::Record(from), Ty::Record(to)) => {
            let field = |(name, to): &(String, Ty)| {
                let place = from.iter().position(|(other, _)| other == name);
                let value = match place {
                    None => absent(to),
                    Some(place) => convert(&values[place].1, &from[place].1, to, faults),
                };
                (name.clone(), value)
            };
            Value::Record(to.iter().map(field).collect())
        }
        (Value::Case(name, value), Ty::Variant(from), Ty::Variant(to)) => {
            let of = |cases: &[(String, Option<Ty>)]| cases.iter().find(|(case, _)| case == name).cloned();
            let (from, to) = (of(from).expect("a case"), of(to));
            match to {
                Some(to) => Value::Case(name.clone(), optional(value, from.1.as_ref(), to.1.as_ref())),
                None => lost(name, faults),
            }
        }
        (Value::Case(name, _), _, Ty::Enum(to)) if !to.contains(name) => lost(name, faults),
        (Value::Flags(names), _, Ty::Flags(to)) => {
            faults.extend(names.iter().filter(|name| !to.contains(name)).cloned());
            value.clone()
        }
        _ => value.clone(),
    }
}

fn lost(name: &str, faults: &mut Vec<String>) -> Value {
    faults.push(name.to_owned());
    Value::Bool(false)
}
