use super::{Emitter, End, Function, Ident, Shape, TokenStream, docs, format_ident, names, quote};

impl Emitter<'_> {
    pub(super) fn service(&self) -> TokenStream {
        let methods = self.contract.functions.iter().map(|function| self.method(function));
        let arms = self.contract.functions.iter().map(|function| {
            let name = names::method(&function.name);
            self.arm(function, &quote!(<S as Service>::#name), &quote!(service), self.is_later(function))
        });
        let (constructor, callbacks, init) = match self.options.beside {
            true => (quote!(), quote!(), quote!()),
            false => (self.constructor(), callbacks(), self.init()),
        };
        quote! {
            /// What a service of this contract does.
            pub trait Service: ::core::marker::Sized + 'static {
                #constructor
                #(#methods)*
                #callbacks
            }

            #init

            #[doc(hidden)]
            pub fn __handle<S: Service>(service: &mut S, key: u32, call: &mut rt::Incoming) -> rt::Answer {
                match key {
                    #(#arms)*
                    _ => rt::Answer::from(rt::Outcome::UnknownFunction),
                }
            }
        }
    }

    fn constructor(&self) -> TokenStream {
        let Some(function) = &self.contract.constructor else {
            return quote!(
                /// A new service.
                fn init() -> Self;
            );
        };
        let text = docs(&function.docs);
        let params = self.handler_params(function).into_iter().map(|(name, ty)| quote!(#name: #ty));
        let refusal = self.answer(function).1;
        match refusal {
            None => quote!(#text fn init(#(#params),*) -> Self;),
            Some(error) => quote!(#text fn init(#(#params),*) -> rt::Result<Self, #error>;),
        }
    }

    fn method(&self, function: &Function) -> TokenStream {
        let (text, name) = (docs(&function.docs), names::method(&function.name));
        let params = self.handler_params(function).into_iter().map(|(name, ty)| quote!(#name: #ty));
        let answer = self.handler_answer(function);
        match &function.shape {
            Shape::Cast => quote!(#text fn #name(&mut self, #(#params),*);),
            _ if self.is_later(function) => {
                let reply = names::Locals::of(Some(function)).own("reply");
                quote!(#text fn #name(&mut self, #(#params,)* #reply: rt::Reply<#answer>);)
            }
            _ => quote!(#text fn #name(&mut self, #(#params),*) -> #answer;),
        }
    }

    /// What a handler of the function takes: names and types.
    pub(super) fn handler_params(&self, function: &Function) -> Vec<(Ident, TokenStream)> {
        let param = |param: &crate::Param| (names::param(&param.name), self.ty(&param.ty));
        let mut params: Vec<_> = function.params.iter().map(param).collect();
        if let Some(stream) = &function.stream {
            params.insert(stream.place, (names::param(&stream.name), self.end(End::Reader, &stream.item)));
        }
        params
    }

    /// What it returns; nothing, of a cast.
    pub(super) fn handler_answer(&self, function: &Function) -> TokenStream {
        let (value, error) = match &function.shape {
            Shape::StreamOut { head, item, refusal } => {
                (self.headed(head.as_ref(), &self.end(End::Source, item)), self.refusal(refusal.as_ref()))
            }
            _ => self.answer(function),
        };
        match error {
            None => value,
            Some(error) => quote!(rt::Result<#value, #error>),
        }
    }

    fn init(&self) -> TokenStream {
        let body = self.init_body();
        quote! {
            #[doc(hidden)]
            pub fn __init<S: Service>(key: u32, body: &[u8]) -> rt::Result<S, rt::Outcome> {
                #body
            }
        }
    }

    fn init_body(&self) -> TokenStream {
        let Some(function) = &self.contract.constructor else {
            return quote! {
                if key != 0 {
                    return rt::Result::Err(rt::Outcome::UnknownFunction);
                }
                rt::Result::Ok(<S as Service>::init())
            };
        };
        let key = self.key(function);
        let decode = decode(function, &quote!(return rt::Result::Err));
        let locals = locals(function);
        let made = match self.answer(function).1 {
            None => quote!(rt::Result::Ok(<S as Service>::init(#(#locals),*))),
            Some(_) => quote! {
                <S as Service>::init(#(#locals),*).map_err(|error| rt::Outcome::Refused(rt::encode(&error)))
            },
        };
        quote! {
            if key != #key {
                return rt::Result::Err(rt::Outcome::UnknownFunction);
            }
            #decode
            #made
        }
    }

    /// What reads a call of the function, and has it handled by `method` of `handler`.
    pub(super) fn arm(
        &self,
        function: &Function,
        method: &TokenStream,
        handler: &TokenStream,
        later: bool,
    ) -> TokenStream {
        let key = self.key(function);
        let decode = decode(function, &quote!(return rt::Answer::from));
        let mut locals: Vec<TokenStream> = locals(function).iter().map(|local| quote!(#local)).collect();
        if let Some(stream) = &function.stream {
            let reader = match function.shape {
                Shape::StreamOut { .. } => quote!(call.reader_of_two()),
                _ => quote!(call.reader()),
            };
            locals.insert(stream.place, reader);
        }
        if later && !matches!(function.shape, Shape::Cast) {
            locals.push(quote!(call.later()));
        }
        let called = if handler.is_empty() {
            quote!(#method(#(#locals),*))
        } else {
            quote!(#method(#handler #(, #locals)*))
        };
        let answered = match &function.shape {
            _ if later => quote!({ #called; rt::Answer::from(rt::Outcome::Later) }),
            Shape::Cast => quote!({ #called; rt::Answer::done() }),
            Shape::StreamOut { head, refusal, .. } => {
                let head = head.as_ref().map_or_else(|| quote!(rt::headless), |_| quote!(rt::headed));
                let stream = match refusal {
                    None => quote!(call.stream(#head(answered))),
                    Some(_) => quote!(call.stream_or_refuse(answered.map(#head))),
                };
                quote!({ let answered = #called; #stream })
            }
            _ => quote!(rt::Answer::reply(&#called)),
        };
        quote!(#key => { #decode #answered })
    }
}

/// What a service does besides the functions of its contracts.
fn callbacks() -> TokenStream {
    quote! {
        /// Everything that is no call of a function: mail, ends of other processes, timers.
        fn info(&mut self, event: rt::Event) {}

        /// The process is about to end in good order.
        fn terminate(&mut self, reason: rt::ExitReason) {}
    }
}

/// Reads the arguments into locals, or gives up with what is wrong with which.
fn decode(function: &Function, give_up: &TokenStream) -> TokenStream {
    let reads = function.params.iter().zip(locals(function)).map(|(param, local)| {
        let name = &param.name;
        quote! {
            let #local = match rt::Decode::decode(&mut reader) {
                rt::Result::Ok(value) => value,
                rt::Result::Err(error) => #give_up(rt::malformed(#name, error)),
            };
        }
    });
    let body = match function.shape {
        Shape::Constructor { .. } => quote!(body),
        _ => quote!(call.body()),
    };
    quote! {
        let mut reader = rt::Reader::new(#body);
        #(#reads)*
        if let rt::Result::Err(error) = reader.finish() {
            #give_up(rt::malformed("the arguments", error));
        }
    }
}

fn locals(function: &Function) -> Vec<Ident> {
    (0..function.params.len()).map(|place| format_ident!("argument_{place}")).collect()
}
