//! ICMP errors in every state: RFC 9293 3.9.2.2, RFC 5461, RFC 5927.

use std::net::{IpAddr, Ipv4Addr};

use super::fixture::{ISS, Tcp, recv};
use crate::tcp::IcmpJudgement::{self, *};
use crate::tcp::State::{self, *};
use crate::wire::IpVersion::{self, *};
use crate::wire::{IcmpMessage, Quote};

/// One test a line: `name: state, version(type, code) of number quoted => judgement, STATE AFTER;`
macro_rules! errors {
    ($(
        #[doc = $clause:literal]
        $(#[doc = $more:literal])*
        $(
            $name:ident: $start:expr, $version:ident($icmp_type:literal, $code:literal)
            of $quoted:literal => $judgement:ident, $after:ident;
        )+
    )*) => {
        $($(
            #[doc = $clause]
            #[test]
            fn $name() {
                let message = message($version, $icmp_type, $code);
                error(Tcp::from($start), &message, $quoted, $judgement, $after);
            }
        )+)*
    };
}

fn message(version: IpVersion, icmp_type: u8, code: u8) -> IcmpMessage {
    IcmpMessage {
        version,
        icmp_type,
        code,
        checksum: 0,
        rest: [0; 4],
        body: Vec::new(),
    }
}

fn quote(number: i32) -> Quote {
    let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    Quote {
        src: address(1),
        dst: address(2),
        src_port: 50_000,
        dst_port: 80,
        seq: ISS + number.cast_unsigned(),
        ttl: 63,
        transport: Vec::new(),
    }
}

/// Nothing is ever sent; a connection that goes on goes on as it was.
fn error(mut tcp: Tcp, message: &IcmpMessage, quoted: i32, judgement: IcmpJudgement, after: State) {
    let deadline = tcp.connection.poll_timeout();
    assert_eq!(tcp.connection.on_icmp(message, &quote(quoted)), judgement);
    assert_eq!(tcp.state(), after);
    recv!(tcp, []);
    assert_eq!(tcp.events(), []);
    let ours = deadline.filter(|_| judgement != Decides);
    assert_eq!(tcp.connection.poll_timeout(), ours);
}

errors! {
    /// RFC 9293 3.9.2.2: "hard error conditions, ... SHOULD abort the connection".
    port_unreach_in_syn_sent: SynSent, V4(3, 3) of 0 => Decides, Closed;

    /// RFC 5927 5.2: hard errors are soft in the synchronized states. In SYN-RECEIVED beyond it:
    /// the peer's SYN has told that port and path are there.
    port_unreach_in_syn_received: Tcp::called(), V4(3, 3) of 0 => Soft, SynReceived;
    port_unreach_in_syn_received_of_simultaneous_open: SynReceived,
        V4(3, 3) of 0 => Soft, SynReceived;
    port_unreach_in_fin_wait_1: FinWait1, V4(3, 3) of 1 => Soft, FinWait1;
    port_unreach_in_closing: Closing, V4(3, 3) of 1 => Soft, Closing;
    port_unreach_in_last_ack: LastAck, V4(3, 3) of 1 => Soft, LastAck;

    /// RFC 5927 4.1: nothing is outstanding, so nothing was lost.
    port_unreach_in_closed: Closed, V4(3, 3) of 0 => Ignore, Closed;
    port_unreach_in_listen: Listen, V4(3, 3) of 0 => Ignore, Listen;
    port_unreach_in_established: Established, V4(3, 3) of 1 => Ignore, Established;
    port_unreach_in_fin_wait_2: FinWait2, V4(3, 3) of 1 => Ignore, FinWait2;
    port_unreach_in_close_wait: CloseWait, V4(3, 3) of 1 => Ignore, CloseWait;
    port_unreach_in_time_wait: TimeWait, V4(3, 3) of 1 => Ignore, TimeWait;

    /// RFC 9293 3.9.2.2 notes "behavior that treats soft errors as hard errors during connection
    /// establishment" (RFC 5461 4.1): ours, too. A probe wants to know now.
    host_unreach_in_syn_sent: SynSent, V4(3, 1) of 0 => Decides, Closed;

    /// RFC 9293 3.9.2.2: "soft error conditions, ... MUST NOT abort the connection".
    host_unreach_in_syn_received: Tcp::called(), V4(3, 1) of 0 => Soft, SynReceived;
    host_unreach_in_syn_received_of_simultaneous_open: SynReceived,
        V4(3, 1) of 0 => Soft, SynReceived;
    host_unreach_in_fin_wait_1: FinWait1, V4(3, 1) of 1 => Soft, FinWait1;
    host_unreach_in_closing: Closing, V4(3, 1) of 1 => Soft, Closing;
    host_unreach_in_last_ack: LastAck, V4(3, 1) of 1 => Soft, LastAck;

    /// RFC 5927 4.1: nothing is outstanding, so nothing was lost.
    host_unreach_in_closed: Closed, V4(3, 1) of 0 => Ignore, Closed;
    host_unreach_in_listen: Listen, V4(3, 1) of 0 => Ignore, Listen;
    host_unreach_in_established: Established, V4(3, 1) of 1 => Ignore, Established;
    host_unreach_in_fin_wait_2: FinWait2, V4(3, 1) of 1 => Ignore, FinWait2;
    host_unreach_in_close_wait: CloseWait, V4(3, 1) of 1 => Ignore, CloseWait;
    host_unreach_in_time_wait: TimeWait, V4(3, 1) of 1 => Ignore, TimeWait;

    /// The other hard errors: as port unreachable.
    proto_unreach_in_syn_sent: SynSent, V4(3, 2) of 0 => Decides, Closed;
    fragmentation_needed_in_syn_sent: SynSent, V4(3, 4) of 0 => Decides, Closed;
    prohibited_in_syn_sent: SynSent, V4(3, 13) of 0 => Decides, Closed;
    prohibited_v6_in_syn_sent: SynSent, V6(1, 1) of 0 => Decides, Closed;
    port_unreach_v6_in_syn_sent: SynSent, V6(1, 4) of 0 => Decides, Closed;

    /// The other hard errors: as port unreachable.
    proto_unreach_in_fin_wait_1: FinWait1, V4(3, 2) of 1 => Soft, FinWait1;
    fragmentation_needed_in_fin_wait_1: FinWait1, V4(3, 4) of 1 => Soft, FinWait1;
    prohibited_in_fin_wait_1: FinWait1, V4(3, 13) of 1 => Soft, FinWait1;
    prohibited_v6_in_fin_wait_1: FinWait1, V6(1, 1) of 1 => Soft, FinWait1;
    port_unreach_v6_in_fin_wait_1: FinWait1, V6(1, 4) of 1 => Soft, FinWait1;

    /// The other soft errors: as host unreachable. Our SYN is too small to be told to shrink.
    net_unreach_in_syn_sent: SynSent, V4(3, 0) of 0 => Decides, Closed;
    source_route_failed_in_syn_sent: SynSent, V4(3, 5) of 0 => Decides, Closed;
    ttl_exceeded_in_syn_sent: SynSent, V4(11, 0) of 0 => Decides, Closed;
    reassembly_exceeded_in_syn_sent: SynSent, V4(11, 1) of 0 => Decides, Closed;
    param_problem_in_syn_sent: SynSent, V4(12, 0) of 0 => Decides, Closed;
    no_route_v6_in_syn_sent: SynSent, V6(1, 0) of 0 => Decides, Closed;
    address_unreach_v6_in_syn_sent: SynSent, V6(1, 3) of 0 => Decides, Closed;
    hop_limit_exceeded_v6_in_syn_sent: SynSent, V6(3, 0) of 0 => Decides, Closed;
    reassembly_exceeded_v6_in_syn_sent: SynSent, V6(3, 1) of 0 => Decides, Closed;
    param_problem_v6_in_syn_sent: SynSent, V6(4, 0) of 0 => Decides, Closed;
    packet_too_big_v6_in_syn_sent: SynSent, V6(2, 0) of 0 => Decides, Closed;

    /// The other soft errors: as host unreachable.
    net_unreach_in_fin_wait_1: FinWait1, V4(3, 0) of 1 => Soft, FinWait1;
    source_route_failed_in_fin_wait_1: FinWait1, V4(3, 5) of 1 => Soft, FinWait1;
    ttl_exceeded_in_fin_wait_1: FinWait1, V4(11, 0) of 1 => Soft, FinWait1;
    reassembly_exceeded_in_fin_wait_1: FinWait1, V4(11, 1) of 1 => Soft, FinWait1;
    param_problem_in_fin_wait_1: FinWait1, V4(12, 0) of 1 => Soft, FinWait1;
    no_route_v6_in_fin_wait_1: FinWait1, V6(1, 0) of 1 => Soft, FinWait1;
    address_unreach_v6_in_fin_wait_1: FinWait1, V6(1, 3) of 1 => Soft, FinWait1;
    hop_limit_exceeded_v6_in_fin_wait_1: FinWait1, V6(3, 0) of 1 => Soft, FinWait1;
    reassembly_exceeded_v6_in_fin_wait_1: FinWait1, V6(3, 1) of 1 => Soft, FinWait1;
    param_problem_v6_in_fin_wait_1: FinWait1, V6(4, 0) of 1 => Soft, FinWait1;
    packet_too_big_v6_in_fin_wait_1: FinWait1, V6(2, 0) of 1 => Soft, FinWait1;

    /// RFC 5927 4.1: the quoted segment is acknowledged, the error is late or forged.
    port_unreach_about_the_syn_in_established: Established, V4(3, 3) of 0 => Ignore, Established;
    port_unreach_about_the_syn_in_fin_wait_1: FinWait1, V4(3, 3) of 0 => Ignore, FinWait1;
    port_unreach_about_the_syn_in_fin_wait_2: FinWait2, V4(3, 3) of 0 => Ignore, FinWait2;
    port_unreach_about_the_syn_in_close_wait: CloseWait, V4(3, 3) of 0 => Ignore, CloseWait;
    port_unreach_about_the_syn_in_closing: Closing, V4(3, 3) of 0 => Ignore, Closing;
    port_unreach_about_the_syn_in_last_ack: LastAck, V4(3, 3) of 0 => Ignore, LastAck;
    port_unreach_about_the_syn_in_time_wait: TimeWait, V4(3, 3) of 0 => Ignore, TimeWait;

    /// RFC 5927 4.1: before SND.UNA.
    port_unreach_before_the_syn_in_syn_sent: SynSent, V4(3, 3) of -1 => Ignore, SynSent;
    port_unreach_before_the_syn_in_syn_received: Tcp::called(),
        V4(3, 3) of -1 => Ignore, SynReceived;
    port_unreach_before_the_syn_in_syn_received_of_simultaneous_open: SynReceived,
        V4(3, 3) of -1 => Ignore, SynReceived;

    /// RFC 5927 4.1: never sent.
    port_unreach_about_nothing_sent_in_syn_sent: SynSent, V4(3, 3) of 1 => Ignore, SynSent;
    port_unreach_about_nothing_sent_in_syn_received: Tcp::called(),
        V4(3, 3) of 1 => Ignore, SynReceived;
    port_unreach_about_nothing_sent_in_syn_received_of_simultaneous_open: SynReceived,
        V4(3, 3) of 1 => Ignore, SynReceived;
    port_unreach_about_nothing_sent_in_established: Established,
        V4(3, 3) of 1 => Ignore, Established;
    port_unreach_about_nothing_sent_in_fin_wait_1: FinWait1, V4(3, 3) of 2 => Ignore, FinWait1;
    port_unreach_about_nothing_sent_in_fin_wait_2: FinWait2, V4(3, 3) of 2 => Ignore, FinWait2;
    port_unreach_about_nothing_sent_in_close_wait: CloseWait, V4(3, 3) of 1 => Ignore, CloseWait;
    port_unreach_about_nothing_sent_in_closing: Closing, V4(3, 3) of 2 => Ignore, Closing;
    port_unreach_about_nothing_sent_in_last_ack: LastAck, V4(3, 3) of 2 => Ignore, LastAck;
    port_unreach_about_nothing_sent_in_time_wait: TimeWait, V4(3, 3) of 2 => Ignore, TimeWait;

    /// RFC 9293 3.9.2.2: "MUST silently discard any received ICMP Source Quench".
    source_quench_in_syn_sent: SynSent, V4(4, 0) of 0 => Ignore, SynSent;
    source_quench_in_syn_received: Tcp::called(), V4(4, 0) of 0 => Ignore, SynReceived;
    source_quench_in_syn_received_of_simultaneous_open: SynReceived,
        V4(4, 0) of 0 => Ignore, SynReceived;
    source_quench_in_fin_wait_1: FinWait1, V4(4, 0) of 1 => Ignore, FinWait1;
    source_quench_in_closing: Closing, V4(4, 0) of 1 => Ignore, Closing;
    source_quench_in_last_ack: LastAck, V4(4, 0) of 1 => Ignore, LastAck;

    /// RFC 792: who sends a redirect has forwarded the segment.
    redirect_in_syn_sent: SynSent, V4(5, 1) of 0 => Ignore, SynSent;
    redirect_in_syn_received: Tcp::called(), V4(5, 1) of 0 => Ignore, SynReceived;
    redirect_in_syn_received_of_simultaneous_open: SynReceived,
        V4(5, 1) of 0 => Ignore, SynReceived;
    redirect_in_fin_wait_1: FinWait1, V4(5, 1) of 1 => Ignore, FinWait1;
    redirect_in_closing: Closing, V4(5, 1) of 1 => Ignore, Closing;
    redirect_in_last_ack: LastAck, V4(5, 1) of 1 => Ignore, LastAck;
}

/// RFC 9293 3.9.2.2: "directing it to the connection that created the error".
#[test]
fn an_error_about_other_ports_is_ignored() {
    let mut tcp: Tcp = SynSent.into();
    for (src_port, dst_port) in [(50_001, 80), (50_000, 81), (80, 50_000)] {
        let about = Quote {
            src_port,
            dst_port,
            ..quote(0)
        };
        let judgement = tcp.connection.on_icmp(&message(V4, 3, 3), &about);
        assert_eq!((judgement, tcp.state()), (Ignore, SynSent));
    }
}

/// RFC 9293 3.9.2.2, MUST-56: what was lost is sent again, and an answer counts.
#[test]
fn a_connection_outlives_its_errors() {
    let mut tcp: Tcp = FinWait1.into();
    for code in 0..=15 {
        tcp.connection.on_icmp(&message(V4, 3, code), &quote(1));
    }
    tcp.wait(1000);
    recv!(tcp, ["F. 1 ack 1"]);
    tcp.arrives(". 1 ack 2");
    assert_eq!(tcp.state(), FinWait2);
}

/// 3.10.5: the TCB is deleted; what was outstanding is nobody's any more.
#[test]
fn an_error_after_an_abort_is_ignored() {
    for (state, quoted) in [(SynSent, 0), (SynReceived, 0), (FinWait1, 1), (LastAck, 1)] {
        let mut tcp: Tcp = state.into();
        tcp.connection.abort(tcp.now);
        let judgement = tcp.connection.on_icmp(&message(V4, 3, 3), &quote(quoted));
        assert_eq!((judgement, tcp.state()), (Ignore, Closed), "{state}");
    }
}
