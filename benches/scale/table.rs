//! The table that all of it comes to.

use crate::group::Score;

pub fn head() {
    println!(
        "{:26} {:>9} {:>9} {:>7} {:>6} {:>8} {:>10} {:>8} {:>8} {:>9}",
        "program",
        "targets",
        "found",
        "wrong",
        "left",
        "wall s",
        "targets/s",
        "CPU us",
        "peak MB",
        "ours / it"
    );
}

pub fn title(title: &str) {
    println!("-- {title}");
}

/// Each is set beside the last tcpshake above it with as many targets.
pub fn rows(scores: &[Score]) {
    let mut ours: Option<&Score> = None;
    for score in scores {
        if score.is_ours {
            ours = Some(score);
        }
        let peer = ours.filter(|ours| !score.is_ours && ours.targets == score.targets);
        let ratio = peer.and_then(|ours| Some(ours.rate()? / score.rate()?));
        row(score, ratio);
    }
    for score in scores {
        for note in score.outcome.iter().flat_map(|median| &median.notes) {
            println!("   {}, {} targets: {note}", score.name, score.targets);
        }
    }
    growth(scores);
}

fn row(score: &Score, ratio: Option<f64>) {
    print!("{:26} {:9} ", score.name, score.targets);
    match &score.outcome {
        Err(why) => println!("NOT RUN: {why}"),
        Ok(median) => println!(
            "{:9} {:7} {:6} {:8.3} {:10.0} {:8.2} {:8.1} {:>9}",
            median.found,
            median.wrong,
            median.left,
            median.figures.wall.as_secs_f64(),
            score.rate().unwrap_or_default(),
            median.figures.cpu.as_secs_f64() * 1e6 / score.targets as f64,
            median.figures.peak_kb as f64 / 1024.0,
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        ),
    }
}

/// How the memory of the largest run compares with that of the one before.
fn growth(scores: &[Score]) {
    let ours = scores.iter().filter(|score| score.is_ours);
    let peaks: Vec<(usize, u64)> = ours
        .filter_map(|score| Some((score.targets, score.outcome.as_ref().ok()?.figures.peak_kb)))
        .collect();
    if let [.., (fewer, less), (more, peak)] = peaks[..]
        && fewer < more
    {
        let ratio = peak as f64 / less as f64;
        println!(
            "   peak memory for {more} targets: {ratio:.2} times that for {fewer} (at most 1.10)"
        );
    }
}
