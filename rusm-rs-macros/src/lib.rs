//! The macros of `rusm-rs`; see there.

use proc_macro::TokenStream;

mod contract;
mod main_process;
mod service;

/// Makes a type the component's service of a WIT contract, or of several.
///
/// `#[rusm_rs::service("namespace:package/interface")]` generates a module called like the interface, with the
/// contract's types, the trait `Service` that the type has to implement, and a `Client`. Functions that answer later
/// are listed after it: `#[rusm_rs::service("shop:cart/cart", later(add))]`; their methods get a `Reply`.
///
/// Of several contracts each has its module and its trait: `#[rusm_rs::service("demo:chat/member", "demo:ops/health")]`. One of them
/// constructs the service: the one with a constructor, or the first if none has one. Its trait alone has `init`, `info` and `terminate`.
/// If several have constructors, `init(module)` says which one counts. Two interfaces of one name, as of two versions, get modules of
/// different names: `"shop:cart/cart@1.4.0" as cart_1, "shop:cart/cart@2.0.0"`. `later(member::post)` is one of two functions of one name.
///
/// The contract is looked for in `wit/` beside the crate's `Cargo.toml`, then in `wit/` beside the nearest `rusm.toml`
/// above it; or in the folder that the environment variable `RUSM_WIT` names.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), item.into()).into()
}

/// Generates the module of a contract that this component is a client of.
///
/// `rusm_rs::contract!("namespace:package/interface")`; the module is called like the interface, or as is said:
/// `rusm_rs::contract!("shop:cart/cart@1.4.0" as cart_1)`.
#[proc_macro]
pub fn contract(arguments: TokenStream) -> TokenStream {
    contract::expand(arguments.into()).into()
}

/// Makes a function a raw process: its whole life. It may return nothing, or a `Result` whose error crashes the process.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    main_process::expand(arguments.into(), item.into()).into()
}
