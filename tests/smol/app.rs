//! What smoltcp's application does with its connection.

use smoltcp::socket::tcp::{Socket, State};

use crate::lab::Segment;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum App {
    /// Accepts, and never closes.
    Idle,
    /// Closes when the client has.
    Closing,
    /// The same, so soon that its FIN goes with the ACK of the client's.
    Merging,
    /// Closes at once.
    Hasty,
    /// Closes when the client's FIN is on the way to it, but has not come.
    Crossing,
    /// Writes so many bytes when the client has closed, then closes.
    Reporting(usize),
    /// Writes so many bytes at once, and closes when the client has.
    Greeting(usize),
    /// Writes so many bytes at once and closes at once.
    Dumping(usize),
    /// Reads a request up to its empty line, answers with as many bytes and closes.
    Answering(usize),
    /// Resets at once.
    Resetting,
}

impl App {
    /// Called again and again; `coming` is the segment that the socket receives next.
    pub fn act(self, socket: &mut Socket, coming: Option<&Segment>) {
        let state = socket.state();
        let fin_comes = coming.is_some_and(|segment| segment.flags & Segment::FIN != 0);
        match (self, state) {
            (App::Hasty, State::Established)
            | (App::Closing | App::Merging | App::Greeting(_), State::CloseWait) => socket.close(),
            (App::Crossing, State::Established) if fin_comes => socket.close(),
            (App::Resetting, State::Established) => socket.abort(),
            (App::Reporting(count), State::CloseWait)
            | (App::Dumping(count), State::Established) => {
                write(socket, count);
                socket.close();
            }
            (App::Answering(count), State::Established | State::CloseWait)
                if has_request(socket) =>
            {
                write(socket, count);
                socket.close();
            }
            _ => (),
        }
    }

    /// How many bytes it writes.
    pub fn bytes(self) -> usize {
        match self {
            App::Reporting(count)
            | App::Greeting(count)
            | App::Dumping(count)
            | App::Answering(count) => count,
            _ => 0,
        }
    }

    /// Whether its turn comes before the ACK of what was just received.
    pub fn is_prompt(self) -> bool {
        self == App::Merging
    }

    /// Called once, when the connection is established.
    pub fn begin(self, socket: &mut Socket) {
        if let App::Greeting(count) = self {
            write(socket, count);
        }
    }
}

fn has_request(socket: &mut Socket) -> bool {
    let received = socket.peek(socket.recv_queue()).unwrap_or_default();
    received.ends_with(b"\r\n\r\n")
}

fn write(socket: &mut Socket, count: usize) {
    let text: Vec<u8> = (b'a'..=b'z').cycle().take(count).collect();
    let taken = socket.send_slice(&text);
    assert_eq!(taken, Ok(count), "the buffer takes it at once");
}
