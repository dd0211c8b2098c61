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

    /// It is over, or forgotten.
    pub(super) fn over(&mut self, connection: Connection) {
        self.open.remove(&connection.stream);
        self.weight += weight(&connection);
        self.waiting.insert(connection.stream, Box::new(connection));
    }

    /// Reports what can be reported.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        if self.order != Order::Time || self.asked_for < 2 {
            return Ok(());
        }
        while let Some((&number, _)) = self.waiting.first_key_value() {
            let is_first = self.open.first().is_none_or(|&open| number < open);
            if !is_first && self.weight <= MOST_WAITING {
                break;
            }
            if let Some(connection) = self.waiting.remove(&number) {
                self.weight -= weight(&connection);
                self.report(&connection)?;
            }
        }
        Ok(())
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
