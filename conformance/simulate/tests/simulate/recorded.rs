//! What a run's recording tells about its course.

use figure2_simulate::Run;
use serde_json::Value;

/// A step: when, in ms, by whom, and the state after it.
struct Step {
    at_ms: u64,
    server: u64,
    state: Value,
}

/// The steps of a run, and when whose writes ended (in ms), in their order.
pub(crate) struct Recorded {
    steps: Vec<Step>,
    writes: Vec<(u64, u64)>,
}

impl Recorded {
    pub(crate) fn of(run: &Run) -> Recorded {
        let text = String::from_utf8(run.text()).unwrap();
        let (mut steps, mut writes) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            // The first line is about the recording.
            let (Some(at), Some(server)) = (line["at"].as_u64(), line["server"].as_u64()) else { continue };
            let at_ms = at / 1000;
            if let Some(state) = line.pointer("/event/step/state") {
                steps.push(Step { at_ms, server, state: state.clone() });
            } else if line["event"] == "durable" {
                writes.push((at_ms, server));
            }
        }
        assert!(!steps.is_empty() && !writes.is_empty(), "the recording tells of no steps, or of no writes");
        Recorded { steps, writes }
    }

    /// How many writes of a server ended.
    pub(crate) fn writes_of(&self, server: u64, from_ms: u64, to_ms: u64) -> usize {
        let ended = |write: &&(u64, u64)| write.1 == server && (from_ms..to_ms).contains(&write.0);
        self.writes.iter().filter(ended).count()
    }

    fn before(&self, ms: u64) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.at_ms < ms)
    }

    /// Who led the latest term.
    pub(crate) fn leader_at(&self, ms: u64) -> Option<u64> {
        let leads = self.before(ms).filter(|step| step.state["role"] == "leader");
        leads.max_by_key(|step| step.state["current_term"].as_u64()).map(|step| step.server)
    }

    pub(crate) fn commit_index_at(&self, server: u64, ms: u64) -> u64 {
        let latest = self.before(ms).rfind(|step| step.server == server);
        latest.and_then(|step| step.state["commit_index"].as_u64()).unwrap()
    }

    /// The longest time, in ms, in which no commit_index of the cluster rose above all that were before.
    pub(crate) fn longest_without_commit(&self, from_ms: u64, to_ms: u64) -> u64 {
        let (mut highest, mut since, mut longest) = (0, from_ms, 0);
        for step in self.before(to_ms) {
            let commit_index = step.state["commit_index"].as_u64().unwrap();
            if commit_index > highest {
                highest = commit_index;
                longest = longest.max(step.at_ms.saturating_sub(since));
                since = since.max(step.at_ms);
            }
        }
        longest.max(to_ms - since)
    }
}
