//! What smoltcp's application does with its connection.

use smoltcp::socket::tcp::{Socket, State};

use crate::lab::Segment;

const END_OF_REQUEST: &[u8] = b"\r\n\r\n";

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
    /// The same, but closes when the client has.
    Replying(usize),
    /// The same, and reads only when its buffer is full and something more comes.
    Sipping(usize),
    /// Resets at once.
    Resetting,
}

/// What was said on a connection so far.
#[derive(Default)]
pub struct Talk {
    heard: Vec<u8>,
    /// So many bytes.
    answered: usize,
}

impl App {
    /// Called again and again; `coming` is the segment that the socket receives next.
    pub fn act(self, socket: &mut Socket, coming: Option<&Segment>, talk: &mut Talk) {
        let state = socket.state();
        let is_open = matches!(state, State::Established | State::CloseWait);
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
            (App::Answering(count), _) if is_open => {
                talk.hear(socket);
                if talk.answer(socket, count) {
                    socket.close();
                }
            }
            (App::Replying(count) | App::Sipping(count), _) if is_open => {
                if self != App::Sipping(count) || is_pressed(socket, coming) {
                    talk.hear(socket);
                }
                if talk.answer(socket, count) && state == State::CloseWait {
                    socket.close();
                }
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
            | App::Answering(count)
            | App::Replying(count)
            | App::Sipping(count) => count,
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

impl Talk {
    fn hear(&mut self, socket: &mut Socket) {
        while socket.can_recv() {
            let heard = socket.recv(|text| (text.len(), text.to_vec()));
            self.heard.extend(heard.expect("text that can be received"));
        }
    }

    /// Answers a request with `count` bytes as far as there is room. Returns whether that is done.
    fn answer(&mut self, socket: &mut Socket, count: usize) -> bool {
        if !self.heard.ends_with(END_OF_REQUEST) {
            return false;
        }
        let room = socket.send_capacity() - socket.send_queue();
        let next = letters(room.min(count - self.answered));
        self.answered += socket.send_slice(&next).expect("an open socket");
        self.answered == count
    }
}

/// Something comes and there is no room for it, or nothing more will come.
fn is_pressed(socket: &mut Socket, coming: Option<&Segment>) -> bool {
    let queued = socket.recv_queue();
    let is_full = queued == socket.recv_capacity() && coming.is_some();
    let text = socket.peek(queued).unwrap_or_default();
    is_full || text.ends_with(END_OF_REQUEST)
}

fn letters(count: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(count).collect()
}

fn write(socket: &mut Socket, count: usize) {
    let taken = socket.send_slice(&letters(count));
    assert_eq!(taken, Ok(count), "the buffer takes it at once");
}
