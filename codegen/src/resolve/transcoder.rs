use std::sync::Arc;

use super::error::{Party, TranscodeError};
use super::operation::Operation;
use super::pass::Pass;

/// Turns values of a type of the writer's contract into those of the reader's, on the wire.
///
/// What comes out is spelt as the wire's writer spells it, also where the input was not. It takes at most 64 times as many bytes as
/// the input, and 64 KiB for any: a list of small values may grow by what only the reader's contract has.
#[derive(Debug, Clone)]
pub struct Transcoder {
    operation: Arc<Operation>,
    /// Whether both types are the same.
    same: bool,
    /// Where paths begin.
    root: String,
    reader: Party,
}

impl Transcoder {
    pub(super) fn new(operation: &Arc<Operation>, same: bool, root: &str, reader: Party) -> Self {
        Self { operation: Arc::clone(operation), same, root: root.to_owned(), reader }
    }

    /// Whether both types are the same, so that bytes may as well travel as they are.
    pub fn is_same(&self) -> bool {
        self.same
    }

    /// The value that these bytes are, as the reader knows it.
    ///
    /// # Errors
    /// [`TranscodeError`].
    pub fn transcode(&self, bytes: &[u8]) -> Result<Vec<u8>, TranscodeError> {
        let mut pass = Pass::new(bytes, self.reader);
        let done = pass.value(&self.operation).and_then(|()| pass.finish());
        done.map_err(|fall| fall.landed(&self.root))
    }

    /// The items of a stream's chunk, one after the other, as the reader knows them.
    ///
    /// # Errors
    /// [`TranscodeError`], with the item's place in the chunk.
    pub fn transcode_items(&self, chunk: &[u8]) -> Result<Vec<u8>, TranscodeError> {
        let mut pass = Pass::new(chunk, self.reader);
        let done = pass.items(&self.operation).and_then(|()| pass.finish());
        done.map_err(|fall| fall.landed(&self.root))
    }
}
