use semver::Version;

/// One WIT interface, read as the contract of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// `namespace:package/interface`, without a version: `shop:cart/cart`.
    pub id: String,
    /// The package's version, if it has one.
    pub version: Option<String>,
    /// The interface's name, in WIT's spelling.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Every named type that the functions mention, each after those it is made of.
    pub types: Vec<TypeDef>,
    /// `init`, if it has one.
    pub constructor: Option<Function>,
    /// All other functions, in the order of the interface.
    pub functions: Vec<Function>,
    /// Whether the interface has an alias of `pid` called `ref`: then its clients stand for its services in values, and a process
    /// may answer for one itself while it waits for a call.
    pub referable: bool,
    /// Functions that are left out, each with its place, because a feature gates them: `@unstable(feature = fast)`.
    pub gated: Vec<Gated>,
    /// The contract as WIT text that stands alone.
    pub wit: String,
}

/// A function that is in the WIT and not in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    /// Its name.
    pub function: String,
    /// The feature that gates it.
    pub feature: String,
    /// File, line and column.
    pub place: String,
}

/// A named type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDef {
    /// In WIT's spelling, unique within the contract.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// What it is.
    pub kind: TypeKind,
}

/// What a named type is.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// Named fields.
    Record(Vec<Field>),
    /// One of several cases, with or without a value.
    Variant(Vec<Case>),
    /// One of several names.
    Enum(Vec<Case>),
    /// Any of several names.
    Flags(Vec<Case>),
    /// Another name for a type.
    Alias(Type),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// In WIT's spelling.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its type.
    pub ty: Type,
}

/// A case of a variant or enum, or a flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// In WIT's spelling.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// The value it carries; always none in an enum and in flags.
    pub ty: Option<Type>,
}

impl Type {
    /// In WIT's spelling; what is between two types, what a pid is called, and what stands for a named type, is the caller's.
    pub(crate) fn spell(&self, comma: &str, pid: &str, named: &dyn Fn(usize) -> String) -> String {
        let inner = |ty: &Type| ty.spell(comma, pid, named);
        let word = match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::Pid | Self::Ref(_) => pid,
            Self::List(of) => return format!("list<{}>", inner(of)),
            Self::Option(of) => return format!("option<{}>", inner(of)),
            Self::Result(ok, error) => {
                return spell_result(comma, ok.as_deref().map(inner), error.as_deref().map(inner));
            }
            Self::Tuple(parts) => {
                return format!("tuple<{}>", parts.iter().map(inner).collect::<Vec<_>>().join(comma));
            }
            Self::Named(place) => return named(*place),
        };
        word.to_owned()
    }
}

/// A result of spelt types.
pub(crate) fn spell_result(comma: &str, ok: Option<String>, error: Option<String>) -> String {
    match (ok, error) {
        (None, None) => "result".into(),
        (Some(ok), None) => format!("result<{ok}>"),
        (ok, Some(error)) => format!("result<{}{comma}{error}>", ok.unwrap_or_else(|| "_".into())),
    }
}

/// A type that the wire can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `s8`.
    S8,
    /// `s16`.
    S16,
    /// `s32`.
    S32,
    /// `s64`.
    S64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `rusm:actor/types.pid`.
    Pid,
    /// A service of a contract: the alias `ref` of `pid` in its interface. On the wire it is the pid.
    Ref(Reference),
    /// `list<t>`.
    List(Box<Type>),
    /// `option<t>`.
    Option(Box<Type>),
    /// `result<t, e>`, either of which may be absent.
    Result(Option<Box<Type>>, Option<Box<Type>>),
    /// `tuple<..>`, with at least one part.
    Tuple(Vec<Type>),
    /// A named type, by its place in [`Contract::types`].
    Named(usize),
}

/// The contract of a service that a value stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As [`Contract::versioned_id`].
    pub contract: String,
    /// The interface's name, in WIT's spelling.
    pub name: String,
}

