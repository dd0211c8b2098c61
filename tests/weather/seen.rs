//! What both ends of the path saw of a probe, and what must be true of its report.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tcpshake::clock::Stamp;

use super::probe::{Case, Probed};
use super::server::text;
use crate::lab::{Recording, Segment};

const SYN_ACK: u8 = Segment::SYN | Segment::ACK;
const RST_ACK: u8 = Segment::RST | Segment::ACK;
/// A machine with more to do than processors lets a program wait.
const SLACK: Duration = Duration::from_secs(2);

type Stamped = (Stamp, Segment);

/// The segments of one probe.
pub struct Seen<'a> {
    probed: &'a Probed,
    /// At our interface.
    near: Vec<Stamped>,
    /// At the peer's.
    far: Vec<Stamped>,
}

impl<'a> Seen<'a> {
    pub fn new(probed: &'a Probed, near: &Recording, far: &Recording) -> Seen<'a> {
        let ends = [probed.near, probed.far];
        let its = |recording: &Recording| {
            let mut segments = recording.segments();
            segments.retain(|(_, segment)| {
                ends.contains(&segment.source) && ends.contains(&segment.destination)
            });
            segments
        };
        Seen {
            probed,
            near: its(near),
            far: its(far),
        }
    }

    /// Fails unless the report is right.
    pub fn check(&self) {
        let story = &self.probed.story;
        let wanted = self.verdict();
        assert_eq!(*story.at("verdict"), json!(wanted));
        let in_order = self.probed.outcome() == "in-order";
        let code = match (wanted, self.probed.outcome()) {
            // The path doubled our SYN, and the peer took the second for a new connection after our
            // RST. That two hosts answer for it looks the same.
            _ if self.answers_of_the_peer() > 1 && story.told("isn-changed") => 7,
            ("closed", _) => 3,
            ("filtered", _) => 4,
            (_, "in-order") => 0,
            // Asked for, or the peer's FIN was waited for in vain.
            (_, "aborted") if !self.probed.case.waits_for_fin() => 0,
            _ => 7,
        };
        assert_eq!(story.code, code);
        assert_eq!(*story.at("kernel_rst"), json!(0));
        self.check_data(in_order);
        self.check_leftovers(in_order);
        self.check_end();
    }

    fn ours(&self, segment: &Segment) -> bool {
        segment.source == self.probed.near
    }

    /// Whatever answered our SYN first, before we gave up.
    fn verdict(&self) -> &'static str {
        let (_, syn) = self.near.first().expect("our SYN");
        let answers = |segment: &Segment| {
            let expected = [SYN_ACK, RST_ACK].contains(&(segment.flags & (SYN_ACK | RST_ACK)));
            !self.ours(segment) && expected && segment.ack == syn.seq.wrapping_add(1)
        };
        let gives_up = |segment: &Segment| self.ours(segment) && segment.flags & Segment::RST != 0;
        let decided = self
            .near
            .iter()
            .find(|(_, segment)| answers(segment) || gives_up(segment));
        match decided {
            Some((_, segment)) if self.ours(segment) => "filtered",
            None => "filtered",
            Some((_, segment)) if segment.flags & Segment::RST != 0 => "closed",
            Some(_) => "open",
        }
    }

    /// How many initial sequence numbers of the peer came.
    fn answers_of_the_peer(&self) -> usize {
        let theirs = self.near.iter().filter(|(_, segment)| !self.ours(segment));
        let opening = theirs.filter(|(_, segment)| segment.flags & SYN_ACK == SYN_ACK);
        let numbers: BTreeSet<u32> = opening.map(|(_, segment)| segment.seq).collect();
        numbers.len()
    }

