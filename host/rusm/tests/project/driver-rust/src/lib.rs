rusm_rs::contract!("test:probe/probe");

#[rusm_rs::service("test:probe/driver")]
struct Driver;

impl driver::Service for Driver {
    fn init() -> Self {
        Driver
    }

    fn run(&mut self, scenario: String, probe: String) -> Result<String, String> {
        let probe = probe::Client::spawn(&probe, "", 3).map_err(|error| error.to_string())?;
        let count = probe.add(probe::Item { sku: "a".into(), qty: 4 }).map_err(|error| error.to_string())?;
        Ok(format!("{scenario} {count}"))
    }
}
