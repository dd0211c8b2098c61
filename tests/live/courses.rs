//! What real connections go through, to be captured.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::lab::{Connection, PATIENCE};
use crate::stage::{
    Act, App, Lost, OUR_ACK, OUR_DATA, OUR_FIN, OUR_SYN, PEER_DATA, PEER_FIN, SYN_ACK, Stage,
};

/// A connection to come: what the server does, which segments are lost the first time, and what
/// the client does.
pub struct Course {
    pub name: &'static str,
    pub app: App,
    pub lost: &'static [Lost],
    pub client: Client,
}

pub enum Client {
    /// The client's kernel; a connection that stays open is given back.
    Kernel(fn(&Stage, &Act) -> Option<Connection>),
    /// tcpshake with these arguments.
    Probe(&'static [&'static str]),
}

use Client::{Kernel, Probe};

const LATE: App = App::Late {
    answer: 3_000,
    closes: true,
};
const ANSWERING: App = App::Answering {
    asked: 200,
    answer: 900,
    closes: true,
};
const REQUEST: [u8; 200] = [b'?'; 200];

const fn course(name: &'static str, app: App, client: Client) -> Course {
    losing(&[], name, app, client)
}

const fn losing(lost: &'static [Lost], name: &'static str, app: App, client: Client) -> Course {
    Course {
        name,
        app,
        lost,
        client,
    }
}

pub const COURSES: [Course; 34] = [
    course("client first", App::Closing, Kernel(tell)),
    course("server first", ANSWERING, Kernel(ask)),
    course("half close", LATE, Kernel(listen)),
    course("long answer", App::Pouring, Kernel(listen)),
    course("reset by client", App::Idle, Kernel(reset)),
    course("reset by server", App::Resetting, Kernel(wait_for_reset)),
    course("reset by client after its FIN", LATE, Kernel(leave)),
    course("reset by server after its FIN", App::Hasty, Kernel(talk_on)),
    course("still open", App::Greeting, Kernel(stay)),
    course("refused", App::Idle, Kernel(ask_nobody)),
    course("unanswered", App::Idle, Kernel(ask_in_vain)),
    course("filtered", App::Idle, Kernel(ask_through_a_filter)),
    course("reset in SYN-RECEIVED", App::Idle, Kernel(be_cut_off)),
    losing(&[OUR_SYN], "SYN lost", ANSWERING, Kernel(ask)),
    losing(&[SYN_ACK], "SYN-ACK lost", ANSWERING, Kernel(ask)),
    losing(&[OUR_ACK], "third segment lost", ANSWERING, Kernel(ask)),
    losing(&[OUR_DATA], "request lost", ANSWERING, Kernel(ask)),
    losing(&[PEER_DATA], "answer lost", ANSWERING, Kernel(ask)),
    losing(&[OUR_FIN], "FIN of the client lost", LATE, Kernel(listen)),
    losing(&[PEER_FIN], "FIN of the server lost", LATE, Kernel(listen)),
    course("again after TIME-WAIT", App::Idle, Kernel(come_back)),
    course("again after a reset", App::Idle, Kernel(reset_thrice)),
    course("simultaneous open", App::Idle, Kernel(open_at_once)),
    course("probe fin", App::Serving, Probe(&["--hold=20ms"])),
    course("probe rst", App::Idle, Probe(&["--end=rst"])),
    course("probe syn-rst", App::Idle, Probe(&["--end=syn-rst"])),
    course("probe passive", App::Hasty, Probe(&["--end=passive"])),
    course("probe half", LATE, Probe(&["--end=half"])),
    course(
        "probe simultaneous",
        App::Hasty,
        Probe(&["--end=simultaneous"]),
    ),
    course(
        "probe none",
        App::Idle,
        Probe(&["--end=none", "--hold=1200ms"]),
    ),
    course("probe send", LATE, Probe(&["--send=hello", "--hold=50ms"])),
    course(
        "probe without FIN",
        App::Idle,
        Probe(&["--timeout=150ms", "--retries=1"]),
    ),
    losing(
        &[OUR_SYN],
        "probe given up",
        App::Idle,
        Probe(&["--timeout=100ms", "--retries=0"]),
    ),
    course(
        "probe again",
        App::Idle,
        Probe(&["--end=rst", "--isn=7", "-c3", "-i0s"]),
    ),
];

fn tell(stage: &Stage, act: &Act) -> Option<Connection> {
    let mut client = stage.client.connect(act.far());
    client.write(&REQUEST);
    client.close();
    None
}

