//! What is drawn: probes of peers of every kind, in virtual time.

mod captured;
mod cast;

use std::sync::LazyLock;
use std::time::Duration;

use tcpshake::clock::Stamp;
use tcpshake::engine::{self, Probe};
use tcpshake::exchange::Flow;
use tcpshake::link::Link;
use tcpshake::report::{
    Connection, Explanation, Ladder, Lines, LocalInfo, Record, Report, Series, Style, Summary,
    Table, Totals,
};
use tcpshake::session::{Course, End, Handshake, Request};
use tcpshake::tcp::{Config, Schedule};
use tcpshake::wire::{Flags, IpFields, Options, SeqNumber, TcpOption};

use crate::sim::network::{SimLink, Weather};
use crate::sim::peer::{Listener, Peer, Policy};

use cast::{
    Deaf, Router, crosses_our_syn, goes_silent, has_a_last_word, merges_the_waves, says_nothing,
};

/// As -W 200ms.
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_millis(200),
    retries: 2,
};

/// How a picture is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Ladder,
    Verbose,
    Quiet,
    Series,
    /// As connections of a capture.
    Connection,
    VerboseConnection,
    Table,
}

/// A report, to be drawn in any style.
#[derive(Clone, Debug)]
pub struct Picture {
    pub name: &'static str,
    pub format: Format,
    pub records: Vec<Record>,
}

impl Picture {
    pub fn draw(&self, style: Style) -> String {
        let mut drawn = Vec::new();
        let out = &mut drawn;
        match self.format {
            Format::Connection => self.explain(Ladder::new(out, style)),
            Format::VerboseConnection => self.explain(Ladder::new(out, style).verbose(true)),
            Format::Table => self.explain(Table::new(out, style)),
            _ => self.report(out, style),
        }
        String::from_utf8(drawn).unwrap()
    }

    fn explain(&self, mut explanation: impl Explanation) {
        let connections = self.connections();
        for connection in &connections {
            explanation.connection(connection).unwrap();
        }
        let totals = Totals {
            frames: connections
                .iter()
                .map(|it| it.last_frame)
                .max()
                .unwrap_or(0),
            connections: connections.len() as u64,
            shown: connections.len() as u64,
        };
        explanation.end(&totals).unwrap();
    }

    /// The records, captured.
    fn connections(&self) -> Vec<Connection> {
        let numbered = (0..).zip(&self.records);
        numbered
            .map(|(stream, record)| captured::connection(stream, record))
            .collect()
    }

    fn report(&self, out: &mut Vec<u8>, style: Style) {
        let mut report: Box<dyn Report> = match self.format {
            Format::Ladder => Box::new(Ladder::new(out, style)),
            Format::Verbose => Box::new(Ladder::new(out, style).verbose(true)),
            Format::Quiet => Box::new(Lines::new(out, style)),
            Format::Series => Box::new(Series::new(out, style, false, true)),
            other => panic!("{other:?} is no report of probes"),
        };
        let mut summary = Summary::of(self.records[0].target.clone());
        for record in &self.records {
            report.probe(record).unwrap();
            summary.add(record);
        }
        if self.records.len() > 1 {
            report.summary(&summary).unwrap();
        }
    }
}

/// One probe: what is asked of whom.
struct Scene {
    end: End,
    peer: Box<dyn Peer>,
    request: Option<&'static str>,
    hold: Duration,
    back: Weather,
    v6: bool,
    seq: u64,
    isn: u32,
}

fn scene(end: End, peer: impl Peer + 'static) -> Scene {
    Scene {
        end,
        peer: Box::new(peer),
        request: None,
        hold: Duration::from_millis(500),
        back: Weather::FINE,
        v6: false,
        seq: 0,
        isn: 16_909_060,
    }
}

fn options(timestamp: u32) -> Options {
    Options::from(vec![
        TcpOption::Mss(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            val: timestamp,
            ecr: 0,
        },
        TcpOption::Nop,
        TcpOption::WindowScale(7),
    ])
}

fn config(iss: u32) -> Config {
    Config {
        local_port: 443,
        remote_port: 0,
        iss: SeqNumber(iss),
        window: 64_240,
        options: options(iss / 7),
        syn_flags: Flags::default(),
        schedule: SCHEDULE,
    }
}

