//! The way from connections that are over to their report, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::report::{Connection, Explanation, Totals};

use super::selection::Order;

/// How much may wait for connections that began before and are not over, in connections and listed
/// segments.
const MOST_WAITING: usize = 1 << 14;

/// Chooses the format: whether several connections are reported.
pub type Choose<'a> = dyn FnMut(bool) -> Box<dyn Explanation> + 'a;

/// Connections on their way to the report.
pub(super) struct Queue<'a> {
    order: Order,
    choose: &'a mut Choose<'a>,
    /// Chosen with the second connection, or when there is none.
    format: Option<Box<dyn Explanation>>,
    /// How many there were.
    asked_for: u64,
    /// The numbers of those that are not over.
    open: BTreeSet<u64>,
    /// Boxed: nodes of whole connections would be moved about.
    waiting: BTreeMap<u64, Box<Connection>>,
    weight: usize,
}

impl<'a> Queue<'a> {
    pub(super) fn new(order: Order, choose: &'a mut Choose<'a>) -> Queue<'a> {
        Queue {
            order,
            choose,
            format: None,
            asked_for: 0,
            open: BTreeSet::new(),
            waiting: BTreeMap::new(),
            weight: 0,
        }
    }

    /// How many connections were asked for so far.
    pub(super) fn asked_for(&self) -> u64 {
        self.asked_for
    }

    /// A connection that is asked for has begun.
    pub(super) fn begun(&mut self, number: u64) {
        self.asked_for += 1;
        self.open.insert(number);
    }

    /// It is over, or forgotten. What would be first in line does not have to wait.
    pub(super) fn over(&mut self, connection: Connection) -> io::Result<()> {
        let number = connection.stream;
        self.open.remove(&number);
        let is_before = |waiting: &u64| number < *waiting;
        if self.is_under_way()
            && self.is_before_open(number)
            && self.waiting.keys().next().is_none_or(is_before)
        {
            return self.report(&connection);
        }
        self.weight += weight(&connection);
        self.waiting.insert(number, Box::new(connection));
        Ok(())
    }

    /// Reports what can be reported.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        if !self.is_under_way() {
            return Ok(());
        }
        while let Some((&number, _)) = self.waiting.first_key_value() {
            if !self.is_before_open(number) && self.weight <= MOST_WAITING {
                break;
            }
            if let Some(connection) = self.waiting.remove(&number) {
                self.weight -= weight(&connection);
                self.report(&connection)?;
            }
        }
        Ok(())
    }

    /// Connections are reported as they come, and it is known in which format.
    fn is_under_way(&self) -> bool {
        self.order == Order::Time && self.asked_for > 1
    }

    fn is_before_open(&self, number: u64) -> bool {
        self.open.first().is_none_or(|&open| number < open)
    }

    /// Reports what is left.
    pub(super) fn end(mut self, totals: &Totals) -> io::Result<()> {
        let mut rest: Vec<Box<Connection>> =
            std::mem::take(&mut self.waiting).into_values().collect();
        self.order.sort(&mut rest);
        for connection in &rest {
            self.report(connection)?;
        }
        self.format().end(totals)
    }

    fn report(&mut self, connection: &Connection) -> io::Result<()> {
        self.format().connection(connection)
    }

    fn format(&mut self) -> &mut dyn Explanation {
        let several = self.asked_for > 1;
        let choose = &mut *self.choose;
        self.format.get_or_insert_with(|| choose(several)).as_mut()
    }
}

fn weight(connection: &Connection) -> usize {
    1 + connection.exchange.segments.len()
}
