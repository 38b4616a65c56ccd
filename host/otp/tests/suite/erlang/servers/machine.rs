use std::sync::Arc;
use std::time::Duration;

use rusm_otp::{CallFrom, Context, Entry, Event, ExitReason, Message, StateMachine, Transition};

use super::{Start, Words, World, millis, owned};
use crate::erlang::{reason_of, word};

/// A state machine that does what the words of its events say.
pub(super) struct Machine {
    world: Arc<World>,
    name: String,
    held: Vec<CallFrom<String>>,
}

impl Machine {
    fn note(&self, text: &str) {
        self.world.scene.see(format!("{} {text}", self.name));
    }

    /// Does what the words say, from the left to the right.
    async fn obey(
        &mut self,
        words: &[&str],
        mut from: Option<CallFrom<String>>,
        context: &Context,
    ) -> Transition<Self> {
        let mut transition = match words.iter().find_map(|word| word.strip_prefix("next:")) {
            Some(next) => Transition::next(next.to_owned()),
            None if words.contains(&"repeat") => Transition::repeat(),
            None => Transition::keep(),
        };
        for word in words {
            let (act, rest) = word.split_once(':').unwrap_or((*word, ""));
            transition = match act {
                "break" => panic!("boom"),
                "stop" => Transition::stop(reason_of(rest)),
                "reply" => {
                    from.take().expect("a call").reply(rest.to_owned());
                    transition
                }
                "hold" => {
                    self.held.extend(from.take());
                    transition
                }
                "release" => {
                    for from in self.held.drain(..) {
                        from.reply(rest.to_owned());
                    }
                    transition
                }
                "sleep" => {
                    context.sleep(millis(rest)).await;
                    transition
                }
                "internal" => transition.internal(rest.split('+').map(str::to_owned).collect()),
                "state" => transition.state_timeout(time(rest)),
                "event" => transition.event_timeout(time(rest)),
                "timeout" => {
                    let (name, rest) = rest.split_once(':').expect("a name and a time");
                    transition.timeout(name, time(rest))
                }
                "next" | "repeat" | "postpone_in" | "trap" => transition,
                other => panic!("no such word: {other}"),
            };
        }
        transition
    }
}

fn time(text: &str) -> Option<Duration> {
    (text != "off").then(|| millis(text))
}

impl StateMachine for Machine {
    type Args = Start;
    type State = String;
    type Call = Words;
    type Reply = String;
    type Cast = Words;

    async fn init(
        Start { world, name, how }: Start,
        context: &Context,
    ) -> Result<(Self, String, Transition<Self>), ExitReason> {
        context.runtime().trap_exit(context.pid(), how.iter().any(|word| word == "trap"));
        if let Some(reason) = how.iter().find_map(|word| word.strip_prefix("refuse:")) {
            return Err(reason_of(reason));
        }
        let mut machine = Self { world, name, held: Vec::new() };
        let words: Vec<&str> = how.iter().map(String::as_str).collect();
        let first = machine.obey(&words, None, context).await;
        Ok((machine, "shut".into(), first))
    }

    async fn handle_event(
        &mut self,
        state: &String,
        event: Event<Self>,
        context: &Context,
    ) -> Transition<Self> {
        let (kind, script) = match &event {
            Event::Call(words, _) => ("call".to_owned(), words.clone()),
            Event::Cast(words) => ("cast".to_owned(), words.clone()),
            Event::Internal(words) => ("internal".to_owned(), words.clone()),
            Event::Info(Message::Mail { body, .. }) => {
                let text = String::from_utf8_lossy(body);
                ("info".to_owned(), owned(&text.split('+').collect::<Vec<_>>()))
            }
            Event::Info(other) => panic!("another message: {other:?}"),
            Event::StateTimeout => ("state_timeout".to_owned(), Vec::new()),
            Event::EventTimeout => ("event_timeout".to_owned(), Vec::new()),
            Event::Timeout(name) => (format!("timeout {name}"), Vec::new()),
        };
        let words: Vec<&str> = script.iter().map(String::as_str).collect();
        let (name, words) = words.split_first().map_or(("", &[][..]), |(name, words)| (*name, words));
        self.note(format!("{state} {kind} {name}").trim_end());
        if words.iter().any(|word| word.strip_prefix("postpone_in:") == Some(state)) {
            return Transition::keep().postpone(event);
        }
        let from = match event {
            Event::Call(_, from) => Some(from),
            _ => None,
        };
        self.obey(words, from, context).await
    }

    async fn enter(&mut self, old: Option<&String>, state: &String, _: &Context) -> Entry {
        // Erlang's first state is entered from itself.
        self.note(&format!("enter {state} from {}", old.unwrap_or(state)));
        match state.as_str() {
            "lit" => Entry::keep().state_timeout(Duration::from_millis(20)),
            "dark" => Entry::keep().state_timeout(None),
            "trap" => Entry::stop(reason_of("fell")),
            _ => Entry::keep(),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &String, _: &Context) {
        self.note(&format!("{state} terminate {}", word(reason)));
    }
}
