//! Makes a failing plan smaller: fewer faults, fewer clients, shorter delays, default sizes and limits, an earlier
//! end.

use super::defect::Defect;
use super::plan::Plan;
use super::run::run;
use super::sizes::{Limits, Sizes, Span};
use super::verdict::{Failure, Verdict};

/// A plan that cannot be made smaller in the ways tried here, or only with more runs than were allowed.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// The plan.
    pub plan: Plan,
    /// How it fails: in the same way as the one it came from.
    pub failure: Failure,
    /// How many runs it took.
    pub runs: u32,
}

/// Reduces a plan that fails with `failure`, in at most so many runs.
///
/// All faults are tried to be left out, then halves, quarters, and so on to single ones (delta debugging); then time
/// and surroundings. A plan is taken when it still fails in the same way.
#[must_use]
pub fn reduce(plan: &Plan, failure: &Failure, defect: Option<Defect>, most_runs: u32) -> Reduced {
    let best = Reduced { plan: plan.clone(), failure: failure.clone(), runs: 0 };
    let mut reducer = Reducer { best, lines: u64::MAX, defect, most_runs };
    loop {
        let before = reducer.best.plan.clone();
        reducer.faults();
        reducer.messages();
        reducer.time();
        reducer.surroundings();
        if reducer.best.plan == before || reducer.best.runs >= most_runs {
            return reducer.best;
        }
    }
}

struct Reducer {
    best: Reduced,
    /// Lines of its recording.
    lines: u64,
    defect: Option<Defect>,
    most_runs: u32,
}

impl Reducer {
    /// Takes the plan if it fails in the same way, with fewer faults, less that is unusual, or a shorter trace; whether it
    /// does.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if self.best.runs >= self.most_runs || plan == self.best.plan {
            return false;
        }
        self.best.runs += 1;
        let over = run(&plan, self.defect);
        let better = plan.faults.len() < self.best.plan.faults.len()
            || unusual(&plan) < unusual(&self.best.plan)
            || over.lines() < self.lines;
        match over.verdict {
            Verdict::Failed(ref failure) if better && failure.is_like(&self.best.failure) => {
                self.lines = over.lines();
                self.best.failure = failure.clone();
                self.best.plan = plan;
                true
            }
            _ => false,
        }
    }

    fn try_changed(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.plan.clone();
        change(&mut plan);
        plan.limits.fit();
        self.try_plan(plan)
    }

    /// Leaves out as many faults as it can.
    fn faults(&mut self) {
        let mut piece = self.best.plan.faults.len();
        while piece > 0 {
            let mut from = 0;
            while from < self.best.plan.faults.len() {
                let to = (from + piece).min(self.best.plan.faults.len());
                let left_out = self.try_changed(|plan| drop(plan.faults.drain(from..to)));
                if !left_out {
                    from += piece;
                }
            }
            piece /= 2;
        }
    }

    /// Leaves out messages that are on their way at the start, and lets the others arrive at once.
    fn messages(&mut self) {
        let on_their_way = |plan: &Plan| plan.start.as_ref().map_or(0, |start| start.on_their_way.len());
        for place in (0..on_their_way(&self.best.plan)).rev() {
            self.try_changed(|plan| {
                if let Some(start) = &mut plan.start {
                    start.on_their_way.remove(place);
                }
            });
            self.try_changed(|plan| {
                let sent = plan.start.as_mut().and_then(|start| start.on_their_way.get_mut(place));
                if let Some(sent) = sent {
                    sent.after_ms = 0;
                }
            });
        }
    }

    /// Ends earlier, and brings the faults forward.
    fn time(&mut self) {
        for eighths in [1, 2, 4, 6, 7] {
            self.try_changed(|plan| plan.faults_until_ms = plan.faults_until_ms * eighths / 8);
        }
        for place in 0..self.best.plan.faults.len() {
            for part in [1, 2, 8] {
                self.try_changed(|plan| bring_forward(plan, place, part));
                self.try_changed(|plan| {
                    if let Some(fault) = plan.faults.get_mut(place) {
                        fault.for_ms -= fault.for_ms / part;
                    }
                });
            }
        }
    }

    fn surroundings(&mut self) {
        let calmer: [fn(&mut Plan); 22] = [
            |plan| plan.leader_hangs = false,
            |plan| plan.log = false,
            |plan| {
                plan.streams = false;
                plan.faults.retain(|fault| !fault.kind.is_of_streams());
            },
            |plan| plan.extensions.clear(),
            |plan| plan.install_ms = 0,
            |plan| plan.sizes = Sizes::default(),
            |plan| plan.sizes.at_limit_per_mille = 0,
            |plan| plan.sizes.snapshot_bytes = 0,
            |plan| plan.limits = Limits::default(),
            |plan| plan.limits.max_entries_per_message = Limits::default().max_entries_per_message,
            |plan| plan.limits.max_message_bytes = Limits::default().max_message_bytes,
            |plan| plan.limits.max_in_flight_bytes = Limits::default().max_in_flight_bytes,
            |plan| plan.limits.max_uncommitted_bytes = Limits::default().max_uncommitted_bytes,
            |plan| plan.limits.max_command_bytes = Limits::default().max_command_bytes,
            |plan| plan.limits.snapshot_patience = Limits::default().snapshot_patience,
            |plan| plan.limits.max_retained_bytes = Limits::default().max_retained_bytes,
            |plan| plan.limits.max_waiting_bytes = Limits::default().max_waiting_bytes,
            |plan| plan.clients = 1,
            |plan| plan.clients = plan.clients.div_ceil(2),
            |plan| plan.keys = 1,
            |plan| plan.snapshot_every = 0,
            |plan| plan.write_ms = Span(0, 0),
        ];
        for calm in calmer {
            self.try_changed(calm);
        }
    }
}

