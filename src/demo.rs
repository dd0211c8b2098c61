//! `tcpshake demo`: a connection to a listener of our own, in a network of our own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use socket2::SockRef;

use crate::net::netns::{NetnsError, enter_private};
use crate::net::privs;

/// What to try after the demo.
pub const NEXT: &str = "\
That was a real kernel's TCP, in a private network that is gone now. Next:
  sudo tcpshake HOST:PORT          the same with any host
  tcpshake --help                  other ways to open and to close";

/// A kernel listener in a private network namespace, which this process is in from now on.
///
/// It serves one connection: reads until the peer closes, then closes. Call it before any other
/// thread is started.
///
/// # Errors
/// One line that says why not, and how to see the same otherwise.
pub fn listener() -> Result<SocketAddr, String> {
    enter_private().map_err(|error| refusal(&error))?;
    let serve = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::Builder::new().spawn(move || serve_once(&listener))?;
        Ok(address)
    };
    serve().map_err(|error: io::Error| format!("demo: no listener in the private network: {error}"))
}

fn serve_once(listener: &TcpListener) {
    // Capabilities belong to the thread, and this one needs none.
    if privs::drop_all().is_err() {
        return;
    }
    if let Ok((mut stream, _)) = listener.accept() {
        // An error here is the end of the connection too.
        let _ = io::copy(&mut stream, &mut io::sink());
        // Sends the acknowledgment of our FIN now; else it would ride on the listener's own FIN.
        let _ = SockRef::from(&stream).set_tcp_quickack(true);
    }
}

fn refusal(error: &NetnsError) -> String {
    format!(
        "demo: {error}; run it as root instead (sudo tcpshake demo), or probe a real host: sudo tcpshake HOST:PORT"
    )
}
