/// What a server or a state machine is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Callback {
    None,
    Init,
    Call,
    Cast,
    Info,
    Timeout,
    Continue,
    Event,
    Enter,
    Terminate,
}

impl Callback {
    const ALL: [(Self, Option<&'static str>); 10] = [
        (Self::None, None),
        (Self::Init, Some("init")),
        (Self::Call, Some("handle_call")),
        (Self::Cast, Some("handle_cast")),
        (Self::Info, Some("handle_info")),
        (Self::Timeout, Some("handle_timeout")),
        (Self::Continue, Some("handle_continue")),
        (Self::Event, Some("handle_event")),
        (Self::Enter, Some("enter")),
        (Self::Terminate, Some("terminate")),
    ];

    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).map_or(Self::None, |(callback, _)| *callback)
    }

    pub(crate) fn name(self) -> Option<&'static str> {
        Self::ALL.iter().find(|(callback, _)| *callback == self).and_then(|(_, name)| *name)
    }
}