/// How many of a plan's parts, its faults apart, are not the usual ones.
fn unusual(plan: &Plan) -> usize {
    let on_their_way = plan.start.iter().flat_map(|start| &start.on_their_way);
    let on_their_way: usize = on_their_way.map(|sent| 1 + usize::from(sent.after_ms > 0)).sum();
    let (limits, sizes, usual) = (&plan.limits, &plan.sizes, Limits::default());
    let unusual = [
        plan.leader_hangs,
        plan.log,
        plan.streams,
        !plan.extensions.is_empty(),
        plan.install_ms > 0,
        sizes.large_per_mille > 0,
        sizes.at_limit_per_mille > 0,
        sizes.snapshot_bytes > 0,
        limits.max_entries_per_message != usual.max_entries_per_message,
        limits.max_message_bytes != usual.max_message_bytes,
        limits.max_in_flight_bytes != usual.max_in_flight_bytes,
        limits.max_command_bytes != usual.max_command_bytes,
        limits.max_uncommitted_bytes != usual.max_uncommitted_bytes,
        limits.snapshot_patience != usual.snapshot_patience,
        limits.max_retained_bytes != usual.max_retained_bytes,
        limits.max_waiting_bytes != usual.max_waiting_bytes,
    ];
    on_their_way + unusual.into_iter().filter(|is_so| *is_so).count()
}

/// A fault and all that come after it begin earlier, and the end comes earlier: by this part of the time since the one
/// before.
fn bring_forward(plan: &mut Plan, place: usize, part: u64) {
    let before =
        place.checked_sub(1).and_then(|before| plan.faults.get(before)).map_or(0, |fault| fault.at_ms);
    let Some(since) = plan.faults.get(place).map(|fault| fault.at_ms.saturating_sub(before)) else { return };
    for fault in plan.faults.iter_mut().skip(place) {
        fault.at_ms = fault.at_ms.saturating_sub(since / part);
    }
    plan.faults_until_ms = plan.faults_until_ms.saturating_sub(since / part);
}
