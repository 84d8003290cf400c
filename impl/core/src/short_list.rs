//! A list that needs no memory of its own while it has one element.

use alloc::vec::{self, Vec};
use core::{fmt, hash, option, slice};

/// A list in the order in which it was filled. Most steps write one change and send one message, or none: such a list
/// lies in what holds it, and only a longer one claims memory.
#[derive(Clone)]
pub struct ShortList<T>(Held<T>);

#[derive(Clone)]
enum Held<T> {
    /// None or one.
    Inline(Option<T>),
    /// Any number: one that had more is not moved back.
    Many(Vec<T>),
}

impl<T> ShortList<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        ShortList(Held::Inline(None))
    }

    /// All elements, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match &self.0 {
            Held::Inline(one) => one.as_slice(),
            Held::Many(many) => many,
        }
    }

    /// All elements, in order, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.0 {
            Held::Inline(one) => one.as_mut_slice(),
            Held::Many(many) => many,
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The elements, in order.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Adds an element at the end.
    pub fn push(&mut self, element: T) {
        match &mut self.0 {
            Held::Inline(none @ None) => *none = Some(element),
            Held::Inline(_) => self.extend_many([element]),
            Held::Many(many) => many.push(element),
        }
    }

    /// Adds the elements of another list at the end.
    pub fn append(&mut self, later: ShortList<T>) {
        match later.0 {
            Held::Inline(None) => {}
            Held::Inline(Some(element)) => self.push(element),
            later @ Held::Many(_) if self.is_empty() => self.0 = later,
            Held::Many(many) => self.extend_many(many),
        }
    }

    /// Adds elements to those that have memory of their own, or get it now.
    #[cold]
    #[inline(never)]
    fn extend_many(&mut self, elements: impl IntoIterator<Item = T>) {
        let mut many = match core::mem::replace(&mut self.0, Held::Inline(None)) {
            Held::Inline(one) => {
                // As many as a list has at first.
                let mut many = Vec::with_capacity(4);
                many.extend(one);
                many
            }
            Held::Many(many) => many,
        };
        many.extend(elements);
        self.0 = Held::Many(many);
    }
}

impl<T> Default for ShortList<T> {
    fn default() -> Self {
        ShortList::new()
    }
}

/// How the elements are held makes no difference: not to equality, to a hash, to what is printed or to an encoding.
impl<T: PartialEq> PartialEq for ShortList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq> Eq for ShortList<T> {}

impl<T: hash::Hash> hash::Hash for ShortList<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for ShortList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T> FromIterator<T> for ShortList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut list = ShortList::new();
        elements.into_iter().for_each(|element| list.push(element));
        list
    }
}

impl<T> From<Vec<T>> for ShortList<T> {
    fn from(elements: Vec<T>) -> Self {
        ShortList(Held::Many(elements))
    }
}

impl<T> IntoIterator for ShortList<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        match self.0 {
            Held::Inline(one) => IntoIter(Left::Inline(one.into_iter())),
            Held::Many(many) => IntoIter(Left::Many(many.into_iter())),
        }
    }
}

impl<'a, T> IntoIterator for &'a ShortList<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

/// The elements of a [`ShortList`], in order.
#[derive(Clone, Debug)]
pub struct IntoIter<T>(Left<T>);

#[derive(Clone, Debug)]
enum Left<T> {
    Inline(option::IntoIter<T>),
    Many(vec::IntoIter<T>),
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Left::Inline(one) => one.next(),
            Left::Many(many) => many.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Left::Inline(one) => one.size_hint(),
            Left::Many(many) => many.size_hint(),
        }
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for ShortList<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for ShortList<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(ShortList::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};
    use core::hash::BuildHasher as _;

    extern crate std;

    #[test]
    fn it_is_the_same_list_however_it_is_held() {
        for length in 0..7_u8 {
            let elements: Vec<u8> = (0..length).collect();
            let pushed: ShortList<u8> = elements.iter().copied().collect();
            let held = ShortList::from(elements.clone());
            assert_eq!(pushed, held);
            assert_eq!((pushed.as_slice(), pushed.len()), (&elements[..], elements.len()));
            assert_eq!(pushed.is_empty(), elements.is_empty());
            assert_eq!(format!("{pushed:?}"), format!("{elements:?}"));
            let hasher = std::hash::RandomState::new();
            assert_eq!(hasher.hash_one(&pushed), hasher.hash_one(&held));
            assert_eq!(hasher.hash_one(&pushed), hasher.hash_one(&elements));
            assert_eq!(pushed.clone().into_iter().len(), elements.len());
            assert_eq!(pushed.into_iter().collect::<Vec<_>>(), elements);
        }
        assert_ne!(ShortList::from(vec![1]), ShortList::from(vec![2]));
    }

    #[test]
    fn what_is_appended_comes_after_what_is_there() {
        for first in 0..4_u8 {
            for later in 0..4_u8 {
                let all: Vec<u8> = (0..first + later).collect();
                let (ours, theirs) = all.split_at(usize::from(first));
                for as_vector in [false, true] {
                    let make = |elements: &[u8]| match as_vector {
                        true => ShortList::from(elements.to_vec()),
                        false => elements.iter().copied().collect(),
                    };
                    let mut list = make(ours);
                    list.append(make(theirs));
                    assert_eq!(list.as_slice(), all);
                    list.push(99);
                    assert_eq!(list.iter().last(), Some(&99));
                    assert_eq!(list.len(), all.len() + 1);
                }
            }
        }
    }
}
