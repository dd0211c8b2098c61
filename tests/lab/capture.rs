//! An independent witness: tcpdump on one interface, with nanosecond stamps.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::{fs, io, thread};

use nix::ifaddrs::getifaddrs;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};
use nix::unistd::Pid;
use tcpshake::clock::Stamp;

use super::{Namespace, PATIENCE, Segment};

const NANOSECOND_PCAP: u32 = 0xa1b2_3c4d;
const ETHERNET_HEADER: usize = 14;
/// An Ethernet type set aside for experiments, which no host answers.
const MARKER: [u8; 2] = [0x88, 0xb5];

/// A capture that runs.
pub struct Capture<'a> {
    host: &'a Namespace,
    interface: String,
    tcpdump: Child,
    messages: BufReader<ChildStderr>,
    recording: Receiver<io::Result<Recording>>,
}

/// What a capture saw: IP packets in the order of the capture.
#[derive(Clone, Debug)]
pub struct Recording {
    pub packets: Vec<Captured>,
    pcap: Vec<u8>,
}

/// A packet with the kernel's stamp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    pub stamp: Stamp,
    /// From the IP header on.
    pub bytes: Vec<u8>,
}

impl Namespace {
    /// Starts a capture with a filter of tcpdump (`"tcp"`), and returns when it runs.
    pub fn capture(&self, interface: &str, filter: &str) -> Capture<'_> {
        let mut command = Command::new("tcpdump");
        command.args(["-i", interface, "-w", "-", "-U", "-n", "--immediate-mode"]);
        // Room for hundreds of packets of any length: of 2 MiB, the default, seven use it up.
        command.args(["--time-stamp-precision=nano", "--buffer-size=65536"]);
        command.arg(format!("({filter}) or ether proto 0x88b5"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut tcpdump = self.spawn(&mut command);
        let mut stdout = tcpdump.stdout.take().expect("its standard output");
        let mut messages = BufReader::new(tcpdump.stderr.take().expect("its standard error"));
        wait_for_message(&mut messages, "listening on");
        let marker = marker_of(&tcpdump);
        let (done, recording) = mpsc::channel();
        thread::spawn(move || {
            let _ = done.send(read_until_marker(&mut stdout, &marker));
            // A closed pipe would end tcpdump before it has told what it dropped.
            io::copy(&mut stdout, &mut io::sink())
        });
        Capture {
            host: self,
            interface: interface.to_owned(),
            tcpdump,
            messages,
            recording,
        }
    }
}

impl Capture<'_> {
    /// Ends the capture. Every packet that the interface has carried is in it: a frame of our own
    /// comes last. A segment has been carried for sure when its effect on the kernel is seen.
    pub fn stop(mut self) -> Recording {
        let marker = marker_of(&self.tcpdump);
        self.host.run(|| send_frame(&self.interface, &marker));
        let recording = self
            .recording
            .recv_timeout(PATIENCE)
            .expect("the end of the capture");
        let pid = Pid::from_raw(self.tcpdump.id().cast_signed());
        kill(pid, Signal::SIGINT).expect("a running tcpdump");
        wait_for_message(&mut self.messages, "\n0 packets dropped by kernel");
        self.tcpdump.wait().expect("the end of tcpdump");
        recording.expect("a capture in nanoseconds")
    }
}

impl Recording {
    /// The TCP segments among the packets, with their stamps.
    pub fn segments(&self) -> Vec<(Stamp, Segment)> {
        let parsed = self.packets.iter().filter_map(|packet| {
            Segment::parse(&packet.bytes).map(|segment| (packet.stamp, segment))
        });
        parsed.collect()
    }

    /// What tcpdump prints of each packet, with absolute sequence numbers and without the time.
    pub fn printed(&self) -> Vec<String> {
        let mut command = Command::new("tcpdump");
        command.args(["-n", "-S", "-t", "-r", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut tcpdump = command.stderr(Stdio::null()).spawn().expect("tcpdump");
        let mut stdin = tcpdump.stdin.take().expect("its standard input");
        let pcap = self.pcap.clone();
        let writer = thread::spawn(move || stdin.write_all(&pcap));
        let output = tcpdump.wait_with_output().expect("its output");
        writer.join().expect("the writer").expect("writing to it");
        let lines = String::from_utf8(output.stdout).expect("text");
        lines.lines().map(str::to_owned).collect()
    }

    /// The pcap file that tcpdump wrote.
    pub fn pcap(&self) -> &[u8] {
        &self.pcap
    }

    /// Writes it as a pcap file.
    pub fn save(&self, file: &Path) {
        fs::write(file, &self.pcap).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

fn wait_for_message(messages: &mut impl BufRead, wanted: &str) {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let count = messages
            .read_line(&mut seen)
            .expect("the messages of tcpdump");
        assert!(count > 0, "tcpdump ended without {wanted:?}: {seen}");
    }
}

/// A frame that only this capture takes for its end.
fn marker_of(tcpdump: &Child) -> Vec<u8> {
    let addresses = [0; 12];
    [
        &addresses,
        &MARKER[..],
        b"end of capture ",
        &tcpdump.id().to_be_bytes(),
    ]
    .concat()
}

/// Puts a whole frame on the cable, below the firewall, which may let nothing pass.
pub fn send_frame(interface: &str, frame: &[u8]) {
    let mut addresses = getifaddrs().expect("the interfaces");
    let link = addresses
        .find_map(|entry| {
            let address = entry.address.filter(|_| entry.interface_name == interface);
            address.and_then(|address| address.as_link_addr().copied())
        })
        .unwrap_or_else(|| panic!("no interface {interface}"));
    let packet = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .expect("a packet socket");
    sendto(packet.as_raw_fd(), frame, &link, MsgFlags::empty()).expect("sending a frame");
    // Closing a packet socket waits for the kernel; tcpdump ends meanwhile.
    thread::spawn(|| drop(packet));
}

fn read_until_marker(pcap: &mut ChildStdout, marker: &[u8]) -> io::Result<Recording> {
    let mut header = [0; 24];
    pcap.read_exact(&mut header)?;
    assert_eq!(
        number(&header, 0),
        NANOSECOND_PCAP,
        "not a pcap of nanoseconds"
    );
    let mut recording = Recording {
        packets: Vec::new(),
        pcap: header.to_vec(),
    };
    loop {
        let mut record = [0; 16];
        pcap.read_exact(&mut record)?;
        let mut frame = vec![0; number(&record, 8) as usize];
        pcap.read_exact(&mut frame)?;
        if frame.starts_with(marker) {
            return Ok(recording);
        }
        if frame.get(12..ETHERNET_HEADER) != Some(&MARKER) {
            recording.pcap.extend([&record[..], &frame].concat());
            let seconds = u64::from(number(&record, 0));
            let stamp = Stamp(seconds * 1_000_000_000 + u64::from(number(&record, 4)));
            recording.packets.push(Captured {
                stamp,
                bytes: frame.split_off(ETHERNET_HEADER),
            });
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
