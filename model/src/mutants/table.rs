//! The kill table: the result of each mutant in each profile of `all` that names its rule.
//!
//! A mutant is explored in the profile as `check` explores it: from the same start, within the same bounds, for all
//! properties, with the profile's reductions. A mutant that does not treat all ids alike is explored without
//! symmetry, and then Figure 2 is, too. So the counts of both sides can be compared. There are three results: a
//! property is broken; none is, but there are other states or steps than under the rules of Figure 2; or there are as
//! many of each, so the profile cannot see the change.
//!
//! Most mutants make no difference in most profiles. The steps of nodes alone show that ([`Reference`]), without
//! exploring the profile again. Still the table takes hours, so it is kept in a file. Each line says what it was made
//! with: a digest of the core's and the model's sources, of the profile and of the mutant.

mod cell;
mod file;
mod judge;
mod same;
mod text;

pub use cell::{Cell, Effort, Subject, cells, references, twin};
pub use file::{Line, Said, Table, TableError, hash};
pub use judge::{Flaw, judge};
pub use same::Reference;
pub use text::section;

/// The table that was committed with these sources.
pub fn committed() -> Result<Table, TableError> {
    Table::parse(include_str!("../../kill-table.txt"))
}
