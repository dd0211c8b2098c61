//! The scanners: how each is asked for its best, and what it says.

use std::net::Ipv4Addr;
use std::path::Path;
use std::{env, fs};

use crate::network::{CLIENT, GATEWAY_MAC, INTERFACE};
use crate::task::{Judged, Task, Told, Verdict};

/// A scanner in one of its ways.
pub struct Rival {
    pub name: &'static str,
    pub program: &'static str,
    /// Words, of which those in capitals stand for what the task and the network have. The targets
    /// follow.
    arguments: &'static str,
    read: fn(&str, &Task, &mut Told) -> Option<()>,
    /// Whether it tells more than what is open.
    tells_all: bool,
    /// Whether one round has to do.
    pub is_slow: bool,
}

pub static NMAP_SYN: Rival = Rival {
    name: "nmap -sS",
    program: "nmap",
    arguments: "--privileged -sS -n -Pn -T5 --min-hostgroup 4096 -p PORTS -oX -",
    read: nmap,
    tells_all: true,
    is_slow: true,
};

/// Without congestion control of its own.
pub static NMAP_FORCED: Rival = Rival {
    name: "nmap -sS --min-rate 100000",
    arguments: "--privileged -sS -n -Pn -T5 --min-rate 100000 --min-hostgroup 4096 -p PORTS -oX -",
    ..NMAP_SYN
};

pub static NMAP_CONNECT: Rival = Rival {
    name: "nmap -sT",
    arguments: "--privileged -sT -n -Pn -T5 --min-hostgroup 4096 -p PORTS -oX -",
    ..NMAP_SYN
};

pub static MASSCAN: Rival = Rival {
    name: "masscan",
    program: "masscan",
    arguments: "--interface INTERFACE --adapter-ip CLIENT --router-mac GATEWAY --rate 10000000 --wait 1 \
                -p PORTS -oL -",
    read: masscan,
    tells_all: false,
    is_slow: false,
};

pub static ZMAP: Rival = Rival {
    name: "zmap",
    program: "zmap",
    arguments: "-C /dev/null -b /dev/null -i INTERFACE -S CLIENT -G GATEWAY -B 10G -c 1 -q -v 0 \
                --disable-syslog -p PORTS -o -",
    read: zmap,
    tells_all: false,
    is_slow: false,
};

impl Rival {
    pub fn command(&self, task: &Task) -> Vec<String> {
        let ports = task.ports();
        let argument = |word| match word {
            "PORTS" => &ports,
            "CLIENT" => CLIENT,
            "GATEWAY" => GATEWAY_MAC,
            "INTERFACE" => INTERFACE,
            word => word,
        };
        let arguments = self.arguments.split_whitespace().map(argument);
        let all = [self.program].into_iter().chain(arguments);
        all.chain(task.words.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    pub fn is_installed(&self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join(self.program).is_file())
    }

    pub fn judge(&self, task: &Task, out: &Path) -> Judged {
        let mut told = Told::nothing(task);
        let text = fs::read_to_string(out).expect("what it printed");
        let read = (self.read)(&text, task, &mut told);
        read.unwrap_or_else(|| panic!("{} prints what was not expected", self.program));
        told.judge(self.tells_all)
    }
}

/// An address a line: what is open.
fn zmap(text: &str, task: &Task, told: &mut Told) -> Option<()> {
    for line in text.lines() {
        told.say(line.parse().ok()?, task.first_port, Verdict::Open);
    }
    Some(())
}

/// `open tcp 443 10.10.0.1 1700000000`.
fn masscan(text: &str, _: &Task, told: &mut Told) -> Option<()> {
    let is_result = |line: &&str| !line.starts_with('#') && !line.is_empty();
    for line in text.lines().filter(is_result) {
        let mut words = line.split(' ');
        let verdict = verdict_called(words.next()?);
        let port = words.nth(1)?.parse().ok()?;
        told.say(words.next()?.parse().ok()?, port, verdict);
    }
    Some(())
}

/// For each host `<address addr="10.10.0.1" addrtype="ipv4"/>`, then for ports of one state
/// `<extraports state="closed" count="3"><extrareasons ports="1-2,9"/>`, and for single ones
/// `<port portid="443"><state state="open"/>`.
fn nmap(text: &str, _: &Task, told: &mut Told) -> Option<()> {
    let mut address = Ipv4Addr::UNSPECIFIED;
    let mut port = 0;
    let mut of_several = Verdict::Other;
    for element in text.split('<') {
        let value = |name: &str| {
            let (_, rest) = element.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        match element.split(' ').next()? {
            "address" => address = value("addr")?.parse().ok()?,
            "port" => port = value("portid")?.parse().ok()?,
            "state" => told.say(address, port, verdict_called(value("state")?)),
            "extraports" => of_several = verdict_called(value("state")?),
            "extrareasons" => {
                for range in value("ports")?.split(',') {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    for port in first.parse().ok()?..=last.parse().ok()? {
                        told.say(address, port, of_several);
                    }
                }
            }
            _ => {}
        }
    }
    Some(())
}

fn verdict_called(name: &str) -> Verdict {
    match name {
        "open" => Verdict::Open,
        "closed" => Verdict::Closed,
        "filtered" => Verdict::Filtered,
        _ => Verdict::Other,
    }
}
