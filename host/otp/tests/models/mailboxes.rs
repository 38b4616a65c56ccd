//! Senders and receivers of one mailbox.

use shuttle::future::block_on;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread;
use tokio::sync::oneshot;

use crate::{Context, ExitReason, Message, Pid, Runtime, SpawnOptions, check};

const SENDERS: u64 = 2;
const EACH: u8 = 3;

#[test]
fn nothing_is_lost_and_each_senders_order_is_kept() {
    check(2000, || {
        let runtime = Runtime::new();
        let (done, result) = oneshot::channel();
        let mut options = SpawnOptions::new("receiver").system_first(thread_rng().gen_bool(0.5));
        if thread_rng().gen_bool(0.5) {
            options = options.mailbox(100);
        }
        let body = |context: Context| async move {
            let mut received = vec![Vec::new(); SENDERS as usize];
            // At first from one alone, so that what the other one sends is left and looked at again.
            for _ in 0..EACH - 1 {
                let message = context.receive_matching(|message| mail(message).0 == 1).await;
                received[1].push(mail(&message).1);
            }
            for _ in 0..=EACH {
                let (sender, number) = mail(&context.receive().await);
                received[sender as usize].push(number);
            }
            done.send(received).expect("somebody waits");
            ExitReason::Normal
        };
        let receiver = runtime.spawn(options, body).expect("no name").pid;
        let senders = (0..SENDERS).map(|id| {
            let runtime = runtime.clone();
            thread::spawn(move || (0..EACH).for_each(|number| send(&runtime, id, receiver, number)))
        });
        let senders: Vec<_> = senders.collect();
        senders.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        let received = block_on(result).expect("it gets all");
        assert_eq!(received, vec![(0..EACH).collect::<Vec<_>>(); SENDERS as usize]);
    });
}

#[test]
fn tasks_that_receive_for_one_process_each_find_their_messages() {
    check(2000, || {
        let runtime = Runtime::new();
        let (given, taken) = oneshot::channel();
        let body = |context: Context| async move {
            given.send(context).expect("somebody waits");
            std::future::pending().await
        };
        let process = runtime.spawn(SpawnOptions::new("process"), body).expect("no name").pid;
        let context = block_on(taken).expect("it is given");
        let receivers = (0..SENDERS).map(|id| {
            let context = context.clone();
            shuttle::future::spawn(async move {
                context.receive_matching(|message| mail(message).0 == id).await;
            })
        });
        let receivers: Vec<_> = receivers.collect();
        (0..SENDERS).for_each(|id| send(&runtime, id, process, 0));
        for receiver in receivers {
            block_on(receiver).expect("it does not panic");
        }
        runtime.kill(process);
    });
}

fn send(runtime: &Runtime, sender: u64, receiver: Pid, number: u8) {
    let sender = Pid { node: 0, id: sender };
    runtime.send(sender, &receiver.into(), vec![number].into()).expect("there is room");
}

fn mail(message: &Message) -> (u64, u8) {
    match message {
        Message::Mail { sender, body } => (sender.id, body[0]),
        other => panic!("{other:?}"),
    }
}
