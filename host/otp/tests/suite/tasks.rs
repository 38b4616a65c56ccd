//! Tasks: values, crashes, deadlines, ends, streams of them, and that nothing of them is left.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusm_otp::{
    Context, ExitReason, Message, Runtime, SpawnOptions, Task, TaskError, TaskOptions, map_concurrently,
};
use tokio::time::Instant;

use crate::support::{on_virtual_time, run};

const LIMIT: Duration = Duration::from_secs(5);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

async fn after<T>(context: Context, time: u64, value: T) -> T {
    context.sleep(millis(time)).await;
    value
}

async fn broken(_: Context) -> u32 {
    panic!("broken on purpose")
}

/// Runs an owner of tasks, which is to have no message, link or other process when it is done and a second is over.
fn owner<T, F, Body>(trap: bool, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> Body + Send + 'static,
    Body: Future<Output = T> + Send + 'static,
{
    let mut value = None;
    on_virtual_time(async {
        let runtime = Runtime::new();
        let process = move |context: Context| async move {
            context.runtime().trap_exit(context.pid(), trap);
            let value = body(context.clone()).await;
            context.sleep(Duration::from_secs(1)).await;
            let info = context.runtime().info(context.pid()).expect("it lives");
            assert!(info.mailbox == 0 && info.links.is_empty() && info.monitored_by.is_empty(), "{info:?}");
            assert_eq!(context.runtime().processes().len(), 1);
            value
        };
        value = Some(run(&runtime, process).await);
    });
    value.expect("it ran")
}

fn crash_of<T>(outcome: Result<T, TaskError>) -> Option<String> {
    match outcome {
        Err(TaskError::Exited(ExitReason::Crash(crash))) => Some(crash.text.clone()),
        _ => None,
    }
}

#[test]
fn a_task_has_its_value_at_once_or_later() {
    for trap in [false, true] {
        let values = owner(trap, |context| async move {
            let (now, later) =
                (Task::start(&context, |_| async { 1 }), Task::start(&context, |own| after(own, 20, 2)));
            context.sleep(millis(10)).await;
            let alone = Task::start_unlinked(&context, |own| after(own, 20, 3));
            (
                now.join(&context, LIMIT).await,
                later.join(&context, LIMIT).await,
                alone.join(&context, LIMIT).await,
            )
        });
        assert_eq!(values, (Ok(1), Ok(2), Ok(3)));
    }
}

#[test]
fn a_crash_reaches_the_owner_through_the_link() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reason = run(&runtime, |context| async move {
            let body = |own: Context| async move {
                let _ = Task::start(&own, broken).join(&own, LIMIT).await;
                ExitReason::Normal
            };
            context
                .runtime()
                .spawn(SpawnOptions::new("owner").parent(context.pid()).monitor(true), body)
                .expect("no name");
            match context.receive().await {
                Message::Down { reason, .. } => reason,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(
            crash_of::<()>(Err(TaskError::Exited(reason.await))).as_deref(),
            Some("broken on purpose")
        );
        assert!(runtime.processes().is_empty());
    });
}

#[test]
fn a_crash_is_the_outcome_if_the_owner_survives_it() {
    let linked =
        owner(true, |context| async move { Task::start(&context, broken).join(&context, LIMIT).await });
    assert_eq!(crash_of(linked).as_deref(), Some("broken on purpose"));
    for trap in [false, true] {
        let alone = owner(trap, |context| async move {
            Task::start_unlinked(&context, broken).join(&context, LIMIT).await
        });
        assert_eq!(crash_of(alone).as_deref(), Some("broken on purpose"));
    }
}

#[test]
fn a_task_that_is_late_is_killed() {
    for trap in [false, true] {
        let (late, waited) = owner(trap, |context| async move {
            let since = Instant::now();
            let late = Task::start(&context, |_| pending::<u32>()).join(&context, millis(20)).await;
            (late, since.elapsed())
        });
        assert_eq!(late, Err(TaskError::Timeout));
        assert!(waited >= millis(20) && waited < millis(40), "{waited:?}");
    }
}

#[test]
fn a_task_can_be_asked_again() {
    let asked = owner(false, |context| async move {
        let mut task = Task::start(&context, |own| after(own, 30, 7));
        let first = task.try_join(&context, Duration::ZERO).await;
        let second = task.try_join(&context, millis(20)).await;
        let third = task.try_join(&context, millis(20)).await;
        (first, second, third, task.try_join(&context, millis(20)).await)
    });
    let gone = Some(Err(TaskError::Exited(ExitReason::NoProc)));
    assert_eq!(asked, (None, None, Some(Ok(7)), gone));
}

#[test]
fn only_its_owner_waits_for_a_task() {
    let (heard, own) = owner(false, |context| async move {
        let mut task = Task::start(&context, |own| after(own, 10, 7));
        let stranger = Task::start(&context, |other| async move {
            let heard = task.try_join(&other, LIMIT).await;
            (heard, task)
        });
        let (heard, task) = stranger.join(&context, LIMIT).await.expect("a value");
        (heard, task.join(&context, LIMIT).await)
    });
    assert_eq!((heard, own), (Some(Err(TaskError::NotOwner)), Ok(7)));
}

#[test]
fn a_task_is_shut_down() {
    for trap in [false, true] {
        let ends = owner(trap, |context| async move {
            let running = Task::start(&context, |_| pending::<u32>());
            let done = Task::start(&context, |_| async { 1 });
            let late = Task::start(&context, |own| async move {
                own.runtime().trap_exit(own.pid(), true);
                after(own, 10, 2).await
            });
            let broken = Task::start_unlinked(&context, broken);
            context.sleep(millis(1)).await;
            (
                running.shutdown(&context, LIMIT).await,
                done.shutdown(&context, LIMIT).await,
                late.shutdown(&context, LIMIT).await,
                crash_of(broken.shutdown(&context, LIMIT).await),
            )
        });
        assert_eq!(ends, (Ok(None), Ok(Some(1)), Ok(Some(2)), Some("broken on purpose".into())));
    }
}

#[test]
fn a_task_that_does_not_hear_is_killed_in_the_end() {
    let (end, waited) = owner(false, |context| async move {
        let deaf = Task::start(&context, |own| async move {
            own.runtime().trap_exit(own.pid(), true);
            pending::<u32>().await
        });
        context.sleep(millis(1)).await;
        let since = Instant::now();
        (deaf.shutdown(&context, millis(50)).await, since.elapsed())
    });
    assert_eq!(end, Ok(None));
    assert!(waited >= millis(50), "{waited:?}");
}

#[test]
fn several_tasks_have_one_deadline_and_their_own_outcomes() {
    let (values, waited) = owner(false, |context| async move {
        let since = Instant::now();
        let tasks = [
            Task::start_unlinked(&context, |own| after(own, 20, 1)),
            Task::start_unlinked(&context, |_| pending()),
            Task::start_unlinked(&context, broken),
            Task::start_unlinked(&context, |own| after(own, 10, 4)),
            Task::start_unlinked(&context, |own| after(own, 100, 5)),
        ];
        (Task::join_all(&context, tasks, millis(50)).await, since.elapsed())
    });
    let mut values = values.into_iter();
    assert_eq!((values.next(), values.next()), (Some(Ok(1)), Some(Err(TaskError::Timeout))));
    assert!(crash_of(values.next().expect("a third")).is_some());
    assert_eq!((values.next(), values.next()), (Some(Ok(4)), Some(Err(TaskError::Timeout))));
    assert!(waited < millis(70), "{waited:?}");
}

#[test]
fn a_task_that_is_dropped_runs_on_and_leaves_nothing() {
    let done = owner(true, |context| async move {
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        let task = Task::start(&context, move |own| async move {
            count.fetch_add(after(own, 20, 1).await, Ordering::Relaxed);
        });
        let pid = task.pid();
        drop(task);
        assert_eq!(context.runtime().info(pid).map(|info| info.monitored_by), Some(Vec::new()));
        context.sleep(millis(50)).await;
        done.load(Ordering::Relaxed)
    });
    assert_eq!(done, 1);
}

#[test]
fn the_owners_mail_waits_meanwhile() {
    let heard = owner(false, |context| async move {
        let own = context.pid();
        let task = Task::start(&context, move |task| async move {
            task.runtime().send(task.pid(), &own.into(), "one".into()).expect("it is taken");
            task.runtime().send(task.pid(), &own.into(), "two".into()).expect("it is taken");
        });
        task.join(&context, LIMIT).await.expect("a value");
        let mut heard = Vec::new();
        for _ in 0..2 {
            let Message::Mail { body, .. } = context.receive().await else { panic!("mail") };
            heard.push(body);
        }
        heard
    });
    assert_eq!(heard, ["one", "two"]);
}

#[test]
fn a_limit_may_be_longer_than_time() {
    let value = owner(false, |context| async move {
        Task::start(&context, |own| after(own, 20, 1)).join(&context, Duration::MAX).await
    });
    assert_eq!(value, Ok(1));
}

/// Maps times to themselves by sleeping as long; answers with the values and the most tasks at once.
fn slept(times: &'static [u64], options: TaskOptions) -> (Vec<Result<u64, TaskError>>, usize) {
    owner(true, move |context| async move {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let highest = most.clone();
        let mut stream = map_concurrently(&context, times, options, move |own: Context, time: &u64| {
            let (now, most, time) = (now.clone(), most.clone(), *time);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                own.sleep(millis(time)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                time
            }
        });
        let mut values = Vec::new();
        while let Some(value) = stream.next().await {
            values.push(value);
        }
        (values, highest.load(Ordering::Relaxed))
    })
}

#[test]
fn values_of_a_stream_come_in_the_order_of_the_items() {
    let options = TaskOptions { concurrency: 2, ..TaskOptions::default() };
    assert_eq!(slept(&[30, 10, 20], options), (vec![Ok(30), Ok(10), Ok(20)], 2));
    assert_eq!(slept(&[], options), (Vec::new(), 0));
    let one = TaskOptions { concurrency: 0, ..options };
    assert_eq!(slept(&[30, 10, 20], one).1, 1);
}

#[test]
fn values_of_a_stream_come_as_they_are_done() {
    let options = TaskOptions { concurrency: 3, ordered: false, ..TaskOptions::default() };
    assert_eq!(slept(&[30, 10, 20, 50], options), (vec![Ok(10), Ok(20), Ok(30), Ok(50)], 3));
}

#[test]
fn a_late_task_of_a_stream_does_not_hold_up_the_others() {
    for ordered in [true, false] {
        let options = TaskOptions { concurrency: 2, limit: millis(50), ordered };
        let late = Err(TaskError::Timeout);
        let (values, _) = slept(&[10, 200, 20, 30, 40], options);
        let expected = match ordered {
            true => [Ok(10), late, Ok(20), Ok(30), Ok(40)],
            false => [Ok(10), Ok(20), late, Ok(30), Ok(40)],
        };
        assert_eq!(values, expected);
    }
}

#[test]
fn a_crash_in_a_stream_is_a_value() {
    let values = owner(false, |context| async move {
        let options = TaskOptions { concurrency: 2, ..TaskOptions::default() };
        let mut stream = map_concurrently(&context, 1..=3, options, |own, number| async move {
            if number == 2 { broken(own).await } else { number }
        });
        (stream.next().await, stream.next().await, stream.next().await, stream.next().await)
    });
    assert!(crash_of(values.1.expect("a second")).is_some());
    assert_eq!((values.0, values.2, values.3), (Some(Ok(1)), Some(Ok(3)), None));
}

#[test]
fn a_stream_starts_tasks_when_it_is_asked() {
    let (values, counts) = owner(false, |context| async move {
        let options = TaskOptions { concurrency: 2, ..TaskOptions::default() };
        let mut stream =
            map_concurrently(&context, 0.., options, |own, number| after(own, number * 20, number));
        let others = || context.runtime().processes().len() - 1;
        let none = others();
        let first = stream.next().await;
        context.sleep(millis(50)).await;
        let idle = others();
        let second = stream.next().await;
        // Whoever gives up waiting for a value can ask again.
        tokio::time::timeout(millis(5), stream.next()).await.expect_err("it takes longer");
        ([first, second, stream.next().await], [none, idle, others()])
    });
    assert_eq!(values, [Some(Ok(0)), Some(Ok(1)), Some(Ok(2))]);
    assert_eq!(counts, [0, 0, 1]);
}

#[test]
fn a_stream_that_is_dropped_kills_what_still_runs() {
    for ordered in [true, false] {
        owner(true, move |context| async move {
            let options = TaskOptions { concurrency: 4, ordered, ..TaskOptions::default() };
            let mut stream = map_concurrently(&context, 0..100, options, |own, number| async move {
                own.runtime().trap_exit(own.pid(), true);
                if number == 0 { number } else { pending().await }
            });
            assert_eq!(stream.next().await, Some(Ok(0)));
        });
    }
}

#[test]
fn a_stream_ends_with_its_owner() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let body = |context: Context| async move {
            let mut stream = map_concurrently(&context, 0..4, TaskOptions::default(), |_, _| pending::<()>());
            let _ = stream.next().await;
            ExitReason::Normal
        };
        let owner = runtime.spawn(SpawnOptions::new("owner"), body).expect("no name").pid;
        tokio::time::sleep(millis(10)).await;
        assert!(runtime.processes().len() > 1);
        runtime.kill(owner);
        tokio::time::sleep(millis(10)).await;
        assert!(runtime.processes().is_empty());
    });
}
