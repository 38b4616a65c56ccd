#[rusm_rs::main]
fn main() {
    rusm_rs::receive_bytes();
}
