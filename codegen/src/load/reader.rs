use std::collections::HashMap;

use wit_parser::{
    Docs, Function as WitFunction, FunctionKind, InterfaceId, Resolve, Span, Type as WitType, TypeDefKind,
    TypeId, TypeOwner,
};

use super::{ContractError, place};
use crate::contract::{RESERVED_FUNCTIONS, RESERVED_TYPES};
use crate::{Case, Contract, Field, Function, Param, Shape, Type, TypeDef, TypeKind, canonical, printer};

pub(super) fn read(resolve: &Resolve, id: InterfaceId, name: &str) -> Result<Contract, ContractError> {
    let interface = &resolve.interfaces[id];
    let version = interface.package.and_then(|package| resolve.packages[package].name.version.as_ref());
    let contract = Contract {
        id: name.to_owned(),
        version: version.map(ToString::to_string),
        name: interface.name.clone().unwrap_or_default(),
        docs: docs(&interface.docs),
        types: Vec::new(),
        constructor: None,
        functions: Vec::new(),
        wit: String::new(),
    };
    let mut reader = Reader { resolve, contract, places: HashMap::new() };
    for function in interface.functions.values() {
        let read = reader.function(function)?;
        if let Some(twin) = reader.contract.function(read.key) {
            let what = format!("`{}` and `{}` have the same key on the wire", twin.name, read.name);
            return Err(reader.unsupported(function.span, what, "rename one of them"));
        }
        match read.shape {
            Shape::Constructor { .. } => reader.contract.constructor = Some(read),
            _ => reader.contract.functions.push(read),
        }
    }
    let mut contract = reader.contract;
    contract.wit = printer::print(&contract);
    Ok(contract)
}

struct Reader<'a> {
    resolve: &'a Resolve,
    contract: Contract,
    /// Where each named type that was read stands.
    places: HashMap<TypeId, usize>,
}

/// A type in a signature: one that the wire carries, or a stream beside it.
enum Signature {
    Plain(Type),
    Stream(Type),
    StreamOr(Type, Option<Type>),
}

