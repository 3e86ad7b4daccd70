//! Directed graphs, as far as cycles go: strongly connected components, and the shortest cycle through one.

use std::collections::VecDeque;

/// A graph over `0..nodes`.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Where the edges of each node begin, and where those of the last one end.
    starts: Vec<u32>,
    /// Where edges lead, one node's after the other's.
    targets: Vec<u32>,
}

impl Graph {
    /// The graph with these edges, of which there are fewer than 2^32; those of a node stay in order.
    pub(crate) fn new(nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0; nodes + 1];
        for (from, _) in edges.clone() {
            starts[from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut targets = vec![0; starts[nodes] as usize];
        let mut free = starts.clone();
        for (from, to) in edges {
            let place = &mut free[from as usize];
            targets[*place as usize] = to;
            *place += 1;
        }
        Self { starts, targets }
    }

    /// Where the edges of a node lead.
    fn targets(&self, node: u32) -> &[u32] {
        &self.targets[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// The strongly connected components of two nodes or more, each in ascending order.
    ///
    /// Tarjan's algorithm, without recursion: a history may be long. Cost: O(nodes + edges).
    pub(crate) fn cycles(&self) -> Vec<Vec<u32>> {
        const UNSEEN: u32 = u32::MAX;
        let count = self.starts.len() - 1;
        let mut index = vec![UNSEEN; count];
        let mut low = vec![0_u32; count];
        let mut on_stack = vec![false; count];
        let mut stack: Vec<u32> = Vec::new();
        let mut found: Vec<Vec<u32>> = Vec::new();
        let mut next = 0;
        for root in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            if index[root as usize] != UNSEEN {
                continue;
            }
            let mut calls: Vec<(u32, usize)> = vec![(root, 0)];
            while let Some((node, edge)) = calls.pop() {
                let at = node as usize;
                if edge == 0 {
                    (index[at], low[at]) = (next, next);
                    next += 1;
                    stack.push(node);
                    on_stack[at] = true;
                }
                if let Some(to) = self.targets(node).get(edge) {
                    calls.push((node, edge + 1));
                    let to_at = *to as usize;
                    if index[to_at] == UNSEEN {
                        calls.push((*to, 0));
                    } else if on_stack[to_at] {
                        low[at] = low[at].min(index[to_at]);
                    }
                    continue;
                }
                if low[at] == index[at] {
                    let mut component = Vec::new();
                    while let Some(member) = stack.pop() {
                        on_stack[member as usize] = false;
                        component.push(member);
                        if member == node {
                            break;
                        }
                    }
                    if component.len() > 1 {
                        component.sort_unstable();
                        found.push(component);
                    }
                }
                if let Some((parent, _)) = calls.last() {
                    let parent = *parent as usize;
                    low[parent] = low[parent].min(low[at]);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// The shortest cycle within a component, through this edge if one is given.
    pub(crate) fn shortest_cycle(&self, component: &[u32], through: Option<(u32, u32)>) -> Vec<u32> {
        let edges = || {
            let all = component.iter().flat_map(|from| self.targets(*from).iter().map(move |to| (*from, *to)));
            let inside = all.filter(|(_, to)| component.binary_search(to).is_ok());
            // A bounded search: a large component has short cycles almost everywhere.
            inside.filter(|edge| through.is_none_or(|through| through == *edge)).take(64)
        };
        let paths = edges().filter_map(|(from, to)| self.path(to, from, component));
        paths.min_by_key(Vec::len).unwrap_or_default()
    }

    /// The shortest path within a component, with both ends.
    fn path(&self, from: u32, to: u32, component: &[u32]) -> Option<Vec<u32>> {
        let place = |node: u32| component.binary_search(&node).ok();
        let mut came_from: Vec<Option<u32>> = vec![None; component.len()];
        let mut waiting = VecDeque::from([from]);
        came_from[place(from)?] = Some(from);
        while let Some(node) = waiting.pop_front() {
            if node == to {
                let mut path = vec![to];
                let mut at = to;
                while at != from {
                    at = came_from[place(at)?]?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.targets(node) {
                let Some(came_from) = place(*next).map(|place| &mut came_from[place]) else { continue };
                if came_from.is_none() {
                    *came_from = Some(node);
                    waiting.push_back(*next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_two_or_more_are_cycles() {
        let check = |edges: &[(u32, u32)], expected: &[&[u32]]| {
            assert_eq!(Graph::new(6, edges.iter().copied()).cycles(), expected, "{edges:?}");
        };
        check(&[], &[]);
        check(&[(0, 0)], &[]);
        check(&[(0, 1), (1, 2), (0, 2)], &[]);
        check(&[(0, 1), (1, 0)], &[&[0, 1]]);
        check(&[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3), (5, 0)], &[&[0, 1, 2], &[3, 4]]);
    }

    #[test]
    fn the_shortest_cycle_is_found_also_through_a_given_edge() {
        let graph = Graph::new(4, [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0)].into_iter());
        let component = graph.cycles().remove(0);
        assert_eq!(graph.shortest_cycle(&component, None).len(), 2);
        assert_eq!(graph.shortest_cycle(&component, Some((2, 3))), [3, 0, 1, 2]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let count = 200_000;
        let graph = Graph::new(count as usize, (0..count - 1).map(|node| (node, node + 1)).chain([(count - 1, 0)]));
        assert_eq!(graph.cycles().len(), 1);
    }
}
