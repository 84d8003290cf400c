//! The write: nothing is applied, counted or answered before it.

use super::{APPLIER, SYNCER};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
    Mutant {
        name: "applied-before-delivery",
        about: "last_applied moves before the service has the entries",
        replacements: &[
            (
                APPLIER,
                "            let mut index = first_index.prev();\n",
                "            let mut index = first_index.prev();\n            monitor.applied(index.plus(entries.len()));\n",
            ),
            (APPLIER, "            Ok(Some(index))\n", "            Ok(None)\n"),
        ],
        likely: &["snapshot-inline"],
    },
    Mutant {
        name: "counted-before-the-save",
        about: "the server is told that the batch is durable, and its messages may leave, before it is saved",
        replacements: &[(
            SYNCER,
            "            let Some(durable) = save(monitor, &mut storage, batch).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
",
            "            let mut record = None;
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
            if let Some(record) = record
                && storage.save(record).await.is_err()
            {
                return;
            }
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "answered-before-the-save",
        about: "the service that waits for the save is answered before it",
        replacements: &[(
            SYNCER,
            "            let Some(durable) = save(monitor, &mut storage, batch).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
",
            "            let mut record = None;
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            let mut durable = durable;
            for released in &mut durable.released {
                if let Some(Installer { installed, answer, .. }) = released.tag.take() {
                    answer.send(installed);
                }
            }
            if let Some(record) = record
                && storage.save(record).await.is_err()
            {
                return;
            }
            let Some(answers) = monitor.persisted(durable) else { return };
",
        )],
        likely: &["install-newer"],
    },
    Mutant {
        name: "answered-after-the-stop",
        about: "the syncer goes on with its batch after the node was stopped",
        replacements: &[
            (
                SYNCER,
                "            let Some(answers) = monitor.persisted(durable) else { return };
",
                "            let mut durable = durable;
            let answers: Vec<_> =
                durable.released.iter_mut().filter_map(|released| released.tag.take()).collect();
            monitor.persisted(durable);
",
            ),
            (
                SYNCER,
                "        if !monitor.is_stopped() {
            answer.send(installed);
        }
",
                "        let _ = monitor;
        answer.send(installed);
",
            ),
        ],
        likely: &["restart-install"],
    },
    Mutant {
        name: "failed-save-ignored",
        about: "the writer goes on after a failed write",
        replacements: &[(
            SYNCER,
            "        saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
",
            "        saved.or(Ok::<(), ()>(()))
",
        )],
        likely: &["storage-fails"],
    },
];
