//! Any contracts, and any values of them, out of a row of numbers.

use crate::model::{Answer, Func, Param, Ty, Value};

/// Where choices come from: smaller numbers are simpler choices, and after the last one all are the simplest.
pub struct Choices<'a> {
    rest: &'a [u32],
    names: usize,
}

impl<'a> Choices<'a> {
    pub fn new(numbers: &'a [u32]) -> Self {
        Self { rest: numbers, names: 0 }
    }

    pub fn next(&mut self) -> u32 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.next() as usize % count
    }

    /// A name that nothing has yet.
    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    pub fn functions(&mut self) -> Vec<Func> {
        let mut functions: Vec<Func> = (0..=self.below(3)).map(|_| self.function()).collect();
        if self.below(2) == 1 {
            let mut init = self.function();
            let error = (self.below(2) == 1).then(|| Box::new(self.ty(2)));
            init.answer =
                if self.below(2) == 1 { Answer::Value(Ty::Result(None, error)) } else { Answer::Nothing };
            functions.push(Func { name: "init".into(), stream: None, ..init });
        }
        functions
    }

    pub fn function(&mut self) -> Func {
        let params: Vec<Param> = (0..self.below(4)).map(|_| self.param()).collect();
        let answer = match self.below(4) {
            0 => Answer::Nothing,
            1 | 2 => Answer::Value(match params.first() {
                Some(first) if self.below(3) == 0 => first.ty.clone(),
                _ => self.ty(3),
            }),
            _ => {
                let head = (self.below(2) == 1).then(|| self.ty(2));
                let refusal = (self.below(2) == 1).then(|| (self.below(2) == 1).then(|| self.ty(2)));
                Answer::Stream { head, item: self.ty(3), refusal }
            }
        };
        let has_stream = answer != Answer::Nothing && self.below(3) == 2;
        let stream = has_stream.then(|| self.ty(3));
        Func { name: self.name(), params, stream, answer, is_later: false }
    }

    pub fn param(&mut self) -> Param {
        let name = self.name();
        Param { identity: name.clone(), name, ty: self.ty(3) }
    }

    pub fn ty(&mut self, depth: usize) -> Ty {
        let below = depth.saturating_sub(1);
        match self.below(if depth == 0 { 9 } else { 15 }) {
            0 => Ty::Bool,
            1 | 2 => Ty::Int([8, 16, 32, 64][self.below(4)], self.below(2) == 1),
            3 => Ty::F32,
            4 => Ty::F64,
            5 => Ty::Char,
            6 => Ty::Text,
            7 => Ty::Pid,
            8 => Ty::Enum(self.some_names()),
            9 => Ty::List(Box::new(self.ty(below))),
            10 => Ty::Option(Box::new(self.ty(below))),
            11 => {
                let mut payload = || (self.below(3) > 0).then(|| Box::new(self.ty(below)));
                Ty::Result(payload(), payload())
            }
            12 => Ty::Tuple((0..=self.below(3)).map(|_| self.ty(below)).collect()),
            13 => {
                let names = self.some_names();
                let case = |name| (name, (self.below(2) == 1).then(|| self.ty(below)));
                Ty::Variant(names.into_iter().map(case).collect())
            }
            _ if self.below(4) == 3 => Ty::Flags(self.some_names()),
            _ => Ty::Record(self.some_names().into_iter().map(|name| (name, self.ty(below))).collect()),
        }
    }

    /// A type whose values may be absent.
    pub fn optional(&mut self) -> Ty {
        match self.below(3) {
            0 => Ty::Option(Box::new(self.ty(1))),
            1 => Ty::List(Box::new(self.ty(1))),
            _ => Ty::Flags(self.some_names()),
        }
    }

    fn some_names(&mut self) -> Vec<String> {
        let most = if self.below(5) == 4 { 12 } else { 4 };
        (0..=self.below(most)).map(|_| self.name()).collect()
    }

    pub fn value(&mut self, ty: &Ty) -> Value {
        let pick = |choices: &mut Self, names: &[String]| names[choices.below(names.len())].clone();
        match ty {
            Ty::Bool => Value::Bool(self.below(2) == 1),
            Ty::Int(bits, signed) => Value::Int(self.integer(*bits, *signed)),
            Ty::F32 => Value::Float(f32::from_bits(self.next()).into()),
            Ty::F64 => Value::Float(self.float()),
            Ty::Char => Value::Char(['a', 'ß', '€', '😀'][self.below(4)]),
            Ty::Text => Value::Text("aß€😀b".chars().take(self.below(6)).collect()),
            Ty::Pid => Value::Pid(self.next().into(), u64::from(self.next()) << 32),
            Ty::List(of) => Value::List((0..self.below(4)).map(|_| self.value(of)).collect()),
            Ty::Option(of) => Value::Option((self.below(3) > 0).then(|| Box::new(self.value(of)))),
            Ty::Result(ok, error) => Value::Result(match self.below(2) {
                0 => Ok(ok.as_ref().map(|ty| Box::new(self.value(ty)))),
                _ => Err(error.as_ref().map(|ty| Box::new(self.value(ty)))),
            }),
            Ty::Tuple(parts) => Value::Tuple(parts.iter().map(|ty| self.value(ty)).collect()),
            Ty::Record(fields) => {
                Value::Record(fields.iter().map(|(name, ty)| (name.clone(), self.value(ty))).collect())
            }
            Ty::Variant(cases) => {
                let (name, ty) = &cases[self.below(cases.len())];
                Value::Case(name.clone(), ty.as_ref().map(|ty| Box::new(self.value(ty))))
            }
            Ty::Enum(names) => Value::Case(pick(self, names), None),
            Ty::Flags(names) => Value::Flags(names.iter().filter(|_| self.below(3) == 2).cloned().collect()),
        }
    }

    /// Often small, so that it fits narrower types, too.
    fn integer(&mut self, bits: u32, signed: bool) -> i128 {
        let wide = i128::from(self.next()) << 32 | i128::from(self.next());
        let range = 1 << (bits - u32::from(signed)).min([5, 7, 8, 15, 16, 31, 32, 64][self.below(8)]);
        let value = wide % range;
        if signed && self.below(2) == 1 { -value - 1 } else { value }
    }

    fn float(&mut self) -> f64 {
        match self.below(4) {
            0 => f32::from_bits(self.next()).into(),
            1 => f64::from(f32::MAX) * 1.000_000_01,
            2 => f64::from(self.next()) / 3.0,
            _ => f64::from_bits(u64::from(self.next()) << 32 | u64::from(self.next())),
        }
    }
}
