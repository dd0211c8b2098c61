//! Socket options that neither socket2 nor nix has.

use nix::sys::socket::sockopt::{GetStruct, SetBool, SetStruct};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// Has each frame come with `struct tpacket_auxdata`.
    PacketAuxdata,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool,
    SetBool
);
sockopt_impl!(
    /// Frames taken and dropped since it was last read.
    PacketStatistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats,
    GetStruct<libc::tpacket_stats>
);
sockopt_impl!(
    /// The path MTU of a connected socket, in bytes.
    IpMtu,
    GetOnly,
    libc::IPPROTO_IP,
    libc::IP_MTU,
    i32,
    GetStruct<i32>
);
sockopt_impl!(
    /// The path MTU of a connected socket, in bytes.
    Ipv6Mtu,
    GetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_MTU,
    i32,
    GetStruct<i32>
);
sockopt_impl!(
    /// The least TTL that a segment must arrive with.
    IpMinTtl,
    SetOnly,
    libc::IPPROTO_IP,
    libc::IP_MINTTL,
    i32,
    SetStruct<'_, i32>
);
/// Of linux/in6.h; libc lacks it.
const IPV6_MINHOPCOUNT: libc::c_int = 73;
sockopt_impl!(
    /// The least hop limit that a segment must arrive with.
    Ipv6MinHopCount,
    SetOnly,
    libc::IPPROTO_IPV6,
    IPV6_MINHOPCOUNT,
    i32,
    SetStruct<'_, i32>
);
sockopt_impl!(
    /// A TCP-MD5 key (RFC 2385) for a prefix of peers.
    TcpMd5SigExt,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_MD5SIG_EXT,
    Md5Sig,
    SetStruct<'_, Md5Sig>
);

/// Of linux/tcp.h; libc lacks it.
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;

/// `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Md5Sig {
    /// `struct sockaddr_storage`: the family, and the address that a prefix of 0 leaves unread.
    family: libc::sa_family_t,
    address: [u8; 126],
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: i32,
    key: [u8; libc::TCP_MD5SIG_MAXKEYLEN],
}

impl Md5Sig {
    /// `key` for all peers of one address family.
    pub fn for_everyone(family: libc::c_int, secret: [u8; 8]) -> Md5Sig {
        let mut key = [0; libc::TCP_MD5SIG_MAXKEYLEN];
        key[..secret.len()].copy_from_slice(&secret);
        Md5Sig {
            family: family as libc::sa_family_t,
            address: [0; 126],
            flags: TCP_MD5SIG_FLAG_PREFIX,
            prefix_length: 0,
            key_length: secret.len() as u16,
            interface: 0,
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_md5_structure_is_as_large_as_the_kernels() {
        assert_eq!(size_of::<Md5Sig>(), 216);
    }
}