/// A function of a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// In WIT's spelling.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// What addresses it on the wire.
    pub key: u32,
    /// What the key was made of.
    pub canonical: String,
    /// What is in the message: everything but a stream.
    pub params: Vec<Param>,
    /// The parameter that is a `stream<t>`; only functions that are answered have one.
    pub stream: Option<StreamParam>,
    /// What kind of message it is.
    pub shape: Shape,
    /// The package's version that brought it, where the WIT says so: `@since(version = 1.2.0)`. No part of the key.
    pub since: Option<Version>,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// In WIT's spelling.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A parameter that is a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamParam {
    /// In WIT's spelling.
    pub name: String,
    /// Its place among all parameters.
    pub place: usize,
    /// What flows.
    pub item: Type,
}

/// How a function is used, read from its signature alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `init`: answers spawn. `Some(e)` if it may refuse, with or without a value.
    Constructor {
        /// The error of its result.
        refusal: Option<Option<Type>>,
    },
    /// It has a result: the caller waits.
    Call {
        /// The result; [`Type::Result`] at the top is the contract's typed error.
        result: Type,
    },
    /// It has no result: the caller goes on.
    Cast,
    /// It answers with a stream: `-> stream<t>`, or `-> tuple<head, stream<t>>` if a value comes first; either may be in a
    /// `result<.., e>` if it may refuse.
    StreamOut {
        /// The value before the stream.
        head: Option<Type>,
        /// What flows.
        item: Type,
        /// The error of its result.
        refusal: Option<Option<Type>>,
    },
}

impl Contract {
    /// The id with the package's version, as WIT writes it: `shop:cart/cart@1.2.0`. What tells contracts apart.
    pub fn versioned_id(&self) -> String {
        match &self.version {
            None => self.id.clone(),
            Some(version) => format!("{}@{version}", self.id),
        }
    }

    /// What versions that may stand for each other share, as semantic versioning and WIT have it: `1` of 1.4.2, `0.2` of 0.2.7,
    /// all of a version below 0.1 or before a release. The keys of its functions are made of the id and of this.
    pub fn series(&self) -> Option<String> {
        series(self.version.as_ref()?)
    }

    /// Whether this is its id, with its version or without any.
    pub fn is_called(&self, id: &str) -> bool {
        match id.split_once('@') {
            None => self.id == id,
            Some((name, version)) => self.id == name && self.version.as_deref() == Some(version),
        }
    }

    /// The function with this key, the constructor included.
    pub fn function(&self, key: u32) -> Option<&Function> {
        self.all_functions().find(|function| function.key == key)
    }

    /// The function with this name, the constructor included.
    pub fn function_named(&self, name: &str) -> Option<&Function> {
        self.all_functions().find(|function| function.name == name)
    }

    /// The constructor, then the others.
    pub fn all_functions(&self) -> impl Iterator<Item = &Function> {
        self.constructor.iter().chain(&self.functions)
    }

    /// The other contracts whose services this one mentions, each once.
    pub fn references(&self) -> Vec<&Reference> {
        let own = self.versioned_id();
        let mut found: Vec<&Reference> = Vec::new();
        self.each_type(&mut |ty| {
            if let Type::Ref(reference) = ty
                && reference.contract != own
                && !found.contains(&reference)
            {
                found.push(reference);
            }
        });
        found
    }