/// A peer that follows the rules, on a host like any other.
fn listener(policy: Policy) -> Listener {
    Listener::with(policy, config(485_205_666), Duration::from_millis(40))
}

impl Scene {
    fn asking(self, request: &'static str) -> Scene {
        Scene {
            request: Some(request),
            ..self
        }
    }

    fn flow(&self) -> Flow {
        let [local, remote] = match self.v6 {
            true => [
                "[2001:db8:ffff:ffff:ffff:ffff:ffff:fff7]:50211",
                "[2001:db8:ffff:ffff:ffff:ffff:ffff:fff1]:443",
            ],
            false => ["198.51.100.7:50211", "192.0.2.1:443"],
        };
        Flow {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    fn play(self) -> Record {
        let flow = self.flow();
        let back = self.back;
        let (session, seq) = (self.session(flow), self.seq);
        let mut link = SimLink::new(flow, self.peer, 3).weather(Weather::FINE, back);
        run(&mut link, flow, session, self.end, seq)
    }

    fn session(&self, flow: Flow) -> Handshake {
        let course = Course {
            end: self.end,
            hold: self.hold,
            time_wait: None,
        };
        let config = Config {
            local_port: flow.local.port(),
            remote_port: flow.remote.port(),
            ..config(self.isn)
        };
        let request = self.request.map(|text| Request {
            text: text.as_bytes().into(),
            quiet: self.hold,
        });
        Handshake::new(config, course).asking(request)
    }
}

fn run(link: &mut impl Link, flow: Flow, session: Handshake, requested: End, seq: u64) -> Record {
    let probe = Probe {
        flow,
        scope: 0,
        ip: IpFields::default(),
        session,
    };
    let finished = engine::run(link, probe, None).unwrap();
    Record {
        seq,
        started: Stamp(0),
        target: flow.remote.into(),
        local: LocalInfo {
            addr: Some(flow.local),
            interface: Some("eth0".to_string()),
            guard: Some("md5".to_string()),
        },
        requested,
        time_wait: None,
        exchange: finished.exchange,
        kernel_rst: finished.kernel_rst,
        capture_drops: 0,
        failure: None,
        stopped: finished.stopped.is_some(),
    }
}

/// A router on the way says that the peer's host cannot be reached.
fn unreachable() -> Record {
    let scene = scene(End::Fin, says_nothing());
    let flow = scene.flow();
    let session = scene.session(flow);
    run(&mut Router::new(flow), flow, session, End::Fin, 0)
}

/// Five probes, the third of which has to send its SYN twice.
fn series() -> Vec<Record> {
    let probes = (0..5).map(|seq| {
        let policy = match seq {
            3 => Policy::NeverClose,
            _ => Policy::CloseOnFin,
        };
        let deaf_to = u32::from(seq == 2);
        Scene {
            seq,
            back: Weather {
                delay_us: (10_000 + 40 * seq, 1),
                ..Weather::FINE
            },
            ..scene(End::Fin, Deaf::to(deaf_to, listener(policy)))
        }
    });
    probes.map(Scene::play).collect()
}

const GET: &str = "GET / HTTP/1.0\r\n\r\n";

/// Every picture there is.
pub static PICTURES: LazyLock<Vec<Picture>> = LazyLock::new(paint);

fn paint() -> Vec<Picture> {
    use Policy::{CloseFirst, CloseLater, CloseOnFin, NeverClose, Refuse, Reset};
    let reordered = Weather {
        delay_us: (10_000, 2000),
        ..Weather::FINE
    };
    let scenes = [
        ("fin", scene(End::Fin, listener(CloseLater))),
        ("fin-merged", scene(End::Fin, merges_the_waves())),
        ("rst", scene(End::Rst, listener(CloseLater))),
        ("syn-rst", scene(End::SynRst, listener(CloseLater))),
        ("passive", scene(End::Passive, listener(CloseFirst))),
        ("half", scene(End::Half, has_a_last_word())),
        (
            "half-long",
            scene(End::Half, listener(CloseLater).saying(20_000, 0)),
        ),
        (
            "simultaneous",
            scene(End::Simultaneous, listener(CloseFirst)),
        ),
        ("hold", scene(End::Hold, listener(CloseLater))),
        (
            "none",
            Scene {
                hold: Duration::from_secs(1),
                ..scene(End::None, listener(CloseLater))
            },
        ),
        ("refused", scene(End::Fin, listener(Refuse))),
        ("filtered", scene(End::Fin, says_nothing())),
        ("reset", scene(End::Hold, listener(Reset))),
        ("no-fin", scene(End::Fin, listener(NeverClose))),
        ("no-ack", scene(End::Fin, goes_silent())),
        (
            "lost-syn",
            scene(End::Fin, Deaf::to(1, listener(CloseOnFin))),
        ),
        ("simultaneous-open", scene(End::Fin, crosses_our_syn())),
        (
            "request",
            scene(End::Fin, listener(CloseFirst).saying(0, 1200)).asking(GET),
        ),
        (
            "out-of-order",
            Scene {
                back: reordered,
                ..scene(End::Fin, listener(CloseFirst).saying(0, 9000)).asking(GET)
            },
        ),
        (
            "long",
            scene(End::Fin, listener(CloseFirst).saying(0, 300_000)).asking(GET),
        ),
        (
            "beyond-the-list",
            scene(End::Fin, listener(CloseFirst).saying(0, 8_000_000)).asking(GET),
        ),
        (
            "ipv6",
            Scene {
                v6: true,
                isn: u32::MAX,
                ..scene(End::Fin, listener(CloseOnFin))
            },
        ),
    ];
    let ladder = |(name, scene): (&'static str, Scene)| Picture {
        name,
        format: Format::Ladder,
        records: vec![scene.play()],
    };
    let mut pictures: Vec<Picture> = scenes.into_iter().map(ladder).collect();
    let mut add = |name, format, records| {
        pictures.push(Picture {
            name,
            format,
            records,
        });
    };
    add("unreachable", Format::Ladder, vec![unreachable()]);
    let opened = scene(End::SynRst, listener(CloseOnFin)).play();
    add("verbose", Format::Verbose, vec![opened]);
    add("series", Format::Series, series());
    let quiet = [Policy::CloseLater, Refuse, NeverClose].map(listener);
    let quiet = quiet.map(|peer| scene(End::Fin, peer).play()).to_vec();
    add("quiet", Format::Quiet, quiet);
    pictures.extend(explained(&pictures));
    pictures
}

/// Those of the same exchanges, captured.
fn explained(pictures: &[Picture]) -> Vec<Picture> {
    let records = |name: &str| {
        let of = pictures.iter().find(|it| it.name == name).expect(name);
        of.records.clone()
    };
    let ladders = [
        ("connection-fin", "fin"),
        ("connection-half", "half"),
        ("connection-simultaneous", "simultaneous"),
        ("connection-simultaneous-open", "simultaneous-open"),
        ("connection-passive", "passive"),
        ("connection-syn-rst", "syn-rst"),
        ("connection-reset", "reset"),
        ("connection-refused", "refused"),
        ("connection-filtered", "filtered"),
        ("connection-unreachable", "unreachable"),
        ("connection-lost-syn", "lost-syn"),
        ("connection-request", "request"),
        ("connection-long", "long"),
        ("connection-ipv6", "ipv6"),
    ];
    let mut explained: Vec<Picture> = ladders
        .iter()
        .map(|&(name, of)| Picture {
            name,
            format: Format::Connection,
            records: records(of),
        })
        .collect();
    let request = &records("request")[0];
    let mut all: Vec<Record> = ladders.iter().flat_map(|(_, of)| records(of)).collect();
    let (open, late) = (
        captured::cut_short(request, 6),
        captured::begun_late(request),
    );
    all.extend([open.clone(), late.clone()]);
    let more = [
        ("connection-open", Format::Connection, vec![open]),
        ("connection-late", Format::Connection, vec![late]),
        (
            "connection-verbose",
            Format::VerboseConnection,
            records("verbose"),
        ),
        ("connections", Format::Table, all),
    ];
    explained.extend(more.map(|(name, format, records)| Picture {
        name,
        format,
        records,
    }));
    explained
}
