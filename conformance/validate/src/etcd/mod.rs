//! Writes recordings in the form of etcd's state trace (docs/etcd.md), so that programs that read that form can be
//! tried on runs that are known to be right or wrong.
//!
//! Lines of that form show messages when they are queued, with fields that a recording does not have. So the core
//! takes each server's steps again, which shows what they sent.

mod line;
mod server;

use super::convert::ToCore as _;
use anyhow::bail;
use figure2::record::Event;
use figure2_trace::{Event as OurEvent, Line as OurLine, Place, Reader, Sequence, TraceError};
use server::Actor;
use std::collections::BTreeMap;
use std::io::Write;

/// Writes a recording in etcd's form, one JSON object a line. `open` opens it; it is read twice.
///
/// # Errors
/// When the recording cannot be read, is not what the core does, or the lines cannot be written.
pub fn tell(open: &dyn Fn() -> Result<Reader, TraceError>, to: &mut dyn Write) -> anyhow::Result<()> {
    let mut durable: BTreeMap<(u8, u32), u64> = BTreeMap::new();
    each(&mut open()?, &mut |_, line| {
        if line.event == OurEvent::Durable {
            *durable.entry((line.server, line.run)).or_default() += 1;
        }
        Ok(())
    })?;
    let mut actors: BTreeMap<u8, Actor> = BTreeMap::new();
    each(&mut open()?, &mut |place, OurLine { server, run, event, .. }| {
        let event = event.to_core();
        if let Event::Start { config, persistent } = event {
            let durable = durable.get(&(server, run)).copied().unwrap_or_default();
            let (actor, lines) = Actor::start(server, run, config, persistent, durable)?;
            write(to, &lines)?;
            actors.insert(server, actor);
            return Ok(());
        }
        // What the tasks of an older run had under way was handed over by that run.
        let Some(actor) = actors.get_mut(&server).filter(|actor| actor.run == run) else { return Ok(()) };
        let lines = match event {
            Event::Step(step) => match actor.step(step) {
                Some(lines) => lines,
                None => bail!(
                    "{place}: server {server}: the core does not take this step as recorded; figure2 validate says more"
                ),
            },
            Event::Write => actor.write(),
            Event::Durable => actor.durable(),
            Event::Sent(sent) => actor.sent(&sent),
            Event::Start { .. }
            | Event::Deliver { .. }
            | Event::DeliverSnapshot { .. }
            | Event::Stop { .. } => Vec::new(),
        };
        write(to, &lines)
    })
}

fn write(to: &mut dyn Write, lines: &[line::Line]) -> anyhow::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *to, line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn each(
    reader: &mut Reader,
    take: &mut dyn FnMut(Place, OurLine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut sequence = Sequence::default();
    loop {
        let file = reader.file().clone();
        let parsed = match reader.next_line()? {
            None => return Ok(()),
            Some(raw) => raw.parse().map(|line: OurLine| (raw.number, line)),
        };
        let (number, line) = parsed.map_err(|problem| reader.error(problem))?;
        sequence.follow(line.server, line.run, line.seq).map_err(|problem| reader.error(problem))?;
        take(Place { file, line: number }, line)?;
    }
}
