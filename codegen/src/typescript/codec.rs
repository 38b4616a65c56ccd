use super::{Emitter, flag_name};
use crate::{Type, TypeKind};

impl Emitter<'_> {
    /// The functions that write and read a named type.
    pub(super) fn codec(&mut self, place: usize) {
        let (def, name) = (&self.contract.types[place], self.types[place].clone());
        match &def.kind {
            TypeKind::Alias(_) => return,
            TypeKind::Record(fields) => {
                self.line(&format!("function $encode{name}(w: $.Writer, v: {name}): void {{"));
                for field in fields {
                    let own = self.field(&field.name, &field.ty);
                    let write = self.encode(&field.ty, &format!("v.{own}"));
                    self.line(&format!("  {write};"));
                }
                self.line("}");
                self.line("");
                self.line(&format!("function $decode{name}(r: $.Reader): {name} {{"));
                for field in fields {
                    let own = self.field(&field.name, &field.ty);
                    let read = self.decode(&field.ty);
                    self.line(&format!("  const {own}_ = {read};"));
                }
                let pairs: Vec<String> = fields
                    .iter()
                    .map(|field| {
                        let own = self.field(&field.name, &field.ty);
                        match self.may_be_absent(&field.ty) {
                            // With `exactOptionalPropertyTypes`, an absent field is not one that is undefined.
                            true => format!("...({own}_ === undefined ? {{}} : {{ {own}: {own}_ }})"),
                            false => format!("{own}: {own}_"),
                        }
                    })
                    .collect();
                self.line(&format!("  return {{ {} }};", pairs.join(", ")));
                self.line("}");
            }
            TypeKind::Variant(cases) => {
                self.line(&format!("function $encode{name}(w: $.Writer, v: {name}): void {{"));
                self.line("  switch (v.tag) {");
                for (tag, case) in cases.iter().enumerate() {
                    self.line(&format!("    case \"{}\":", case.name));
                    self.line(&format!("      w.tag({tag});"));
                    if let Some(ty) = &case.ty {
                        let write = self.encode(ty, "v.val");
                        self.line(&format!("      {write};"));
                    }
                    self.line("      return;");
                }
                self.line("    default:");
                self.line(&format!("      w.unknownCase(\"{}\", v);", def.name));
                self.line("  }");
                self.line("}");
                self.line("");
                self.line(&format!("function $decode{name}(r: $.Reader): {name} {{"));
                self.line(&format!("  switch (r.tag({})) {{", cases.len()));
                let last = cases.len().saturating_sub(1);
                for (tag, case) in cases.iter().enumerate() {
                    let label = if tag == last { "default".into() } else { format!("case {tag}") };
                    let payload =
                        case.ty.as_ref().map(|ty| format!(", val: {}", self.decode(ty))).unwrap_or_default();
                    self.line(&format!("    {label}:"));
                    self.line(&format!("      return {{ tag: \"{}\"{payload} }};", case.name));
                }
                self.line("  }");
                self.line("}");
            }
            TypeKind::Enum(cases) => {
                let names: Vec<String> = cases.iter().map(|case| format!("\"{}\"", case.name)).collect();
                let table = format!("$casesOf{name}");
                self.line(&format!("const {table}: readonly {name}[] = [{}];", names.join(", ")));
                self.line("");
                self.line(&format!("function $encode{name}(w: $.Writer, v: {name}): void {{"));
                self.line(&format!("  w.enum(\"{}\", {table}, v);", def.name));
                self.line("}");
                self.line("");
                self.line(&format!("function $decode{name}(r: $.Reader): {name} {{"));
                self.line(&format!("  return r.enum({table});"));
                self.line("}");
            }
            TypeKind::Flags(flags) => {
                let own: Vec<String> = flags.iter().map(|flag| flag_name(&flag.name)).collect();
                let reads: Vec<String> = own.iter().map(|flag| format!("v.{flag}")).collect();
                self.line(&format!("function $encode{name}(w: $.Writer, v: {name}): void {{"));
                self.line(&format!("  w.flags([{}]);", reads.join(", ")));
                self.line("}");
                self.line("");
                self.line(&format!("function $decode{name}(r: $.Reader): {name} {{"));
                self.line(&format!("  const bits = r.flags({});", flags.len()));
                let pairs: Vec<String> = own
                    .iter()
                    .enumerate()
                    .map(|(place, flag)| format!("{flag}: bits[{place}] === true"))
                    .collect();
                self.line(&format!("  return {{ {} }};", pairs.join(", ")));
                self.line("}");
            }
        }
        self.line("");
    }

    /// An expression that writes a value to `w`.
    pub(super) fn encode(&self, ty: &Type, value: &str) -> String {
        match ty {
            Type::Bool => format!("w.bool({value})"),
            Type::U8 => format!("w.u8({value})"),
            Type::U16 => format!("w.u16({value})"),
            Type::U32 => format!("w.u32({value})"),
            Type::U64 => format!("w.u64({value})"),
            Type::S8 => format!("w.s8({value})"),
            Type::S16 => format!("w.s16({value})"),
            Type::S32 => format!("w.s32({value})"),
            Type::S64 => format!("w.s64({value})"),
            Type::F32 => format!("w.f32({value})"),
            Type::F64 => format!("w.f64({value})"),
            Type::Char => format!("w.char({value})"),
            Type::String => format!("w.string({value})"),
            Type::Pid => format!("w.pid({value})"),
            Type::Ref(of) => format!("w.pid($.pidOf({value}, {}))", self.referred(of)),
            Type::List(of) if **of == Type::U8 => format!("w.bytes({value})"),
            Type::List(of) => format!("w.list({value}, (v) => {})", self.encode(of, "v")),
            Type::Option(of) if self.is_option(of) => {
                format!("w.nestedOption({value}, (v) => {})", self.encode(of, "v"))
            }
            Type::Option(of) => format!("w.option({value}, (v) => {})", self.encode(of, "v")),
            Type::Result(ok, error) => {
                let side = |ty: &Option<Box<Type>>| match ty {
                    None => "undefined".into(),
                    Some(ty) => format!("(v) => {}", self.encode(ty, "v")),
                };
                let (of_ok, of_error) = (self.payload(ok.as_deref()), self.payload(error.as_deref()));
                format!("w.result<{of_ok}, {of_error}>({value}, {}, {})", side(ok), side(error))
            }
            Type::Tuple(parts) => {
                let writes: Vec<String> = parts
                    .iter()
                    .enumerate()
                    .map(|(place, ty)| self.encode(ty, &format!("v[{place}]")))
                    .collect();
                format!("w.tuple({value}, (v) => {{ {}; }})", writes.join("; "))
            }
            Type::Named(place) => match &self.contract.types[*place].kind {
                TypeKind::Alias(of) => self.encode(of, value),
                _ => format!("$encode{}(w, {value})", self.types[*place]),
            },
        }
    }

    /// An expression that reads a value from `r`.
    pub(super) fn decode(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "r.bool()".into(),
            Type::U8 => "r.u8()".into(),
            Type::U16 => "r.u16()".into(),
            Type::U32 => "r.u32()".into(),
            Type::U64 => "r.u64()".into(),
            Type::S8 => "r.s8()".into(),
            Type::S16 => "r.s16()".into(),
            Type::S32 => "r.s32()".into(),
            Type::S64 => "r.s64()".into(),
            Type::F32 => "r.f32()".into(),
            Type::F64 => "r.f64()".into(),
            Type::Char => "r.char()".into(),
            Type::String => "r.string()".into(),
            Type::Pid => "r.pid()".into(),
            Type::Ref(of) => format!("{}.fromPid(r.pid())", self.referred(of)),
            Type::List(of) if **of == Type::U8 => "r.bytes()".into(),
            Type::List(of) => format!("r.list(() => {})", self.decode(of)),
            Type::Option(of) if self.is_option(of) => format!("r.nestedOption(() => {})", self.decode(of)),
            Type::Option(of) => format!("r.option(() => {})", self.decode(of)),
            Type::Result(ok, error) => {
                let side = |ty: &Option<Box<Type>>| match ty {
                    None => "undefined".into(),
                    Some(ty) => format!("() => {}", self.decode(ty)),
                };
                let (of_ok, of_error) = (self.payload(ok.as_deref()), self.payload(error.as_deref()));
                format!("r.result<{of_ok}, {of_error}>({}, {})", side(ok), side(error))
            }
            Type::Tuple(parts) => {
                let reads: Vec<String> = parts.iter().map(|ty| self.decode(ty)).collect();
                // Typed, for an array literal is no tuple by itself.
                format!("([{}] satisfies {} as {})", reads.join(", "), self.ty(ty), self.ty(ty))
            }
            Type::Named(place) => match &self.contract.types[*place].kind {
                TypeKind::Alias(of) => self.decode(of),
                _ => format!("$decode{}(r)", self.types[*place]),
            },
        }
    }
}
