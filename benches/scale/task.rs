//! What is to be probed, what is true of it, and how wrong a program is about it.

use std::net::Ipv4Addr;

use crate::rivals::Rival;

/// The port that every host of the far side listens on.
pub const PORT: u16 = 443;
/// What the server listens on: all else is refused.
pub const OPEN: [u16; 4] = [22, PORT, 8_080, 65_535];

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 0);
const FIRST_SILENT: Ipv4Addr = Ipv4Addr::new(10, 16, 0, 0);

/// What a program may say of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Open,
    Closed,
    Filtered,
    Other,
}

/// Adjoining addresses, and some of their ports.
#[derive(Clone, Copy)]
pub struct Task {
    /// The targets in CIDR blocks, which every program takes.
    pub words: &'static [&'static str],
    pub first: Ipv4Addr,
    pub hosts: u32,
    pub first_port: u16,
    pub last_port: u16,
    answers: bool,
}

impl Task {
    /// Hosts of 10.10.0.0/16, from the first on.
    pub fn all_open(words: &'static [&'static str]) -> Task {
        let bits = |word: &str| -> u32 {
            let (_, bits) = word.split_once('/').expect("a block");
            bits.parse().expect("a number of bits")
        };
        Task {
            words,
            first: FIRST,
            hosts: words.iter().map(|word| 1 << (32 - bits(word))).sum(),
            first_port: PORT,
            last_port: PORT,
            answers: true,
        }
    }

    /// Every port of one host.
    pub fn one_host() -> Task {
        Task {
            first_port: 1,
            last_port: u16::MAX,
            ..Task::all_open(&["10.10.0.0/32"])
        }
    }

    /// Hosts of a network that never answers.
    pub fn silent(network: &'static [&'static str]) -> Task {
        Task {
            first: FIRST_SILENT,
            answers: false,
            ..Task::all_open(network)
        }
    }

    /// As `-p` of every program takes it.
    pub fn ports(&self) -> String {
        match (self.first_port, self.last_port) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }
    }

    fn ports_each(&self) -> u32 {
        u32::from(self.last_port - self.first_port) + 1
    }

    pub fn targets(&self) -> usize {
        (self.hosts * self.ports_each()) as usize
    }

    /// Every target, host by host.
    pub fn endpoints(&self) -> impl Iterator<Item = (Ipv4Addr, u16)> {
        let (first, ports) = (u32::from(self.first), self.first_port..=self.last_port);
        (0..self.hosts).flat_map(move |host| {
            let address = Ipv4Addr::from(first + host);
            ports.clone().map(move |port| (address, port))
        })
    }

    fn index(&self, address: Ipv4Addr, port: u16) -> Option<usize> {
        let host = u32::from(address).checked_sub(self.first.into())?;
        let port = u32::from(port.checked_sub(self.first_port)?);
        let is_one = host < self.hosts && port < self.ports_each();
        is_one.then(|| (host * self.ports_each() + port) as usize)
    }

    fn truth(&self, port: u16) -> Verdict {
        match (self.answers, OPEN.contains(&port)) {
            (false, _) => Verdict::Filtered,
            (true, true) => Verdict::Open,
            (true, false) => Verdict::Closed,
        }
    }

    /// How many targets deserve `verdict`.
    pub fn truly(&self, verdict: Verdict) -> usize {
        let ports = self.first_port..=self.last_port;
        self.hosts as usize * ports.filter(|port| self.truth(*port) == verdict).count()
    }
}

/// What a program said of each target.
pub struct Told {
    task: Task,
    verdicts: Vec<Option<Verdict>>,
    /// Verdicts of what is no target, and second verdicts.
    strays: usize,
}

impl Told {
    pub fn nothing(task: &Task) -> Told {
        Told {
            task: *task,
            verdicts: vec![None; task.targets()],
            strays: 0,
        }
    }

    pub fn say(&mut self, address: Ipv4Addr, port: u16, verdict: Verdict) {
        let told = self.task.index(address, port);
        let told = told.map(|index| self.verdicts[index].replace(verdict));
        self.strays += usize::from(told != Some(None));
    }

    /// Of a program that tells open targets alone, silence about others is right.
    pub fn judge(self, tells_all: bool) -> Judged {
        let is_wrong = |truth: Verdict, said: Option<Verdict>| match said {
            Some(said) => said != truth,
            None => tells_all || truth == Verdict::Open,
        };
        let endpoints = self.task.endpoints().zip(&self.verdicts);
        let said_open = self
            .verdicts
            .iter()
            .filter(|said| **said == Some(Verdict::Open));
        let wrong = endpoints.filter(|((_, port), said)| is_wrong(self.task.truth(*port), **said));
        Judged {
            wrong: wrong.count() + self.strays,
            found: said_open.count(),
            note: None,
        }
    }
}

/// How a program did.
pub struct Judged {
    /// Targets called open.
    pub found: usize,
    pub wrong: usize,
    /// What else is to be known.
    pub note: Option<String>,
}

/// A program with its task.
#[derive(Clone, Copy)]
pub enum Contender {
    /// tcpshake, with further options.
    Ours(Task, &'static [&'static str]),
    /// The kernel client.
    Kernel(Task),
    Rival(Task, &'static Rival),
}
