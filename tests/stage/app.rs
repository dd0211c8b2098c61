//! What the peer's application does with its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::lab::{Connection, Listener, Namespace};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum App {
    /// Leaves the connection to the kernel: never accepts, never closes.
    Idle,
    /// Idle, and its kernel waits for data before it takes a connection for established.
    Deferring,
    /// Closes when the client has.
    Closing,
    /// Closes at once.
    Hasty,
    /// Writes a banner and never closes.
    Greeting,
    /// Writes a banner, then closes when the client has.
    Serving,
    /// Writes [`POURED`] bytes in one go and its FIN, then reads until the client's.
    Pouring,
    /// Reads a request of `asked` bytes and answers with so many; then it closes or stays.
    Answering {
        asked: usize,
        answer: usize,
        closes: bool,
    },
    /// Reads to the client's FIN, and only then answers; then it closes or stays.
    Late { answer: usize, closes: bool },
    /// Sends its FIN at once, and would go on reading.
    Finishing,
    /// Resets at once (SO_LINGER of zero).
    Resetting,
}

/// More than a frame can hold, though it is no more than one write.
pub const POURED: usize = 65_536;

const BANNER: &[u8] = b"220 ready\r\n";

/// An application at work.
pub struct Server {
    pub listener: Arc<Listener>,
    at_work: Option<JoinHandle<Option<Connection>>>,
}

impl App {
    pub fn serve(self, host: &Namespace, address: SocketAddr, backlog: i32) -> Server {
        let listener = Arc::new(host.listen_with(address, backlog, |_| ()));
        if self == App::Deferring {
            listener.defer_accept(30);
        }
        let its = Arc::clone(&listener);
        let accepts = !matches!(self, App::Idle | App::Deferring);
        Server {
            at_work: accepts.then(|| thread::spawn(move || self.play(its.accept()))),
            listener,
        }
    }

    /// Gives the connection back if it stays open.
    fn play(self, mut connection: Connection) -> Option<Connection> {
        match self {
            App::Idle | App::Deferring | App::Hasty => {}
            App::Resetting => {
                connection.reset();
                return None;
            }
            App::Closing => drop(connection.read_to_end()),
            App::Greeting => {
                connection.write(BANNER);
                return Some(connection);
            }
            App::Serving => {
                connection.write(BANNER);
                connection.read_to_end();
            }
            App::Pouring => {
                connection.write(&[b'.'; POURED]);
                connection.finish_writing();
                connection.read_to_end();
            }
            App::Answering {
                asked,
                answer,
                closes,
            } => {
                connection.read(asked);
                connection.write(&vec![b'.'; answer]);
                return (!closes).then_some(connection);
            }
            App::Late { answer, closes } => {
                connection.read_to_end();
                connection.write(&vec![b'.'; answer]);
                return (!closes).then_some(connection);
            }
            App::Finishing => {
                connection.finish_writing();
                return Some(connection);
            }
        }
        connection.close();
        None
    }
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Fails when the application did.
    pub fn end(self) {
        if let Some(at_work) = self.at_work {
            at_work.join().expect("an application that plays its part");
        }
    }
}
