//! What the first segment of each end offered, and what came of it.

use crate::exchange::Offer;
use crate::tcp::Negotiated;

/// What the peer of a probe offered, with its SYN or with a RST.
pub(super) fn of_peer(peer: &Offer, is_syn: bool) -> String {
    let way = match hops(peer.ttl) {
        0 => "(on this link)".to_string(),
        1 => "(about 1 hop)".to_string(),
        n => format!("(about {n} hops)"),
    };
    let parts = parts(peer, is_syn, &way);
    if !is_syn && parts.len() == 1 {
        return format!("peer: RST with {}", parts[0]);
    }
    format!("peer: {}", parts.join(", "))
}

/// What an end of a capture offered.
pub(super) fn of_end(name: &str, offer: &Offer, is_syn: bool) -> String {
    let way = match hops(offer.ttl) {
        1 => "(1 hop)".to_string(),
        n => format!("({n} hops)"),
    };
    let kind = if is_syn { "SYN" } else { "RST" };
    format!("{name} {kind}: {}", parts(offer, is_syn, &way).join(", "))
}

fn parts(offer: &Offer, is_syn: bool, way: &str) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(mss) = offer.mss {
        parts.push(format!("mss {mss}"));
    }
    if is_syn {
        parts.push(match offer.wscale {
            Some(shift) => format!("window {} (<< {shift})", offer.window),
            None => format!("window {}", offer.window),
        });
    }
    parts.extend(named([
        (offer.sack, "SACK"),
        (offer.timestamps.is_some(), "timestamps"),
        (offer.ecn, "ECN"),
    ]));
    parts.push(format!("TTL {} {way}", offer.ttl));
    parts
}

/// What both SYNs agree on.
pub(super) fn agreement(agreed: &Negotiated) -> String {
    let (client, server) = (agreed.opener, agreed.answerer);
    let mut parts = vec![match (client.mss, server.mss) {
        (one, other) if one == other => format!("segments up to {one} bytes"),
        (client, server) => {
            format!("segments up to {server} bytes to the server, {client} to the client")
        }
    }];
    parts.push(match (client.window_shift, server.window_shift) {
        (0, 0) => "windows unscaled".to_string(),
        (one, other) if one == other => format!("windows << {one}"),
        (client, server) => {
            format!("windows << {client} of the client, << {server} of the server")
        }
    });
    parts.extend(named([
        (agreed.sack, "SACK"),
        (agreed.timestamps, "timestamps"),
        (agreed.ecn, "ECN"),
    ]));
    format!("agreed: {}", parts.join(", "))
}

fn named<const N: usize>(options: [(bool, &str); N]) -> impl Iterator<Item = String> {
    let there = options.into_iter().filter(|(there, _)| *there);
    there.map(|(_, name)| name.to_string())
}

/// Stacks start at one of these.
fn hops(ttl: u8) -> u8 {
    [32, 64, 128, 255]
        .into_iter()
        .find(|start| *start >= ttl)
        .map_or(0, |start| start - ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::Side;

    #[test]
    fn an_agreement_names_the_ends_where_they_differ() {
        let side = |mss, window_shift| Side { mss, window_shift };
        let mut agreed = Negotiated {
            opener: side(1460, 7),
            answerer: side(1460, 7),
            timestamps: false,
            sack: true,
            ecn: true,
        };
        assert_eq!(
            agreement(&agreed),
            "agreed: segments up to 1460 bytes, windows << 7, SACK, ECN"
        );
        agreed.answerer = side(536, 0);
        assert_eq!(
            agreement(&agreed),
            "agreed: segments up to 536 bytes to the server, 1460 to the client, \
             windows << 7 of the client, << 0 of the server, SACK, ECN"
        );
    }
}
