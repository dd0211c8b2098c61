//! Names and their addresses: looked up by a few threads, beside everything else.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use dns_lookup::{AddrInfoHints, LookupErrorKind, getaddrinfo};
use nix::libc;

use crate::plan::Problem;

use super::bell::Ringer;

/// How many names are looked up at a time.
const THREADS: usize = 8;

/// Which address family the user wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Either.
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// The addresses of a name, with port 0, in the resolver's order.
///
/// # Errors
/// The name is not found, or has no address of the wanted family.
pub fn look_up(name: &str, family: Family) -> Result<Vec<SocketAddr>, Problem> {
    let hints = AddrInfoHints {
        address: match family {
            Family::Any => libc::AF_UNSPEC,
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        },
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        let why = match error.kind() {
            LookupErrorKind::Again => "the name server did not answer, try again later".to_string(),
            LookupErrorKind::NoName | LookupErrorKind::NoData => not_found(family),
            _ => std::io::Error::from(error).to_string(),
        };
        Problem::target("name-not-found", format!("{name}: {why}"))
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for mut address in found.flatten().map(|info| info.sockaddr) {
        if address.ip().to_canonical() != address.ip() {
            address = SocketAddr::new(address.ip().to_canonical(), 0);
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Problem::target(
            "name-not-found",
            format!("{name}: the resolver gave no address"),
        ));
    }
    Ok(addresses)
}

fn not_found(family: Family) -> String {
    let wanted = match family {
        Family::Any => {
            return "name not found: check the spelling, or give the address".to_string();
        }
        Family::V4 => "IPv4 address",
        Family::V6 => "IPv6 address",
    };
    format!("no {wanted} found for this name (without -4 and -6 any will do)")
}

/// What a name stands for, or why it is not known.
pub type Found = Result<Vec<SocketAddr>, Problem>;

/// How names are looked up.
pub type Resolver = dyn Fn(&str, Family) -> Found + Send + Sync;

/// Looks names up in threads of its own, which start when the first answer is asked for: by then
/// privileges were given up and signals blocked, and the threads have none of either.
pub struct Names<T> {
    resolver: Arc<Resolver>,
    family: Family,
    ringer: Ringer,
    /// Asked before there were threads.
    waiting: Vec<(Arc<str>, T)>,
    pool: Option<Pool<T>>,
    pending: usize,
}

struct Pool<T> {
    jobs: Sender<(Arc<str>, T)>,
    answers: Receiver<(T, Found)>,
}

impl<T: Send + 'static> Names<T> {
    /// Nothing is asked yet. Answers are announced with `ringer`.
    pub fn new(resolver: Arc<Resolver>, family: Family, ringer: Ringer) -> Names<T> {
        Names {
            resolver,
            family,
            ringer,
            waiting: Vec::new(),
            pool: None,
            pending: 0,
        }
    }

    /// Asks for the addresses of `name`. The answer comes with `token`.
    pub fn ask(&mut self, name: Arc<str>, token: T) {
        self.waiting.push((name, token));
        self.pending += 1;
    }

    /// An answer, if there is one.
    pub fn answer(&mut self) -> Option<(T, Found)> {
        if self.pending == 0 {
            return None;
        }
        let (resolver, family, ringer) = (&self.resolver, self.family, &self.ringer);
        let pool = self
            .pool
            .get_or_insert_with(|| start(resolver, family, ringer));
        for job in self.waiting.drain(..) {
            let sent = pool.jobs.send(job);
            sent.expect("the threads live as long as jobs can be sent");
        }
        let answer = pool.answers.try_recv().ok()?;
        self.pending -= 1;
        Some(answer)
    }

    /// How many answers are still to come.
    pub fn pending(&self) -> usize {
        self.pending
    }
}

fn start<T: Send + 'static>(resolver: &Arc<Resolver>, family: Family, ringer: &Ringer) -> Pool<T> {
    let (jobs, to_do) = mpsc::channel::<(Arc<str>, T)>();
    let (done, answers) = mpsc::channel();
    let to_do = Arc::new(Mutex::new(to_do));
    for _ in 0..THREADS {
        let (resolver, ringer) = (resolver.clone(), ringer.clone());
        let (to_do, done) = (to_do.clone(), done.clone());
        thread::spawn(move || {
            let next = || to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok((name, token)) = next() {
                // Nobody waits any more when the run is over.
                if done.send((token, resolver(&name, family))).is_err() {
                    return;
                }
                ringer.ring();
            }
        });
    }
    Pool { jobs, answers }
}
