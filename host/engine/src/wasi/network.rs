use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use rusm_otp::Pid;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::guest::Guest;
use crate::{Component, Endpoint, Grant};

/// Opens what the profile grants of the network; without such a grant there is none.
pub(super) fn allow(builder: &mut WasiCtxBuilder, guest: &Guest) {
    let (mut connect, mut listen) = (Vec::new(), Vec::new());
    for grant in &guest.profile.grants {
        match grant {
            Grant::Connect(endpoint) => connect.push(endpoint.clone()),
            Grant::Listen(endpoint) => listen.push(endpoint.clone()),
            _ => {}
        }
    }
    let names = connect.iter().any(|endpoint| endpoint.host.parse::<IpAddr>().is_err());
    // Sockets of a guest without grants are refused by the check below, so that the denial is seen.
    builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(names);
    let rules =
        Arc::new(Rules { connect, listen, component: guest.component.clone(), process: guest.context.pid() });
    builder.socket_addr_check(move |address, used| {
        let rules = rules.clone();
        Box::pin(async move { rules.admit(address, used).await })
    });
}

struct Rules {
    connect: Vec<Endpoint>,
    listen: Vec<Endpoint>,
    component: Arc<Component>,
    process: Pid,
}

impl Rules {
    async fn admit(&self, address: SocketAddr, used: SocketAddrUse) -> bool {
        let any = !self.connect.is_empty() || !self.listen.is_empty();
        let (endpoints, operation) = match used {
            // A port of the system's choice opens nothing: what is done with it is checked for itself.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if address.port() == 0 => return true,
            // Answers, and whoever comes to an address that it may listen at.
            SocketAddrUse::TcpAccept | SocketAddrUse::UdpReceive => return any,
            SocketAddrUse::TcpConnect => (&self.connect, "tcp-connect"),
            SocketAddrUse::UdpSend => (&self.connect, "udp-send"),
            SocketAddrUse::TcpBind => (&self.listen, "tcp-bind"),
            SocketAddrUse::TcpListen => (&self.listen, "tcp-listen"),
            SocketAddrUse::UdpBind => (&self.listen, "udp-bind"),
        };
        for endpoint in endpoints {
            if endpoint.port.is_none_or(|port| port == address.port())
                && is_host(&endpoint.host, address.ip()).await
            {
                return true;
            }
        }
        let endpoint = Endpoint { host: address.ip().to_string(), port: Some(address.port()) };
        let connects = matches!(used, SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend);
        let grant = if connects { Grant::Connect(endpoint) } else { Grant::Listen(endpoint) };
        self.component.deny(self.process, operation, grant);
        false
    }
}

/// Whether a granted host is this address; a name is looked up each time, as its addresses change.
async fn is_host(host: &str, address: IpAddr) -> bool {
    if host == "*" {
        return true;
    }
    if let Ok(own) = host.parse::<IpAddr>() {
        return own == address;
    }
    let name = host.to_owned();
    let found = move || {
        (name.as_str(), 0)
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.any(|own| own.ip() == address))
    };
    // The system's resolver blocks.
    tokio::task::spawn_blocking(found).await.unwrap_or(false)
}