fn ask(stage: &Stage, act: &Act) -> Option<Connection> {
    let mut client = stage.client.connect(act.far());
    client.write(&REQUEST);
    client.read_to_end();
    None
}

/// Closes its half at once.
fn listen(stage: &Stage, act: &Act) -> Option<Connection> {
    let mut client = stage.client.connect(act.far());
    client.finish_writing();
    client.read_to_end();
    None
}

fn reset(stage: &Stage, act: &Act) -> Option<Connection> {
    stage.client.connect(act.far()).reset();
    None
}

/// The reset may come before the kernel has told that the connection is open.
fn wait_for_reset(stage: &Stage, act: &Act) -> Option<Connection> {
    if let Ok(client) = stage.client.try_connect(act.far(), PATIENCE) {
        let local = client.local();
        stage.client.wait_for_tcp_state(local, act.far(), "CLOSED");
    }
    None
}

/// What comes after its FIN finds nobody.
fn leave(stage: &Stage, act: &Act) -> Option<Connection> {
    stage.client.connect(act.far()).close();
    None
}

fn talk_on(stage: &Stage, act: &Act) -> Option<Connection> {
    let mut client = stage.client.connect(act.far());
    client.read_to_end();
    let local = client.local();
    client.write(&REQUEST);
    stage.client.wait_for_tcp_state(local, act.far(), "CLOSED");
    None
}

fn stay(stage: &Stage, act: &Act) -> Option<Connection> {
    let mut client = stage.client.connect(act.far());
    client.read(5);
    Some(client)
}

fn fail_to_connect(stage: &Stage, to: SocketAddr, within: Duration) {
    assert!(
        stage.client.try_connect(to, within).is_err(),
        "{to} is open"
    );
}

fn ask_nobody(stage: &Stage, act: &Act) -> Option<Connection> {
    fail_to_connect(stage, beside(act.far()), PATIENCE);
    None
}

fn ask_in_vain(stage: &Stage, act: &Act) -> Option<Connection> {
    stage.lose(act.far().port(), &[OUR_SYN]);
    // Long enough for one more SYN.
    fail_to_connect(stage, act.far(), Duration::from_millis(1_300));
    None
}

fn ask_through_a_filter(stage: &Stage, act: &Act) -> Option<Connection> {
    reject(stage, act, "tcp flags syn", "icmpx admin-prohibited");
    // A kernel goes on all the same.
    fail_to_connect(stage, act.far(), Duration::from_millis(1_300));
    None
}

/// The router answers the third segment in the server's name.
fn be_cut_off(stage: &Stage, act: &Act) -> Option<Connection> {
    reject(stage, act, "tcp flags & (syn|ack) == ack", "tcp reset");
    wait_for_reset(stage, act)
}

fn reject(stage: &Stage, act: &Act, which: &str, with: &str) {
    let port = act.far().port();
    stage.router.nft(&format!(
        "table inet reject{port} {{
            chain refused {{
                type filter hook forward priority 0;
                tcp dport {port} {which} reject with {with}
            }}
         }}"
    ));
}

/// Twice from the same port, to a server that closes first.
fn come_back(stage: &Stage, act: &Act) -> Option<Connection> {
    for _ in 0..2 {
        let mut client = stage.client.connect_from(act.near, act.far());
        act.server.listener.accept().close();
        client.read_to_end();
        client.close();
        act.wait_for_kernel("TIME-WAIT");
    }
    None
}

fn reset_thrice(stage: &Stage, act: &Act) -> Option<Connection> {
    for _ in 0..3 {
        stage.client.connect_from(act.near, act.far()).reset();
        act.wait_for_kernel("CLOSED");
    }
    None
}

/// The client's first SYN is lost, so that the server's finds it in SYN-SENT.
fn open_at_once(stage: &Stage, act: &Act) -> Option<Connection> {
    let (near, far) = (act.near, beside(act.far()));
    stage.lose_first(far.port(), &[OUR_SYN]);
    thread::scope(|scope| {
        let client = scope.spawn(|| stage.client.connect_from(near, far));
        stage.client.wait_for_tcp_state(near, far, "SYN-SENT");
        let mut server = stage.peer.connect_from(far, near);
        client.join().expect("a connection").close();
        server.read_to_end();
    });
    None
}

/// A port of the same course where nobody listens.
pub fn beside(listener: SocketAddr) -> SocketAddr {
    SocketAddr::new(listener.ip(), listener.port() + 500)
}
