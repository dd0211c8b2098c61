//! The JSON Schema describes the lines of `--json`, and refuses any other.

#![allow(clippy::unwrap_used)] // a test that cannot go on stops here

mod known;
mod lab;

use serde_json::{Value, json};

use tcpshake::report::{Explanation, Json, Kept, Summary, summary_value};

use lab::{PEER_V4, Pair, in_lab, schema_faults, tcpshake};

#[test]
fn every_kind_of_line_is_as_the_schema_has_it() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        let targets = ["10.0.0.2:80", "10.0.0.2:81", "192.0.2.1:80"];
        let finished = tcpshake(&client, &["--json", "--end", "rst"])
            .args(&targets)
            .run();
        drop(listener);
        let lines = finished.json();
        let (summary, probes) = lines.split_last().expect("lines");
        for (target, verdict) in targets
            .iter()
            .zip([json!("open"), json!("closed"), Value::Null])
        {
            let of_target = |probe: &&Value| probe["target"]["input"] == **target;
            let probe = probes.iter().find(of_target).expect("a line");
            assert_eq!(probe["verdict"], verdict, "{finished:#?}");
        }
        assert_eq!(probes.len(), targets.len());
        assert_eq!(summary["type"], "summary");
    });
}

#[test]
fn every_key_is_asked_for_and_no_other_is_taken() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let arguments = ["--json", "--end", "rst", "10.0.0.2:80"];
        let line = tcpshake(&client, &arguments).run().json().remove(0);
        assert!(just_these_keys(&line) > 8);
    });
}

#[test]
fn every_key_of_a_connection_is_asked_for_and_no_other_is_taken() {
    assert!(just_these_keys(&connection(true)) > 16);
    assert_eq!(schema_faults(&connection(false)), [""; 0]);
}

/// The line of a connection of which everything is known, or nothing.
fn connection(full: bool) -> Value {
    let mut bytes = Vec::new();
    let mut json = Json::new(&mut bytes, full);
    json.connection(&known::connection(full)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Each key of a line is missed when it is not there, and one more is refused, in each of its
/// objects. Returns how many these are.
fn just_these_keys(line: &Value) -> usize {
    assert_eq!(schema_faults(line), [""; 0]);
    let objects = objects_in(line, "");
    for object in &objects {
        let mut more = line.clone();
        more.pointer_mut(object).unwrap()["more"] = json!(1);
        assert_eq!(schema_faults(&more).len(), 1, "one more key in {object:?}");
        let keys = line.pointer(object).unwrap().as_object().unwrap().keys();
        for key in keys {
            let mut less = line.clone();
            let holder = less.pointer_mut(object).unwrap().as_object_mut().unwrap();
            holder.remove(key);
            assert_ne!(schema_faults(&less), [""; 0], "{object}/{key} is missing");
        }
    }
    objects.len()
}

#[test]
fn a_value_that_is_not_in_the_contract_is_refused() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let arguments = ["--json", "--end", "rst", "10.0.0.2:80"];
        let line = tcpshake(&client, &arguments).run().json().remove(0);
        for (place, value) in [
            ("/schema", json!("tcpshake/2")),
            ("/type", json!("prob")),
            ("/seq", json!(-1)),
            ("/started", json!("2026-01-02T03:04:05Z")),
            ("/target/addr", json!("10.0.0.256")),
            ("/target/port", json!(0)),
            ("/local/guard", json!("none")),
            ("/verdict", json!("OPEN")),
            ("/reason", json!("syn ack")),
            ("/reason", json!(null)),
            ("/handshake/isn", json!(4_294_967_296_u64)),
            ("/handshake/peer_isn", json!(null)),
            ("/handshake/rtt_ns", json!(11.5)),
            ("/handshake/rtt_ns", json!(null)),
            ("/handshake/rtt_source", json!(null)),
            ("/handshake/completed", json!(1)),
            ("/peer", json!(null)),
            ("/peer/timestamps", json!(null)),
            ("/data/preview", json!("")),
            ("/close/requested", json!("FIN")),
            ("/close/outcome", json!("open")),
            ("/close/first", json!("us")),
            ("/states/0/end", json!("client")),
            ("/states/0/state", json!([])),
            ("/states/0/state", json!("SYN-SENT")),
            ("/states/0/state", json!(["SYN_SENT"])),
            ("/states/0/basis", json!("possible")),
            ("/states/1/basis", json!("seen")),
            ("/segments/0/dir", json!("sent")),
            ("/segments/0/flags", json!("SYN")),
            ("/segments/0/flags", json!("")),
            ("/segments/0/win", json!(65536)),
            ("/segments/0/options", json!(null)),
            ("/anomalies", json!(null)),
            ("/kernel_rst", json!(null)),
            ("/elapsed_ns", json!("1ms")),
        ] {
            let mut broken = line.clone();
            *broken.pointer_mut(place).expect(place) = value.clone();
            assert_ne!(schema_faults(&broken), [""; 0], "{place} is {value}");
        }
    });
}

