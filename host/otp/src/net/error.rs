use std::io::{self, ErrorKind as Kind};

use crate::AlreadyRegistered;

/// Why a listener did not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another socket listens there.
    #[error("the address is in use")]
    InUse(#[source] io::Error),
    /// This machine has no such address.
    #[error("the address is not of this machine")]
    NotAvailable(#[source] io::Error),
    /// The system does not allow it, as for ports below 1024.
    #[error("the system does not permit to listen there")]
    Denied(#[source] io::Error),
    /// The name that it should have is taken.
    #[error(transparent)]
    AlreadyRegistered(#[from] AlreadyRegistered),
    /// It was ended before it listened.
    #[error("the listener ended before it listened")]
    Ended,
    /// Anything else that the system says.
    #[error("the system does not listen there")]
    Other(#[source] io::Error),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// Nobody has answered in time.
    #[error("timeout: nobody has answered in time")]
    Timeout,
    /// There is no way to that host or network.
    #[error("the host cannot be reached")]
    Unreachable(#[source] io::Error),
    /// Anything else that the system says.
    #[error("the connection could not be made")]
    Other(#[source] io::Error),
}

/// Why a connection gives or takes nothing more.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The peer gave it up, or takes nothing more.
    #[error("reset by the peer")]
    Reset(#[source] io::Error),
    /// It was aborted on this side, by the other half perhaps.
    #[error("aborted on this side")]
    Aborted,
    /// Anything else that the system says.
    #[error("the connection failed")]
    Other(#[source] io::Error),
}

/// Why so many bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadExactError {
    /// The peer was done before; what has come is still to be read.
    #[error("the peer has ended after {came} of {wanted} bytes")]
    Ended {
        /// How many have come.
        came: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// More than [`MOST_EXACT`](super::MOST_EXACT): nothing was read.
    #[error("{wanted} bytes are more than are read at once")]
    TooLong {
        /// How many were asked for.
        wanted: usize,
    },
    /// The connection gives nothing more.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// Why a connection was not closed in good order. It is closed all the same.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The peer has not ended in time, and the connection was aborted.
    #[error("timeout: the peer has not ended in time")]
    Timeout,
    /// The connection had failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ListenError {
    pub(super) fn of(error: io::Error) -> Self {
        match error.kind() {
            Kind::AddrInUse => Self::InUse(error),
            Kind::AddrNotAvailable => Self::NotAvailable(error),
            Kind::PermissionDenied => Self::Denied(error),
            _ => Self::Other(error),
        }
    }
}

impl ConnectError {
    pub(super) fn of(error: io::Error) -> Self {
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused(error),
            // The system has a limit of its own.
            Kind::TimedOut => Self::Timeout,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => Self::Unreachable(error),
            _ => Self::Other(error),
        }
    }
}

impl ConnectionError {
    pub(super) fn of(error: io::Error) -> Self {
        match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected => {
                Self::Reset(error)
            }
            _ => Self::Other(error),
        }
    }
}

/// An error with what it comes from, for those who keep a text.
pub(super) fn spelled(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_apart() {
        use ConnectError as C;
        use ListenError as L;
        assert!(matches!(L::of(Kind::AddrInUse.into()), L::InUse(_)));
        assert!(matches!(L::of(Kind::AddrNotAvailable.into()), L::NotAvailable(_)));
        assert!(matches!(L::of(Kind::PermissionDenied.into()), L::Denied(_)));
        assert!(matches!(L::of(Kind::Unsupported.into()), L::Other(_)));
        assert!(matches!(C::of(Kind::ConnectionRefused.into()), C::Refused(_)));
        assert!(matches!(C::of(Kind::TimedOut.into()), C::Timeout));
        assert!(matches!(C::of(Kind::NetworkUnreachable.into()), C::Unreachable(_)));
        assert!(matches!(C::of(Kind::HostUnreachable.into()), C::Unreachable(_)));
        assert!(matches!(C::of(Kind::AddrNotAvailable.into()), C::Other(_)));
        assert!(matches!(ConnectionError::of(Kind::BrokenPipe.into()), ConnectionError::Reset(_)));
        assert!(matches!(ConnectionError::of(Kind::TimedOut.into()), ConnectionError::Other(_)));
    }
}
