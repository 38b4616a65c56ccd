//! Figures of ractor 0.16: a line of JSON each. Its local messages are boxed values of the actor's one message type.
//! It has no selective receive: an actor handles every message as it comes, so `selective` is left out.
#[path = "../../harness.rs"]
mod harness;

use harness::{BATCH, Countdown, LISTENERS, Measures, names, per_item, per_second, resident};
use ractor::{
    Actor, ActorProcessingErr, ActorRef, ActorStatus, RpcReplyPort, SupervisionEvent, call, registry,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::Notify;

type Done = Result<(), ActorProcessingErr>;

fn main() {
    let measures = Measures::new();
    measures.once("idle", 100_000, idle);
    measures.repeat("spawn", 1_000_000, spawns);
    measures.repeat("ping-pong", 300_000, ping_pong);
    measures.repeat("send-1-1", 1_000_000, |count| sends(1, count));
    measures.repeat("send-8-1", 1_000_000, |count| sends(8, count));
    measures.repeat("call", 300_000, calls);
    measures.repeat("restart", 300_000, restart);
    measures.repeat("broadcast", 20, broadcast);
    measures.repeat("lookup", 200_000, lookup);
}

async fn start<A: Actor<Arguments = ()>>(actor: A) -> ActorRef<A::Msg> {
    Actor::spawn(None, actor, ()).await.expect("an actor that starts").0
}

/// The callback every actor must have, for those without a state.
macro_rules! no_state {
    () => {
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
            Ok(())
        }
    };
}

/// Does nothing until it is stopped.
struct Idle;

impl Actor for Idle {
    type Msg = ();
    no_state!();
}

async fn idle(count: u64) -> f64 {
    let mut actors = Vec::new();
    let before = resident().await;
    for _ in 0..count {
        actors.push(start(Idle).await);
    }
    let after = resident().await;
    for actor in actors {
        assert_eq!(actor.get_status(), ActorStatus::Running);
        actor.stop(None);
    }
    (after - before) / count as f64
}

/// Counts down and ends, in a task of its own: `pre_start` would run in the one that spawns.
struct Short(Arc<Countdown>);

impl Actor for Short {
    type Msg = ();
    no_state!();

    async fn post_start(&self, myself: ActorRef<()>, (): &mut ()) -> Done {
        self.0.down();
        myself.stop(None);
        Ok(())
    }
}

async fn spawns(count: u64) -> f64 {
    let begin = Instant::now();
    let drivers = [(); 2].map(|()| {
        tokio::spawn(async move {
            for _ in 0..count / 2 / BATCH {
                let batch = Countdown::of(BATCH);
                for _ in 0..BATCH {
                    start(Short(batch.clone())).await;
                }
                batch.done.notified().await;
            }
        })
    });
    for driver in drivers {
        driver.await.expect("a driver that ends");
    }
    per_second(count, begin)
}

/// Answers a number to who sent it.
struct Pong;

impl Actor for Pong {
    type Msg = (ActorRef<u64>, u64);
    no_state!();

    async fn handle(&self, _: ActorRef<Self::Msg>, (from, number): Self::Msg, (): &mut ()) -> Done {
        from.cast(number)?;
        Ok(())
    }
}

/// Sends the next number when the last one has come back, down to nought.
struct Ping {
    pong: ActorRef<(ActorRef<u64>, u64)>,
    done: Arc<Notify>,
}

impl Actor for Ping {
    type Msg = u64;
    no_state!();

    async fn handle(&self, myself: ActorRef<u64>, number: u64, (): &mut ()) -> Done {
        match number {
            0 => self.done.notify_one(),
            _ => self.pong.cast((myself, number - 1))?,
        }
        Ok(())
    }
}

async fn ping_pong(count: u64) -> f64 {
    let done = Arc::new(Notify::new());
    let pong = start(Pong).await;
    let ping = start(Ping { pong: pong.clone(), done: done.clone() }).await;
    let begin = Instant::now();
    ping.cast(count).expect("a live actor");
    done.notified().await;
    let time = per_item(count, begin);
    ping.stop(None);
    pong.stop(None);
    time
}

/// Wakes who waits when so many messages have come.
struct Receiver(Arc<Notify>);

impl Actor for Receiver {
    type Msg = [u8; 16];
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _: ActorRef<[u8; 16]>, count: u64) -> Result<u64, ActorProcessingErr> {
        Ok(count)
    }

    async fn handle(&self, _: ActorRef<[u8; 16]>, _: [u8; 16], left: &mut u64) -> Done {
        *left -= 1;
        if *left == 0 {
            self.0.notify_one();
        }
        Ok(())
    }
}

/// The senders are plain tasks, which cost least: whoever has an actor's reference may send.
async fn sends(senders: u64, count: u64) -> f64 {
    let all = Arc::new(Notify::new());
    let begin = Instant::now();
    let receiver = Actor::spawn(None, Receiver(all.clone()), count).await.expect("an actor that starts").0;
    for _ in 0..senders {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            for _ in 0..count / senders {
                receiver.cast([7_u8; 16]).expect("a live actor");
            }
        });
    }
    all.notified().await;
    let time = per_item(count, begin);
    receiver.stop(None);
    time
}

