//! A server that takes what comes: a request or none, a reset at any time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use crate::lab::Namespace;

/// What a server does with its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Role {
    /// It reads so many bytes,
    pub asked: usize,
    /// then it writes so many,
    pub answer: usize,
    /// and closes at once, or else when the client has.
    pub closes_first: bool,
}

/// What came of it.
#[derive(Clone, Default, Debug)]
pub struct Served {
    pub read: Vec<u8>,
    /// It has written all of its answer and closed by itself.
    pub closed: bool,
}

/// So many bytes, no two places alike: what either end says.
pub fn text(len: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|line: u32| format!("{line:07} ").into_bytes());
    lines.take(len).collect()
}

/// The connection, for [`Server::dismiss`] to end it, and whether that has been called.
#[derive(Default)]
struct Slot {
    connection: Option<TcpStream>,
    dismissed: bool,
}

/// A listener and its application.
pub struct Server {
    listener: Arc<TcpListener>,
    slot: Arc<Mutex<Slot>>,
    at_work: JoinHandle<Served>,
}

impl Server {
    pub fn start(host: &Namespace, address: SocketAddr, role: Role) -> Server {
        let listener = Arc::new(host.run(|| TcpListener::bind(address).expect("a free port")));
        let slot = Arc::new(Mutex::new(Slot::default()));
        let (its, slot_of_it) = (Arc::clone(&listener), Arc::clone(&slot));
        Server {
            at_work: thread::spawn(move || serve(&its, &slot_of_it, role)),
            listener,
            slot,
        }
    }

    /// Ends whatever the application still does; the kernel closes the connection.
    pub fn dismiss(self) -> Served {
        // Wakes accept.
        SockRef::from(&*self.listener)
            .shutdown(Shutdown::Both)
            .expect("a listening socket");
        {
            let mut slot = self.slot.lock().expect("a slot");
            slot.dismissed = true;
            if let Some(connection) = &slot.connection {
                // It may have been reset.
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.at_work
            .join()
            .expect("an application that bears it all")
    }
}

fn serve(listener: &TcpListener, slot: &Mutex<Slot>, role: Role) -> Served {
    let Ok((mut connection, _)) = listener.accept() else {
        return Served::default();
    };
    {
        let mut slot = slot.lock().expect("a slot");
        if slot.dismissed {
            return Served::default();
        }
        slot.connection = Some(connection.try_clone().expect("a second handle"));
    }
    let served = play(&mut connection, role);
    slot.lock().expect("a slot").connection = None;
    served
}

fn play(connection: &mut TcpStream, role: Role) -> Served {
    let mut read = Vec::new();
    let request = connection.take(role.asked as u64).read_to_end(&mut read);
    let answered = request.is_ok()
        && read.len() == role.asked
        && connection.write_all(&text(role.answer)).is_ok();
    let closed = answered && (role.closes_first || connection.read_to_end(&mut read).is_ok());
    Served { read, closed }
}
