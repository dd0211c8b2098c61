//! smoltcp's interface and sockets, moved on segment by segment so that no state goes unnoticed.

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr};

use super::app::{App, Talk};
use super::line::Line;
use super::{SMOL_V4, SMOL_V6};
use crate::lab::Segment;

/// Not that of the interface: the kernel there takes no frame for its own.
const HARDWARE_ADDRESS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 3]);
const ETHERNET_HEADER: usize = 14;
const FIRST_PORT: u16 = 1000;
const ROOM_TO_SEND: usize = 65536;

/// How a socket is set up.
#[derive(Clone, Copy)]
pub struct Settings {
    /// How many bytes it takes from the client before it has to read.
    pub room: usize,
    pub timestamps: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            room: 65536,
            timestamps: false,
        }
    }
}

/// What has happened at one port.
#[derive(Clone, Debug)]
pub struct Record {
    /// Every state of the socket, in order, by its name in RFC 9293.
    pub states: Vec<String>,
    /// What it sent, each with the state in which it did.
    pub sent: Vec<(Segment, String)>,
}

impl Record {
    pub fn state(&self) -> &str {
        self.states.last().expect("a first state")
    }
}

pub struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    served: Vec<Served>,
}

struct Served {
    app: App,
    talk: Talk,
    socket: SocketHandle,
    record: Record,
}

impl Stack {
    pub fn new(line: &mut Line) -> Stack {
        let config = Config::new(HARDWARE_ADDRESS.into());
        let mut interface = Interface::new(config, line, Instant::now());
        interface.update_ip_addrs(|addresses| {
            for (address, prefix) in [(SMOL_V4.into(), 24), (SMOL_V6.into(), 64)] {
                let added = addresses.push(IpCidr::new(address, prefix));
                added.expect("room for two addresses");
            }
        });
        Stack {
            interface,
            sockets: SocketSet::new(Vec::new()),
            served: Vec::new(),
        }
    }

    /// Listens on the next port.
    pub fn serve(&mut self, app: App, settings: Settings) -> u16 {
        let port = FIRST_PORT + u16::try_from(self.served.len()).expect("few ports");
        let buffer = |size| SocketBuffer::new(vec![0; size]);
        let mut socket = Socket::new(buffer(settings.room), buffer(ROOM_TO_SEND));
        socket.set_ack_delay(None);
        if settings.timestamps {
            socket.set_tsval_generator(Some(|| Instant::now().total_millis() as u32));
        }
        socket.listen(port).expect("a socket that is closed");
        self.served.push(Served {
            app,
            talk: Talk::default(),
            socket: self.sockets.add(socket),
            record: Record {
                states: vec![State::Listen.to_string()],
                sent: Vec::new(),
            },
        });
        port
    }

    pub fn record(&self, port: u16) -> &Record {
        &self.served[usize::from(port - FIRST_PORT)].record
    }

    /// Takes what has come and sends what is due; gives the time until something else is due.
    pub fn work(&mut self, line: &mut Line) -> Duration {
        loop {
            let now = Instant::now();
            let frame = line.look(now);
            let coming = frame.and_then(segment_in);
            let is_done = frame.is_none();
            self.act(|app| !app.is_prompt(), coming.as_ref());
            self.send(line, now);
            if is_done {
                let delay = self.interface.poll_delay(now, &self.sockets);
                return delay.unwrap_or(Duration::MAX);
            }
            self.interface
                .poll_ingress_single(now, line, &mut self.sockets);
            self.note(line);
            self.act(App::is_prompt, None);
            self.send(line, now);
        }
    }

    /// These applications have their turn; `coming` is the segment that is received next.
    fn act(&mut self, which: fn(App) -> bool, coming: Option<&Segment>) {
        let served = (FIRST_PORT..).zip(&mut self.served);
        for (port, served) in served.filter(|(_, served)| which(served.app)) {
            let socket = self.sockets.get_mut::<Socket>(served.socket);
            let coming = coming.filter(|segment| segment.destination.port() == port);
            served.app.act(socket, coming, &mut served.talk);
            served.follow(socket);
        }
    }

    fn send(&mut self, line: &mut Line, now: Instant) {
        loop {
            let result = self.interface.poll_egress(now, line, &mut self.sockets);
            self.note(line);
            if result == PollResult::None {
                return;
            }
        }
    }

    fn note(&mut self, line: &mut Line) {
        for served in &mut self.served {
            served.follow(self.sockets.get_mut(served.socket));
        }
        for segment in line
            .take_sent()
            .iter()
            .filter_map(|frame| segment_in(frame))
        {
            let index = usize::from(segment.source.port().wrapping_sub(FIRST_PORT));
            if let Some(served) = self.served.get_mut(index) {
                let state = served.record.state().to_owned();
                served.record.sent.push((segment, state));
            }
        }
    }
}

impl Served {
    fn follow(&mut self, socket: &mut Socket) {
        let state = socket.state();
        if self.record.state() != state.to_string() {
            self.record.states.push(state.to_string());
            if state == State::Established {
                self.app.begin(socket);
            }
        }
    }
}

fn segment_in(frame: &[u8]) -> Option<Segment> {
    let is_ip = matches!(frame[12..ETHERNET_HEADER], [0x08, 0x00] | [0x86, 0xdd]);
    is_ip.then(|| Segment::parse(&frame[ETHERNET_HEADER..]))?
}