#[test]
fn every_key_of_a_summary_is_asked_for_and_no_other_is_taken() {
    let line = summary_of_several();
    assert!(just_these_keys(&line) > 2);
    for (place, value) in [
        ("/pace", json!(1000)),
        ("/pace/rate", json!(0)),
        ("/pace/lowest", json!("10")),
        ("/pace/slowdowns", json!(null)),
        ("/pace/loss", json!(1.5)),
        ("/pace/loss", json!(null)),
    ] {
        let mut broken = line.clone();
        *broken.pointer_mut(place).expect(place) = value.clone();
        assert_ne!(schema_faults(&broken), [""; 0], "{place} is {value}");
    }
    assert_eq!(schema_faults(&summary_value(&Summary::default())), [""; 0]);
}

fn summary_of_several() -> Value {
    let mut summary = Summary::default();
    summary.pace = Some(Kept {
        rate: None,
        lowest: Some(10.0),
        slowdowns: 1,
        loss: 0.5,
    });
    summary_value(&summary)
}

#[test]
fn a_value_that_is_not_in_the_contract_of_a_connection_is_refused() {
    let line = connection(true);
    for (place, value) in [
        ("/stream", json!(-1)),
        ("/seq", json!(null)),
        ("/started", json!("2026-01-02T03:04:05Z")),
        ("/first_frame", json!(0)),
        ("/last_frame", json!(null)),
        ("/client/addr", json!("10.0.0.256")),
        ("/server/port", json!(65536)),
        ("/packets/client", json!(null)),
        ("/bytes/server", json!(-1)),
        ("/reason", json!("syn ack")),
        ("/handshake/rtt_source", json!("kernel")),
        ("/handshake/rtt_source", json!(null)),
        ("/handshake/ack_ns", json!(-1)),
        ("/handshake/initial_rtt_ns", json!(1.5)),
        ("/peer/timestamps", json!(null)),
        ("/close/requested", json!("FIN")),
        ("/close/first", json!("local")),
        ("/close/manner", json!("closed")),
        ("/close/manner", json!(null)),
        ("/close/reset_by", json!("peer")),
        ("/close/reset_by", json!(null)),
        ("/close/reset_in", json!(null)),
        ("/close/reset_in", json!([])),
        ("/close/reset_in", json!(["OPEN"])),
        ("/states/0/end", json!("local")),
        ("/states/0/basis", json!("possible")),
        ("/options", json!(null)),
        ("/options/client", json!("mss 1460")),
        ("/agreed", json!(null)),
        ("/agreed/mss", json!(null)),
        ("/agreed/wscale/client", json!(15)),
        ("/agreed/sack", json!(1)),
        ("/completeness", json!(64)),
        ("/retransmitted", json!(null)),
        ("/retransmitted/syn", json!(null)),
        ("/kernel_rst", json!(0)),
    ] {
        let mut broken = line.clone();
        *broken.pointer_mut(place).expect(place) = value.clone();
        assert_ne!(schema_faults(&broken), [""; 0], "{place} is {value}");
    }
}

/// The places of all objects within `value`, as JSON pointers.
fn objects_in(value: &Value, place: &str) -> Vec<String> {
    let mut inside = Vec::new();
    if let Some(object) = value.as_object() {
        inside.push(place.to_owned());
        for (key, value) in object {
            inside.extend(objects_in(value, &format!("{place}/{key}")));
        }
    }
    if let Some(first) = value.as_array().and_then(|array| array.first()) {
        inside.extend(objects_in(first, &format!("{place}/0")));
    }
    inside
}
