//! The services of all contracts at once: each answers what it is called with, or asks the other language's to.

use std::fmt::Write as _;

use quote::{ToTokens as _, format_ident, quote};
use rusm_codegen::{Contract, Shape, Type, rust, typescript};
use syn::{FnArg, Item, ItemMod, ReturnType, TraitItem};

use super::echoes;

/// The files of the Rust service, by their names.
pub(super) fn rust(contracts: &[Contract]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut arms = String::new();
    let mut modules = String::new();
    for (place, contract) in contracts.iter().enumerate() {
        let source = rust::source(contract, &rust::Options::default());
        let file: syn::File = syn::parse_str(&source).expect("the emitter writes Rust");
        let module = file.items.iter().find_map(|item| match item {
            Item::Mod(module) => Some(module),
            _ => None,
        });
        let echo = echo(contract, module.expect("a module"));
        files.push((format!("c{place}.rs"), format!("{source}\n{echo}\n")));
        let _ = writeln!(modules, "mod c{place};");
        let name = rust::module_name(contract);
        for function in contract.all_functions() {
            let _ = writeln!(
                arms,
                "            {} => c{place}::{name}::__handle(self, key, call),",
                function.key
            );
        }
    }
    let main = format!(
        "{modules}
use rusm_rs::__rt as rt;

pub struct Echo;

/// Whether this process asks the other language, and whom.
pub fn peer() -> Option<rusm_rs::Pid> {{
    let relays = rusm_rs::names::whereis(\"rust-relay\") == Some(rusm_rs::process::pid());
    relays.then(|| rusm_rs::names::whereis(\"ts-echo\")).flatten()
}}

impl rt::Dispatch for Echo {{
    fn init(_: u32, _: &[u8]) -> Result<Self, rt::Outcome> {{
        Ok(Echo)
    }}

    fn handle(&mut self, key: u32, call: &mut rt::Incoming) -> rt::Answer {{
        match key {{
{arms}            _ => rt::Answer::from(rt::Outcome::UnknownFunction),
        }}
    }}

    fn info(&mut self, _: rusm_rs::Event) {{}}

    fn terminate(&mut self, _: rusm_rs::ExitReason) {{}}
}}

rusm_rs::__export_service!(Echo);
"
    );
    files.push(("lib.rs".into(), main));
    files
}

/// The service of a contract, made of the trait that was generated for it.
fn echo(contract: &Contract, module: &ItemMod) -> String {
    let items = module.content.as_ref().map(|(_, items)| items.as_slice()).unwrap_or_default();
    let service = items.iter().find_map(|item| match item {
        Item::Trait(service) if service.ident == "Service" => Some(service),
        _ => None,
    });
    let methods = service.expect("its trait").items.iter().filter_map(|item| match item {
        TraitItem::Fn(method) => Some(&method.sig),
        _ => None,
    });
    let mut functions = contract.functions.iter();
    let bodies = methods.filter(|signature| signature.ident != "info" && signature.ident != "terminate").map(|signature| {
        let name = &signature.ident;
        let types: Vec<_> = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(&input.ty),
            FnArg::Receiver(_) => None,
        }).collect();
        let params: Vec<_> = (0..types.len()).map(|place| format_ident!("p{place}")).collect();
        let output = &signature.output;
        let fallible = matches!(output, ReturnType::Type(_, ty) if ty.to_token_stream().to_string().starts_with("rt :: Result"));
        if name == "init" {
            let made = if fallible { quote!(rt::Result::Ok(crate::Echo)) } else { quote!(crate::Echo) };
            return quote!(fn init(#(#params: #types),*) #output { #made });
        }
        let function = functions.next().expect("a method for each function");
        let answer = match (&function.shape, params.as_slice()) {
            (Shape::Cast, _) => quote!(),
            (_, [only]) if echoes(function) => quote!(#only),
            (_, several) if echoes(function) => quote!((#(#several,)*)),
            _ => quote!(::core::unimplemented!()),
        };
        let asked = match fallible {
            true => quote! {
                rt::Result::Ok(value) => rt::Result::Ok(value),
                rt::Result::Err(::rusm_rs::CallError::Refused(error)) => rt::Result::Err(error),
                rt::Result::Err(_) => ::core::panic!("the other language does not answer"),
            },
            false => quote! {
                rt::Result::Ok(value) => value,
                rt::Result::Err(_) => ::core::panic!("the other language does not answer"),
            },
        };
        if !echoes(function) {
            return quote!(fn #name(&mut self #(, #params: #types)*) #output { #answer });
        }
        quote! {
            fn #name(&mut self #(, #params: #types)*) #output {
                match crate::peer() {
                    rt::Option::None => #answer,
                    rt::Option::Some(pid) => match Client::from_pid(pid).#name(#(#params),*) { #asked },
                }
            }
        }
    });
    let module = rust::module_name(contract);
    quote! {
        #[allow(unused_imports, unused_variables)]
        mod echo {
            use ::rusm_rs::__rt as rt;
            use super::#module::*;

            impl Service for crate::Echo { #(#bodies)* }
        }
    }
    .to_string()
}

/// The TypeScript service.
pub(super) fn typescript(contracts: &[Contract]) -> String {
    let mut out = String::from("import { process, refuse, type RusmError, service } from \"rusm-ts\";\n");
    let mut classes = String::new();
    let mut uses = String::new();
    for (place, (contract, file)) in contracts.iter().zip(typescript::file_names(contracts)).enumerate() {
        let module = typescript::module(contract, &[]);
        let class = module.split("export class ").nth(1).and_then(|rest| rest.split(' ').next());
        let class = class.expect("the client's class");
        let _ = writeln!(
            out,
            "import {{ {class} as C{place}, type {class}Service as S{place} }} from \"./gen/{file}\";"
        );
        let fallible: Vec<String> = contract
            .functions
            .iter()
            .filter(|function| matches!(&function.shape, Shape::Call { result } if matches!(contract.resolved(result), Type::Result(..))))
            .map(|function| function.key.to_string())
            .collect();
        let _ = writeln!(classes, "  {{ Client: C{place}, fallible: [{}] }},", fallible.join(", "));
        let _ = writeln!(uses, "  service(C{place}, undefined as unknown as S{place} & {{}});");
    }
    let _ = write!(
        out,
        "
/* What every client and service is here: the types of all of them are checked, and used by name. */
// eslint-disable-next-line
type Any = any;

const contracts: Array<{{ Client: Any; fallible: number[] }}> = [
{classes}];

export function everyServiceFits(): void {{
{uses}}}

const handlers = contracts.map(({{ Client, fallible }}) => {{
  const entries = Object.entries<Any>(Client.dispatch.functions);
  const get = (_: object, method: string | symbol) => {{
    const found = entries.find(([, entry]) => entry.method === method);
    if (found === undefined) return undefined;
    const refuses = fallible.includes(Number(found[0]));
    const answer = (value: Any) => (refuses ? (value.tag === \"ok\" ? value.val : refuse(value.val)) : value);
    const echo = (values: Any[]) => answer(values.length === 1 ? values[0] : values);
    const relay = async (values: Any[]) => {{
      try {{
        return await Client.fromPid(process.whereis(\"rust-echo\")!)[method](...values);
      }} catch (error) {{
        if (!refuses || (error as RusmError).code !== \"refused\") throw error;
        return refuse((error as RusmError).payload);
      }}
    }};
    return (...values: Any[]) => (isRelay() ? relay(values) : echo(values));
  }};
  return new Proxy({{}}, {{ get }});
}});

function isRelay(): boolean {{
  const relay = process.whereis(\"ts-relay\");
  const own = process.self();
  return relay?.id === own.id && relay.node === own.node;
}}

const clients: Any[] = contracts.map(({{ Client }}) => Client);
const init = clients.find((client) => client.dispatch.init === undefined);
export default service(clients, handlers as Any, {{ init }});
"
    );
    out
}
