use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let kept = item.clone();
    try_expand(&arguments, item).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#kept #error)
    })
}

fn try_expand(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`#[rusm_rs::main]` takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item.clone())
        .map_err(|_| Error::new_spanned(&item, "`#[rusm_rs::main]` belongs on a function"))?;
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        let text = "a raw process is no async function: its waits block the process alone";
        return Err(Error::new_spanned(asyncness, text));
    }
    if !signature.inputs.is_empty() {
        let text = "a raw process has no parameters: receive what it needs, or make it a service";
        return Err(Error::new_spanned(&signature.inputs, text));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a raw process cannot be generic"));
    }
    let name = &signature.ident;
    Ok(quote! {
        #item

        /// One component is one process: a second `#[main]` or `#[service]` beside this one is an error.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, reason = "its name is its message")]
        struct a_component_has_one_service_or_main;

        ::rusm_rs::__export_raw!(#name);
    })
}
