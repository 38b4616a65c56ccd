//! How components are compiled, and where their processes have a place.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tokio::sync::OnceCell;
use tokio::task::JoinError;

use crate::capabilities::Denials;
use crate::capacity::{Count, Place};
use crate::code::{Code, Codes, Exports, imports};
use crate::core_module::into_component;
use crate::error::{Cause, chain};
use crate::examine::{examine, streams};
use crate::figures::Figures;
use crate::lane::{Tier, pool_size};
use crate::source_map::Sources;
use crate::{Component, Engine, Kind, LoadError, Profile};

impl Engine {
    /// Loads a component under a name, compiling it unless it is in the cache. The name's former component, if any, lives
    /// on in its processes.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load(
        &self,
        name: &str,
        bytes: Vec<u8>,
        profile: Profile,
    ) -> Result<Arc<Component>, LoadError> {
        let engine = self.clone();
        let own_name: Arc<str> = name.into();
        // Compiling takes a second: that is no work for a worker that processes wait for.
        let work = move || engine.compile(own_name, &bytes, profile);
        let unfit = |error: JoinError| LoadError::Unfit { name: name.to_owned(), source: error.into() };
        let codes = tokio::task::spawn_blocking(work).await.map_err(unfit)??;
        let component = codes.component.clone();
        self.keep(codes);
        Ok(component)
    }

    fn compile(&self, name: Arc<str>, bytes: &[u8], profile: Profile) -> Result<Codes, LoadError> {
        let unfit = |source: Cause| LoadError::Unfit { name: name.to_string(), source };
        let bytes = &*into_component(bytes).map_err(|text| unfit(text.into()))?;
        let shape = examine(&name, bytes)?;
        if profile.limits.memory > self.config().memory {
            let (wanted, most) = (profile.limits.memory, self.config().memory);
            let text = format!("its profile grants {wanted} bytes of memory; this node allows {most}");
            return Err(unfit(text.into()));
        }
        let figures = Figures::new(self.config().figures);
        let pooled = self
            .code(&self.lane(shape.lane).pooled, bytes, (shape.kind, &shape.entry), &figures)
            .map_err(unfit)?;
        let pool_size = pool_size(shape.lane, pooled.pre.component(), bytes);
        let called = shape.contracts.uses.iter().flat_map(|contract| {
            contract.all_functions().map(|function| (function.key, contract.path(function)))
        });
        let called = called.collect();
        let imports = imports(&pooled.engine, pooled.pre.component());
        let component = Component {
            name,
            kind: shape.kind,
            lane: shape.lane,
            streams: streams(&shape.contracts),
            contracts: shape.contracts,
            profile: Arc::new(profile),
            called,
            living: Count::default(),
            memory: Arc::default(),
            denials: Denials::default(),
            figures,
            imports,
            sources: Sources::default(),
            entry: shape.entry,
            bytes: bytes.into(),
        };
        let (component, pooled, overflow) = (Arc::new(component), Arc::new(pooled), OnceCell::new());
        Ok(Codes { component, pooled, overflow, pool_size })
    }

    fn code(
        &self,
        tier: &Tier,
        bytes: &[u8],
        (kind, entry): (Kind, &str),
        figures: &Figures,
    ) -> Result<Code, Cause> {
        let begun = Instant::now();
        let (compiled, cached) = self.cache().compile(&tier.engine, bytes)?;
        figures.compiled(begun.elapsed(), cached);
        let pre = tier.linker.instantiate_pre(&compiled)?;
        let exports = Exports::find(&compiled, kind, entry)?;
        Ok(Code { engine: tier.engine.clone(), pre, exports, checked: AtomicBool::new(false) })
    }

    /// A place for a process of this component, and the code that runs there.
    ///
    /// # Errors
    /// Why the node cannot hold it.
    pub(crate) async fn place(&self, codes: &Codes) -> Result<(Place, Arc<Code>), String> {
        let lane = self.lane(codes.component.lane);
        let place = lane.places.take(codes.pool_size, self.headroom())?;
        let code = if place.pooled { codes.pooled.clone() } else { self.overflow(codes).await? };
        Ok((place, code))
    }

    /// The code for a place beyond the pool is compiled when the first process needs it.
    async fn overflow(&self, codes: &Codes) -> Result<Arc<Code>, String> {
        let compile = async || {
            let (engine, own) = (self.clone(), codes.component.clone());
            let work = move || {
                let tier = &engine.lane(own.lane).overflow;
                let code = engine.code(tier, &own.bytes, (own.kind, &own.entry), &own.figures);
                code.map(Arc::new).map_err(|cause| chain(&*cause))
            };
            tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
        };
        codes.overflow.get_or_try_init(compile).await.cloned()
    }
}
