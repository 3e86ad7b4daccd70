//! Directed graphs, as far as cycles go: strongly connected components, and the shortest cycle through one.

use std::collections::VecDeque;

/// A graph over `0..nodes`.
#[derive(Debug)]
pub(crate) struct Graph {
    edges: Vec<Vec<u32>>,
}

impl Graph {
    pub(crate) fn new(nodes: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut graph = Self { edges: vec![Vec::new(); nodes] };
        for (from, to) in edges {
            graph.edges[from as usize].push(to);
        }
        graph
    }

    /// The strongly connected components of two nodes or more, each in ascending order.
    ///
    /// Tarjan's algorithm, without recursion: a history may be long. Cost: O(nodes + edges).
    pub(crate) fn cycles(&self) -> Vec<Vec<u32>> {
        const UNSEEN: u32 = u32::MAX;
        let count = self.edges.len();
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
                if let Some(to) = self.edges[at].get(edge) {
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
        let inside = |node: &u32| component.binary_search(node).is_ok();
        let edges = || {
            let all = component.iter().flat_map(|from| self.edges[*from as usize].iter().map(move |to| (*from, *to)));
            // A bounded search: a large component has short cycles almost everywhere.
            all.filter(|(_, to)| inside(to)).filter(|edge| through.is_none_or(|through| through == *edge)).take(64)
        };
        let paths = edges().filter_map(|(from, to)| self.path(to, from, &inside));
        paths.min_by_key(Vec::len).unwrap_or_default()
    }

    /// The shortest path, with both ends.
    fn path(&self, from: u32, to: u32, inside: &impl Fn(&u32) -> bool) -> Option<Vec<u32>> {
        let mut came_from: Vec<Option<u32>> = vec![None; self.edges.len()];
        let mut waiting = VecDeque::from([from]);
        came_from[from as usize] = Some(from);
        while let Some(node) = waiting.pop_front() {
            if node == to {
                let mut path = vec![to];
                let mut at = to;
                while at != from {
                    at = came_from[at as usize]?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.edges[node as usize].iter().filter(|next| inside(next)) {
                if came_from[*next as usize].is_none() {
                    came_from[*next as usize] = Some(node);
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
        let graph = Graph::new(4, [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0)]);
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
