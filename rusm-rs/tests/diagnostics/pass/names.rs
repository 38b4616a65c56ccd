//! Functions, parameters and types whose names Rust or the generated code has other uses for.

use rusm_rs::{ByteReader, ByteStream, Reply, Stream, StreamReader};

#[rusm_rs::service("test:mistakes/core", later(get_url, r#type))]
struct Names;

impl core::Service for Names {
    fn init(_component: String, _spawn: u32) -> Self {
        Names
    }

    fn get_url(&mut self, url: String, reply: Reply<String>) {
        reply.send(url);
    }

    fn r#type(&mut self, reply: Reply<core::ClientType>) {
        reply.send(core::ClientType { address: String::new() });
    }

    fn upload(&mut self, _feed: ByteReader) -> u32 {
        0
    }

    fn download(&mut self, _pending: ByteReader) -> u32 {
        0
    }

    fn copy(&mut self, stream: ByteReader, _answered: String) -> ByteStream {
        ByteStream::read(stream)
    }

    fn both(&mut self, source: StreamReader<String>) -> Result<(String, Stream<String>), String> {
        Ok((String::new(), Stream::try_iter(source)))
    }

    fn post(&mut self, _rusm_writer: String, _writer: String) -> u32 {
        0
    }

    fn then(&mut self) -> u32 {
        0
    }

    fn spawn_(&mut self, _into: String) {}

    fn into_(&mut self) -> core::ClientType {
        core::ClientType { address: String::new() }
    }
}

fn _calls() -> Result<(), Box<dyn std::error::Error>> {
    let client = core::Client::spawn("names", "", 1)?;
    client.upload(&[1, 2][..])?;
    client.download(&[1, 2][..])?;
    std::io::copy(&mut client.copy(&[1, 2][..], "")?, &mut std::io::sink())?;
    let (_, lines) = client.both(["a".to_owned()])?;
    lines.count();
    client.post("", "")?;
    client.then()?;
    client.spawn_("")?;
    client.into_()?;
    Ok(())
}

fn main() {}
