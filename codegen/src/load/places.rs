use std::fmt;

use wit_parser::{Interface, Resolve, Span, Type, TypeDef, TypeDefKind};

use super::Wit;

/// Where something stands in WIT. As text it is `wit/cart.wit:12:5`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Wit {
    /// Where the last part of a path stands that the interface has. The path is that of a difference: `cart.add: item.qty`; where
    /// it names nothing of the interface, it is the interface's own place. None if there is no such interface.
    pub fn place(&self, contract: &str, path: &str) -> Option<Place> {
        let (interface, _) = self.find(contract).ok()?;
        let span = span(&self.resolve, &self.resolve.interfaces[interface], path);
        if !span.is_known() {
            return None;
        }
        let text = self.resolve.render_location(span);
        let mut parts = text.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Place { file: file.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? })
    }
}

fn span(resolve: &Resolve, interface: &Interface, path: &str) -> Span {
    let (function, path) = path.split_once(": ").unwrap_or((path, ""));
    let name = function.split_once('.').map_or("", |(_, name)| name);
    let Some(function) = interface.functions.get(name) else { return interface.span };
    let mut names = path.split(['.', '[', ']']).filter(|name| !name.is_empty());
    let (span, ty) = match (names.next(), &function.result) {
        // They are keywords, so that no parameter has these names.
        (Some("result"), Some(result)) => (function.span, Some(*result)),
        (Some("stream"), Some(result)) => (function.span, item(resolve, result)),
        (Some(name), _) => match function.params.iter().find(|param| param.name == name) {
            Some(param) => (param.span, Some(param.ty)),
            None => return function.span,
        },
        (None, _) => return function.span,
    };
    let span = if span.is_known() { span } else { function.span };
    ty.map_or(span, |ty| follow(resolve, ty, names, span))
}

/// Follows names of fields, cases and parts into a type; `span` is where it is used.
fn follow<'p>(
    resolve: &Resolve,
    mut ty: Type,
    mut names: impl Iterator<Item = &'p str>,
    mut span: Span,
) -> Span {
    let Some(mut name) = names.next() else { return span };
    loop {
        let Some(def) = def(resolve, &ty) else { return span };
        if let Some(of) = transparent(resolve, def) {
            ty = of;
            continue;
        }
        let (place, inner) = match member(def, name) {
            Some(member) => member,
            // What it lacks belongs where it is defined.
            None if def.name.is_some() && def.span.is_known() => return def.span,
            None => return span,
        };
        span = place.filter(Span::is_known).unwrap_or(span);
        match (inner, names.next()) {
            (Some(inner), Some(next)) => (ty, name) = (inner, next),
            _ => return span,
        }
    }
}

fn def<'r>(resolve: &'r Resolve, ty: &Type) -> Option<&'r TypeDef> {
    match ty {
        Type::Id(id) => Some(&resolve.types[*id]),
        _ => None,
    }
}

/// What stands in a type that has no name in paths.
fn transparent(resolve: &Resolve, def: &TypeDef) -> Option<Type> {
    match &def.kind {
        TypeDefKind::Type(of) | TypeDefKind::Option(of) | TypeDefKind::List(of) => Some(*of),
        TypeDefKind::Stream(of) => *of,
        // The value before a stream.
        TypeDefKind::Tuple(tuple) => match tuple.types.as_slice() {
            [head, stream] if item(resolve, stream).is_some() => Some(*head),
            _ => None,
        },
        _ => None,
    }
}

/// Where a field, case, flag or part stands, if it stands in a place of its own, and its type.
fn member(def: &TypeDef, name: &str) -> Option<(Option<Span>, Option<Type>)> {
    match &def.kind {
        TypeDefKind::Record(record) => {
            let field = record.fields.iter().find(|field| field.name == name)?;
            Some((Some(field.span), Some(field.ty)))
        }
        TypeDefKind::Variant(variant) => {
            let case = variant.cases.iter().find(|case| case.name == name)?;
            Some((Some(case.span), case.ty))
        }
        TypeDefKind::Enum(of) => {
            of.cases.iter().find(|case| case.name == name).map(|case| (Some(case.span), None))
        }
        TypeDefKind::Flags(of) => {
            of.flags.iter().find(|flag| flag.name == name).map(|flag| (Some(flag.span), None))
        }
        TypeDefKind::Result(result) => match name {
            "ok" => Some((None, result.ok)),
            "err" => Some((None, result.err)),
            _ => None,
        },
        TypeDefKind::Tuple(tuple) => {
            let place: usize = name.parse().ok()?;
            Some((None, Some(*tuple.types.get(place)?)))
        }
        _ => None,
    }
}

/// The items of a stream that a result is, or that stands behind a value or in a `result` there.
fn item(resolve: &Resolve, ty: &Type) -> Option<Type> {
    match &def(resolve, ty)?.kind {
        TypeDefKind::Stream(of) => *of,
        TypeDefKind::Type(of) => item(resolve, of),
        TypeDefKind::Tuple(tuple) => item(resolve, tuple.types.get(1)?),
        TypeDefKind::Result(result) => item(resolve, result.ok.as_ref()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
package shop:cart@1.0.0;

interface types {
  flags mark { hot, new }
}

interface cart {
  use types.{mark};
  record item { sku: string, marks: option<mark> }
  variant refusal { full, unknown(item) }
  add: func(item: item, more: list<item>) -> result<u32, refusal>;
  items: func() -> result<tuple<u32, stream<item>>, refusal>;
}
";

    #[test]
    fn a_path_leads_to_what_it_names_or_as_far_as_there_is_something() {
        let wit = Wit::parse("cart.wit", TEXT).expect("WIT");
        let place = |path: &str| wit.place("shop:cart/cart@1.0.0", path).expect("a place").to_string();
        for (path, text) in [
            ("cart", "cart.wit:7:11"),
            ("cart.put", "cart.wit:7:11"),
            ("cart.add", "cart.wit:11:3"),
            ("cart.add: item", "cart.wit:11:13"),
            ("cart.add: item.sku", "cart.wit:9:17"),
            ("cart.add: item.qty", "cart.wit:9:10"),
            ("cart.add: more[].marks.new", "cart.wit:4:21"),
            ("cart.add: note", "cart.wit:11:3"),
            ("cart.add: result.ok", "cart.wit:11:3"),
            ("cart.add: result.err.unknown.sku", "cart.wit:9:17"),
            ("cart.items: stream[].sku", "cart.wit:9:17"),
            ("cart.items: result.err.full", "cart.wit:10:21"),
        ] {
            assert_eq!(place(path), text, "{path}");
        }
        assert_eq!(wit.place("shop:cart/till", "till"), None);
    }
}
