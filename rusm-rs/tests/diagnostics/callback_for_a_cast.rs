rusm_rs::contract!("test:mistakes/gong");
rusm_rs::contract!("test:mistakes/chimes");
rusm_rs::contract!("test:mistakes/tower");

fn tell(tower: &tower::Client) {
    tower.tell(gong::callback(|| ())).unwrap();
}

fn main() {}
