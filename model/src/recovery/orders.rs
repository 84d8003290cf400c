//! The order in which the servers of a state are taken, independent of their names.

use super::run::Order;

/// All orders in which no server comes before one that has a lower number: one where all numbers differ.
pub fn orders(looks: &[u64]) -> Vec<Order> {
    let mut ids: Order = (0..looks.len()).filter_map(|id| u8::try_from(id).ok()).collect();
    ids.sort_by_key(|id| looks.get(usize::from(*id)));
    let mut all = vec![Order::new()];
    for place in 0..ids.len() {
        let look = ids.get(place).and_then(|id| looks.get(usize::from(*id)));
        let equal = |id: &&u8| looks.get(usize::from(**id)) == look;
        let mut longer = Vec::new();
        for order in &all {
            for id in ids.iter().filter(equal).filter(|id| !order.contains(id)) {
                let mut order = order.clone();
                order.push(*id);
                longer.push(order);
            }
        }
        all = longer;
    }
    all
}

/// The order that begins with the server at this place, counted around.
pub fn turned(order: &Order, first: usize) -> Order {
    let mut turned = order.clone();
    turned.rotate_left(first % order.len().max(1));
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_which_the_same_is_said_come_in_each_order_and_others_in_one() {
        let orders =
            |looks: &[u64]| orders(looks).into_iter().map(|order| order.to_vec()).collect::<Vec<_>>();
        assert_eq!(orders(&[30, 10, 20]), [[1, 2, 0]]);
        assert_eq!(orders(&[7, 5, 7]), [[1, 0, 2], [1, 2, 0]]);
        assert_eq!(orders(&[1, 1, 1]).len(), 6);
        assert_eq!(turned(&Order::from_slice(&[1, 2, 0]), 4).to_vec(), [2, 0, 1]);
    }
}
