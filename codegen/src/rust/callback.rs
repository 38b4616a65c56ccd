use super::{Emitter, Function, Shape, TokenStream, docs, names, quote};

impl Emitter<'_> {
    /// How a process answers for a reference to this contract itself, while it waits for the call that it has given it to.
    pub(super) fn callback(&self) -> TokenStream {
        match self.contract.functions.as_slice() {
            _ if !self.contract.referable => quote!(),
            [] => quote!(),
            [only] => self.callback_of_one(only),
            several => self.callback_of_several(several),
        }
    }

    fn callback_of_one(&self, function: &Function) -> TokenStream {
        let types = self.handler_params(function).into_iter().map(|(_, ty)| ty);
        let answer = self.returns(function);
        let made = callback(&self.arm(function, &quote!(handler), &quote!(), false));
        let text = format!(
            "A callback whose `{}` is this closure: a reference to be given to a call, which answers as long as that call takes.",
            function.name
        );
        quote! {
            #[doc = #text]
            pub fn callback(
                mut handler: impl FnMut(#(#types),*) #answer,
            ) -> rt::Callback<Client, impl FnMut(u32, &mut rt::Incoming) -> rt::Answer> {
                #made
            }
        }
    }

    fn callback_of_several(&self, functions: &[Function]) -> TokenStream {
        let signatures: Vec<_> = functions.iter().map(|function| self.signature(function)).collect();
        let texts = functions.iter().map(|function| docs(&function.docs));
        let forwards = functions.iter().zip(&signatures).map(|(function, signature)| {
            let name = names::method(&function.name);
            let names = self.handler_params(function).into_iter().map(|(name, _)| name);
            quote!(#signature { (**self).#name(#(#names),*) })
        });
        let arms = functions.iter().map(|function| {
            let name = names::method(&function.name);
            self.arm(function, &quote!(Callback::#name), &quote!(&mut handler), false)
        });
        let made = callback(&quote!(#(#arms)*));
        quote! {
            /// What answers for a [`callback()`].
            pub trait Callback {
                #(#texts #signatures;)*
            }

            impl<C: Callback + ?::core::marker::Sized> Callback for &mut C {
                #(#forwards)*
            }

            /// A callback: a reference to be given to a call, which answers as long as that call takes.
            pub fn callback(
                mut handler: impl Callback,
            ) -> rt::Callback<Client, impl FnMut(u32, &mut rt::Incoming) -> rt::Answer> {
                #made
            }
        }
    }

    fn signature(&self, function: &Function) -> TokenStream {
        let name = names::method(&function.name);
        let params = self.handler_params(function).into_iter().map(|(name, ty)| quote!(#name: #ty));
        let answer = self.returns(function);
        quote!(fn #name(&mut self, #(#params),*) #answer)
    }

    fn returns(&self, function: &Function) -> TokenStream {
        if matches!(function.shape, Shape::Cast) {
            return quote!();
        }
        let answer = self.handler_answer(function);
        quote!(-> #answer)
    }
}

fn callback(arms: &TokenStream) -> TokenStream {
    quote! {
        rt::Callback::new(Client::from_pid, move |key: u32, call: &mut rt::Incoming| match key {
            #arms
            _ => rt::Answer::from(rt::Outcome::UnknownFunction),
        })
    }
}
