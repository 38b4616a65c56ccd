//! The macros of `rusm-rs`; see there.

use proc_macro::TokenStream;

mod contract;
mod main_process;
mod service;

/// Makes a type the component's service of a WIT contract.
///
/// `#[rusm_rs::service("namespace:package/interface")]` generates a module called like the interface, with the
/// contract's types, the trait `Service` that the type has to implement, and a `Client`. Functions that answer later
/// are listed after it: `#[rusm_rs::service("shop:cart/cart", later(add))]`; their methods get a `Reply`.
///
/// The contract is looked for in `wit/` beside the crate's `Cargo.toml`, then in `wit/` beside the nearest `rusm.toml`
/// above it; or in the folder that the environment variable `RUSM_WIT` names.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), item.into()).into()
}

/// Generates the module of a contract that this component is a client of.
///
/// `rusm_rs::contract!("namespace:package/interface")`
#[proc_macro]
pub fn contract(arguments: TokenStream) -> TokenStream {
    contract::expand(arguments.into()).into()
}

/// Makes a function a raw process: its whole life. It may return nothing, or a `Result` whose error crashes the process.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    main_process::expand(arguments.into(), item.into()).into()
}
