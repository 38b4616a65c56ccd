use std::collections::HashMap;

/// What two lists of names share: for each place of the one list, the place in the other.
#[derive(Debug)]
pub(super) struct Matches {
    forth: Vec<Option<usize>>,
    back: Vec<Option<usize>>,
}

impl Matches {
    pub(super) fn by_name([left, right]: &[Vec<&str>; 2]) -> Self {
        let places: HashMap<&str, usize> =
            right.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        let mut matches = Self { forth: vec![None; left.len()], back: vec![None; right.len()] };
        for (place, name) in left.iter().enumerate() {
            if let Some(other) = places.get(name) {
                matches.join(place, *other);
            }
        }
        matches
    }

    pub(super) fn by_place(length: usize) -> Self {
        let places: Vec<_> = (0..length).map(Some).collect();
        Self { forth: places.clone(), back: places }
    }

    pub(super) fn join(&mut self, left: usize, right: usize) {
        self.forth[left] = Some(right);
        self.back[right] = Some(left);
    }

    /// For each place of a side, left 0 and right 1, the place on the other one.
    pub(super) fn places(&self, side: usize) -> &[Option<usize>] {
        if side == 0 { &self.forth } else { &self.back }
    }

    /// The places of a side that the other side does not have.
    pub(super) fn alone(&self, side: usize) -> impl Iterator<Item = usize> {
        let places = self.places(side).iter().enumerate();
        places.filter(|(_, other)| other.is_none()).map(|(place, _)| place)
    }

    /// Whether both lists are the same.
    pub(super) fn is_same(&self) -> bool {
        let own = |(place, other): (usize, &Option<usize>)| *other == Some(place);
        self.forth.len() == self.back.len() && self.forth.iter().enumerate().all(own)
    }

    /// Whether what both have is in one order.
    pub(super) fn is_in_order(&self) -> bool {
        self.forth.iter().flatten().is_sorted()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forth.iter().flatten().next().is_none()
    }
}
