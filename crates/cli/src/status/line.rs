//! The status line: one look at a pass, as text. Pure.

use std::time::Duration;

use limosa_engine::Phase;
use limosa_engine::progress::Glance;

use super::rate::RateMeter;
use crate::terminal::{bytes, clean, count, span};

/// What a pass is doing, in one line. `in_phase` is how long it has been in its phase.
pub fn line(glance: &Glance, meter: &RateMeter, in_phase: Duration, stopping: bool) -> String {
    let mut parts = vec![phase(&glance.phase, in_phase)];
    if glance.planned > 0 || glance.copied > 0 {
        let planned = glance.planned.max(glance.copied);
        parts.push(format!("{}/{} messages", count(glance.copied), count(planned)));
        parts.push(bytes(glance.bytes));
    }
    if let Some(rate) = meter.rate() {
        parts.push(format!("{} messages/s, {}/s", count(rate.messages.round() as u64), bytes(rate.bytes as u64)));
    }
    if let Some(remaining) = meter.remaining() {
        parts.push(format!("{} left", span(remaining)));
    }
    let tells_folder = matches!(
        glance.phase,
        Phase::Inspecting | Phase::Settling | Phase::Copying | Phase::Applying | Phase::Verifying
    );
    if let Some(folder) = glance.folder.as_ref().filter(|_| tells_folder) {
        parts.push(clean(folder).into_owned());
    }
    if stopping {
        parts[0] = "stopping".into();
    }
    parts.join(" · ")
}

/// A phase in words.
fn phase(phase: &Phase, in_phase: Duration) -> String {
    match phase {
        Phase::Connecting => "signing in".into(),
        Phase::Surveying => "looking at folders".into(),
        Phase::Inspecting => "listing changes".into(),
        Phase::Settling => "waiting until the target stands still".into(),
        Phase::Copying => "copying".into(),
        Phase::Applying => "applying changes".into(),
        Phase::Verifying => "comparing".into(),
        Phase::Measuring => "measuring speed".into(),
        Phase::Waiting { reason, pause } => {
            let left = pause.saturating_sub(in_phase).as_secs_f64().ceil();
            format!("waiting {left} s: {}", clean(reason))
        }
        Phase::Done => "done".into(),
    }
}

/// Whether two phases are the same but for their details.
pub fn same_phase(a: &Phase, b: &Phase) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_how_far_it_is() {
        let glance = Glance {
            phase: Phase::Copying,
            folder: Some("Archive/2019".into()),
            planned: 10_000,
            copied: 1234,
            bytes: 5_600_000,
            settled: 1200,
        };
        assert_eq!(
            line(&glance, &RateMeter::default(), Duration::ZERO, false),
            "copying · 1,234/10,000 messages · 5.6 MB · Archive/2019"
        );
    }

    #[test]
    fn waiting_counts_down() {
        let phase = Phase::Waiting { reason: "connection lost".into(), pause: Duration::from_secs(30) };
        let glance = Glance { phase, ..Glance::default() };
        assert_eq!(
            line(&glance, &RateMeter::default(), Duration::from_millis(12_400), false),
            "waiting 18 s: connection lost"
        );
    }

    #[test]
    fn a_folders_name_cannot_drive_the_terminal() {
        let glance = Glance { phase: Phase::Copying, folder: Some("a\u{1b}[2J".into()), ..Glance::default() };
        assert!(!line(&glance, &RateMeter::default(), Duration::ZERO, false).contains('\u{1b}'));
    }
}
