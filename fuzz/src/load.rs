use crate::node::Node;

/// Takes the input as a component, or a core module, with whatever sections it has: loads it, and runs what can be loaded.
///
/// # Panics
/// If the process does not end, or leaves something behind.
pub fn load(input: &[u8]) {
    Node::get().try_out(input.to_vec());
}
