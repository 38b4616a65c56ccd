//! The tables of processes and names.

use std::sync::{Arc, Mutex};

use shuttle::thread;

use crate::names::Names;
use crate::table::Table;
use crate::{Pid, check};

#[test]
fn a_pid_is_of_one_process_for_ever() {
    check(2000, || {
        let table = Arc::new(Table::new(1));
        let known = Arc::new(Mutex::new(Vec::<Pid>::new()));
        let users = (0..3).map(|_| {
            let (table, known) = (table.clone(), known.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let (pid, mut state) = table.allocate().expect("there is room");
                    assert!(!state.live, "the place of a living process was given away");
                    state.live = true;
                    state.label = Some(pid.to_string().into());
                    drop(state);
                    known.lock().expect("nobody panics with it").push(pid);
                    let others = known.lock().expect("nobody panics with it").clone();
                    for other in others {
                        let label = table.lock(other).map(|state| state.label.clone());
                        assert!(label.is_none_or(|label| label == Some(other.to_string().into())));
                    }
                    let mut state = table.lock(pid).expect("it lives");
                    state.live = false;
                    drop(state);
                    assert!(table.lock(pid).is_none(), "it is gone");
                    table.release(pid);
                }
            })
        });
        let users: Vec<_> = users.collect();
        users.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        let mut known = known.lock().expect("nobody panics with it").clone();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), 6, "a pid was given twice");
    });
}

#[test]
fn a_name_belongs_to_one_process_until_that_one_gives_it_up() {
    check(2000, || {
        let names = Arc::new(Names::default());
        let users = (1..=3).map(|id| {
            let (names, own) = (names.clone(), Pid { node: 1, id });
            thread::spawn(move || {
                let name = "name".into();
                match names.insert(&name, own) {
                    Ok(()) => {
                        assert_eq!(names.find(&name), Some(own));
                        assert!(names.remove(&name, own));
                        assert_ne!(names.find(&name), Some(own));
                    }
                    Err(holder) => {
                        assert_ne!(holder, own);
                        assert!(!names.remove(&name, own), "it is another's");
                    }
                }
            })
        });
        let users: Vec<_> = users.collect();
        users.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        assert_eq!((names.find("name"), names.len()), (None, 0));
    });
}