impl Reader<'_> {
    fn function(&mut self, function: &WitFunction) -> Result<Function, ContractError> {
        let span = function.span;
        match function.kind {
            FunctionKind::Freestanding => {}
            FunctionKind::AsyncFreestanding => {
                let what = format!("`{}` is an `async func`", function.name);
                return Err(self.unsupported(span, what, "write `func`: every call may be awaited"));
            }
            _ => {
                let what = format!("`{}` belongs to a resource", function.item_name());
                return Err(self.unsupported(
                    span,
                    what,
                    "write a function of the interface; a service is the resource",
                ));
            }
        }
        if let Some((name, why)) = RESERVED_FUNCTIONS.iter().find(|(name, _)| *name == function.name) {
            let what = format!("a function cannot be called `{name}`, because {why}");
            return Err(self.unsupported(span, what, "choose another name"));
        }
        let mut params = Vec::new();
        let mut stream = None;
        for (place, param) in function.params.iter().enumerate() {
            let span = if param.span.is_known() { param.span } else { span };
            match self.signature(&param.ty, span)? {
                Signature::Plain(ty) => params.push(Param { name: param.name.clone(), ty }),
                Signature::Stream(item) if stream.is_none() => {
                    stream = Some((place, param.name.clone(), item));
                }
                Signature::Stream(_) => {
                    return Err(self.unsupported(
                        span,
                        "a second stream".into(),
                        "a call carries one stream: split the function",
                    ));
                }
                Signature::StreamOr(..) => return Err(self.misplaced_stream(span)),
            }
        }
        let result = function.result.as_ref().map(|ty| self.signature(ty, span)).transpose()?;
        let shape = self.shape(function, stream, result)?;
        let types: Vec<Type> = params.iter().map(|param| param.ty.clone()).collect();
        let canonical = canonical::text(&self.contract, &function.name, &types, &shape);
        let key = canonical::key(&canonical);
        Ok(Function {
            name: function.name.clone(),
            docs: docs(&function.docs),
            key,
            canonical,
            params,
            shape,
        })
    }

    fn shape(
        &self,
        function: &WitFunction,
        stream: Option<(usize, String, Type)>,
        result: Option<Signature>,
    ) -> Result<Shape, ContractError> {
        let span = function.span;
        let two = || {
            self.unsupported(
                span,
                "a stream in and a stream out".into(),
                "a call carries one stream: split the function",
            )
        };
        if function.name == CONSTRUCTOR {
            return match (stream, result) {
                (None, None) => Ok(Shape::Constructor { refusal: None }),
                (None, Some(Signature::Plain(Type::Result(None, error)))) => {
                    Ok(Shape::Constructor { refusal: Some(error.map(|error| *error)) })
                }
                (Some(_), _) => Err(self.unsupported(
                    span,
                    "a constructor with a stream".into(),
                    "start the service first, then stream into a function of it",
                )),
                _ => Err(self.unsupported(
                    span,
                    "a constructor answers only whether it accepts".into(),
                    "write no result, `-> result` or `-> result<_, e>`",
                )),
            };
        }
        match (stream, result) {
            (None, None) => Ok(Shape::Cast),
            (None, Some(Signature::Plain(result))) => Ok(Shape::Call { result }),
            (None, Some(Signature::Stream(item))) => Ok(Shape::StreamOut { item, refusal: None }),
            (None, Some(Signature::StreamOr(item, error))) => {
                Ok(Shape::StreamOut { item, refusal: Some(error) })
            }
            (Some((place, name, item)), Some(Signature::Plain(result))) => {
                Ok(Shape::StreamIn { name, place, item, result })
            }
            (Some(_), None) => Err(self.unsupported(
                span,
                "a stream into a function without a result".into(),
                "write `-> result`, so that the caller learns when it was read",
            )),
            (Some(_), Some(_)) => Err(two()),
        }
    }

    fn signature(&mut self, ty: &WitType, span: Span) -> Result<Signature, ContractError> {
        if let WitType::Id(id) = ty {
            match &self.resolve.types[*id].kind {
                TypeDefKind::Stream(item) => return Ok(Signature::Stream(self.item(item.as_ref(), span)?)),
                TypeDefKind::Result(result) => {
                    if let Some(WitType::Id(ok)) = &result.ok
                        && let TypeDefKind::Stream(item) = &self.resolve.types[*ok].kind
                    {
                        let item = self.item(item.as_ref(), span)?;
                        let error = result.err.as_ref().map(|ty| self.ty(ty, span)).transpose()?;
                        return Ok(Signature::StreamOr(item, error));
                    }
                }
                _ => {}
            }
        }
        self.ty(ty, span).map(Signature::Plain)
    }

    fn item(&mut self, item: Option<&WitType>, span: Span) -> Result<Type, ContractError> {
        match item {
            Some(item) => self.ty(item, span),
            None => Err(self.unsupported(span, "a stream of nothing".into(), "write `stream<bool>`")),
        }
    }

    fn ty(&mut self, ty: &WitType, span: Span) -> Result<Type, ContractError> {
        Ok(match ty {
            WitType::Bool => Type::Bool,
            WitType::U8 => Type::U8,
            WitType::U16 => Type::U16,
            WitType::U32 => Type::U32,
            WitType::U64 => Type::U64,
            WitType::S8 => Type::S8,
            WitType::S16 => Type::S16,
            WitType::S32 => Type::S32,
            WitType::S64 => Type::S64,
            WitType::F32 => Type::F32,
            WitType::F64 => Type::F64,
            WitType::Char => Type::Char,
            WitType::String => Type::String,
            WitType::ErrorContext => {
                return Err(self.unsupported(
                    span,
                    "`error-context`".into(),
                    "write `string`, or a variant of your own",
                ));
            }
            WitType::Id(id) => return self.defined(*id, span),
        })
    }

    fn defined(&mut self, id: TypeId, span: Span) -> Result<Type, ContractError> {
        let def = &self.resolve.types[id];
        let span = if def.span.is_known() && def.name.is_some() { def.span } else { span };
        let unsupported = |what: &str, instead: &str| Err(self.unsupported(span, what.into(), instead));
        match &def.kind {
            TypeDefKind::Resource | TypeDefKind::Handle(_) => {
                return unsupported(
                    "a resource",
                    "pass a `pid` from `rusm:actor/types`: a service is the resource",
                );
            }
            TypeDefKind::Future(_) => {
                return unsupported("a `future`", "write the type itself: every call may be awaited");
            }
            TypeDefKind::Stream(_) => return Err(self.misplaced_stream(span)),
            TypeDefKind::Map(..) => return unsupported("a `map`", "write `list<tuple<k, v>>`"),
            TypeDefKind::FixedLengthList(..) => {
                return unsupported("a list of fixed length", "write `list<t>` or `tuple<t, t>`");
            }
            TypeDefKind::Unknown => return unsupported("an unknown type", "define it"),
            _ => {}
        }
        if self.is_pid(id) {
            return Ok(Type::Pid);
        }
        if let TypeDefKind::Type(of) = &def.kind
            && let WitType::Id(of) = of
            && self.resolve.types[*of].name == def.name
        {
            // `use other.{name}`: the same type.
            return self.defined(*of, span);
        }
        match &def.name {
            Some(_) => self.named(id, span),
            None => self.anonymous(&def.kind.clone(), span),
        }
    }

    fn named(&mut self, id: TypeId, span: Span) -> Result<Type, ContractError> {
        if let Some(place) = self.places.get(&id) {
            return Ok(Type::Named(*place));
        }
        let def = &self.resolve.types[id];
        let kind = match &def.kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    let ty = self.ty(&field.ty, field.span)?;
                    fields.push(Field { name: field.name.clone(), docs: docs(&field.docs), ty });
                }
                if fields.is_empty() {
                    return Err(self.unsupported(
                        span,
                        "a record without fields".into(),
                        "leave it out, or write `bool`",
                    ));
                }
                TypeKind::Record(fields)
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::new();
                for case in &variant.cases {
                    let ty = case.ty.as_ref().map(|ty| self.ty(ty, case.span)).transpose()?;
                    cases.push(Case { name: case.name.clone(), docs: docs(&case.docs), ty });
                }
                TypeKind::Variant(cases)
            }
            TypeDefKind::Enum(of) => {
                TypeKind::Enum(of.cases.iter().map(|case| bare(&case.name, &case.docs)).collect())
            }
            TypeDefKind::Flags(of) if of.flags.is_empty() => {
                return Err(self.unsupported(
                    span,
                    "flags without a flag".into(),
                    "leave them out, or write `bool`",
                ));
            }
            TypeDefKind::Flags(of) => {
                TypeKind::Flags(of.flags.iter().map(|flag| bare(&flag.name, &flag.docs)).collect())
            }
            TypeDefKind::Type(of) => TypeKind::Alias(self.ty(of, span)?),
            other => TypeKind::Alias(self.anonymous(&other.clone(), span)?),
        };
        let name = self.unique_name(id, span)?;
        self.contract.types.push(TypeDef { name, docs: docs(&def.docs), kind });
        self.places.insert(id, self.contract.types.len() - 1);
        Ok(Type::Named(self.contract.types.len() - 1))
    }

    fn anonymous(&mut self, kind: &TypeDefKind, span: Span) -> Result<Type, ContractError> {
        let mut boxed = |ty: &WitType| self.ty(ty, span).map(Box::new);
        Ok(match kind {
            TypeDefKind::List(of) => Type::List(boxed(of)?),
            TypeDefKind::Option(of) => Type::Option(boxed(of)?),
            TypeDefKind::Result(result) => Type::Result(
                result.ok.as_ref().map(&mut boxed).transpose()?,
                result.err.as_ref().map(&mut boxed).transpose()?,
            ),
            TypeDefKind::Tuple(tuple) if tuple.types.is_empty() => {
                return Err(self.unsupported(span, "an empty tuple".into(), "leave it out"));
            }
            TypeDefKind::Tuple(tuple) if tuple.types.len() > LONGEST_TUPLE => {
                return Err(self.unsupported(
                    span,
                    format!("a tuple of more than {LONGEST_TUPLE} parts"),
                    "write a record",
                ));
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter().map(|ty| self.ty(ty, span));
                Type::Tuple(parts.collect::<Result<_, _>>()?)
            }
            other => {
                return Err(self.unsupported(
                    span,
                    format!("a {}", other.as_str()),
                    "define a type of its own",
                ));
            }
        })
    }

    /// Types of other interfaces come in under their own name, with that of their interface where it is taken.
    fn unique_name(&self, id: TypeId, span: Span) -> Result<String, ContractError> {
        let def = &self.resolve.types[id];
        let name = def.name.clone().unwrap_or_default();
        if RESERVED_TYPES.contains(&name.as_str()) {
            let what = format!("a type cannot be called `{name}`: the generated module needs that name");
            return Err(self.unsupported(span, what, "choose another name"));
        }
        let taken = |name: &str| self.contract.types.iter().any(|other| other.name == name);
        if !taken(&name) {
            return Ok(name);
        }
        let owner = match def.owner {
            TypeOwner::Interface(owner) => self.resolve.interfaces[owner].name.clone(),
            _ => None,
        };
        let longer = format!("{}-{name}", owner.unwrap_or_default());
        if taken(&longer) {
            return Err(self.unsupported(span, format!("two types called `{longer}`"), "rename one of them"));
        }
        Ok(longer)
    }

    fn is_pid(&self, id: TypeId) -> bool {
        let def = &self.resolve.types[id];
        if let TypeDefKind::Type(WitType::Id(of)) = &def.kind {
            return self.is_pid(*of);
        }
        let TypeOwner::Interface(owner) = def.owner else { return false };
        let interface = &self.resolve.interfaces[owner];
        let in_actor = interface.package.is_some_and(|package| {
            let name = &self.resolve.packages[package].name;
            name.namespace == "rusm" && name.name == "actor"
        });
        in_actor && def.name.as_deref() == Some("pid")
    }

    fn misplaced_stream(&self, span: Span) -> ContractError {
        let instead = "write it as one parameter, as the result, or as `result<stream<t>, e>`";
        self.unsupported(span, "a stream inside of another type".into(), instead)
    }

    fn unsupported(&self, span: Span, what: String, instead: &str) -> ContractError {
        ContractError::Unsupported { place: place(self.resolve, span), what, instead: instead.into() }
    }
}

fn bare(name: &str, text: &Docs) -> Case {
    Case { name: name.to_owned(), docs: docs(text), ty: None }
}

fn docs(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().to_owned()
}

/// The function that answers spawn.
const CONSTRUCTOR: &str = "init";

/// As many as the wire's tuples have.
const LONGEST_TUPLE: usize = 16;
