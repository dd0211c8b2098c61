//! A second TCP, written by other people than Linux's: smoltcp at the far end of a cable.
//!
//! Its frames go through a raw socket. The kernel there has no address on the cable and does not
//! take part; smoltcp has a hardware address of its own.

mod app;
mod line;
mod stack;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, mpsc};
use std::thread::{self, JoinHandle};

use smoltcp::phy::Checksum;
use smoltcp::time::Duration;

use crate::lab::{End, Namespace, PATIENCE, lay_wire};

pub use app::App;
pub use stack::{Record, Settings};

use line::Line;
use stack::Stack;

const INTERFACE: &str = "smol0";
const SMOL_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
const SMOL_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);
/// Ports to serve from now on, and the end, are looked for this often; frames wake it at once.
const ROUND: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// smoltcp's address.
    pub fn address(self) -> IpAddr {
        match self {
            Family::V4 => SMOL_V4.into(),
            Family::V6 => SMOL_V6.into(),
        }
    }

    /// The MSS that fits this cable.
    pub fn mss(self) -> u16 {
        match self {
            Family::V4 => 1460,
            Family::V6 => 1440,
        }
    }
}

/// smoltcp at work, and a client on the same cable.
pub struct Smol {
    pub client: Namespace,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stack: Mutex<Stack>,
    /// A socket has changed its state.
    moved: Condvar,
    stopped: AtomicBool,
}

impl Smol {
    /// It drops what has a wrong checksum.
    pub fn new() -> Smol {
        Smol::with(Checksum::Both)
    }

    /// For a client whose kernel leaves the checksums to the cable.
    pub fn for_kernels() -> Smol {
        Smol::with(Checksum::Tx)
    }

    fn with(checksums: Checksum) -> Smol {
        let (client, host) = (Namespace::new(), Namespace::new());
        host.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        let end = |host, interface, addresses| End {
            host,
            interface,
            addresses,
        };
        lay_wire(
            &end(&client, "cli0", &["10.0.0.1/24", "fd00::1/64"]),
            &end(&host, INTERFACE, &[]),
            1500,
        );
        let (ready, shared) = mpsc::channel();
        let thread = host.start(move || {
            let mut line = Line::open(INTERFACE, checksums);
            let shared = Arc::new(Shared {
                stack: Mutex::new(Stack::new(&mut line)),
                moved: Condvar::new(),
                stopped: AtomicBool::new(false),
            });
            ready.send(Arc::clone(&shared)).expect("somebody to serve");
            shared.work(&mut line);
        });
        Smol {
            client,
            shared: shared.recv_timeout(PATIENCE).expect("smoltcp at work"),
            thread: Some(thread),
        }
    }

    /// Listens on a port of its own, for one connection.
    pub fn serve(&self, family: Family, app: App, settings: Settings) -> Service<'_> {
        let port = self.shared.stack().serve(app, settings);
        Service {
            shared: &self.shared,
            address: SocketAddr::new(family.address(), port),
        }
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        let failed = ended.is_some_and(|ended| ended.is_err());
        assert!(!failed || thread::panicking(), "smoltcp has failed");
    }
}

impl Shared {
    fn stack(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().expect("a stack that has not failed")
    }

    fn work(&self, line: &mut Line) {
        while !self.stopped.load(Ordering::Relaxed) {
            let delay = self.stack().work(line);
            self.moved.notify_all();
            line.wait(delay.min(ROUND)).expect("select");
        }
    }
}

/// A port that smoltcp serves.
pub struct Service<'a> {
    shared: &'a Shared,
    pub address: SocketAddr,
}

impl Service<'_> {
    /// What has happened at this port, as soon as its socket has gone through these states, joined
    /// by blanks; fails when that takes too long.
    pub fn record_through(&self, states: &str) -> Record {
        let port = self.address.port();
        let is_elsewhere = |stack: &mut Stack| stack.record(port).states.join(" ") != states;
        let waited =
            self.shared
                .moved
                .wait_timeout_while(self.shared.stack(), PATIENCE, is_elsewhere);
        let (stack, waited) = waited.expect("a stack that has not failed");
        let record = stack.record(port).clone();
        drop(stack);
        assert!(!waited.timed_out(), "not {states}: {record:#?}");
        record
    }
}