    /// Every type that stands in it, and every type within those.
    pub(crate) fn each_type<'a>(&'a self, see: &mut dyn FnMut(&'a Type)) {
        fn within<'a>(ty: &'a Type, see: &mut dyn FnMut(&'a Type)) {
            see(ty);
            match ty {
                Type::List(of) | Type::Option(of) => within(of, see),
                Type::Result(ok, error) => [ok, error].into_iter().flatten().for_each(|ty| within(ty, see)),
                Type::Tuple(parts) => parts.iter().for_each(|ty| within(ty, see)),
                _ => {}
            }
        }
        for def in &self.types {
            match &def.kind {
                TypeKind::Record(fields) => fields.iter().for_each(|field| within(&field.ty, see)),
                TypeKind::Variant(cases) => {
                    cases.iter().filter_map(|case| case.ty.as_ref()).for_each(|ty| within(ty, see));
                }
                TypeKind::Alias(of) => within(of, see),
                TypeKind::Enum(_) | TypeKind::Flags(_) => {}
            }
        }
        for function in self.all_functions() {
            function.params.iter().for_each(|param| within(&param.ty, see));
            function.stream.iter().for_each(|stream| within(&stream.item, see));
            match &function.shape {
                Shape::Cast => {}
                Shape::Constructor { refusal } => refusal.iter().flatten().for_each(|ty| within(ty, see)),
                Shape::Call { result } => within(result, see),
                Shape::StreamOut { head, item, refusal } => {
                    head.iter().for_each(|ty| within(ty, see));
                    within(item, see);
                    refusal.iter().flatten().for_each(|ty| within(ty, see));
                }
            }
        }
    }

    /// A type behind its aliases.
    pub fn resolved<'a>(&'a self, mut ty: &'a Type) -> &'a Type {
        while let Type::Named(place) = ty
            && let TypeKind::Alias(of) = &self.types[*place].kind
        {
            ty = of;
        }
        ty
    }

    /// The functions of this contract that a service with `others` lacks.
    pub fn missing_from<'a>(&'a self, others: &[Contract]) -> Vec<&'a Function> {
        let has = |function: &&Function| others.iter().any(|other| other.function(function.key).is_some());
        self.all_functions().filter(|function| !has(function)).collect()
    }

    /// Names of functions and fields are paths below this in messages for people: `cart.add`.
    pub fn path(&self, function: &Function) -> String {
        format!("{}.{}", self.name, function.name)
    }
}

/// [`Contract::series`] of a version.
fn series(version: &str) -> Option<String> {
    let version = Version::parse(version).ok()?;
    Some(match version {
        Version { pre, .. } if !pre.is_empty() => {
            format!("{}.{}.{}-{pre}", version.major, version.minor, version.patch)
        }
        Version { major: 0, minor: 0, patch, .. } => format!("0.0.{patch}"),
        Version { major: 0, minor, .. } => format!("0.{minor}"),
        Version { major, .. } => major.to_string(),
    })
}

impl Reference {
    /// Whether both are of one contract, in versions that may stand for each other.
    #[cfg(feature = "host")]
    pub(crate) fn is_of_series(&self, other: &Self) -> bool {
        let parts = |contract: &str| match contract.split_once('@') {
            None => (contract.to_owned(), None),
            Some((id, version)) => (id.to_owned(), series(version)),
        };
        parts(&self.contract) == parts(&other.contract)
    }
}

impl Function {
    /// What a caller awaits when it calls: the type of the reply's body.
    pub fn reply(&self) -> Option<Type> {
        let refusable = |head: Option<&Type>, refusal: &Option<Option<Type>>| match refusal {
            None => head.cloned(),
            Some(error) => Some(Type::Result(head.cloned().map(Box::new), error.clone().map(Box::new))),
        };
        match &self.shape {
            Shape::Constructor { refusal } => refusable(None, refusal),
            Shape::StreamOut { head, refusal, .. } => refusable(head.as_ref(), refusal),
            Shape::Call { result } => Some(result.clone()),
            Shape::Cast => None,
        }
    }

    /// Which streams a call of it has.
    pub fn streams(&self) -> Streams {
        Streams { to_callee: self.stream.is_some(), to_caller: matches!(self.shape, Shape::StreamOut { .. }) }
    }
}

/// Which streams a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// The caller writes one.
    pub to_callee: bool,
    /// The callee writes one.
    pub to_caller: bool,
}
