//! RFC 9293 3.10 clause by clause: each state meets each event.
//!
//! Numbers are relative: our SYN is 0, the peer's SYN is 0, whoever sends. A case reads: in this
//! state, when this happens, this is sent, this is the state after, these the events. One clause
//! may stand over a row of cases, a state each.
//!
//! | event | CLOSED, LISTEN, SYN-SENT | every other state |
//! |---|---|---|
//! | a segment outside the window | | `window`, with RST `resets` |
//! | RST with any other flags | `opening` | `resets` |
//! | SYN with any other flags | `opening` | `syns`, a SYN-ACK in SYN-RECEIVED `opening` |
//! | neither SYN, RST nor ACK | `opening` | `acknowledgments` |
//! | ACK, acceptable | `opening` | `acknowledgments`, in SYN-RECEIVED `opening` |
//! | ACK, too old or of what was never sent | `opening` | `acknowledgments` |
//! | FIN and ACK | `opening` | `fins` |
//! | text | `opening` | `data` |
//! | a timestamp | | `timestamps` |
//! | an ICMP error | `icmp` | `icmp` |
//! | a timeout | `waiting` | `waiting` |
//! | SEND, and what becomes of the text | `sending` | `sending` |
//! | CLOSE, ABORT | `closing` | `closing` |
//!
//! Names: `rcv_FLAGS_WHERE_in_STATE`. The flags are `syn`, `fin`, `rst`, `ack` in this order,
//! `null` where there is none; `data` has ACK unless it says `without_ack`. Without WHERE the
//! segment is at RCV.NXT; `exact` says so where a number in the window is another case.
//! SYN-RECEIVED is that of a passive open unless it is `of_simultaneous_open`.

mod acknowledgments;
mod closing;
mod data;
mod fins;
mod fixture;
mod icmp;
mod opening;
mod resets;
mod sending;
mod syns;
mod timestamps;
mod waiting;
mod window;
