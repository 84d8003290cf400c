//! The file of a difference: what happened to the node, from its first start to the step that differs, and the fields
//! that differ. Replaying it gives the same events to another node, and computes anew what the model says.

use super::{Defect, Difference, Differing, NodeUnderTest, Setup, StepInput, Writer, drive, unscripted};
use figure2_core::ServerId;
use figure2_model::{CheckError, Node as ModelNode, Profile, profile};
use serde::{Deserialize, Serialize};

/// What the field `format` says.
const FORMAT: &str = "figure2-conform-trace";

/// The version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The file of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DifferenceFile {
    format: String,
    version: u32,
    /// The profile whose machines took the steps.
    pub profile: String,
    /// The profile's bounds, in words.
    pub bounds: String,
    /// The server.
    pub server: u8,
    /// The defect that was put into the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<Defect>,
    /// Whether the node had the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
    /// What happened to the server, from its first start on.
    pub steps: Vec<StepInput>,
    /// Where the node differed after the last of them.
    pub differs: Vec<Differing>,
}

/// Why the file of a difference cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceFileError {
    /// Not JSON, or fields are missing, of another type, or unknown.
    #[error("it is damaged: {0}; `figure2 conform --trace FILE` writes one anew")]
    Damaged(#[from] serde_json::Error),
    /// Some other JSON.
    #[error("its format is not {FORMAT:?}; `figure2 conform --trace FILE` writes that")]
    Format,
    /// Written by another version.
    #[error(
        "its version is {0}, and this figure2 reads {VERSION}; use the figure2 that wrote it, or conform again"
    )]
    Version(u64),
    /// There is no such profile.
    #[error("there is no profile {0}; use the figure2 that wrote it, or conform again")]
    Profile(String),
    /// The bounds that are named are not those of the profile.
    #[error(
        "profile {profile} has other bounds now, so the steps mean something else; conform again\n  \
         in the file: {file}\n  now:         {now}"
    )]
    Bounds {
        /// The profile.
        profile: String,
        /// The file's bounds.
        file: String,
        /// The profile's bounds.
        now: String,
    },
    /// The profile has no such server.
    #[error("profile {profile} has no server {server}; conform again")]
    Server {
        /// The profile.
        profile: String,
        /// The server.
        server: ServerId,
    },
    /// It has nothing to repeat.
    #[error("it has no step, or nothing in which the last one differs; conform again")]
    Pointless,
    /// A step that the model's machine cannot take.
    #[error("step {number}: {problem}; conform again")]
    Step {
        /// The step's number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The profile cannot be set up.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A node cannot be made.
    #[error("no node can be driven: {0:#}")]
    Node(anyhow::Error),
}

impl DifferenceFile {
    /// The file of a difference that was found in a profile. Bounds that were lowered for it do not matter to what a
    /// single server does, so they are not kept.
    #[must_use]
    pub fn of(profile: &Profile, setup: impl Into<Setup>, difference: &Difference) -> DifferenceFile {
        let Setup { defect, log } = setup.into();
        DifferenceFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            profile: profile.name.clone(),
            bounds: profile.bounds.to_string(),
            server: difference.server.0,
            defect,
            log,
            steps: difference.events.clone(),
            differs: difference.fields.clone(),
        }
    }

    /// Whether a file's text says that it is one of these, be it damaged or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
        value.is_some_and(|value| value.get("format").is_some_and(|format| *format == FORMAT))
    }

    /// The file's text: JSON.
    ///
    /// # Errors
    /// Those of the encoder, which has none for what is in here.
    pub fn to_json(&self) -> Result<String, DifferenceFileError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is no file of a difference of this version, or has nothing to repeat.
    pub fn from_json(text: &str) -> Result<DifferenceFile, DifferenceFileError> {
        // Format and version come first: a file of another version may well have other fields.
        let value: serde_json::Value = serde_json::from_str(text)?;
        if value.get("format").is_none_or(|format| *format != FORMAT) {
            return Err(DifferenceFileError::Format);
        }
        if let Some(version) = value.get("version").and_then(serde_json::Value::as_u64)
            && version != u64::from(VERSION)
        {
            return Err(DifferenceFileError::Version(version));
        }
        let file: DifferenceFile = serde_json::from_value(value)?;
        if file.steps.is_empty() || file.differs.is_empty() {
            return Err(DifferenceFileError::Pointless);
        }
        Ok(file)
    }

    /// Takes the steps again: with the model's machine, and with a node with the file's defect. The first difference,
    /// if there is one.
    ///
    /// # Errors
    /// When the profile is not what it was, or the model's machine cannot take a step.
    pub fn repeat(&self) -> Result<Option<Difference>, DifferenceFileError> {
        let profile = self.find_profile()?;
        let server = ServerId(self.server);
        let setup = Setup { defect: self.defect, log: self.log };
        let cluster = unscripted(&profile)?;
        let mut machine: ModelNode =
            cluster
                .nodes(cluster.start())
                .find(|host| host.id == server)
                .cloned()
                .ok_or_else(|| DifferenceFileError::Server { profile: self.profile.clone(), server })?;
        let mut node =
            NodeUnderTest::new(server, &profile.bounds, setup).map_err(DifferenceFileError::Node)?;
        let mut events = Vec::new();
        let mut writer = Writer::default();
        for (number, StepInput { event, writer_is_late }) in (1..).zip(&self.steps) {
            let refused = |problem: &str| DifferenceFileError::Step { number, problem: problem.to_owned() };
            // A broken promise shows that no correct peer sent this.
            let step = cluster
                .node_step(&machine, event.clone())
                .filter(|step| step.after.violations.is_empty())
                .ok_or_else(|| refused("it cannot happen to the model's machine"))?;
            writer = writer
                .after(&machine, &step, *writer_is_late)
                .ok_or_else(|| refused("it cannot happen to a node whose writer is there"))?;
            let fields = drive(&mut node, &step, *writer_is_late, &step.after, &mut events);
            if !fields.is_empty() {
                return Ok(Some(Difference { server, events, fields }));
            }
            machine = step.after;
        }
        Ok(None)
    }

    /// Whether a difference is the one that was written down.
    #[must_use]
    pub fn is_of(&self, difference: &Difference) -> bool {
        difference.events.len() == self.steps.len() && difference.fields == self.differs
    }

    fn find_profile(&self) -> Result<Profile, DifferenceFileError> {
        let name = &self.profile;
        let profile = profile(name).ok_or_else(|| DifferenceFileError::Profile(name.clone()))?;
        let now = profile.bounds.to_string();
        if now != self.bounds {
            let (profile, file) = (name.clone(), self.bounds.clone());
            return Err(DifferenceFileError::Bounds { profile, file, now });
        }
        Ok(profile)
    }
}