    /// What was said is what was heard, so far as it was.
    fn check_data(&self, in_order: bool) {
        let Probed {
            case,
            story,
            served,
            ..
        } = self.probed;
        let number = |path| {
            let number = story.at(path).as_u64().expect("a number");
            usize::try_from(number).expect("a small number")
        };
        let (sent, received) = (number("data.sent"), number("data.received"));
        let (request, answer) = (text(case.asked()), text(case.answer()));
        assert!(sent <= request.len() && received <= answer.len());
        assert!(served.read.len() <= sent);
        assert_eq!(served.read, request[..served.read.len()]);
        let preview = story.at("data.preview").as_str().unwrap_or_default();
        assert_eq!(preview.as_bytes(), &answer[..received.min(64)]);
        if in_order {
            assert_eq!((sent, received), (request.len(), answer.len()));
            assert_eq!(served.read, request);
            assert!(served.closed);
        }
    }

    /// Whoever gives up resets. Where that RST came through, and so did what it provoked, the
    /// peer's connection was gone without its application. Where it was lost, a peer that had
    /// something to repeat met our kernel, and was reset; only one that had nothing to say may have
    /// waited on.
    fn check_leftovers(&self, in_order: bool) {
        let story = &self.probed.story;
        let is_reset = |segment: &Segment| segment.flags & Segment::RST != 0;
        let by_peer = self
            .near
            .iter()
            .any(|(_, segment)| !self.ours(segment) && is_reset(segment));
        if !in_order && !by_peer {
            assert!(story.our_reset().is_some(), "we left without a word");
        }
        let Some(left) = self.probed.left else { return };
        let resets = |segments: &[Stamped]| {
            let ours = segments
                .iter()
                .filter(|(_, segment)| self.ours(segment) && is_reset(segment));
            ours.count()
        };
        let reset_was_lost = resets(&self.far) < resets(&self.near);
        assert!(
            reset_was_lost || self.challenge_was_lost(),
            "the peer stays in {left}"
        );
    }

    /// The answer of the peer to a RST of ours (RFC 5961 3.2).
    fn challenge_was_lost(&self) -> bool {
        let is_our_reset =
            |(_, segment): &&Stamped| self.ours(segment) && segment.flags & Segment::RST != 0;
        let Some((since, _)) = self.far.iter().find(is_our_reset) else {
            return false;
        };
        let mut challenges = self
            .far
            .iter()
            .filter(|(stamp, segment)| !self.ours(segment) && stamp >= since);
        challenges.any(|(sent, segment)| {
            let arrives = |(came, it): &Stamped| it == segment && came >= sent;
            !self.near.iter().any(arrives)
        })
    }

    /// Without news of the peer we do not go on for longer than the schedule has it.
    fn check_end(&self) {
        let elapsed = self.probed.story.at("elapsed_ns").as_i64().expect("a time");
        let begin = self.near.first().expect("our SYN").0;
        let news = self
            .news()
            .map(|stamp| stamp.since(begin))
            .filter(|&at| at <= elapsed)
            .max()
            .unwrap_or(0);
        let silent = Duration::from_nanos((elapsed - news).unsigned_abs());
        let most = Case::longest_without_news() + SLACK;
        assert!(silent < most, "no news for {silent:?}, and still there");
    }

    /// When the peer sent or acknowledged something for the first time, and it reached us.
    fn news(&self) -> impl Iterator<Item = Stamp> {
        let mut newest: Option<(u32, u32)> = None;
        let theirs = self.near.iter().filter(|(_, segment)| !self.ours(segment));
        theirs.filter_map(move |(stamp, segment)| {
            let controls = segment.flags & (Segment::SYN | Segment::FIN) != 0;
            let end = segment
                .seq
                .wrapping_add(segment.len as u32 + u32::from(controls));
            let (seq, ack) = newest.unwrap_or((end.wrapping_sub(1), segment.ack));
            let later = |a: u32, b: u32| 0 < a.wrapping_sub(b).cast_signed();
            let is_news = later(end, seq) || later(segment.ack, ack);
            let furthest = |a, b| if later(a, b) { a } else { b };
            newest = Some((furthest(end, seq), furthest(segment.ack, ack)));
            is_news.then_some(*stamp)
        })
    }
}
