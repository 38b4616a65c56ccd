//! A raw process that counts its mail, and tells how much has come to whoever sends nothing.

use rusm_rs::{Event, process};

#[rusm_rs::main]
fn run() {
    let mut count: u64 = 0;
    loop {
        let Event::Mail(mail) = process::receive() else { continue };
        if mail.body.is_empty() {
            process::send(mail.sender, &count.to_le_bytes()).expect("the sender waits");
        } else {
            count += 1;
        }
    }
}