/// Answers the number of a call.
struct Echo;

impl Actor for Echo {
    type Msg = (u64, RpcReplyPort<u64>);
    no_state!();

    async fn handle(&self, _: ActorRef<Self::Msg>, (number, reply): Self::Msg, (): &mut ()) -> Done {
        let _ = reply.send(number);
        Ok(())
    }
}

async fn calls(count: u64) -> f64 {
    let echo = start(Echo).await;
    let caller = tokio::spawn(async move {
        let begin = Instant::now();
        for number in 0..count {
            let request = |reply| (number, reply);
            assert_eq!(call!(echo, request).ok(), Some(number));
        }
        let time = per_item(count, begin);
        echo.stop(None);
        time
    });
    caller.await.expect("a caller that ends")
}

#[derive(Debug)]
struct Crash;

impl std::error::Error for Crash {}

impl std::fmt::Display for Crash {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("crash")
    }
}

/// Fails as soon as it runs, but for the last.
struct Crashing(Arc<Countdown>);

impl Actor for Crashing {
    type Msg = ();
    no_state!();

    async fn post_start(&self, _: ActorRef<()>, (): &mut ()) -> Done {
        if self.0.down() { Ok(()) } else { Err(Crash.into()) }
    }
}

/// Starts its child again when it has failed: ractor has no supervisor of its own.
struct Supervisor(Arc<Countdown>);

impl Supervisor {
    async fn start_child(&self, myself: ActorRef<()>) -> Done {
        Actor::spawn_linked(None, Crashing(self.0.clone()), (), myself.get_cell()).await?;
        Ok(())
    }
}

impl Actor for Supervisor {
    type Msg = ();
    no_state!();

    async fn post_start(&self, myself: ActorRef<()>, (): &mut ()) -> Done {
        self.start_child(myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Done {
        match event {
            SupervisionEvent::ActorFailed(..) => self.start_child(myself).await,
            _ => Ok(()),
        }
    }
}

async fn restart(count: u64) -> f64 {
    let left = Countdown::of(count + 1);
    let begin = Instant::now();
    let supervisor = start(Supervisor(left.clone())).await;
    left.done.notified().await;
    let rate = per_second(count, begin);
    supervisor.stop(None);
    rate
}

/// Counts down for each message.
struct Listener(Arc<Countdown>);

impl Actor for Listener {
    type Msg = Arc<[u8]>;
    no_state!();

    async fn handle(&self, _: ActorRef<Self::Msg>, payload: Self::Msg, (): &mut ()) -> Done {
        assert_eq!(payload.len(), 1024);
        self.0.down();
        Ok(())
    }
}

/// A loop of sends: its groups (`pg`) have no broadcast, and an `OutputPort` has a task for each subscriber.
async fn broadcast(rounds: u64) -> f64 {
    let round = Countdown::of(LISTENERS);
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        listeners.push(start(Listener(round.clone())).await);
    }
    let sender = tokio::spawn(async move {
        let payload: Arc<[u8]> = Arc::from([7; 1024]);
        let begin = Instant::now();
        for _ in 0..rounds {
            round.left.store(LISTENERS, Ordering::Release);
            for listener in &listeners {
                listener.cast(payload.clone()).expect("a live actor");
            }
            round.done.notified().await;
        }
        let rate = per_second(rounds * LISTENERS, begin);
        for listener in listeners {
            listener.stop(None);
        }
        rate
    });
    sender.await.expect("a sender that ends")
}

/// Ends as soon as it runs.
struct Named;

impl Actor for Named {
    type Msg = ();
    no_state!();

    async fn post_start(&self, myself: ActorRef<()>, (): &mut ()) -> Done {
        myself.stop(None);
        Ok(())
    }
}

/// An actor has its name from its start to its end: to register and unregister one is to start an actor and let it end.
async fn lookup(rounds: u64) -> f64 {
    let names = Arc::new(names());
    let mut actors = Vec::new();
    for name in names.iter() {
        actors.push(Actor::spawn(Some(name.clone()), Idle, ()).await.expect("a free name").0);
    }
    let begin = Instant::now();
    let workers = [0, 1].map(|worker| {
        let names = names.clone();
        tokio::spawn(async move {
            let own = format!("churn-{worker}");
            for eight in names.chunks(8).cycle().skip(62 * worker).take(rounds as usize) {
                for name in eight {
                    assert!(registry::where_is(name).is_some());
                }
                let (_, end) = Actor::spawn(Some(own.clone()), Named, ()).await.expect("a free name");
                end.await.expect("an actor that ends");
            }
        })
    });
    for worker in workers {
        worker.await.expect("a worker that ends");
    }
    let rate = per_second(2 * rounds * 8, begin);
    for actor in actors {
        actor.stop_and_wait(None, None).await.expect("a live actor");
    }
    rate
}
